"""An event as a value, and the bytes that stand for it on the wire.

The envelope has four fields: which event this is (``id``), of what kind (``event_type``), when it happened
(``timestamp``) and what it is about (``data``). Standard Webhooks recommends a type, a timestamp and data in the
body and puts the id in a header; a learner sees it best where everything else is.
"""

import json
import uuid

from .clock import SystemClock, iso

#: How deep lists and objects may lie in each other. Python's parser gives up at some nine hundred, sooner where it is
#: called from deep down; a receiver's may be stricter.
DEEPEST = 100

#: The three events of the lessons.
EVENT_TYPES = ("user_signup", "order_placed", "payment_received")


def make_event(event_type, data, *, id=None, timestamp=None):
    """Put an event in its envelope.

    Args:
        event_type: What happened, such as ``"order_placed"``.
        data: What it is about: a dictionary that JSON can hold.
        id: The event's own id; a new random one if left out. A delivery that is repeated keeps the id.
        timestamp: When it happened, in seconds since the epoch or as RFC 3339 text; now if left out.

    Returns:
        A dictionary with ``id``, ``event_type``, ``timestamp`` (RFC 3339, UTC) and ``data``.

    Raises:
        ValueError: ``event_type`` is not text, or is empty.
    """
    if not isinstance(event_type, str) or not event_type:
        raise ValueError(f"event_type must be a text such as 'order_placed', not {event_type!r}.")
    if timestamp is None:
        timestamp = SystemClock().now()
    if not isinstance(timestamp, str):
        timestamp = iso(timestamp)
    return {
        "id": id or f"evt_{uuid.uuid4().hex}",
        "event_type": event_type,
        "timestamp": timestamp,
        "data": data,
    }


def encode(event):
    """Turn an event into the bytes that are sent: UTF-8 JSON, keys sorted, no spaces.

    Raises:
        TypeError: JSON cannot hold the event.
        ValueError: It contains NaN or infinity, which JSON does not have (RFC 8259, section 6), or itself, or is nested
            deeper than `DEEPEST`.
    """
    try:
        text = json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    if text.count("[") + text.count("{") > DEEPEST and _depth(event) > DEEPEST:
        raise ValueError(_TOO_DEEP)
    return text.encode()


_TOO_DEEP = f"An event is nested {DEEPEST} deep at the most, so that whoever gets it can read it."


def _depth(value):
    """How deep lists and objects lie in each other, without going down by calls."""
    depth, level = 0, [value]
    while level:
        inner = [
            one.values() if isinstance(one, dict) else one for one in level if isinstance(one, (dict, list, tuple))
        ]
        level = [value for values in inner for value in values]
        depth += bool(inner)
    return depth
