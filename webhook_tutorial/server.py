"""Run any WSGI app on a background thread of this kernel, and record what it receives.

The server underneath is Werkzeug's threaded one: the same that lesson 02 starts by hand.
"""

import contextlib
import contextvars
import errno
import io
import itertools
import math
import socket
import threading
import time
import traceback
from urllib.parse import quote

from flask import got_request_exception, has_request_context, request
from requests.structures import CaseInsensitiveDict
from werkzeug.serving import WSGIRequestHandler, make_server

from .environment import reach_loopback_directly
from .registry import close_copies, reserve_name, running, started, stopped
from .traffic import Exchange, Traffic

#: A body is recorded up to this many bytes; the app gets all of it.
RECORDED_BYTES = 1 << 20

#: How long `Server.stop` lets handlers finish what they are doing, in seconds.
GRACE = 1.0

#: Who is sending in this thread or task: a server's name while one of its handlers runs.
sending_as = contextvars.ContextVar("sending_as", default="")

_serving = threading.RLock()


def serve(app, name=None, *, port=None):
    """Serve a WSGI app on 127.0.0.1 from a background thread; it is ready when this returns.

    Serving again under the same name stops the server that had it and takes over its port, so a cell that
    serves can be run again.

    Args:
        app: Any WSGI callable, such as a Flask app.
        name: What the server is called in pictures; the app's own name if left out.
        port: The port to use; a free one if left out.

    Returns:
        A `Server`.

    Raises:
        TypeError: ``app`` cannot be called.
        ValueError: Neither the app nor you gave a name, or the port is not a number from 1 to 65535.
        OSError: The port is taken, or you may not use it.
    """
    if not callable(app):
        raise TypeError(f"serve() needs a WSGI app, something that can be called; got {type(app).__name__}.")
    name = name or getattr(app, "name", "")
    if not isinstance(name, str) or name in ("", "__main__"):
        raise ValueError('The server needs a name: Flask("receiver"), or serve(app, name="receiver").')
    if port is not None and port not in range(1, 65536):
        raise ValueError(f"A port is a number from 1 to 65535, not {port!r}.")
    with _serving:
        before = next((up for up in running() if isinstance(up, Server) and up.name == name), None)
        if before and port not in (None, before.port):
            _listen(port).close()  # if this port is taken, the server that is up stays up
        if before:
            before.stop()
        try:
            listener = _listen(port or (before.port if before else 0))
        except OSError:
            if port:
                raise
            listener = _listen(0)
        return Server(app, name, listener)


def _listen(port):
    # Our own socket, because make_server answers a taken port with sys.exit.
    try:
        return socket.create_server(("127.0.0.1", port), backlog=128)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            words = f"Port {port} is taken by another program. Leave the port out and serve() finds a free one."
        else:
            words = f"Port {port} cannot be used ({error.strerror}). Leave the port out and serve() finds one that can."
        raise OSError(words) from None


