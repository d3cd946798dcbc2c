"""Exercises of lesson 14: a start that fails in words, times that fit together, and signs read from outside."""

import re

from .engine import Exercise, Wrong

# --- settings -----------------------------------------------------------------------------------------------

_NEW, _OLD = "whsec_" + "bmV3IGV4YW1wbGUg" * 2, "whsec_" + "b2xkIGV4YW1wbGUg" * 2
_EXAMPLE = "whsec_put-your-own-secret-here"


def _test_settings(settings):
    if (got := _start(settings, WEBHOOK_SECRET=_NEW)) != [_NEW]:
        raise Wrong(f"With one good secret it returned {_hide(got)}; it should be ['<new>'], a list of that text.")
    if (got := _start(settings, WEBHOOK_SECRET=_NEW, WEBHOOK_SECRET_OLD=_OLD)) != [_NEW, _OLD]:
        raise Wrong(
            f"With both secrets set it returned {_hide(got)}; it should be ['<new>', '<old>'], the new one first."
        )
    if (got := _start(settings, WEBHOOK_SECRET=_NEW, WEBHOOK_SECRET_OLD="")) != [_NEW]:
        raise Wrong(
            f"With an empty WEBHOOK_SECRET_OLD it returned {_hide(got)}: a list of the new one. "
            "An empty secret is a key that everybody has."
        )
    if (got := _start(settings, WEBHOOK_SECRET=_NEW + "\n")) != [_NEW]:
        raise Wrong(f"With a newline behind the secret it returned {_hide(got)}: take white space at the ends off.")
    for words, wrong in (
        ("is not set", {}),
        ("is empty", {"WEBHOOK_SECRET": ""}),
        ("is a newline", {"WEBHOOK_SECRET": "\n"}),
        ("is the example", {"WEBHOOK_SECRET": _EXAMPLE}),
        ("has 23 characters", {"WEBHOOK_SECRET": "x" * 23}),
    ):
        _test_refusal(settings, f"WEBHOOK_SECRET {words}", "WEBHOOK_SECRET", wrong)
    _test_refusal(
        settings,
        "WEBHOOK_SECRET_OLD has 5 characters",
        "WEBHOOK_SECRET_OLD",
        {"WEBHOOK_SECRET": _NEW, "WEBHOOK_SECRET_OLD": "xyzzy"},
    )


def _start(settings, **environ):
    try:
        return settings(environ)
    except SystemExit:
        raise Wrong(
            f"With a good secret in {' and in '.join(environ)}, and nothing else set, it does not start."
        ) from None


def _hide(got):
    """What was returned, with the secrets as words: a message is no place for one, not even here."""
    return repr(got).replace(_NEW, "<new>").replace(_OLD, "<old>")


def _test_refusal(settings, what, name, environ):
    try:
        settings(dict(environ))
    except SystemExit as end:
        said = end.code
    except Exception as error:
        raise Wrong(
            f"Where {what}, it raised {type(error).__name__}. Whoever starts it at three in the morning needs a sentence."
        ) from None
    else:
        raise Wrong(f"Where {what}, it starts all the same.")
    if not isinstance(said, str) or len(said.split()) < 3:
        raise Wrong(f"Where {what}, it ended with {said!r}: SystemExit takes a sentence.")
    if any(len(value) > 4 and value in said for value in environ.values()):
        raise Wrong(f"Where {what}, the sentence holds the secret: it goes to a log that many read.")
    if name not in re.findall(r"\w+", said):
        raise Wrong(f"Where {what}, the sentence does not name {name}.")


# --- times --------------------------------------------------------------------------------------------------

_TIMES = {"proxy_read_timeout": 5, "keep_serving": 6, "finish": 5, "kill_after": 15}


