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

    The three events of the lessons can be had with a provider's signature, too: ``sample("stripe", "order_placed",
    secret)``. Some providers sign no such body: Twilio signs a form, and Mailgun's signature and Linear's time stand
    in the body.

    Args:
        provider: ``"github"``, ``"stripe"``, ``"slack"``, ``"shopify"``, ``"discord"``, ``"standard-webhooks"`` or
            another dialect's name in lower case, with hyphens for spaces.
        event: The provider's own name for the kind of event, such as ``"push"``.
        secret: The secret that you test with; for ed25519 the private key. Several as with `sign`.
        now: When it happens and is signed, in seconds since the epoch; now if left out.
        url: Where it will be sent, for a provider that signs that.

    Raises:
        ValueError: The provider or the event is unknown, and the message lists those that are known; or it cannot
            be signed, as with `sign`: the secret cannot be read, or the provider signs another kind of body.
    """
    now = time.time() if now is None else now
    body, headers, id = unsigned(provider, event, now)
    return body, headers | signature(body, secret, dialect_named(provider), id=id, now=now, url=url, headers=headers)


def signature(body, secret, dialect, *, id, now, url, headers):
    """Return the headers of a signature for a POST to this URL with these headers; a dialect is told what it signs."""
    whole = {"method": "POST", "url": url}
    parts = {place: whole[place] for place in dialect.places if place in whole}
    if dialect.signed_headers:
        parts["headers"] = headers
    return sign(body, secret, dialect, id=id, timestamp=now, **parts)


def events_of(provider):
    """Return the names of the samples of a provider, its own first, a list."""
    return [*BY_PROVIDER.get(provider, {}), *OURS]


def unsigned(provider, event, now):
    """Return a sample's body, its headers without those of the signature, and the delivery's id.

    Raises:
        ValueError: The provider or the event is unknown.
    """
    dialect_named(provider)
    if event in OURS:
        made = make_event(event, OURS[event], id=f"evt_sample_{int(now)}", timestamp=now)
        return encode(made), dict(_JSON), made["id"]
    if event not in events_of(provider):
        raise ValueError(f"There is no sample {event!r} for {provider}. Known are: {', '.join(events_of(provider))}.")
    found = BY_PROVIDER[provider][event]
    body = json.dumps(filled(found.body, now), ensure_ascii=False, indent=found.indent, separators=found.separators)
    return body.encode(), _JSON | filled(found.headers, now), ""


def filled(value, now, new=""):
    """Return a value with the time in its places, see `sample_events`.

    Twelve digits in ``new`` stand where the time in twelve digits would: so there can be many in one second.
    """
    if isinstance(value, dict):
        return {name: filled(one, now, new) for name, one in value.items()}
    if isinstance(value, list):
        return [filled(one, now, new) for one in value]
    if value == "{seconds}":
        return int(now)
    if value == "{number}":
        return int(new or now) % 10**9
    if isinstance(value, str):
        value = value.replace("{seconds}", str(int(now)))
        return value.replace("{now}", new or f"{int(now):012d}").replace("{iso}", iso(now))
    return value
