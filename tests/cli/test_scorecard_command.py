"""`scorecard` on the command line, and a dialect of one's own in a file, for every command that takes one."""

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest
from scored import correct
from tools import SECRETS, WHSEC, run, run_process

from webhook_tutorial import Dialect, serve
from webhook_tutorial.cli.listen import receiver

SECRET = SECRETS["STRIPE_SECRET"]


@pytest.fixture
def strict():
    """A receiver that passes every check."""
    with serve(correct(secret=SECRET)) as server:
        yield server.url


def test_a_correct_receiver_ends_with_0(strict):
    shown = run("scorecard", strict + "/webhook", "--secret-env", "STRIPE_SECRET", "--limit", "50000")
    assert shown.exit_code == 0, shown.output
    assert f"Scorecard of {strict}/webhook, signed as Standard Webhooks signs\n100/100: 42 held\n" in shown.stdout
    assert shown.stderr.splitlines()[0] == "held           valid" and len(shown.stderr.splitlines()) == 42


def test_one_that_takes_all_ends_with_1_and_says_what_shows_it_again(tmp_path):
    junit, badge = tmp_path / "report.xml", tmp_path / "badge.svg"
    with serve(receiver(204), "takes all") as server:
        shown = run(
            "scorecard", server.url, "--secret-env", "STRIPE_SECRET", "--most", "60", "--junit", junit, "--badge", badge
        )
    assert shown.exit_code == 1
    assert "✗ unsigned: A delivery without a signature is refused." in shown.stdout
    assert "Again" in shown.stdout and "curl -i -H" in shown.stdout and WHSEC not in shown.output
    assert ET.parse(junit).find("testsuite").get("failures") != "0"
    assert "webhook receiver: " in ET.parse(badge).getroot()[0].text


def test_json_is_one_object_and_nothing_else(strict):
    shown = run_process(
        "scorecard", strict + "/webhook", "--secret-env", "STRIPE_SECRET", "--json", "--effects", strict + "/effects"
    )
    assert shown.returncode == 0 and shown.stderr == ""
    assert json.loads(shown.stdout)["grade"] == 100 and len(shown.stdout.splitlines()) == 1


def test_what_was_not_tried_ends_with_1(strict):
    shown = run("scorecard", strict + "/webhook", "--secret-env", "STRIPE_SECRET", "--most", "5")
    assert shown.exit_code == 1 and "5 requests had been sent, which was the most" in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ftp://127.0.0.1/"], "The scheme is one of"),
        (["http://user:pass-example@127.0.0.1/"], "no user and no password"),
        (["http://192.0.2.1/"], "--i-own-this-host"),
        (["http://127.0.0.1:1/", "--secret-env", "GITHUB_SECRET"], "must begin with whsec_"),
        (["http://127.0.0.1:1/", "--patience", "hunter2"], "it must be a number of seconds from 0.1 to 30."),
        (["http://127.0.0.1:1/", "--patience", "nan"], "it must be a number of seconds"),
        (["http://127.0.0.1:1/", "--pause", "-1"], "it must be a number of seconds from 0 to 60."),
        (["http://127.0.0.1:1/", "--limit", "10"], "it must be a whole number from 1000 to 100000000."),
        (["http://127.0.0.1:1/", "--effects", "http://127.0.0.1:1/"], "must answer a GET with 200"),
        (["http://127.0.0.1:1/", "--dialect", "hunter2"], "no such dialect. Known are: "),
        (["http://127.0.0.1:1/", "--badge", "."], "'--badge'"),
    ],
)
def test_wrong_use_ends_with_2_and_repeats_no_word(arguments, words):
    shown = run("scorecard", *arguments)
    assert shown.exit_code == 2 and words in " ".join(shown.output.split())
    assert "hunter2" not in shown.output and "pass-example" not in shown.output


HOW = ["--secret-env", "STRIPE_SECRET", "--most", "3"]


