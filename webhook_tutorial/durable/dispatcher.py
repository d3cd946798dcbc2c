"""Make the attempts that are due, by one worker or several, and write down each when it is over."""

import json
import math
import threading
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextvars import Context, copy_context

from ..delivery import Delivery, Sender
from ..delivery.signals import announce, attempt_made, delivery_over
from ..events import encode

_LOOK_AGAIN = 0.05  # seconds after which a run looks for what has become due while its workers are busy
_TURN = 0.5  # seconds after which a worker takes no further attempt of one endpoint, if others may be waiting


class Dispatcher:
    """Delivers what waits in the stores. Each attempt has a `Sender` of its own, and so the secrets of that moment.

    Args:
        provider: Where the clock, the database and its stores, and the renderers are.
        policy: The `Policy` of each delivery.
        health: A `Health`, which is told of each attempt.
        session: Makes a session for an attempt.
        tell: Called with each `Notice` that an owner has not been told, or None.
        workers: How many endpoints are served at the same time.
        chance: Gives a number from 0 to 1 for the jitter.
    """

    def __init__(self, provider, policy, health, session, tell, workers, chance):
        self._provider, self._clock, self._database = provider, provider.clock, provider.database
        self._subscriptions, self._deliveries = provider.subscriptions, provider.deliveries
        self._policy, self._health, self._session, self._tell = policy, health, session, tell
        self._workers, self._chance = workers, chance
        # A context can be entered once at a time, and whatever interrupts a run, it has been left then.
        self._running = Context()

    def run(self, until=None):
        """As `Provider.run` says."""
        context, entered = copy_context(), []

        def run():
            entered.append(True)
            context.run(self._run, math.inf if until is None else until)

        try:
            self._running.run(run)
        except RuntimeError:
            if entered:
                raise
            raise RuntimeError("This provider is running already, and delivers what is published meanwhile.") from None

    def _run(self, end):
        self._tell_owners()
        (self._one_by_one if self._workers == 1 else self._side_by_side)(end)

    def send(self, delivery, subscription, policy):
        """Make one attempt, which the `Delivery` tells of then; nothing is written down.

        Raises:
            LookupError: The subscription was removed meanwhile: it has no secret any more.
        """
        secrets = self._subscriptions.secrets(subscription.id)
        if not secrets:
            raise LookupError("The subscription was removed meanwhile.")
        with (
            self._session() as session,
            Sender(policy, self._clock, secret=secrets, session=session, chance=self._chance) as sender,
        ):
            sender.source = None  # the provider announces it, once it is written down
            # Now, whatever a clock says that has been set back meanwhile: `run` waits until something is due.
            due, delivery.due = delivery.due, -math.inf
            sender.deliveries.append(delivery)
            try:
                sender.run(until=-math.inf)
            finally:
                if delivery.due == -math.inf:
                    delivery.due = due

    def _one_by_one(self, end):
        while row := self._wait_for_work(end):
            self._attempt(row)
            self._tell_owners()

    def _side_by_side(self, end):
        busy, stop = {}, threading.Event()
        pool = ThreadPoolExecutor(self._workers, "deliver")
        try:
            while busy or self._wait_for_work(end):
                for id in self._deliveries.endpoints_due(min(end, self._clock.now())):
                    if id not in busy:
                        busy[id] = pool.submit(copy_context().run, self._serve, id, end, stop)
                wait(busy.values(), _LOOK_AGAIN, FIRST_COMPLETED)
                for id in [id for id, future in busy.items() if future.done()]:
                    busy.pop(id).result()
                self._tell_owners()
        finally:
            stop.set()  # after an interrupt too, an attempt that is under way is written down
            pool.shutdown(cancel_futures=True)

    def _wait_for_work(self, end):
        """Return what is due first, as soon as it is; None once the end has come, or nothing waits and there is no end.

        While it naps, something may be published, paused or removed: it looks anew each time.
        """
        while True:
            row, now = self._deliveries.next(), self._clock.now()
            if row and row["due"] <= min(now, end):
                return row
            until = min(row["due"] if row else math.inf, end)
            if now >= end or until == math.inf:
                return None
            self._clock.nap(until - now)

    def _serve(self, id, end, stop):
        """Make the attempts at one endpoint that are due, in their order, until its turn is over.

        As many slow endpoints as there are workers hold up the others for a turn, and not for all that waits there.
        """
        turn_ends = time.monotonic() + _TURN
        while not stop.is_set():
            row = self._deliveries.next(id)
            if row is None or row["due"] > min(end, self._clock.now()):
                return
            self._attempt(row)
            if time.monotonic() > turn_ends:
                return

    def _attempt(self, row):
        """Make one attempt and write down what came of it, all of it or nothing."""
        subscription = self._subscriptions.find(row["subscription"])
        if subscription is None:
            return
        delivery = Delivery(row["event"], subscription.url, b"", row["due"], row["created"], failed=row["failed"])
        try:
            render, event = self._provider.render[subscription.version], json.loads(row["envelope"])
            delivery.event_type = event["event_type"]
            delivery.body = encode(render(event))
            self.send(delivery, subscription, self._policy)
        except Exception as error:  # of ours, a version that is gone for one: no other delivery's concern
            delivery.state, delivery.error = "given up", f"{type(error).__name__}: {error}"
        finally:
            with self._database.transaction():
                now = self._subscriptions.find(subscription.id)
                moved = now is not None and now.url != subscription.url
                if moved and delivery.state in ("refused", "gone"):  # so said the old endpoint, for itself
                    delivery.state, delivery.due = "waiting", self._clock.now()
                self._deliveries.record(row["id"], delivery)
                if now and not moved:
                    self._health.note(now, delivery)
            self._announce(delivery)

    def _announce(self, delivery):
        state = delivery.state
        for attempt in delivery.attempts:
            if attempt.took is not None:  # or it was interrupted
                announce(attempt_made, self._provider, delivery=delivery, attempt=attempt)
        if state != "waiting":
            announce(delivery_over, self._provider, delivery=delivery, state=state)

    def _tell_owners(self):
        if self._tell:
            self._deliveries.tell(self._tell)
