"""serve(): any WSGI app on 127.0.0.1, recorded in full, gone without a trace when it stops."""

import asyncio
import logging
import re
import socket
import sys
import threading
import time
from urllib.parse import unquote

import psutil
import pytest
import requests
from flask import Flask, Response, abort, redirect, request
from hypothesis import given, settings
from hypothesis import strategies as st
from support import run_python, until
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from webhook_tutorial import running, serve, stop_all
from webhook_tutorial.lab import framing
from webhook_tutorial.lab.exchange import RECORDED_BYTES

SETTINGS = settings(max_examples=60, deadline=None, derandomize=True, database=None)


def make_app(name="receiver"):
    """An app with the views that most tests need."""
    app = Flask(name)

    @app.route("/", defaults={"path": ""}, methods=["GET", "POST", "PUT"])
    @app.route("/<path:path>", methods=["GET", "POST", "PUT"])
    def echo(path):
        return request.get_data()

    @app.post("/boom")
    def boom():
        raise ZeroDivisionError("the handler broke")

    return app


@pytest.fixture
def server():
    return serve(make_app())


def connect(server):
    return socket.create_connection(("127.0.0.1", server.port), timeout=5)


def talk(server, data):
    """Send raw bytes and return everything that comes back until the server closes."""
    with connect(server) as wire:
        wire.sendall(data)
        return b"".join(iter(lambda: wire.recv(65536), b""))


def in_thread(function, *args):
    """Run function(*args) on a thread; join() gives its result."""
    result = []
    thread = threading.Thread(target=lambda: result.append(function(*args)), daemon=True)
    thread.start()

    def join():
        thread.join(10)
        assert not thread.is_alive(), "it hangs"
        return result[0]

    return join


# --- Which apps ---------------------------------------------------------------------------------------------


def plain(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"plain"]


def generator(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"pl"
    yield b""
    yield b"ain"


def late(environ, start_response):
    def pieces():
        start_response("200 OK", [])
        yield b"plain"

    return pieces()


def with_write(environ, start_response):
    write = start_response("200 OK", [])
    write(b"pl")
    write(b"a")
    return [b"in"]


def with_write_and_length(environ, start_response):
    start_response("200 OK", [("Content-Length", "5")])(b"plain")
    return []


def mounted(environ, start_response):
    return DispatcherMiddleware(generator, {"/shop": plain})(environ, start_response)


def flask_stream(environ, start_response):
    return Response(iter(["pl", "ain"]))(environ, start_response)


@pytest.mark.parametrize("app", [plain, generator, late, with_write, with_write_and_length, mounted, flask_stream])
def test_every_kind_of_wsgi_app_answers_and_is_recorded(app):
    with serve(app, name="receiver") as server:
        answer = requests.get(server.url + "/shop/x", timeout=5)
        assert (answer.status_code, answer.content) == (200, b"plain")
        assert len(server.traffic) == 1
        assert server.traffic[0].response_body == b"plain"
        assert server.traffic[0].status == 200
        assert server.traffic[0].target == "/shop/x"


def test_the_iterable_of_an_app_is_closed_once():
    closed = []

    class Pieces(list):
        def close(self):
            closed.append(True)

    def app(environ, start_response):
        start_response("200 OK", [])
        return Pieces([b"a"])

    with serve(app, name="receiver") as server:
        assert requests.get(server.url, timeout=5).content == b"a"
    assert closed == [True]


def test_a_stream_reaches_its_client_piece_by_piece():
    go_on = threading.Event()

    def app(environ, start_response):
        start_response("200 OK", [])
        yield b"first"
        assert go_on.wait(5)
        yield b"second"

    with serve(app, name="receiver") as server, requests.get(server.url, stream=True, timeout=5) as answer:
        pieces = answer.iter_content(None)
        assert next(pieces) == b"first"
        go_on.set()
        assert b"".join(pieces) == b"second"
        assert server.traffic[0].response_body == b"firstsecond"


def test_serve_is_ready_when_it_returns_and_listens_on_loopback_only():
    server = serve(make_app())
    with connect(server):
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", server.url)
    listening = [c for c in psutil.Process().net_connections("tcp") if c.laddr.port == server.port]
    assert {c.laddr.ip for c in listening} == {"127.0.0.1"}


def test_a_server_is_a_context_manager_that_stops():
    with serve(make_app()) as server:
        assert server.running and running() == [server]
    assert not server.running and running() == []
    with pytest.raises(requests.ConnectionError):
        requests.get(server.url, timeout=5)


def test_a_server_stopped_inside_its_block_is_not_stopped_again():
    with serve(make_app()) as server:
        server.stop()
    assert not server.running


def test_repr_says_name_address_and_state(server):
    assert repr(server) == f"<Server receiver {server.url} running>"
    server.stop()
    assert repr(server).endswith("stopped>")


# --- Names and ports ----------------------------------------------------------------------------------------


def test_serving_again_keeps_the_port_and_starts_with_no_traffic(server):
    requests.post(server.url, data=b"old", timeout=5)
    again = serve(make_app())
    assert again.port == server.port and again is not server
    assert not server.running and again.running
    assert len(again.traffic) == 0 and len(server.traffic) == 1
    assert requests.post(again.url, data=b"new", timeout=5).content == b"new"
    assert [x.body for x in again.traffic] == [b"new"]
    assert running() == [again]


def test_two_names_live_side_by_side():
    one, two = serve(make_app("one")), serve(make_app("two"))
    assert running() == [one, two] and one.port != two.port
    requests.post(one.url, data=b"1", timeout=5)
    requests.post(two.url, data=b"2", timeout=5)
    assert [x.body for x in one.traffic] == [b"1"]
    assert [x.body for x in two.traffic] == [b"2"]
    assert two.traffic[0].receiver == "two"


def test_one_app_may_be_served_under_two_names():
    app = make_app()
    one, two = serve(app, "one"), serve(app, name="two")
    assert one.running and two.running and (one.name, two.name) == ("one", "two")


def test_a_port_may_be_chosen():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert serve(make_app(), port=port).port == port


def test_a_taken_port_is_one_clear_error():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"^Port {port} is taken by another program"):
            serve(make_app(), port=port)
    assert running() == []


