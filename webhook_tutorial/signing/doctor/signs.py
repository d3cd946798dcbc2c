"""Signs that a mistake leaves behind where it cannot be undone: reasons to suspect it, and no more than that."""

import re
from itertools import repeat

from ..dialects import MORE_DIALECTS
from ..methods import _key
from ..places import JSON, told
from .addresses import LONGEST_URL, address_of
from .work import LARGEST, MOST_WORK, is_deep, is_like_json, weight
from .written_again import load

_OTHER_SECRETS = re.compile(
    r"(sk|pk|rk)_(test|live)_|xox[abpr]-|gh[opsu]_|github_pat_|shp(at|ca|pa)_|Bearer |-----BEGIN |ey[IJ]", re.ASCII
)
_PLACEHOLDER = re.compile(
    r"(?i)<.*>|\$\{.*\}|\$[A-Z_]+|\{\{.*\}\}|changeme|your[-_ ].*|x{6,}|.*[…•].*|.*\*{3,}.*|.*\.{3}"
)

_INSIDE = re.compile(
    r"(?i)[^.:]+|\[.*\]|127\..*|10\..*|192\.168\..*|172\.(1[6-9]|2[0-9]|3[01])\..*|0\.0\.0\.0|.*\.(internal|local|localhost)"
)

_LOST = re.compile(rb"[A-Za-z]\?[a-z]|\?\?")
_URLS = re.compile(rb"(?<![a-z])[a-z]+:[^\s\"]+")  # a word is begun once, so it takes a time that grows with the length


def signs(case, tried):
    """Yield sentences about what in a delivery looks like a mistake that cannot be undone.

    ``tried`` are the names of the mistakes that were undone in vain.
    """
    yield from _of_the_headers(case)
    yield from _of_the_url(case)
    yield from _of_the_secret(case)
    yield from _of_the_body(case, tried)


def _of_the_headers(case):
    dialect = case.dialect
    for name in (dialect.id, "" if dialect.mark else dialect.timestamp, dialect.signature):
        if name and not name.startswith(JSON) and not case.headers.get(name.replace("{n}", "1").lower()):
            yield f"The header {told(name)} is missing: a proxy took it out, or the sender speaks another dialect."
    if dialect.mark:
        items = case.items()
        if any(items) and not any(item.startswith(dialect.mark) for item in items):
            yield f"{dialect.signature} holds no {dialect.mark}: the time that is signed is missing."
    length = case.header("content-length")
    if re.fullmatch("[0-9]{1,15}", length) and int(length) != len(case.body):
        yield f"Content-Length says {int(length)} bytes, and the body has {len(case.body)}: it was changed on the way."
    if case.header("content-encoding").strip().lower() not in ("", "identity") and case.body[:2] != b"\x1f\x8b":
        yield "Content-Encoding says that the body came compressed, and here it is not: it may be signed as it came."


def _of_the_url(case):
    for other in MORE_DIALECTS:
        lacks = [name for name in ("method", "url") if name in other.places and not getattr(case, name)]
        if lacks and other != case.dialect and case.signed_by(other):
            named = " and ".join(f"{name}=" for name in lacks)
            yield f"{told(other.signature)} is {other.name}'s, which signs more: hand over {named} to have it tried."
    address = address_of(case.url)
    if "url" not in case.dialect.places:
        return
    if address is None and len(case.url) <= LONGEST_URL:
        yield "The URL handed over is no URL: it begins with https:// and a host, as you registered it."
    elif address and (not address.host or _INSIDE.fullmatch(address.host)):
        yield "The URL handed over has no host that a provider can reach: it is the one behind your proxy."
    name = case.dialect.body_hash
    if name and f"{name}=" not in case.url and case.body[:1] in (b"{", b"["):
        yield f"The URL holds no {name}, and the body is no form: the URL's query was lost."


def _of_the_secret(case):
    for secret in case.secret:
        if not secret.strip():
            yield "The secret is empty: the variable that should hold it is not set."
        elif _OTHER_SECRETS.match(secret.strip()):
            yield "The secret begins like another kind of key (for an API, or a token), not like one for webhooks."
        elif _PLACEHOLDER.fullmatch(secret.strip()):
            yield "The secret looks like a placeholder, or was copied from where its middle is hidden."
    if not all(map(_is_readable, case.secret, repeat(case.dialect))):
        prefix = case.dialect.key_prefix
        wanted = f"{case.dialect.key}, after {prefix!r}" if prefix else case.dialect.key
        yield f"The secret cannot be read: {case.dialect.name} wants {wanted}."


def _is_readable(secret, dialect):
    try:
        return bool(_key(secret, dialect.key, dialect.key_prefix))
    except ValueError:
        return False


def _of_the_body(case, tried):
    body = case.body
    if not body:
        yield "The body is empty: something has read it before, and nothing was left."
    if b"\xef\xbf\xbd" in body or rb"\ufffd" in body:
        yield "The body holds U+FFFD (�), which stands for a character that was lost: it was decoded wrongly."
    if b"?" in body and body.isascii() and _LOST.search(_URLS.sub(b"", body[:LARGEST])):
        yield "The body has a ? in the middle of words: a character may have been lost to another character set."
    if b"[object Object]" in body:
        yield "The body holds [object Object]: JavaScript made a text of an object, and what was in it is lost."
    if body[:2] == b"\x1f\x8b":
        yield "The body is compressed" + (", and does not fit unpacked either." if "compressed" in tried else ".")
    if is_like_json(body) and weight(body) <= MOST_WORK // 8 and not is_deep(body):
        yield from _of_the_json(body)


def _of_the_json(body):
    try:
        value = load(body)
    except (ValueError, RecursionError):
        return
    if isinstance(value, dict) and isinstance(value.get("livemode"), bool):
        mode = "live" if value["livemode"] else "test"
        yield f"The event says that it is of the {mode} mode: is the secret that mode's?"
    if re.search(rb"[:,\[]\s*-?[0-9]{14,}000\s*[,\]}]", body):
        yield "A long number ends in zeros: JavaScript rounds what has more than 15 digits, and they are lost."
    objects = list(_objects(value))
    if any(len(o) > 2 for o in objects) and all(list(o) == sorted(o) for o in objects):
        yield "All keys stand in alphabetical order: if something sorted them, the order that was signed is lost."


def _objects(value):
    if isinstance(value, dict):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _objects(item)
