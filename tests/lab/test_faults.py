"""faults(): what a sender meets at a misbehaving proxy, what the receiver has done, what is left behind."""

import contextlib
import errno
import functools
import gc
import hashlib
import http.server
import os
import random
import re
import shutil
import socket
import subprocess
import threading
import time
from types import SimpleNamespace

import psutil
import pytest
import requests
from flask import Flask, request
from support import until

from webhook_tutorial import Process, diagram, faults, serve, stop_all, watch, why_no_answer
from webhook_tutorial.lab.faults import FAULTS

POST = b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
LARGE = bytes(range(256)) * 4096  # 1 MiB


@pytest.fixture(autouse=True)
def _nothing_is_printed(capfd):
    yield
    stop_all()
    assert tuple(capfd.readouterr()) == ("", ""), "nothing is printed"


class Receiver:
    """A server that remembers the bodies it has processed."""

    def __init__(self):
        app = Flask("receiver")
        self.processed = []

        @app.post("/webhook")
        def webhook():
            self.processed.append(request.get_data())
            return "", 204

        @app.post("/echo")
        def echo():
            return request.get_data(), {"X-Digest": hashlib.sha256(request.get_data()).hexdigest()}

        self.server = serve(app)


@pytest.fixture
def receiver():
    return Receiver()


def connect(proxy):
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=5)


@contextlib.contextmanager
def gone():
    """The other side may be gone: on some systems shutting down then is an error of its own."""
    try:
        yield
    except OSError as error:
        if not isinstance(error, ConnectionError) and error.errno != errno.ENOTCONN:
            raise


def read_all(wire):
    return b"".join(iter(lambda: wire.recv(65_536), b""))


def talk(proxy, data=POST):
    """Send raw bytes; return all that comes back, or the name of what the socket says."""
    try:
        with connect(proxy) as wire:
            wire.sendall(data)
            return read_all(wire)
    except ConnectionRefusedError:
        return "refused"
    except (ConnectionResetError, BrokenPipeError):
        return "reset"


def send(proxy, body=b"{}", timeout=5.0, path="/webhook", **options):
    """What `requests` makes of it: a status, or why there is none."""
    try:
        return requests.post(proxy.url + path, data=body, timeout=timeout, **options).status_code
    except requests.RequestException as error:
        return why_no_answer(error)


def threads_and_sockets():
    names = sorted(t.name for t in threading.enumerate() if t.name.startswith("faults"))
    return names, len(psutil.Process().net_connections("tcp"))


# --- Each fault ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "seen", "processed"),
    [
        ("healthy", 204, True),
        (500, 500, False),
        (410, 410, False),
        (204, 204, False),
        (301, 301, False),
        (429, 429, False),
        ("refuse", "connection refused", False),
        ("reset", "connection lost", False),
        ("drop", "connection lost", True),
        ("slow", "timed out", True),
        ("drip", 204, True),
    ],
)
def test_what_a_sender_sees_and_whether_the_receiver_has_worked(receiver, fault, seen, processed):
    with faults(receiver.server, mode=fault, delay=1.0, pause=0.0005) as proxy:
        timeout = 0.2 if fault == "slow" else 5
        assert send(proxy, b"event", timeout, allow_redirects=False) == seen
        assert receiver.processed == [b"event"] * processed
        assert proxy.met == ([fault] if fault != "refuse" else [])


@pytest.mark.parametrize(
    ("fault", "answer"),
    [("healthy", b"HTTP/1.1 204 "), (503, b"HTTP/1.1 503 "), ("refuse", "refused"), ("reset", "reset"),
     ("drop", "reset"), ("slow", b"HTTP/1.1 204 "), ("drip", b"HTTP/1.1 204 ")],
)  # fmt: skip
def test_what_is_on_the_wire(receiver, fault, answer):
    with faults(receiver.server, mode=fault, delay=0.05, pause=0.0005) as proxy:
        seen = talk(proxy)
    assert seen[: len(answer)] == answer


def test_reset_cuts_even_those_who_have_said_nothing_yet(receiver):
    with faults(receiver.server, mode="reset") as proxy, pytest.raises(ConnectionResetError), connect(proxy) as wire:
        wire.recv(1)


def test_every_word_is_tried_above_and_explained():
    assert set(FAULTS) == {"healthy", "refuse", "reset", "drop", "slow", "drip"}
    assert all(FAULTS.values())


