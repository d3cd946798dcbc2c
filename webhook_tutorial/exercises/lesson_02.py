"""Exercises of lesson 02: validate, dispatch, and a whole receiver, tried with real deliveries."""

import json

import requests

from ..lab.server import serve
from .engine import Exercise, Wrong

#: How long an answer may take, in seconds.
_PATIENCE = 5

_GOOD = {"event_type": "user_signup", "data": {"user": "JohnDoe"}}


def _test_validate(problem_with):
    good = {"number": 7, "amount": 4990}
    for data, words in (
        (good, "a good payment"),
        (good | {"currency": "EUR"}, "a good payment with one more field"),
        ({"number": 1, "amount": 1}, "the smallest payment: number 1, amount 1"),
    ):
        try:
            problem = problem_with(dict(data))
        except Exception as error:
            raise Wrong(f"It raised {type(error).__name__} for {words}.") from None
        if problem is not None:
            raise Wrong(f"It found a problem with {words}: return None for it.")
    cases = (
        ({"number": 7}, "data without amount"),
        ({"amount": 4990}, "data without number"),
        (good | {"amount": None}, "an amount that is null"),
        (good | {"amount": "4990"}, "an amount that is a text"),
        (good | {"amount": 49.9}, "an amount that is not whole: 49.9"),
        (good | {"amount": 0}, "an amount of 0"),
        (good | {"number": -7}, "a number below 0"),
        (good | {"amount": True}, "an amount that is true"),
        (good | {"number": [7]}, "a number that is a list"),
        (good | {"number": True}, "a number that is true"),
        (good | {"number": 7.5}, "a number that is not whole: 7.5"),
        (good | {"number": "7"}, "a number that is a text"),
        (good | {"number": 0}, "a number of 0"),
        (good | {"amount": -4990}, "an amount below 0"),
    )
    for data, words in cases:
        try:
            problem = problem_with(dict(data))
        except Exception as error:
            raise Wrong(f"It raised {type(error).__name__} for {words}; problem_with must survive any data.") from None
        if problem in (None, ""):
            more = " To Python true is the number 1: ask for bool as well." if "true" in words else ""
            raise Wrong(f"It let through {words}.{more}")
        if not isinstance(problem, str):
            raise Wrong(f"For {words} it returned {problem!r}: return a sentence that helps the sender.")


def _test_dispatch(handle):
    expected = {
        "user_signup": ("welcomed", {"user": "JohnDoe"}),
        "order_placed": ("packed", {"order": 7}),
        "payment_received": ("booked", {"order": 7, "amount": 450}),
    }
    for event_type, (word, data) in expected.items():
        got = handle({"event_type": event_type, "data": data})
        if got is None:
            raise Wrong(f"For {event_type} your function returned nothing.")
        if isinstance(got, (list, tuple)):
            raise Wrong(f"One event must have one action, and {event_type} had {len(got)}: does each branch end?")
        if got != word:
            raise Wrong(f"For {event_type} the action is {word!r}, and your function returned {got!r}.")
    try:
        unknown = handle({"event_type": "coupon_printed", "data": {}})
    except Exception as error:
        raise Wrong(f"An event type it does not know made it raise {type(error).__name__}: return 'ignored'.") from None
    if handle({"event_type": "order_cancelled", "data": {}}) == "packed":
        raise Wrong("order_cancelled was packed: compare the whole event_type, not a part of it.")
    if unknown != "ignored":
        raise Wrong(f"An event type it does not know gave {unknown!r}; it should be 'ignored'.")


