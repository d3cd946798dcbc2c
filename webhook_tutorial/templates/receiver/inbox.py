"""The inbox: what we have promised to deal with, in an SQLite file that outlives the process.

The receiver stores a delivery and answers. The worker claims it for a time (a lease), and writes its effects and the
mark "done" in one transaction: whoever dies on the way, the effect is there once.

Run it to see how things stand:

    python inbox.py                how much waits, what was set aside last (a hundred) and why
    python inbox.py again          have the worker try once more what was set aside, after a bug has been mended
"""

import os
import sqlite3
import sys
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass

import settings

#: Each statement is executed once, in this order; the file remembers how many it has had. Put yours at the end, and
#: change none of those before. As long as an older program runs beside the new one, only add tables and columns; what
#: is not needed any more, remove one release later.
SCHEMA = (
    """
    CREATE TABLE inbox (
        turn INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,                    -- of the delivery: a second attempt finds it here
        event_type TEXT NOT NULL,
        body BLOB NOT NULL,                         -- as it came
        received REAL NOT NULL,                     -- times are seconds since the epoch
        state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'set aside')),
        due REAL NOT NULL,                          -- nobody claims it before; once it is over: when that was
        tries INTEGER NOT NULL DEFAULT 0,           -- how often it was claimed; shows whose claim is the newest
        error TEXT NOT NULL DEFAULT ''
    )
    """,
    "CREATE INDEX waiting ON inbox (due, turn) WHERE state = 'waiting'",
    "CREATE INDEX over ON inbox (state, due) WHERE state <> 'waiting'",
    "CREATE TABLE heartbeats (name TEXT PRIMARY KEY, at REAL NOT NULL)",
    # What the example's handlers write. Yours have tables of their own.
    "CREATE TABLE entries (turn INTEGER PRIMARY KEY, event TEXT NOT NULL, what TEXT NOT NULL)",
)

#: How long we wait for whoever else writes, in seconds; less than the most impatient sender does (Slack: three).
PATIENCE = 2.5


HANDS_OFF = "A handler leaves COMMIT to the worker (no commit(), no 'with db'), and begins what it writes with INSERT, \
UPDATE or DELETE."


def _no_commit(action, what, *_):
    """Let nobody commit: by a commit of its own, a handler that fails afterwards would be done twice."""
    return sqlite3.SQLITE_DENY if (action, what) == (sqlite3.SQLITE_TRANSACTION, "COMMIT") else sqlite3.SQLITE_OK


@dataclass(frozen=True)
class Claim:
    """A delivery that is ours for a time."""

    turn: int
    id: str
    event_type: str
    body: bytes
    tries: int


