"""A dialect: how one provider signs, as a value that is checked when it is made."""

import math
import re
import string
from dataclasses import dataclass
from itertools import combinations
from operator import itemgetter


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

    Worked out from these:
        places: Which parts of a delivery are signed, in the order in which they stand.
        timestamp_header: The header with the time; empty if there is none, or if it is no header.
        border: What stands after the id in what is signed: in Standard Webhooks a dot. Empty if nothing does.

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
        self._work_out()
        for sentence in _contradictions(self):
            raise ValueError(sentence)

    def _work_out(self):
        """Work out once what every delivery asks for; a cached_property would slow all other attributes down."""
        places = re.findall("{(.*?)}", self.signed)
        template = self.signed.encode().replace(b"%", b"%%")
        for place in _PLACES:
            template = template.replace(b"{%b}" % place.encode(), b"%b")
        worked_out = {
            "places": tuple(places),
            "timestamp_header": "" if self.timestamp.endswith("=") else self.timestamp,
            "border": self.signed.partition("{id}")[2].partition("{")[0],
            "_template": template,
            "_chosen": itemgetter(*map(_PLACES.index, places)) if places else None,
        }
        for name, value in worked_out.items():
            object.__setattr__(self, name, value)

    def crosses(self, id):
        """Whether an id could end sooner than it does: then a piece of it could be moved into the body, or back.

        So Standard Webhooks forbids a dot in it.
        """
        border = self.border
        return bool(border) and border in id + border[:-1]

    def message(self, id, timestamp, body):
        """What is signed, bytes: ``signed`` with two texts and the body, bytes, in their places."""
        return self._template % self._chosen((id.encode(), timestamp.encode(), body))


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
    places = d.places
    inside = "" if d.timestamp_header else d.timestamp
    headers = {"signature": d.signature, "id": d.id, "timestamp": d.timestamp_header}
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
