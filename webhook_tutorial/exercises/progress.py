"""Progress: every lesson's exercises and the capstone, passed or not, as the record has it; and a certificate of it."""

from dataclasses import dataclass
from html import escape

from . import record
from .certificate import write_certificate
from .engine import exercises

#: The lessons by their numbers, as their notebooks are named. The capstone is a page of its own after the last.
LESSONS = {
    "00": "Start here",
    "01": "Polling vs webhooks",
    "02": "Receiver",
    "03": "Sender",
    "04": "Signatures",
    "05": "Retries",
    "06": "Duplicates and order",
    "07": "Subscriptions",
    "08": "Hostile endpoints",
    "09": "Design patterns",
    "10": "Outbox",
    "11": "Monitoring",
    "12": "Use cases",
    "13": "Integrate a provider",
    "14": "Going live",
    "15": "Capstone",
}


@dataclass(frozen=True)
class Progress:
    """What was passed, as `progress` found it.

    Attributes:
        passed: What was passed, by the exercise's name: values of `record.Passed`.
        names: The names of all exercises, in their order.
        why_not_kept: Why a pass cannot be kept in the record, a sentence; empty if it can.
    """

    passed: dict
    names: tuple
    why_not_kept: str = ""

    def certificate(self, path):
        """Write an HTML page with the exercises that were passed, the date and the versions, and return its path.

        Args:
            path: Where, such as ``"certificate.html"``. A certificate that is there already is replaced.

        Raises:
            FileExistsError: There is something else, which is left as it is.
            ValueError: Nothing has been passed yet.
            OSError: It cannot be written.
        """
        rows = [(_place(name), self.passed[name]) for name in self.names if name in self.passed]
        if not rows:
            raise ValueError("No exercise has been passed yet, so there is nothing to write down.")
        return write_certificate(path, rows, of=len(self.names))

    def _lessons(self):
        """For each lesson its number, its title, and its exercises as pairs of a word and whether it was passed."""
        for number, title in LESSONS.items():
            mine = [name.partition(".")[2] for name in self.names if name.startswith(f"{number}.")]
            if mine:
                yield number, title, [(word, f"{number}.{word}" in self.passed) for word in mine]

    def _summary(self):
        done = sum(name in self.passed for name in self.names)
        return f"{done} of {len(self.names)} exercises passed."

    def _notice(self):
        """What whoever has passed something should know, if that will not be known tomorrow."""
        here = any(name in self.passed for name in self.names)
        return f"What you pass now is not kept: {self.why_not_kept}" if here and self.why_not_kept else ""

    def __str__(self):
        lines = [self._summary()]
        for number, title, mine in self._lessons():
            marks = "  ".join(f"{_mark(done)} {word}" for word, done in mine)
            lines.append(f"{number} {title:22} {marks}")
        return "\n".join(filter(None, [*lines, self._notice()]))

    __repr__ = __str__

    def _repr_html_(self):
        rows = "".join(
            f'<tr><th scope="row" style="text-align:left">{number} {escape(title)}</th><td style="text-align:left">'
            + " &nbsp; ".join(f"{_mark(done)} {escape(word)}{'' if done else _ASIDE}" for word, done in mine)
            + "</td></tr>"
            for number, title, mine in self._lessons()
        )
        notice = f"<p>{escape(self._notice())}</p>" if self._notice() else ""
        return (
            f'<table><caption style="text-align:left">{self._summary()}</caption><thead><tr>'
            '<th scope="col" style="text-align:left">Lesson</th><th scope="col" style="text-align:left">Exercises</th>'
            f"</tr></thead><tbody>{rows}</tbody></table>{notice}"
        )


#: For whoever hears the table: a circle alone is read aloud as a shape.
_ASIDE = '<span style="position:absolute;clip-path:inset(50%);width:1px;height:1px;overflow:hidden"> (not yet)</span>'


def progress():
    """Show which exercises you have passed, in all lessons and the capstone.

    ``progress().certificate("certificate.html")`` writes that down. `check` keeps what was passed in a file of yours,
    which `webhook_tutorial.exercises.record` describes. Set the environment variable ``WEBHOOK_TUTORIAL_PROGRESS`` to
    another file, or to ``off``.
    """
    passed, why = record.read()
    return Progress(passed, tuple(exercises()), why)


def _mark(done):
    return "✓" if done else "○"


def _place(name):
    """The lesson of an exercise, and its own word."""
    number, _, word = name.partition(".")
    return f"{number} {LESSONS.get(number, '')}".strip(), word
