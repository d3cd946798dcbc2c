"""Lesson 14: what is recorded is what a run shows, its lists lead somewhere, its listings do what it says of them."""

import ast
import base64
import os
import re
import sys
from itertools import takewhile
from pathlib import Path
from shutil import which

import nbformat
import pytest
from cells import NOTEBOOKS, define

from webhook_tutorial import sign

TESTS = Path(__file__).resolve().parents[1]
CELLS = nbformat.read(NOTEBOOKS / "14_going_live.ipynb", 4).cells
PROSE = "\n\n".join(cell.source for cell in CELLS if cell.cell_type == "markdown")
RECORDED = sorted(path.name for path in (NOTEBOOKS / "recorded").glob("14_*.txt"))


def shown(text):
    """What the one cell that holds this text has printed."""
    [cell] = [cell for cell in CELLS if cell.cell_type == "code" and text in cell.source]
    return "".join(output.get("text") or output.data["text/plain"] for output in cell.outputs)


@pytest.mark.parametrize("name", RECORDED)
def test_what_is_recorded_is_what_a_run_shows(name):
    """nbval compares each run with the saved outputs; so those have to agree with what is shown without the program."""
    recorded = (NOTEBOOKS / "recorded" / name).read_text(encoding="utf-8").splitlines()
    saved = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:8000", shown(f'"{name}"')).splitlines()
    assert recorded[1:] == saved[1:] and len(recorded) > 1
    assert re.fullmatch(r"recorded, with .+\d+\.\d+.* and this cell, on Linux, on \d+ \w+ 20\d\d", recorded[0])


def test_each_record_is_shown_where_the_program_is_missing(monkeypatch):
    monkeypatch.chdir(NOTEBOOKS)
    run_or_show = _run_or_show()
    for name in RECORDED:
        assert run_or_show(None, name, lambda: 1 / 0).startswith("recorded, with ")
    assert run_or_show("/usr/sbin/nginx", RECORDED[0], lambda: iter("ab")) == "run now, on this computer\na\nb"


def _run_or_show():
    [source] = [cell.source for cell in CELLS if cell.cell_type == "code" and "def run_or_show" in cell.source]
    [function] = [node for node in ast.parse(source).body if getattr(node, "name", "") == "run_or_show"]
    names = {"Path": Path}
    exec(ast.unparse(function), names)
    return names["run_or_show"]


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="the lesson's nginx is run on Linux; elsewhere it may be missing"
)
def test_nginx_is_there_so_that_nbval_runs_it():
    if not which("nginx", path=os.environ["PATH"] + ":/usr/sbin"):
        assert not os.environ.get("CI"), "there is no nginx"
        pytest.skip("there is no nginx: the lesson shows what was recorded")


def test_of_five_servers_each_does_what_the_text_says():
    slow = dict(re.findall(r"(?m)^(\S.*?)  +(204|ReadTimeout)  +", shown('"14_slow_clients.txt"')))
    stopped = dict(re.findall(r"(?m)^(\S.*?)  +(204|ConnectionError)$", shown('"14_told_to_stop.txt"')))
    assert [name for name in slow if slow[name] != "204"] == ["gunicorn, 2 processes", "gunicorn, 8 threads"]
    assert [name for name in stopped if stopped[name] != "204"] == ["Flask's own", "waitress"]
    assert len(slow) == len(stopped) == 5


def check_list(title):
    """The lines of a check list, without their marks."""
    lines = PROSE.split(f"# {title}\n", 1)[1].splitlines()
    return [line[2:] for line in takewhile(lambda line: not line.startswith("#"), lines) if line.startswith("- ")]


def has_code(link):
    """Whether the section that a link leads to has a cell that shows it, before the next heading of its level."""
    file, _, anchor = link.partition("#")
    found, level = False, 0
    for cell in nbformat.read(NOTEBOOKS / (file or "14_going_live.ipynb"), 4).cells:
        if cell.cell_type == "code":
            if found:
                return True
            continue
        for marks, title in re.findall(r"(?m)^(#+) +(.+)$", cell.source):
            if title.replace(" ", "-") == anchor:
                found, level = True, len(marks)
            elif found and len(marks) <= level:
                return False
    return False


@pytest.mark.parametrize("title", ["Before you receive", "Before you send"])
def test_each_line_leads_to_the_lesson_and_the_cells_that_showed_it(title):
    lines = check_list(title)
    assert len(lines) >= 12
    for line in lines:
        [(number, link)] = re.findall(r"\[(\d\d): [^]]+\]\(([^)]+)\)", line)
        assert link.startswith((f"{number}_", "#")) and has_code(link), line


def test_each_line_for_senders_names_a_test_that_is_run():
    tests = {}
    for path in TESTS.rglob("test_*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                tests.setdefault(node.name, []).append(node)
    for line in check_list("Before you send"):
        [name] = re.findall(r"`(test_\w+)`", line)
        [test] = tests[name]
        assert not any("skip" in ast.unparse(mark) or "xfail" in ast.unparse(mark) for mark in test.decorator_list), (
            name
        )


def test_the_colleagues_receiver_has_the_faults_that_the_text_names_and_the_mended_one_has_none():
    report = shown("def failures(report)")
    assert {"future", "rotation"} <= {line.split()[0] for line in report.splitlines()[1:]}
    assert shown('theirs.view_functions["webhook"] = mended').startswith("100/100: ")
    assert "\n100/100: " in shown('effects=web.url + "/effects"')


SECRET = "whsec_" + base64.b64encode(b"an example, never use it").decode()


def test_the_function_without_a_server_accepts_what_is_genuine_and_nothing_else():
    names = {"secret": SECRET, "base64": base64}
    exec("from webhook_tutorial import SignatureError, verify", names)
    handler = define("14", names, "def handler(event")["handler"]
    body = '{"event_type": "order_placed", "data": {"customer": "Zoë"}}'.encode()
    headers = sign(body, SECRET, id="evt_7")
    for sent, status in (body, 202), (body.replace(b"7", b"8") + b" ", 401):
        plain = {"headers": headers, "body": sent.decode(), "isBase64Encoded": False}
        packed = plain | {"body": base64.b64encode(sent).decode(), "isBase64Encoded": True}
        assert [handler(event)["statusCode"] for event in (plain, packed)] == [status, status]
    assert names["queue"] == [body, body]


@pytest.mark.parametrize(
    ("plan", "fails"),
    [
        ([{1}, "EXPAND", {1, 2}, {2}, "COPY", {2, 3}, {3}, "CONTRACT", {3}], False),
        ([{1}, "EXPAND", {1, 2}, "COPY", {1, 2}, {2}, {2, 3}, {3}, "CONTRACT", {3}], True),
        ([{1}, "EXPAND", {1, 2}, {2}, {2, 3}, "COPY", {3}, "CONTRACT", {3}], True),
        ([{1}, {1, 2}, "EXPAND", {2}], True),
        ([{1}, "EXPAND", {1, 2}, "CONTRACT", {2}], True),
        ([{1}, "EXPAND", {1, 2}, {2}, "CONTRACT", {2, 3}], True),
    ],
)
def test_a_plan_fails_unless_each_change_suits_every_version_that_runs(plan, fails, capsys):
    names = {}
    exec("import sqlite3\nfrom contextlib import closing", names)
    names = define("14", names, "WRITES = ", "def failed(plan)")
    assert (names["failed"]([names.get(step, step) if isinstance(step, str) else step for step in plan]) > 0) is fails