def test_a_taken_port_leaves_the_server_that_is_up_alone():
    app = Flask("here")
    with serve(app) as first, socket.create_server(("127.0.0.1", 0)) as other:
        with pytest.raises(OSError, match="is taken"):
            serve(app, port=other.getsockname()[1])
        assert first.running and running() == [first]


@pytest.mark.parametrize("port", [0, -1, 65536, "8000", 8000.5])
def test_a_port_that_is_none_is_one_clear_error(port):
    with pytest.raises(ValueError, match="A port is a number from 1 to 65535"):
        serve(Flask("here"), port=port)


def test_an_interrupt_while_it_starts_leaves_no_server_behind(monkeypatch):
    """One that no list knows could not be stopped, and would keep the port from the next."""

    def interrupted(server, _):
        ports.append(server.port)
        raise KeyboardInterrupt

    ports = []
    monkeypatch.setattr("webhook_tutorial.lab.server.started", interrupted)
    with pytest.raises(KeyboardInterrupt):
        serve(make_app())
    monkeypatch.undo()
    with serve(make_app(), port=ports[0]) as server:
        assert running() == [server]


def test_a_replaced_server_moves_when_its_port_was_taken_meanwhile(monkeypatch):
    first = serve(make_app())
    taken = []
    stop = first.stop

    def stop_and_lose_the_port():
        stop()
        taken.append(socket.create_server(("127.0.0.1", first.port)))

    monkeypatch.setattr(first, "stop", stop_and_lose_the_port)
    second = serve(make_app())
    taken[0].close()
    assert second.port != first.port
    assert requests.get(second.url, timeout=5).status_code == 200


def test_what_cannot_be_called_is_no_app():
    with pytest.raises(TypeError, match=r"needs a WSGI app.*got str"):
        serve("app")


def test_an_app_without_a_name_is_one_clear_error():
    with pytest.raises(ValueError, match="needs a name"):
        serve(plain)


def test_the_name_of_a_notebook_is_one_clear_error():
    app = make_app()
    app.name = "__main__"  # what Flask(__name__) is called in a kernel
    with pytest.raises(ValueError, match=r'Flask\("receiver"\)'):
        serve(app)


def test_stop_all_stops_all_and_may_be_repeated():
    servers = [serve(make_app("one")), serve(make_app("two"))]
    stop_all()
    assert running() == [] and not any(s.running for s in servers)
    stop_all()


# --- Many at once -------------------------------------------------------------------------------------------


