"""What cannot be true together in a dialect: a sentence for each, which says what to do."""

import re
import string
from itertools import combinations

from .methods import HASHES
from .places import JSON

_ALPHABETS = {  # the characters of a signature
    "base64": string.ascii_letters + string.digits + "+/=",
    "hex": string.digits + "abcdef",
}


def contradictions(d):
    """Yield a sentence for whatever in a dialect cannot be true together."""
    yield from _in_what_is_signed(d)
    yield from _in_how_the_body_is_signed(d)
    yield from _in_the_header_of_the_signature(d)
    yield from _in_where_things_stand(d)
    yield from _in_the_keys(d)


def _in_what_is_signed(d):
    for place in ("id", "timestamp"):
        stands = getattr(d, place)
        within = stands.startswith(JSON) and "body" in d.places  # it is signed with the body in which it stands
        if stands and place not in d.places and not within:
            yield (
                f"{place} is {stands!r}, and signed does not hold {{{place}}}, so anybody could change it: "
                f"sign it, or leave {place} out and list the header in unsigned."
            )
        if place in d.places and not stands:
            yield f"signed holds {{{place}}}, and {place} does not say where it stands: fill it in."
    for limit in ("max_age", "max_ahead"):
        if getattr(d, limit) is not None and not d.timestamp:
            yield f"{limit} needs a timestamp: say in timestamp where it stands, or leave {limit} out."
    if d.time_format != "seconds" and not d.timestamp:
        yield f"time_format {d.time_format!r} needs a timestamp: say in timestamp where it stands, or leave it out."


def _in_how_the_body_is_signed(d):
    signs = [f"signed holds {{{place}}}" for place in ("body", "form") if place in d.places]
    signs += [f"body_hash is {d.body_hash!r}"] if d.body_hash else []
    if not signs and not d.body_unsigned:
        yield (
            "signed does not hold {body}, so any body would be believed: sign it. If the provider really does not, "
            "say body_unsigned=True."
        )
    if signs and d.body_unsigned:
        yield f"body_unsigned is True, and {signs[0]}: leave one of them out."
    if "body" in d.places and len(signs) > 1:
        yield f"{signs[0]}, and {signs[1]}: the body would be signed twice, so leave one of them out."
    if d.body_hash and "url" not in d.places:
        yield f"body_hash {d.body_hash!r} stands in the URL, so anybody could change it: sign {{url}}."
    if set(d.places) <= {"method", "url", "secret"} and not d.body_hash:
        yield "signed holds nothing of the delivery, so every delivery would have the same signature."
    for field in ("signature", "id", "timestamp"):
        if getattr(d, field).startswith(JSON) and "form" in d.places:
            yield f"{field} stands in a body of JSON, and signed holds {{form}}: a body is one or the other."
    if d.signature.startswith(JSON) and signs:
        yield f"signature stands in the body, and {signs[0]}, so it would sign itself: a provider signs other parts."


def _in_the_header_of_the_signature(d):
    if d.mark and not d.separator:
        yield f"timestamp {d.mark!r} marks an item of signature: say in separator what stands between the items."
    if d.mark and (d.mark.startswith(d.prefix) or d.prefix.startswith(d.mark)):
        yield f"prefix {d.prefix!r} and timestamp {d.mark!r} begin alike, so an item of signature could be either."
    if d.separator and set(d.separator) <= set(d.prefix + d.mark + _ALPHABETS[d.encoding]):
        yield (
            f"separator {d.separator!r} could stand in the middle of an item of signature: "
            "it needs a character that no prefix, mark or signature holds."
        )
    if d.signature.count("{n}") > 1:
        yield f"signature {d.signature!r} holds {{n}} twice: one number counts the headers."
    if "{n}" in d.signature and d.separator:
        yield "signature has a header for each of several with {n}, and separator would part one: leave it out."


def _in_where_things_stand(d):
    fields = {field: getattr(d, field) for field in ("signature", "id", "timestamp") if getattr(d, field)}
    for one, other in combinations(fields, 2):
        if _is_same(fields[one], fields[other]):
            kind = "place" if fields[one].startswith(JSON) else "header"
            yield f"{one} and {other} name the same {kind}, {fields[one]}."
    for name in d.signed_headers:
        for field, other in fields.items():
            if _is_same(other, name):
                yield f"signed holds {{header:{name}}}, and {field} reads that header: leave it out of one of them."
    for name in d.unsigned:
        if any(_is_same(other, name) for other in (*fields.values(), *d.signed_headers)):
            yield f"unsigned lists {name}, and another field reads that header: leave it out of one of them."


def _is_same(one, other):
    """Whether two places are one; the first may be a header that is counted."""
    if one.startswith(JSON) or other.startswith(JSON):
        return one == other
    return re.fullmatch(re.escape(one.lower()).replace(r"\{n\}", "[0-9]+"), other.lower()) is not None


def _in_the_keys(d):
    if d.method in HASHES and "secret" not in d.places:
        yield f"{d.method} has no key, so without {{secret}} in signed anybody could make the signature: sign it."
    if d.method not in HASHES and "secret" in d.places:
        yield f"signed holds {{secret}}, and {d.method} has a key already: leave it out, or say a plain hash in method."
    if d.private_prefix and d.method != "ed25519":
        yield f"private_prefix is for ed25519: {d.method} has one secret, and key_prefix is what stands before it."
    if d.method == "ed25519" and d.key == "text":
        yield "key is 'text', and an ed25519 key is 32 bytes of any kind: key must be 'base64' or 'hex'."
