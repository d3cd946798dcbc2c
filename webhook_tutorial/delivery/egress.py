"""How an attempt leaves, and how much of its answer is taken in.

A receiver is a stranger: its answer may be of any length, take any time, and break any rule. What counts is its status.
So an attempt has a connection of its own, which is closed when it is over, and its answer is read to a bound.
"""

import contextlib
import http.client
import io
import math
import re
import socket
import threading
import time
from concurrent.futures import Future
from contextvars import ContextVar, copy_context
from functools import lru_cache
from http.cookiejar import DefaultCookiePolicy

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

#: How much of an answer is read at the most, as it was sent: informational answers, head and body together.
ANSWER_BYTES = 65_536

#: How many lines of a head are looked at; http.client would give up an answer that has more.
HEADER_LINES = 99

#: Seconds that `post_within` waits beyond its limit: what is read ends by itself, the look-up of a name does not.
GRACE = 1.0


def make_session(connect=None):
    """Return a session of `requests` whose answers have a status, headers, and the beginning of their body.

    The body is as it was sent: nothing is unpacked. A redirect is an answer like any other, and cookies are not kept.

    Args:
        connect: Opens the connections, ``connect(host, port, timeout)`` with the timeout in seconds or None: it returns
            a socket, or raises OSError. The system's look-up and its network if left out.
    """
    session = requests.Session()
    session.headers.update({"Accept-Encoding": "identity", "Connection": "close"})
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # no receiver may mark us
    session.get_redirect_target = lambda answer: None  # else it is looked at, although it is not followed
    for scheme in ("http://", "https://"):
        session.mount(scheme, Adapter(connect))
    return session


def post_within(seconds, session, url, *, method="post", **options):
    """Return the answer to ``session.post(url, **options)``; after ``seconds`` its connection is closed.

    Args:
        seconds: How long it may take as a whole; None sets no limit.
        session: One of `make_session`. It sends on a thread of its own.
        method: The session's method to call instead: ``"options"``, say.

    Raises:
        TimeoutError: The time is over, and nothing has been returned.
    """
    limit, result, context = _Limit(seconds), Future(), copy_context()
    context.run(_limit.set, limit)

    def work():
        try:
            result.set_result(getattr(session, method)(url, **options))
        except BaseException as error:
            result.set_exception(error)

    try:
        threading.Thread(target=context.run, args=(work,), name="attempt", daemon=True).start()
        return result.result(None if seconds is None else seconds + GRACE)
    finally:
        limit.end = -math.inf  # who waits no longer, after an interrupt for one, wants no more of it


class _Limit:
    """Until when an attempt may last, on `time.monotonic`."""

    def __init__(self, seconds):
        self.end = math.inf if seconds is None else time.monotonic() + seconds

    def left(self):
        left = self.end - time.monotonic()
        if left <= 0:
            raise TimeoutError("The attempt is over.")
        return left


_NO_LIMIT = _Limit(None)
_limit = ContextVar("limit")


class Adapter(HTTPAdapter):
    """How a session of `make_session` sends: it reads an answer to a bound, and ends when the attempt is over.

    What a guard lets out is bounded too: it is handed in as ``connect``, see `make_session`.
    """

    def __init__(self, connect=None):
        super().__init__()
        self._connect = connect

    def get_connection_with_tls_context(self, *arguments, **options):
        pool = super().get_connection_with_tls_context(*arguments, **options)
        # In one step: an attempt that is over may still be about to connect, from a thread of its own.
        pool.ConnectionCls = _bounded(type(pool).ConnectionCls, self._connect)
        return pool

    def build_response(self, request, raw):
        response, body = super().build_response(request, raw), bytearray()
        with contextlib.suppress(Exception), contextlib.closing(raw):  # the answer is given, whatever its body is
            for piece in iter(lambda: raw.read(4096, decode_content=False), b""):
                body += piece
        response.raw = io.BytesIO(body)
        return response


