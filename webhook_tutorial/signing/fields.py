"""What each field of a dialect may be by itself, and the words for it."""

import math
import re

from .methods import SIGN
from .places import JSON
from .times import TIMES

TOKEN = "[-!#$%&'*+.^_`|~0-9A-Za-z]+"  # a header's name: RFC 9110, sections 5.1 and 5.6.2
_PATH = rf"{JSON}[-A-Za-z0-9_]+(\.[-A-Za-z0-9_]+)*"
_NUMBERED = rf"({TOKEN}|{{n}})+"
_MARK = "(?! )[ -~]+"  # HTTP takes a space at the beginning of a header's value away (RFC 9110, section 5.5)

#: What `Dialect.signed` may hold in braces.
PLACES = rf"id|timestamp|body|method|url|form|secret|header:{TOKEN}"
_SIGNED = rf"([^{{}}\ud800-\udfff]|{{({PLACES})}})*"  # half a character cannot be encoded


def text(pattern):
    """Return a function that says whether a value is a text that a pattern fits, as a whole."""
    whole = re.compile(pattern, re.DOTALL)
    return lambda value: isinstance(value, str) and whole.fullmatch(value)


def _one_of(*known):
    return lambda value: value in known, f"one of {', '.join(known)}"


def _is_name(value):
    return isinstance(value, str) and value.isprintable() and value.strip()


def _is_limit(value):
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value is None or (number and 0 <= value < math.inf)


def _are_texts(value):
    return isinstance(value, tuple) and all(isinstance(item, str) for item in value)


FIELDS = {
    "name": (_is_name, "text on one line, the provider's name"),
    "signature": (
        text(f"{_NUMBERED}|{_PATH}"),
        f"the name of a header: letters, digits and hyphens, and {{n}} where it is counted; or '{JSON}' and a path",
    ),
    "prefix": (text(f"({_MARK})?"), "printable ASCII that does not begin with a space"),
    "separator": (text("[ -~]*"), "printable ASCII"),
    "id": (text(f"({TOKEN}|{_PATH})?"), f"the name of a header, or '{JSON}' and a path, or empty"),
    "timestamp": (
        text(f"({TOKEN}|{_PATH}|(?!{JSON}){_MARK}=)?"),
        f"the name of a header, or '{JSON}' and a path, or empty, or a mark in printable ASCII that ends in '='",
    ),
    "time_format": _one_of(*TIMES),
    "signed": (
        text(_SIGNED),
        "text whose only braces are those of {id}, {timestamp} and {body}, or of {method}, {url}, {form}, {secret} "
        "and {header:Name}",
    ),
    "body_unsigned": (lambda value: isinstance(value, bool), "True or False"),
    "body_hash": (text(r"([-A-Za-z0-9_.~]+)?"), "the name of a parameter of the URL, or empty"),
    "method": _one_of(*SIGN),
    "encoding": _one_of("base64", "hex"),
    "key": _one_of("text", "base64", "hex"),
    "key_prefix": (text(".*"), "text"),
    "private_prefix": (text(".*"), "text"),
    "max_age": (_is_limit, "a number of seconds, not negative, or None"),
    "max_ahead": (_is_limit, "a number of seconds, not negative, or None"),
    "unsigned": (_are_texts, "a tuple of texts"),
    "source": (text(".*"), "text"),
}
