"""What every scene must hold, whatever it is about: it is signed, each effect is there once, and in time."""

from dataclasses import dataclass, replace

from .stage import check_arguments, perform
from .stage import receiver as receiver_of_the_bench

#: For how many minutes a service is down in a trial, at the most.
_DOWN = 10


@dataclass(frozen=True)
class Trial:
    """One trial of a scene: ``name`` is ``"signed"``, ``"once"`` or ``"in time"``, ``wrong`` what was, or empty."""

    name: str
    wrong: str = ""

    @property
    def ok(self):
        """Whether the scene held."""
        return not self.wrong


def trials(scene, handle, receiver=receiver_of_the_bench):
    """Play a scene again and again, each time with another trouble, and say what it held; a list of three `Trial`.

    * **signed**: what a stranger sends is refused with 401, and leaves nothing behind.
    * **once**: whatever comes twice is there once: each delivery, and each answer of a service that knows
      ``Idempotency-Key`` (with one that knows none, nobody can tell a lost answer from a lost request).
    * **in time**: no work is done before the answer, and with each service down when it is called first, everything is
      done in `Scene.within` minutes, with the same effects.

    Its own troubles are left out. Where nothing comes of it, each of the three says so. An effect is what the services
    and the tables hold in the end, in any order.

    Args:
        scene, handle, receiver: As for `play`.

    Raises:
        TypeError, ValueError: As for `play`.
    """
    check_arguments(scene, handle, receiver)
    calm = {name: replace(service, down=(), lost=()) for name, service in scene.services.items()}
    quiet = replace(scene, late=(), twice=(), services=calm)
    plain = perform(quiet, handle, receiver)
    if _effects(plain) == _effects(plain, plain.at_first):
        wrong = f"Nothing came of it, even without any trouble. {_undone(plain) or 'Does the handler do anything?'}"
        return [Trial(name, wrong) for name in ("signed", "once", "in time")]
    return [
        Trial("signed", _signed(quiet, handle, receiver, plain)),
        Trial("once", _once(quiet, handle, receiver, plain)),
        Trial("in time", _in_time(quiet, handle, receiver, plain)),
    ]


def _signed(scene, handle, receiver, plain):
    forged = perform(scene, handle, receiver, forge=True)
    answers = sorted({str(status) for status in forged.refused} - {"401"})
    if answers:
        return f"A delivery that somebody else has signed was answered with {', '.join(answers)}: 401 refuses it."
    return _other(plain, forged, "With deliveries that somebody else has signed")


def _once(scene, handle, receiver, plain):
    numbers = tuple(range(1, len(scene.events) + 1))
    doubled = perform(replace(scene, twice=numbers), handle, receiver)
    if wrong := _other(plain, doubled, "With each delivery twice"):
        return wrong
    for name, service in scene.services.items():
        if service.knows_keys:
            every = tuple(range(1, len(plain.services[name]) + 1))
            lost = scene.services | {name: replace(service, lost=every)}
            play = perform(replace(scene, services=lost), handle, receiver)
            if wrong := _other(plain, play, f"With each answer of {name} lost once"):
                return wrong
    return ""


def _in_time(scene, handle, receiver, plain):
    if plain.early:
        return "A service was called while a delivery still waited for its answer: answer first, then work."
    if wrong := _slow(plain, "Without any trouble"):
        return wrong
    pause = min(_DOWN, scene.within / 4)
    for name, first in plain.called.items():
        down = scene.services | {name: replace(scene.services[name], down=((first, first + pause),))}
        when = f"With {name} down for {pause:g} minutes"
        play = perform(replace(scene, services=down), handle, receiver)
        if wrong := _other(plain, play, when) or _slow(play, when):
            return wrong
    return ""


def _slow(play, when):
    if play.errors:
        return f"{when}, {len(play.errors)} of {len(play.scene.events)} events were not dealt with. {_undone(play)}"
    longest = max(play.took.values(), default=0)
    if longest > play.scene.within:
        return f"{when}, an event took {longest:.0f} minutes, and {play.scene.within:g} are promised."
    return ""


def _undone(play):
    return "".join(f"The first error: {error}" for error in list(play.errors.values())[:1])


def _effects(play, held=None):
    """What the services and the tables hold in the end, or what is handed in, as sorted texts."""
    held = [*play.services.items(), *play.tables.items()] if held is None else held.items()
    held = [(name, one) for name, all in held for one in all]
    return sorted(f"{name}: {entry}" for name, entry in held)


def _other(plain, play, when):
    """How the effects of two plays differ, a sentence, or an empty text."""
    before, after = _effects(plain), _effects(play)
    more, less = list(after), []
    for effect in before:
        more.remove(effect) if effect in more else less.append(effect)
    if not more and not less:
        return ""
    words = [f"there is one more {effect}" for effect in more[:1]] + [f"there is no {effect}" for effect in less[:1]]
    return f"{when}, {' and '.join(words)}."
