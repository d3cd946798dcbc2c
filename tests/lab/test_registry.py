"""What is up: servers, proxies and processes under one roof, stopped together, with nothing lost on the way."""

import contextlib
import os
import threading

import psutil
import pytest
import requests
from flask import Flask
from support import run_python

from webhook_tutorial import Process, faults, running, serve, stop_all

APP = "from flask import Flask\napp = Flask('bank')\n"


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "bank.py"
    path.write_text(APP)
    return path


def fails_to_stop(thing, error, monkeypatch):
    """Let the next stop() of a thing raise; it stays up."""

    def stop():
        monkeypatch.undo()
        raise error

    monkeypatch.setattr(thing, "stop", stop)


def test_running_lists_servers_proxies_and_processes_in_the_order_of_their_start(source):
    server = serve(Flask("receiver"))
    proxy = faults(server)
    process = Process(source, name="bank")
    assert running() == [server, proxy, process]
    assert [thing.name for thing in running()] == ["receiver", "receiver", "bank"]
    assert all(thing.running for thing in running())
    proxy.stop()
    assert running() == [server, process] and not proxy.running
    stop_all()
    assert running() == [] and not server.running and not process.running


def test_what_has_died_by_itself_is_not_running(source):
    process = Process(source)
    psutil.Process(process._process.pid).kill()
    process._process.wait(10)
    assert running() == []


def test_whatever_is_up_may_be_stopped_twice(source):
    for thing in (serve(Flask("receiver")), faults(serve(Flask("other"))), Process(source)):
        thing.stop()
        thing.stop()
        assert not thing.running and thing not in running()


def test_everything_is_stopped_and_then_the_errors_are_raised_together(source, monkeypatch):
    one, two, three = serve(Flask("one")), serve(Flask("two")), serve(Flask("three"))
    proxy, process = faults(one), Process(source)
    with monkeypatch.context() as first, monkeypatch.context() as second:
        fails_to_stop(three, OSError("a"), first)
        fails_to_stop(one, ZeroDivisionError("b"), second)
        with pytest.raises(ExceptionGroup, match="Not stopped: three, one") as raised:
            stop_all()
    assert {type(error) for error in raised.value.exceptions} == {OSError, ZeroDivisionError}
    assert not (two.running or proxy.running or process.running)
    assert running() == [one, three], "what did not stop is still listed"
    stop_all()
    assert running() == []


def test_a_proxy_is_stopped_before_the_server_behind_it(monkeypatch):
    server, stopped = serve(Flask("receiver")), []
    proxy = faults(server)
    for thing in (server, proxy):
        stop = thing.stop
        monkeypatch.setattr(thing, "stop", lambda thing=thing, stop=stop: (stopped.append(thing), stop()))
    stop_all()
    assert stopped == [proxy, server]


def test_a_with_block_and_stop_all_do_not_mind_that_another_thread_stopped_first():
    problems = []
    for _ in range(20):
        everyone = threading.Barrier(4)

        def end(how, everyone=everyone):
            everyone.wait(5)
            try:
                how()
            except Exception as error:
                problems.append(error)

        with serve(Flask("receiver")) as server:
            threads = [threading.Thread(target=end, args=(how,)) for how in (stop_all, server.stop, server.stop)]
            for thread in threads:
                thread.start()
            everyone.wait(5)
        assert not server.running
        for thread in threads:
            thread.join(5)
    assert problems == []


def test_whoever_stops_second_returns_when_it_has_stopped():
    app, begun, release = Flask("receiver"), threading.Event(), threading.Event()

    @app.get("/")
    def index():
        begun.set()
        return "" if release.wait(5) else "late"

    server = serve(app)
    client = threading.Thread(target=requests.get, args=(server.url,), kwargs={"timeout": 9})
    client.start()
    assert begun.wait(5)
    first = threading.Thread(target=server.stop)
    first.start()
    second = threading.Thread(target=server.stop)
    second.start()
    second.join(0.3)
    assert second.is_alive(), "the handler still runs"
    release.set()
    for thread in (first, second, client):
        thread.join(5)
        assert not thread.is_alive()


