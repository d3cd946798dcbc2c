"""The search: which guesses, alone and in pairs, make a signature fit, within a bound of computations."""

import hashlib
import hmac
from enum import Enum
from typing import NamedTuple

from ..checks import CHECKS, Received, SignatureError
from ..methods import _ENCODE, _key
from .addresses import ADDRESS_FAMILIES
from .bodies import BODY_FAMILIES
from .case import Case, is_parsed, reads_the_body
from .keys import SECRET_FAMILIES, is_safe
from .readings import HASHES, HEADER_FAMILIES
from .stamps import LOST_DIGITS, TIME_FAMILIES
from .work import weight
from .written_again import writers_of

#: How many signatures are computed for one diagnosis, at most.
MOST_COMPUTATIONS = 3_000
#: How many bytes are signed for it, at most: a large body allows fewer computations, one of 1 MB about a hundred.
MOST_BYTES = 100_000_000

FAMILIES = HEADER_FAMILIES + TIME_FAMILIES + ADDRESS_FAMILIES + SECRET_FAMILIES + BODY_FAMILIES + (LOST_DIGITS,)

#: Which axes, or parts of one, are tried together, in this order: what the second one guesses may depend on what the
#: first has mended.
#: Those with the body come last, as they are the most.
PAIRS = (
    ("origin", "secret"), ("tail", "secret"), ("origin", "tail"),
    ("dialect", "secret"), ("headers", "secret"), ("time", "secret"),
    ("dialect", "headers"), ("headers", "dialect"), ("dialect", "time"), ("headers", "time"),
    ("secret", "body"), ("dialect", "body"), ("headers", "body"), ("time", "body"),
    ("dialect", "url"), ("headers", "url"), ("time", "url"), ("origin", "body"), ("tail", "body"),
)  # fmt: skip

_READ = [check.run for check in CHECKS if check.name not in ("age", "match")]
[_COMPARE] = [check.run for check in CHECKS if check.name == "match"]


class Enough(Exception):
    """The bound is reached."""


class Tried(Enum):
    """What came of a guess: its signature was computed, the delivery was refused before that, or it was not tried."""

    COMPUTED, REFUSED, NOT = range(3)


class Step(NamedTuple):
    """One mistake undone: what it was, and the case with it and without it. Only ``axis`` and ``names`` are shown."""

    axis: str
    names: tuple
    given: Case
    mended: Case


#: How many bytes a signature has, by its method and by the hash of a guess.
SIZES = {"ed25519": 64} | {
    method: hashlib.new(hash).digest_size for hash in HASHES for method in (hash, f"hmac-{hash}")
}


def _fitting(received, hash):
    """What was read; or a text, "malformed", if no signature is as long as the right one. That spares most of them."""
    if not isinstance(received, Received):
        return received
    size = SIZES[hash or received.dialect.method]
    length = len(_ENCODE[received.dialect.encoding](bytes(size)))
    return received if any(len(one) == length for one in received.signatures) else "malformed"


def read(case):
    """What the checks before the last read in a delivery, a `Received`; or, if they refuse it, the reason, a text.

    It is an empty one if a dialect that is a guess signs the method or the URL, and none was handed over.
    """
    placed = {name: getattr(case, name) for name in ("method", "url") if name in case.dialect.places}
    try:
        received = Received(case.body, case.headers, case.secret, case.dialect, **placed)
        for run in _READ:
            run(received)
    except SignatureError as error:
        return error.reason
    except ValueError:
        return ""
    return received


