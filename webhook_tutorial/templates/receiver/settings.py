"""The settings, from the environment. What is wrong is told at the start, in one sentence, and never shows a secret."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import signature


class Wrong(Exception):
    """A setting is missing or cannot be right; the message says which, and what to do."""


@dataclass(frozen=True)
class Settings:
    """What both programs are told. Times are in seconds, sizes in bytes."""

    keys: tuple = field(repr=False)  # of the sender; the worker has none
    database: str
    host: str
    port: int
    metrics_host: str
    metrics_port: int
    largest_body: int
    lease: float  # longer than any handler takes, or a second worker begins the same event
    retry: float  # the first wait after a failure; it doubles each time
    tries: int
    keep_days: float  # longer than the sender goes on trying: an id that is forgotten is new
    show_effects: bool


def load(environ=os.environ, with_secret=True):
    """Return the `Settings`.

    Args:
        environ: Where they stand.
        with_secret: Whether the secret is needed. The worker does without: what it reads has been verified.

    Raises:
        Wrong: One of them cannot be right.
    """
    return Settings(
        keys=_keys(environ.get("WEBHOOK_SECRET", "")) if with_secret else (),
        # Beside this file: both programs find the same one, wherever they are started from.
        database=environ.get("DATABASE") or str(Path(__file__).with_name("inbox.db")),
        host=environ.get("HOST") or "127.0.0.1",
        port=_number(environ, "PORT", 8000, 0, 65535),
        metrics_host=environ.get("METRICS_HOST") or "127.0.0.1",
        metrics_port=_number(environ, "METRICS_PORT", 9464, 0, 65535),
        largest_body=_number(environ, "LARGEST_BODY", 1_048_576, 1, 100_000_000),
        lease=_number(environ, "LEASE", 60, 0.1, 86_400, float),
        retry=_number(environ, "RETRY", 10, 0.001, 86_400, float),
        tries=_number(environ, "TRIES", 8, 1, 100),
        keep_days=_number(environ, "KEEP_DAYS", 30, 1, 3650, float),
        show_effects=environ.get("SHOW_EFFECTS", "") == "yes",
    )


def _keys(text):
    """The keys of one secret or, while it is being changed, of several with commas between them."""
    secrets = text.replace(",", " ").split()
    if not secrets:
        raise Wrong("WEBHOOK_SECRET is missing: set it to the secret that the sender has given you (see README.md).")
    return tuple(_key(secret) for secret in secrets)


def _key(secret):
    try:
        key = signature.key(secret)
    except ValueError as error:
        raise Wrong(f"WEBHOOK_SECRET cannot be read: {error}.") from None
    if len(key) < signature.SHORTEST_KEY:
        raise Wrong(f"WEBHOOK_SECRET is too short: of {signature.SHORTEST_KEY} bytes, the least, it has {len(key)}.")
    if "example" in secret.lower() or b"example" in key.lower() or len(set(key)) < 8:
        raise Wrong("WEBHOOK_SECRET is an example, and everybody knows it: set the one that the sender has given you.")
    return key


def _number(environ, name, default, least, most, kind=int):
    try:  # what was typed is not repeated: it may be a secret in the wrong place
        value = kind(environ.get(name) or default)
    except ValueError:
        value = None
    if value is None or not least <= value <= most:
        raise Wrong(f"{name} must be a number from {least:,} to {most:,}.".replace(",", "_"))
    return value
