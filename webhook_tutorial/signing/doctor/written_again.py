"""How programs write JSON and forms: what a body looked like before one of them parsed it and wrote it again."""

import json
import re
from decimal import Decimal
from itertools import chain, combinations, product
from operator import ne
from urllib.parse import parse_qsl, quote

#: White space in JSON: what stands between items and after a key, and how deep a line is indented.
COMPACT, SPACED = {"separators": (",", ":")}, {"separators": (", ", ": ")}
SPACES = (COMPACT, SPACED, {"indent": 2}, {"indent": 4}, {"indent": "\t"})

#: A larger body is guessed at with fewer ways to write it, as each takes a while.
LARGE = 200_000

_NUMBER = re.compile(r'"\\u0000([-+.0-9eE]+)"')


def load(body):
    """The value of a JSON body, its numbers marked so that `pieces` finds them as they were written.

    Raises:
        ValueError: It is no JSON object or list.
    """
    text = body.decode().removeprefix("\ufeff")
    try:
        value = json.loads(text, parse_int=_mark, parse_float=_mark, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(value, (dict, list)):
        raise ValueError("neither an object nor a list")
    return value


def _mark(text):
    return "\0" + text


def _refuse(text):
    raise ValueError(text)


def pieces(value, ascii=False, **style):
    """A value as JSON in pieces: every second one is a number, as text."""
    return _NUMBER.split(json.dumps(value, ensure_ascii=ascii, **style))


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


def _floats_by_javascript(text):
    return text if re.fullmatch("-?[0-9]+", text) else _by_javascript(text)


def _by_python(text):
    if re.fullmatch("-?[0-9]+", text):
        return "0" if text == "-0" else text
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
        for like, zeros in ((numbers, ".0"), (money, ".00")):
            yield [n + zeros if i in chosen else n for i, n in enumerate(like)]


# --- Who writes JSON ----------------------------------------------------------------------------------------


def _as_javascript_orders(value):
    """Keys that are whole numbers come first in a JavaScript object, by size."""
    if isinstance(value, list):
        return [_as_javascript_orders(item) for item in value]
    if not isinstance(value, dict):
        return value
    first = sorted((k for k in value if re.fullmatch("0|[1-9][0-9]{0,8}", k)), key=int)
    return {key: _as_javascript_orders(value[key]) for key in dict.fromkeys([*first, *value])}


def _as_php_reads(value):
    """json_decode(…, true) makes an empty object and an empty list the same thing."""
    if isinstance(value, list):
        return [_as_php_reads(item) for item in value]
    return {k: _as_php_reads(v) for k, v in value.items()} or [] if isinstance(value, dict) else value


def _as_objects(value):
    if isinstance(value, list):
        return [_as_objects(item) for item in value] or {}
    return {k: _as_objects(v) for k, v in value.items()} if isinstance(value, dict) else value


def _writer(numbers, escape=_plain, ascii=False, tree=_plain, end="", **style):
    def write(body):
        parts = pieces(tree(load(body)), ascii, **style)
        parts[1::2] = map(numbers, parts[1::2])
        return (escape("".join(parts)) + end).encode()

    return write


#: What parses a body and writes it again, and how it writes: a function of the body, by the mistake's name.
WRITERS = {
    "rewritten-python": _writer(_by_python, ascii=True, **SPACED),
    "rewritten-python-compact": _writer(_by_python, ascii=True, **COMPACT),
    "rewritten-python-sorted": _writer(_by_python, ascii=True, sort_keys=True, **SPACED),
    "rewritten-flask": _writer(_by_python, ascii=True, sort_keys=True, end="\n", **COMPACT),
    "rewritten-javascript": _writer(_by_javascript, tree=_as_javascript_orders, **COMPACT),
    "rewritten-javascript-indented": _writer(_by_javascript, tree=_as_javascript_orders, indent=2),
    "rewritten-go": _writer(_by_javascript, _html, sort_keys=True, **COMPACT),
    "rewritten-php": _writer(_floats_by_javascript, _slashes, ascii=True, tree=_as_php_reads, **COMPACT),
    "rewritten-ruby": _writer(_by_python, **COMPACT),
    "rewritten-rails": _writer(_by_python, _html, **COMPACT),
    "rewritten-dotnet": _writer(_plain, _dotnet, ascii=True, **COMPACT),
}


def writers_of(original, given):
    """The names of those that make the given body of the original one."""
    return [name for name, write in WRITERS.items() if _result(write, original) == given]


def _result(write, body):
    try:
        return write(body)
    except (ValueError, OverflowError, RecursionError):
        return None


def json_originals(body):
    """Yield bodies that could have become this one when something parsed it and wrote it again."""
    try:
        value = load(body)
        large = len(body) > LARGE
        ends = ("",) if large else ("", "\n")
        trees = [(value, {}), (value, {"sort_keys": True}), (_as_objects(value), {})]
        for (tree, order), style in product(trees, SPACES[: 2 if large else None]):
            texts = {ascii: "".join(pieces(tree, ascii, **style, **order)) for ascii in (False, True)}
            texts = dict.fromkeys(escape(texts[ascii]) for ascii, escape in ESCAPES)
            for text, end in product(texts, ends):
                yield (text + end).encode()
    except (ValueError, RecursionError):
        return


def number_originals(body):
    """The same for numbers that were written in another form: 10 for 10.0, 2.5 for 2.50."""
    try:
        value = load(body)
        for style, (ascii, escape) in product((COMPACT, SPACED), ESCAPES):
            parts = pieces(value, ascii, **style)
            if len(parts) < 2_000:
                forms = _number_forms(parts[1::2])
                parts[::2] = map(escape, parts[::2])
                for parts[1::2] in forms:
                    yield "".join(parts).encode()
    except (ValueError, RecursionError):
        return


_TOKEN = re.compile(r'("(?:[^"\\]|\\.)*")|(\s+)|([-0-9][-+.0-9eE]*)|[^\s"]')


def differences(one, other):
    """In what two ways to write the same JSON differ, a list of words."""
    return [words for words, differ in zip(_KINDS, map(ne, _kinds(one), _kinds(other)), strict=True) if differ]


_KINDS = ("escapes", "spaces", "number form", "key order")


def _kinds(body):
    """The strings, spaces and numbers of a JSON text, sorted, and its keys as they come."""
    keys, text = [], body.decode().removeprefix("\ufeff")
    json.loads(text, parse_int=str, object_pairs_hook=lambda pairs: keys.extend(key for key, _ in pairs))
    return [*(sorted(filter(None, kind)) for kind in zip(*_TOKEN.findall(text), strict=True)), keys]


# --- Forms --------------------------------------------------------------------------------------------------

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
