"""Exercises of lesson 10: an order and its event or neither, a claim with a lease, and a clean-up that loses nothing."""

import contextlib
import json
import os
import sqlite3
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor

from .engine import Exercise, Wrong
from .mortal import Mortal, PowerCut


class _File:
    """A database file with some tables."""

    def __init__(self, tables):
        self._tables = tables

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._path = os.path.join(self._folder.name, "shop.db")
        with contextlib.closing(sqlite3.connect(self._path)) as db:
            db.execute("PRAGMA journal_mode = WAL")  # others can write while somebody reads
            db.executescript(self._tables)
        return self

    def __exit__(self, *_):
        self._folder.cleanup()

    def ask(self, sql, *values):
        with contextlib.closing(sqlite3.connect(self._path, timeout=0.1)) as db, db:
            return db.execute(sql, values).fetchall()

    @contextlib.contextmanager
    def connect(self, steps=None, looked=None):
        """A connection for the learner; what it has not committed is lost at the end."""
        db = sqlite3.connect(self._path, timeout=5, factory=Mortal)
        db.steps, db.looked = steps, looked
        try:
            yield db
        finally:
            db.close()


# --- place_order --------------------------------------------------------------------------------------------

_SHOP = """
    CREATE TABLE orders (number INTEGER PRIMARY KEY, amount INTEGER NOT NULL);
    CREATE TABLE outbox (id TEXT PRIMARY KEY NOT NULL, body TEXT NOT NULL);
"""


def _order(number):
    return {"number": number, "amount": 4990}


def _event(number, id=None):
    return {"id": id or f"evt_{number}", "event_type": "order_placed", "data": _order(number)}


def _test_place_order(place_order):
    _both_are_there(place_order)
    _what_is_refused_leaves_nothing(place_order)
    _a_power_cut_leaves_both_or_none(place_order)


def _both_are_there(place_order):
    with _File(_SHOP) as shop:
        with shop.connect() as db:
            place_order(db, _order(7), _event(7))
        orders, events = shop.ask("SELECT * FROM orders"), shop.ask("SELECT * FROM outbox")
        if not orders and not events:
            raise Wrong("An order was placed, and afterwards neither it nor its event is there. Was it committed?")
        if orders != [(7, 4990)]:
            raise Wrong(f"Order 7 over 4990 was placed, and in orders there is {orders}.")
        if not events:
            raise Wrong("The order is saved, and no event: nobody will be told.")
        (id, body) = events[0]
        try:
            right = (id, json.loads(body)) == ("evt_7", _event(7))
        except (ValueError, TypeError):
            right = False
        if not right:
            raise Wrong(f"The outbox holds {events[0]}: it should be the event's id, and the event as JSON.")


def _what_is_refused_leaves_nothing(place_order):
    for what, number, id in (("number", 7, "evt_8"), ("event's id", 8, "evt_7")):
        with _File(_SHOP) as shop:
            shop.ask("INSERT INTO orders VALUES (7, 1)")
            shop.ask("INSERT INTO outbox VALUES ('evt_7', '{}')")
            with shop.connect() as db:
                try:
                    place_order(db, _order(number), _event(number, id))
                except sqlite3.IntegrityError:
                    pass
                else:
                    raise Wrong(
                        f"The {what} was taken, and place_order raised nothing: its caller believes that the order is placed."
                    )
                left_open = db.in_transaction
            orders, events = shop.ask("SELECT * FROM orders"), shop.ask("SELECT * FROM outbox")
            if left_open:
                raise Wrong(
                    f"The {what} was taken, and a transaction was left open: the next writer finds the database locked."
                )
            if (orders, events) != ([(7, 1)], [("evt_7", "{}")]):
                raise Wrong(
                    f"The {what} was taken, and half of it is there: {len(orders)} orders, {len(events)} events."
                )


