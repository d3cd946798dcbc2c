"""Receivers that the scorecard's tests grade: a correct one, and some that break HTTP, on sockets of their own."""

import contextlib
import json
import socket
import threading
import time

from flask import Flask, request

from webhook_tutorial import SignatureError, verify
from webhook_tutorial.signing import STANDARD_WEBHOOKS

SECRET = "whsec_" + "YW4gZXhhbXBsZSBzZWNyZXQgdG8gdGVzdCB3aXRo"
LIMIT = 50_000


def correct(dialect=STANDARD_WEBHOOKS, secret=SECRET, reads_json=True):
    """A correct receiver in any dialect; its ``effects`` are the bodies that it has worked on, once each."""
    app, lock = Flask("receiver"), threading.Lock()
    app.config["MAX_CONTENT_LENGTH"] = LIMIT
    app.effects, seen = [], set()

    @app.post("/webhook")
    def receive():
        body = request.get_data()
        try:
            verify(body, request.headers, secret, dialect, method=request.method, url=request.url)
        except SignatureError:
            return {"error": "unauthorized"}, 401
        try:
            event = json.loads(body) if reads_json else {"id": request.form["MessageSid"]}
        except (ValueError, RecursionError):
            return {"error": "not JSON"}, 400
        if not isinstance(event, dict):
            return {"error": "no object"}, 400
        id = event.get("id", request.headers.get("X-GitHub-Delivery", "none"))
        if not isinstance(id, (str, int)) or not 0 < len(str(id)) < 200:
            return {"error": "no id"}, 400
        with lock:
            if id not in seen:
                seen.add(id)
                app.effects.append(body)
        return "", 204

    @app.get("/effects")
    def effects():
        return {"effects": len(app.effects)}

    return app


@contextlib.contextmanager
def behaving(behave, address="127.0.0.1", context=None):
    """A receiver that does this with each connection, on a thread of its own; gives its URL. A context is for https."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.create_server((address, 0), family=family, backlog=128)
    ended, connections = threading.Event(), []

    def serve(connection):
        with contextlib.suppress(OSError):
            if context:
                connection = context.wrap_socket(connection, server_side=True)
                connections.append(connection)
            behave(connection)
        connection.close()

    def listen():
        with contextlib.suppress(OSError):
            while not ended.is_set():
                connection, _ = listener.accept()
                connections.append(connection)
                threads.append(threading.Thread(target=serve, args=(connection,), name="serve raw", daemon=True))
                threads[-1].start()

    threads = [threading.Thread(target=listen, name="serve raw", daemon=True)]
    threads[0].start()
    host = f"[{address}]" if ":" in address else address
    try:
        yield f"{'https' if context else 'http'}://{host}:{listener.getsockname()[1]}/webhook"
    finally:
        ended.set()
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(5)
        for connection in connections:
            connection.close()


def read_request(connection):
    """Read a whole request with a length, and return its bytes; what came of one that ends too soon."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return data
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
    while lengths and len(body) < lengths[0]:
        piece = connection.recv(65536)
        if not piece:
            break
        body += piece
    return head + b"\r\n\r\n" + body


def answers(data):
    """A behaviour: read a request, and answer with these bytes."""

    def behave(connection):
        read_request(connection)
        connection.sendall(data)

    return behave


def for_ever(head, piece, pause=0.0):
    """A behaviour: an answer that never ends."""

    def behave(connection):
        read_request(connection)
        connection.sendall(head)
        while True:
            connection.sendall(piece)
            time.sleep(pause)

    return behave