def test_slow_holds_the_answer_back_for_that_long(receiver):
    with faults(receiver.server, mode="slow", delay=0.3) as proxy:
        began = time.monotonic()
        assert send(proxy) == 204
        assert time.monotonic() - began > 0.29


def test_drip_sends_a_byte_at_a_time_from_the_first_on(receiver):
    with faults(receiver.server, mode="drip", pause=0.003) as proxy, connect(proxy) as wire:
        wire.sendall(POST)
        assert len(wire.recv(65_536)) < 10
        began, rest = time.monotonic(), read_all(wire)
        assert len(rest) > 50 and time.monotonic() - began > 0.003 * len(rest) * 0.9


def test_a_sender_that_leaves_a_dripping_answer_is_no_trouble(receiver):
    with faults(receiver.server, mode="drip", pause=0.01) as proxy:
        for _ in range(5):
            with connect(proxy) as wire:
                wire.sendall(POST)
                wire.recv(1)
        proxy.mode = "healthy"
        assert send(proxy) == 204


# --- Answers that the proxy gives by itself -----------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 204, 301, 304, 400, 429, 500, 503])
def test_a_status_is_a_whole_answer_and_nothing_more(receiver, status):
    with faults(receiver.server, mode=status, headers={"X-One": "1", "Location": "/two"}) as proxy:
        head, _, body = talk(proxy).partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        assert re.fullmatch(rf"HTTP/1\.1 {status} [A-Z][\w -]+", lines[0]) and body == b""
        assert {"X-One: 1", "Location: /two", "Connection: close"} <= set(lines[1:])
        answer = requests.post(proxy.url, timeout=5, allow_redirects=False)
        assert (answer.status_code, answer.headers["X-One"], answer.content) == (status, "1", b"")
    assert receiver.processed == []


def test_an_answer_without_a_body_by_its_status_claims_no_length(receiver):
    """RFC 9110, section 8.6: no Content-Length in a 204."""
    with faults(receiver.server, mode=204) as proxy:
        assert b"content-length" not in talk(proxy).lower()


def test_headers_may_change_at_any_time_and_belong_to_the_proxys_own_answers_only(receiver):
    given = {"Retry-After": "30"}
    with faults(receiver.server, mode=429, headers=given) as proxy:
        given["Retry-After"] = "40"
        assert requests.post(proxy.url, timeout=5).headers["Retry-After"] == "30"
        proxy.headers["Retry-After"] = "60"
        assert requests.post(proxy.url, timeout=5).headers["Retry-After"] == "60"
        proxy.mode = "healthy"
        assert "Retry-After" not in requests.post(proxy.url + "/webhook", timeout=5).headers


@pytest.mark.parametrize("size", [0, 1, 1_000_000])
def test_an_own_answer_arrives_whatever_the_size_of_the_request(receiver, size):
    with faults(receiver.server, mode=503) as proxy:
        assert [send(proxy, b"x" * size) for _ in range(5)] == [503] * 5


# --- Scripts and modes --------------------------------------------------------------------------------------


def test_a_script_is_met_in_order_and_then_the_mode(receiver):
    script = [500, "reset", "healthy", 429, "drop"]
    with faults(receiver.server, script, mode=410) as proxy:
        seen = [send(proxy) for _ in range(7)]
        assert seen == [500, "connection lost", 204, 429, "connection lost", 410, 410]
        assert proxy.met == [*script, 410, 410]
        proxy.mode = "healthy"
        assert send(proxy) == 204 and proxy.mode == "healthy"
    assert len(script) == 5, "the script handed in is left alone"


@pytest.mark.parametrize("fault", ["healthier", "", None, 99, 100, 600, 299, 2.5, "500", True])
def test_an_unknown_fault_is_refused_and_nothing_is_left_open(receiver, fault):
    before = threads_and_sockets()
    for arguments in ({"script": [500, fault]}, {"mode": fault}):
        with pytest.raises(ValueError, match=f"There is no fault {re.escape(repr(fault))}: use healthy, "):
            faults(receiver.server, **arguments)
    assert threads_and_sockets() == before
    with faults(receiver.server, mode=500) as proxy:
        with pytest.raises(ValueError, match="There is no fault"):
            proxy.mode = fault
        assert proxy.mode == 500 and send(proxy) == 500


