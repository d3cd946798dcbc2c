"""What an app receives and answers, recorded: a WSGI app around a WSGI app."""

import contextvars
import io
import itertools
import sys
import threading
import time
import traceback
from urllib.parse import quote

from flask import got_request_exception, has_request_context, request
from requests.structures import CaseInsensitiveDict
from werkzeug.datastructures import EnvironHeaders
from werkzeug.wsgi import get_input_stream

from .exchange import RECORDED_BYTES, Exchange
from .framing import Refusal, check_status
from .running import sending_as
from .traffic import Traffic
from .wire import HEAD, Gone


class Recorder:
    """A WSGI app around an app, which keeps each exchange before its answer leaves.

    An answer of known length is kept first and sent then, so that whoever has the answer finds the exchange in
    `traffic`. A stream is passed on piece by piece and kept when it ends.

    Any WSGI server may call it. Behind `Handler` the record holds what crossed the wire, byte for byte; elsewhere,
    what the server made of it.

    Args:
        app: A WSGI app.
        name: What it is called in pictures.
        url: Where it is reached, with no slash at the end.
        keep: Called with each exchange before its answer leaves, from the thread that answers, if it is given. What it
            raises has the sender get a 500, and the exchange is not in `traffic`.

    Attributes:
        traffic: What it received, as `Traffic`.
        busy: The threads on which it is at work, each until its answer has been sent.
    """

    def __init__(self, app, name, url, keep=None):
        self._app, self._name, self._url, self._keep_first = app, name, url, keep
        self.traffic, self.busy = Traffic(name=name), set()

    def __call__(self, environ, start_response):
        asked, thread = _Request(environ, self._name), threading.current_thread()
        self.busy.add(thread)
        try:
            try:
                pieces = asked.ask(self._app)
                start_response(*asked.answer)
            except Gone:
                raise
            except BaseException as error:  # on a server's thread even an interrupt is the app's own
                pieces = asked.fail(error)
                start_response(*asked.answer, sys.exc_info())
            asked.begun = True
            if asked.is_whole:
                response_body = b"".join(pieces)
                self._keep(**asked.record(response_body))
                yield response_body
            else:
                yield from self._stream(asked, pieces)
        finally:
            asked.close()
            self.busy.discard(thread)

    def _stream(self, asked, pieces):
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

    def refused(self, head, body, refusal):
        """Keep what is not HTTP, and is answered without the app; for `Handler`."""
        response = refusal.get_response()
        self._keep(
            **_on_the_wire(head),
            body=body[:RECORDED_BYTES],
            status=refusal.code,
            response_headers=_merged(response.headers),
            response_body=response.get_data(),
            started=time.time(),
            mark=time.perf_counter(),
            error=refusal.why,
        )

    def _keep(self, path, **fields):
        exchange = Exchange(url=self._url + path, receiver=self._name, recorded_by="receiver", **fields)
        if self._keep_first:
            self._keep_first(exchange)
        self.traffic.append(exchange)


class _Request:
    """One request on its way through an app: what came, what the app answers, and what went wrong.

    Whatever the app does to its environ, the record holds what came.
    """

    def __init__(self, environ, name):
        self._environ, self._came = environ, _what_came(environ)
        self._context = contextvars.copy_context()  # all of the app runs in it: a stream after its first piece, too
        self._context.run(sending_as.set, name)
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
        check_status(status)
        return status[:3] in ("204", "304") or any(name.lower() == "content-length" for name, _ in headers)

    @property
    def _has_body(self):
        """Whether a body is sent with the answer, whatever the app gives (RFC 9110, section 6.4.1)."""
        return self._came["method"] != "HEAD" and self.answer[0][:3] not in ("204", "304")

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

        self._pieces = self._context.run(app, self._environ, start)
        iterator = self._each(self._pieces)
        if not self.answer or not chunks:  # an app may call start_response as late as its first piece
            chunks.append(next(iterator, b""))
        # Now, as what cannot be sent still can be answered with 500.
        if self.is_whole:
            chunks = list(_bytes(itertools.chain(chunks, iterator)))
            self._check_length(sum(map(len, chunks)))
        return itertools.chain(list(_bytes(chunks)), _bytes(iterator))

    def _each(self, pieces):
        iterator = iter(pieces)
        return iter(lambda: self._context.run(next, iterator, _END), _END)

    def _check_length(self, length):
        for name, value in self.answer[1]:
            if name.lower() == "content-length" and value != str(length) and self._has_body:
                raise ValueError(f"The app says Content-Length: {value}, and answers with {length} bytes.")

    def _read(self):
        """Read the start of the body for the record, and put it before the rest for the app."""
        stream = self._environ["wsgi.input"]
        if HEAD not in self._environ:  # elsewhere a body need not end by itself (PEP 3333)
            stream = io.BufferedReader(get_input_stream(self._environ))
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
            self._came,
            body=bytes(self._body),
            status=int(self.answer[0][:3]),
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
                self._context.run(pieces.close)
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


_END = object()
_IN_PATHS = "/;=,:@!$&'()*+"
_ERRORS = "webhook_tutorial.errors"


def _note_exception(_app, exception, **_):
    # Flask answers an exception itself and tells only its logger; this signal tells us too.
    if has_request_context() and _ERRORS in request.environ:
        request.environ[_ERRORS].append(exception)


got_request_exception.connect(_note_exception)


def _what_came(environ):
    """The fields of an `Exchange` that a request's line and headers say."""
    if HEAD in environ:
        return _on_the_wire(environ[HEAD])
    path = environ.get("RAW_URI", "")  # as it was sent, where the server tells
    if not path.startswith("/"):
        path = quote(environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""), _IN_PATHS, "latin-1") or "/"
        path += "?" * bool(environ.get("QUERY_STRING")) + environ.get("QUERY_STRING", "")
    return _fields(environ["REQUEST_METHOD"], path, EnvironHeaders(environ))


def _on_the_wire(head):
    return _fields(head.method, head.path, head.headers) | {"raw_headers": tuple(head.headers)}


def _fields(method, path, headers):
    sender = "sender" if method == "POST" else "client"
    return {"method": method, "path": path, "headers": _merged(headers), "sender": sender}


def _merged(pairs):
    """Headers as a mapping; one that came several times has its values joined (RFC 9110, section 5.3)."""
    headers = CaseInsensitiveDict()
    for name, value in pairs:
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
