"""A table as a queue: its rows are claimed for a time, worked on, and marked when that is done.

A queue has to keep an entry until its work is done, whoever dies on the way. So a claim takes no row out: it says until
when the row is somebody's (a lease). Whoever dies says nothing more, the lease ends, and the row is there for the next.
Nobody can tell a dead worker from a slow one, so a slow one may find, when it wants to mark its row, that the row is
another's by now: it has to show its claim (a fencing token), and is told no.

PostgreSQL does the same with ``FOR UPDATE SKIP LOCKED`` inside of the claim. SQLite has one writer at a time, so one
statement is enough.
"""

import inspect
import json
import math
import random
import sqlite3
from dataclasses import dataclass
from secrets import token_hex

from ..look import shortened, visible

#: What may become of an entry. One that is set aside is kept, with its error, until somebody puts it back.
STATES = ("waiting", "done", "set aside")

_ALL = object()

# What may be claimed: of an aggregate's rows that are not over only the oldest, so that no two are out at one time, but
# for one that is put back while a later one is out. ('' is no aggregate.) It reads along an index from what has waited
# longest, and stops when it has enough; what waits behind the oldest of its aggregate is read as well.
_FREE = """
    SELECT turn, due FROM {table} AS this WHERE state = 'waiting' AND (aggregate = '' OR NOT EXISTS (
        SELECT 1 FROM {table} AS older
        WHERE older.state = 'waiting' AND older.aggregate = this.aggregate AND older.turn < this.turn
    ))
"""
_CLAIM = f"""
    UPDATE {{table}} SET claim = ?1, due = ?2 + ?3, tries = tries + 1
    WHERE turn IN (SELECT turn FROM ({_FREE} AND due <= ?2 ORDER BY due, turn LIMIT ?4))
    RETURNING turn, id, aggregate, body, tries
"""
_NEXT = f"{_FREE} ORDER BY due, turn LIMIT 1"


@dataclass(frozen=True)
class Claim:
    """An entry that is ours for a time.

    Attributes:
        turn: Its place in the line.
        id: Of its event.
        body: The event, as bytes.
        aggregate: What it is about (``"order 7"``), or empty.
        tries: How often it has been claimed, this time included.
        token: Shows that it is ours.
    """

    turn: int
    id: str
    body: bytes
    aggregate: str
    tries: int
    token: str

    @property
    def event(self):
        """The event, read from JSON.

        Raises:
            ValueError: It is none.
        """
        return json.loads(self.body)


