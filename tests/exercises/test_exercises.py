"""The gate: an untouched exercise is not tried yet, every solution is correct, every mistake has its own words."""

import itertools
import re
import runpy
import threading
import time
from pathlib import Path

import nbformat
import pytest
from flask import Flask

from webhook_tutorial.exercises import check, exercises, hint, lesson_02, solution
from webhook_tutorial.exercises.lesson_04 import BUGS, bugs_left

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))
ALL = exercises()
#: Wrong answers by the exercise's name, each as a pair: source as in its solution, and words from the message it gets.
MISTAKES = {
    name: mistakes
    for path in sorted(Path(__file__).parent.glob("mistakes_*.py"))
    for name, mistakes in runpy.run_path(str(path))["MISTAKES"].items()
}


def run(source, name):
    namespace = {}
    exec(source, namespace)
    return namespace[name]


@pytest.fixture
def answer_of(tmp_path):
    """Make the answer that a source gives: what it defines or, where the answer is a file, a file that holds it."""

    def answer(task, source):
        if not task.is_file:
            return run(source, task.answer)
        file = tmp_path / f"{task.answer}.py"
        file.write_text(source, encoding="utf-8")
        return file

    return answer


def slow(name):
    """What an answer that is started and graded as a program costs is for `make test`."""
    return [pytest.mark.thorough] if ALL[name].is_file else []


def exercise_cells():
    """Each exercise's name with the source of the notebook cell that checks it."""
    for path in NOTEBOOKS:
        for cell in nbformat.read(path, as_version=4).cells:
            for name in re.findall(r'\bcheck\("([^"]+)"', cell.source) if cell.cell_type == "code" else ():
                yield path, name, cell.source


@pytest.mark.parametrize("name", ALL)
def test_the_solution_is_correct(name, answer_of):
    verdict = check(name, answer_of(ALL[name], ALL[name].solution))
    assert verdict.outcome == "correct", verdict.message


@pytest.mark.parametrize(
    "name, i",
    [pytest.param(name, i, marks=slow(name)) for name in MISTAKES for i in range(len(MISTAKES[name]))],
)
def test_a_mistake_gets_its_own_words(name, i, answer_of):
    source, words = MISTAKES[name][i]
    verdict = check(name, answer_of(ALL[name], source))
    assert verdict.outcome == "incorrect"
    assert verdict.message.startswith(words), verdict.message


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the time zone cannot be set here")
@pytest.mark.thorough
def test_where_the_learner_lives_does_not_decide_whether_a_solution_is_correct(monkeypatch):
    monkeypatch.setenv("TZ", "EST5EDT")
    time.tzset()
    try:
        for name in ALL:
            if not ALL[name].is_file:  # a program has the zone from its environment, and takes long
                verdict = check(name, run(ALL[name].solution, ALL[name].answer))
                assert verdict.outcome == "correct", f"{name}: {verdict.message}"
        local = ALL["05.wait"].solution.replace(".replace(tzinfo=UTC)", "")
        verdict = check("05.wait", run(local, "seconds_to_wait"))
        assert verdict.message.startswith("For the oldest form of a date"), verdict.message
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("name", ALL)
def test_no_two_mistakes_share_their_words(name):
    words = [words for _, words in MISTAKES.get(name, ())]
    assert len(words) >= 3
    for i, one in enumerate(words):
        assert not any(other.startswith(one) for j, other in enumerate(words) if j != i), one


def test_there_are_no_mistakes_without_an_exercise():
    assert list(MISTAKES) == list(ALL)


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


# The five mistakes of lesson 04's receiver, each with its mend, in the order of BUGS.
MENDS = (
    ("    return 200\n", "        return 200\n    return 401\n"),
    ("if now - int(timestamp) > 300", "if abs(now - int(timestamp)) > 300"),
    (
        'signed = headers["webhook-id"] + "." + timestamp + "." + content',
        'signed = (headers["webhook-id"] + "." + timestamp + ".").encode("utf-8") + body',
    ),
    (
        'given = signatures.split(" ")[0]\n        if not hmac.compare_digest(given.encode(), expected.encode()):',
        'every = signatures.split(" ")\n'
        "        if not any(hmac.compare_digest(given.encode(), expected.encode()) for given in every):",
    ),
    (
        "    if signatures:\n",
        '    if signatures and not ("webhook-id" in headers and timestamp and timestamp.isdecimal()):\n'
        "        return 401\n    if signatures:\n",
    ),
)


def suspicious_receiver(mends):
    """The receiver of the lesson, from its notebook, with some of its mistakes mended."""
    [path] = [path for path in NOTEBOOKS if path.name.startswith("04_")]
    cells = nbformat.read(path, as_version=4).cells
    [source] = [cell.source for cell in cells if cell.source.startswith("def receive(body")]
    source += "\n"
    for old, new in mends:
        assert source.count(old) == 1, old
        source = source.replace(old, new)
    source = source.replace("hmac.digest(key, signed.encode()", "hmac.digest(key, as_bytes(signed)")
    namespace = {}
    exec(
        "import hmac, json\nfrom base64 import b64decode, b64encode\n"
        "def as_bytes(text): return text if isinstance(text, bytes) else text.encode()\n" + source,
        namespace,
    )
    return namespace["receive"]


ALL_SUBSETS = list(itertools.product((False, True), repeat=len(MENDS)))


@pytest.mark.parametrize("mended", ALL_SUBSETS, ids=lambda mended: "".join("01"[x] for x in mended))
def test_the_bug_hunt_fails_exactly_the_tests_of_the_mistakes_that_are_left(mended):
    mends = [mend for mend, done in zip(MENDS, mended, strict=True) if done]
    left = [name for name, done in zip(BUGS, mended, strict=True) if not done]
    assert bugs_left(suspicious_receiver(mends)) == left


def test_where_a_socks_proxy_is_set_the_words_say_how_to_leave_it_out(monkeypatch):
    import httpx

    monkeypatch.setenv("all_proxy", "socks5://127.0.0.1:9")

    async def send_all(urls, event):
        async with httpx.AsyncClient() as client:
            return [(await client.post(url, json=event)).status_code for url in urls]

    assert "trust_env=False" in str(check("03.fan_out", send_all))


def test_a_receiver_that_never_answers_is_told_so_and_holds_up_nobody(monkeypatch):
    monkeypatch.setattr(lesson_02, "_PATIENCE", 0.2)
    let_go = threading.Event()
    app = Flask("never")
    app.add_url_rule("/webhook", view_func=lambda: str(let_go.wait(20)), methods=["POST"])
    try:
        verdict = check("02.receiver", app)
    finally:
        let_go.set()
    assert verdict.message.startswith("It has not answered a good event for 0.2 seconds"), verdict.message
