"""Signed samples, offline: what a provider would deliver, small, and signed with a secret of yours.

A handler's tests need no tunnel and no account then. The bodies are written from the providers' documentation, with
fewer fields than theirs; their ids and times come from the time, and everything else is the same in every run.
"""

import json
import time

from ..clock import iso
from ..events import encode, make_event
from .names import dialect_named
from .sample_events import BY_PROVIDER, OURS
from .signature import sign

_JSON = {"Content-Type": "application/json"}


def sample(provider, event, secret, *, now=None, url=""):
    """Return a delivery as this provider would make it: its body, bytes, and its headers, a dictionary.

    Every provider's signature can be had for the three events of the lessons, too: ``sample("stripe",
    "order_placed", secret)``.

    Args:
        provider: ``"github"``, ``"stripe"``, ``"slack"``, ``"shopify"``, ``"discord"``, ``"standard-webhooks"`` or
            another dialect's name in lower case, with hyphens for spaces.
        event: The provider's own name for the kind of event, such as ``"push"``.
        secret: The secret that you test with; for ed25519 the private key. Several as with `sign`.
        now: When it happens and is signed, in seconds since the epoch; now if left out.
        url: Where it will be sent, for a provider that signs that.

    Raises:
        ValueError: The provider or the event is unknown, and the message lists those that are known; or the secret
            cannot be read, as with `sign`.
    """
    now = time.time() if now is None else now
    body, headers, id = unsigned(provider, event, now)
    return body, headers | signature(body, secret, dialect_named(provider), id=id, now=now, url=url)


def signature(body, secret, dialect, *, id, now, url):
    """Return the headers of a signature for a POST to this URL; what a dialect does not sign it is not told."""
    whole = {"method": "POST", "url": url}
    parts = {place: whole[place] for place in dialect.places if place in whole}
    return sign(body, secret, dialect, id=id, timestamp=now, **parts)


def unsigned(provider, event, now):
    """Return a sample's body, its headers without those of the signature, and the delivery's id.

    Raises:
        ValueError: The provider or the event is unknown.
    """
    dialect_named(provider)
    own = BY_PROVIDER.get(provider, {})
    if event in OURS:
        made = make_event(event, OURS[event], id=f"evt_sample_{int(now)}", timestamp=now)
        return encode(made), dict(_JSON), made["id"]
    if event not in own:
        raise ValueError(f"There is no sample {event!r} for {provider}. Known are: {', '.join([*own, *OURS])}.")
    found = own[event]
    body = json.dumps(_filled(found.body, now), ensure_ascii=False, indent=found.indent, separators=found.separators)
    return body.encode(), _JSON | _filled(found.headers, now), ""


def _filled(value, now):
    """A value with the time in its places; see `sample_events`."""
    if isinstance(value, dict):
        return {name: _filled(one, now) for name, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, now) for one in value]
    if value == "{seconds}":
        return int(now)
    if isinstance(value, str):
        value = value.replace("{seconds}", str(int(now)))
        return value.replace("{now}", f"{int(now):012d}").replace("{iso}", iso(now))
    return value
