"""How providers write the time of a delivery: in seconds, in milliseconds, or as RFC 3339 has it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True)
class Writing:
    """One way to write a time.

    Attributes:
        read: A function of a text: seconds since the epoch, or None where it is no time written so.
        write: A function of seconds since the epoch: the text.
        most: The first time that is too late to be written so, in seconds since the epoch.
        words: How it is written, in words that follow "a time".
    """

    read: Callable
    write: Callable
    most: int
    words: str


def _seconds(text):
    # Digits only: int() would take "+1", " 1 " and "1_000" too, which no sender means.
    return int(text) if text.isdigit() and len(text) <= 15 else None


def _milliseconds(text):
    return int(text) / 1000 if text.isdigit() and len(text) <= 15 else None


# Capitals, and a T between date and time: RFC 3339 allows more, and no provider writes it. Times like 24:00 and the
# leap second, which it allows too, come out of no clock that counts seconds since the epoch.
_RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)", re.ASCII
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _rfc_3339(text):
    if not _RFC_3339.fullmatch(text):
        return None
    try:
        return (datetime.fromisoformat(text) - _EPOCH).total_seconds()
    except (ValueError, OverflowError):  # the 31st of February, the year 0
        return None


def _write_rfc_3339(seconds):
    # Not fromtimestamp, which reads no time after 2038 on some computers.
    return (_EPOCH + timedelta(seconds=int(seconds))).strftime("%Y-%m-%dT%H:%M:%SZ")


TIMES = {
    "seconds": Writing(_seconds, lambda seconds: str(int(seconds)), 10**15, "in whole seconds"),
    "milliseconds": Writing(_milliseconds, lambda s: str(round(s * 1000)), 10**12, "in whole milliseconds"),
    "rfc3339": Writing(_rfc_3339, _write_rfc_3339, 253_402_300_800, "written as in RFC 3339"),  # the year 10000
}