def _test_receiver(app):
    if not callable(app) or not hasattr(app, "route"):
        raise Wrong("my_app must be a Flask app.")
    with serve(_as_elsewhere(app), name="exercise receiver") as server:
        url = server.url + "/webhook"
        large = json.dumps(_GOOD | {"padding": "x" * 20_000}).encode()
        json_type = {"Content-Type": "application/json"}
        for wanted, words, how in (
            (2, "a good event", {"json": _GOOD}),
            (2, "a good event of 5,000 bytes", {"json": _GOOD | {"padding": "x" * 5_000}}),
            (2, "an unknown event_type", {"json": {"event_type": "coupon_printed", "data": {}}}),
            (400, "a body that is not JSON", {"data": b'{"event_type": ', "headers": json_type}),
            (400, "9,000 opening brackets", {"data": b"[" * 9_000, "headers": json_type}),
            (400, "an event without event_type", {"json": {"data": {}}}),
            (400, "a list instead of an object", {"json": [1, 2]}),
            (415, "a form instead of JSON", {"data": {"event_type": "user_signup"}}),
            (413, "a body of 20,000 bytes", {"data": large, "headers": json_type}),
            (413, "20,000 bytes in chunks", {"data": iter((large[:9_000], large[9_000:])), "headers": json_type}),
            (405, "a GET", {"method": "GET"}),
        ):
            method = how.pop("method", "POST")
            try:
                answer = requests.request(method, url, timeout=_PATIENCE, allow_redirects=False, **how)
            except requests.Timeout:
                raise Wrong(f"It has not answered {words} for {_PATIENCE} seconds: no sender waits for ever.") from None
            code = answer.status_code
            if code == 500:
                raise Wrong(f"It answered 500 ({server.traffic[-1].error or 'an exception'}) to {words}.")
            if code == 404 and words == "a good event":
                raise Wrong("Nothing is there at POST /webhook: it answered 404 to a good event.")
            if wanted == 2 and code // 100 != 2:
                why = " Accept and ignore it, or the sender may try again and again." if "unknown" in words else ""
                raise Wrong(
                    f"{words[0].upper()}{words[1:]} got {code}; a sender reads anything but 2xx as failure.{why}"
                )
            if wanted == 413 and code != wanted and "chunks" in words:
                raise Wrong(
                    f"{words} got {code} instead of 413. In chunks a body names no length: look at how much has come."
                )
            if wanted > 2 and code != wanted:
                raise Wrong(f"{words[0].upper()}{words[1:]} should get {wanted}, and it got {code}.")
            if wanted > 2 and method == "POST" and not _explains(answer):
                raise Wrong(f'{code} is right for {words}. Say in JSON what was wrong, too: {{"error": ...}}.')


def _as_elsewhere(app):
    """Hand over a body in chunks as Gunicorn and Werkzeug do: with an end, and without the length that `serve` adds."""

    def elsewhere(environ, start_response):
        if environ.get("wsgi.input_terminated"):
            environ.pop("CONTENT_LENGTH", None)
        return app(environ, start_response)

    return elsewhere


def _explains(answer):
    try:
        return bool(answer.json()["error"])
    except (ValueError, KeyError, TypeError):
        return False


EXERCISES = [
    Exercise(
        name="02.validate",
        test=_test_validate,
        hints=(
            "data.get(\"amount\") gives None where the field is missing; isinstance(..., int) settles None, texts and 49.9.",
            "To Python True is an int: ask isinstance(value, bool) as well. Compare with 0 last, when it is sure to be a number.",
        ),
        solution='''
def problem_with(data):
    for field in ("number", "amount"):
        value = data.get(field)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            return f"{field} must be a whole number above 0"
    return None
''',
        answer="problem_with",
        praise="What would have failed in the worker is refused now, while the sender is still there to hear why.",
    ),
    Exercise(
        name="02.dispatch",
        test=_test_dispatch,
        hints=(
            "A dictionary from event_type to what to do reads better than a chain of ifs.",
            '{"user_signup": "welcomed", ...}.get(event["event_type"], "ignored")',
        ),
        solution='''
ACTIONS = {
    "user_signup": "welcomed",
    "order_placed": "packed",
    "payment_received": "booked",
}

def handle(event):
    return ACTIONS.get(event["event_type"], "ignored")
''',
        answer="handle",
        praise="One action for each event, and a new event type at the sender breaks nothing here.",
    ),
    Exercise(
        name="02.receiver",
        test=_test_receiver,
        hints=(
            "Start from the receiver of this lesson. Which of the eleven deliveries does yours answer otherwise?",
            "@my_app.errorhandler(HTTPException) turns Flask's own 400, 405, 413 and 415 into JSON in one place.",
            'my_app.config["MAX_CONTENT_LENGTH"] = 10_001 keeps Flask from reading more; len(request.get_data()) tells the rest.',
        ),
        solution='''
from flask import Flask, abort, request
from werkzeug.exceptions import HTTPException

my_app = Flask("my receiver")
my_app.config["MAX_CONTENT_LENGTH"] = 10_001

@my_app.errorhandler(HTTPException)
def explain(error):
    return {"error": error.name}, error.code

@my_app.post("/webhook")
def webhook():
    if len(request.get_data()) > 10_000:
        abort(413)
    try:
        event = request.get_json()
    except RecursionError:
        abort(400)
    if not isinstance(event, dict) or not isinstance(event.get("event_type"), str):
        return {"error": "an event is a JSON object with an event_type"}, 400
    return {"received": event["event_type"]}
''',
        answer="my_app",
        praise="Eleven deliveries, eleven right answers, and never a 500.",
    ),
]  # fmt: skip
