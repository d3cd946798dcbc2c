"""What is not genuine must be refused, with a 4xx: a 2xx tells the sender that it has arrived."""

from functools import partial

from ...answers import ok
from . import forgeries
from .accepts import accepted, check_ids, count, each_in_words, in_words
from .events import NotApplicable
from .findings import FAILED, HELD, SAFETY, Check, Finding
from .wire import TIMED_OUT

#: By how many seconds more than is allowed a time is too old, or too far ahead.
BEYOND = 60


def _refused(name, make, bench):
    """Send deliveries that must not be believed; each must be answered with 4xx."""
    seen, wrong = [], []
    for delivery in make(bench):
        seen.append(bench.send(delivery))
        bench.refusals.setdefault(name, seen[0])
        if not 400 <= (seen[-1].status or 0) < 500:
            wrong.append(seen[-1])
        if seen[-1].why == TIMED_OUT:
            break
    return _judged(bench, seen, wrong, in_words(wrong or seen))


def _judged(bench, seen, wrong, words):
    if any(ok(one.status) for one in wrong) and not bench.effects:
        words += ", a success to its sender; whether it was accepted cannot be known without --effects"
    return Finding(FAILED if wrong else HELD, words, (wrong or seen)[0])


def _unsigned(bench):
    """One without a signature, and then others that a receiver might take before it comes to look for one.

    Those must not be accepted; whether they break anything is for other checks.
    """
    finding = _refused("unsigned", lambda bench: [forgeries.unsigned(bench.maker, bench.signed())], bench)
    if finding.outcome == FAILED:
        return finding
    seen, wrong = [finding.exchange], []
    for name, delivery, framing in forgeries.unsigned_otherwise(bench.maker, bench.signed):
        seen.append(bench.send(delivery, framing))
        if ok(seen[-1].status):
            wrong.append((name, seen[-1]))
        if seen[-1].why == TIMED_OUT:
            break
    words = each_in_words(wrong, len(seen)) if wrong else finding.words
    return _judged(bench, seen, [one for _, one in wrong], words)


def _empty(bench):
    made = bench.signed()
    found = [forgeries.with_empty_header(bench.maker, made)]
    return [*found, forgeries.with_signature(bench.maker, made, "")] if bench.maker.dialect.prefix else found


def _wrong(bench):
    made = bench.signed()
    wrong = forgeries.wrong_signatures(bench.maker, made)
    found = [forgeries.with_signature(bench.maker, made, text) for text in wrong]
    return [*found, forgeries.with_unknown_prefix(bench.maker, made)] if bench.maker.dialect.prefix else found


def _other_secret(bench):
    return [bench.maker.delivery(secret=bench.maker.other)]


def _aged(limit, sign, bench):
    seconds, name = getattr(bench.maker.dialect, limit), bench.maker.dialect.name
    if seconds is None:
        raise NotApplicable(f"{name} names no limit for that.")
    return [bench.signed(at=sign * (seconds + BEYOND))]


def _tampered(bench):
    """One of a new event, and one of an event that is known: a receiver might look for its id before the signature."""
    return [forgeries.tampered(bench.maker, bench.signed(event)) for event in (bench.maker.event(), bench.first)]


def _forged_first(bench):
    """A forged delivery with a new id, and then the genuine one."""
    check_ids(bench)
    before, event = bench.effects_before(), bench.maker.event()
    made = bench.signed(event)
    wrong = forgeries.wrong_signatures(bench.maker, made)[0]
    if ok(bench.send(forgeries.with_signature(bench.maker, made, wrong)).status):
        raise NotApplicable("The forged one was accepted already: see wrong-signature.")
    return count(bench, accepted(bench, [("the genuine one", bench.maker.delivery(event))]), before, 1)


_HMAC = ("04_signatures.ipynb", "Sign the body")
_REPLAY = ("04_signatures.ipynb", "A time inside the signature")
_CHECKS = (
    ("empty-signature", "An empty signature is refused.", _HMAC, _empty),
    ("wrong-signature", "A signature that does not fit is refused, even if all but its last bit does.",
     ("04_signatures.ipynb", "Compare without telling"), _wrong),
    ("other-secret", "A delivery that is signed with another secret is refused.", _HMAC, _other_secret),
    ("empty-key", "A delivery that is signed with an empty key is refused.",
     ("13_integrate_a_provider.ipynb", "It says no_match"), lambda bench: [forgeries.by_empty_key(bench.maker)]),
    ("tampered-body", "A body that was changed by one character is refused.", _HMAC, _tampered),
    ("tampered-id", "A signed id that was changed is refused.", ("04_signatures.ipynb", "Standard Webhooks"),
     lambda bench: [forgeries.with_other_id(bench.maker, bench.signed())]),
    ("tampered-time", "A signed time that was changed is refused.", _REPLAY,
     lambda bench: [forgeries.with_other_time(bench.maker, bench.signed())]),
    ("stale", "A delivery that was signed too long ago is refused.", _REPLAY, partial(_aged, "max_age", -1)),
    ("future", "A delivery that is signed for a later time is refused.", _REPLAY, partial(_aged, "max_ahead", 1)),
)  # fmt: skip
FORGED_FIRST = Check(
    "forged-first", "A forged delivery does not use up the id of the genuine one.", "refuses", SAFETY,
    ("06_duplicates_and_order.ipynb", "The whole receiver"), _forged_first,
)  # fmt: skip
REFUSES = (
    Check(
        "unsigned", "A delivery without a signature is refused.", "refuses", SAFETY,
        _HMAC, _unsigned, no_effect=True,
    ),
    *(
        Check(name, title, "refuses", SAFETY, lesson, partial(_refused, name, make), no_effect=True)
        for name, title, lesson, make in _CHECKS
    ),
)  # fmt: skip
