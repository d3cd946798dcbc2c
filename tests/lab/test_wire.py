"""How HTTP is read off a socket: what is legal reaches the app, the rest gets its status, all of it is recorded."""

import io
import socket
import struct

import pytest
import requests
from flask import Flask, request
from hypothesis import given, settings
from hypothesis import strategies as st
from support import run_python
from werkzeug.middleware.proxy_fix import ProxyFix

from webhook_tutorial import Process, serve
from webhook_tutorial.lab import framing

SETTINGS = settings(max_examples=150, deadline=None, derandomize=True, database=None)
APP = """
from flask import Flask, request

app = Flask("receiver")
app.config["MAX_CONTENT_LENGTH"] = 10_000

@app.route("/", defaults={"path": ""}, methods=["GET", "POST", "OPTIONS"])
@app.route("/<path:path>", methods=["GET", "POST"])
def echo(path):
    return request.get_data()
"""


@pytest.fixture
def server():
    """The app above, in this process; ``called`` has what reached it."""
    app = load()
    called = []
    app.before_request(lambda: called.append(request.path))
    with serve(app) as server:
        server.called = called
        yield server


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    path = tmp_path_factory.mktemp("process") / "receiver.py"
    path.write_text(APP)
    with Process(path) as process:
        yield process


def load():
    found = {}
    exec(APP, found)
    return found["app"]


def connect(server):
    return socket.create_connection(("127.0.0.1", server.port), timeout=5)


def talk(server, data, end=True):
    """Send raw bytes and return everything that comes back until the server closes."""
    with connect(server) as wire:
        wire.sendall(data)
        if end:
            wire.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: wire.recv(65536), b""))


def post(rest, line=b"POST /webhook HTTP/1.1"):
    return line + b"\r\nHost: x\r\n" + rest


def chunked(rest):
    return post(b"Transfer-Encoding: chunked\r\n\r\n" + rest)


def check_refused(server, data, status, end=True):
    """The answer has this status, the app was not called, and the record says just what was answered."""
    answer = talk(server, data, end=end)
    assert int(answer.split()[1]) == status
    (x,) = server.traffic
    assert x.status == status and x.error and not x.traceback
    assert x.response_body == answer.partition(b"\r\n\r\n")[2]
    assert server.called == []
    assert "handler" not in repr(x) and x.error in repr(x) and x.error in repr(server.traffic)
    for shown in (repr(x), x._repr_html_(), repr(server.traffic), server.traffic._repr_html_()):
        assert all(c.isprintable() or c == "\n" for c in shown)
    return x


# --- Chunks -------------------------------------------------------------------------------------------------


HUNDRED = """
import socket
import struct
from flask import Flask
from webhook_tutorial import serve
app = Flask("receiver")
app.add_url_rule("/webhook", view_func=lambda: "", methods=["POST"])
with serve(app) as server:
    for _ in range(100):
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as wire:
            wire.sendall(b"POST /webhook HTTP/1.1\\r\\nHost: x\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n")
            wire.sendall(b"200000\\r\\nabc")
            wire.shutdown(socket.SHUT_WR)
            while wire.recv(65536):
                pass
    print(len(server.traffic), {(x.status, x.body) for x in server.traffic})
"""


def test_a_hundred_truncated_chunks_leave_the_memory_alone():
    """In a Python of its own: the chunk reader of Werkzeug 3.1 wrote past its buffer, which ended the process."""
    assert run_python(HUNDRED) == (0, "100 {(400, b'abc')}\n", "")


@pytest.mark.parametrize("size", [b"200000", b"ffffffffff", b"ffffffffffffffff"])
def test_a_large_size_costs_nothing(server, size):
    import tracemalloc

    tracemalloc.start()
    try:
        talk(server, chunked(size + b"\r\n" + b"x" * 10_000))
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()
    (x,) = server.traffic
    assert x.status in (400, 413) and len(x.body) <= 10_000


LEGAL = {
    "plain": b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    "extensions": b'3;name=value\r\nabc\r\n2;a;b="c d"\r\nde\r\n0;last\r\n\r\n',
    "an extension after a blank": b"5 ;x = y\r\nabcde\r\n0\r\n\r\n",
    "trailers": b"5\r\nabcde\r\n0\r\nX-Checksum: 1\r\nX-Other:\r\n\r\n",
    "zeros and capitals": b"0005\r\nabcde\r\n000\r\n\r\n",
    "one by one": b"".join(b"1\r\n%c\r\n" % c for c in b"abcde") + b"0\r\n\r\n",
}


