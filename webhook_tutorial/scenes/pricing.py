"""Dynamic pricing: prices follow demand. A burst of orders must not make them swing."""

from itertools import pairwise

from .scene import Scene

BASE = 400  # cents
LOWEST, HIGHEST = 320, 480
PAUSE = 10  # minutes

_BEFORE = tuple(range(0, 60, 12))
_BURST = tuple(60 + n / 10 for n in range(30))
_AFTER = tuple(range(72, 193, 12))


def _broken(play):
    prices = sorted((row["minute"], row["cents"]) for row in play.tables["prices"])
    cents = [price for _, price in prices]
    changes = [minute for (_, before), (minute, price) in pairwise(prices) if price != before]
    hasty = sum(b - a < PAUSE for a, b in pairwise(changes))
    wrong = []
    if max(cents) > HIGHEST or min(cents) < LOWEST:
        wrong.append(f"It was {min(cents) / 100:.2f} to {max(cents) / 100:.2f}.")
    if hasty:
        wrong.append(f"It changed {hasty} times within {PAUSE} minutes of the change before.")
    in_the_burst = [price for minute, price in prices if minute <= 100][-1]
    if not wrong and in_the_burst <= BASE:
        wrong.append(f"After the burst it was {in_the_burst / 100:.2f}: it did not follow the demand.")
    if not wrong and cents[-1] != BASE:
        wrong.append(f"The burst is long over, and it is {cents[-1] / 100:.2f}.")
    return " ".join(wrong)


SCENE = Scene(
    sender="shop",
    receiver="pricing",
    events=tuple((minute, "order_placed", {"item": "tea"}) for minute in (*_BEFORE, *_BURST, *_AFTER)),
    twice=(8,),
    tables=(
        "CREATE TABLE orders (minute REAL)",
        "CREATE TABLE prices (minute REAL, cents INTEGER)",
        "INSERT INTO orders VALUES (-60), (-48), (-36), (-24), (-12)",
        f"INSERT INTO prices VALUES (-60, {BASE})",
    ),
    promise=f"The price follows demand, from {LOWEST / 100:.2f} to {HIGHEST / 100:.2f}, and rests {PAUSE} minutes.",
    broken=_broken,
)
