"""`listen`: whatever comes is shown, verified and kept; the sender learns nothing, and nothing ends it but its user."""

import importlib.util
import os
import random
import signal
import socket
from collections import Counter

import pytest
import requests
from support import ROOT, until
from tools import SECRETS, WHSEC, deliver, run

from webhook_tutorial import load_traffic, sample, serve
from webhook_tutorial.cli.listen import LONGEST, receiver, verified
from webhook_tutorial.signing import GITHUB, STRIPE
from webhook_tutorial.signing.names import BY_NAME

GITHUB_SECRET = SECRETS["GITHUB_SECRET"]


def test_it_prints_its_url_first_listens_on_loopback_only_and_shows_what_comes(listening):
    listen = listening("--count", "2")
    assert listen.lines()[0].startswith(f"Listening on {listen.url}: any path, any method, not verified")
    assert listen.url.startswith("http://127.0.0.1:")
    answer = requests.put(
        f"{listen.url}/any/path?token=abc&b=2",
        data='{"a": "ü"}'.encode(),
        headers={"Authorization": "Bearer abc", "X-Odd": "1"},
        timeout=30,
    )
    assert (answer.status_code, answer.content) == (204, b"")
    assert requests.get(listen.url, timeout=30).status_code == 204
    assert listen.process.wait(60) == 0
    text = listen.text()
    assert "→ PUT /any/path?token=***&b=2\n" in text and "Authorization: ***" in text and "X-Odd: 1" in text
    assert '\n  {"a": "ü"}\n' in text and "curl -i -X PUT " in text and "abc" not in text
    assert text.index("#1  ") < text.index("#2  ") and text.endswith("2 deliveries, 0 not verified.\n")
    assert listen.errors() == "" and "\x1b[" not in text


def test_a_port_may_be_chosen_and_a_taken_one_is_one_clear_error():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = run("listen", taken.getsockname()[1])
    assert refused.exit_code == 1 and "is taken by another program." in refused.output
    assert "serve()" not in refused.output and "Traceback" not in refused.output


def test_what_does_not_verify_gets_a_bare_401_and_the_reason_stays_here(listening):
    listen = listening("--dialect", "github", "--secret-env", "GITHUB_SECRET", "--count", "3", "--json")
    assert deliver(listen.url).status_code == 204
    forged = deliver(listen.url, secret="another")
    assert (forged.status_code, forged.content) == (401, b"")
    assert not set(forged.headers) & {"WWW-Authenticate", "X-Reason"} and "match" not in str(forged.headers)
    assert requests.post(listen.url, data=b"{}", timeout=30).status_code == 401
    assert listen.process.wait(60) == 1
    url, *shown = listen.objects()
    assert url == {"url": listen.url}
    assert [one["verified"] for one in shown] == [True, False, False]
    assert [one["why"] for one in shown] == [
        "verified: GitHub",
        "not verified: No signature in X-Hub-Signature-256 fits: the body, what else is signed, or the secret differs.",
        "not verified: The header X-Hub-Signature-256 is missing.",
    ]
    assert [one["number"] for one in shown] == [1, 2, 3] and [one["status"] for one in shown] == [204, 401, 401]
    assert GITHUB_SECRET not in listen.text()


def test_json_masks_what_the_text_masks(listening):
    listen = listening("--json", "--count", "1")
    headers = {"Authorization": "Bearer hidden", "X-Api-Key": "hidden"}
    requests.post(f"{listen.url}/?token=hidden", data=b"\xff", headers=headers, timeout=30)
    assert listen.process.wait(60) == 0
    shown = listen.objects()[1]
    assert "hidden" not in listen.text() and ["Authorization", "***"] in shown["headers"]
    assert (shown["body_base64"], shown["verified"], shown["method"]) == ("/w==", None, "POST")


def test_it_answers_as_told_but_for_what_does_not_verify(listening):
    listen = listening("--answer", "410", "--dialect", "github", "--secret-env", "GITHUB_SECRET")
    assert deliver(listen.url).status_code == 410
    assert deliver(listen.url, secret="another").status_code == 401
    for answer in (200, 503):
        with serve(receiver(answer, GITHUB, GITHUB_SECRET), "here") as server:
            assert deliver(server.url).status_code == answer
            assert deliver(server.url, secret="another").status_code == 401


def test_a_secret_alone_means_standard_webhooks_and_a_dialect_alone_is_refused(listening):
    listen = listening("--secret-env", "STRIPE_SECRET")
    assert "verified as Standard Webhooks" in listen.lines()[0]
    assert deliver(listen.url, "standard-webhooks", "order_placed", WHSEC).status_code == 204
    refused = run("listen", "--dialect", "stripe")
    assert refused.exit_code == 2 and "To verify Stripe, name the variable" in refused.output


