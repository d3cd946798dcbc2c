"""docs/teaching.md says of the lessons what the README says, and what it tells a teacher to type is there.

tests/cli/test_wheel.py tries its folder of wheels.
"""

import re

import pytest
from support import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
TEACHING = (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")

#: A row of a table of lessons: title, file, minutes alone and with the exercises.
ROW = r"(?m)^\| \[(.+?)\]\({}(\w+)\.ipynb\) \| (\d+), (\d+) \|"


def differences(readme, teaching):
    """Where the two tables differ, as sentences."""
    ours = {row[1]: row for row in re.findall(ROW.format("notebooks/"), readme)}
    theirs = {row[1]: row for row in re.findall(ROW.format(r"\.\./notebooks/"), teaching)}
    names = sorted(ours.keys() | theirs.keys())
    return [f"{name}: {ours.get(name)}, {theirs.get(name)}" for name in names if ours.get(name) != theirs.get(name)]


def half_days(teaching):
    """For each half-day its part of the series, the minutes in its heading, without and with exercises, and sums."""
    for section in re.split(r"(?m)^### ", teaching)[1:]:
        if heading := re.match(r"(\d .+): (\d+) minutes, (\d+) with the exercises\n", section):
            rows = re.findall(ROW.format(r"\.\./notebooks/"), section)
            part, alone, both = heading.groups()
            yield part, (int(alone), int(both)), (sum(int(row[2]) for row in rows), sum(int(row[3]) for row in rows))


def test_every_lesson_is_there_with_the_minutes_of_the_readme():
    assert differences(README, TEACHING) == []


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        (
            "[02 Receiver](../notebooks/02_receiver.ipynb) | 30, 55",
            "[02 Receiver](../notebooks/02_receiver.ipynb) | 30, 50",
        ),
        ("[02 Receiver](../notebooks/02_receiver.ipynb) | 30, 55", "02 Receiver | 30, 55"),
        ("[02 Receiver](../notebooks/02_", "[02 Receivers](../notebooks/02_"),
    ],
)
def test_a_lesson_that_is_missing_or_has_other_minutes_is_found(line, instead):
    assert line in TEACHING
    [found] = differences(README, TEACHING.replace(line, instead))
    assert found.startswith("02_receiver: ")


def test_the_half_days_are_the_parts_of_the_series_and_their_minutes_add_up():
    days = list(half_days(TEACHING))
    assert [part for part, _, _ in days] == re.findall(r"(?m)^\| \*\*(\d .+?)\*\* \|", README)
    assert [(part, said) for part, said, _ in days] == [(part, true) for part, _, true in days]


def test_its_links_and_those_to_it_lead_somewhere():
    """To files, and to headings."""
    links = [(ROOT / "docs", link) for link in re.findall(r"\]\(([^)]+)\)", TEACHING)]
    links += [(ROOT, link) for link in re.findall(r"\]\((docs/[^)]+)\)", README)]
    assert len(links) > 20
    for folder, link in links:
        name, _, heading = link.partition("#")
        path = (folder / name).resolve()
        if name.startswith("https:"):
            continue
        assert path.exists(), link
        if heading:
            headings = re.findall(r"(?m)^#+ (.+)$", path.read_text(encoding="utf-8"))
            assert heading in [one.lower().replace(" ", "-") for one in headings], link
