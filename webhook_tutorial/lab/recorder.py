"""What an app receives and answers, recorded: a WSGI app around a WSGI app."""

import io
import itertools
import time
import traceback

from flask import got_request_exception, has_request_context, request
from requests.structures import CaseInsensitiveDict

from .wire import HEAD, Refusal

#: A body is recorded up to this many bytes; the app gets all of it.
RECORDED_BYTES = 1 << 20


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