class Server:
    """A WSGI app being served: what `serve` returns.

    Attributes:
        name: What it is called in pictures.
        port: Its TCP port on 127.0.0.1.
        url: ``http://127.0.0.1:PORT``, with no slash at the end.
        traffic: What it received, as `Traffic`; an exchange is there before its sender has the answer.
        running: Whether it is up.

    It is a context manager that stops the server at its end.
    """

    def __init__(self, app, name, listener):
        reach_loopback_directly()
        self.app, self.name = app, name
        self.traffic = Traffic(name=name)
        self.running = True
        self._stopping = threading.RLock()
        self._clients = {}
        self._busy = set()
        with listener:
            self._wsgi = make_server(
                "127.0.0.1", 0, self._record, threaded=True, request_handler=_Handler, fd=listener.fileno()
            )
        self.port = self._wsgi.port
        self.url = f"http://127.0.0.1:{self.port}"
        self._wsgi.process_request = self._start_client
        self._wsgi.handle_error = lambda *_: None  # a client that went away mid-request is no news
        self._wsgi.log = lambda *_: None
        self._wsgi.keep = self._keep
        self._thread = threading.Thread(
            target=self._wsgi.serve_forever, args=(0.02,), name=f"serve {name}", daemon=True
        )
        self._thread.start()
        reserve_name(self.port, name)
        started(self, self._let_go)

    def stop(self):
        """Stop the server: idle clients are cut off, running handlers get `GRACE` seconds to finish.

        It is fine to call it twice; whoever calls it second waits until it has stopped.
        """
        with self._stopping:
            if not self.running:
                return
            self._wsgi.shutdown()
            self._thread.join()
            end = time.monotonic() + GRACE
            clients = [(t, c) for t, c in list(self._clients.items()) if t is not threading.current_thread()]
            for thread, connection in clients:
                if thread in self._busy:
                    thread.join(max(0, end - time.monotonic()))
                if thread.is_alive():
                    _cut(connection)
                    thread.join(max(0.1, end - time.monotonic()) if thread not in self._busy else 0)
            self.traffic.close(f"The server {self.name!r} has stopped, so nothing more will come.")
            self.running = False
            stopped(self)

    def _let_go(self):
        """In a child made by fork: this copy serves nothing, and the server itself stays its parent's."""
        self.running, self._stopping = False, threading.RLock()
        close_copies([self._wsgi.socket, *self._clients.values()])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def __repr__(self):
        return f"<Server {self.name} {self.url} {'running' if self.running else 'stopped'}>"

    def _start_client(self, connection, address):
        """Handle a connection on a thread of its own, remembered so that `stop` can end it."""
        thread = threading.Thread(target=self._client, args=(connection, address), daemon=True)
        self._clients[thread] = connection
        thread.start()

    def _client(self, connection, address):
        try:
            self._wsgi.process_request_thread(connection, address)
        finally:
            self._clients.pop(threading.current_thread(), None)

    def _record(self, environ, start_response):
        """Call the app, and keep the exchange before the answer leaves.

        An answer of known length is kept first and sent then, so that whoever has the answer finds the exchange
        in `traffic`. A stream is passed on piece by piece and kept when it ends.
        """
        self._busy.add(threading.current_thread())
        token = sending_as.set(self.name)
        try:
            yield from self._exchange(environ, start_response)
        finally:
            sending_as.reset(token)
            self._busy.discard(threading.current_thread())

    def _exchange(self, environ, start_response):
        started, mark = time.time(), time.perf_counter()
        errors, log, answer, chunks = [], io.StringIO(), [], []
        chunked = environ.get("wsgi.input_terminated", False)
        length = environ.get("CONTENT_LENGTH", "")
        length = math.inf if chunked else int(length) if length.isascii() and length.isdigit() else 0
        body, unreadable = b"", None
        try:
            body = environ["wsgi.input"].read(min(length, RECORDED_BYTES)) if length else b""
        except ConnectionError:
            raise
        except OSError as error:  # chunks that are none
            unreadable = error
        environ["wsgi.input"] = io.BufferedReader(_Rejoined(body, environ["wsgi.input"], length - len(body)))
        environ["wsgi.errors"] = log
        environ[_ERRORS] = errors

        def keep(response_body):
            error = errors[0] if errors else None
            self._keep(
                method=environ["REQUEST_METHOD"],
                url=self.url + _target(environ),
                headers=_request_headers(environ),
                body=body,
                status=_code(answer),
                response_headers=_merged(answer[1]),
                response_body=response_body[:RECORDED_BYTES],
                sender="sender" if environ["REQUEST_METHOD"] == "POST" else "client",
                started=started,
                mark=mark,
                seconds=time.perf_counter() - mark,
                error=type(error).__name__ if error else "",
                traceback="".join(traceback.format_exception(error)) if error else "",
                log=log.getvalue(),
            )

        def start(status, headers, exc_info=None):
            answer[:] = status, headers
            return chunks.append

        pieces = None
        try:
            if unreadable:
                raise unreadable
            pieces = self.app(environ, start)
            iterator = iter(pieces)
            if not answer or not chunks:  # an app may call start_response as late as its first piece
                chunks.append(next(iterator, b""))
            if _is_whole(answer):
                chunks.extend(iterator)
            b"".join(chunks)  # now, as a piece that is not bytes still can be answered with 500
        except (Exception, SystemExit) as error:
            errors.append(error)
            chunks = [b"Internal Server Error"]
            answer[:] = "500 Internal Server Error", [("Content-Type", "text/plain"), ("Content-Length", "21")]
        try:
            if _is_whole(answer):
                response_body = b"".join(chunks)
                keep(response_body)
                start_response(*answer)
                yield response_body
                return
            start_response(*answer)
            kept = bytearray()
            try:
                for chunk in itertools.chain(chunks, iterator):
                    kept += chunk[: RECORDED_BYTES - len(kept)]
                    yield chunk
            except Exception as error:
                errors.append(error)
                raise
            finally:
                keep(bytes(kept))
        finally:
            if hasattr(pieces, "close"):
                pieces.close()

    def _keep(self, **fields):
        self.traffic.append(Exchange(receiver=self.name, recorded_by="receiver", **fields))


