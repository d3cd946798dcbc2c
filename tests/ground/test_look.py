"""How things look wherever they are shown: no secret can be read, and nothing acts on a terminal."""

import re
import time
from dataclasses import replace

import pytest
import requests
from hypothesis import example, given, settings
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from webhook_tutorial import Exchange, Process, Traffic, diagram, inbox, serve, watch
from webhook_tutorial.look import masked_url, one_line

SETTINGS = settings(max_examples=60, deadline=None, derandomize=True, database=None)

SECRET_NAMES = [
    "Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie", "X-Api-Key", "X-API-KEY", "X-ApiKey", "apikey",
    "X-Gitlab-Token", "X-Telegram-Bot-Api-Secret-Token", "Private-Token", "X-Amz-Security-Token", "X-Auth",
    "X-Auth-Token", "X-Auth-Key", "X-OAuth2", "X-Goog-Channel-Token", "X-Hook-Secret", "X-Csrf-Token", "X-CSRFToken",
    "X-Vault-Token", "X-Functions-Key", "Ocp-Apim-Subscription-Key", "X-Session-Id", "X-Password", "DB-Passwd",
    "X-Client-Credentials", "X-Secret-Id", "X-Signing-Secret", "X-Signature-Key", "X-Access-Token-2",
    "hapikey", "xapikey",
]  # fmt: skip
OTHER_NAMES = [
    "X-Signature", "webhook-signature", "Stripe-Signature", "X-Hub-Signature-256", "X-Twilio-Signature",
    "X-Amz-Signature", "Paypal-Transmission-Sig", "X-Auth-Signature", "X-Token-Signature", "X-Webhook-Hmac",
    "Content-Digest", "Idempotency-Key", "X-Idempotency-Key", "I-Twilio-Idempotency-Token", "X-Event-Key",
    "Paypal-Auth-Algo", "Github-Public-Key-Identifier", "X-Signature-Key-Id", "X-Key-Id", "Sec-WebSocket-Key",
    "Sec-Websocket-Key", "WWW-Authenticate", "X-Author", "X-Keyword", "X-Monkey", "Cache-Key", "webhook-id",
]  # fmt: skip
SECRET_PARAMETERS = [
    "token", "access_token", "accessToken", "api_key", "apiKey", "key", "auth", "client_secret", "password",
    "hub.verify_token", "user[token]", "X-Amz-Security-Token", "sessionid", "to%6ben",
]  # fmt: skip
OTHER_PARAMETERS = ["sig", "signature", "X-Amz-Signature", "page_token", "pageToken", "key_id", "id", "author", "since"]


def exchange(**fields):
    return Exchange(**({"method": "POST", "url": "http://127.0.0.1:1/hook", "status": 200} | fields))


def everywhere(x):
    """Each way in which an exchange is shown, by its name."""
    traffic = Traffic([x], name="receiver")
    panel = inbox(traffic)
    panel.end()
    shown = {
        "transcript": x.transcript(), "repr": repr(x), "HTML": x._repr_html_(), "curl": x.curl(),
        "table": repr(traffic), "HTML table": traffic._repr_html_(), "story": traffic._in_a_line(),
        "diagram": str(diagram(traffic)), "mermaid": diagram(traffic).mermaid, "loop": str(diagram([x, replace(x)])),
        "inbox": str(panel), "panel": "".join([panel.summary.value, panel.view.value]),
        "button": "".join(button.description for button in panel.list.children),
    }  # fmt: skip
    try:
        x.json()
    except ValueError as error:
        shown["json error"] = str(error)
    return shown


def assert_nowhere(x, secret):
    for place, text in everywhere(x).items():
        assert secret not in text, place


# --- Secrets ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_a_header_whose_name_says_so_is_masked_everywhere(name):
    headers = CaseInsensitiveDict({name: "s3cret"})
    x = exchange(headers=headers, response_headers=headers)
    assert_nowhere(x, "s3cret")
    assert f"{name}: ***" in x.transcript() and f"{name}: ***" in x.curl() and x.headers[name] == "s3cret"


