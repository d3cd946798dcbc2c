"""What every scene must hold, whatever it is about: it is signed, each effect is there once, and in time."""

from dataclasses import dataclass, replace

from .scene import LONGEST, time_of_day
from .stage import check_arguments, perform
from .stage import receiver as receiver_of_the_bench

#: For how many minutes a service is down in a trial, at the most.
_DOWN = 10

#: How many outages of one service are tried, each alone.
_OUTAGES = 10

#: A secret that no receiver has in its source: an example.
_FRESH = "whsec_" + "QW5vdGhlciBvbmUh" * 2


NAMES = ("signed", "once", "in time")


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

    * **signed**: what somebody else has signed, what nobody has, and what was changed on the way is refused with 401,
      and leaves nothing behind.
    * **once**: each effect is there once, although each delivery comes twice, and to a receiver that has been started
      again; and although each answer of a service that knows ``Idempotency-Key`` is lost once. (With one that knows
      none, nobody can tell a lost answer from a lost request.)
    * **in time**: no service is called before the answer; and although each service is down for a while when it is
      called, everything is done in `Scene.within` minutes, and the promise is kept, or, where nothing checks it, the
      effects are the same.

    Its own troubles are left out. Effects are what the services and the tables hold in the end. Where nothing comes of
    it, each of the three says so.

    Args:
        scene, handle, receiver: As for `play`.

    Raises:
        TypeError, ValueError: As for `play`.
    """
    check_arguments(scene, handle, receiver)
    calm = {name: replace(service, down=(), lost=()) for name, service in scene.services.items()}
    quiet = replace(scene, late=(), twice=(), services=calm)
    plain = perform(quiet, handle, receiver)
    if plain.tables == plain.at_first and not any(plain.services.values()):
        wrong = (
            f"Nothing came of it, even without any trouble. {_undone(plain) or 'Does the handler do anything?'}"
            + _clock(plain)
        )
        return [Trial(name, wrong) for name in NAMES]
    if plain.broken:
        return [Trial(name, f"Even without any trouble the promise is broken. {plain.broken}") for name in NAMES]
    return [
        Trial("signed", _signed(quiet, handle, receiver, plain)),
        Trial("once", _once(quiet, handle, receiver, plain)),
        Trial("in time", _in_time(quiet, handle, receiver, plain)),
    ]


def _signed(scene, handle, receiver, plain):
    forged = perform(replace(scene, secret=_FRESH), handle, receiver, forge=True)
    for wrong, status in forged.refused:
        if status != 401:
            return f"A delivery {wrong} was answered with {status}: 401 refuses it."
    return _otherwise(plain, forged, "With another secret at both ends, and a stranger's deliveries in between")


def _once(scene, handle, receiver, plain):
    numbers = tuple(range(1, len(scene.events) + 1))
    doubled = perform(replace(scene, twice=numbers), handle, receiver, restarts=True)
    if wrong := _otherwise(plain, doubled, "With each delivery twice, and a receiver that is started again"):
        return wrong
    for name, service in scene.services.items():
        if service.knows_keys:
            lost = scene.services | {name: replace(service, lost=((0, 2 * LONGEST),))}
            play = perform(replace(scene, services=lost), handle, receiver)
            if wrong := _otherwise(plain, play, f"With each answer of {name} lost once"):
                new = " A call without an Idempotency-Key is a new one each time."
                return wrong + new * (len(play.services[name]) > len(plain.services[name]))
    return ""


def _in_time(scene, handle, receiver, plain):
    if plain.early:
        return "A service was called while a delivery still waited for its answer: answer first, then work."
    if wrong := _slow(plain, "Without any trouble"):
        return wrong
    pause = min(_DOWN, scene.within / 4)
    for name, begin in _outages(plain.called, pause):
        down = replace(scene.services[name], down=((begin, begin + pause),), down_status=504)
        when = f"With {name} down for {pause:g} minutes at {time_of_day(begin)}"
        play = perform(replace(scene, services=scene.services | {name: down}), handle, receiver)
        wrong = _broken(play, when) if scene.broken else _otherwise(plain, play, when)
        if wrong := wrong or _slow(play, when):
            return wrong
    return ""


def _outages(called, pause):
    """Yield when each service is down, so that each of the first minutes in which it is called comes into one."""
    for name, minutes in called.items():
        end, outages = -1, 0
        for minute in minutes:
            if minute >= end and outages < _OUTAGES:
                end, outages = minute + pause, outages + 1
                yield name, minute


def _slow(play, when):
    if play.errors:
        return f"{when}, {len(play.errors)} of {len(play.scene.events)} events were not dealt with. {_undone(play)}"
    longest = max(play.took.values(), default=0)
    if longest > play.scene.within:
        return f"{when}, an event took {longest:.0f} minutes, and {play.scene.within:g} are promised."
    return ""


def _undone(play):
    return "".join(f"The first error: {error}" for error in list(play.errors.values())[:1])


def _clock(play):
    """A hint, where the receiver has refused all that was genuine, without any trouble."""
    refused = [error for error in play.errors.values() if error.startswith("Not delivered") and "401" in error]
    return " Does verify have clock=stage.clock?" if len(refused) == len(play.scene.events) else ""


def _broken(play, when):
    return f"{when}: {play.broken}" if play.broken else ""


def _otherwise(plain, play, when):
    """How there are more or fewer effects than without trouble, or how the promise was broken; or an empty text."""
    for before, after in ((plain.services, play.services), (plain.tables, play.tables)):
        for name, held in before.items():
            if (now := len(after.get(name, ()))) != len(held):
                words = _undone(play) if now < len(held) else ""
                return f"{when}, {name} holds {now} instead of {len(held)}. {words}".rstrip()
    return _broken(play, when)
