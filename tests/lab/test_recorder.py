"""Recorder: what it keeps of an app's requests and answers, on any WSGI server: here on none, without a socket."""

import io
import threading
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest
from flask import Flask, request
from werkzeug.test import Client

from webhook_tutorial.lab.exchange import RECORDED_BYTES
from webhook_tutorial.lab.recorder import Recorder
from webhook_tutorial.lab.running import sending_as

URL = "http://127.0.0.1:1"
SCRIPT = {"SCRIPT_NAME": "/shop", "PATH_INFO": "/café é".encode().decode("latin-1"), "QUERY_STRING": "a=%2F"}


def record(app, name="receiver"):
    """A recorder around an app, and a client that calls it."""
    recorder = Recorder(app, name, URL)
    return recorder, Client(recorder)


def flask_app():
    app = Flask("receiver")
    app.config["MAX_CONTENT_LENGTH"] = 2 * RECORDED_BYTES

    @app.route("/", defaults={"path": ""}, methods=["GET", "POST"])
    @app.route("/<path:path>", methods=["GET", "POST"])
    def echo(path):
        return request.get_data()

    @app.post("/boom")
    def boom():
        request.environ["wsgi.errors"].write("it goes wrong")
        raise ZeroDivisionError("the handler broke")

    return app


def environ_of(body=b"", **more):
    """A request as the plainest server would give it: its input does not end with the body."""
    environ = {"REQUEST_METHOD": "POST", "CONTENT_LENGTH": str(len(body)), **more}
    environ["wsgi.input"] = io.BytesIO(body + b"what follows on the connection")
    setup_testing_defaults(environ)
    return environ


