"""What kombu's transports need: a URL that is known, patterns spelled out, a connection that is let go for good."""

import itertools
from contextlib import suppress
from urllib.parse import urlsplit

#: The environment variable that says where the broker is: ``amqp://guest:guest@127.0.0.1:5672//``, say.
VARIABLE = "WEBHOOK_TUTORIAL_BROKER"

SCHEMES = {"amqp": "amqp", "amqps": "amqps", "pyamqp": "amqp", "memory": "memory", "sqla+sqlite": "sqla+sqlite"}


class BrokerError(ConnectionError):
    """There is no broker that can be used; the message says where it was looked for, and what to do."""


def known(url):
    """A URL with its scheme as we know it."""
    scheme, colon, rest = url.partition("://")
    if not colon or scheme.lower() not in SCHEMES:
        raise BrokerError(
            f"The URL of a broker begins with amqp:// or amqps://, not with {scheme[:20]!r}; see {VARIABLE}."
        )
    try:
        _ = urlsplit(url).port
    except ValueError:
        raise BrokerError(
            "The URL of a broker has no port that is a number. In a user's name or a password, / # ? and @ are written "
            f"as %2F %23 %3F and %40; see {VARIABLE}."
        ) from None
    return f"{SCHEMES[scheme.lower()]}://{rest}"


def end(connection, url, broken=False):
    """Close a connection, whatever state it was left in; of a file, its session too."""
    with suppress(Exception):
        if url.startswith("sqla") and connection.connected:
            channel = connection.default_channel
            for one in (channel, *connection.connection.channels):
                if one._session is not None:
                    one._session.invalidate()
            for engine, _ in channel._engines.values():
                engine.dispose()  # or its file stays open
            channel._engines.clear()  # or a file that was removed meanwhile has no tables
        elif broken:
            connection.connection.collect()  # else the broker is asked to agree, over a line that is of no use
    connection.release()


def spelled_out(wish):
    """The patterns that an embedded transport needs for one: to kombu ``#`` stands for one word at the least."""
    words = wish.split(".")
    if len(words) == 1:
        return {wish}
    kept = itertools.product(*([[word], []] if word == "#" else [[word]] for word in words))
    return {".".join(itertools.chain(*parts)) for parts in kept} - {""}