class Inbox:
    """The inbox in a file, which is made if it is not there. Any thread and any process may use it.

    Raises:
        sqlite3.Error: The file cannot be used, here and in each method.
    """

    def __init__(self, path):
        self.path, end = path, time.monotonic() + 10
        while True:
            try:
                return self._set_up()
            except sqlite3.OperationalError as error:  # SQLite does not wait while another changes to WAL, too
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def _set_up(self):
        with closing(self.connect()) as db:
            db.isolation_level = None
            db.execute("PRAGMA journal_mode = WAL")  # others may read while one writes
            if self._version(db) >= len(SCHEMA):  # more, if a newer program was here
                return
            db.execute("BEGIN IMMEDIATE")
            for number, statement in list(enumerate(SCHEMA, 1))[self._version(db) :]:
                db.execute(statement)
                db.execute(f"PRAGMA user_version = {number}")
            db.execute("COMMIT")

    def _version(self, db):
        return db.execute("PRAGMA user_version").fetchone()[0]

    def connect(self):
        """Return a connection. Its first INSERT, UPDATE or DELETE begins a transaction, in which nobody else writes."""
        db = sqlite3.connect(self.path, timeout=PATIENCE, isolation_level="IMMEDIATE")
        db.execute("PRAGMA synchronous = FULL")  # what is committed has reached the disk, and survives a power cut
        return db

    @contextmanager
    def transaction(self):
        """Give a connection, and commit at the end; if something raises, or the process dies, nothing was done."""
        with closing(self.connect()) as db, db:
            yield db

    def store(self, id, event_type, body):
        """Keep a delivery and return whether it is new. Answer 2xx after this, and never before.

        One that was set aside begins anew: its sender has come again.
        """
        now = time.time()
        sql = """
            INSERT INTO inbox (id, event_type, body, received, due) VALUES (:id, :event_type, :body, :now, :now)
            ON CONFLICT (id) DO UPDATE SET
                event_type = :event_type, body = :body, state = 'waiting', tries = 0, due = :now
            WHERE state = 'set aside'
        """
        with self.transaction() as db:
            return db.execute(sql, {"id": id, "event_type": event_type, "body": body, "now": now}).rowcount == 1

    def claim(self, lease):
        """Return a `Claim` of what has waited longest, or None; for ``lease`` seconds nobody else gets it."""
        find = "SELECT turn FROM inbox WHERE state = 'waiting' AND due <= :now ORDER BY due, turn LIMIT 1"
        take = f"""
            UPDATE inbox SET tries = tries + 1, due = :now + :lease WHERE turn = ({find})
            RETURNING turn, id, event_type, body, tries
        """
        times = {"now": time.time(), "lease": lease}
        with self.transaction() as db:
            # First a look, which takes no right to write from anybody.
            rows = db.execute(find, times).fetchall() and db.execute(take, times).fetchall()
        return Claim(*rows[0]) if rows else None

    def finish(self, claim, effect):
        """Call ``effect(db)`` and mark the delivery as done, in one transaction; return whether it was still ours.

        What ``effect`` does before it first writes holds nobody up.

        Raises:
            RuntimeError: It would end the transaction, or has written outside of it: effect and mark are not one then.
        """
        with self.transaction() as db:
            before = db.total_changes
            db.set_authorizer(_no_commit)
            try:
                effect(db)
            except sqlite3.DatabaseError as error:
                if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_AUTH:
                    raise RuntimeError(HANDS_OFF) from error
                raise
            finally:
                db.set_authorizer(None)
            if db.total_changes != before and not db.in_transaction:
                raise RuntimeError(HANDS_OFF)
            ours = self._mark(db, claim, "state = 'done', due = ?, error = ''", time.time())
            if not ours:  # the lease is over, and another has done it
                db.rollback()
            return ours

    def give_back(self, claim, wait, error=""):
        """Have it claimed again after ``wait`` seconds."""
        with self.transaction() as db:
            return self._mark(db, claim, "due = ?, error = ?", time.time() + wait, error)

    def set_aside(self, claim, error):
        """Keep it with its error, and try it no more until somebody says so."""
        with self.transaction() as db:
            return self._mark(db, claim, "state = 'set aside', due = ?, error = ?", time.time(), error)

    def _mark(self, db, claim, change, *values):
        sql = f"UPDATE inbox SET {change} WHERE turn = ? AND tries = ? AND state = 'waiting'"
        return db.execute(sql, (*values, claim.turn, claim.tries)).rowcount == 1

    def try_again(self):
        """Have all that was set aside tried once more; return how many."""
        sql = "UPDATE inbox SET state = 'waiting', tries = 0, due = ? WHERE state = 'set aside'"
        with self.transaction() as db:
            return db.execute(sql, (time.time(),)).rowcount

    def forget(self, before):
        """Remove some of what was done before a time, and return how many. Their ids are new from then on.

        It is few at a time, so that nobody waits for long, and that it needs little room on a disk that is nearly full.
        """
        some = "SELECT turn FROM inbox WHERE state = 'done' AND due < ? LIMIT 200"
        with self.transaction() as db:
            return db.execute(f"DELETE FROM inbox WHERE turn IN ({some})", (before,)).rowcount

    def beat(self, name):
        """Write down that somebody was here; it fails where nothing can be written."""
        sql = "INSERT INTO heartbeats (name, at) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET at = excluded.at"
        with self.transaction() as db:
            db.execute(sql, (name, time.time()))

    def counts(self):
        """Return how things stand, a dictionary of numbers: how many wait, for how many seconds the first of them has
        been due, how many were set aside, and when the worker was here last, 0 if never.

        What waits for its next try, or is in a worker's hands, is not due. So this grows where no worker keeps up, and
        stays small beside a handler that fails.
        """
        sql = """
            SELECT count(*) AS waiting, coalesce(max(0, :now - min(due)), 0) AS overdue,
                (SELECT count(*) FROM inbox WHERE state = 'set aside') AS set_aside,
                coalesce((SELECT at FROM heartbeats WHERE name = 'worker'), 0) AS heartbeat
            FROM inbox WHERE state = 'waiting'
        """
        with closing(self.connect()) as db:
            db.row_factory = sqlite3.Row
            return dict(db.execute(sql, {"now": time.time()}).fetchone())

    def errors(self, most=-1):
        """Return id and error of what was set aside, a list, the newest first."""
        sql = "SELECT id, error FROM inbox WHERE state = 'set aside' ORDER BY turn DESC LIMIT ?"
        with closing(self.connect()) as db:
            return db.execute(sql, (most,)).fetchall()


def main(arguments):
    """Show how things stand, or have what was set aside tried again."""
    path = settings.load(with_secret=False).database
    if arguments not in ([], ["again"]):
        sys.exit("python inbox.py, or python inbox.py again")
    if not os.path.exists(path):
        sys.exit(f"DATABASE names no file that is there: {path}")
    inbox = Inbox(path)
    if arguments:
        print(inbox.try_again(), "will be tried again")
        return
    counts = inbox.counts()
    print(f"{path}: {counts['waiting']} waiting, {counts['set_aside']} set aside")
    for id, error in inbox.errors(most=100):
        print(id, ascii(error)[1:-1])  # it may quote what a sender has written, and that may steer a terminal


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except settings.Wrong as error:
        sys.exit(str(error))
    except sqlite3.Error as error:
        sys.exit(f"DATABASE cannot be used: {error}.")
