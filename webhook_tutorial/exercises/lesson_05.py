"""Exercises of lesson 05: a backoff, twelve answers, and a receiver that asks to be left alone."""

import time
from datetime import UTC, datetime
from email.utils import format_datetime

from requests.structures import CaseInsensitiveDict

from ..clock import START
from .engine import Exercise, Wrong


def _test_backoff(backoff):
    def wait(failed, chance=1.0):
        try:
            seconds = backoff(failed, chance)
        except OverflowError:
            raise Wrong(
                f"After {failed:,} failures it raised OverflowError: take the cap before the power grows too big."
            ) from None
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
            raise Wrong(f"backoff({failed}, {chance}) returned {seconds!r}: return a number of seconds.")
        return seconds

    if wait(1) == 2:
        raise Wrong("After the first failure the wait is at most 1 s, and yours is 2: the power begins at failed - 1.")
    if wait(1) != 1:
        raise Wrong(f"After the first failure, with chance 1, the wait is 1 s, and yours is {wait(1)}.")
    if wait(4) != 8:
        raise Wrong(
            f"After the fourth failure, with chance 1, the wait is 8 s, and yours is {wait(4)}: it doubles each time."
        )
    if wait(10) > 60:
        raise Wrong(f"After ten failures the wait is {wait(10)} s: no wait may be above 60.")
    if wait(4, 0.0) != 0:
        raise Wrong(
            f"With chance 0 the wait is 0, and yours is {wait(4, 0.0)}: full jitter takes all of the wait by chance."
        )
    if wait(4, 0.5) != 4:
        raise Wrong(f"Half a chance of 8 s is 4 s, and yours is {wait(4, 0.5)}.")
    if wait(1, 0.5) != 0.5:
        raise Wrong(f"Half a chance of 1 s is 0.5 s, and yours is {wait(1, 0.5)}: a wait need not be a whole number.")
    if wait(10, 0.5) != 30:
        raise Wrong(
            f"After ten failures, half a chance of 60 s is 30 s, and yours is {wait(10, 0.5)}: first the cap, then the chance."
        )
    if wait(5_000) != 60:
        raise Wrong(f"After 5,000 failures the wait is at most 60 s, and yours is {wait(5_000)}.")


_ANSWERS = {
    "200": ("delivered", "any 2xx means that the receiver has it"),
    "202": ("delivered", "accepted is what a receiver says that works later"),
    "302": ("refused", "this address sends every request away, until the sender changes the address"),
    "400": ("refused", "the receiver cannot read this event, and will not be able to read it tomorrow"),
    "401": ("retry", "a secret is wrong just now, and the receiver can mend that"),
    "404": ("retry", "a route is missing just now, as during a deployment, and the receiver can mend that"),
    "410": ("gone", "410 says that the endpoint has gone for good"),
    "413": ("refused", "the event will be as large tomorrow"),
    "429": ("retry", "it asks you to come later"),
    "500": ("retry", "a bug or a crash, and the receiver can mend both"),
    "503": ("retry", "it says itself that it will be back"),
    "no answer": ("retry", "you do not know whether it arrived, so it has to be sent again"),
}


def _test_answers(answers):
    if not isinstance(answers, dict) or set(answers) != set(_ANSWERS):
        raise Wrong("Keep the twelve lines as they are, and fill in the word after each colon.")
    for answer, (right, why) in _ANSWERS.items():
        given = str(answers[answer]).strip().lower()
        if given not in ("delivered", "retry", "refused", "gone"):
            raise Wrong(f'For {answer}: use "delivered", "retry", "refused" or "gone", not {answers[answer]!r}.')
        if given != right:
            raise Wrong(f"{answer} is not {given!r}: {why}.")


def _date(seconds):
    return format_datetime(datetime.fromtimestamp(START + seconds, UTC), usegmt=True)


def _asctime(seconds):
    """The oldest of HTTP's three forms of a date; it names no zone and is in UTC (RFC 9110, section 5.6.7)."""
    return time.asctime(time.gmtime(START + seconds))


