"""One request and its answer over a socket of its own, byte for byte, with a deadline for the whole of it.

A library would not do here: a request may be cut short, come in chunks, or wait with its last byte; an answer may come
before all is sent, and may break any rule. What came is read by `delivery.egress.Answer`, to a bound.
"""

import contextlib
import http.client
import io
import selectors
import socket
import ssl
import time
from dataclasses import dataclass, field

from requests.structures import CaseInsensitiveDict

from ...answers import reason
from ...delivery.egress import Answer
from .target import Target

#: How a request's body is framed. The last three are never finished: their sender closes its half of the connection.
LENGTH, CHUNKED, SHORT, CUT_IN_CHUNK, CUT_AFTER_CHUNK = "length", "chunked", "short", "cut in a chunk", "cut after one"
CUT = frozenset((SHORT, CUT_IN_CHUNK, CUT_AFTER_CHUNK))

#: By how many bytes a cut body falls short of what was announced.
MISSING = 16

#: Seconds between two looks at whether the run was stopped.
_LOOK = 0.1

# Whether a connection is reset or ends depends on what its buffers hold, so one word stands for both.
REFUSED, CLOSED, TIMED_OUT = "connection refused", "the connection was closed", "none came in time"
GARBAGE = "what came is no answer of HTTP"


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request as it is to be sent.

    Attributes:
        method, headers, body: As they are sent; the headers without those that frame the body.
        framing: One of those above.
        good_for: For how many seconds its signature is young enough; None for ever, or because it never was.
    """

    method: str = "POST"
    headers: dict = field(default_factory=dict)
    body: bytes = b""
    framing: str = LENGTH
    good_for: float | None = None

    def framed(self):
        """The headers that frame the body, pairs."""
        if self.framing in (LENGTH, SHORT):
            return [("Content-Length", str(len(self.body) + (MISSING if self.framing == SHORT else 0)))]
        return [("Transfer-Encoding", "chunked")]

    def bytes(self, where):
        """What is sent to a `Target`, every byte of it."""
        lines = [f"{self.method} {where.path} HTTP/1.1", f"Host: {where.authority}"]
        pairs = [*self.headers.items(), *self.framed(), ("Connection", "close")]
        lines += [f"{name}: {value}" for name, value in pairs]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self._body()

    def _body(self):
        body = self.body
        if self.framing == CHUNKED:
            third = len(body) // 3 + 1
            pieces = [body[at : at + third] for at in range(0, len(body), third)]
            return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        if self.framing == CUT_IN_CHUNK:
            return b"%x\r\n%b" % (len(body) + MISSING, body)
        if self.framing == CUT_AFTER_CHUNK:
            return b"%x\r\n%b\r\n" % (len(body), body)
        return body


@dataclass(frozen=True, kw_only=True, eq=False)
class Exchange:
    """A request and what came of it.

    Attributes:
        request: The `Request`.
        target: The `Target` it went to.
        status: The answer's status, or None if none came.
        phrase: The words beside the status, as they came.
        answer_headers, answer: The answer's headers, a mapping that ignores case, and its body, to 64 kB.
        told_secret: Whether the secret stood in them: it does not stand there any more.
        why: Why there is no answer, in a few words; one of those above mostly.
        seconds: How long it took.
    """

    request: Request
    target: Target
    status: int | None = None
    phrase: str = ""
    answer_headers: CaseInsensitiveDict = field(default_factory=CaseInsensitiveDict)
    answer: bytes = b""
    why: str = ""
    seconds: float = 0.0
    told_secret: bool = False

    @property
    def outcome(self):
        """The answer in a few words, the same in every run."""
        return f"no answer: {self.why}" if self.status is None else f"{self.status} {reason(self.status)}".strip()


class Stopped(Exception):
    """Somebody has stopped the run."""


class Line:
    """A connection: what is to be sent is sent while what comes is read, until a moment in time.

    Args:
        where: The `Target`.
        end: Until when, on `time.monotonic`.
        stop: A `threading.Event` that ends it sooner.

    Raises:
        OSError: No connection is made.
    """

    def __init__(self, where, end, stop):
        self._end, self._stop, self._out, self._half = end, stop, b"", False
        self._received = 0
        self.socket = _connect(where, end)
        try:
            self.socket.setblocking(False)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._selector = selectors.DefaultSelector()
            self._selector.register(self.socket, selectors.EVENT_READ)
        except BaseException:
            self.socket.close()
            raise

    def send(self, data, half=False):
        """Have these bytes sent, too; they leave in `flush`, or while something is read. ``half`` closes after them."""
        self._out, self._half = self._out + data, half

    def flush(self):
        """Send what is to be sent."""
        while self.push():
            self._wait(selectors.EVENT_WRITE)

    def makefile(self, mode):
        """What comes, as a file: so an answer is read from it."""
        return io.BufferedReader(_Incoming(self))

    def gettimeout(self):
        """None, as `Answer` asks for it: the time is kept here."""

    def settimeout(self, seconds):
        """Nothing: the time is kept here."""

    def read_into(self, buffer):
        while True:
            more = self.push()
            try:
                count = self.socket.recv_into(buffer)
                if not count and not self._received:
                    raise http.client.RemoteDisconnected("It was closed without an answer.")
                self._received += count
                return count
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                self._wait(selectors.EVENT_READ | (selectors.EVENT_WRITE if more else 0))

    def close(self):
        self._selector.close()
        self.socket.close()

    def push(self):
        """Send what can be sent at once; say whether more is left."""
        try:
            while self._out:
                self._out = self._out[self.socket.send(self._out[:65536]) :]
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return True
        except OSError:
            self._out, self._half = b"", False  # it takes no more; an answer may have come already
            return False
        if self._half:
            self._half = False
            if not isinstance(self.socket, ssl.SSLSocket):  # which could not be read any more
                with contextlib.suppress(OSError):
                    self.socket.shutdown(socket.SHUT_WR)
        return False

    def _wait(self, events):
        left = self._end - time.monotonic()
        if self._stop.is_set():
            raise Stopped
        if left <= 0:
            raise TimeoutError
        self._selector.modify(self.socket, events)
        self._selector.select(min(left, _LOOK))


class _Incoming(io.RawIOBase):
    def __init__(self, line):
        self._line = line

    def readable(self):
        return True

    def readinto(self, buffer):
        return self._line.read_into(buffer)


def _connect(where, end):
    error = None
    for address in where.addresses:
        left = end - time.monotonic()
        if left <= 0:
            break
        try:
            plain = socket.create_connection((address, where.port), timeout=left)
        except OSError as failed:
            error = failed
            continue
        if where.scheme == "http":
            return plain
        try:
            return ssl.create_default_context().wrap_socket(plain, server_hostname=where.host)
        except BaseException:
            plain.close()
            raise
    raise error or TimeoutError()


def exchange(where, request, seconds, stop, gate=None):
    """Send a request and return the `Exchange`, also where there is no answer.

    Args:
        where: The `Target`.
        seconds: How long it may take in all.
        stop: A `threading.Event`: once it is set, there is no answer.
        gate: Called when all but the last byte is sent, and the last leaves when it returns: so two requests are
            complete at the same moment.

    Raises:
        Stopped: ``stop`` was set.
    """
    started, line, found, why = time.monotonic(), None, {}, ""
    try:
        line = Line(where, started + seconds, stop)
        data, cut = request.bytes(where), request.framing in CUT
        if gate:
            line.send(data[:-1])
            line.flush()
            gate()
            data, started = data[-1:], time.monotonic()  # to wait for the other is no fault of the receiver
        line.send(data, half=cut)
        _read(line, request, found)
    except (OSError, http.client.HTTPException) as error:
        why = why_no_answer(error)
    finally:
        if line:
            line.close()
    why = "" if "status" in found else why
    return Exchange(request=request, target=where, why=why, seconds=time.monotonic() - started, **found)


def _read(line, request, found):
    answer = Answer(line, method=request.method)
    try:
        answer.begin()
        found |= {"status": answer.status, "phrase": answer.reason or ""}
        found["answer_headers"] = CaseInsensitiveDict(answer.headers.items())
        body = bytearray()
        found["answer"] = b""
        # The answer is given, whatever its body is; a chunk of a negative length is a ValueError.
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
            for piece in iter(lambda: answer.read(4096), b""):
                body += piece
                found["answer"] = bytes(body)
    finally:
        answer.close()


def why_no_answer(error):
    """Say in a few words why a request got no answer; they are the same on every machine."""
    if isinstance(error, TimeoutError):
        return TIMED_OUT
    if isinstance(error, ConnectionRefusedError):
        return REFUSED
    if isinstance(error, ssl.SSLCertVerificationError):
        return "its certificate is not trusted"
    if isinstance(error, ssl.SSLError):
        return "TLS failed"
    if isinstance(error, http.client.RemoteDisconnected):  # which is a kind of BadStatusLine
        return CLOSED
    if isinstance(error, http.client.HTTPException) or type(error) is ConnectionError:  # an end within the head
        return GARBAGE
    return CLOSED
