"""The scorecard: a correct receiver has full marks in any dialect, and whatever one does, the run ends with words.

Receivers with one planted fault each are graded in test_scorecard_receivers.py.
"""

import _thread
import base64
import json
import os
import signal
import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest
from flask import Flask, request
from scored import LIMIT, SECRET, answers, behaving, correct, for_ever, read_request
from support import ROOT

from webhook_tutorial import grade, serve
from webhook_tutorial.operations.scorecard.bench import Bench
from webhook_tutorial.operations.scorecard.findings import GROUPS, HELD, NOT_APPLICABLE
from webhook_tutorial.operations.scorecard.run import CHECKS
from webhook_tutorial.operations.scorecard.target import Target
from webhook_tutorial.signing.names import BY_NAME


def outcomes(report, *wanted):
    return {result.name for result in report.by_outcome(*wanted)}


def keys_of(dialect):
    """A secret to sign with in a dialect, and the one to verify with."""
    if dialect.method != "ed25519":
        data = b"an example secret, long enough"
        text = {"text": data.decode(), "base64": base64.b64encode(data).decode(), "hex": data.hex()}[dialect.key]
        return dialect.key_prefix + text, dialect.key_prefix + text
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    write = bytes.hex if dialect.key == "hex" else lambda data: base64.b64encode(data).decode()
    seed = b"example " * 4
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    return dialect.private_prefix + write(seed), dialect.key_prefix + write(public)


# --- A correct receiver -------------------------------------------------------------------------------------

QUICK = ["standard-webhooks", "github", "twilio", "mailgun", "linear"]


@pytest.mark.parametrize(
    "name", [*QUICK, *(pytest.param(name, marks=pytest.mark.thorough) for name in BY_NAME if name not in QUICK)]
)
def test_a_correct_receiver_has_full_marks_in_any_dialect(name):
    dialect = BY_NAME[name]
    private, public = keys_of(dialect)
    with serve(correct(dialect, public, reads_json=name != "twilio")) as server:
        report = grade(server.url + "/webhook?a=b", private, name, limit=LIMIT)
    assert report.grade == 100 and report.ok
    assert outcomes(report, HELD, NOT_APPLICABLE) == {check.name for check in CHECKS}
    applicable = outcomes(report, HELD)
    assert {"valid", "duplicate", "unsigned", "wrong-signature", "cut-length", "burst", "slow-clients"} <= applicable
    assert ("stale" in applicable) is (dialect.max_age is not None)
    assert ("future" in applicable) is (dialect.max_ahead is not None)
    assert ("tampered-id" in applicable) is ("id" in dialect.places)


def test_with_effects_it_is_seen_that_each_event_is_done_once_and_nothing_else():
    app = correct()
    with serve(app) as server:
        report = grade(server.url + "/webhook", SECRET, effects=server.url + "/effects")
    assert report.grade == 100 and report["duplicate"].words.endswith("1 effect of 1")
    assert report["same-moment"].words.endswith("5 effects of 5")
    assert outcomes(report, "cannot be seen") == {"at-limit", "over-limit", "over-limit-chunked"}


def test_the_text_is_the_same_in_every_run_and_tells_what_cannot_be_seen():
    told = []
    with serve(correct()) as server:
        first = grade(server.url + "/webhook", SECRET, tell=told.append)
        second = grade(server.url + "/webhook", SECRET)
    assert str(first) == str(second) and "What cannot be seen from outside: " in str(first)
    assert "Whether it was done once cannot be seen without a URL that counts effects: --effects." in str(first)
    assert tuple(told) == first.results and [result.check for result in told] == [*CHECKS]


def test_it_is_answered_in_less_than_five_seconds_and_by_a_bounded_number_of_requests():
    with serve(correct()) as server:
        begin = time.monotonic()
        report = grade(server.url + "/webhook", SECRET, limit=LIMIT)
        assert time.monotonic() - begin < 5
        assert 150 < report.requests < 200
        few = grade(server.url + "/webhook", SECRET, most=12)
    assert few.requests == 12 and not few.ok and 0 < few.grade < 100
    assert "12 requests had been sent" in few["still-there"].words