def test_a_handler_may_call_its_own_server_eight_at_once():
    all_here = threading.Barrier(8)
    app = make_app()

    @app.get("/outer")
    def outer():
        all_here.wait(5)
        return requests.post(request.host_url + "inner", data=request.args["n"], timeout=5).content

    with serve(app) as server:
        calls = [in_thread(requests.get, f"{server.url}/outer?n={n}") for n in range(8)]
        assert [call().text for call in calls] == [str(n) for n in range(8)]
        assert len(server.traffic.where(path="/inner")) == 8


def test_a_slow_handler_blocks_nobody():
    release = threading.Event()
    app = make_app()

    @app.get("/slow")
    def slow():
        assert release.wait(5)
        return "slow"

    with serve(app) as server:
        slow_call = in_thread(requests.get, server.url + "/slow")
        assert requests.post(server.url, data=b"quick", timeout=5).content == b"quick"
        assert [x.path for x in server.traffic] == ["/"]
        release.set()
        assert slow_call().text == "slow"


# --- Silence ------------------------------------------------------------------------------------------------


SILENCE = r"""
import socket, struct, requests
from flask import Flask
from webhook_tutorial import serve
app = Flask("receiver")

@app.post("/boom")
def boom():
    raise ZeroDivisionError("the handler broke")

@app.post("/")
def index():
    return "fine"

def broken(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"first"
    raise ZeroDivisionError("the stream broke")

def send(server, data, reset=False):
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as wire:
        wire.sendall(data)
        if reset:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif b"only this" not in data:
            try:
                while wire.recv(65536):
                    pass
            except ConnectionError:
                pass

with serve(app) as server, serve(broken, "broken") as stream:
    assert requests.post(server.url, data=b"fine", timeout=5).status_code == 200
    assert requests.get(server.url + "/nothing/here", timeout=5).status_code == 404
    assert requests.post(server.url + "/boom", timeout=5).status_code == 500
    assert "the handler broke" in server.traffic[-1].log
    send(stream, b"GET / HTTP/1.1\r\n\r\n")
    assert stream.traffic.wait_for(1)[0].error
    send(server, b"\x16\x03\x01\x02\x00 garbage\r\n\r\n")
    send(server, b"GET / HTTP/9.9\r\n\r\n")
    send(server, b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n")
    send(server, b"GET http://[/ HTTP/1.1\r\n\r\n")
    send(server, b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nnot hex\r\n")
    send(server, b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nonly this")
    send(server, b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nonly this", reset=True)
    send(server, b"", reset=True)
"""


def test_nothing_is_printed_whatever_happens():
    """In a Python of its own, because pytest's log handlers would keep loggers from printing."""
    assert run_python(SILENCE) == (0, "", "")


def test_an_exception_in_a_handler_prints_nothing(capfd):
    with serve(make_app()) as server:
        assert requests.post(server.url + "/boom", timeout=5).status_code == 500
    assert capfd.readouterr() == ("", "")


def test_a_client_that_leaves_during_a_stream_is_no_news(capfd):
    left, ended = threading.Event(), threading.Event()

    def app(environ, start_response):
        start_response("200 OK", [])
        try:
            yield b"first"
            assert left.wait(5)
            for _ in range(200):
                yield b"x" * 65536
        finally:
            ended.set()

    with serve(app, name="receiver") as server:
        with connect(server) as wire:
            wire.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert wire.recv(100)
        left.set()
        assert ended.wait(5)
        server.traffic.wait_for(1)
    assert capfd.readouterr() == ("", "")


# --- Exceptions ---------------------------------------------------------------------------------------------


def check_recorded_500(server, answer):
    assert answer.status_code == 500
    (x,) = server.traffic
    assert x.status == 500 and x.error == "ZeroDivisionError"
    assert "the handler broke" in x.traceback and x.traceback.startswith("Traceback")
    return x


@pytest.mark.parametrize("config", [{}, {"TESTING": True}, {"PROPAGATE_EXCEPTIONS": True}, {"DEBUG": True}])
def test_an_exception_in_a_flask_handler_is_recorded(config):
    app = make_app()
    app.config.update(config)
    with serve(app) as server:
        x = check_recorded_500(server, requests.post(server.url + "/boom", data=b"kept", timeout=5))
        assert x.body == b"kept"
        assert "in boom" in x.traceback


def test_an_exception_is_recorded_when_the_root_logger_has_handlers(capfd):
    handler = logging.NullHandler()
    logging.getLogger().addHandler(handler)
    try:
        with serve(make_app("with_root_handlers")) as server:
            check_recorded_500(server, requests.post(server.url + "/boom", timeout=5))
    finally:
        logging.getLogger().removeHandler(handler)
    assert capfd.readouterr() == ("", "")


