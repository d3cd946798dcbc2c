"""Measure what three relays bring where receivers are slow, and that none of them takes what is another's.

    python benchmarks/relays.py

A function in BENCHMARKS yields rows as in run.py: what was measured, the figure, and what to hold it against.
"""

import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from webhook_tutorial import Database, Outbox, Policy, SystemClock, make_event  # noqa: E402

EVENTS = 3_000
ANSWER = 0.005  # seconds that a receiver takes
LEASE = 600
TARGET = 2


def relays():
    """The time that one relay and three take for the same events; each claims for longer than all of it takes."""
    took = {}
    for number in (1, 3):
        took[number], told = relayed(number)
        twice = sum(times - 1 for times in told.values())
        yield (
            f"{number} relay{'s' if number > 1 else ''}, {EVENTS:,} events",
            f"{took[number]:.1f} s",
            f"{twice} told twice",
        )
        assert len(told) == EVENTS and not twice, "within its lease an event is one relay's"
    ratio = took[1] / took[3]
    verdict = "met" if ratio >= TARGET else "MISSED"
    yield (
        "three relays against one",
        f"{ratio:.2f} x",
        f"an answer takes {ANSWER * 1000:.0f} ms, target >= {TARGET}: {verdict}",
    )


def relayed(number):
    """Seconds that so many relays take, each with a connection of its own, and how often each event was told."""
    told = Counter()

    def deliver(event):
        time.sleep(ANSWER)
        told[event["id"]] += 1

    def relay(path):
        database = Database(path)
        Outbox(database, SystemClock()).relay(deliver, Policy(()), LEASE)
        database.close()

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "shop.db"
        database = Database(path)
        outbox = Outbox(database, SystemClock())
        with database.transaction():
            for order in range(EVENTS):
                outbox.add(make_event("order_placed", {}, id=f"evt_{order}"), aggregate=f"order {order // 3}")
        threads = [threading.Thread(target=relay, args=(path,)) for _ in range(number)]
        begun = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = time.perf_counter() - begun
        database.close()
    return took, told


BENCHMARKS = (relays,)

if __name__ == "__main__":
    for what, figure, compared in relays():
        print(f"  {what:<38} {figure:>10}   {compared}", flush=True)
