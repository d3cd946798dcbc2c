"""Wrong answers that people really give to the exercises of lesson 05: source, and words from the message it gets."""

from webhook_tutorial.exercises.lesson_05 import _ANSWERS

MISTAKES = {
    "05.backoff": (
        ("def backoff(failed, chance):\n    return chance * min(60, 2 ** failed)", "After the first failure the wait is at most 1 s"),
        ("def backoff(failed, chance):\n    return chance * min(60, 10 * failed)", "After the first failure, with chance 1"),
        ("def backoff(failed, chance):\n    return chance * min(60, failed)", "After the fourth failure"),
        ("def backoff(failed, chance):\n    return chance * 2 ** (failed - 1)", "After ten failures the wait is"),
        ("def backoff(failed, chance):\n    return chance * min(60, 2.0 ** (failed - 1))", "After 5,000 failures it raised OverflowError"),
        ("def backoff(failed, chance):\n    return min(60, 2 ** (failed - 1))", "With chance 0 the wait is 0"),
        ("def backoff(failed, chance):\n    return chance ** 2 * min(60, 2 ** (failed - 1))", "Half a chance of 8 s"),
        ("def backoff(failed, chance):\n    return min(60, chance * 2 ** (failed - 1))", "After ten failures, half a chance"),
        ("def backoff(failed, chance):\n    return round(chance * min(60, 2 ** (failed - 1)))", "Half a chance of 1 s"),
        ("def backoff(failed, chance):\n    print(failed)", "backoff(1, 1.0) returned None"),
    ),
    "05.answers": tuple(
        ("answers = " + repr({a: word for a, (word, _) in _ANSWERS.items()} | wrong), words)
        for wrong, words in (
            ({"400": "retry"}, "400 is not 'retry'"),
            ({"401": "refused"}, "401 is not 'refused'"),
            ({"404": "gone"}, "404 is not 'gone'"),
            ({"410": "refused"}, "410 is not 'refused'"),
            ({"302": "retry"}, "302 is not 'retry'"),
            ({"202": "retry"}, "202 is not 'retry'"),
            ({"500": "refused"}, "500 is not 'refused'"),
            ({"no answer": "given up"}, "For no answer: use"),
            ({"429": "wait"}, "For 429: use"),
            ({"999": "delivered"}, "Keep the twelve lines"),
        )
    ),
    "05.wait": (
        ('def seconds_to_wait(headers, now):\n    return int(headers["Retry-After"])', "It raised KeyError for no Retry-After"),
        ('def seconds_to_wait(headers, now):\n    return int(headers.get("Retry-After", 0))', "It raised ValueError for a date 90"),
        ('def seconds_to_wait(headers, now):\n    return headers.get("Retry-After", 0)', "It returned '30' for seconds"),
        ('def seconds_to_wait(headers, now):\n    t = headers.get("Retry-After", "0")\n    return int(t) if t.isdigit() else 0',
         "For a date 90 seconds ahead"),
        ('from email.utils import parsedate_to_datetime\ndef seconds_to_wait(headers, now):\n'
         '    t = headers.get("Retry-After", "0")\n    if t.isdigit(): return int(t)\n'
         '    return parsedate_to_datetime(t).timestamp() - now', "For a date that has passed"),
        ('from email.utils import parsedate_to_datetime\ndef seconds_to_wait(headers, now):\n'
         '    t = headers.get("Retry-After", "0")\n    if t.isdigit(): return int(t)\n'
         '    return max(0, parsedate_to_datetime(t).timestamp() - now)', "For a wait of thirty years"),
        ('from email.utils import parsedate_to_datetime\ndef seconds_to_wait(headers, now):\n'
         '    t = headers.get("Retry-After", "0")\n    if t.isdigit(): return min(86_400, int(t))\n'
         '    return min(86_400, max(0, parsedate_to_datetime(t).timestamp() - now))', "It raised ValueError for a negative"),
    ),
}  # fmt: skip
