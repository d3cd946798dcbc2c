"""The wheel, tried as a new user would: built, installed into an empty environment, and used from an empty folder.

pip's index is needed. Without it the test fails in CI and is skipped elsewhere.
"""

import json
import os
import re
import shlex
import subprocess
import sys
import time
import zipfile

import pytest
from support import ROOT, until
from tools import WHSEC

from webhook_tutorial.cli.new import TEMPLATE

pytestmark = pytest.mark.network

#: All that the tools bring along; a new one is a decision.
PACKAGES = {
    "blinker", "certifi", "cffi", "charset-normalizer", "click", "colorama", "cryptography", "flask", "idna",
    "itsdangerous", "jinja2", "markupsafe", "pycparser", "requests", "urllib3", "webhook-tutorial", "werkzeug",
}  # fmt: skip
SIGNS_OF_NO_NETWORK = ("NewConnectionError", "ConnectTimeout", "NameResolutionError", "ProxyError", "Temporary failure")


def pip(python, *arguments, **options):
    done = subprocess.run(
        [python, "-m", "pip", *arguments, "--disable-pip-version-check"],
        capture_output=True, text=True, encoding="utf-8", errors="replace", timeout=300, **options,
    )  # fmt: skip
    said = done.stdout + done.stderr
    if done.returncode and any(sign in said for sign in SIGNS_OF_NO_NETWORK):
        (pytest.fail if os.environ.get("CI") else pytest.skip)("pip cannot reach its index")
    assert done.returncode == 0, said[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    pip(sys.executable, "wheel", "--no-deps", "--wheel-dir", folder, ROOT)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The Python of an environment that holds the wheel and what it needs, and how to run it as a new user does."""
    folder = tmp_path_factory.mktemp("a new place")
    subprocess.run([sys.executable, "-m", "venv", folder / "env"], check=True, timeout=120)
    python = folder / "env" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    pip(python, "install", "--no-compile", "-c", ROOT / "constraints.txt", wheel)
    place = folder / "empty"
    place.mkdir()
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("PYTHON", "PYTEST", "COVERAGE"))}
    return python, {"cwd": place, "env": kept | {"STRIPE_SECRET": WHSEC, "PYTHONWARNINGS": "error"}}


def run(installed, *arguments):
    python, there = installed
    return subprocess.run(
        [python, "-m", "webhook_tutorial", *arguments], **there, capture_output=True, text=True, encoding="utf-8",
        timeout=60,
    )  # fmt: skip


def test_the_wheel_holds_the_package_and_the_lessons_and_nothing_else(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "webhook_tutorial", "notebooks"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    if tracked.returncode:
        pytest.skip("this is no clone")
    there = [name for name in tracked.stdout.splitlines() if (ROOT / name).exists()]
    expected = {re.sub("^notebooks/", "webhook_tutorial/notebooks/", name) for name in there}
    assert {name for name in names if ".dist-info/" not in name} == expected, "what git ignores stays out"


def test_it_needs_little(installed):
    listed = json.loads(pip(installed[0], "list", "--format=json"))
    assert {one["name"].lower() for one in listed} - {"pip", "setuptools"} <= PACKAGES


def test_from_pip_install_to_a_verified_stripe_sample(installed, tmp_path):
    python, there = installed
    begun = time.monotonic()
    assert "listen" in run(installed, "--help").stdout
    stripe = ["--dialect", "stripe", "--secret-env", "STRIPE_SECRET"]
    with open(tmp_path / "out", "wb") as out, open(tmp_path / "err", "wb") as err:
        listen = subprocess.Popen(
            [python, "-m", "webhook_tutorial", "listen", *stripe, "--count", "1", "--json", "--file", "kept.jsonl"],
            **there, stdout=out, stderr=err,
        )  # fmt: skip
    try:
        until(lambda: b"\n" in (tmp_path / "out").read_bytes() or listen.poll() is not None, seconds=30)
        url = json.loads((tmp_path / "out").read_text().splitlines()[0])["url"]
        sent = run(installed, "send", f"{url}/webhook", *stripe, "--event", "payment_intent.succeeded")
        assert (sent.returncode, sent.stderr) == (0, "") and "204 No Content" in sent.stdout
        assert listen.wait(60) == 0, (tmp_path / "err").read_text()
    finally:
        listen.kill()
        listen.wait()
    shown = json.loads((tmp_path / "out").read_text().splitlines()[1])
    assert shown["verified"] is True and shown["why"] == "verified: Stripe"
    assert len((there["cwd"] / "kept.jsonl").read_text().splitlines()) == 1
    assert time.monotonic() - begun < 60


def test_it_brings_the_lessons_and_says_how_to_get_jupyterlab(installed):
    copied = run(installed, "lessons")
    assert (copied.returncode, copied.stderr) == (0, "")
    assert 'python -m pip install "webhook-tutorial[lessons]"' in copied.stdout
    made = {path.name for path in (installed[1]["cwd"] / "webhooks").glob("*.ipynb")}
    assert made == {path.name for path in (ROOT / "notebooks").glob("*.ipynb")}


def test_it_brings_the_template_with_the_files_whose_names_begin_with_a_dot(installed):
    made = run(installed, "new")
    assert (made.returncode, made.stderr) == (0, "")
    names = {path.name for path in (installed[1]["cwd"] / "receiver").iterdir()}
    assert names == {path.name for path in TEMPLATE.iterdir() if path.is_file()} and ".env.example" in names


def test_what_only_the_lessons_need_is_told(installed):
    python, there = installed
    code = "import webhook_tutorial\nwebhook_tutorial.serve\nwebhook_tutorial.faults"
    done = subprocess.run([python, "-c", code], **there, capture_output=True, text=True, timeout=60)
    assert done.returncode and 'faults needs h11, which comes with the lessons: python -m pip install "w' in done.stderr


def test_from_a_folder_of_wheels_the_lessons_are_installed_without_an_index_and_run(tmp_path):
    """By the commands of docs/teaching.md, but for the last: instead of JupyterLab, a kernel runs lesson 00."""
    text = (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
    section = text[text.index("## Where there is no network") :]
    made, installed = [block.splitlines() for block in re.findall(r"(?ms)^```\n(.+?)^```", section)[:2]]
    [(_, *make)] = [shlex.split(line) for line in made]
    environment, install, copy, lab = map(shlex.split, installed)
    make[make.index("wheels")] = str(tmp_path / "wheels")
    assert make[:2] == install[1:3] == ["-m", "pip"]
    pip(sys.executable, *make[2:], cwd=ROOT)
    subprocess.run([sys.executable, *environment[1:]], cwd=tmp_path, check=True, timeout=120)
    python = tmp_path / environment[-1] / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("PYTHON", "PYTEST", "COVERAGE", "PIP_"))}
    there = {"cwd": tmp_path, "env": kept | {"PIP_CONFIG_FILE": os.devnull, "JUPYTER_PREFER_ENV_PATH": "1"}}
    pip(python, *install[3:], "--no-compile", **there)
    subprocess.run([python, *copy[1:]], **there, check=True, timeout=60, stdout=subprocess.DEVNULL)
    assert lab[1:3] == ["-m", "jupyter"] and (tmp_path / lab[-1]).exists()
    done = subprocess.run(
        [python, "-m", "jupyter", "execute", tmp_path / lab[-1]], **there, timeout=120, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
