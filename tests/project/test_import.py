"""The package's surface: every name is there and documented, and importing it stays light."""

import subprocess
import sys
from pathlib import Path

import pytest

import webhook_tutorial

ROOT = Path(__file__).resolve().parents[2]


def run(code):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout


def test_importing_the_package_loads_nothing_heavy_and_starts_nothing():
    loaded = run(
        "import sys, threading, webhook_tutorial\n"
        "print(threading.active_count(), *sorted({name.split('.')[0] for name in sys.modules}))"
    ).split()
    assert loaded[0] == "1"
    assert not {"flask", "requests", "matplotlib", "ipywidgets", "numpy", "IPython", "cryptography"} & set(loaded)


@pytest.mark.parametrize(
    ("name", "needed", "spared"),
    [
        ("inbox", {"ipywidgets"}, {"matplotlib"}),
        ("serve", {"flask"}, {"matplotlib", "ipywidgets", "numpy", "IPython", "cryptography", "asyncio"}),
        ("verify", {"hmac"}, {"flask", "requests", "cryptography"}),
        ("matches", {"webhook_tutorial.durable.filters"}, {"flask", "requests", "sqlite3", "cryptography"}),
        ("Provider", {"sqlite3"}, {"flask", "matplotlib", "cryptography", "asyncio"}),
        ("check", {"webhook_tutorial.exercises"}, {"flask", "requests", "asyncio"}),
        ("retry_storm", {"numpy"}, {"flask", "matplotlib"}),
    ],
)
def test_a_name_loads_what_it_needs_and_no_more(name, needed, spared):
    loaded = set(run(f"import sys\nfrom webhook_tutorial import {name}\nprint(*sys.modules)").split())
    assert needed <= loaded and not spared & loaded


@pytest.mark.parametrize("call", ["check('05.backoff', ...)", "hint('05.backoff')", "solution('05.backoff')"])
@pytest.mark.thorough
def test_an_exercise_loads_the_exercises_of_its_lesson_and_no_others(call):
    loaded = run(f"import sys\nfrom webhook_tutorial import *\n{call}\nprint(*sys.modules)").split()
    lessons = [name for name in loaded if name.startswith("webhook_tutorial.exercises.lesson_")]
    assert lessons == ["webhook_tutorial.exercises.lesson_05"]


@pytest.mark.parametrize("name", webhook_tutorial.__all__)
def test_every_public_name_exists_and_is_documented(name):
    thing = getattr(webhook_tutorial, name)
    assert thing.__doc__ and thing.__doc__.strip()
    assert thing.__module__.startswith("webhook_tutorial.")


def test_public_names_are_listed_once_and_completed_by_tab():
    assert len(set(webhook_tutorial.__all__)) == len(webhook_tutorial.__all__)
    assert dir(webhook_tutorial) == sorted(webhook_tutorial.__all__)


def test_everything_can_be_imported_with_a_star():
    names = {}
    exec("from webhook_tutorial import *", names)
    assert set(webhook_tutorial.__all__) <= set(names)


def test_an_unknown_name_is_an_ordinary_error():
    with pytest.raises(AttributeError, match="has no attribute 'serv'"):
        _ = webhook_tutorial.serv
