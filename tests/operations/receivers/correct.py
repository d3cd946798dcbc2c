"""A correct receiver for Standard Webhooks in Flask, small enough to be read, and what people get wrong in one.

Its settings are environment variables: ``PORT``, ``WEBHOOK_SECRET`` (several with spaces between), ``DATABASE`` (a
file) and, for the scorecard's tests, ``LATER``: how many seconds after its answer the work is done, as by a worker that
looks now and then, and ``FAULT``: the name of one fault from ``faults.py``. Each fault is a line or two such as people
really write, beside the right ones.

It imports nothing of the package, so that a mistake there is not made here, too.
"""

import base64
import contextlib
import hashlib
import hmac
import json
import os
import re
import sqlite3
import threading
import time
import traceback

from flask import Flask, abort, request
from werkzeug.exceptions import ClientDisconnected
from werkzeug.serving import WSGIRequestHandler, make_server

FAULT = os.environ.get("FAULT", "")
SECRETS = os.environ["WEBHOOK_SECRET"].split()
DATABASE = os.environ["DATABASE"]
LATER = float(os.environ.get("LATER", 0))

#: The largest body that is read, in bytes.
LIMIT = 100_000
#: How far from our clock a signed time may be, in seconds.
TOLERANCE = 300
TABLES = "CREATE TABLE events (id TEXT PRIMARY KEY); CREATE TABLE effects (event TEXT)"
HANDLED = "user_signup", "order_placed", "payment_received"

app = Flask("correct")
METHODS = ["GET", "POST", "PUT", "DELETE"] if FAULT == "takes-any-method" else ["POST"]


def read():
    """The body, bytes: whole and not too large, or the request ends here."""
    body = b""
    if FAULT == "trusts-the-length" and (request.content_length or 0) > LIMIT:
        abort(413)
    try:
        if FAULT in ("reads-any-size", "trusts-the-length"):
            return request.get_data()
        # One more than is taken; and again until nothing comes, for a server may give less than there is.
        while piece := request.stream.read(LIMIT + 1 - len(body)):
            body += piece
    except (OSError, ValueError, ClientDisconnected):  # it was cut, or a chunk is none
        if FAULT == "dies-when-cut":
            os._exit(1)
        abort(400)
    if len(body) > LIMIT:
        abort(413)
    if request.content_length not in (None, len(body)):  # not every server notices that a body was cut
        abort(400)
    return body


def read_what_came():
    """The body, bytes, and of one that was cut as much as came: what a server does that looks for no end."""
    declared, body = request.content_length, b""
    with contextlib.suppress(OSError, ValueError):
        # Of a chunk that breaks off, a piece of more than a byte would be lost whole.
        while piece := request.environ["wsgi.input"].read(1 if declared is None else declared - len(body)):
            body += piece
            if len(body) > LIMIT:
                abort(413)
    return body


