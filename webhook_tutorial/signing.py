"""Sign and verify deliveries, in the dialect of any provider.

Providers agree on the idea and on little else: which headers, what exactly is signed, in which encoding, how old
it may be. A `Dialect` is that difference as a value, so one `sign` and one `verify` serve them all.
"""

import binascii
import hmac
import re
import time
from base64 import b64decode, b64encode
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


class SignatureError(Exception):
    """A delivery that does not verify.

    The message is for you and your log. A sender gets one bare 401, whatever the reason: the difference between
    reasons helps only somebody who is guessing.

    Attributes:
        reason: For programs: ``"missing"`` (a header), ``"malformed"`` (a header), ``"too_old"``, ``"too_new"``
            or ``"no_match"``.
    """

    def __init__(self, reason, message):
        super().__init__(message)
        self.reason = reason


_KNOWN = {
    "method": ("hmac-sha256", "ed25519"),
    "encoding": ("base64", "hex"),
    "key": ("text", "base64", "hex"),
}


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How one provider signs.

    Attributes:
        name: The provider's name.
        signature: The header that carries the signature, or several.
        prefix: What stands before each signature in that header.
        separator: What stands between several; empty if there is only ever one.
        id, timestamp: The headers with the delivery's id and with the time in seconds since the epoch; empty if
            there is none. A ``timestamp`` that ends in ``=`` is no header: it marks an item of ``signature``.
        signed: What is signed, with ``{id}``, ``{timestamp}`` and ``{body}`` in their places.
        method: ``"hmac-sha256"`` or ``"ed25519"``.
        encoding: Of the signature: ``"base64"`` or ``"hex"``.
        key: How the secret becomes the key: ``"text"`` (its characters), or ``"base64"`` or ``"hex"``, decoded.
        key_prefix: What stands before the secret (for ed25519: before the public key) and is no part of it.
        private_prefix: For ed25519, what stands before the private key.
        max_age, max_ahead: How many seconds old, or ahead of our clock, a timestamp may be; None for no limit.
        unsigned: What can be changed on the way although it looks trustworthy.
        source: Where the provider says so.
    """

    name: str
    signature: str
    prefix: str = ""
    separator: str = ""
    id: str = ""
    timestamp: str = ""
    signed: str
    method: str = "hmac-sha256"
    encoding: str
    key: str = "text"
    key_prefix: str = ""
    private_prefix: str = ""
    max_age: int | None = None
    max_ahead: int | None = None
    unsigned: tuple = ()
    source: str = ""

    def __post_init__(self):
        for field, known in _KNOWN.items():
            if getattr(self, field) not in known:
                raise ValueError(f"{field} must be one of {', '.join(known)}; got {getattr(self, field)!r}.")


STANDARD_WEBHOOKS = Dialect(
    name="Standard Webhooks",
    signature="webhook-signature",
    prefix="v1,",
    separator=" ",
    id="webhook-id",
    timestamp="webhook-timestamp",
    signed="{id}.{timestamp}.{body}",
    encoding="base64",
    key="base64",
    key_prefix="whsec_",
    max_age=300,
    max_ahead=300,
    unsigned=("every other header",),
    source="https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md",
)

STANDARD_WEBHOOKS_ED25519 = Dialect(
    name="Standard Webhooks, ed25519",
    signature="webhook-signature",
    prefix="v1a,",
    separator=" ",
    id="webhook-id",
    timestamp="webhook-timestamp",
    signed="{id}.{timestamp}.{body}",
    method="ed25519",
    encoding="base64",
    key="base64",
    key_prefix="whpk_",
    private_prefix="whsk_",
    max_age=300,
    max_ahead=300,
    unsigned=("every other header",),
    source="https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md",
)

GITHUB = Dialect(
    name="GitHub",
    signature="X-Hub-Signature-256",
    prefix="sha256=",
    signed="{body}",
    encoding="hex",
    unsigned=("X-GitHub-Delivery", "X-GitHub-Event", "every other header"),
    source="https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries",
)

STRIPE = Dialect(
    name="Stripe",
    signature="Stripe-Signature",
    prefix="v1=",
    separator=",",
    timestamp="t=",
    signed="{timestamp}.{body}",
    encoding="hex",
    max_age=300,
    unsigned=("every other header",),
    source="https://docs.stripe.com/webhooks#verify-manually",
)

SLACK = Dialect(
    name="Slack",
    signature="X-Slack-Signature",
    prefix="v0=",
    timestamp="X-Slack-Request-Timestamp",
    signed="v0:{timestamp}:{body}",
    encoding="hex",
    max_age=300,
    max_ahead=300,
    unsigned=("X-Slack-Retry-Num", "every other header"),
    source="https://docs.slack.dev/authentication/verifying-requests-from-slack",
)

SHOPIFY = Dialect(
    name="Shopify",
    signature="X-Shopify-Hmac-Sha256",
    signed="{body}",
    encoding="base64",
    unsigned=("X-Shopify-Topic", "X-Shopify-Webhook-Id", "X-Shopify-Triggered-At", "every other header"),
    source="https://shopify.dev/docs/apps/build/webhooks/verify-deliveries",
)

DISCORD = Dialect(
    name="Discord",
    signature="X-Signature-Ed25519",
    timestamp="X-Signature-Timestamp",
    signed="{timestamp}{body}",
    method="ed25519",
    encoding="hex",
    key="hex",
    unsigned=("every other header",),
    source="https://docs.discord.com/developers/interactions/overview",
)

DIALECTS = (STANDARD_WEBHOOKS, STANDARD_WEBHOOKS_ED25519, GITHUB, STRIPE, SLACK, SHOPIFY, DISCORD)


def verify(body, headers, secret, dialect=STANDARD_WEBHOOKS, *, clock=None):
    """Verify a delivery; return nothing if it is genuine.

    Args:
        body: The body exactly as it arrived, bytes: in Flask ``request.get_data()``, before any parsing.
        headers: The headers, a mapping of text to text; the case of the names does not matter.
        secret: The secret or, for ed25519, the public key. A list of them verifies with any: a receiver that
            changes its secret accepts the old one for a while.
        dialect: How the provider signs.
        clock: Something with ``now()``, in seconds since the epoch; the computer's clock if left out.

    Raises:
        SignatureError: It is not genuine, or too old or new, or cannot be read; ``reason`` says which.
        TypeError: The body is not bytes, or a secret is not text.
        ValueError: The *secret* cannot be read, or none is given. That is a mistake of ours, not of the sender.
    """
    if not isinstance(body, (bytes, bytearray)):
        raise TypeError(f"The body must be the raw bytes that arrived, not {type(body).__name__}.")
    given = _header(headers, dialect.signature)
    items = given.split(dialect.separator) if dialect.separator else [given]
    stamp = ""
    if dialect.timestamp:
        stamp = _item(items, dialect) if dialect.timestamp[-1] == "=" else _header(headers, dialect.timestamp)
        _check_time(stamp, dialect, clock.now() if clock else time.time())
    id = _header(headers, dialect.id) if dialect.id else ""
    if "." in id:
        raise SignatureError("malformed", f"{dialect.id} holds a dot, which could be the border to the timestamp.")
    message = _message(dialect, id, stamp, body)
    size = len(dialect.prefix)
    offered = [item[size:] for item in items if item.startswith(dialect.prefix)]
    if not 1 <= len(offered) <= _MOST_SIGNATURES:
        raise SignatureError(
            "malformed",
            f"{dialect.signature} holds {len(offered)} signatures that begin with {dialect.prefix!r}; "
            f"1 to {_MOST_SIGNATURES} are read.",
        )
    for one in _secrets(secret):
        if _METHODS[dialect.method](dialect, one, message, offered):
            return
    raise SignatureError(
        "no_match", f"No signature in {dialect.signature} fits: the body, what else is signed, or the secret differs."
    )


def sign(body, secret, dialect=STANDARD_WEBHOOKS, *, id="", timestamp=None):
    """Sign a delivery; return the headers to send with it, a dictionary.

    Args:
        body: The body exactly as it will be sent, bytes.
        secret: The secret or, for ed25519, the private key. A list of them makes several signatures, where the
            dialect has room for them: so a sender changes its secret without losing a delivery.
        dialect: How the provider signs.
        id: The delivery's id, where the dialect has one. Every attempt keeps it.
        timestamp: The time of this attempt, in seconds since the epoch; now if left out.

    Raises:
        ValueError: The id cannot be sent, the timestamp is no time, the dialect has room for one signature only,
            or a secret cannot be read.
        TypeError: The body is not bytes, or a secret is not text.
    """
    if not isinstance(body, (bytes, bytearray)):
        raise TypeError(f"The body must be the bytes that will be sent, not {type(body).__name__}.")
    if dialect.id and not (isinstance(id, str) and _ID.fullmatch(id)):
        raise ValueError(
            f"{dialect.name} signs the id of a delivery: give id= a text in ASCII without spaces and dots."
        )
    secrets = _secrets(secret)
    if len(secrets) > 1 and not dialect.separator:
        raise ValueError(f"{dialect.name} takes one signature, and {len(secrets)} secrets were given.")
    now = time.time() if timestamp is None else timestamp
    if not 0 <= now < 10**15:
        raise ValueError(f"timestamp is a time in seconds since the epoch, not {timestamp!r}.")
    stamp = str(int(now)) if dialect.timestamp else ""
    message = _message(dialect, id, stamp, body)
    items = [dialect.prefix + _SIGN[dialect.method](dialect, one, message) for one in secrets]
    headers = {dialect.id: id} if dialect.id else {}
    if dialect.timestamp.endswith("="):
        items.insert(0, dialect.timestamp + stamp)
    elif dialect.timestamp:
        headers[dialect.timestamp] = stamp
    return headers | {dialect.signature: dialect.separator.join(items)}


#: More than a sender needs that changes its secret, and few enough to be tried quickly.
_MOST_SIGNATURES = 20

# The specification: an id must not hold a dot, or a body could be moved into it. A space at its ends would be
# stripped on the way.
_ID = re.compile(r"[!-\-/-~]+")


def _secrets(secret):
    if isinstance(secret, bytes):
        raise TypeError("A secret is text, not bytes.")
    secrets = [secret] if isinstance(secret, str) else list(secret)
    if not secrets:
        raise ValueError("Give at least one secret.")
    return secrets


def _header(headers, name):
    """The value of a header in any case; it must be there, and be printable ASCII."""
    value = headers.get(name)
    if value is None:
        value = next((v for n, v in headers.items() if isinstance(n, str) and n.lower() == name.lower()), None)
    if not value:
        raise SignatureError("missing", f"The header {name} is missing.")
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        raise SignatureError("malformed", f"The header {name} holds something other than printable ASCII.")
    return value


def _item(items, dialect):
    """The timestamp inside the signature header."""
    mark = dialect.timestamp
    found = [item[len(mark) :] for item in items if item.startswith(mark)]
    if len(found) != 1:
        raise SignatureError("malformed", f"{dialect.signature} must hold {mark} once; it does {len(found)} times.")
    return found[0]


def _check_time(stamp, dialect, now):
    # Digits only: int() would take "+1", " 1 " and "1_000" too, which no sender means.
    if not stamp.isdigit() or len(stamp) > 15:
        raise SignatureError("malformed", f"{dialect.timestamp} is not a time in whole seconds.")
    age = now - int(stamp)
    if dialect.max_age is not None and age > dialect.max_age:
        raise SignatureError("too_old", f"Signed {age:g} s ago; at most {dialect.max_age} s are allowed.")
    if dialect.max_ahead is not None and -age > dialect.max_ahead:
        raise SignatureError("too_new", f"Signed {-age:g} s ahead of us; at most {dialect.max_ahead} s are allowed.")


def _message(dialect, id, stamp, body):
    return _template(dialect.signed) % {b"id": id.encode(), b"timestamp": stamp.encode(), b"body": body}


@lru_cache
def _template(signed):
    template = signed.encode().replace(b"%", b"%%")
    for name in (b"id", b"timestamp", b"body"):
        template = template.replace(b"{%b}" % name, b"%%(%b)b" % name)
    return template


@lru_cache
def _key(secret, key, prefix):
    """The key's bytes; remembered, because a receiver verifies every delivery with the same few secrets."""
    if not isinstance(secret, str):
        raise TypeError(f"A secret is text, not {type(secret).__name__}.")
    if prefix and not secret.startswith(prefix):
        raise ValueError(f"The secret must begin with {prefix}.")
    text = secret[len(prefix) :]
    try:
        decoded = _DECODE[key](text)
    except ValueError:
        raise ValueError(f"The secret is not valid {key} after {prefix!r}.") from None
    if not decoded:
        raise ValueError("The secret is empty.")
    return decoded


