"""Exercises of lesson 09: observers that cannot stop each other, wishes of queues, and what a worker decides."""

import json
import re

from .engine import Exercise, Wrong


class _StopButton(KeyboardInterrupt):
    """What the kernel's stop button raises, in the middle of an observer."""


def _test_observers(notify):
    _all_are_told(notify)
    _one_leaves(notify)
    _the_stop_button_works(notify)


def _all_are_told(notify):
    told, event = [], {"id": "evt_1"}
    errors = [KeyError("amount"), RuntimeError("down")]

    def observer(name, error=None):
        def observe(given):
            told.append((name, given))
            if error:
                raise error

        return observe

    observers = [observer("a"), observer("b", errors[0]), observer("c"), observer("d", errors[1]), observer("e")]
    try:
        got = notify(observers, event)
    except Exception as error:
        raise Wrong(
            f"It raised {type(error).__name__}: whoever tells has nothing to do with an observer's bad day."
        ) from None
    names = [name for name, _ in told]
    if names != ["a", "b", "c", "d", "e"]:
        raise Wrong(
            f"Of five observers, a to e, the second and the fourth raise. Told were: {', '.join(names) or 'none'}."
        )
    if any(given is not event for _, given in told):
        raise Wrong("An observer was called with something other than the event.")
    if not isinstance(got, list):
        raise Wrong(f"Return a list of the exceptions, not {got!r}: else nobody learns of them.")
    if got != errors:
        raise Wrong(f"Two observers raised, {errors!r}, and you returned {got!r}: the exceptions themselves, in order.")
    if notify([], event) != []:
        raise Wrong("Where nobody observes, nothing goes wrong: return an empty list.")


def _one_leaves(notify):
    told, observers = [], []

    def once(event):
        told.append("once")
        observers.remove(once)

    observers += [once, lambda event: told.append("always")]
    notify(observers, {"id": "evt_2"})
    if told != ["once", "always"]:
        raise Wrong("The first observer removed itself, and the second was passed over: go through a copy of the list.")
    notify(observers, {"id": "evt_3"})
    if told != ["once", "always", "always"]:
        raise Wrong("An observer that had removed itself was told again.")


def _the_stop_button_works(notify):
    for error, what in ((_StopButton, "stop that cell"), (SystemExit, "end that program")):
        told, name = [], "KeyboardInterrupt" if error is _StopButton else "SystemExit"

        def ends(event, error=error):
            raise error

        try:
            notify([ends, told.append], {"id": "evt_4"})
        except error:
            if told:
                raise Wrong(f"A {name} came out only when all had been told: it is to end the loop at once.") from None
        else:
            raise Wrong(f"A {name} was caught: nobody could {what}. Catch Exception, which it is not.")


_KEYS = (
    "order", "order.placed", "order.placed.express", "order.delivery.failed", "orders.placed", "payment.received",
    "payment.failed", "payment.failed.twice", "payment.received.late", "refund.sent", "refund.failed", "failed",
    "user.signup", "user.signup.confirmed", "user", "user.failed", "superuser.signup", "user.deleted",
    "order.a.b.c", "a.b.c.failed", "order.received", "invoice.sent", "refund.sent.late", "x.payment.received",
)  # fmt: skip
_WISHES = {
    "accounting": {"payment.received", "refund.sent"},
    "warehouse": {
        "order",
        "order.placed",
        "order.placed.express",
        "order.delivery.failed",
        "order.a.b.c",
        "order.received",
    },
    "alarm": {"order.delivery.failed", "payment.failed", "refund.failed", "failed", "user.failed", "a.b.c.failed"},
    "signups": {"user.signup", "user.failed", "user.deleted"},
}


def matches(pattern, key):
    """Say whether a routing key matches a pattern, as AMQP 0-9-1 has it: ``*`` is one word, ``#`` none or more."""
    words = [{"*": r"\.[^.]+", "#": r"(?:\.[^.]+)*"}.get(word, r"\." + re.escape(word)) for word in pattern.split(".")]
    return re.fullmatch("".join(words), "." + key) is not None


