"""Is this computer ready? Above all: does a proxy setting stand between us and 127.0.0.1."""

import importlib.metadata
import os
import sys
import tomllib
from pathlib import Path

import pytest
import requests
from packaging.requirements import Requirement
from requests.utils import should_bypass_proxies

from webhook_tutorial import check_environment, serve
from webhook_tutorial.environment import PACKAGES, reach_loopback_directly

NOBODY = "http://127.0.0.1:1"


@pytest.fixture
def env(monkeypatch):
    """An environment without any proxy setting; what the code changes is undone."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    for name in ("no_proxy", "NO_PROXY"):  # so that monkeypatch puts these two back
        monkeypatch.setenv(name, "x")
        monkeypatch.delenv(name)
    return monkeypatch


def proxy_settings():
    return {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}


def test_without_a_proxy_nothing_is_touched(env):
    assert reach_loopback_directly() is False
    assert proxy_settings() == {}


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_a_proxy_that_would_catch_loopback_is_kept_away_from_it(env, name):
    env.setenv(name, NOBODY)
    assert not should_bypass_proxies("http://127.0.0.1/", None)
    assert reach_loopback_directly() is True
    assert should_bypass_proxies("http://127.0.0.1:8000/", None) and should_bypass_proxies("http://localhost/", None)
    assert not should_bypass_proxies("http://example.com/", None)
    assert os.environ[name] == NOBODY


def test_mending_twice_changes_nothing_more(env):
    env.setenv("http_proxy", NOBODY)
    reach_loopback_directly()
    before = proxy_settings()
    assert reach_loopback_directly() is False
    assert proxy_settings() == before


@pytest.mark.parametrize("listed", ["127.0.0.1", "*", "127.0.0.0/8"])
def test_a_proxy_that_lets_loopback_pass_is_not_touched(env, listed):
    env.setenv("http_proxy", NOBODY)
    env.setenv("no_proxy", listed)
    assert reach_loopback_directly() is False
    assert os.environ["no_proxy"] == listed


@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
def test_hosts_that_were_listed_stay_listed(env, name):
    env.setenv("http_proxy", NOBODY)
    env.setenv(name, "intranet.example, other.example")
    assert reach_loopback_directly() is True
    for host in ("intranet.example", "other.example", "127.0.0.1"):
        assert should_bypass_proxies(f"http://{host}/", None), host


@pytest.mark.parametrize("settings", [{"no_proxy": "intranet.example"}, {"ftp_proxy": NOBODY}])
def test_settings_that_catch_no_request_are_not_touched(env, settings):
    for name, value in settings.items():
        env.setenv(name, value)
    assert reach_loopback_directly() is False
    assert proxy_settings() == settings


def test_a_server_can_be_reached_past_a_proxy(env):
    env.setenv("http_proxy", NOBODY)
    env.setenv("HTTP_PROXY", NOBODY)
    with serve(lambda environ, start: [start("204 No Content", [])][:0], name="receiver") as server:
        assert requests.get(server.url, timeout=5).status_code == 204


def lines(capsys):
    check_environment()
    return capsys.readouterr().out.splitlines()


def test_it_asks_for_every_package_that_the_lessons_depend_on_and_for_the_same_versions():
    pyproject = (Path(__file__).resolve().parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    project, wanted = tomllib.loads(pyproject)["project"], {}
    for line in project["dependencies"] + project["optional-dependencies"]["lessons"]:
        package = Requirement(line)
        if package.marker:  # some systems do without it
            continue
        [least] = [one.version for one in package.specifier if one.operator == ">="]
        wanted[package.name] = tuple(map(int, least.split(".")))
    del wanted["click"]  # the command line's, and no lesson's
    assert {name: least for packages in PACKAGES.values() for name, least in packages.items()} == wanted


def test_a_ready_computer_gets_a_tick_on_every_line_and_every_package_is_named(env, capsys):
    out = lines(capsys)
    assert len(out) == 10 and all(line.startswith("✓ ") for line in out)
    for packages in PACKAGES.values():
        assert [line for line in out if line.endswith(": " + ", ".join(packages))]
    assert out[-1] == "✓ no proxy stands between you and 127.0.0.1"


def test_a_mended_proxy_is_told(env, capsys):
    env.setenv("http_proxy", NOBODY)
    assert "would have caught 127.0.0.1: mended for this kernel" in lines(capsys)[-1]


def test_a_missing_package_is_told_with_its_remedy(env, capsys):
    version = importlib.metadata.version

    def without_flask(name):
        if name == "flask":
            raise importlib.metadata.PackageNotFoundError(name)
        return version(name)

    env.setattr(importlib.metadata, "version", without_flask)
    out = lines(capsys)
    (line,) = [line for line in out if line.startswith("✗")]
    assert line.startswith("✗ receiving: flask is missing") and line.endswith("pip install flask")
    assert "✓ receiving: werkzeug, blinker" in out


def test_without_requests_it_can_still_be_called(env, capsys):
    version = importlib.metadata.version

    def without_requests(name):
        if name == "requests":
            raise importlib.metadata.PackageNotFoundError(name)
        return version(name)

    env.setattr(importlib.metadata, "version", without_requests)
    env.setitem(sys.modules, "requests.utils", None)  # importing it fails now
    assert [line.split(":")[0] for line in lines(capsys) if line.startswith("✗")] == ["✗ sending", "✗ proxy"]


@pytest.mark.parametrize(
    ("version", "good"),
    [
        ("7.0.9", False),
        ("6.29.5", False),
        ("7.1", True),
        ("7.1.0rc1", True),
        ("7.10.0", True),
        ("8", True),
        ("10.0", True),
    ],
)
def test_versions_are_compared_as_numbers(env, capsys, version, good):
    real = importlib.metadata.version
    env.setattr(importlib.metadata, "version", lambda name: version if name == "ipykernel" else real(name))
    (line,) = [line for line in lines(capsys) if "ipykernel" in line]
    assert line.startswith("✓") is good
    if not good:
        assert f"ipykernel {version} is too old" in line and "pip install 'ipykernel>=7.1'" in line
