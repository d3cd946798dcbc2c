"""Exercises of lesson 06: charge once whatever happens, apply in any order, find what was missed."""

import contextlib
import itertools
import os
import sqlite3
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor

from ..clock import SimulatedClock
from ..lab.server import serve
from ..scenes.shop import Shop
from .engine import Exercise, Wrong, call
from .mortal import Mortal, PowerCut

_TABLES = "CREATE TABLE seen (id TEXT PRIMARY KEY NOT NULL); CREATE TABLE charges (number INTEGER, amount INTEGER);"


def _order(number=7):
    return {"number": number, "amount": 4990}


class _Bank:
    """A database file with the exercise's tables."""

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._path = os.path.join(self._folder.name, "bank.db")
        db = sqlite3.connect(self._path)
        db.executescript(_TABLES)
        db.close()
        return self

    def __exit__(self, *_):
        self._folder.cleanup()

    def connect(self):
        return sqlite3.connect(self._path, timeout=5, factory=Mortal)

    def deliver(self, charge, number=7, id="evt_7", steps=None, both=None):
        """Run the handler on a connection of its own; what it has not committed is lost. Whether it survived."""
        db = self.connect()
        db.steps, db.looked = steps, both and (lambda: _meet(both))
        try:
            with contextlib.suppress(PowerCut):
                charge(db, id, _order(number))
            return not db.dead
        except Exception:
            if not db.dead:
                raise
            return False
        finally:
            db.close()

    def charges(self):
        with contextlib.closing(sqlite3.connect(self._path)) as db:
            return [row[0] for row in db.execute("SELECT number FROM charges ORDER BY number")]


def _meet(barrier):
    with contextlib.suppress(threading.BrokenBarrierError):
        barrier.wait()


def _test_idempotent(charge):
    _charges_once(charge)
    _leaves_nothing_open(charge)
    _survives_a_power_cut(charge)
    _bears_two_at_once(charge)


def _charges_once(charge):
    with _Bank() as bank:
        bank.deliver(charge)
        if bank.charges() == []:
            raise Wrong("One delivery came, and no charge is in the table afterwards. Was it committed?")
        bank.deliver(charge)
        if len(bank.charges()) > 1:
            raise Wrong("The same delivery came twice, and the card was charged twice.")
        bank.deliver(charge, 8, "evt_8")
        bank.deliver(charge, 7, "evt_9")
        if bank.charges() != [7, 7, 8]:
            raise Wrong(
                f"Three different deliveries came, and the charges are for {bank.charges()}: the id decides, not the order."
            )


def _leaves_nothing_open(charge):
    with _Bank() as bank:
        with contextlib.closing(bank.connect()) as db:
            charge(db, "evt_7", _order())
            charge(db, "evt_7", _order())
            left_open = db.in_transaction
        if left_open:
            raise Wrong(
                "A duplicate left its transaction open, and the next writer would find the database locked: commit or undo it."
            )


def _survives_a_power_cut(charge):
    for steps in range(40):
        with _Bank() as bank:
            survived = bank.deliver(charge, steps=steps)
            bank.deliver(charge)
            if bank.charges() == []:
                raise Wrong(
                    f"A power cut before step {steps + 1}, then the delivery once more: it was never charged. The id was kept without the charge."
                )
            if len(bank.charges()) > 1:
                raise Wrong(
                    f"A power cut before step {steps + 1}, then the delivery once more: charged twice. The charge was kept without the id."
                )
        if survived:
            break


def _bears_two_at_once(charge):
    with _Bank() as bank:
        both = threading.Barrier(2, timeout=0.3)

        def one(_):
            try:
                bank.deliver(charge, both=both)
            except Exception as error:
                return error

        with ThreadPoolExecutor(2) as pool:
            failures = [error for error in pool.map(one, range(2)) if error]
        if len(bank.charges()) > 1:
            raise Wrong("Both deliveries came at the same moment, both looked before either wrote: charged twice.")
        if failures:
            raise Wrong(
                f"Two deliveries at the same moment made one raise {type(failures[0]).__name__} ({failures[0]}). A duplicate "
                "is no error; and whoever looks before it writes needs the lock from the start: BEGIN IMMEDIATE."
            )


_HISTORY = [
    {"number": 7, "version": version, "status": status}
    for version, status in zip((1, 2, 9, 10), ("placed", "paid", "packed", "delivered"), strict=True)
]


