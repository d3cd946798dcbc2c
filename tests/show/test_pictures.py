"""picture(): no picture without its words."""

import base64
from html.parser import HTMLParser
from types import SimpleNamespace

import matplotlib
import pytest
from IPython.core.formatters import DisplayFormatter

matplotlib.use("agg")

from matplotlib import pyplot

from webhook_tutorial import Exchange, Scene, Traffic, axes, picture, timeline
from webhook_tutorial.look import PALETTE
from webhook_tutorial.show import pictures


@pytest.fixture
def figure():
    figure, plot = axes()
    plot.plot([1, 2, 3])
    yield figure
    pyplot.close(figure)


@pytest.mark.parametrize("alt", ["", "  \n"])
def test_a_picture_needs_an_alternative_text(figure, alt):
    with pytest.raises(ValueError, match="needs an alternative text"):
        picture(figure, alt)


def formats(shown):
    """What Jupyter makes of an object: its formats, and what is said about them."""
    return DisplayFormatter(active_types=["text/plain", "text/html", "image/png"]).format(shown)


def test_a_picture_carries_its_text_as_alt_and_as_plain_twin(figure):
    alt = 'A "rising" line, <b>'
    data, _ = formats(picture(figure, alt))
    assert data["text/plain"] == alt
    page = Page()
    page.feed(data["text/html"])
    ((tag, attributes),) = page.seen
    assert tag == "img" and attributes["alt"] == alt
    kind, png = attributes["src"].split(",")
    assert kind == "data:image/png;base64" and base64.b64decode(png).startswith(b"\x89PNG\r\n")


class Page(HTMLParser):
    """Notes the tags of an HTML text."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def handle_starttag(self, tag, attributes):
        self.seen.append((tag, dict(attributes)))


def test_a_finished_figure_is_closed(figure):
    assert pyplot.fignum_exists(figure.number)
    picture(figure, "A rising line")
    assert not pyplot.fignum_exists(figure.number)


def test_the_style_of_axes_stays_with_them():
    before = dict(matplotlib.rcParams)
    figure, plot = axes(4, 2)
    assert tuple(figure.get_size_inches()) == (4, 2)
    assert not plot.spines["top"].get_visible() and plot.spines["left"].get_visible()
    assert dict(matplotlib.rcParams) == before
    pyplot.close(figure)


def test_a_timeline_names_its_groups_and_their_sizes():
    traffic = Traffic(Exchange(method="POST", url="http://x/", mark=n, seconds=0.5) for n in range(3))
    shown = timeline({"one by one": traffic, "at once": traffic[:1], "none": Traffic()}, "They do not overlap.")
    assert repr(shown) == (
        "A bar for each delivery, in groups: one by one (3), at once (1), none (0). They do not overlap."
    )
    assert pyplot.get_fignums() == []


def test_paths_show_what_took_long_and_what_never_came(monkeypatch):
    drawn = []
    monkeypatch.setattr(pictures, "picture", lambda figure, alt: drawn.append(figure) or picture(figure, alt))
    events = ((0, "a", {"n": 1}), (1, "b", {"n": "$2"}), (2, "c", {"n": 3}))
    scene = Scene(sender="shop", receiver="mail", events=events, late=(2,))
    play = SimpleNamespace(scene=scene, took={"evt_1": 0, "evt_2": 5})
    shown = pictures.paths(play, lambda event_type, data: f"{event_type} {data['n']}", "Three events on their way.")
    [plot] = drawn[0].axes
    assert [line.get_linestyle() for line in plot.lines] == ["-", "--"]
    assert list(plot.lines[1].get_xdata()) == [1, 6]
    assert [text.get_text() for text in plot.texts] == ["a 1", "b $2", "c 3"]
    assert [label.get_text() for label in plot.get_yticklabels()] == ["mail", "shop"]
    assert repr(shown) == "Three events on their way."


def test_colours_differ():
    assert len(set(PALETTE.values())) == len(PALETTE)