class _Handler(WSGIRequestHandler):
    """Werkzeug's handler, without its printing and its version, which would differ from machine to machine."""

    def log(self, *_):
        pass

    def version_string(self):
        return "webhook-tutorial"

    def send_error(self, code, message=None, explain=None):
        """Answer what is not HTTP at all; it never reaches the app, so it is recorded here."""
        line = getattr(self, "requestline", "").split()
        self.server.keep(
            method=line[0] if line else "?",
            url=f"http://127.0.0.1:{self.server.port}{line[1] if len(line) > 1 and line[1].startswith('/') else '/'}",
            status=int(code),
            started=time.time(),
            mark=time.perf_counter(),
            error="not an HTTP request",
        )
        super().send_error(code, message, explain)


class _Rejoined(io.RawIOBase):
    """A request's body: what was read for the record, then the rest from the socket, never more than its length."""

    def __init__(self, head, rest, left):
        self._head, self._rest, self._left = io.BytesIO(head), rest, left

    def readable(self):
        return True

    def readinto(self, buffer):
        data = self._head.read(len(buffer))
        if not data:
            size = min(len(buffer), self._left)
            data = self._rest.read(size) if size else b""
            self._left -= len(data)
        buffer[: len(data)] = data
        return len(data)


_ERRORS = "webhook_tutorial.errors"


def _note_exception(_app, exception, **_):
    # Flask answers an exception itself and tells only its logger; this signal tells us too.
    if has_request_context() and _ERRORS in request.environ:
        request.environ[_ERRORS].append(exception)


got_request_exception.connect(_note_exception)


def _is_whole(answer):
    """Whether an answer says how long it is, or has no body by its status (RFC 9110, section 6.4.1)."""
    if not answer:
        raise RuntimeError("The app sent no status: it never called start_response.")
    status, headers = answer
    _code(answer)
    return status[:3] in ("204", "304") or any(name.lower() == "content-length" for name, _ in headers)


def _code(answer):
    return int(answer[0].split()[0])


def _target(environ):
    """Path and query as they were sent, but bytes outside ASCII percent-encoded, and always with a slash first."""
    raw = environ["REQUEST_URI"].encode("latin-1").decode().encode("latin-1")  # back to bytes: Werkzeug encodes twice
    target = quote(raw, safe=bytes(range(33, 127)))
    return target if target.startswith("/") else "/" + target


def _request_headers(environ):
    headers = CaseInsensitiveDict()
    for key, value in environ.items():
        if key.startswith("HTTP_") or (key in ("CONTENT_TYPE", "CONTENT_LENGTH") and value):
            headers[key.removeprefix("HTTP_").replace("_", "-").title()] = value
    return headers


def _merged(pairs):
    """Headers as a mapping; one that came several times has its values joined (RFC 9110, section 5.3)."""
    headers = CaseInsensitiveDict()
    for name, value in pairs:
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _cut(connection):
    with contextlib.suppress(OSError):  # it may have gone by itself
        connection.shutdown(socket.SHUT_RDWR)
