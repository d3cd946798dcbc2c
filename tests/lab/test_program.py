"""Program: a server of another make is up when it listens, and is never left behind, nor what it has started."""

import os
import signal
import subprocess
import sys

import psutil
import pytest
import requests
from support import ROOT, until

from webhook_tutorial import Program, running, stop_all

HTTP = [sys.executable, "-m", "http.server", "{port}", "--bind", "127.0.0.1"]

#: Starts a child that outlives it, writes down its id, and then does what is asked for.
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print("child", child.pid, flush=True)
time.sleep(float(sys.argv[1]))
print("ended by itself", file=sys.stderr)
sys.exit(3)
"""


@pytest.fixture(autouse=True)
def _nothing_outlives_its_test(capfd):
    yield
    stop_all()
    until(lambda: psutil.Process().children() == [])
    assert tuple(capfd.readouterr()) == ("", ""), "nothing is printed"


def test_it_is_up_when_it_listens_and_keeps_its_port(tmp_path):
    (tmp_path / "hello.txt").write_text("hello")
    with Program(HTTP, "files", folder=tmp_path) as files:
        assert requests.get(files.url + "/hello.txt", timeout=5).text == "hello"
        assert files in running() and repr(files) == f"<Program files {files.url} running>"
        url, pid = files.url, files.pid
        files.restart()
        assert (files.url == url, files.pid == pid) == (True, False)
        assert requests.get(files.url + "/hello.txt", timeout=5).ok
    assert not files.running and files not in running()
    assert "GET /hello.txt" in files.said
    files.stop(), files.kill(), files.terminate()


def test_another_of_its_name_takes_its_place():
    first, other = Program(HTTP, "files"), Program(HTTP, "other files")
    again = Program(HTTP, "files")
    assert running() == [other, again] and not first.running


def test_its_files_are_written_with_the_port_in_its_place(tmp_path):
    with Program(HTTP, "files", tmp_path, files={"my.conf": "events {} listen {port};"}) as files:
        assert requests.get(files.url + "/my.conf", timeout=5).text == f"events {{}} listen {files.port};"


def test_no_proxy_of_the_environment_stands_before_it(monkeypatch):
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with Program(HTTP, "files") as files:
        assert requests.get(files.url, timeout=5).ok


#: Prints a variable, listens, and tidies up when it is asked to end.
POLITE = """
import http.server, os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit("tidied up"))
print(os.environ.get("MOOD"), flush=True)
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""


def test_variables_reach_it_with_the_port_in_its_place_and_stay_at_a_restart():
    with Program([sys.executable, "-c", POLITE], "polite", PORT="{port}", MOOD="fine") as polite:
        said = []
        for changed in ({}, {"MOOD": "better"}, {}):
            polite.restart(**changed)
            polite.kill()
            said += polite.said.split()
    assert said == ["fine", "better", "better"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")
def test_it_is_asked_to_end_or_ended_and_the_exit_code_tells():
    with Program([sys.executable, "-c", POLITE], "polite", PORT="{port}") as polite:
        polite.terminate()
        assert polite.wait() == 1 == polite.wait()
        assert polite.said.endswith("tidied up\n")
        polite.restart()
        polite.kill()
        assert polite.wait() == -signal.SIGKILL
        assert "tidied" not in polite.said


def child_of(program):
    until(lambda: psutil.Process(program.pid).children())
    return psutil.Process(program.pid).children()[0]


@pytest.mark.parametrize("end", ["stop", "kill", "terminate"])
def test_what_it_has_started_ends_with_it(end):
    program = Program([sys.executable, "-c", PARENT, "60"], "parent")
    child = child_of(program)
    getattr(program, end)()
    program.wait()
    until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def test_one_that_ends_by_itself_takes_its_children_along():
    program = Program([sys.executable, "-c", PARENT, "0.5"], "parent")
    child = child_of(program)
    assert program.wait() == 3
    assert program.said.split() == ["child", str(child.pid), "ended", "by", "itself"]
    until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["no-such-program", "{port}"], "server did not start: no-such-program: No such file"),
        ([sys.executable, "-c", "import sys; sys.exit('the secret is missing')", "{port}"], "the secret is missing$"),
        ([sys.executable, "-c", "raise SystemExit(4)", "{port}"], "It ended with 4, and it said nothing"),
    ],
)
def test_one_that_does_not_start_says_why(command, words):
    with pytest.raises(RuntimeError, match=words):
        Program(command, "server")
    assert running() == []


def test_whoever_is_killed_leaves_no_program_behind():
    """SIGKILL gives no chance to tidy up: the keeper notices that its pipe has ended."""
    code = f"from webhook_tutorial import Program\np = Program({HTTP!r}, 'files')\nprint(p.pid, flush=True)\ninput()"
    owner = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    program = psutil.Process(int(owner.stdout.readline()))
    owner.kill()
    owner.communicate()
    until(lambda: not program.is_running())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no process groups to kill")
def test_a_kernel_that_is_killed_with_its_group_leaves_none_behind_either():
    """So JupyterLab restarts a kernel."""
    code = f"from webhook_tutorial import Program\np = Program({HTTP!r}, 'files')\nprint(p.pid, flush=True)\ninput()"
    owner = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    program = psutil.Process(int(owner.stdout.readline()))
    os.killpg(owner.pid, signal.SIGKILL)
    owner.communicate()
    until(lambda: not program.is_running())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to a process")
def test_interrupting_a_cell_interrupts_no_program():
    with Program(HTTP, "files") as files:
        psutil.Process(files._keeper.pid).send_signal(signal.SIGINT)
        assert requests.get(files.url, timeout=5).ok
