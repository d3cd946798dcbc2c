"""What the doctor works on: a delivery with all that reads it, and a family of guesses about what was done to it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

from ..dialect import Dialect


class Case(NamedTuple):
    """A delivery, and what reads it. A guess is a case with one thing mended.

    Attributes:
        body, dialect, method, url: As `verify` takes them.
        headers: By their names in small letters, a dictionary.
        secret: A tuple of texts, one or several.
        others: Other secrets of yours, by name.
        hash: The hash of the HMAC, where a guess says that it is another than the dialect's; empty elsewhere.
    """

    body: bytes
    headers: dict
    secret: tuple
    dialect: Dialect
    others: dict
    hash: str = ""
    method: str = ""
    url: str = ""

    def __repr__(self):
        return f"<a delivery in the dialect of {self.dialect.name}>"  # it holds secrets, and is shown in tracebacks

    def header(self, name):
        """The value of a header that is text, or an empty one."""
        value = self.headers.get(name.lower(), "")
        return value if isinstance(value, str) and len(value) <= LONGEST_HEADER else ""

    def items(self):
        """What the header with the signature holds, divided."""
        value, separator = self.header(self.dialect.signature), self.dialect.separator
        return value.split(separator) if separator else [value]

    def with_items(self, items):
        """The headers with other items where the signature stands."""
        return self.headers | {self.dialect.signature.lower(): self.dialect.separator.join(items)}

    def read_by(self):
        """The names of the headers that the dialect reads, in small letters, those that are there."""
        names = (self.dialect.signature, self.dialect.timestamp_header, self.dialect.id)
        return [name.lower() for name in names if name and name.lower() in self.headers]


#: A header that is longer is left as it is: no sender needs it.
LONGEST_HEADER = 8_000


@dataclass(frozen=True)
class Family:
    """Guesses that are made together: all of one axis, and of one kind.

    Attributes:
        axis: ``"body"``, ``"secret"``, ``"dialect"``, ``"headers"`` or ``"time"``. Two mistakes are looked for
            together only on two axes.
        guesses: A function of a `Case` that yields pairs: a mistake's name, and what of the case is otherwise when
            it is undone, a dictionary. The first of them should be the most frequent.
        tells: The names of the mistakes that can be found so, beyond those that it yields.
        paired: Whether it is tried together with mistakes of other axes.
    """

    axis: str
    guesses: Callable
    tells: tuple = ()
    paired: bool = True


@lru_cache(256)
def variant(dialect, **changes):
    """A dialect with some fields changed; None if they contradict each other."""
    try:
        return replace(dialect, **changes)
    except ValueError:
        return None