def test_there_is_a_pause_between_requests():
    times = []

    def app(environ, start):
        times.append(time.monotonic())
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        start("204 No Content", [])
        return []

    with serve(app, "receiver") as server:
        grade(server.url, SECRET, pause=0.1, most=3)  # the next two arrive at the same moment, on purpose
    assert len(times) == 3 and min(b - a for a, b in pairwise(times)) > 0.05


def test_a_host_that_is_not_this_computer_has_a_pause_always():
    here = Target("http://127.0.0.1/", "http", "127.0.0.1", 80, ("127.0.0.1",), "/")
    there = Target("http://192.0.2.1/", "http", "192.0.2.1", 80, ("192.0.2.1",), "/")
    assert Bench(here, None).pause == 0 and Bench(there, None).pause == 0.1 and Bench(there, None, pause=2).pause == 2


# --- What a check is ----------------------------------------------------------------------------------------


def test_each_check_has_a_group_points_and_a_lesson_that_is_there():
    assert len({check.name for check in CHECKS}) == len(CHECKS)
    for check in CHECKS:
        assert check.group in GROUPS and check.points in (1, 2, 3) and check.title.endswith(".")
        file, heading = check.lesson
        cells = json.loads(Path(ROOT / "notebooks" / file).read_text(encoding="utf-8"))["cells"]
        lines = [
            line for cell in cells if cell["cell_type"] == "markdown" for line in "".join(cell["source"]).split("\n")
        ]
        assert any(line.lstrip("#").strip() == heading for line in lines if line.startswith("#")), check.lesson


# --- Secrets and providers ----------------------------------------------------------------------------------


def test_without_a_secret_nothing_is_signed_and_the_report_says_what_follows():
    taken = Flask("takes all")
    taken.post("/webhook")(lambda: ({"got": request.get_json(force=True, silent=True) is not None}, 200))
    with serve(taken) as server:
        report = grade(server.url + "/webhook")
    assert report["valid"].outcome == HELD and "No secret was given" in report["valid"].notes[0]
    assert {"unsigned", "wrong-signature", "tampered-body", "stale"} <= outcomes(report, "failed")
    assert "not signed: no secret was given" in str(report) and report.grade < 70
    assert "without --effects" in report["unsigned"].words


def test_while_nothing_valid_is_accepted_refusals_earn_nothing():
    with serve(correct()) as server:
        report = grade(server.url + "/webhook", "whsec_" + "b" * 32, limit=LIMIT)
    assert report.grade == 0 and outcomes(report, "failed") == {"valid"}
    assert report["valid"].words == "401 Unauthorized: is the secret the receiver's, and the dialect?"
    assert outcomes(report, HELD) == set() and report["unsigned"].outcome == "not counted"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        pytest.param(404, "is the path", marks=pytest.mark.thorough),
        pytest.param(405, "is the path", marks=pytest.mark.thorough),
        (301, "a redirect is not followed"),
        pytest.param(500, "500 Internal Server Error", marks=pytest.mark.thorough),
    ],
)
def test_a_valid_delivery_that_is_refused_has_words_that_help(status, words):
    with serve(lambda environ, start: [start(f"{status} No", [])][:0], "no") as server:
        report = grade(server.url, SECRET)
    assert report.grade == 0 and words in report["valid"].words


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"url": "ftp://127.0.0.1/"}, "The scheme is one of http, https."),
        ({"url": "127.0.0.1:8000"}, "The URL cannot be used"),
        ({"url": "http://user:password-example@127.0.0.1/"}, "no user and no password"),
        ({"url": "http://127.0.0.1:0/"}, "The port"),
        ({"url": "http://127.1/"}, "written in full"),
        ({"url": "http://example.com/"}, "has no address|not this computer"),
        ({"url": "http://192.0.2.1/"}, "not this computer: .* --i-own-this-host"),
        ({"url": ""}, "The URL cannot be used"),
        ({"secret": "not a whsec"}, "must begin with whsec_"),
        ({"secret": "whsec_"}, "empty"),
        ({"provider": "hub"}, "no dialect 'hub'"),
        ({"provider": 7}, "provider must be"),
        ({"patience": 0}, "patience must be a number from 0.1 to 30"),
        ({"patience": float("nan")}, "patience must be"),
        ({"limit": 10.5}, "limit must be a number|limit must be a whole"),
        ({"most": 1.5}, "most must be a whole number"),
        ({"effects": "http://192.0.2.1/"}, "not this computer"),
        ({"effects": "http://127.0.0.1:1/"}, "must answer a GET with 200 and a whole number.*connection refused"),
    ],
)
def test_what_cannot_be_used_is_told_before_anything_is_sent(arguments, words):
    with serve(correct()) as server:
        given = {"url": server.url + "/webhook", "secret": SECRET} | arguments
        with pytest.raises(ValueError, match=words) as raised:
            grade(**given)
        assert "password-example" not in str(raised.value) and len(server.traffic) == 0


