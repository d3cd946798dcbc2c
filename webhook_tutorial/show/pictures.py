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


def axes(width=7.0, height=3.2):
    """Return a figure and its axes, in inches, in the lessons' plain style."""
    with matplotlib.rc_context({"axes.spines.top": False, "axes.spines.right": False, "font.size": 10}):
        return pyplot.subplots(figsize=(width, height), layout="constrained")
