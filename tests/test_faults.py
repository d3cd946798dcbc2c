"""faults(): what a sender meets at a misbehaving proxy, what the receiver has done, what is left behind."""

import contextlib
import hashlib
import re
import socket
import threading
import time

import psutil
import pytest
import requests
from flask import Flask, request

from webhook_tutorial import Process, diagram, faults, serve, stop_all, watch, why_no_answer
from webhook_tutorial.faults import FAULTS

POST = b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
LARGE = bytes(range(256)) * 4096  # 1 MiB


@pytest.fixture(autouse=True)
def _nothing_outlives_its_test(capfd):
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


def until(condition, seconds=5):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


def connect(proxy):
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=5)


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
        ("refuse", "refused", False),
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
        assert read_all(wire).split(b" ")[1] == b"204"
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
        assert not [t for t in threading.enumerate() if t.name == "faults"][2:]


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
    until(lambda: server._busy)
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
