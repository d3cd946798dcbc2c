"""Panels: ipywidgets controls over one HTML view, each with a plain twin for where widgets do not run."""

import threading
import time
import weakref
from html import escape

import ipywidgets as widgets

from ..delivery import exponential
from ..events import make_event
from ..lab.faults import faults
from ..lab.traffic import MARKS
from ..look import masked_url, one_line, visible
from ..signing import STANDARD_WEBHOOKS, SignatureError, sign, verify
from ..simulation import outage, polling_cost

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
        self.traffic = traffic
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

    def _something_came(self):
        """Repaint now, or a tenth of a second after the last time; on a thread, as a delivery must not wait for it."""
        if self.widget.comm is None:  # closed: nobody can see it any more
            self._stop_listening()
            return
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


#: Each inbox by the id of its traffic, which it keeps alive: an entry goes when its inbox does.
_inboxes = weakref.WeakValueDictionary()


def inbox(traffic):
    """Show deliveries live: newest first, also while a cell is running; click one to see its headers and body.

    At most 50 are listed, and it is repainted at most ten times a second. The newest is shown until you click.
    Shown again, in the same cell or in another, it is the same inbox, which begins with the newest once more.
    When its server stops it says so; a server that was started afresh has an inbox of its own.

    Args:
        traffic: A `Server`, or its `Traffic`.
    """
    traffic = getattr(traffic, "traffic", traffic)
    shown = _inboxes.get(id(traffic))
    if shown is None or shown.ended or shown.widget.comm is None:
        shown = _inboxes[id(traffic)] = Inbox(traffic)
    else:
        shown.show_newest()
    return shown


def _label(exchange):
    mark = MARKS["ok" if exchange.ok else "failed"][0]
    words = [mark, one_line(exchange.method, 30), one_line(masked_url(exchange.target), 30)]
    if exchange.event_type:
        words.append(one_line(exchange.event_type, 30))
    return " ".join([*words, "→", visible(exchange.outcome)])


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


#: The proxies of consoles by the server's name: showing a console again replaces the proxy that it had.
_console_proxies = {}


class FaultConsole(Panel):
    """Buttons for what the receiver does, and the attempts of the last delivery; see `fault_console`."""

    def __init__(self, server, sender, path):
        if server.name in _console_proxies:
            _console_proxies[server.name].stop()
        proxy = _console_proxies[server.name] = faults(server, delay=0.5, pause=0.005)
        self.server, self.proxy, self.sender, self._url = server, proxy, sender, proxy.url + path
        self.modes = widgets.ToggleButtons(
            options=[(str(mode), mode) for mode in FAULT_MODES],
            value=proxy.mode,
            description="receiver",
            style={"button_width": "80px"},
        )
        self.button = widgets.Button(description="send an event", button_style="")
        self.view = widgets.HTML()
        self.widget = widgets.VBox([self.modes, self.button, self.view])
        self.modes.observe(lambda change: self._set(change["new"]), "value")
        self.button.on_click(lambda _: self.send())
        self.delivery, self._processed = None, 0
        self._paint()

    def send(self):
        """Send an event and make its attempts, on the sender's clock."""
        number = len(self.sender.deliveries) + 1
        event = make_event("order_placed", {"number": number}, id=f"evt_{number:04}", timestamp=self.sender.clock.now())
        before = len(self.server.traffic)
        self.delivery = self.sender.send(self._url, event)
        self.sender.run()
        self._processed = len(self.server.traffic) - before
        self._paint()

    def _set(self, mode):
        self.proxy.mode = mode
        self.proxy.headers = {"Retry-After": "90"} if mode == 429 else {}
        self.sender.gone.discard(self._url)  # its owner has enabled it again
        self._paint()

    def __str__(self):
        lines = [f"The receiver is set to: {self.proxy.mode}."]
        if self.delivery is None:
            return "\n".join([*lines, "Nothing sent yet."])
        lines += [f"{'✓' if a.status and a.status < 300 else '✗'} {a}" for a in self.delivery.attempts]
        tried = len(self.delivery.attempts)
        lines.append(f"{self.delivery.id}: {self.delivery.state} after {tried} attempt{'' if tried == 1 else 's'}.")
        lines.append(f"The receiver has processed it {self._processed} times.")
        if self.delivery.state == "gone":
            lines.append("The endpoint is disabled: nothing more is sent to it until you choose another mode.")
        return "\n".join(lines)

    def _paint(self):
        self.view.value = f'<pre style="margin:4px 0">{escape(str(self))}</pre>'


#: What the console offers, in the words of `faults`.
FAULT_MODES = ("healthy", 500, "slow", "refuse", "drop", 429, 410, 302, "drip")


def fault_console(server, sender, path="/webhook"):
    """Show buttons that make a receiver fail, and what a sender makes of it.

    Args:
        server: The receiver, a `Server`; a proxy of `faults` is put before it, until `stop_all`.
        sender: A `Sender`; on a simulated clock its waits take no time.
        path: The path that events are sent to.
    """
    return FaultConsole(server, sender, path)


