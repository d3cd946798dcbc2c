"""Wrong answers that people really give to the exercises of lesson 10: source, and words from the message it gets."""

_SAVE = "db.execute('INSERT INTO orders VALUES (?, ?)', (order['number'], order['amount']))"
_NOTE = "db.execute('INSERT INTO outbox VALUES (?, ?)', (event['id'], json.dumps(event)))"


def _place(*lines):
    return "import json, sqlite3\ndef place_order(db, order, event):\n" + "".join(f"    {line}\n" for line in lines)


def _claim(where, order, change="due = :now + :lease, tries = tries + 1", back="turn, address, tries"):
    return (
        f"def claim(db, now, lease):\n    with db:\n        return db.execute('''UPDATE mails SET {change} WHERE turn = ("
        f"SELECT turn FROM mails WHERE {where} ORDER BY {order} LIMIT 1) RETURNING {back}''',"
        " {'now': now, 'lease': lease}).fetchone()"
    )


def _clean(where):
    return (
        f"def clean(db, before):\n    with db:\n        return db.execute('DELETE FROM outbox WHERE {where}',"
        " (before,)).rowcount"
    )


_LOOK = "SELECT turn, address, tries + 1 FROM mails WHERE NOT sent AND due <= ? AND tries < 5 ORDER BY tries, turn"
_TAKE = "db.execute('UPDATE mails SET due = ?, tries = tries + 1 WHERE turn = ?', (now + lease, row[0]))"

