"""What can be changed in a delivery that was signed, so that it must be refused; and two signatures in place of one."""

import hmac
import json
import re
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode

from ...signing.methods import _DECODE, _ENCODE, HASHES
from ...signing.places import parts
from ...signing.providers import HEADER
from ...signing.times import TIMES
from .events import NotApplicable, leaves, put, take
from .wire import CHUNKED, LENGTH

_JSON, _FORM = "application/json", "application/x-www-form-urlencoded"
#: A large body has so many characters more than others.
LARGE = 20_000


def with_signature(maker, delivery, text):
    """Return a delivery with another text in place of the signature that fits."""
    if "signature" in maker.in_body:
        document = json.loads(delivery.body)
        put(document, maker.in_body["signature"], text)
        return replace(delivery, body=maker.provider.encode(document), signed=False)
    prefix = maker.dialect.prefix
    value = delivery.headers[maker.header].replace(prefix + delivery.fits, prefix + text)
    return _with_header(delivery, maker.header, value)


def with_empty_header(maker, delivery):
    """Return a delivery whose signature is there, and empty: its prefix, too."""
    if "signature" in maker.in_body:
        return with_signature(maker, delivery, "")
    return _with_header(delivery, maker.header, "")


def unsigned(maker, delivery):
    """Return a delivery without its signature; its id and its time stay where they are."""
    if "signature" in maker.in_body:
        document = json.loads(delivery.body)
        take(document, maker.in_body["signature"])
        return replace(delivery, body=maker.provider.encode(document), signed=False)
    headers = {name: value for name, value in delivery.headers.items() if name != maker.header}
    return replace(delivery, headers=headers, signed=False)


def unsigned_otherwise(maker, make):
    """Yield deliveries without a signature that are odd in one more way: their names, they, and how they are framed.

    Args:
        make: A function that returns a new delivery, signed; it takes the arguments of `Maker.delivery`.
    """
    usual = "form" if maker.provider.is_form else "json"
    for name, kind in (("as text/plain", "text/plain"), ("as JSON", _JSON), ("as a form", _FORM)):
        if usual not in kind:
            made = unsigned(maker, make())
            yield name, replace(made, headers=made.headers | {"Content-Type": kind}), LENGTH
    yield "in chunks", unsigned(maker, make()), CHUNKED
    if not maker.provider.is_form:
        yield "a large one", unsigned(maker, make(write=lambda event: event.with_raw(f'"{"x" * LARGE}"'))), LENGTH
    place = maker.provider.id
    ids = {maker.dialect.id_header, place[len(HEADER) :] if place.startswith(HEADER) else ""}
    for name, headers in (("without its id", ids), ("without its time", {maker.dialect.timestamp_header})):
        made = unsigned(maker, make())
        left = {header: value for header, value in made.headers.items() if header not in headers}
        if len(left) < len(made.headers):
            yield name, replace(made, headers=left), LENGTH


def wrong_signatures(maker, delivery):
    """Return signatures that are written well and do not fit: one differs in every bit, one in the last."""
    encode, right = _ENCODE[maker.dialect.encoding], _DECODE[maker.dialect.encoding](delivery.fits)
    return [encode(bytes(byte ^ 0xFF for byte in right)), encode(right[:-1] + bytes([right[-1] ^ 1]))]


def with_unknown_prefix(maker, delivery):
    """Return a delivery whose only signature has a prefix that nobody knows, and does not fit."""
    prefix, wrong = maker.dialect.prefix, wrong_signatures(maker, delivery)[0]
    value = delivery.headers[maker.header].replace(prefix + delivery.fits, f"x{prefix}{wrong}")
    return _with_header(delivery, maker.header, value)


def by_empty_key(maker):
    """Return a delivery that is signed with the empty key.

    Raises:
        NotApplicable: There is no such key.
    """
    dialect, made = maker.signing, maker.delivery(secret=maker.other)
    if dialect.method == "ed25519" or dialect.method in HASHES:
        raise NotApplicable(f"{dialect.name} has no key that could be empty.")
    found = None if dialect.plain else parts(dialect, made.body, made.headers, "POST", maker.url, arrived=False)
    stamp = TIMES[dialect.time_format].write(made.stamp) if dialect.timestamp else ""
    message = dialect.message(made.id, stamp, made.body, found)
    digest = hmac.digest(b"", message, dialect.method.removeprefix("hmac-"))  # which sign refuses to make
    return with_signature(maker, made, _ENCODE[dialect.encoding](digest))


def rotated(maker, first):
    """Return a delivery with two signatures of which one fits: the first or the last.

    Raises:
        NotApplicable: The dialect has room for one only.
    """
    if not maker.dialect.separator and "{n}" not in maker.dialect.signature:
        raise NotApplicable(f"{maker.dialect.name} has one signature.")
    secrets = [maker.secret, maker.other]
    made = maker.delivery(secret=secrets if first else secrets[::-1])
    return replace(made, fits="")


