"""picture(): no picture without its words."""

import base64

import matplotlib
import pytest

matplotlib.use("agg")

from matplotlib import pyplot

from webhook_tutorial import picture
from webhook_tutorial.pictures import PALETTE, axes


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


def test_a_picture_carries_its_text_as_alt_and_as_plain_twin(figure):
    data, metadata = picture(figure, "A rising line")._repr_mimebundle_()
    assert metadata["image/png"]["alt"] == "A rising line" == data["text/plain"]
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG\r\n")
    assert repr(picture(figure, "A rising line")) == "A rising line"


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


def test_colours_differ():
    assert len(set(PALETTE.values())) == len(PALETTE)