def test_handlers_may_stop_what_is_being_stopped():
    app, here = Flask("receiver"), threading.Barrier(3)

    @app.get("/")
    def index():
        here.wait(5)
        stop_all()
        return ""

    def ask():
        with contextlib.suppress(requests.ConnectionError):  # whoever is stopped in the middle is cut off
            requests.get(server.url, timeout=9)

    server, clients = serve(app), [threading.Thread(target=ask) for _ in "ab"]
    for client in clients:
        client.start()
    here.wait(5)
    stop_all()
    assert not server.running
    for client in clients:
        client.join(10)
        assert not client.is_alive()


def test_an_interrupted_stop_can_be_repeated(monkeypatch):
    server = serve(Flask("receiver"))

    def interrupt(*_):
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(server._accepting, "join", interrupt)
    with pytest.raises(KeyboardInterrupt):
        server.stop()
    assert running() == [server]
    server.stop()
    assert running() == [] and not server._accepting.is_alive()


# --- A child made by fork ---------------------------------------------------------------------------------

FORK = """
import os, sys, threading, warnings, requests
from flask import Flask
from webhook_tutorial import Process, faults, running, serve, stop_all, watch
server = serve(Flask("receiver"))
proxy, process = faults(server), Process(sys.argv[1], name="bank")
things = server, proxy, process
warnings.simplefilter("ignore", DeprecationWarning)  # from Python 3.12 on, fork itself warns wherever there are threads

def all_are_up():
    answers = [requests.get(thing.url + "/x", timeout=5).status_code for thing in things]
    assert answers == [404] * 3 and running() == list(things), answers
"""

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")

CHILDREN = {
    "falls off the end": "",
    "exits": "sys.exit(0)",
    "stops everything": "stop_all()",
    "stops each": "[thing.stop() for thing in things]",
    "leaves a with block": "server.__exit__(), proxy.__exit__(), process.__exit__()",
    "says what is up": "assert running() == [] and not any(thing.running for thing in things), running()",
    "serves by itself": "assert requests.get(serve(Flask('receiver')).url, timeout=5).status_code == 404",
    "is noticed by nobody": "proxy.mode = 'refuse'; proxy.mode = 'healthy'",
}


@needs_fork
@pytest.mark.parametrize("child", CHILDREN.values(), ids=CHILDREN)
def test_a_forked_child_ends_and_stops_nothing_of_its_parent(source, child):
    code = FORK + (
        "pid = os.fork()\n"
        f"if pid == 0:\n    {child or 'pass'}\n"
        "else:\n"
        "    assert os.waitpid(pid, 0)[1] == 0, 'the child failed'\n"
        "    all_are_up()\n"
    )
    assert run_python(code, source) == (0, "", "")


@needs_fork
def test_a_child_of_multiprocessing_ends_and_stops_nothing(source):
    code = FORK + (
        "import multiprocessing\n"
        "child = multiprocessing.get_context('fork').Process(target=stop_all)\n"
        "child.start(); child.join(10)\n"
        "assert child.exitcode == 0, child.exitcode\n"
        "all_are_up()\n"
    )
    assert run_python(code, source) == (0, "", "")


@needs_fork
def test_a_forked_child_keeps_no_port_and_no_process_of_its_parent(source):
    """It lives on while its parent stops everything, and serves again at the same port."""
    code = FORK + (
        "ends, mine = os.pipe()\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    os.close(mine); os.read(ends, 1); os._exit(0)\n"
        "stop_all()\n"
        "for thing in things:\n"
        "    try:\n"
        "        requests.get(thing.url, timeout=5); raise SystemExit(f'{thing} answers')\n"
        "    except requests.ConnectionError as error:\n"
        "        assert 'refused' in str(error), error\n"
        "again = serve(Flask('receiver'), port=server.port)\n"
        "assert requests.get(again.url, timeout=5).status_code == 404\n"
        "orphan = Process(sys.argv[1])\n"
        "os.close(mine); os.waitpid(pid, 0)\n"
    )
    assert run_python(code, source) == (0, "", "")
