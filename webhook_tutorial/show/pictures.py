"""Plots with a voice: a figure, its alternative text, and the palette that means the same in every lesson."""

import base64
import io
from html import escape

import matplotlib
from matplotlib import pyplot

from ..look import PALETTE


class Picture:
    """A figure as PNG, with its alternative text; the text stands in for it where pictures are not shown."""

    def __init__(self, png, alt):
        self.png, self.alt = png, alt

    def __repr__(self):
        return self.alt

    def _repr_html_(self):
        # HTML, because JupyterLab gives an image/png output no alternative text, whatever its metadata says.
        png = base64.b64encode(self.png).decode()
        return f'<img alt="{escape(self.alt)}" src="data:image/png;base64,{png}">'


def picture(figure, alt):
    """Finish a matplotlib figure: draw it, close it, and give it its alternative text.

    Args:
        figure: A matplotlib figure.
        alt: What it shows, in one or two sentences with its figures; it must come from the data, not from hope.

    Raises:
        ValueError: There is no alternative text.
    """
    if not alt.strip():
        raise ValueError("A picture needs an alternative text: say in a sentence what it shows.")
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=100, bbox_inches="tight", facecolor="white")
    pyplot.close(figure)
    return Picture(out.getvalue(), alt)


def timeline(groups, alt):
    """Draw when each exchange of some groups was being handled, a bar each, every group from its own beginning.

    Args:
        groups: `Traffic` by the name of its group.
        alt: What is to be seen, as for `picture`; the groups and their sizes are added.
    """
    sizes = ", ".join(f"{name} ({len(traffic)})" for name, traffic in groups.items())
    figure, ax = axes(height=1 + 0.045 * sum(map(len, groups.values())))
    row, ticks = 0, []
    for traffic, marker in zip(groups.values(), "os^Dv<>" * len(groups), strict=False):
        bars = sorted(traffic, key=lambda exchange: exchange.mark)
        ticks.append(row - (len(bars) - 1) / 2)
        for exchange in bars:
            start = exchange.mark - bars[0].mark
            ends = [start, start + exchange.seconds]
            ax.plot(ends, [row, row], marker=marker, markersize=3, color=PALETTE["receiver"])
            row -= 1
        row -= 2
    ax.set_yticks(ticks, list(groups))
    ax.set_xlabel("seconds since the first of its group")
    return picture(figure, f"A bar for each delivery, in groups: {sizes}. {alt}")


def paths(play, label, alt):
    """Draw the way of each event of a scene, from when it happened to when it was dealt with; what took long is dashed.

    Args:
        play: A `Play`.
        label: A function of an event's type and data that returns the words for it.
        alt: What is to be seen, as for `picture`.
    """
    figure, ax = axes(height=2)
    for number, (happened, event_type, data) in enumerate(play.scene.events, 1):
        took = play.took.get(f"evt_{number}")
        if took is not None:
            color, style = ("notice", "--") if took > 1 else ("provider", "-")
            ax.plot([happened, happened + took], [1, 0], marker="o", color=PALETTE[color], linestyle=style)
        words = {"textcoords": "offset points", "rotation": 30, "parse_math": False}
        ax.annotate(label(event_type, data), (happened, 1), (0, 6), **words)
    ax.set(yticks=[0, 1], yticklabels=[play.scene.receiver, play.scene.sender], ylim=(-0.2, 1.8))
    ax.set_xlabel("minutes since 9:00")
    return picture(figure, alt)


def axes(width=7.0, height=3.2):
    """Return a figure and its axes, in inches, in the lessons' plain style."""
    with matplotlib.rc_context({"axes.spines.top": False, "axes.spines.right": False, "font.size": 10}):
        return pyplot.subplots(figsize=(width, height), layout="constrained")
