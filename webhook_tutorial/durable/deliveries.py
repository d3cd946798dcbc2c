"""The store of what happened and who was told: events, their deliveries, the attempts, and notices to owners."""

import json
from dataclasses import dataclass

from ..events import encode

# In the order in which they are to be made. What is paused or disabled waits, and is not due.
_DUE = """
    SELECT deliveries.*, events.envelope, subscriptions.url, subscriptions.version
    FROM deliveries
    JOIN events ON events.id = deliveries.event
    JOIN subscriptions ON subscriptions.id = deliveries.subscription
    WHERE deliveries.state = 'waiting' AND subscriptions.status = 'active'
"""
_FIRST = " ORDER BY deliveries.due, deliveries.turn LIMIT 1"


@dataclass(frozen=True)
class Notice:
    """What an owner is told about a subscription: its id, ``kind`` (``"warned"``, ``"disabled"``), a text and when."""

    owner: str
    subscription: str
    kind: str
    text: str
    at: float


class Deliveries:
    """Events, deliveries, attempts and notices in a `Database`.

    Args:
        database: A `Database`.
        clock: Something with ``now()``.
        ids: Gives a new id for a kind of thing: ``ids("dlv")``.
    """

    def __init__(self, database, clock, ids):
        self._db, self._clock, self._ids = database, clock, ids

    # --- Events ---------------------------------------------------------------------------------------------

    def number_of(self, event_id):
        """Return the number of an event that is stored, or None."""
        rows = self._db.execute("SELECT number FROM events WHERE id = ?", event_id)
        return rows[0]["number"] if rows else None

    def add_event(self, event, test=False):
        """Store an event and return its number; a test has none, and is not among the `events`."""
        with self._db.transaction():  # which nobody else writes in, so that the next number is nobody else's
            number = None if test else self.last_number() + 1
            values = event["id"], number, event["event_type"], encode(event).decode()
            self._db.execute("INSERT INTO events (id, number, event_type, envelope) VALUES (?, ?, ?, ?)", *values)
            return number

    def last_number(self):
        """Return the number of the latest event, 0 if there is none."""
        return self._db.execute("SELECT coalesce(max(number), 0) FROM events")[0][0]

    def events(self, since=0, limit=-1):
        """Return pairs of number and event, a list: those after number ``since``, the oldest first."""
        sql = "SELECT number, envelope FROM events WHERE number > ? ORDER BY number LIMIT ?"
        return [(row["number"], json.loads(row["envelope"])) for row in self._db.execute(sql, since, limit)]

    # --- Deliveries -----------------------------------------------------------------------------------------

    def add(self, event_id, subscription_id, state="waiting"):
        """Add a delivery and return its id."""
        id, now = self._ids("dlv"), self._clock.now()
        self._db.execute(
            "INSERT INTO deliveries (id, event, subscription, state, created, due) VALUES (?, ?, ?, ?, ?, ?)",
            *(id, event_id, subscription_id, state, now, now),
        )
        return id

    def next(self, subscription_id=None):
        """Return the row of what is due first, of one subscription or of all, or None if nothing waits."""
        if subscription_id is None:
            rows = self._db.execute(_DUE + _FIRST)
        else:
            rows = self._db.execute(_DUE + " AND deliveries.subscription = ?" + _FIRST, subscription_id)
        return rows[0] if rows else None

    def waiting(self):
        """Return what waits for an active subscription, a list of triples: URL, when it was created, when it is due."""
        columns = "url, created, due"
        return [tuple(row) for row in self._db.execute(f"SELECT {columns} FROM ({_DUE}) ORDER BY due")]

    def endpoints_due(self, when):
        """Return the ids of the subscriptions to which something is due at this time, those that wait longest first."""
        due = f"SELECT subscription FROM ({_DUE} AND deliveries.due <= ?)"
        rows = self._db.execute(f"{due} GROUP BY subscription ORDER BY min(due), min(turn)", when)
        return [row["subscription"] for row in rows]

    def record(self, id, delivery):
        """Write down what the attempts of a `Delivery` have come to; what was removed meanwhile stays so."""
        with self._db.transaction():
            if not self._db.execute("SELECT 1 FROM deliveries WHERE id = ?", id):
                return
            for one in delivery.attempts:
                values = id, one.at, one.status, one.error
                self._db.execute("INSERT INTO attempts (delivery, at, status, error) VALUES (?, ?, ?, ?)", *values)
            values = delivery.state, delivery.due, delivery.failed, delivery.error, id
            self._db.execute("UPDATE deliveries SET state = ?, due = ?, failed = ?, error = ? WHERE id = ?", *values)

    def end_waiting(self, subscription_id, state):
        """Give up what still waits for a subscription: its deliveries get this state."""
        sql = "UPDATE deliveries SET state = ? WHERE subscription = ? AND state = 'waiting'"
        self._db.execute(sql, state, subscription_id)

    def put_back(self, id):
        """Put a delivery in line once more, at its end, with all the attempts of the policy."""
        turn = "(SELECT max(turn) + 1 FROM deliveries)"
        sql = f"UPDATE deliveries SET turn = {turn}, state = 'waiting', due = ?, failed = 0, error = '' WHERE id = ?"
        self._db.execute(sql, self._clock.now(), id)

    def missed(self, subscription_id, since, last, limit):
        """Return what happened after number ``since`` and has not arrived at a subscription, whatever it wants.

        Args:
            since, last: The numbers before the first and of the last event to look at.
            limit: How many at the most.

        Returns:
            A list of rows, the oldest event first: ``number``, ``event``, ``event_type``, and ``delivery``, its id or
            None.
        """
        return self._db.execute(
            "SELECT number, events.id AS event, event_type, deliveries.id AS delivery FROM events"
            " LEFT JOIN deliveries ON deliveries.event = events.id AND subscription = ?"
            " WHERE number > ? AND number <= ? AND coalesce(state, '') NOT IN ('waiting', 'delivered')"
            " ORDER BY number LIMIT ?",
            *(subscription_id, since, last, limit),
        )

    def log(self, subscription_id, limit=-1, id=None):
        """Return the deliveries of a subscription, dictionaries, the last in line first; with ``id``, that one only."""
        rows = self._db.execute(
            "SELECT deliveries.*, events.number, events.event_type FROM deliveries"
            " JOIN events ON events.id = deliveries.event"
            " WHERE subscription = ? AND (? IS NULL OR deliveries.id = ?) ORDER BY deliveries.turn DESC LIMIT ?",
            *(subscription_id, id, id, limit),
        )
        return [dict(row) | {"attempts": self._attempts(row["id"])} for row in rows]

    def _attempts(self, id):
        rows = self._db.execute("SELECT at, status, error FROM attempts WHERE delivery = ? ORDER BY turn", id)
        return [dict(row) for row in rows]

    # --- Notices --------------------------------------------------------------------------------------------

    def add_notice(self, subscription, kind, text):
        """Store what the owner of a `Subscription` is to be told."""
        values = subscription.owner, subscription.id, kind, text, self._clock.now()
        self._db.execute("INSERT INTO notices (owner, subscription, kind, text, at) VALUES (?, ?, ?, ?, ?)", *values)

    def notices(self, owner=None):
        """Return each `Notice` so far, a list, the oldest first; those of one owner if one is given."""
        sql = "SELECT owner, subscription, kind, text, at FROM notices WHERE ? IS NULL OR owner = ? ORDER BY turn"
        return [Notice(**dict(row)) for row in self._db.execute(sql, owner, owner)]

    def tell(self, tell):
        """Call ``tell(notice)`` for each `Notice` that has not been told; one is told twice if we die in between."""
        sql = "SELECT turn, owner, subscription, kind, text, at FROM notices WHERE NOT told ORDER BY turn"
        for row in self._db.execute(sql):
            fields = dict(row)
            turn = fields.pop("turn")
            tell(Notice(**fields))
            self._db.execute("UPDATE notices SET told = 1 WHERE turn = ?", turn)