class Search:
    """Looks for what makes the signature of one case fit.

    Attributes:
        case: The delivery as it was given.
        computations, signed_bytes: What it has cost so far.
        tried: The names of the mistakes whose guesses were all tried, a dictionary used as an ordered set.
        outcome: What came of the last guess, a `Tried`.
    """

    def __init__(self, case):
        self.case = case
        self.computations = self.signed_bytes = 0
        self.tried = {}
        self.outcome = Tried.NOT
        self._read = {}  # by what stays the same while bodies and secrets are tried
        self._guesses = {}

    def run(self):
        """The steps that make it fit: none, one or two. None if nothing does."""
        if self.fits(self.case):
            return []
        return self._singles() or self._pairs()

    def fits(self, case):
        """Whether a signature fits, whatever its age.

        Raises:
            Enough: The bound is reached; nothing was computed.
        """
        self.outcome = Tried.NOT
        if case is not self.case and not is_safe(self.case, case):
            return False
        received = self._reading(case)
        if not isinstance(received, Received):
            # Where a hash of the body stands in the URL, it was computed and compared too.
            self.outcome = Tried.COMPUTED if received == "no_match" else Tried.REFUSED
            return False
        self._spend(len(case.secret), len(case.secret) * len(case.body))
        self.outcome = Tried.COMPUTED
        received.body, received.secret = case.body, case.secret  # a dialect that reads the body is read anew each time
        try:
            return _compare_hash(received, case.hash) if case.hash else _COMPARE(received) is None
        except (SignatureError, ValueError):
            return False

    def _reading(self, case):
        """What is read in the headers, once; a text, the reason, if no body and no secret could fit then."""
        if reads_the_body(case.dialect):
            self._spend(0, len(case.body))
            if is_parsed(case) and not case.work.allows(4 * weight(case.body)):
                raise Enough
            return _fitting(read(case), case.hash)
        key = id(case.headers), id(case.dialect), case.hash, case.method, case.url
        if key not in self._read:
            # The case is kept too, so that no other object gets one of these two ids.
            self._read[key] = _fitting(read(case), case.hash), case
        return self._read[key][0]

    def _spend(self, computations, signed_bytes):
        if self.computations + computations > MOST_COMPUTATIONS or self.signed_bytes + signed_bytes > MOST_BYTES:
            raise Enough
        self.computations += computations
        self.signed_bytes += signed_bytes

    def _all(self, family, case):
        """Yield the guesses of a family at a case; those at a body are made once, as nothing else matters to them."""
        if not family.paired:
            yield from family.guesses(case)
            return
        key = (id(family),) if family.axis == "body" else (id(family), id(case))
        if key not in self._guesses:
            self._guesses[key] = [], iter(family.guesses(case)), case
        made, more, _ = self._guesses[key]
        yield from made
        for guess in more:
            made.append(guess)
            yield guess

    def _singles(self):
        for family in FAMILIES:
            if self._is_in_vain(family.axis, self.case, self.case.dialect):
                continue
            outcomes, skipped = {}, self.case.work.skipped
            for name, change in self._all(family, self.case):
                mended = self.case._replace(**change)
                if self.fits(mended):
                    return [self._step(family.axis, self.case, mended, name, change)]
                outcomes.setdefault(name, set()).add(self.outcome)
            tried = [name for name, came in outcomes.items() if Tried.COMPUTED in came and Tried.NOT not in came]
            tried = [name for name in tried if name not in skipped]
            self.tried |= dict.fromkeys([*tried, *(family.tells if tried else ())])
        self.tried = {name: True for name in self.tried if name not in skipped and not self._is_part(name, skipped)}
        return []

    @staticmethod
    def _is_part(name, skipped):
        """Whether a mistake is found by way of one that was skipped."""
        return name.startswith("rewritten") and "rewritten" in skipped

    def _is_in_vain(self, axis, case, dialect):
        """Whether the headers cannot fit, whatever body and secret; a dialect that reads the body may want another."""
        depends = axis == "secret" or (axis == "body" and not reads_the_body(dialect))
        return depends and not isinstance(self._reading(case), Received)

    def _pairs(self):
        for axes in PAIRS:
            first, second = ([f for f in FAMILIES if f.is_of(axis) and f.paired] for axis in axes)
            for name, change in (guess for family in first for guess in self._all(family, self.case)):
                between = self.case._replace(**change)
                if self._is_in_vain(axes[1], between, self.case.dialect):
                    continue
                for family in second:
                    for other, changes in self._all(family, between):
                        mended = between._replace(**changes)
                        if self.fits(mended):
                            return [
                                self._step(first[0].axis, self.case, between, name, change),
                                self._step(family.axis, between, mended, other, changes),
                            ]
        return None

    def _step(self, axis, given, mended, name, change):
        """A step with the names of all mistakes that leave the same behind."""
        families = [family for family in FAMILIES if family.axis == axis and not family.tells]
        names = [name, *(other for f in families for other, same in self._all(f, given) if same == change)]
        if axis == "body":
            by = writers_of(mended.body, given.body)
            names = [n for n in names if n != "rewritten"] + by or names
        return Step(axis, tuple(dict.fromkeys(names)), given, mended)


def _compare_hash(received, hash):
    """Whether an HMAC with another hash fits."""
    dialect, fits = received.dialect, False
    message = dialect.message(received.id, received.timestamp, received.body, received.parts)
    for secret in received.secret:
        key = _key(secret, dialect.key, dialect.key_prefix)
        right = _ENCODE[dialect.encoding](hmac.digest(key, message, hash))
        for one in received.signatures:
            fits |= hmac.compare_digest(right, one)
    return fits