def _a_power_cut_leaves_both_or_none(place_order):
    for steps in range(40):
        with _File(_SHOP) as shop:
            with shop.connect(steps) as db:
                try:
                    place_order(db, _order(7), _event(7))
                except PowerCut:
                    pass
                except Exception:
                    if not db.dead:
                        raise
                survived = not db.dead
            orders, events = len(shop.ask("SELECT * FROM orders")), len(shop.ask("SELECT * FROM outbox"))
        if orders > events:
            raise Wrong(f"A power cut before step {steps + 1}: the order is saved without its event. Nobody is told.")
        if events > orders:
            raise Wrong(
                f"A power cut before step {steps + 1}: the event is saved without its order. Billing charges for nothing."
            )
        if survived:
            break


# --- claim --------------------------------------------------------------------------------------------------

_MAILS = """
    CREATE TABLE mails (
        turn INTEGER PRIMARY KEY, address TEXT NOT NULL, due REAL NOT NULL DEFAULT 0,
        tries INTEGER NOT NULL DEFAULT 0, sent INTEGER NOT NULL DEFAULT 0
    );
    INSERT INTO mails (address) VALUES ('ada@example.com'), ('bob@example.com'), ('eve@example.com');
"""
_NAMES = ("ada@example.com", "bob@example.com", "eve@example.com")


def _claims(mails, claim, now, lease=60, looked=None):
    """Claim on a connection of its own; None, or the three values."""
    with mails.connect(looked=looked) as db:
        got = claim(db, now, lease)
        if got is None and db.in_transaction:
            raise Wrong("There was nothing to claim, and a transaction was left open: commit or undo it.")
    if got is not None and not (isinstance(got, (tuple, list, sqlite3.Row)) and len(tuple(got)) == 3):
        raise Wrong(f"claim returned {got!r}: it is (turn, address, tries), or None.")
    return got and tuple(got)


def _test_claim(claim):
    _one_is_claimed(claim)
    _until_its_lease_is_over(claim)
    _in_the_right_order(claim)
    _five_times(claim)
    _by_two_at_once(claim)


def _one_is_claimed(claim):
    with _File(_MAILS) as mails:
        got = _claims(mails, claim, 1000)
        if got is None:
            raise Wrong("Three mails wait, and claim returned None.")
        found = mails.ask("SELECT turn, due, tries FROM mails ORDER BY turn")
        if [row[0] for row in found] != [1, 2, 3]:
            raise Wrong("A mail that was claimed is gone from the table: whoever dies takes it along.")
        if found == [(1, 0, 0), (2, 0, 0), (3, 0, 0)]:
            raise Wrong("A mail was claimed, and in the table nothing has changed. Was it committed?")
        if found[1:] != [(2, 0, 0), (3, 0, 0)]:
            raise Wrong("One claim, and more than the first mail has changed: claim a single one, the lowest turn.")
        if found[0][1] != 1060:
            raise Wrong(f"Claimed at 1000 for 60 seconds, it is due at {found[0][1]}: it should be 1060.")
        if found[0][2] != 1:
            raise Wrong(f"It was claimed once, and tries is {found[0][2]}: a claim counts as a try.")
        if got != (1, _NAMES[0], 1):
            raise Wrong(
                f"The first mail was claimed for the first time, and claim returned {got}: {(1, _NAMES[0], 1)}."
            )


def _until_its_lease_is_over(claim):
    with _File(_MAILS) as mails:
        got = [_claims(mails, claim, 1000) for _ in range(4)]
        if got != [(1, _NAMES[0], 1), (2, _NAMES[1], 1), (3, _NAMES[2], 1), None]:
            raise Wrong(f"Three mails, four claims at the same time, and they returned {got}: each once, then None.")
        if got := _claims(mails, claim, 1059):
            raise Wrong(f"The leases last until 1060, and at 1059 somebody else got {got}.")
        if _claims(mails, claim, 1060) is None:
            raise Wrong("The leases ended at 1060, whoever had them is dead, and at 1060 nobody gets a mail.")
        mails.ask("UPDATE mails SET sent = 1")
        if got := _claims(mails, claim, 9000):
            raise Wrong(f"All mails are sent, and somebody got {got}: it would be sent twice.")