class Answer(http.client.HTTPResponse):
    """An answer of which a bound is read, and which is the only one of its connection."""

    def __init__(self, connection, *arguments, **options):
        super().__init__(connection, *arguments, **options)
        self._bounded = _Bounded(connection, self.fp.detach())
        self.fp = io.BufferedReader(self._bounded)

    def _read_status(self):
        stream = self.fp.stream if isinstance(self.fp, _Head) else self.fp  # after an informational answer
        line = stream.readline(ANSWER_BYTES)
        words = line.split(None, 2)
        if len(words) > 1 and not re.fullmatch(rb"[0-9]{3}", words[1]):  # http.client's int() takes +200 for 200
            self._close_conn()
            raise http.client.BadStatusLine(repr(line))
        self.fp = io.BytesIO(line)
        try:
            return super()._read_status()
        finally:
            if self.fp:
                self.fp = _Head(stream)
            else:  # it was no status line
                stream.close()

    def begin(self):
        super().begin()
        while 100 <= self.status < 200 and self.status != 101:  # RFC 9110, section 15.2; http.client knows 100 only
            self.headers = None  # which has begin() go on to the next
            super().begin()
        self.fp = self.fp.stream
        lengths = ",".join(self.headers.get_all("Content-Length", ())).split(",")
        if len(set(lengths)) > 1:
            del self.headers["Content-Length"]  # urllib3 would refuse the answer; without any, the body has a bound
        self._bounded.in_head = False
        self.will_close = True  # so that no answer can be taken for that of another attempt


class _Head:
    """The lines of a head, of which the first `HEADER_LINES` count: http.client gives up an answer that has more."""

    def __init__(self, stream):
        self.stream, self._lines = stream, 0

    def readline(self, size=-1):
        line = self.stream.readline(size)
        while self._lines >= HEADER_LINES and line.strip(b"\r\n"):
            line = self.stream.readline(size)
        self._lines += 1
        return line

    def __getattr__(self, name):
        return getattr(self.stream, name)


class _Bounded(io.RawIOBase):
    """What comes from a connection: it ends after `ANSWER_BYTES`, and raises TimeoutError when the attempt is over.

    An end within the head is an error, which http.client does not see (RFC 9112, section 8).
    """

    in_head = True

    def __init__(self, connection, raw):
        self._connection, self._raw, self._limit = connection, raw, _limit.get(_NO_LIMIT)
        self._timeout, self._left = connection.gettimeout() or math.inf, ANSWER_BYTES

    def readable(self):
        return True

    def readinto(self, buffer):
        seconds = min(self._timeout, self._limit.left())
        self._connection.settimeout(seconds if seconds < math.inf else None)
        count = self._raw.readinto(memoryview(buffer)[: self._left]) if self._left else 0
        self._left -= count
        if not count and self.in_head:
            raise ConnectionError("The answer ends within its head, or has a head that is too long.")
        return count

    def close(self):
        self._raw.close()
        super().close()


class _Connection:
    """What is added to each kind of connection that urllib3 has."""

    response_class = Answer
    connect_by = None

    def connect(self):
        super().connect()
        _limit.get(_NO_LIMIT).left()  # a name may lead to many addresses, and the last of them answer too late

    def _new_conn(self):
        """As urllib3's own, with its errors. The name of the certificate and the Host header stay the URL's."""
        if self.connect_by is None:
            return super()._new_conn()
        try:
            connection = self.connect_by(self._dns_host, self.port, self._seconds())
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, f"Connecting to {self.host} timed out.") from error
        except OSError as error:
            raise NewConnectionError(self, f"No connection to {self.host}: {error}") from error
        for option in self.socket_options or ():
            connection.setsockopt(*option)
        return connection

    def _seconds(self):
        seconds = min(math.inf if self.timeout is None else self.timeout, _limit.get(_NO_LIMIT).left())
        return seconds if seconds < math.inf else None


@lru_cache(256)
def _bounded(connection_class, connect):
    by = None if connect is None else staticmethod(connect)
    return type(connection_class.__name__, (_Connection, connection_class), {"connect_by": by})
