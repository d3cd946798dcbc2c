"""What the checks work with: it makes deliveries, sends them, keeps what came of them, and knows when to end."""

import contextlib
import threading
import time
from dataclasses import dataclass

from .deliveries import Delivery
from .effects import NotCounted
from .leaks import masked
from .wire import LENGTH, TIMED_OUT, Exchange, exchange

#: How long a run may wait for a receiver in all, in seconds. Its own pauses are not counted.
DEADLINE = 25.0
#: Seconds between requests to a host that is not this computer, at the least.
LEAST_PAUSE = 0.1
#: Less time than this is not enough to try anything, in seconds.
_TOO_LITTLE = 0.2
#: How often somebody who waits looks up, in seconds.
_LOOK = 0.1


class NotTried(Exception):
    """There is no time left for a check, or no request; the message says which."""


@dataclass(frozen=True, eq=False)
class Sent:
    """A delivery that was sent, its `Exchange`, and the check that sent it."""

    delivery: Delivery
    exchange: Exchange
    check: object


class Bench:
    """One run against one receiver.

    Args:
        where: The `Target`.
        maker: A `Maker`.
        effects: An `Effects`, or None.
        limit: How many bytes a body may have at the most, for the receiver; None if nobody said.
        patience: How long an answer may take, in seconds.
        pause: Seconds between two requests.
        most: How many requests there may be.

    Attributes:
        sent: Every `Sent`, in the order of their answers.
        first: The `Event` of the valid delivery, which is known to the receiver from then on.
        refusals: The first exchange of each check that must be refused, by its name.
        check: The `Check` that is being run.
        uncounted: Why effects are not looked at any more, a sentence; empty if they are, or if nobody asked for it.
        accepted: Whether the valid delivery was accepted; None before it was sent.
        stop: A `threading.Event`: set, it ends everything.
    """

    def __init__(self, where, maker, effects=None, *, limit=None, patience=3.0, pause=0.0, most=400):
        self.where, self.maker, self.effects, self.limit, self.patience = where, maker, effects, limit, patience
        self.pause = pause if where.is_here else max(pause, LEAST_PAUSE)
        self.first, self.uncounted = None, ""
        self.sent, self.refusals, self.check, self.accepted, self.stop = [], {}, None, None, threading.Event()
        self.count, self._most, self._lock = 0, most, threading.Lock()
        self._end, self._next = time.monotonic() + DEADLINE, 0.0
        if effects:
            effects.left = lambda: self._end - time.monotonic()

    @property
    def longest(self):
        """How long an exchange is waited for, in seconds: longer than is allowed, so that a slow answer is seen."""
        return max(1.5 * self.patience, self.patience + 0.5)

    def left(self):
        """Return how many seconds are left; raise `NotTried` if that is too little to try anything."""
        left = self._end - time.monotonic()
        if left < _TOO_LITTLE:
            raise NotTried("There was no time left.")
        return left

    def effects_before(self, least=0.0):
        """Return how many effects there are, once that is settled; 0 where nobody counts."""
        return self._count(lambda: self.effects.settled(least)) or 0

    def effects_after(self, expected):
        """Return how many effects there are, once there are as many as expected; None where nobody counts."""
        return self._count(lambda: self.effects.after(expected, 2 * self.patience))

    def _count(self, read):
        """What is read; once there is no number, none is asked for any more: each time it would be waited for."""
        if not self.effects:
            return None
        try:
            return read()
        except NotCounted as error:
            self.effects, self.uncounted = None, str(error)
            return None

    def may_send(self):
        """Wait for the pause between two requests, and count one more.

        Raises:
            NotTried: There may be no more.
        """
        with self._lock:
            self.left()
            if self.count >= self._most:
                raise NotTried(f"{self._most} requests had been sent, which was the most.")
            self.count += 1
            if self.effects:
                self.effects.disturb()
            wait = max(0.0, self._next - time.monotonic())
            self.stop.wait(wait)
            self._end += wait
            self._next = time.monotonic() + self.pause

    def send(self, delivery, framing=LENGTH, *, seconds=None, gate=None, counted=False):
        """Send a delivery, and return its `Exchange`.

        Args:
            seconds: How long it is waited for; `longest` if left out.
            gate: As `wire.exchange` has it.
            counted: Whether `may_send` was asked already.

        Raises:
            NotTried: There was no time left, or no request.
        """
        if not counted:
            self.may_send()
        allowed, left = seconds or self.longest, self.left()
        found = exchange(self.where, delivery.request(framing), min(allowed, left), self.stop, gate)
        if found.why == TIMED_OUT and left < allowed:
            raise NotTried("There was no time left.")
        found = masked(found, self.maker.finds_secret)
        self.sent.append(Sent(delivery, found, self.check))
        return found

    def signed(self, event=None, **options):
        """Return a delivery that is signed, by the provider's secret or, if nobody gave one, by another."""
        return self.maker.delivery(event, secret=self.maker.secret or self.maker.other, **options)

    def together(self, jobs):
        """Run functions on threads of their own, and return what they returned; the first error is raised.

        However it ends, no thread is left.
        """
        results, errors = [None] * len(jobs), []

        def work(number, job):
            try:
                results[number] = job()
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=work, args=pair, name="scorecard", daemon=True) for pair in enumerate(jobs)]
        started = []
        try:
            for thread in threads:
                thread.start()
                started.append(thread)
            for thread in threads:
                while thread.is_alive():
                    thread.join(_LOOK)  # to wait without end is to wait through Ctrl-C, on Windows
        except BaseException:
            self.stop.set()
            raise
        finally:
            with contextlib.suppress(KeyboardInterrupt):
                for thread in started:
                    thread.join()
        if errors:
            raise errors[0]
        return results
