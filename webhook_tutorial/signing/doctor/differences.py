"""In what two ways to write the same JSON differ."""

import json
import re
from operator import ne

from .written_again import LARGE

_TOKEN = re.compile(r'("(?:[^"\\]|\\.)*")|(\s+)|([-0-9][-+.0-9eE]*)|[^\s"]')


def differences(one, other):
    """In what two ways to write the same JSON differ, a list of words; an empty one for large bodies."""
    if len(one) > LARGE:
        return []
    return [words for words, differ in zip(_KINDS, map(ne, _kinds(one), _kinds(other)), strict=True) if differ]


_KINDS = ("escapes", "spaces", "number form", "key order")


def _kinds(body):
    """The strings, spaces and numbers of a JSON text, sorted, and its keys as they come."""
    keys, text = [], body.decode().removeprefix("\ufeff")
    json.loads(text, parse_int=str, object_pairs_hook=lambda pairs: keys.extend(key for key, _ in pairs))
    return [*(sorted(filter(None, kind)) for kind in zip(*_TOKEN.findall(text), strict=True)), keys]
