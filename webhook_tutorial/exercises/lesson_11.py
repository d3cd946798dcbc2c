"""Exercises of lesson 11: a line for a log, an alert with two windows, and a bad afternoon: its cause, and its rescue."""

import json

from .engine import Exercise, Wrong

# --- log_line -----------------------------------------------------------------------------------------------

_PERSON = "ada@example.com"
_SOUND = {"id": "evt_1", "event_type": "order_placed", "data": {"number": 7}}


def _test_line(log_line):
    got = _line(log_line, _SOUND, 204)
    wanted = {"delivery": "evt_1", "event_type": "order_placed", "status": 204}
    if got != wanted:
        raise Wrong(f"For a sound event and 204 the line holds {got}: it should hold {wanted}.")
    if (got := _line(log_line, _SOUND, None)) != wanted | {"status": None}:
        raise Wrong(f"Without an answer the status is None, and the line holds {got}.")
    got = _line(log_line, _SOUND | {"data": {"email": _PERSON}, "note": _PERSON}, 500)
    if _PERSON in str(got):
        raise Wrong("An e-mail address from the event is in the line: write the three fields, and nothing else.")
    for odd, what in (
        (_PERSON, "an e-mail address"),
        ('evt_1\n{"delivery": "evt_2"}', "a line break, and with it a second, forged line"),
        ("evt_1\n", "a line break at its end"),
        ("e" * 65, "65 characters"),
        ("", "nothing"),
        ("évt_1", "a letter beyond ASCII"),
        (["evt_1"], "a list"),
        (None, "None"),
    ):
        for field, name in (("id", "delivery"), ("event_type", "event_type")):
            if (got := _line(log_line, _SOUND | {field: odd}, 204).get(name)) != "•••":
                raise Wrong(f"An {field} that is {what} became {got!r}: what does not look like an id is '•••'.")
    for field, name in (("id", "delivery"), ("event_type", "event_type")):
        event = {key: value for key, value in _SOUND.items() if key != field}
        if (got := _line(log_line, event, 204).get(name)) != "•••":
            raise Wrong(f"An event without {field} gave {got!r} for {name}: it is '•••'.")


def _line(log_line, event, status):
    try:
        line = log_line(dict(event), status)
    except Exception as error:
        raise Wrong(f"It raised {type(error).__name__} for {event!r}: a log must not stop what it tells of.") from None
    if not isinstance(line, str):
        raise Wrong(f"It returned {line!r}: a line is a text.")
    if len(line.splitlines()) != 1:
        raise Wrong(f"It returned {len(line.splitlines())} lines for {event!r}.")
    try:
        found = json.loads(line)
    except ValueError:
        raise Wrong(f"{line!r} is no JSON: json.dumps writes it.") from None
    if not isinstance(found, dict):
        raise Wrong(f"{line!r} is no object of JSON.")
    return found


# --- rings --------------------------------------------------------------------------------------------------


def _test_rings(rings):
    steady, hour = [10] * 200, range(100, 160)
    down = [5 if minute in hour else 0 for minute in range(200)]
    _says(rings, steady, [0] * 200, 150, False, "Nothing has failed")
    _says(rings, steady, down, 159, True, "Half of all attempts have failed for an hour")
    _says(rings, steady, down, 104, False, "Five bad minutes are half of the short window, and 4 % of the hour")
    _says(rings, steady, down, 165, False, "The fault has been over for six minutes, and the last five are well")
    _says(
        rings,
        steady,
        [1 if minute in hour else 0 for minute in range(200)],
        159,
        False,
        "Exactly a tenth fails, and not more",
    )
    _says(rings, [2] * 200, [1] * 200, 199, True, "Ten attempts in five minutes are enough, and half of them fail")
    _says(rings, [1] * 200, [1] * 200, 199, False, "Five attempts in five minutes are too few to wake anybody")
    _says(rings, [50] * 200, [25] * 200, 4, True, "The record begins at minute 0, and half has failed since")
    _says(rings, [0] * 200, [0] * 200, 199, False, "No attempt was made at all")
    _says(rings, steady, down, 112, True, "The thirteenth bad minute: 65 of the hour's 600 have failed")


def _says(rings, attempts, failed, minute, wanted, words):
    try:
        got = rings(list(attempts), list(failed), minute)
    except Exception as error:
        raise Wrong(f"It raised {type(error).__name__} at minute {minute}. {words}. ({error})") from None
    if not isinstance(got, bool):
        raise Wrong(f"It returned {got!r}: True or False.")
    if got is not wanted:
        raise Wrong(f"At minute {minute} it returned {got}. {words}.")


# --- The afternoon ------------------------------------------------------------------------------------------

_CAUSE, _WHERE = "secret", {"crm", "reports"}
_NOT = {
    "release": "A release that spoils events is refused by all, with 400: one event was, by one endpoint.",
    "network": "The line was down, at all five at once, and for twenty minutes: what failed then arrived at a later attempt.",
    "receiver": "A receiver was down, for half an hour: what failed then arrived at a later attempt.",
}