@pytest.mark.parametrize("name", OTHER_NAMES)
def test_signatures_and_names_that_only_sound_like_it_are_shown(name):
    x = exchange(headers=CaseInsensitiveDict({name: "value=1"}))
    assert all(f"{name}: value=1" in text for text in (x.transcript(), x.curl()))


@pytest.mark.parametrize("name", SECRET_PARAMETERS)
def test_a_secret_in_a_query_is_masked_everywhere(name):
    x = exchange(url=f"http://127.0.0.1:1/hook?a=1&{name}=s3cret&b=2")
    assert_nowhere(x, "s3cret")
    assert f"/hook?a=1&{name}=***&b=2" in x.transcript() and f"/hook?a=1&{name}=***&b=2" in x.curl()
    assert x.url.endswith("s3cret&b=2") and "s3cret" in x.target and "s3cret" in x.query


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("a=1;token=s3cret", "a=1;token=***"),
        ("a=1;b=2;token=s3cret&c=3;d=4", "a=1;b=2;token=***&c=3;d=4"),
        ("token=half;s3cret&a=1", "token=***&a=1"),  # to whom a semicolon is no border, it is part of the secret
        ("a=1;token=token=s3cret;key=s3cret", "a=1;token=***"),
    ],
)
def test_a_semicolon_hides_no_secret_and_cuts_none(query, shown):
    x = exchange(url="http://127.0.0.1:1/hook?" + query)
    assert_nowhere(x, "s3cret")
    assert f"/hook?{shown}\n" in x.transcript() + "\n" and x.curl().endswith(f"/hook?{shown}'")


def test_a_url_of_many_parameters_is_masked_in_no_time():
    for border in "&;":
        long = border.join(["a=1", *["token=s3cret", "a=1", "key="] * 30_000])
        began = time.process_time()
        assert "s3cret" not in masked_url("?" + long)
        assert time.process_time() - began < 5


@pytest.mark.parametrize("name", OTHER_PARAMETERS)
def test_other_parameters_are_shown(name):
    assert f"/hook?{name}=value" in exchange(url=f"http://127.0.0.1:1/hook?{name}=value").transcript()


@pytest.mark.parametrize("user", ["user:s3cret", "s3cret", "s3cret:", "user:p@s3cret", "us%40er:s3cret"])
def test_user_and_password_in_a_url_are_masked_everywhere(user):
    url = f"http://{user}@127.0.0.1:1/hook"
    x = exchange(url=url, headers={"Referer": url}, response_headers={"Location": url + "?token=s3cret"})
    assert_nowhere(x, "s3cret")
    assert "http://***@127.0.0.1:1/hook" in x.curl()
    assert "Location: http://***@127.0.0.1:1/hook?token=***" in x.transcript()
    assert_nowhere(exchange(url=f"http://127.0.0.1:1/{url}"), "s3cret")  # a target that a proxy would understand


@pytest.mark.parametrize("path", ["/a@b", "/mail?to=me@example.com", "/a//b@c"])
def test_an_at_sign_elsewhere_is_no_password(path):
    assert f"POST {path}" in exchange(url=f"http://127.0.0.1:1{path}").transcript()


def test_what_is_sent_with_a_password_is_masked_at_both_ends():
    with serve(lambda environ, start: [start("204 No Content", [])][:0], name="receiver") as server, watch() as sent:
        url = server.url.replace("//", "//user:s3cret@")
        requests.post(url + "/?api_key=s3cret", headers={"X-Api-Key": "s3cret"}, timeout=5)
    assert_nowhere(sent[0], "s3cret")
    assert_nowhere(server.traffic[0], "s3cret")
    assert sent[0].receiver == "receiver"


