"""`send`: samples, signed, to this computer and, unless told otherwise, to no other."""

import json
import socket

import pytest
import requests
from flask import Flask, redirect
from tools import SECRETS, WHSEC, run, run_process

from webhook_tutorial import Blocked, serve, verify
from webhook_tutorial.cli.listen import receiver
from webhook_tutorial.cli.send import _as_it_is_sent
from webhook_tutorial.delivery.egress import make_session
from webhook_tutorial.delivery.this_computer import ThisComputer
from webhook_tutorial.signing import GITHUB, STANDARD_WEBHOOKS, STRIPE
from webhook_tutorial.signing.names import BY_NAME


@pytest.fixture
def server():
    with serve(receiver(204), "here") as up:
        yield up


def test_it_sends_a_sample_unsigned_and_says_so(server):
    sent = run("send", server.url + "/webhook")
    assert sent.exit_code == 0 and sent.output.startswith("Not signed: ")
    assert "✓ 204 No Content" in sent.output
    (came,) = server.traffic
    assert (came.method, came.path, came.event_type) == ("POST", "/webhook", "order_placed")
    assert came.headers["webhook-id"] == came.json()["id"] and "webhook-signature" not in came.headers


@pytest.mark.parametrize(
    ("arguments", "dialect", "secret", "event"),
    [
        (["--secret-env", "STRIPE_SECRET"], STANDARD_WEBHOOKS, WHSEC, "order_placed"),
        (["--dialect", "stripe", "--secret-env", "STRIPE_SECRET"], STRIPE, WHSEC, "order_placed"),
        (
            ["--dialect", "stripe", "--secret-env", "STRIPE_SECRET", "--event", "payment_intent.succeeded"],
            STRIPE,
            WHSEC,
            "",
        ),
        (
            ["--dialect", "github", "--secret-env", "GITHUB_SECRET", "--event", "push"],
            GITHUB,
            SECRETS["GITHUB_SECRET"],
            "",
        ),
    ],
)
def test_what_it_signs_verifies(server, arguments, dialect, secret, event):
    sent = run("send", server.url, *arguments)
    assert sent.exit_code == 0 and "Not signed" not in sent.output and secret not in sent.output
    (came,) = server.traffic
    verify(came.body, came.headers, secret, dialect)
    assert came.event_type == event


def test_the_same_is_sent_several_times_with_one_id(server):
    sent = run("send", server.url, "--times", 3, "--secret-env", "STRIPE_SECRET")
    assert sent.exit_code == 0 and all(f"{n}/3  ✓ 204" in sent.output for n in (1, 2, 3))
    assert len(server.traffic) == 3
    assert len({(x.headers["webhook-id"], x.body) for x in server.traffic}) == 1


def test_the_bytes_of_a_file_are_sent_as_they_are(server, tmp_path):
    file = tmp_path / "body"
    file.write_bytes(b'{"a" : 1}\r\n\xff')
    run("send", server.url, "--data", file, "--dialect", "github", "--event", "push", "--secret-env", "GITHUB_SECRET")
    (came,) = server.traffic
    verify(came.body, came.headers, SECRETS["GITHUB_SECRET"], GITHUB)
    assert came.body == file.read_bytes() and came.headers["X-GitHub-Event"] == "push"


def test_json_is_one_object_for_each_answer():
    app = Flask("here")
    app.post("/")(lambda: ("No, thank you\x1b[31m", 503))
    with serve(app) as server:
        sent = run("send", server.url, "--times", 2, "--json")
        shown = run("send", server.url)
    first, second = map(json.loads, sent.output.splitlines())
    assert sent.exit_code == shown.exit_code == 1
    assert (first["attempt"], second["attempt"], first["status"], first["signed"]) == (1, 2, 503, False)
    assert first["answer"].startswith("No, thank you") and "\x1b" not in sent.output
    assert "✗ 503 Service Unavailable" in shown.output and "No, thank you␛[31m" in shown.output


