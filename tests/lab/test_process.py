"""Process: a receiver that really dies, comes back at the same address, and is never left behind."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
import requests
from support import ROOT, run_python, until

from webhook_tutorial import Process, diagram, stop_all, watch

APP = """
import os, sys, time
from flask import Flask, request

app = Flask("receiver")

@app.get("/pid")
def pid():
    return str(os.getpid())

@app.get("/environment/<name>")
def environment(name):
    return os.environ.get(name, "-")

@app.post("/exit/<int:code>")
def end(code):
    os._exit(code)

@app.post("/print/<int:size>")
def chatter(size):
    print("x" * size, flush=True)
    print("y" * size, file=sys.stderr, flush=True)
    return "", 204

@app.post("/boom")
def boom():
    raise ZeroDivisionError("the handler broke")
"""


@pytest.fixture(autouse=True)
def _nothing_outlives_its_test(capfd):
    before = descriptors()
    yield
    stop_all()
    until(lambda: psutil.Process().children() == [])
    until(lambda: descriptors() <= before)
    assert tuple(capfd.readouterr()) == ("", ""), "nothing is printed"


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "receiver.py"
    path.write_text(APP)
    return path


def descriptors():
    me = psutil.Process()
    return me.num_fds() if hasattr(me, "num_fds") else me.num_handles()


def ask(process, path):
    return requests.get(process.url + path, timeout=10).text


def pid_of(process):
    return int(ask(process, "/pid"))


def gone(pid):
    """Whether a process has ended; who should have waited for it is another question."""
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def write(tmp_path, text):
    path = tmp_path / "broken.py"
    path.write_text(text, encoding="utf-8")
    return path


def test_it_is_ready_when_it_returns_and_is_another_process(source):
    with Process(source) as process:
        assert process.running and pid_of(process) != os.getpid()
        assert process.url == f"http://127.0.0.1:{process.port}"
        assert repr(process) == f"<Process receiver {process.url} running>"
    assert not process.running
    assert repr(process) == f"<Process receiver {process.url} ended>"


def test_killed_and_restarted_it_keeps_its_address(source):
    with Process(str(source)) as process:
        url, pids = process.url, {pid_of(process)}
        process.kill()
        assert not process.running
        with pytest.raises(requests.ConnectionError):
            ask(process, "/pid")
        process.restart()
        pids.add(pid_of(process))
        assert process.url == url
        process.restart()  # while it runs
        pids.add(pid_of(process))
        assert process.url == url and len(pids) == 3
    assert all(gone(pid) for pid in pids)


def test_the_environment_is_that_of_the_last_restart_only(source, monkeypatch):
    monkeypatch.setenv("FROM_OUTSIDE", "yes")
    with Process(source, CRASH="here", BANK=source) as process:
        assert [ask(process, f"/environment/{n}") for n in ("CRASH", "BANK")] == ["here", str(source)]
        process.restart(BANK=7)
        assert [ask(process, f"/environment/{n}") for n in ("CRASH", "BANK")] == ["-", "7"]
        assert ask(process, "/environment/FROM_OUTSIDE") == "yes"
    assert "BANK" not in os.environ


def test_it_tells_how_it_ended(source):
    with Process(source) as process:
        with pytest.raises(requests.ConnectionError):
            requests.post(process.url + "/exit/7", timeout=10)
        assert process.wait() == 7 and not process.running
        assert process.wait() == 7
        process.restart()
        process.kill()
        code = process.wait()
        assert code == (-9 if os.name == "posix" else 1)
        process.kill()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("def (", "SyntaxError"),
        ("x = 1", "the file defines no app"),
        ("import no_such_module", "no_such_module"),
        ("1 / 0", "ZeroDivisionError"),
        ("import os; os._exit(3)", "it ended with 3, silently"),
        ("import os; print('hello', flush=True); os._exit(3)", "it ended with 3, and its last words were: hello"),
        ("print('hello'); 1 / 0", "ZeroDivisionError"),
        ("import sys; print('hello', file=sys.stderr); 1 / 0", "ZeroDivisionError"),
        ("import atexit; atexit.register(print, 'bye'); 1 / 0", "ZeroDivisionError"),
        ("print('port 80'); 1 / 0", "ZeroDivisionError"),
        ("raise ValueError('Grüße ☃')", "ValueError: Grüße ☃"),
        ("import sys; sys.exit('port 80 is taken')", "port 80 is taken"),
        ("import sys; print('hello'); sys.exit(4)", "it ended with 4"),
        ("raise KeyError('secret')", "KeyError: 'secret'"),
        ("raise KeyError('app')", "KeyError: 'app'"),
        ("import os; os.kill(os.getpid(), 9)", "it ended with -9"),
    ],
)
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_file_that_cannot_be_served_says_why(tmp_path, text, why, unbuffered, monkeypatch):
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    if "os.kill" in text and os.name == "nt":
        pytest.skip("Windows has no signal 9")
    with pytest.raises(RuntimeError, match="did not start") as raised:
        Process(write(tmp_path, text))
    assert why in str(raised.value)


def test_a_file_that_is_not_there_says_so(tmp_path):
    with pytest.raises(RuntimeError, match=r"No such file|cannot find"):
        Process(tmp_path / "nothing.py")


def test_after_a_failed_restart_it_can_be_mended_and_started_again(source):
    with Process(source) as process:
        url = process.url
        source.write_text("1 / 0")
        with pytest.raises(RuntimeError, match="ZeroDivisionError"):
            process.restart()
        assert not process.running
        process.kill()
        source.write_text(APP)
        process.restart()
        assert process.url == url and process.running


def test_a_file_that_prints_while_it_is_imported_is_served_all_the_same(tmp_path):
    with Process(write(tmp_path, "print('hello')\n" + APP)) as process:
        assert pid_of(process)


def test_a_file_can_import_what_a_cell_could_and_finds_nothing_of_ours(tmp_path, monkeypatch):
    (tmp_path / "beside.py").write_text("HERE = True")
    monkeypatch.chdir(tmp_path)
    text = """
