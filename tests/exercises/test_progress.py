"""What `progress` shows, and the certificate that it writes."""

import html.parser
import os
import re
import sys

import pytest
from support import ROOT

import webhook_tutorial
from webhook_tutorial import progress
from webhook_tutorial.exercises import exercises, record
from webhook_tutorial.exercises.progress import LESSONS, Progress
from webhook_tutorial.exercises.record import Passed

ALL = tuple(exercises())
RING = Passed("00.ring", "2026-01-05T09:00:00Z", "0.1.0", "3.12.1")
EVIL = Passed("02.validate", "2026-01-06T09:00:00Z", "<script>alert(1)</script>", '"&<b>')


@pytest.fixture(autouse=True)
def _nothing_passed_here(monkeypatch):
    monkeypatch.setattr(record, "_here", {})


def some(*passed, names=ALL, why=""):
    return Progress({one.exercise: one for one in passed}, names, why)


def test_every_exercise_has_its_place_in_its_lesson():
    text = str(progress())
    assert text.splitlines()[0] == f"0 of {len(ALL)} exercises passed."
    for name in ALL:
        number, _, word = name.partition(".")
        [line] = [line for line in text.splitlines()[1:] if line.startswith(f"{number} ")]
        assert f"○ {word}" in line


def test_the_lessons_are_called_as_their_notebooks_are():
    stems = [path.stem for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]
    called = [f"{number}_{title.lower().replace(' ', '_')}" for number, title in LESSONS.items()]
    assert called == stems
    assert {name.partition(".")[0] for name in ALL} <= set(LESSONS)


def test_what_was_passed_is_marked_in_text_and_html():
    shown = some(RING)
    assert "00 Start here             ✓ ring  ○ parts" in str(shown).splitlines()
    assert str(shown).startswith(f"1 of {len(ALL)} exercises passed.")
    assert "✓ ring &nbsp; ○ parts" in shown._repr_html_()
    assert " (not yet)" in shown._repr_html_() and repr(shown) == str(shown)


def test_it_says_what_is_not_kept_only_to_whoever_has_something_to_lose():
    why = "WEBHOOK_TUTORIAL_PROGRESS is <off>."
    assert "not kept" not in str(some(why=why)) + str(some(RING)) + some(RING)._repr_html_()
    assert str(some(RING, why=why)).splitlines()[-1] == f"What you pass now is not kept: {why}"
    assert "&lt;off&gt;" in some(RING, why=why)._repr_html_()


def test_it_reads_the_record_and_what_this_kernel_has_passed(tmp_path, monkeypatch):
    (tmp_path / "p").write_text('{"exercise": "00.ring", "passed": "2026-01-05T09:00:00Z"}\n')
    monkeypatch.setenv(record.VARIABLE, str(tmp_path / "p"))
    record.passed("00.parts")
    assert "✓ ring  ✓ parts" in str(progress())


class Page(html.parser.HTMLParser):
    """A page's tags, balanced, and its text."""

    EMPTY = ("meta", "br")

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.words = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "certificate.html"


def test_the_certificate_says_what_was_passed_when_and_by_what(path):
    assert some(RING, EVIL).certificate(path) == path
    page = Page(path.read_text(encoding="utf-8"))
    words = " ".join(" ".join(page.words).split())
    assert f"2 of {len(ALL)} exercises passed" in words
    assert "00 Start here ring 2026-01-05T09:00:00Z 0.1.0 3.12.1" in words.replace("  ", " ")
    assert '02 Receiver validate 2026-01-06T09:00:00Z <script>alert(1)</script> "&<b>' in words
    assert re.search(
        rf"Written on \d{{4}}-\d\d-\d\d by webhook_tutorial {webhook_tutorial.__version__} with Python", words
    )
    assert ".".join(map(str, sys.version_info[:3])) in words
    assert "parts" not in words and "nothing about who passed it" in words


def test_the_certificate_can_be_heard_and_printed_and_asks_nobody(path):
    some(RING, EVIL).certificate(path)
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert (
        ("html", {"lang": "en"}) in page.tags and "<title>" in text and "<caption>" in text and "@media print" in text
    )
    assert [tag for tag, _ in page.tags].count("h1") == 1
    assert [attrs["scope"] for tag, attrs in page.tags if tag == "th"] == ["col"] * 5 + ["row"] * 2
    assert not {"script", "link", "img", "iframe", "a"} & {tag for tag, _ in page.tags}
    assert "://" not in text and "url(" not in text and "@import" not in text


def test_the_certificate_says_what_the_capstone_is_to_whoever_has_passed_it(path):
    words = "Nothing was found from outside."
    some(RING).certificate(path)
    assert words not in path.read_text(encoding="utf-8")
    some(RING, Passed("15.capstone", "2026-01-07T09:00:00Z")).certificate(path)
    assert words in path.read_text(encoding="utf-8")


def test_half_a_character_in_a_record_spoils_no_certificate(path):
    some(Passed("00.ring", "2026-01-05T09:00:00Z", "0.1.0", "\ud800")).certificate(path)
    assert "\N{REPLACEMENT CHARACTER}" in path.read_text(encoding="utf-8")


def test_a_certificate_takes_the_place_of_an_older_one_and_of_nothing_else(path):
    some(RING).certificate(path)
    some(RING, EVIL).certificate(str(path))
    assert "2 of" in path.read_text(encoding="utf-8")
    path.write_text("<p>My thesis</p>", encoding="utf-8")
    with pytest.raises(FileExistsError, match=r"is no certificate of this course\. Choose another name"):
        some(RING).certificate(path)
    assert path.read_text(encoding="utf-8") == "<p>My thesis</p>"
    with pytest.raises(FileExistsError):
        some(RING).certificate(path.parent)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.skipif(sys.platform == "win32", reason="there only some may make links")
def test_a_link_is_not_replaced(path):
    other = path.with_name("other.html")
    some(RING).certificate(other)
    path.symlink_to(other)
    with pytest.raises(FileExistsError):
        some(RING).certificate(path)


def test_a_certificate_that_cannot_be_written_leaves_nothing_behind(path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        some(RING).certificate(path)
    assert list(path.parent.iterdir()) == []


def test_of_nothing_there_is_no_certificate(path):
    with pytest.raises(ValueError, match="No exercise has been passed yet"):
        some().certificate(path)
    with pytest.raises(ValueError):  # an exercise of another version does not count
        some(Passed("77.gone", "2026-01-05T09:00:00Z")).certificate(path)
    assert not path.exists()
