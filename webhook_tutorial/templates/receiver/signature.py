"""Is this delivery genuine? Standard Webhooks, by hand (https://www.standardwebhooks.com).

Another provider does it in another way: how its secret is read, how a delivery is signed, where its id stands, and
where its type does. All of that is in this file, and nowhere else.
"""

import base64
import hashlib
import hmac
import re
import time

TOLERANCE = 5 * 60  # seconds, in the past and in the future
SHORTEST_KEY = 24  # bytes; Standard Webhooks asks for 24 to 64 that nobody can guess
MOST_SIGNATURES = 10  # a sender that changes its secret sends two


class Refused(Exception):
    """It is not genuine. The reason is for our log alone: to the sender all refusals look the same."""


def key(secret):
    """Return the key, bytes, of a secret as the sender shows it.

    Raises:
        ValueError: It cannot be read; the message says what a secret looks like, and never shows this one.
    """
    try:
        if secret.startswith("whsec_"):
            return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        pass
    raise ValueError("a secret is whsec_ and then base64, as the sender shows it")


def verify(body, headers, keys, now=None):
    """Return if a delivery is genuine.

    Args:
        body: The bytes as they came, before anything has read them.
        headers: A mapping that takes no notice of the case of names.
        keys: The keys of our secrets, bytes; any of them will do.
        now: Seconds since the epoch.

    Raises:
        Refused: It is not genuine, or too old, or of the future.
    """
    id, stamp, given = (headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    if not given:
        raise Refused("no signature")
    # An id ends at its dot: with another one in it, a piece of the id could be moved into the body.
    if not re.fullmatch(r"[!-~]+", id) or "." in id or not re.fullmatch(r"[0-9]{1,15}", stamp):
        raise Refused("malformed header")
    if abs((time.time() if now is None else now) - int(stamp)) > TOLERANCE:
        raise Refused("too old or of the future")
    signed = f"{id}.{stamp}.".encode() + body
    right = [base64.b64encode(hmac.digest(key, signed, hashlib.sha256)) for key in keys]
    found = [item[3:].encode() for item in given.split(" ") if item.startswith("v1,")][:MOST_SIGNATURES]
    # compare_digest takes the same time however much of a signature is right, so nobody can find one byte by byte.
    if not any([hmac.compare_digest(one, other) for one in right for other in found]):
        raise Refused("no signature fits")


def event_id(event, headers):
    """Return by what an event is known again, the same at each attempt, or None. With many it stands in the body."""
    return headers.get("webhook-id")


def event_type(event, headers):
    """Return what kind of event it is, or None. GitHub says it in a header, most others in the body."""
    return event.get("event_type")
