-- Times are seconds since the epoch, in UTC. Ids are random text: they cannot be guessed, and tell nothing of how many
-- others there are.

CREATE TABLE IF NOT EXISTS owners (
    id          TEXT PRIMARY KEY,
    name        TEXT NOT NULL,
    key_hash    TEXT NOT NULL UNIQUE,                -- SHA-256 of the API key; the key itself is stored nowhere
    created     REAL NOT NULL
);

CREATE TABLE IF NOT EXISTS subscriptions (
    turn          INTEGER PRIMARY KEY AUTOINCREMENT, -- the order in which they were made; shown to nobody
    id            TEXT NOT NULL UNIQUE,
    owner         TEXT NOT NULL REFERENCES owners (id),
    url           TEXT NOT NULL,
    events        TEXT NOT NULL,                     -- filters, a JSON list: ["order_*", "user_signup"]
    version       TEXT NOT NULL,                     -- of the events that it is sent
    status        TEXT NOT NULL CHECK (status IN ('active', 'paused', 'disabled')),
    reason        TEXT NOT NULL,                     -- why it is disabled, else empty
    created       REAL NOT NULL,
    failing_since REAL,                              -- when its first attempt failed after the last that did not
    failures      INTEGER NOT NULL DEFAULT 0,        -- attempts that have failed since then
    warned        INTEGER NOT NULL DEFAULT 0,        -- whether its owner has been told of that
    CHECK ((status = 'disabled') = (reason != ''))
);

CREATE TABLE IF NOT EXISTS secrets (
    turn         INTEGER PRIMARY KEY AUTOINCREMENT,  -- the highest of a subscription is the one in use
    subscription TEXT NOT NULL REFERENCES subscriptions (id) ON DELETE CASCADE,
    sealed       TEXT NOT NULL,                      -- encrypted, with a key that is not in this file
    expires      REAL                                -- until when one that was rotated out signs too
);
CREATE INDEX IF NOT EXISTS secrets_of ON secrets (subscription);

CREATE TABLE IF NOT EXISTS events (
    id         TEXT PRIMARY KEY,
    number     INTEGER UNIQUE,                       -- 1, 2, 3 …; none for a test, which is not for everyone
    event_type TEXT NOT NULL,
    envelope   TEXT NOT NULL                         -- the event as JSON
);

CREATE TABLE IF NOT EXISTS deliveries (
    turn         INTEGER PRIMARY KEY AUTOINCREMENT,  -- its place in the line, among those that are due at one time
    id           TEXT NOT NULL UNIQUE,
    event        TEXT NOT NULL REFERENCES events (id),
    subscription TEXT NOT NULL REFERENCES subscriptions (id) ON DELETE CASCADE,
    state        TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'refused', 'gone', 'given up')),
    created      REAL NOT NULL,
    due          REAL NOT NULL,
    failed       INTEGER NOT NULL DEFAULT 0,         -- attempts of the policy that are used up
    error        TEXT NOT NULL DEFAULT '',           -- what went wrong on our own side
    UNIQUE (event, subscription)                     -- whatever happens: one event, one endpoint, one delivery
);
CREATE INDEX IF NOT EXISTS deliveries_waiting ON deliveries (due) WHERE state = 'waiting';
CREATE INDEX IF NOT EXISTS deliveries_waiting_of ON deliveries (subscription, due) WHERE state = 'waiting';
CREATE INDEX IF NOT EXISTS deliveries_of ON deliveries (subscription);

CREATE TABLE IF NOT EXISTS attempts (
    turn     INTEGER PRIMARY KEY AUTOINCREMENT,
    delivery TEXT NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
    at       REAL NOT NULL,
    status   INTEGER,                                -- the answer, or none
    error    TEXT NOT NULL                           -- why there is none
);
CREATE INDEX IF NOT EXISTS attempts_of ON attempts (delivery);

CREATE TABLE IF NOT EXISTS notices (
    turn         INTEGER PRIMARY KEY AUTOINCREMENT,
    owner        TEXT NOT NULL REFERENCES owners (id),
    subscription TEXT NOT NULL,                      -- it may be gone, and the notice still be wanted
    kind         TEXT NOT NULL CHECK (kind IN ('warned', 'disabled')),
    text         TEXT NOT NULL,
    at           REAL NOT NULL,
    told         INTEGER NOT NULL DEFAULT 0
);

-- Two tables as queues, see claims.py. What is over is kept, and costs the look-up nothing: the indexes of what waits
-- do not have it.

CREATE TABLE IF NOT EXISTS outbox (
    turn      INTEGER PRIMARY KEY AUTOINCREMENT,     -- its place in the line
    id        TEXT NOT NULL UNIQUE,                  -- of the event
    aggregate TEXT NOT NULL,                         -- what it is about: one after the other, in their order; or empty
    body      BLOB NOT NULL,                         -- the event
    state     TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'set aside')),
    tries     INTEGER NOT NULL DEFAULT 0,            -- how often it was claimed
    due       REAL NOT NULL,                         -- while it waits: nobody claims it before; else: when that ended
    claim     TEXT NOT NULL DEFAULT '',              -- shows whose it is, or was last
    error     TEXT NOT NULL DEFAULT ''               -- of the last try
);
CREATE INDEX IF NOT EXISTS outbox_waiting ON outbox (due, turn) WHERE state = 'waiting';
CREATE INDEX IF NOT EXISTS outbox_waiting_of ON outbox (aggregate, turn) WHERE state = 'waiting';
CREATE INDEX IF NOT EXISTS outbox_over ON outbox (state, due) WHERE state != 'waiting';

CREATE TABLE IF NOT EXISTS inbox (
    turn      INTEGER PRIMARY KEY AUTOINCREMENT,
    id        TEXT NOT NULL UNIQUE,
    aggregate TEXT NOT NULL,
    body      BLOB NOT NULL,
    state     TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'set aside')),
    tries     INTEGER NOT NULL DEFAULT 0,
    due       REAL NOT NULL,
    claim     TEXT NOT NULL DEFAULT '',
    error     TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS inbox_waiting ON inbox (due, turn) WHERE state = 'waiting';
CREATE INDEX IF NOT EXISTS inbox_waiting_of ON inbox (aggregate, turn) WHERE state = 'waiting';
CREATE INDEX IF NOT EXISTS inbox_over ON inbox (state, due) WHERE state != 'waiting';
