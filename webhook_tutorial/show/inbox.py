"""The inbox: deliveries as they come."""

import os
import weakref
from html import escape

import ipywidgets as widgets

from ..lab.archive import load_traffic
from ..look import WAITING, mark_of, masked_url, one_line, visible
from .panel import LivePanel, row_button

_ROWS = 50


class Inbox(LivePanel):
    """Deliveries as they come, newest first; see `inbox`."""

    def __init__(self, traffic):
        super().__init__()
        self.traffic = traffic
        self._rows = {}  # exchange -> its button, so that a click means the same delivery however many came since
        self._selected = None
        self.summary = widgets.HTML()
        self.list = widgets.VBox(
            layout=widgets.Layout(
                max_height="220px", overflow="auto", align_items="flex-start", border=f"1px solid {WAITING}"
            )
        )
        self.view = widgets.HTML()
        self.widget = widgets.VBox([self.summary, self.list, self.view])
        self.ended = False
        self._stop_listening = self.traffic.listen(self._something_came)
        self._paint()

    def end(self):
        """Show nothing new from now on, and say so. It is fine to call it twice."""
        self._stop_listening()
        self.ended = True
        self.summary.value = f"<b>{escape(self._summary())}</b>"

    def show_newest(self):
        """Show the newest delivery, and each that comes, until the next click."""
        with self._lock:
            self._selected = None
        self._paint()

    def __str__(self):
        newest = list(self.traffic)[::-1][:_ROWS]
        lines = [self._summary()] + [f"{_label(x)}" for x in newest]
        return "\n".join(lines)

    def _summary(self):
        n = len(self.traffic)
        name = f"Inbox of {self.traffic.name}" if self.traffic.name else "Inbox"
        shown = f", the last {_ROWS} shown" if n > _ROWS else ""
        what = f"{n} {'delivery' if n == 1 else 'deliveries'}{shown}, newest first." if n else "nothing yet."
        end = "This inbox has ended; inbox() shows a new one." if self.ended else self.traffic.closed
        return f"{name}: {what} {end}".strip()

    def _draw(self):
        newest = list(self.traffic)[::-1][:_ROWS]
        self._rows = {x: self._rows.get(x) or self._row(x) for x in newest}
        self.summary.value = f"<b>{escape(self._summary())}</b>"
        self.list.children = tuple(self._rows.values())
        if self._selected is None:
            self._show(newest[0] if newest else None)

    def _row(self, exchange):
        button = row_button("Show its headers and body", lambda: self._select(exchange))
        button.description = _label(exchange)
        return button

    def _select(self, exchange):
        with self._lock:
            self._selected = exchange
            self._show(exchange)

    def _show(self, exchange):
        for x, button in self._rows.items():
            button.style.font_weight = "bold" if x is exchange else "normal"
        self.view.value = exchange._repr_html_() if exchange else "<p>Send something to the receiver.</p>"


#: Each inbox by the id of its traffic, which it keeps alive: an entry goes when its inbox does.
_inboxes = weakref.WeakValueDictionary()


def inbox(traffic):
    """Show deliveries live: newest first, also while a cell is running; click one to see its headers and body.

    At most 50 are listed, and it is repainted at most ten times a second. The newest is shown until you click.
    Shown again, in the same cell or in another, it is the same inbox, which begins with the newest once more.
    When its server stops it says so; a server that was started afresh has an inbox of its own. A file is read as it
    is now.

    Args:
        traffic: A `Server`, or its `Traffic`, or a file that ``python -m webhook_tutorial listen --file`` has kept.

    Raises:
        OSError, ValueError: The file cannot be read, as with `load_traffic`.
    """
    if isinstance(traffic, (str, os.PathLike)):
        traffic = load_traffic(traffic)
    traffic = getattr(traffic, "traffic", traffic)
    shown = _inboxes.get(id(traffic))
    if shown is None or shown.ended or shown.widget.comm is None:
        shown = _inboxes[id(traffic)] = Inbox(traffic)
    else:
        shown.show_newest()
    return shown


def _label(exchange):
    words = [mark_of(exchange.status)[0], one_line(exchange.method, 30), one_line(masked_url(exchange.target), 30)]
    if exchange.event_type:
        words.append(one_line(exchange.event_type, 30))
    return " ".join([*words, "→", visible(exchange.outcome)])
