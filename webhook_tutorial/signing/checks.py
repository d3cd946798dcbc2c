"""The checks of a delivery, in their order. `verify` walks them; what explains a refusal walks the same ones."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from .methods import FITS, list_secrets

#: More than a sender needs that changes its secret, and few enough to be tried quickly.
MOST_SIGNATURES = 20


class SignatureError(Exception):
    """A delivery that does not verify.

    The message is for you and your log. A sender gets one bare 401, whatever the reason: the difference between
    reasons helps only somebody who is guessing.

    Attributes:
        reason: For programs: ``"missing"`` (a header), ``"malformed"`` (a header), ``"too_old"``, ``"too_new"``
            or ``"no_match"``.
    """

    def __init__(self, reason, message):
        super().__init__(message)
        self.reason = reason


class Received:
    """A delivery as it arrived. Each check leaves here what it has read, for those after it.

    Attributes:
        body, headers, secret, dialect, clock: As `verify` takes them.
        items: What the header with the signature holds, divided, a list.
        id, timestamp: Their texts; empty where the dialect has none, or not read yet.
        signatures: The items that are signatures, without their prefix, a list.

    Raises:
        TypeError: The body is not bytes.
    """

    __slots__ = ("body", "clock", "dialect", "headers", "id", "items", "secret", "signatures", "timestamp")

    def __init__(self, body, headers, secret, dialect, clock=None):
        if not isinstance(body, (bytes, bytearray)):
            raise TypeError(f"The body must be the raw bytes that arrived, not {type(body).__name__}.")
        self.body = body
        self.headers = headers
        self.secret = secret
        self.dialect = dialect
        self.clock = clock
        self.id = self.timestamp = ""


@dataclass(frozen=True)
class Check:
    """One check of a delivery.

    Attributes:
        name: What is checked, a word.
        run: A function of a `Received` that raises `SignatureError` where the check fails. It counts on the checks
            before it.
        words: A function of a dialect: what is true of a delivery that passes; empty where that dialect has
            nothing to check.
    """

    name: str
    run: Callable
    words: Callable


def _read_headers(r):
    dialect, headers = r.dialect, r.headers
    given = _header(headers, dialect.signature)
    r.items = given.split(dialect.separator) if dialect.separator else [given]
    if dialect.timestamp_header:
        r.timestamp = _header(headers, dialect.timestamp_header)
    if dialect.id:
        r.id = _header(headers, dialect.id)


def _header(headers, name):
    """The value of a header in any case; it must be there, and be printable ASCII."""
    value = headers.get(name)
    if value is None:
        value = next((v for n, v in headers.items() if isinstance(n, str) and n.lower() == name.lower()), None)
    if not value:
        raise SignatureError("missing", f"The header {name} is missing.")
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        raise SignatureError("malformed", f"The header {name} holds something other than printable ASCII.")
    return value


def _headers_words(dialect):
    names = [name for name in (dialect.id, dialect.timestamp_header, dialect.signature) if name]
    return f"{_and(names)} {'is' if len(names) == 1 else 'are'} there, in printable ASCII"


def _read_timestamp(r):
    dialect = r.dialect
    if not dialect.timestamp:
        return
    if not dialect.timestamp_header:
        mark = dialect.timestamp
        found = [item[len(mark) :] for item in r.items if item.startswith(mark)]
        if len(found) != 1:
            raise SignatureError("malformed", f"{dialect.signature} must hold {mark} once; it does {len(found)} times.")
        r.timestamp = found[0]
    # Digits only: int() would take "+1", " 1 " and "1_000" too, which no sender means.
    if not r.timestamp.isdigit() or len(r.timestamp) > 15:
        raise SignatureError("malformed", f"{dialect.timestamp} is not a time in whole seconds.")


def _timestamp_words(dialect):
    return f"{dialect.timestamp} is a time in whole seconds" if dialect.timestamp else ""


def _compare_age(r):
    dialect = r.dialect
    if dialect.max_age is None and dialect.max_ahead is None:
        return
    age = (r.clock.now() if r.clock else time.time()) - int(r.timestamp)
    if dialect.max_age is not None and age > dialect.max_age:
        raise SignatureError("too_old", f"Signed {age:g} s ago; at most {dialect.max_age} s are allowed.")
    if dialect.max_ahead is not None and -age > dialect.max_ahead:
        raise SignatureError("too_new", f"Signed {-age:g} s ahead of us; at most {dialect.max_ahead} s are allowed.")


def _age_words(dialect):
    old, ahead = dialect.max_age, dialect.max_ahead
    if old is not None and old == ahead:
        return f"signed within {old} s of our clock"
    limits = []
    if old is not None:
        limits.append(f"at most {old} s ago")
    if ahead is not None:
        limits.append(f"at most {ahead} s ahead of our clock")
    return f"signed {_and(limits)}" if limits else ""


def _find_end_of_id(r):
    if r.id and r.dialect.crosses(r.id):
        raise SignatureError("malformed", f"{r.dialect.id} holds {r.dialect.border!r}, which is where an id ends.")


def _id_words(dialect):
    return f"{dialect.id} holds no {dialect.border!r}, which is where it ends" if dialect.border else ""


def _find_signatures(r):
    dialect = r.dialect
    prefix, r.signatures = dialect.prefix, []
    for item in r.items:
        if item.startswith(prefix):
            r.signatures.append(item[len(prefix) :])
    if not 1 <= len(r.signatures) <= MOST_SIGNATURES:
        raise SignatureError(
            "malformed",
            f"{dialect.signature} holds {len(r.signatures)} signatures that begin with {prefix!r}; "
            f"1 to {MOST_SIGNATURES} are read.",
        )


def _signatures_words(dialect):
    if not dialect.separator:
        return f"{dialect.signature} begins with {dialect.prefix!r}" if dialect.prefix else ""
    begun = f" that begins with {dialect.prefix!r}" if dialect.prefix else ""
    return f"{dialect.signature} holds a signature{begun}, and at most {MOST_SIGNATURES}"


def _compare_signatures(r):
    dialect = r.dialect
    message = dialect.message(r.id, r.timestamp, r.body)
    fits = FITS[dialect.method]
    # All of them, so that one that cannot be read is told at the first delivery, rather than at the first forgery.
    found = False
    for one in list_secrets(r.secret):
        found |= fits(dialect, one, message, r.signatures)
    if not found:
        raise SignatureError(
            "no_match",
            f"No signature in {dialect.signature} fits: the body, what else is signed, or the secret differs.",
        )


def _match_words(dialect):
    signed = [f"the {place}" for place in dialect.places]
    return "the signature fits " + _and([*signed, "the receiver's secret"])


def _and(words):
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


CHECKS = (
    Check("headers", _read_headers, _headers_words),
    Check("timestamp", _read_timestamp, _timestamp_words),
    Check("age", _compare_age, _age_words),
    Check("id", _find_end_of_id, _id_words),
    Check("signatures", _find_signatures, _signatures_words),
    Check("match", _compare_signatures, _match_words),
)
