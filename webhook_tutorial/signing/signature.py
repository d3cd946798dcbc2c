"""Sign and verify deliveries, in the dialect of any provider.

Providers agree on the idea and on little else: which headers, what exactly is signed, in which encoding, how old
it may be. A `Dialect` is that difference as a value, so one `sign` and one `verify` serve them all.
"""

import binascii
import hmac
import math
import re
import string
import time
from base64 import b64decode, b64encode
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations

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


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How one provider signs.

    Attributes:
        name: The provider's name.
        signature: The header that carries the signature, or several.
        prefix: What stands before each signature in that header.
        separator: What stands between several; empty if there is only ever one.
        id, timestamp: The headers with the delivery's id and with the time in seconds since the epoch; empty if
            none is signed. A ``timestamp`` that ends in ``=`` is no header: it marks an item of ``signature``.
        signed: What is signed, with ``{id}``, ``{timestamp}`` and ``{body}`` in their places.
        body_unsigned: True for a scheme that leaves the body out of what it signs. Whoever has seen one delivery
            can then send it with any body.
        method: ``"hmac-sha256"`` or ``"ed25519"``.
        encoding: Of the signature: ``"base64"`` or ``"hex"``.
        key: How the secret becomes the key: ``"text"`` (its characters), or ``"base64"`` or ``"hex"``, decoded.
        key_prefix: What stands before the secret (for ed25519: before the public key) and is no part of it.
        private_prefix: For ed25519, what stands before the private key.
        max_age, max_ahead: How many seconds old, or ahead of our clock, a timestamp may be; None for no limit.
        unsigned: What can be changed on the way although it looks trustworthy, a tuple: names of headers, mostly.
        source: Where the provider says so.

    Raises:
        ValueError: A field is of the wrong kind, or two fields contradict each other; the message says what to do.
    """

    name: str
    signature: str
    prefix: str = ""
    separator: str = ""
    id: str = ""
    timestamp: str = ""
    signed: str
    body_unsigned: bool = False
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
        for field, (fits, words) in _FIELDS.items():
            value = getattr(self, field)
            if not fits(value):
                raise ValueError(f"{field} must be {words}; got {value!r}.")
        for sentence in _contradictions(self):
            raise ValueError(sentence)


def _text(pattern):
    whole = re.compile(pattern, re.DOTALL)
    return lambda value: isinstance(value, str) and whole.fullmatch(value)


def _one_of(*known):
    return lambda value: value in known, f"one of {', '.join(known)}"


def _is_limit(value):
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value is None or (number and 0 <= value < math.inf)


def _are_texts(value):
    return isinstance(value, tuple) and all(isinstance(item, str) for item in value)


_PLACES = ("id", "timestamp", "body")  # what `Dialect.signed` may hold in braces
_HEADER = "[-!#$%&'*+.^_`|~0-9A-Za-z]+"  # a token: RFC 9110, sections 5.1 and 5.6.2
_MARK = "(?! )[ -~]+"  # HTTP takes a space at the beginning of a header's value away (RFC 9110, section 5.5)
_SIGNED = rf"([^{{}}\ud800-\udfff]|{{({'|'.join(_PLACES)})}})*"  # half a character cannot be encoded

# What each field may be by itself, and the words for it.
_FIELDS = {
    "name": (_text(r".*\S.*"), "text, the provider's name"),
    "signature": (_text(_HEADER), "the name of a header: letters, digits and hyphens"),
    "prefix": (_text(f"({_MARK})?"), "printable ASCII that does not begin with a space"),
    "separator": (_text("[ -~]*"), "printable ASCII"),
    "id": (_text(f"({_HEADER})?"), "the name of a header, or empty"),
    "timestamp": (
        _text(f"({_HEADER}|{_MARK}=)?"),
        "the name of a header, or empty, or a mark in printable ASCII that ends in '='",
    ),
    "signed": (_text(_SIGNED), "text whose only braces are those of {id}, {timestamp} and {body}"),
    "body_unsigned": (lambda value: isinstance(value, bool), "True or False"),
    "method": _one_of("hmac-sha256", "ed25519"),
    "encoding": _one_of("base64", "hex"),
    "key": _one_of("text", "base64", "hex"),
    "key_prefix": (_text(".*"), "text"),
    "private_prefix": (_text(".*"), "text"),
    "max_age": (_is_limit, "a number of seconds, not negative, or None"),
    "max_ahead": (_is_limit, "a number of seconds, not negative, or None"),
    "unsigned": (_are_texts, "a tuple of texts"),
    "source": (_text(".*"), "text"),
}

_ALPHABETS = {  # the characters of a signature
    "base64": string.ascii_letters + string.digits + "+/=",
    "hex": string.digits + "abcdef",
}


def _contradictions(d):
    """Yield a sentence for whatever in a dialect cannot be true together."""
    places = [place for place in _PLACES if f"{{{place}}}" in d.signed]
    inside = d.timestamp if d.timestamp.endswith("=") else ""
    headers = {"signature": d.signature, "id": d.id, "timestamp": "" if inside else d.timestamp}
    headers = {field: name.lower() for field, name in headers.items() if name}

    for place in ("id", "timestamp"):
        stands = getattr(d, place)
        if stands and place not in places:
            yield (
                f"{place} is {stands!r}, and signed does not hold {{{place}}}, so anybody could change it: "
                f"sign it, or leave {place} out and list the header in unsigned."
            )
        if place in places and not stands:
            yield f"signed holds {{{place}}}, and {place} does not say where it stands: fill it in."
    for limit in ("max_age", "max_ahead"):
        if getattr(d, limit) is not None and not d.timestamp:
            yield f"{limit} needs a timestamp: say in timestamp where it stands, or leave {limit} out."
    if "body" not in places and not d.body_unsigned:
        yield (
            "signed does not hold {body}, so any body would be believed: sign it. If the provider really does not, "
            "say body_unsigned=True."
        )
    if "body" in places and d.body_unsigned:
        yield "body_unsigned is True, and signed holds {body}: leave one of them out."
    if not places:
        yield "signed holds nothing of the delivery, so every delivery would have the same signature."

    if inside and not d.separator:
        yield f"timestamp {inside!r} marks an item of signature: say in separator what stands between the items."
    if inside and (inside.startswith(d.prefix) or d.prefix.startswith(inside)):
        yield f"prefix {d.prefix!r} and timestamp {inside!r} begin alike, so an item of signature could be either."
    if d.separator and set(d.separator) <= set(d.prefix + inside + _ALPHABETS[d.encoding]):
        yield (
            f"separator {d.separator!r} could stand in the middle of an item of signature: "
            "it needs a character that no prefix, mark or signature holds."
        )
    for one, other in combinations(headers, 2):
        if headers[one] == headers[other]:
            yield f"{one} and {other} name the same header, {getattr(d, one)}."
    for name in d.unsigned:
        if name.lower() in headers.values():
            yield f"unsigned lists {name}, and another field reads that header: leave it out of one of them."

    if d.private_prefix and d.method != "ed25519":
        yield f"private_prefix is for ed25519: {d.method} has one secret, and key_prefix is what stands before it."
    if d.method == "ed25519" and d.key == "text":
        yield "key is 'text', and an ed25519 key is 32 bytes of any kind: key must be 'base64' or 'hex'."


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

STANDARD_WEBHOOKS_ED25519 = replace(
    STANDARD_WEBHOOKS,
    name="Standard Webhooks, ed25519",
    prefix="v1a,",
    method="ed25519",
    key_prefix="whpk_",
    private_prefix="whsk_",
)

# Svix delivers for many providers. Some of its customers have the names changed to webhook-id, webhook-timestamp
# and webhook-signature: those deliveries are Standard Webhooks.
SVIX = replace(
    STANDARD_WEBHOOKS,
    name="Svix",
    signature="svix-signature",
    id="svix-id",
    timestamp="svix-timestamp",
    source="https://docs.svix.com/receiving/verifying-payloads/how-manual",
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

DIALECTS = (STANDARD_WEBHOOKS, STANDARD_WEBHOOKS_ED25519, SVIX, GITHUB, STRIPE, SLACK, SHOPIFY, DISCORD)


def verify(body, headers, secret, dialect=STANDARD_WEBHOOKS, *, clock=None):
    """Verify a delivery; return nothing if it is genuine.

    Args:
        body: The body exactly as it arrived, bytes: in Flask ``request.get_data()``, before any parsing.
        headers: The headers, a mapping of text to text; the case of the names does not matter.
        secret: The secret or, for ed25519, the public key. A list of them verifies with any: a receiver that
            changes its secret accepts the old one for a while. A short or guessable one is taken like any other:
            Standard Webhooks asks for 24 to 64 random bytes.
        dialect: How the provider signs.
        clock: Something with ``now()``, in seconds since the epoch; the computer's clock if left out.

    Raises:
        SignatureError: It is not genuine, or too old or new, or cannot be read; ``reason`` says which.
        TypeError: The body is not bytes, or a secret is not text.
        ValueError: The *secret* cannot be read, or none is given, or it is nothing but zeros, or a public key that
            anybody can sign for. That is a mistake of ours, not of the sender.
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
    border = _border(dialect.signed)
    if _crosses(id, border):
        raise SignatureError("malformed", f"{dialect.id} holds {border!r}, which is where an id ends.")
    message = _message(dialect, id, stamp, body)
    size = len(dialect.prefix)
    offered = [item[size:] for item in items if item.startswith(dialect.prefix)]
    if not 1 <= len(offered) <= _MOST_SIGNATURES:
        raise SignatureError(
            "malformed",
            f"{dialect.signature} holds {len(offered)} signatures that begin with {dialect.prefix!r}; "
            f"1 to {_MOST_SIGNATURES} are read.",
        )
    # All of them, so that one that cannot be read is told at the first delivery, rather than at the first forgery.
    if any([_METHODS[dialect.method](dialect, one, message, offered) for one in _secrets(secret)]):
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
        ValueError: The id cannot be sent, the timestamp is no time, the dialect has no room for so many signatures,
            or a secret cannot be read.
        TypeError: The body is not bytes, or a secret is not text.
    """
    if not isinstance(body, (bytes, bytearray)):
        raise TypeError(f"The body must be the bytes that will be sent, not {type(body).__name__}.")
    border = _border(dialect.signed)
    if dialect.id and not (isinstance(id, str) and _ID.fullmatch(id) and not _crosses(id, border)):
        without = f" and without {border!r}" if border else ""
        raise ValueError(
            f"{dialect.name} signs the id of a delivery: give id= a text in ASCII without spaces{without}."
        )
    secrets = _secrets(secret)
    if len(secrets) > 1 and not dialect.separator:
        raise ValueError(f"{dialect.name} takes one signature, and {len(secrets)} secrets were given.")
    if len(secrets) > _MOST_SIGNATURES:
        raise ValueError(
            f"{len(secrets)} secrets were given, and at most {_MOST_SIGNATURES} signatures are read: "
            "two are enough to change a secret."
        )
    now = time.time() if timestamp is None else timestamp
    if not (isinstance(now, (int, float)) and 0 <= now < 10**15):
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

_ID = re.compile("[!-~]+")  # a space at its ends would be stripped on the way


@lru_cache
def _border(signed):
    """What stands after the id in what is signed: in Standard Webhooks a dot."""
    return signed.partition("{id}")[2].partition("{")[0]


def _crosses(id, border):
    """Whether an id could end sooner than it does: then a piece of it could be moved into the body, or back.

    So Standard Webhooks forbids a dot in it.
    """
    return bool(border) and (id + border).index(border) < len(id)


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
    for place in map(str.encode, _PLACES):
        template = template.replace(b"{%b}" % place, b"%%(%b)b" % place)
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
    # HMAC fills a key up with zeros (RFC 2104, section 2): one of zeros alone is the empty key.
    if not any(decoded):
        raise ValueError("The secret is empty, or nothing but zeros.")
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
    if _has_small_order(data):
        raise ValueError("This public key is one that anybody can sign for: take the one that the provider gives you.")
    return Ed25519PublicKey.from_public_bytes(data)


# The curve of ed25519 (RFC 8032, section 5.1): -x² + y² = 1 + dx²y², modulo p.
_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P)


def _has_small_order(data):
    """Whether a public key is one of the eight points whose multiples are these eight only.

    Signatures for them are found by trying, without a private key. Doubled at most three times they give the
    neutral point (0, 1). That has y = 1; the point that doubles to it y = -1; those that double to that y = 0; and
    a point that doubles to y = 0 has x² = -y², which in the curve's equation is dy⁴ + 2y² = 1.
    """
    y = int.from_bytes(data, "little") % 2**255  # the bit above is the sign of x
    return y * (y**2 - 1) * (_D * y**4 + 2 * y**2 - 1) % _P == 0


_METHODS = {"hmac-sha256": _hmac_fits, "ed25519": _ed25519_fits}
_SIGN = {"hmac-sha256": _hmac, "ed25519": _ed25519}
