"""How programs write JSON: what a body looked like before one of them parsed it and wrote it again."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import chain, combinations, product

from .work import is_like_json, weight

#: White space in JSON: what stands between items and after a key, and how deep a line is indented.
COMPACT, SPACED = {"separators": (",", ":")}, {"separators": (", ", ": ")}
SPACES = (COMPACT, SPACED, {"indent": 2}, {"indent": 4}, {"indent": "\t"})

#: A larger body is guessed at with fewer ways to write it, as each takes a while.
LARGE = 200_000

_MARKED = re.compile(r'"\\u0000([-+.0-9eE]+|null)"')


def load(body, mark_all=False):
    """The value of a JSON body. Where Python would write a number in another way, it is a text with a mark before it.

    Raises:
        ValueError: It is no JSON object or list, or it is nested too deep.
    """
    text = body.decode().removeprefix("\ufeff")
    reading = {"parse_int": _mark, "parse_float": _mark} if mark_all else {"parse_float": _float}
    try:
        value = json.loads(text, parse_constant=_refuse, **reading)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(value, (dict, list)):
        raise ValueError("neither an object nor a list")
    return value


def _mark(text):
    return "\0" + text


def _float(text):
    number = float(text)
    return number if repr(number) == text else _mark(text)


def _refuse(text):
    raise ValueError(text)


def dump(value, numbers=str, **style):
    """A value as JSON; ``numbers`` is a function of the text of a number with a mark."""
    text = json.dumps(value, **style)
    return _MARKED.sub(lambda found: numbers(found[1]), text) if '"\\u0000' in text else text


# --- Escapes ------------------------------------------------------------------------------------------------


def _plain(text):
    return text


def _slashes(text):
    return text.replace("/", "\\/")


def _html(text):
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _dotnet(text):
    # Every second piece is an escape of two characters, or a backslash that begins \uXXXX.
    parts = re.split(r'(\\["\\/bfnrt]|\\u[0-9a-f]{4})', text)
    for i, part in enumerate(parts):
        if i % 2:
            parts[i] = "\\u0022" if part == '\\"' else "\\u" + part[2:].upper() if part[1] == "u" else part
        else:
            parts[i] = re.sub("[<>&'+`]", lambda found: f"\\u{ord(found[0]):04X}", part)
    return "".join(parts)


def _upper(text):
    return re.sub(r"(\\\\)|\\u([0-9a-f]{4})", lambda found: found[1] or "\\u" + found[2].upper(), text)


#: Whether other characters than ASCII are escaped, and what happens to the text then.
ESCAPES = (
    (False, _plain), (True, _plain), (True, _slashes), (False, _slashes), (False, _html), (True, _html), (True, _upper),
    (True, _dotnet),
)  # fmt: skip


# --- Numbers ------------------------------------------------------------------------------------------------


def _by_javascript(text):
    """A number as JavaScript writes it: one kind of number, with the fewest digits that tell it from its neighbours."""
    number = float(text)
    if number == 0:
        return "0"
    if not 1e-6 <= abs(number) < 1e21:
        return "null" if abs(number) == float("inf") else re.sub(r"(\.0)?e([-+])0?", r"e\2", repr(number))
    return format(Decimal(repr(number)).normalize(), "f")


def _by_python(text):
    return repr(float(text))


def _number_forms(numbers):
    """Yield lists of numbers that could have stood where these do; the likeliest first."""
    if any(n.endswith(".0") for n in numbers):
        yield [n.removesuffix(".0") for n in numbers]
    whole = [i for i, n in enumerate(numbers) if re.fullmatch("-?[0-9]{1,15}", n)]
    money = [f"{Decimal(n):.2f}" if re.fullmatch(r"-?[0-9]{1,12}\.[0-9]", n) else n for n in numbers]
    if money != numbers:
        yield money
    sizes = range(1, len(whole) + 1) if len(whole) <= 6 else (1, len(whole))
    for chosen in chain.from_iterable(combinations(whole, size) for size in sizes):
        if len(chosen) == 1 and whole.index(chosen[0]) > 30:
            continue
        chosen = frozenset(chosen)
        for like, zeros in ((numbers, ".0"), (money, ".00")):
            yield [n + zeros if i in chosen else n for i, n in enumerate(like)]


# --- Who writes JSON ----------------------------------------------------------------------------------------


def _walk(value, shape, number):
    """A value with each object and list in another shape, and each number in another form."""
    if isinstance(value, dict):
        return shape({key: _walk(item, shape, number) for key, item in value.items()})
    if isinstance(value, list):
        return shape([_walk(item, shape, number) for item in value])
    if isinstance(value, str):
        return _mark(number(value[1:])) if value.startswith("\0") else value
    return value if value is None or isinstance(value, bool) else _mark(number(repr(value)))


def _in_javascripts_order(value):
    """Keys that are whole numbers come first in a JavaScript object, by size."""
    if isinstance(value, list):
        return value
    first = sorted((key for key in value if re.fullmatch("0|[1-9][0-9]{0,8}", key)), key=int)
    return {key: value[key] for key in dict.fromkeys([*first, *value])} if first else value


def _without_objects(value):
    """json_decode(…, true) makes an empty object and an empty list of PHP the same thing."""
    return value or []


def _without_lists(value):
    return value or {}


def _floats_by_javascript(text):
    return text if re.fullmatch("-?[0-9]+", text) else _by_javascript(text)


@dataclass(frozen=True)
class Writer:
    """What parses a body and writes it again: how it writes."""

    style: dict = field(hash=False)
    ascii: bool
    escape: Callable = str
    sorts: bool = False
    numbers: Callable = _by_python
    shape: Callable | None = None
    end: str = ""

    def write(self, body):
        """What it makes of a body, bytes."""
        value = load(body)
        if self.shape:
            value = _walk(value, self.shape, self.numbers)
        numbers = str if self.shape else self.numbers
        text = dump(value, numbers, ensure_ascii=self.ascii, sort_keys=self.sorts, **self.style)
        return (self.escape(text) + self.end).encode()

    def could_have_written(self, body):
        """Whether a body looks like its work, by what is seen at once."""
        bare = re.sub(rb'"(?:[^"\\]|\\.)*("|$)', b'""', body[:2_000]).rstrip()
        spaces = "indent" if b"\n" in bare else "spaced" if b" " in bare else "compact"
        mine = "indent" if "indent" in self.style else "spaced" if self.style is SPACED else "compact"
        few = not re.search(b"[,:]", bare)  # an empty object looks the same in all styles
        ended = body.endswith(self.end.encode()) if self.end else not body.endswith(b"\n")
        return (spaces == mine or few) and ended and (body.isascii() or not self.ascii)


#: By the mistake's name.
WRITERS = {
    "rewritten-python": Writer(SPACED, ascii=True),
    "rewritten-python-compact": Writer(COMPACT, ascii=True),
    "rewritten-python-sorted": Writer(SPACED, ascii=True, sorts=True),
    "rewritten-flask": Writer(COMPACT, ascii=True, sorts=True, end="\n"),
    "rewritten-javascript": Writer(COMPACT, ascii=False, numbers=_by_javascript, shape=_in_javascripts_order),
    "rewritten-javascript-indented": Writer(
        {"indent": 2}, ascii=False, numbers=_by_javascript, shape=_in_javascripts_order
    ),
    "rewritten-go": Writer(COMPACT, ascii=False, escape=_html, sorts=True, numbers=_by_javascript, shape=_plain),
    "rewritten-php": Writer(
        COMPACT, ascii=True, escape=_slashes, numbers=_floats_by_javascript, shape=_without_objects
    ),
    "rewritten-ruby": Writer(COMPACT, ascii=False),
    "rewritten-rails": Writer(COMPACT, ascii=False, escape=_html),
    "rewritten-dotnet": Writer(COMPACT, ascii=True, escape=_dotnet, numbers=str),
}


def writers_of(original, given):
    """The names of those that make the given body of the original one."""
    could = {name: writer for name, writer in WRITERS.items() if writer.could_have_written(given)}
    return [name for name, writer in could.items() if _result(writer.write, original) == given]


def _result(write, body):
    try:
        return write(body)
    except (ValueError, OverflowError, RecursionError):
        return None


# --- What stood there before --------------------------------------------------------------------------------


def json_originals(body, work):
    """Yield bodies that could have become this one when something parsed it and wrote it again."""
    if not is_like_json(body) or not work.allows_json(body, "rewritten"):
        return
    try:
        value = load(body)
        large, cost = len(body) > LARGE, weight(body)
        trees = [(value, {}), (value, {"sort_keys": True})]
        if b"[]" in body and work.allows(2 * cost, "rewritten"):
            trees.append((_walk(value, _without_lists, str), {}))
        if large:
            work.skip("rewritten")
        for (tree, order), style in product(trees, SPACES[: 2 if large else None]):
            # An indent is written by Python itself, which takes longer.
            if not work.allows(cost * (5 if "indent" in style else 1), "rewritten"):
                return
            yield from _texts(tree, style | order, body, large)
    except (ValueError, RecursionError):
        return


def _texts(tree, style, body, large):
    """One way to write a value, with all escapes and ends."""
    texts = {False: dump(tree, ensure_ascii=False, **style)}
    escaped = not body.isascii() or b"\\u" in body
    texts[True] = dump(tree, ensure_ascii=True, **style) if escaped else texts[False]
    seen = set()
    for ascii, escape in ESCAPES[: 5 if large else None]:
        text = escape(texts[ascii])
        if text not in seen:
            seen.add(text)
            yield from ((text + end).encode() for end in (("",) if large else ("", "\n")))


def number_originals(body, work):
    """The same for numbers that were written in another form: 10 for 10.0, 2.5 for 2.50."""
    if not is_like_json(body) or not work.allows_json(body, "rewritten"):
        return
    try:
        value, cost = load(body, mark_all=True), 2 * weight(body)
        for style, (ascii, escape) in product((COMPACT, SPACED), ESCAPES):
            if not work.allows(cost, "rewritten"):
                return
            parts = _MARKED.split(json.dumps(value, ensure_ascii=ascii, **style))
            if len(parts) >= MOST_NUMBERS:
                work.skip("rewritten")
                return
            forms = _number_forms(parts[1::2])
            parts[::2] = map(escape, parts[::2])
            for parts[1::2] in forms:
                yield "".join(parts).encode()
    except (ValueError, RecursionError):
        return


#: Of more numbers none is written in another form.
MOST_NUMBERS = 2_000