@pytest.mark.parametrize("body", LEGAL.values(), ids=LEGAL)
def test_every_legal_chunked_body_arrives(server, process, body):
    for receiver in (server, process):
        answer = talk(receiver, chunked(body), end=False)
        assert answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"\r\n\r\nabcde")
    (x,) = server.traffic
    assert (x.body, x.status, x.error) == (b"abcde", 200, "")
    assert x.headers["Transfer-Encoding"] == "chunked" and "Content-Length" not in x.headers


BROKEN_CHUNKS = {
    "no size": b"\r\nabc",
    "not hex": b"xyz\r\nabc\r\n0\r\n\r\n",
    "0x": b"0x3\r\nabc\r\n0\r\n\r\n",
    "negative": b"-3\r\nabc\r\n0\r\n\r\n",
    "plus": b"+3\r\nabc\r\n0\r\n\r\n",
    "underscore": b"1_0\r\n0123456789abcdef\r\n0\r\n\r\n",
    "seventeen digits": b"00000000000000003\r\nabc\r\n0\r\n\r\n",
    "a bare line feed": b"3\nabc\n0\n\n",
    "a bare line feed in an extension": b"3;a\nb\r\nabc\r\n0\r\n\r\n",
    "a carriage return in an extension": b"3;a\rb\r\nabc\r\n0\r\n\r\n",
    "too short a size": b"2\r\nabc\r\n0\r\n\r\n",
    "too long a size": b"4\r\nabc\r\n0\r\n\r\n",
    "cut in the size": b"3",
    "cut in the chunk": b"3\r\nab",
    "cut after the chunk": b"3\r\nabc",
    "cut before the last": b"3\r\nabc\r\n",
    "cut in the last": b"3\r\nabc\r\n0\r\n",
    "a trailer that is none": b"3\r\nabc\r\n0\r\nnothing\r\n\r\n",
    "nothing": b"",
}


@pytest.mark.parametrize("body", BROKEN_CHUNKS.values(), ids=BROKEN_CHUNKS)
def test_a_broken_chunk_is_a_recorded_400(server, process, body):
    x = check_refused(server, chunked(body), 400)
    assert (x.method, x.target) == ("POST", "/webhook") and x.body.rstrip() in b"abc"
    assert talk(process, chunked(body)).startswith(b"HTTP/1.1 400")


@given(st.lists(st.binary(max_size=300), max_size=8), st.sampled_from([b"", b";a=b", b" ; x"]))
@SETTINGS
def test_what_was_cut_into_chunks_is_put_together_again(pieces, extension):
    sent = b"".join(b"%X%b\r\n%b\r\n" % (len(piece), extension, piece) for piece in pieces if piece)
    stream = io.BufferedReader(io.BytesIO(sent + b"0\r\n\r\nrest"))
    assert b"".join(framing.chunks(stream)) == b"".join(pieces)
    assert stream.read() == b"rest"


@given(st.lists(st.sampled_from([b"3", b"0", b"f", b"\r\n", b"\n", b";", b"abc", b"-", b" ", b"\0", b":"])))
@SETTINGS
def test_whatever_comes_in_place_of_chunks_is_a_body_or_a_refusal(parts):
    sent = b"".join(parts)
    try:
        body = b"".join(framing.chunks(io.BufferedReader(io.BytesIO(sent))))
    except framing.Refusal:
        return
    assert len(body) < len(sent)


# --- Where a body ends (RFC 9112, section 6.3) ----------------------------------------------------------------


