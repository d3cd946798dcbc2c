"""The engine: three outcomes, each in a calm sentence; whatever an answer does, `check` does not raise."""

import dis
import importlib
import inspect
import pkgutil
import traceback
import types
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from html import escape

from . import record

_CORRECT, _INCORRECT, _UNTRIED = "correct", "incorrect", "not tried yet"
_LOOKS = {
    _CORRECT: ("✓", "#009E73", "Correct."),
    _INCORRECT: ("✗", "#D55E00", "Not yet."),
    _UNTRIED: ("○", "#777777", ""),
}


class Wrong(Exception):
    """Raised by a test: the answer is not right. The message says what to look at; ``report``, all that was seen."""

    def __init__(self, message, report=""):
        super().__init__(message)
        self.report = report


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Attributes:
        name: The lesson's number and a word: ``"02.validate"``.
        test: A function of the answer; it raises `Wrong`, or returns if the answer is right: nothing, or a report.
        hints: Sentences, the gentlest first.
        solution: Python source that defines the answer, complete with its imports.
        answer: The name in that source that is the answer.
        praise: What a right answer shows, a sentence.
        is_file: Whether the answer is the path of a file, and the solution what stands in it.
    """

    name: str
    test: types.FunctionType
    hints: tuple
    solution: str
    answer: str
    praise: str
    is_file: bool = False

    @property
    def answer_is_callable(self):
        """Whether the answer is a function, by the solution's own words."""
        return f"def {self.answer}(" in self.solution


@dataclass(frozen=True)
class Verdict:
    """What `check` found: ``outcome`` is ``"correct"``, ``"incorrect"`` or ``"not tried yet"``.

    ``report`` is all that was seen, where that is more than fits into a message.
    """

    outcome: str
    message: str
    report: str = ""

    def __str__(self):
        mark, _, word = _LOOKS[self.outcome]
        return " ".join(part for part in (mark, word, self.message) if part)

    __repr__ = __str__

    def _repr_html_(self):
        colour = _LOOKS[self.outcome][1]
        more = f"<details><summary>All that was seen</summary><pre>{escape(self.report)}</pre></details>"
        text = escape(str(self)) + (more if self.report else "")
        return f'<div style="border-left:4px solid {colour};padding:4px 8px">{text}</div>'


@dataclass(frozen=True)
class _Shown:
    """Text for a notebook, given as it is."""

    text: str

    def __repr__(self):
        return self.text


_hints_given = {}


def check(name, answer):
    """Check an answer to an exercise. That it was passed is kept for `progress`, see `record`.

    Args:
        name: The exercise's name, such as ``"02.validate"``.
        answer: Your function, app or value. ``...``, or a function whose body is ``...``, is "not tried yet".

    Returns:
        A `Verdict`. An exception in your code is a verdict too.

    Raises:
        ValueError: There is no such exercise.
    """
    task = exercise(name)
    if task.answer_is_callable and not callable(answer) and answer is not ...:
        return Verdict(_INCORRECT, f"Hand over {task.answer} itself, without brackets and arguments.")
    if untouched(answer):
        return Verdict(_UNTRIED, "Not tried yet: replace the ... and run the cell again.")
    try:
        report = task.test(answer)
    except Wrong as wrong:
        return Verdict(_INCORRECT, str(wrong), wrong.report)
    except (Exception, SystemExit) as error:
        return Verdict(_INCORRECT, "Your code raised " + "".join(traceback.format_exception_only(error)).strip())
    record.passed(name)
    return Verdict(_CORRECT, task.praise, report or "")


def hint(name):
    """Give the next hint; after the last one, the last again."""
    hints = exercise(name).hints
    given = _hints_given.get(name, 0)
    _hints_given[name] = given + 1
    i = min(given, len(hints) - 1)
    return _Shown(f"Hint {i + 1} of {len(hints)}: {hints[i]}")


def solution(name):
    """Show one solution, as Python source."""
    return _Shown(exercise(name).solution.strip())


def exercise(name):
    """Return an `Exercise` by its name.

    Raises:
        ValueError: There is no such exercise; the message lists those of the lesson.
    """
    lesson = str(name).split(".")[0]
    known = exercises(lesson)
    if name not in known:
        raise ValueError(f"There is no exercise {name!r}. Did you mean one of: {', '.join(known or exercises())}?")
    return known[name]


def exercises(lesson=None):
    """Return exercises by their names: those of one lesson, such as ``"02"``, or of all in their order.

    They are those of the modules ``lesson_NN`` here. Of one lesson no other module is imported.
    """
    package = importlib.import_module(__package__)
    modules = sorted(m.name for m in pkgutil.iter_modules(package.__path__) if m.name.startswith("lesson_"))
    if lesson is not None:
        modules = [module for module in modules if module == f"lesson_{lesson}"]
    found = {}
    for module in modules:
        for task in importlib.import_module(f"{__package__}.{module}").EXERCISES:
            found[task.name] = task
    return found


def call(function, *arguments):
    """Call a learner's function on a thread of its own and return what it returns; an async one is awaited there.

    In a notebook's main thread an event loop is running, and a function that uses asyncio could not start one.
    """

    def work():
        result = function(*arguments)
        if not inspect.isawaitable(result):
            return result
        import asyncio  # takes long, and few answers need it

        return asyncio.run(_await(result))

    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(work).result()


async def _await(awaitable):
    return await awaitable


def untouched(answer):
    """Whether an answer is as the notebook gave it: ``...``, or a function that does nothing yet."""
    if answer is ...:
        return True
    if isinstance(answer, dict):
        return any(item is ... for item in answer.values())
    if isinstance(answer, (list, tuple)):
        return any(item is ... for item in answer)
    if isinstance(answer, types.FunctionType):
        return _steps(answer) in map(_steps, _UNTOUCHED)
    return False


def _steps(function):
    """What a function does, as names of bytecode and constants, which do not depend on its docstring."""
    return [(i.opname, "CONST" in i.opname and i.argval) for i in dis.get_instructions(function) if i.opname != "NOP"]


def _nothing(): ...


def _dots():
    return ...


async def _async_nothing(): ...


async def _async_dots():
    return ...


_UNTOUCHED = (_nothing, _dots, _async_nothing, _async_dots)