@pytest.mark.parametrize("script", ["drop", 500, None])
def test_a_script_that_is_no_list_is_refused_in_words(receiver, script):
    with pytest.raises(ValueError, match=r"A script is a list, such as \['drop', 500\]"):
        faults(receiver.server, script)


@pytest.mark.parametrize("fault", [["drop"], {"mode": "drop"}])
def test_what_is_no_fault_at_all_is_refused_in_words(receiver, fault):
    for options in ({"script": [fault]}, {"mode": fault}):
        with pytest.raises(ValueError, match="There is no fault"):
            faults(receiver.server, **options)


def test_refuse_has_no_place_in_a_script(receiver):
    with pytest.raises(ValueError, match="set mode = 'refuse'"):
        faults(receiver.server, ["healthy", "refuse"])


def test_refusing_and_healthy_again_many_times_on_the_same_port(receiver):
    with faults(receiver.server) as proxy:
        url = proxy.url
        for _ in range(25):
            proxy.mode = "refuse"
            proxy.mode = "refuse"
            assert talk(proxy) == "refused"
            proxy.mode = "healthy"
            assert talk(proxy).startswith(b"HTTP/1.1 204")
        assert proxy.url == url and len(receiver.processed) == 25


def test_a_proxy_may_refuse_from_the_start(receiver):
    with faults(receiver.server, mode="refuse") as proxy:
        assert talk(proxy) == "refused"
        proxy.mode = 500
        assert send(proxy) == 500


def test_the_mode_may_change_while_connections_come(receiver):
    """A connection taken in the moment of the change meets the old mode or the new one, and never waits."""
    end, seen = threading.Event(), []

    def sender():
        while not end.is_set():
            seen.append(talk(proxy))

    longest = 0
    with faults(receiver.server) as proxy:
        threads = [threading.Thread(target=sender, daemon=True) for _ in range(4)]
        for thread in threads:
            thread.start()
        for n in range(40):
            began = time.monotonic()
            proxy.mode = ("refuse", 500)[n % 2]
            longest = max(longest, time.monotonic() - began)
            time.sleep(0.004)
        end.set()
        for thread in threads:
            thread.join(10)
        assert "refuse" not in proxy.met
    assert len(receiver.processed) == proxy.met.count("healthy")
    kinds = {answer if isinstance(answer, str) else answer[9:12] for answer in seen}
    assert {"refused", b"500"} <= kinds <= {"refused", "reset", b"500", b"204", b""}
    assert longest < 1.5, "changing the mode stood still"


# --- What passes through ------------------------------------------------------------------------------------


def test_a_large_body_passes_unchanged_both_ways(receiver):
    with faults(receiver.server) as proxy:
        answer = requests.post(proxy.url + "/echo?a=%20b", data=LARGE, timeout=20, headers={"X-Mine": "1"})
    assert answer.content == LARGE and answer.headers["X-Digest"] == hashlib.sha256(LARGE).hexdigest()
    arrived = receiver.server.traffic[-1]
    assert arrived.headers["X-Mine"] == "1" and arrived.url.endswith("/echo?a=%20b")


@pytest.mark.parametrize("fault", ["healthy", 500, "drop"])
def test_a_body_in_chunks_passes_too(receiver, fault):
    with faults(receiver.server, mode=fault) as proxy:
        seen = send(proxy, (piece for piece in (b"one ", b"two ", b"x" * 100_000)), timeout=3)
    assert seen == {"healthy": 204, 500: 500, "drop": "connection lost"}[fault]
    assert receiver.processed == ([] if fault == 500 else [b"one two " + b"x" * 100_000])


def test_chunks_with_trailers_and_extensions_end_where_they_end(receiver):
    head = b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with faults(receiver.server, mode=503) as proxy:
        assert talk(proxy, head + b"3;a=1\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n").startswith(b"HTTP/1.1 503")


def test_a_client_that_waits_for_100_continue_need_not_wait_long(receiver):
    head = b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
    with faults(receiver.server) as proxy, connect(proxy) as wire:
        wire.sendall(head)
        wire.settimeout(2)
        assert wire.recv(65_536).startswith(b"HTTP/1.1 100 ")
        wire.sendall(b"event")
        answer = read_all(wire).replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"")  # Werkzeug says it twice
        assert answer.split(b" ")[1] == b"204"
    assert receiver.processed == [b"event"]


