"""Panels: ipywidgets controls over one HTML view, each with a plain twin for where widgets do not run."""

import threading
import time
from html import escape

import ipywidgets as widgets

from .signing import STANDARD_WEBHOOKS, SignatureError, sign, verify
from .simulation import polling_cost
from .traffic import MARKS, one_line, preview

_REPAINT_SECONDS = 0.1
_ROWS = 50

BLUE, GREEN, RED, ORANGE, GREY = "#0072B2", "#009E73", "#D55E00", "#E69F00", "#777777"


class Panel:
    """Controls and a view in ``.widget``; ``str()`` tells the same story in plain text."""

    widget: widgets.Widget

    def _repr_mimebundle_(self, include=None, exclude=None):
        # The widget's own text would be its Python repr, which is no story and changes with every version.
        return self.widget._repr_mimebundle_() | {"text/plain": str(self)}

    def __repr__(self):
        return str(self)


class Inbox(Panel):
    """Deliveries as they come, newest first; see `inbox`."""

    def __init__(self, traffic):
        self.traffic = getattr(traffic, "traffic", traffic)
        self._rows = {}  # exchange -> its button, so that a click means the same delivery however many came since
        self._selected = None
        self._painted = 0.0
        self._timer = None
        self._lock = threading.RLock()
        self._timer_lock = threading.Lock()  # never held while painting, so no delivery waits for that
        self.summary = widgets.HTML()
        self.list = widgets.VBox(
            layout=widgets.Layout(
                max_height="220px", overflow="auto", align_items="flex-start", border=f"1px solid {GREY}"
            )
        )
        self.view = widgets.HTML()
        self.widget = widgets.VBox([self.summary, self.list, self.view])
        self.end = self.traffic.listen(self._something_came)
        self._paint()

    def __str__(self):
        newest = list(self.traffic)[::-1][:_ROWS]
        lines = [self._summary()] + [f"{_label(x)}" for x in newest]
        return "\n".join(lines)

    def _summary(self):
        n = len(self.traffic)
        name = f"Inbox of {self.traffic.name}" if self.traffic.name else "Inbox"
        if not n:
            return f"{name}: nothing yet."
        shown = f", the last {_ROWS} shown" if n > _ROWS else ""
        return f"{name}: {n} {'delivery' if n == 1 else 'deliveries'}{shown}, newest first."

    def _something_came(self):
        """Repaint now, or a tenth of a second after the last time; on a thread, as a delivery must not wait for it."""
        with self._timer_lock:
            if self._timer is None:
                wait = max(0.0, self._painted + _REPAINT_SECONDS - time.monotonic())
                self._timer = threading.Timer(wait, self._paint)
                self._timer.daemon = True
                self._timer.start()

    def _paint(self):
        with self._timer_lock:
            self._timer = None
            self._painted = time.monotonic()
        with self._lock:
            newest = list(self.traffic)[::-1][:_ROWS]
            self._rows = {x: self._rows.get(x) or self._row(x) for x in newest}
            self.summary.value = f"<b>{escape(self._summary())}</b>"
            self.list.children = tuple(self._rows.values())
            if self._selected is None:
                self._show(newest[0] if newest else None)

    def _row(self, exchange):
        button = widgets.Button(
            description=_label(exchange),
            tooltip="Show its headers and body",
            style={"button_color": "transparent"},
            layout=widgets.Layout(width="auto", height="26px", flex="none"),
        )
        button.style.font_family = "monospace"
        button.on_click(lambda _: self._select(exchange))
        return button

    def _select(self, exchange):
        with self._lock:
            self._selected = exchange
            self._show(exchange)

    def _show(self, exchange):
        for x, button in self._rows.items():
            button.style.font_weight = "bold" if x is exchange else "normal"
        self.view.value = exchange._repr_html_() if exchange else "<p>Send something to the receiver.</p>"


def inbox(traffic):
    """Show deliveries live: newest first, also while a cell is running; click one to see its headers and body.

    At most 50 are listed, and it is repainted at most ten times a second. The newest is shown until you click.

    Args:
        traffic: A `Server`, or its `Traffic`.
    """
    return Inbox(traffic)


