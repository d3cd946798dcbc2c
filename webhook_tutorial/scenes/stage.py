"""Where a scene is played, and how: `play`, with a handler of yours.

Everything crosses the wire. The sender signs and tries again (lesson 05), the receiver verifies, stores, answers and
works afterwards (lessons 04, 06, 10), and the services that a handler calls are servers of their own. Only time is
simulated.
"""

import itertools
import json
import math
import sqlite3
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime

import requests
from flask import Flask, request

from ..clock import START, SimulatedClock
from ..delivery import MINUTE, Policy, Sender
from ..durable.claims import plain
from ..durable.database import Database
from ..durable.inbox import Inbox
from ..events import encode, make_event
from ..lab.outgoing import watch
from ..lab.running import sending_as
from ..lab.traffic import Traffic
from ..signing import SignatureError, sign, verify
from .desk import Desk, Shelf, open_server
from .outcome import Play
from .scene import MOST_EVENTS, Scene

#: When the sender tries again, and when the worker does.
_SENDING = Policy((5 * MINUTE, 30 * MINUTE, 60 * MINUTE))
_WORKING = Policy(tuple(minutes * MINUTE for minutes in (1, 2, 4, 8, 16, 32)))

#: For how many seconds a stranger waits for an answer.
_PATIENCE = 5

#: A stranger's secret, in trials: an example.
_STRANGE = "whsec_" + "QSBzdHJhbmdlcidz" * 2


def receiver(stage):
    """The receiver of every scene: verify, store, answer. Whoever works comes afterwards (`Inbox.handle`)."""
    app = Flask(stage.scene.receiver)

    @app.post("/webhook")
    def webhook():
        body = request.get_data()
        try:
            verify(body, request.headers, stage.scene.secret, clock=stage.clock)
        except SignatureError:
            return "", 401
        stage.inbox.store(request.headers["webhook-id"], body)
        return "", 202

    return app


class Stage:
    """What a handler has at hand while a scene is played: it is called as ``handle(event, stage)``.

    What a handler executes in `db` is there once, with the mark that the event was dealt with; if the handler raises,
    that is undone, and it is called again later.

    Attributes:
        db: The receiver's own `Database`, with the scene's tables.
        inbox: Its `Inbox`: what is stored there is handled too.
        clock: The simulated clock.
        scene: The `Scene`.
    """

    def __init__(self, scene):
        self.scene, self.clock = scene, SimulatedClock()
        self.db = Database(":memory:")
        self.inbox = Inbox(self.db, self.clock)
        self._urls = {}

    def url(self, name):
        """Return the URL of a service.

        Raises:
            ValueError: The scene has no such service.
        """
        if name not in self._urls:
            has = ", ".join(self._urls) or "none"
            raise ValueError(f"This scene has no service {name!r}. It has: {has}.")
        return self._urls[name]

    def minute(self, event=None):
        """Return the minutes from the scene's beginning until an event happened, or until now, a float."""
        if event is None:
            return (self.clock.now() - START) / MINUTE
        happened = datetime.fromisoformat(event["timestamp"])
        return ((happened if happened.tzinfo else happened.replace(tzinfo=UTC)).timestamp() - START) / MINUTE


def play(scene, handle, receiver=receiver):
    """Play a scene from its first event to its end, over the loopback, and return what became of it.

    Args:
        scene: A `Scene`.
        handle: A function ``handle(event, stage)``, called for each event that the receiver has stored, in the order
            in which they came; see `Stage`. If it raises, it is called again after 1, 2, 4, 8, 16 and 32 minutes, until
            the scene is over: `Scene.within` minutes after the last event.
        receiver: A function ``receiver(stage)`` that returns a Flask app with ``POST /webhook``; the one above if
            left out.

    Returns:
        A `Play`.

    Raises:
        TypeError: The handler is no plain function, or there is no scene, or no app.
        ValueError: A statement of ``tables`` is wrong.
        RuntimeError: The handler stores a next event each time, and would never end.
    """
    return perform(scene, handle, receiver)


def check_arguments(scene, handle, receiver):
    """Raise a TypeError with words of its own for what cannot be played."""
    if not isinstance(scene, Scene):
        raise TypeError(f"The first argument is a Scene, not {type(scene).__name__}.")
    if not callable(handle):
        raise TypeError(f"The handler is a function, handle(event, stage), not {type(handle).__name__}.")
    if not callable(receiver) or hasattr(receiver, "wsgi_app"):
        raise TypeError("The receiver is a function, receiver(stage), that returns a Flask app: hand over itself.")