def test_a_secret_that_cannot_be_read_is_told_at_the_start():
    refused = run("listen", "--secret-env", "OTHER_SECRET")
    assert refused.exit_code == 2
    assert "What is in OTHER_SECRET is no secret of Standard Webhooks: The secret must begin with" in refused.output
    assert run("listen", "--dialect", "discord", "--secret-env", "OTHER_SECRET").exit_code == 2


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no Ctrl-C to one process alone")
def test_ctrl_c_ends_it_well(listening):
    listen = listening("--dialect", "github", "--secret-env", "GITHUB_SECRET")
    deliver(listen.url, secret="another")
    until(lambda: "#1 " in listen.text(), seconds=60)
    listen.process.send_signal(signal.SIGINT)
    assert listen.process.wait(60) == 0
    assert listen.text().endswith("1 delivery, 1 not verified.\n") and listen.errors() == ""


def test_what_is_not_http_is_shown_and_is_no_delivery(listening):
    listen = listening("--count", "1")
    with socket.create_connection(("127.0.0.1", listen.port), timeout=30) as wire:
        wire.sendall(b"\x16\x03\x01\x02\x00 garbage\x1b[31m\r\n\r\n")
        wire.shutdown(socket.SHUT_WR)
        assert wire.recv(100).startswith(b"HTTP/1.1 400")
    until(lambda: "#1 " in listen.text(), seconds=60)
    assert requests.post(listen.url, data=b"{}", timeout=30).status_code == 204
    assert listen.process.wait(60) == 0
    assert "#1 " in listen.text() and " not HTTP: " in listen.text() and "\x1b" not in listen.text()
    assert listen.text().endswith("1 delivery, 0 not verified.\n")


def test_a_long_body_is_verified_whole_and_one_that_is_too_long_is_refused():
    body = b"x" * (3 << 20)
    from webhook_tutorial import sign

    with serve(receiver(204, GITHUB, "s"), "here") as server:
        assert requests.post(server.url, data=body, headers=sign(body, "s", GITHUB), timeout=30).status_code == 204
        other = body[:-1] + b"y"
        assert requests.post(server.url, data=other, headers=sign(body, "s", GITHUB), timeout=30).status_code == 401
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as wire:
            wire.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (LONGEST + 1))
            wire.sendall(b"x" * (1 << 20))  # so much is read for the record
            assert wire.recv(100).startswith(b"HTTP/1.1 413")
        assert [verified(x) for x in server.traffic] == [True, False, False]
        assert server.traffic[-1].log.startswith("not verified: the body is longer than ")


def test_a_dialect_that_signs_the_url_verifies_as_the_host_header_says_or_as_it_is_told():
    for name, dialect in BY_NAME.items():
        if not {"url", "method"} & set(dialect.places) or "form" in dialect.places:
            continue
        for told in ("", "https://public.example/"):
            with serve(receiver(204, dialect, "a secret", told), "here") as server:
                known_as = (told.rstrip("/") or server.url) + "/hook%2F?a=1&b=%20"
                body, headers = sample(name, "order_placed", "a secret", url=known_as)
                for path, status in ("/hook%2F?a=1&b=%20", 204), ("/hook/?a=1&b=%20", 401):
                    answer = requests.post(server.url + path, data=body, headers=headers, timeout=30)
                    assert answer.status_code == status, (name, told, path)


# --- Malformed requests -------------------------------------------------------------------------------------


def fuzz():
    spec = importlib.util.spec_from_file_location("fuzz", ROOT / "tests" / "lab" / "test_fuzz.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.thorough
def test_it_survives_the_malformed_requests_of_serves_tests(listening, tmp_path):
    fuzzing, file = fuzz(), tmp_path / "deliveries.jsonl"
    print(f"FUZZ_SEED={fuzzing.SEED}")
    listen = listening("--file", file)
    requests_sent = range(1, 1 + fuzzing.MALFORMED // 4)  # the server is serve's, whose tests send all of them
    statuses, answers = fuzzing.storm(listen.port, random.Random(fuzzing.SEED), requests_sent)
    assert set(statuses) <= {204, 400, 405, 413, 414, 431, 501, 505}
    assert {fuzzing.final(answer) for _, answer in answers.values()} == {204}
    assert listen.process.poll() is None and listen.errors() == ""
    traffic = load_traffic(file)
    valid = [x for x in traffic if x.path.startswith("/valid")]
    assert Counter(x.path[1:] for x in valid) == Counter(list(answers))
    assert all(x.body == answers[x.path[1:]][0] for x in valid)
    until(lambda: f"#{len(traffic)} " in listen.text(), seconds=60)
    assert not fuzzing.ACTS.search(listen.text())
    assert requests.post(listen.url, timeout=30).status_code == 204


def test_a_dialect_verifies_through_the_app_whatever_its_headers_hold():
    with serve(receiver(204, STRIPE, WHSEC), "here") as server:
        for value in ("", "t=1", "t=,v1=", "v1=" * 500, "é", "t=1,v1=" + "0" * 64):
            answer = requests.post(server.url, headers={"Stripe-Signature": value.encode()}, timeout=30)
            assert (answer.status_code, answer.content) == (401, b"")
        assert not any(x.traceback or x.error for x in server.traffic)
