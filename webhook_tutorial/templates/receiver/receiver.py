"""The receiver, `python receiver.py`: verify, store, answer. The work is worker.py's."""

import json
import logging
import select
import signal
import socket
import sqlite3
import sys
import time

import waitress
from flask import Flask, request
from waitress import wasyncore
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

import handlers
import settings
import signature
from inbox import Inbox
from telemetry import ANSWERED, DELIVERIES, log, log_json, show_metrics

#: How each delivery is answered. Before the signature is verified, every refusal is the same, and none says why.
ANSWERS = {
    "stored": (202, None),
    "duplicate": (202, None),
    "unauthorized": (401, "unauthorized"),
    "malformed": (400, "not an event"),
    "too large": (413, "too large"),
    "unavailable": (503, "try again later"),
}


def create_app(config, inbox):
    """Return the app.

    Args:
        config: The `settings.Settings`.
        inbox: The `Inbox` in which deliveries are stored.
    """
    app = Flask("receiver")
    app.config["MAX_CONTENT_LENGTH"] = config.largest_body

    @app.post("/webhook")
    def webhook():
        begun = time.monotonic()
        try:
            return _answer(*_receive(config, inbox))
        finally:
            ANSWERED.observe(time.monotonic() - begun)

    @app.get("/health")
    def health():
        """The process answers. If it does not: start it again."""
        return {"status": "up"}

    @app.get("/ready")
    def ready():
        """A delivery could be stored. If not: send none, but leave the process alone; a restart mends no full disk.

        Whether the worker lives is not asked. Without it deliveries come late, which an alert tells
        (webhook_inbox_overdue_seconds); if they were refused for that, senders would give up.
        """
        try:
            inbox.beat("ready")
        except sqlite3.Error:
            return {"status": "not ready"}, 503
        return {"status": "ready"}

    if config.show_effects:  # for tests from outside; it tells a stranger how much business you do

        @app.get("/effects")
        def effects():
            with inbox.transaction() as db:
                return str(handlers.effects(db)), {"Content-Type": "text/plain"}

    app.register_error_handler(HTTPException, _failed)
    return app


def _receive(config, inbox):
    """Return what became of the delivery, and what is to be logged of it."""
    try:
        body = request.get_data()
        signature.verify(body, request.headers, config.keys)
    except RequestEntityTooLarge:
        return "too large", {}
    except signature.Refused as refused:
        return "unauthorized", {"reason": str(refused)}
    event = _object(body)
    id, event_type = (find(event or {}, request.headers) for find in (signature.event_id, signature.event_type))
    told = {"delivery": id} if _is_name(id) else {}
    if event is None or not (_is_name(id) and _is_name(event_type)):
        return "malformed", told
    try:
        return ("stored" if inbox.store(id, event_type, body) else "duplicate"), told
    except sqlite3.Error:  # a full disk, a lock that is held for too long: the sender keeps it, and comes again
        log.exception("cannot store", extra=told)
        return "unavailable", told


def _object(body):
    """Return the JSON object that a body is, or None. What has to be in it is its handler's business."""
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):  # brackets a thousand deep are too many for the parser
        return None
    return event if isinstance(event, dict) else None


def _is_name(value):
    """Whether it can be an id or a type: a text that is not too long, in letters that can be written down."""
    return isinstance(value, str) and 0 < len(value) <= 200 and value.isprintable()


def _failed(error):
    """Answer with the name of an error and nothing more: 404 and 405, and 500 for a bug of ours."""
    if request.path == "/webhook" and error.code == 500:
        DELIVERIES.labels("error").inc()
    response = error.get_response()  # with its headers, such as Allow
    response.content_type, response.data = "application/json", json.dumps({"error": error.name.lower()})
    return response


def _answer(outcome, told):
    status, error = ANSWERS[outcome]
    DELIVERIES.labels(outcome).inc()
    level = logging.INFO if status < 400 else logging.WARNING
    log.log(level, "answered", extra=told | {"outcome": outcome, "status": status})
    return ({"error": error} if error else ""), status


def listen(config):
    """Return the socket at which deliveries come."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    return socket.create_server((config.host, config.port), family=family)


def serve(app, listener, largest_body):
    """Serve until SIGTERM or Ctrl-C; then take nobody new, and answer what has been sent, for at most 5 seconds.

    waitress reads a request whole before a thread begins with it, so slow clients hold no threads. Told to stop, it
    would drop all that waits for a thread; so the loop is ours. Asked to stop a second time, it ends at once.
    """
    sockets, asked = {}, []
    server = waitress.create_server(
        app,
        map=sockets,
        sockets=[listener],
        threads=8,
        connection_limit=200,  # of open connections; each is an open file, and macOS allows 256
        channel_timeout=30,  # seconds in which nothing comes
        # Up to here a body that is too large is read to its end, and its sender hears 413. What is larger still is cut,
        # and its sender may see no more than a lost connection.
        max_request_body_size=2 * largest_body + 100_000,
        ident=None,  # nobody needs to know what we run
    )

    def stop(*_):
        if asked:
            sys.exit(1)
        asked.append(True)
        server.pull_trigger()  # wakes the loop

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, stop)
    log.info("listening", extra={"port": listener.getsockname()[1]})
    while not asked:
        _turn(sockets, timeout=1)
    end = time.monotonic() + 5
    for _ in range(server.adj.connection_limit - len(sockets)):
        server.handle_accept()  # those who are connected, and wait for us to see it
    del sockets[listener.fileno()]
    listener.close()  # who comes now is refused at once, and not left waiting
    _turn(sockets, timeout=0)
    while (busy := sum(map(_is_busy, server.active_channels.values()))) and time.monotonic() < end:
        for channel in server.active_channels.values():
            if not _is_busy(channel) and channel.last_activity > channel.creation_time:
                channel.will_close = True  # it has had its answer
        _turn(sockets, timeout=0.1)
    log.info("stopped", extra={"cut": busy or None})


def _turn(sockets, timeout):
    """Wait until something comes or can be sent, for ``timeout`` seconds at most, and see to it."""
    wasyncore.loop(timeout, use_poll=hasattr(select, "poll"), map=sockets, count=1)


def _is_busy(channel):
    """Whether a connection has a request that waits or is being answered, half a request, or an answer to be sent."""
    return bool(channel.requests or channel.request or channel.total_outbufs_len)


def main():
    log_json()
    try:
        config = settings.load()
        inbox = Inbox(config.database)
        show_metrics(inbox, config.metrics_host, config.metrics_port)
        listener = listen(config)
    except settings.Wrong as error:
        sys.exit(str(error))
    except sqlite3.Error as error:
        sys.exit(f"DATABASE cannot be used: {error}.")
    except OSError as error:
        sys.exit(f"The port cannot be opened (PORT or METRICS_PORT): {error.strerror}.")
    except UnicodeError:
        sys.exit("HOST or METRICS_HOST is not an address.")
    serve(create_app(config, inbox), listener, config.largest_body)


if __name__ == "__main__":
    main()
