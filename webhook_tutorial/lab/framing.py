"""Where a request begins and ends on a stream of bytes, by the letter of RFC 9112: its head, its length, its chunks.

What breaks a rule is a `Refusal`. Of an answer, the form of its status stands here, too. Like `wire`, this imports no
more than Werkzeug.
"""

import re
from urllib.parse import quote

from werkzeug.exceptions import HTTPException

#: The longest request line and the largest header section, in bytes, and the most header lines.
HEAD_BYTES, HEAD_LINES = 1 << 16, 100

#: The largest chunked body, in bytes. It is read whole before the app is called; one with a length has no limit.
CHUNKED_BYTES = 1 << 26

_PIECE = 1 << 16

# None of these can match the same bytes in two ways, so that none takes long to say no.
TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_REQUEST_LINE = re.compile(rb"(%s) ([^\x00-\x20\x7f#]+) HTTP/([0-9])\.([0-9])\r?\n" % TOKEN)
_FIELD_LINE = re.compile(rb"(%s):([^\x00-\x08\n-\x1f\x7f]*)\r?\n" % TOKEN)
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\x00-\x08\n-\x1f\x7f]*)?\r\n")
_ABSOLUTE = re.compile(r"(?i:https?)://((?:\[[0-9A-Fa-f:.]+\]|[^][/?:@]+)(?::[0-9]{0,5})?)(/[^?]*)?(\?.*)?")


class Refusal(HTTPException):
    """Why a request is not HTTP, with the status that says so: an answer of its own to any WSGI server.

    Attributes:
        code: The status.
        why: The reason, in a few words.
    """

    def __init__(self, code, why):
        super().__init__(why)
        self.code, self.why = code, why

    def get_body(self, environ=None, scope=None):
        return f"{self.name}: {self.why}.\n"

    def get_headers(self, environ=None, scope=None):
        return [("Content-Type", "text/plain; charset=utf-8")]


class Head:
    """A request's line and headers, as they came. Where the reading ends early, it holds what came till then.

    Attributes:
        method: ``"?"`` if what came has none.
        target: As it stands in the request line, bytes outside ASCII percent-encoded.
        path: Path and query of the target, with a slash first.
        host: The host and port of an absolute target, else empty.
        version: A pair of numbers.
        headers: Pairs of texts, in their order, case and repetition kept.
        raw: The bytes that came, if they have no method.
    """

    def __init__(self):
        self.method, self.target, self.path, self.host, self.version = "?", "/", "/", "", (1, 1)
        self.headers, self.raw = [], b""

    def read(self, stream):
        """Read it from a stream, and return whether there is a request at all.

        Raises:
            Refusal: It breaks a rule.
        """
        # An empty line before a request should be skipped (RFC 9112, section 2.2).
        if stream.peek(1)[:1] in (b"\r", b"\n") and stream.readline(2) not in (b"\r\n", b"\n"):
            raise Refusal(400, "not an HTTP request")
        first = stream.peek(1)[:1]
        if not first:
            return False
        if not re.match(TOKEN, first):
            # At once, without waiting for a line: who greets with TLS waits for a greeting.
            self.raw = stream.read1(_PIECE)
            tls = self.raw.startswith(b"\x16\x03")
            raise Refusal(400, "a TLS hello, as for https://" if tls else "not an HTTP request")
        self._take_line(stream.readline(HEAD_BYTES + 1))
        for pair in fields(stream):
            self.headers.append(pair)
        if len(self.values("host", split=False)) > 1:
            raise Refusal(400, "more than one Host header")
        return True

    def _take_line(self, line):
        self.method, self.target, self.path = _words(line)
        if self.method == "?":
            self.raw = line
        if len(line) > HEAD_BYTES:
            raise Refusal(414, f"a request line of more than {HEAD_BYTES} bytes")
        match = _REQUEST_LINE.fullmatch(line)
        if not match:
            raise Refusal(400, "not an HTTP request")
        self.version = int(match[3]), int(match[4])
        if self.version[0] != 1:
            raise Refusal(505, f"HTTP/{self.version[0]}.{self.version[1]}, where HTTP/1.1 is spoken")
        absolute = _ABSOLUTE.fullmatch(self.target)
        if absolute:
            self.host, self.path = absolute[1], (absolute[2] or "/") + (absolute[3] or "")
        elif not self.target.startswith("/") and (self.method, self.target) != ("OPTIONS", "*"):
            raise Refusal(400, "a target that is neither a path nor an address")  # RFC 9112, section 3.2

    def values(self, name, split=True):
        """Return the values of a header, which may come several times and hold several, each after a comma."""
        found = [value for key, value in self.headers if key.lower() == name]
        return [part.strip(" \t") for value in found for part in value.split(",")] if split else found

    def length(self):
        """Return how long the body is, in bytes, or None if it is chunked (RFC 9112, sections 6.1 to 6.3).

        Raises:
            Refusal: The headers contradict each other or say nothing that can be read.
        """
        codings, lengths = [c.lower() for c in self.values("transfer-encoding")], self.values("content-length")
        if codings:
            if lengths:
                raise Refusal(400, "both a Content-Length and a Transfer-Encoding")
            if self.version < (1, 1):
                raise Refusal(400, "a Transfer-Encoding in HTTP/1.0")
            if codings[-1] != "chunked" or "chunked" in codings[:-1]:
                raise Refusal(400, "a Transfer-Encoding that does not end in chunked, once")
            if len(codings) > 1:
                raise Refusal(501, "a Transfer-Encoding other than chunked")
            return None
        if len(set(lengths)) > 1:
            raise Refusal(400, "two Content-Lengths that differ")
        if not lengths:
            return 0
        if not re.fullmatch("[0-9]+", lengths[0]):
            raise Refusal(400, "a Content-Length that is no number")
        if len(lengths[0].lstrip("0")) > 18:  # beyond any disk, and int() has a limit of its own
            raise Refusal(413, "a Content-Length beyond any measure")
        return int(lengths[0])


