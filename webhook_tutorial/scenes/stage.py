"""Where a scene is played, and how: `play`, with a handler of yours.

Everything crosses the wire. The sender signs and tries again (lesson 05), the receiver verifies, stores, answers and
works afterwards (lessons 04, 06, 10), and the services that a handler calls are servers of their own. Only time is
simulated.
"""

import json
import math
import sqlite3
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime

from flask import Flask, request

from ..clock import START, SimulatedClock
from ..delivery import MINUTE, Policy, Sender
from ..durable.claims import plain
from ..durable.database import Database
from ..durable.inbox import Inbox
from ..events import make_event
from ..lab.outgoing import watch
from ..lab.running import sending_as
from ..lab.traffic import Traffic
from ..look import mark_of, one_line, shortened, visible
from ..signing import SignatureError, verify
from .desk import Desk, Shelf, open_server
from .scene import Scene

#: When the sender tries again, and when the worker does.
_SENDING = Policy((5 * MINUTE, 30 * MINUTE, 60 * MINUTE))
_WORKING = Policy(tuple(minutes * MINUTE for minutes in (1, 2, 4, 8, 16, 32)))

#: A stranger's secret, in trials.
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


class Play:
    """What became of a scene: what `play` returns. ``diagram(play)`` draws it.

    Attributes:
        scene: The `Scene`.
        ok: Whether its promise was kept.
        broken: How it was not, a sentence; else empty.
        traffic: What crossed the wire, as `Traffic`: deliveries, and what the handler sent.
        services: What each service holds in the end, a list of the JSON that it was sent, by its name.
        tables: The rows of each table of the scene, a list of dictionaries, by its name.
        took: How many minutes after it happened each event was dealt with, by its id.
        errors: What is left undone: the error of each such event as a text, by its id.
        at_first: The tables before the first event.
        early: How often a service was called while a delivery waited for its answer.
        refused: How a stranger's deliveries were answered, a list of status codes, where there were some.
        called: The minute in which each service was called first, by its name.
    """

    def __init__(self, scene, traffic, services, tables, took, errors, *, at_first, early, refused, called):
        self.scene, self.traffic, self.services, self.tables = scene, traffic, services, tables
        self.took, self.errors, self.early, self.refused, self.called = took, errors, early, refused, called
        self.at_first = at_first
        self.broken = self._verdict()
        self.ok = not self.broken

    def _verdict(self):
        try:
            broken = self.scene.broken(self)
        except Exception as error:  # what it looks for may not be there at all
            broken = f"{type(error).__name__} when it was looked for: {error}"
        return str(broken or "")

    def __repr__(self):
        promise, broken = visible(self.scene.promise), visible(self.broken)
        first = f"{mark_of(200 if self.ok else None)[0]} {'Kept' if self.ok else 'Broken'}: {promise}"
        attempts = self.traffic.where(receiver=self.scene.receiver)
        counts = [f"{_many(len(self.scene.events), 'event')} in {_many(len(attempts), 'attempt')}"]
        for name in self.services:
            calls = self.traffic.where(receiver=name)
            failed = sum(not call.ok for call in calls)
            counts.append(f"{_many(len(calls), 'call')} of {visible(name)}, {failed} failed")
        undone = [f"Not done: {visible(id)}. {one_line(error, 200)}" for id, error in list(self.errors.items())[:5]]
        return "\n".join([first, *([] if self.ok else [shortened(broken, 600)]), "; ".join(counts) + ".", *undone])


