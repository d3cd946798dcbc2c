"""What the capstone tries beyond the scorecard: it knows what each type of event asks for, and it may kill the program.

The scorecard knows of no provider which of its events are to be worked on, repeats few pairs, and leaves alive what
somebody else has started. Each trial returns what is red, in plain words, or an empty text.

Two ends of one rental with different ids are not tried: the page does not say whether a rental can end twice.
"""

import contextlib
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path

from ..answers import ok
from ..operations.scorecard.accepts import in_words
from ..operations.scorecard.bench import Bench, NotTried
from ..operations.scorecard.deliveries import Maker
from ..operations.scorecard.effects import Effects
from ..operations.scorecard.events import UNKNOWN
from ..operations.scorecard.target import target
from .engine import Wrong
from .puddlewick import PATIENCE, PUDDLEWICK

#: How many events come in one moment, how often each, and how often that is repeated.
EVENTS, TIMES, ROUNDS = 5, 4, 8
#: How often the program is killed; after how many answers, over how many connections, and how many there are to send.
KILLS, ANSWERED, AT_ONCE, MOST_SENT = 2, 12, 8, 100
#: How long an effect is waited for, in seconds: longer than a claim of a killed worker holds (see `capstone`).
WAIT = 2 * PATIENCE


def try_beyond(url, secret, programs, database):
    """Try each, up to the first that is red.

    Args:
        url: The receiver's, without a path.
        secret: What it verifies with.
        programs: Each `Program` that was started, the receiver first.
        database: The path that ``DATABASE`` names.

    Returns:
        What is red in words, empty if nothing is, and the report's lines.

    Raises:
        Wrong: A program does not start again.
        ValueError: There is no number at ``/effects`` any more.
    """
    where, effects = target(f"{url}/webhook"), target(f"{url}/effects")
    trials = {
        "What each type of event asks for is done, and nothing else.": _types,
        f"{EVENTS} events that come {TIMES} times each in one moment are done once each.": _crowd,
        "Two kills lost nothing that was answered, and nothing was done twice after them.": partial(_kill, programs),
        "The database stands where DATABASE says.": partial(_database, Path(database)),
    }
    lines = ["", "Beyond the scorecard"]
    for title, trial in trials.items():
        bench = Bench(where, Maker(PUDDLEWICK, secret, where.url), Effects(effects), patience=PATIENCE, most=1000)
        try:
            words = trial(bench)
        except NotTried:
            words = f"There was no time for this: {title} Is your program slow, or this computer busy?"
        lines += [f"{'✗' if words else '✓'} {title}"]
        if words:
            return words, lines
    return "", lines


def _of(bench, event_type, rental=None):
    """A new event of a type, perhaps of a rental that is known."""
    event = bench.maker.event()
    data = event.body["data"] | ({"rental": rental} if rental else {})
    return replace(event, body=event.body | {"event_type": event_type, "data": data})


def _send(bench, event):
    return bench.send(bench.maker.delivery(event))


# --- What each type asks for --------------------------------------------------------------------------------

_NOTHING = ("rental.started", "rental.lost", UNKNOWN)


def _types(bench):
    before, end = bench.effects.settled(), bench.maker.event()
    rental = end.body["data"]["rental"]
    for event_type in _NOTHING:  # whether a deposit that was kept can be paid back, the page does not say
        event = _of(bench, event_type, None if event_type == "rental.lost" else rental)
        found = _send(bench, event)
        if not ok(found.status):
            return f"{_named(event_type)} is refused ({found.outcome}). The page asks you to accept it."
    if bench.effects.after(before, most=0.5) != before:
        return _paid_for(bench)
    found = _send(bench, end)
    if not ok(found.status):
        return f"The end of a rental is refused after its start has come ({found.outcome})."
    paid = bench.effects.after(before + 1, WAIT) - before
    if paid < 1:
        return (
            "The end of a rental pays nothing back after its start has come. data.rental is the same in all events of "
            "a rental: by which id does your program know an event again?"
        )
    return "" if paid == 1 else f"The end of one rental pays {paid} deposits back."


def _named(event_type):
    return f"An event of the type {event_type}" if event_type != UNKNOWN else "An event of an unknown type"


def _paid_for(bench):
    """Say for which of them it is that a deposit is paid back."""
    for event_type in _NOTHING:
        before = bench.effects.settled()
        _send(bench, _of(bench, event_type))
        if bench.effects.after(before + 1, most=1) > before:
            one = event_type if event_type != UNKNOWN else "an event of an unknown type"
            return f"A deposit was paid back for {one}. Read under Events what is to be done, and for which type."
    return "A deposit was paid back, though no umbrella was brought back. Read under Events what is to be done."


