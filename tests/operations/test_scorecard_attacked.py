"""The scorecard before receivers that would hang it, leak through it, or get past it: each is told, and has an end."""

import base64
import contextlib
import hashlib
import hmac
import json
import time
from itertools import count

import pytest
from flask import Flask, Response, request
from scored import LIMIT, SECRET, answers, behaving, correct

from webhook_tutorial import grade, serve
from webhook_tutorial.operations.scorecard.again import again_in_words, command
from webhook_tutorial.show.scorecard import _details
from webhook_tutorial.signing.names import BY_NAME
from webhook_tutorial.signing.providers import Provider

KEY = base64.b64decode(SECRET.removeprefix("whsec_"))


def failed(report):
    return {result.name for result in report.failed}


@contextlib.contextmanager
def behind(before=None, after=None, **how):
    """A correct receiver with something before it, or after it; gives its URL."""
    app = correct(**how)
    if before:
        app.before_request(before)
    if after:
        app.after_request(after)
    with serve(app) as server:
        yield server.url + "/webhook"


# --- Answers that take long to read -------------------------------------------------------------------------


def with_length(body):
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


@pytest.mark.parametrize(
    "body",
    [
        b"\n" * 60_000, b" at " + b"(" * 60_000, b" at " + b"(a" * 30_000, b"/" * 60_000, b"/." * 30_000,
        b'File "' * 10_000, b"go 1" * 15_000, b"A" * 60_000, b"&#" + b"9" * 50_000 + b";",
    ],
    ids=["line ends", "brackets", "both", "slashes", "dots", "files", "versions", "letters", "a number"],
)  # fmt: skip
def test_no_answer_takes_long_to_be_searched(body):
    with behaving(answers(with_length(body))) as url:
        begin = time.monotonic()
        report = grade(url, SECRET, most=60)
        assert time.monotonic() - begin < 10
    assert report["valid"].outcome == "held"


