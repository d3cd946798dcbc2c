"""How one thing looks everywhere: its colour, and its text: on one line, nothing in it that acts, no secret in it."""

import re
from urllib.parse import unquote_plus

from .answers import ok

# --- Colours ------------------------------------------------------------------------------------------------

#: The colours and what they stand for; each also has its own mark or line style, so none is told by colour alone.
PALETTE = {
    "provider": "#0072B2",
    "receiver": "#009E73",
    "failure": "#D55E00",
    "waiting": "#777777",
    "notice": "#E69F00",
}
PROVIDER, RECEIVER, FAILURE, WAITING, NOTICE = PALETTE.values()

#: What failed stands on this in a diagram: pale enough for text, and seen at once, on a light page and on a dark one.
FAILED_GROUND = f"rgba({int(FAILURE[1:3], 16)}, {int(FAILURE[3:5], 16)}, {int(FAILURE[5:], 16)}, 0.2)"


def mark_of(status):
    """Return the mark and the colour of an answer, wherever it is shown: a redirect has not arrived either."""
    return ("✓", RECEIVER) if ok(status) else ("✗", FAILURE)


# --- Characters ---------------------------------------------------------------------------------------------

# Control characters, what turns the direction of a text, and halves of characters, which no terminal can be given.
_ACTING = re.compile("[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text):
    """Return a text with each control character as the picture of itself (␛ for escape), or as � if it has none."""
    return _ACTING.sub(_picture, text)


def _picture(match):
    code = ord(match[0])
    return "␡" if code == 0x7F else chr(0x2400 + code) if code < 0x20 else "�"


def preview(body, length=60):
    """Return a body as one line of text of at most ``length`` characters, a binary one as a count of bytes."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return f"‹{len(body)} bytes, not text›"
    return one_line(text, length)


def one_line(text, length=60):
    """Return a text as one line of at most ``length`` characters: a tab or a line's end is a space, see `visible`."""
    return visible(re.sub("[\t\r\n]", " ", shortened(text, length)))


def shortened(text, length):
    """Return a text cut to at most ``length`` characters, the last an … if any are missing."""
    return text if len(text) <= length else text[: length - 1] + "…"


# --- Secrets ------------------------------------------------------------------------------------------------

# Which names say that their value lets whoever reads it act as somebody else. A signature does not: it fits one
# message, and to see it is what the lessons are about. The last word that says anything decides: an
# X-Auth-Signature is a signature, and an X-Signature-Key is a key.
_SIGNATURE = re.compile(r"signatures?|sign?|hmac|digest")
_SECRET = re.compile(r".*(secret|passw|passphrase|credential|cookie|session|bearer|jwt).*|pass|pwd")
_MOSTLY = re.compile(
    r".*(token|authorization|authentication).*|o?auth|keys?"
    r"|[a-z]{0,4}apikeys?|(app|auth|access|account|client|master|private|service|subscription)keys?"
)
# A key that names, finds or sorts something, and words about a token or a key. Bitbucket's X-Event-Key is the kind
# of event, PayPal's Paypal-Auth-Algo an algorithm, and an Idempotency-Key says only that two requests are one.
_BEFORE = re.compile(r"idempoten(cy|t)|public|event|object|cache|surrogate|partition|routing|(web)?socket|page|next")
_AFTER = re.compile(r"id|identifier|algo|algorithm|version|type|url|info|results")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")

_USER = re.compile(r"(?<=://)[^/?#\s]*@")
_PARAMETER = re.compile(r"(?<=[?&#;])([^=&#;?\s]+)=(?=[^&#\s])")
_VALUE = re.compile(r"[^&#\s]+")  # with its semicolons, which to some are borders and to others not


def is_secret(name):
    """Say whether a header or a parameter of this name holds a secret, by the words that the name is made of."""
    words = [word.lower() for word in _WORDS.findall(name)]
    secret = False
    for before, word, after in zip(["", *words], words, [*words[1:], ""], strict=False):
        harmless = _BEFORE.fullmatch(before) or _AFTER.fullmatch(after)
        if _SIGNATURE.fullmatch(word):
            secret = False
        elif _SECRET.fullmatch(word) or (_MOSTLY.fullmatch(word) and not harmless):
            secret = True
    return secret


def masked(headers):
    """Return the headers as pairs, the values of those that are secret replaced by ``***``; see `is_secret`."""
    return [(name, "***" if is_secret(name) else masked_url(value)) for name, value in headers.items()]


def masked_url(text):
    """Return a URL, or a text with some in it, with ``***`` for user and password and for secret parameters."""
    text, parts, end = _USER.sub("***@", text), [], 0
    for match in _PARAMETER.finditer(text):
        if match.start() >= end and is_secret(unquote_plus(match[1])):
            parts += [text[end : match.end()], "***"]
            end = _VALUE.match(text, match.end()).end()
    return "".join([*parts, text[end:]])
