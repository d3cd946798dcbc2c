"""The engine of the exercises: three outcomes, and no answer that breaks it."""

import asyncio
import functools
import sys
import threading

import numpy
import pytest
from flask import Flask

from webhook_tutorial.exercises import Exercise, Verdict, Wrong, call, engine
from webhook_tutorial.exercises.engine import check, exercise, exercises, hint, solution, untouched


def test_double(answer):
    """Used below as an exercise's test, not by pytest."""
    if answer(2) != 4:
        raise Wrong(f"2 became <{answer(2)}> instead of 4.")


test_double.__test__ = False

DOUBLE = Exercise(
    name="99.double",
    test=test_double,
    hints=("Think of two.", "Multiply.", "Write n * 2."),
    solution="\ndef double(n):\n    return n * 2\n",
    answer="double",
    praise="Twice as much.",
)


@pytest.fixture(autouse=True)
def _one_exercise(monkeypatch):
    other = Exercise("98.other", print, ("Only one.",), "", "", "")
    known = {"98.other": other, "99.double": DOUBLE}
    monkeypatch.setattr(
        engine, "exercises", lambda lesson="": {name: known[name] for name in known if name.startswith(lesson)}
    )
    monkeypatch.setattr(engine, "_hints_given", {})


def test_a_right_answer_is_praised():
    verdict = check("99.double", lambda n: n * 2)
    assert verdict == Verdict("correct", "Twice as much.")
    assert str(verdict) == repr(verdict) == "✓ Correct. Twice as much."


def test_a_wrong_answer_is_told_what_to_look_at():
    verdict = check("99.double", lambda n: n)
    assert verdict == Verdict("incorrect", "2 became <2> instead of 4.")
    assert str(verdict) == "✗ Not yet. 2 became <2> instead of 4."
    assert "&lt;2&gt;" in verdict._repr_html_() and "<2>" not in verdict._repr_html_()


def test_what_was_seen_is_at_hand_beside_the_message(monkeypatch):
    def seen(answer):
        if answer != 4:
            raise Wrong("Not 4.", report="I saw <5>.")
        return "I saw <4>."

    monkeypatch.setattr(engine, "exercises", lambda lesson: {"99.seen": Exercise("99.seen", seen, (), "", "", "Four.")})
    wrong, right = check("99.seen", 5), check("99.seen", 4)
    assert (str(wrong), wrong.report, right.report) == ("✗ Not yet. Not 4.", "I saw <5>.", "I saw <4>.")
    assert "<details><summary>All that was seen</summary><pre>I saw &lt;4&gt;.</pre>" in right._repr_html_()
    assert "<details>" not in Verdict("correct", "Four.")._repr_html_()


def test_an_untouched_answer_is_not_tried_yet():
    verdict = check("99.double", ...)
    assert verdict.outcome == "not tried yet"
    assert str(verdict) == "○ Not tried yet: replace the ... and run the cell again."


class Unspeakable(Exception):
    def __str__(self):
        raise ValueError("no words")


@pytest.mark.parametrize(
    "error",
    [ValueError("bad"), KeyError("k"), AssertionError(), RecursionError(), SystemExit(3), Unspeakable()],
)
def test_whatever_an_answer_raises_is_a_verdict(error):
    def answer(n):
        raise error

    verdict = check("99.double", answer)
    assert verdict.outcome == "incorrect" and type(error).__name__ in verdict.message


def test_an_answer_that_calls_itself_for_ever_is_a_verdict():
    def answer(n):
        return answer(n)

    assert "RecursionError" in check("99.double", answer).message


def test_stopping_the_cell_by_hand_is_no_verdict():
    def answer(n):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check("99.double", answer)


@pytest.mark.parametrize("answer", [None, 5, "text", object(), Flask("x"), lambda: 1])
def test_an_answer_of_the_wrong_kind_is_a_verdict(answer):
    assert check("99.double", answer).outcome == "incorrect"