class RetryExplorer(Panel):
    """Sliders for a retry policy over a timeline of attempts; see `retry_explorer`."""

    def __init__(self):
        def slider(description, options, value):
            return widgets.SelectionSlider(
                options=options, value=value, description=description, layout=widgets.Layout(width="380px")
            )

        times = [(_time(s), s) for s in (5, 30, 60, 300, 900, 1800, 3600, 7200, 18_000, 36_000, 86_400)]
        self.base = slider("base", times[:7], 60)
        self.factor = slider("factor", [("× 1", 1), ("× 1.5", 1.5), ("× 2", 2), ("× 3", 3), ("× 5", 5)], 2)
        self.cap = slider("cap", times[4:], 36_000)
        self.attempts = slider("attempts", [(str(n), n) for n in range(1, 16)], 8)
        self.jitter = slider("jitter", [("none", 0.0), ("half", 0.5), ("full", 1.0)], 0.0)
        self.outage = slider("outage", [(_time(s), s) for s in (600, 3600, 4 * 3600, 12 * 3600, 30 * 3600)], 4 * 3600)
        self.controls = (self.base, self.factor, self.cap, self.attempts, self.jitter, self.outage)
        self.view = widgets.HTML()
        rows = [widgets.HBox(self.controls[i : i + 2]) for i in (0, 2, 4)]
        self.widget = widgets.VBox([*rows, self.view])
        for control in self.controls:
            control.observe(lambda _: self._paint(), "value")
        self._paint()

    @property
    def policy(self):
        """The `Policy` that the sliders describe."""
        base, factor, cap, attempts, jitter = (control.value for control in self.controls[:5])
        return exponential(base, factor, cap, attempts, jitter)

    def outcome(self):
        """Return the `Outcome` for 200 deliveries sent during the outage."""
        return outage(self.policy, self.outage.value)

    def __str__(self):
        policy, outcome = self.policy, self.outcome()
        trying = f"{policy.attempts} attempts in {_time(sum(policy.delays))}" + (" at most" if policy.jitter else "")
        late = f"; the others arrive late: {_time(outcome.median)} median, {_time(outcome.worst)} worst"
        return (
            f"An outage of {_time(self.outage.value)}, 200 deliveries sent meanwhile; {trying}.\n"
            f"{outcome.lost} of 200 lost{late if outcome.lost < 200 else ''}."
        )

    def _paint(self):
        self.view.value = _attempts(self.outcome().attempts[::25], self.outage.value) + "".join(
            f"<div>{escape(line)}</div>" for line in str(self).splitlines()
        )


def retry_explorer():
    """Show, as you move sliders, what a retry policy makes of an outage: what is lost, and how late the rest is."""
    return RetryExplorer()


def _attempts(rows, down):
    """Draw a row for each delivery: crosses for failed attempts, a dot for the one that arrives."""
    width, left, height = 760, 90, 16
    end = max(down * 1.25, *(row[-1] for row in rows))
    x = lambda t: left + t / end * (width - left - 40)  # noqa: E731
    bottom = 14 + height * len(rows)
    shapes = [
        f'<rect x="{left}" y="6" width="{x(down) - left:.1f}" height="{bottom - 6}" fill="{RED}" fill-opacity="0.15"/>',
        f'<text x="0" y="18" {_SVG_TEXT}>deliveries</text>',
        f'<text x="{left + 4}" y="{bottom + 16}" {_SVG_TEXT}>outage: {_time(down)}</text>',
        f'<text x="{width - 40}" y="{bottom + 16}" text-anchor="end" {_SVG_TEXT}>{_time(end)}</text>',
        f'<text x="{left + 200}" y="{bottom + 16}" {_SVG_TEXT}>✗ failed · ● arrived</text>',
    ]
    for i, row in enumerate(rows):
        y = 14 + height * i
        shapes.append(f'<path d="M{x(row[0]):.1f},{y} H{x(row[-1]):.1f}" stroke="{GREY}"/>')
        for t in row:
            if t < down:
                shapes.append(f'<path d="M{x(t) - 3:.1f},{y - 3} l6,6 m0,-6 l-6,6" stroke="{RED}" stroke-width="1.5"/>')
            else:
                shapes.append(f'<circle cx="{x(t):.1f}" cy="{y}" r="4" fill="{GREEN}"/>')
    title = f"Attempts of {len(rows)} deliveries against an outage"
    return (
        f'<svg viewBox="0 0 {width} {bottom + 22}" width="100%" style="max-width:{width}px" role="img" '
        f'aria-label="{title}"><title>{title}</title>{"".join(shapes)}</svg>'
    )


_SVG_TEXT = 'fill="currentColor" font-size="12" font-family="sans-serif"'


def _time(seconds):
    if seconds >= 3600 and seconds % 3600 == 0:
        return f"{seconds / 3600:g} h"
    if seconds >= 7_200:
        return f"{seconds / 3600:.1f} h"
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
    text = _SVG_TEXT
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
