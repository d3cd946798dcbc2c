"""One SQLite file in which a provider keeps what must survive it, and changes that are done whole or not at all."""

import itertools
import sqlite3
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

_SCHEMA = Path(__file__).with_name("schema.sql")

# WAL lets others read while one writes. FULL waits for the disk at each commit, so that what is acknowledged survives
# a power cut too (https://www.sqlite.org/pragma.html). SQLite checks references only where it is told to.
_SETTINGS = ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON")

_PATIENCE = 10  # seconds for whoever else holds the file


class Database:
    """An SQLite file with the tables of ``schema.sql``, which are made where they are missing.

    It may be used from any thread: there is one connection, and a lock on it. Other processes may open the same file;
    whoever finds it locked waits for up to ten seconds.

    Args:
        path: The file, made if it is not there.

    Raises:
        sqlite3.Error: The file cannot be opened, or is something else.
    """

    def __init__(self, path):
        self._lock, self._parts = threading.RLock(), itertools.count()
        # isolation_level=None: sqlite3 begins no transaction by itself, so that each one is seen in the code.
        self._db = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        try:
            self._set_up(time.monotonic() + _PATIENCE)
        except BaseException:
            self._db.close()
            raise

    def _set_up(self, end):
        while True:
            try:
                for setting in _SETTINGS:
                    self._db.execute(f"PRAGMA {setting}")
                self._db.executescript(_SCHEMA.read_text(encoding="utf-8"))
                return
            except sqlite3.OperationalError as error:  # to change to WAL, SQLite does not wait for others that do so
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                    raise
            time.sleep(0.01)

    def execute(self, sql, *values):
        """Execute one statement with ``values`` for its question marks; return its rows, a list."""
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    @property
    def in_transaction(self):
        """Whether this thread is within a `transaction`."""
        with self._lock:
            return self._db.in_transaction

    @contextmanager
    def transaction(self):
        """What the ``with`` block executes is done whole, or not at all: if it raises, or dies on the way.

        Within another transaction it is a part of that one, and is undone alone if it alone raises. Other threads
        wait until the outermost has ended.
        """
        with self._lock:
            # IMMEDIATE takes the right to write at once. A transaction that reads first and wants to write later may be
            # refused, without waiting, because another has written in between (SQLITE_BUSY_SNAPSHOT).
            begin, commit, undo = ("BEGIN IMMEDIATE",), ("COMMIT",), ("ROLLBACK",)
            if self._db.in_transaction:
                part = f"part_{next(self._parts)}"
                begin, commit, undo = (
                    (f"SAVEPOINT {part}",),
                    (f"RELEASE {part}",),
                    (f"ROLLBACK TO {part}", f"RELEASE {part}"),
                )
            try:
                self._each(begin)  # in here: an interrupt while it waits is raised when it has begun
                yield
                self._each(commit)
            except BaseException:
                if self._db.in_transaction:  # some errors, a full disk for one, have ended it already
                    with suppress(sqlite3.OperationalError):  # it has not begun
                        self._each(undo)
                raise

    def _each(self, statements):
        for statement in statements:
            self._db.execute(statement)

    def close(self):
        """Close the file. It is fine to do so twice."""
        with self._lock:
            self._db.close()