@pytest.mark.parametrize("option", ["--junit", "--badge"])
def test_a_folder_that_is_not_there_is_told_before_anything_is_sent(option, tmp_path):
    with serve(correct(secret=SECRET)) as server:
        shown = run("scorecard", server.url + "/webhook", *HOW, option, tmp_path / "hunter2" / "file")
        assert len(server.traffic) == 0
    assert shown.exit_code == 2 and f"The folder of the {option} file is not there." in shown.output
    assert "hunter2" not in shown.output


def test_a_file_that_cannot_be_written_takes_no_other_report_with_it(tmp_path):
    """It becomes a folder while the run goes on, which even root cannot write to."""
    junit, badge, app = tmp_path / "report.xml", tmp_path / "badge.svg", correct(secret=SECRET)
    app.before_request(lambda: junit.mkdir(exist_ok=True))
    with serve(app) as server:
        shown = run("scorecard", server.url + "/webhook", *HOW, "--junit", junit, "--badge", badge)
    assert shown.exit_code == 2 and "The --junit file cannot be written: " in shown.output
    assert f"Scorecard of {server.url}/webhook" in shown.output and "<svg" in badge.read_text(encoding="utf-8")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
def test_a_full_disk_is_told_and_the_files_are_there(strict, tmp_path):
    junit = tmp_path / "report.xml"
    command = [sys.executable, "-m", "webhook_tutorial", "scorecard", strict + "/webhook", *HOW, "--junit", junit]
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, env=os.environ | {"STRIPE_SECRET": SECRET}, timeout=60
        )
    assert done.returncode == 2 and b"The report cannot be printed: No space left" in done.stderr
    assert b"Traceback" not in done.stderr and ET.parse(junit)


# --- A dialect in a file ------------------------------------------------------------------------------------

FIELDS = {
    "name": "Parcel Example",
    "signature": "X-Parcel-Signature",
    "prefix": "s1=",
    "timestamp": "X-Parcel-Time",
    "time_format": "milliseconds",
    "signed": "{timestamp}:{body}",
    "encoding": "hex",
    "max_age": 300,
}
SAMPLE = {"body": {"event": {"id": "pcl_{now}", "kind": "parcel.sent"}}, "id": "event.id", "type": "event.kind"}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "parcel.json"
    path.write_text(json.dumps(FIELDS | {"sample": SAMPLE}), encoding="utf-8")
    return path


def test_send_sends_its_sample_or_another_event_and_listen_and_doctor_verify_it(file, listening, tmp_path):
    kept, own = tmp_path / "kept.jsonl", tmp_path / "own.json"
    own.write_bytes(b'{"own": 1}')
    how = ["--dialect", str(file), "--secret-env", "GITHUB_SECRET"]
    listen = listening(*how, "--file", str(kept), "--count", "3")
    for more in ([], ["--event", "user_signup"], ["--data", str(own)]):
        sent = run("send", listen.url + "/webhook", *how, *more)
        assert sent.exit_code == 0, sent.output
    assert listen.process.wait(60) == 0, listen.text()
    assert listen.text().count("verified: Parcel Example") == 3
    bodies = [json.loads(line)["body"] for line in kept.read_text(encoding="utf-8").splitlines()]
    assert "parcel.sent" in bodies[0] and "user_signup" in bodies[1] and bodies[2] == '{"own": 1}'
    found = run("doctor", "--delivery", kept, "--number", 1, *how)
    assert found.exit_code == 0, found.output
    unsigned = run("send", listen.url, "--dialect", file)
    assert unsigned.exit_code == 1 and "Not signed" in unsigned.output


def test_an_event_that_a_file_has_not_is_told(file):
    refused = run("send", "http://127.0.0.1:1/", "--dialect", file, "--event", "push")
    assert refused.exit_code == 2
    assert "A dialect from a file has one sample: leave --event out." in " ".join(refused.output.split())


