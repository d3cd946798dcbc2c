"""When somebody is to be woken: rules as data, and when each rings in a record of minutes.

A rule looks at symptoms that users feel: events that do not arrive. Two windows, a long one that says that it matters
and a short one that says that it is still so, are Google's (https://sre.google/workbook/alerting-on-slos/).
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Record:
    """What was measured, minute by minute; arrays of one length.

    Attributes:
        attempts, failed: How many attempts were made in each minute, and how many of them failed.
        overdue: For how many seconds an attempt has been due, at the most.
        heartbeat: How many seconds ago the last heartbeat arrived; nan or inf if none ever has.

    Raises:
        ValueError: They are not of one length, or a number of attempts is none.
    """

    attempts: np.ndarray
    failed: np.ndarray
    overdue: np.ndarray
    heartbeat: np.ndarray

    def __post_init__(self):
        lengths = {len(one) for one in (self.attempts, self.failed, self.overdue, self.heartbeat)}
        if len(lengths) > 1:
            raise ValueError(f"The four arrays are of one length, not of {sorted(lengths)}.")
        if not (np.isfinite(self.attempts).all() and np.isfinite(self.failed).all()):
            raise ValueError("A minute in which nothing was measured is no number of attempts: leave it out, or put 0.")


@dataclass(frozen=True)
class AnyFailure:
    """Rings for each failed attempt: an alert on a cause, and what most people begin with."""

    name: str = "any failure"

    def rings(self, record):
        """Return for each minute whether it rings."""
        return record.failed > 0


@dataclass(frozen=True)
class Quiet:
    """Rings when no attempt was made for so many minutes."""

    minutes: int = 10
    name: str = "no traffic"

    def rings(self, record):
        """Return for each minute whether it rings."""
        return _sums(record.attempts, self.minutes) == 0


@dataclass(frozen=True)
class BurnRate:
    """Rings when attempts fail so often that the budget is spent ``factor`` times as fast as it may be.

    Attributes:
        budget: Which share of attempts may fail.
        factor: So many times that share.
        long, short: In both windows, in minutes; the short one ends the alert soon after the fault.
        least: In neither window fewer than so many attempts: of two, one is half.
    """

    budget: float = 0.01
    factor: float = 10
    long: int = 60
    short: int = 5
    least: int = 10
    name: str = "burn rate"

    def rings(self, record):
        """Return for each minute whether it rings."""
        return self._burns(record, self.long) & self._burns(record, self.short)

    def _burns(self, record, minutes):
        attempts, failed = _sums(record.attempts, minutes), _sums(record.failed, minutes)
        return (attempts >= self.least) & (failed > self.factor * self.budget * attempts)


@dataclass(frozen=True)
class Overdue:
    """Rings when an attempt has been due for longer than so many seconds: nobody makes it."""

    seconds: float = 300
    name: str = "overdue"

    def rings(self, record):
        """Return for each minute whether it rings."""
        return ~(record.overdue <= self.seconds)  # not to know it is as bad


@dataclass(frozen=True)
class NoHeartbeat:
    """Rings when no heartbeat has arrived for longer than so many seconds.

    A heartbeat is an event that is published each minute for this alone: it goes the way of all, and has to arrive.
    """

    seconds: float = 300
    name: str = "no heartbeat"

    def rings(self, record):
        """Return for each minute whether it rings."""
        return ~(record.heartbeat <= self.seconds)


#: The rules that wake somebody, as the lesson ends up with them.
RULES = (BurnRate(), Overdue(), NoHeartbeat())


def alerts(rule, record, gap=30):
    """Return the minutes at which a rule begins to ring, a list; ringing again within ``gap`` minutes is no new alert.

    Args:
        rule: One of the rules of this module, or anything with its ``rings``.
        record: A `Record`.
        gap: In minutes.

    Raises:
        ValueError: The gap is no number of minutes.
    """
    if not 0 <= gap < 1e9:
        raise ValueError(f"The gap is a number of minutes, not {gap!r}.")
    minutes = np.flatnonzero(rule.rings(record))
    if not minutes.size:
        return []
    begins = np.flatnonzero(np.diff(minutes, prepend=minutes[0] - gap - 1) > gap)
    return [int(minute) for minute in minutes[begins]]


def _sums(values, minutes):
    """The sums of the last so many minutes, this one included; at the beginning, of those that there are."""
    total = np.concatenate([[0], np.cumsum(values)])
    first = np.maximum(np.arange(1, len(total)) - minutes, 0)
    return total[1:] - total[first]
