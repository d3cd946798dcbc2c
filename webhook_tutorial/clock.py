"""Time, real or simulated.

Backoff of hours and a day of polling should not take hours or a day to try. Whatever needs the time asks a
clock for it, and a lesson hands in the clock it wants.
"""

import heapq
import itertools
import math
import threading
import time
from datetime import UTC, datetime

#: Where a simulated clock starts unless told: Monday 5 January 2026, 09:00 UTC, in seconds since the epoch.
START = datetime(2026, 1, 5, 9, tzinfo=UTC).timestamp()


def iso(seconds):
    """Write a time as RFC 3339 in UTC, to the second.

    Args:
        seconds: Seconds since the epoch, a float.

    Returns:
        A string such as ``"2026-01-05T09:00:00Z"``.
    """
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class SystemClock:
    """The computer's own clock."""

    def now(self):
        """Return the seconds since the epoch, a float."""
        return time.time()

    def sleep(self, seconds):
        """Wait for ``seconds`` in real time."""
        time.sleep(seconds)

    def nap(self, seconds):
        """Wait for ``seconds``, a tenth at the most: whoever waits for work looks then whether there is some."""
        time.sleep(min(seconds, 0.1))


class SimulatedClock:
    """A clock that moves only when it is told to, and then at once.

    Args:
        start: The time it shows first, in seconds since the epoch.

    It is safe to read from any thread. What was planned with :meth:`call_at` happens in the thread that moves
    the clock, in the order of its times.
    """

    def __init__(self, start=START):
        self._now = float(start)
        self._planned = []
        self._order = itertools.count()
        self._lock = threading.RLock()

    def now(self):
        """Return the simulated time in seconds since the epoch, a float."""
        return self._now

    def call_at(self, when, action):
        """Plan ``action()`` for the time ``when``, in seconds since the epoch.

        Raises:
            ValueError: ``when`` has passed already, or is no time.
        """
        if not -math.inf < when < math.inf:
            raise ValueError(f"A time is a number of seconds since the epoch, not {when!r}.")
        with self._lock:
            if when < self._now:
                raise ValueError(f"{iso(when)} is in the past: the clock shows {iso(self._now)}.")
            heapq.heappush(self._planned, (when, next(self._order), action))

    def sleep(self, seconds):
        """Move the clock on by ``seconds``, doing on the way what was planned for the time in between.

        Raises:
            ValueError: ``seconds`` is negative, or is no number of seconds.
        """
        if not 0 <= seconds < math.inf:
            raise ValueError(f"A clock is moved on by a number of seconds, 0 or more, not {seconds!r}.")
        end = self._now + seconds
        while self._do_next(end):
            pass

    def nap(self, seconds):
        """Move the clock on like :meth:`sleep`, but wake up when one thing that was planned has been done.

        Whoever waits for work looks then whether there is some, while the clock still shows that moment.
        """
        if not 0 <= seconds < math.inf:
            raise ValueError(f"A clock is moved on by a number of seconds, 0 or more, not {seconds!r}.")
        self._do_next(self._now + seconds)

    def _do_next(self, end):
        """Do what is planned next, up to ``end``, and return True; or move to the end."""
        next_one, begun = None, False
        try:
            with self._lock:  # not while an action runs: it may wait for a thread that plans something
                if not self._planned or self._planned[0][0] > end:
                    self._now = max(self._now, end)
                    return False
                next_one = self._planned[0]
                heapq.heappop(self._planned)
                self._now = max(self._now, next_one[0])
            # One line: whoever interrupts before it finds the action planned, and after it begun.
            return (begun := True, next_one[2]())[0]
        finally:
            if next_one and not begun:
                self._put_back(next_one)

    def _put_back(self, planned):
        with self._lock:
            if planned not in self._planned:  # an interrupt may come before it is taken, too
                heapq.heappush(self._planned, planned)

    def __repr__(self):
        return f"<SimulatedClock {iso(self._now)}>"
