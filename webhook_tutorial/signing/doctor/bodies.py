"""What is done to a body on its way, undone."""

import ast
import html
import json
import re
import zlib
from base64 import b64decode

from .case import Family
from .forms import form_originals, misread_forms, read_form
from .written_again import LARGE, WRITERS, json_originals, number_originals

#: A larger body is not parsed, and nothing is unpacked beyond that.
LARGEST = 2_000_000

BOM = b"\xef\xbb\xbf"
_NOT_WRAPPED_SO = (
    ValueError, TypeError, LookupError, SyntaxError, RecursionError, MemoryError, zlib.error,
)  # fmt: skip


def _family(originals, tells=(), paired=True):
    """A family of guesses at the body from a function of a body that yields pairs: a name, and an original."""

    def guesses(case):
        seen = set()
        for name, body in originals(case.body):
            if body != case.body and (name, body) not in seen:
                seen.add((name, body))
                yield name, {"body": body}

    return Family("body", guesses, tells, paired)


def _ends(body):
    yield "newline-lost", body + b"\n"
    yield "newline-lost", body + b"\r\n"
    for end in (b"\r\n", b"\n"):
        yield "newline-added", body.removesuffix(end)
    yield "space-around", body.strip()
    yield "bom-lost", BOM + body
    yield "bom-added", body.removeprefix(BOM)
    if b"\r" not in body:
        yield "crlf-lost", body.replace(b"\n", b"\r\n")
    yield "crlf-made", body.replace(b"\r\n", b"\n")


def _characters(body):
    if len(body) > LARGEST:
        return
    if body.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in body[:2]:
        for name in ("utf-16", "utf-16-le", "utf-16-be"):
            yield from _recoded(body, "utf-16", name, "utf-8")
    if not body.isascii():
        for encoding in ("latin-1", "cp1252"):
            yield from _recoded(body, "utf8-read-as-latin1", "utf-8", encoding)
            yield from _recoded(body, "utf8-made-latin1", encoding, "utf-8")


def _recoded(body, name, read, written):
    try:
        yield name, body.decode(read).encode(written)
    except UnicodeError:
        return


def _wrapped(body):
    if len(body) > LARGEST:
        return
    for unwrap in (_from_base64, _unpacked, _from_json, _from_python, _from_html, _from_form):
        try:
            yield from unwrap(body)
        except _NOT_WRAPPED_SO:
            continue


def _from_base64(body):
    text = b"".join(body.split()).translate(bytes.maketrans(b"-_", b"+/")).rstrip(b"=")
    yield "base64", b64decode(text + b"=" * (-len(text) % 4), validate=True)


def _unpacked(body):
    if body.startswith((b"\x1f\x8b", b"\x78")):
        unpacking = zlib.decompressobj(wbits=47)  # gzip or zlib, as its first bytes say
        unpacked = unpacking.decompress(body, LARGEST)
        if unpacking.eof:
            yield "compressed", unpacked


def _from_json(body):
    text = body.decode().strip()
    if text.startswith('"'):
        yield "json-in-json", json.loads(text).encode()
    elif text.startswith("{"):
        value = json.loads(text)
        if value.get("type") == "Buffer":
            yield "buffer-as-json", bytes(value["data"])
        if all(isinstance(item, str) for item in value.values()):
            yield from (("form-as-json", form) for form in form_originals(value.items()))


def _from_python(body):
    text = body.decode()
    # Nothing but the escapes that repr() writes: others would warn.
    if len(text) > 100_000 or re.search(r"""(?<!\\)(\\\\)*\\[^\\'"nrtxuU]""", text):
        return
    if re.fullmatch("""b['"].*['"]""", text, re.DOTALL):
        yield "python-bytes", ast.literal_eval(text)
    elif text.startswith(("{'", '{"', "[")):
        value = ast.literal_eval(text)
        if repr(value) == text:
            yield from (("python-dict", original) for original in json_originals(json.dumps(value).encode()))


def _from_html(body):
    if b"&" in body:
        yield "html-escaped", html.unescape(body.decode()).encode()


def _from_form(body):
    fields = read_form(body.decode("ascii"))
    if len(fields) == 1 and not fields[0][1]:
        yield "json-as-form", fields[0][0].encode()
    else:
        # A JSON text with "=" in it becomes a name and a value, one with "&" several fields.
        yield "json-as-form", "&".join("=".join(field) for field in fields).encode()


def _forms(body):
    try:
        fields = read_form(body.decode("ascii")) if len(body) <= LARGEST else ()
    except (ValueError, IndexError):
        return
    yield from (("form-rewritten", form) for form in form_originals(fields))


def _form_fields(body):
    """What was done to the fields of a form, whose order and percent-encoding do not matter to some dialects."""
    if len(body) <= LARGE and b"=" in body and not re.search(rb"^[{\[]|[\x00-\x1f\x7f]", body):
        yield from misread_forms(body)


def _bare(body):
    return body.removeprefix(BOM).replace(b"\r\n", b"\n").strip()


def _json(originals):
    def named(body):
        if len(body) <= LARGEST:
            bare = _bare(body)
            # Where nothing but its ends differs nobody has parsed it.
            yield from (("rewritten", original) for original in originals(body) if _bare(original) != bare)

    return named


BODY_FAMILIES = (
    _family(_ends),
    _family(_form_fields),
    _family(_wrapped),
    _family(_characters),
    _family(_forms),
    _family(_json(json_originals), tuple(WRITERS)),
    _family(_json(number_originals), tuple(WRITERS), paired=False),
)
