"""What a provider's deliveries look like: its dialect, an example event, and where in it the id and the type stand.

A dialect says how a delivery is signed. Whoever makes deliveries to test a receiver with needs to know more: what to
change so that it is a new event, the same event again, or an event of an unknown type.
"""

import json
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path

from .dialect import Dialect
from .fields import TOKEN, text
from .names import BY_NAME
from .sample_events import BY_PROVIDER

#: What stands before the name of a header, where a place may be a header or a path in the body.
HEADER = "header:"

#: A file that describes a provider is no larger than this, in bytes.
MOST_FILE = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Provider:
    """A provider, as its documentation describes it.

    Attributes:
        dialect: How it signs.
        body: An example event, a dictionary that becomes JSON, or a form where the dialect signs one. In its texts
            ``{now}`` stands for twelve digits that are new for each event, ``{iso}`` for the time in RFC 3339; a text
            that is all ``{seconds}`` for the time as a number, and ``{number}`` for a number that is new.
        headers: What is sent besides the signature and the Content-Type, with the same in braces.
        id: Where the event's id stands: a path in the body with dots between names, or ``header:Name``; empty if
            nowhere.
        type: Where its type stands, in the same manner.
        attempt: A header with a new value at each attempt; empty if there is none.
        indent: How far its JSON is indented; None for one line.
    """

    dialect: Dialect
    body: dict
    headers: dict = field(default_factory=dict)
    id: str = ""
    type: str = ""
    attempt: str = ""
    indent: int | None = None

    def __post_init__(self):
        for name, (fits, words) in _SAMPLE.items():
            if not fits(getattr(self, name)):
                raise ValueError(f"{name} of the sample must be {words}.")
        for name in (*self.headers, self.dialect.signature, self.dialect.id, self.dialect.timestamp, self.attempt):
            if name.lower() in _FRAMING:
                raise ValueError(f"{name} is written by whoever sends a request, and cannot be a header of a sample.")

    @property
    def is_form(self):
        """Whether its bodies are forms."""
        return "form" in self.dialect.places

    def encode(self, body):
        """Return a body as the provider writes JSON, bytes."""
        separators = (",", ":") if self.indent is None else (",", ": ")
        return json.dumps(body, ensure_ascii=False, indent=self.indent, separators=separators).encode()


def _is_headers(value):
    name = text(TOKEN)
    return isinstance(value, dict) and all(
        name(key) and isinstance(one, str) and one.isascii() and one.isprintable() for key, one in value.items()
    )


def _is_body(value):
    try:
        return isinstance(value, dict) and json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half a character, which JSON can write and UTF-8 cannot
        return False


#: Headers that say where a request goes, and where its body ends.
_FRAMING = frozenset(("host", "content-length", "transfer-encoding", "connection"))

_PLACE = text(rf"({HEADER}{TOKEN}|[-A-Za-z0-9_]+(\.[-A-Za-z0-9_]+)*)?")
_SAMPLE = {
    "body": (_is_body, "an object whose texts are whole characters"),
    "headers": (_is_headers, "an object of headers: names and texts in printable ASCII"),
    "id": (_PLACE, f"a path in the body, such as event.id, or {HEADER}Name"),
    "type": (_PLACE, f"a path in the body, such as event.type, or {HEADER}Name"),
    "indent": (lambda value: value is None or value in range(9), "a number from 0 to 8, or null"),
    "attempt": (text(f"({TOKEN})?"), "the name of a header"),
}

_OUR_EVENT = {
    "data": {"amount": 4990, "number": "{number}"},
    "event_type": "order_placed",
    "id": "evt_sample_{now}",
    "timestamp": "{iso}",
}
_FORM = {"AccountSid": "AC{now}example", "Body": "Is order 7 on its way?", "From": "+15550100", "MessageSid": "SM{now}"}

#: Which sample stands for a provider, and where its id, its type and its count of attempts stand; see `Provider`.
_PLACES = {
    "github": ("push", "header:X-GitHub-Delivery", "header:X-GitHub-Event", ""),
    "stripe": ("payment_intent.succeeded", "id", "type", ""),
    "slack": ("event_callback", "event_id", "event.type", ""),
    "shopify": ("orders/create", "header:X-Shopify-Event-Id", "header:X-Shopify-Topic", "X-Shopify-Webhook-Id"),
    "discord": ("ping", "id", "type", ""),
}
#: The ping of webhook events has no id, and the ping of an interaction has one: without it all of them would be alike.
_IDS = {"discord": {"id": "{now}"}}


def provider_of(dialect):
    """Return the `Provider` of a dialect: with a sample of its own where there is one, and else an event of ours."""
    name = next((name for name, known in BY_NAME.items() if known is dialect), "")
    if name in _PLACES:
        event, id, type, attempt = _PLACES[name]
        found = BY_PROVIDER[name][event]
        return Provider(
            dialect=dialect, body=_IDS.get(name, {}) | found.body, headers=found.headers, id=id, type=type,
            attempt=attempt, indent=found.indent,
        )  # fmt: skip
    if "form" in dialect.places:
        return Provider(dialect=dialect, body=_FORM, id="MessageSid")
    return Provider(dialect=dialect, body=_OUR_EVENT, id="id", type="event_type")


def read_provider(file):
    """Return the `Provider` that a file describes: a JSON object with the fields of `Dialect`, and perhaps a sample.

    ``"sample"`` is an object: ``body`` and, if they are needed, ``headers``, ``id``, ``type`` and ``attempt``, as
    `Provider` has them. Without it, the event is one of ours.

    Raises:
        OSError: The file cannot be read.
        ValueError: It describes no provider; the message says what is wrong, and what to do.
    """
    with Path(file).open("rb") as opened:
        data = opened.read(MOST_FILE + 1)
    if len(data) > MOST_FILE:
        raise ValueError(f"The file of a dialect has at most {MOST_FILE} bytes.")
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise ValueError("The file of a dialect holds one JSON object, and this is not JSON.") from None
    if not isinstance(found, dict):
        raise ValueError("The file of a dialect holds one JSON object, with the fields of a dialect.")
    sample = found.pop("sample", None)
    dialect = Dialect(**_known(found, Dialect, "A dialect"))
    if sample is None:
        return provider_of(dialect)
    if isinstance(sample, dict) and isinstance(sample.get("attempt"), str):  # a header it is always
        sample["attempt"] = sample["attempt"].removeprefix(HEADER)
    if not isinstance(sample, dict):
        raise ValueError("sample must be an object: body, and perhaps headers, id, type and attempt.")
    return Provider(dialect=dialect, **_known(sample, Provider, "A sample", besides={"dialect"}))


def _known(found, kind, words, besides=frozenset()):
    """The fields of a data class as JSON has them, if each is one of its own and none is missing."""
    names = {one.name: one for one in fields(kind) if one.name not in besides}
    if unknown := sorted(set(found) - set(names)):
        raise ValueError(f"{words} has no field {unknown[0]!r}. It has: {', '.join(names)}.")
    needed = [name for name, one in names.items() if one.default is MISSING and one.default_factory is MISSING]
    if missing := [name for name in needed if name not in found]:
        raise ValueError(f"{words} needs the field {missing[0]!r}.")
    return {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}
