"""Sign and verify deliveries, in the dialect of any provider.

Providers agree on the idea and on little else: which headers, what exactly is signed, in which encoding, how old
it may be. A `Dialect` is that difference as a value, so one `sign` and one `verify` serve them all.
"""


import re
import time
from functools import lru_cache

from .dialect import _PLACES
from .dialects import STANDARD_WEBHOOKS
from .methods import _METHODS, _SIGN


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