def test_one_answer_that_is_not_2xx_is_enough_for_1():
    app, answers = Flask("here"), iter([204, 500, 204])
    app.post("/")(lambda: ("", next(answers)))
    with serve(app) as server:
        assert run("send", server.url, "--times", 3).exit_code == 1


def test_nobody_at_home_is_told():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    sent = run("send", f"http://127.0.0.1:{port}/")
    assert sent.exit_code == 1 and "✗ no answer: connection refused" in sent.output


def test_no_redirect_is_followed(server):
    app = Flask("elsewhere")
    app.post("/")(lambda: redirect(server.url))
    with serve(app) as other:
        for more in ([], ["--i-own-this-host"]):
            sent = run("send", other.url, *more)
            assert sent.exit_code == 1 and "✗ 302 Found" in sent.output
    assert len(server.traffic) == 0


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://10.0.0.1/", "10.0.0.1 is not this computer"),
        ("http://[fe80::1]/", "is not this computer"),
        ("http://8.8.8.8:8000/", "--i-own-this-host"),
        ("http://0.0.0.0:8000/", "is not this computer"),
        ("http://169.254.169.254/", "is not this computer"),
        ("http://127.1/", "written in full"),
        ("http://2130706433/", "written in full"),
        ("http://127.0.0.1:1@10.0.0.1/", "no user"),
        ("http://127.0.0.1\\@good.example/", "A URL is a text in ASCII"),
        ("ftp://127.0.0.1/", "begins with http://"),
        ("127.0.0.1:8000", "begins with http://"),
        ("http://127.0.0.1:99999/", "This is no URL"),
        ("http://nowhere.invalid/", "has no address"),
        ("http://nowhere.invalid:9/hunter2pw@127.0.0.1/", "has no address"),
    ],
)
def test_what_is_not_this_computer_is_refused(url, words, monkeypatch):
    monkeypatch.setattr("webhook_tutorial.delivery.guard.dial", lambda *_: pytest.fail("it was connected to"))
    refused = run("send", url)
    assert refused.exit_code == 2 and words in " ".join(refused.output.split()) and "hunter2pw" not in refused.output


@pytest.mark.parametrize("more", [[], ["--json"], ["--i-own-this-host"], ["--i-own-this-host", "--json"]])
@pytest.mark.parametrize(
    "url",
    [
        "http://user:hunter2pw@127.0.0.1:9/",
        "ftp://user:hunter2pw@host/",
        "user:hunter2pw@host/",
        "http://user:hunter2pw@[::1/",
        "http://user:p/hunter2pw@127.0.0.1:9/",
        "http://127.0.0.1:99999/?token=hunter2pw",
        "http://nowhere.invalid/?token=hunter2pw",
        "http://127.0.0.1:9/?token=hunter2pw",
    ],
)
def test_a_password_in_the_url_is_not_repeated(url, more, monkeypatch):
    def post(*_, **__):
        raise requests.ConnectionError(url)

    monkeypatch.setattr("webhook_tutorial.cli.send.post_within", post)
    refused = run("send", url, *more)
    assert refused.exit_code in (1, 2) and "hunter2pw" not in refused.output


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/"),
        ("http://127.0.0.1:8000?a=1", "http://127.0.0.1:8000/?a=1"),
        ("http://LOCALHOST:8000/x?", "http://localhost:8000/x"),
        ("http://localhost:80/a/../b#frag", "http://localhost/b"),
        ("https://localhost:443/%7euser", "https://localhost/~user"),
        ("http://user:pw@localhost:443/", "http://localhost:443/"),
        ("http://[::1]:80/", "http://[::1]/"),
    ],
)
def test_the_url_is_signed_as_it_is_sent(typed, sent):
    assert _as_it_is_sent(make_session(), typed) == sent