def _test_wait(seconds_to_wait):
    cases = (
        ({}, 0, "no Retry-After at all"),
        ({"Retry-After": "30"}, 30, "seconds"),
        ({"Retry-After": _date(90)}, 90, "a date 90 seconds ahead"),
        ({"Retry-After": _date(-90)}, 0, "a date that has passed"),
        ({"Retry-After": _asctime(90)}, 90, "the oldest form of a date, which names no zone and is in UTC"),
        ({"Retry-After": "999999999"}, 86_400, "a wait of thirty years"),
        ({"Retry-After": _date(10_000_000)}, 86_400, "a date four months ahead"),
        ({"Retry-After": "-5"}, 0, "a negative number"),
        ({"Retry-After": "soon"}, 0, "a word"),
        ({"Retry-After": ""}, 0, "an empty header"),
        ({"Retry-After": "inf"}, 0, "the word inf, which float() takes for a number"),
        ({"Retry-After": "²"}, 0, "a raised 2, which isdigit() takes and int() does not"),
        ({"Retry-After": "9" * 5_000}, 86_400, "a number of 5,000 digits"),
    )
    for headers, right, what in cases:
        try:
            got = seconds_to_wait(CaseInsensitiveDict(headers), START)
        except Exception as error:
            raise Wrong(
                f"It raised {type(error).__name__} for {what}: {headers}. A receiver must not be able to stop you."
            ) from None
        if isinstance(got, bool) or not isinstance(got, (int, float)):
            raise Wrong(f"It returned {got!r} for {what}: return a number of seconds, a text is none.")
        if got != right:
            raise Wrong(f"For {what} the wait is {right} s, and yours is {got}.")


EXERCISES = [
    Exercise(
        name="05.backoff",
        test=_test_backoff,
        hints=(
            "Double for each failure, then take the smaller of that and 60, then take a part of it by chance.",
            "chance * min(60, 2 ** (failed - 1)), with whole numbers in the power, so that it cannot overflow.",
        ),
        solution='''
def backoff(failed, chance):
    return chance * min(60, 2 ** (failed - 1))
''',
        answer="backoff",
        praise="It doubles, it is capped, it spreads, and no number of failures breaks it.",
    ),
    Exercise(
        name="05.answers",
        test=_test_answers,
        hints=(
            "Ask of each: is the same request likely to get another answer later?",
            "400 and 413 are about the bytes, 302 is about the address: both are the sender's. 401 and 404 the receiver can mend.",
        ),
        solution="answers = {\n" + "".join(f'    "{a}": "{word}",\n' for a, (word, _) in _ANSWERS.items()) + "}\n",
        answer="answers",
        praise="Twelve answers, and for each you know whether waiting can help.",
    ),
    Exercise(
        name="05.wait",
        test=_test_wait,
        hints=(
            "Three kinds: digits, a date, and everything else. text.isascii() and text.isdigit() finds the first.",
            "email.utils.parsedate_to_datetime reads the date, and raises ValueError or TypeError where there is none.",
            "A date that names no zone has tzinfo None, and timestamp() takes it for local time: date.replace(tzinfo=UTC).",
            "min(max(0, seconds), 86_400) keeps the result within bounds.",
        ),
        solution='''
from datetime import UTC
from email.utils import parsedate_to_datetime

def seconds_to_wait(headers, now):
    text = headers.get("Retry-After", "")
    if text.isascii() and text.isdigit():
        seconds = int(text[:9])            # enough for the bound, and int() refuses thousands of digits
    else:
        try:
            date = parsedate_to_datetime(text)
            seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now
        except (ValueError, TypeError):
            seconds = 0
    return min(max(0, seconds), 86_400)
''',
        answer="seconds_to_wait",
        praise="Seconds, dates and nonsense are read, and nobody can put you off for longer than a day.",
    ),
]  # fmt: skip