def odd_headers(maker):
    """Yield deliveries in whose headers something is written as nobody should write it.

    None of them is signed anew, so whoever has no secret can send them.

    Yields:
        Its name, the delivery, and whether it may be believed: its signature fits, if that is read as some do.
    """
    dialect, made = maker.dialect, maker.delivery(secret=maker.secret or maker.other)
    if "signature" not in maker.in_body:
        value, prefix = made.headers[maker.header], dialect.prefix
        yield "a signature beyond ASCII", _with_header(made, maker.header, value[:-4] + "\xe9\xff\xe9\xff"), False
        yield "a signature of 4 kB", _with_header(made, maker.header, prefix + "A" * 4096), False
        if prefix:
            yield "a signature without its prefix", _with_header(made, maker.header, made.fits), True
    if dialect.timestamp_header:
        odd = _with_header(made, dialect.timestamp_header, "soon")
        yield "a time that is none", odd, "timestamp" not in dialect.places
        yield "a time that is none, without a signature", unsigned(maker, odd), False
    elif dialect.mark:
        stamp = dialect.mark + TIMES[dialect.time_format].write(made.stamp)
        odd = _with_header(made, maker.header, value.replace(stamp, dialect.mark + "soon"))
        yield "a time that is none", odd, "timestamp" not in dialect.places
    if dialect.id_header:
        odd = _with_header(made, dialect.id_header, "\xe9\xff")
        yield "an id beyond ASCII", odd, "id" not in dialect.places
        yield "an id beyond ASCII, without a signature", unsigned(maker, odd), False


def _with_header(delivery, name, value):
    return replace(delivery, headers=delivery.headers | {name: value}, signed=False)


def tampered(maker, delivery):
    """Return a delivery that differs in one byte of its body, which stays as valid as it was.

    Raises:
        NotApplicable: The body is not signed.
    """
    if maker.dialect.body_unsigned:
        raise NotApplicable(f"{maker.dialect.name} does not sign the body.")
    if maker.provider.is_form:
        pairs = parse_qsl(delivery.body.decode(), keep_blank_values=True)
        places = [maker.provider.id, maker.provider.type]
        at = next((n for n, (name, value) in enumerate(pairs) if name not in places and _changed(value)), 0)
        pairs[at] = (pairs[at][0], _changed(pairs[at][1]) or "1")
        return replace(delivery, body=urlencode(pairs).encode(), signed=False)
    document = json.loads(delivery.body)
    kept = {tuple(place.split(".")) for place in (maker.provider.id, maker.provider.type, *maker.in_body.values())}
    able = [path for path, value in leaves(document) if path not in kept and _changed(value) is not None]
    if not able:
        return replace(delivery, body=delivery.body + b" ", signed=False)
    numbers = [path for path in able if not isinstance(_at(document, path), str)]
    *path, last = (numbers or able)[-1]
    room = _at(document, path)
    room[last] = _changed(room[last])
    return replace(delivery, body=maker.provider.encode(document), signed=False)


def with_other_id(maker, delivery):
    """Return a delivery whose signed id is another one.

    Raises:
        NotApplicable: No id is signed.
    """
    _check_signed(maker, "id")
    if "id" in maker.in_body:
        return _in_document(maker, delivery, "id", _changed(delivery.id))
    header = maker.dialect.id_header
    return _with_header(delivery, header, _changed(delivery.id))


def with_other_time(maker, delivery):
    """Return a delivery whose signed time is a second later.

    Raises:
        NotApplicable: No time is signed.
    """
    _check_signed(maker, "timestamp")
    dialect, writing = maker.dialect, TIMES[maker.dialect.time_format]
    old, new = writing.write(delivery.stamp), writing.write(delivery.stamp + 1)
    if "timestamp" in maker.in_body:
        return _in_document(maker, delivery, "timestamp", int(new) if new.isdigit() else new)
    name = dialect.timestamp_header or maker.header
    value = delivery.headers[name].replace(dialect.mark + old, dialect.mark + new)
    return _with_header(delivery, name, value)


def _check_signed(maker, place):
    if place not in maker.dialect.places:
        raise NotApplicable(f"{maker.dialect.name} signs no {place} of its own.")


def _in_document(maker, delivery, name, value):
    document = json.loads(delivery.body)
    put(document, maker.in_body[name], value)
    return replace(delivery, body=maker.provider.encode(document), signed=False)


def _changed(value):
    """A value of the same length that differs in one character, or None if there is none."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    text = str(value)
    found = re.search("[0-9A-Za-z](?=[^0-9A-Za-z]*$)", text)
    if not found:
        return None
    new = {"9": "8", "z": "y", "Z": "Y"}.get(found[0]) or chr(ord(found[0]) + 1)
    text = text[: found.start()] + new + text[found.end() :]
    return int(text) if isinstance(value, int) else text


def _at(document, path):
    for name in path:
        document = document[name]
    return document
