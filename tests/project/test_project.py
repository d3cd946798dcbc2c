"""The project's own files agree with each other, and the set-up says in one sentence what is wrong."""

import ast
import builtins
import importlib.util
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
ENVIRONMENT = (ROOT / "environment.yml").read_text(encoding="utf-8")
CONSTRAINTS = (ROOT / "constraints.txt").read_text(encoding="utf-8")

# Where conda-forge has another name for a package: conda-forge's name, then pip's.
CONDA_NAMES = {
    "playwright-python": "playwright",  # conda-forge's "playwright" is the Node.js program
    "matplotlib-base": "matplotlib",  # conda-forge's "matplotlib" brings a desktop toolkit as well
}


def pip_ranges(pyproject_text):
    project = tomllib.loads(pyproject_text)["project"]
    extras = project["optional-dependencies"]
    lines = project["dependencies"] + extras["lessons"] + extras["test"]
    ranges = {canonicalize_name(one.name): one.specifier for one in map(Requirement, lines)}
    del ranges[project["name"]]  # "test" is "lessons", and more
    return ranges | {"python": SpecifierSet(project["requires-python"])}


def conda_ranges(environment_text):
    lines = yaml.safe_load(environment_text)["dependencies"]
    [by_pip] = [one["pip"] for one in lines if isinstance(one, dict)]
    # Its Python is one version, and no range; test_environments.py has it.
    lines = [one for one in lines + by_pip if isinstance(one, str) and one != "-e ." and not one.startswith("python=")]
    ranges = {canonicalize_name(CONDA_NAMES.get(one.name, one.name)): one.specifier for one in map(Requirement, lines)}
    ranges.pop("pip")  # only there to install the project itself
    return ranges


def differences(pyproject_text, environment_text):
    """What one of the two files asks for and the other does not, as sentences."""
    pip, conda = pip_ranges(pyproject_text), conda_ranges(environment_text)
    del pip["python"]
    return [
        f"{name}: {pip.get(name, 'missing')} for pip, {conda.get(name, 'missing')} for conda"
        for name in sorted(pip.keys() | conda.keys())
        if pip.get(name) != conda.get(name)
    ]


def wrong_pins(pyproject_text, constraints_text):
    """What is wrong with constraints.txt: lines that are no pin, and direct dependencies without a fitting one."""
    lines = [line for line in constraints_text.splitlines() if line and not line.startswith("#")]
    wrong = [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.+!]+", line)]
    pins = {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines)}
    ranges = pip_ranges(pyproject_text)
    del ranges["python"]
    return wrong + [name for name, allowed in ranges.items() if name not in pins or pins[name] not in allowed]


def test_pip_and_conda_install_the_same():
    assert differences(PYPROJECT, ENVIRONMENT) == []


@pytest.mark.parametrize(
    ("line", "instead", "name"),
    [
        ("  - ipykernel>=7.1,<8\n", "  - ipykernel>=6.29,<8\n", "ipykernel"),
        ("  - playwright-python>=1.49,<2\n", "", "playwright"),
        ("  - numpy>=2,<3\n", "  - numpy>=2,<3\n  - pandas>=2\n", "pandas"),
    ],
)
def test_a_difference_between_pip_and_conda_is_found(line, instead, name):
    assert line in ENVIRONMENT
    [found] = differences(PYPROJECT, ENVIRONMENT.replace(line, instead))
    assert found.startswith(f"{name}: ")


def test_conda_installs_the_project_itself():
    assert "-e ." in yaml.safe_load(ENVIRONMENT)["dependencies"][-1]["pip"]


def test_constraints_pin_every_direct_dependency():
    assert wrong_pins(PYPROJECT, CONSTRAINTS) == []


def test_a_wrong_pin_is_found():
    without_nbval = re.sub("(?m)^nbval==.*\n", "", CONSTRAINTS)
    assert wrong_pins(PYPROJECT, without_nbval) == ["nbval"]
    with_old_kernel = re.sub("(?m)^ipykernel==.*", "ipykernel==6.29.5", CONSTRAINTS)
    assert wrong_pins(PYPROJECT, with_old_kernel) == ["ipykernel"]
    assert wrong_pins(PYPROJECT, CONSTRAINTS + "six @ file:///six.whl\n") == ["six @ file:///six.whl"]


