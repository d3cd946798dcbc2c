"""What an attacker found in the doctor: each of it stays mended. The secrets are made up."""

import gzip
import hmac
import json
import sys
import time
from base64 import b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from webhook_tutorial import SignatureError, SimulatedClock, diagnose, sign, verify
from webhook_tutorial.signing import (
    DISCORD,
    DOCUSIGN,
    GITHUB,
    HUBSPOT,
    LINEAR,
    SHOPIFY,
    SQUARE,
    STANDARD_WEBHOOKS,
    STANDARD_WEBHOOKS_ED25519,
    STRIPE,
    TWILIO,
    places,
)
from webhook_tutorial.signing.doctor.search import MOST_BYTES, MOST_COMPUTATIONS
from webhook_tutorial.signing.doctor.work import DEEPEST, MOST_WORK, Work, is_deep, weight

SECRET = "made-up-text-1234567890"
SEED = bytes(range(32))
PUBLIC = Ed25519PrivateKey.from_private_bytes(SEED).public_key().public_bytes_raw()
FORGED = {"X-Hub-Signature-256": "sha256=" + "a" * 64}


def found(diagnosis):
    return [finding.name for finding in diagnosis.findings]


# --- Keys that a stranger knows -----------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", [DISCORD, STANDARD_WEBHOOKS_ED25519], ids=lambda d: d.name)
@pytest.mark.parametrize("other", [GITHUB, SHOPIFY, STRIPE, DISCORD, STANDARD_WEBHOOKS_ED25519], ids=lambda d: d.name)
def test_a_public_key_is_no_key_to_sign_with(dialect, other):
    text = PUBLIC.hex() if dialect.key == "hex" else dialect.key_prefix + b64encode(PUBLIC).decode()
    private = text
    if other.method == "ed25519":  # its bytes taken for the private key
        private = PUBLIC.hex() if other.key == "hex" else other.private_prefix + b64encode(PUBLIC).decode()
    headers = sign(b"{}", private, other, id="msg_1")
    assert found(diagnose(b"{}", headers, text, dialect)) == []


def test_a_public_key_among_the_other_secrets_or_in_a_dialect_of_hmac_is_not_tried():
    public = "whpk_" + b64encode(PUBLIC).decode()
    assert found(diagnose(b"{}", sign(b"{}", public, GITHUB), SECRET, GITHUB, secrets={"their key": public})) == []
    headers = sign(b"{}", public, GITHUB)
    id, stamp = "msg_1", str(int(time.time()))
    right = b64encode(hmac.digest(public.encode(), f"{id}.{stamp}.{{}}".encode(), "sha256")).decode()
    headers = {"webhook-id": id, "webhook-timestamp": stamp, "webhook-signature": f"v1,{right}"}
    assert found(diagnose(b"{}", headers, public, STANDARD_WEBHOOKS)) == []


def test_a_private_key_is_named_where_it_proves_itself():
    headers = sign(b"{}", SEED.hex(), DISCORD)
    assert found(diagnose(b"{}", headers, (SEED + PUBLIC).hex(), DISCORD)) == ["private-key"]
    assert found(diagnose(b"{}", headers, SEED.hex(), DISCORD)) == []
    assert found(diagnose(b"{}", headers, (SEED + SEED).hex(), DISCORD)) == []
    marked = "whsk_" + b64encode(SEED).decode()
    headers = sign(b"{}", marked, STANDARD_WEBHOOKS_ED25519, id="msg_1")
    assert found(diagnose(b"{}", headers, marked, STANDARD_WEBHOOKS_ED25519)) == ["private-key"]


def test_a_symmetric_secret_is_told_apart_although_the_dialect_wants_a_public_key():
    secret = "whsec_" + b64encode(b"s" * 24).decode()
    headers = sign(b"{}", secret, STANDARD_WEBHOOKS, id="msg_1")
    assert found(diagnose(b"{}", headers, secret, STANDARD_WEBHOOKS_ED25519)) == ["another-dialect"]


