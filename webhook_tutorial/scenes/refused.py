"""Four deliveries that a receiver has refused, each for one reason. For an exercise of lesson 13."""

import json
from dataclasses import dataclass

from ..clock import START, SimulatedClock
from ..signing import GITHUB, SLACK, STANDARD_WEBHOOKS, STRIPE, Dialect, sign

#: Reasons that a delivery may be refused for. Four of them are those of `REFUSED`.
REASONS = {
    "parsed": "the body was parsed and written again",
    "newline": "the secret has a newline at its end",
    "other secret": "the secret is that of another endpoint",
    "decoded": "the secret was used whole where it should be decoded, or the other way round",
    "clock": "the receiver's clock is off",
    "header": "the signature is looked for in another header",
    "encoding": "hex was taken for base64, or the other way round",
    "character set": "the body was read in another character set and written again",
}


@dataclass(frozen=True)
class Refused:
    """A delivery as it arrived, and what the receiver verified it with.

    Attributes:
        body: Bytes, as the receiver had them in its hand.
        headers: A dictionary.
        secret: What the receiver takes for its secret: an example.
        dialect: The `Dialect` of the provider.
        clock: The receiver's clock.
    """

    body: bytes
    headers: dict
    secret: str
    dialect: Dialect
    clock: SimulatedClock

    def __repr__(self):
        lines = [self.dialect.name, *(f"  {name}: {value}" for name, value in self.headers.items())]
        return "\n".join(
            [*lines, f"  body: {self.body!r}", f"  secret: {self.secret!r}", f"  clock: {self.clock.now():.0f}"]
        )


def _example(word):
    return "whsec_" + word * 2


_ORDER = '{"event_type": "order_placed", "data": {"number": 7, "customer": "Zoë", "price": 4.50}}'.encode()
_TEXT = "example-of-a-secret-never-use-it"


def _make():
    first = _example("RXhhbXBsZSBvbmx5")
    signed = sign(_ORDER, first, STANDARD_WEBHOOKS, id="msg_1", timestamp=START)
    yield "A", Refused(json.dumps(json.loads(_ORDER)).encode(), signed, first, STANDARD_WEBHOOKS, SimulatedClock())
    signed = sign(_ORDER, _TEXT, GITHUB)
    yield "B", Refused(_ORDER, signed, _TEXT + "\n", GITHUB, SimulatedClock())
    signed = sign(_ORDER, _TEXT, SLACK, timestamp=START)
    yield "C", Refused(_ORDER, signed, _TEXT, SLACK, SimulatedClock(START + 3600))
    signed = sign(_ORDER, _TEXT, STRIPE, timestamp=START)
    yield "D", Refused(_ORDER.decode().encode("latin-1"), signed, _TEXT, STRIPE, SimulatedClock())


#: Four deliveries by a letter.
REFUSED = dict(_make())