def _test_cause(report):
    if not isinstance(report, dict) or set(report) != {"cause", "endpoints"}:
        raise Wrong("Keep both lines as they are, and write your answers behind the colons.")
    cause, endpoints = report["cause"], report["endpoints"]
    if cause not in ("secret", *_NOT):
        raise Wrong(f"The cause is one of the four words, not {cause!r}.")
    if cause != _CAUSE:
        raise Wrong(_NOT[cause])
    if isinstance(endpoints, str) or not all(isinstance(one, str) for one in endpoints):
        raise Wrong("endpoints is a list of names.")
    named = {one.partition(".")[0] for one in endpoints}
    if missing := _WHERE - named:
        raise Wrong(
            f"The cause is right. It has lost events at {len(_WHERE)} endpoints, and {len(missing)} is not in your list."
        )
    if more := sorted(named - _WHERE):
        raise Wrong(f"The cause is right, and {more[0]} has lost nothing to it.")


def _test_rescue(rescue):
    from ..scenes.afternoon import Afternoon

    afternoon = Afternoon()
    sender = afternoon.sender
    lost = [d for d in sender.dead if d.attempts[-1].status == 401]
    before = {delivery: len(delivery.attempts) for delivery in sender.deliveries}
    try:
        rescue(sender)
        sender.run()
    except Exception as error:
        raise Wrong(f"It raised {type(error).__name__}. ({error})") from None
    missed = [d for d in lost if d.state != "delivered"]
    doubled = [d for d in sender.deliveries if sum(a.status == 204 for a in d.attempts) > 1]
    others = [d for d in sender.deliveries if d not in lost and len(d.attempts) > before.get(d, 0) and d not in doubled]
    if len(sender.deliveries) != len(before):
        raise Wrong("There are new deliveries: redeliver keeps the id, and whoever has had it can tell.")
    if len(missed) == len(lost):
        raise Wrong(f"{len(lost)} deliveries were lost to the cause, and none of them has arrived.")
    if missed:
        raise Wrong(
            f"Of {len(lost)} that were lost, {len(missed)} have still not arrived, {_names(missed)} among them."
        )
    if doubled:
        raise Wrong(f"{_names(doubled)} had arrived already, and now twice.")
    if others:
        raise Wrong(
            f"{_names(others)} was sent once more, and was not lost to the cause: it was refused with 400, and is again."
        )


def _names(deliveries):
    return f"{deliveries[0].id} → {deliveries[0].url.split('//')[1].partition('/')[0]}"


EXERCISES = [
    Exercise(
        name="11.line",
        test=_test_line,
        hints=(
            "json.dumps({...}) of three fields that you name: what you do not name cannot get in.",
            'A function for both texts: re.fullmatch(r"[A-Za-z0-9_.:-]{1,64}", value) says whether it may stand there.',
            "event.get(...) gives None where a field is missing, and isinstance(value, str) comes before the pattern.",
        ),
        solution='''
import json
import re

def shown(value):
    fits = isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_.:-]{1,64}", value)
    return value if fits else "•••"

def log_line(event, status):
    return json.dumps({
        "delivery": shown(event.get("id")),
        "event_type": shown(event.get("event_type")),
        "status": status,
    })
''',
        answer="log_line",
        praise="Three fields, whatever came in: no body, no forged line, and nobody's address.",
    ),
    Exercise(
        name="11.rings",
        test=_test_rings,
        hints=(
            "One function for a window of n minutes, asked twice: for 60 and for 5.",
            "The last n minutes, this one included: attempts[max(0, minute + 1 - n) : minute + 1].",
            "In a window: sum of attempts >= 10, and sum of failed > 0.1 * sum of attempts.",
        ),
        solution='''
def rings(attempts, failed, minute):
    def burns(n):
        window = slice(max(0, minute + 1 - n), minute + 1)
        made = sum(attempts[window])
        return made >= 10 and sum(failed[window]) > 0.1 * made
    return burns(60) and burns(5)
''',
        answer="rings",
        praise="It rings while it matters, stops when it is over, and lets you sleep through a blip.",
    ),
    Exercise(
        name="11.cause",
        test=_test_cause,
        hints=(
            "Count the log's lines by endpoint and status. Which failures ended in a dead letter, and which in a 204 later?",
            'Counter((line["endpoint"], line.get("status")) for line in afternoon.log if line["event"] == "attempt")',
            "401 is the answer to a signature that does not fit. At which endpoints, and since when?",
        ),
        solution='report = {"cause": "secret", "endpoints": ["crm", "reports"]}',
        answer="report",
        praise="401, at two endpoints, from one moment on: what else failed has arrived since.",
    ),
    Exercise(
        name="11.rescue",
        test=_test_rescue,
        hints=(
            "sender.dead holds the dead letters, and sender.redeliver(delivery) puts one in line again.",
            "delivery.attempts[-1].status is the last answer. What was refused with 400 would be refused again.",
        ),
        solution='''
def rescue(sender):
    for delivery in sender.dead:
        if delivery.attempts[-1].status == 401:
            sender.redeliver(delivery)
    sender.run()
''',
        answer="rescue",
        praise="All that was lost has arrived, once, and nothing else was sent.",
    ),
]  # fmt: skip
