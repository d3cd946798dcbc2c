"""The retry explorer: what a policy makes of an outage."""

from html import escape

import ipywidgets as widgets

from ..delivery import exponential
from ..look import FAILURE, RECEIVER, WAITING
from ..simulation import outage
from .panel import SVG_TEXT, Panel, in_words

#: Of the deliveries every 25th is drawn, so that a row can be told from the next.
_EVERY = 25


class RetryExplorer(Panel):
    """Sliders for a retry policy over a timeline of attempts; see `retry_explorer`."""

    def __init__(self):
        def slider(description, options, value):
            return widgets.SelectionSlider(
                options=options, value=value, description=description, layout=widgets.Layout(width="380px")
            )

        times = [(in_words(s), s) for s in (5, 30, 60, 300, 900, 1800, 3600, 7200, 18_000, 36_000, 86_400)]
        self.base = slider("base", times[:7], 60)
        self.factor = slider("factor", [("× 1", 1), ("× 1.5", 1.5), ("× 2", 2), ("× 3", 3), ("× 5", 5)], 2)
        self.cap = slider("cap", times[4:], 36_000)
        self.attempts = slider("attempts", [(str(n), n) for n in range(1, 16)], 8)
        self.jitter = slider("jitter", [("none", 0.0), ("half", 0.5), ("full", 1.0)], 0.0)
        outages = (600, 3600, 4 * 3600, 12 * 3600, 30 * 3600)
        self.outage = slider("outage", [(in_words(s), s) for s in outages], 4 * 3600)
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
        trying = f"{policy.attempts} attempts in {in_words(sum(policy.delays))}" + (" at most" if policy.jitter else "")
        arrived = 200 - outcome.lost
        after = (
            f" {arrived} arrive: half within {in_words(outcome.median)} of the end of the outage, "
            f"the last after {in_words(outcome.worst)}."
        )
        return (
            f"An outage of {in_words(self.outage.value)}, 200 deliveries sent meanwhile; {trying}.\n"
            f"{outcome.lost} of 200 lost.{after if arrived else ''}\n"
            f"Requests: {sum(map(len, outcome.attempts)):,} for 200 deliveries."
        )

    def _paint(self):
        self.view.value = _attempts(self.outcome().attempts, self.outage.value) + "".join(
            f"<div>{escape(line)}</div>" for line in str(self).splitlines()
        )


def retry_explorer():
    """Show, as you move sliders, what a retry policy makes of an outage: what is lost, and how late the rest is."""
    return RetryExplorer()


def _attempts(deliveries, down):
    """Draw a row for every 25th delivery: crosses for failed attempts, a dot for the one that arrives."""
    rows = deliveries[::_EVERY]
    width, left, height = 760, 90, 16
    end = max(down * 1.25, *(row[-1] for row in rows))
    x = lambda t: left + t / end * (width - left - 40)  # noqa: E731
    bottom = 14 + height * len(rows)
    shapes = [
        f'<rect x="{left}" y="6" width="{x(down) - left:.1f}" height="{bottom - 6}" '
        f'fill="{FAILURE}" fill-opacity="0.15"/>',
        f'<text x="0" y="18" {SVG_TEXT}>{len(rows)} of {len(deliveries)}</text>',
        f'<text x="{left + 4}" y="{bottom + 16}" {SVG_TEXT}>outage: {in_words(down)}</text>',
        f'<text x="{width - 40}" y="{bottom + 16}" text-anchor="end" {SVG_TEXT}>{in_words(end)}</text>',
        f'<text x="{left + 200}" y="{bottom + 16}" {SVG_TEXT}>✗ failed · ● arrived</text>',
    ]
    for i, row in enumerate(rows):
        y = 14 + height * i
        shapes.append(f'<path d="M{x(row[0]):.1f},{y} H{x(row[-1]):.1f}" stroke="{WAITING}"/>')
        for t in row:
            if t < down:
                cross = f"M{x(t) - 3:.1f},{y - 3} l6,6 m0,-6 l-6,6"
                shapes.append(f'<path d="{cross}" stroke="{FAILURE}" stroke-width="1.5"/>')
            else:
                shapes.append(f'<circle cx="{x(t):.1f}" cy="{y}" r="4" fill="{RECEIVER}"/>')
    title = f"Attempts of {len(rows)} out of {len(deliveries)} deliveries against an outage"
    return (
        f'<svg viewBox="0 0 {width} {bottom + 22}" width="100%" style="max-width:{width}px" role="img" '
        f'aria-label="{title}"><title>{title}</title>{"".join(shapes)}</svg>'
    )