def play(scene, handle, receiver=receiver):
    """Play a scene from its first event to its end, over the loopback, and return what became of it.

    Args:
        scene: A `Scene`.
        handle: A function ``handle(event, stage)``, called for each event that the receiver has stored, in the order
            in which they came; see `Stage`. If it raises, it is called again after 1, 2, 4, 8, 16 and 32 minutes.
        receiver: A function ``receiver(stage)`` that returns a Flask app with ``POST /webhook``; the one above if
            left out.

    Returns:
        A `Play`.

    Raises:
        TypeError: The handler is no plain function, or there is no scene, or no app.
        ValueError: A statement of ``tables`` is wrong.
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


def perform(scene, handle, receiver, forge=False):
    """Do what `play` does; with ``forge`` a stranger sends each event, too, and signs it with another secret."""
    check_arguments(scene, handle, receiver)
    handle, stage = plain(handle), Stage(scene)
    with ExitStack() as stack:
        stack.callback(stage.db.close)
        theirs = _tables(stage.db)
        for statement in scene.tables:
            try:
                stage.db.execute(statement)
            except (sqlite3.Error, sqlite3.Warning) as error:
                taken = f"The receiver has tables of its own: {', '.join(theirs)}."
                raise ValueError(f"{statement!r} cannot be executed: {error}. {taken}") from None
        if stage.db.in_transaction:
            raise ValueError("A statement of tables has begun a transaction: leave it out.")
        ours = [name for name in _tables(stage.db) if name not in theirs]
        at_first = _rows(stage.db, ours)
        desk = Desk(stage, receiver(stage))
        shelves = {name: Shelf(name, service, stage.clock, desk) for name, service in scene.services.items()}
        for name, shelf in shelves.items():
            stage._urls[name] = stack.enter_context(open_server(shelf.app, name)).url
        url = stack.enter_context(open_server(desk, scene.receiver)).url + "/webhook"
        sender = stack.enter_context(Sender(_SENDING, stage.clock, secret=scene.secret))
        stranger = stack.enter_context(Sender(Policy(()), stage.clock, secret=_STRANGE))
        sent = stack.enter_context(watch(scene.sender))
        ended = {}

        def work(event):
            handle(event, stage)
            id = event.get("id") if isinstance(event, dict) else None
            ended[str(id)] = stage.clock.now()  # it may have slept on the clock

        _run(scene, stage, url, sender, stranger if forge else None, work)
        return Play(
            scene,
            Traffic(sent, name=scene.receiver),
            {name: list(shelf.kept.values()) for name, shelf in shelves.items()},
            _rows(stage.db, ours),
            *_ends(stage, sender, ended),
            at_first=at_first,
            early=desk.early,
            refused=[attempt.status for delivery in stranger.deliveries for attempt in delivery.attempts],
            called={name: shelf.called for name, shelf in shelves.items() if shelf.called is not None},
        )


_TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*' ORDER BY rowid"


def _tables(db):
    return [row["name"] for row in db.execute(_TABLES)]


def _rows(db, tables):
    there = [name for name in tables if name in _tables(db)]  # a handler may have dropped one
    return {
        name: [dict(row) for row in db.execute('SELECT * FROM "' + name.replace('"', '""') + '"')] for name in there
    }


def _run(scene, stage, url, sender, stranger, handle):
    """Go from minute to minute: what happens is sent, what is due is tried, and what was stored is worked on."""
    clock, coming = stage.clock, list(enumerate(scene.events, 1))
    end = START + (math.ceil(coming[-1][1][0]) + scene.within) * MINUTE
    while coming or clock.now() < end:
        while coming and START + coming[0][1][0] * MINUTE <= clock.now():
            number, (minute, event_type, data) = coming.pop(0)
            event = make_event(event_type, dict(data), id=f"evt_{number}", timestamp=START + minute * MINUTE)
            sender.send(url, event)
            if stranger:
                stranger.send(url, event | {"id": f"forged_{number}"})
        with _named(scene.sender):
            sender.run(until=clock.now())
            if stranger:
                stranger.run(until=clock.now())
        with _named(scene.receiver):
            stage.inbox.handle(handle, _WORKING, 10 * MINUTE, until=clock.now() + MINUTE)


def _ends(stage, sender, ended):
    """How long each event took in minutes, and what is left undone with its error."""
    took, errors = {}, {}
    for delivery in sender.deliveries:
        if delivery.state != "delivered":
            answers = [str(attempt.status or attempt.error) for attempt in delivery.attempts]
            errors[delivery.id] = f"It is {delivery.state}. Its answers: {', '.join(answers) or 'none'}."
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


def _many(number, word):
    return f"{number} {word}{'' if number == 1 else 's'}"