def test_an_exception_in_an_app_behind_middleware_is_recorded():
    app = DispatcherMiddleware(plain, {"/mounted": make_app()})
    with serve(app, name="receiver") as server:
        x = check_recorded_500(server, requests.post(server.url + "/mounted/boom", timeout=5))
        assert x.path == "/mounted/boom"


def test_an_exception_that_an_error_handler_answers_is_no_error():
    app = make_app()
    app.errorhandler(ZeroDivisionError)(lambda error: ("sorry", 400))
    with serve(app) as server:
        assert requests.post(server.url + "/boom", timeout=5).status_code == 400
        assert (server.traffic[0].error, server.traffic[0].traceback) == ("", "")


def broken_before_start(environ, start_response):
    raise ZeroDivisionError("the handler broke")


def broken_after_start(environ, start_response):
    start_response("200 OK", [("Content-Length", "2")])
    raise ZeroDivisionError("the handler broke")


def broken_first_piece(environ, start_response):
    raise ZeroDivisionError("the handler broke")
    yield b""


def broken_in_a_whole_answer(environ, start_response):
    start_response("200 OK", [("Content-Length", "4")])
    yield b"ab"
    raise ZeroDivisionError("the handler broke")


def broken_stream_before_its_first_piece(environ, start_response):
    def pieces():
        raise ZeroDivisionError("the handler broke")
        yield b""

    return Response(pieces())(environ, start_response)


@pytest.mark.parametrize(
    "app",
    [
        broken_before_start,
        broken_after_start,
        broken_first_piece,
        broken_in_a_whole_answer,
        broken_stream_before_its_first_piece,
    ],
)
def test_an_exception_in_any_app_is_a_recorded_500(app):
    with serve(app, name="receiver") as server:
        check_recorded_500(server, requests.post(server.url, timeout=5))


def test_an_exception_in_the_middle_of_a_stream_is_recorded_and_breaks_off():
    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield b"first"
        raise ZeroDivisionError("the handler broke")

    with serve(app, name="receiver") as server:
        with pytest.raises(requests.RequestException):
            requests.get(server.url, timeout=5)
        (x,) = server.traffic.wait_for(1)
        assert (x.status, x.error, x.response_body) == (200, "ZeroDivisionError", b"first")


class RaisesOnClose(list):
    def close(self):
        raise ZeroDivisionError("the handler broke")


def restarted_in_the_middle(start):
    start("200 OK", [])
    yield b"first"
    try:
        raise ZeroDivisionError("the handler broke")
    except ZeroDivisionError:
        start("500 Internal Server Error", [], sys.exc_info())
    yield b"too late"


def left_in_the_middle(start):
    start("200 OK", [])
    yield b"first"
    sys.exit()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (lambda start: start("200 OK", []) and [b"first", bytearray(b"second")], "TypeError"),
        (restarted_in_the_middle, "ZeroDivisionError"),
        (left_in_the_middle, "SystemExit"),
    ],
    ids=["not bytes", "another status", "exit"],
)
def test_a_stream_that_goes_wrong_is_recorded_as_it_was_sent(answer, error):
    with serve(lambda environ, start_response: answer(start_response), name="receiver") as server:
        with pytest.raises(requests.RequestException):
            requests.get(server.url, timeout=5)
        (x,) = server.traffic.wait_for(1)
        assert (x.status, x.error, x.response_body) == (200, error, b"first")


def test_a_stream_whose_close_raises_arrives_whole_and_the_error_is_recorded():
    with serve(lambda _, start: start("200 OK", []) and RaisesOnClose([b"a", b"b"]), name="receiver") as server:
        assert requests.get(server.url, timeout=5).content == b"ab"
        (x,) = server.traffic.wait_for(1)
        assert (x.status, x.error, x.response_body) == (200, "ZeroDivisionError", b"ab")


@pytest.mark.parametrize("status", ["200 OK", "204 No Content", "304 Not Modified"])
def test_a_body_that_is_not_sent_is_not_recorded(status):
    with serve(lambda _, start: start(status, []) and [b"body"], name="receiver") as server:
        answer = requests.request("HEAD" if status == "200 OK" else "GET", server.url, timeout=5)
        (x,) = server.traffic.wait_for(1)
        assert x.response_body == answer.content == b"" and x.status == answer.status_code


