"""A delivery and its attempts, as values."""

from dataclasses import dataclass, field

from ..clock import iso


@dataclass(frozen=True)
class Attempt:
    """One request of a delivery: when it was made (seconds since the epoch), and the answer or why there is none.

    Attributes:
        took: How many seconds it took in real time, whatever its clock says, or None if it was interrupted.
        traceparent: What was sent in the header of this name, or empty.
    """

    at: float
    status: int | None
    error: str = ""
    asked_to_wait: float | None = None
    took: float | None = field(default=None, compare=False, repr=False)
    traceparent: str = field(default="", compare=False, repr=False)

    def __str__(self):
        return f"{iso(self.at)}  {self.status or self.error}"


@dataclass(eq=False)
class Delivery:
    """One event on its way to one endpoint.

    Attributes:
        id: The delivery's id, the same at every attempt.
        url, body: Where it goes, and the bytes that are sent.
        attempts: The `Attempt` values so far.
        state: ``"waiting"``, ``"delivered"``, ``"refused"`` (a final answer), ``"gone"`` (410), or ``"given up"``
            (all attempts used up, or an error of ours).
        due: When the next attempt is to be made, while it is waiting.
        turn: Which of those that are due at the same time comes first: the one with the lower number.
        error: What went wrong on our own side, if that has stopped it; else empty.
        event_type: Of the event, or empty.
        trace: The id of its trace, the same at every attempt, 32 hexadecimal digits, or empty.
    """

    id: str
    url: str
    body: bytes
    due: float
    created: float
    attempts: list = field(default_factory=list)
    state: str = "waiting"
    failed: int = 0
    turn: int = 0
    error: str = ""
    event_type: str = ""
    trace: str = ""

    @property
    def late(self):
        """Seconds from its creation to its arrival, or None if it has not arrived."""
        return self.attempts[-1].at - self.created if self.state == "delivered" else None

    def __repr__(self):
        answers = ", ".join(str(a.status or a.error) for a in self.attempts)
        error = f"; our own error: {self.error}" if self.error else ""
        number = "1 attempt" if len(self.attempts) == 1 else f"{len(self.attempts)} attempts"
        return f"<{self.id} {self.state} after {number}: {answers}{error}>"


def update(delivery, **fields):
    """Change several fields in one step: an interrupt finds none of it done or all of it."""
    vars(delivery).update(fields)
