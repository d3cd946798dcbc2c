"""Exercises of lesson 00: ring a receiver yourself, and name the parts."""

from flask import Flask, request

from ..lab.server import serve
from .engine import Exercise, Wrong


def _test_ring(ring):
    app = Flask("exercise")

    @app.route("/webhook", methods=["GET", "POST"])
    def webhook():
        if request.method == "GET":
            return "", 405
        return ("", 202) if request.is_json else ("", 415)

    with serve(app) as server:
        result = ring(server.url)
        if not server.traffic:
            raise Wrong("Nothing arrived at the receiver. Your function has to send a request to url + '/webhook'.")
        x = server.traffic[-1]
    if x.path != "/webhook":
        raise Wrong(f"The request went to {x.path}; the receiver listens at /webhook: use url + '/webhook'.")
    if x.method != "POST":
        raise Wrong(f"It came as {x.method}. A webhook is sent with POST: use requests.post.")
    if not x.headers.get("Content-Type", "").startswith("application/json"):
        raise Wrong("The body came as a form, or as nothing. Hand the event to json=, and requests writes JSON.")
    if x.event_type != "order_placed":
        raise Wrong("It arrived, but the body's event_type is not 'order_placed'.")
    if len(server.traffic) > 1:
        raise Wrong("It arrived twice: a receiver would pack two orders. Post once, and keep the answer.")
    if result is None:
        raise Wrong("It arrived. The function gives nothing back, though: return the answer's status_code.")
    if result != 202:
        raise Wrong(
            f"It arrived. The receiver answered 202, and your function returned {result!r}: return status_code."
        )


_PARTS = {
    "a customer places an order": "event",
    "POST /webhook reaches the receiver": "notification",
    "the receiver tells the warehouse": "action",
}


def _test_parts(parts):
    if not isinstance(parts, dict) or set(parts) != set(_PARTS):
        raise Wrong("Keep the three lines as they are, and fill in the word after each colon.")
    words = {str(value).strip().lower() for value in parts.values()}
    if not words <= set(_PARTS.values()):
        raise Wrong('Use the three words "event", "notification" and "action".')
    if len(words) < 3:
        raise Wrong("Each word goes with one line, and all three are needed.")
    given = {line: str(word).strip().lower() for line, word in parts.items()}
    if given["a customer places an order"] == "notification":
        raise Wrong("The event happens at the sender, whether or not anybody is told. What is the telling called?")
    if given["the receiver tells the warehouse"] != "action":
        raise Wrong("An action is what the receiver does once it knows. Which line is that?")
    if given != _PARTS:
        raise Wrong("The event comes first, then the notification, then the action. Which line happens first?")


EXERCISES = [
    Exercise(
        name="00.ring",
        test=_test_ring,
        hints=(
            "The cell that sent your first webhook has all the pieces.",
            "requests.post(url + '/webhook', json={...}) sends; what it gives back has a status_code.",
        ),
        solution='''
import requests

def ring_order(url):
    answer = requests.post(url + "/webhook", json={"event_type": "order_placed", "item": "tea"})
    return answer.status_code
''',
        answer="ring_order",
        praise="You sent a webhook of your own: a POST, a JSON body, and an eye on the answer's status.",
    ),
    Exercise(
        name="00.parts",
        test=_test_parts,
        hints=(
            "At the door: somebody comes, the bell rings, you open. Which of the three is each line?",
            "The event happens at the sender, the notification travels, the action happens at the receiver.",
        ),
        solution='''
parts = {
    "a customer places an order": "event",
    "POST /webhook reaches the receiver": "notification",
    "the receiver tells the warehouse": "action",
}
''',
        answer="parts",
        praise="The event is what happened, the notification tells of it, the action answers it.",
    ),
]  # fmt: skip