# The README, lesson 00 and the lessons tell the same about the series.

README = (ROOT / "README.md").read_text(encoding="utf-8")
OPENINGS = {
    path.stem: "".join(json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"])
    for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
}


def test_the_readme_has_a_row_for_each_lesson_with_its_minutes():
    rows = re.findall(r"(?m)^\| \[(.+?)\]\(notebooks/(\w+)\.ipynb\) \| (\d+), (\d+) \|", README)
    lessons = []
    for stem, opening in OPENINGS.items():
        title = f"{stem[:2]} {stem[3:].replace('_', ' ').capitalize()}"
        lessons.append((title, stem, *re.search(r"\*\*Time\*\* (\d+) minutes, (\d+) with", opening).groups()))
    assert rows == lessons


def test_the_readme_lesson_00_and_the_lessons_name_the_same_parts():
    parts = re.findall(r"(?m)^\| \*\*(\d .+?)\*\* \|", README)
    first = json.loads((ROOT / "notebooks" / "00_start_here.ipynb").read_text(encoding="utf-8"))
    assert re.findall(r"(?m)^\| (\d .+?) \|", "\n".join("".join(cell["source"]) for cell in first["cells"])) == parts
    assert [part[0] for part in parts] == list("12345")
    for stem, opening in OPENINGS.items():
        number, name, lesson = re.search(r"\*\*Series\*\* part (\d), (.+?): lesson (\d\d),", opening).groups()
        assert f"{number} {name}" in parts and lesson == stem[:2]


# What follows is about scripts/bootstrap.py, which make runs before anything else.


@pytest.fixture
def bootstrap():
    spec = importlib.util.spec_from_file_location("bootstrap", ROOT / "scripts" / "bootstrap.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def only_sentence(capsys):
    """What was printed on stderr, which must be one line."""
    [line] = capsys.readouterr().err.splitlines()
    return line


def test_the_oldest_python_is_the_same_everywhere(bootstrap):
    oldest = "{}.{}".format(*bootstrap.OLDEST)
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    assert str(pip_ranges(PYPROJECT)["python"]) == f">={oldest}"
    assert workflow["jobs"]["systems"]["strategy"]["matrix"]["python"][0] == oldest
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert f"sys.version_info < ({oldest.replace('.', ', ')})" in makefile


def test_bootstrap_can_be_read_by_an_old_python():
    ast.parse((ROOT / "scripts" / "bootstrap.py").read_text(encoding="utf-8"), feature_version=(3, 7))


def test_an_old_python_gets_a_sentence(bootstrap, monkeypatch, capsys):
    monkeypatch.setattr(bootstrap.sys, "version_info", (3, 9, 18))
    with pytest.raises(SystemExit, match="1"):
        bootstrap.check_python()
    assert "need Python 3.11 or later, and this one is 3.9 " in only_sentence(capsys)


def test_a_python_without_venv_gets_a_sentence(bootstrap, monkeypatch, capsys):
    real = builtins.__import__

    def without_ensurepip(name, *rest):
        if name == "ensurepip":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_ensurepip)
    with pytest.raises(SystemExit, match="1"):
        bootstrap.check_python()
    assert "venv module is incomplete" in only_sentence(capsys)


def test_no_network_gets_a_sentence(bootstrap, monkeypatch, capsys):
    output = "WARNING: Retrying after 'NewConnectionError(...)'\nERROR: No matching distribution"
    monkeypatch.setattr(bootstrap, "run", lambda command, progress: (1, output))
    with pytest.raises(SystemExit, match="1"):
        bootstrap.pip_install("folder", ["-e", "."])
    assert "check the network" in only_sentence(capsys)


def test_constraints_are_resolved_for_tools_lessons_and_tests_and_the_project_itself_is_not_looked_up(
    bootstrap, monkeypatch
):
    asked = []

    def pip_install(folder, arguments):
        asked.extend(arguments)
        raise SystemExit

    monkeypatch.setattr(bootstrap, "make_venv", lambda folder: None)
    monkeypatch.setattr(bootstrap, "pip_install", pip_install)
    with pytest.raises(SystemExit):
        bootstrap.write_constraints()
    found = {canonicalize_name(re.split("[<>=]", one)[0]) for one in asked if re.match("[a-z].*>=", one)}
    assert found == set(pip_ranges(PYPROJECT)) - {"python"}
    assert not [one for one in asked if one.startswith("webhook")]


@pytest.mark.parametrize(("test", "extras"), [(False, "lessons"), (True, "lessons,test")])
def test_the_set_up_installs_the_lessons_and_a_venv_for_the_tests_serves_them(
    bootstrap, monkeypatch, tmp_path, test, extras
):
    asked = []
    monkeypatch.setattr(bootstrap, "READY", str(tmp_path / "ready.json"))
    monkeypatch.setattr(bootstrap, "make_venv", lambda folder: None)
    monkeypatch.setattr(bootstrap, "pip_install", lambda folder, arguments: asked.append(arguments[1]))
    bootstrap.setup(test)
    monkeypatch.setattr(bootstrap, "found", lambda: json.loads((tmp_path / "ready.json").read_text()))
    bootstrap.setup(False)
    assert asked == [f".[{extras}]"]


PIP_SAYS = """\
Looking in indexes: an index
Obtaining file:///here
  Installing build dependencies: started
Collecting numpy<3,>=2 (from webhook-tutorial==0.1.0)
  Downloading numpy-2.3.1-cp311-cp311-a_very_long_name_for_the_platform_it_is_made_for_2_28_x86_64.whl (16.6 MB)
WARNING: Retrying (Retry(total=4, connect=None)) after connection broken by 'ReadTimeoutError()'
Processing /a/shelf/flask-3.1.3-py3-none-any.whl
Installing collected packages: numpy, flask, webhook-tutorial
Successfully installed numpy flask
"""


class Stream(io.StringIO):
    def __init__(self, terminal):
        super().__init__()
        self.isatty = lambda: terminal


def progress_of(bootstrap, terminal):
    stream = Stream(terminal)
    command = [sys.executable, "-c", f"print({PIP_SAYS!r}, end='')"]
    assert bootstrap.run(command, bootstrap.Progress(stream)) == (0, PIP_SAYS)
    return stream.getvalue()


def test_the_set_up_shows_on_a_terminal_what_it_does_in_a_line_that_changes_and_goes(bootstrap):
    *steps, after = progress_of(bootstrap, terminal=True).split("\r")[1:]
    said = [step.strip() for step in steps]
    assert said[0] == "package 1: numpy" and said[1].startswith("package 1: numpy-2.3.1")
    assert said[2:] == [
        "the network does not answer; pip tries again", "package 2: flask", "installing 3 packages", "",
    ]  # fmt: skip
    assert all(len(step) < 80 for step in steps) and after == ""


def test_the_set_up_says_in_a_file_what_matters_and_what_takes_long(bootstrap, monkeypatch):
    expected = ["  the network does not answer; pip tries again", "  installing 3 packages"]
    assert progress_of(bootstrap, terminal=False).splitlines() == expected
    monkeypatch.setattr(bootstrap.Progress, "QUIET", 0)
    assert len(progress_of(bootstrap, terminal=False).splitlines()) == 5


def test_what_pip_says_when_it_fails_is_shown_and_its_progress_is_not(bootstrap, monkeypatch, capsys):
    monkeypatch.setattr(bootstrap, "run", lambda command, progress: (1, output))
    output = "\n".join(line for line in PIP_SAYS.splitlines() if "Retry" not in line) + "\nERROR: no such version"
    with pytest.raises(SystemExit, match="1"):
        bootstrap.pip_install("folder", ["-e", "."])
    lines = capsys.readouterr().err.splitlines()
    assert lines[-2:] == ["ERROR: no such version", "Installing the packages failed; pip's own words are above."]
    assert len(lines) == 3


@pytest.mark.skipif(not shutil.which("make"), reason="make is not here")
@pytest.mark.parametrize("python", ["/no/such/python", "", "false", "/a folder/python"])
def test_a_python_that_is_not_there_gets_a_sentence(python):
    made = subprocess.run(["make", "setup", f"PYTHON={python}"], cwd=ROOT, capture_output=True, text=True)
    assert made.returncode and made.stderr.startswith(f"There is no Python that starts at '{python}': install")


# And about scripts/elsewhere.py and scripts/lab.py, which keep a home that cannot be written from stopping the lessons.


def test_folders_that_cannot_be_written_are_moved_and_no_others(tmp_path):
    """In a process of its own, as it changes the environment for good."""
    (tmp_path / "a_file").touch()
    code = "import elsewhere, json; print(json.dumps(elsewhere.move_what_cannot_be_written()))"

    def moved(**environment):
        done = subprocess.run(
            [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(ROOT / "scripts")} | environment,
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return json.loads(done.stdout)

    names = ["JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "MPLCONFIGDIR"]
    good = {name: str(tmp_path / "made" / name) for name in names}
    bad = {name: str(tmp_path / "a_file" / name) for name in names}
    assert moved(**good) == []
    assert moved(**bad) == names
    assert moved(**good | {"IPYTHONDIR": bad["IPYTHONDIR"]}) == ["IPYTHONDIR"]
    assert not (tmp_path / "made").exists(), "asking makes nothing"


@pytest.mark.thorough
def test_make_lab_prints_addresses_that_lead_to_the_first_lesson(tmp_path):
    """With a home that cannot be written, as that must not stop it either."""
    (tmp_path / "home").touch()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "IPYTHON"))}
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = tmp_path / "log"
    with open(log, "w") as file:
        lab = subprocess.Popen(
            [sys.executable, ROOT / "scripts" / "lab.py", "--no-browser", f"--port={port}"],
            env=kept | {"HOME": str(tmp_path / "home")}, stdout=file, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        end = time.monotonic() + 60
        while "127.0.0.1" not in log.read_text():
            assert lab.poll() is None and time.monotonic() < end, log.read_text()
            time.sleep(0.1)
        [address] = re.findall(r"http://127\.0\.0\.1\S+", log.read_text())
        assert address.partition("?token=")[0] == f"http://127.0.0.1:{port}/lab/tree/00_start_here.ipynb"
    finally:
        lab.terminate()
        lab.wait(30)
    assert "Traceback" not in log.read_text()
    assert log.read_text().startswith("Your home folder cannot be written" if os.name == "posix" else "Starting")


# And about .ci/run.


@pytest.mark.skipif(not shutil.which("bash") or os.name == "nt", reason="bash is not here")
def test_ci_runs_make_test_in_the_environment_of_an_ordinary_machine(tmp_path):
    """What the CI machine sets besides must not reach the tests: a variable has hidden a failing one before."""
    for name in ("make", "chromium", "promtool", "node", "npm", "go", "nginx", "webhook"):
        (tmp_path / name).write_text('#!/bin/sh\necho "$0 $@"\nenv\n')
        (tmp_path / name).chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    reaching = {"PIP_INDEX_URL": "x y\nz", "https_proxy": "http://127.0.0.1:9", "SSL_CERT_FILE": "/certificates"}
    reaching |= {"npm_config_fund": "false", "NPM_CONFIG_AUDIT": "false", "NODE_EXTRA_CA_CERTS": "/certificates"}
    reaching["WEBHOOK_TUTORIAL_TEST_BROKER"] = "none"  # or it would install one
    hidden = {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", "SOME_SERVICE": "1", "TZ": "UTC", "LC_ALL": "C"}
    run = subprocess.run(
        ["bash", ROOT / ".ci" / "run"], env={"HOME": "/home", "PATH": path, "LANG": "de"} | reaching | hidden,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    command, *environment = run.stdout.splitlines()
    assert command == f"{tmp_path}/make test"
    for line in (
        "HOME=/home",
        "LANG=C.UTF-8",
        "CI=true",
        "PIP_INDEX_URL=x y",
        "z",
        "https_proxy=http://127.0.0.1:9",
        "npm_config_fund=false",
        "NPM_CONFIG_AUDIT=false",
        "NODE_EXTRA_CA_CERTS=/certificates",
        "WEBHOOK_TUTORIAL_TEST_BROKER=none",
    ):
        assert line in environment
    assert not [line for line in environment if line.partition("=")[0] in hidden]