def stream(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"first"
    yield b"second"


def test_a_request_and_its_answer_are_kept():
    recorder, client = record(flask_app())
    answer = client.post("/webhook?a=1", data=b'{"event_type": "x"}', headers={"X-Signature": "t=1"})
    assert answer.data == b'{"event_type": "x"}'
    (x,) = recorder.traffic
    assert (x.method, x.url, x.body, x.event_type) == ("POST", URL + "/webhook?a=1", answer.data, "x")
    assert (x.status, x.response_body, x.error, x.log) == (200, answer.data, "", "")
    assert x.headers["x-signature"] == "t=1" and x.headers["content-length"] == "19"
    assert (x.sender, x.receiver, x.recorded_by) == ("sender", "receiver", "receiver")
    assert x.raw_headers == ()  # as they crossed the wire, only the server knows


@pytest.mark.parametrize("target", ["/a%2Fb?c=%20d", "/caf%C3%A9", "/", "/?a"])
def test_the_target_is_the_one_that_was_sent_where_the_server_tells(target):
    recorder, client = record(flask_app())
    client.get(target)
    assert recorder.traffic[0].target == target


def test_the_target_is_put_together_where_the_server_does_not_tell():
    recorder = Recorder(stream, "receiver", URL)
    list(recorder(environ_of(**SCRIPT), lambda *_: None))
    assert recorder.traffic[0].target == "/shop/caf%C3%A9%20%C3%A9?a=%2F"


def test_a_body_ends_where_its_length_says():
    got = []

    def app(environ, start_response):
        got.append(environ["wsgi.input"].read())
        start_response("204 No Content", [])
        return []

    recorder = Recorder(app, "receiver", URL)
    for body in (b"", b"body", b"x" * (RECORDED_BYTES + 5)):
        list(recorder(environ_of(body), lambda *_: None))
        assert got.pop() == body and recorder.traffic[-1].body == body[:RECORDED_BYTES]


def test_a_body_of_no_length_is_taken_to_its_end_if_the_server_says_that_it_has_one():
    environ = environ_of() | {"wsgi.input": io.BytesIO(b"chunks"), "wsgi.input_terminated": True}
    del environ["CONTENT_LENGTH"]
    recorder = Recorder(flask_app(), "receiver", URL)
    assert b"".join(recorder(environ, lambda *_: None)) == b"chunks" == recorder.traffic[0].body


def test_an_exception_is_a_recorded_500():
    recorder, client = record(flask_app())
    assert client.post("/boom", data=b"kept").status_code == 500
    (x,) = recorder.traffic
    assert (x.status, x.error, x.body) == (500, "ZeroDivisionError", b"kept")
    assert "in boom" in x.traceback and x.log == "it goes wrong"


@pytest.mark.parametrize(
    "status", ["+200 OK", "2_00 OK", "0200 OK", "20 OK", "２００ OK", "two hundred", "", "200 OK\r\nX: y"]
)
def test_a_status_is_three_digits_and_anything_else_is_a_recorded_500(status):
    def app(environ, start_response):
        start_response(status, [("Content-Length", "0")])
        return []

    recorder, told = Recorder(app, "receiver", URL), []
    list(recorder(environ_of(), lambda *args: told.append(args[0])))
    assert told == ["500 Internal Server Error"]
    assert [(x.status, x.error) for x in recorder.traffic] == [(500, "ValueError")]


def test_what_cannot_be_kept_is_not_answered_and_not_in_the_traffic():
    def keep(exchange):
        if exchange.body == b"too much":
            raise OSError("the disk is full")
        kept.append(exchange)

    kept = []
    recorder = Recorder(flask_app(), "receiver", URL, keep)
    assert b"".join(recorder(environ_of(b"body"), lambda *_: None)) == b"body"
    with pytest.raises(OSError, match="the disk is full"):
        next(recorder(environ_of(b"too much"), lambda *_: None))
    assert [x.body for x in kept] == [x.body for x in recorder.traffic] == [b"body"] and not recorder.busy


def test_an_answer_of_known_length_is_kept_before_any_of_it_leaves():
    recorder = Recorder(flask_app(), "receiver", URL)
    answer = recorder(environ_of(b"body"), lambda *_: None)
    assert next(answer) == b"body" and len(recorder.traffic) == 1
    answer.close()
    assert len(recorder.traffic) == 1


def test_a_stream_passes_piece_by_piece_and_is_kept_as_far_as_it_was_asked_for():
    recorder = Recorder(stream, "receiver", URL)
    answer = recorder(environ_of(), lambda *_: None)
    assert next(answer) == b"first" and len(recorder.traffic) == 0
    answer.close()
    assert [(x.status, x.response_body, x.error) for x in recorder.traffic] == [(200, b"first", "")]


@pytest.mark.parametrize("app", [stream, flask_app(), None], ids=["a stream", "whole", "broken"])
def test_it_is_busy_on_its_thread_until_its_answer_has_been_sent(app):
    recorder, me = Recorder(app, "receiver", URL), threading.current_thread()
    answer = recorder(environ_of(), lambda *_: None)
    for _ in answer:
        assert recorder.busy == {me}
    assert not recorder.busy
    answer = recorder(environ_of(), lambda *_: None)
    next(answer)
    assert recorder.busy == {me}
    in_another = threading.Thread(target=answer.close)
    in_another.start()
    in_another.join()
    assert not recorder.busy


def test_what_an_app_does_to_its_environ_is_not_in_the_record():
    app = flask_app()

    def override(environ, start_response):
        environ |= {"REQUEST_METHOD": "GET", "PATH_INFO": "/other", "RAW_URI": "/other", "HTTP_X": "other"}
        return app(environ, start_response)

    recorder, client = record(override)
    client.post("/here", headers={"X": "as it came"})
    (x,) = recorder.traffic
    assert (x.method, x.path, x.headers["X"]) == ("POST", "/here", "as it came")


def test_all_of_an_app_sends_under_its_name_and_nobody_else_does():
    """Also the app's stream, between whose pieces whoever reads them is at work."""
    seen = []

    class Pieces:
        def __iter__(self):
            for piece in (b"a", b"b"):
                seen.append(sending_as.get())
                yield piece

        def close(self):
            seen.append(sending_as.get())

    def app(environ, start_response):
        seen.append(sending_as.get())
        start_response("200 OK", [])
        return Pieces()

    recorder = Recorder(app, "bank", URL)
    for _ in recorder(environ_of(), lambda *_: None):
        assert sending_as.get() == ""
    assert seen == ["bank"] * 4 and sending_as.get() == ""


def test_it_may_stand_around_an_app_that_is_recorded_too():
    inner = Recorder(flask_app(), "inner", URL)
    outer, client = record(inner, "outer")
    assert client.post("/", data=b"body").data == b"body"
    assert [(x.receiver, x.body) for x in (*inner.traffic, *outer.traffic)] == [("inner", b"body"), ("outer", b"body")]


def whole(environ, start_response):
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


@pytest.mark.parametrize("app", [whole, stream])
def test_it_keeps_to_wsgi_on_both_of_its_sides(app):
    recorder = Recorder(validator(app), "receiver", URL)
    environ, told = environ_of(b"body") | {"SCRIPT_NAME": "", "PATH_INFO": "/", "QUERY_STRING": ""}, []
    answer = validator(recorder)(environ, lambda *args: told.append(args))
    assert b"".join(answer) in (b"body", b"firstsecond")
    answer.close()
    assert told[0][0] == "200 OK" and recorder.traffic[0].body == b"body"
