"""A dialect: how one provider signs, as a value that is checked when it is made."""

import re
from dataclasses import dataclass
from operator import itemgetter

from .contradictions import contradictions
from .fields import FIELDS
from .places import JSON
from .times import TIMES


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How one provider signs.

    Attributes:
        name: The provider's name.
        signature: The header that carries the signature, or several. ``X-Signature-{n}`` stands for one header for
            each key: ``X-Signature-1``, ``X-Signature-2`` and so on. ``json:`` and names with dots between them are
            a path in a JSON body: ``json:signature.value``.
        prefix: What stands before each signature in that header.
        separator: What stands between several; empty if there is only ever one.
        id, timestamp: The headers with the delivery's id and with its time, or paths as in ``signature``; empty if
            none is signed. A ``timestamp`` that ends in ``=`` is no header: it marks an item of ``signature``.
        time_format: How the time is written: ``"seconds"`` or ``"milliseconds"`` since the epoch, or ``"rfc3339"``.
        signed: What is signed, with these in their places: ``{id}``, ``{timestamp}``, ``{body}``; ``{method}`` and
            ``{url}`` of the request; ``{form}``, the fields of a form sorted by name, each name followed by its
            value, a pair that occurs twice counted once; ``{header:Name}``; ``{secret}`` with a plain hash.
        body_unsigned: True for a scheme that leaves the body out of what it signs. Whoever has seen one delivery
            can then send it with any body.
        body_hash: The parameter of the URL that holds the body's SHA-256 in hex. Where there is one, it signs the
            body, and ``{form}`` is empty.
        method: ``"hmac-sha256"``, ``"hmac-sha1"`` or ``"ed25519"``; ``"sha256"`` or ``"sha1"`` for a plain hash.
            Whoever has seen a plain hash that ends with the body can add to that body (a length extension).
        encoding: Of the signature: ``"base64"`` or ``"hex"``.
        key: How the secret becomes the key: ``"text"`` (its characters), or ``"base64"`` or ``"hex"``, decoded.
        key_prefix: What stands before the secret (for ed25519: before the public key) and is no part of it.
        private_prefix: For ed25519, what stands before the private key.
        max_age, max_ahead: How many seconds old, or ahead of our clock, a timestamp may be; None for no limit.
        unsigned: What can be changed on the way although it looks trustworthy, a tuple: names of headers, mostly.
        source: Where the provider says so.

    Worked out from these:
        places: Which parts of a delivery are signed, in the order in which they stand.
        id_header, timestamp_header: The headers with the id and with the time; empty if it is no header.
        signed_headers: The names of ``{header:Name}`` in ``signed``, a tuple.
        mark: What marks the time in the header of the signature: in Stripe's ``t=``. Empty if nothing does.
        border: What stands after the id in what is signed: in Standard Webhooks a dot. Empty if nothing does.
        plain: Whether headers and the body are all that is read, and no part of a signature is counted.

    Raises:
        ValueError: A field is of the wrong kind, or two fields contradict each other; the message says what to do.
    """

    name: str
    signature: str
    prefix: str = ""
    separator: str = ""
    id: str = ""
    timestamp: str = ""
    time_format: str = "seconds"
    signed: str
    body_unsigned: bool = False
    body_hash: str = ""
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
        for field, (fits, words) in FIELDS.items():
            value = getattr(self, field)
            if not fits(value):
                raise ValueError(f"{field} must be {words}; got {value!r}.")
        self._work_out()
        for sentence in contradictions(self):
            raise ValueError(sentence)

    def _work_out(self):
        """Work out once what every delivery asks for.

        A cached_property would slow all other attributes down; so would more than 30 of them (in Python 3.11).
        """
        places = re.findall("{(.*?)}", self.signed)
        pieces = self.signed.encode().replace(b"%", b"%%").split(b"{secret}")
        mark = self.timestamp if self.timestamp.endswith("=") else ""
        usual = set(places) <= set(_USUAL)
        worked_out = {
            "places": tuple(places),
            "timestamp_header": "" if mark or self.timestamp.startswith(JSON) else self.timestamp,
            "mark": mark,
            "border": self.signed.partition("{id}")[2].partition("{")[0],
            "plain": usual and not re.search(f"{{n}}|{JSON}", f"{self.signature} {self.id} {self.timestamp}"),
            "read_time": TIMES[self.time_format].read,
            "_template": re.sub(b"{.*?}", b"%b", pieces[0]),
            "_chosen": itemgetter(*map(_USUAL.index, places)) if places and usual else None,
            "_pieces": [(re.sub(b"{.*?}", b"%b", piece), re.findall("{(.*?)}", piece.decode())) for piece in pieces],
        }
        for name, value in worked_out.items():
            object.__setattr__(self, name, value)

    @property
    def id_header(self):
        return "" if self.id.startswith(JSON) else self.id

    @property
    def signed_headers(self):
        return tuple(place[7:] for place in self.places if place.startswith("header:"))

    def crosses(self, id):
        """Whether an id could end sooner than it does: then a piece of it could be moved into the body, or back.

        So Standard Webhooks forbids a dot in it.
        """
        border = self.border
        return border in id + border[:-1] if border else False

    def message(self, id, timestamp, body, parts=None):
        """What is signed, bytes: ``signed`` with two texts, the body and other parts, bytes, in their places.

        Where ``{secret}`` is signed, a list of what stands before it, between two of them and after it.
        """
        chosen = self._chosen
        if chosen:
            return self._template % chosen((id.encode(), timestamp.encode(), body))
        parts = parts | {"id": id.encode(), "timestamp": timestamp.encode(), "body": body}
        made = [template % tuple(parts[place] for place in places) for template, places in self._pieces]
        return made if len(made) > 1 else made[0]


_USUAL = ("id", "timestamp", "body")  # what most dialects sign, and nothing else
