"""What an answer must not tell: a traceback, a version, the secret, or the signature that would have fitted.

A receiver may answer with anything. So no pattern here can match a long text in many ways: each reads it once, more
or less, whatever stands in it.
"""

import html
import re
from dataclasses import replace

from requests.structures import CaseInsensitiveDict

from ...signing.methods import _DECODE, _ENCODE

#: A secret, or a part of it, that is shorter than this is found anywhere.
SHORTEST = 6

_VERSIONED = (
    r"python|werkzeug|flask|django|gunicorn|uvicorn|hypercorn|waitress|granian|nginx|openresty|apache|caddy|express|node(?:\.js)?|"
    r"deno|bun|php|ruby|puma|rails|rack|jetty|tomcat|undertow|kestrel|asp\.net|microsoft-iis|go|java|openjdk|perl"
)  # fmt: skip
TRACEBACK, VERSION = "a traceback", "a version"
PATTERNS = {
    TRACEBACK: re.compile(
        "|".join(
            (
                r"Traceback \(most recent call last\)",
                r"File \"[^\"\n]{1,300}\", line \d",
                # No piece of it can stand for a border of its own, so a line has one way to be read.
                r"^[ \t]{1,40}at [^\s(:].{0,300}?[(:][^\s(:]{1,200}:\d",
                r"goroutine \d{1,20} \[",
                r"\.go:\d{1,9} \+0x",
                r"\.rb:\d{1,9}:in ",
                r"\.php on line \d",
                r"[/\\][^\s\"'<>|/\\]{1,100}\.(?:js|mjs|cjs|ts|py|rb|php|go|java|cs):\d",
            )
        ),
        re.MULTILINE,
    ),
    "the class of an exception": re.compile(
        r"\b(?:Key|Type|Value|Attribute|Index|Unicode\w{0,12}|JSONDecode|Recursion|Syntax|Reference|Range|Assertion|"
        r"Integrity|Operational|OS|Runtime|Name|ZeroDivision|NoMethod|Argument|Signature|WebhookVerification)Error\b|"
        r"\b[A-Z]\w{2,40}Exception\b|\bpanic: "
    ),
    VERSION: re.compile(rf"\b(?:{_VERSIONED})[/ ]v?\d{{1,9}}(?:\.\d{{1,9}})", re.IGNORECASE),
}
#: A character by its number, with more digits than any has; Python refuses to read thousands of them.
_NO_CHARACTER = re.compile("&#x?[0-9a-fA-F]{9,}", re.IGNORECASE)


def plain(text):
    """A text with what HTML makes of it, so that a traceback in a page reads as one in a log does."""
    made = html.unescape(_NO_CHARACTER.sub("", re.sub("<br ?/?>", "\n", text)))
    return f"{text}\n{made}".replace("\xa0", " ")


def secret_pattern(dialect, secret):
    """Return a pattern that finds a secret in bytes, in each form in which it may stand there; None for no secret.

    The forms: as it is, without what stands before it, and its key as bytes, in hex and in base64.
    """
    if not secret:
        return None
    bare = secret.removeprefix(dialect.key_prefix).removeprefix(dialect.private_prefix)
    try:
        key = _DECODE[dialect.key](bare)
    except ValueError:
        key = b""
    return _finds([secret.encode(), bare.encode(), *_forms(key)])


def signature_pattern(dialect, written):
    """Return a pattern that finds a signature in bytes, in hex too where it is written in base64, and so on."""
    try:
        data = _DECODE[dialect.encoding](written)
    except ValueError:
        return None
    return _finds([written.encode(), *_forms(data)[1:]])


def _forms(data):
    """Bytes as they are, in hex, and in base64, which may end without its equals signs, or be made for a URL."""
    coded = _ENCODE["base64"](data).rstrip("=")
    texts = [data.hex(), data.hex().upper(), coded, coded.replace("+", "-").replace("/", "_")]
    return [data, *(text.encode() for text in texts)]


def _finds(forms):
    forms = {form for form in forms if len(form) >= SHORTEST}
    longest_first = sorted(forms, key=lambda form: (-len(form), form))
    return re.compile(b"|".join(map(_spelled, longest_first))) if forms else None


def _spelled(form):
    """A pattern for bytes; what is no letter and no digit may be escaped, as JSON, HTML and URLs do it."""
    return b"".join(_byte(byte) for byte in form)


def _byte(byte):
    one = re.escape(bytes([byte]))
    if not 0x20 <= byte < 0x7F or chr(byte).isalnum():
        return one
    number = b"%02x" % byte
    return rb"(?:\\?%b|(?i:\\u00%b|&#x%b;|%%%b)|&#%d;)" % (one, number, number, number, byte)


def masked(exchange, secret):
    """Return an `Exchange` with ``***`` for what `secret_pattern` finds in its answer, and whether it found anything.

    So no report of any kind can repeat it.
    """
    if secret is None or exchange.status is None:
        return exchange
    headers = {name: _without(value, secret) for name, value in exchange.answer_headers.items()}
    phrase, answer = _without(exchange.phrase, secret), secret.sub(b"***", exchange.answer)
    if (phrase, answer, headers) == (exchange.phrase, exchange.answer, dict(exchange.answer_headers)):
        return exchange
    return replace(
        exchange, phrase=phrase, answer=answer, answer_headers=CaseInsensitiveDict(headers), told_secret=True
    )


def _without(text, secret):
    return secret.sub(b"***", text.encode("latin-1", "replace")).decode("latin-1")  # as http.client reads a head