@pytest.mark.parametrize("answer", ["many", "1.5", "[1]", '{"effects": true}', '{"effects": "1"}', "[" * 5000])
def test_effects_are_a_whole_number(answer):
    with (
        serve(lambda environ, start: [start("200 OK", []), [answer.encode()]][1], "effects") as server,
        pytest.raises(ValueError, match="a whole number, or a JSON object"),
    ):
        grade("http://127.0.0.1:1/", SECRET, effects=server.url)


# --- Receivers that break HTTP ------------------------------------------------------------------------------

OK = b"HTTP/1.1 204 No Content\r\n\r\n"


@pytest.mark.parametrize(
    ("behave", "words"),
    [
        (lambda connection: None, "no answer: the connection was closed"),
        (answers(b""), "no answer: the connection was closed"),
        (answers(b"\x16\x03\x01 hello\r\n\r\n"), "no answer: what came is no answer of HTTP"),
        (answers(b"HTTP/1.1 +200 OK\r\n\r\n"), "no answer: what came is no answer of HTTP"),
        (answers(b"HTTP/1.1 200 OK\r\nContent-Le"), "no answer: what came is no answer of HTTP"),
        (for_ever(b"HTTP/1.1 200 OK\r\n", b"X-Bomb: y\r\n" * 1000), "no answer: what came is no answer of HTTP"),
    ],
    ids=["closes", "reads and closes", "garbage", "a status with a sign", "half a head", "a bomb of headers"],
)
def test_what_is_no_answer_is_told_and_ends_the_run(behave, words):
    with behaving(behave) as url:
        report = grade(url, SECRET)
    assert report.grade == 0 and report["valid"].words == words
    assert outcomes(report, "failed") == {"valid"} and report["stale"].words == "The receiver did not answer."


@pytest.mark.parametrize(
    "behave",
    [
        answers(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + OK),
        answers(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n" + b"y" * 1_000_000),
        for_ever(b"HTTP/1.1 200 OK\r\n\r\n", b"y" * 65536),
        answers(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nokay"),
        answers(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
    ],
    ids=["informational", "large", "endless", "two lengths", "no chunks"],
)
def test_an_answer_counts_by_its_status_whatever_its_body_is(behave):
    with behaving(behave) as url:
        report = grade(url, SECRET, most=40)
    assert report["valid"].outcome == HELD and report["unsigned"].outcome == "failed"


def test_a_connection_that_is_kept_open_has_an_answer_with_an_end():
    def behave(connection):
        while connection.recv(65536):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    with behaving(behave) as url:
        begin = time.monotonic()
        assert grade(url, SECRET, most=10)["duplicate"].outcome == HELD
        assert time.monotonic() - begin < 5


def test_nobody_there_is_told_at_once():
    begin = time.monotonic()
    report = grade("http://127.0.0.1:1/webhook", SECRET)
    assert time.monotonic() - begin < 3
    assert report["valid"].words == "no answer: connection refused" and report.requests == 2


def test_one_that_hangs_is_given_up_in_less_than_thirty_seconds():
    ended = threading.Event()
    with behaving(lambda connection: ended.wait(60)) as url:
        begin = time.monotonic()
        report = grade(url, SECRET, patience=1)
        assert time.monotonic() - begin < 30
        ended.set()
    assert report["valid"].words == "no answer: none came in time" and report.grade == 0


def test_one_that_answers_and_dies_fails_the_last_check_which_says_after_which():
    app, dead = correct(), []

    def dies(environ, start):
        if b"[[[" in (body := environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))) or dead:
            dead.append(True)
            server.stop()
        import io

        return app(environ | {"wsgi.input": io.BytesIO(body)}, start)

    with serve(dies, "receiver") as server:
        report = grade(server.url + "/webhook", SECRET)
    gone = "The receiver answered nothing any more after nested."
    assert outcomes(report, "failed") == {"still-there"} and report["still-there"].words == gone
    assert report["odd-ids"].outcome == "not tried" and report["odd-ids"].words == gone
    assert report["not-an-object"].outcome == "not tried" and report["leaks"].outcome == HELD


def test_one_that_dies_without_an_answer_fails_the_check_that_killed_it():
    dead = []

    def dies(connection):
        if b"[[[" in read_request(connection):
            dead.append(True)
        if not dead:
            connection.sendall(OK)

    with behaving(dies) as url:
        report = grade(url, SECRET)
    assert "nested" in outcomes(report, "failed") and "still-there" in outcomes(report, "failed")
    assert report["nested"].words.endswith("After it the receiver answered nothing")


def test_ipv6():
    try:
        context = behaving(answers(OK), "::1")
        with context as url:
            assert url.startswith("http://[::1]:")
            assert grade(url, SECRET, most=3)["valid"].outcome == HELD
    except OSError as error:
        pytest.skip(f"there is no IPv6 on this computer: {error}")


# --- https --------------------------------------------------------------------------------------------------


@pytest.fixture
def certificate(tmp_path):
    """A certificate for 127.0.0.1 that nobody has signed but itself: the file, with its key."""
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "example")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - datetime.timedelta(1)).not_valid_after(now + datetime.timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    file = tmp_path / "example.pem"
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    file.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + made.public_bytes(pem))
    return file


