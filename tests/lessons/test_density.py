"""How dense a lesson is: words and lines to a cell, without its section Further.

Eight well-known notebook courses have 28 to 79 words to a code cell and 3 to 8 lines in it. `python
tests/lessons/test_density.py` prints the figures of ours, the aims and the limits.
"""

import re
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import nbformat
import pytest

LESSONS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("[0-9][0-9]_*.ipynb"))


@dataclass(frozen=True)
class Density:
    """Figures of one lesson; a cell over 15 lines is long."""

    words_to_a_cell: float
    lines_to_a_cell: float
    long_cells: float
    words: int

    def over(self, limit):
        """Return the names of the figures that are over those of ``limit``."""
        return [f.name for f in fields(self) if getattr(self, f.name) > getattr(limit, f.name)]


AIM = Density(55, 7, 0.05, 1_500)
LIMIT = Density(70, 9, 0.10, 1_800)


def without_further(cells):
    """Yield the cells that are read, cut where Further begins within one, and again from the next section on."""
    further = False
    for cell in cells:
        if cell.cell_type != "markdown":
            if not further:
                yield cell
            continue
        read = []
        for part in re.split(r"(?m)^(?=## )", cell.source):
            if part.startswith("## "):
                further = part.splitlines()[0].strip() == "## Further"
            read += [] if further else [part]
        yield nbformat.from_dict({**cell, "source": "".join(read)})


def count_words(markdown):
    """Count what is read: no address of a link, no mark of a table or a heading."""
    text = re.sub(r"\]\([^)]*\)", "]", markdown)
    return sum(any(c.isalnum() for c in word) for word in text.split())


def density(cells):
    cells = list(without_further(cells))
    code = [len(c.source.splitlines()) for c in cells if c.cell_type == "code" and c.source.strip()]
    words = sum(count_words(c.source) for c in cells if c.cell_type == "markdown")
    return Density(words / len(code), sum(code) / len(code), sum(n > 15 for n in code) / len(code), words)


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_is_not_too_dense(path, record_property):
    found = density(nbformat.read(path, 4).cells)
    for field in fields(found):
        record_property(field.name, round(getattr(found, field.name), 3))
    assert found.over(LIMIT) == [], f"{found} is over {LIMIT}"


def test_the_figures_are_of_what_is_read_and_leave_further_out():
    new = nbformat.v4
    cells = [
        new.new_markdown_cell("# Two [words](https://example.com/not/read)\n\n| a | b |\n|---|---|"),
        new.new_code_cell("x = 1\n" * 16),
        new.new_code_cell("x\n\ny\nz"),
        new.new_markdown_cell("## Further\n\nNothing of this counts."),
        new.new_code_cell("x\n" * 99),
    ]
    assert density(cells) == Density(2, 10, 0.5, 4)
    assert density(cells).over(LIMIT) == ["lines_to_a_cell", "long_cells"]
    assert Density(70, 9, 0.10, 1_800).over(LIMIT) == []


def test_what_stands_before_further_in_its_cell_counts_and_so_does_a_section_after_it():
    new = nbformat.v4
    code, before = new.new_code_cell("x"), new.new_markdown_cell("Three words here.\n\n## Further\n\nNot counted.")
    assert density([code, before]).words == 3
    after = new.new_markdown_cell("## Next\n\nThese count.")
    assert density([code, before, code, after, code]) == Density(3, 1, 0, 6)


if __name__ == "__main__":
    print(f"{'':28} words/cell  lines/cell  over 15 lines  words")
    figures = {path.stem: density(nbformat.read(path, 4).cells) for path in LESSONS}
    for name, found in (figures | {"aim": AIM, "limit": LIMIT}).items():
        words_to_a_cell, lines, long_cells, words = astuple(found)
        print(f"{name:28} {words_to_a_cell:10.0f} {lines:11.1f} {long_cells:14.0%} {words:6}")
