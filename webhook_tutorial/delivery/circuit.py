"""A circuit: what keeps a failing endpoint from being asked again and again."""

from contextlib import contextmanager
from dataclasses import dataclass

from .policy import LONGEST_DELAY


@dataclass
class Trial:
    """What a circuit says of an attempt, and is told of it.

    Attributes:
        open_until: Until when it may not be made, or None if it may.
        ok: Set it to whether the endpoint proved to be well; None says nothing.
    """

    open_until: float | None = None
    ok: bool | None = None


class Circuit:
    """Keeps a failing endpoint from being asked again and again by every delivery.

    It opens after ``threshold`` failures in a row; then nothing is sent for ``cooldown`` seconds; then one attempt is
    let through, whose answer closes it or opens it once more.
    """

    def __init__(self, threshold=5, cooldown=60.0):
        if not (threshold >= 1 and 0 <= cooldown <= LONGEST_DELAY):
            raise ValueError(
                "threshold must be 1 or more, and cooldown 0 or more seconds, a hundred years at the most."
            )
        self.threshold, self.cooldown = threshold, cooldown
        self.failures, self.opened = 0, None

    @contextmanager
    def around(self, clock):
        """Stand around one attempt, in a ``with`` block: asked at its start, and told at its end. Gives a `Trial`.

        What the clock shows at the end counts: an attempt that timed out may have taken longer than the cooldown.
        """
        trial = Trial(self.open_until(clock.now()))
        try:
            yield trial
        finally:
            if trial.ok is not None:
                self.record(trial.ok, clock.now())

    def open_until(self, now):
        """Return until when nothing may be sent, or None if something may."""
        if self.opened is None or now >= self.opened + self.cooldown:
            return None
        return self.opened + self.cooldown

    def record(self, ok, now):
        """Take note of an attempt's outcome."""
        self.failures = 0 if ok else self.failures + 1
        self.opened = now if self.failures >= self.threshold else None