_DECODE = {
    "text": str.encode,
    "base64": lambda text: b64decode(text, validate=True),
    "hex": binascii.unhexlify,
}
_ENCODE = {
    "base64": lambda data: b64encode(data).decode(),
    "hex": bytes.hex,
}


def _hmac(dialect, secret, message):
    key = _key(secret, dialect.key, dialect.key_prefix)
    return _ENCODE[dialect.encoding](hmac.digest(key, message, "sha256"))


def _hmac_fits(dialect, secret, message, offered):
    # Comparing the encoded form accepts one spelling only, and compare_digest takes as long wherever they differ.
    expected = _hmac(dialect, secret, message)
    return any([hmac.compare_digest(expected, one) for one in offered])


def _ed25519(dialect, secret, message):
    # The specification leaves the layout open; Svix stores the 32 bytes of the seed, then the public key.
    seed = _key(secret, dialect.key, dialect.private_prefix)[:32]
    if len(seed) < 32:
        raise ValueError("An ed25519 private key has at least 32 bytes.")
    return _ENCODE[dialect.encoding](Ed25519PrivateKey.from_private_bytes(seed).sign(message))


def _ed25519_fits(dialect, secret, message, offered):
    key = _public_key(secret, dialect.key, dialect.key_prefix)
    for one in offered:
        try:
            signature = _DECODE[dialect.encoding](one)
            if _ENCODE[dialect.encoding](signature) == one:  # one spelling only
                key.verify(signature, message)
                return True
        except (ValueError, InvalidSignature):
            continue
    return False


@lru_cache
def _public_key(secret, key, prefix):
    data = _key(secret, key, prefix)
    if len(data) != 32:
        raise ValueError(f"An ed25519 public key has 32 bytes, not {len(data)}.")
    return Ed25519PublicKey.from_public_bytes(data)


_METHODS = {"hmac-sha256": _hmac_fits, "ed25519": _ed25519_fits}
_SIGN = {"hmac-sha256": _hmac, "ed25519": _ed25519}