def _label(exchange):
    mark = MARKS["ok" if exchange.ok else "failed"][0]
    words = [mark, exchange.method, preview(exchange.target.encode(), 30)]
    if exchange.event_type:
        words.append(one_line(exchange.event_type, 30))
    return " ".join([*words, "→", exchange.outcome])


#: The intervals that the explorer offers, in seconds.
INTERVALS = (5, 10, 20, 30, 60, 120, 300, 600, 900, 1800)


class PollingExplorer(Panel):
    """A slider for the interval over a timeline of polls; see `polling_explorer`."""

    def __init__(self, events, duration, every=60):
        self.events, self.duration = sorted(float(e) for e in events), duration
        self.slider = widgets.SelectionSlider(
            options=[(_time(s), s) for s in INTERVALS],
            value=every,
            description="poll every",
            continuous_update=True,
            layout=widgets.Layout(width="420px"),
        )
        self.view = widgets.HTML()
        self.widget = widgets.VBox([self.slider, self.view])
        self.slider.observe(lambda _: self._paint(), "value")
        self._paint()

    def cost(self):
        """Return the `Cost` at the slider's interval."""
        return polling_cost(self.events, self.slider.value, self.duration)

    def __str__(self):
        cost = self.cost()
        return (
            f"Polling every {_time(self.slider.value)} for {_time(self.duration)}, {len(self.events)} events:\n"
            f"{cost.requests} requests, {cost.wasted} wasted; "
            f"staleness {_time(cost.median)} median, {_time(cost.worst)} worst.\n"
            f"A webhook would have taken {len(self.events)} requests, none wasted."
        )

    def _paint(self):
        self.view.value = _timeline(self.events, self.slider.value, self.duration) + "".join(
            f"<div>{escape(line)}</div>" for line in str(self).splitlines()
        )


def polling_explorer(events, duration, every=60):
    """Show what polling costs as you move a slider for its interval.

    Args:
        events: When the events happen, in seconds from the start.
        duration: How long is polled, in seconds.
        every: The interval shown first, in seconds, one of `INTERVALS`.

    Raises:
        ValueError: The interval is not one of those, or an event lies outside the duration.
    """
    if every not in INTERVALS:
        raise ValueError(f"every must be one of {', '.join(map(str, INTERVALS))} seconds, not {every}.")
    polling_cost(events, every, duration)
    return PollingExplorer(events, duration, every)


class TamperBench(Panel):
    """A signed delivery whose every part can be changed; see `tamper_bench`."""

    def __init__(self, body, headers, secret, clock):
        self.clock = clock
        self._genuine = {
            "id": headers["webhook-id"],
            "timestamp": headers["webhook-timestamp"],
            "body": body.decode(),
            "secret": secret,
            "signature": headers["webhook-signature"],
        }
        wide = widgets.Layout(width="640px")
        self.fields = {
            name: (widgets.Textarea if name == "body" else widgets.Text)(
                value=value,
                description="sign with" if name == "secret" else name,
                layout=wide,
                continuous_update=True,
            )
            for name, value in self._genuine.items()
        }
        self.reset = widgets.Button(description="as it was sent")
        self.resign = widgets.Button(description="sign again", tooltip="Sign what stands here with this secret")
        self.view = widgets.HTML()
        self.widget = widgets.VBox([*self.fields.values(), widgets.HBox([self.reset, self.resign]), self.view])
        for field in self.fields.values():
            field.observe(lambda _: self._paint(), "value")
        self.reset.on_click(lambda _: self._fill(self._genuine))
        self.resign.on_click(lambda _: self._sign())
        self._paint()

    def __str__(self):
        return "\n".join(f"{mark} {words}" for mark, words in self._steps())

    def _fill(self, values):
        for name, value in values.items():
            self.fields[name].value = value

    def _sign(self):
        now = {name: field.value for name, field in self.fields.items()}
        try:
            if not now["timestamp"].isdecimal():
                raise ValueError("the timestamp must be a whole number of seconds.")
            if not now["id"]:
                raise ValueError("there is no id.")
            headers = sign(now["body"].encode(), now["secret"], id=now["id"], timestamp=int(now["timestamp"]))
        except ValueError as error:
            self.view.value = f"<p>This cannot be signed: {escape(str(error))}</p>"
        else:
            self._fill({"signature": headers["webhook-signature"]})

    def _steps(self):
        """The checks in their order, up to the first that fails."""
        now = {name: field.value for name, field in self.fields.items()}
        headers = {f"webhook-{name}": now[name] for name in ("id", "timestamp", "signature")}
        reason, message = "", ""
        try:
            verify(now["body"].encode(), headers, self._genuine["secret"], clock=self.clock)
        except SignatureError as error:
            reason, message = error.reason, str(error)
        steps = [
            (("missing", "malformed"), "the three headers are there and can be read"),
            (("too_old", "too_new"), f"signed within {STANDARD_WEBHOOKS.max_age} s of our clock"),
            (("no_match",), "the signature fits the id, the timestamp, the body and the receiver's secret"),
        ]
        lines = []
        for reasons, words in steps:
            if reason in reasons:
                changed = [name for name in now if now[name] != self._genuine[name]]
                lines.append(("✗", message))
                return [*lines, ("•", f"changed since it was sent: {', '.join(changed) or 'nothing'}")]
            lines.append(("✓", words))
        return [*lines, ("✓", "200: this delivery is believed")]

    def _paint(self):
        colours = {"✓": GREEN, "✗": RED, "•": GREY}
        self.view.value = "".join(
            f'<div style="border-left:4px solid {colours[mark]};padding:1px 8px">{mark} {escape(words)}</div>'
            for mark, words in self._steps()
        )