@pytest.mark.parametrize(
    "answer",
    [
        lambda start: start("200 OK", []) and None,
        lambda start: [b"no status"],
        lambda start: start(200, []) and [b"a number"],
        lambda start: start("OK", [("Content-Length", "1")]) and [b"a"],
        lambda start: start("200 OK", []) and ["text, not bytes"],
        lambda start: start("200 OK", [("Content-Length", "1")]) and ["a"],
        lambda start: start("200 OK", []) and [memoryview(b"a")],
        lambda start: start("200 OK", [("Content-Length", "3")]) and [b"four"],
        lambda start: start("200 OK", [("Content-Length", "5")]) and [b"four"],
        lambda start: start("200 OK", [("Content-Length", "4"), ("Content-Length", "5")]) and [b"four"],
        lambda start: start("200 OK", []) and start("201 Created", []) and [],
    ],
    ids=[
        "None", "no status", "status is a number", "status without a code", "text", "text with a length",
        "a memoryview", "too long", "too short", "two lengths", "two starts",
    ],
)  # fmt: skip
def test_an_app_that_breaks_wsgi_is_answered_and_recorded_as_500(answer, capfd):
    with serve(lambda environ, start_response: answer(start_response), name="receiver") as server:
        assert requests.get(server.url, timeout=5).status_code == 500
        (x,) = server.traffic.wait_for(1)
        assert x.status == 500 and x.error and x.error in x.traceback
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError])
def test_a_handler_that_raises_what_is_no_exception_is_answered_and_recorded(error, capfd):
    app = make_app()

    @app.get("/exit")
    def leave():
        raise error("a learner tried sys.exit()")

    with serve(app) as server:
        assert requests.get(server.url + "/exit", timeout=5).status_code == 500
        assert server.traffic[0].error == error.__name__
    assert capfd.readouterr() == ("", "")


def test_what_an_app_logs_is_kept_with_the_exchange():
    app = make_app("logs")

    @app.get("/log")
    def log():
        request.environ["wsgi.errors"].write("a warning\n")
        return ""

    with serve(app) as server:
        requests.get(server.url + "/log", timeout=5)
        assert server.traffic[0].log == "a warning\n"


# --- The record ---------------------------------------------------------------------------------------------


def test_an_exchange_is_recorded_before_its_sender_has_the_answer():
    with serve(make_app()) as whole, serve(generator, name="stream") as stream:
        for n in range(1, 201):
            server = stream if n % 4 == 0 else whole
            before = len(server.traffic)
            requests.post(server.url, data=str(n), timeout=5)
            assert len(server.traffic) == before + 1, f"request {n}"


def test_garbage_is_recorded_before_its_sender_has_the_answer(server):
    for n in range(1, 51):
        with connect(server) as wire:
            wire.sendall(b"garbage\r\n\r\n")
            assert b"400" in wire.recv(65536)
            assert len(server.traffic) == n
    assert server.traffic[0].status == 400
    assert server.traffic[0].error == "not an HTTP request"


@given(st.binary(max_size=3000))
@SETTINGS
def test_any_bytes_arrive_and_are_recorded_unchanged(body):
    with serve(make_app("any_bytes"), name="any_bytes") as server:
        assert requests.post(server.url, data=body, timeout=5).content == body
        assert (server.traffic[-1].body, server.traffic[-1].response_body) == (body, body)


def test_a_chunked_request_is_recorded_whole(server):
    pieces = [b"\x00\xff", b"x" * 70_000, b"\r\n0\r\n"]
    assert requests.post(server.url, data=iter(pieces), timeout=5).content == b"".join(pieces)
    (x,) = server.traffic
    assert x.body == b"".join(pieces)
    assert x.headers["transfer-encoding"] == "chunked"


def test_a_body_that_the_app_never_reads_is_recorded():
    with serve(plain, name="receiver") as server:
        assert requests.post(server.url, data=b"unread" * 1000, timeout=5).content == b"plain"
        assert server.traffic[0].body == b"unread" * 1000


def read_by_length(environ):
    return environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))


def read_to_the_end(environ):
    return environ["wsgi.input"].read()


def read_in_pieces(environ):
    return b"".join(iter(lambda: environ["wsgi.input"].read(100_000), b""))


def read_by_lines(environ):
    return b"".join(environ["wsgi.input"])


def read_by_flask(environ):
    return Flask("reader").request_class(environ).get_data()