# --- Control characters -------------------------------------------------------------------------------------

#: What acts on a terminal, or turns the order of what is read; a line's end and a tab are what they are in a body.
ACTS = re.compile(r"[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@SETTINGS
@given(st.text(min_size=1, max_size=8), st.text(st.characters(max_codepoint=0x9F), max_size=8))
@example("\x1b[31m", "\0\x7f\x9b2J")
@example("\u202egnp.exe", "\ud800")
@example("a\rb", "x\ny\tz\x85")
def test_nothing_that_is_shown_acts_on_a_terminal(one, two):
    for nasty in (one, two):
        fields = {
            "method": nasty, "url": f"http://x/{nasty}", "body": nasty.encode(errors="surrogatepass"),
            "headers": CaseInsensitiveDict({"X-A": nasty, nasty: "a"}), "response_body": b"\x1b[2J",
            "response_headers": CaseInsensitiveDict({"X-A": nasty}), "error": nasty, "sender": nasty,
            "receiver": nasty,
        }  # fmt: skip
        for status in (None, 200, 500):
            for place, text in everywhere(exchange(**fields | {"status": status})).items():
                assert not ACTS.search(text), place
                if place in ("diagram", "story", "json error", "button"):
                    assert "\t" not in text, place


def test_control_characters_are_shown_as_pictures_of_themselves():
    x = exchange(method="GE\x1bT\n", url="http://x/\x07", headers={"X-A": "a\x7f\x00b"}, body=b"\x1b[1m\tok\x9b")
    assert x.transcript().splitlines()[:2] == ["→ GE␛T␊ /␇", "  X-A: a␡␀b"]
    assert "GE␛T" in repr(Traffic([x])) and "GE␛T" in str(diagram([x]))
    assert "\u202e" not in exchange(method="A\u202eB").transcript()


def test_letters_of_all_languages_stay_as_they_are():
    text = "Ünïcödé ☃ 漢字 می\u200cخواهم 👨\u200d👩\u200d👧"
    assert text in exchange(body=text.encode()).transcript() and text in repr(Traffic([exchange(body=text.encode())]))


@pytest.mark.parametrize("body", [b"\x1b[31mred", b"a\x7f", "\u202eabc".encode()])
def test_a_body_that_would_act_on_the_terminal_is_given_to_curl_in_octal(body):
    command = exchange(body=body).curl()
    assert command.startswith("printf '" + "".join(f"\\{byte:03o}" for byte in body) + "' | curl")


def test_the_last_words_of_a_process_do_not_act_on_the_terminal(tmp_path):
    path = tmp_path / "dies.py"
    silent = "import os, sys; print('\\x1b[31mred', file=sys.stderr, flush=True); os._exit(3)"
    for text in ("raise OSError('\\x1b[31mred')", silent):
        path.write_text(text)
        with pytest.raises(RuntimeError, match=r"did not start.*␛\[31mred"):
            Process(path)


def test_a_very_long_request_is_shown_short_everywhere_but_in_curl():
    """Whoever sends it must not fill a page; a list of the largest bodies is shown no slower than one of small ones."""
    many = [(f"X-{n}", "v" * 60_000) for n in range(98)]
    lines = (("N" * 60_000, "v"), *many)
    x = exchange(
        method="M" * 60_000, url=f"http://127.0.0.1:1/{'p' * 60_000}?{'a=1&' * 10_000}", raw_headers=lines,
        headers=CaseInsensitiveDict(lines), body=b"[" * (1 << 20), response_body=b"]" * (1 << 20),
    )  # fmt: skip
    shown = everywhere(x)
    assert len(shown.pop("curl")) > 1 << 20
    for place, text in shown.items():
        assert len(text) < 40_000, place
        assert max(map(len, re.split("[\n>]", text))) < 2_500, place
    assert one_line("\n" * 60) == " " * 60 and one_line("\n" * 61) == " " * 59 + "…"
