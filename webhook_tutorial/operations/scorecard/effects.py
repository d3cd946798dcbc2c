"""How many effects a receiver has had: orders booked, mails sent. It says so itself, at a URL of its own."""

import json
import threading
import time

from .wire import Request, exchange

#: How often the number is looked at, in seconds.
LOOK = 0.02
#: How long one answer may take, in seconds.
LONGEST = 5.0


class NotCounted(ValueError):
    """The URL of effects has told no number."""


class Effects:
    """The count of effects at a URL: a GET returns a whole number, or a JSON object with ``"effects"``.

    Args:
        where: The `Target` of that URL.

    Raises:
        NotCounted: There is no number; so do the methods.
    """

    def __init__(self, where):
        self._where, self._stop = where, threading.Event()
        self.left = lambda: LONGEST  # how many seconds there are for it; a run has an end
        self._quiet = None  # the number, as long as it is settled and nothing was sent since
        self.slowest = 0.0  # how long the first effect of a delivery took, in seconds: those after it may take as long
        self.read()

    @property
    def moment(self):
        """Seconds after which nothing more is to be expected: a little longer than an effect has taken."""
        return min(3.0, 0.12 + 1.5 * self.slowest)

    def read(self, most=LONGEST):
        """Return the number as it is now; ``most`` seconds are waited for it at the most."""
        seconds = min(LONGEST, most, self.left())
        if seconds <= 0:
            raise NotCounted("There was no time left to look at the number of effects.")
        answer = exchange(self._where, Request(method="GET"), seconds, self._stop)
        number = None
        if answer.status == 200:
            try:
                found = json.loads(answer.answer)
                number = found.get("effects") if isinstance(found, dict) else found
            except (ValueError, RecursionError):
                pass
        if type(number) is not int:
            raise NotCounted(
                "The URL of effects must answer a GET with 200 and a whole number, or a JSON object with "
                f'"effects": {answer.outcome}.'
            )
        return number

    def disturb(self):
        """Something was sent: the number may change from now on."""
        self._quiet = None

    def settled(self, least=0.0, most=8.0):
        """Return the number once it has not changed for a moment, ``least`` seconds at the least.

        Raises:
            NotCounted: It goes on changing for ``most`` seconds.
        """
        if self._quiet is not None:
            return self._quiet
        end = time.monotonic() + most
        number, since = self.read(), time.monotonic()
        while time.monotonic() < since + max(least, self.moment):
            self._stop.wait(LOOK)
            if time.monotonic() > end:
                raise NotCounted("The number of effects did not come to rest.")
            now = self.read(end - time.monotonic())
            if now != number:
                number, since = now, time.monotonic()
        self._quiet = number
        return number

    def after(self, expected, most):
        """Wait for the number that is expected, ``most`` seconds at the most; then look once more, for one too many."""
        started = time.monotonic()
        while self.read(max(1, most)) < expected and time.monotonic() < started + most:
            self._stop.wait(LOOK)
        taken = time.monotonic() - started
        self.slowest = max(self.slowest, taken if taken < most else 0)
        self._stop.wait(min(most, self.moment))
        self._quiet = self.read()
        return self._quiet
