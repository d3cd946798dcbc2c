"""Run any WSGI app on a background thread of this kernel, and record what it receives.

The server underneath is Werkzeug's threaded one: the same that lesson 02 starts by hand.
"""

import contextlib
import contextvars
import errno
import io
import itertools
import socket
import sys
import threading
import time
import traceback

from flask import got_request_exception, has_request_context, request
from requests.structures import CaseInsensitiveDict
from werkzeug.serving import make_server

from ..environment import reach_loopback_directly
from .running import close_copies, reserve_name, running, started, stopped
from .traffic import Exchange, Traffic
from .wire import HEAD, Gone, Handler, Refusal

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
        self._stopping, self._cutting = threading.RLock(), False
        self._clients = {}
        self._busy = set()
        with listener:
            self._wsgi = make_server(
                "127.0.0.1", 0, self._record, threaded=True, request_handler=Handler, fd=listener.fileno()
            )
        self.port = self._wsgi.port
        self.url = f"http://127.0.0.1:{self.port}"
        self._wsgi.process_request = self._start_client
        self._wsgi.handle_error = lambda *_: None  # a client that went away mid-request is no news
        self._wsgi.log = lambda *_: None
        self._wsgi.refused = self._refused
        self._thread = threading.Thread(
            target=self._wsgi.serve_forever, args=(0.02,), name=f"serve {name}", daemon=True
        )
        try:
            self._thread.start()
            reserve_name(self.port, name)
            started(self, self._let_go)
        except BaseException:  # whoever loses patience leaves no server behind that nobody knows
            self.stop()
            raise

    def stop(self):
        """Stop the server: whoever has not sent a whole request is cut off, handlers get `GRACE` seconds to finish.

        It is fine to call it twice; whoever calls it second waits until it has stopped.
        """
        with self._stopping:
            if not self.running:
                return
            if self._thread.is_alive():
                self._wsgi.shutdown()
                self._thread.join()
            self._wsgi.server_close()
            end, self._cutting = time.monotonic() + GRACE, True
            clients = [(t, c) for t, c in list(self._clients.items()) if t is not threading.current_thread()]
            for thread, connection in clients:
                if thread not in self._busy:
                    _shut(connection, socket.SHUT_RD)  # nothing more is read, but a request that is whole is answered
            for thread, connection in clients:
                thread.join(max(0, end - time.monotonic()))
                if thread.is_alive():
                    _shut(connection, socket.SHUT_RDWR)
                    thread.join(0.1 if thread not in self._busy else 0)
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
        try:
            thread.start()
        except RuntimeError:  # the system has no more threads to give
            del self._clients[thread]
            raise

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
        asked = _Request(environ)
        try:
            try:
                pieces = asked.ask(self.app)
                start_response(*asked.answer)
            except Gone:
                raise
            except BaseException as error:  # on a thread of ours even an interrupt is the app's own
                if isinstance(error, Refusal) and self._cutting:
                    raise Gone from error
                pieces = asked.fail(error)
                start_response(*asked.answer, sys.exc_info())
            asked.begun = True
            if asked.is_whole:
                response_body = b"".join(pieces)
                self._keep(**asked.record(response_body))
                yield response_body
                return
            kept = bytearray()
            try:
                for piece in pieces:
                    kept += piece[: RECORDED_BYTES - len(kept)]
                    yield piece
            except GeneratorExit:  # the client left
                raise
            except BaseException as error:
                asked.errors.append(error)
                raise
            finally:
                asked.close()
                self._keep(**asked.record(bytes(kept)))
        finally:
            asked.close()

    def _refused(self, head, body, refusal):
        """Keep what is not HTTP: it is answered without the app."""
        if self._cutting:
            raise Gone  # that its line was cut by `stop` is no fault of a sender, so nobody tells it so
        response = refusal.get_response()
        self._keep(
            **_what_came(head),
            body=body[:RECORDED_BYTES],
            status=refusal.code,
            response_headers=_merged(response.headers),
            response_body=response.get_data(),
            started=time.time(),
            mark=time.perf_counter(),
            error=refusal.why,
        )

    def _keep(self, path, **fields):
        self.traffic.append(
            Exchange(url=self.url + path, receiver=self.name, recorded_by="receiver", **fields)
        )


