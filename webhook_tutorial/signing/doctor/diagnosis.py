"""What the doctor says: findings, suspicions, and what was ruled out, as plain text, HTML or data."""

from dataclasses import dataclass, field
from html import escape

from ...look import FAILURE, RECEIVER


@dataclass(frozen=True)
class Finding:
    """A mistake that was found: with it undone, the signature fits.

    Attributes:
        axis: ``"body"``, ``"secret"``, ``"dialect"``, ``"headers"``, ``"time"`` or ``"url"``.
        name: The mistake's name, for programs.
        words: What happened, in a sentence or two.
        cure: What helps, a dictionary: a line for each of Flask, Django, FastAPI, Express and Rails.
        also: The names of other mistakes that leave exactly the same behind, a tuple: it may as well be one of them.
        lesson: Where the lessons show it.
    """

    axis: str
    name: str
    words: str
    cure: dict = field(hash=False)
    also: tuple = ()
    lesson: str = ""

    def __str__(self):
        lines = [f"{self.axis}: {self.words} [{', '.join((self.name, *self.also))}]"]
        ways = {line: [] for line in self.cure.values()}
        for framework, line in self.cure.items():
            ways[line].append(framework)
        for line, frameworks in ways.items():
            who = "everywhere" if len(frameworks) == len(self.cure) > 1 else ", ".join(frameworks)
            lines.append(f"    {who}: {line}")
        return "\n".join([*lines, f"    see {self.lesson}"])


@dataclass(frozen=True)
class Diagnosis:
    """Why a delivery is refused, as far as it can be found out.

    Attributes:
        ok: Whether `verify` accepts the delivery as it is.
        reason: What `verify` says, as in `SignatureError.reason`; ``"secret"`` where it cannot read the secret; empty
            if it says nothing.
        findings: The mistakes that were found, a tuple of `Finding`: with all of them undone, and not with fewer,
            `verify` accepts it.
        suspected: What left a sign and cannot be undone, or was not seen to be the cause; a tuple of sentences.
        ruled_out: The names of the mistakes that were undone, and still nothing fitted; a tuple.
        computations: How many signatures were computed for it.
        complete: Whether all that the doctor knows was tried; a large or deeply nested body allows less.
    """

    ok: bool
    reason: str = ""
    findings: tuple = ()
    suspected: tuple = ()
    ruled_out: tuple = ()
    computations: int = 0
    complete: bool = True

    def _parts(self):
        """Yield headings, each with a list of texts."""
        if self.ok:
            yield "It verifies; nothing to mend.", []
            return
        if self.findings:
            count = len(self.findings)
            together = "" if count == 1 else f" {count} mistakes, all of them together."
            yield f"Refused ({self.reason}). Found:{together}", list(map(str, self.findings))
            return
        yield f"Refused ({self.reason}). No cause was found: nothing that was tried makes the signature fit.", []
        if self.suspected:
            yield "Suspected, from the signs that it left; none of it is proven:", list(self.suspected)
        if self.ruled_out:
            yield "Ruled out, alone and as far as tried in pairs:", [", ".join(self.ruled_out)]
        if not self.complete:
            yield f"Not everything was tried: {self.computations} signatures were computed; more is too much work.", []

    def __str__(self):
        lines = []
        for heading, texts in self._parts():
            lines += [heading, *(f"  - {text}" for text in texts)]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self):
        blocks = []
        for heading, texts in self._parts():
            items = "".join(f'<li style="white-space:pre-wrap">{escape(text)}</li>' for text in texts)
            blocks.append(f"<p>{escape(heading)}</p>" + (f"<ul>{items}</ul>" if items else ""))
        colour = RECEIVER if self.ok else FAILURE
        return f'<div style="border-left:4px solid {colour};padding:4px 8px">{"".join(blocks)}</div>'

    def as_dict(self):
        """The same as dictionaries, lists and texts, for JSON."""
        findings = [
            {
                "axis": f.axis, "name": f.name, "also": list(f.also), "words": f.words, "cure": dict(f.cure),
                "lesson": f.lesson,
            }
            for f in self.findings
        ]  # fmt: skip
        return {
            "ok": self.ok, "reason": self.reason, "findings": findings, "suspected": list(self.suspected),
            "ruled_out": list(self.ruled_out), "computations": self.computations, "complete": self.complete,
        }  # fmt: skip
