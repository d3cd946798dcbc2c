"""What became of a scene that was played."""

from ..look import mark_of, one_line, shortened, visible


class Play:
    """What became of a scene: what `play` returns. ``diagram(play)`` draws it.

    Attributes:
        scene: The `Scene`.
        ok: Whether its promise was kept, and nothing is left undone.
        broken: How it was not, a sentence; else empty. Nobody has looked where the scene has no ``broken``.
        traffic: What crossed the wire, as `Traffic`: deliveries, and what the handler sent.
        services: What each service holds in the end, a list of the JSON that it was sent, by its name.
        tables: The rows of each table of the scene, a list of dictionaries, by its name.
        took: How many minutes after it happened each event was dealt with, by its id.
        errors: What is left undone: the error of each such event as a text, by its id.
        at_first: The tables before the first event.
        early: How often a service was called while a delivery waited for its answer.
        refused: How a stranger's deliveries were answered, pairs of what was wrong with one and a status
            code, or ``"no answer"``.
        called: The minutes in which each service was called, in order, by its name.
    """

    def __init__(self, scene, traffic, services, tables, took, errors, *, at_first, early, refused, called):
        self.scene, self.traffic, self.services, self.tables = scene, traffic, services, tables
        self.took, self.errors, self.early, self.refused, self.called = took, errors, early, refused, called
        self.at_first = at_first
        self.broken = self._verdict()
        self.ok = not self.broken and not self.errors

    def _verdict(self):
        try:
            broken = self.scene.broken(self) if self.scene.broken else ""
        except Exception as error:  # what it looks for may not be there at all
            broken = f"{type(error).__name__} when it was looked for: {error}"
        return broken if isinstance(broken, str) else f"broken= returned {broken!r}: it returns a text." * bool(broken)

    def __repr__(self):
        promise, broken = visible(self.scene.promise), visible(self.broken)
        word = "Broken" if self.broken else "Undone" if self.errors else "Kept" if self.scene.broken else "Not checked"
        mark = mark_of(200 if self.ok else None)[0] if word != "Not checked" else "○"
        first = f"{mark} {word}: {promise}"
        attempts = self.traffic.where(receiver=self.scene.receiver)
        counts = [f"{_many(len(self.scene.events), 'event')}, delivered in {_many(len(attempts), 'attempt')}"]
        for name in self.services:
            calls = self.traffic.where(receiver=name)
            failed = sum(not call.ok for call in calls)
            counts.append(f"{_many(len(calls), 'call')} of {visible(name)}, {failed} failed")
        undone = [f"Not done: {visible(id)}. {one_line(error, 200)}" for id, error in list(self.errors.items())[:5]]
        return "\n".join([first, *([shortened(broken, 600)] if broken else []), "; ".join(counts) + ".", *undone])


def _many(number, word):
    return f"{number} {word}{'' if number == 1 else 's'}"