MISFRAMED = {
    "both": (b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "two lengths": (b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
    "two lengths in one": (b"Content-Length: 3, 4\r\n\r\nabcd", 400),
    "negative": (b"Content-Length: -3\r\n\r\nabc", 400),
    "signed": (b"Content-Length: +3\r\n\r\nabc", 400),
    "a word": (b"Content-Length: many\r\n\r\nabc", 400),
    "empty": (b"Content-Length:\r\n\r\nabc", 400),
    "another script's digit": (b"Content-Length: \xb2\r\n\r\nabc", 400),
    "4,301 digits": (b"Content-Length: " + b"9" * 4301 + b"\r\n\r\nabc", 413),
    "gzip, chunked": (b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    "gzip": (b"Transfer-Encoding: gzip\r\n\r\nabc", 400),
    "chunked, gzip": (b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", 400),
    "chunked twice": (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "xchunked": (b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
    "identity": (b"Transfer-Encoding: identity\r\n\r\nabc", 400),
    "no coding": (b"Transfer-Encoding:\r\n\r\nabc", 400),
    "a blank before the colon": (b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400),
    "a control character": (b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 400),
    "hidden by a carriage return": (b"X: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "hidden by a NUL": (b"X: y\0\r\nContent-Length: 0\r\n\r\n", 400),
    "a folded line": (b"X: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "behind a line that is no header": (b"nothing\r\nContent-Length: 3\r\n\r\nabc", 400),
    "a name in brackets": (b"X(y): z\r\n\r\n", 400),
    "two hosts": (b"Host: y\r\n\r\n", 400),
    "a cut body": (b"Content-Length: 100\r\n\r\nonly this", 400),
    "cut headers": (b"Content-Length: 0\r\nX-Sig", 400),
    "no end of the headers": (b"Content-Length: 0\r\n", 400),
}


@pytest.mark.parametrize(("rest", "status"), MISFRAMED.values(), ids=MISFRAMED)
def test_a_body_whose_end_is_not_clear_is_refused(server, process, rest, status):
    x = check_refused(server, post(rest), status)
    assert (x.method, x.target) == ("POST", "/webhook")
    assert talk(process, post(rest)).split()[1] == b"%d" % status


def test_chunks_in_http_1_0_are_refused(server, process):
    data = post(b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"POST / HTTP/1.0")
    check_refused(server, data, 400)
    assert talk(process, data).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(
    "data",
    [
        post(b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde"),
        post(b"content-LENGTH: 5 , 5\r\n\r\nabcde"),
        post(b"Content-Length: 5\r\n\r\nabcde").replace(b"\r\n", b"\n"),
        b"\r\n" + post(b"Content-Length: 5\r\n\r\nabcde"),
        b"\n" + post(b"Content-Length: 5\r\n\r\nabcde"),
        post(b"Content-Length: 5\r\n\r\nabcde", b"POST /webhook HTTP/1.0"),
        post(b"Content-Length: 5\r\n\r\nabcde", b"POST http://elsewhere:80/webhook HTTP/1.1"),
        post(b"Transfer-Encoding: CHUNKED\r\n\r\n5\r\nabcde\r\n0\r\n\r\n"),
        post(b"Content-Length: 5\r\nX_Y: z\r\n\r\nabcde"),
    ],
    ids=["equal lengths", "in one line", "line feeds", "an empty line first", "an empty line of one byte", "HTTP/1.0",
         "absolute", "capitals", "an underscore"],
)  # fmt: skip
def test_what_is_odd_but_legal_reaches_the_app(server, process, data):
    for receiver in (server, process):
        assert talk(receiver, data, end=False).endswith(b"\r\n\r\nabcde")
    (x,) = server.traffic
    assert (x.method, x.target, x.body, x.status, x.error) == ("POST", "/webhook", b"abcde", 200, "")


@pytest.mark.parametrize("size", [10_000, 10_001, 20_000, 3_000_000])
@pytest.mark.parametrize("length", ["with a length", "chunked"])
def test_a_limit_of_the_app_holds_for_every_body(server, process, size, length):
    for receiver in (server, process):
        data = b"x" * size if length == "with a length" else iter([b"x" * (size // 2), b"x" * (size - size // 2)])
        answer = requests.post(receiver.url, data=data, timeout=10)
        assert answer.status_code == (200 if size <= 10_000 else 413)
    assert [x.status for x in server.traffic] == [answer.status_code]


def test_a_chunked_body_too_large_for_us_is_refused_at_once(server):
    x = check_refused(server, chunked(b"%x\r\n" % (framing.CHUNKED_BYTES + 1)), 413, end=False)
    assert "67108864" in x.error


@pytest.mark.parametrize("more", [b"x", b"GET /second HTTP/1.1\r\nHost: x\r\n\r\n", b"x" * 500_000])
@pytest.mark.parametrize("first", [chunked(b"1\r\na\r\n0\r\n\r\n"), post(b"Content-Length: 1\r\n\r\na")])
def test_what_follows_a_request_is_not_read_as_one(server, process, first, more):
    """And the sender has its answer at once, although it leaves its side open."""
    for receiver in (server, process):
        answer = talk(receiver, first + more, end=False)
        assert answer.count(b"HTTP/1.1") == 1 and b"Connection: close" in answer and answer.endswith(b"\r\n\r\na")
    assert len(server.traffic) == 1


def test_an_expectation_is_met_once(server):
    with connect(server) as client:
        client.sendall(post(b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"))
        assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"ok")
        answer = b"".join(iter(lambda: client.recv(1000), b""))
    assert answer.startswith(b"HTTP/1.1 200") and answer.count(b"HTTP/1.1") == 1


# --- The first line -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "status", "method", "target"),
    [
        (b"POST http://x:y/webhook HTTP/1.1\r\n", 400, "POST", None),
        (b"GET http://[/ HTTP/1.1\r\n", 400, "GET", None),
        (b"GET http://a@b/ HTTP/1.1\r\n", 400, "GET", None),
        (b"GET x HTTP/1.1\r\n", 400, "GET", None),
        (b"GET * HTTP/1.1\r\n", 400, "GET", None),
        (b"CONNECT x:443 HTTP/1.1\r\n", 400, "CONNECT", None),
        (b"GET /a b HTTP/1.1\r\n", 400, "GET", "/a"),
        (b"GET /a\tHTTP/1.1\r\n", 400, "GET", None),
        (b"GET  / HTTP/1.1\r\n", 400, "GET", None),
        (b"GET /\x1b[31m HTTP/1.1\r\n", 400, "GET", None),
        (b"GET /#a HTTP/1.1\r\n", 400, "GET", None),
        (b"GET / HTTP/1.1\r\r\n", 400, "GET", "/"),
        (b"GET /here\r\n", 400, "GET", "/here"),
        (b"GET / http/1.1\r\n", 400, "GET", "/"),
        (b"GET / HTTP/9.9\r\n", 505, "GET", "/"),
        (b"PRI * HTTP/2.0\r\n", 505, "PRI", None),
        (b"GET /here?" + b"x" * 70_000 + b" HTTP/1.1\r\n", 414, "GET", None),
        (b"garbage\r\n", 400, "?", "/"),
        (b"{\"event_type\": 1}\r\n", 400, "?", "/"),
        (b"G\xc9T / HTTP/1.1\r\n", 400, "?", "/"),
        (b"\r/ HTTP/1.1\r\n", 400, "?", "/"),
        (b"\r\n\r\n", 400, "?", "/"),
        (b"\0" * 500, 400, "?", "/"),
        (b"GET /cut", 400, "GET", "/cut"),
    ],
)  # fmt: skip
def test_a_first_line_that_is_none_is_refused(server, process, line, status, method, target):
    data = line + b"Host: x\r\n\r\n" if line.endswith(b"\n") else line
    x = check_refused(server, data, status)
    assert x.method == method and (target is None or x.target == target)
    assert talk(process, data).split()[1] == b"%d" % status


def test_a_414_and_a_431_say_what_was_too_long_and_of_what(server):
    talk(server, b"POST /here?" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n")
    talk(server, post(b"X: " + b"y" * 70_000 + b"\r\n\r\n"))
    talk(server, post(b"X: y\r\n" * 101 + b"\r\n"))
    assert [x.status for x in server.traffic] == [414, 431, 431]
    assert [x.path for x in server.traffic] == ["/here", "/webhook", "/webhook"]
    assert [x.method for x in server.traffic] == ["POST"] * 3
    assert "request line" in server.traffic[0].error and "headers" in server.traffic[1].error
    assert server.traffic[2].headers["X"] and not server.called


HELLO = bytes.fromhex("16030102000100 01fc0303".replace(" ", "")) + bytes(range(256)) * 2


def test_a_tls_hello_is_answered_at_once_and_kept_as_bytes(server):
    x = check_refused(server, HELLO, 400, end=False)
    assert (x.method, x.target, x.body) == ("?", "/", HELLO)
    assert "https" in x.error


def test_a_browser_that_was_told_https_gets_an_end(server):
    with pytest.raises(requests.exceptions.SSLError):
        requests.post(server.url.replace("http:", "https:"), data=b"x", timeout=5)
    assert "TLS" in server.traffic.wait_for(1)[0].error


@pytest.mark.parametrize(
    ("target", "recorded", "path", "url"),
    [
        ("http://elsewhere/x?y=1", "/x?y=1", "/x", "/x?y=1"),
        ("HTTPS://elsewhere:8443/x", "/x", "/x", "/x"),
        ("http://elsewhere", "/", "/", "/"),
        ("http://elsewhere?y=1", "/?y=1", "/", "/?y=1"),
        ("http://[::1]:80/x", "/x", "/x", "/x"),
        ("//echo", "//echo", "//echo", "//echo"),
        ("//[", "//[", "//[", "//["),
        ("///a//b", "///a//b", "///a//b", "///a//b"),
        ("/?", "/?", "/", "/?"),
    ],
)
def test_a_target_is_recorded_as_what_was_asked_for(server, target, recorded, path, url):
    answer = talk(server, post(b"Content-Length: 1\r\n\r\na", b"POST " + target.encode() + b" HTTP/1.1"))
    assert answer.startswith(b"HTTP/1.1 200")
    (x,) = server.traffic
    assert (x.path, x.url) == (path, server.url + url)
    assert x.target == recorded.rstrip("?")


def test_nothing_but_an_empty_line_is_no_request(server):
    assert talk(server, b"\r\n") == b""
    assert talk(server, b"") == b""
    assert len(server.traffic) == 0


@pytest.mark.parametrize(
    "data",
    [
        post(b"X:" + b" " * 60_000 + b"\x01\r\n\r\n"),
        post(b"X: " + b"y \t" * 20_000 + b"\x01\r\n\r\n"),
        chunked(b"3" + b" \t" * 30_000 + b"x\r\n"),
        chunked(b"3" + b" ;" * 30_000 + b"\x01\r\n"),
        post(b"\r\n", b"GET http://" + b"a:1" * 20_000 + b" HTTP/1.1"),
        post(b"Content-Length: " + b"3," * 30_000 + b"4\r\n\r\n"),
    ],
    ids=["blanks", "blanks in a value", "blanks in a chunk", "many extensions", "a long host", "many lengths"],
)  # fmt: skip
def test_nothing_takes_long_to_refuse(server, data):
    """That is, not longer than `talk` waits: a header of 1,000 blanks once took two seconds, and twice as many 16."""
    assert int(talk(server, data).split()[1]) == 400


# --- The record ---------------------------------------------------------------------------------------------


def test_no_middleware_rewrites_the_record():
    app = load()

    def override(environ, start_response):
        environ["REQUEST_METHOD"] = environ.pop("HTTP_X_HTTP_METHOD_OVERRIDE")
        environ["PATH_INFO"], environ["QUERY_STRING"] = "/elsewhere", "a=1"
        environ["REQUEST_URI"] = environ["RAW_URI"] = "/elsewhere?a=1"
        environ["HTTP_HOST"] = "elsewhere"
        environ["wsgi.input"] = io.BytesIO(b"other")
        return app(environ, start_response)

    app.wsgi_app, kept = ProxyFix(app.wsgi_app, x_prefix=1, x_host=1), app.wsgi_app
    assert kept
    with serve(override, name="receiver") as server:
        headers = {"X-HTTP-Method-Override": "GET", "X-Forwarded-Host": "far", "X-Forwarded-Prefix": "/p"}
        requests.post(server.url + "/here?b=2", data=b"body", headers=headers, timeout=5)
        (x,) = server.traffic
    assert (x.method, x.target, x.body, x.sender) == ("POST", "/here?b=2", b"body", "sender")
    assert x.headers["Host"] == f"127.0.0.1:{server.port}" and headers.items() <= dict(x.raw_headers).items()


def test_headers_are_recorded_as_they_came(server):
    lines = [
        ("host", "x"), ("webhook-SIGNATURE", "v1,a"), ("X-Same", "1"), ("x-same", "2"), ("X_Under", "3"),
        ("X-Empty", ""), ("X-Bytes", "\xe9"), ("X-Tab", "a\tb"), ("content-length", "0"),
    ]  # fmt: skip
    data = "".join(f"{name}: {value} \r\n" for name, value in lines).encode("latin-1")
    talk(server, b"POST / HTTP/1.1\r\n" + data + b"\r\n")
    (x,) = server.traffic
    assert x.raw_headers == tuple(lines)
    assert x.headers["X-SAME"] == "1, 2" and x.headers["x_under"] == "3"
    assert list(x.headers)[1] == "webhook-SIGNATURE"
    for shown in (x.transcript(), x.curl().replace("'", "").replace("-H ", "\n  ")):
        assert "\n  X-Same: 1" in shown and "\n  x-same: 2" in shown and "webhook-SIGNATURE: v1,a" in shown


def test_what_is_recorded_is_what_was_answered():
    """An answer that cannot be put on the wire is a 500 on both sides."""
    answers = [
        ("200 OK", [("X", "line\r\nbreak")]),
        ("200 OK", [("X", "žluť")]),
        ("200 OK", [("X Y", "z")]),
        ("200 OK", [("X", 5)]),
        ("200 Ž", []),
        ("200 OK\r\nX: y", []),
        ("99 Low", []),
        ("102 Processing", []),
        ("2000 High", []),
    ]

    def app(environ, start_response):
        status, headers = answers[int(environ["PATH_INFO"].strip("/"))]
        start_response(status, [*headers, ("Content-Length", "2")] if environ["QUERY_STRING"] else headers)
        return [b"ok"]

    with serve(app, name="receiver") as server:
        for n in range(len(answers)):
            for query in ("", "?length"):
                assert requests.get(f"{server.url}/{n}{query}", timeout=5).status_code == 500
        assert [x.status for x in server.traffic] == [500] * 2 * len(answers)
        assert all(x.error and x.traceback for x in server.traffic)


def test_a_head_has_no_body_and_an_old_client_gets_no_chunks():
    def app(environ, start_response):
        start_response("200 OK", [])
        return [b"pl", b"ain"]

    with serve(app, name="receiver") as server:
        assert talk(server, b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n").endswith(b"\r\n\r\n")
        old = talk(server, b"GET / HTTP/1.0\r\n\r\n")
        assert old.endswith(b"\r\n\r\nplain") and b"chunked" not in old.lower()


def test_a_body_that_is_cut_after_the_record_is_full_is_a_400_of_the_app(server, process):
    data = post(b"Content-Length: 9000\r\n\r\n" + b"x" * 8000)
    large = post(b"Content-Length: 3000000\r\n\r\n" + b"x" * 2_000_000)
    app = Flask("large")
    app.add_url_rule("/webhook", view_func=lambda: request.get_data(), methods=["POST"])

    def bare(environ, start_response):
        environ["wsgi.input"].read()
        raise AssertionError("it was read to an end that is none")

    with serve(app) as flask, serve(bare, name="bare") as plain:
        for receiver, sent in ((process, data), (flask, large), (plain, large)):
            assert talk(receiver, sent).startswith(b"HTTP/1.1 400")
        assert [x.status for x in (*flask.traffic, *plain.traffic)] == [400, 400]
        assert plain.traffic[0].error == "a body shorter than its Content-Length"


PIECES = b"GET|POST| |/|HTTP/1.1|\r\n|\n|\r|\0|:|Host: x|Content-Length: 1".split(b"|")


@given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=5), max_size=20).map(b"".join))
@SETTINGS
def test_whatever_comes_in_place_of_a_request_is_a_head_or_a_refusal(sent):
    head = framing.Head()
    try:
        if head.read(io.BufferedReader(io.BytesIO(sent))):
            head.length()
    except framing.Refusal as refusal:
        assert refusal.code in (400, 501, 505) and refusal.get_response().status_code == refusal.code
    assert head.target.isascii() and head.target.isprintable() and head.method.isprintable()


def test_a_connection_error_of_the_apps_own_is_a_500_and_a_sender_that_is_gone_is_no_news(tmp_path):
    path = tmp_path / "receiver.py"
    path.write_text('def app(environ, start_response):\n    raise ConnectionRefusedError("no database")\n')
    with Process(path) as process:
        assert talk(process, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").startswith(b"HTTP/1.1 500")
    app = load()
    with serve(app) as server:
        with connect(server) as client:
            client.sendall(post(b"Content-Length: 100\r\n\r\nonly this"))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert requests.get(server.url + "/next", timeout=5).status_code == 200
        assert [x.path for x in server.traffic] == ["/next"]


def test_a_handler_that_exits_in_a_process_is_answered(tmp_path):
    path = tmp_path / "receiver.py"
    path.write_text("def app(environ, start_response):\n    raise SystemExit\n")
    with Process(path) as process:
        assert talk(process, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").startswith(b"HTTP/1.1 500")
        assert process.running


def test_what_an_app_says_about_the_connection_is_left_out():
    """A relay that passes on all headers it got says how that answer was cut, which is not how this one is."""
    about = [("Transfer-Encoding", "chunked"), ("Connection", "keep-alive"), ("Keep-Alive", "timeout=5")]

    def app(environ, start_response):
        start_response("200 OK", [*about, ("Content-Length", "4")])
        return [b"body"]

    with serve(app, name="relay") as server:
        head, _, body = talk(server, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").partition(b"\r\n\r\n")
        assert body == b"body" and b"Content-Length: 4\r\nConnection: close" in head
        assert b"chunked" not in head and b"eep-" not in head
