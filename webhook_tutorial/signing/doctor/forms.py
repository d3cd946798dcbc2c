"""How programs write forms, and read them."""

import re
from itertools import product
from urllib.parse import parse_qsl, quote

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
    if not re.fullmatch(r"[!-~]*=[!-~]*", text) or text[0] in "{[":
        raise ValueError("not a form")
    return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=1_000)


def write_form(fields, safe, space, lower=False):
    """A form as text; ``lower`` writes %2f for %2F."""
    text = "&".join(f"{_quoted(name, safe, space)}={_quoted(value, safe, space)}" for name, value in fields)
    return re.sub("%..", lambda found: found[0].lower(), text) if lower else text


def _quoted(text, safe, space):
    # quote() leaves "~" as it is, whatever is asked of it.
    text = quote(text, safe + " ").replace(" ", space)
    return text if "~" in safe else text.replace("~", "%7E")


def form_originals(fields):
    """Yield forms with these fields, as any program writes them."""
    for (safe, space), lower in product(FORMS.values(), (False, True)):
        yield write_form(fields, safe, space, lower).encode()
