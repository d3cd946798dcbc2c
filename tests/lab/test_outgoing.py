"""watch(): every attempt of requests, with or without an answer, and the way back afterwards."""

import errno
import io
import json
import socket
import ssl
import threading
from contextlib import ExitStack, closing, contextmanager
from unittest import mock

import pytest
import requests
from flask import Flask, redirect, request
from requests.adapters import HTTPAdapter
from urllib3.exceptions import MaxRetryError

from webhook_tutorial import (
    Blocked,
    Guard,
    Network,
    diagram,
    guarded_session,
    serve,
    stop_all,
    watch,
    why_no_answer,
)
from webhook_tutorial.delivery import Adapter
from webhook_tutorial.lab.exchange import RECORDED_BYTES
from webhook_tutorial.lab.running import name_at


def make_app(name="receiver"):
    app = Flask(name)

    @app.route("/", methods=["GET", "POST", "HEAD"])
    def echo():
        return request.get_data()

    @app.get("/moved")
    def moved():
        return redirect("/")

    return app


@pytest.fixture
def server():
    with serve(make_app()) as server:
        yield server


@pytest.fixture
def nobody():
    """An address where nobody listens, and no server of an earlier test was: its name would be remembered."""
    with ExitStack() as ports:
        while True:
            kept = ports.enter_context(socket.socket())
            kept.bind(("127.0.0.1", 0))  # bound and not listening: nobody else can have it, connecting is refused
            host, port = kept.getsockname()
            if name_at(host, port) == f"{host}:{port}":
                break
        yield f"http://{host}:{port}/hook"


