"""Providers: what an event of one looks like, and one's own out of a file."""

import json
import re
from dataclasses import asdict

import pytest

from webhook_tutorial import Dialect, sign
from webhook_tutorial.signing import GITHUB, STANDARD_WEBHOOKS, STRIPE, TWILIO
from webhook_tutorial.signing.names import BY_NAME
from webhook_tutorial.signing.providers import MOST_FILE, Provider, provider_of, read_provider

DIALECT = {"name": "Example", "signature": "X-Example-Signature", "signed": "{body}", "encoding": "hex"}
SAMPLE = {
    "body": {"event": {"id": "evt_{now}", "kind": "parcel.sent"}},
    "headers": {"X-Example-Topic": "parcels"},
    "id": "event.id",
    "type": "event.kind",
    "attempt": "X-Example-Attempt",
}


@pytest.mark.parametrize("name", BY_NAME)
def test_each_dialect_has_a_provider_whose_places_are_there(name):
    provider = provider_of(BY_NAME[name])
    assert provider.dialect is BY_NAME[name] and provider.is_form is (name == "twilio")
    for place in (provider.id, provider.type):
        if place.startswith("header:"):
            assert place[7:] in provider.headers
        elif place:
            found = provider.body
            for word in place.split("."):
                found = found[word]


def test_the_samples_are_the_providers_own_where_there_are_any():
    assert provider_of(GITHUB).type == "header:X-GitHub-Event" and provider_of(STRIPE).indent == 2
    assert provider_of(TWILIO).id == "MessageSid" and provider_of(STANDARD_WEBHOOKS).type == "event_type"


@pytest.fixture
def file(tmp_path):
    def write(content):
        path = tmp_path / "provider.json"
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return path

    return write


def test_a_file_holds_a_dialect_and_a_sample(file):
    read = read_provider(file(DIALECT | {"unsigned": ["every other header"], "sample": SAMPLE}))
    assert read == Provider(dialect=read.dialect, **SAMPLE)
    assert read.dialect.name == "Example" and read.dialect.unsigned == ("every other header",)
    assert read_provider(file(DIALECT)).body == provider_of(STANDARD_WEBHOOKS).body


@pytest.mark.parametrize("name", BY_NAME)
def test_every_dialect_can_be_written_to_a_file_and_read_again(file, name):
    assert read_provider(file(asdict(BY_NAME[name]))).dialect == BY_NAME[name]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "holds one JSON object, and this is not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "one JSON object, with the fields"),
        (b" " * (MOST_FILE + 1), "at most 1000000 bytes"),
        ({}, "A dialect needs the field 'name'"),
        (DIALECT | {"alg": "x"}, "A dialect has no field 'alg'. It has: name, signature, "),
        (DIALECT | {"signed": "x"}, "signed does not hold {body}"),
        (DIALECT | {"encoding": "rot13"}, "encoding must be one of base64, hex"),
        (DIALECT | {"max_age": "300"}, "max_age must be a number"),
        (DIALECT | {"sample": []}, "sample must be an object"),
        (DIALECT | {"sample": {}}, "A sample needs the field 'body'"),
        (DIALECT | {"sample": {"body": {}, "dialect": {}}}, "A sample has no field 'dialect'"),
        (DIALECT | {"sample": {"body": []}}, "body of the sample must be an object"),
        (DIALECT | {"sample": {"body": {}, "id": "a..b"}}, "id of the sample must be a path in the body"),
        (DIALECT | {"sample": {"body": {}, "id": 7}}, "id of the sample must be"),
        (DIALECT | {"sample": {"body": {}, "headers": {"a b": "c"}}}, "headers of the sample must be"),
        (DIALECT | {"sample": {"body": {}, "headers": {"a": "b\r\nX-Evil: c"}}}, "headers of the sample must be"),
        (DIALECT | {"sample": {"body": {}, "attempt": "a b"}}, "attempt of the sample must be the name of a header"),
        (DIALECT | {"sample": {"body": {}, "indent": -1}}, "indent of the sample must be a number from 0 to 8"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_told(file, content, words):
    with pytest.raises(ValueError) as raised:
        read_provider(file(content))
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("prefix", "words"),
    [("", "The secret is no base64."), ("pcl_", "The secret is not valid base64 after 'pcl_'.")],
)
def test_a_secret_that_cannot_be_read_is_told_with_what_stands_before_it_if_anything_does(prefix, words):
    dialect = Dialect(
        name="Parcel", signature="X-Sig", signed="{body}", encoding="hex", key="base64", key_prefix=prefix
    )
    with pytest.raises(ValueError, match=re.escape(words)):
        sign(b"{}", f"{prefix}no base64!", dialect)