def tamper_bench(body, headers, secret, clock):
    """Show a signed delivery, and what a receiver with the right secret says of it as you change its parts.

    Args:
        body: The body that was signed, bytes.
        headers: The three headers of Standard Webhooks, as `sign` gives them.
        secret: The secret, ``whsec_...``.
        clock: The receiver's clock, something with ``now()``.
    """
    return TamperBench(body, headers, secret, clock)


def _time(seconds):
    if seconds >= 3600 and seconds % 3600 == 0:
        return f"{seconds / 3600:g} h"
    if seconds >= 60 and seconds % 60 == 0:
        return f"{seconds / 60:g} min"
    return f"{seconds:.0f} s" if seconds < 60 else f"{seconds / 60:.1f} min"


def _timeline(events, every, duration):
    """Draw three rows over time: events as triangles, how long each was unknown as bars, polls as ticks."""
    width, left = 760, 90
    end = -(-duration // every) * every
    x = lambda t: left + t / end * (width - left - 10)  # noqa: E731
    polls = [every * (i + 1) for i in range(int(end // every))]
    seen = [max(-(-e // every), 1) * every for e in events]
    text = 'fill="currentColor" font-size="12" font-family="sans-serif"'
    shapes = [f'<text x="0" y="{y}" {text}>{name}</text>' for y, name in ((24, "event"), (54, "unknown"), (92, "poll"))]
    shapes += [f'<path d="M{x(e):.1f},12 l5,12 h-10 z" fill="{BLUE}"/>' for e in events]
    shapes += [
        f'<rect x="{x(e):.1f}" y="{40 + i % 4 * 5}" width="{max(x(s) - x(e), 0.8):.1f}" height="4" fill="{ORANGE}"/>'
        for i, (e, s) in enumerate(zip(events, seen, strict=True))
    ]
    useful = set(seen)
    shapes += [
        f'<path d="M{x(p):.1f},{76 if p in useful else 82} V96" stroke="{GREEN if p in useful else GREY}" '
        f'stroke-width="{2 if p in useful else 1}"/>'
        for p in polls
    ]
    shapes += [
        f'<text x="{left}" y="116" {text}>0</text>',
        f'<text x="{width - 10}" y="116" text-anchor="end" {text}>{_time(end)}</text>',
        f'<text x="{left + 60}" y="116" {text}>tall green tick: brought something · short grey tick: wasted</text>',
    ]
    title = f"Timeline: {len(polls)} polls against {len(events)} events"
    return (
        f'<svg viewBox="0 0 {width} 122" width="100%" style="max-width:{width}px" role="img" aria-label="{title}">'
        f"<title>{title}</title>{''.join(shapes)}</svg>"
    )