class _Request:
    """One request on its way through an app: what came, what the app answers, and what went wrong.

    Whatever the app does to its environ, the record holds what came.
    """

    def __init__(self, environ):
        self._environ, self._head = environ, environ[HEAD]
        self._started, self._mark = time.time(), time.perf_counter()
        self._body, self.answer, self.errors, self._pieces = bytearray(), [], [], None
        self._log = environ["wsgi.errors"] = io.StringIO()
        self.begun = False
        environ[_ERRORS] = self.errors

    @property
    def is_whole(self):
        """Whether the answer says how long it is, or has no body by its status (RFC 9110, section 6.4.1)."""
        if not self.answer:
            raise RuntimeError("The app sent no status: it never called start_response.")
        status, headers = self.answer
        int(status.split()[0])
        return status[:3] in ("204", "304") or any(name.lower() == "content-length" for name, _ in headers)

    @property
    def _has_body(self):
        """Whether a body is sent with the answer, whatever the app gives (RFC 9110, section 6.4.1)."""
        return self._head.method != "HEAD" and self.answer[0][:3] not in ("204", "304")

    def ask(self, app):
        """Have the app answer, and return the pieces of its answer: all of them, or a stream that goes on."""
        self._read()
        chunks = []

        def start(status, headers, exc_info=None):
            if exc_info and self.begun:
                raise exc_info[1].with_traceback(exc_info[2])
            if self.answer and not exc_info:
                raise AssertionError("start_response was called twice.")
            self.answer[:] = status, list(headers)
            return chunks.append

        self._pieces = app(self._environ, start)
        iterator = iter(self._pieces)
        if not self.answer or not chunks:  # an app may call start_response as late as its first piece
            chunks.append(next(iterator, b""))
        # Now, as what cannot be sent still can be answered with 500.
        if self.is_whole:
            chunks = list(_bytes(itertools.chain(chunks, iterator)))
            self._check_length(sum(map(len, chunks)))
        return itertools.chain(list(_bytes(chunks)), _bytes(iterator))

    def _check_length(self, length):
        for name, value in self.answer[1]:
            if name.lower() == "content-length" and value != str(length) and self._has_body:
                raise ValueError(f"The app says Content-Length: {value}, and answers with {length} bytes.")

    def _read(self):
        """Read the start of the body for the record, and put it before the rest for the app."""
        stream = self._environ["wsgi.input"]
        while piece := stream.read1(min(RECORDED_BYTES - len(self._body), 1 << 16)):
            self._body += piece
        self._environ["wsgi.input"] = io.BufferedReader(_Rejoined(bytes(self._body), stream))

    def fail(self, error):
        """Answer in place of the app, and return the pieces of that answer."""
        self.errors.append(error)
        response = error.get_response() if isinstance(error, Refusal) else None
        if response:
            self.answer[:] = response.status, list(response.headers)
            return [response.get_data()]
        self.answer[:] = "500 Internal Server Error", [("Content-Type", "text/plain"), ("Content-Length", "21")]
        return [b"Internal Server Error"]

    def record(self, response_body):
        """Return the fields of the `Exchange`."""
        error = self.errors[0] if self.errors else None
        refused = isinstance(error, Refusal)
        return dict(
            _what_came(self._head),
            body=bytes(self._body),
            status=int(self.answer[0].split()[0]),
            response_headers=_merged(self.answer[1]),
            response_body=response_body[:RECORDED_BYTES] if self._has_body else b"",
            started=self._started,
            mark=self._mark,
            seconds=time.perf_counter() - self._mark,
            error=error.why if refused else type(error).__name__ if error else "",
            traceback="".join(traceback.format_exception(error)) if error and not refused else "",
            log=self._log.getvalue(),
        )

    def close(self):
        """Tell the app's iterable that it is done with, once; what it raises then comes too late for any answer."""
        pieces, self._pieces = self._pieces, None
        try:
            if hasattr(pieces, "close"):
                pieces.close()
        except BaseException as error:
            self.errors.append(error)


def _bytes(pieces):
    for piece in pieces:
        if not isinstance(piece, bytes):
            raise TypeError(f"An app answers in bytes, not {type(piece).__name__}.")
        yield piece


class _Rejoined(io.RawIOBase):
    """A request's body: what was read for the record, then the rest from the socket."""

    def __init__(self, head, rest):
        self._head, self._rest = io.BytesIO(head), rest

    def readable(self):
        return True

    def readinto(self, buffer):
        data = self._head.read(len(buffer)) or self._rest.read1(len(buffer))
        buffer[: len(data)] = data
        return len(data)


_ERRORS = "webhook_tutorial.errors"


def _note_exception(_app, exception, **_):
    # Flask answers an exception itself and tells only its logger; this signal tells us too.
    if has_request_context() and _ERRORS in request.environ:
        request.environ[_ERRORS].append(exception)


got_request_exception.connect(_note_exception)


def _what_came(head):
    """The fields of an `Exchange` that its request line and headers say."""
    return {
        "method": head.method,
        "path": head.path,
        "headers": _merged(head.headers),
        "raw_headers": tuple(head.headers),
        "sender": "sender" if head.method == "POST" else "client",
    }


def _merged(pairs):
    """Headers as a mapping; one that came several times has its values joined (RFC 9110, section 5.3)."""
    headers = CaseInsensitiveDict()
    for name, value in pairs:
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _shut(connection, direction):
    with contextlib.suppress(OSError):  # it may have gone by itself
        connection.shutdown(direction)
