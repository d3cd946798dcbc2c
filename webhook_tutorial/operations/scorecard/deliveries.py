"""Deliveries to test with: a valid one, signed as the provider signs, and what can be changed in it."""

import base64
import copy
import random
import time
from dataclasses import dataclass, replace
from hashlib import sha256

from ...signing import sign
from ...signing.places import JSON
from ...signing.times import TIMES
from .events import Event, NotApplicable, new_event, put
from .leaks import secret_pattern
from .wire import LENGTH, Request

_JSON_TYPE, _FORM_TYPE = "application/json", "application/x-www-form-urlencoded"
#: The headers that stand for places in a body of JSON while a delivery is signed.
_STANDS_FOR = {"signature": "X-Place-Of-Signature", "id": "X-Place-Of-Id", "timestamp": "X-Place-Of-Time"}


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A delivery, ready to be sent.

    Attributes:
        method, body: As they are sent.
        headers: All of them but those that frame the body.
        id: The event's id.
        stamp: When it is signed, in seconds since the epoch.
        good_for: For how many seconds from now the signature is young enough; None for ever, or because it is not.
        fits: The signature that fits it, as it is written; empty without a secret.
        signed: Whether it is sent with that.
    """

    method: str
    body: bytes
    headers: dict
    id: str
    stamp: float
    good_for: float | None = None
    fits: str = ""
    signed: bool = True

    def request(self, framing=LENGTH):
        """The `Request` that sends it."""
        return Request(
            method=self.method, headers=self.headers, body=self.body, framing=framing, good_for=self.good_for
        )


class Maker:
    """Makes deliveries of a provider.

    Args:
        provider: A `Provider`.
        secret: The provider's secret; None leaves its deliveries unsigned.
        url: Where they go, for a dialect that signs that.

    Attributes:
        provider, dialect, secret, url: As given.
        other: A secret that is not the provider's.
        in_body: What stands in the body rather than in a header: paths by the names of a dialect's fields.
        signing: The dialect with headers in place of those.
        finds_secret: A pattern of bytes that finds the secret in an answer; None without one.

    Raises:
        ValueError: The secret cannot be read.
    """

    def __init__(self, provider, secret, url):
        self.provider, self.dialect, self.secret, self.url = provider, provider.dialect, secret, url
        self.finds_secret = secret_pattern(self.dialect, secret)
        self._next = random.randrange(10**11, 9 * 10**11)  # so that a second run meets no id of the first
        self.other = _another_secret(self.dialect)
        self.in_body = {
            name: place[len(JSON) :] for name in _STANDS_FOR if (place := getattr(self.dialect, name)).startswith(JSON)
        }
        self.signing = _with_headers_only(self.dialect, self.in_body)
        try:
            self.delivery()
        except NotApplicable as error:
            raise ValueError(str(error)) from None

    def digits(self):
        """Return twelve digits that are new."""
        self._next += 1
        return f"{self._next:012d}"

    def event(self):
        """Return a new `Event`."""
        return new_event(self.provider, self.digits(), time.time())

    def delivery(self, event=None, *, write=Event.encode, at=0, secret=None, method="POST", content_type=None):
        """Return a `Delivery`.

        Args:
            event: What it delivers; a new one if left out.
            write: A function of the event that returns the body's bytes.
            at: When it is signed, in seconds from now.
            secret: What it is signed with; the provider's if left out.
            method, content_type: Of the request.

        Raises:
            NotApplicable: The dialect cannot sign that.
        """
        event, secret, stamp = event or self.event(), secret or self.secret, time.time() + at
        headers = {"Content-Type": content_type or (_FORM_TYPE if self.provider.is_form else _JSON_TYPE)}
        headers |= {"User-Agent": "webhook-scorecard"} | event.headers
        if self.provider.attempt:
            headers[self.provider.attempt] = self.digits()
        event = replace(event, body=self._stamped(event, stamp))
        good_for = self.dialect.max_age if secret and at > -(self.dialect.max_age or 0) else None
        plain = Delivery(method=method, body=write(event), headers=headers, id=event.id, stamp=stamp, good_for=good_for)
        if secret:
            return self._signed(plain, event, secret, write)
        header = self.dialect.id_header
        return replace(plain, headers=headers | {header: event.id}) if header else plain

    def _stamped(self, event, stamp):
        """The event's document with its time and id in it, where the dialect reads them there."""
        document = copy.deepcopy(event.body)
        if "timestamp" in self.in_body:
            written = TIMES[self.dialect.time_format].write(stamp)
            put(document, self.in_body["timestamp"], int(written) if written.isdigit() else written)
        if "id" in self.in_body:
            put(document, self.in_body["id"], event.id)
        return document

    def _signed(self, plain, event, secret, write):
        dialect, headers = self.signing, dict(plain.headers)
        try:
            made = sign(
                plain.body, secret, dialect, id=plain.id, timestamp=plain.stamp, method=plain.method, url=self.url,
                headers=headers,
            )  # fmt: skip
        except ValueError as error:
            raise NotApplicable(str(error)) from None
        headers |= made
        written = headers[self.header]
        fits = (written.rpartition(dialect.separator)[2] if dialect.separator else written).removeprefix(dialect.prefix)
        for header in _STANDS_FOR.values():
            headers.pop(header, None)
        signed = replace(plain, headers=headers, fits=fits)
        if "signature" in self.in_body:
            document = copy.deepcopy(event.body)
            put(document, self.in_body["signature"], fits)
            signed = replace(signed, body=write(replace(event, body=document)))
            if fits.encode() not in signed.body:
                raise NotApplicable(f"{dialect.name} has its signature in the body, and this one has no place for it.")
        return signed

    @property
    def header(self):
        """The header with the signature, or the first of several."""
        return self.signing.signature.replace("{n}", "1")


def _with_headers_only(dialect, in_body):
    """The dialect with headers in place of what stands in the body, as `sign` returns headers only."""
    changes = {name: _STANDS_FOR[name] for name in in_body}
    if "timestamp" in in_body and "timestamp" not in dialect.places:  # it is signed with the body
        changes |= {"timestamp": "", "max_age": None, "max_ahead": None, "time_format": "seconds"}
    if "id" in in_body and "id" not in dialect.places:
        changes["id"] = ""
    return replace(dialect, **changes) if changes else dialect


def _another_secret(dialect):
    """A secret of this dialect that nobody has."""
    if dialect.key == "text":
        return dialect.key_prefix + "another-example-secret"
    data = sha256(b"another example secret").digest()
    prefix = dialect.private_prefix if dialect.method == "ed25519" else dialect.key_prefix
    return prefix + (data.hex() if dialect.key == "hex" else base64.b64encode(data).decode())
