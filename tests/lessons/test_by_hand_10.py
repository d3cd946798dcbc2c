"""What lesson 10 writes by hand does what the package does: claims, marks, and a relay with an order."""

import json
import random
import sqlite3
import types
from contextlib import closing

import pytest
from cells import define

from webhook_tutorial import Database, Outbox, Policy, SimulatedClock, make_event


@pytest.fixture
def lesson():
    """The lesson's tables, claim, mark and relays, telling a list."""
    names = define(
        "10",
        {},
        "folder = TemporaryDirectory()",
        "OUTBOX = ",
        "def save_with_event",
        "def save(db, event)",
        "def relay(db, step)",
        "LEASES = ",
        "def claim_next(",
        "def mark(",
        "def careful_relay(",
        "def add(db, name, aggregate)",
        "def three_relays(free)",
        "IN_ORDER = FREE",
    )
    names |= {"told": [], "step": lambda name: None}
    names["tell"] = lambda event: names["told"].append(event["id"])
    yield types.SimpleNamespace(**names)
    names["folder"].cleanup()


@pytest.mark.parametrize("seed", range(8))
def test_claims_and_marks_agree_whatever_happens(lesson, seed, tmp_path):
    """Adding, claiming and marking at random, in time and late: the same claims, the same words on each mark."""
    chance, clock = random.Random(seed), SimulatedClock()
    seen = {"claimed": 0, "nothing": 0, "too late": 0, "marked": 0}
    with closing(sqlite3.connect(lesson.new_database(lesson.LEASES))) as db, closing(Database(tmp_path / "db")) as shop:
        outbox, held = Outbox(shop, clock), []
        for number in range(150):
            what = chance.choice(("add", "claim", "claim", "mark", "later"))
            if what == "add":
                name, aggregate = f"evt_{number}", f"order {chance.randrange(4)}"
                lesson.add(db, name, aggregate)
                with shop.transaction():
                    outbox.add({"id": name}, aggregate)
            elif what == "claim":
                # All that is free: the package takes first what is due for longest, the lesson what is oldest.
                lease, by_hand = chance.choice((10, 60)), {}
                while row := lesson.claim_next(db, clock.now(), lease, lesson.IN_ORDER):
                    by_hand[json.loads(row[2])] = row[:2]
                claims = {claim.id: claim for claim in outbox.claim(lease, limit=9)}
                assert set(by_hand) == set(claims)
                held += [(by_hand[id], claims[id]) for id in claims]
                seen["claimed" if claims else "nothing"] += 1
            elif what == "mark" and held:
                (turn, tries), claim = held.pop(chance.randrange(len(held)))
                ours = outbox.done(claim)
                assert lesson.mark(db, turn, tries) == ours
                seen["marked" if ours else "too late"] += 1
            else:
                clock.sleep(chance.choice((1, 10, 60)))
    assert min(seen.values()) > 0, seen


def test_a_claim_of_what_is_done_is_not_marked_twice_by_another(lesson):
    with closing(sqlite3.connect(lesson.new_database(lesson.LEASES))) as db:
        lesson.add(db, "evt_1", "order 1")
        turn, first, _ = lesson.claim_next(db, 0, 60)
        _, second, _ = lesson.claim_next(db, 60, 60)
        assert lesson.mark(db, turn, second) and not lesson.mark(db, turn, first)
        assert lesson.claim_next(db, 9_000, 60) is None


def test_the_relays_tell_what_the_packages_tells(lesson, tmp_path):
    events = [make_event("order_placed", {"number": n, "amount": 1}, id=f"evt_{n}") for n in range(20)]
    for relay, tables in (lesson.relay, lesson.OUTBOX), (lesson.careful_relay, lesson.LEASES):
        lesson.told.clear()
        with closing(sqlite3.connect(lesson.new_database(tables))) as db:
            for event in events:
                lesson.save_with_event(db, event)
            for _ in range(2):
                relay(db, lambda name: None)
            assert db.execute("SELECT count(*) FROM orders").fetchone() == (20,)
        by_hand = list(lesson.told)
        lesson.told.clear()
        with closing(Database(tmp_path / f"{relay.__name__}.db")) as shop:
            outbox = Outbox(shop, SimulatedClock())
            with shop.transaction():
                for event in events:
                    outbox.add(event)
            outbox.relay(lesson.tell, Policy(()), lease=60)
        assert by_hand == lesson.told == [event["id"] for event in events]