def _test_times(times):
    if not isinstance(times, dict) or set(times) != set(_TIMES):
        raise Wrong("Keep the four names as they are, and write a number of seconds behind each.")
    for name, given in times.items():
        if isinstance(given, bool) or not isinstance(given, (int, float)) or not 0 < given < 3600:
            raise Wrong(f"{name} is {given!r}: a number of seconds.")
    proxy, serving, finish, kill = (times[name] for name in _TIMES)
    if proxy <= 4:
        raise Wrong(
            f"The proxy gives up after {proxy} s, and your slowest answer takes 4: a 504, although the event was taken."
        )
    if proxy >= 10:
        raise Wrong(f"After 10 s the sender has hung up: a proxy that waits for {proxy} s no longer helps anybody.")
    if serving < 5:
        raise Wrong(
            f"For 5 s the balancer goes on sending, and after {serving} nobody accepts: connections are refused."
        )
    if finish < 4:
        raise Wrong(f"What was accepted last may take 4 s, and is cut off after {finish}.")
    if kill <= serving + finish:
        raise Wrong(
            f"SIGKILL comes after {kill} s, and serving on and finishing may take {serving + finish}: it has to come later."
        )
    if kill > 30:
        raise Wrong(f"The platform allows 30 s before SIGKILL, and not {kill}.")


# --- causes -------------------------------------------------------------------------------------------------

_REASONS = (
    "address", "body limit", "clock", "cut at the stop", "database", "secret", "slow answer", "slow clients", "worker",
)  # fmt: skip
_CAUSES = {
    "A": "body limit",
    "B": "slow answer",
    "C": "cut at the stop",
    "D": "address",
    "E": "worker",
    "F": "slow clients",
}
_LOOK = {
    "A": "The receiver's log has no line, so somebody before it has answered. And only a large one was refused.",
    "B": "A 504 is a proxy's word for its patience. And the order came twice because the first was booked.",
    "C": "It happens at each deployment, and only then.",
    "D": "One provider is refused and another is not, since the proxy came. What does the one sign?",
    "E": "Deliveries are accepted and stored. Who does the work?",
    "F": "Nothing is busy, and nobody is answered: what does each thread wait for?",
}


def _test_causes(causes):
    if not isinstance(causes, dict) or set(causes) != set(_CAUSES):
        raise Wrong("Keep the six letters, and write a cause behind each.")
    causes = {letter: given.strip().lower() if isinstance(given, str) else given for letter, given in causes.items()}
    for given in causes.values():
        if given not in _REASONS:
            raise Wrong(f"{given!r} is none of the causes: {', '.join(_REASONS)}.")
    for letter, right in _CAUSES.items():
        if causes[letter] != right:
            raise Wrong(f"{letter} is not “{causes[letter]}”. {_LOOK[letter]}")


EXERCISES = [
    Exercise(
        name="14.settings",
        test=_test_settings,
        hints=(
            "environ.get(name, \"\").strip() is a text in every case: empty where nothing is set.",
            "A loop over the two names checks both by the same lines; only the old one may be empty.",
            'raise SystemExit(f"{name} is too short: …") ends the program with that sentence, and exit code 1.',
        ),
        solution='''
def settings(environ):
    secrets = []
    for name in ("WEBHOOK_SECRET", "WEBHOOK_SECRET_OLD"):
        secret = environ.get(name, "").strip()
        if not secret and name == "WEBHOOK_SECRET_OLD":
            continue
        if not secret:
            raise SystemExit(f"{name} is not set: it is the provider's secret.")
        if len(secret) < 24 or secret == "whsec_put-your-own-secret-here":
            raise SystemExit(f"{name} is too short, or still the example: copy the provider's secret.")
        secrets.append(secret)
    return secrets
''',
        answer="settings",
        praise="It starts with what it needs, or says in a sentence what is missing. No delivery finds out first.",
    ),
    Exercise(
        name="14.times",
        test=_test_times,
        hints=(
            "Begin inside: the slowest answer. The proxy waits longer than that, and the sender longer than the proxy.",
            "At a stop: first the balancer learns of it, then what was accepted is finished, and only then comes SIGKILL.",
        ),
        solution="times = {\n" + "".join(f'    "{name}": {right!r},\n' for name, right in _TIMES.items()) + "}",
        answer="times",
        praise="Each outer wait is longer than the inner one, and SIGKILL finds nobody at work.",
    ),
    Exercise(
        name="14.causes",
        test=_test_causes,
        hints=(
            "Ask first who has answered: the receiver, something before it, or nobody.",
            "Three of the nine causes are not needed.",
        ),
        solution="causes = {\n" + "".join(f'    "{name}": {right!r},\n' for name, right in _CAUSES.items()) + "}",
        answer="causes",
        praise="Six symptoms, six causes, and the receiver's own log alone names none of them.",
    ),
]  # fmt: skip
