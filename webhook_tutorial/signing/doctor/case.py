"""What the doctor works on: a delivery with all that reads it, and a family of guesses about what was done to it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

from ..dialect import Dialect
from ..places import JSON, MOST_FORM, MOST_JSON, MOST_SIGNATURES
from .work import Work


class Case(NamedTuple):
    """A delivery, and what reads it. A guess is a case with one thing mended.

    Attributes:
        body, dialect, method, url: As `verify` takes them.
        headers: By their names in small letters, a dictionary.
        secret: A tuple of texts, one or several.
        others: Other secrets of yours, by name.
        twins: By the names of headers that are there in several spellings (two that differ in case): the values that
            `verify` does not read, a dictionary of tuples.
        work: What is counted while it is diagnosed.
        hash: The hash of the HMAC, where a guess says that it is another than the dialect's; empty elsewhere.
    """

    body: bytes
    headers: dict
    secret: tuple
    dialect: Dialect
    others: dict
    work: Work
    hash: str = ""
    method: str = ""
    url: str = ""
    twins: dict = {}  # noqa: RUF012 (nothing is ever put into it)

    def __repr__(self):
        return f"<a delivery in the dialect of {self.dialect.name}>"  # it holds secrets, and is shown in tracebacks

    def header(self, name):
        """The value of a header that is text, or an empty one."""
        value = self.headers.get(name.lower(), "")
        return value if isinstance(value, str) and len(value) <= LONGEST_HEADER else ""

    def signed_by(self, dialect=None):
        """The names of the headers in which this dialect's signature stands, in small letters, those that are there."""
        name = (dialect or self.dialect).signature.lower()
        names = [name.replace("{n}", str(n)) for n in range(1, MOST_SIGNATURES + 1)] if "{n}" in name else [name]
        return [name for name in names if name in self.headers]

    def items(self):
        """What the header with the signature holds, divided; or the values of several."""
        names, separator = self.signed_by(), self.dialect.separator
        values = [self.header(name) for name in names]
        return values[0].split(separator) if separator and values else values

    def with_items(self, items):
        """The headers with other items where the signature stands."""
        if self.dialect.separator:
            items = [self.dialect.separator.join(items)]
        return self.headers | dict(zip(self.signed_by(), items, strict=True))

    def read_by(self):
        """The names of the headers that the dialect reads, in small letters, those that are there."""
        names = (self.dialect.timestamp_header, self.dialect.id)
        return self.signed_by() + [name.lower() for name in names if name and name.lower() in self.headers]


#: A header that is longer is left as it is: no sender needs it.
LONGEST_HEADER = 8_000


@dataclass(frozen=True)
class Family:
    """Guesses that are made together: all of one axis, and of one kind.

    Attributes:
        axis: ``"body"``, ``"secret"``, ``"dialect"``, ``"headers"``, ``"time"`` or ``"url"``. Two mistakes are looked
            for together only on two axes, or on two parts of one.
        guesses: A function of a `Case` that yields pairs: a mistake's name, and what of the case is otherwise when
            it is undone, a dictionary. The first of them should be the most frequent.
        tells: The names of the mistakes that can be found so, beyond those that it yields.
        paired: Whether it is tried together with mistakes of other axes.
        part: Of the axis ``"url"``: ``"origin"`` is what stands before the path, and ``"tail"`` the rest.
    """

    axis: str
    guesses: Callable
    tells: tuple = ()
    paired: bool = True
    part: str = ""

    def is_of(self, axis):
        """Whether its guesses are of an axis, or of a part of one."""
        return axis in (self.axis, self.part)


def reads_the_body(dialect):
    """Whether more than the signature depends on the body: what is not a form, or not JSON, is refused before."""
    if dialect.plain:
        return False
    places = (dialect.signature, dialect.id, dialect.timestamp)
    return "form" in dialect.places or bool(dialect.body_hash) or any(place.startswith(JSON) for place in places)


def is_parsed(case):
    """Whether such a dialect would parse this very body, as a form or as JSON."""
    dialect = case.dialect
    if "form" not in dialect.places and not dialect.body_hash:
        return len(case.body) <= MOST_JSON
    hashed = bool(dialect.body_hash) and f"{dialect.body_hash}=" in case.url
    return not hashed and "form" in case.header("content-type").lower() and len(case.body) <= MOST_FORM


@lru_cache(256)
def variant(dialect, **changes):
    """A dialect with some fields changed; None if they contradict each other."""
    try:
        return replace(dialect, **changes)
    except ValueError:
        return None