def test_https_with_a_certificate_that_is_not_trusted_is_refused_and_with_one_that_is_goes_on(certificate, monkeypatch):
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with behaving(answers(OK), context=context) as url:
        refused = grade(url, SECRET)
        assert refused["valid"].words == "no answer: its certificate is not trusted" and refused.grade == 0
        monkeypatch.setitem(os.environ, "SSL_CERT_FILE", str(certificate))
        trusted = grade(url, SECRET)
    assert trusted["valid"].outcome == HELD
    assert {"slow-clients", "burst", "same-moment", "chunked"} <= outcomes(trusted, HELD)


# --- Nothing is left ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["valid", "same-moment", "burst", "slow-clients", "cut-length"])
def test_a_run_that_is_interrupted_leaves_no_thread_and_no_socket(name):
    """pytest turns a socket that nobody closed into an error."""
    seen = []

    def tell(result):
        seen.append(result.name)
        if result.name == name:
            raise KeyboardInterrupt

    with serve(correct()) as server, pytest.raises(KeyboardInterrupt):
        grade(server.url + "/webhook", SECRET, tell=tell)
    assert seen[-1] == name and not [one for one in threading.enumerate() if one.name == "scorecard"]


@pytest.fixture
def in_a_terminal():
    """A shell's background job ignores Ctrl-C, and so does what it starts, pytest among it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("in_a_terminal")
@pytest.mark.parametrize("at_once", [2, 20])
def test_ctrl_c_while_many_wait_for_an_answer_ends_them_at_once(at_once):
    now, pressed, ended, lock = [0], [], threading.Event(), threading.Lock()

    def app(environ, start):
        with lock:
            now[0] += 1
            if now[0] >= at_once and not pressed:
                pressed.append(time.monotonic())
                _thread.interrupt_main()
        time.sleep(0.05)
        if pressed:
            ended.wait(10)
        with lock:
            now[0] -= 1
        start("204 No Content", [])
        return []

    with serve(app, "receiver") as server:
        with pytest.raises(KeyboardInterrupt):
            grade(server.url, SECRET, patience=10)
        waited = time.monotonic() - pressed[0]
        ended.set()
    assert waited < 5 and not [one for one in threading.enumerate() if one.name == "scorecard"]


@pytest.mark.usefixtures("in_a_terminal")
def test_ctrl_c_among_slow_clients_ends_them():
    """They take three tenths of a second at the least."""
    timers = []

    def tell(result):
        if result.name == "burst":
            timers.append(threading.Timer(0.15, _thread.interrupt_main))
            timers[0].start()

    with serve(correct()) as server, pytest.raises(KeyboardInterrupt):
        grade(server.url + "/webhook", SECRET, tell=tell)
    timers[0].join()
    assert not [one for one in threading.enumerate() if one.name == "scorecard"]
