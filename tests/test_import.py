"""The package's surface: every name is there and documented, and importing it stays light."""

import subprocess
import sys
from pathlib import Path

import pytest

import webhook_tutorial

ROOT = Path(__file__).resolve().parents[1]


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
    assert not {"matplotlib", "ipywidgets", "numpy", "IPython"} & set(loaded)


def test_a_lazy_name_loads_what_it_needs_and_no_more():
    loaded = run("import sys, webhook_tutorial\nwebhook_tutorial.inbox\nprint(*sys.modules)").split()
    assert "ipywidgets" in loaded and "matplotlib" not in loaded


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
