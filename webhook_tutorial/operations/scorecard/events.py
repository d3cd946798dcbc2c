"""Events to test with, as values: a new one, the same with an odd id or an unknown type, and odd ways to write it."""

import copy
import json
import re
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from ...signing.providers import HEADER, Provider
from ...signing.samples import filled

_UUID = re.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
#: What an unknown type is called, and its number where types are numbers.
UNKNOWN = "example.of_an_unknown_type"
_UNKNOWN_NUMBER = 987_654
#: What stands for a value while a body is written that no library would write so.
_MARK = "what stands here is written by hand"


class NotApplicable(Exception):
    """The dialect cannot express what a check would send; the message says why, as a sentence."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """An event of a provider.

    Attributes:
        provider: Its `Provider`.
        id: Its id as a text, as a dialect signs it.
        body, headers: What its delivery holds.
    """

    provider: Provider
    id: str
    body: object
    headers: dict

    def encode(self):
        """Return its body as bytes: JSON as the provider writes it, or a form."""
        return urlencode(self.body).encode() if self.provider.is_form else self.provider.encode(self.body)

    def with_id(self, value):
        """Return it with another id in its place; a header holds texts only.

        Raises:
            NotApplicable: There is no such place, or it cannot hold that.
        """
        return self._with("id", value)

    def with_unknown_type(self):
        """Return it with a type that nobody has heard of.

        Raises:
            NotApplicable: Nothing says which type it is.
        """
        old = _get(self, self.provider.type) if self.provider.type else ""
        return self._with("type", _UNKNOWN_NUMBER if isinstance(old, int) else UNKNOWN)

    def without_id(self):
        """Return it without an id."""
        place = self._place("id")
        body, headers = copy.deepcopy(self.body), dict(self.headers)
        if place.startswith(HEADER):
            headers.pop(place[len(HEADER) :], None)
        else:
            take(body, place)
        return replace(self, body=body, headers=headers)

    def _place(self, name):
        place = getattr(self.provider, name)
        if not place:
            raise NotApplicable(f"Nothing says where {self.provider.dialect.name} has the {name} of an event.")
        return place

    def _with(self, name, value):
        place = self._place(name)
        if (place.startswith(HEADER) or self.provider.is_form) and not isinstance(value, str):
            raise NotApplicable("A header and a form hold texts only.")
        if place.startswith(HEADER):
            return replace(self, headers=self.headers | {place[len(HEADER) :]: value})
        body = copy.deepcopy(self.body)
        put(body, place, value)
        return replace(self, body=body)

    # --- Odd ways to write its body -------------------------------------------------------------------------

    def with_raw(self, text):
        """Return the bytes of its body with one more field, ``extra``, whose JSON is this text.

        It stands in ``data`` where the body has one that is an object: what is about the event grows more often than
        the envelope.
        """
        self.check_json()
        body = copy.deepcopy(self.body)
        room = body["data"] if isinstance(body.get("data"), dict) else body
        names = [*room]
        room["extra"] = _MARK
        if names == sorted(names):  # in its place: this is not about the order of fields
            for name in sorted(room):
                room[name] = room.pop(name)
        return self.provider.encode(body).replace(json.dumps(_MARK).encode(), text.encode())

    def with_raw_id(self, data):
        """Return the bytes of its body with these bytes as its id, or as one more field where the body has no id."""
        if not self.provider.id or self.provider.id.startswith(HEADER):
            return self.with_raw(json.dumps(_MARK)).replace(json.dumps(_MARK).encode(), data)
        return self.provider.encode(self.with_id(_MARK).body).replace(json.dumps(_MARK).encode(), data)

    def spaced(self):
        """Return the bytes of its body with tabs, spaces and line ends where JSON allows them."""
        self.check_json()
        text = json.dumps(self.body, ensure_ascii=False, indent="\t", separators=(" ,", " :  "))
        return text.replace("\n", "\r\n").encode() + b"\r\n"

    def backwards(self):
        """Return the bytes of its body with all fields in the opposite order, and some that a number's order moves."""
        self.check_json()
        body = _reversed(self.body)
        room = body["data"] if isinstance(body.get("data"), dict) else body
        room["extra"] = {"b": 1, "a": 2, "10": 3, "9": 4}
        return self.provider.encode(body)

    def check_json(self):
        """Raises:
        NotApplicable: Its body is no JSON.
        """
        if self.provider.is_form:
            raise NotApplicable(f"{self.provider.dialect.name} sends forms and no JSON.")


def new_event(provider, digits, now):
    """Return a new `Event`.

    Args:
        digits: Twelve digits that no other event has.
        now: When it happens, in seconds since the epoch.
    """
    body, headers = filled(provider.body, now, digits), filled(provider.headers, now, digits)
    event = Event(provider=provider, id=f"evt_{digits}", body=body, headers=headers)
    if not provider.id:
        return event
    example = replace(event, body=provider.body, headers=provider.headers)
    value = _get(event, provider.id)
    if value == _get(example, provider.id):  # nothing in it is new by itself
        value = _another(value, digits)
    return replace(event.with_id(value), id=str(value))


def _another(value, digits):
    """An id like this one, and new."""
    if isinstance(value, int) and not isinstance(value, bool):
        return int(digits) % 10**9
    text = value if isinstance(value, str) else "evt_"
    return text[:-12] + digits if _UUID.fullmatch(text) else text + digits


def _get(event, place):
    """What stands at a place, or None."""
    if place.startswith(HEADER):
        return event.headers.get(place[len(HEADER) :])
    found = event.body
    for name in place.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def put(document, path, value):
    """Put a value at a path of names with dots between them; objects that are missing on the way are made."""
    *names, last = path.split(".")
    _down(document, names)[last] = value


def take(document, path):
    """Take away what stands at a path."""
    *names, last = path.split(".")
    _down(document, names).pop(last, None)


def _down(document, names):
    for name in names:
        if not isinstance(document.get(name), dict):
            document[name] = {}
        document = document[name]
    return document


def _reversed(value):
    if isinstance(value, dict):
        return {name: _reversed(one) for name, one in reversed(value.items())}
    return [_reversed(one) for one in value] if isinstance(value, list) else value


def leaves(value, path=()):
    """Yield the paths and values of all that is no list and no object in a document."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if pairs is None:
        yield path, value
        return
    for name, one in pairs:
        yield from leaves(one, (*path, name))