# --- In one moment ------------------------------------------------------------------------------------------

#: Said by the scorecard's check of the same name, too: which of the two finds it is chance.
SAME_MOMENT = (
    "An event that came more than once in one moment was not taken as it should be. Between a look and a write there "
    "is room for another (lesson 06)."
)


def _crowd(bench):
    before = bench.effects.settled()
    for _ in range(ROUNDS):
        events, barrier = [bench.maker.event() for _ in range(EVENTS)], threading.Barrier(EVENTS * TIMES)
        deliveries = [bench.maker.delivery(event) for event in events for _ in range(TIMES)]
        found = bench.together([partial(_at_once, bench, delivery, barrier) for delivery in deliveries])
        broken = [one for one in found if one.status is None or (one.status >= 500 and one.status != 503)]
        if broken:
            return f"{SAME_MOMENT} Seen: {in_words(broken)}."
        for event, first in zip(events, range(0, len(found), TIMES), strict=True):
            if not any(ok(one.status) for one in found[first : first + TIMES]):  # all were put off: it comes again
                _send(bench, event)
    expected = ROUNDS * EVENTS
    done = bench.effects.after(before + expected, WAIT) - before
    return "" if done == expected else f"{SAME_MOMENT} For {expected} ends of rentals, {done} deposits were paid back."


def _at_once(bench, delivery, barrier):
    """Send a delivery; its last byte waits until the others are as far."""

    def gate():
        with contextlib.suppress(threading.BrokenBarrierError):  # one of them has no connection
            barrier.wait(timeout=bench.patience)

    return bench.send(delivery, gate=gate)


# --- A kill -------------------------------------------------------------------------------------------------


def _kill(programs, bench):
    known = bench.maker.event()
    _send(bench, known)
    for _ in range(KILLS):
        if words := _kill_once(programs, bench, known):
            return words
    return ""


def _kill_once(programs, bench, known):
    before = bench.effects.settled()
    sent, answered = _killed_while_sent(programs, bench)
    for program in programs:
        try:
            program.restart()
        except RuntimeError as error:
            raise Wrong(f"After it was killed it did not start again with the same DATABASE. {error}.") from None
    done = bench.effects.after(before + answered, WAIT)
    if done < before:
        return (
            "When your program was killed and started again, it had forgotten what it had paid back: what only its "
            "memory holds is gone. Keep it in the file that DATABASE names."
        )
    if done < before + answered:
        return f"{_LOST} Commit what you promise before you answer (lesson 06)."
    if _again(bench, [known], done) > done:
        return (
            "After a restart, an event was paid back again that had been answered before: your program remembers ids "
            "in its memory. Keep them in the file that DATABASE names."
        )
    total = _again(bench, sent, before + len(sent))
    if total < before + len(sent):
        return f"{_LOST} Its id was remembered, and nothing else: put both into one transaction (lesson 06)."
    if total > before + len(sent):
        return (
            "After a kill, a deposit was paid back twice: it was paid, and its id was not remembered yet. Put both "
            "into one transaction (lesson 06)."
        )
    return ""


_LOST = "A deposit was never paid back, because your program was killed between two steps."


def _killed_while_sent(programs, bench):
    """Send one event after the other over several connections, and kill the programs in the midst of it.

    Returns:
        The events that were sent, a list, and how many of them were answered with 2xx.
    """
    waiting = [(event, bench.maker.delivery(event)) for event in (bench.maker.event() for _ in range(MOST_SENT))]
    sent, answered, enough, over = [], [], threading.Event(), threading.Event()

    def send():
        while waiting and not over.is_set():
            event, delivery = waiting.pop()
            sent.append(event)
            found = bench.send(delivery)
            if ok(found.status):
                answered.append(event)
            if len(answered) >= ANSWERED:
                enough.set()
            if found.status is None:
                return

    def kill():
        enough.wait(PATIENCE)
        for program in programs:  # while they are at work: whoever sends goes on
            program.kill()
        over.set()

    bench.together([kill, *[send] * AT_ONCE])
    return sent, len(answered)


def _again(bench, events, expected):
    """Send the events once more, as a sender does that has heard nothing, and return the number of effects."""
    for event in events:
        _send(bench, event)
    return bench.effects.after(expected, WAIT)


def _database(path, bench):
    if path.exists():
        return ""
    return (
        "There is no file where DATABASE says: your program keeps its data elsewhere, and another run finds it there."
    )