@contextmanager
def once(handle):
    """An address where handle(connection) meets the first client."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def meet():
            connection, _ = listener.accept()
            with connection:
                handle(connection)

        thread = threading.Thread(target=meet)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/hook"
        thread.join(5)
        assert not thread.is_alive()


def one(traffic):
    (x,) = traffic
    return x


def test_an_answered_attempt_is_recorded_whole(server):
    with watch("shop") as sent:
        requests.post(server.url + "/?a=b", data=b"body", headers={"X-Id": "5"}, timeout=5)
    x = one(sent)
    assert (x.method, x.url, x.body, x.status, x.response_body) == (
        "POST",
        server.url + "/?a=b",
        b"body",
        200,
        b"body",
    )
    assert x.headers["x-id"] == "5" and x.response_headers["content-length"] == "4"
    assert (x.sender, x.receiver, x.recorded_by, x.error) == ("shop", "receiver", "sender", "")
    assert sent.name == "shop"


def test_a_refused_attempt_is_recorded_and_still_raises(nobody):
    with watch() as sent, pytest.raises(requests.ConnectionError) as error:
        requests.post(nobody, data=b"body", timeout=5)
    x = one(sent)
    assert (x.status, x.error, x.body, x.sender) == (None, "connection refused", b"body", "sender")
    assert x.receiver == nobody.split("/")[2]
    assert why_no_answer(error.value) == "connection refused"


def test_an_attempt_that_times_out_is_recorded():
    release = threading.Event()
    with once(lambda connection: release.wait(5)) as url:
        with watch() as sent, pytest.raises(requests.Timeout):
            requests.get(url, timeout=0.05)
        release.set()
    assert (one(sent).status, one(sent).error) == (None, "timed out")


def test_an_answer_that_stops_halfway_times_out():
    release = threading.Event()

    def half(connection):
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        release.wait(5)

    with once(half) as url:
        with watch() as sent, pytest.raises(requests.RequestException):
            requests.get(url, timeout=0.05)
        release.set()
    assert (one(sent).status, one(sent).error) == (None, "timed out")


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"], ids=["none", "half"])
def test_a_lost_connection_is_recorded(answer):
    def hang_up(connection):
        connection.recv(1000)
        connection.sendall(answer)

    with once(hang_up) as url, watch() as sent, pytest.raises(requests.RequestException):
        requests.get(url, timeout=5)
    assert (one(sent).status, one(sent).error) == (None, "connection lost")


def test_why_no_answer_names_what_could_not_be_sent_at_all():
    assert why_no_answer(requests.exceptions.InvalidURL("http://")) == "InvalidURL"
    assert why_no_answer(requests.ConnectTimeout()) == "could not connect"
    assert why_no_answer(requests.ConnectionError()) == "connection lost"


def why(url, **options):
    with pytest.raises(requests.RequestException) as error:
        requests.post(url, timeout=5, **options)
    return why_no_answer(error.value)


def test_what_fails_before_the_request_leaves_is_told_from_what_may_have_been_processed(monkeypatch):
    with serve(Flask("plain")) as plain:
        assert why(plain.url.replace("http:", "https:")) == "TLS failed"
    assert why(plain.url) == "connection refused"

    def fails(error):
        def connect(*arguments, **options):
            raise error

        monkeypatch.setattr("urllib3.util.connection.create_connection", connect)
        return why(plain.url)

    assert fails(socket.gaierror(-2, "Name or service not known")) == "could not connect"
    assert fails(OSError(errno.ENETUNREACH, "Network is unreachable")) == "could not connect"
    assert fails(TimeoutError("timed out")) == "could not connect"
    assert fails(ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")) == "connection refused"


def test_a_certificate_that_is_not_trusted_fails_in_tls():
    error = ssl.SSLCertVerificationError("certificate verify failed")
    assert why_no_answer(requests.exceptions.SSLError(MaxRetryError(None, "/", error))) == "TLS failed"


@pytest.mark.parametrize("call", ["recv_into", "sendall"])
def test_tls_that_breaks_after_its_handshake_may_have_let_the_request_through(call):
    """A broken record instead of an answer: the error is of TLS, and the receiver may be at work."""

    class NoTls:
        def read(self, *_):
            raise ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number")

        write = read

    end, other = socket.socketpair()
    with (
        end,
        other,
        ssl.create_default_context().wrap_socket(
            end, do_handshake_on_connect=False, server_hostname="localhost"
        ) as wrapped,
    ):
        wrapped._sslobj = NoTls()
        with pytest.raises(ssl.SSLError) as error:
            getattr(wrapped, call)(bytearray(10))
    answer = requests.exceptions.SSLError(MaxRetryError(None, "/", error.value))
    assert why_no_answer(answer) == "connection lost"


def test_the_second_attempt_is_not_told_by_the_error_of_the_first():
    """Tried again in an `except`, a lost answer was taken for a refused connection: for an event never sent."""
    with serve(Flask("gone")) as gone:
        pass
    with once(lambda connection: connection.recv(1000)) as url, pytest.raises(requests.ConnectionError) as error:
        try:
            requests.post(gone.url, timeout=5)
        except requests.ConnectionError:
            requests.post(url, timeout=5)
    assert why_no_answer(error.value) == "connection lost"


def test_why_no_answer_ends_on_errors_that_name_each_other():
    one_error, other = requests.ConnectionError(), ValueError()
    one_error.__cause__, other.__cause__ = other, one_error
    assert why_no_answer(one_error) == "connection lost"


def test_a_redirect_that_is_followed_makes_two_attempts(server):
    with watch() as sent:
        requests.get(server.url + "/moved", timeout=5)
    assert [(x.target, x.status) for x in sent] == [("/moved", 302), ("/", 200)]


def test_other_threads_are_watched_too(server):
    threads = [
        threading.Thread(target=requests.post, args=(server.url,), kwargs={"data": str(n), "timeout": 5})
        for n in range(8)
    ]
    with watch() as sent:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(x.body for x in sent) == [b"%d" % n for n in range(8)]


def test_nested_watches_each_record_what_is_theirs(server):
    with watch("outer") as outer:
        with watch("inner") as inner:
            requests.post(server.url, data=b"1", timeout=5)
        requests.post(server.url, data=b"2", timeout=5)
    assert [(x.body, x.sender) for x in outer] == [(b"1", "outer"), (b"2", "outer")]
    assert [(x.body, x.sender) for x in inner] == [(b"1", "inner")]


def test_nothing_is_watched_after_the_block(server):
    original = HTTPAdapter.send
    with watch() as sent:
        assert HTTPAdapter.send is not original
    assert HTTPAdapter.send is original
    requests.get(server.url, timeout=5)
    assert len(sent) == 0


def test_a_block_that_raises_ends_its_watch():
    original = HTTPAdapter.send
    with pytest.raises(ZeroDivisionError), watch(), watch():
        raise ZeroDivisionError
    assert HTTPAdapter.send is original


def test_watches_that_overlap_end_in_any_order(server):
    original = HTTPAdapter.send
    first, second = watch("first"), watch("second")
    first.__enter__()
    sent = second.__enter__()
    first.__exit__(None, None, None)
    requests.get(server.url, timeout=5)
    second.__exit__(None, None, None)
    assert len(sent) == 1 and HTTPAdapter.send is original


def test_threads_that_watch_enter_and_leave_in_any_order(server):
    original, failed = HTTPAdapter.__dict__["send"], []

    def watch_a_while(n):
        for i in range(10):
            with watch(f"thread {n}") as sent:
                requests.post(server.url, data=f"{n} {i}", timeout=5)
            if f"{n} {i}".encode() not in [x.body for x in sent]:
                failed.append((n, i))

    threads = [threading.Thread(target=watch_a_while, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == [] and HTTPAdapter.__dict__["send"] is original


class Positional(HTTPAdapter):
    """As adapters are written that add something of their own."""

    def send(self, request, stream=False, timeout=None, verify=True, cert=None, proxies=None):
        return super().send(request, stream, timeout, verify, cert, proxies)


class Named(HTTPAdapter):
    def send(self, request, **options):
        return super().send(request=request, **options)


@pytest.mark.parametrize("adapter", [Positional, Named])
@pytest.mark.parametrize("stream", [False, True])
def test_an_adapter_may_pass_on_what_it_got_as_it_likes(server, adapter, stream):
    with requests.Session() as session, watch() as sent:
        session.mount("http://", adapter())
        answer = session.post(server.url, data=b"body", stream=stream, timeout=5)
        assert answer._content_consumed is not stream and answer.content == b"body"
    assert (one(sent).status, one(sent).response_body) == (200, b"" if stream else b"body")


# --- Beside other tools that take the place of send, as responses and a test's monkeypatch do --------------


class Tool:
    """Puts itself over what is there, and puts that back at its end without a look."""

    def __init__(self, answers=True):
        self.answers, self.asked = answers, 0

    def __enter__(self):
        self.before = before = HTTPAdapter.__dict__["send"]

        def send(adapter, request, **options):
            self.asked += 1
            return made_up(request) if self.answers else before(adapter, request, **options)

        HTTPAdapter.send = self.send = send
        return self

    def __exit__(self, *_):
        HTTPAdapter.send = self.before


def made_up(request):
    answer = requests.Response()
    answer.status_code, answer._content, answer.request, answer.url = 299, b"made up", request, request.url
    return answer


@pytest.fixture
def untouched():
    before = HTTPAdapter.__dict__["send"]
    yield before
    assert HTTPAdapter.__dict__["send"] is before


def ask(server):
    return requests.post(server.url, data=b"x", timeout=5).status_code


def test_a_tool_that_was_there_before_goes_on_working_and_is_recorded(server, untouched):
    with Tool() as tool:
        with watch() as sent:
            assert ask(server) == 299
        assert HTTPAdapter.send is tool.send
        assert ask(server) == 299 and tool.asked == 2
    assert [x.status for x in sent] == [299] and len(server.traffic) == 0


def test_a_tool_inside_the_block_leaves_the_watch_as_it_was(server, untouched):
    with watch() as sent:
        with Tool(answers=False) as tool:
            assert ask(server) == 200
        assert ask(server) == 200
    assert len(sent) == 2 and tool.asked == 1


@pytest.mark.parametrize("answers", [True, False])
def test_leaving_the_block_leaves_a_tool_that_came_later_where_it_is(server, answers):
    original, tool = HTTPAdapter.__dict__["send"], Tool(answers)
    with watch() as sent:
        tool.__enter__()
    assert HTTPAdapter.send is tool.send
    assert ask(server) == (299 if answers else 200) and tool.asked == 1
    tool.__exit__()  # what it puts back is ours, which has nothing to record any more
    assert ask(server) == 200 and len(sent) == 0
    with watch() as again:
        assert ask(server) == 200
    assert len(again) == 1 and HTTPAdapter.__dict__["send"] is original


def test_a_watch_above_a_tool_above_a_watch_records_once_each(server, untouched):
    with watch("outer") as outer, Tool(answers=False) as tool:
        with watch("inner") as inner:
            ask(server)
        assert HTTPAdapter.send is tool.send
    assert len(outer) == len(inner) == 1


def test_a_tool_that_went_away_under_the_watch_is_not_brought_back(server, untouched):
    tool = Tool()
    tool.__enter__()
    with watch():
        tool.__exit__()
    assert ask(server) == 200


def test_what_is_no_function_may_be_there_too(server, monkeypatch):
    """A mock gets no adapter, as it is no method, and a static method neither."""
    answer = made_up(requests.Request("POST", server.url).prepare())
    for stand_in in (mock.MagicMock(return_value=answer), staticmethod(lambda request, **_: answer)):
        monkeypatch.setattr(HTTPAdapter, "send", stand_in)
        with watch() as sent:
            assert ask(server) == 299
        assert one(sent).status == 299 and HTTPAdapter.__dict__["send"] is stand_in


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupted_attempt_is_recorded(server, monkeypatch, error):
    def interrupted(adapter, request, **options):
        try:
            raise ConnectionRefusedError  # from the first address of two, as it were
        except OSError:
            raise error from None

    monkeypatch.setattr(HTTPAdapter, "send", interrupted)
    with watch() as sent, pytest.raises(error):
        ask(server)
    assert (one(sent).status, one(sent).error, one(sent).body) == (None, "interrupted", b"x")
    assert why_no_answer(error()) == "interrupted"


def test_an_interrupt_while_the_answer_is_read_is_recorded(server, monkeypatch):
    monkeypatch.setattr(requests.Response, "content", property(lambda _: (_ for _ in ()).throw(KeyboardInterrupt)))
    with watch() as sent, pytest.raises(KeyboardInterrupt):
        ask(server)
    assert one(sent).error == "interrupted"


def test_nobody_waits_for_a_block_that_has_ended():
    with watch() as sent:
        pass
    with pytest.raises(RuntimeError, match=r"watch\(\) block has ended.* 0 of 1 came"):
        sent.wait_for(1, timeout=20)


@pytest.mark.parametrize(
    ("data", "recorded"),
    [
        (b"\xff\x00", b"\xff\x00"),
        ("snow ☃", "snow ☃".encode()),
        (None, b""),
        (b"", b""),
        ({"a": "1 2"}, b"a=1+2"),
        (bytearray(b"\xff"), b"\xff"),
        (memoryview(b"\xff"), b"\xff"),
    ],
    ids=["bytes", "text", "None", "empty", "form", "bytearray", "memoryview"],
)
def test_the_recorded_body_is_what_arrives(server, data, recorded):
    with watch() as sent:
        assert requests.post(server.url, data=data, timeout=5).content == recorded
    assert one(sent).body == recorded == one(server.traffic).body


def test_json_is_recorded_as_it_was_sent(server):
    with watch() as sent:
        requests.post(server.url, json={"é": [1]}, timeout=5)
    assert one(sent).json() == {"é": [1]} == json.loads(one(server.traffic).body)


@pytest.mark.parametrize(
    "data",
    [lambda: iter([b"a", b"b"]), lambda: io.BytesIO(b"ab"), lambda: bytearray(b"ab")],
    ids=["generator", "file", "bytearray"],
)
def test_a_body_that_can_be_read_once_still_arrives(server, data):
    with watch() as sent:
        assert requests.post(server.url, data=data(), timeout=5).content == b"ab"
    assert one(sent).status == 200 and one(server.traffic).body == b"ab"


@pytest.mark.parametrize(
    "data",
    [lambda: iter([b"a", b"b"]), lambda: io.BytesIO(b"ab"), lambda: b"x" * (RECORDED_BYTES + 1)],
    ids=["generator", "file", "more than is kept"],
)
def test_both_ends_of_any_body_are_drawn_as_one_exchange(server, data):
    with watch() as sent:
        requests.post(server.url, data=data(), timeout=5)
    assert len(str(diagram(sent, server)).splitlines()) == 2


def test_a_stream_is_left_for_whoever_asked_for_it(server):
    with watch() as sent:
        answer = requests.post(server.url, data=b"stream", stream=True, timeout=5)
        assert not answer._content_consumed
        assert b"".join(answer.iter_content(2)) == b"stream"
    assert (one(sent).status, one(sent).response_body) == (200, b"")


def test_a_session_is_watched_too(server):
    with requests.Session() as session, watch() as sent:
        session.get(server.url, timeout=5)
    assert len(sent) == 1


def test_headers_given_as_bytes_can_be_shown(server):
    with watch() as sent:
        requests.post(server.url, data=b"x", headers={"X-Signature": b"abc"}, timeout=5)
    assert one(sent).headers["x-signature"] == "abc"
    assert "X-Signature: abc" in repr(one(sent)) and "X-Signature: abc" in one(sent).curl()


def test_a_body_that_cannot_be_produced_is_recorded_with_its_error(server):
    def broken():
        yield b"a"
        raise ZeroDivisionError

    with watch() as sent, pytest.raises(ZeroDivisionError):
        requests.post(server.url, data=broken(), timeout=5)
    assert (one(sent).status, one(sent).error) == (None, "ZeroDivisionError")


def test_a_handlers_own_requests_bear_its_servers_name(server):
    relay = Flask("relay")

    @relay.get("/")
    def forward():
        return requests.post(server.url, data=b"from the handler", timeout=5).content

    with serve(relay) as front, watch("learner") as sent:
        assert requests.get(front.url, timeout=5).content == b"from the handler"
    assert [(x.sender, x.receiver) for x in sent] == [("relay", "receiver"), ("learner", "relay")]


def test_a_servers_name_is_known_after_it_stopped():
    server = serve(make_app("gone"))
    with closing(requests.Session()) as session, watch() as sent:
        server.stop()
        for host in ("127.0.0.1", "localhost"):
            with pytest.raises(requests.ConnectionError):
                session.get(f"http://{host}:{server.port}/", timeout=5)
    assert [x.receiver for x in sent] == ["gone", "gone"]
    assert {x.error for x in sent} == {"connection refused"}
    stop_all()


def test_an_attempt_over_a_network_is_drawn_to_whoever_was_reached(server):
    """The name may lead somewhere else each time: it is the connection that says who has got the request."""
    with serve(make_app("inside"), name="inside") as inside, watch() as sent, requests.Session() as session:
        network = Network(
            {"rebind.example": [["203.0.113.7"], ["10.0.0.5"], ["10.0.0.6"]]},
            {"203.0.113.7": server, "10.0.0.5": inside},
        )
        session.trust_env = False
        session.mount("http://rebind.example", Adapter(network.open))
        for _ in range(2):
            session.post("http://rebind.example/", data=b"x")
        with pytest.raises(requests.ConnectionError):
            session.post("http://rebind.example/")
        session.post(f"{server.url}/")  # the last one that was reached is forgotten
    assert [x.receiver for x in sent] == [server.name, "inside", "rebind.example:80", server.name]
    lines = str(diagram(sent, inside)).splitlines()
    assert [line for line in lines if "inside" in line] == [
        "3. sender → inside             POST /",
        "4. inside → sender             200 OK",
    ]


def test_a_blocked_attempt_is_drawn_as_one_that_was_never_sent(server):
    network = Network({"inside.example": ["10.0.0.5"]}, {"10.0.0.5": server})
    with watch() as sent, guarded_session(Guard(network.resolve, network.connect)) as session:
        with pytest.raises(Blocked) as error:
            session.post("http://inside.example/")
        assert why_no_answer(error.value) == sent[0].error == "blocked: private"
    assert len(server.traffic) == 0 and network.dialled == []
    assert str(diagram(sent, server)).splitlines() == [
        "1. sender ✗ inside.example:80  POST /",
        "2. sender                      ✗ blocked: private",
    ]
