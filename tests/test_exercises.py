"""The gate: an untouched exercise is not tried yet, every solution is correct, every mistake has its own words."""

import re
from pathlib import Path

import nbformat
import pytest

from webhook_tutorial.exercises import check, exercises, hint, solution

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))
ALL = exercises()
MISTAKES = [(name, i) for name, task in ALL.items() for i in range(len(task.mistakes))]


def run(source, name):
    namespace = {}
    exec(source, namespace)
    return namespace[name]


def exercise_cells():
    """Each exercise's name with the source of the notebook cell that checks it."""
    for path in NOTEBOOKS:
        for cell in nbformat.read(path, as_version=4).cells:
            for name in re.findall(r'\bcheck\("([^"]+)"', cell.source) if cell.cell_type == "code" else ():
                yield path, name, cell.source


@pytest.mark.parametrize("name", ALL)
def test_the_solution_is_correct(name):
    verdict = check(name, run(ALL[name].solution, ALL[name].answer))
    assert verdict.outcome == "correct", verdict.message


@pytest.mark.parametrize("name, i", MISTAKES)
def test_a_mistake_gets_its_own_words(name, i):
    source, words = ALL[name].mistakes[i]
    verdict = check(name, run(source, ALL[name].answer))
    assert verdict.outcome == "incorrect"
    assert verdict.message.startswith(words), verdict.message


@pytest.mark.parametrize("name", ALL)
def test_no_two_mistakes_share_their_words(name):
    words = [words for _, words in ALL[name].mistakes]
    assert len(words) >= 3
    for i, one in enumerate(words):
        assert not any(other.startswith(one) for j, other in enumerate(words) if j != i), one


def test_the_notebooks_check_every_exercise_once_and_no_other():
    asked = [name for _, name, _ in exercise_cells()]
    assert sorted(asked) == sorted(ALL)


def test_an_exercise_stands_in_the_notebook_of_its_lesson():
    for path, name, _ in exercise_cells():
        assert path.name.startswith(name.split(".")[0] + "_")


@pytest.mark.parametrize("path, name, source", list(exercise_cells()), ids=lambda value: str(value)[:20])
def test_as_the_notebook_gives_it_an_exercise_is_not_tried_yet(path, name, source):
    assert "..." in source
    assert ALL[name].answer in source
    namespace = {}
    *body, last = source.rstrip().splitlines()
    given = "from flask import Flask, request", "import requests", "from webhook_tutorial import *"
    exec("\n".join([*given, *body]), namespace)
    assert last.startswith(f'check("{name}", ')
    verdict = eval(last.split("  #")[0], namespace)
    assert verdict.outcome == "not tried yet"
    assert verdict.message


@pytest.mark.parametrize("name", ALL)
def test_there_are_hints_and_a_solution_to_show(name):
    assert str(hint(name)).startswith("Hint 1 of")
    assert ALL[name].answer in str(solution(name))
