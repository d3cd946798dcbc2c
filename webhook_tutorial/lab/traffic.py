"""What crossed the wire: one request with its answer as an `Exchange`, many of them as `Traffic`.

Threads record and cells show, so everything here can be written by one thread and read by another.
"""

import codecs
import json
import shlex
import threading
import time
import traceback
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from urllib.parse import urlsplit

from requests.structures import CaseInsensitiveDict
from werkzeug.datastructures import Headers

from ..answers import ok, reason
from ..look import mark_of, masked, masked_url, one_line, preview, shortened, visible

#: Headers every request or answer carries, left out of a transcript (never out of ``.headers``).
USUAL_HEADERS = frozenset(
    ("accept", "accept-encoding", "accept-language", "connection", "date", "host", "server")
)

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
        words = ["curl", "-i"]
        if set(self.url) & set("[]{}"):
            words.append("--globoff")
        if "/." in self.path:
            words.append("--path-as-is")
        if self.method != ("POST" if self.body else "GET"):
            words += ["-I"] if self.method == "HEAD" else ["-X", visible(self.method)]
        made_by_curl = ("content-length", "transfer-encoding")
        for name, value in masked(self._lines):
            if not _usual(name, value) and name.lower() not in made_by_curl:
                # An empty value needs a semicolon: "Name:" would tell curl to leave the header out.
                words += ["-H", visible(f"{name}: {value}" if value else f"{name};")]
        if self.body and "content-type" not in self.headers:
            words += ["-H", "Content-Type:"]
        pipe = ""
        if self.body:
            try:
                text = self.body.decode()
                if visible(plain := text.replace("\n", "").replace("\t", "")) != plain:
                    raise ValueError("a shell word cannot hold a NUL, nor a terminal show what acts on it")
                words += ["--data-raw", text]
            except ValueError:
                pipe = "printf '" + "".join(f"\\{byte:03o}" for byte in self.body) + "' | "
                words += ["--data-binary", "@-"]
        return pipe + shlex.join([*words, visible(masked_url(self.url))])

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
        return block.format("#0072B2", request) + block.format(colour, answer)


