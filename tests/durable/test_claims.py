"""A table as a queue: claimed for a time, in order, by one at a time; and what a claim that is over may still do."""

import sqlite3
import threading

import pytest
from stores import images

from webhook_tutorial import Database, Inbox, Outbox, Policy, SimulatedClock, SystemClock, make_event
from webhook_tutorial.clock import START

NEVER_AGAIN = Policy(())


@pytest.fixture
def clock():
    return SimulatedClock()


@pytest.fixture
def db(tmp_path):
    database = Database(tmp_path / "shop.db")
    yield database
    database.close()


@pytest.fixture
def outbox(db, clock):
    return Outbox(db, clock)


@pytest.fixture
def inbox(db, clock):
    return Inbox(db, clock)


def add(outbox, *ids, aggregate=""):
    with outbox.database.transaction():
        return [outbox.add(make_event("order_placed", {}, id=id, timestamp=START), aggregate) for id in ids]


def ids(claims):
    return [claim.id for claim in claims]


# --- Claims -------------------------------------------------------------------------------------------------


def test_what_is_claimed_is_nobody_elses_until_the_lease_is_over(outbox, clock):
    add(outbox, "evt_1", "evt_2", "evt_3")
    assert ids(outbox.claim(60, limit=2)) == ["evt_1", "evt_2"]
    assert ids(outbox.claim(60, limit=2)) == ["evt_3"]
    assert outbox.claim(60) == [] and outbox.next_due() == START + 60
    clock.sleep(59.9)
    assert outbox.claim(60) == []
    clock.sleep(0.1)
    assert [(claim.id, claim.tries) for claim in outbox.claim(60, limit=9)] == [
        ("evt_1", 2),
        ("evt_2", 2),
        ("evt_3", 2),
    ]


@pytest.mark.parametrize("mark", ["done", "try_again", "set_aside"])
def test_a_claim_that_is_over_marks_nothing(outbox, clock, mark):
    add(outbox, "evt_1")
    arguments = [0] if mark == "try_again" else []
    [slow] = outbox.claim(60)
    clock.sleep(60)
    [quick] = outbox.claim(60)
    assert getattr(outbox, mark)(slow, *arguments) is False
    assert outbox.count()["waiting"] == 1 and outbox.next_due() == START + 120
    assert getattr(outbox, mark)(quick, *arguments) is True
    assert outbox.done(quick) is (mark == "try_again")


def test_a_lease_that_is_over_and_taken_by_nobody_is_still_ours(outbox, clock):
    add(outbox, "evt_1")
    [slow] = outbox.claim(60)
    clock.sleep(1000)
    assert outbox.done(slow) is True and outbox.count() == {"waiting": 0, "done": 1, "set aside": 0}


def test_of_an_aggregate_only_the_oldest_is_out(outbox, clock):
    add(outbox, "a1", "a2", aggregate="a")
    add(outbox, "b1", aggregate="b")
    add(outbox, "x1", "x2")
    first = outbox.claim(60, limit=9)
    assert ids(first) == ["a1", "b1", "x1", "x2"] and outbox.claim(60) == []
    a1 = first[0]
    assert outbox.try_again(a1, 5) and outbox.claim(60) == []  # a2 waits for a1 to be over, not for its lease
    assert outbox.next_due() == START + 5
    clock.sleep(5)
    [a1] = outbox.claim(60, limit=9)
    assert outbox.done(a1) and ids(outbox.claim(60)) == ["a2"]


def test_what_is_set_aside_holds_up_nobody_and_comes_in_its_place_when_it_is_put_back(outbox):
    add(outbox, "a1", "a2", "a3", aggregate="a")
    [a1] = outbox.claim(60)
    outbox.set_aside(a1, "it is broken")
    assert outbox.errors() == [("a1", "it is broken")]
    assert ids(outbox.claim(60)) == ["a2"]
    assert outbox.put_back() == 1 and outbox.put_back() == 0
    assert ids(outbox.claim(60)) == ["a1"]  # a2 is out already, and stays so; a3 waits for both


def test_what_is_put_back(inbox, clock):
    for number in range(1, 5):
        inbox.store(f"msg_{number}", b"{}")
        [claim] = inbox.claim(60)
        if number == 2:
            inbox.set_aside(claim)
        elif number < 4:
            inbox.done(claim)
        clock.sleep(100)
    assert inbox.put_back(id="msg_4") == 0  # it waits already
    assert inbox.put_back(id="nothing") == 0
    assert inbox.put_back(id="msg_1") == 1
    assert inbox.put_back(since=START + 101) == 1  # msg_3
    assert inbox.count() == {"waiting": 3, "done": 0, "set aside": 1}
    assert inbox.put_back() == 1
    assert [(claim.id, claim.tries) for claim in inbox.claim(60, limit=9)] == [
        (f"msg_{n}", 2 if n == 4 else 1) for n in (1, 2, 3, 4)
    ]


