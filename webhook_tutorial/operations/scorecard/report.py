"""What a run has found: a grade, and for each check what was seen, as text and as data."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from .again import again_in_words, command
from .badge import badge
from .findings import CANNOT_BE_SEEN, FAILED, GROUPS, HELD, NOT_APPLICABLE, NOT_COUNTED, NOT_TRIED, PROMISE, SAFETY
from .formats import as_dict, as_junit

_MARKS = {FAILED: "✗", HELD: "✓", NOT_TRIED: "?", NOT_COUNTED: "–", CANNOT_BE_SEEN: "·", NOT_APPLICABLE: "·"}

#: Outcomes that say nothing of the receiver: they count neither for it nor against it.
_OUT = frozenset((NOT_APPLICABLE, CANNOT_BE_SEEN))

#: The highest grade while a check of safety or of a promise fails: the badge does not show its best band.
NO_MORE = 89

UNSEEN = (
    "What cannot be seen from outside: whether what was answered with 2xx survives a kill of the receiver; whether "
    "events that come in the wrong order are handled right; what happens after the answer, and whether the work itself "
    "is done as it should be; whether the secret is kept where nobody finds it; whether somebody notices when nothing "
    "comes."
)


@dataclass(frozen=True)
class Report:
    """What a run has found.

    Attributes:
        url: The receiver's, with secret parameters masked.
        dialect: The dialect's name.
        signed: Whether deliveries were signed.
        results: A `Result` for each check, in the order of the checks.
        requests: How many requests were sent to the receiver.
        seconds: How long it took.
    """

    url: str
    dialect: str
    signed: bool
    results: tuple
    requests: int
    seconds: float

    @cached_property
    def grade(self):
        """Points that were held of those that apply, a whole number from 0 to 100; 0 if nothing valid is accepted.

        While a check of safety or of a promise fails it is no more than `NO_MORE`: a receiver that books an order twice
        is not almost perfect, however much else it does right.
        """
        if not self._accepts:
            return 0
        counted = [result for result in self.results if result.outcome not in _OUT]
        held = sum(result.check.points for result in counted if result.outcome == HELD)
        grade = 100 * held // sum(result.check.points for result in counted)
        grave = any(result.check.points >= min(SAFETY, PROMISE) for result in self.failed)
        return min(grade, NO_MORE) if grave else grade

    @property
    def _accepts(self):
        return any(result.name == "valid" and result.outcome == HELD for result in self.results)

    @property
    def ok(self):
        """Whether a valid delivery is accepted, nothing failed, and all that applies was tried."""
        return self._accepts and not (self.failed or self.by_outcome(NOT_TRIED, NOT_COUNTED))

    @property
    def failed(self):
        """The results that failed, a list."""
        return self.by_outcome(FAILED)

    def by_outcome(self, *outcomes):
        """Return the results with one of these outcomes, a list."""
        return [result for result in self.results if result.outcome in outcomes]

    def __getitem__(self, name):
        """Return the result of the check of this name."""
        return {result.name: result for result in self.results}[name]

    @property
    def headline(self):
        """The grade and the counts, one line."""
        counts = Counter(result.outcome for result in self.results)
        words = ", ".join(f"{counts[outcome]} {outcome}" for outcome in _MARKS if counts[outcome])
        return f"{self.grade}/100: {words}"

    unseen = UNSEEN

    def as_dict(self):
        """Return the report as a dictionary that JSON can hold; `formats.as_dict` says what is in it."""
        return as_dict(self)

    def as_junit(self):
        """Return the report as JUnit's XML, a text."""
        return as_junit(self)

    def badge(self):
        """Return the grade as a badge, a text: an SVG."""
        return badge(self.grade)

    def text(self, commands=False):
        """Return the report as text, the same in every run.

        Args:
            commands: Whether what failed is followed by a command that shows it again, which is never the same twice.
        """
        signed = f"signed as {self.dialect} signs" if self.signed else "not signed: no secret was given"
        lines = [f"Scorecard of {self.url}, {signed}", self.headline]
        for result in self.failed:
            lines += ["", *_long(result, commands)]
        for group, title in GROUPS.items():
            lines += ["", title]
            lines += [line for result in self.results if result.check.group == group for line in _short(result)]
        return "\n".join([*lines, "", self.unseen])

    def __str__(self):
        return self.text()


def _long(result, commands):
    lines = [f"✗ {result.name}: {result.title}", f"  Seen: {result.words}."]
    lines += [f"  {note}" for note in result.notes]
    if commands and result.exchange:
        lines.append(f"  {again_in_words(result.exchange)} {command(result.exchange)}")
    return [*lines, f"  Lesson: notebooks/{result.lesson}"]


def _short(result):
    words = {HELD: "", FAILED: "failed: "}.get(result.outcome, f"{result.outcome}: ")
    yield f"{_MARKS[result.outcome]} {result.name:<18} {words}{result.words}"
    if result.outcome != FAILED:
        yield from (f"{'':<21}{note}" for note in result.notes)
