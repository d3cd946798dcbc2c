"""What is done for an event: the one file to edit.

A handler gets the id of the delivery, the event, and a connection to the database. It may be called again for the same
event: after an error, after a crash, and when its lease is over. What it writes with ``db`` is there once all the same.
What it does elsewhere (a mail, a call to another service) may be done twice: hand on the id, so that the other side
knows it again.

Do what takes long first and write last: from the first write on, nobody else can write. If it cannot be done now,
raise: it is tried again, and at last set aside. Leave COMMIT to the worker.

What you read to decide what to write, another worker may change in between: read it after your first write, or begin
with ``db.execute("BEGIN IMMEDIATE")``.
"""


def user_signup(id, event, db):
    _enter(id, f"welcome {event['data']['user']}", db)


def order_placed(id, event, db):
    _enter(id, f"charge {event['data']['amount']} for order {event['data']['number']}", db)


def payment_received(id, event, db):
    _enter(id, f"order {event['data']['number']} is paid", db)


#: By the event's type. A type that is not here is stored, and nothing is done for it.
HANDLERS = {
    "user_signup": user_signup,
    "order_placed": order_placed,
    "payment_received": payment_received,
}


def _enter(id, what, db):
    db.execute("INSERT INTO entries (event, what) VALUES (?, ?)", (id, what))


def effects(db):
    """Return how many effects have been done: for ``/effects``, by which a test counts them."""
    return db.execute("SELECT count(*) FROM entries").fetchone()[0]
