"""The lessons in a browser, on Binder and in a dev container: the same packages, and a Python that the project allows.

Neither can be started by a test. What is tested is what the two read: environment.yml, whose packages test_project.py
compares with pyproject.toml, and .devcontainer/devcontainer.json, whose set-up is that of "make test".
"""

import json
import re
import shlex
import tomllib

import bootstrap
import pytest
import yaml
from packaging.specifiers import SpecifierSet
from support import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ENVIRONMENT = (ROOT / "environment.yml").read_text(encoding="utf-8")
CONTAINER = (ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8")


def allowed(version):
    """Whether pyproject.toml allows a Python of this minor version, such as "3.13"."""
    return f"{version}.0" in SpecifierSet(PROJECT["requires-python"])


def conda_python(environment_text):
    """The minor version that Binder builds with, by repo2docker's rule, or None where that would take its own default.

    repo2docker looks for "python" with "=" right behind it (PYTHON_REGEX in its buildpacks/conda/__init__.py), and
    overlooks a range such as python>=3.11: its default was 3.10 in version 2026.4.
    """
    for line in yaml.safe_load(environment_text)["dependencies"]:
        if isinstance(line, str) and (found := re.fullmatch(r"python=(3\.\d+)", line)):
            return found[1]
    return None


def container(text):
    """devcontainer.json without its comments, of which each has a line to itself."""
    return json.loads(re.sub(r"(?m)^\s*//.*$", "", text))


def container_python(text):
    """The image's minor version of Python, or None if its tag does not hold one behind the image's own version."""
    found = re.fullmatch(r"mcr\.microsoft\.com/devcontainers/python:\d+-(3\.\d+)", container(text)["image"])
    return found and found[1]


def test_binder_builds_with_a_python_that_the_project_allows():
    version = conda_python(ENVIRONMENT)
    assert version and allowed(version)


@pytest.mark.parametrize("line", ["python>=3.11", "python", "python=3", "python=3.10"])
def test_a_python_that_binder_overlooks_or_that_is_too_old_is_found(line):
    assert "  - python=3.13\n" in ENVIRONMENT
    version = conda_python(ENVIRONMENT.replace("  - python=3.13\n", f"  - {line}\n"))
    assert not (version and allowed(version))


def test_binder_finds_one_environment_file():
    """With a folder of this name, Binder would look for its files there and nowhere else."""
    assert not (ROOT / "binder").exists() and not (ROOT / ".binder").exists()


def test_the_container_has_the_python_of_binder_which_ci_tries():
    version = container_python(CONTAINER)
    assert version == conda_python(ENVIRONMENT)
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    assert version in workflow["jobs"]["systems"]["strategy"]["matrix"]["python"]


@pytest.mark.parametrize("tag", ["3", "latest", "3-3", "3.13"])
def test_an_image_without_a_minor_version_of_python_is_found(tag):
    assert ":3-3.13" in CONTAINER
    assert container_python(CONTAINER.replace(":3-3.13", f":{tag}")) is None


def test_the_container_is_set_up_before_the_first_lesson_opens_with_the_extras_and_the_exact_versions(monkeypatch):
    """What its command installs, from pyproject.toml itself and held to constraints.txt."""
    read = container(CONTAINER)
    assert not {"postCreateCommand", "waitFor"} & set(read), "the editor waits for updateContentCommand, unless told"
    python, script, *arguments = shlex.split(read["updateContentCommand"])
    assert (python, script) == ("python3", "scripts/bootstrap.py")
    asked = []

    def pip_install(folder, options):
        asked.append((folder, options))
        raise SystemExit  # before it writes that .venv is ready

    monkeypatch.setattr(bootstrap, "found", lambda: None)
    monkeypatch.setattr(bootstrap, "make_venv", lambda folder: None)
    monkeypatch.setattr(bootstrap, "pip_install", pip_install)
    with pytest.raises(SystemExit):
        bootstrap.main(arguments)
    [(folder, (editable, what, constrained, constraints))] = asked
    assert (folder, editable, constrained) == (str(ROOT / ".venv"), "-e", "-c")
    extras = re.fullmatch(r"\.\[(.+)\]", what)[1].split(",")
    assert {"lessons", "test"} <= set(extras) <= set(PROJECT["optional-dependencies"])
    assert constraints == str(ROOT / "constraints.txt")


def test_the_container_opens_the_first_lesson_with_the_python_that_was_set_up():
    customized = container(CONTAINER)["customizations"]
    assert customized["codespaces"]["openFiles"] == ["notebooks/00_start_here.ipynb"]
    assert (ROOT / "notebooks" / "00_start_here.ipynb").exists()
    settings = customized["vscode"]["settings"]
    assert settings["python.defaultInterpreterPath"] == "${containerWorkspaceFolder}/.venv/bin/python"
    assert "ms-toolsai.jupyter" in customized["vscode"]["extensions"]


def test_the_container_forwards_no_port_of_a_lesson():
    """JupyterLab's alone: scripts/lab.py leaves it at its default, 8888."""
    read = container(CONTAINER)
    assert read["otherPortsAttributes"] == {"onAutoForward": "ignore"}
    assert list(read["portsAttributes"]) == ["8888"] and "forwardPorts" not in read
