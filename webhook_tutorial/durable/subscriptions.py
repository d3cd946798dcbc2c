"""The store of who wants what: owners with their API keys, subscriptions, and the secrets that sign for them."""

import json
from base64 import b64encode
from dataclasses import dataclass

from .filters import matches
from .vault import fingerprint

#: How many secrets of one subscription may sign at a time: the one in use, and those that were rotated out lately.
MOST_SECRETS = 4


@dataclass(frozen=True)
class Subscription:
    """One endpoint, and the events that its owner wants there.

    Attributes:
        id, owner: Random ids.
        url: Where events are sent.
        events: Filters, a tuple; see `matches`.
        version: Of the events that it is sent.
        status: ``"active"``, ``"paused"`` (by its owner) or ``"disabled"`` (by the provider, for ``reason``).
        created: When it was made, in seconds since the epoch.
        failing_since: When its first attempt failed after the last that did not, or None; ``failures`` have since.
        warned: Whether its owner has been told of that.
    """

    id: str
    owner: str
    url: str
    events: tuple
    version: str
    status: str
    reason: str
    created: float
    failing_since: float | None
    failures: int
    warned: bool

    def wants(self, event_type):
        """Say whether an event of this type is wanted."""
        return matches(self.events, event_type)


class Subscriptions:
    """Owners, subscriptions and secrets in a `Database`. What a method has returned from is stored.

    Args:
        database: A `Database`.
        vault: A `Vault` for the secrets.
        clock: Something with ``now()``.
        ids: Gives a new id for a kind of thing: ``ids("sub")``.
        secrets: Gives so many random bytes: ``secrets(24)``.
        overlap: For how many seconds a secret signs on after it was rotated out.
    """

    def __init__(self, database, vault, clock, ids, secrets, overlap):
        self._db, self._vault, self._clock = database, vault, clock
        self._ids, self._random, self._overlap = ids, secrets, overlap

    def add_owner(self, name):
        """Add an owner; return the id and the API key, which can be had this once only."""
        id, api_key = self._ids("own"), f"key_{self._random(24).hex()}"
        values = id, name, fingerprint(api_key), self._clock.now()
        self._db.execute("INSERT INTO owners (id, name, key_hash, created) VALUES (?, ?, ?, ?)", *values)
        return id, api_key

    def owner_of(self, api_key):
        """Return the id of the owner with this API key, or None."""
        rows = self._db.execute("SELECT id FROM owners WHERE key_hash = ?", fingerprint(api_key))
        return rows[0]["id"] if rows else None

    def add(self, owner, url, events, version):
        """Add a subscription; return it and its secret, which can be had this once only."""
        id = self._ids("sub")
        values = id, owner, url, json.dumps(list(events)), version, self._clock.now()
        with self._db.transaction():
            self._db.execute(
                "INSERT INTO subscriptions (id, owner, url, events, version, created, status, reason)"
                " VALUES (?, ?, ?, ?, ?, ?, 'active', '')",
                *values,
            )
            return self.find(id), self._add_secret(id)

    def find(self, id, owner=None):
        """Return the `Subscription` with this id, or None; with ``owner``, None if it is somebody else's too."""
        rows = self._db.execute(
            "SELECT * FROM subscriptions WHERE id = ? AND (? IS NULL OR owner = ?)", id, owner, owner
        )
        return _subscription(rows[0]) if rows else None

    def of(self, owner):
        """Return the subscriptions of an owner, a list, the oldest first."""
        rows = self._db.execute("SELECT * FROM subscriptions WHERE owner = ? ORDER BY turn", owner)
        return [_subscription(row) for row in rows]

    def wanting(self, event_type):
        """Return the active subscriptions to events of this type, a list, the oldest first."""
        rows = self._db.execute("SELECT * FROM subscriptions WHERE status = 'active' ORDER BY turn")
        return [one for one in map(_subscription, rows) if one.wants(event_type)]

    def change(self, id, **fields):
        """Change fields of a subscription, all or none; return it as it is then, or None if it is not there."""
        if "events" in fields:
            fields["events"] = json.dumps(list(fields["events"]))
        names = ", ".join(f"{name} = ?" for name in fields)
        with self._db.transaction():
            self._db.execute(f"UPDATE subscriptions SET {names} WHERE id = ?", *fields.values(), id)
            return self.find(id)

    def remove(self, id):
        """Remove a subscription with its secrets and its deliveries."""
        self._db.execute("DELETE FROM subscriptions WHERE id = ?", id)

    def secrets(self, id):
        """Return the secrets that sign for a subscription now, a list, the newest first."""
        rows = self._db.execute(
            "SELECT sealed FROM secrets WHERE subscription = ? AND (expires IS NULL OR expires > ?) ORDER BY turn DESC",
            id,
            self._clock.now(),
        )
        return [self._vault.open(row["sealed"]) for row in rows]

    def check_key(self):
        """Check that every secret can be read, and seal it with the vault's first key, so that its others may go.

        Raises:
            ValueError: One cannot: the vault does not have its key.
        """
        with self._db.transaction():
            for row in self._db.execute("SELECT turn, sealed FROM secrets"):
                secret = self._vault.open(row["sealed"])
                if self._vault.has_several_keys:
                    sealed = self._vault.seal(secret)
                    self._db.execute("UPDATE secrets SET sealed = ? WHERE turn = ?", sealed, row["turn"])

    def rotate(self, id):
        """Give a subscription a new secret, and let the others sign on for the overlap.

        Returns:
            The new secret, which can be had this once only, and until when the one before it signs too; or None if the
            subscription was removed meanwhile.

        Raises:
            ValueError: So many are signing already that one more would be too many for a receiver.
        """
        now = self._clock.now()
        until = now + self._overlap
        with self._db.transaction():
            self._db.execute("DELETE FROM secrets WHERE subscription = ? AND expires <= ?", id, now)
            [(signing,)] = self._db.execute("SELECT count(*) FROM secrets WHERE subscription = ?", id)
            if not signing:
                return None
            if signing >= MOST_SECRETS:
                raise ValueError(f"{MOST_SECRETS} secrets are signing already: wait until the oldest has expired.")
            self._db.execute("UPDATE secrets SET expires = ? WHERE subscription = ? AND expires IS NULL", until, id)
            return self._add_secret(id), until

    def _add_secret(self, id):
        # Standard Webhooks: 24 to 64 random bytes, in base64 after whsec_.
        secret = "whsec_" + b64encode(self._random(24)).decode()
        self._db.execute("INSERT INTO secrets (subscription, sealed) VALUES (?, ?)", id, self._vault.seal(secret))
        return secret


def _subscription(row):
    fields = {name: row[name] for name in row.keys() if name != "turn"}  # noqa: SIM118 - a Row iterates over values
    return Subscription(**fields | {"events": tuple(json.loads(row["events"])), "warned": bool(row["warned"])})
