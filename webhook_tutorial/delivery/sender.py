"""Deliver an event although attempts fail, and keep what was tried.

Time and chance come from outside, so that an outage of hours takes milliseconds, and the same twice.
"""

import heapq
import itertools
import random
import time
from collections.abc import Mapping
from contextlib import nullcontext
from contextvars import Context, copy_context
from dataclasses import replace

from ..answers import retry_after, verdict, why_no_answer, written_wrong
from ..clock import SimulatedClock
from ..events import encode
from ..signing import STANDARD_WEBHOOKS, check_id, sign
from .attempts import Attempt, Delivery, update
from .circuit import Trial
from .egress import make_session, post_within
from .signals import announce, attempt_made, delivery_over


class Sender:
    """Delivers events, each with as many attempts as its policy has.

    It belongs to one thread, the one that runs it: a second run at the same time is refused. Several threads have a
    sender each. Others may `send` while it runs; that is delivered by this run or by the next.

    It closes the session that it has opened: call `close`, or use it in a ``with`` block.

    Args:
        policy: A `Policy`.
        clock: Where the time comes from and what is slept on: a new `SimulatedClock` if left out, so nothing waits
            for real unless you hand in a `SystemClock`.
        secret: Signs each attempt anew (same id, new timestamp), so that each is fresh; none if left out.
        dialect: The `Dialect` to sign in; without a secret the id alone is sent, in the header that the dialect has
            for it. None sends nothing but the event.
        timeout: Seconds to wait for a connection, and for each piece of the answer.
        total: Seconds that one attempt may take as a whole; then its connection is closed. None sets no limit.
        circuit: A function that makes a `Circuit` for each endpoint; none if left out.
        chance: Gives a number from 0 to 1 for the jitter; seeded if left out.
        session: What to send with, and yours to close: one of `make_session`, with a guard mounted on it, say. A new
            one if left out.
        trace: Gives so many random bytes, as `os.urandom` does: each delivery gets a trace and each attempt a span, and
            both are sent as ``traceparent`` (W3C Trace Context, section 3.2). None sends no such header.

    Attributes:
        deliveries: Every `Delivery`, in the order in which they were handed in.
        gone: The endpoints that have answered 410; nothing is sent to them any more.
        source: Who announces what is in `signals`: this sender, or None, if somebody else does.

    Raises:
        ValueError: The secret cannot be read, there is no dialect to sign in, or a limit is no number of seconds.
    """

    def __init__(
        self,
        policy,
        clock=None,
        *,
        secret="",
        dialect=STANDARD_WEBHOOKS,
        timeout=2.0,
        total=30.0,
        circuit=None,
        chance=None,
        session=None,
        trace=None,
    ):
        self.policy, self.clock = policy, clock or SimulatedClock()
        for name, limit in {"timeout": timeout, "total": total}.items():
            if limit is not None and not (isinstance(limit, (int, float)) and 0 < limit <= 86_400):
                raise ValueError(f"{name} is a number of seconds above 0, a day at the most, or None, not {limit!r}.")
        if trace is not None and len(trace(16)) != 16:
            raise ValueError("trace gives so many random bytes as it is asked for, as os.urandom does.")
        if secret and not dialect:
            raise ValueError("dialect=None sends nothing but the event: leave the secret out, or name a dialect.")
        if secret:
            # One that cannot be read is told here, not at the first attempt.
            trial = {"method": "POST", "url": "https://shop.example/", "headers": {"Content-Type": "application/json"}}
            sign(b"{}", secret, dialect, id="trial", **trial)
        self.secret, self.dialect, self.timeout, self.total = secret, dialect, timeout, total
        self.chance, self.trace, self.source = chance or random.Random(1).random, trace, self
        self.deliveries, self.gone = [], set()
        self._make_circuit, self._circuits = circuit, {}
        self._queue, self._turns = [], itertools.count()
        self.session, self._opened = session or make_session(), session is None
        self._running = Context()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Close the session, unless it was handed in. It is fine to do so twice."""
        if self._opened:
            self.session.close()

    def send(self, url, event):
        """Put an event in line; `run` makes the attempts. Returns its `Delivery`.

        Raises:
            ValueError: The event has no id that can be sent and signed, and the dialect has room for one.
            TypeError: The event is no dictionary.
        """
        if not isinstance(event, Mapping):
            raise TypeError(f"An event is a dictionary, such as make_event() gives, not {type(event).__name__}.")
        id = event.get("id")
        try:
            if self.dialect:
                check_id(id, self.dialect)  # without a secret too: one may come before the next attempt
        except ValueError as error:
            raise ValueError(f"The id of an event cannot be {id!r}. {error}") from None
        now = self.clock.now()
        delivery = Delivery(id, url, encode(event), now, now, turn=next(self._turns))
        delivery.event_type = event["event_type"] if isinstance(event.get("event_type"), str) else ""
        self.deliveries.append(delivery)
        self._plan(delivery)
        return delivery

    def redeliver(self, delivery):
        """Put a delivery that is not waiting in line again, with all the attempts of the policy and the same id.

        Raises:
            ValueError: It is still waiting.
        """
        if delivery.state == "waiting":
            raise ValueError(f"{delivery.id} is still waiting; it is tried again by itself.")
        self.gone.discard(delivery.url)
        update(delivery, state="waiting", failed=0, due=self.clock.now(), turn=next(self._turns), error="")
        self._plan(delivery)

    def run(self, until=None):
        """Make the attempts that are due, in order of their time, sleeping on the clock in between.

        If it is interrupted (the kernel's stop button), an attempt under way is recorded as such and its delivery
        goes on waiting; call `run` again to go on. An error of ours, such as a clock that shows no time that can be
        signed, stops the one delivery, whose ``error`` tells it.

        Args:
            until: Stop at this time, in seconds since the epoch; run until nothing waits if left out.

        Raises:
            RuntimeError: It is running already, in another thread or further up: in an action of its clock, say.
        """
        # A context can be entered once at a time, and however a run ends it has left it: unlike a flag of our own, it
        # cannot be left standing by an interrupt.
        context, entered = copy_context(), []

        def run():
            entered.append(True)
            context.run(self._run, until)

        try:
            self._running.run(run)
        except RuntimeError:
            if entered:
                raise
            raise RuntimeError(
                "This sender is running already, and delivers what you send meanwhile: leave this run() out."
            ) from None

    def _run(self, until):
        # The deliveries themselves say what waits and until when. The queue is made from them, so that whatever an
        # interrupt did to the last one is mended.
        self._queue.clear()
        for delivery in self.deliveries:
            if delivery.state == "waiting":
                self._plan(delivery)
        while self._queue and (until is None or self._queue[0][0] <= until):
            self.clock.sleep(max(0.0, self._queue[0][0] - self.clock.now()))
            _, turn, delivery = heapq.heappop(self._queue)  # what came in meanwhile may be due before
            if (delivery.state, delivery.turn) == ("waiting", turn):  # or another thread has put it in twice
                self._attempt(delivery)
                if delivery.state == "waiting":
                    self._plan(delivery)
        if until is not None:
            self.clock.sleep(max(0.0, until - self.clock.now()))

    def waiting(self):
        """Return what waits, a list of triples: the URL, when the delivery was created, and when it is due."""
        return [(d.url, d.created, d.due) for d in self.deliveries if d.state == "waiting"]

    @property
    def dead(self):
        """The dead letters: the deliveries that are over and have not arrived, whatever the reason."""
        return [d for d in self.deliveries if d.state in ("given up", "refused", "gone")]

    def circuit_of(self, url):
        """Return the `Circuit` of an endpoint, or None if this sender has none."""
        if self._make_circuit and url not in self._circuits:
            self._circuits[url] = self._make_circuit()
        return self._circuits.get(url)

    def _plan(self, delivery):
        heapq.heappush(self._queue, (delivery.due, delivery.turn, delivery))

    def _attempt(self, delivery):
        now, attempts, attempt = self.clock.now(), delivery.attempts, None
        try:
            circuit = self.circuit_of(delivery.url)
            with circuit.around(self.clock) if circuit else nullcontext(Trial()) as trial:
                if delivery.url in self.gone:
                    change = {"state": "gone"}
                elif trial.open_until:
                    change = {"due": trial.open_until}
                else:
                    headers = self._headers(delivery, now)
                    attempts.append(Attempt(now, None, "interrupted"))  # before it is made: it cannot go missing
                    began = time.perf_counter()
                    attempt = self._request(delivery, headers, now)
                    took, traceparent = time.perf_counter() - began, headers.get("traceparent", "")
                    attempt = replace(attempt, took=took, traceparent=traceparent)
                    attempts = [*attempts[:-1], attempt]
                    meaning = verdict(attempt.status)
                    trial.ok = meaning != "retry"  # one that refuses an event is well
                    change = self._conclusion(delivery, attempt, meaning)
        except Exception as error:  # an error of ours is none of the other deliveries' concern
            change = {"state": "given up", "error": f"{type(error).__name__}: {error}"}
        update(delivery, attempts=attempts, turn=next(self._turns), **change)
        if self.source is None:
            return
        state = delivery.state
        if attempt:
            announce(attempt_made, self.source, delivery=delivery, attempt=attempt)
        if state != "waiting":
            announce(delivery_over, self.source, delivery=delivery, state=state)

    def _conclusion(self, delivery, attempt, meaning):
        if meaning == "gone":
            self.gone.add(delivery.url)
        if meaning != "retry":
            return {"state": meaning}
        failed = delivery.failed + 1
        wait = None if written_wrong(attempt.error) else self.policy.wait(failed, self.chance())
        if wait is None:
            return {"state": "given up", "failed": failed}
        return {"failed": failed, "due": self.clock.now() + max(wait, attempt.asked_to_wait or 0)}

    def _headers(self, delivery, now):
        headers, dialect = {"Content-Type": "application/json"}, self.dialect
        if self.trace:
            delivery.trace = delivery.trace or self.trace(16).hex()
            headers["traceparent"] = f"00-{delivery.trace}-{self.trace(8).hex()}-01"  # version, trace, span, sampled
        if self.secret:
            request = {"method": "POST", "url": delivery.url, "headers": headers}
            return headers | sign(delivery.body, self.secret, dialect, id=delivery.id, timestamp=now, **request)
        return headers | ({dialect.id_header: delivery.id} if dialect and dialect.id_header else {})

    def _request(self, delivery, headers, now):
        options = {"data": delivery.body, "headers": headers, "timeout": self.timeout, "allow_redirects": False}
        try:
            answer = post_within(self.total, self.session, delivery.url, **options)
        except TimeoutError:
            return Attempt(now, None, "timed out")
        except Exception as error:  # an address that is none, for one, raises more than requests' own exceptions
            return Attempt(now, None, why_no_answer(error))
        return Attempt(now, answer.status_code, "", retry_after(answer.headers, self.clock.now()))