def test_a_request_that_comes_byte_by_byte_is_understood(receiver):
    with faults(receiver.server) as proxy, connect(proxy) as wire:
        for i in range(len(POST)):
            wire.sendall(POST[i : i + 1])
        assert read_all(wire).startswith(b"HTTP/1.1 204")
    assert receiver.processed == [b"{}"]


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01 this is no HTTP\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: \r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nno chunk\r\n",
        b"\r\n\r\n",
    ],
)
def test_what_is_no_proper_request_leaves_the_proxy_well(receiver, data):
    with faults(receiver.server) as proxy:
        with connect(proxy) as wire:
            wire.sendall(data)
            wire.shutdown(socket.SHUT_WR)
            read_all(wire)
        with connect(proxy):
            pass
        assert send(proxy) == 204
        until(lambda: not [t for t in threading.enumerate() if t.name == "faults"][1:])


def test_a_session_that_keeps_connections_open_meets_a_fault_for_each_request(receiver):
    with faults(receiver.server, [500, "healthy", 429, "drop", "healthy"]) as proxy, requests.Session() as session:
        seen = []
        for _ in range(6):
            try:
                seen.append(session.post(proxy.url + "/webhook", timeout=5).status_code)
            except requests.RequestException as error:
                seen.append(why_no_answer(error))
        assert seen == [500, 204, 429, "connection lost", 204, 204] and len(proxy.met) == 6


