"""What an attacker found in the doctor: each of it stays mended. The secrets are made up."""

import hmac
import json
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from webhook_tutorial import SimulatedClock, diagnose, sign, verify
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
)

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
    from base64 import b64encode

    text = PUBLIC.hex() if dialect.key == "hex" else dialect.key_prefix + b64encode(PUBLIC).decode()
    private = text
    if other.method == "ed25519":  # its bytes taken for the private key
        private = PUBLIC.hex() if other.key == "hex" else other.private_prefix + b64encode(PUBLIC).decode()
    headers = sign(b"{}", private, other, id="msg_1")
    assert found(diagnose(b"{}", headers, text, dialect)) == []


def test_a_public_key_among_the_other_secrets_or_in_a_dialect_of_hmac_is_not_tried():
    from base64 import b64encode

    public = "whpk_" + b64encode(PUBLIC).decode()
    assert found(diagnose(b"{}", sign(b"{}", public, GITHUB), SECRET, GITHUB, secrets={"their key": public})) == []
    headers = sign(b"{}", public, GITHUB)
    id, stamp = "msg_1", str(int(time.time()))
    right = b64encode(hmac.digest(public.encode(), f"{id}.{stamp}.{{}}".encode(), "sha256")).decode()
    headers = {"webhook-id": id, "webhook-timestamp": stamp, "webhook-signature": f"v1,{right}"}
    assert found(diagnose(b"{}", headers, public, STANDARD_WEBHOOKS)) == []


def test_a_private_key_is_named_where_it_proves_itself():
    from base64 import b64encode

    headers = sign(b"{}", SEED.hex(), DISCORD)
    assert found(diagnose(b"{}", headers, (SEED + PUBLIC).hex(), DISCORD)) == ["private-key"]
    assert found(diagnose(b"{}", headers, SEED.hex(), DISCORD)) == []
    assert found(diagnose(b"{}", headers, (SEED + SEED).hex(), DISCORD)) == []
    marked = "whsk_" + b64encode(SEED).decode()
    headers = sign(b"{}", marked, STANDARD_WEBHOOKS_ED25519, id="msg_1")
    assert found(diagnose(b"{}", headers, marked, STANDARD_WEBHOOKS_ED25519)) == ["private-key"]


def test_a_symmetric_secret_is_told_apart_although_the_dialect_wants_a_public_key():
    from base64 import b64encode

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
