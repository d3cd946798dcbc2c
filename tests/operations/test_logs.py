"""The logs: one line for each attempt and receipt, joined by ids and traces, and nothing in it that must not be."""

import io
import json
import logging
from contextlib import contextmanager
from random import Random

import pytest
from flask import Flask, request
from hypothesis import given, settings
from hypothesis import strategies as st

from webhook_tutorial import (
    JsonLines,
    Policy,
    Sender,
    SimulatedClock,
    faults,
    log_attempts,
    log_receipts,
    make_event,
    serve,
)
from webhook_tutorial.clock import START
from webhook_tutorial.operations.logs import MASK, place_of, plain, without_secrets

SECRET = "whsec_" + "QUJD" * 8


@contextmanager
def lines(clock=None, **options):
    """A logger of its own, and the list of the lines that it has written, read, at the end."""
    logger, stream, found = logging.Logger("test"), io.StringIO(), []
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines(clock=clock, **options))
    logger.addHandler(handler)
    yield logger, found
    found += [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.fixture
def receiver():
    app = Flask("receiver")

    @app.post("/hook")
    def hook():
        return "", 204

    return app


def deliver(logger, app, script, url="/hook", event=None, policy=Policy((5, 5)), **options):  # noqa: B008
    clock = SimulatedClock()
    sender = Sender(policy, clock, secret=SECRET, trace=Random(1).randbytes, **options)
    log_attempts(sender, logger)
    log_receipts(app, logger)
    with serve(app) as server, faults(server, script) as proxy, sender:
        sender.send(proxy.url + url, event or make_event("order_placed", {"n": 1}, id="evt_1", timestamp=START))
        sender.run()
    return sender


def test_attempts_and_receipts_are_joined_by_delivery_and_trace(receiver):
    with lines() as (logger, found):
        deliver(logger, receiver, [503, "healthy"])
    failed, receipt, arrived = found
    assert [line["event"] for line in found] == ["attempt", "receipt", "attempt"]
    assert [line["level"] for line in found] == ["warning", "info", "info"]
    assert {line["delivery"] for line in found} == {"evt_1"} and len({line["trace"] for line in found}) == 1
    assert receipt["span"] == arrived["span"] != failed["span"]
    assert (failed["attempt"], failed["status"], failed["outcome"]) == (1, 503, "retry")
    assert failed["next"] == "2026-01-05T09:00:05Z" and failed["event_type"] == "order_placed"
    assert (arrived["attempt"], arrived["status"], arrived["outcome"]) == (2, 204, "delivered")
    assert "next" not in arrived and "error" not in arrived


def test_what_is_sent_as_traceparent_is_what_w3c_says(receiver):
    seen = []

    @receiver.before_request
    def note():
        seen.append(request.headers["traceparent"])

    with lines() as (logger, found):
        sender = deliver(logger, receiver, [503, "healthy"])
    [delivery] = sender.deliveries
    assert seen == [delivery.attempts[1].traceparent] == [f"00-{delivery.trace}-{found[2]['span']}-01"]


def test_without_a_trace_no_such_header_is_sent(receiver):
    seen = []

    @receiver.before_request
    def note():
        seen.append("traceparent" in request.headers)

    with serve(receiver) as server, Sender(Policy(())) as sender:
        sender.send(server.url + "/hook", make_event("a", {}))
        sender.run()
    assert seen == [False]


def test_a_delivery_that_is_given_up_is_an_error_with_its_state(receiver):
    with lines() as (logger, found):
        deliver(logger, receiver, [503, 503, "reset"])
    *_, last, dead = found
    assert (last["error"], last["level"]) == ("connection lost", "warning") and "status" not in last
    assert (dead["event"], dead["level"], dead["state"]) == ("dead letter", "error", "given up")


def test_an_error_of_ours_is_told_by_its_class(receiver, monkeypatch):
    monkeypatch.setattr(Sender, "_headers", lambda *_: {}["ada@example.com"])
    with lines() as (logger, found):
        deliver(logger, receiver, [])
    [dead] = found
    assert (dead["event"], dead["error"]) == ("dead letter", "KeyError")


def test_a_line_has_the_time_of_the_clock_that_it_was_given():
    with lines(SimulatedClock(START + 60)) as (logger, found):
        logger.info("hello")
    assert found == [{"time": "2026-01-05T09:01:00Z", "level": "info", "event": "hello"}]


def test_what_was_not_named_is_not_written():
    with lines(fields=("delivery", "shop")) as (logger, found):
        logger.info("from %s", "Ada", extra={"delivery": "evt_1", "customer": "Ada", "shop": "north", "status": 200})
    [line] = found
    assert {k: v for k, v in line.items() if k not in ("time", "level")} == {
        "event": "from %s",
        "delivery": "evt_1",
        "shop": "north",
    }


def test_an_exception_is_told_by_its_class_and_place_and_not_by_its_text():
    with lines() as (logger, found):
        try:
            raise ValueError("ada@example.com lives in Elm Street")
        except ValueError:
            logger.exception("it failed")
    [line] = found
    assert line["exception"] == "ValueError" and line["raised_in"].startswith("test_an_exception_is_told")
    assert "Elm" not in json.dumps(line) and "ada" not in json.dumps(line)


@pytest.mark.parametrize("message", [ValueError("Ada"), {"customer": "Ada"}, 7, None, b"Ada"])
def test_a_message_that_is_no_text_is_its_class(message):
    with lines() as (logger, found):
        logger.info(message)
    assert found[0]["event"] == type(message).__name__


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        "key_" + "ab" * 24,
        "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        "Bearer abc.def",
        "t=1492774577,v1=5257a869e7ecebeda32affa62cdca3fa51cad7e77a0e56ff536d0ce8e108d8bd",
        "A" * 44,
    ],
)
def test_what_looks_like_a_secret_or_a_signature_is_masked_anywhere(text):
    assert text not in without_secrets(f"it was {text}, they say") and MASK in without_secrets(text)
    assert plain(text) == MASK