@pytest.mark.parametrize(
    ("secret", "guessable"),
    [
        ("q83vEjRWeJCrze8SNFZ4kA==", "="),
        ("my_secret", "secret"),
        ("a_long_text_that_is_the_secret:1234567890abcdef", "1234567890abcdef"),
        ("key=" + "v" * 15, "v" * 15),
        ("v1,short", "short"),
    ],
)
@pytest.mark.parametrize("dialect", [GITHUB, STRIPE, SQUARE], ids=lambda d: d.name)
def test_what_is_left_of_a_secret_is_no_key_where_a_stranger_could_guess_it(dialect, secret, guessable):
    url = {"url": "https://a.example/"} if dialect is SQUARE else {}
    headers = sign(b"{}", guessable, dialect, **url)
    diagnosis = diagnose(b"{}", headers, secret, dialect, **url)
    assert found(diagnosis) == []
    assert not {"secret-line", "secret-without-prefix", "secret-version"} & set(diagnosis.ruled_out)


def test_a_short_secret_is_still_found_where_white_space_or_quotes_stand_around_it():
    for text in ("short\n", '"short"', "short\\n"):
        assert found(diagnose(b"{}", sign(b"{}", "short", GITHUB), text, GITHUB))[0].startswith("secret-")


# --- Crashes, and what is false -----------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", [TWILIO, SQUARE, HUBSPOT], ids=lambda d: d.name)
@pytest.mark.parametrize("size", [20, 32, 48, 64])
def test_a_signature_as_long_as_another_hash_makes_it_is_diagnosed(dialect, size):
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-HubSpot-Request-Timestamp": "1790000000000"}
    headers[dialect.signature] = b64encode(bytes(size)).decode()
    diagnosis = diagnose(b"a=b", headers, SECRET, dialect, url="https://a.example/", method="POST")
    own = {TWILIO: 20}.get(dialect, 32)
    assert not diagnosis.findings and ("another-hash" in diagnosis.ruled_out) == (size != own)


@pytest.mark.parametrize("name", ["X-Twilio-Signature", "x-square-hmacsha256-signature", "X-HubSpot-Signature"])
def test_a_header_that_a_stranger_adds_is_no_crash(name):
    diagnosis = diagnose(b"{}", FORGED | {name: "x"}, SECRET, GITHUB)
    assert not diagnosis.findings and "another-dialect" not in diagnosis.ruled_out


def test_an_old_delivery_with_milliseconds_is_too_old_and_nothing_else():
    place = {"method": "POST", "url": "https://a.example/"}
    headers = sign(b"{}", SECRET, HUBSPOT, timestamp=1_700_000_000, **place)
    assert found(diagnose(b"{}", headers, SECRET, HUBSPOT, **place)) == ["too-old"]
    body = b'{"webhookTimestamp":1700000000000}'
    headers = {"Linear-Signature": hmac.digest(SECRET.encode(), body, "sha256").hex()}
    assert found(diagnose(body, headers, SECRET, LINEAR)) == ["too-old"]


@pytest.mark.parametrize(
    ("body", "headers", "dialect"),
    [
        (b"{}", {"X-DocuSign-Signature-1": "A" * 43 + "="}, DOCUSIGN),
        (b'{"webhookTimestamp":1790000000000}', {"Linear-Signature": "a" * 64}, LINEAR),
    ],
)
def test_what_is_there_is_not_suspected_to_be_missing(body, headers, dialect):
    assert diagnose(body, headers, SECRET, dialect).suspected == ()


def test_where_nothing_was_computed_nothing_is_ruled_out():
    for headers in ({}, {"X-Hub-Signature-256": "sha256=aa"}, {"X-Hub-Signature-256": "none"}):
        diagnosis = diagnose(b'{"a": 1}', headers, SECRET, GITHUB)
        assert not {"newline-lost", "rewritten-python", "secret-base64"} & set(diagnosis.ruled_out)
        assert diagnosis.computations or not diagnosis.ruled_out


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("bom-added", lambda body: b"\xef\xbb\xbf" + body),
        ("base64", b64encode),
        ("compressed", gzip.compress),
    ],
)
def test_a_dialect_that_reads_the_body_has_its_body_mended(name, change):
    body = b'{"webhookTimestamp":%d}' % (time.time() * 1000)
    headers = {"Linear-Signature": hmac.digest(SECRET.encode(), body, "sha256").hex()}
    assert found(diagnose(change(body), headers, SECRET, LINEAR)) == [name]
    forged = diagnose(change(body), {"Linear-Signature": "a" * 64}, SECRET, LINEAR)
    assert name in forged.ruled_out and not any("missing" in words for words in forged.suspected)


def test_that_a_body_does_not_fit_unpacked_is_said_where_it_was_tried():
    bomb, packed = gzip.compress(b"0" * 50_000_000), gzip.compress(b"{}")
    for body, headers, words in ((packed, FORGED, True), (bomb, FORGED, False), (packed, {}, False)):
        suspected = diagnose(body, headers, SECRET, GITHUB).suspected
        assert any("does not fit unpacked" in sentence for sentence in suspected) == words
        assert any("The body is compressed" in sentence for sentence in suspected)