def test_an_unknown_exercise_names_those_of_its_lesson():
    with pytest.raises(ValueError, match=r"no exercise '99\.dubble'. Did you mean one of: 99\.double\?"):
        check("99.dubble", ...)
    with pytest.raises(ValueError, match=r"98\.other, 99\.double"):
        hint("double")
    with pytest.raises(ValueError):
        solution(5)


def test_hints_advance_and_the_last_stays():
    assert [repr(hint("99.double")) for _ in range(4)] == [
        "Hint 1 of 3: Think of two.",
        "Hint 2 of 3: Multiply.",
        "Hint 3 of 3: Write n * 2.",
        "Hint 3 of 3: Write n * 2.",
    ]
    assert repr(hint("98.other")) == "Hint 1 of 1: Only one."


def test_a_solution_is_shown_as_source():
    assert repr(solution("99.double")) == "def double(n):\n    return n * 2"


def only_dots(a, b=1): ...


def with_docstring(a):
    """What to do."""
    ...


def only_docstring(a):
    """What to do."""


def only_pass():
    pass


async def async_dots(a): ...


def returns_dots():
    return ...


def decorated(function):
    @functools.wraps(function)
    def inner(*args):
        return function(*args)

    return inner


@pytest.mark.parametrize(
    "answer",
    [
        ...,
        only_dots,
        with_docstring,
        only_docstring,
        only_pass,
        async_dots,
        lambda: ...,
        returns_dots,
        {"a": ..., "b": 1},
        [1, ...],
        (..., 2),
        {"a": numpy.zeros(3), "b": ...},
    ],
    ids=lambda answer: getattr(answer, "__name__", str(answer))[:30],
)
def test_what_the_notebook_gave_is_untouched(answer):
    assert untouched(answer) is True


def returns_a_constant():
    return 5


def returns_text():
    """What to do."""
    return "text"


def returns_its_argument(a):
    return a


def raises():
    raise NotImplementedError


def dots_and_more(a):
    ...  # left over
    return a + 1


async def async_done(a):
    return a


class Done:
    def method(self):
        return 1


class DoneField:
    value = 5


@pytest.mark.parametrize(
    "answer",
    [
        None,
        0,
        "",
        "...",
        [],
        {},
        (),
        [None],
        {"a": None},
        returns_a_constant,
        returns_text,
        returns_its_argument,
        raises,
        dots_and_more,
        async_done,
        Done,
        DoneField,
        Done(),
        Flask("x"),
        print,
        len,
        functools.partial(only_dots, 1),
        b"...",
        numpy.zeros(3),
        [numpy.zeros(3)],
        {"a": numpy.zeros(3)},
        decorated(returns_a_constant),
        Ellipsis.__class__,
    ],
    ids=lambda answer: getattr(answer, "__name__", str(answer))[:30],
)
def test_what_was_written_is_not_untouched(answer):
    assert untouched(answer) is False


def test_call_works_for_functions_and_async_functions_inside_a_running_loop():
    async def double(n):
        await asyncio.sleep(0)
        return n * 2

    async def as_in_a_notebook():
        return [call(double, 2), call(lambda a, b: a + b, 1, 2), call(threading.current_thread)]

    awaited, returned, thread = asyncio.run(as_in_a_notebook())
    assert (awaited, returned) == (4, 3)
    assert thread is not threading.current_thread() and not thread.is_alive()


def test_call_passes_on_what_is_raised():
    with pytest.raises(ZeroDivisionError):
        call(lambda: 1 / 0)


def test_every_shipped_exercise_is_found_by_its_name(monkeypatch):
    monkeypatch.undo()
    found = exercises()
    assert list(found) == sorted(found, key=lambda name: name.split(".")[0])
    for name, task in found.items():
        assert task.name == name and exercise(name) is task
        assert f"webhook_tutorial.exercises.lesson_{name.split('.')[0]}" in sys.modules