class Traffic(Sequence):
    """A sequence of `Exchange`, safe to fill from one thread and read from another.

    Indexing gives an exchange, slicing and `where` give a new Traffic that no longer grows.

    Attributes:
        name: Whose traffic it is, for pictures.
        closed: Why nothing more will come, a sentence; empty while something may.
        listener_errors: The traceback of each error that a listener raised, as text, in order.
    """

    def __init__(self, exchanges=(), *, name=""):
        self.name = name
        self._exchanges = list(exchanges)
        self._changed = threading.Condition()
        self._listeners = {}
        self.listener_errors = []
        self.closed = ""

    def append(self, exchange):
        """Add an exchange, wake who waits, and tell the listeners (in the calling thread)."""
        with self._changed:
            self._exchanges.append(exchange)
            listeners = list(self._listeners.values())
            self._changed.notify_all()
        self._tell(listeners)

    def listen(self, listener):
        """Call ``listener()`` after each exchange, from the thread that recorded it; it must be quick.

        It is called a last time when nothing more will come; `closed` says why.
        What it raises is kept in `listener_errors`, shown under the table, and disturbs neither end of the wire.

        Returns:
            A function that ends it.
        """
        key = object()  # as one listener may listen twice
        with self._changed:
            if not self.closed:
                self._listeners[key] = listener

        def end():
            with self._changed:
                self._listeners.pop(key, None)

        return end

    def close(self, why):
        """Say that nothing more will come, so that nobody waits or listens in vain; ``why`` is a sentence."""
        with self._changed:
            self.closed = why
            listeners, self._listeners = list(self._listeners.values()), {}
            self._changed.notify_all()
        self._tell(listeners)

    def _tell(self, listeners):
        for listener in listeners:
            try:
                listener()
            except (Exception, SystemExit) as error:  # whoever looks on must not change what is answered or sent
                self.listener_errors.append("".join(traceback.format_exception(error)))

    def __len__(self):
        return len(self._exchanges)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return Traffic(self._exchanges[index], name=self.name)
        try:
            return self._exchanges[index]
        except IndexError:
            raise IndexError(f"There is no exchange {index}: {len(self)} were recorded.") from None

    def where(self, test=None, **fields):
        """Return the exchanges for which ``test(exchange)`` is true and each named field has the value given.

        Example:
            ``receiver.traffic.where(method="POST", status=200)``

        Raises:
            AttributeError: An exchange has no field of that name.
        """
        for name in fields:
            if not hasattr(Exchange, name) and name not in Exchange.__dataclass_fields__:
                raise AttributeError(f"An exchange has no field {name!r}; try method, path, status or event_type.")
        return Traffic(
            (
                exchange
                for exchange in list(self._exchanges)
                if (test is None or test(exchange))
                and all(getattr(exchange, name) == value for name, value in fields.items())
            ),
            name=self.name,
        )

    def wait_for(self, n, timeout=2.0):
        """Wait until ``n`` exchanges have been recorded in all, then return the first ``n`` as a Traffic.

        Args:
            n: How many.
            timeout: For how many seconds at the most.

        Raises:
            TimeoutError: They did not come; the message names what did.
            RuntimeError: The server has stopped, so they cannot come.
        """
        return self._wait(0, n, timeout)

    @contextmanager
    def expect(self, n, timeout=2.0):
        """Wait at the end of a ``with`` block until ``n`` exchanges have come since its start.

        Gives a Traffic that holds them once the block is over. Arguments and errors as for `wait_for`.
        """
        start = len(self)
        came = Traffic(name=self.name)
        yield came
        came._exchanges = list(self._wait(start, n, timeout))

    def _wait(self, start, n, timeout):
        end = time.monotonic() + timeout
        with self._changed:
            while len(self._exchanges) < start + n:
                came = Traffic(self._exchanges[start:])
                story = f"{len(came)} of {n} came{': ' + came._in_a_line() if came else ''}."
                if self.closed:
                    raise RuntimeError(f"{self.closed} {story}")
                if not self._changed.wait(end - time.monotonic()) and time.monotonic() >= end:
                    raise TimeoutError(f"Waited {timeout:g} s at {self.name or 'this end'}; {story}")
            return Traffic(self._exchanges[start : start + n], name=self.name)

    def _in_a_line(self):
        shown = [f"{one_line(x._request_line())} → {visible(x.outcome)}" for x in self._exchanges[:5]]
        more = len(self) - len(shown)
        return "; ".join(shown) + (f"; and {more} more" if more else "")

    def __repr__(self):
        if not self:
            return "No exchange yet."
        rows = [("#", "request", "body", "", "answer", "answer body")]
        rows += [_row(i, x) for i, x in enumerate(self._shown())]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join(lines + self._notes())

    def _repr_html_(self):
        if not self:
            return "<p>No exchange yet.</p>"
        cell = '<td style="text-align:left;vertical-align:top;overflow-wrap:anywhere">{}</td>'
        head = "".join(
            f'<th style="text-align:left">{name}</th>' for name in ("#", "request", "body", "answer", "answer body")
        )
        rows = []
        for i, exchange in enumerate(self._shown()):
            number, request, body, mark, answer, answer_body = map(escape, _row(i, exchange))
            colour = mark_of(exchange.status)[1]
            answer = f'<span style="border-left:4px solid {colour};padding-left:6px">{mark} {answer}</span>'
            body, answer_body = (f"<code>{text}</code>" if text else "" for text in (body, answer_body))
            cells = number, request, body, answer, answer_body
            rows.append("<tr>" + "".join(map(cell.format, cells)) + "</tr>")
        more = "".join(f"<p>{escape(line)}</p>" for line in self._notes())
        return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>{more}"

    def _shown(self):
        return self._exchanges[:_SHOWN_ROWS]

    def _notes(self):
        more = len(self) - _SHOWN_ROWS
        notes = [f"… and {more} more."] if more > 0 else []
        if n := len(self.listener_errors):
            count = "an error" if n == 1 else f"{n} errors"
            notes.append(f"A listener raised {count}; print(….listener_errors[-1]) shows the last.")
        return notes


_SHOWN_ROWS = 30

def _usual(name, value):
    """Whether a header is one of those that every request carries; a library's own name for itself is, too."""
    return name.lower() in USUAL_HEADERS or (name.lower() == "user-agent" and value.startswith(("python-", "curl/")))


def _row(number, exchange):
    answer = exchange.outcome + (f" ({exchange.error})" if exchange.status and exchange.error else "")
    return (
        str(number),
        one_line(exchange._request_line()),
        preview(exchange.body),
        mark_of(exchange.status)[0],
        visible(answer),
        preview(exchange.response_body),
    )


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