def test_what_is_removed_was_done_and_nothing_else(outbox, clock):
    add(outbox, "done", "waits", "aside", "late")
    done, waits, aside, late = outbox.claim(60, limit=9)
    outbox.done(done)
    outbox.set_aside(aside)
    outbox.try_again(waits, 0)
    clock.sleep(100)
    outbox.done(late)
    assert outbox.remove_done(before=START + 100) == 1
    assert outbox.count() == {"waiting": 1, "done": 1, "set aside": 1}
    assert outbox.remove_done(before=START + 1e9) == 1 and outbox.remove_done(before=START + 1e9) == 0
    assert add(outbox, "late") == [True] and add(outbox, "waits") == [False]


@pytest.mark.parametrize(
    "lease, limit", [(0, 1), (-1, 1), (float("nan"), 1), (60, 0), (1e-9, 1), (float("inf"), 1), (60, 1.5)]
)
def test_a_lease_that_is_none_is_refused(outbox, lease, limit):
    with pytest.raises(ValueError, match="A lease lasts more than 0 seconds"):
        outbox.claim(lease, limit)


def test_several_claim_at_the_same_moment_and_nothing_is_claimed_twice(tmp_path):
    path, n, start = tmp_path / "shop.db", 200, threading.Barrier(4)
    with_one = Database(path)
    add(Outbox(with_one, SystemClock()), *(f"evt_{number}" for number in range(n)))
    found, errors = [], []

    def claim_all():
        database = Database(path)
        try:
            outbox = Outbox(database, SystemClock())
            start.wait()
            while claims := outbox.claim(3600, limit=3):
                found.extend(ids(claims))
        except sqlite3.Error as error:
            errors.append(error)
        finally:
            database.close()

    threads = [threading.Thread(target=claim_all) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with_one.close()
    assert not errors and sorted(found) == sorted(f"evt_{number}" for number in range(n))


# --- The outbox ---------------------------------------------------------------------------------------------


def test_an_event_is_there_with_what_it_is_about_or_neither(outbox, db):
    db.execute("CREATE TABLE orders (number INTEGER)")
    event = make_event("order_placed", {"number": 7}, id="evt_7")
    with pytest.raises(ZeroDivisionError), db.transaction():
        db.execute("INSERT INTO orders VALUES (7)")
        outbox.add(event)
        raise ZeroDivisionError
    assert (db.execute("SELECT * FROM orders"), outbox.count()["waiting"]) == ([], 0)
    with db.transaction():
        db.execute("INSERT INTO orders VALUES (7)")
        assert outbox.add(event) is True and outbox.add(event) is False
    assert (len(db.execute("SELECT * FROM orders")), outbox.count()["waiting"]) == (1, 1)
    assert outbox.claim(60)[0].event == event


def test_outside_a_transaction_nothing_is_added(outbox, db):
    with pytest.raises(RuntimeError, match="within the transaction"):
        outbox.add(make_event("order_placed", {}, id="evt_1"))
    held, go_on = threading.Event(), threading.Event()

    def hold():
        with db.transaction():
            held.set()
            go_on.wait(5)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(5)
    threading.Timer(0.05, go_on.set).start()
    with pytest.raises(RuntimeError, match="within the transaction"):  # another thread's is not ours
        outbox.add(make_event("order_placed", {}, id="evt_1"))
    thread.join()
    assert outbox.count()["waiting"] == 0


def test_a_relay_tries_again_by_the_policy_and_then_sets_aside(outbox, clock):
    add(outbox, "a1", "a2", aggregate="a")
    seen = []

    def deliver(event):
        seen.append((event["id"], clock.now() - START))
        if event["id"] == "a1":
            raise ConnectionError("nobody is there \udcff\x1b[31m")

    assert outbox.relay(deliver, Policy((5, 60)), lease=30) == 1
    assert seen == [("a1", 0), ("a1", 5), ("a1", 65), ("a2", 65)]
    assert outbox.errors() == [("a1", "ConnectionError: nobody is there �␛[31m")]
    outbox.put_back()
    assert outbox.relay(lambda event: None, NEVER_AGAIN, lease=30) == 1
    assert outbox.count() == {"waiting": 0, "done": 2, "set aside": 0}


def test_jitter_is_the_policys(outbox, clock):
    add(outbox, "evt_1")
    seen = []
    outbox.relay(
        lambda event: [seen.append(clock.now() - START), 1 / 0], Policy((10,), jitter=1.0), 30, chance=lambda: 0.5
    )
    assert seen == [0, 5]


def test_nothing_is_locked_while_an_event_is_delivered(outbox, db, tmp_path):
    add(outbox, "evt_1")

    def deliver(event):
        other = sqlite3.connect(tmp_path / "shop.db", timeout=0)
        try:
            other.execute("BEGIN IMMEDIATE")
            other.rollback()
        finally:
            other.close()
        assert not db.in_transaction

    assert outbox.relay(deliver, NEVER_AGAIN, lease=60) == 1


def test_what_kills_its_relay_each_time_is_set_aside(outbox, clock):
    add(outbox, "deadly", "evt_2")

    class Killed(BaseException):
        pass

    def deliver(event):
        if event["id"] == "deadly":
            raise Killed

    for _ in range(3):
        with pytest.raises(Killed):
            outbox.relay(deliver, Policy((1, 1)), lease=60)
        clock.sleep(60)
    outbox.relay(deliver, Policy((1, 1)), lease=60)
    assert outbox.errors() == [("deadly", "Never ended, and begun as often as the policy allows: 3.")]
    assert outbox.count() == {"waiting": 0, "done": 1, "set aside": 1}


def test_a_relay_waits_for_more_until_its_time_is_over(outbox, clock):
    clock.call_at(START + 50, lambda: add(outbox, "evt_1"))
    clock.call_at(START + 150, lambda: add(outbox, "evt_2"))
    seen = []
    outbox.relay(lambda event: seen.append(clock.now() - START), NEVER_AGAIN, lease=10, until=START + 100)
    assert seen == [50] and clock.now() == START + 100
    assert outbox.relay(seen.append, NEVER_AGAIN, lease=10) == 0 and clock.now() == START + 100


def test_who_was_too_slow_is_not_counted(outbox, clock):
    add(outbox, "evt_1")

    def slow(event):
        clock.sleep(61)
        assert outbox.relay(lambda event: None, Policy((1,)), lease=60) == 1

    assert outbox.relay(slow, Policy((1,)), lease=60) == 0  # the one within has delivered it, and marked it
    assert outbox.count()["done"] == 1


# --- The inbox ----------------------------------------------------------------------------------------------


@pytest.fixture
def charges(db):
    db.execute("CREATE TABLE charges (number INTEGER)")
    return lambda: [row[0] for row in db.execute("SELECT number FROM charges ORDER BY rowid")]


def charge(db):
    return lambda event: db.execute("INSERT INTO charges VALUES (?)", event["number"])


def test_a_delivery_that_comes_again_is_kept_once_and_dealt_with_once(inbox, db, charges):
    assert [inbox.store("msg_7", b'{"number": 7}') for _ in range(3)] == [True, False, False]
    assert inbox.handle(charge(db), NEVER_AGAIN, lease=60) == 1
    assert inbox.store("msg_7", b'{"number": 7}') is False
    assert inbox.handle(charge(db), NEVER_AGAIN, lease=60) == 0 and charges() == [7]


def test_what_a_handler_did_before_it_failed_is_undone(inbox, db, charges):
    inbox.store("msg_7", b'{"number": 7}')

    def breaks(event):
        charge(db)(event)
        raise KeyError("amount")

    assert inbox.handle(breaks, Policy((1,)), lease=60) == 0
    assert charges() == [] and inbox.errors() == [("msg_7", "KeyError: 'amount'")]
    inbox.put_back()  # the bug is mended
    assert inbox.handle(charge(db), NEVER_AGAIN, lease=60) == 1 and charges() == [7]


def test_a_worker_that_was_too_slow_does_nothing(inbox, db, charges, clock):
    inbox.store("msg_7", b'{"number": 7}')
    [slow] = inbox.claim(60)
    clock.sleep(60)
    inbox.handle(charge(db), Policy((1,)), lease=60)
    with db.transaction():
        assert inbox.done(slow) is False
    assert charges() == [7]


def test_a_worker_that_lost_its_entry_before_it_began_does_not_call_its_handler(inbox, db, charges, clock):
    class Slow(Inbox):
        def claim(self, lease, limit=1):
            claims = super().claim(lease, limit)
            clock.sleep(lease)
            inbox.handle(charge(db), Policy((1,)), lease)
            return claims

    inbox.store("msg_7", b'{"number": 7}')
    assert Slow(db, clock).handle(charge(db), Policy((1,)), lease=60) == 0
    assert charges() == [7]


def test_what_was_set_aside_and_is_sent_again_begins_anew(inbox, db, charges):
    inbox.store("msg_7", b"no JSON")
    inbox.handle(charge(db), NEVER_AGAIN, lease=60)
    assert inbox.errors()[0][1].startswith("JSONDecodeError: ")
    assert inbox.store("msg_7", b"no JSON") is True and inbox.count()["waiting"] == 1


def test_after_a_death_at_any_statement_the_effect_comes_once(inbox, db, charges, tmp_path):
    """Of a delivery that is stored and dealt with: its sender, who may have heard nothing, sends it once more."""

    def deal():
        inbox.store("msg_7", b'{"number": 7}')
        inbox.handle(charge(db), Policy((1,)), lease=60)

    deaths = images(db, tmp_path / "shop.db", deal)
    assert len(deaths) > 8
    for path in deaths:
        database = Database(path)
        again = Inbox(database, SimulatedClock(START + 60))
        again.store("msg_7", b'{"number": 7}')
        again.handle(charge(database), Policy((1,)), lease=60)
        assert [row[0] for row in database.execute("SELECT number FROM charges")] == [7], path
        assert again.count() == {"waiting": 0, "done": 1, "set aside": 0}
        database.close()


def test_after_a_death_at_any_statement_of_a_relay_the_event_comes_at_least_once(outbox, db, tmp_path):
    add(outbox, "evt_7")
    seen, before = [], []

    def deliver(event):
        db.execute("SELECT 1")  # a moment to die at: begun, and not yet delivered
        seen.append(event["id"])

    def relay():
        outbox.relay(deliver, Policy((1,)), lease=60)

    def counting(real=db.execute):
        def execute(*arguments):
            before.append(len(seen))
            return real(*arguments)

        return execute

    db.execute = counting()
    deaths = images(db, tmp_path / "shop.db", relay)
    assert len(deaths) == len(before) and seen == ["evt_7"]
    for path, delivered in zip(deaths, before, strict=True):
        database = Database(path)
        again = Outbox(database, SimulatedClock(START + 60))
        again.relay(lambda event: seen.append(event["id"]), Policy((1,)), lease=60)
        times = len(seen) + delivered - 1
        assert times >= 1 and again.count()["done"] == 1, path
        del seen[1:]
        database.close()


def test_any_bytes_are_kept_as_they_came(inbox):
    inbox.store("msg_1", bytes(range(256)))
    assert inbox.claim(60)[0].body == bytes(range(256))


# --- Growth -------------------------------------------------------------------------------------------------


def filled(path, rows, waiting):
    """An outbox with so many rows, of which the last ones wait."""
    database = Database(path)
    database.execute("PRAGMA synchronous = OFF")
    database.execute(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)"
        " INSERT INTO outbox (id, aggregate, body, state, due)"
        " SELECT 'evt_' || i, 'order ' || (i / 3), x'7b7d', iif(i > ?1 - ?2, 'waiting', 'done'), i FROM n",
        *(rows, waiting),
    )
    return database