@pytest.mark.parametrize("read", [read_by_length, read_to_the_end, read_in_pieces, read_by_lines, read_by_flask])
@pytest.mark.parametrize("chunked", [False, True], ids=["with a length", "chunked"])
def test_the_app_gets_all_of_a_large_body_and_the_record_keeps_its_start(read, chunked):
    if chunked and read is read_by_length:
        pytest.skip("a chunked body has no length")
    body = b"".join(b"%09d\n" % n for n in range(3 * 104_858))  # a little over 3 MiB
    got = []

    def app(environ, start_response):
        got.append(read(environ))
        start_response("204 No Content", [])
        return []

    with serve(app, name="receiver") as server:
        data = (body[i : i + 300_000] for i in range(0, len(body), 300_000)) if chunked else body
        assert requests.post(server.url, data=data, timeout=10).status_code == 204
        assert got[0] == body
        assert server.traffic[0].body == body[:RECORDED_BYTES]


def test_an_app_cannot_read_past_the_end_of_the_body():
    got = []

    def app(environ, start_response):
        got.append((environ["wsgi.input"].read(), environ["wsgi.input"].read(10), environ["wsgi.input"].readline()))
        start_response("204 No Content", [])
        return []

    with serve(app, name="receiver") as server:
        talk(server, b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody")
        talk(server, b"GET / HTTP/1.1\r\n\r\n")
    assert got == [(b"body", b"", b""), (b"", b"", b"")]


def test_a_large_answer_arrives_whole_and_its_record_is_cut():
    body = b"a" * (RECORDED_BYTES + 5)

    def stream(environ, start_response):
        start_response("200 OK", [])
        return (body[i : i + 200_000] for i in range(0, len(body), 200_000))

    def whole(environ, start_response):
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]

    for app in (stream, whole):
        with serve(app, name="receiver") as server:
            assert requests.get(server.url, timeout=5).content == body
            assert server.traffic[0].response_body == body[:RECORDED_BYTES]


def test_a_body_over_the_limit_is_answered_413_not_reset():
    app = make_app()
    app.config["MAX_CONTENT_LENGTH"] = 1000
    with serve(app) as server:
        for _ in range(5):
            assert requests.post(server.url, data=b"x" * 3_000_000, timeout=10).status_code == 413
        assert server.traffic[0].status == 413