def _test_order(apply):
    orders = {}
    for change in _HISTORY:
        apply(orders, dict(change))
    if orders.get(7, {}).get("status") != "delivered":
        raise Wrong(f"In order, the order ends as {orders.get(7)}; its status should be 'delivered'.")
    for changes in itertools.permutations(_HISTORY):
        orders = {}
        try:
            for change in (*changes, *changes[:2]):
                apply(orders, dict(change))
        except Exception as error:
            story = ", ".join(str(change["version"]) for change in changes)
            raise Wrong(
                f"It raised {type(error).__name__} when the versions came as {story}: an update may come first."
            ) from None
        status = orders.get(7, {}).get("status")
        if status != "delivered":
            story = ", ".join(str(change["version"]) for change in (*changes, *changes[:2]))
            raise Wrong(f"The versions came as {story}, and the order ends as {status!r} instead of 'delivered'.")
    orders = {}
    apply(orders, {"number": 7, "version": 10, "status": "delivered"})
    apply(orders, {"number": 8, "version": 1, "status": "placed"})
    if orders.get(8, {}).get("status") != "placed":
        raise Wrong("Order 8 was not taken in, because order 7 had a higher version: versions belong to one order.")


def _test_missed(missed):
    shop = Shop(SimulatedClock(), rate_limit=1_000)
    for _ in range(230):
        shop.place_order()
    with serve(shop.app, name="exercise shop") as server:

        def numbers(seen):
            try:
                found = call(missed, server.url, set(seen))
            except KeyError:
                answer = server.traffic[-1] if server.traffic else None
                if answer and not answer.ok:
                    raise Wrong(f"The shop answered {answer.status}: {answer.response_body.decode()}") from None
                raise
            if not isinstance(found, (list, tuple, set)):
                raise Wrong(f"missed must return a list of order numbers, and it returned {type(found).__name__}.")
            if any(not isinstance(number, int) for number in found):
                raise Wrong("Return the numbers of the orders, not the orders themselves.")
            return sorted(found)

        everything = set(range(1, 231))
        if numbers(everything) != []:
            raise Wrong("Every order was seen, and missed still found some.")
        if not server.traffic:
            raise Wrong("You never asked the shop. The set alone cannot say what is missing at its end.")
        gaps = [4, 150, 229, 230]
        found = numbers(everything - set(gaps))
        if found and min(found) > 100:
            raise Wrong(
                f"Orders 4, 150, 229 and 230 were missed, and you found {found}: ask since 0, not for the newest only."
            )
        if found and max(found) < 200:
            raise Wrong(f"Orders 4, 150, 229 and 230 were missed, and you found {found}: ask on while there is 'more'.")
        if found != gaps:
            raise Wrong(f"Orders 4, 150, 229 and 230 were missed, and you found {found}.")
        if numbers(set()) != sorted(everything):
            raise Wrong("Nothing had been seen, and not every order was found, once each.")


EXERCISES = [
    Exercise(
        name="06.idempotent",
        test=_test_idempotent,
        hints=(
            "The id is a primary key: the database itself refuses the second one. Which statement says so without raising?",
            'db.execute("INSERT INTO seen VALUES (?) ON CONFLICT(id) DO NOTHING", (id,)).rowcount is 1 the first time and 0 after.',
            "Both inserts belong in one transaction: `with db:` commits at its end, or undoes both.",
        ),
        solution='''
def charge_once(db, id, order):
    with db:
        new = db.execute("INSERT INTO seen VALUES (?) ON CONFLICT(id) DO NOTHING", (id,)).rowcount
        if new:
            db.execute("INSERT INTO charges VALUES (?, ?)", (order["number"], order["amount"]))
''',
        answer="charge_once",
        praise="Twice, at once, or with the power cut at any step: the card is charged once.",
    ),
    Exercise(
        name="06.order",
        test=_test_order,
        hints=(
            "What do you know of the order already, and is the change newer than that?",
            'orders.get(change["number"]) is None for an order you have not met: any version is newer than that.',
        ),
        solution='''
def apply(orders, change):
    known = orders.get(change["number"])
    if known is None or change["version"] > known["version"]:
        orders[change["number"]] = change
''',
        answer="apply",
        praise="Twenty-four orders of arrival, duplicates among them, and always the same end.",
    ),
    Exercise(
        name="06.missed",
        test=_test_missed,
        hints=(
            "Lesson 01 has the loop: ask since 0, and go on while the answer says that there is more.",
            "Of each page keep the numbers that are not in seen.",
        ),
        solution='''
import requests

def missed(url, seen):
    since, more, found = 0, True, []
    while more:
        page = requests.get(url + "/orders", params={"since": since, "limit": 100}).json()
        found += [order["number"] for order in page["orders"] if order["number"] not in seen]
        since = page["orders"][-1]["number"] if page["orders"] else since
        more = page["more"]
    return found
''',
        answer="missed",
        praise="The poll found what the webhooks missed, and nothing else.",
    ),
]  # fmt: skip
