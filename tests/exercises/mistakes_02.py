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
        ('def problem_with(data):\n    if data["number"] < 1 or data["amount"] < 1: return "too small"',
         "It raised KeyError for data without amount"),
        ('def problem_with(data):\n    if data.get("number", 0) < 1 or data.get("amount", 0) < 1: return "too small"',
         "It raised TypeError for an amount that is null"),
        ('def problem_with(data):\n    if not data.get("number"): return "no number"\n'
         '    if not data.get("amount"): return "no amount"', "It let through an amount that is a text"),
        ('def problem_with(data):\n    for name in ("number", "amount"):\n'
         '        if not isinstance(data.get(name), (int, float)): return "no number"',
         "It let through an amount that is not whole"),
        ('def problem_with(data):\n    for name in ("number", "amount"):\n'
         '        if not isinstance(data.get(name), int): return "no whole number"', "It let through an amount of 0"),
        ('def problem_with(data):\n    for name in ("number", "amount"):\n'
         '        if not isinstance(data.get(name), int) or not data[name]: return "no whole number"',
         "It let through a number below 0"),
        ('def problem_with(data):\n    for name in ("number", "amount"):\n'
         '        if not isinstance(data.get(name), int) or data[name] < 1: return "no whole number above 0"',
         "It let through an amount that is true. To Python true is the number 1"),
        ('def problem_with(data):\n    for name in ("number", "amount"):\n'
         '        if type(data.get(name)) is not int or data[name] <= 1: return "too small"',
         "It found a problem with the smallest payment"),
        ('def problem_with(data):\n    number, amount = data.get("number"), data.get("amount")\n'
         '    if not isinstance(number, int) or number < 1: return "number must be a whole number above 0"\n'
         '    if type(amount) is not int or amount < 1: return "amount must be a whole number above 0"',
         "It let through a number that is true. To Python"),
        ('def problem_with(data):\n    number, amount = data.get("number"), data.get("amount")\n'
         '    if type(number) is not int or number < 1: return "number must be a whole number above 0"\n'
         '    if type(amount) is not int or amount == 0: return "amount must be a whole number above 0"',
         "It let through an amount below 0"),
        ('def problem_with(data):\n    number, amount = data.get("number"), data.get("amount")\n'
         '    if isinstance(number, bool) or not isinstance(number, (int, float)) or number < 1: return "no number"\n'
         '    if type(amount) is not int or amount < 1: return "amount must be a whole number above 0"',
         "It let through a number that is not whole"),
        ('def problem_with(data):\n    value = data.get("amount")\n'
         '    if type(value) is not int or value < 1: return "amount must be a whole number above 0"',
         "It let through data without number"),
        ('def problem_with(data):\n    if set(data) != {"number", "amount"}: return "number and amount, no more"',
         "It found a problem with a good payment with one more field"),
        ('def problem_with(data):\n    for name in ("number", "amount"):\n'
         '        if type(data.get(name)) is not int or data[name] < 1: return True',
         "For data without amount it returned True"),
        ('def problem_with(event):\n    if event["data"]["amount"] < 1: return "too small"',
         "It raised KeyError for a good payment"),
        ('def problem_with(data):\n    return "bad"', "It found a problem with a good payment: return None"),
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
