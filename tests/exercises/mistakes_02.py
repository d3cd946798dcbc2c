"""Wrong answers that people really give to the exercises of lesson 02: source, and words from the message it gets."""

import json


def _gives_up():
    """Whether this Python's parser raises RecursionError at 9,000 brackets: from 3.13 on it goes deeper."""
    try:
        json.loads("[" * 9_000)
    except RecursionError:
        return True
    except ValueError:
        return False


_PARSED = "    event = request.get_json()\n"
_DEEP = "    try: event = request.get_json()\n    except RecursionError: abort(400)\n"
_LIMIT = '    my_app.config["MAX_CONTENT_LENGTH"] = 10_000\n'
_WITHOUT_A_LIMIT = f"""
from flask import Flask, abort, request
from werkzeug.exceptions import HTTPException
my_app = Flask("r")

@my_app.errorhandler(HTTPException)
def explain(e):
    return {{"error": e.name}}, e.code

@my_app.post("/webhook")
def webhook():
{_PARSED}    if not isinstance(event, dict) or "event_type" not in event: return {{"error": "bad"}}, 400
    return {{}}
"""

MISTAKES = {
    "02.validate": (
        ('def problem_with(event):\n    if "event_type" not in event: return "no event_type"', "It raised TypeError for a JSON null"),
        ('def problem_with(event):\n    if not event["event_type"]: return "no event_type"', "It raised TypeError for a JSON list"),
        ('def problem_with(event):\n    if not isinstance(event, dict): return "no object"\n'
         '    if not event.get("event_type"): return "no event_type"\n    if "data" not in event: return "no data"',
         "It let through an event_type that is a number"),
        ('def problem_with(event):\n    if not isinstance(event, dict): return "no object"\n'
         '    if not isinstance(event.get("event_type"), str): return "no event_type"\n'
         '    if "data" not in event: return "no data"', "It let through an empty event_type"),
        ('def problem_with(event):\n    if not isinstance(event, dict): return "no object"\n'
         '    if not isinstance(event.get("event_type"), str) or not event["event_type"]: return "no event_type"\n'
         '    if "data" not in event: return "no data"', "It let through data that is a text"),
        ("def problem_with(event):\n    return not isinstance(event, dict) or None",
         "For a JSON list instead of an object: [\"user_signup\"] it returned True"),
        ('def problem_with(event):\n    return "bad"', "A good event has no problem"),
    ),
    "02.dispatch": (
        ('A = {"user_signup": "welcomed", "order_placed": "packed", "payment_received": "booked"}\n'
         'def handle(event):\n    return A[event["event_type"]]', "An event type it does not know made it raise KeyError"),
        ('def handle(event):\n    did = []\n    t = event["event_type"]\n'
         '    if t == "user_signup": did.append("welcomed")\n'
         '    if t in ("user_signup", "order_placed"): did.append("packed")\n    did.append("booked")\n    return did',
         "One event must have one action, and user_signup had 3"),
        ('def handle(event):\n    if event["event_type"] == "user_signup": return "welcomed"\n'
         '    elif event["event_type"] == "order_placed": return "packed"\n    else: return "booked"',
         "An event type it does not know gave 'booked'"),
        ('def handle(event):\n    if event["event_type"] == "user_signup": print("welcomed")',
         "For user_signup your function returned nothing"),
        ('def handle(event):\n    t = event["event_type"]\n    if "user" in t: return "welcomed"\n'
         '    if "order" in t: return "packed"\n    if "payment" in t: return "booked"\n    return "ignored"',
         "order_cancelled was packed"),
        ('def handle(event):\n    return "ignored"', "For user_signup the action is 'welcomed'"),
    ),
    "02.receiver": (
        ('from flask import Flask, request\nmy_app = Flask("r")\n@my_app.post("/webhook")\ndef webhook():\n'
         '    return {"got": request.get_json()["event_type"]}', "400 is right for a body that is not JSON. Say in JSON"),
        ('from flask import Flask, request\nmy_app = Flask("r")\n@my_app.post("/webhook")\ndef webhook():\n'
         '    event = request.get_json(silent=True)\n    return {"got": event["event_type"]}',
         "It answered 500 (TypeError) to a body that is not JSON"),
        ('from flask import Flask, request\nmy_app = Flask("r")\n@my_app.post("/webhook")\ndef webhook():\n'
         '    try: event = request.get_json(force=True, silent=True)\n    except RecursionError: event = None\n'
         '    if not isinstance(event, dict) or "event_type" not in event: return {"error": "bad"}, 400\n'
         '    return {"got": event["event_type"]}', "A form instead of JSON should get 415, and it got 400"),
        ('from flask import Flask, request\nmy_app = Flask("r")\n@my_app.post("/webhook")\ndef webhook():\n'
         '    event = request.get_json(silent=True)\n'
         '    if not isinstance(event, dict) or "event_type" not in event: return {"error": "bad"}, 400\n'
         '    if event["event_type"] != "user_signup": return {"error": "unknown"}, 404\n    return {}',
         "An unknown event_type got 404"),
        *([(_WITHOUT_A_LIMIT, "It answered 500 (RecursionError) to 9,000 opening brackets")] if _gives_up() else []),
        (_WITHOUT_A_LIMIT.replace(_PARSED, _DEEP), "A body of 20,000 bytes should get 413, and it got 200"),
        (_WITHOUT_A_LIMIT.replace(_PARSED, _LIMIT + _DEEP), "20,000 bytes in chunks got 400 instead of 413"),
        (_WITHOUT_A_LIMIT.replace(_PARSED, "    if request.content_length > 10_000: abort(413)\n" + _DEEP),
         "It answered 500 (TypeError) to 20,000 bytes in chunks"),
        ('from flask import Flask, request\nmy_app = Flask("r")\n@my_app.post("/hook")\ndef webhook():\n    return {}',
         "Nothing is there at POST /webhook"),
        ("def my_app(event):\n    return 'thanks'", "my_app must be a Flask app"),
    ),
}  # fmt: skip
