"""Sign and verify deliveries, in the dialect of any provider.

Providers agree on the idea and on little else: which headers, what exactly is signed, in which encoding, how old
it may be. A `Dialect` is that difference as a value, so one `sign` and one `verify` serve them all.
"""

import re
import time

from .checks import CHECKS, Received
from .dialects import STANDARD_WEBHOOKS
from .methods import SIGN, list_secrets
from .places import JSON, MOST_SIGNATURES, SignatureError, check_given, parts
from .times import TIMES


def verify(body, headers, secret, dialect=STANDARD_WEBHOOKS, *, method="", url="", clock=None):
    """Verify a delivery; return nothing if it is genuine.

    Args:
        body: The body exactly as it arrived, bytes: in Flask ``request.get_data()``, before any parsing.
        headers: The headers, a mapping of text to text; the case of the names does not matter.
        secret: The secret or, for ed25519, the public key. A list of them verifies with any: a receiver that
            changes its secret accepts the old one for a while. A short or guessable one is taken like any other:
            Standard Webhooks asks for 24 to 64 random bytes.
        dialect: How the provider signs.
        method, url: Of the request, for a dialect that signs them; others take no notice. The URL is the one that
            the provider knows: what your framework puts together may differ behind a proxy. Take all of it that
            does not change from your settings rather than from the request, whose sender writes it.
        clock: Something with ``now()``, in seconds since the epoch; the computer's clock if left out.

    Raises:
        SignatureError: It is not genuine, or too old or new, or cannot be read; ``reason`` says which.
        TypeError: The body is not bytes, or a secret is not text.
        ValueError: The *secret* cannot be read, or none is given, or it is nothing but zeros, or a public key that
            anybody can sign for; or the dialect signs the method or the URL, and it is not given. That is a mistake
            of ours, not of the sender.
    """
    received = Received(body, headers, secret, dialect, clock, method, url)
    for run in _RUN:
        run(received)


def sign(body, secret, dialect=STANDARD_WEBHOOKS, *, id="", timestamp=None, method="", url="", headers=None):
    """Sign a delivery; return the headers to send with it, a dictionary.

    Args:
        body: The body exactly as it will be sent, bytes.
        secret: The secret or, for ed25519, the private key. A list of them makes several signatures, where the
            dialect has room for them: so a sender changes its secret without losing a delivery.
        dialect: How the provider signs.
        id: The delivery's id, where the dialect has one. Every attempt keeps it.
        timestamp: The time of this attempt, in seconds since the epoch; now if left out.
        method, url: Of the request, for a dialect that signs them; others take no notice.
        headers: The headers that will be sent anyway, for a dialect that signs some of them.

    Raises:
        ValueError: The id cannot be sent, the timestamp is no time, the dialect has no room for so many signatures,
            a secret cannot be read, something that the dialect signs is not given, or it would stand in the body.
        TypeError: The body is not bytes, or a secret is not text.
    """
    if not isinstance(body, (bytes, bytearray)):
        raise TypeError(f"The body must be the bytes that will be sent, not {type(body).__name__}.")
    for place in (dialect.signature, dialect.id, dialect.timestamp):
        if place.startswith(JSON):
            raise ValueError(f"{dialect.name} reads {place[len(JSON) :]} in the body, and sign returns headers only.")
    check_id(id, dialect)
    secrets = _few_enough(list_secrets(secret), dialect)
    stamp = _stamp(timestamp, dialect)
    message = dialect.message(id, stamp, body, _parts(body, headers, method, url, dialect))
    items = [dialect.prefix + SIGN[dialect.method](dialect, one, message) for one in secrets]
    made = {dialect.id: id} if dialect.id else {}
    if dialect.timestamp_header:
        made[dialect.timestamp_header] = stamp
    elif dialect.timestamp:
        items.insert(0, dialect.timestamp + stamp)
    if "{n}" in dialect.signature:
        return made | {dialect.signature.replace("{n}", str(n)): item for n, item in enumerate(items, 1)}
    return made | {dialect.signature: dialect.separator.join(items)}


def _few_enough(secrets, dialect):
    if len(secrets) > 1 and not dialect.separator and "{n}" not in dialect.signature:
        raise ValueError(f"{dialect.name} takes one signature, and {len(secrets)} secrets were given.")
    if len(secrets) > MOST_SIGNATURES:
        raise ValueError(
            f"{len(secrets)} secrets were given, and at most {MOST_SIGNATURES} signatures are read: "
            "two are enough to change a secret."
        )
    return secrets


def _stamp(timestamp, dialect):
    """The time as the dialect writes it; empty where it has none."""
    now = time.time() if timestamp is None else timestamp
    writing = TIMES[dialect.time_format]
    if not (isinstance(now, (int, float)) and 0 <= now < writing.most):
        raise ValueError(f"timestamp is a time in seconds since the epoch, not {timestamp!r}.")
    return writing.write(now) if dialect.timestamp else ""


def _parts(body, headers, method, url, dialect):
    if dialect.plain:
        return None
    check_given(dialect, method, url)
    try:
        return parts(dialect, body, headers or {}, method, url, arrived=False)
    except SignatureError as error:
        raise ValueError(f"{dialect.name} cannot sign this. {error}") from None


def check_id(id, dialect=STANDARD_WEBHOOKS):
    """Check that a delivery with this id can be signed; in a dialect that has no id, any can.

    Raises:
        ValueError: It cannot; the message says what an id may be.
    """
    if dialect.id and not (isinstance(id, str) and _ID.fullmatch(id) and not dialect.crosses(id)):
        without = f" and without {dialect.border!r}" if dialect.border else ""
        raise ValueError(
            f"{dialect.name} signs the id of a delivery: give id= a text in ASCII without spaces{without}."
        )


_ID = re.compile("[!-~]+")  # a space at its ends would be stripped on the way
_RUN = [check.run for check in CHECKS]  # looked up once: every delivery walks them
