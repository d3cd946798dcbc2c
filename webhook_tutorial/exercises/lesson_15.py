"""Exercises of the capstone: the scheme of a provider that nobody knows, and a receiver for it, graded until nothing is red."""

from ..clock import SimulatedClock
from ..signing import SignatureError, verify
from .dialects import dialect_of
from .engine import Exercise, Wrong
from .puddlewick import EXAMPLE_BODY, EXAMPLE_HEADERS, EXAMPLE_SECRET

# --- dialect ------------------------------------------------------------------------------------------------

_SENT = 1767603600.25  # the example's time, in seconds


def _test_dialect(make):
    puddlewick = dialect_of(make, "puddlewick")
    if puddlewick.signature.lower() != "puddlewick-signature":
        raise Wrong("The signature is looked for in another header: signature= names it.")
    if puddlewick.timestamp.lower() != "puddlewick-sent-at":
        raise Wrong("The time stands in a header of its own: timestamp= names it.")
    if puddlewick.encoding != "base64":
        raise Wrong("The page writes the signature in base64: encoding.")
    if puddlewick.id:
        raise Wrong("An id is given, and none is signed by itself: read again which two things are joined.")
    _test_example(puddlewick)
    _test_limits(puddlewick)


def _test_example(puddlewick):
    if reason := _reason(puddlewick):
        if puddlewick.time_format != "milliseconds" and reason in ("too_old", "too_new"):
            raise Wrong(
                "At the time at which it was sent, the page's example is refused: it is taken for one of another age. How "
                "many digits has its time? Read on the page what times that are numbers are."
            )
        if puddlewick.time_format not in ("milliseconds", "seconds"):
            raise Wrong(f"The page's example is refused: {reason}. Its time is a number: time_format.")
        if puddlewick.key_prefix:
            raise Wrong(
                f"The page's example is refused: {reason}. The key is the secret as it is shown: key, key_prefix."
            )
        raise Wrong(f"The page's example is refused: {reason}. Compare signed, prefix and key with the page.")
    if not _reason(puddlewick, body=EXAMPLE_BODY.replace(b"500", b"900")):
        raise Wrong("A changed deposit was believed.")
    others = {"Puddlewick-Signature": "v1=b3RoZXI=," + EXAMPLE_HEADERS["Puddlewick-Signature"]}
    if _reason(puddlewick, headers=others):
        raise Wrong(
            "While the secret is being changed there are two signatures: separator= is what stands between them."
        )


def _test_limits(puddlewick):
    if puddlewick.time_format == "seconds" and not _reason(puddlewick, after=3600):
        raise Wrong(
            "The time is read as seconds, so each delivery seems to be far ahead, and one of any age is believed: "
            "time_format. How many digits has the time of the page's example?"
        )
    if puddlewick.max_age != 300:
        raise Wrong("How old a delivery may be is max_age, in seconds. The page has it in minutes.")
    if puddlewick.max_ahead is None or puddlewick.max_ahead > 60:
        raise Wrong("A delivery from the future is believed: how far ahead it may be is max_ahead, in seconds.")
    if puddlewick.max_ahead < 60:
        raise Wrong("The page accepts what seems to be sent up to a minute from now: max_ahead, in seconds.")


def _reason(puddlewick, after=0, body=EXAMPLE_BODY, headers=EXAMPLE_HEADERS):
    """Why the example is refused, some seconds after it was sent; empty if it is not."""
    try:
        verify(body, EXAMPLE_HEADERS | headers, EXAMPLE_SECRET, puddlewick, clock=SimulatedClock(_SENT + after))
    except SignatureError as error:
        return error.reason
    except ValueError:
        raise Wrong(
            "The secret could not be read with this key and key_prefix. The page says: as we show it to you."
        ) from None
    return ""


# --- capstone -----------------------------------------------------------------------------------------------


def _test_capstone(path):
    from .capstone import grade_receiver

    return grade_receiver(path)


