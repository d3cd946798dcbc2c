"""What is done to a header, or is wrong in a dialect, undone."""

import re

from .. import dialects as known
from ..methods import _DECODE
from ..places import JSON, SignatureError, at, document
from .case import Family, variant

# --- Dialects -----------------------------------------------------------------------------------------------


def _other_dialects(case):
    for dialect in known.DIALECTS + getattr(known, "MORE_DIALECTS", ()):
        if dialect != case.dialect and _is_signed_in(case, dialect):
            yield "another-dialect", {"dialect": dialect}


def _is_signed_in(case, dialect):
    """Whether a signature stands where this dialect has it."""
    if not dialect.signature.startswith(JSON):
        return bool(case.signed_by(dialect))
    try:
        return bool(at(document(case.body), dialect.signature))
    except SignatureError:
        return False


def _signature_texts(case):
    """The signature is there, in another spelling than the dialect's."""
    dialect, items = case.dialect, case.items()
    for encoding in ("hex", "base64"):
        other = variant(dialect, encoding=encoding)
        if encoding != dialect.encoding and other:
            yield f"signature-in-{encoding}", {"dialect": other}
    for name, change in (
        ("uppercase-hex", str.lower if dialect.encoding == "hex" else str),
        ("signature-urlsafe", _standard_base64 if dialect.encoding == "base64" else str),
        ("signature-in-base64-of-hex", _hex_inside if dialect.encoding == "hex" else str),
    ):
        yield from _with_signatures(case, name, change)
    prefix, stamp = dialect.prefix, dialect.mark
    others = [item for item in items if not (stamp and item.startswith(stamp))]
    if not any(item.startswith(prefix) for item in others if prefix):
        for name, pattern in (("signature-prefix", r""), ("signature-prefix", r"[A-Za-z0-9-]{1,12}[=,:] ?")):
            mended = [prefix + re.sub("^" + pattern, "", item) if item in others else item for item in items]
            if mended != items:
                yield name, {"headers": case.with_items(mended)}


def _with_signatures(case, name, change):
    prefix = case.dialect.prefix
    items = case.items()
    mended = [prefix + change(item[len(prefix) :]) if item.startswith(prefix) else item for item in items]
    if mended != items:
        yield name, {"headers": case.with_items(mended)}


def _standard_base64(text):
    text = text.translate(str.maketrans("-_ ", "+/+")).rstrip("=")
    return text + "=" * (-len(text) % 4)


def _hex_inside(text):
    try:
        return _DECODE["base64"](text).decode("ascii")
    except ValueError:
        return text


#: Hashes that an HMAC is made with.
HASHES = ("sha1", "sha256", "sha512", "sha384")


def _other_hashes(case):
    """The signature is an HMAC with another hash: GitHub's older header still comes beside the newer one."""
    dialect = case.dialect
    if not dialect.method.startswith("hmac"):
        return
    for hash in HASHES:
        if dialect.method == f"hmac-{hash}":
            continue
        yield "another-hash", {"hash": hash}
        for name in ("x-hub-signature", dialect.signature.lower()):
            other = variant(dialect, signature=name, prefix=f"{hash}=", encoding="hex", separator="")
            if other and name in case.headers:
                yield "another-hash", {"hash": hash, "dialect": other}


def _signed_parts(case):
    """The parts are signed in another order, or with something else between them."""
    dialect = case.dialect
    if dialect.timestamp and "body" in dialect.places:
        joints = ("{}.{}", "{}:{}", "{}{}", "{}\n{}", "v0:{}:{}")
        orders = [("{timestamp}", "{body}"), ("{body}", "{timestamp}")]
        templates = [joint.format(*order) for order in orders for joint in joints]
        if dialect.id:
            templates = [t.replace("{timestamp}", "{id}.{timestamp}") for t in templates] + [
                "{timestamp}.{id}.{body}", "{id}{timestamp}{body}", "{id}.{body}", *templates,
            ]  # fmt: skip
        for template in templates:
            yield from _signed_as(dialect, template)
    if dialect.body_hash and not case.body:
        return  # nothing of a body that is lost would fit what signs its hash
    before = "{secret}" if "secret" in dialect.places else ""
    for template in ("{body}", "{url}{body}", "{method}{url}{body}", "{url}{form}"):
        if template == "{body}" or case.url:
            yield from _signed_as(dialect, before + template)


def _signed_as(dialect, template):
    if template == dialect.signed:
        return
    changes = {} if "{id}" in template else {"id": ""}
    if "{timestamp}" not in template:
        if dialect.timestamp and not dialect.timestamp_header:
            return
        changes |= {"timestamp": "", "max_age": None, "max_ahead": None, "time_format": "seconds"}
    if "{form}" not in template:
        changes["body_hash"] = ""
    other = variant(dialect, signed=template, **changes)
    if other:
        yield "signed-otherwise", {"dialect": other}


# --- Headers ------------------------------------------------------------------------------------------------


def _header_names(case):
    named = {}
    for name, value in case.headers.items():
        text = name.decode("latin-1").lower() if isinstance(name, bytes) else name
        plain = text.removeprefix("http_").replace("_", "-")
        if plain != name and plain not in case.headers:
            named[plain] = _as_text(value)
    if named:
        yield "header-names", {"headers": case.headers | named}


def _header_twins(case):
    for name in case.read_by():
        for value in case.twins.get(name, ()):
            yield "header-twice", {"headers": case.headers | {name: value}}


def _content_type(case):
    if "form" in case.dialect.places and b"=" in case.body:
        kind = "application/x-www-form-urlencoded"
        if case.header("content-type").partition(";")[0].strip().lower() != kind:
            yield "content-type", {"headers": case.headers | {"content-type": kind}}


def _header_values(case):
    names = case.read_by()
    for name, change in (
        ("header-not-text", _as_text),
        ("header-space", lambda value: value.strip()),
        ("header-quotes", lambda value: value.strip().strip("\"'")),
        ("header-folded", lambda value: re.sub(r"[\r\n]+[ \t]*", "", value)),
        ("header-folded", lambda value: re.sub(r"[\r\n]+[ \t]*", " ", value)),
        ("header-joined", lambda value: re.split(r",\s+|,(?=t=|v1,)", value)[0]),
        ("header-joined", lambda value: re.split(r",\s+|,(?=t=|v1,)", value)[-1]),
        ("header-joined", lambda value: value[: len(value) // 2] if _is_twice(value) else value),
    ):
        changed = {}
        for header in names:
            value = case.headers[header] if name == "header-not-text" else case.header(header)
            if value and change(value) != value:
                changed[header] = change(value)
        if changed:
            yield name, {"headers": case.headers | changed}


def _as_text(value):
    value = value[0] if isinstance(value, (list, tuple)) and value else value
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _is_twice(value):
    """Whether a value stands there twice, with a comma between."""
    half = len(value) // 2
    return len(value) % 2 == 1 and value[half] == "," and value[:half] == value[half + 1 :]


HEADER_FAMILIES = (
    Family("dialect", _other_dialects),
    Family("dialect", _signature_texts),
    Family("dialect", _other_hashes),
    Family("dialect", _signed_parts, paired=False),
    Family("headers", _header_twins),
    Family("headers", _header_names),
    Family("headers", _header_values),
    Family("headers", _content_type),
)
