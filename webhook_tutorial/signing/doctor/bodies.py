"""What is done to a body on its way, undone."""

import ast
import html
import json
import re
import zlib
from base64 import b64decode

from .case import Family
from .forms import form_originals, misread_forms, read_form
from .work import LARGEST, is_like_a_form, weight
from .written_again import WRITERS, json_originals, number_originals

#: Python's way to write a value is read slower than JSON: beyond this size it is left.
LARGEST_PYTHON = 100_000
BOM = b"\xef\xbb\xbf"
_NOT_WRAPPED_SO = (
    ValueError, TypeError, LookupError, SyntaxError, RecursionError, MemoryError, zlib.error,
)  # fmt: skip


def _family(originals, tells=(), paired=True):
    """A family of guesses at the body from a function that yields pairs: a name, and an original.

    It is a function of the body, and of the `Work` that it is counted by.
    """

    def guesses(case):
        seen = set()
        for name, body in originals(case.body, case.work):
            if body != case.body and (name, body) not in seen:
                if not case.work.allows(len(body), name):
                    return
                seen.add((name, body))
                yield name, {"body": body}

    return Family("body", guesses, tells, paired)


def _ends(body, work):
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


def _characters(body, work):
    wide = body.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in body[:2]
    names = [name for name, is_so in (("utf-16", wide), *dict.fromkeys(_RECODED, not body.isascii()).items()) if is_so]
    if not names or len(body) > LARGEST:
        work.skip(*names)
        return
    if wide:
        for name in ("utf-16", "utf-16-le", "utf-16-be"):
            yield from _recoded(body, "utf-16", name, "utf-8")
    if not body.isascii():
        for encoding in ("latin-1", "cp1252"):
            yield from _recoded(body, "utf8-read-as-latin1", "utf-8", encoding)
            yield from _recoded(body, "utf8-made-latin1", encoding, "utf-8")


_RECODED = ("utf8-read-as-latin1", "utf8-made-latin1")


def _recoded(body, name, read, written):
    try:
        yield name, body.decode(read).encode(written)
    except UnicodeError:
        return


def _wrapped(body, work):
    for unwrap in (_from_base64, _unpacked, _from_json, _from_python, _from_html, _from_form):
        try:
            yield from unwrap(body, work)
        except _NOT_WRAPPED_SO:
            continue


def _from_base64(body, work):
    if len(body) <= 2 * LARGEST:
        text = b"".join(body.split()).translate(bytes.maketrans(b"-_", b"+/")).rstrip(b"=")
        yield "base64", b64decode(text + b"=" * (-len(text) % 4), validate=True)
    elif re.fullmatch(rb"[A-Za-z0-9+/_=-]*", body[:1_000]):
        work.skip("base64")


def _unpacked(body, work):
    if body.startswith((b"\x1f\x8b", b"\x78")):
        unpacking = zlib.decompressobj(wbits=47)  # gzip or zlib, as its first bytes say
        unpacked = unpacking.decompress(body, LARGEST)
        if unpacking.eof:
            yield "compressed", unpacked
        elif len(unpacked) >= LARGEST:
            work.skip("compressed")


def _from_json(body, work):
    bare = body.strip()
    names = ("json-in-json",) if bare.startswith(b'"') else ("buffer-as-json", "form-as-json")
    if not bare.startswith((b'"', b"{")) or not work.allows_json(bare, *names):
        return
    value = json.loads(bare.decode())
    if isinstance(value, str):
        yield "json-in-json", value.encode()
    elif value.get("type") == "Buffer":
        yield "buffer-as-json", bytes(value["data"])
    elif all(isinstance(item, str) for item in value.values()):
        yield from (("form-as-json", form) for form in form_originals(value.items(), work, "form-as-json"))


def _from_python(body, work):
    is_bytes, is_other = body.startswith((b"b'", b'b"')), body.startswith((b"{'", b'{"', b"["))
    name = "python-bytes" if is_bytes else "python-dict"
    if not (is_bytes or is_other) or (is_other and b"'" not in body and not _PYTHON.search(body)):
        return
    # Nothing but the escapes that repr() writes: others would warn.
    if len(body) > LARGEST_PYTHON or not work.allows(2 * weight(body), name):
        work.skip(name)
        return
    text = body.decode()
    if re.search(r"""(?<!\\)(\\\\)*\\[^\\'"nrtxuU]""", text):
        return
    value = ast.literal_eval(text)
    if is_bytes and isinstance(value, bytes):
        yield name, value
    elif is_other and repr(value) == text:
        yield from ((name, original) for original in json_originals(json.dumps(value).encode(), work))


#: What Python writes and JSON does not.
_PYTHON = re.compile(rb"True|False|None")


def _from_html(body, work):
    if b"&" in body and b";" in body and work.allows(2 * weight(body), "html-escaped"):
        yield "html-escaped", html.unescape(body.decode()).encode()


def _from_form(body, work):
    if not is_like_a_form(body) or not work.allows_form(body, "json-as-form"):
        return
    fields = read_form(body.decode("ascii"))
    if len(fields) == 1 and not fields[0][1]:
        yield "json-as-form", fields[0][0].encode()
    else:
        # A JSON text with "=" in it becomes a name and a value, one with "&" several fields.
        yield "json-as-form", "&".join("=".join(field) for field in fields).encode()


def _forms(body, work):
    if is_like_a_form(body) and work.allows_form(body, "form-rewritten"):
        try:
            fields = read_form(body.decode("ascii"))
        except (ValueError, IndexError):
            return
        yield from (("form-rewritten", form) for form in form_originals(fields, work, "form-rewritten"))


_MISREAD = ("form-encoded-twice", "form-decoded", "form-read-as-latin1", "form-made-latin1", "form-plus")


def _form_fields(body, work):
    """What was done to the fields of a form, whose order and percent-encoding do not matter to some dialects."""
    if is_like_a_form(body) and work.allows_form(body, *_MISREAD):
        yield from misread_forms(body, work)


def _bare(body):
    return body.removeprefix(BOM).replace(b"\r\n", b"\n").strip()


def _json(originals):
    def named(body, work):
        bare = _bare(body)
        # Where nothing but its ends differs nobody has parsed it.
        yield from (("rewritten", original) for original in originals(body, work) if _bare(original) != bare)

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