def test_two_headers_whose_names_differ_in_case():
    good = sign(b"{}", SECRET, GITHUB)["X-Hub-Signature-256"]
    for name in ("x-hub-signature-256", "X-HUB-SIGNATURE-256"):
        for headers in ({name: good} | FORGED, FORGED | {name: good}):
            assert found(diagnose(b"{}", headers, SECRET, GITHUB)) == ["header-twice"]
    assert diagnose(b"{}", {"x-hub-signature-256": "sha256=aa", "X-Hub-Signature-256": good}, SECRET, GITHUB).ok
    assert not diagnose(b"{}", {"x-hub-signature-256": "sha256=" + "b" * 64} | FORGED, SECRET, GITHUB).findings


class Running(SimulatedClock):
    """A clock that moves whenever it is read."""

    def now(self):
        self.sleep(1)
        return super().now()


def test_a_clock_that_moves_while_it_is_asked_changes_nothing():
    for at in range(1_790_000_000 - 305, 1_790_000_000 - 295):
        headers = sign(b"{}", SECRET, STRIPE, timestamp=1_790_000_000)
        diagnosis = diagnose(b"{}", headers, SECRET, STRIPE, clock=Running(start=at + 600))
        assert diagnosis.ok or found(diagnosis) == ["too-old"]
        headers = sign(b"{}", SECRET, HUBSPOT, timestamp=1_790_000_000, method="POST", url="https://a.example/")
        clock = Running(start=at)
        diagnosis = diagnose(b"{}", headers, SECRET, HUBSPOT, method="POST", url="https://a.example/", clock=clock)
        assert diagnosis.ok or found(diagnosis) == ["too-new"]


# --- Work ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [b"x=" + b"%41" * 333_333, b"&".join(b"%d=1" % n for n in range(1_001)), b"&" * 1_000, b"x=" + b"y" * 1_000_000],
)
def test_a_form_that_is_too_large_is_refused_before_it_is_read(body, monkeypatch):
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": "A" * 27 + "="}
    monkeypatch.setattr(places, "unquote_to_bytes", None)  # whoever reads it fails
    with pytest.raises(SignatureError, match="are read as a form") as refused:
        verify(body, headers, SECRET, TWILIO, url="https://a.example/")
    assert refused.value.reason == "malformed"


def test_a_form_of_the_most_that_is_allowed_verifies():
    for body in (b"x=" + b"y" * 999_998, b"&".join(b"%d=1" % n for n in range(1_000))):
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        headers |= sign(body, SECRET, TWILIO, url="https://a.example/", headers=headers)
        verify(body, headers, SECRET, TWILIO, url="https://a.example/")


