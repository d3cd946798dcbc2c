"""HTTP/1.1 as it is read off a socket and answered on it, by the letter of RFC 9112.

The sockets and threads are those of Werkzeug's server, with `Handler` for its request handler. `serve` and the
child of `Process` both use it, and the child must be up soon: so it imports nothing of ours but `framing`, and no
more than Werkzeug.

What is not HTTP never reaches the app. Every connection carries one request: what follows it is read by nobody,
so nothing can be hidden behind it.
"""

import contextlib
import io
import re
import socket
import time
import traceback
from tempfile import SpooledTemporaryFile
from wsgiref.util import is_hop_by_hop

from werkzeug.datastructures import Headers
from werkzeug.exceptions import InternalServerError
from werkzeug.serving import WSGIRequestHandler

from .framing import TOKEN, Head, Refusal, check_status, chunks

#: The key of the environ under which `Handler` leaves the request's `Head`.
HEAD = "webhook_tutorial.head"

#: How much of a chunked body is held in memory, in bytes; the rest goes to a temporary file.
IN_MEMORY = 1 << 20

_PIECE = 1 << 16

# How long a sender that still sends is listened to after its answer, in seconds.
_LINGER = 5


class Gone(ConnectionError):
    """The sender has cut the connection: nobody is there to be answered. An app's own ConnectionError is another."""


class _Counted(io.RawIOBase):
    """A body of known length on a stream; nothing behind it is touched."""

    def __init__(self, stream, length):
        self._stream, self.left = stream, length

    def readable(self):
        return True

    def readinto(self, buffer):
        if not self.left:
            return 0
        try:
            piece = self._stream.read1(min(len(buffer), self.left))
        except ConnectionError as error:
            raise Gone from error
        if not piece:
            raise Refusal(400, "a body shorter than its Content-Length")
        self.left -= len(piece)
        buffer[: len(piece)] = piece
        return len(piece)


class _Incoming(io.RawIOBase):
    """What comes on a connection. Where its own server cuts it, that is a connection lost, not a sender's fault."""

    def __init__(self, connection, server):
        self._connection, self._server = connection, server

    def readable(self):
        return True

    def readinto(self, buffer):
        count = self._connection.recv_into(buffer)
        if not count and getattr(self._server, "cutting", False):
            raise ConnectionAbortedError
        return count


