"""Exercises of lesson 07: an endpoint that proves itself, a policy that disables, a reader of two versions."""

from flask import Flask

from .engine import Exercise, Wrong

_TOKEN = "my-token"


def _test_endpoint(webhook):
    app = Flask("exercise endpoint")
    app.post("/webhook")(webhook)
    client = app.test_client()

    def ask(body):
        return client.post("/webhook", json=body)

    def challenge(**fields):
        return {"type": "url_verification", "challenge": "c41a9b", **fields}

    answer = ask(challenge(token=_TOKEN))
    if answer.status_code >= 500:
        raise Wrong("The challenge made it raise. request.get_json() gives the body, a dictionary.")
    if answer.status_code != 200:
        raise Wrong(f"The challenge with the right token gets 200, and yours got {answer.status_code}.")
    if answer.text.strip() != "c41a9b" and (answer.get_json(silent=True) != {"challenge": "c41a9b"}):
        raise Wrong(f"The answer to the challenge is the challenge, and yours was {answer.text.strip()!r:.80}.")
    if ask(challenge(token="another")).status_code != 403:
        raise Wrong("A challenge with another token was not refused with 403: a stranger could register your endpoint.")
    answer = ask(challenge())
    if answer.status_code >= 500:
        raise Wrong("A challenge without a token made it raise: event.get('token') is None then.")
    if answer.status_code != 403:
        raise Wrong("A challenge without a token was not refused with 403: that is another token, too.")
    answer = ask({"id": "evt_1", "event_type": "order_placed", "data": {"number": 7}})
    if answer.status_code >= 500:
        raise Wrong("An order made it raise: an event has neither type nor challenge nor token.")
    if answer.status_code != 204:
        raise Wrong(f"An order gets 204, and yours got {answer.status_code}.")
    answer = ask({"event_type": "order_placed", "data": {}, "challenge": "x", "token": _TOKEN})
    if answer.status_code != 204:
        raise Wrong("An order with a field called challenge is still an order, and gets 204: its type is what counts.")


_CASES = (
    ([(0, 500)], "nothing", "one failure is no reason for anything"),
    ([(0, 200), (200, 204)], "nothing", "an endpoint that answers is well, however long it has been there"),
    ([(0, 500), (24, 500)], "warn", "24 hours have passed since it began to fail"),
    ([(0, 500), (23, None)], "nothing", "23 hours are not 24"),
    ([(0, None), (60, None), (120, None)], "disable", "no answer is a failure as well, and 120 hours have passed"),
    ([(0, 200), (10, 500), (125, 500)], "warn", "it has been failing since hour 10, which is 115 hours"),
    ([(0, 500), (100, 200), (130, 500)], "nothing", "the 200 at hour 100 ended the first failure"),
    ([(0, 500), (130, 204)], "nothing", "the last attempt was answered with 2xx"),
    ([(0, 302), (30, 302)], "warn", "302 is not 2xx"),
    ([(0, 200), (1, 410)], "disable", "410 says that the endpoint has gone for good"),
    ([(0, 410), (1, 200)], "nothing", "the endpoint has been enabled again since that 410, and answers"),
    ([], "nothing", "there was no attempt at all"),
)


def _test_disable(what_follows):
    for attempts, right, why in _CASES:
        try:
            got = what_follows(list(attempts))
        except Exception as error:
            raise Wrong(f"It raised {type(error).__name__} for {attempts}, where {why}.") from None
        if got not in ("nothing", "warn", "disable"):
            raise Wrong(f'It returned {got!r}: return "nothing", "warn" or "disable".')
        if got != right:
            raise Wrong(f"For {attempts} it is {right!r}, and yours is {got!r}: {why}.")


def _order(**data):
    return {"id": "evt_1", "event_type": "order_placed", "data": data}


_TOTAL = {"amount": 450, "currency": "EUR"}
_READ = (
    (_order(number=7, amount=450), (7, 450), "an order of version 2026-01"),
    (_order(number=7, total=_TOTAL), (7, 450), "an order of version 2026-06"),
    (_order(number=7, amount=450, discount=0), (7, 450), "an order of version 2026-01 with a new field"),
    (_order(number=7, total=_TOTAL | {"tax": 72}) | {"shop": "eu"}, (7, 450), "an order of 2026-06 with new fields"),
    (_order(number=7, amount=0), (7, 0), "an order of version 2026-01 that costs nothing"),
    ({"event_type": "user_signup", "data": {"user": "Ada"}}, None, "a user_signup"),
    ({"event_type": "coupon_printed", "data": None}, None, "a type that did not exist before, with null as its data"),
)


def _test_reader(read):
    for event, right, what in _READ:
        try:
            got = read(event)
        except Exception as error:
            raise Wrong(f"It raised {type(error).__name__} for {what}: {event}.") from None
        if got != right:
            raise Wrong(f"For {what} it is {right!r}, and yours is {got!r}.")


EXERCISES = [
    Exercise(
        name="07.endpoint",
        test=_test_endpoint,
        hints=(
            "Look at type first: only a challenge has the type url_verification.",
            'event.get("token") is None where there is none, which is not "my-token" either.',
            'In Flask a view may return a text, or a pair of a body and a status: ("", 403).',
        ),
        solution="""
from flask import request

def webhook():
    event = request.get_json()
    if event.get("type") == "url_verification":
        return event["challenge"] if event.get("token") == "my-token" else ("", 403)
    return "", 204
""",
        answer="webhook",
        praise="It proves itself to its owner's provider, to nobody else's, and an order stays an order.",
    ),
    Exercise(
        name="07.disable",
        test=_test_disable,
        hints=(
            "Walk through the attempts and keep since when it has been failing: None after each 2xx.",
            "Failing for how long? The time of the last attempt minus the time of the first failure after the last 2xx.",
            "Take care of the empty list, and of None for a status, which cannot be compared with a number.",
        ),
        solution="""
def what_follows(attempts):
    since = status = None
    for time, status in attempts:
        if status is not None and 200 <= status < 300:
            since = None
        elif since is None:
            since = time
    if status == 410:
        return "disable"
    hours = 0 if since is None else time - since
    return "disable" if hours >= 120 else "warn" if hours >= 24 else "nothing"
""",
        answer="what_follows",
        praise="It warns, it disables, and it forgives whoever answers in between.",
    ),
    Exercise(
        name="07.reader",
        test=_test_reader,
        hints=(
            "Look at event_type first: of other events you know nothing, not even that data is a dictionary.",
            'Ask which field is there ("total" in data), and not which version it is.',
        ),
        solution="""
def read(event):
    if event["event_type"] != "order_placed":
        return None
    data = event["data"]
    amount = data["total"]["amount"] if "total" in data else data["amount"]
    return data["number"], amount
""",
        answer="read",
        praise="It reads what it needs, in both versions, and leaves the rest alone.",
    ),
]
