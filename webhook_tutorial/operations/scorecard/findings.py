"""What a check is, and what came of one."""

from collections.abc import Callable
from dataclasses import dataclass

HELD, FAILED = "held", "failed"
NOT_APPLICABLE, CANNOT_BE_SEEN = "not applicable", "cannot be seen"
NOT_COUNTED, NOT_TRIED = "not counted", "not tried"
OUTCOMES = (FAILED, NOT_TRIED, NOT_COUNTED, CANNOT_BE_SEEN, NOT_APPLICABLE, HELD)

#: What a check is worth: whether somebody else can act as the provider, whether a delivery is lost or doubled, whether
#: odd input does harm, and how the receiver behaves otherwise.
SAFETY, PROMISE, STURDY, MANNERS = 3, 3, 2, 1

GROUPS = {
    "accepts": "Accepts what is genuine",
    "refuses": "Refuses what is not",
    "sturdy": "Stands odd input",
    "manners": "Tells nothing",
    "load": "Stands load",
}


@dataclass(frozen=True)
class Check:
    """One check of a receiver.

    Attributes:
        name: What it is called in reports, for ever.
        title: What holds where it holds, a sentence.
        group: One of `GROUPS`.
        points: What it is worth.
        lesson: Where a cure is taught: a notebook's file and the heading in it.
        run: A function of a `Bench` that returns a `Finding`.
        no_effect: Whether nothing that it sends may have an effect.
        looks_back: Whether it sends nothing, and looks at what the others have had for answers.
    """

    name: str
    title: str
    group: str
    points: int
    lesson: tuple
    run: Callable
    no_effect: bool = False
    looks_back: bool = False

    @property
    def link(self):
        """The lesson as JupyterLab and GitHub link to it from the folder of notebooks."""
        file, heading = self.lesson
        return f"{file}#{heading.replace(' ', '-')}"


@dataclass(frozen=True)
class Finding:
    """What a check has seen.

    Attributes:
        outcome: One of `OUTCOMES`.
        words: What was seen, the same in every run.
        exchange: The one that shows it best, or None.
        notes: What else is worth knowing, sentences.
    """

    outcome: str
    words: str
    exchange: object = None
    notes: tuple = ()


@dataclass(frozen=True)
class Result:
    """A check with what came of it: `Check` and `Finding` say what the attributes are."""

    check: Check
    finding: Finding

    name = property(lambda self: self.check.name)
    title = property(lambda self: self.check.title)
    outcome = property(lambda self: self.finding.outcome)
    words = property(lambda self: self.finding.words)
    notes = property(lambda self: self.finding.notes)
    exchange = property(lambda self: self.finding.exchange)
    lesson = property(lambda self: self.check.link)