M = 1_000_000
#: Bodies of up to 1 MB that once took seconds, minutes, or more.
HEAVY = {
    "equals signs": b"=" * (M - 1) + b" ",
    "one word": b"a" * M,
    "one word and a question mark": b"a" * 999_999 + b"?",
    "equals signs, as many as a form may have": b"=" * 99_999 + b" ",
    "nested 900 times": b'{"a":' * 900 + b"1" + b"}" * 900,
    "nested as deep as it goes": b"[" * (M // 2) + b"]" * (M // 2),
    "words": json.dumps({"a": ["wörd/<x> " * 5] * 15_000, "n": 1}, ensure_ascii=False).encode(),
    "a word in JSON": json.dumps({"x": "y" * 990_000}).encode(),
    "numbers, and a long text": json.dumps({"x": "Y 9 " * 240_000, "n": list(range(400))}).encode(),
    "a form with a long field": b"&".join(b"f%d=1" % i for i in range(900)) + b"&x=" + b"~" * 900_000,
    "spaces": b"[" + b"1,   " * 199_000 + b"1]",
    "lists": b"[" + b"[]," * 300_000 + b"1]",
    "fractions": b"[" + b"1.10," * 199_000 + b"1]",
    "HTML": b"&amp;" * 200_000,
    "90 kB of numbers": b"[" + b"1, " * 30_000 + b"1]",
    "20 kB of objects": json.dumps([{"id": i, "name": "Zoë", "amount": 2.5, "b": []} for i in range(400)]).encode(),
    "capitals, colons": b"a:A?" * 250_000,
    "escapes": json.dumps(['"\\' * 240_000]).encode(),
    "quotes": b'["' + b'\\"' * 490_000,
}


@pytest.fixture
def parsed(monkeypatch):
    """What JSON was read and written, in units, and the `Work` that was counted; a list each."""
    units, works = [], []
    loads, dumps = json.loads, json.dumps

    def reads(text, **options):
        units.append(weight(text.encode()))
        return loads(text, **options)

    def writes(value, **options):
        text = dumps(value, **options)
        units.append(len(text))
        return text

    class Counted(Work):
        def __init__(self):
            super().__init__()
            works.append(self)

    monkeypatch.setattr(json, "loads", reads)
    monkeypatch.setattr(json, "dumps", writes)
    monkeypatch.setattr(sys.modules[diagnose.__module__], "Work", Counted)
    return units, works


@pytest.mark.parametrize("headers", [FORGED, {}], ids=["forged", "unsigned"])
@pytest.mark.parametrize("name", HEAVY)
def test_no_body_is_more_work_than_the_bound(name, headers, parsed):
    units, works = parsed
    begun = time.process_time()
    diagnosis = diagnose(HEAVY[name], headers, SECRET, GITHUB)
    # It is half a second; that something takes a time that grows with the square would be minutes.
    assert time.process_time() - begun < 5
    assert not diagnosis.findings
    [work] = works
    assert 0 < work.units <= MOST_WORK or not headers
    assert sum(units) <= 2 * MOST_WORK
    assert diagnosis.computations <= MOST_COMPUTATIONS and diagnosis.computations * len(HEAVY[name]) <= MOST_BYTES


def test_depth_is_told_by_the_brackets_outside_of_texts():
    for depth in (1, DEEPEST, DEEPEST + 1, 900, 100_000):
        nested = b"[" * depth + b"]" * depth
        for body in (nested, b'{"[":' * depth + b"1" + b"}" * depth, b'{"]":"{"}' + nested):
            assert is_deep(body) == (depth > DEEPEST)
    assert not is_deep(b'["' + b"[" * 999 + b'"]') and not is_deep(b'["\\"' + b"[" * 999 + b'"]')
    assert not is_deep(b"[[]]" * 999 + b"]") and not is_deep(b'"' + b'\\"' * 999)


@pytest.mark.parametrize(
    ("original", "arrived"),
    [
        (b'{"a":' * 400 + b'"\xc3\xa9"' + b"}" * 400, None),
        (json.dumps({"a": ["é"] * 420_000}, separators=(",", ":"), ensure_ascii=False).encode(), None),
        (json.dumps(list(range(100_000)), indent=4).encode(), None),
        (b"a=%7E" + b"b" * 100_000, b"a=~" + b"b" * 100_000),
        (b"0" * 3_000_000, gzip.compress(b"0" * 3_000_000)),
        (b"[1.0" + b",1" * 3_000 + b"]", b"[1" + b",1" * 3_000 + b"]"),
    ],
)
def test_what_was_too_much_is_not_ruled_out_and_said(original, arrived):
    arrived = arrived or json.dumps(json.loads(original)).encode()
    diagnosis = diagnose(arrived, sign(original, SECRET, GITHUB), SECRET, GITHUB)
    assert diagnosis.findings == () and not diagnosis.complete
    assert "Not everything was tried" in str(diagnosis)
    assert not {"rewritten", "rewritten-python", "form-rewritten", "compressed"} & set(diagnosis.ruled_out)


def test_what_is_small_is_tried_completely():
    for body in (b'{"a":[1,2.5,{"b":[]}]}', b"a=b&c=%7E", b"text", b"[" * 20, gzip.compress(b"{}"), b""):
        assert diagnose(body, FORGED, SECRET, GITHUB).complete


def test_a_prefix_that_is_a_part_of_the_key_is_missed():
    """A reader cut whsec_ off Stripe's secret, as one does for Standard Webhooks."""
    whole = "whsec_" + "RXhhbXBsZSBvbmx5" * 2
    signed = sign(b"{}", whole, STRIPE)
    assert found(diagnose(b"{}", signed, whole.removeprefix("whsec_"), STRIPE)) == ["prefix-missing"]
    assert found(diagnose(b"{}", signed, whole.removeprefix("whsec_") + "\n", STRIPE)) == ["prefix-missing"]
    assert found(diagnose(b"{}", sign(b"{}", "whsec_", STRIPE), "short", STRIPE)) == []
