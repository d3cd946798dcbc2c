"""Odd input, signed as it is: it may be refused or accepted, and must not break anything."""

from functools import partial
from urllib.parse import urlencode

from ...answers import ok
from . import forgeries
from .accepts import each_in_words, in_words
from .events import NotApplicable
from .findings import CANNOT_BE_SEEN, FAILED, HELD, NOT_APPLICABLE, STURDY, Check, Finding
from .wire import CHUNKED, CUT_AFTER_CHUNK, CUT_IN_CHUNK, LENGTH, SHORT, TIMED_OUT

#: So deep lie lists in each other; a body that goes down by calls ends at about a thousand in Python.
DEEP = 9_000
#: An id of so many characters.
LONG = 10_000

#: How long the end of what was cut short is waited for, in seconds: nobody needs to answer it.
_CUT = 1.0


def _refused(status):
    return status is not None and 400 <= status < 500


def _survived(status):
    return ok(status) or _refused(status)


def _try(bench, tries, holds):
    """Send deliveries with their names, pairs; the answer to each must be one that holds."""
    return _try_each(bench, ((name, delivery, holds) for name, delivery in tries))


def _try_each(bench, tries):
    """Send deliveries; each comes with its name and with a function that says of a status whether it holds."""
    seen, wrong = [], []
    for name, delivery, holds in tries:
        seen.append(bench.send(delivery))
        if not holds(seen[-1].status):
            wrong.append((name, seen[-1]))
        if seen[-1].why == TIMED_OUT:
            break
    if not seen:
        return Finding(NOT_APPLICABLE, f"{bench.maker.dialect.name} has no place for any of them.")
    if wrong:
        return Finding(FAILED, each_in_words(wrong, len(seen)), wrong[0][1])
    return Finding(HELD, in_words(seen), seen[0])


def _odd_headers(bench):
    """What is written oddly breaks nothing, and what cannot fit is not believed."""
    made = forgeries.odd_headers(bench.maker)
    return _try_each(bench, ((name, delivery, _survived if may else _refused) for name, delivery, may in made))


def _written(name, write, bench, **options):
    bench.maker.event().check_json()
    return _try(bench, [(name, bench.maker.delivery(write=write, **options))], _survived)


def _unreadable(name, write, bench):
    """A signed body that nobody can read: refused, or kept for a person to look at."""
    finding = _written(name, write, bench)
    if finding.outcome != HELD or not ok(finding.exchange.status):
        return finding
    return Finding(HELD, finding.words, finding.exchange, (_STORED,))


_STORED = (
    "It was accepted, so it is not sent again: right for a receiver that stores first and reads later, if somebody is "
    "told of what could not be read."
)


def _able(bench, changes):
    """The deliveries of events that were changed, with their names; without those that the dialect cannot express."""
    for name, change in changes:
        try:
            yield name, bench.maker.delivery(change(bench.maker.event()))
        except NotApplicable:
            continue


_ODD_IDS = {
    "null": None,
    "a number": 7,
    "a number of 64 bits": 2**63,  # which a database holds only without a sign
    "a boolean": True,
    "a list": [],
    "an object": {},
    "10000 characters": "x" * LONG,
}
#: What JSON can carry, and what cannot: in the body they stand as an id, or beside it where the id is in a header.
_NO_UNICODE = {"half a character": b'"\\ud800"', "bytes that are not UTF-8": b'"\xff\xfe"'}


def _odd_ids(bench):
    changes = [(name, partial(lambda value, event: event.with_id(value), value)) for name, value in _ODD_IDS.items()]
    tries = [*_able(bench, [*changes, ("missing", lambda event: event.without_id())])]
    if not bench.maker.provider.is_form:
        tries += [
            (name, bench.maker.delivery(write=lambda event, value=value: event.with_raw_id(value)))
            for name, value in _NO_UNICODE.items()
        ]
    return _try(bench, tries, _survived)


_NO_OBJECTS = {"a list": b"[]", "a text": b'"text"', "a number": b"7", "null": b"null"}


def _no_object(bench):
    bench.maker.event().check_json()
    tries = [
        (name, bench.maker.delivery(write=partial(lambda body, event: body, body)))
        for name, body in _NO_OBJECTS.items()
    ]
    return _try(bench, tries, _survived)


def _as_form(event):
    event.check_json()
    return urlencode({"payload": event.encode().decode()}).encode()


def _wrong_method(bench):
    seen = [bench.send(bench.maker.delivery(method=method)) for method in ("PUT", "DELETE", "GET")]
    words = "; ".join(f"{one.request.method}: {one.outcome}" for one in seen)
    put, delete, get = (one.status for one in seen)
    notes = []
    # A server that knows no method but its own says 501 (RFC 9110, section 15.6.2).
    wrong = [one for one, status in zip(seen, (put, delete), strict=False) if not (_refused(status) or status == 501)]
    if get is None or (get >= 500 and get != 501):
        wrong.append(seen[2])
    if ok(get):
        notes.append("GET was answered with 2xx: that is fine for a page, as long as it does no work.")
    return Finding(FAILED if wrong else HELD, words, (wrong or seen)[0], tuple(notes))