def _in_the_right_order(claim):
    with _File(_MAILS) as mails:
        mails.ask("UPDATE mails SET tries = 2, due = 10 WHERE turn = 1")
        mails.ask("UPDATE mails SET tries = 1, due = 20 WHERE turn = 2")
        mails.ask("UPDATE mails SET tries = 1, due = 5 WHERE turn = 3")
        got = [_claims(mails, claim, 100) for _ in range(3)]
        if got != [(2, _NAMES[1], 2), (3, _NAMES[2], 2), (1, _NAMES[0], 3)]:
            raise Wrong(
                f"The mails 1, 2, 3 had 2, 1, 1 tries, and they were claimed as {[row and row[0] for row in got]}: "
                "the fewest tries first, then the lowest turn. What fails again and again shall hold up nobody."
            )


def _five_times(claim):
    with _File(_MAILS) as mails:
        mails.ask("DELETE FROM mails WHERE turn > 1")
        tries = [got and got[2] for got in (_claims(mails, claim, 60 * n) for n in range(6))]
        if tries != [1, 2, 3, 4, 5, None]:
            raise Wrong(
                f"A mail kills its worker each time, and was claimed as its try {tries}: five times, then never."
            )


def _by_two_at_once(claim):
    with _File(_MAILS) as mails:
        both = threading.Barrier(2, timeout=0.3)

        def meet():
            with contextlib.suppress(threading.BrokenBarrierError):
                both.wait()

        def one(_):
            try:
                return _claims(mails, claim, 1000, looked=meet)
            except sqlite3.OperationalError as error:
                return error

        with ThreadPoolExecutor(2) as pool:
            got = list(pool.map(one, range(2)))
    for result in got:
        if isinstance(result, sqlite3.OperationalError):
            raise Wrong(
                f"Two claimed at the same moment, and one raised OperationalError ({result}): whoever looks before it "
                "writes needs the lock from the start, BEGIN IMMEDIATE. Or make it one statement."
            )
    if None in got:
        raise Wrong("Two claimed at the same moment, and one went away with nothing, though another mail was free.")
    if got[0][0] == got[1][0]:
        raise Wrong("Two claimed at the same moment, both looked before either wrote, and both got the same mail.")


# --- clean --------------------------------------------------------------------------------------------------

_OUTBOX = """
    CREATE TABLE outbox (turn INTEGER PRIMARY KEY, id TEXT NOT NULL, state TEXT NOT NULL, ended REAL);
    INSERT INTO outbox (id, state, ended) VALUES
        ('done at 50', 'done', 50), ('put back', 'waiting', 10), ('new', 'waiting', NULL), ('broken', 'set aside', 20),
        ('done at 100', 'done', 100), ('done at 99.5', 'done', 99.5), ('done at 200', 'done', 200);
"""


def _test_clean(clean):
    _removes_what_is_done(clean)
    _while_others_put_back(clean)


def _removes_what_is_done(clean):
    with _File(_OUTBOX) as shop:
        with shop.connect() as db:
            db.execute("UPDATE outbox SET id = id")  # rows that it changes before are none that clean removes
            db.commit()
            removed = clean(db, 100)
        left = [id for (id,) in shop.ask("SELECT id FROM outbox")]
        if len(left) == 7:
            raise Wrong("Two rows were done before 100, and nothing is gone. Was it committed?")
        for id, why in {
            "put back": "has been done, and was put back: it waits once more",
            "new": "waits",
            "broken": "is set aside, and somebody will want to see why",
            "done at 200": "was done at 200",
            "done at 100": "was done at 100, and not earlier",
        }.items():
            if id not in left:
                raise Wrong(f"Of what was done earlier than 100, and a row is gone that {why}.")
        if len(left) > 5:
            raise Wrong(f"Two rows were done before 100, at 50 and at 99.5, and left are: {', '.join(left)}.")
        if removed != 2:
            raise Wrong(f"Two rows are gone, and clean returned {removed!r}: return how many.")
        with shop.connect() as db:
            if (removed := clean(db, 100)) != 0:
                raise Wrong(f"There was nothing left to remove, and clean returned {removed!r}.")
            if db.in_transaction:
                raise Wrong("There was nothing to remove, and a transaction was left open: commit or undo it.")