def steps(database, call):
    """How many steps SQLite's virtual machine takes for what a call executes: the same on every machine."""
    count = 0

    def step():
        nonlocal count
        count += 1

    database._db.set_progress_handler(step, 1)
    try:
        call()
    finally:
        database._db.set_progress_handler(None, 0)
    return count


@pytest.mark.thorough
@pytest.mark.parametrize("waiting", ["thirty", "all"])
def test_a_million_rows_cost_a_relay_no_more_than_ten_thousand(tmp_path, waiting):
    taken = {}
    for rows in (10_000, 1_000_000):
        database = filled(tmp_path / f"{rows}.db", rows, 30 if waiting == "thirty" else rows)
        outbox = Outbox(database, SimulatedClock())
        add_one = make_event("order_placed", {}, id="evt_new", timestamp=START)
        calls = {
            "next_due": outbox.next_due,
            "claim": lambda outbox=outbox: outbox.claim(60, limit=10)[0],
            "done": lambda outbox=outbox: outbox.done(outbox.claim(60)[0]),
            "put_back": outbox.put_back,
            "put_back one": lambda outbox=outbox: outbox.put_back(id="evt_nobody"),
            "put_back since": lambda outbox=outbox: outbox.put_back(since=START + 1),
            "errors": outbox.errors,
            "remove_done": lambda outbox=outbox: outbox.remove_done(before=0),
        }
        taken[rows] = {name: steps(database, call) for name, call in calls.items()}
        with database.transaction():
            taken[rows]["add"] = steps(database, lambda outbox=outbox, event=add_one: outbox.add(event))
        database.close()
    few, many = taken.values()
    assert all(0 < many[name] <= 2 * few[name] for name in few), taken