def genuine(body):
    """Whether one of the signatures fits, and the time is near ours."""
    id, timestamp = request.headers.get("webhook-id", ""), request.headers.get("webhook-timestamp", "")
    signatures = request.headers.get("webhook-signature", "").split(" ")
    if FAULT == "accepts-unsigned" and "webhook-signature" not in request.headers:
        return True
    if FAULT == "believes-chunks" and request.content_length is None:
        return True
    if FAULT == "accepts-no-value" and not request.headers.get("webhook-signature"):
        return True
    if FAULT == "looks-at-the-form-only":
        return signatures[0].startswith("v1,") and in_time(timestamp)
    if FAULT == "first-signature-only":
        signatures = signatures[:1]
    if FAULT == "id-from-the-body":
        event = unverified(body)
        id = str(event.get("id") if isinstance(event, dict) else event)
    if FAULT == "written-again":
        body = json.dumps(unverified(body), separators=(",", ":")).encode()
    if FAULT == "written-again-sorted":
        body = json.dumps(unverified(body), separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()
    if not in_time(timestamp) or "." in id:  # a dot would let a piece of the id be moved into the time
        return False
    good = list(expected(id, timestamp, body))
    if FAULT == "compares-text":  # beyond ASCII it cannot
        return any(hmac.compare_digest(one, other.decode()) for one in signatures for other in good)
    return any(hmac.compare_digest(one.encode(), other) for one in signatures for other in good)


def in_time(timestamp):
    # A number of thousands of digits is no number to int().
    if FAULT != "trips-over-a-time" and not re.fullmatch("[0-9]{1,12}", timestamp):
        return False
    age = time.time() - int(timestamp)
    if FAULT == "no-time-limit":
        return True
    if FAULT == "too-old-only":
        return age <= TOLERANCE
    if FAULT == "too-new-only":
        return age >= -TOLERANCE
    return abs(age) <= TOLERANCE


def expected(id, timestamp, body):
    """The signatures that would fit, one for each secret."""
    secrets = [*SECRETS, os.environ.get("OLD_SECRET", "")] if FAULT == "unset-secret" else SECRETS
    for secret in secrets:
        key = base64.b64decode(secret.removeprefix("whsec_"))
        mac = hmac.new(key, f"{id}.{timestamp}.".encode() + body, hashlib.sha256)
        yield b"v1," + base64.b64encode(mac.digest())


def unverified(body):
    """What the body says, and {} for what is no JSON: only faults look before they have verified it."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return {}


def take(event, signature):
    """Store an event and do its work, once, in one transaction; return whether it was new."""
    key = signature if FAULT == "remembers-the-attempt" else event["id"]
    if FAULT == "looks-then-stores" and not known(key):
        time.sleep(0.05)  # as long as a call to the bank takes
        work(key)
    with database() as db:
        new = remember(db, key)
        if (new and not LATER and FAULT != "looks-then-stores") or FAULT == "does-it-again":
            db.execute("INSERT INTO effects VALUES (?)", (key,))
    if new and LATER:
        threading.Timer(LATER, work, (key,)).start()
    return new


def work(key):
    with database() as db:
        db.execute("INSERT INTO effects VALUES (?)", (key,))


@contextlib.contextmanager
def database():
    with contextlib.closing(sqlite3.connect(DATABASE, timeout=10)) as db, db:
        yield db


def remember(db, key):
    """Store an id; return whether it was new."""
    return db.execute("INSERT OR IGNORE INTO events VALUES (?)", (key,)).rowcount == 1


def known(key):
    with database() as db:
        return db.execute("SELECT 1 FROM events WHERE id = ?", (key,)).fetchone() is not None


@app.route("/webhook", methods=METHODS)
def webhook():
    body = read_what_came() if FAULT == "takes-what-came" else read()
    if FAULT == "says-too-late" and not in_time(request.headers.get("webhook-timestamp", "0")):
        return "too old", 401
    if FAULT == "parses-first" and unverified(body) == {}:
        return "", 400
    if FAULT == "knows-before-it-verifies" and known(request.headers.get("webhook-id")):
        return "", 204
    if FAULT == "remembers-before-it-verifies":
        with database() as db:
            new = remember(db, request.headers.get("webhook-id"))
    if not genuine(body):
        if FAULT == "200-for-refused":
            return "not accepted", 200
        if FAULT == "says-what-fits":
            id, at = request.headers.get("webhook-id"), request.headers.get("webhook-timestamp")
            return f"expected {[one.decode() for one in expected(id, at, body)]}", 401
        return "", 401
    if FAULT == "slow":
        time.sleep(0.3)
    while FAULT == "waits-for-the-rest" and unverified(body) == {}:
        time.sleep(0.1)
    try:
        event = json.loads(body)
    except RecursionError:
        if FAULT == "too-deep":
            raise
        return "", 400
    except ValueError:
        if FAULT == "500-for-no-json":
            raise
        return traceback.format_exc() if FAULT == "shows-its-traceback" else "", 400
    if not isinstance(event, dict) and FAULT != "takes-for-an-object":
        return "", 400
    id, kind = event.get("id"), event.get("event_type")
    if FAULT == "takes-for-text":
        id = id.strip()
    if not (isinstance(id, str) and 0 < len(id) <= 200 and id.isprintable() and isinstance(kind, str)):
        return "", 400
    if kind not in HANDLED:
        return "", 404 if FAULT == "404-for-unknown" else 204
    if FAULT == "remembers-before-it-verifies" and new:
        work(id)
    if FAULT != "remembers-before-it-verifies":
        new = take(event, request.headers.get("webhook-signature", ""))
    return "", 204 if new or FAULT != "409-for-duplicates" else 409


@app.get("/effects")
def effects():
    with database() as db:
        return str(db.execute("SELECT count(*) FROM effects").fetchone()[0])


class Silent(WSGIRequestHandler):
    def log(self, *_):
        pass


if __name__ == "__main__":
    with contextlib.closing(sqlite3.connect(DATABASE)) as db:
        db.executescript(f"PRAGMA journal_mode = WAL; {TABLES}")
    port = int(os.environ["PORT"])
    make_server("127.0.0.1", port, app, threaded=FAULT != "one-thread", request_handler=Silent).serve_forever()