def test_a_chunk_of_a_negative_length_ends_the_body_and_not_the_run():
    with behaving(answers(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nabc\r\n0\r\n\r\n")) as url:
        report = grade(url, SECRET, most=20)
    assert report["valid"].outcome == "held" and report["valid"].words == "200 OK"


# --- Effects that cannot be counted -------------------------------------------------------------------------


@contextlib.contextmanager
def effects_from(number):
    """A URL of effects that answers with what a function returns."""
    app = Flask("effects")
    app.get("/")(lambda: str(number()))
    with serve(app) as server:
        yield server.url


def slow_number():
    time.sleep(4.5)
    return 0


@pytest.mark.parametrize("slow", [False, pytest.param(True, marks=pytest.mark.thorough)], ids=["restless", "slow"])
def test_a_number_that_does_not_rest_is_given_up_once_and_all_else_is_tried(slow):
    rising, asked = count(), []

    def number():
        asked.append(True)
        return (slow_number() if slow else 0) if len(asked) == 1 or slow else next(rising)

    with behind() as url, effects_from(number) as effects:
        begin = time.monotonic()
        report = grade(url, SECRET, effects=effects, limit=LIMIT)
        assert time.monotonic() - begin < 20
    assert report["valid"].outcome == "held" and "Effects were not looked at." in report["valid"].notes[0]
    unseen = {result.name for result in report.by_outcome("cannot be seen")}
    assert unseen == {"duplicate", "same-moment", "forged-first"} and not report.by_outcome("not tried")


def test_a_run_in_which_nothing_valid_was_accepted_is_never_green():
    from webhook_tutorial.operations.scorecard import Report

    with behind() as url:
        report = grade(url, SECRET, most=3)
    others = tuple(one for one in report.results if one.outcome == "held" and one.name != "valid")
    made = Report("http://127.0.0.1/", "Example", True, others, 3, 1.0)
    assert made.grade == 0 and not made.ok


# --- What an answer tells -----------------------------------------------------------------------------------


def fitting():
    text = f"{request.headers.get('webhook-id')}.{request.headers.get('webhook-timestamp')}.".encode()
    return hmac.digest(KEY, text + request.get_data(), hashlib.sha256)


LEAKY = {
    "secret-in-a-header": (lambda answer: answer.headers.set("X-Debug", SECRET), "the secret"),
    "secret-in-the-phrase": (lambda answer: setattr(answer, "status", f"401 {SECRET}"), "the secret"),
    "secret-in-the-body": (lambda answer: answer.set_data(f"the secret is {SECRET}"), "the secret"),
    "bare-secret": (lambda answer: answer.set_data(SECRET.removeprefix("whsec_")), "the secret"),
    "key": (lambda answer: answer.set_data(b"the key is " + KEY), "the secret"),
    "key-in-hex": (lambda answer: answer.set_data(KEY.hex().upper()), "the secret"),
    "signature-in-a-header": (
        lambda answer: answer.headers.set("X-Expected", base64.b64encode(fitting()).decode()),
        "the signature that would have fitted",
    ),
    "signature-in-hex": (lambda answer: answer.set_data(fitting().hex()), "the signature that would have fitted"),
    "signature-escaped": (
        lambda answer: answer.set_data(
            base64.b64encode(fitting()).decode().replace("/", "\\/").replace("=", "\\u003d")
        ),
        "the signature that would have fitted",
    ),
    "traceback-in-a-header": (
        lambda answer: answer.headers.set("X-Error", "Traceback (most recent call last): oh"),
        "a traceback",
    ),
}


@pytest.mark.parametrize("name", LEAKY)
def test_what_is_told_in_any_place_and_form_is_a_leak_and_no_report_repeats_a_secret(name):
    leak, what = LEAKY[name]

    def tell(answer):
        if answer.status_code == 401:
            leak(answer)
        return answer

    with behind(after=tell) as url:
        report = grade(url, SECRET)
    assert failed(report) - {"uniform"} == {"leaks"} and what in report["leaks"].words
    panel = "".join(_details(result) for result in report.results)
    for text in (json.dumps(report.as_dict()), report.as_junit(), report.text(commands=True), panel):
        assert SECRET.removeprefix("whsec_") not in text and KEY.hex() not in text.lower()
        assert KEY.decode() not in text, "what it decodes to"


def test_one_that_repeats_the_headers_it_was_sent_leaks_nothing():
    def tell(answer):
        if answer.status_code == 401:
            answer.set_data(request.headers.get("webhook-signature", "none"))
        return answer

    with behind(after=tell) as url:
        assert "leaks" not in failed(grade(url, SECRET))


def test_a_version_in_a_header_is_a_note_with_its_cure():
    with behaving(answers(b"HTTP/1.1 204 No Content\r\nServer: nginx/1.22.1\r\n\r\n")) as url:
        leaks = grade(url, SECRET, most=5)["leaks"]
    assert leaks.outcome == "held" and "in its body" in leaks.title
    assert leaks.notes == ("The header Server tells a version: nginx leaves it out with server_tokens off.",)


def test_a_secret_in_the_url_stands_in_no_report_and_the_commands_say_that_it_is_missing():
    with behind() as url:
        report = grade(f"{url}?token=hunter2example", SECRET, limit=LIMIT)
    assert report.ok
    panel = "".join(_details(result) for result in report.results)
    commands = "".join(command(result.exchange) for result in report.results if result.exchange)
    for text in (json.dumps(report.as_dict()), report.as_junit(), report.text(commands=True), panel, commands):
        assert "hunter2example" not in text
    assert "token=***" in report.text() and "token=***" in commands
    assert again_in_words(report["cut-length"].exchange).endswith(", with your secret in place of ***:")


def test_a_header_beyond_ascii_is_sent_again_byte_for_byte():
    def crash():
        if not (request.headers.get("webhook-signature") or "").isascii():
            return Response(status=500)
        return None

    with behind(crash) as url:
        words = command(grade(url, SECRET)["odd-headers"].exchange)
    assert words.startswith("python3 -c ") and r"\xe9\xff" in words


# --- Receivers that can be got past -------------------------------------------------------------------------


def taken(when):
    """A fault: what this function of the request is true for is accepted before its signature is looked at."""
    return lambda: Response(status=204) if request.method == "POST" and when() else None


PASSABLE = {
    "another-content-type": (lambda: not request.is_json, "unsigned"),
    "without-an-id": (lambda: "webhook-id" not in request.headers, "unsigned"),
    "without-a-time": (lambda: "webhook-timestamp" not in request.headers, "unsigned"),
    "large": (lambda: 5_000 < (request.content_length or 0) <= LIMIT, "unsigned"),
    "unknown-prefix": (
        lambda: not any(one[:3] == "v1," for one in request.headers.get("webhook-signature", "v1,").split(" ")),
        "wrong-signature",
    ),
    "long-signature": (lambda: len(request.headers.get("webhook-signature", "")) > 4000, "odd-headers"),
    "odd-time": (lambda: not request.headers.get("webhook-timestamp", "1").isdigit(), "odd-headers"),
}


@pytest.mark.parametrize("name", PASSABLE)
def test_one_that_can_be_got_past_fails_the_check_that_shows_it_and_has_no_best_grade(name):
    when, check = PASSABLE[name]
    with behind(taken(when)) as url:
        report = grade(url, SECRET)
    others = {"empty-signature", "odd-headers"} if name == "unknown-prefix" else set()
    assert failed(report) - others == {check}
    assert report.grade <= (89 if report[check].check.points == 3 else 99)


def test_too_many_refusals_are_no_other_refusal():
    """Whoever is limited after some forgeries hears 429, which is a good manner."""
    refused = []

    def limit(answer):
        if answer.status_code == 401:
            refused.append(True)
            if len(refused) > 3:
                answer.status_code = 429
        return answer

    with behind(after=limit) as url:
        report = grade(url, SECRET)
    assert report.grade == 100, report.text()


# --- Odd ids and texts --------------------------------------------------------------------------------------

FRAGILE = {
    "not-utf-8": lambda body, event: body.decode(),
    "64-bits": lambda body, event: isinstance(event["id"], int) and event["id"].to_bytes(8, "big", signed=True),
    "half-a-character": lambda body, event: json.dumps(event, ensure_ascii=False).encode(),
    "an-object": lambda body, event: hash(event["id"]) if isinstance(event["id"], dict) else None,
}


@pytest.mark.parametrize("name", FRAGILE)
def test_what_is_no_text_and_no_small_number_is_tried(name):
    def crash():
        if request.method != "POST" or not request.headers.get("webhook-signature", "").startswith("v1,"):
            return None
        body = request.get_data()
        try:
            event = json.loads(body)
        except (ValueError, RecursionError):
            event = None
        try:
            if name == "not-utf-8" or (isinstance(event, dict) and "id" in event):
                FRAGILE[name](body, event)
        except (UnicodeError, OverflowError, TypeError, RecursionError) as error:
            return Response(status=400 if isinstance(error, RecursionError) else 500)
        return None

    with behind(crash) as url:
        assert failed(grade(url, SECRET)) == {"odd-ids"}


# --- Pauses, and events without an id -----------------------------------------------------------------------


def test_a_pause_between_requests_is_no_slowness_of_the_receiver():
    with behind() as url:
        report = grade(url, SECRET, pause=0.8, patience=0.5, most=6)
    assert report["quick"].words == "each answer within 0.5 s"


def test_discord_can_be_graded_with_effects():
    from test_scorecard import keys_of

    private, public = keys_of(BY_NAME["discord"])
    with behind(dialect=BY_NAME["discord"], secret=public) as url:
        report = grade(url, private, "discord", effects=url.replace("webhook", "effects"), limit=LIMIT)
    assert report.grade == 100 and report["duplicate"].words.endswith("1 effect of 1")


def test_where_nothing_says_which_event_it_is_nobody_is_blamed_for_doing_it_twice():
    dialect = BY_NAME["github"]
    alike = Provider(dialect=dialect, body={"what": "always the same"})
    secret = "an example secret"
    with behind(dialect=dialect, secret=secret) as url:
        report = grade(url, secret, alike, effects=url.replace("webhook", "effects"))
    for name in ("duplicate", "same-moment", "forged-first"):
        assert report[name].outcome == "not applicable"
        assert report[name].words == "Nothing in a sample of GitHub says which event it is."