@pytest.mark.parametrize("dialect", ["square", "hubspot"])
def test_a_receiver_that_verifies_the_url_takes_each_that_can_be_typed(dialect):
    with serve(receiver(204, BY_NAME[dialect], SECRETS["GITHUB_SECRET"]), "here") as server:
        for path in ("", "/", "?a=1", "/%7euser", "/a/../b", "/x#frag", "/x?", "/?a[]=1", "/x?a=1", "/ü".encode()):
            typed = server.url + (path if isinstance(path, str) else "/%C3%BC")
            for url in (typed, typed.replace("127.0.0.1", "LOCALHOST")):
                sent = run("send", url, "--dialect", dialect, "--secret-env", "GITHUB_SECRET")
                assert sent.exit_code == 0, (url, sent.output)


@pytest.mark.parametrize(
    ("addresses", "fine"),
    [
        (["127.0.0.1"], True),
        (["::1", "127.0.0.1"], True),
        (["127.8.9.1", "::ffff:127.0.0.1"], True),
        (["127.0.0.1", "10.0.0.1"], False),
        (["8.8.8.8", "127.0.0.1"], False),
        (["::"], False),
        (["fe80::1%eth0"], False),
    ],
)
def test_all_addresses_of_a_name_must_be_this_computers(addresses, fine):
    guard = ThisComputer(resolve=lambda host: addresses)
    if fine:
        assert guard.addresses("localhost") == tuple(addresses)
        return
    with pytest.raises(Blocked, match="is not this computer"):
        guard.addresses("localhost")


def test_a_name_that_leads_elsewhere_the_second_time_is_not_connected_to(server, monkeypatch):
    """The look-up that is checked is the one that is connected to."""
    found = iter([["127.0.0.1"], ["10.0.0.1"]])
    monkeypatch.setattr("webhook_tutorial.delivery.guard.dial", lambda *_: pytest.fail("it was connected to"))
    monkeypatch.setattr(ThisComputer.__init__, "__defaults__", (lambda host: next(found),))
    sent = run("send", f"http://rebound.example:{server.port}/")
    assert sent.exit_code == 1 and "no answer: blocked: not loopback" in sent.output


def test_localhost_is_this_computer(server):
    assert run("send", f"http://localhost:{server.port}/").exit_code == 0


def test_who_owns_the_host_may_send_to_it(monkeypatch):
    sent = []

    def post(seconds, session, url, **options):
        sent.append((url, options["allow_redirects"]))
        answer = requests.Response()
        answer.status_code, answer._content = 200, b""
        return answer

    monkeypatch.setattr("webhook_tutorial.cli.send.post_within", post)
    assert run("send", "https://staging.example/hook", "--i-own-this-host").exit_code == 0
    assert sent == [("https://staging.example/hook", False)]


def test_what_cannot_be_signed_is_told_before_anything_is_sent(server):
    for arguments, words in (
        (["--event", "pull"], "no such --event for standard-webhooks. Known are: user_signup, "),
        (["--secret-env", "OTHER_SECRET"], "The secret must begin with whsec_."),
        (["--times", "0"], "a whole number from 1 to 1000."),
    ):
        refused = run("send", server.url, *arguments)
        assert refused.exit_code == 2 and words in " ".join(refused.output.split())
    assert len(server.traffic) == 0


def test_a_dead_proxy_in_the_environment_stops_nothing(server):
    dead = {"http_proxy": "http://127.0.0.1:9", "all_proxy": "socks5://127.0.0.1:9", "NO_PROXY": "", "no_proxy": ""}
    sent = run_process("send", server.url, **dead)
    assert (sent.returncode, sent.stderr) == (0, "")


def test_a_password_for_that_host_stays_at_home(server, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login joe password an_example\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for more in ([], ["--i-own-this-host"]):
        assert run("send", server.url, *more).exit_code == 0
    assert [came.headers.get("Authorization") for came in server.traffic] == [None, None]
