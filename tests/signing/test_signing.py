"""Signatures: published examples, the providers' own libraries, every single bit, and whatever a stranger sends.

No secret in this file opens anything: each was published as an example, or is made up here.
"""

import base64
import dataclasses
import hashlib
import hmac
import http.client
import random
import string
import threading
import time
import traceback
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import standardwebhooks
import stripe
import svix.webhooks
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Flask, request
from hypothesis import given, settings
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict
from werkzeug.datastructures import Headers

from webhook_tutorial import SignatureError, SimulatedClock, serve, sign, verify
from webhook_tutorial.signing import (
    CHECKS,
    DIALECTS,
    DISCORD,
    GITHUB,
    SHOPIFY,
    SLACK,
    STANDARD_WEBHOOKS,
    STANDARD_WEBHOOKS_ED25519,
    STRIPE,
    SVIX,
    Dialect,
    Received,
)
from webhook_tutorial.signing.fields import FIELDS

SETTINGS = settings(max_examples=150, deadline=None, derandomize=True, database=None)
FEW = settings(SETTINGS, max_examples=40)

REASONS = {"missing", "malformed", "too_old", "too_new", "no_match"}
NOW = 1_795_445_643
CLOCK = SimulatedClock(start=NOW)
BODY = b'{"type":"order.paid"}'

SEED = bytes(range(32))
PUBLIC = Ed25519PrivateKey.from_private_bytes(SEED).public_key().public_bytes_raw()
ORDER = 2**252 + 27742317777372353535851937790883648493  # of the group in which ed25519 counts (RFC 8032)


def whsec(key):
    return "whsec_" + base64.b64encode(key).decode()


# Made up: what each dialect signs with, and what it verifies with.
OURS = {
    STANDARD_WEBHOOKS: (whsec(bytes(range(24))),) * 2,
    STANDARD_WEBHOOKS_ED25519: (
        "whsk_" + base64.b64encode(SEED + PUBLIC).decode(),
        "whpk_" + base64.b64encode(PUBLIC).decode(),
    ),
    SVIX: (whsec(bytes(range(1, 25))),) * 2,
    GITHUB: ("made-up for GitHub",) * 2,
    STRIPE: ("whsec_made_up_for_Stripe",) * 2,
    SLACK: ("made-up for Slack",) * 2,
    SHOPIFY: ("made-up for Shopify",) * 2,
    DISCORD: (SEED.hex(), PUBLIC.hex()),
}
# The same for somebody else: well-formed, and wrong.
ELSE = SEED[::-1]
ELSE_PUBLIC = Ed25519PrivateKey.from_private_bytes(ELSE).public_key().public_bytes_raw()
THEIRS = {d: (f"somebody else's for {d.name}",) * 2 for d in OURS} | {
    STANDARD_WEBHOOKS: (whsec(b"somebody else's secret!!"),) * 2,
    SVIX: (whsec(b"somebody else's at Svix!"),) * 2,
    STANDARD_WEBHOOKS_ED25519: (
        "whsk_" + base64.b64encode(ELSE).decode(),
        "whpk_" + base64.b64encode(ELSE_PUBLIC).decode(),
    ),
    DISCORD: (ELSE.hex(), ELSE_PUBLIC.hex()),
}

HMAC = [d for d in DIALECTS if d.method == "hmac-sha256"]
ED25519 = [d for d in DIALECTS if d.method == "ed25519"]
TIMED = [d for d in DIALECTS if d.timestamp]
LISTS = [STANDARD_WEBHOOKS, STANDARD_WEBHOOKS_ED25519, SVIX, STRIPE]  # these have room for several signatures
SINGLES = [GITHUB, SLACK, SHOPIFY, DISCORD]


def over(dialects):
    return pytest.mark.parametrize("dialect", dialects, ids=lambda d: d.name)


def send(dialect, body=BODY, secret=None, id="msg_1", at=NOW):
    """The headers of a delivery."""
    return sign(body, secret or OURS[dialect][0], dialect, id=id, timestamp=at)


def refusal(dialect, headers, body=BODY, secret=None, clock=CLOCK):
    """Why a delivery is refused; None if it is accepted. Any exception but SignatureError goes through."""
    try:
        verify(body, headers, secret or OURS[dialect][1], dialect, clock=clock)
    except SignatureError as error:
        assert error.reason in REASONS and str(error)
        return error.reason


def with_stamp(dialect, headers, stamp):
    """The same delivery with another text where the time stands; the signature stays."""
    if dialect.timestamp in headers:
        return headers | {dialect.timestamp: stamp}
    return headers | {dialect.signature: headers[dialect.signature].replace(f"t={NOW}", f"t={stamp}")}


def with_signature(dialect, headers, change):
    """The same delivery with its bare signature, the part after the prefix, changed."""
    before, mark, bare = headers[dialect.signature].rpartition(dialect.prefix or "\0")
    return headers | {dialect.signature: before + mark + change(bare)}


# --- Published examples -------------------------------------------------------------------------------------

