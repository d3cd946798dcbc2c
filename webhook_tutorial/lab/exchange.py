"""One request with its answer, as one end of the wire recorded it: an `Exchange`."""

import codecs
import json
from dataclasses import dataclass, field
from html import escape
from urllib.parse import urlsplit

from requests.structures import CaseInsensitiveDict
from werkzeug.datastructures import Headers

from ..answers import ok, reason
from ..curl import curl
from ..look import PROVIDER, mark_of, masked, masked_url, one_line, preview, shortened, visible

#: A body is recorded up to this many bytes, whatever is sent.
RECORDED_BYTES = 1 << 20

#: Headers every request or answer carries, left out of a transcript (never out of ``.headers``).
USUAL_HEADERS = frozenset(("accept", "accept-encoding", "accept-language", "connection", "date", "host", "server"))

_SHOWN_BYTES = 2_000


@dataclass(frozen=True, eq=False, kw_only=True)
class Exchange:
    """One HTTP request and its answer, as one end of the wire recorded them.

    Attributes:
        method, url: The request line; `url` is whole, with scheme, host and port.
        headers: The request's headers, a mapping that ignores case; one that came several times has its values joined.
        raw_headers: The request's headers as they came, pairs in their order; empty where this end does not know.
        body: The request's body, bytes (a server keeps the first MiB); of what is not HTTP, all that came.
        status: The answer's status code, or None if no answer came.
        response_headers, response_body: The answer's headers and body.
        sender, receiver: The names of the two ends, for pictures.
        recorded_by: ``"receiver"`` or ``"sender"``: the end whose view this is.
        started: When it began, in seconds since the epoch.
        mark: When it began on `time.perf_counter`, which orders what the ends of one kernel saw.
        seconds: How long it took.
        error: What went wrong in a few words: the exception's class in a handler, or what was not HTTP in the request,
            or why no answer came.
        traceback: The traceback of an exception in a handler, as text; else empty.
        log: What the app wrote to its error log during the request.
    """

    method: str
    url: str
    headers: CaseInsensitiveDict = field(default_factory=CaseInsensitiveDict)
    raw_headers: tuple = ()
    body: bytes = b""
    status: int | None = None
    response_headers: CaseInsensitiveDict = field(default_factory=CaseInsensitiveDict)
    response_body: bytes = b""
    sender: str = "client"
    receiver: str = "server"
    recorded_by: str = "receiver"
    started: float = 0.0
    mark: float = 0.0
    seconds: float = 0.0
    error: str = ""
    traceback: str = ""
    log: str = ""

    @property
    def path(self):
        """The path of the URL, without the query."""
        return urlsplit(self.url).path or "/"

    @property
    def query(self):
        """What follows the question mark in the URL, or an empty text."""
        return urlsplit(self.url).query

    @property
    def target(self):
        """Path and query, as they stand in the request line."""
        return self.path + ("?" + self.query if self.query else "")

    @property
    def ok(self):
        """Whether the answer's status is 2xx, which alone means success to a webhook's sender."""
        return ok(self.status)

    @property
    def event_type(self):
        """The ``event_type`` in the request's JSON body, or an empty text if there is none."""
        try:
            value = self.json()["event_type"]
        except (ValueError, TypeError, KeyError):
            return ""
        return value if isinstance(value, str) else ""

    @property
    def outcome(self):
        """The answer in a few words: ``"200 OK"``, or why there is none: ``"no answer: refused"``."""
        if self.status is None:
            return f"no answer: {self.error or 'unknown'}"
        return f"{self.status} {reason(self.status)}".strip()

    def json(self):
        """Return the request's body, parsed as JSON.

        Raises:
            ValueError: The body is not JSON.
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"The body of {self._request_line()} is not JSON.") from error

    def curl(self):
        """Return a command for a terminal that sends this request again.

        It is written for a POSIX shell. Secrets are masked, by what their names say: fill them in yourself.
        """
        made_by_curl = ("content-length", "transfer-encoding")
        headers = [
            (name, value)
            for name, value in masked(self._lines)
            if not _usual(name, value) and name.lower() not in made_by_curl
        ]
        return curl(self.method, self.url, headers, self.body)

    def transcript(self):
        """Return the exchange as text, nearly as it crossed the wire: usual headers left out, secrets masked."""
        return "\n".join([*_half("→", self._request_line(), self._lines, self.body), *self._answer_lines()])

    @property
    def _lines(self):
        """The request's headers as they came, one that came twice twice, or as far as this end knows them."""
        return Headers(list(self.raw_headers)) if self.raw_headers else self.headers

    def _request_line(self):
        return visible(shortened(f"{self.method} {masked_url(self.target)}", _SHOWN_BYTES))

    def _answer_lines(self):
        if self.status is None:
            return [f"← {visible(self.outcome)}"]
        lines = _half("←", self.outcome, self.response_headers, self.response_body)
        if self.error:
            if self.error.isidentifier():  # an exception's class
                lines.append(f"  The handler raised {self.error}; .traceback has the rest.")
            else:
                lines.append(f"  Refused: {visible(self.error)}.")
        return lines

    def __repr__(self):
        return self.transcript()

    def _repr_html_(self):
        colour = mark_of(self.status)[1]
        request = "\n".join(_half("→", self._request_line(), self._lines, self.body))
        answer = "\n".join(self._answer_lines())
        block = (
            '<pre style="margin:0 0 4px;padding:4px 8px;border-left:4px solid {};'
            'white-space:pre-wrap;overflow-wrap:anywhere">{}</pre>'
        )
        # Compact JSON has no spaces: let the browser break its lines after a comma rather than inside a word.
        request, answer = (escape(text).replace(",&quot;", ",<wbr>&quot;") for text in (request, answer))
        return block.format(PROVIDER, request) + block.format(colour, answer)


def _usual(name, value):
    """Whether a header is one of those that every request carries; a library's own name for itself is, too."""
    return name.lower() in USUAL_HEADERS or (name.lower() == "user-agent" and value.startswith(("python-", "curl/")))


def _half(arrow, line, headers, body):
    """One direction of an exchange as lines: the first line, headers, an empty line, the body."""
    lines = [f"{arrow} {line}"]
    lines += [f"  {one_line(n)}: {one_line(v, 200)}" for n, v in masked(headers) if not _usual(n, v)]
    if body:
        try:
            # Not final if cut, as the cut may go through a character.
            text = codecs.getincrementaldecoder("utf-8")().decode(body[:_SHOWN_BYTES], len(body) <= _SHOWN_BYTES)
        except UnicodeDecodeError:
            text = preview(body)
        lines += ["", *("  " + "\t".join(map(visible, part.split("\t"))) for part in text.splitlines())]
        if len(body) > _SHOWN_BYTES:
            lines.append(f"  … {len(body) - _SHOWN_BYTES} more bytes")
    return lines
