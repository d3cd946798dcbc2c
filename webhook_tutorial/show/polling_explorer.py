"""The polling explorer: what an interval costs."""

from html import escape

import ipywidgets as widgets

from ..look import NOTICE, PROVIDER, RECEIVER, WAITING
from ..simulation import polling_cost
from .panel import SVG_TEXT, Panel, in_words

#: The intervals that the explorer offers, in seconds.
INTERVALS = (5, 10, 20, 30, 60, 120, 300, 600, 900, 1800)


class PollingExplorer(Panel):
    """A slider for the interval over a timeline of polls; see `polling_explorer`."""

    def __init__(self, events, duration, every=60):
        self.events, self.duration = sorted(float(e) for e in events), duration
        self.slider = widgets.SelectionSlider(
            options=[(in_words(s), s) for s in INTERVALS],
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
            f"Polling every {in_words(self.slider.value)} for {in_words(self.duration)}, {len(self.events)} events:\n"
            f"{cost.requests} requests, {cost.wasted} wasted; "
            f"staleness {in_words(cost.median)} median, {in_words(cost.worst)} worst.\n"
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


def _timeline(events, every, duration):
    """Draw three rows over time: events as triangles, how long each was unknown as bars, polls as ticks."""
    width, left = 760, 90
    end = -(-duration // every) * every
    x = lambda t: left + t / end * (width - left - 10)  # noqa: E731
    polls = [every * (i + 1) for i in range(int(end // every))]
    seen = [max(-(-e // every), 1) * every for e in events]
    text = SVG_TEXT
    shapes = [f'<text x="0" y="{y}" {text}>{name}</text>' for y, name in ((24, "event"), (54, "unknown"), (92, "poll"))]
    shapes += [f'<path d="M{x(e):.1f},12 l5,12 h-10 z" fill="{PROVIDER}"/>' for e in events]
    shapes += [
        f'<rect x="{x(e):.1f}" y="{40 + i % 4 * 5}" width="{max(x(s) - x(e), 0.8):.1f}" height="4" fill="{NOTICE}"/>'
        for i, (e, s) in enumerate(zip(events, seen, strict=True))
    ]
    useful = set(seen)
    shapes += [
        f'<path d="M{x(p):.1f},{76 if p in useful else 82} V96" stroke="{RECEIVER if p in useful else WAITING}" '
        f'stroke-width="{2 if p in useful else 1}"/>'
        for p in polls
    ]
    shapes += [
        f'<text x="{left}" y="116" {text}>0</text>',
        f'<text x="{width - 10}" y="116" text-anchor="end" {text}>{in_words(end)}</text>',
        f'<text x="{left + 60}" y="116" {text}>tall green tick: brought something · short grey tick: wasted</text>',
    ]
    title = f"Timeline: {len(polls)} polls against {len(events)} events"
    return (
        f'<svg viewBox="0 0 {width} 122" width="100%" style="max-width:{width}px" role="img" aria-label="{title}">'
        f"<title>{title}</title>{''.join(shapes)}</svg>"
    )
