"""What is done to the time of a delivery, or is read in it otherwise, undone."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from ..times import TIMES
from .case import Family, variant

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FRACTION = re.compile(r"([0-9]{2})[.,]([0-9]{1,9})(?=[^0-9]|$)")
_RFC_3339 = re.compile(r"(.*T[0-9:]{8})(?:\.([0-9]+))?(Z|[+-][0-9:]{5})")


def _times(case):
    dialect = case.dialect
    if not (dialect.timestamp_header or dialect.mark):
        return
    stamp = _stamp(case)
    for name, text in _written_otherwise(stamp, dialect.time_format):
        yield from _with_stamp(case, name, text)
    used, tried = case.read_by(), 0
    for header in case.headers:
        value = case.header(header)
        if header in used or tried > 8 or not 10 <= len(value) <= 40:
            continue
        for _, text in [("", value), *_written_otherwise(value, dialect.time_format)]:
            if text != stamp and _is_recent(text, dialect):
                tried += 1
                yield from _with_stamp(case, "another-header", text)


def _is_recent(text, dialect):
    """Whether it is a time since 2001, written as the dialect writes it; other numbers are not taken for one."""
    seconds = dialect.read_time(text)
    return seconds is not None and 1e9 <= seconds < 1e11


def _stamp(case):
    """The time as it stands in a header; empty where it stands elsewhere."""
    dialect = case.dialect
    if dialect.timestamp_header:
        return case.header(dialect.timestamp_header)
    mark = dialect.mark
    return next((item[len(mark) :] for item in case.items() if mark and item.startswith(mark)), "")


def _with_stamp(case, name, text):
    dialect, items = case.dialect, case.items()
    if dialect.timestamp_header:
        yield name, {"headers": case.headers | {dialect.timestamp_header.lower(): text}}
    elif items:
        others = [item for item in items if not item.startswith(dialect.mark)]
        yield name, {"headers": case.with_items([dialect.mark + text, *others])}


# --- How it is written --------------------------------------------------------------------------------------


def _written_otherwise(text, time_format):
    """Yield pairs: a mistake, and a time as the dialect has it, for one that is written in another way."""
    if time_format == "seconds":
        if re.fullmatch("[0-9]{12,14}", text):
            yield "milliseconds", text[:-3]
        if re.fullmatch(r"[0-9]{9,11}\.[0-9]+", text):
            yield "time-form", text.partition(".")[0]
        yield from _digits_alone(text, "{9,11}")
    if time_format == "milliseconds":
        if re.fullmatch("[0-9]{9,11}", text):
            yield "milliseconds-lost", text + "000"
        if re.fullmatch(r"[0-9]{12,14}\.[0-9]+", text):
            yield "time-form", text.partition(".")[0]
        if re.fullmatch(r"[0-9]{9,11}\.[0-9]+", text):
            whole, _, fraction = text.partition(".")
            yield "time-form", whole + fraction[:3].ljust(3, "0")
        if re.fullmatch("[0-9]{15,20}", text):
            yield "time-form", text[:13]
        yield from _digits_alone(text, "{12,14}")
    for moment, fraction in _moments(text):
        for written in _WRITE[time_format](moment, fraction):
            if written != text:
                yield "time-form", written


def _digits_alone(text, count):
    if re.fullmatch(rf"[^0-9]?\s*[0-9]{count}\s*[^0-9]?", text) and not text.isdigit():
        yield "time-form", re.sub("[^0-9]", "", text)


def _moments(text):
    """Yield times in whole seconds, each with the digits of its fraction."""
    found = _FRACTION.search(text)
    bare, fraction = (_FRACTION.sub(r"\1", text, count=1), found[2]) if found else (text, "")
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(bare.strip())
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            yield int(moment.timestamp()), fraction
        except (ValueError, TypeError, IndexError, OverflowError, OSError):
            continue
    if re.fullmatch("[0-9]{9,11}", bare):
        yield int(bare), fraction
    if re.fullmatch("[0-9]{12,14}", bare):
        yield int(bare[:-3]), bare[-3:]


def _rfc_3339(seconds, fraction):
    """The spellings of a moment: with as many digits as programs write, and with Z or +00:00."""
    try:
        whole = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    except (ValueError, OverflowError):
        return
    short = fraction.rstrip("0")
    fractions = dict.fromkeys([fraction, short, *(short.ljust(n, "0") for n in (3, 6, 9) if n >= len(short))])
    for end in ("Z", "+00:00"):
        for digits in fractions:
            yield whole + (f".{digits}" if digits else "") + end


_WRITE = {
    "seconds": lambda seconds, fraction: [str(seconds)],
    "milliseconds": lambda seconds, fraction: [f"{seconds}{fraction[:3].ljust(3, '0')}"],
    "rfc3339": _rfc_3339,
}


# --- What was cut off, and how it is read -------------------------------------------------------------------


def _lost_digits(case):
    """Three digits were lost: all thousand are tried."""
    stamp = _stamp(case)
    if case.dialect.time_format == "milliseconds" and re.fullmatch("[0-9]{9,11}", stamp):
        for n in range(1_000):
            yield from _with_stamp(case, "milliseconds-lost", f"{stamp}{n:03d}")
    found = _RFC_3339.fullmatch(stamp)
    if case.dialect.time_format == "rfc3339" and found:
        whole, fraction, end = found[1], found[2] or "", found[3]
        if len(fraction) in (0, 3, 6):
            for n in range(1_000):
                yield from _with_stamp(case, "fraction-lost", f"{whole}.{fraction}{n:03d}{end}")


def _time_formats(case):
    """The time is signed as it came, and is written in another way than the dialect says."""
    dialect, stamp = case.dialect, _stamp(case)
    if stamp and dialect.read_time(stamp) is None:
        for name, writing in TIMES.items():
            other = variant(dialect, time_format=name) if writing.read(stamp) is not None else None
            if other:
                yield "time-format", {"dialect": other}


TIME_FAMILIES = (
    Family("time", _times),
    Family("time", _time_formats),
)
#: A thousand guesses, for a dialect that reads such times: after all others.
LOST_DIGITS = Family("time", _lost_digits, paired=False)