def test_expect_100_continue_is_answered_first(server):
    with connect(server) as wire:
        wire.sendall(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        before = wire.recv(1000)
        assert before.startswith(b"HTTP/1.1 100") and b"200 OK" not in before
        wire.sendall(b"ok")
        assert b"200 OK" in b"".join(iter(lambda: wire.recv(1000), b""))
    server.traffic.wait_for(1)
    assert server.traffic[0].body == b"ok"


def odd_app():
    app = make_app()

    @app.get("/odd/<int:code>")
    def odd(code):
        if code == 302:
            return redirect("/target?a=1")
        if code == 404:
            abort(404)
        return Response(status=code)

    @app.get("/cookies")
    def cookies():
        answer = Response("two cookies")
        answer.set_cookie("a", "1")
        answer.set_cookie("b", "2")
        return answer

    return app


@pytest.mark.parametrize("code", [204, 302, 304, 404, 500, 503])
def test_answers_without_a_body_redirects_and_errors(code):
    with serve(odd_app()) as server:
        answer = requests.get(f"{server.url}/odd/{code}", allow_redirects=False, timeout=5)
        assert answer.status_code == code == server.traffic[0].status
        assert server.traffic[0].error == ""
        if code == 302:
            assert answer.headers["Location"] == "/target?a=1" == server.traffic[0].response_headers["location"]
        if code in (204, 304):
            assert answer.content == b""


def test_head_has_the_headers_and_no_body(server):
    answer = requests.head(server.url + "/here", timeout=5)
    assert (answer.status_code, answer.content) == (200, b"")
    assert server.traffic[0].method == "HEAD"


def test_several_cookies_reach_the_client_apart_and_are_recorded_together():
    with serve(odd_app()) as server:
        raw = talk(server, b"GET /cookies HTTP/1.1\r\n\r\n")
        assert raw.lower().count(b"set-cookie:") == 2
        assert server.traffic[0].response_headers["Set-Cookie"] == "a=1; Path=/, b=2; Path=/"


@pytest.mark.parametrize(
    "target",
    ["/a%20b", "/caf%C3%A9?q=%C3%A9", "/x?a=1&a=2", "/a/b?x=%2F%26", "/a;b=c", "/p?u=http://x/?y", "/%"],
)
def test_a_target_is_recorded_as_it_was_sent(server, target):
    talk(server, f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    (x,) = server.traffic
    assert x.url == server.url + target
    assert x.target == target


def test_a_target_of_raw_utf8_is_recorded_as_the_same_characters(server):
    talk(server, "GET /café?q=ü HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert unquote(server.traffic[0].target) == "/café?q=ü"


@pytest.mark.parametrize("target", ["*", "[", "http://elsewhere/x?y=1", "//two/slashes", "x"])
def test_an_odd_target_can_be_shown(server, target):
    talk(server, f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    (x,) = server.traffic
    assert x.url.startswith(server.url + "/")
    assert repr(server.traffic) and x._repr_html_() and x.target


def test_headers_are_recorded_and_ignore_case(server):
    requests.post(server.url, data=b"{}", headers={"X-Signature": "t=1,v1=abc", "Content-Type": "a/b"}, timeout=5)
    (x,) = server.traffic
    assert x.headers["x-signature"] == "t=1,v1=abc"
    assert x.headers["CONTENT-TYPE"] == "a/b"
    assert x.headers["content-length"] == "2"


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: \xb2\r\n\r\n",
        b"Content-Length: -5\r\n\r\n",
        b"Content-Length: many\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nnot hex\r\n",
    ],
)
def test_a_broken_length_is_answered_and_recorded(server, rest):
    answer = talk(server, b"POST / HTTP/1.1\r\nHost: x\r\n" + rest)
    status = int(answer.split()[1])
    assert [x.status for x in server.traffic] == [status]


# --- Stopping -----------------------------------------------------------------------------------------------


def test_silent_and_half_sent_clients_do_not_hold_up_stop(server):
    with connect(server) as silent, connect(server) as half:
        half.sendall(b"POST / HTTP/1.1\r\nHost")
        until(lambda: len(server._threads.clients) == 2)
        stopping = in_thread(server.stop)
        stopping()
        assert silent.recv(10) == b"" and half.recv(10) == b""


def test_clients_that_left_are_forgotten_while_the_server_runs(server):
    for _ in range(5):
        requests.get(server.url, timeout=5)
    until(lambda: not server._threads.clients and not server._threads.busy)


def test_a_client_for_whom_there_was_no_thread_is_forgotten(server, monkeypatch):
    start = threading.Thread.start

    def no_more(thread):
        if thread.name == "serve client":
            raise RuntimeError("can't start new thread")
        start(thread)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_more)
        with connect(server) as client:
            assert client.recv(1) == b""
    assert requests.get(server.url, timeout=5).status_code == 200
    until(lambda: not server._threads.clients)
    server.stop()
    assert not server.running


def test_it_does_not_spin_without_file_descriptors_and_goes_on_when_there_are_some(server):
    resource = pytest.importorskip("resource", reason="a limit of open files that a program may set is Unix's")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    rounds = []
    server._threads.service_actions = lambda: rounds.append(1)  # once in each round of Python's own loop
    with socket.socket() as client:
        try:
            with socket.socket() as probe:
                lowest_free = probe.fileno()
            resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
            client.connect(("127.0.0.1", server.port))
            rounds.clear()
            time.sleep(1)
            assert len(rounds) < 100, "it spins"
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        client.settimeout(5)
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 200")


def test_a_client_that_keeps_its_connection_does_not_hold_up_stop(server):
    with requests.Session() as session:
        session.get(server.url, timeout=5)
        in_thread(server.stop)()
    assert not server.running


def test_a_running_handler_may_finish_when_its_server_stops():
    begun, release = threading.Event(), threading.Event()
    app = make_app()

    @app.get("/slow")
    def slow():
        begun.set()
        assert release.wait(5)
        return "finished"

    server = serve(app)
    call = in_thread(requests.get, server.url + "/slow")
    assert begun.wait(5)
    stopping = in_thread(server.stop)
    until(lambda: not server._accepting.is_alive())  # it takes no new clients any more
    release.set()
    assert call().text == "finished"
    stopping()
    assert server.traffic[0].response_body == b"finished"


def test_a_request_that_had_come_when_its_server_stops_is_answered(server, monkeypatch):
    """Or the record would say 200 of a request whose sender got nothing."""
    come, release, length = threading.Event(), threading.Event(), framing.Head.length

    def late(head):
        come.set()
        assert release.wait(5)
        return length(head)

    monkeypatch.setattr(framing.Head, "length", late)
    call = in_thread(requests.post, server.url + "/late", b"body")
    assert come.wait(5)
    stopping = in_thread(server.stop)
    until(lambda: not server._accepting.is_alive())
    time.sleep(0.05)  # longer only makes it harder to pass
    release.set()
    assert call().content == b"body"
    stopping()
    assert [x.status for x in server.traffic] == [200]


def test_whoever_is_cut_off_by_stop_is_not_told_that_it_is_its_fault(server):
    with connect(server) as head, connect(server) as body:
        head.sendall(b"POST / HTTP/1.1\r\nHos")
        body.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf")
        until(lambda: server._threads.busy)
        server.stop()
        assert head.recv(100) == body.recv(100) == b""
        until(lambda: not server._threads.clients)
    assert not server.traffic


def test_a_handler_that_never_ends_does_not_hold_up_stop_for_ever():
    begun, release = threading.Event(), threading.Event()
    app = make_app()

    @app.get("/endless")
    def endless():
        begun.set()
        release.wait(30)
        return ""

    server = serve(app)
    with connect(server) as wire:
        wire.sendall(b"GET /endless HTTP/1.1\r\n\r\n")
        assert begun.wait(5)
        in_thread(server.stop)()
        assert wire.recv(10) == b""
    release.set()


def test_a_request_that_stop_cuts_off_is_not_recorded_as_refused(server):
    requests.get(server.url, timeout=5)
    with connect(server) as wire:
        wire.sendall(b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-L")
        until(lambda: server._threads.clients)
        server.stop()
    until(lambda: not server._threads.clients)
    assert [x.method for x in server.traffic] == ["GET"]


def test_a_handler_may_stop_its_own_server():
    app = make_app()

    @app.get("/stop")
    def stop():
        server.stop()
        return "stopped"

    server = serve(app)
    assert in_thread(requests.get, server.url + "/stop")().text == "stopped"
    assert not server.running


def sockets():
    return {(c.laddr.port, c.status) for c in psutil.Process().net_connections("tcp") if c.fd != -1}


def test_a_hundred_servers_leave_no_thread_and_no_socket_behind():
    threads, before = set(threading.enumerate()), sockets()
    files = psutil.Process().num_fds() if hasattr(psutil.Process, "num_fds") else 0
    for n in range(100):
        server = serve(make_app())
        with connect(server) if n % 2 else requests.Session() as client:
            if n % 2 == 0:
                client.post(server.url, data=b"x", timeout=5)
            server.stop()
    until(lambda: set(threading.enumerate()) <= threads)
    until(lambda: sockets() <= before)
    if files:
        assert psutil.Process().num_fds() <= files
    assert running() == []


EXIT = """
import socket, threading, requests
from flask import Flask
from webhook_tutorial import serve
app = Flask("receiver")
begun = threading.Event()

@app.get("/")
def index():
    return "fine"

@app.get("/endless")
def endless():
    begun.set()
    threading.Event().wait(60)
    return ""

server = serve(app)
assert requests.get(server.url, timeout=5).text == "fine"
idle = socket.create_connection(("127.0.0.1", server.port))
if {busy}:
    threading.Thread(target=lambda: requests.get(server.url + "/endless"), daemon=True).start()
    assert begun.wait(5)
threading.excepthook = lambda args: None  # the client above loses its connection, as it should
print("end")
"""


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "while a handler runs"])
def test_a_kernel_that_serves_ends_quickly_and_quietly(busy):
    began = time.monotonic()
    assert run_python(EXIT.replace("{busy}", str(busy))) == (0, "end\n", "")
    assert time.monotonic() - began < 20


def test_an_interrupt_while_it_stops_leaves_no_server_up(monkeypatch):
    server = serve(Flask("interrupted"))
    shutdown, pressed = server._threads.shutdown, []

    def impatient():
        if not pressed:
            pressed.append(True)
            raise KeyboardInterrupt
        shutdown()

    monkeypatch.setattr(server._threads, "shutdown", impatient)
    with pytest.raises(KeyboardInterrupt), server:
        pass
    assert not server.running and server not in running()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", server.port), 1)


def test_what_cannot_be_kept_is_answered_500_and_the_server_goes_on():
    def keep(exchange):
        if exchange.path == "/full":
            raise OSError("the disk is full")

    app = Flask("keeping")
    app.post("/<path:path>")(lambda path: ("", 204))
    with serve(app, keep=keep) as server:
        assert [requests.post(f"{server.url}/{path}", timeout=30).status_code for path in ("a", "full", "b")] == [
            204,
            500,
            204,
        ]
        assert [x.path for x in server.traffic] == ["/a", "/b"]
