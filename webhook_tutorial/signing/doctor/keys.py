"""What is done to a secret, or how a key is made of it otherwise, undone."""

import re

from .. import dialects as known
from ..methods import _DECODE, _ENCODE, _key
from .case import Family, variant

_PREFIX = re.compile("[A-Za-z0-9]{2,8}_")
_QUOTES = "\"'`“”‘’"
_LINE = re.compile(r"\s*(?:export\s+)?[A-Za-z_][A-Za-z0-9_]*\s*[=:]\s*(.+)", re.DOTALL)

#: A shorter key is never guessed: a stranger could guess it too, sign with it, and have us say that it is right.
SHORTEST = 16
_EVERY = known.DIALECTS + known.MORE_DIALECTS
_SYMMETRIC = tuple({d.key_prefix for d in _EVERY if d.method != "ed25519" and d.key_prefix})
_PUBLIC = tuple({d.key_prefix for d in _EVERY if d.method == "ed25519" and d.key_prefix})


def is_safe(case, guess):
    """Whether no stranger knows the key that a guess verifies with.

    What fits is told as the cause, and whoever believes that takes the key from then on. A public key is known to
    everybody, and so are short or empty texts, and what is left of a secret when most of it is dropped.
    """
    if guess.dialect.method == "ed25519":
        return True  # nobody can sign with what is public
    if case.dialect.method == "ed25519" and not all(secret.startswith(_SYMMETRIC) for secret in guess.secret):
        return False
    given = {text for texts in (case.secret, *case.others.values()) for text in texts}
    given |= {bare(text) for text in given}
    return all(_is_safe(secret, guess.dialect, case.dialect, given) for secret in guess.secret)


def _is_safe(secret, dialect, given_dialect, given):
    prefix = dialect.key_prefix
    if secret.startswith(_PUBLIC):
        return False
    as_it_is = (dialect.key, prefix) in (("text", ""), (given_dialect.key, given_dialect.key_prefix))
    if secret in given and as_it_is:
        return True
    try:
        key = _key(secret, dialect.key, prefix)
    except ValueError:
        return True  # nothing verifies with it
    return len(key) >= SHORTEST and _keeps_most(secret[len(prefix) :], secret)


def _keeps_most(text, secret):
    return 2 * len(text) >= len(secret)


def bare(secret):
    """A secret without what stands around it: white space, quotes, and a newline that somebody wrote out."""
    text = None
    while text != secret:
        text, secret = secret, secret.strip().strip(_QUOTES).removesuffix("\\n").removesuffix("\\r")
    return text


def _other_secrets(case):
    for secret in case.others.values():
        yield "another", {"secret": secret}


def _secret_texts(case):
    for secret in case.secret:
        if len(case.secret) > 1:
            yield "secret-unreadable", {"secret": (secret,)}
        for name, text in _mended_text(secret, case.dialect):
            if text != secret and _keeps_most(text, bare(secret)):
                yield name, {"secret": (text,)}


def _mended_text(secret, dialect):
    """Yield what a secret was before something happened to its text."""
    prefix = dialect.key_prefix
    bare = secret.strip()
    yield "secret-space", bare
    yield "secret-space", "".join(secret.split())
    while bare != bare.strip(_QUOTES):
        bare = bare.strip(_QUOTES).strip()
        yield "secret-quotes", bare
    for end in ("\\r\\n", "\\n"):
        if bare.endswith(end):
            yield "secret-backslash-n", bare.removesuffix(end)
    if line := _LINE.fullmatch(secret):
        yield "secret-line", line[1].strip().strip(_QUOTES)
    if re.match("v[0-9]a?,", secret):
        yield "secret-version", secret.partition(",")[2]
    if prefix and not secret.startswith(prefix):
        yield "prefix-missing", prefix + secret
    if (dialect.key, prefix) == ("text", "") and not _PREFIX.match(bare):
        # Stripe's secrets begin like those of Standard Webhooks, and are used whole.
        yield from (("prefix-missing", whole + bare) for whole in _SYMMETRIC)
    doubled = _PREFIX.match(secret)
    if doubled and secret.startswith(doubled[0] * 2):
        yield "prefix-doubled", secret[doubled.end() :]
    if dialect.key == "base64":
        text = secret.removeprefix(prefix)
        yield "plus-lost", prefix + text.replace(" ", "+")
        text = text.translate(str.maketrans("-_", "+/")).rstrip("=")
        yield "secret-urlsafe", prefix + text + "=" * (-len(text) % 4)


def _key_readings(case):
    """The key is made of the secret in another way than the dialect says."""
    dialect = case.dialect
    first = _PREFIX.match(case.secret[0])
    prefixes = dict.fromkeys(["", dialect.key_prefix, first[0] if first else ""])
    for key, name in (("text", "secret-whole"), ("base64", "secret-base64"), ("hex", "secret-hex")):
        for prefix in prefixes:
            if key == "text" and prefix:
                name = "secret-without-prefix"
            if (key, prefix) != (dialect.key, dialect.key_prefix):
                other = variant(dialect, key=key, key_prefix=prefix)
                yield from [(name, {"dialect": other})] if other else []


def _private_keys(case):
    """For ed25519: the private key was handed over, which its owner alone should have."""
    dialect = case.dialect
    if dialect.method != "ed25519":
        return
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    for secret in case.secret:
        marked = bool(dialect.private_prefix) and secret.startswith(dialect.private_prefix)
        try:
            seed = _DECODE[dialect.key](secret.removeprefix(dialect.private_prefix if marked else dialect.key_prefix))
        except ValueError:
            continue
        if len(seed) not in (32, 64):
            continue
        public = Ed25519PrivateKey.from_private_bytes(seed[:32]).public_key().public_bytes_raw()
        # 32 bytes look like a public key, and anybody can sign with a public key taken for a private one.
        if seed[32:] == public or (marked and len(seed) == 32):
            yield "private-key", {"secret": (dialect.key_prefix + _ENCODE[dialect.key](public),)}


SECRET_FAMILIES = (
    Family("secret", _other_secrets),
    Family("secret", _secret_texts),
    Family("secret", _key_readings),
    Family("secret", _private_keys),
)
