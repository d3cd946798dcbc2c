"""What is done to a secret, or how a key is made of it otherwise, undone."""

import re

from ..methods import _DECODE, _ENCODE
from .case import Family, variant

_PREFIX = re.compile("[A-Za-z0-9]{2,8}_")
_QUOTES = "\"'`“”‘’"
_LINE = re.compile(r"\s*(?:export\s+)?[A-Za-z_][A-Za-z0-9_]*\s*[=:]\s*(.+)", re.DOTALL)


def _other_secrets(case):
    for secret in case.others.values():
        yield "another", {"secret": secret}


def _secret_texts(case):
    for secret in case.secret:
        if len(case.secret) > 1:
            yield "secret-unreadable", {"secret": (secret,)}
        for name, text in _mended_text(secret, case.dialect):
            if text != secret:
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
        try:
            text = secret.removeprefix(dialect.private_prefix).removeprefix(dialect.key_prefix)
            seed = _DECODE[dialect.key](text)
        except ValueError:
            continue
        if len(seed) in (32, 64):
            public = Ed25519PrivateKey.from_private_bytes(seed[:32]).public_key().public_bytes_raw()
            yield "private-key", {"secret": (dialect.key_prefix + _ENCODE[dialect.key](public),)}


SECRET_FAMILIES = (
    Family("secret", _other_secrets),
    Family("secret", _secret_texts),
    Family("secret", _key_readings),
    Family("secret", _private_keys),
)
