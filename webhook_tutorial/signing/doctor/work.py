"""How much is done for one diagnosis: anybody can send a body, and none may cost more than a moment."""

import re

#: A larger body is not parsed, and nothing is unpacked beyond that.
LARGEST = 2_000_000
#: A larger form is not written again: a form is smaller, and percent-encoding takes long.
LARGEST_FORM = 100_000
MOST_FIELDS = 1_000
#: What is nested deeper is not parsed: it is written in a time that grows with the square of its depth.
DEEPEST = 32

#: How much may be made and parsed for one diagnosis, in units of about ten nanoseconds: half a second.
MOST_WORK = 40_000_000
#: What a character costs that a parser or a writer stops at; another one costs 1.
STOP = 20
_STOPS = tuple(b',:[{\\<>&"%+')
#: Nothing in it fails once it has begun, so it takes a time that grows with the length alone.
_FRACTION = re.compile(rb"[0-9][.eE]")  # some numbers are written by Python itself
_STRING = re.compile(rb'"[^"\\]*(?:\\.?[^"\\]*)*"?', re.DOTALL)
_BEGINNINGS = re.compile(rb"[\[{]{%d}" % (DEEPEST + 1))
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def weight(body):
    """What it costs to parse a body, or to write it again, in units: counted quickly, and before either is done."""
    return len(body) + STOP * sum(map(body.count, _STOPS)) + 2 * STOP * len(_FRACTION.findall(body))


def is_deep(body):
    """Whether JSON is nested deeper than `DEEPEST`. It is not where its brackets do not match: that is no JSON."""
    left = _STRING.sub(b"", body).translate(None, _NO_BRACKETS)
    if _BEGINNINGS.search(left):
        return True
    for _ in range(DEEPEST):
        left, before = left.replace(b"[]", b"").replace(b"{}", b""), len(left)
        if len(left) == before:
            return False
    return bool(left)


def is_like_json(body):
    return body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")


def is_like_a_form(body):
    return b"=" in body and not is_like_json(body)


class Work:
    """What one diagnosis has cost.

    Attributes:
        units: What was made and parsed, in units; at most `MOST_WORK`.
        skipped: The names of the mistakes of which a guess was too much work, a dictionary used as an ordered set.
    """

    def __init__(self):
        self.units = 0
        self.skipped = {}

    def skip(self, *names):
        self.skipped |= dict.fromkeys(names)

    def allows(self, units, *names):
        """Whether there is enough left for something, which is then taken; if not, these mistakes are skipped."""
        if self.units + units > MOST_WORK:
            self.skip(*names)
            return False
        self.units += units
        return True

    def allows_json(self, body, *names):
        """The same for a body that would be parsed as JSON; it may also be too large or too deep."""
        if len(body) > LARGEST or is_deep(body):
            self.skip(*names)
            return False
        return self.allows(weight(body), *names)

    def allows_form(self, body, *names):
        """The same for one that would be read as a form; it may also be too large, or have too many fields."""
        if len(body) > LARGEST_FORM or body.count(b"&") >= MOST_FIELDS:
            self.skip(*names)
            return False
        return self.allows(weight(body), *names)
