"""The database: whole changes or none, from any thread, and after a death at any statement."""

import contextlib
import sqlite3
import threading

import pytest
from stores import KEY, images, store

from webhook_tutorial.durable.database import Database


@pytest.fixture
def db(tmp_path):
    database = Database(tmp_path / "shop.db")
    yield database
    database.close()


def names(db):
    return [row["name"] for row in db.execute("SELECT name FROM owners ORDER BY id")]


def add(db, id):
    db.execute("INSERT INTO owners (id, name, key_hash, created) VALUES (?, ?, ?, 0)", id, id.upper(), id)


def test_what_is_stored_is_there_after_reopening(db, tmp_path):
    add(db, "a")
    db.close()
    db.close()
    again = Database(tmp_path / "shop.db")
    assert names(again) == ["A"]
    again.close()


def test_a_transaction_that_raises_is_undone_whole(db):
    with pytest.raises(KeyError), db.transaction():
        add(db, "a")
        raise KeyError
    assert names(db) == []
    with db.transaction():
        add(db, "b")
    assert names(db) == ["B"]


def test_a_part_that_raises_is_undone_alone_and_ends_with_the_whole(db):
    with db.transaction():
        add(db, "a")
        with pytest.raises(KeyError), db.transaction():
            add(db, "b")
            raise KeyError
        with db.transaction():
            add(db, "c")
    assert names(db) == ["A", "C"]
    with pytest.raises(KeyError), db.transaction():
        with db.transaction():
            add(db, "d")
        raise KeyError
    assert names(db) == ["A", "C"]


@pytest.mark.parametrize("begun", [True, False])
@pytest.mark.parametrize("within", [True, False])
def test_an_interrupt_while_it_waits_for_the_file_leaves_nothing_open(db, tmp_path, monkeypatch, begun, within):
    """The kernel's stop button: SQLite waits on, and the interrupt is raised when its call has returned."""
    each = db._each

    def interrupted(statements):
        if not statements[0].startswith(("BEGIN", "SAVEPOINT")):
            return each(statements)
        if begun:
            each(statements)
        raise KeyboardInterrupt

    def begin():
        with monkeypatch.context() as patch:
            patch.setattr(db, "_each", interrupted)
            with pytest.raises(KeyboardInterrupt), db.transaction():
                add(db, "a")

    if within:
        with db.transaction(), db.transaction():
            add(db, "b")
            begin()
    else:
        begin()
        assert not db.in_transaction
        with db.transaction():
            add(db, "b")
    with contextlib.closing(sqlite3.connect(tmp_path / "shop.db")) as other:
        assert other.execute("SELECT name FROM owners").fetchall() == [("B",)]


def test_whoever_opens_a_new_file_waits_for_those_who_do_so_too(tmp_path):
    """To change to WAL, SQLite does not wait: it says at once that the file is locked."""
    path = tmp_path / "new.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("CREATE TABLE theirs (id)")
        timer = threading.Timer(0.2, other.execute, ["COMMIT"])
        timer.start()
        Database(path).close()
        timer.join()


def test_other_threads_wait_until_a_transaction_has_ended(db):
    entered, seen = threading.Event(), []

    def look():
        entered.set()
        seen.append(names(db))

    with db.transaction():
        add(db, "a")
        thread = threading.Thread(target=look)
        thread.start()
        entered.wait(5)
        add(db, "b")
    thread.join(5)
    assert seen == [["A", "B"]]


def test_another_process_sees_no_half_of_a_transaction(db, tmp_path):
    other = sqlite3.connect(tmp_path / "shop.db")
    with db.transaction():
        add(db, "a")
        assert other.execute("SELECT count(*) FROM owners").fetchone() == (0,)
    assert other.execute("SELECT count(*) FROM owners").fetchone() == (1,)
    other.close()


def test_references_are_checked(db):
    with pytest.raises(sqlite3.IntegrityError):
        db.execute("INSERT INTO secrets (subscription, sealed) VALUES ('nobody', '')")


def test_a_file_that_is_something_else_is_refused_and_closed(tmp_path):
    (tmp_path / "letter.txt").write_text("Dear shop, " * 100)
    with pytest.raises(sqlite3.DatabaseError):
        Database(tmp_path / "letter.txt")


# --- Death at any statement ---------------------------------------------------------------------------------


def state(path):
    database, subscriptions = store(path)
    try:
        return [
            (one, subscriptions.secrets(one.id), len(database.execute("SELECT 1 FROM secrets")))
            for owner in database.execute("SELECT id FROM owners")
            for one in subscriptions.of(owner["id"])
        ]
    finally:
        database.close()


@pytest.mark.parametrize(
    ("change", "statements"),
    [
        (lambda s: s.add("own_1", "https://b.example/", ["*"], "1"), 5),
        (lambda s: s.rotate("sub_2"), 6),
        (lambda s: s.change("sub_2", status="disabled", reason="It has failed for days."), 4),
        (lambda s: s.remove("sub_2"), 1),
    ],
)
def test_after_a_death_at_any_statement_a_change_is_whole_or_not_there(tmp_path, change, statements):
    path = tmp_path / "shop.db"
    database, subscriptions = store(path, key=KEY)
    owner, _ = subscriptions.add_owner("Ada")
    subscriptions.add(owner, "https://a.example/", ["order_*"], "1")
    before = state(path)
    copies = images(database, path, lambda: change(subscriptions))
    after = state(path)
    database.close()
    assert len(copies) >= statements and before != after
    assert [state(copy) for copy in copies] == [before] * len(copies)
