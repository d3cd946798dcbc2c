"""Samples: each verifies, here and with the provider's own library, and is the same but for the time."""

import json
import re
from dataclasses import replace

import pytest
import standardwebhooks
import stripe
import svix
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from webhook_tutorial import SignatureError, sample, verify
from webhook_tutorial.signing import GITHUB
from webhook_tutorial.signing.names import BY_NAME, dialect_named
from webhook_tutorial.signing.sample_events import BY_PROVIDER, OURS
from webhook_tutorial.signing.samples import signature, unsigned

WHSEC = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SEED = bytes(range(32))
PUBLIC = Ed25519PrivateKey.from_private_bytes(SEED).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
PROVIDERS = ["standard-webhooks", "svix", *BY_PROVIDER]
EACH = [(provider, event) for provider in PROVIDERS for event in [*BY_PROVIDER.get(provider, {}), *OURS]]
JANUARY = 1_767_603_600


def secrets(provider):
    """What to sign with and what to verify with."""
    if provider == "discord":
        return SEED.hex(), PUBLIC.hex()
    return (WHSEC, WHSEC) if provider in ("standard-webhooks", "svix", "stripe") else ("a secret", "a secret")


@pytest.mark.parametrize(("provider", "event"), EACH)
def test_a_sample_verifies_and_no_other_body_does(provider, event):
    signs, verifies = secrets(provider)
    body, headers = sample(provider, event, signs)
    verify(body, headers, verifies, dialect_named(provider))
    assert headers["Content-Type"] == "application/json" and isinstance(json.loads(body), dict)
    with pytest.raises(SignatureError):
        verify(body + b" ", headers, verifies, dialect_named(provider))


@pytest.mark.parametrize(("provider", "event"), EACH)
def test_a_sample_is_the_same_but_for_the_time(provider, event):
    secret = secrets(provider)[0]
    first, again, later = (sample(provider, event, secret, now=JANUARY + n) for n in (0, 0.9, 1))
    assert first == again
    assert first != later
    for body, headers in first, later:
        # Nothing is left of the places for the time: in one of them, braces would be all that a value holds.
        assert not re.search(r"\{(now|iso|seconds)\}", body.decode() + str(headers))


@pytest.mark.parametrize("event", OURS)
def test_the_libraries_of_standard_webhooks_and_svix_take_our_events(event):
    body, headers = sample("standard-webhooks", event, WHSEC)
    assert standardwebhooks.Webhook(WHSEC).verify(body, headers)["event_type"] == event
    assert headers["webhook-id"] == json.loads(body)["id"]
    body, headers = sample("svix", event, WHSEC)
    svix.Webhook(WHSEC).verify(body, headers)


@pytest.mark.parametrize("event", BY_PROVIDER["stripe"])
def test_stripes_library_takes_its_samples(event):
    body, headers = sample("stripe", event, WHSEC)
    made = stripe.Webhook.construct_event(body, headers["Stripe-Signature"], WHSEC)
    assert made.type == event and made.data.object.id.startswith(("pi_", "cs_"))
    assert b"\n  " in body, "indented, as Stripe's are"


def test_each_carries_what_its_provider_sends_besides():
    for event in BY_PROVIDER["github"]:
        headers = sample("github", event, "s", now=JANUARY)[1]
        assert headers["X-GitHub-Event"] == event
        assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", headers["X-GitHub-Delivery"])
    _, headers = sample("shopify", "orders/create", "s", now=JANUARY)
    assert headers["X-Shopify-Topic"] == "orders/create" and headers["X-Shopify-Triggered-At"] == "2026-01-05T09:00:00Z"
    made = json.loads(sample("slack", "event_callback", "s", now=JANUARY)[0])
    assert made["event_time"] == JANUARY and made["event"]["ts"] == "1767603600.000016"
    assert json.loads(sample("discord", "ping", SEED.hex())[0])["type"] == 0


def test_every_dialect_signs_our_events_or_says_in_a_sentence_why_not():
    signed = set()
    for name, dialect in BY_NAME.items():
        if dialect.method == "ed25519":
            continue
        try:
            body, headers = sample(name, "order_placed", secrets(name)[0], url="https://example.com/hook")
        except ValueError as error:
            assert str(error).endswith(".") and dialect.name in str(error)
            continue
        whole = {"method": "POST", "url": "https://example.com/hook"}
        verify(body, headers, secrets(name)[1], dialect, **{p: whole[p] for p in dialect.places if p in whole})
        signed.add(name)
    assert signed >= {"standard-webhooks", "svix", "github", "stripe", "slack", "shopify"}


def test_what_a_dialect_signs_of_the_headers_is_what_is_sent():
    dialect = replace(GITHUB, name="Ours", unsigned=(), signed="{header:Content-Type}.{header:X-GitHub-Event}.{body}")
    body, headers, id = unsigned("github", "push", JANUARY)
    made = signature(body, "s", dialect, id=id, now=JANUARY, url="", headers=headers)
    verify(body, headers | made, "s", dialect)
    with pytest.raises(SignatureError):
        verify(body, headers | made | {"X-GitHub-Event": "ping"}, "s", dialect)


def test_the_description_names_the_dialects_that_sign_no_sample():
    silent = set()
    for name, dialect in BY_NAME.items():
        try:
            sample(name, "order_placed", SEED.hex() if dialect.method == "ed25519" else WHSEC, url="http://a/")
        except ValueError:
            silent.add(dialect.name)
    silent -= {"Standard Webhooks, ed25519"}  # it signs them with a key of its own form
    assert silent and all(f"{name}" in sample.__doc__ for name in silent)


def test_every_sample_has_its_source():
    for events in BY_PROVIDER.values():
        assert all(found.source.startswith("https://") for found in events.values())


def test_unknown_ones_list_the_known():
    with pytest.raises(ValueError, match=r"no dialect 'hub'\. Known are: standard-webhooks, .*stripe"):
        sample("hub", "push", "s")
    with pytest.raises(ValueError, match=r"no sample 'pull' for github\. Known are: ping, push, user_signup"):
        sample("github", "pull", "s")
    assert all(re.fullmatch("[a-z0-9-]+", name) for name in BY_NAME)


def test_an_unsigned_sample_has_no_signature():
    body, headers, id = unsigned("standard-webhooks", "user_signup", JANUARY)
    assert headers == {"Content-Type": "application/json"} and id == json.loads(body)["id"]


def test_several_secrets_make_several_signatures():
    _, headers = sample("stripe", "payment_intent.succeeded", ["old", "new"])
    assert headers["Stripe-Signature"].count("v1=") == 2