MISTAKES = {
    "10.place_order": (
        (_place(_SAVE, _NOTE), "An order was placed, and afterwards neither"),
        (_place("with db:", "    " + _SAVE), "The order is saved, and no event"),
        (_place("with db:", "    " + _SAVE.replace("(?, ?)", "(?, 1)").replace(", order['amount'])", ",)"), "    " + _NOTE),
         "Order 7 over 4990 was placed, and in orders there is [(7, 1)]"),
        (_place("with db:", "    " + _SAVE, "    " + _NOTE.replace("json.dumps", "str")), "The outbox holds ('evt_7', \"{'id'"),
        (_place("with db:", "    " + _SAVE.replace("INSERT", "INSERT OR IGNORE"), "    " + _NOTE),
         "The number was taken, and place_order raised nothing"),
        (_place("with db:", "    " + _SAVE, "    " + _NOTE.replace("INSERT", "INSERT OR IGNORE")),
         "The event's id was taken, and place_order raised nothing"),
        (_place(_SAVE, _NOTE, "db.commit()"), "The number was taken, and a transaction was left open"),
        (_place("with db:", "    " + _NOTE, "with db:", "    " + _SAVE), "The number was taken, and half of it is there"),
        (_place("with db:", "    " + _SAVE, "with db:", "    " + _NOTE), "The event's id was taken, and half of it is there"),
        (_place("with db:", "    " + _SAVE, "try:", "    with db:", "        " + _NOTE, "except sqlite3.Error:",
                "    with db:", "        db.execute('DELETE FROM orders WHERE number = ?', (order['number'],))", "    raise"),
         "A power cut before step 3: the order is saved without its event"),
        (_place("with db:", "    " + _NOTE, "try:", "    with db:", "        " + _SAVE, "except sqlite3.Error:",
                "    with db:", "        db.execute('DELETE FROM outbox WHERE id = ?', (event['id'],))", "    raise"),
         "A power cut before step 3: the event is saved without its order"),
    ),
    "10.claim": (
        (_claim("sent", "turn"), "Three mails wait, and claim returned None"),
        ("def claim(db, now, lease):\n    with db:\n        return db.execute('DELETE FROM mails WHERE turn = ("
         "SELECT min(turn) FROM mails) RETURNING turn, address, 1').fetchone()", "A mail that was claimed is gone"),
        (f"def claim(db, now, lease):\n    return db.execute('{_LOOK}', (now,)).fetchone()",
         "A mail was claimed, and in the table nothing has changed"),
        ("def claim(db, now, lease):\n    with db:\n        return db.execute('UPDATE mails SET due = ?, tries = tries + 1"
         " WHERE NOT sent AND due <= ? AND tries < 5 RETURNING turn, address, tries', (now + lease, now)).fetchone()",
         "One claim, and more than the first mail has changed"),
        (_claim("NOT sent AND due <= :now AND tries < 5", "tries, turn", change="due = :lease, tries = tries + 1"),
         "Claimed at 1000 for 60 seconds, it is due at 60.0"),
        (_claim("NOT sent AND due <= :now AND tries < 5", "tries, turn", change="due = :now + :lease"),
         "It was claimed once, and tries is 0"),
        (_claim("NOT sent AND due <= :now AND tries < 5", "tries, turn", back="turn, address, tries - 1"),
         "The first mail was claimed for the first time"),
        (_claim("NOT sent AND due <= :now AND tries < 5", "tries, turn", back="turn"), "claim returned (1,)"),
        (_claim("NOT sent AND tries < 5", "tries, turn"), "Three mails, four claims at the same time"),
        (_claim("NOT sent AND due <= :now + 1 AND tries < 5", "tries, turn"), "The leases last until 1060, and at 1059"),
        (_claim("NOT sent AND due < :now AND tries < 5", "tries, turn"), "The leases ended at 1060, whoever had them is dead"),
        (_claim("due <= :now AND tries < 5", "tries, turn"), "All mails are sent"),
        (_claim("NOT sent AND due <= :now AND tries < 5", "turn"), "The mails 1, 2, 3 had 2, 1, 1 tries"),
        (_claim("NOT sent AND due <= :now", "tries, turn"), "A mail kills its worker each time"),
        ("def claim(db, now, lease):\n    row = db.execute('''" + _LOOK + "''', (now,)).fetchone()\n    if row:\n"
         f"        with db: {_TAKE}\n    return row", "Two claimed at the same moment, both looked before either wrote"),
        ("def claim(db, now, lease):\n    row = db.execute('''" + _LOOK + "''', (now,)).fetchone()\n    if row:\n"
         f"        with db:\n            if {_TAKE.replace('WHERE turn = ?', 'WHERE turn = ? AND tries = ?').replace('row[0])', 'row[0], row[2] - 1)')}.rowcount: return row",
         "Two claimed at the same moment, and one went away with nothing"),
        ("def claim(db, now, lease):\n    db.execute('BEGIN')\n    row = db.execute('''" + _LOOK + "''', (now,)).fetchone()\n"
         f"    if row: {_TAKE}\n    db.commit()\n    return row", "Two claimed at the same moment, and one raised"),
        ("def claim(db, now, lease):\n    row = db.execute('''UPDATE mails SET due = :now + :lease, tries = tries + 1 WHERE"
         " turn = (SELECT turn FROM mails WHERE NOT sent AND due <= :now AND tries < 5 ORDER BY tries, turn LIMIT 1)"
         " RETURNING turn, address, tries''', {'now': now, 'lease': lease}).fetchone()\n    if row: db.commit()\n    return row",
         "There was nothing to claim, and a transaction was left open"),
    ),
    "10.clean": (
        ("def clean(db, before):\n    return db.execute(\"DELETE FROM outbox WHERE state = 'done' AND ended < ?\", (before,)).rowcount",
         "Two rows were done before 100, and nothing is gone"),
        (_clean("ended < ?"), "Of what was done earlier than 100, and a row is gone that has been done, and was put back"),
        ("def clean(db, before):\n    with db: return db.execute(\"DELETE FROM outbox WHERE ended IS NULL OR state = 'done'"
         " AND ended < ?\", (before,)).rowcount", "Of what was done earlier than 100, and a row is gone that waits"),
        (_clean('state <> "waiting" AND ended < ?'), "Of what was done earlier than 100, and a row is gone that is set aside"),
        (_clean('state = "done" AND ended > 0 OR id = ?'), "Of what was done earlier than 100, and a row is gone that was done at 200"),
        (_clean('state = "done" AND ended <= ?'), "Of what was done earlier than 100, and a row is gone that was done at 100,"),
        (_clean('state = "done" AND round(ended) < ?'), "Two rows were done before 100, at 50 and at 99.5"),
        ("def clean(db, before):\n    with db: db.execute(\"DELETE FROM outbox WHERE state = 'done' AND ended < ?\", (before,))",
         "Two rows are gone, and clean returned None"),
        ("def clean(db, before):\n    found = db.execute(\"SELECT turn FROM outbox WHERE state = 'done' AND ended < ?\", (before,))"
         ".fetchall()\n    with db: db.executemany('DELETE FROM outbox WHERE turn = ?', found)\n    return len(found)",
         "You looked, then somebody put a row back"),
        ("def clean(db, before):\n    [n] = db.execute(\"SELECT count(*) FROM outbox WHERE state = 'done' AND ended < ?\", (before,))"
         ".fetchone()\n    with db: db.execute(\"DELETE FROM outbox WHERE state = 'done' AND ended < ?\", (before,))\n    return n",
         "While somebody put a row back, 1 was removed, and clean returned 2"),
        ("def clean(db, before):\n    db.execute('BEGIN')\n    found = db.execute(\"SELECT turn FROM outbox WHERE state = 'done' AND"
         " ended < ?\", (before,)).fetchall()\n    with db: db.executemany('DELETE FROM outbox WHERE turn = ?', found)\n"
         "    return len(found)", "Between a look and what came after it somebody else wrote"),
        ("def clean(db, before):\n    with db: db.execute(\"DELETE FROM outbox WHERE state = 'done' AND ended < ?\", (before,))\n"
         "    return 2", "There was nothing left to remove, and clean returned 2"),
        ("def clean(db, before):\n    with db: db.execute(\"DELETE FROM outbox WHERE state = 'done' AND ended < ?\", (before,))\n"
         "    return db.total_changes", "Two rows are gone, and clean returned 9"),
        ("def clean(db, before):\n    n = db.execute(\"DELETE FROM outbox WHERE state = 'done' AND ended < ?\", (before,)).rowcount\n"
         "    if n: db.commit()\n    return n", "There was nothing to remove, and a transaction was left open"),
    ),
}  # fmt: skip