def test_twenty_connections_at_once_wait_for_nobody(receiver):
    with faults(receiver.server, mode="slow", delay=0.3) as proxy:
        seen, began = [], time.monotonic()
        threads = [threading.Thread(target=lambda n=n: seen.append(send(proxy, b"%d" % n))) for n in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert seen == [204] * 20 and time.monotonic() - began < 5
    assert sorted(map(int, receiver.processed)) == list(range(20))
    assert proxy.met == ["slow"] * 20


def test_a_receiver_that_is_down_is_a_lost_connection(receiver):
    receiver.server.stop()
    with faults(receiver.server) as proxy:
        assert send(proxy) == "connection lost"
        assert send(proxy) == "connection lost"
        proxy.mode = 503
        assert send(proxy) == 503


def test_a_process_may_stand_behind_it(tmp_path):
    source = tmp_path / "receiver.py"
    source.write_text("from flask import Flask\napp = Flask('r')\napp.post('/webhook')(lambda: ('', 204))\n")
    with Process(source) as process, faults(process, [500]) as proxy:
        assert [send(proxy), send(proxy)] == [500, 204]


# --- Before any server --------------------------------------------------------------------------------------

HEAD = b"HEAD /webhook HTTP/1.1\r\nHost: x\r\n\r\n"
TEN = b"Content-Length: 10\r\n\r\n0123456789"

#: Answers in every framing of RFC 9112, section 6.3, with the request and whether the server then closes.
FRAMED = {
    "a length": (POST, b"HTTP/1.1 200 OK\r\n" + TEN, False),
    "a length of 0": (POST, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", False),
    "chunks": (POST, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", False),
    "chunks with extensions and trailers": (
        POST,
        b"HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n"
        b'3;a="b"\r\nabc\r\nA\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n',
        False,
    ),
    "204": (POST, b"HTTP/1.1 204 No Content\r\n\r\n", False),
    "304": (POST, b"HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n", False),
    "HEAD": (HEAD, b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", False),
    "early hints": (POST, b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 500 No\r\n" + TEN, False),
    "102, three times": (POST, b"HTTP/1.1 102 Processing\r\n\r\n" * 3 + b"HTTP/1.1 200 OK\r\n" + TEN, False),
    "HTTP/1.0, kept open": (POST, b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" + TEN, False),
    "HTTP/1.0": (POST, b"HTTP/1.0 200 OK\r\nServer: s\r\n\r\n0123456789", True),
    "up to the end": (POST, b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n0123456789", True),
    "the wrong reason for a line": (POST, b"HTTP/1.1 200\r\n" + TEN, False),
}


class Upstream:
    """A server by hand: it reads one request, gives the answer it was told, and keeps the connection open."""

    name = "upstream"

    def __init__(self, answer, *, close=False):
        self.requests, self.answer, self.close = [], answer, close
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection, contextlib.suppress(OSError):
            data = b""
            while b"\r\n\r\n" not in data or (b"Content-Length: 2\r\n" in data and data[-2:] != b"{}"):
                piece = connection.recv(65_536)
                if not piece:
                    return
                data += piece
            self.requests.append(data)
            for piece in [self.answer] if isinstance(self.answer, bytes) else self.answer():
                connection.sendall(piece)
            if not self.close:
                connection.recv(1)  # as keep-alive servers do: the client has to end it

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()


def without_connection(answer):
    return re.sub(rb"Connection: [\w-]+\r\n", b"", answer)


@pytest.mark.parametrize("fault", ["healthy", "slow", "drip", "drop"])
@pytest.mark.parametrize("framing", FRAMED)
def test_an_answer_ends_where_it_ends_though_the_server_keeps_the_connection(framing, fault):
    request, answer, close = FRAMED[framing]
    with Upstream(answer, close=close) as upstream, faults(upstream, mode=fault, delay=0.02, pause=0) as proxy:
        seen = talk(proxy, request)
        assert upstream.requests == [request], "the request is passed on as it is"
    if fault == "drop":
        assert seen == "reset"
    else:
        assert without_connection(seen) == without_connection(answer)
        assert re.findall(rb"Connection: ([\w-]+)", seen) == ([] if framing == "HTTP/1.0" else [b"close"])


def test_a_client_that_would_keep_the_connection_is_told_that_it_ends():
    """Otherwise its next request might be sent into a connection that is being closed."""
    script = [500, "healthy", 429] * 40
    upstream = Upstream(b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n" + TEN)
    with upstream, faults(upstream, script) as proxy, requests.Session() as session:
        seen = [session.post(proxy.url, b"{}", timeout=5).status_code for _ in script]
    assert seen == [500, 200, 429] * 40


@pytest.mark.parametrize("fault", ["slow", "drip", "drop"])
def test_what_comes_before_the_answer_is_no_answer(fault):
    """A client that waits for 100 Continue has to get it, or the receiver never gets the body."""
    head = b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    with Upstream(b"") as upstream, faults(upstream, mode=fault, delay=0.02, pause=0) as proxy:
        go_on = threading.Event()
        upstream.serve = lambda connection: hundred(connection, go_on)
        with connect(proxy) as wire:
            wire.sendall(head)
            assert wire.recv(65_536) == b"HTTP/1.1 100 Continue\r\n\r\n"
            wire.sendall(b"{}")
            assert go_on.wait(5)
            if fault == "drop":
                with pytest.raises(ConnectionResetError):
                    read_all(wire)
            else:
                assert read_all(wire).startswith(b"HTTP/1.1 204 No Content\r\n")


def hundred(connection, done):
    with connection:
        while not connection.recv(65_536).endswith(b"\r\n\r\n"):
            pass
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert connection.recv(2) == b"{}"
        done.set()
        connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
        connection.recv(1)


@pytest.mark.parametrize(
    "answer",
    [b"this is no HTTP\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
     b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n-5\r\n",
     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcde\r\n"],
)  # fmt: skip
def test_an_answer_that_cannot_be_read_is_passed_on_as_far_as_it_came(answer):
    with Upstream(answer) as upstream, faults(upstream, ["healthy", "drop"]) as proxy:
        assert without_connection(talk(proxy)) == answer
        assert talk(proxy) == "reset"


def test_an_answer_that_is_cut_short_stays_so():
    upstream = Upstream(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nabc", close=True)
    with upstream, faults(upstream) as proxy:
        assert talk(proxy).endswith(b"Content-Length: 99\r\n\r\nabc")
        assert send(proxy) == "connection lost"


def test_a_refusal_that_comes_before_the_body_has_gone_is_seen():
    """A server may answer 413 and read no further; the sender is still sending."""

    def refuse(connection):
        with connection:
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 413 Content Too Large\r\n" + TEN)
            while connection.recv(65_536):
                pass

    with Upstream(b"") as upstream, faults(upstream) as proxy:
        upstream.serve = refuse
        assert [send(proxy, b"x" * 3_000_000) for _ in range(5)] == [413] * 5


@pytest.mark.parametrize("fault", ["healthy", "slow", "drip", "drop"])
def test_before_pythons_own_server(fault):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        upstream = SimpleNamespace(name="python", port=server.server_port)
        with faults(upstream, mode=fault, delay=0.02, pause=0) as proxy:
            assert send(proxy, b"event") == ("connection lost" if fault == "drop" else 200)
        server.shutdown()


EXPRESS = """
require("http").createServer((request, response) => {
  request.on("data", piece => response.write(piece));
  request.on("end", () => response.end("."));
}).listen(0, "127.0.0.1", function () { console.log(this.address().port); });
"""

NGINX = """
daemon off; pid {folder}/pid; error_log stderr crit; worker_processes 1;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path {folder}; proxy_temp_path {folder};
  fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{ listen 127.0.0.1:{port}; location / {{ return 200 "event."; }} }}
}}
"""


def other_server(name, folder):
    """Start Node's server, which Express uses, or nginx, where there is one; return the process and its port."""
    if not shutil.which(name):
        pytest.skip(f"{name} is not installed")
    if name == "node":
        process = subprocess.Popen([name, "-e", EXPRESS], stdout=subprocess.PIPE, text=True)
        return process, int(process.stdout.readline())
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = folder / "nginx.conf"
    settings.write_text(NGINX.format(folder=folder, port=port))
    process = subprocess.Popen([name, "-p", folder, "-c", settings], stderr=subprocess.DEVNULL)

    def answers():
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return True

    until(answers, 20)
    return process, port


@pytest.mark.parametrize("name", ["node", "nginx"])
def test_before_other_peoples_servers(name, tmp_path):
    process, port = other_server(name, tmp_path)
    try:
        with faults(SimpleNamespace(name=name, port=port), delay=0.02, pause=0) as proxy:
            for fault in ("healthy", "slow", "drip", "drop", "healthy"):
                proxy.mode = fault
                if fault == "drop":
                    assert send(proxy, b"event") == "connection lost"
                    continue
                answer = requests.post(proxy.url, b"event", timeout=5)
                assert (answer.text, answer.headers["Connection"]) == ("event.", "close")
                pieces = requests.post(proxy.url, (b for b in (b"ev", b"ent")), timeout=5)
                assert pieces.text == "event."
                assert requests.head(proxy.url, timeout=5).status_code == 200
    finally:
        process.terminate()
        process.wait(10)
        if process.stdout:
            process.stdout.close()


# --- Attacked -----------------------------------------------------------------------------------------------

CHUNKED = b"POST /webhook HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("fault", ["healthy", 503, "drop"])
@pytest.mark.parametrize(
    ("data", "status"),
    [
        (CHUNKED + b"-5\r\nabc\r\n", 400),
        (CHUNKED + b"3\r\nabc\r\n-2\r\n", 400),
        (CHUNKED + b"zz\r\n", 400),
        (CHUNKED + b"3\r\nabcdef\r\n", 400),
        (CHUNKED + b"0x3\r\nabc\r\n0\r\n\r\n", 400),
        (CHUNKED + b"f" * 30 + b"\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 2\r\n\r\nab", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +2\r\n\r\nab", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 100_000 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 8_000_000 + b"\r\n\r\n", 431),
        (b"GET /" + b"y" * 8_000_000, 431),
        (CHUNKED + b"5;" + b"y" * 8_000_000, 431),
        (CHUNKED + b"0\r\n" + b"X: y\r\n" * 100_000, 431),
    ],
)  # fmt: skip
def test_a_request_that_cannot_be_read_is_refused_at_once(receiver, data, status, fault):
    with faults(receiver.server, mode=fault) as proxy:
        with connect(proxy) as wire:  # and stays open: nobody waits for its end
            with contextlib.suppress(ConnectionError):
                wire.sendall(data)
            answer = read_all(wire)
        assert answer.split(b" ")[1] == b"%d" % status
        assert b"Connection: close" in answer and b"faults" in answer
        proxy.mode = "healthy"
        assert send(proxy) == 204
    assert receiver.processed == [b"{}"]


@pytest.mark.parametrize("fault", ["healthy", 503])
def test_bare_line_feeds_get_an_answer(receiver, fault):
    with faults(receiver.server, mode=fault) as proxy, connect(proxy) as wire:
        wire.sendall(POST.replace(b"\r\n", b"\n"))
        assert read_all(wire).split(b" ")[1] in (b"204", b"400", b"503")


def resident():
    gc.collect()
    return psutil.Process().memory_info().rss


@pytest.mark.parametrize("fault", ["healthy", "slow", "drop"])
@pytest.mark.parametrize(
    "pieces",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n",
    ],
)
def test_an_answer_without_end_is_passed_on_as_it_comes_and_never_held(pieces, fault):
    """The reader leaves after 30 MB of it, or is cut; what nobody gets is read up to a limit only."""
    given = 0

    def answers():
        nonlocal given
        yield pieces
        piece = b"X: " + b"y" * 65_530 + b"\r\n"
        while True:
            given += len(piece)
            assert given < 400_000_000, "the proxy reads and reads"
            yield b"%x\r\n%b\r\n" % (len(piece), piece) if b"chunked" in pieces else piece

    before = resident()
    with Upstream(answers) as upstream, faults(upstream, mode=fault, delay=0.02) as proxy, connect(proxy) as wire:
        wire.sendall(POST)
        got = 0
        with contextlib.suppress(ConnectionError):
            while got < 30_000_000 and (piece := wire.recv(65_536)):
                got += len(piece)
        assert resident() - before < 50_000_000
        if fault == "drop":
            assert got == 0 and given < 30_000_000
        elif pieces.endswith(b"\r\n\r\n"):
            assert got >= 30_000_000
        else:
            assert got < 1_000_000, "a head without end is no answer"
        wire.close()
        until(lambda: not proxy._open)


def test_a_request_without_end_is_not_held_either(receiver):
    before = resident()
    with faults(receiver.server, mode=503) as proxy, connect(proxy) as wire:
        wire.sendall(POST.replace(b"Length: 2", b"Length: 99999999999"))
        for _ in range(1000):
            wire.sendall(bytes(100_000))
        assert resident() - before < 50_000_000


def test_many_small_pieces_cost_little(receiver):
    with faults(receiver.server, mode=503) as proxy, connect(proxy) as wire:
        began = time.monotonic()
        wire.sendall(CHUNKED + b"1\r\na\r\n" * 200_000 + b"0\r\n\r\n")
        assert read_all(wire).startswith(b"HTTP/1.1 503")
        assert time.monotonic() - began < 30


def test_it_goes_on_accepting_when_there_are_file_descriptors_again(receiver):
    resource = pytest.importorskip("resource", reason="a limit of open files that a program may set is Unix's")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with faults(receiver.server, mode=503) as proxy, socket.socket() as early, socket.socket() as late:
        try:
            with socket.socket() as probe:
                lowest_free = probe.fileno()
            resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
            with pytest.raises(OSError, match=os.strerror(errno.EMFILE)):
                socket.socket()
            early.connect(("127.0.0.1", proxy.port))
            worked = time.process_time()
            time.sleep(1)
            assert time.process_time() - worked < 0.5, "it spins"
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for wire in (early, late):
            if wire is late:
                wire.connect(("127.0.0.1", proxy.port))
            wire.settimeout(5)
            wire.sendall(POST)
            assert read_all(wire).startswith(b"HTTP/1.1 503")


def test_it_goes_on_accepting_when_there_are_threads_again(receiver, monkeypatch):
    with faults(receiver.server, mode=503) as proxy, monkeypatch.context() as patch:
        start = threading.Thread.start

        def no_thread(self):
            if self.name == "faults":
                raise RuntimeError("can't start new thread")
            start(self)

        patch.setattr(threading.Thread, "start", no_thread)
        assert talk(proxy) == "reset" and not proxy._open
        patch.undo()
        assert talk(proxy).startswith(b"HTTP/1.1 503")


def mangled(chance, messages):
    """One of the messages, with some of its bytes lost, doubled or replaced."""
    data = bytearray(chance.choice(messages))
    for _ in range(chance.randint(0, 3)):
        start = chance.randrange(len(data))
        piece = data[start : start + chance.choice((1, 1, 2, 9, 40))]
        strange = (b"\r\n", b"\n", b":", b"-1", b"\x00", b"\xff", b";", b",", b"0\r\n\r\n", b"chunked", b"9" * 30)
        data[start : start + len(piece)] = chance.choice((b"", piece * 2, chance.choice(strange)))
        if not data:
            return b"\r\n"
    return bytes(data)


@pytest.mark.parametrize("fault", ["healthy", "drip", "drop", 503])
def test_five_hundred_mangled_requests_and_answers_all_come_to_an_end(fault):
    chance = random.Random(f"5, 19: {fault}")
    asked = [POST, HEAD, CHUNKED + b"3;a=b\r\nabc\r\n0\r\nX: y\r\n\r\n"]
    answers = [answer for _, answer, _ in FRAMED.values()]
    with Upstream(b"", close=True) as upstream, faults(upstream, mode=fault, pause=0) as proxy:
        upstream.serve = functools.partial(whatever, upstream)
        for _ in range(500):
            upstream.answer = mangled(chance, answers)
            with connect(proxy) as wire, gone():
                wire.sendall(mangled(chance, asked))
                wire.shutdown(socket.SHUT_WR)
                read_all(wire)
        until(lambda: not proxy._open)
        upstream.answer = answers[0]
        proxy.mode = "healthy"
        assert talk(proxy).endswith(b"0123456789")
        until(lambda: len([t for t in threading.enumerate() if t.name == "faults"]) == 1)


def whatever(upstream, connection):
    """Answer whatever comes, and close."""
    with connection, contextlib.suppress(ConnectionError):
        connection.recv(65_536)
        connection.sendall(upstream.answer)


# --- Names, and the end -------------------------------------------------------------------------------------


def test_in_pictures_it_bears_the_receivers_name(receiver):
    with faults(receiver.server, ["healthy", 500]) as proxy, watch() as sent:
        send(proxy), send(proxy)
        assert {exchange.receiver for exchange in sent} == {"receiver"}
        lines = str(diagram(sent, receiver.server)).splitlines()
        assert repr(proxy) == f"<Faults receiver {proxy.url} healthy>"
    assert len(lines) == 4 and all("sender" in line and "receiver" in line for line in lines)
    assert "127.0.0.1" not in "".join(lines)
    assert repr(proxy) == f"<Faults receiver {proxy.url} stopped>"


@pytest.mark.parametrize("mode", ["healthy", "refuse"])
@pytest.mark.parametrize("end", ["stop", "with", "stop_all"])
def test_stopping_leaves_no_thread_and_no_socket(receiver, mode, end):
    before = threads_and_sockets()
    proxy = faults(receiver.server, ["slow", "drip", "slow"], mode=mode, delay=30, pause=30)
    wires = [connect(proxy) for _ in range(3)] if mode != "refuse" else []
    for wire in wires[:2]:
        wire.sendall(POST)  # the third says nothing
    until(lambda: len(receiver.processed) == len(wires[:2]) and len(proxy.met) == len(wires))
    began = time.monotonic()
    if end == "stop":
        proxy.stop()
        proxy.stop()
    elif end == "with":
        with proxy:
            pass
    else:
        stop_all()
    assert time.monotonic() - began < 5
    for wire in wires:
        with wire, contextlib.suppress(ConnectionError):
            assert len(wire.recv(100)) <= 1
    assert talk(proxy) == "refused"
    until(lambda: threads_and_sockets()[0] == before[0])
    if end != "stop_all":
        until(lambda: live_sockets(proxy) == 0)
    proxy.mode = "healthy"
    assert talk(proxy) == "refused", "a proxy that was stopped stays so"


def live_sockets(proxy):
    ends = ("LISTEN", "ESTABLISHED", "CLOSE_WAIT")
    return sum(c.laddr.port == proxy.port and c.status in ends for c in psutil.Process().net_connections("tcp"))


def test_stopping_does_not_wait_for_a_receiver_that_hangs():
    release = threading.Event()

    def app(environ, start):
        release.wait(20)
        start("204 No Content", [])
        return []

    server = serve(app, name="receiver")
    proxy = faults(server)
    threading.Thread(target=send, args=(proxy,), daemon=True).start()
    until(lambda: server._threads.busy)
    began = time.monotonic()
    proxy.stop()
    assert time.monotonic() - began < 5 and not proxy._open
    release.set()


def test_thirty_proxies_come_and_go(receiver):
    before = threads_and_sockets()
    for _ in range(30):
        with faults(receiver.server, mode=500) as proxy:
            assert talk(proxy).startswith(b"HTTP/1.1 500")
    until(lambda: threads_and_sockets()[0] == before[0])
    assert len(psutil.Process().net_connections("tcp")) <= before[1] + 5
