"""What stands around a receiver on the stage: the desk before it, and the services that its handler calls."""

import socket

from flask import Flask, request
from werkzeug.exceptions import BadRequest, UnsupportedMediaType
from werkzeug.wrappers import Request, Response

from ..clock import START
from ..delivery import MINUTE
from ..lab.server import Server


class Desk:
    """Stands before the receiver: it loses requests and answers as the scene says, and knows when the app is at work.

    Attributes:
        at_work: How many deliveries are being answered.
        early: How often a service was called while one was.
    """

    def __init__(self, stage, receiver, restarts):
        scene, self._stage, self._receiver, self._restarts = stage.scene, stage, receiver, restarts
        self.app = self._start()
        self._late = {f"evt_{number}" for number in scene.late}
        self._twice = {f"evt_{number}" for number in scene.twice}
        self.at_work = self.early = 0

    def _start(self):
        app = self._receiver(self._stage)
        if not callable(app):
            raise TypeError(f"receiver(stage) returns a Flask app, not {type(app).__name__}.")
        return app

    def __call__(self, environ, start_response):
        id = Request(environ).headers.get("webhook-id")
        if id in self._late:
            self._late.discard(id)
            return Response("try again later", 503)(environ, start_response)
        if self._restarts:  # whatever it had in memory is gone
            self.app = self._start()
        self.at_work += 1
        try:
            answer = Response.from_app(self.app, environ, buffered=True)
        finally:
            self.at_work -= 1
        if id in self._twice:
            self._twice.discard(id)
            answer = Response("the answer was lost", 504)
        return answer(environ, start_response)


class Shelf:
    """A service as a server: what it keeps, in its order, and the minutes in which it was called."""

    def __init__(self, name, service, clock, desk):
        self.service, self.clock, self.desk = service, clock, desk
        self.kept, self.called = {}, set()
        self.app = Flask(name)
        for rule, defaults in (("/", {"path": ""}), ("/<path:path>", None)):
            self.app.route(rule, defaults=defaults, methods=["POST", "PUT"])(self._take)

    def _take(self, path):
        minute = (self.clock.now() - START) / MINUTE
        self.desk.early += self.desk.at_work > 0
        self.called.add(minute)
        if _within(minute, self.service.down):
            return {"error": "down"}, self.service.down_status
        try:
            entry = request.get_json()
        except (BadRequest, UnsupportedMediaType):
            return {"error": "a body of JSON is wanted"}, 400
        key = request.headers.get("Idempotency-Key") if self.service.knows_keys else None
        if request.method == "PUT":
            key = ("PUT", path)
        elif key in self.kept:
            return {"kept": "before"}, 200
        new = key not in self.kept
        self.kept[key or object()] = entry
        if not new:
            return {"kept": "instead"}, 200
        if _within(minute, self.service.lost):
            return {"error": "the answer was lost"}, 504
        return {"kept": "now"}, 201


def _within(minute, pairs):
    return any(begin <= minute < end for begin, end in pairs)


def open_server(app, name):
    """Serve an app on a free port: not by serve(), which would take the place of a server of yours of this name."""
    return Server(app, name, socket.create_server(("127.0.0.1", 0), backlog=128))
