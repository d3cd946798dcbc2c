"""How programs write forms, and read them."""

import re
from itertools import product
from urllib.parse import parse_qsl, quote, unquote_to_bytes

from .work import LARGEST_FORM, MOST_FIELDS

#: How programs write a form: what they leave as it is besides letters, digits and "_", and what a space becomes.
FORMS = {
    "Python": ("-.~", "+"),
    "JavaScript's URLSearchParams, Ruby": ("*-.", "+"),
    "Node's querystring": ("!'()*-.~", "%20"),
    "PHP": ("-.", "+"),
    "encodeURIComponent": ("!'()*-.~", "+"),
    "RFC 3986": ("-.~", "%20"),
    ".NET": ("!()*-.", "+"),
}


def read_form(text):
    """The fields of a form, pairs; ValueError if it is none."""
    if "=" not in text or not re.fullmatch("[!-~]+", text) or text[0] in "{[":
        raise ValueError("not a form")
    return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)


def write_form(fields, safe, space, lower=False):
    """A form as text; ``lower`` writes %2f for %2F."""
    text = "&".join(f"{_quoted(name, safe, space)}={_quoted(value, safe, space)}" for name, value in fields)
    return re.sub("%..", lambda found: found[0].lower(), text) if lower else text


def _quoted(text, safe, space):
    # quote() leaves "~" as it is, whatever is asked of it.
    text = quote(text, safe + " ").replace(" ", space)
    return text if "~" in safe else text.replace("~", "%7E")


def form_originals(fields, work, name):
    """Yield forms with these fields, pairs of text or of bytes, as any program writes them."""
    fields = list(fields)
    size = sum(len(text) for field in fields for text in field)
    if size > LARGEST_FORM or len(fields) > MOST_FIELDS:
        work.skip(name)
        return
    for (safe, space), lower in product(FORMS.values(), (False, True)):
        if not work.allows(WRITING * size + 100 * len(fields), name):
            return
        yield write_form(fields, safe, space, lower).encode()


#: What it costs to percent-encode a byte, in units.
WRITING = 8


def misread_forms(body, work):
    """Yield pairs: a mistake, and the form as it was before its fields were read or written wrongly."""
    if b"%25" in body:
        yield "form-encoded-twice", unquote_to_bytes(body)
    if re.search(rb"[^A-Za-z0-9_.~%+*&=-]", body):
        yield from _named("form-decoded", _fields(body), work)
    for encoding in ("latin-1", "cp1252"):
        yield from _recoded("form-read-as-latin1", body, "utf-8", encoding, work)
        yield from _recoded("form-made-latin1", body, encoding, "utf-8", work)
    yield "form-plus", body.replace(b"%2B", b"+").replace(b"%2b", b"+")
    yield "form-plus", body.replace(b"+", b"%2B")
    # A telephone number begins with +, and between words it is a space.
    yield "form-plus", re.sub(rb"(?<==)\+(?=[0-9])", b"%2B", body)
    yield "form-plus", re.sub(rb"(?<!=)%2B|%2B(?![0-9])", b"+", body, flags=re.IGNORECASE)


def _fields(body):
    """The fields as they stand; what follows an & without a = is of the value before."""
    fields = []
    for field in body.split(b"&"):
        name, equals, value = field.partition(b"=")
        if equals or not fields:
            fields.append([name, value])
        else:
            fields[-1][1] += b"&" + name
    return fields


def _recoded(mistake, body, read, written, work):
    fields = [[unquote_to_bytes(text.replace(b"+", b" ")) for text in field] for field in _fields(body)]
    if all(text.isascii() for field in fields for text in field):
        return
    try:
        fields = [[text.decode(read).encode(written) for text in field] for field in fields]
    except UnicodeError:
        return
    yield from _named(mistake, fields, work)


def _named(mistake, fields, work):
    yield from ((mistake, form) for form in form_originals(fields, work, mistake))
