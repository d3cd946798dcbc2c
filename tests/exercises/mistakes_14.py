"""Wrong answers that people really give to the exercises of lesson 14: source, and words from the message it gets."""

from webhook_tutorial.exercises.lesson_14 import _CAUSES, _TIMES, EXERCISES

_SETTINGS = EXERCISES[0].solution


def _settings(old, new, count=1):
    assert _SETTINGS.count(old) == count, old
    return _SETTINGS.replace(old, new)


def _times(**changes):
    return f"times = {_TIMES | changes!r}"


def _causes(**changes):
    return f"causes = {_CAUSES | changes!r}"


MISTAKES = {
    "14.settings": (
        ("def settings(environ):\n    return environ['WEBHOOK_SECRET']", "With one good secret it returned '<new>'"),
        ("def settings(environ):\n    return [environ['WEBHOOK_SECRET']]", "With both secrets set"),
        (
            "def settings(environ):\n"
            "    return [environ[name] for name in ('WEBHOOK_SECRET', 'WEBHOOK_SECRET_OLD') if name in environ]",
            "With an empty WEBHOOK_SECRET_OLD",
        ),
        (_settings(".strip()", ""), "With a newline behind the secret"),
        (
            "def settings(environ):\n"
            "    secrets = [environ['WEBHOOK_SECRET'], environ.get('WEBHOOK_SECRET_OLD')]\n"
            "    return [secret.strip() for secret in secrets if secret]",
            "Where WEBHOOK_SECRET is not set, it raised KeyError",
        ),
        (
            "def settings(environ):\n"
            "    return [s for n in ('WEBHOOK_SECRET', 'WEBHOOK_SECRET_OLD') if (s := environ.get(n, '').strip())]",
            "Where WEBHOOK_SECRET is not set, it starts",
        ),
        (_settings(" or secret == \"whsec_put-your-own-secret-here\"", ""), "Where WEBHOOK_SECRET is the example, it starts"),
        (_settings("< 24", "< 20"), "Where WEBHOOK_SECRET has 23 characters, it starts"),
        (_settings("< 24", "< 99"), "With a good secret in WEBHOOK_SECRET, and nothing else set"),
        (_settings('f"{name} is not set: it is the provider\'s secret."', "1"), "Where WEBHOOK_SECRET is not set, it ended with 1"),
        (
            _settings("{name} is not set: it is", "A setting is missing: it is"),
            "Where WEBHOOK_SECRET is not set, the sentence does not name WEBHOOK_SECRET",
        ),
        (
            _settings("{name} is too short", "{name}={secret} is too short"),
            "Where WEBHOOK_SECRET is the example, the sentence holds",
        ),
        (
            _settings("{name} is too short", "WEBHOOK_SECRET is too short"),
            "Where WEBHOOK_SECRET_OLD has 5 characters, the sentence does not name",
        ),
    ),
    "14.times": (
        ("times = [5, 6, 5, 15]", "Keep the four names"),
        (_times(finish="5 s"), "finish is '5 s'"),
        (_times(proxy_read_timeout=1), "The proxy gives up after 1 s"),
        (_times(proxy_read_timeout=60), "After 10 s the sender has hung up"),
        (_times(keep_serving=1), "For 5 s the balancer"),
        (_times(finish=2), "What was accepted last"),
        (_times(kill_after=10), "SIGKILL comes after 10 s"),
        (_times(kill_after=90), "The platform allows 30 s"),
    ),
    "14.causes": (
        ("causes = {'A': 'body limit'}", "Keep the six letters"),
        (_causes(A="413"), "'413' is none of the causes"),
        (_causes(A="secret"), "A is not “secret”"),
        (_causes(B="database"), "B is not “database”"),
        (_causes(C="worker"), "C is not “worker”"),
        (_causes(D="secret"), "D is not “secret”"),
        (_causes(E="database"), "E is not “database”"),
        (_causes(F="slow answer"), "F is not “slow answer”"),
    ),
}  # fmt: skip