EXERCISES = [
    Exercise(
        name="15.dialect",
        test=_test_dialect,
        hints=(
            "Which two things are joined, and by which character? That is signed=, with braces around their names.",
            "13 digits are no seconds: time_format. And while the secret is changed there are two signatures: separator.",
            "max_age looks back and max_ahead forward, both in seconds. The secret is used as it is: leave key out.",
        ),
        solution="""
from webhook_tutorial import Dialect

def puddlewick():
    return Dialect(
        name="Puddlewick",
        signature="Puddlewick-Signature",
        prefix="v1=",
        separator=",",
        timestamp="Puddlewick-Sent-At",
        time_format="milliseconds",
        signed="{timestamp}:{body}",
        encoding="base64",
        max_age=300,
        max_ahead=60,
    )
""",
        answer="puddlewick",
        praise="The page's example verifies, a changed one does not, and its limits of time hold.",
    ),
    Exercise(
        name="15.capstone",
        test=_test_capstone,
        hints=(
            "Begin with the whole receiver of lesson 06. Change three things: how it verifies, by which id it knows an "
            "event again, and what it does. Add four: its tables, its server, /effects and the page's limit.",
            "Give your code the page's worked example first. What does it say of its time?",
            "Which id is the same at each attempt? Read on the page what a delivery is.",
            "The id and the deposit belong into one transaction (lesson 06). What is too long: set Flask's "
            "MAX_CONTENT_LENGTH to 65_536, or keep lesson 06's way, with 65_537. And whatever was parsed may be of another "
            "kind than you think.",
        ),
        solution="""
import hmac
import json
import os
import sqlite3
import sys
import time
from base64 import b64encode
from contextlib import closing

import waitress
from flask import Flask, request

SECRETS = os.environ.get("WEBHOOK_SECRET", "").split()
if not SECRETS:
    sys.exit("WEBHOOK_SECRET is missing.")

app = Flask("receiver")
app.config["MAX_CONTENT_LENGTH"] = 65_536


def connect():
    db = sqlite3.connect(os.environ["DATABASE"], timeout=1.5, isolation_level="IMMEDIATE")
    db.execute("CREATE TABLE IF NOT EXISTS events (id TEXT PRIMARY KEY NOT NULL)")
    db.execute(
        "CREATE TABLE IF NOT EXISTS refunds (rental TEXT NOT NULL UNIQUE, event TEXT NOT NULL, "
        "amount INTEGER NOT NULL, currency TEXT NOT NULL)"
    )
    return closing(db)


def is_genuine(body, headers):
    sent_at = headers.get("Puddlewick-Sent-At", "")
    if not (sent_at.isascii() and sent_at.isdecimal() and len(sent_at) <= 15):
        return False
    age = time.time() - int(sent_at) / 1000  # it is in milliseconds
    if not -60 <= age <= 300:
        return False
    given = headers.get("Puddlewick-Signature", "").split(",")
    for secret in SECRETS:
        right = hmac.digest(secret.encode(), sent_at.encode() + b":" + body, "sha256")
        right = b"v1=" + b64encode(right)
        if any(hmac.compare_digest(one.encode(), right) for one in given):
            return True
    return False


@app.post("/webhook")
def webhook():
    body = request.get_data()
    if not is_genuine(body, request.headers):
        return {"error": "unauthorized"}, 401
    try:
        event = json.loads(body)
        id, ended, data = event["id"], event["event_type"] == "rental.ended", event["data"]
        refund = (data["rental"], id, data["deposit"], data["currency"]) if ended else ("", id, 0, "")
    except (ValueError, RecursionError, KeyError, TypeError):
        return {"error": "not an event"}, 400
    if [type(value) for value in refund] != [str, str, int, str] or not 0 < len(id) <= 200:
        return {"error": "not an event"}, 400
    if not f"{refund[0]}{id}{refund[3]}".isprintable():  # half a character, say, which no database can hold
        return {"error": "not an event"}, 400
    with connect() as db, db:  # the id and the refund in one transaction: both are there, or neither
        new = db.execute("INSERT INTO events VALUES (?) ON CONFLICT(id) DO NOTHING", (id,)).rowcount
        if new and ended:
            db.execute("INSERT INTO refunds VALUES (?, ?, ?, ?) ON CONFLICT(rental) DO NOTHING", refund)
    return "", 204


if os.environ.get("SHOW_EFFECTS") == "yes":

    @app.get("/effects")
    def effects():
        with connect() as db:
            return str(db.execute("SELECT count(*) FROM refunds").fetchone()[0])


if __name__ == "__main__":
    waitress.serve(app, host="127.0.0.1", port=int(os.environ["PORT"]), threads=8, ident=None)
""",
        answer="receiver",
        praise="100/100: nothing was found from outside, nor by a kill. What cannot be seen so: print(_.report) in the next "
        "cell. progress() shows how far you have come.",
        is_file=True,
    ),
]
