"""The project's own files agree with each other, and the set-up says in one sentence what is wrong."""

import ast
import builtins
import importlib.util
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
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
    lines = project["dependencies"] + project["optional-dependencies"]["test"]
    ranges = {canonicalize_name(one.name): one.specifier for one in map(Requirement, lines)}
    return ranges | {"python": SpecifierSet(project["requires-python"])}


def conda_ranges(environment_text):
    lines = yaml.safe_load(environment_text)["dependencies"]
    [by_pip] = [one["pip"] for one in lines if isinstance(one, dict)]
    lines = [one for one in lines + by_pip if isinstance(one, str) and one != "-e ."]
    ranges = {
        canonicalize_name(CONDA_NAMES.get(one.name, one.name)): one.specifier for one in map(Requirement, lines)
    }
    ranges.pop("pip")  # only there to install the project itself
    return ranges


def differences(pyproject_text, environment_text):
    """What one of the two files asks for and the other does not, as sentences."""
    pip, conda = pip_ranges(pyproject_text), conda_ranges(environment_text)
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
        ("  - python>=3.11\n", "  - python>=3.10\n", "python"),
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
    monkeypatch.setattr(bootstrap, "run", lambda command: (1, output))
    with pytest.raises(SystemExit, match="1"):
        bootstrap.pip_install("folder", ["-e", "."])
    assert "check the network" in only_sentence(capsys)