class Claims:
    """A table of a `Database` as a queue. `Outbox` and `Inbox` are two.

    Args:
        database: A `Database`.
        clock: Where the time of leases comes from, something with ``now()``. Several processes need the same: a
            `SystemClock`.
        table: The name of the table.
    """

    def __init__(self, database, clock, table):
        self.database, self.clock, self._table = database, clock, table

    def claim(self, lease, limit=1):
        """Take what has waited longest; return a list of `Claim`, in the order of their places.

        Args:
            lease: For how many seconds it is ours. Longer than the work takes, or others begin it too; and no longer
                than it may lie there after a death.
            limit: How many at the most. The lease has to be enough for all of them.

        Raises:
            ValueError: A number is not above 0, or the lease is so short or so long that a clock cannot tell.
        """
        now = self.clock.now()
        if not (lease > 0 and now < now + lease < math.inf and isinstance(limit, int) and limit >= 1):
            raise ValueError("A lease lasts more than 0 seconds, and 1 entry or more is claimed.")
        token = token_hex(8)
        rows = self.database.execute(_CLAIM.format(table=self._table), token, now, lease, limit)
        claims = [Claim(r["turn"], r["id"], bytes(r["body"]), r["aggregate"], r["tries"], token) for r in rows]
        return sorted(claims, key=lambda claim: claim.turn)  # RETURNING promises no order

    def done(self, claim):
        """Mark it as done; return whether it was still ours. If not, another may have done it as well."""
        return self._mark(claim, "state = 'done', due = ?, error = ''", self.clock.now())

    def try_again(self, claim, wait, error=""):
        """Give it back, to be claimed after ``wait`` seconds; return whether it was still ours.

        Raises:
            ValueError: That is no time, or has no end.
        """
        if not 0 <= wait < math.inf:
            raise ValueError(f"It is claimed again after 0 seconds or more, not after {wait!r}.")
        return self._mark(claim, "due = ?, error = ?", self.clock.now() + wait, error)

    def set_aside(self, claim, error=""):
        """Keep it, and have it claimed no more until it is put back; return whether it was still ours."""
        return self._mark(claim, "state = 'set aside', due = ?, error = ?", self.clock.now(), error)

    def put_back(self, *, id=_ALL, since=None):
        """Have entries claimed once more, by the same ids; return how many. What waits is left as it is.

        Args:
            id: This one alone, whether it was done or set aside.
            since: All whose work ended at this time or later, in seconds since the epoch, done or set aside. With
                neither, all that are set aside.

        Raises:
            TypeError: A time is no number.
        """
        where, values = "state != 'waiting' AND state = 'set aside'", ()  # the first part leads to the index
        if id is not _ALL:
            where, values = "state != 'waiting' AND id = ?", (id,)
        elif since is not None:
            where, values = "state != 'waiting' AND state IN ('done', 'set aside') AND due >= ?", (_time(since),)
        return len(self._begin_anew(where, *values))

    def remove_done(self, before):
        """Remove what was done before this time, in seconds since the epoch, and nothing else; return how many.

        An id that is removed is forgotten: whatever comes with it is new.

        Raises:
            TypeError: That is no number.
        """
        sql = f"DELETE FROM {self._table} WHERE state != 'waiting' AND state = 'done' AND due < ? RETURNING turn"
        return len(self.database.execute(sql, _time(before)))

    def count(self):
        """Return how many entries are in each state, a dictionary."""
        found = dict(self.database.execute(f"SELECT state, count(*) FROM {self._table} GROUP BY state"))
        return {state: found.get(state, 0) for state in STATES}

    def next_due(self):
        """Return when something can be claimed, in seconds since the epoch, or None if nothing waits."""
        rows = self.database.execute(_NEXT.format(table=self._table))
        return rows[0]["due"] if rows else None

    def errors(self):
        """Return pairs of id and error of what is set aside, a list, the oldest first."""
        sql = f"SELECT id, error FROM {self._table} WHERE state != 'waiting' AND state = 'set aside' ORDER BY turn"
        return [tuple(row) for row in self.database.execute(sql)]

    def work(self, one, policy, lease, *, chance=random.random, until=None):
        """Call ``one(claim)`` for each entry until none waits, sleeping on the clock in between.

        If it raises an Exception, the entry is tried again by the policy, and then set aside. Whoever dies has used up
        a try, too: with a policy of a single one, nobody comes after it. Several workers may run side by side, each in
        a process or with a `Database` of its own.

        Args:
            one: Does the work, and says whether it was done while the entry was ours.
            policy: A `Policy`.
            lease: For how many seconds an entry is a worker's: longer than the work takes.
            chance: Gives a number from 0 to 1 for the jitter.
            until: Wait for more until this time, in seconds since the epoch, and stop then.

        Returns:
            How many ended well.

        Raises:
            RuntimeError: It was called within a transaction: what it marks could be undone with that.
        """
        if self.database.in_transaction:
            raise RuntimeError("Call this outside of a transaction: else what is marked may be undone.")
        well = 0
        while self._wait(until):
            for claim in self._claim_when_free(lease):
                if claim.tries > policy.attempts:  # whoever had it has died of it, each time
                    self.set_aside(claim, f"Never ended, and begun as often as the policy allows: {policy.attempts}.")
                    continue
                try:
                    well += one(claim)
                except Exception as error:
                    wait, told = policy.wait(claim.tries, chance()), _told(error)
                    self.set_aside(claim, told) if wait is None else self.try_again(claim, wait, told)
        return well

    def _claim_when_free(self, lease):
        try:
            return self.claim(lease)
        except sqlite3.OperationalError as error:  # somebody else writes for a long time: that is no fault of ours
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            return []

    def _wait(self, until):
        """Wait until something can be claimed and return True; False when the time is over, or nothing waits."""
        while True:
            due, now = self.next_due(), self.clock.now()
            if until is not None and now >= until:
                return False
            if due is not None and due <= now:
                return True
            if due is None and until is None:
                return False
            self.clock.nap(min(when for when in (due, until) if when is not None) - now)

    def _add(self, id, body, aggregate):
        now = self.clock.now()
        sql = f"INSERT INTO {self._table} (id, body, aggregate, due) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING"
        return bool(self.database.execute(sql + " RETURNING turn", id, body, aggregate, now))

    def _begin_anew(self, where, *values):
        sql = f"UPDATE {self._table} SET state = 'waiting', tries = 0, due = ?, claim = '' WHERE {where} RETURNING turn"
        return self.database.execute(sql, self.clock.now(), *values)

    def _mark(self, claim, change, *values):
        sql = f"UPDATE {self._table} SET {change} WHERE turn = ? AND claim = ? AND state = 'waiting' RETURNING turn"
        return bool(self.database.execute(sql, *values, claim.turn, claim.token))


def plain(function):
    """Return a function that calls this one, if it works when it is called.

    Raises:
        TypeError: It is a coroutine or a generator, which has done nothing yet when it returns; or it returns one,
            which is told when it is called.
    """
    words = "{} has done nothing yet when it returns: hand in a plain function, without async and yield."
    if any(kind(function) for kind in _LATER):
        raise TypeError(words.format(getattr(function, "__name__", function)))

    def call(*arguments):
        result = function(*arguments)
        if inspect.isawaitable(result) or inspect.isgenerator(result):
            if hasattr(result, "close"):
                result.close()
            raise TypeError(words.format(type(result).__name__))
        return result

    return call


_LATER = inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction


def _time(value):
    if isinstance(value, (int, float)):
        return value
    raise TypeError(f"A time is a number, seconds since the epoch, not {value!r}.")


def _told(error):
    try:
        words = str(error)
    except Exception:  # its __str__ is somebody else's
        words = "?"
    return shortened(visible(f"{type(error).__name__}: {words}"), 1000)
