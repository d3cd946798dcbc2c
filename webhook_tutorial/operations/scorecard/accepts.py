"""What is genuine must be accepted: however it is written, whatever its type, and once however often it comes."""

import contextlib
import threading
from functools import partial

from ...answers import ok
from . import forgeries
from .events import NotApplicable
from .findings import CANNOT_BE_SEEN, FAILED, HELD, NOT_APPLICABLE, PROMISE, Check, Finding
from .wire import TIMED_OUT

#: How many pairs are sent in the same moment.
PAIRS = 5

_WHY = {
    401: "is the secret the receiver's, and the dialect?",
    403: "is the secret the receiver's, and the dialect?",
    404: "is the path of the URL right?",
    405: "is the path of the URL right?",
}


def in_words(exchanges):
    """What was answered, each outcome once, in the order in which they came."""
    return ", ".join(dict.fromkeys(one.outcome for one in exchanges))


def each_in_words(wrong, tried):
    """What was answered to those that went wrong, pairs of a name and an exchange, of so many that were tried."""
    outcomes = {one.outcome for _, one in wrong}
    if len(outcomes) == 1 and len(wrong) == tried:
        return outcomes.pop() if tried == 1 else f"to each of {tried}: {outcomes.pop()}"
    return "; ".join(f"{name}: {one.outcome}" if name else one.outcome for name, one in wrong)


def accepted(bench, deliveries):
    """Send deliveries with their names, pairs; each must be answered with 2xx."""
    seen, wrong = [], []
    for name, delivery in deliveries:
        seen.append(bench.send(delivery))
        if not ok(seen[-1].status):
            wrong.append((name, seen[-1]))
        if seen[-1].why == TIMED_OUT:
            break
    if wrong:
        return Finding(FAILED, each_in_words(wrong, len(seen)), wrong[0][1])
    return Finding(HELD, in_words(seen), seen[0])


def _valid(bench):
    before = bench.effects_before()
    bench.first = bench.maker.event()
    found = bench.send(bench.maker.delivery(bench.first))
    bench.accepted = ok(found.status)
    if not bench.accepted:
        question = _WHY.get(found.status, "a redirect is not followed" if 300 <= (found.status or 0) < 400 else "")
        return Finding(FAILED, f"{found.outcome}: {question}" if question else found.outcome, found)
    notes = () if bench.maker.secret else (_UNSIGNED,)
    after = bench.effects_after(before + 1)
    if bench.uncounted:
        notes += (f"Effects were not looked at. {bench.uncounted}",)
    elif after is not None and after <= before:
        bench.effects = None
        words = f"{found.outcome}, and no effect was counted: it was not done, or the URL of effects counts others"
        return Finding(FAILED, words, found, notes)
    return Finding(HELD, found.outcome, found, notes)


_UNSIGNED = (
    "No secret was given, so it was not signed, and neither is anything else that should be accepted. If your receiver "
    "verifies, give its secret."
)


def _rotation(bench):
    maker = bench.maker
    if not maker.secret:
        return Finding(NOT_APPLICABLE, "Nothing is signed without a secret.")
    return accepted(
        bench, [("the first fits", forgeries.rotated(maker, True)), ("the last fits", forgeries.rotated(maker, False))]
    )


def _written(write, bench):
    event = bench.maker.event()
    return accepted(bench, [("", bench.maker.delivery(event, write=write))])


def _unknown_type(bench):
    return accepted(bench, [("", bench.maker.delivery(bench.maker.event().with_unknown_type()))])


def count(bench, finding, before, expected):
    """The finding with what the effects say: so many events, each done once."""
    if finding.outcome != HELD:
        return finding
    after = bench.effects_after(before + expected)
    if bench.uncounted:
        words = f"{finding.words}; whether it was done once was not seen. {bench.uncounted}"
        return Finding(CANNOT_BE_SEEN, words, finding.exchange)
    if after is None:
        return Finding(HELD, finding.words, finding.exchange, (_UNSEEN,))
    done = after - before
    words = f"{finding.words}; {done} {'effect' if done == 1 else 'effects'} of {expected}"
    return Finding(HELD if done == expected else FAILED, words, finding.exchange)