@pytest.mark.parametrize("value", ["evt_1", "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W", "order_placed", "127.0.0.1:80", ""])
def test_ids_and_words_are_left_as_they_are(value):
    assert plain(value) == (value or MASK)
    assert plain("given up", in_words=True) == "given up" and plain("given up") == MASK


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://ada:secret@hooks.example:8443/t/AbC?token=1#x", "hooks.example:8443"),
        ("http://hooks.example/", "hooks.example"),
        ("http://[2001:db8::1]:80/", "2001:db8::1:80"),
        ("http://hooks.example:99999/", MASK),
        ("http://[::1", MASK),
    ],
)
def test_of_a_url_the_host_and_the_port_are_told(url, place):
    assert place_of(url) == place


def test_a_strangers_id_is_masked(receiver):
    with lines() as (logger, found):
        log_receipts(receiver, logger)
        receiver.test_client().post("/hook", headers={"webhook-id": "ada@example.com", "traceparent": "Elm Street"})
        receiver.test_client().get("/hook")
        receiver.test_client().post("/nowhere", headers={"webhook-id": "evt_1"})
    assert [(line["delivery"], line["status"], line["level"]) for line in found] == [
        (MASK, 204, "info"),
        ("evt_1", 404, "warning"),
    ]


PERSONAL = st.sampled_from(["ada@example.com", "Ada Lovelace-Byron", "+44 20 7946 0000", "12 Elm Street, London"])


@given(
    person=PERSONAL,
    where=st.sampled_from(["data", "url", "user", "id header", "exception", "type", "answer"]),
    status=st.sampled_from([204, 302, 400, 410, 500]),
)
@settings(max_examples=40, deadline=None, derandomize=True, database=None)
def test_nothing_personal_and_no_secret_is_in_any_line(person, where, status):
    """Whatever the event, its URL, a header, an exception's text or the answer hold."""
    app = Flask("receiver")

    @app.post("/<path:_>")
    def hook(_):
        if where == "exception":
            raise ValueError(person)
        return {"echo": person, "body": request.get_data(as_text=True)}, status

    event = make_event("order_placed", {"customer": person, "email": person}, id="evt_1", timestamp=START)
    if where == "type":
        event["event_type"] = person
    with lines() as (logger, found):
        app.logger.handlers[:] = logger.handlers
        app.logger.propagate = False
        deliver(logger, app, [], url=f"/hook?who={person}" if where == "url" else "/hook", event=event)
        headers = {"webhook-id": person} if where == "id header" else {}
        app.test_client().post("/hook", headers=headers, data=person)
    assert len(found) >= 2
    text = json.dumps(found, ensure_ascii=False)
    assert person not in text and SECRET not in text and SECRET[6:] not in text
    assert "v1," not in text and "whsec" not in text


class Odd:
    def __eq__(self, other):
        raise RuntimeError("no")

    __hash__ = None


@pytest.mark.parametrize(
    "value",
    [
        Odd(),
        [1, 2],
        {"a": 1},
        b"evt_1",
        pytest.param(10**5000, id="a huge number"),
        float("nan"),
        float("inf"),
        "\ud800",
        "a\u2028b",
        object(),
    ],
)
def test_whatever_a_field_holds_the_line_is_written_and_is_json(value, capsys):
    with lines() as (logger, found):
        logger.info("paid by %s", "ada@example.com", extra={"status": value, "delivery": "evt_1"})
    assert (found[0]["status"], found[0]["delivery"]) == (MASK, "evt_1")
    assert capsys.readouterr().err == ""


def test_a_line_is_ascii_and_one():
    record = logging.makeLogRecord({"msg": "a\u2028b\x85\ud800é", "levelname": "INFO"})
    line = JsonLines().format(record)
    assert line.isascii() and len(line.splitlines()) == 1 and json.loads(line)["event"] == "a\u2028b\x85\ud800é"


@pytest.mark.parametrize(
    "text", ["count=%d", "result=%s", "event,delivery lost", "order-7f3c2f0e-6f0b-4c43-9d8f-0d0a7a3b9a11"]
)
def test_what_is_harmless_is_left_as_it_is(text):
    assert without_secrets(text) == text


@pytest.mark.parametrize("text", ["sk_live_exampleexampleexample", "xoxb-example-example", "rk_test_example"])
def test_keys_are_known_by_how_they_begin(text):
    assert text not in without_secrets(f"with {text}")


def test_a_log_that_fails_changes_no_answer(receiver):
    class Full(logging.Filter):
        def filter(self, record):
            raise OSError("no space left")

    logger = logging.Logger("full")
    logger.addFilter(Full())
    log_receipts(receiver, logger)
    assert receiver.test_client().post("/hook").status_code == 204
