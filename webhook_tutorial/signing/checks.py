"""The checks of a delivery, in their order. `verify` walks them; what explains a refusal walks the same ones."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from .methods import FITS, list_secrets
from .places import (
    JSON,
    MOST_SIGNATURES,
    SignatureError,
    at,
    check_given,
    document,
    header,
    numbered,
    parts,
    told,
)
from .times import TIMES


class Received:
    """A delivery as it arrived. Each check leaves here what it has read, for those after it.

    Attributes:
        body, headers, secret, dialect, clock, method, url: As `verify` takes them.
        items: What the header with the signature holds, divided, a list.
        id, timestamp: Their texts; empty where the dialect has none, or not read yet.
        parts: What else is signed, a dictionary of bytes; None for a dialect that is `plain`.
        time: The timestamp in seconds since the epoch.
        signatures: The items that are signatures, without their prefix, a list.

    Raises:
        TypeError: The body is not bytes.
        ValueError: The dialect signs the method or the URL, and it is not given.
    """

    __slots__ = (
        "body", "clock", "dialect", "headers", "id", "items", "method", "parts", "secret", "signatures", "time",
        "timestamp", "url",
    )  # fmt: skip

    def __init__(self, body, headers, secret, dialect, clock=None, method="", url=""):
        if not isinstance(body, (bytes, bytearray)):
            raise TypeError(f"The body must be the raw bytes that arrived, not {type(body).__name__}.")
        self.body = body
        self.headers = headers
        self.secret = secret
        self.dialect = dialect
        self.clock = clock
        self.id = self.timestamp = ""
        self.parts = None
        if not dialect.plain:
            check_given(dialect, method, url)
            self.method, self.url = method, url


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
    if not dialect.plain:
        return _read_places(r)
    given = header(headers, dialect.signature)
    r.items = given.split(dialect.separator) if dialect.separator else [given]
    if dialect.timestamp_header:
        r.timestamp = header(headers, dialect.timestamp_header)
    if dialect.id:
        r.id = header(headers, dialect.id)


def _read_places(r):
    """The same for a dialect in which something stands elsewhere than in one header."""
    dialect, headers = r.dialect, r.headers
    stands = (dialect.signature, dialect.id, "" if dialect.mark else dialect.timestamp)
    found = document(r.body) if any(place.startswith(JSON) for place in stands) else None

    def read(place):
        return at(found, place) if place.startswith(JSON) else header(headers, place)

    if "{n}" in dialect.signature:
        r.items = numbered(headers, dialect.signature)
    else:
        given = read(dialect.signature)
        r.items = given.split(dialect.separator) if dialect.separator else [given]
    r.id, r.timestamp = (read(place) if place else "" for place in stands[1:])
    r.parts = parts(dialect, r.body, headers, r.method, r.url)


def _headers_words(dialect):
    places = (dialect.id, "" if dialect.mark else dialect.timestamp, *dialect.signed_headers, dialect.signature)
    names = [told(place) for place in places if place]
    words = f"{_and(names)} {'is' if len(names) == 1 else 'are'} there, in printable ASCII"
    kinds = ["is a form"] if "form" in dialect.places else []
    kinds += [f"has its SHA-256 in the URL as {dialect.body_hash}"] if dialect.body_hash else []
    return words + (f"; the body {' or '.join(kinds)}" if kinds else "")


def _read_timestamp(r):
    dialect = r.dialect
    if not dialect.timestamp:
        return
    mark = dialect.mark
    if mark:
        found = [item[len(mark) :] for item in r.items if item.startswith(mark)]
        if len(found) != 1:
            raise SignatureError("malformed", f"{dialect.signature} must hold {mark} once; it does {len(found)} times.")
        r.timestamp = found[0]
    r.time = dialect.read_time(r.timestamp)
    if r.time is None:
        raise SignatureError("malformed", f"{told(dialect.timestamp)} is not {_time_words(dialect)}.")


def _timestamp_words(dialect):
    return f"{told(dialect.timestamp)} is {_time_words(dialect)}" if dialect.timestamp else ""


def _time_words(dialect):
    return f"a time {TIMES[dialect.time_format].words}"


def _compare_age(r):
    old, ahead = r.dialect.max_age, r.dialect.max_ahead
    if old is None and ahead is None:
        return
    age = (r.clock.now() if r.clock else time.time()) - r.time
    if old is not None and age > old:
        raise SignatureError("too_old", f"Signed {age:g} s ago; at most {old} s are allowed.")
    if ahead is not None and -age > ahead:
        raise SignatureError("too_new", f"Signed {-age:g} s ahead of us; at most {ahead} s are allowed.")


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
        where = told(r.dialect.id)
        raise SignatureError("malformed", f"{where} holds {r.dialect.border!r}, which is where an id ends.")


def _id_words(dialect):
    return f"{told(dialect.id)} holds no {dialect.border!r}, which is where it ends" if dialect.border else ""


def _find_signatures(r):
    dialect = r.dialect
    prefix, r.signatures = dialect.prefix, []
    for item in r.items:
        if item.startswith(prefix):
            r.signatures.append(item[len(prefix) :])
    if not 1 <= len(r.signatures) <= MOST_SIGNATURES:
        raise SignatureError(
            "malformed",
            f"{told(dialect.signature)} holds {len(r.signatures)} signatures that begin with {prefix!r}; "
            f"1 to {MOST_SIGNATURES} are read.",
        )


def _signatures_words(dialect):
    if not dialect.separator:
        return f"{told(dialect.signature)} begins with {dialect.prefix!r}" if dialect.prefix else ""
    begun = f" that begins with {dialect.prefix!r}" if dialect.prefix else ""
    return f"{told(dialect.signature)} holds a signature{begun}, and at most {MOST_SIGNATURES}"


def _compare_signatures(r):
    dialect = r.dialect
    message = dialect.message(r.id, r.timestamp, r.body, r.parts)
    fits = FITS[dialect.method]
    # All of them, so that one that cannot be read is told at the first delivery, rather than at the first forgery.
    found = False
    for one in list_secrets(r.secret):
        found |= fits(dialect, one, message, r.signatures)
    if not found:
        raise SignatureError(
            "no_match",
            f"No signature in {told(dialect.signature)} fits: the body, what else is signed, or the secret differs.",
        )


def _match_words(dialect):
    words = {"url": "URL"} | {f"header:{name}": f"header {name}" for name in dialect.signed_headers}
    signed = [f"the {words.get(place, place)}" for place in dialect.places if place != "secret"]
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