class Handler(WSGIRequestHandler):
    """Reads one request, has the server's app answer it, and closes the connection.

    The app finds in its environ a ``wsgi.input`` that ends where the body does, and the request's `Head` under
    `HEAD`. A chunked body comes decoded as in RFC 9112, section 7.1.3: with a Content-Length and without the
    Transfer-Encoding, so that an app's limit on the length holds for it too.

    What is not HTTP is answered here. If the server has a ``refused``, it is called first, with the `Head`, what
    came of the body, and the `Refusal`. While it is ``cutting``, a request that ends early was cut off here: it is
    nobody's fault, and not answered.
    """

    protocol_version = "HTTP/1.1"

    def version_string(self):
        return "webhook-tutorial"  # Werkzeug's own names versions, which differ from machine to machine

    def setup(self):
        super().setup()
        self.rfile.close()
        self.rfile = io.BufferedReader(_Incoming(self.connection, self.server))

    def handle(self):
        self.head, self.came, self.body = Head(), b"", None
        with contextlib.suppress(ConnectionError), contextlib.ExitStack() as files:
            try:
                if not self.head.read(self.rfile):
                    return
                app, environ = self.server.app, self._request(files)
            except Refusal as refusal:
                app, environ = refusal, {"REQUEST_METHOD": self.head.method}
                if hasattr(self.server, "refused"):
                    self.server.refused(self.head, self.came or self.head.raw, refusal)
            self._respond(app, environ)
        self._linger()

    def _request(self, files):
        """Make the environ; ``files`` closes what is opened for the body."""
        head, length = self.head, self.head.length()
        expects = "100-continue" in map(str.lower, head.values("expect"))
        if expects and length != 0 and head.version > (1, 0):
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.command, self.request_version = head.method, "HTTP/{}.{}".format(*head.version)
        # One slash first, as two would begin a host (Python's own server does the same, gh-87389).
        self.path = "/" + head.path.lstrip("/") if head.path.startswith("//") else head.path
        self.headers = Headers(head.headers)
        for name in ("Content-Length", "Transfer-Encoding", "Trailer"):
            self.headers.remove(name)
        if head.host:
            self.headers["Host"] = head.host
        environ = self.make_environ()
        environ.update({HEAD: head, "REQUEST_URI": head.target, "RAW_URI": head.target})
        if length is None:
            environ["wsgi.input_terminated"] = True
            environ["wsgi.input"], length = self._decoded(files)
        else:
            self.body = _Counted(self.rfile, length)
            environ["wsgi.input"] = io.BufferedReader(self.body, _PIECE)
        if length or head.values("content-length") or head.values("transfer-encoding"):
            environ["CONTENT_LENGTH"] = str(length)
        return environ

    def _decoded(self, files):
        """Read a chunked body whole, as its length is not known before; a large one goes to a file."""
        file = files.enter_context(SpooledTemporaryFile(IN_MEMORY))  # noqa: SIM115 - files closes it
        try:
            for piece in chunks(self.rfile):
                file.write(piece)
        except Refusal:
            file.seek(0)
            self.came = file.read(IN_MEMORY)
            raise
        length = file.tell()
        file.seek(0)
        self.body = _Counted(file, 0)
        return file, length

    def _respond(self, app, environ):
        answer, pieces = _Answer(self), None
        try:
            pieces = app(environ, answer.start)
            for piece in pieces:
                answer.write(piece)
            answer.end()
        except Gone:
            raise
        except BaseException as error:  # an exit or an interrupt, too: on this thread it is the app's own
            traceback.print_exc(file=environ["wsgi.errors"])
            if not answer.begun:
                self._respond(error if isinstance(error, Refusal) else InternalServerError(), environ)
        finally:
            if hasattr(pieces, "close"):
                pieces.close()

    def _linger(self):
        """Wait until the sender has had the answer: closing on bytes not read takes it away (RFC 9112, section 9.6)."""
        end = time.monotonic() + _LINGER
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(0.01 if self.body and not self.body.left else 1)
            while self.connection.recv(_PIECE) and time.monotonic() < end:
                pass


class _Answer:
    """What an app answers, put on the wire: `start` and `write` are those of PEP 3333, `end` says that it is whole."""

    def __init__(self, handler):
        self._handler, self._head, self.begun = handler, b"", False
        self._has_body = self._chunked = False

    def start(self, status, headers, exc_info=None):
        if exc_info and self.begun:
            raise exc_info[1].with_traceback(exc_info[2])
        if self._head and not exc_info:
            raise AssertionError("start_response was called twice.")
        check_status(status)
        headers = list(headers)
        names = {name.lower() for name, _ in headers}
        lines = [("Server", self._handler.version_string()), ("Date", self._handler.date_time_string())]
        lines = [line for line in lines if line[0].lower() not in names]
        # What is about the connection is not an app's to say (PEP 3333); a relay copies it from an answer it got.
        lines += [(name, value) for name, value in headers if not is_hop_by_hop(name)]
        self._has_body = self._handler.head.method != "HEAD" and status[:3] not in ("204", "304")
        # A client of HTTP/1.0 does not know chunks: there the end of the connection is the end of the body.
        self._chunked = "content-length" not in names and self._has_body and self._handler.head.version > (1, 0)
        lines += [("Transfer-Encoding", "chunked")] * self._chunked + [("Connection", "close")]
        for name, value in lines:
            if not re.fullmatch(TOKEN, name.encode()) or re.search(r"[\0\r\n]", value):
                raise ValueError(f"{name!r}: {value!r} is no header; a line break or an odd name cannot be sent.")
        self._head = "".join([f"HTTP/1.1 {status}\r\n", *(f"{n}: {v}\r\n" for n, v in lines), "\r\n"]).encode("latin-1")
        return self.write

    def write(self, data):
        if not isinstance(data, bytes):
            raise TypeError(f"An app answers in bytes, not {type(data).__name__}.")
        data = data if self._has_body else b""
        if data and self._chunked:
            data = b"%x\r\n%b\r\n" % (len(data), data)
        head = b"" if self.begun else self._head
        self.begun = True
        self._send(head + data)

    def end(self):
        self.write(b"")
        if self._chunked:
            self._send(b"0\r\n\r\n")

    def _send(self, data):
        try:
            self._handler.wfile.write(data)
        except ConnectionError as error:
            raise Gone from error