def _words(line):
    """Method, target and path of a request line; of one that is none, as far as it can be told."""
    match = re.match(rb"(%s) ([^ \r\n]*)" % TOKEN, line)
    if not match:
        return "?", "/", "/"
    target = quote(match[2], safe=bytes(range(33, 127)))
    return match[1].decode(), target, target if target.startswith("/") else "/" + target


def fields(stream):
    """Read header or trailer lines up to the empty one, and yield them as pairs of texts (RFC 9112, section 5).

    Raises:
        Refusal: A line is no header, or there are too many, or the empty line never came.
    """
    left = HEAD_BYTES
    for _ in range(HEAD_LINES + 1):
        line = stream.readline(left + 1)
        left -= len(line)
        if left < 0:
            break
        if line in (b"\r\n", b"\n"):
            return
        if not line.endswith(b"\n"):
            raise Refusal(400, "headers that break off")
        match = _FIELD_LINE.fullmatch(line)
        if not match:
            raise Refusal(400, "a line among the headers that is none")
        yield match[1].decode(), match[2].strip(b" \t").decode("latin-1")
    raise Refusal(431, f"more than {HEAD_LINES} headers, or {HEAD_BYTES} bytes of them")


def chunks(stream):
    """Yield the pieces of a chunked body as they come; extensions and trailers are dropped (RFC 9112, section 7.1).

    Raises:
        Refusal: A chunk is none, or breaks off, or the body is larger than `CHUNKED_BYTES`.
    """
    room = CHUNKED_BYTES
    while True:
        match = _CHUNK_LINE.fullmatch(stream.readline(_PIECE))
        if not match:
            raise Refusal(400, "a chunk without a size")
        size = int(match[1], 16)
        if not size:
            break
        room -= size
        if room < 0:
            raise Refusal(413, f"a chunked body of more than {CHUNKED_BYTES} bytes")
        while size:
            piece = stream.read1(min(size, _PIECE))
            if not piece:
                raise Refusal(400, "a chunk that breaks off")
            size -= len(piece)
            yield piece
        if stream.read(2) != b"\r\n":
            raise Refusal(400, "a chunk longer than its size")
    for _ in fields(stream):
        pass


def check_status(status):
    """Raise ValueError if an app's status is none; int() would take "+200 OK" and "2_00 OK" for 200."""
    if not re.fullmatch(r"[2-9][0-9]{2}( [^\0\r\n]*)?", status):
        raise ValueError(f'A status is "200 OK", not {status!r}.')