# Secrets published by their owners as examples. Stripe publishes none short enough to stand here: see the
# cross-check with its library. Discord publishes none: see the check against the cryptography package.
PUBLISHED = [
    pytest.param(
        STANDARD_WEBHOOKS,
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        b'{"test": 2432232314}',
        {
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        },
        id="standard-webhooks/standard-webhooks libraries/python/tests/test_webhooks.py",
    ),
    pytest.param(
        STANDARD_WEBHOOKS,
        "whsec_plJ3nmyCDGBKInavdOK15jsl",
        b'{"event_type":"ping","data":{"success":true}}',
        {
            "webhook-id": "msg_loFOjxBNrRLzqYUf",
            "webhook-timestamp": "1731705121",
            "webhook-signature": "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=",
        },
        id="docs.svix.com receiving/verifying-payloads/how-manual",
    ),
    pytest.param(
        SVIX,
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        b'{"test": 2432232314}',
        {
            "svix-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "svix-timestamp": "1614265330",
            "svix-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        },
        id="docs.svix.com receiving/verifying-payloads/how",
    ),
    pytest.param(
        STANDARD_WEBHOOKS_ED25519,
        (
            "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==",
            "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=",
        ),
        b'{"test": 2432232314}',
        {
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZ"
            "dpXwVLPo3mNl8EM+m7TBAg==",
        },
        id="svix/svix-webhooks server/svix-server/src/worker.rs test_asymmetric_key_signing",
    ),
    pytest.param(
        GITHUB,
        "It's a Secret to Everybody",
        b"Hello, World!",
        {"X-Hub-Signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
        id="github/docs validating-webhook-deliveries.md",
    ),
    pytest.param(
        GITHUB,
        "mysecret",
        b'{"foo":"bar"}',
        {"X-Hub-Signature-256": "sha256=4864d2759938a15468b5df9ade20bf161da9b4f737ea61794142f3484236bda3"},
        id="octokit/webhooks-methods.js test/verify.test.ts",
    ),
    pytest.param(
        GITHUB,
        "development",
        r'{"foo":"Foo\n\u001B[34mbar: ♥♥♥♥♥♥♥♥\nthis-is-lost\u001B[0m\u001B[2K"}'.encode(),
        {"X-Hub-Signature-256": "sha256=afecc3caa27548bb90d51a50384cb2868b9a3327b4ad6a01c9bd4ed0f8b0b12c"},
        id="octokit/webhooks-methods.js test/verify.test.ts, UTF-8",
    ),
    pytest.param(
        SLACK,
        "8f742231b10e8888abcd99yyyzzz85a5",
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
        b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
        b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554"
        b"%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c",
        {
            "X-Slack-Request-Timestamp": "1531420618",
            "X-Slack-Signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
        },
        id="slackapi/python-slack-sdk tests/slack_sdk/signature/test_signature_verifier.py",
    ),
    pytest.param(
        SHOPIFY,
        "test_secret_key",
        b'{"foo": "bar"}',
        {"X-Shopify-Hmac-Sha256": "B23tXN681gZ0qIWNRrgtzBE9XSDo5yaUu6wfmhu3a7g="},
        id="Shopify/shopify-app-js lib/webhooks/__tests__/validate.test.ts",
    ),
]


@pytest.mark.parametrize(("dialect", "secret", "body", "headers"), PUBLISHED)
def test_a_published_example_verifies_and_signing_makes_it_again(dialect, secret, body, headers):
    private, public = secret if isinstance(secret, tuple) else (secret, secret)
    stamp = int(headers.get(dialect.timestamp, NOW))
    clock = SimulatedClock(start=stamp)
    verify(body, headers, public, dialect, clock=clock)
    assert sign(body, private, dialect, id=headers.get(dialect.id, ""), timestamp=stamp) == headers
    assert refusal(dialect, headers, body + b" ", public, clock) == "no_match"


# Dialects of one's own, from the providers' descriptions and their SDKs' published test secrets.
LINE = Dialect(name="LINE", signature="X-Line-Signature", signed="{body}", encoding="base64")
PADDLE = Dialect(
    name="Paddle", signature="Paddle-Signature", prefix="h1=", separator=";", timestamp="ts=",
    signed="{timestamp}:{body}", encoding="hex", max_age=5,
)  # fmt: skip


def test_a_dialect_of_ones_own_verifies_its_providers_published_example():
    # line-bot-sdk-python tests/v3/test_webhook.py; paddle-python-sdk tests/Unit/Notification/test_Verifier.py
    line = {"X-Line-Signature": "/gg9a+LvFevTH1sd7XCQycD7tsWclCsInj7MhBHxN7k="}
    assert sign(b"bodybodybodybody", "channel_secret", LINE) == line
    assert refusal(LINE, line, b"bodybodybodybody", "channel_secret") is None
    secret = "pdl_ntf_01hbpjmytsa32fhr36nqgc3kgb_WvRO0eL4Bj9rgYYIBZY6wZhG4EHy9jzh"
    right = "h1=d96299976a6eb066f484d7fde011ac56fc32b38fc9940bc419d6e537fdc6ef02"
    paddle = {"Paddle-Signature": f"ts=1696195954;h1=dummy;{right}"}
    assert refusal(PADDLE, paddle, b"hello-world", secret, SimulatedClock(start=1696195959)) is None
    assert refusal(PADDLE, paddle, b"hello-world", secret, SimulatedClock(start=1696195960)) == "too_old"
    made = sign(b"hello-world", secret, PADDLE, timestamp=1696195954)
    assert made == {"Paddle-Signature": f"ts=1696195954;{right}"}


def test_every_other_character_of_what_is_signed_stands_for_itself():
    odd = replace(LINE, signed="%s 100% %(id)b $id <ü>\n{body}")
    expected = hmac.digest(b"secret", "%s 100% %(id)b $id <ü>\n".encode() + BODY, "sha256")
    assert sign(BODY, "secret", odd) == {"X-Line-Signature": base64.b64encode(expected).decode()}


# --- Dialects that contradict themselves --------------------------------------------------------------------

PLAIN = {"name": "Acme", "signature": "X-Acme-Signature", "signed": "{body}", "encoding": "hex"}
TIMES = {"timestamp": "X-Acme-Timestamp", "signed": "{timestamp}.{body}"}
INSIDE = {"timestamp": "t=", "signed": "{timestamp}.{body}", "prefix": "v1=", "separator": ","}
WITH_ID = {"id": "X-Acme-Id", "signed": "{id}.{body}"}
EDDSA = {"method": "ed25519", "key": "hex"}


@pytest.mark.parametrize("fields", [{}, TIMES, INSIDE, WITH_ID, EDDSA], ids=lambda fields: " ".join(fields))
def test_what_the_contradictions_are_made_of_is_a_dialect(fields):
    assert Dialect(**PLAIN | fields)


CONTRADICTIONS = [
    # Nothing, or not everything, is signed.
    ({"signed": "{boby}"}, "signed must be text whose only braces are those of {id}, {timestamp} and {body}"),
    ({"signed": "{boby}.{body}"}, "signed must be text whose only braces"),
    ({"signed": "{body"}, "signed must be"),
    ({"signed": "body}"}, "signed must be"),
    ({"signed": "{{body}}"}, "signed must be"),
    ({"signed": "{body}{}"}, "signed must be"),
    ({"signed": "{ body }"}, "signed must be"),
    ({"signed": "{BODY}"}, "signed must be"),
    ({"signed": "\udc80{body}"}, "signed must be"),
    ({"signed": ""}, "signed does not hold {body}, so any body would be believed"),
    ({"signed": "body"}, "signed does not hold {body}"),
    (TIMES | {"signed": "{timestamp}"}, "signed does not hold {body}"),
    (TIMES | {"signed": "{timestamp}"}, "body_unsigned=True"),
    ({"signed": "{body}", "body_unsigned": True}, "body_unsigned is True, and signed holds {body}"),
    ({"signed": "always", "body_unsigned": True}, "every delivery would have the same signature"),
    # What is signed stands nowhere; what stands somewhere is not signed.
    (TIMES | {"signed": "{body}", "max_age": 300}, "signed does not hold {timestamp}"),
    (TIMES | {"signed": "{body}", "max_ahead": 300}, "signed does not hold {timestamp}"),
    (TIMES | {"signed": "{body}"}, "signed does not hold {timestamp}"),
    (INSIDE | {"signed": "{body}"}, "signed does not hold {timestamp}"),
    (TIMES | {"timestamp": ""}, "signed holds {timestamp}, and timestamp does not say where it stands"),
    (WITH_ID | {"id": ""}, "signed holds {id}, and id does not say where it stands"),
    (WITH_ID | {"signed": "{body}"}, "signed does not hold {id}"),
    ({"max_age": 300}, "max_age needs a timestamp"),
    ({"max_ahead": 0}, "max_ahead needs a timestamp"),
    # The header of the signature cannot be taken apart.
    (INSIDE | {"separator": ""}, "separator"),
    (INSIDE | {"separator": "=", "prefix": "v1="}, "separator '='"),
    (INSIDE | {"separator": "v1=x", "prefix": "v1=x"}, "separator 'v1=x'"),
    ({"prefix": "v1,", "separator": ","}, "separator ','"),
    ({"prefix": "sha256=", "separator": "a"}, "separator 'a'"),
    ({"separator": "00"}, "separator '00'"),
    ({"separator": "=", "encoding": "base64"}, "separator '='"),
    ({"separator": "/", "encoding": "base64"}, "separator '/'"),
    (INSIDE | {"separator": "=;", "timestamp": "t;="}, "separator '=;'"),
    (INSIDE | {"prefix": "t="}, "begin alike"),
    (INSIDE | {"prefix": "t"}, "begin alike"),
    (INSIDE | {"prefix": "t=v1="}, "begin alike"),
    (INSIDE | {"prefix": ""}, "begin alike"),
    # Headers that cannot be sent, or that overwrite each other.
    ({"signature": ""}, "signature must be the name of a header"),
    ({"signature": "X Acme"}, "signature must be the name of a header"),
    ({"signature": "X-Acme:"}, "signature must be"),
    ({"signature": "X-Acme\n"}, "signature must be"),
    ({"signature": "X-Äcme"}, "signature must be"),
    ({"signature": "X-Acme="}, "signature must be"),
    (WITH_ID | {"id": "X Acme"}, "id must be the name of a header"),
    (WITH_ID | {"id": "n="}, "id must be the name of a header"),
    (TIMES | {"timestamp": "X Acme"}, "timestamp must be the name of a header"),
    (INSIDE | {"timestamp": " t="}, "timestamp must be"),
    (INSIDE | {"timestamp": "t=\n"}, "timestamp must be"),
    (INSIDE | {"timestamp": "ü="}, "timestamp must be"),
    ({"prefix": " v1="}, "prefix must be"),
    ({"prefix": "v1\n"}, "prefix must be"),
    ({"prefix": "ü="}, "prefix must be"),
    ({"separator": "\t"}, "separator must be"),
    ({"separator": "·"}, "separator must be"),
    (TIMES | {"timestamp": "x-acme-signature"}, "signature and timestamp name the same header"),
    (WITH_ID | {"id": "X-ACME-SIGNATURE"}, "signature and id name the same header"),
    (WITH_ID | {"timestamp": "X-Acme-Id", "signed": "{id}{timestamp}{body}"}, "id and timestamp name the same"),
    (WITH_ID | {"unsigned": ("x-acme-id",)}, "unsigned lists x-acme-id"),
    (TIMES | {"unsigned": ("every other header", "X-Acme-Timestamp")}, "unsigned lists X-Acme-Timestamp"),
    # Keys.
    ({"private_prefix": "whsk_"}, "private_prefix"),
    (EDDSA | {"key": "text"}, "key"),
    # Values of the wrong kind.
    ({"name": ""}, "name must be"),
    ({"name": "  "}, "name must be"),
    ({"method": "hmac-md5"}, "method must be one of hmac-sha256, ed25519"),
    ({"encoding": "Hex"}, "encoding must be one of base64, hex"),
    ({"key": ""}, "key must be one of text, base64, hex"),
    ({"method": ["ed25519"]}, "method must be one of"),
    (TIMES | {"max_age": -1}, "max_age must be a number of seconds"),
    (TIMES | {"max_ahead": -0.5}, "max_ahead must be a number of seconds"),
    (TIMES | {"max_age": True}, "max_age must be"),
    (TIMES | {"max_age": "300"}, "max_age must be"),
    (TIMES | {"max_age": float("nan")}, "max_age must be"),
    (TIMES | {"max_age": float("inf")}, "max_age must be"),
    (TIMES | {"max_age": 3j}, "max_age must be"),
    (TIMES | {"max_age": (300,)}, "max_age must be"),
    ({"unsigned": "every other header"}, "unsigned must be a tuple"),
    ({"unsigned": ["every other header"]}, "unsigned must be a tuple"),
    ({"unsigned": (5,)}, "unsigned must be a tuple"),
    ({"unsigned": None}, "unsigned must be a tuple"),
    ({"body_unsigned": "no"}, "body_unsigned must be True or False"),
    ({"body_unsigned": None}, "body_unsigned must be"),
]
TEXT_FIELDS = [f.name for f in dataclasses.fields(Dialect) if f.type is str]


@pytest.mark.parametrize(("fields", "words"), CONTRADICTIONS, ids=str)
def test_a_dialect_that_contradicts_itself_says_what_is_wrong(fields, words):
    with pytest.raises(ValueError) as mistake:
        Dialect(**PLAIN | fields)
    assert words in str(mistake.value) and str(mistake.value).endswith(".")


@pytest.mark.parametrize("value", [("X-A", "X-B"), ["X-A"], b"X-A", None, 5, True], ids=repr)
@pytest.mark.parametrize("field", TEXT_FIELDS)
def test_every_text_of_a_dialect_is_text(field, value):
    with pytest.raises(ValueError, match=rf"^{field} must be .*; got "):
        Dialect(**PLAIN | {field: value})


def test_every_field_of_a_dialect_is_looked_at():
    assert len(TEXT_FIELDS) == 15
    assert set(FIELDS) == {field.name for field in dataclasses.fields(Dialect)}


def test_a_scheme_that_leaves_the_body_unsigned_says_so():
    dialect = Dialect(**PLAIN | TIMES | {"signed": "{timestamp}", "body_unsigned": True, "max_age": 300})
    headers = sign(BODY, "secret", dialect, timestamp=NOW)
    assert refusal(dialect, headers, b"another body", "secret") is None
    assert refusal(dialect, with_stamp(dialect, headers, str(NOW + 1)), BODY, "secret") == "no_match"


def test_a_limit_may_be_a_fraction_of_a_second_or_nothing():
    dialect = Dialect(**PLAIN | TIMES | {"max_age": 0.5, "max_ahead": 0})
    headers = sign(BODY, "secret", dialect, timestamp=NOW)
    assert refusal(dialect, headers, BODY, "secret", SimulatedClock(start=NOW + 0.5)) is None
    assert refusal(dialect, headers, BODY, "secret", SimulatedClock(start=NOW + 1)) == "too_old"
    assert refusal(dialect, headers, BODY, "secret", SimulatedClock(start=NOW - 1)) == "too_new"


# --- The providers' own libraries ---------------------------------------------------------------------------

# They take no clock, so these deliveries are of the present time. They read the body as UTF-8.
TEXTS = st.text(max_size=200)
IDS = st.text(string.ascii_letters + string.digits + "_-:/", min_size=1, max_size=40)
KEYS = st.binary(min_size=24, max_size=64).filter(any)
SEEDS = st.binary(min_size=32, max_size=32).filter(any)


@pytest.mark.parametrize(
    ("dialect", "library", "options"),
    [
        (STANDARD_WEBHOOKS, standardwebhooks.Webhook, {"json_parse": False}),
        (STANDARD_WEBHOOKS, svix.webhooks.Webhook, {}),
        (SVIX, svix.webhooks.Webhook, {}),
    ],
    ids=["standardwebhooks", "svix", "svix, its own headers"],
)
def test_standard_webhooks_libraries_and_we_accept_each_other(dialect, library, options):
    @given(TEXTS, IDS, KEYS)
    @SETTINGS
    def both_ways(text, id, key):
        now, theirs = datetime.now(UTC), library(whsec(key))
        theirs.verify(text.encode(), sign(text.encode(), whsec(key), dialect, id=id), **options)
        stamp = str(int(now.timestamp()))
        signature = theirs.sign(id, now, text)
        headers = {dialect.id: id, dialect.timestamp: stamp, dialect.signature: signature}
        verify(text.encode(), headers, whsec(key), dialect)
        assert sign(text.encode(), whsec(key), dialect, id=id, timestamp=now.timestamp()) == headers
        other = whsec(key[:-1] + bytes([key[-1] ^ 1]))
        with pytest.raises(standardwebhooks.WebhookVerificationError):
            theirs.verify(text.encode(), sign(text.encode(), other, dialect, id=id), **options)
        with pytest.raises(SignatureError):
            verify(text.encode(), headers, other, dialect)

    both_ways()


@given(TEXTS, st.text(min_size=1, max_size=60).filter(str.strip).filter(lambda text: text.strip("\0")))
@SETTINGS
def test_stripes_library_and_we_accept_each_other(text, secret):
    headers = sign(text.encode(), secret, STRIPE)
    stripe.WebhookSignature.verify_header(text.encode(), headers["Stripe-Signature"], secret, tolerance=300)
    theirs = stripe.WebhookSignature.generate_signature_header(text, secret)
    verify(text.encode(), {"Stripe-Signature": theirs}, secret, STRIPE)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.WebhookSignature.verify_header(text.encode() + b" ", headers["Stripe-Signature"], secret, tolerance=300)
    assert refusal(STRIPE, {"Stripe-Signature": theirs}, text.encode() + b" ", secret, None) == "no_match"


def test_stripes_library_accepts_either_of_our_two_signatures():
    header = sign(BODY, ["whsec_old", "whsec_new"], STRIPE)["Stripe-Signature"]
    for secret in ("whsec_old", "whsec_new"):
        assert stripe.WebhookSignature.verify_header(BODY, header, secret, tolerance=300)


def test_standard_webhooks_libraries_accept_either_of_our_two_signatures():
    old, new = whsec(b"o" * 32), whsec(b"n" * 32)
    headers = sign(BODY, [old, new], id="msg_1")
    for secret in (old, new):
        standardwebhooks.Webhook(secret).verify(BODY, headers, json_parse=False)
        svix.webhooks.Webhook(secret).verify(BODY, headers)
        svix.webhooks.Webhook(secret).verify(BODY, sign(BODY, [old, new], SVIX, id="msg_1"))


def test_svixs_own_headers_are_standard_webhooks_under_other_names():
    secret = OURS[SVIX][0]
    headers = send(SVIX)
    renamed = {name.replace("svix-", "webhook-"): value for name, value in headers.items()}
    assert renamed == send(STANDARD_WEBHOOKS, secret=secret)
    assert sorted(headers) == ["svix-id", "svix-signature", "svix-timestamp"]
    assert refusal(STANDARD_WEBHOOKS, headers, secret=secret) == "missing"
    assert refusal(SVIX, renamed) == "missing"


@given(st.binary(max_size=200), SEEDS, st.integers(0, 10**12))
@FEW
def test_discords_dialect_is_the_cryptography_packages_signature_of_time_and_body(body, seed, at):
    # Discord publishes no example, so the package itself is the independent check.
    key = Ed25519PrivateKey.from_private_bytes(seed)
    public = key.public_key().public_bytes_raw().hex()
    by_hand = {
        "X-Signature-Ed25519": key.sign(str(at).encode() + body).hex(),
        "X-Signature-Timestamp": str(at),
    }
    assert sign(body, seed.hex(), DISCORD, timestamp=at) == by_hand
    verify(body, by_hand, public, DISCORD)


@given(st.binary(max_size=200), SEEDS, IDS)
@FEW
def test_standard_webhooks_ed25519_is_the_cryptography_packages_signature(body, seed, id):
    key = Ed25519PrivateKey.from_private_bytes(seed)
    public = key.public_key().public_bytes_raw()
    signature = key.sign(f"{id}.{NOW}.".encode() + body)
    by_hand = {
        "webhook-id": id,
        "webhook-timestamp": str(NOW),
        "webhook-signature": "v1a," + base64.b64encode(signature).decode(),
    }
    for private in (seed, seed + public):  # either layout of the private key
        text = "whsk_" + base64.b64encode(private).decode()
        assert sign(body, text, STANDARD_WEBHOOKS_ED25519, id=id, timestamp=NOW) == by_hand
    text = "whpk_" + base64.b64encode(public).decode()
    verify(body, by_hand, text, STANDARD_WEBHOOKS_ED25519, clock=CLOCK)


# --- Every single bit ---------------------------------------------------------------------------------------


def flips(data):
    """Every value that differs from these bytes in one bit."""
    for bit in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        yield bytes(flipped)


def text_flips(text):
    return (flipped.decode("latin-1") for flipped in flips(text.encode("ascii")))


def secret_flips(dialect):
    """Every secret whose key differs in one bit. Hex in capitals is the same key, so the key's own bits flip."""
    secret = OURS[dialect][1]
    if dialect.method == "hmac-sha256":
        return text_flips(secret)  # 24 bytes fill their base64, so each bit of its text matters
    if dialect is DISCORD:
        return map(bytes.hex, flips(PUBLIC))
    return ("whpk_" + base64.b64encode(flipped).decode() for flipped in flips(PUBLIC))


def cases_off_by_one_bit(dialect, body):
    """(headers, body, secret) of every delivery that differs from a genuine one in one bit."""
    good, secret = send(dialect, body), OURS[dialect][1]
    for name, value in good.items():
        for flipped in text_flips(value):
            yield good | {name: flipped}, body, secret
    for flipped in flips(body):
        yield good, flipped, secret
    for flipped in secret_flips(dialect):
        yield good, body, flipped


@pytest.mark.parametrize(
    ("dialect", "deliveries", "at_least"),
    [(d, 10, 6_000) for d in HMAC] + [(d, 1, 1_200) for d in ED25519],
    ids=lambda value: getattr(value, "name", None),
)
def test_no_change_of_a_single_bit_verifies(dialect, deliveries, at_least):
    # Six dialects with an HMAC: at least 36,000 cases. The limits of age are lifted, so that what refuses
    # a changed time is the signature.
    ageless = replace(dialect, max_age=None, max_ahead=None)
    chance, count = random.Random(dialect.name), 0
    for _ in range(deliveries):
        body = chance.randbytes(chance.randint(20, 80))
        assert refusal(dialect, send(dialect, body), body) is None
        for headers, changed, secret in cases_off_by_one_bit(dialect, body):
            count += 1
            try:
                verify(changed, headers, secret, ageless, clock=CLOCK)
            except SignatureError:
                continue
            except ValueError:
                assert secret != OURS[dialect][1]  # a secret that no longer is one
                continue
            pytest.fail(f"accepted: {headers} {changed} {secret}")
    assert count >= at_least


@over(TIMED)
def test_a_time_that_is_still_young_enough_cannot_be_changed_either(dialect):
    headers = send(dialect)
    for seconds in (-299, -1, 1, 299):
        assert refusal(dialect, with_stamp(dialect, headers, str(NOW + seconds))) == "no_match"
    assert refusal(dialect, with_stamp(dialect, headers, f"0{NOW}")) == "no_match"


# --- What is not signed -------------------------------------------------------------------------------------


@over(DIALECTS)
def test_what_a_dialect_calls_unsigned_can_be_changed_at_will(dialect):
    good = send(dialect)
    taken = {name.lower() for name in good}
    assert dialect.unsigned

    @given(st.dictionaries(st.text() | st.integers(), st.text() | st.integers()), st.text(), st.floats(0, 1e10))
    @FEW
    def changed(others, value, now):
        headers, clock = dict(good), CLOCK
        for what in dialect.unsigned:
            if what == "every other header":
                headers |= {k: v for k, v in others.items() if str(k).lower() not in taken}
            elif what == "the time":
                clock = SimulatedClock(start=now)
            else:
                assert what.startswith("X-") and what.lower() not in taken
                headers[what] = value
        assert refusal(dialect, headers, clock=clock) is None

    changed()


@over([GITHUB, SHOPIFY, DISCORD])
def test_dialects_without_a_limit_of_age_accept_a_delivery_for_ever(dialect):
    headers = send(dialect)
    for years in (-50, 50):
        assert refusal(dialect, headers, clock=SimulatedClock(start=NOW + years * 31_557_600)) is None


def test_discord_signs_time_and_body_without_a_border_between_them():
    # Nothing a receiver could mend; a body that is a JSON object cannot begin with a digit.
    headers = send(DISCORD, b'3{"type":1}', at=170_000_000)
    moved = headers | {"X-Signature-Timestamp": "1700000003"}
    assert refusal(DISCORD, moved, b'{"type":1}') is None


# --- Whatever a stranger sends ------------------------------------------------------------------------------

ANYTHING = st.one_of(
    st.text(),
    st.text(string.printable),
    st.text("0123456789+-_. \t\r\n٣³"),
    st.lists(st.sampled_from(["v1,", "v1a,", "v1=", "v0=", "t=", "sha256=", str(NOW), " ", ",", "=", "A" * 44])).map(
        "".join
    ),
    st.none() | st.booleans() | st.integers() | st.floats() | st.binary() | st.just(object()),
    st.lists(st.text(), max_size=3) | st.dictionaries(st.text(), st.text(), max_size=2) | st.tuples(st.text()),
)


@over(DIALECTS)
def test_any_value_in_any_header_gives_signature_error_and_nothing_else(dialect):
    good = send(dialect)

    @given(st.dictionaries(st.sampled_from(sorted(good)), ANYTHING, min_size=1))
    @SETTINGS
    def anything(values):
        if good | values != good:
            assert refusal(dialect, good | values) in REASONS

    anything()


@over(DIALECTS)
def test_broken_headers_that_look_nearly_right_give_signature_error_and_nothing_else(dialect):
    good, chance = send(dialect), random.Random(dialect.name)
    other = send(dialect, BODY + b" ")
    pieces = [*other.values(), *other[dialect.signature].split(","), dialect.prefix, dialect.separator]
    pieces += ["t=", "v1,", "v1a,", "v0=", "=", ",", " ", ";", "==", "['", "']", "{body}", "%(id)b", "%s", "\\"]
    pieces += [str(NOW), "-1", "0", "٣", "³", "1_0", "1e9", "nan", "\0", "\n", "\x7f", "é", "\udc80"]
    cases = 2_000 if dialect in HMAC else 400
    for _ in range(cases):
        headers = dict(good)
        for name in chance.sample(sorted(good), chance.randint(1, len(good))):
            headers[name] = "".join(chance.choices(pieces, k=chance.randint(0, 6)))
        # An untouched signature with its own time and id, if that is what came out, is genuine.
        if headers != good:
            assert refusal(dialect, headers) in REASONS


@over(DIALECTS)
def test_a_huge_header_is_refused_like_any_other(dialect):
    good = send(dialect)
    mark, fill = dialect.prefix, dialect.separator or " "
    for value in ("x" * 1_000_000, "9" * 1_000_000, fill * 1_000_000, (mark + "QUJD" + fill) * 100_000):
        for name in good:
            assert refusal(dialect, good | {name: value}) in {"malformed", "no_match"}


@over(DIALECTS)
@pytest.mark.parametrize(
    "value", [b"v1,x", ["v1,x"], 17, 1.5, ("t=1",), {"a": 1}, Ellipsis, "v1,\xe9", "\r\n", "\0"], ids=repr
)
def test_a_value_that_is_no_printable_text_is_malformed(dialect, value):
    good = send(dialect)
    for name in good:
        assert refusal(dialect, good | {name: value}) == "malformed"


@over(DIALECTS)
def test_any_bytes_are_a_body(dialect):
    @given(st.binary(max_size=300))
    @FEW
    def round_trip(body):
        headers = send(dialect, body)
        assert refusal(dialect, headers, body) is None
        assert refusal(dialect, headers, bytearray(body)) is None
        assert send(dialect, bytearray(body)) == headers
        assert refusal(dialect, headers, body + b"\0") == "no_match"

    round_trip()


@given(st.binary(max_size=300), IDS)
@SETTINGS
def test_the_hmac_dialects_are_what_their_descriptions_say(body, id):
    def mac(key, *parts):
        return hmac.new(key, b"".join(p if isinstance(p, bytes) else p.encode() for p in parts), hashlib.sha256)

    def b64(mac):
        return base64.b64encode(mac.digest()).decode()

    at = str(NOW)
    key = {d: OURS[d][0].encode() for d in HMAC}
    assert send(STANDARD_WEBHOOKS, body, id=id) == {
        "webhook-id": id,
        "webhook-timestamp": at,
        "webhook-signature": "v1," + b64(mac(bytes(range(24)), id, ".", at, ".", body)),
    }
    assert send(SVIX, body, id=id) == {
        "svix-id": id,
        "svix-timestamp": at,
        "svix-signature": "v1," + b64(mac(bytes(range(1, 25)), id, ".", at, ".", body)),
    }
    assert send(GITHUB, body) == {"X-Hub-Signature-256": "sha256=" + mac(key[GITHUB], body).hexdigest()}
    stripes = mac(key[STRIPE], at, ".", body).hexdigest()
    assert send(STRIPE, body) == {"Stripe-Signature": f"t={at},v1={stripes}"}
    slacks = mac(key[SLACK], "v0:", at, ":", body).hexdigest()
    assert send(SLACK, body) == {"X-Slack-Request-Timestamp": at, "X-Slack-Signature": f"v0={slacks}"}
    assert send(SHOPIFY, body) == {"X-Shopify-Hmac-Sha256": b64(mac(key[SHOPIFY], body))}


# --- Reasons and times --------------------------------------------------------------------------------------


@over(DIALECTS)
def test_each_header_that_sign_makes_is_needed(dialect):
    good = send(dialect)
    assert refusal(dialect, good) is None
    for name in good:
        without = {n: v for n, v in good.items() if n != name}
        for headers in (without, without | {name: None}, without | {name: ""}, without | {name: []}):
            assert refusal(dialect, headers) == "missing"
    assert refusal(dialect, {}) == "missing"


@over([d for d in DIALECTS if d.prefix])
def test_a_signature_without_its_prefix_is_malformed(dialect):
    headers = send(dialect)
    bare = headers[dialect.signature].replace(dialect.prefix, "")
    assert refusal(dialect, headers | {dialect.signature: bare}) == "malformed"
    beside = headers[dialect.signature].replace(dialect.prefix, "x" + dialect.prefix)
    assert refusal(dialect, headers | {dialect.signature: beside}) == "malformed"
    shouted = headers[dialect.signature].replace(dialect.prefix, dialect.prefix.upper())
    assert refusal(dialect, headers | {dialect.signature: shouted}) == "malformed"


@over(DIALECTS)
def test_a_genuine_delivery_of_somebody_else_fits_no_secret_of_ours(dialect):
    assert refusal(dialect, send(dialect, secret=THEIRS[dialect][0])) == "no_match"
    assert refusal(dialect, send(dialect, secret=THEIRS[dialect][0]), secret=THEIRS[dialect][1]) is None
    assert verify(BODY, send(dialect), OURS[dialect][1], dialect, clock=CLOCK) is None


@over([d for d in DIALECTS if d.max_age])
def test_a_delivery_may_be_as_old_as_the_limit_and_not_a_second_older(dialect):
    headers, clock = send(dialect), SimulatedClock(start=NOW)
    assert dialect.max_age == 300
    clock.sleep(300)
    assert refusal(dialect, headers, clock=clock) is None
    clock.sleep(1)
    assert refusal(dialect, headers, clock=clock) == "too_old"


@over([d for d in DIALECTS if d.max_ahead])
def test_a_delivery_may_be_as_far_ahead_as_the_limit_and_not_a_second_further(dialect):
    headers, clock = send(dialect), SimulatedClock(start=NOW - 301)
    assert dialect.max_ahead == 300
    assert refusal(dialect, headers, clock=clock) == "too_new"
    clock.sleep(1)
    assert refusal(dialect, headers, clock=clock) is None


@pytest.mark.parametrize("ahead", [60, 301, 86_400, 315_576_000])
def test_stripe_accepts_a_time_ahead_of_ours_as_its_own_library_does(ahead):
    assert refusal(STRIPE, send(STRIPE, at=NOW + ahead)) is None
    header = sign(BODY, "whsec_x", STRIPE, timestamp=time.time() + ahead)["Stripe-Signature"]
    assert stripe.WebhookSignature.verify_header(BODY, header, "whsec_x", tolerance=300)


def test_without_a_clock_the_computers_time_counts():
    secret = OURS[STANDARD_WEBHOOKS][0]
    verify(BODY, sign(BODY, secret, id="msg_1"), secret)
    for ahead, reason in ((-400, "too_old"), (400, "too_new")):
        headers = sign(BODY, secret, id="msg_1", timestamp=time.time() + ahead)
        assert refusal(STANDARD_WEBHOOKS, headers, clock=None) == reason


@over(TIMED)
@pytest.mark.parametrize(
    "stamp",
    [
        f"+{NOW}", f"-{NOW}", "-1", f" {NOW}", f"{NOW} ", "1_795_445_643", f"{NOW}.0", f"{NOW}.5", "1.795445643e9",
        "٣" * 10, "³" * 10, "１７９５４４５６４３", hex(NOW), "nan", "inf", "now", "9" * 16, "9" * 5_000, f"{NOW}\n",
    ],
)  # fmt: skip
def test_a_time_is_written_in_digits_only(dialect, stamp):
    assert refusal(dialect, with_stamp(dialect, send(dialect), stamp)) == "malformed"


@over(TIMED)
@pytest.mark.parametrize("stamp", ["٣٣٣", "+5", "1_0", "-1"])
def test_a_time_not_in_digits_is_refused_even_when_its_signature_is_right(dialect, stamp):
    ageless = replace(dialect, max_age=None, max_ahead=None)
    headers = with_stamp(dialect, send(dialect), stamp)
    message = dialect.signed.format(id="msg_1", timestamp=stamp, body=BODY.decode()).encode()
    if dialect in ED25519:
        signature = Ed25519PrivateKey.from_private_bytes(SEED).sign(message)
    else:
        secret = OURS[dialect][0]
        key = base64.b64decode(secret[6:]) if dialect.key == "base64" else secret.encode()
        signature = hmac.digest(key, message, "sha256")
    text = base64.b64encode(signature).decode() if dialect.encoding == "base64" else signature.hex()
    headers = with_signature(dialect, headers, lambda _: text)
    assert refusal(ageless, headers, secret=OURS[dialect][1]) == "malformed"


def test_stripes_header_has_one_time():
    header = send(STRIPE)["Stripe-Signature"]
    for wrong in (header.split(",")[1], f"t={NOW},{header}", f"{header},t={NOW}", f"{header},t=", f"t=,{header}"):
        assert refusal(STRIPE, {"Stripe-Signature": wrong}) == "malformed"


# --- The checks, one by one ---------------------------------------------------------------------------------

CHECKED = {
    STANDARD_WEBHOOKS: [
        "webhook-id, webhook-timestamp and webhook-signature are there, in printable ASCII",
        "webhook-timestamp is a time in whole seconds",
        "signed within 300 s of our clock",
        "webhook-id holds no '.', which is where it ends",
        "webhook-signature holds a signature that begins with 'v1,', and at most 20",
        "the signature fits the id, the timestamp, the body and the receiver's secret",
    ],
    GITHUB: [
        "X-Hub-Signature-256 is there, in printable ASCII",
        "X-Hub-Signature-256 begins with 'sha256='",
        "the signature fits the body and the receiver's secret",
    ],
    STRIPE: [
        "Stripe-Signature is there, in printable ASCII",
        "t= is a time in whole seconds",
        "signed at most 300 s ago",
        "Stripe-Signature holds a signature that begins with 'v1=', and at most 20",
        "the signature fits the timestamp, the body and the receiver's secret",
    ],
    SHOPIFY: [
        "X-Shopify-Hmac-Sha256 is there, in printable ASCII",
        "the signature fits the body and the receiver's secret",
    ],
}


@over(CHECKED)
def test_what_is_checked_is_told_in_the_words_of_the_dialect(dialect):
    assert [words for check in CHECKS if (words := check.words(dialect))] == CHECKED[dialect]


def test_a_limit_to_both_sides_and_one_to_the_future_have_words():
    [age] = [check for check in CHECKS if check.name == "age"]
    assert age.words(replace(STRIPE, max_ahead=60)) == "signed at most 300 s ago and at most 60 s ahead of our clock"
    assert age.words(replace(STRIPE, max_age=None, max_ahead=60)) == "signed at most 60 s ahead of our clock"


def first_to_fail(dialect, headers, body=BODY):
    """The name of the check that refuses a delivery, and its reason."""
    received = Received(body, headers, OURS[dialect][1], dialect, CLOCK)
    for check in CHECKS:
        try:
            check.run(received)
        except SignatureError as error:
            assert check.words(dialect)  # one that has nothing to check refuses nothing
            return check.name, error.reason


@over(DIALECTS)
def test_verify_refuses_for_the_reason_of_the_first_check_that_fails(dialect):
    genuine = send(dialect)
    assert first_to_fail(dialect, genuine) is None
    broken = {
        ("headers", "missing"): (BODY, {}),
        ("headers", "malformed"): (BODY, genuine | {dialect.signature: "é"}),
        ("match", "no_match"): (BODY + b" ", genuine),
    }
    if dialect.prefix:
        none = f"t={NOW}" if dialect is STRIPE else "?"
        broken["signatures", "malformed"] = BODY, genuine | {dialect.signature: none}
    if dialect.timestamp:
        broken["timestamp", "malformed"] = BODY, with_stamp(dialect, genuine, "yesterday")
    if dialect.max_age:
        broken["age", "too_old"] = BODY, send(dialect, at=NOW - 301)
    if dialect.max_ahead:
        broken["age", "too_new"] = BODY, send(dialect, at=NOW + 301)
    if dialect.id:
        broken["id", "malformed"] = BODY, genuine | {dialect.id: "msg.1"}
    for (name, reason), (body, headers) in broken.items():
        assert first_to_fail(dialect, headers, body) == (name, reason)
        assert refusal(dialect, headers, body) == reason


def test_headers_are_looked_for_before_they_are_read():
    old = send(STANDARD_WEBHOOKS, at=NOW - 600)
    del old["webhook-id"]
    assert refusal(STANDARD_WEBHOOKS, old) == "missing"


# --- Header names -------------------------------------------------------------------------------------------


@over(DIALECTS)
@pytest.mark.parametrize("case", [str.lower, str.upper, str.title, str.swapcase], ids=lambda case: case.__name__)
@pytest.mark.parametrize("kind", [dict, Headers, CaseInsensitiveDict, "flask"], ids=str)
def test_header_names_count_in_any_case_and_in_any_kind_of_mapping(dialect, case, kind):
    headers = {case(name): value for name, value in send(dialect).items()}
    if kind == "flask":
        with Flask("receiver").test_request_context(method="POST", headers=headers, data=BODY):
            assert refusal(dialect, request.headers, request.get_data()) is None
            assert refusal(dialect, request.headers, request.get_data() + b" ") == "no_match"
    else:
        assert refusal(dialect, kind(headers)) is None
        if kind is dict:
            assert refusal(dialect, {5: "x", None: "x", b"x": "x"} | headers) is None
        headers.popitem()
        assert refusal(dialect, kind(headers)) == "missing"


# --- Several signatures, several secrets --------------------------------------------------------------------


@over(LISTS)
def test_a_sender_that_changes_its_secret_signs_with_both(dialect):
    ours, theirs = OURS[dialect][0], THEIRS[dialect][0]
    for secrets in ([ours, theirs], [theirs, ours], (ours, theirs), iter([theirs, ours])):
        headers = send(dialect, secret=secrets)
        assert headers[dialect.signature].count(dialect.prefix) == 2
        assert refusal(dialect, headers) is None
        assert refusal(dialect, headers, BODY + b" ") == "no_match"
    assert refusal(dialect, send(dialect, secret=[theirs, theirs])) == "no_match"
    assert send(dialect, secret=[ours]) == send(dialect)


@over(SINGLES)
def test_a_dialect_without_room_for_two_signatures_says_so(dialect):
    with pytest.raises(ValueError, match=r"takes one signature, and 2 secrets were given\."):
        send(dialect, secret=[OURS[dialect][0], THEIRS[dialect][0]])
    assert send(dialect, secret=[OURS[dialect][0]]) == send(dialect)
    for join in (",", " ", ", "):
        good = send(dialect)[dialect.signature]
        assert refusal(dialect, send(dialect) | {dialect.signature: good + join + good}) == "no_match"


@over(DIALECTS)
def test_signing_needs_a_secret(dialect):
    with pytest.raises(ValueError):
        sign(BODY, [], dialect, id="msg_1")


@over(DIALECTS)
def test_verifying_needs_a_secret(dialect):
    """With none at all, every genuine delivery would be refused, and the log would blame the sender."""
    with pytest.raises(ValueError):
        verify(BODY, send(dialect), [], dialect, clock=CLOCK)


@over(DIALECTS)
def test_a_receiver_that_changes_its_secret_takes_either(dialect):
    public, other = OURS[dialect][1], THEIRS[dialect][1]
    headers = send(dialect)
    for secrets in ([public], [public, other], [other, public], (other, public), iter([other, public])):
        assert refusal(dialect, headers, secret=secrets) is None
    assert refusal(dialect, headers, secret=[other, other]) == "no_match"


def neighbours(dialect):
    mark = dialect.prefix
    wrong = with_signature(dialect, send(dialect), lambda bare: bare[::-1])[dialect.signature].split(",")[-1]
    texts = ["", "x", "v1", "v1a", "v1,", "v1=", "=", ",", "==", "v2,abc", "v1a,abc", "v0=00", "v9=00", "whsec_"]
    texts += [mark + bare for bare in ("", "A", "abc", "!!!", "====", "00" * 32, "QUJD", mark)]
    texts += [mark + wrong, mark + "A" * 86 + "==", mark + "A" * 10_000, " ", "%s", "{body}"]
    return texts


@over(LISTS)
def test_unknown_versions_and_broken_neighbours_neither_spoil_nor_raise(dialect):
    good = send(dialect)
    for neighbour in neighbours(dialect):
        for items in ([good[dialect.signature], neighbour], [neighbour, good[dialect.signature]]):
            headers = good | {dialect.signature: dialect.separator.join(items)}
            assert refusal(dialect, headers) is None
            assert refusal(dialect, headers, BODY + b" ") == "no_match"


def test_both_methods_of_standard_webhooks_share_one_header():
    one, other = send(STANDARD_WEBHOOKS), send(STANDARD_WEBHOOKS_ED25519)
    both = one | {"webhook-signature": f"{one['webhook-signature']} {other['webhook-signature']}"}
    for dialect in (STANDARD_WEBHOOKS, STANDARD_WEBHOOKS_ED25519):
        assert refusal(dialect, both) is None
    assert refusal(STANDARD_WEBHOOKS, other) == "malformed"
    assert refusal(STANDARD_WEBHOOKS_ED25519, one) == "malformed"


def test_stripes_v0_is_ignored():
    header = send(STRIPE)["Stripe-Signature"]
    right = header.partition("v1=")[2]
    assert refusal(STRIPE, {"Stripe-Signature": f"{header},v0={'0' * 64}"}) is None
    assert refusal(STRIPE, {"Stripe-Signature": f"t={NOW},v0={right}"}) == "malformed"
    assert refusal(STRIPE, {"Stripe-Signature": f"t={NOW},v1={'0' * 64},v0={right}"}) == "no_match"


# --- One spelling only --------------------------------------------------------------------------------------

ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"


def same_bytes_spelt_otherwise(text):
    """The next letter before the padding: its last bits are dropped when it is decoded."""
    body = text.rstrip("=")
    return body[:-1] + ALPHABET[ALPHABET.index(body[-1]) + 1] + text[len(body) :]


@over([d for d in DIALECTS if d.encoding == "base64"])
def test_base64_counts_in_one_spelling_only(dialect):
    # A signature with + or / in it, so that the alphabet for URLs makes a difference.
    body = next(b for b in (b"%d" % n for n in range(99)) if {"+", "/"} <= {*send(dialect, b)[dialect.signature]})
    headers = send(dialect, body)
    assert refusal(dialect, headers, body) is None
    spellings = [
        lambda bare: bare.rstrip("="),
        lambda bare: bare[:-1],
        lambda bare: bare + "=",
        lambda bare: bare + "A",
        lambda bare: "!" + bare,
        lambda bare: bare[:9] + "*" + bare[9:],
        lambda bare: bare[:9] + "\n" + bare[9:],
        lambda bare: bare.replace("+", "-").replace("/", "_"),
        same_bytes_spelt_otherwise,
    ]
    for spell in spellings:
        assert refusal(dialect, with_signature(dialect, headers, spell), body) in {"no_match", "malformed"}
    bare = headers[dialect.signature].rpartition(",")[2]
    assert base64.b64decode(bare) == base64.b64decode(same_bytes_spelt_otherwise(bare))


@over([d for d in DIALECTS if d.encoding == "hex"])
def test_hex_counts_in_small_letters_only(dialect):
    headers = send(dialect)
    spellings = [
        str.upper,
        lambda bare: "0x" + bare,
        lambda bare: bare + "0",
        lambda bare: bare + "00",
        lambda bare: bare[:-1],
        lambda bare: bare[:-2],
        lambda bare: bare[:2] + " " + bare[2:],
        lambda bare: bare[:2] + ":" + bare[2:],
        lambda bare: bare + " ",
    ]
    for spell in spellings:
        assert refusal(dialect, with_signature(dialect, headers, spell)) == "no_match"


@over(ED25519)
def test_an_ed25519_signature_plus_the_order_of_the_group_is_no_second_signature(dialect):
    def decode(bare):
        return bytes.fromhex(bare) if dialect is DISCORD else base64.b64decode(bare)

    def encode(data):
        return data.hex() if dialect is DISCORD else base64.b64encode(data).decode()

    def plus_order(bare):
        data = decode(bare)
        return encode(data[:32] + (int.from_bytes(data[32:], "little") + ORDER).to_bytes(32, "little"))

    headers = send(dialect)
    assert refusal(dialect, with_signature(dialect, headers, lambda bare: encode(decode(bare)))) is None
    assert refusal(dialect, with_signature(dialect, headers, plus_order)) == "no_match"


# --- Our own mistakes ---------------------------------------------------------------------------------------


@over(DIALECTS)
@pytest.mark.parametrize(
    "body",
    [BODY.decode(), None, {"type": "order.paid"}, 5, [1], memoryview(BODY)],
    ids=lambda body: type(body).__name__,
)
def test_a_body_that_is_not_bytes_is_our_mistake(dialect, body):
    kind = type(body).__name__
    with pytest.raises(TypeError, match=f"must be the raw bytes that arrived, not {kind}"):
        verify(body, send(dialect), OURS[dialect][1], dialect, clock=CLOCK)
    with pytest.raises(TypeError, match=f"must be the bytes that will be sent, not {kind}"):
        send(dialect, body)


@pytest.mark.parametrize(
    ("dialect", "secret", "expected"),
    [
        (STANDARD_WEBHOOKS, "c2VjcmV0LXRoYXQtaXMtbm90LXByZWZpeGVk", "whsec_"),
        (STANDARD_WEBHOOKS, "WHSEC_c2VjcmV0LXRoYXQtaXMtbm90", "whsec_"),
        (STANDARD_WEBHOOKS, "whsec_not/base64!!", "base64"),
        (STANDARD_WEBHOOKS, "whsec_MfKQ9r8GKYqrTwjUPD8IL", "base64"),
        (STANDARD_WEBHOOKS, "whsec_MfKQ 9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "base64"),
        (STANDARD_WEBHOOKS, "whsec_geheimnis-mit-ümlaut", "base64"),
        (STANDARD_WEBHOOKS, "whsec_", "empty"),
        (STANDARD_WEBHOOKS, "", "whsec_"),
        (STANDARD_WEBHOOKS_ED25519, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whpk_"),
        (STANDARD_WEBHOOKS_ED25519, "whpk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "32 bytes"),
        (STANDARD_WEBHOOKS_ED25519, OURS[STANDARD_WEBHOOKS_ED25519][0], "whpk_"),
        (DISCORD, "not hexadecimal at all", "hex"),
        (DISCORD, "abc", "hex"),
        (DISCORD, "ab" * 31, "32 bytes"),
        (DISCORD, "ab" * 33, "32 bytes"),
        (DISCORD, "", "empty"),
        (GITHUB, "", "empty"),
        (GITHUB, "half a character \udc80", "text"),
        (STRIPE, "", "empty"),
        (SHOPIFY, "", "empty"),
        (SLACK, "", "empty"),
    ],
)
def test_a_secret_that_cannot_be_read_is_our_mistake_and_stays_a_secret(dialect, secret, expected):
    for secrets in (secret, [secret]):
        with pytest.raises(ValueError, match=expected) as mistake:
            verify(BODY, send(dialect), secrets, dialect, clock=CLOCK)
        assert not isinstance(mistake.value, UnicodeError) and str(mistake.value).endswith(".")
        shown = "".join(traceback.format_exception(mistake.value)) + repr(mistake.value)
        kernel = secret.removeprefix(dialect.key_prefix)
        assert not kernel or (kernel not in shown and ascii(kernel)[1:-1] not in shown)


@pytest.mark.parametrize(
    ("dialect", "secret", "expected"),
    [
        (STANDARD_WEBHOOKS, "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_"),
        (STANDARD_WEBHOOKS, "whsec_MfKQ9r8GKYqrTwjUPD8IL", "base64"),
        (STANDARD_WEBHOOKS_ED25519, OURS[STANDARD_WEBHOOKS_ED25519][1], "whsk_"),
        (STANDARD_WEBHOOKS_ED25519, "whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "32 bytes"),
        (DISCORD, "ab" * 31, "32 bytes"),
        (DISCORD, "xy" * 32, "hex"),
        (GITHUB, "", "empty"),
    ],
)
def test_a_secret_that_cannot_sign_is_our_mistake_and_stays_a_secret(dialect, secret, expected):
    with pytest.raises(ValueError, match=expected) as mistake:
        sign(BODY, secret, dialect, id="msg_1")
    assert not secret or secret not in str(mistake.value)


@over(DIALECTS)
@pytest.mark.parametrize("secret", [b"whsec_c2VjcmV0", None, 5, [None]], ids=repr)
def test_a_secret_that_is_not_text_is_our_mistake(dialect, secret):
    """An environment variable that is not set gives None; bytes are an easy slip."""
    with pytest.raises((TypeError, ValueError)):
        verify(BODY, send(dialect), secret, dialect, clock=CLOCK)
    with pytest.raises((TypeError, ValueError)):
        sign(BODY, secret, dialect, id="msg_1")


@pytest.mark.parametrize("id", ["", None, "msg\n1", "msg\0", "nachricht-ü", "msg\x7f"], ids=repr)
def test_an_id_must_be_printable_ascii(id):
    with pytest.raises(ValueError, match="signs the id of a delivery"):
        sign(BODY, OURS[STANDARD_WEBHOOKS][0], id=id)


@pytest.mark.parametrize("id", [" msg_1", "msg_1 ", " "], ids=repr)
def test_an_id_may_not_begin_or_end_with_a_space(id):
    """HTTP takes the spaces around a header's value away (RFC 9110, section 5.5), and the signature with them."""
    with pytest.raises(ValueError):
        sign(BODY, OURS[STANDARD_WEBHOOKS][0], id=id)


@pytest.mark.parametrize("id", [5, b"msg_1", ["msg_1"]], ids=repr)
def test_an_id_that_is_not_text_is_our_mistake(id):
    with pytest.raises((TypeError, ValueError)):
        sign(BODY, OURS[STANDARD_WEBHOOKS][0], id=id)


@over([d for d in DIALECTS if d.id])
def test_a_body_cannot_be_moved_into_the_id(dialect):
    """Standard Webhooks: an id may not hold a dot, "to prevent certain attacks". This is one.

    The signed text of id a, time 1 and body 2.x is that of id a.1, time 2 and body x.
    """
    headers = send(dialect, f"{NOW + 1}.5".encode(), id="msg_1")  # a number is JSON too
    moved = headers | {dialect.id: f"msg_1.{NOW}", dialect.timestamp: str(NOW + 1)}
    assert refusal(dialect, moved, b"5") in {"malformed", "no_match"}
    with pytest.raises(ValueError):
        send(dialect, id="msg.1")


# What a hand slips into a dialect: likely texts, and a few characters of any kind.
SLIPS = st.text("abt019=,;:.-_ {}%+/VvZ\n\0é\udc80", max_size=4)
LIMITS = st.sampled_from([None, 0, 5, 0.5])
SIGNED = st.lists(st.sampled_from([*"\n:.a0%{", "{id}", "{timestamp}", "{body}", "{boby}"]), max_size=6).map("".join)
CHANGES = {
    "signature": st.sampled_from(["x-acme-id", "x-acme-timestamp", "a", "X Sig"]),
    "prefix": st.sampled_from(["", "v1=", " v1=", "v1,", "t", "t=", "a", "0"]) | SLIPS,
    "separator": st.sampled_from(["", " ", ",", ";", "=", ", ", "a", "--"]) | SLIPS,
    "id": st.sampled_from(["", "X-Id", "a"]),
    "timestamp": st.sampled_from(["", "X-Time", "t=", " t=", "a", "a=", "0=", "=", "a b="]) | SLIPS,
    "signed": SIGNED,
    "body_unsigned": st.booleans(),
    "method": st.sampled_from(["hmac-sha256", "ed25519"]),
    "encoding": st.sampled_from(["hex", "base64"]),
    "key": st.sampled_from(["hex", "base64", "text"]),
    "key_prefix": st.sampled_from(["", "whsec_", "a"]) | SLIPS,
    "private_prefix": st.sampled_from(["", "whsk_"]),
    "max_age": LIMITS,
    "max_ahead": LIMITS,
    "unsigned": st.sampled_from([(), ("X-Id",), ("every other header",)]),
}
SOUND = [PLAIN | more for more in ({}, TIMES, INSIDE, WITH_ID, EDDSA, WITH_ID | TIMES | {"signed": SVIX.signed})]
SOUND += [PLAIN | TIMES | {"signed": "{timestamp}", "body_unsigned": True}, *map(dataclasses.asdict, DIALECTS)]


@st.composite
def changed_dialects(draw):
    """The fields of a sound dialect with one or two of them changed."""
    changed = draw(st.lists(st.sampled_from(sorted(CHANGES)), min_size=1, max_size=2))
    return draw(st.sampled_from(SOUND)) | {field: draw(CHANGES[field]) for field in changed}


def secrets_for(dialect, seed):
    """(what it signs with, what it verifies with), made from 32 bytes."""
    write = {"text": bytes.decode, "hex": bytes.hex, "base64": lambda data: base64.b64encode(data).decode()}
    write = write[dialect.key]
    if dialect.method == "hmac-sha256":
        return (dialect.key_prefix + write(seed),) * 2
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    return dialect.private_prefix + write(seed), dialect.key_prefix + write(public)


@pytest.mark.thorough
def test_a_dialect_contradicts_itself_or_verifies_what_it_signed_and_no_other_body():
    made, refused = [], []

    @given(changed_dialects(), st.binary(max_size=12) | st.from_regex(rb"[019.:a]{0,6}", fullmatch=True), IDS)
    @settings(SETTINGS, max_examples=1_000)
    def attack(fields, body, id):
        try:
            dialect = Dialect(**fields)
        except ValueError as mistake:
            assert str(mistake).endswith(".")
            refused.append(fields)
            return
        private, public = secrets_for(dialect, bytes(range(1, 33)))
        other, _ = secrets_for(dialect, bytes(range(2, 34)))
        try:
            headers = sign(body, [other, private] if dialect.separator else private, dialect, id=id, timestamp=NOW)
        except ValueError as mistake:
            assert "signs the id of a delivery" in str(mistake)
            return
        made.append(dialect)
        # As they come out on the other end: names in any case, no spaces around the values.
        headers = {name.upper(): value.strip(" \t") for name, value in headers.items()}
        assert refusal(dialect, headers, body, public) is None
        bodies = {body[:n] + bytes([body[n] ^ 1]) + body[n + 1 :] for n in range(len(body))}
        bodies |= {body[:n] + body[n + 1 :] for n in range(len(body))}
        bodies |= {more + body for more in (b"0", b".", b":")} | {body + more for more in (b"0", b".", b"\n")}
        for changed in bodies - {body}:
            assert refusal(dialect, headers, changed, public) == (None if dialect.body_unsigned else "no_match")
        if dialect.id:
            assert refusal(dialect, headers | {dialect.id.upper(): id + "x"}, body, public)

    attack()
    assert len(made) > 300 and len(refused) > 100


# Dialects whose id ends where something else than a dot begins.
COLONS = Dialect(**PLAIN | TIMES | WITH_ID | {"signed": "{id}:{timestamp}:{body}"})
DOUBLES = Dialect(**PLAIN | WITH_ID | {"signed": "{id}::{body}"})


@pytest.mark.parametrize(
    ("dialect", "id", "body", "moved_id", "moved_body"),
    [
        (COLONS, "1", b"2:x", f"1:{NOW}", b"x"),
        (DOUBLES, "1", b"2::x", "1::2", b"x"),
        (DOUBLES, "1", b":x", "1:", b"x"),
    ],
)
def test_nor_into_the_id_of_a_dialect_with_another_border(dialect, id, body, moved_id, moved_body):
    headers = sign(body, "secret", dialect, id=id, timestamp=NOW)
    assert refusal(dialect, headers, body, "secret") is None
    moved = headers | {dialect.id: moved_id}
    if dialect.timestamp:
        moved[dialect.timestamp] = "2"
    assert refusal(dialect, moved, moved_body, "secret") == "malformed"
    with pytest.raises(ValueError, match=f"without spaces and without {dialect.signed[4:].partition('{')[0]!r}"):
        sign(moved_body, "secret", dialect, id=moved_id, timestamp=2)


def test_an_id_may_hold_a_dot_where_no_dot_ends_it():
    headers = sign(BODY, "secret", COLONS, id="order.7", timestamp=NOW)
    assert headers["X-Acme-Id"] == "order.7"
    assert refusal(COLONS, headers, BODY, "secret") is None


@over(LISTS)
def test_nothing_is_signed_that_is_not_read(dialect):
    secrets = [OURS[dialect][0]] * 20
    assert refusal(dialect, send(dialect, secret=secrets)) is None
    with pytest.raises(ValueError, match="21 secrets were given, and at most 20 signatures are read"):
        send(dialect, secret=[*secrets, OURS[dialect][0]])


@pytest.mark.parametrize(
    "timestamp", ["5", b"5", [5], datetime(2026, 1, 5, tzinfo=UTC), float("nan"), -1, 10**15, 5j], ids=repr
)
def test_a_time_to_sign_is_a_number_of_seconds(timestamp):
    with pytest.raises(ValueError, match="timestamp is a time in seconds since the epoch, not "):
        sign(BODY, OURS[STRIPE][0], STRIPE, timestamp=timestamp)


# --- Public keys that anybody can sign for ------------------------------------------------------------------

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P  # RFC 8032, section 5.1


def add(one, other):
    """The sum of two points of edwards25519 (RFC 8032, section 5.1.4, in plain coordinates)."""
    (x1, y1), (x2, y2) = one, other
    product = D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, P)
    y = (y1 * y2 + x1 * x2) * pow(1 - product, -1, P)
    return x % P, y % P


def decode(data):
    """The point that 32 bytes stand for (RFC 8032, section 5.1.3), also where y was not reduced."""
    y, sign_bit = int.from_bytes(data, "little") % 2**255 % P, data[31] >> 7
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    assert x * x % P == square  # it is on the curve
    return (P - x if x % 2 != sign_bit else x) % P, y


# Every encoding of the eight points of small order, not reduced ones too, without their sign bit: libsodium,
# crypto_core/ed25519/ref10/ed25519_ref10.c, ge25519_has_small_order; with it they are the fourteen keys of
# low order in github.com/C2SP/CCTV ed25519.
SMALL = [
    bytes.fromhex(head + middle * 30 + tail) if len(middle) == 2 else bytes.fromhex(head)
    for head, middle, tail in (
        ("00", "00", "00"),
        ("01", "00", "00"),
        ("ec", "ff", "7f"),
        ("ed", "ff", "7f"),
        ("ee", "ff", "7f"),
        ("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "", ""),
        ("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", "", ""),
    )
]
SMALL += [data[:31] + bytes([data[31] | 0x80]) for data in SMALL]
IDENTITY = (0, 1)


def in_dialect(dialect, public):
    return public.hex() if dialect is DISCORD else "whpk_" + base64.b64encode(public).decode()


@pytest.mark.parametrize("public", SMALL, ids=lambda data: f"{data[:2].hex()}..{data[-1:].hex()}")
@over(ED25519)
def test_a_public_key_of_small_order_is_refused(dialect, public):
    point = decode(public)
    for _ in range(3):
        point = add(point, point)
    assert point == IDENTITY

    # Without the private key, which there is not: R is a point of small order and S is nothing, so that what is
    # compared is [0]B with R + [k]A, and k is whatever the message makes of it.
    for stamp in range(NOW, NOW + 64):
        signature = IDENTITY[1].to_bytes(32, "little") + bytes(32)
        text = signature.hex() if dialect is DISCORD else "v1a," + base64.b64encode(signature).decode()
        forged = {dialect.signature: text, dialect.timestamp: str(stamp), "webhook-id": "msg_1"}
        with pytest.raises(ValueError, match="one that anybody can sign for" if any(public) else "zeros"):
            verify(b"forged", forged, in_dialect(dialect, public), dialect, clock=CLOCK)


def test_there_are_no_more_points_of_small_order():
    """The eight points by another way: a point of the curve times the order of the large group, and its multiples."""
    found = set()
    for y in range(2, 40):
        try:
            point = decode(y.to_bytes(32, "little"))
        except AssertionError:
            continue
        rest, n = IDENTITY, ORDER
        while n:
            rest, point, n = (add(rest, point) if n % 2 else rest), add(point, point), n // 2
        found.add(rest)
    assert found == {decode(public) for public in SMALL} and len(found) == 8


@given(SEEDS)
@FEW
def test_no_key_that_was_made_from_a_seed_is_taken_for_one(seed):
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    assert refusal(DISCORD, send(DISCORD, secret=seed.hex()), secret=public.hex()) is None


@over(DIALECTS)
def test_a_key_of_nothing_but_zero_bytes_is_empty(dialect):
    """A placeholder; and HMAC fills a key up with zeros (RFC 2104, section 2), so that these are the empty key."""
    sizes = {"text": [1, 64], "base64": [24, 32, 64], "hex": [32, 64]}[dialect.key]
    write = {
        "text": bytes.decode,
        "base64": lambda data: base64.b64encode(data).decode(),
        "hex": bytes.hex,
    }[dialect.key]
    for size in sizes:
        with pytest.raises(ValueError, match="empty"):
            sign(BODY, (dialect.private_prefix or dialect.key_prefix) + write(bytes(size)), dialect, id="msg_1")
        with pytest.raises(ValueError, match="empty"):
            verify(BODY, send(dialect), dialect.key_prefix + write(bytes(size)), dialect, clock=CLOCK)


@over(DIALECTS)
def test_no_message_tells_the_secret_or_the_right_signature(dialect):
    public, body = OURS[dialect][1], BODY + b" "
    right = send(dialect, body)[dialect.signature]
    good = send(dialect)
    attempts = [good, {}, good | {dialect.signature: "x"}, good | {dialect.signature: "\0"}]
    attempts += [with_signature(dialect, good, lambda bare: bare[::-1])]
    if dialect.timestamp:
        attempts += [with_stamp(dialect, good, stamp) for stamp in ("x", "5", "9" * 11)]
    for headers in attempts:
        with pytest.raises(SignatureError) as refused:
            verify(body, headers, [public, public], dialect, clock=CLOCK)
        shown = "".join(traceback.format_exception(refused.value)) + repr(vars(refused.value))
        bare = right.rpartition(dialect.prefix)[2] if dialect.prefix else right
        assert bare not in shown
        assert public not in shown and public.removeprefix(dialect.key_prefix) not in shown


def test_stripe_and_standard_webhooks_read_the_same_secret_differently():
    secret, message = whsec(b"k" * 24), f"{NOW}.".encode() + BODY
    read_as_text = sign(BODY, secret, STRIPE, timestamp=NOW)
    decoded = sign(BODY, secret, replace(STRIPE, key="base64", key_prefix="whsec_"), timestamp=NOW)
    assert read_as_text["Stripe-Signature"].endswith(hmac.new(secret.encode(), message, "sha256").hexdigest())
    assert decoded["Stripe-Signature"].endswith(hmac.new(b"k" * 24, message, "sha256").hexdigest())
    assert read_as_text != decoded
    assert refusal(STRIPE, decoded, secret=secret) == "no_match"


# --- A change of secrets under load -------------------------------------------------------------------------

OLD, NEW = whsec(b"o" * 32), whsec(b"n" * 32)


class Rotation:
    """A receiver on 127.0.0.1 that verifies, and senders in four threads that go through phases together.

    A phase is (how many deliveries, the sender's secrets, what the receiver verifies with from its middle on).
    A barrier stands between phases. The receiver's secret changes while deliveries are on their way.
    """

    THREADS = 4

    def __init__(self, receiver, phases):
        self.receiver, self.phases = receiver, phases
        self.answers = [[] for _ in phases]
        self.verified_with = [set() for _ in phases]
        self._barrier = threading.Barrier(self.THREADS, timeout=10)
        self._errors = []

    def run(self):
        app = Flask("receiver")

        @app.post("/<int:phase>")
        def hook(phase):
            secret = self.receiver
            try:
                verify(request.get_data(), request.headers, secret)
            except SignatureError as error:
                assert error.reason == "no_match"
                return "", 401
            self.verified_with[phase].add(str(secret))
            return "", 204

        with serve(app) as server:
            threads = [
                threading.Thread(target=self._sender, args=(n, server.port), daemon=True) for n in range(self.THREADS)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(20)
        assert not self._errors and not any(thread.is_alive() for thread in threads)
        return [answers.count(401) for answers in self.answers]

    def _sender(self, number, port):
        try:
            for phase, (count, secrets, receiver) in enumerate(self.phases):
                self._barrier.wait()
                for n in range(count // self.THREADS):
                    if number == 0 and n == count // self.THREADS // 2:
                        self.receiver = receiver
                    body = f'{{"phase":{phase},"sender":{number},"n":{n}}}'.encode()
                    headers = sign(body, secrets, id=f"msg_{phase}_{number}_{n}")
                    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                    try:
                        connection.request("POST", f"/{phase}", body, headers)
                        self.answers[phase].append(connection.getresponse().status)
                    finally:
                        connection.close()
        except Exception as error:
            self._errors.append(error)
            self._barrier.abort()


def test_a_sender_that_signs_with_both_secrets_in_between_loses_none_of_1000_deliveries():
    rotation = Rotation(OLD, [(300, OLD, OLD), (400, [NEW, OLD], NEW), (300, NEW, NEW)])
    assert rotation.run() == [0, 0, 0]
    assert [len(answers) for answers in rotation.answers] == [300, 400, 300]
    assert rotation.verified_with == [{OLD}, {OLD, NEW}, {NEW}]  # it did change while it was verifying


@pytest.mark.parametrize(
    ("phases", "at_least"),
    [
        ([(40, OLD, OLD), (40, NEW, OLD), (40, NEW, NEW)], [0, 40, 5]),
        ([(40, OLD, NEW), (40, OLD, NEW), (40, NEW, NEW)], [5, 40, 0]),
    ],
    ids=["the sender changes first", "the receiver changes first"],
)
def test_without_an_overlap_the_deliveries_in_between_are_refused(phases, at_least):
    # The first sender changes the receiver's secret after 5 of its 10 deliveries: the other 5 are certain.
    refused = Rotation(OLD, phases).run()
    assert [min(pair) for pair in zip(refused, at_least, strict=True)] == at_least
    assert [bool(n) for n in refused] == [bool(n) for n in at_least]


def test_a_receiver_that_takes_both_secrets_lets_the_sender_change_at_once():
    rotation = Rotation(OLD, [(40, OLD, (OLD, NEW)), (40, NEW, (OLD, NEW)), (40, NEW, NEW)])
    assert rotation.run() == [0, 0, 0]


@over([STANDARD_WEBHOOKS, STANDARD_WEBHOOKS_ED25519, SVIX])
def test_a_second_secret_that_cannot_be_read_is_told_although_the_first_fits(dialect):
    """Or it is told when the first does not fit: at a forgery, which then gets a 500."""
    public = OURS[dialect][1]
    verify(BODY, send(dialect), [public], dialect, clock=CLOCK)
    with pytest.raises(ValueError, match="must begin with"):
        verify(BODY, send(dialect), [public, "not a secret"], dialect, clock=CLOCK)


@pytest.mark.parametrize("secret", [None, 5])
def test_a_secret_that_is_none_is_told_in_words(secret):
    """As os.environ.get() gives None for a variable that is not set."""
    headers = sign(b"{}", "whsec_" + "c2VjcmV0" * 4, id="evt_1")
    for use in (lambda: sign(b"{}", secret, id="evt_1"), lambda: verify(b"{}", headers, secret)):
        with pytest.raises(TypeError, match=f"^A secret is text, not {type(secret).__name__}"):
            use()
