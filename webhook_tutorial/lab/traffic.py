"""Many exchanges, as `Traffic`: waited for, filtered, listened to, and shown as a table.

Threads record and cells show, so it can be written by one thread and read by another.
"""

import threading
import time
import traceback
from collections.abc import Sequence
from contextlib import contextmanager
from html import escape

from ..look import mark_of, one_line, preview, visible
from .exchange import Exchange

_SHOWN_ROWS = 30


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

    def take(self):
        """Return the exchanges as a Traffic that no longer grows, and keep none of them.

        It is for who shows each and needs it no more, and may run for days.
        """
        with self._changed:
            taken, self._exchanges = self._exchanges, []
        return Traffic(taken, name=self.name)

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