# --- Misuse -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", ["text", 5, None, {"number": 7}])
def test_what_is_no_bytes_is_not_stored(inbox, body):
    with pytest.raises(TypeError, match="bytes as they came"):
        inbox.store("msg_1", body)
    assert inbox.count()["waiting"] == 0


def test_any_kind_of_bytes_is_stored(inbox):
    for id, body in enumerate((b"{}", bytearray(b"{}"), memoryview(b"{}"))):
        assert inbox.store(f"msg_{id}", body)
    assert [claim.body for claim in inbox.claim(60, limit=9)] == [b"{}"] * 3


def test_a_body_that_its_sender_has_mended_takes_the_place_of_the_one_that_was_set_aside(inbox, db, charges):
    inbox.store("msg_7", b"{}")
    inbox.handle(charge(db), NEVER_AGAIN, lease=60)
    assert inbox.errors() == [("msg_7", "KeyError: 'number'")]
    assert inbox.store("msg_7", b'{"number": 7}', aggregate="order 7") is True
    assert inbox.handle(charge(db), NEVER_AGAIN, lease=60) == 1 and charges() == [7]


async def _later(event):
    pass


def _generator(event):
    yield


@pytest.mark.parametrize("handler", [_later, _generator])
def test_a_function_that_would_do_nothing_is_refused(inbox, outbox, handler):
    add(outbox, "evt_1")
    inbox.store("msg_1", b"{}")
    for call in (outbox.relay, inbox.handle):
        with pytest.raises(TypeError, match="has done nothing yet"):
            call(handler, NEVER_AGAIN, lease=60)
    assert outbox.count()["waiting"] == inbox.count()["waiting"] == 1