def check_ids(bench):
    """Raises:
    NotApplicable: Effects are counted, and two events of this provider are one to whoever looks at them.
    """
    one, other = bench.maker.event(), bench.maker.event()
    alike = not bench.maker.dialect.id and (one.encode(), one.headers) == (other.encode(), other.headers)
    if bench.effects and alike:
        raise NotApplicable(f"Nothing in a sample of {bench.maker.dialect.name} says which event it is.")


_UNSEEN = "Whether it was done once cannot be seen without a URL that counts effects: --effects."


def _duplicate(bench):
    check_ids(bench)
    before = bench.effects_before()
    event, maker = bench.maker.event(), bench.maker
    tries = [("the first", maker.delivery(event, at=-2)), ("the same again", maker.delivery(event))]
    return count(bench, accepted(bench, tries), before, 1)


def _same_moment(bench):
    check_ids(bench)
    before, seen = bench.effects_before(), []
    for _ in range(PAIRS):
        event = bench.maker.event()
        pair = _both(bench, event)
        third = bench.send(bench.maker.delivery(event))
        wrong = [one for one in pair if one.status is None or (one.status >= 500 and one.status != 503)]
        if not wrong and not any(ok(one.status) for one in pair):
            wrong = pair
        if wrong:
            return Finding(FAILED, " and ".join(sorted(one.outcome for one in pair)), wrong[0])
        if not ok(third.status):
            return Finding(FAILED, f"{in_words(pair)}; once more, later: {third.outcome}", third)
        seen += [*pair, third]
    words = ", ".join(sorted({one.outcome for one in seen}))
    return count(bench, Finding(HELD, words, seen[0]), before, PAIRS)


def _both(bench, event):
    """The same event twice, complete in the same moment: each keeps its last byte until the other is as far."""
    barrier = threading.Barrier(2)

    def gate():
        with contextlib.suppress(threading.BrokenBarrierError):  # the other has no connection
            barrier.wait(timeout=bench.patience)

    def send(delivery):
        return bench.send(delivery, gate=gate, counted=True)

    for _ in range(2):  # a pause comes before both, or the first would wait through the second's
        bench.may_send()
    return bench.together([partial(send, bench.maker.delivery(event, at=at)) for at in (-1, 0)])


_RAW = ("04_signatures.ipynb", "Break it: the raw-body trap")
_DUPLICATES = "06_duplicates_and_order.ipynb"


def _check(name, title, lesson, run):
    return Check(name, title, "accepts", PROMISE, lesson, run)


def _raw(name, title, write):
    return _check(name, title, _RAW, partial(_written, write))


FIRST = (
    _check("valid", "A valid delivery is accepted.", ("13_integrate_a_provider.ipynb", "It says no_match"), _valid),
    _check(
        "duplicate", "An event that comes again is accepted, and done once.",
        (_DUPLICATES, "Remember the id"), _duplicate,
    ),
    _check(
        "same-moment", "An event that comes twice in one moment is accepted, and done once.",
        (_DUPLICATES, "Break it: the race"), _same_moment,
    ),
)  # fmt: skip
ACCEPTS = (
    _check(
        "rotation", "One of several signatures is enough.",
        ("04_signatures.ipynb", "Change a secret and lose nothing"), _rotation,
    ),
    _raw("raw-whitespace", "A body with unusual spaces is accepted.", lambda event: event.spaced()),
    _raw("raw-unicode", "A body with letters beyond ASCII is accepted, as they are and escaped.",
         lambda event: event.with_raw('"Zoë, Zo\\u00eb, \\u2615 and 😀 \\/"')),
    _raw("raw-order", "A body with its fields in an unusual order is accepted.", lambda event: event.backwards()),
    _raw("raw-big-number", "A body with a number that JavaScript would round is accepted.",
         lambda event: event.with_raw("12345678901234567891")),
    _raw("raw-decimal", "A body with 1.10 in it is accepted.", lambda event: event.with_raw("1.10")),
    _check(
        "unknown-type", "An event of an unknown type is accepted.", ("02_receiver.ipynb", "Validate"), _unknown_type
    ),
)  # fmt: skip