import importlib.util, json, sys
import beside
loaded = [n for n in sys.modules if n.partition(".")[0] in ("lab", "wire", "webhook_tutorial")]
found = [n for n in ("lab", "wire", "process", "look") if importlib.util.find_spec(n)]

def app(environ, start_response):
    start_response("200 OK", [])
    return [json.dumps([loaded, found, sys.path[0]]).encode()]
"""
    with Process(write(tmp_path, text)) as process:
        assert requests.get(process.url, timeout=10).json() == [[], [], ""]


def test_a_file_whose_import_never_ends_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr("webhook_tutorial.lab.process._PATIENCE", 0.8)
    path = write(tmp_path, "import time\ntime.sleep(6)\n")
    began = time.monotonic()
    with pytest.raises(RuntimeError, match="did not start"):
        Process(path)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("path", ["/print/200000", "/boom"])
def test_a_receiver_that_says_a_lot_does_not_stand_still(source, path):
    """Nobody reads what it prints; a pipe holds some 64 kB, and then a print would wait for ever."""
    with Process(source) as process:
        seen = set()
        for _ in range(1 if "print" in path else 60):
            try:
                seen.add(requests.post(process.url + path, timeout=3).status_code)
            except requests.Timeout:
                seen.add("it hangs")
                break
        assert seen == {204 if "print" in path else 500}


def test_a_with_block_ends_it_and_so_does_stop_all(source):
    with Process(source) as one, Process(source, name="two") as two:
        pids = [pid_of(one), pid_of(two)]
        one.kill()
        assert gone(pids[0]) and not gone(pids[1])
        stop_all()
        assert not two.running and gone(pids[1])
        stop_all()
    assert psutil.Process().children() == []


def test_one_that_has_died_by_itself_is_no_trouble_for_stop_all(source):
    process = Process(source)
    with pytest.raises(requests.ConnectionError):
        requests.post(process.url + "/exit/1", timeout=10)
    until(lambda: not process.running)
    stop_all()
    assert psutil.Process().children() == []


def test_no_zombie_and_no_open_pipe_after_many_restarts(source):
    with Process(source) as process:
        before = descriptors()
        for _ in range(2):
            process.restart()
        assert descriptors() <= before and len(psutil.Process().children()) == 1


ORPHAN = """
import os, sys, time
from webhook_tutorial import Process
first, second = Process(sys.argv[1]), Process(sys.argv[1])
print(first._process.pid, second._process.pid, flush=True)
time.sleep(30)
"""


def test_it_ends_when_its_parent_is_killed(source):
    parent = subprocess.Popen(
        [sys.executable, "-c", ORPHAN, str(source)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with parent:
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2 and not any(gone(pid) for pid in pids)
        parent.kill()
        parent.wait(10)
    until(lambda: all(gone(pid) for pid in pids))


def importing(tmp_path):
    """A receiver whose import does not end, and a function that waits until it has begun and gives its pid."""
    told = tmp_path / "pid"
    text = f"import os, time\nopen({str(told)!r}, 'w').write(f'{{os.getpid()}}.')\ntime.sleep(60)\n"
    path = write(tmp_path, text + APP)

    def pid():
        until(lambda: told.exists() and told.read_text().endswith("."))
        return int(told.read_text()[:-1])

    return path, pid


def test_one_that_is_still_importing_ends_when_its_parent_is_killed(tmp_path):
    path, pid = importing(tmp_path)
    parent = subprocess.Popen([sys.executable, "-c", ORPHAN, str(path)], cwd=ROOT)
    with parent:
        child = pid()
        assert not gone(child)
        parent.kill()
        parent.wait(10)
    until(lambda: gone(child))


def test_an_interrupt_while_it_starts_leaves_nothing_behind(tmp_path):
    path, pid = importing(tmp_path)
    parent = subprocess.Popen(
        # A shell that runs the tests in the background has interrupts ignored, and what it starts inherits that.
        [sys.executable, "-c", "import signal, sys\nfrom webhook_tutorial import Process\n"
         "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
         "try:\n    Process(sys.argv[1])\nexcept KeyboardInterrupt as kept:\n    print('interrupted', flush=True)\n"
         "    sys.stdin.read()", str(path)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with parent:
        child = pid()
        parent.send_signal(signal.SIGINT)
        assert parent.stdout.readline() == "interrupted\n"
        assert gone(child)
        parent.stdin.close()
        assert parent.wait(10) == 0


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="Windows has no process groups of this kind")
def test_interrupting_the_kernel_and_all_that_it_started_leaves_it_running(source):
    """Jupyter's stop button does so, and means the cell."""
    code = f"""import os, signal, requests
from webhook_tutorial import Process
with Process({str(source)!r}) as process:
    requests.get(process.url + "/pid", timeout=5)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.killpg(os.getpgid(0), signal.SIGINT)
    print(requests.get(process.url + "/pid", timeout=5).status_code, process.running)"""
    assert run_python(code, start_new_session=True) == (0, "200 True\n", "")