def test_what_returns_a_coroutine_has_failed(outbox):
    add(outbox, "evt_1")
    assert outbox.relay(lambda event: _later(event), NEVER_AGAIN, lease=60) == 0
    assert "has done nothing yet" in outbox.errors()[0][1]


def test_nothing_is_told_within_a_transaction_that_may_be_undone(outbox, db):
    told = []
    with pytest.raises(RuntimeError, match="outside of a transaction"), db.transaction():
        outbox.add(make_event("order_placed", {}, id="evt_1"))
        outbox.relay(told.append, NEVER_AGAIN, lease=60)
    assert told == []


def test_a_handler_that_ends_the_transaction_is_told(inbox, db, charges):
    inbox.store("msg_7", b'{"number": 7}')

    def ends(event):
        charge(db)(event)
        db.execute("ROLLBACK")

    assert inbox.handle(ends, NEVER_AGAIN, lease=60) == 0
    assert "has ended the transaction" in inbox.errors()[0][1] and charges() == []


def test_an_error_that_cannot_be_told_stops_no_worker(outbox):
    class Odd(Exception):
        def __str__(self):
            return None

    def fail(event):
        raise Odd

    add(outbox, "evt_1", "evt_2")
    outbox.relay(fail, NEVER_AGAIN, lease=60)
    assert outbox.errors() == [("evt_1", "Odd: ?"), ("evt_2", "Odd: ?")]


def test_a_worker_that_finds_the_file_locked_comes_again(outbox, monkeypatch):
    add(outbox, "evt_1")
    claim, locked = outbox.claim, []

    def busy(lease):
        if len(locked) < 3:
            locked.append(1)
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise error
        return claim(lease)

    monkeypatch.setattr(outbox, "claim", busy)
    assert outbox.relay(lambda event: None, NEVER_AGAIN, lease=60) == 1 and len(locked) == 3


def test_times_that_are_none_and_ids_that_are_missing_change_nothing(inbox):
    inbox.store("msg_1", b"{}")
    [claim] = inbox.claim(60)
    for wait in (-1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="claimed again"):
            inbox.try_again(claim, wait)
    inbox.set_aside(claim)
    assert inbox.put_back(id=None) == 0  # as request.args.get("id") gives
    for call in (lambda: inbox.remove_done("2026-01-01"), lambda: inbox.put_back(since="2026-01-01")):
        with pytest.raises(TypeError, match="A time is a number"):
            call()
    assert inbox.count()["set aside"] == 1