def test_send_says_that_a_body_of_ones_own_cannot_hold_a_signature(tmp_path):
    file, own = tmp_path / "mail.json", tmp_path / "own.json"
    inside = {
        "signature": "json:signature.signature",
        "id": "json:signature.token",
        "timestamp": "json:signature.timestamp",
    }
    fields = inside | {"name": "Mail Example", "signed": "{timestamp}{id}", "body_unsigned": True, "encoding": "hex"}
    sample = {"body": {"signature": {"token": "{now}"}, "event": "opened"}, "id": "signature.token", "type": "event"}
    file.write_text(json.dumps(fields | {"sample": sample}), encoding="utf-8")
    own.write_text("[]", encoding="utf-8")
    shown = run("send", "http://127.0.0.1:1/", "--dialect", file, "--secret-env", "STRIPE_SECRET", "--data", own)
    assert shown.exit_code == 2 and "Mail Example" in shown.output


@pytest.mark.parametrize("name", ["scorecard", "send", "listen", "doctor"])
def test_a_file_that_describes_no_dialect_is_told_by_each(name, tmp_path):
    file = tmp_path / "bad.json"
    file.write_text(json.dumps(FIELDS | {"colour": "red"}), encoding="utf-8")
    words = {"scorecard": ["http://127.0.0.1:1/"], "send": ["http://127.0.0.1:1/"], "listen": [], "doctor": []}[name]
    refused = run(name, *words, "--dialect", file)
    assert refused.exit_code == 2
    assert "the file describes no dialect. A dialect has no field 'colour'." in " ".join(refused.output.split())


def test_a_receiver_of_that_dialect_has_full_marks_and_one_that_reads_seconds_does_not(file):
    dialect = Dialect(**FIELDS)

    secret = SECRETS["GITHUB_SECRET"]
    seconds = Dialect(**FIELDS | {"time_format": "seconds"})
    how = ["--dialect", file, "--secret-env", "GITHUB_SECRET"]
    with serve(correct(dialect, secret)) as server:
        assert run("scorecard", server.url + "/webhook", *how).exit_code == 0
    with serve(correct(seconds, secret)) as server:
        shown = run("scorecard", server.url + "/webhook", *how)
    # Milliseconds that are read as seconds lie far ahead of every clock, and this dialect has no limit to that side.
    assert shown.exit_code == 1 and "✗ stale" in shown.output and shown.output.count("\n✗ ") == 2


@pytest.mark.parametrize("attempt", ["X-Parcel-Attempt", "header:X-Parcel-Attempt"])
def test_the_header_of_attempts_may_be_written_as_other_headers_are(attempt, tmp_path):
    file = tmp_path / "parcel.json"
    file.write_text(json.dumps(FIELDS | {"sample": SAMPLE | {"attempt": attempt}}), encoding="utf-8")
    with serve(correct(Dialect(**FIELDS), SECRETS["GITHUB_SECRET"])) as server:
        run("scorecard", server.url + "/webhook", "--dialect", file, "--secret-env", "GITHUB_SECRET", "--most", "2")
        sent = [one.headers.get("X-Parcel-Attempt") for one in server.traffic]
    assert len(set(sent)) == 2 and None not in sent


@pytest.mark.parametrize(
    ("fields", "sample", "words"),
    [
        ({"name": "Parcel\nExample"}, {}, "name must be text on one line"),
        ({}, {"body": {"id": "\ud800"}}, "body of the sample must be an object whose texts are whole characters"),
        ({}, {"headers": {"Content-Length": "1"}}, "Content-Length is written by whoever sends a request"),
        ({"signature": "Transfer-Encoding"}, {}, "Transfer-Encoding is written by whoever sends a request"),
    ],
)
def test_a_file_that_would_break_a_report_or_a_request_is_told(fields, sample, words, tmp_path):
    file = tmp_path / "bad.json"
    file.write_text(json.dumps(FIELDS | fields | {"sample": SAMPLE | sample}), encoding="utf-8")
    refused = run("scorecard", "http://127.0.0.1:1/", "--dialect", file)
    assert refused.exit_code == 2 and words in " ".join(refused.output.split())