def _while_others_put_back(clean):
    waits_again = []
    with _File(_OUTBOX) as shop:

        def put_back():
            with contextlib.suppress(sqlite3.OperationalError):  # locked: then nobody comes in between
                sql = "UPDATE outbox SET state = 'waiting' WHERE turn = 1 AND state = 'done' RETURNING id"
                waits_again.extend(shop.ask(sql))

        with shop.connect(looked=put_back) as db:
            try:
                removed = clean(db, 100)
            except sqlite3.OperationalError as error:
                raise Wrong(
                    f"Between a look and what came after it somebody else wrote, and it raised OperationalError ({error}): "
                    "make it one statement."
                ) from None
        left = [id for (id,) in shop.ask("SELECT id FROM outbox")]
    if waits_again and "done at 50" not in left:
        raise Wrong(
            "You looked, then somebody put a row back, to be told once more, and then you removed it: DELETE itself has to "
            "look at the state."
        )
    if removed != 7 - len(left):
        raise Wrong(
            f"While somebody put a row back, {7 - len(left)} was removed, and clean returned {removed!r}: the rowcount of "
            "DELETE knows."
        )


EXERCISES = [
    Exercise(
        name="10.place_order",
        test=_test_place_order,
        hints=(
            "Both INSERTs belong in one transaction. In sqlite3, `with db:` commits at its end, or undoes both and raises on.",
            'db.execute("INSERT INTO outbox VALUES (?, ?)", (event["id"], json.dumps(event)))',
            "No OR IGNORE: what is refused has to be heard of.",
        ),
        solution='''
import json

def place_order(db, order, event):
    with db:
        db.execute("INSERT INTO orders VALUES (?, ?)", (order["number"], order["amount"]))
        db.execute("INSERT INTO outbox VALUES (?, ?)", (event["id"], json.dumps(event)))
''',
        answer="place_order",
        praise="With the power cut at any step: order and event, or neither.",
    ),
    Exercise(
        name="10.claim",
        test=_test_claim,
        hints=(
            "claim_next in the lesson is nearly it: another order, a limit, another thing to return.",
            "WHERE turn = (SELECT turn FROM mails WHERE NOT sent AND due <= ? AND tries < 5 ORDER BY tries, turn LIMIT 1)",
            "RETURNING turn, address, tries gives the row as it is after the UPDATE. fetchone(), within `with db:`.",
        ),
        solution='''
def claim(db, now, lease):
    with db:
        return db.execute("""
            UPDATE mails SET due = :now + :lease, tries = tries + 1
            WHERE turn = (
                SELECT turn FROM mails WHERE NOT sent AND due <= :now AND tries < 5 ORDER BY tries, turn LIMIT 1
            )
            RETURNING turn, address, tries
        """, {"now": now, "lease": lease}).fetchone()
''',
        answer="claim",
        praise="One at a time, never two, never for ever: and a worker may die wherever it likes.",
    ),
    Exercise(
        name="10.clean",
        test=_test_clean,
        hints=(
            "Only one of the three states may go, and `ended < before` alone would take others with it.",
            "One DELETE with both conditions: nobody can come between its look and its work.",
            "rowcount says how many; `with db:` commits.",
        ),
        solution='''
def clean(db, before):
    with db:
        return db.execute("DELETE FROM outbox WHERE state = 'done' AND ended < ?", (before,)).rowcount
''',
        answer="clean",
        praise="What is done is gone, and what waits, failed or was put back is there.",
    ),
]  # fmt: skip
