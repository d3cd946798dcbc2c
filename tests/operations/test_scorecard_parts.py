"""The parts of the scorecard: a grade, the reports, the wire, and the commands that show something again."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ET

import pytest
from scored import SECRET, answers, behaving, correct, read_request

from webhook_tutorial import grade, serve
from webhook_tutorial.operations.scorecard import Report
from webhook_tutorial.operations.scorecard.again import command
from webhook_tutorial.operations.scorecard.badge import badge
from webhook_tutorial.operations.scorecard.deliveries import Maker
from webhook_tutorial.operations.scorecard.findings import FAILED, HELD, OUTCOMES, Check, Finding, Result
from webhook_tutorial.operations.scorecard.leaks import PATTERNS, plain
from webhook_tutorial.operations.scorecard.target import target
from webhook_tutorial.operations.scorecard.wire import (
    CHUNKED,
    CUT_AFTER_CHUNK,
    CUT_IN_CHUNK,
    SHORT,
    TIMED_OUT,
    Request,
    exchange,
)
from webhook_tutorial.signing import STANDARD_WEBHOOKS
from webhook_tutorial.signing.providers import provider_of

NASTY = "<script>]]>\x00\x1b[31m\ufffe\ud800&"


def result(name, outcome, points=1, words="seen", found=None):
    check = Check(name, "It holds.", "accepts", points, ("04_signatures.ipynb", "Sign the body"), lambda bench: None)
    return Result(check, Finding(outcome, words, found))


def report(*results):
    return Report("http://127.0.0.1:1/", "Example", True, results, len(results), 0.5)


# --- The grade ----------------------------------------------------------------------------------------------

VALID = result("valid", HELD, 3)


@pytest.mark.parametrize(
    ("others", "grade"),
    [
        ([], 100),
        ([(HELD, 3), (HELD, 1)], 100),
        ([(FAILED, 1)], 75),
        ([(FAILED, 3), (HELD, 2)], 62),  # 5 of 8, rounded down
        ([(HELD, 2)] * 300 + [(FAILED, 3)], 89),  # of safety, or a promise
        ([(HELD, 2)] * 300 + [(FAILED, 2)], 99),
        ([(HELD, 2)] * 300 + [("not tried", 3)], 99),
        ([("not applicable", 3), ("cannot be seen", 3)], 100),
        ([("not tried", 1)], 75),
        ([("not counted", 1)], 75),
        ([(HELD, 2)] * 300 + [(FAILED, 1)], 99),
    ],
)
def test_the_grade_is_the_points_held_of_those_that_apply_rounded_down(others, grade):
    made = report(VALID, *(result(f"c{n}", *one) for n, one in enumerate(others)))
    assert made.grade == grade and made.ok is (grade == 100)


@pytest.mark.parametrize("outcome", [one for one in OUTCOMES if one != HELD])
def test_without_an_accepted_valid_delivery_it_is_0(outcome):
    assert report(result("valid", outcome, 3), result("other", HELD, 3)).grade == 0


@pytest.mark.parametrize(("grade", "mark"), [(100, "✓"), (90, "✓"), (89, "!"), (60, "!"), (59, "✗"), (0, "✗")])
def test_the_badge_is_svg_with_a_title_and_tells_its_band_by_a_mark_and_a_colour(grade, mark):
    root = ET.fromstring(badge(grade))
    texts = [element.text for element in root.iter() if element.text]
    assert f"webhook receiver: {grade} of 100" in texts and f"{mark} {grade}/100" in texts
    assert root.get("role") == "img" and root.get("aria-label") == f"webhook receiver: {grade} of 100"


def test_the_bands_of_the_badge_have_colours_of_their_own():
    colours = {ET.fromstring(badge(grade)).find("{*}path").get("fill") for grade in (95, 70, 10)}
    assert len(colours) == 3


# --- The reports --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def graded():
    """A report of a receiver that fails a check, and has notes."""
    app = correct()

    @app.before_request
    def nasty():
        from flask import request

        if request.headers.get("webhook-signature") is None and request.method == "POST":
            return NASTY.encode("utf-8", "surrogatepass"), 500

    with serve(app, "faulty") as server:
        return grade(server.url + "/webhook", SECRET)


def test_the_text_has_failures_first_with_a_lesson_and_perhaps_a_command(graded):
    text, commands = graded.text(), graded.text(commands=True)
    first = text.index("✗ unsigned: A delivery without a signature is refused.")
    assert first < text.index("Accepts what is genuine") and "Seen: 500 Internal Server Error." in text
    assert "Lesson: notebooks/04_signatures.ipynb#Sign-the-body" in text
    assert "curl" not in text and "Again, within 300 s, after which its signature is too old: curl -i -H" in commands


def test_json_holds_it_all(graded):
    found = json.loads(json.dumps(graded.as_dict()))
    assert found["grade"] == graded.grade < 100 and found["ok"] is False and found["counts"]["failed"] == 3
    by_name = {check["name"]: check for check in found["checks"]}
    unsigned = by_name["unsigned"]
    assert unsigned["outcome"] == "failed" and unsigned["answer"]["status"] == 500 and unsigned["points"] == 3
    assert unsigned["curl"].startswith("curl -i ") and unsigned["request"]["method"] == "POST"
    assert unsigned["good_for"] == 300 and by_name["stale"]["good_for"] is None
    assert by_name["leaks"].get("curl") is None and SECRET not in json.dumps(found)


def test_junit_has_a_case_for_each_check(graded):
    suite = ET.fromstring(graded.as_junit()).find("testsuite")
    cases = {case.get("name"): case for case in suite}
    assert len(cases) == int(suite.get("tests")) == len(graded.results)
    assert int(suite.get("failures")) == len(graded.failed) and int(suite.get("skipped")) == 3
    assert "Lesson: notebooks/" in cases["unsigned"].find("failure").text
    assert cases["at-limit"].find("skipped") is not None and cases["valid"].find("failure") is None


def test_what_a_receiver_wrote_breaks_no_report():
    made = report(VALID, result("other", FAILED, words=NASTY))
    suite = ET.fromstring(made.as_junit())
    assert "<script>" in suite.find(".//failure").get("message") and "\x1b" not in made.as_junit()
    json.dumps(made.as_dict()).encode()


# --- The wire -----------------------------------------------------------------------------------------------


def sent(framing, body=b"0123456789"):
    """What arrives of a request that is framed so."""
    came = []

    def behave(connection):
        data = b""
        while piece := connection.recv(65536):
            data += piece
            if framing == CHUNKED and data.endswith(b"0\r\n\r\n"):
                break
        came.append(data)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with behaving(behave) as url:
        found = exchange(target(url), Request(body=body, framing=framing), 5, threading.Event())
    assert found.status == 400
    head, _, rest = came[0].partition(b"\r\n\r\n")
    return head.decode(), rest


@pytest.mark.parametrize(
    ("framing", "header", "body"),
    [
        (CHUNKED, "Transfer-Encoding: chunked", b"4\r\n0123\r\n4\r\n4567\r\n2\r\n89\r\n0\r\n\r\n"),
        (SHORT, "Content-Length: 26", b"0123456789"),
        (CUT_IN_CHUNK, "Transfer-Encoding: chunked", b"1a\r\n0123456789"),
        (CUT_AFTER_CHUNK, "Transfer-Encoding: chunked", b"a\r\n0123456789\r\n"),
    ],
)
def test_a_body_is_framed_and_cut_byte_for_byte(framing, header, body):
    head, rest = sent(framing)
    assert header in head.split("\r\n") and rest == body


def test_an_answer_is_read_although_not_all_is_sent():
    """So a receiver that refuses a large body early is heard."""
    body = b"x" * 30_000_000

    def behave(connection):
        connection.recv(10)
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        time.sleep(0.5)  # nothing more is read

    with behaving(behave) as url:
        found = exchange(target(url), Request(body=body), 10, threading.Event())
    assert found.status == 413 and found.seconds < 5


def test_there_is_a_deadline_for_the_whole_of_it():
    def behave(connection):
        read_request(connection)
        while True:
            connection.sendall(b"H")
            time.sleep(0.05)

    with behaving(behave) as url:
        found = exchange(target(url), Request(), 0.4, threading.Event())
    assert found.status is None and found.why == TIMED_OUT and 0.3 < found.seconds < 3


# --- Again --------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not shutil.which("curl") or sys.platform == "win32", reason="curl and a POSIX shell are needed")
def test_each_command_does_the_same_again():
    """Every request of a run, run by a shell, gets the answer that it got (but those that have grown too old)."""
    with serve(correct()) as server:
        report = grade(server.url + "/webhook", SECRET, limit=50_000)
        for result in report.results:
            if result.exchange is None or result.name in ("duplicate", "slow-clients"):
                continue
            words = command(result.exchange)
            done = subprocess.run(
                ["sh", "-c", words.replace("python3 -c", f"{shlex.quote(sys.executable)} -c")],
                capture_output=True,
                timeout=30,
            )
            statuses = re.findall(rb"^HTTP/1.1 (\d{3})", done.stdout, re.MULTILINE)
            assert ("-H 'Transfer-Encoding: chunked'" in words) is (result.name in ("chunked", "over-limit-chunked"))
            assert statuses[-1] == b"%d" % result.exchange.status, (result.name, words[:300], done.stderr)


# --- What is made -------------------------------------------------------------------------------------------


def test_a_long_id_and_a_deep_body_are_written_short():
    maker = Maker(provider_of(STANDARD_WEBHOOKS), SECRET, "http://127.0.0.1:1/")
    made = maker.delivery(write=lambda event: event.with_raw("[" * 9000 + "]" * 9000)).request()
    with behaving(answers(b"HTTP/1.1 200 OK\r\n\r\n")) as url:
        words = command(exchange(target(url), made, 5, threading.Event()))
    assert 'b"[" * 9000' in words and len(words) < 1500


def test_an_id_is_new_in_each_delivery_and_the_same_in_each_attempt():
    maker = Maker(provider_of(STANDARD_WEBHOOKS), SECRET, "http://127.0.0.1:1/")
    ids = {json.loads(maker.delivery().body)["id"] for _ in range(100)}
    event = maker.event()
    same = {json.loads(maker.delivery(event, at=at).body)["id"] for at in (-2, 0)}
    assert len(ids) == 100 and same == {event.id}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("Traceback (most recent call last):\n", "a traceback"),
        ('File "/srv/app/receiver.py", line 12, in receive', "a traceback"),
        ("Error<br> &nbsp; &nbsp;at handler (/srv/app/server.js:18:11)<br>", "a traceback"),
        ("goroutine 7 [running]:", "a traceback"),
        ("KeyError: 'id'", "the class of an exception"),
        ("java.lang.NullPointerException", "the class of an exception"),
        ("<center>nginx/1.22.1</center>", "a version"),
        ("Werkzeug/3.1.3 Python/3.12.1", "a version"),
    ],
)
def test_a_leak_is_found(text, what):
    assert what in [name for name, pattern in PATTERNS.items() if pattern.search(plain(text))]


@pytest.mark.parametrize(
    "text",
    [
        "", "ok", '{"error": "unauthorized"}', "Internal Server Error", "400 Bad Request",
        '{"error": "ValidationFailed"}',
        "<!doctype html><title>405 Method Not Allowed</title><p>The method is not allowed for the requested URL.</p>",
        "at 10:30 we were here", "Go to /docs/errors", '{"request": "evt_1.2.3", "time": "2026-12-01T03:16:59.123Z"}',
        "nginx", "no exception is made", "version 2",
    ],
)  # fmt: skip
def test_an_ordinary_answer_is_no_leak(text):
    assert [name for name, pattern in PATTERNS.items() if pattern.search(plain(text))] == []