def test_a_python_that_ends_in_order_ends_it_too(source):
    code = f"from webhook_tutorial import Process; print(Process({str(source)!r})._process.pid)"
    status, pid, errors = run_python(code)
    assert (status, errors) == (0, "") and gone(int(pid))


def test_in_pictures_it_bears_its_name(source):
    with Process(source, name="bank") as process, watch() as sent:
        pid_of(process)
    assert [exchange.receiver for exchange in sent] == ["bank"] and "bank" in str(diagram(sent))


# --- What is no app -------------------------------------------------------------------------------------------

MAIN = """
import os, time

def main():
    with open(os.environ["SAYS"], "w") as file:
        print(os.getpid(), file=file)
    time.sleep(float(os.environ.get("TAKES", 60)))
    if "BOOM" in os.environ:
        raise ZeroDivisionError("the worker broke")
"""


@pytest.fixture
def worker(tmp_path):
    path = tmp_path / "worker.py"
    path.write_text(MAIN)
    return path


def test_a_main_runs_until_it_is_killed(worker, tmp_path):
    says = tmp_path / "pid"
    with Process(worker, name="worker", SAYS=says) as process:
        assert (process.url, process.running) == ("", True)
        until(lambda: says.exists() and says.read_text().strip())
        assert psutil.pid_exists(int(says.read_text()))
        process.restart(SAYS=says)
        assert process.url == "" and process.running
    assert not process.running


@pytest.mark.parametrize("boom, code, said", [({}, 0, ""), ({"BOOM": "1"}, 1, "ZeroDivisionError: the worker broke")])
def test_a_main_that_ends_tells_its_code_and_why(worker, tmp_path, boom, code, said):
    with Process(worker, SAYS=tmp_path / "pid", TAKES=0, **boom) as process:
        assert (process.wait(), process.said.strip().rpartition("\n")[2]) == (code, said)
        process.kill()
    assert process.said.strip().rpartition("\n")[2] == said


def test_a_file_with_neither_says_so(tmp_path):
    path = tmp_path / "nothing.py"
    path.write_text("main = 'no function'")
    with pytest.raises(RuntimeError, match="the file defines no app, and no main"):
        Process(path)