def perform(scene, handle, receiver, forge=False, restarts=False):
    """Do what `play` does.

    Args:
        scene, handle, receiver: As for `play`.
        forge: Whether a stranger sends something for each event, too.
        restarts: Whether the receiver is made anew for each delivery, so that it remembers nothing.
    """
    check_arguments(scene, handle, receiver)
    handle, stage = plain(handle), Stage(scene)
    with ExitStack() as stack:
        stack.callback(stage.db.close)
        ours = _make_tables(stage.db, scene.tables)
        at_first = _rows(stage.db, ours)
        desk = Desk(stage, receiver, restarts)
        shelves = {name: Shelf(name, service, stage.clock, desk) for name, service in scene.services.items()}
        for name, shelf in shelves.items():
            stage._urls[name] = stack.enter_context(open_server(shelf.app, name)).url
        url = stack.enter_context(open_server(desk, scene.receiver)).url + "/webhook"
        sender = stack.enter_context(Sender(_SENDING, stage.clock, secret=scene.secret))
        ours_alone = tuple(f"{address}/" for address in (*stage._urls.values(), url.removesuffix("/webhook")))
        most, refused = 1_000 + 20 * len(scene.events), []
        sent = stack.enter_context(watch(scene.sender))
        ended = {}

        def work(event, calls=itertools.count(1)):  # noqa: B008 - one count for all its calls
            if next(calls) > most:
                raise _Endless(f"The handler was called {most} times: does it store a next event each time?")
            handle(event, stage)
            id = event.get("id") if isinstance(event, dict) else None
            ended[str(id)] = stage.clock.now()  # it may have slept on the clock

        try:
            _run(stage, url, sender, work, refused if forge else None)
        except _Endless as endless:
            raise RuntimeError(str(endless)) from None
        return Play(
            scene,
            Traffic([x for x in sent if x.url.startswith(ours_alone)], name=scene.receiver),
            {name: list(shelf.kept.values()) for name, shelf in shelves.items()},
            _rows(stage.db, ours),
            *_ends(stage, sender, ended),
            at_first=at_first,
            early=desk.early,
            refused=refused,
            called={name: sorted(shelf.called) for name, shelf in shelves.items()},
        )


def _make_tables(db, statements):
    """Execute a scene's statements, and return the names of the tables that they have made.

    Raises:
        ValueError: A statement is wrong.
    """
    theirs = _tables(db)
    for statement in statements:
        try:
            db.execute(statement)
        except (sqlite3.Error, sqlite3.Warning) as error:
            taken = f"The receiver has tables of its own: {', '.join(theirs)}."
            raise ValueError(f"{statement!r} cannot be executed: {error}. {taken}") from None
    if db.in_transaction:
        raise ValueError("A statement of tables has begun a transaction: leave it out.")
    return [name for name in _tables(db) if name not in theirs]


class _Endless(BaseException):
    """Not an Exception, for after one of those the handler would be called again."""


_TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*' ORDER BY rowid"


def _tables(db):
    return [row["name"] for row in db.execute(_TABLES)]


def _rows(db, tables):
    there = [name for name in tables if name in _tables(db)]  # a handler may have dropped one
    return {
        name: [dict(row) for row in db.execute('SELECT * FROM "' + name.replace('"', '""') + '"')] for name in there
    }


def _run(stage, url, sender, work, refused):
    """Go from minute to minute: what happens is sent, what is due is tried, and what was stored is worked on."""
    scene, clock, coming = stage.scene, stage.clock, list(enumerate(stage.scene.events, 1))
    end = START + (math.ceil(coming[-1][1][0]) + scene.within) * MINUTE
    while coming or clock.now() < end:
        while coming and START + coming[0][1][0] * MINUTE <= clock.now():
            number, (minute, event_type, data) = coming.pop(0)
            event = make_event(event_type, dict(data), id=f"evt_{number}", timestamp=START + minute * MINUTE)
            sender.send(url, event)
            if refused is not None:
                refused += _forge(stage, url, event | {"id": f"evt_{MOST_EVENTS + number}"})
        with _named(scene.sender):
            sender.run(until=clock.now())
        with _named(scene.receiver):
            stage.inbox.handle(work, _WORKING, 10 * MINUTE, until=clock.now() + MINUTE)


def _forge(stage, url, event):
    """Send an event as a stranger may, in three ways; return pairs of what is wrong with it and how it was answered."""
    body, options = encode(event), {"id": event["id"], "timestamp": stage.clock.now()}
    genuine, forged = (sign(body, secret, **options) for secret in (stage.scene.secret, _STRANGE))
    unsigned = {name: value for name, value in genuine.items() if name != "webhook-signature"}
    answers = []
    with _named("stranger"):
        for wrong, content, headers in (
            ("that somebody else has signed", body, forged),
            ("that nobody has signed", body, unsigned),
            ("that was changed after it was signed", body.replace(b"{", b"{ ", 1), genuine),
        ):
            headers = headers | {"Content-Type": "application/json"}
            try:
                options = {"timeout": _PATIENCE, "allow_redirects": False}
                answer = requests.post(url, data=content, headers=headers, **options).status_code
            except requests.RequestException:
                answer = "no answer"
            answers.append((wrong, answer))
    return answers


def _ends(stage, sender, ended):
    """How long each event took in minutes, and what is left undone with its error."""
    took, errors = {}, {}
    for delivery in sender.deliveries:
        if delivery.state != "delivered":
            answers = [str(attempt.status or attempt.error) for attempt in delivery.attempts]
            errors[delivery.id] = f"Not delivered ({delivery.state}). Its answers: {', '.join(answers) or 'none'}."
    for row in stage.db.execute("SELECT id, body, state, due, error FROM inbox ORDER BY turn"):
        if row["state"] == "done":
            end = max(row["due"], ended.get(row["id"], 0))
            took[row["id"]] = (end - START) / MINUTE - _happened(stage, row["body"])
        else:
            errors[row["id"]] = row["error"] or "It was not begun."
    return took, errors


def _happened(stage, body):
    """The minute in which a stored event happened; that of the beginning, if it is none of ours."""
    try:
        return stage.minute(json.loads(body))
    except (ValueError, TypeError, KeyError, OverflowError):
        return 0


@contextmanager
def _named(name):
    token = sending_as.set(name)
    try:
        yield
    finally:
        sending_as.reset(token)