def _test_keys(wishes):
    if not isinstance(wishes, dict) or set(wishes) != set(_WISHES):
        raise Wrong("Keep the four lines as they are, and fill in a list of patterns behind each colon.")
    for queue, wanted in _WISHES.items():
        patterns = wishes[queue]
        if isinstance(patterns, str):
            raise Wrong(f"What {queue} wishes for is a list of patterns, also if it is one: [{patterns!r}]")
        if not isinstance(patterns, (list, tuple, set)) or not all(isinstance(one, str) for one in patterns):
            raise Wrong(f"What {queue} wishes for is a list of texts.")
        got = {key for key in _KEYS if any(matches(pattern, key) for pattern in patterns)}
        for key in _KEYS:
            if key in got - wanted:
                raise Wrong(f"{queue} would get {key} as well, by {_culprit(patterns, key)!r}.")
            if key in wanted - got:
                raise Wrong(f"{queue} would not get {key}.{_about(patterns)}")


def _culprit(patterns, key):
    return next(pattern for pattern in patterns if matches(pattern, key))


def _about(patterns):
    odd = [
        pattern for pattern in patterns if any(set(word) & set("*#") and len(word) > 1 for word in pattern.split("."))
    ]
    return (
        f" In {odd[0]!r} a star or hash is a part of a word, and means nothing: each stands for whole words."
        if odd
        else ""
    )


def _test_dead(what_next):
    def ask(tries, error):
        got = what_next(tries, error)
        if got not in ("ack", "again", "dead"):
            raise Wrong(f"what_next({tries}, {error!r}) returned {got!r}: it is 'ack', 'again' or 'dead'.")
        return got

    for tries in (1, 3):
        if (got := ask(tries, None)) != "ack":
            raise Wrong(f"Nothing went wrong, at try {tries}, and you say {got!r}: the work is done.")
    for tries in (1, 2):
        if (got := ask(tries, ConnectionError("down"))) != "again":
            raise Wrong(f"A ConnectionError at try {tries} may pass, and you say {got!r}.")
    for tries in (3, 4):
        if (got := ask(tries, ConnectionError("down"))) != "dead":
            raise Wrong(f"It has failed {tries} times, and you say {got!r}: three tries in all.")
    if (got := ask(1, ValueError("no amount"))) != "dead":
        raise Wrong(f"A ValueError says that the event is wrong, as it will be next time, and you say {got!r}.")
    if (got := ask(2, ValueError("no amount"))) != "dead":
        raise Wrong(f"A ValueError at the second try says the same as at the first, and you say {got!r}.")
    for error in (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "broken"), json.JSONDecodeError("no", "", 0)):
        if ask(1, error) != "dead":
            raise Wrong(f"A {type(error).__name__} is a ValueError too: ask with isinstance, not for the class alone.")
    if (got := ask(1, KeyError())) != "again":
        raise Wrong(f"KeyError() is no ValueError, and at its first try you say {got!r}.")


EXERCISES = [
    Exercise(
        name="09.observers",
        test=_test_observers,
        hints=(
            "The try stands inside of the loop, around one call.",
            "for observer in list(observers): goes through a copy, whatever becomes of the list meanwhile.",
            "except Exception as error: errors.append(error). KeyboardInterrupt is no Exception and passes.",
        ),
        solution='''
def notify(observers, event):
    errors = []
    for observer in list(observers):
        try:
            observer(event)
        except Exception as error:
            errors.append(error)
    return errors
''',
        answer="notify",
        praise="Everybody is told, nobody stops the others, and whoever tells learns what went wrong.",
    ),
    Exercise(
        name="09.keys",
        test=_test_keys,
        hints=(
            "* is one word, # is any number of words, none included. What has no star is matched as it is.",
            "A queue may have several patterns: accounting needs two, and no star.",
            "'order.#' gets order too, and '#.failed' gets failed. Two words of which the first is user: 'user.*'.",
        ),
        solution='''
wishes = {
    "accounting": ["payment.received", "refund.sent"],
    "warehouse": ["order.#"],
    "alarm": ["#.failed"],
    "signups": ["user.*"],
}
''',
        answer="wishes",
        praise="Twenty-four keys, four queues, and each gets what it wishes for and nothing else.",
    ),
    Exercise(
        name="09.dead",
        test=_test_dead,
        hints=(
            "First ask whether there is an error at all, then whether another try can help.",
            "isinstance(error, ValueError) finds the classes below it as well. tries counts this time.",
        ),
        solution='''
def what_next(tries, error):
    if error is None:
        return "ack"
    if isinstance(error, ValueError) or tries >= 3:
        return "dead"
    return "again"
''',
        answer="what_next",
        praise="What is done is done, what may pass is tried again, and what cannot work stops nobody.",
    ),
]  # fmt: skip