# --- Size and framing ---------------------------------------------------------------------------------------


def _sized(bench, more):
    """A delivery whose body has so many bytes more than the limit."""
    if not bench.limit:
        return None
    event = bench.maker.event()
    plain = len(bench.maker.delivery(event, write=lambda event: event.with_raw('""')).body)
    fill = "x" * (bench.limit + more - plain)
    if not fill:
        raise NotApplicable(f"A delivery has {plain} bytes already.")
    return bench.maker.delivery(event, write=lambda event: event.with_raw(f'"{fill}"'))


_NO_LIMIT = Finding(CANNOT_BE_SEEN, "Nobody said how large a body may be: --limit.")
_NO_ANSWER = "The connection was closed before the answer could be read; a sender does not learn why."


def _at_limit(bench):
    delivery = _sized(bench, 0)
    return _try(bench, [("", delivery)], ok) if delivery else _NO_LIMIT


def _over_limit(framing, bench):
    delivery = _sized(bench, 1)
    if not delivery:
        return _NO_LIMIT
    found = bench.send(delivery, framing)
    cut = found.status is None and found.why != TIMED_OUT
    held = _refused(found.status) or cut
    return Finding(HELD if held else FAILED, found.outcome, found, (_NO_ANSWER,) if cut else ())


def _chunked(bench):
    found = bench.send(bench.maker.delivery(), CHUNKED)
    if ok(found.status):
        return Finding(HELD, found.outcome, found)
    # 401 and 403 say that the signature does not fit: the body was not read as it was sent.
    held = _refused(found.status) and found.status not in (401, 403)
    notes = ("A body in chunks is refused: a provider that sends so cannot reach it.",) if held else ()
    return Finding(HELD if held else FAILED, found.outcome, found, notes)


def _cut(framings, bench):
    """Send deliveries that are cut short, with a signature that fits what arrives of them."""
    seen = [bench.send(bench.maker.delivery(), framing, seconds=min(_CUT, bench.longest)) for framing in framings]
    wrong = [one for one in seen if not (one.status is None or _refused(one.status))]
    return Finding(FAILED if wrong else HELD, in_words(wrong or seen), (wrong or seen)[0])


_RECEIVER, _PARSE = "02_receiver.ipynb", ("02_receiver.ipynb", "The two odd bodies")
_BAD = (_RECEIVER, "Validate")
_IDS = ("06_duplicates_and_order.ipynb", "What a database takes for an id")


def _cut_in_half(event):
    body = event.encode()
    return body[: len(body) // 2]


_CHECKS = (
    ("odd-headers", "A signature, a time or an id that is written oddly breaks nothing, and is not believed.",
     ("04_signatures.ipynb", "Standard Webhooks"), _odd_headers),
    ("nested", "JSON that is nested 9000 deep breaks nothing.", _PARSE,
     partial(_written, "9000 deep", lambda event: event.with_raw("[" * DEEP + "]" * DEEP))),
    ("odd-ids", "An id of the wrong kind, no id, and text that is no Unicode break nothing.", _IDS, _odd_ids),
    ("not-an-object", "JSON that is no object breaks nothing.", _BAD, _no_object),
    ("content-type", "Another content type breaks nothing.", _BAD,
     lambda bench: _try(bench, [("text/plain", bench.maker.delivery(content_type="text/plain"))], _survived)),
    ("form", "A form breaks nothing.", _BAD,
     partial(_written, "a form", _as_form, content_type="application/x-www-form-urlencoded")),
    ("at-limit", "A body as large as is allowed is accepted.", _BAD, _at_limit),
    ("over-limit", "A body that is larger by a byte is refused.", _BAD, partial(_over_limit, LENGTH)),
    ("over-limit-chunked", "A body that is too large is refused, even if no length is announced.", _BAD,
     partial(_over_limit, CHUNKED)),
    ("chunked", "A body in chunks is accepted, or refused with a reason.", _BAD, _chunked),
)  # fmt: skip
#: What must not be worked on.
_WITHOUT_EFFECT = (
    ("malformed-json", "A signed body that is not JSON is refused, or set aside.", _BAD,
     partial(_unreadable, "half of it", _cut_in_half)),
    ("empty-body", "A signed body of no bytes is refused, or set aside.", _BAD,
     partial(_unreadable, "no bytes", lambda event: b"")),
    ("wrong-method", "Another method than POST does no work.", (_RECEIVER, "Begin with two routes"), _wrong_method),
    ("cut-chunk", "A body in chunks that is cut short is not taken for a whole one.", _BAD,
     partial(_cut, (CUT_IN_CHUNK, CUT_AFTER_CHUNK))),
    ("cut-length", "A body that is shorter than was announced is not taken for a whole one.", _BAD,
     partial(_cut, (SHORT,))),
)  # fmt: skip
STURDY_CHECKS = tuple(Check(name, title, "sturdy", STURDY, lesson, run) for name, title, lesson, run in _CHECKS)
WITHOUT_EFFECT = tuple(
    Check(name, title, "sturdy", STURDY, lesson, run, no_effect=True) for name, title, lesson, run in _WITHOUT_EFFECT
)
