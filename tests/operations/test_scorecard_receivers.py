"""The scorecard against a correct receiver, and against the same with one fault: it fails the checks that name it.

And against receivers that do not answer: each run has an end.
"""

import contextlib
import re
import socket
import sys
import threading
import time
from pathlib import Path

import pytest
from programs import Program
from receivers.faults import FAULTS

from webhook_tutorial.operations.scorecard import grade

CORRECT = Path(__file__).with_name("receivers") / "correct.py"
SECRET = "whsec_" + "YW4gZXhhbXBsZSBzZWNyZXQgZm9yIHRlc3Rz"
LIMIT = 100_000  # that of correct.py
#: Seconds that a receiver may take to answer. On a busy machine a correct one takes longer than on an idle one.
PATIENCE = 2.0
#: One of each kind is tried in every run, and the others among the thorough tests.
QUICK = "written-again", "says-what-fits", "looks-then-stores", "takes-what-came"


@pytest.fixture
def receiver(tmp_path):
    """Start correct.py, with a fault or without, and return its `Program`; it ends with the test."""
    started = []

    def start(fault="", **more):
        folder = tmp_path / f"receiver {len(started)}"
        folder.mkdir()
        settings = {"WEBHOOK_SECRET": SECRET, "DATABASE": str(folder / "database"), "FAULT": fault} | more
        started.append(Program([sys.executable, CORRECT], folder, **settings))
        return started[-1]

    yield start
    for program in started:
        program.stop()


def graded(program, **options):
    options = {"effects": f"{program.url}/effects", "limit": LIMIT, "patience": PATIENCE} | options
    return grade(f"{program.url}/webhook", SECRET, **options)


def outcomes(report, outcome):
    return {result.name for result in report.results if result.outcome == outcome}


def test_a_correct_receiver_has_full_marks_in_less_than_five_seconds(receiver):
    program = receiver()
    begin = time.monotonic()
    report = graded(program)
    took = time.monotonic() - begin
    assert {result.outcome for result in report.results} == {"held"}
    assert report.grade == 100
    assert took < 5


@pytest.mark.parametrize("later", [0.3, pytest.param(1.2, marks=pytest.mark.thorough)])
def test_so_has_one_whose_worker_comes_later(receiver, later):
    report = graded(receiver(LATER=str(later)))
    assert {result.outcome for result in report.results} == {"held"}


@pytest.mark.parametrize("later", [0.3, pytest.param(1.2, marks=pytest.mark.thorough)])
def test_and_what_such_a_one_does_twice_is_seen(receiver, later):
    report = graded(receiver("remembers-the-attempt", LATER=str(later)))
    assert outcomes(report, "failed") == {"duplicate", "same-moment"}


@pytest.mark.parametrize(
    "fault", [pytest.param(name, marks=() if name in QUICK else pytest.mark.thorough) for name in FAULTS]
)
def test_a_fault_fails_the_checks_that_name_it_and_no_others(receiver, fault):
    names, _ = FAULTS[fault]
    program = receiver(fault)
    begin = time.monotonic()
    report = graded(program, patience=0.3 if fault == "slow" else PATIENCE)
    assert time.monotonic() - begin < 30
    assert outcomes(report, "failed") == set(names.split())
    assert report.grade < 100


def test_every_fault_stands_in_the_receiver():
    planted = re.findall(r'FAULT (?:==|!=) "(.*?)"', CORRECT.read_text(encoding="utf-8"))
    planted += re.findall(r'"(.*?)"', " ".join(re.findall(r"FAULT in \((.*?)\)", CORRECT.read_text(encoding="utf-8"))))
    assert set(planted) == set(FAULTS) | {"dies-when-cut"}
    for names, why in FAULTS.values():
        assert bool(why) == (len(names.split()) > 1)


# Receivers that do not answer.


@pytest.fixture
def deaf():
    """The URL of a socket that takes every connection and never reads from one."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/webhook"


@pytest.fixture
def curt():
    """The URL of a server that closes every connection at once."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)

    def close_each():
        with contextlib.suppress(OSError):  # the listener is closed
            while True:
                listener.accept()[0].close()

    thread = threading.Thread(target=close_each)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/webhook"
    with contextlib.suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)  # on Linux closing it alone would not wake the thread
    listener.close()
    thread.join(10)


@pytest.fixture
def nobody():
    """A URL where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    return f"http://127.0.0.1:{port}/webhook"


@pytest.mark.parametrize(("which", "seconds"), [("deaf", 30), ("curt", 5), ("nobody", 5)])
def test_one_that_does_not_answer_gets_nothing_and_the_run_ends(request, which, seconds):
    url = request.getfixturevalue(which)
    begin = time.monotonic()
    report = grade(url, SECRET, limit=LIMIT)
    took = time.monotonic() - begin
    assert report.grade == 0
    assert outcomes(report, "held") == set()
    assert took < seconds


def test_one_that_dies_in_the_middle_is_not_there_at_the_end(receiver):
    program = receiver("dies-when-cut")
    report = graded(program)
    assert program.process.poll() == 1
    assert "still-there" in outcomes(report, "failed")
    assert outcomes(report, "held") >= {"valid", "unsigned"}, "what was seen before stays"
