"""Wrong answers that people really give to the exercises of lesson 06: source, and words from the message it gets."""

_SQL = "import sqlite3\n"

MISTAKES = {
    "06.idempotent": tuple(
        (_SQL + "def charge_once(db, id, order):\n    row = (order['number'], order['amount'])\n" + body, words)
        for body, words in (
            ("    db.execute('INSERT INTO charges VALUES (?, ?)', row)", "One delivery came, and no charge"),
            ("    with db:\n        db.execute('INSERT INTO charges VALUES (?, ?)', row)", "The same delivery came twice"),
            ("    with db:\n        if not db.execute('SELECT 1 FROM charges WHERE number = ?', row[:1]).fetchone():\n"
             "            db.execute('INSERT INTO charges VALUES (?, ?)', row)", "Three different deliveries came"),
            ("    if not db.execute('INSERT OR IGNORE INTO seen VALUES (?)', (id,)).rowcount: return\n"
             "    db.execute('INSERT INTO charges VALUES (?, ?)', row)\n    db.commit()", "A duplicate left its transaction open"),
            ("    if db.execute('SELECT 1 FROM seen WHERE id = ?', (id,)).fetchone(): return\n"
             "    with db: db.execute('INSERT INTO charges VALUES (?, ?)', row)\n"
             "    with db: db.execute('INSERT INTO seen VALUES (?)', (id,))",
             "A power cut before step 4, then the delivery once more: charged twice"),
            ("    with db: new = db.execute('INSERT OR IGNORE INTO seen VALUES (?)', (id,)).rowcount\n"
             "    if new:\n        with db: db.execute('INSERT INTO charges VALUES (?, ?)', row)",
             "A power cut before step 3, then the delivery once more: it was never charged"),
            ("    if db.execute('SELECT 1 FROM seen WHERE id = ?', (id,)).fetchone(): return\n"
             "    with db:\n        db.execute('INSERT OR IGNORE INTO seen VALUES (?)', (id,))\n"
             "        db.execute('INSERT INTO charges VALUES (?, ?)', row)", "Both deliveries came at the same moment"),
            ("    if db.execute('SELECT 1 FROM seen WHERE id = ?', (id,)).fetchone(): return\n"
             "    with db:\n        db.execute('INSERT INTO seen VALUES (?)', (id,))\n"
             "        db.execute('INSERT INTO charges VALUES (?, ?)', row)", "Two deliveries at the same moment made one raise"),
            ("    db.isolation_level, cursor = None, db.cursor()\n"
             "    if cursor.execute('INSERT OR IGNORE INTO seen VALUES (?)', (id,)).rowcount:\n"
             "        cursor.execute('INSERT INTO charges VALUES (?, ?)', row)",
             "A power cut before step 2, then the delivery once more: it was never charged"),
            ("    if not db.execute('SELECT 1 FROM seen WHERE id = ?', (id,)).fetchone():\n"
             "        db.executescript(f\"INSERT INTO charges VALUES ({row[0]}, {row[1]}); INSERT INTO seen VALUES ('{id}');\")",
             "A power cut before step 3, then the delivery once more: charged twice"),
            ("    if db.execute('SELECT 1 FROM seen WHERE id = ?', (id,)).fetchone(): return\n"
             "    try:\n        db.execute('INSERT INTO seen VALUES (?)', (id,))\n        db.commit()\n"
             "        db.execute('INSERT INTO charges VALUES (?, ?)', row)\n        db.commit()\n"
             "    except: db.rollback()", "A power cut before step 4, then the delivery once more: it was never charged"),
        )
    ),
    "06.order": (
        ('def apply(orders, change):\n    orders[change["number"]] = change', "The versions came as"),
        ('def apply(orders, change):\n    if change["version"] == 1: orders.setdefault(change["number"], change)\n'
         '    elif change["version"] > orders[change["number"]]["version"]: orders[change["number"]] = change', "It raised KeyError when the versions came as"),
        ('def apply(orders, change):\n    if change["version"] > max([o["version"] for o in orders.values()], default=0):\n'
         '        orders[change["number"]] = change', "Order 8 was not taken in"),
        ('def apply(orders, change):\n    known = orders.get(change["number"])\n'
         '    if known is None or str(change["version"]) > str(known["version"]): orders[change["number"]] = change',
         "In order, the order ends as {'number': 7, 'version': 9"),
        ('def apply(orders, change):\n    orders.setdefault(change["number"], change)', "In order, the order ends as {'number': 7, 'version': 1"),
    ),
    "06.missed": (
        ('import requests\ndef missed(url, seen):\n    orders = requests.get(url + "/orders").json()["orders"]\n'
         '    return [o["number"] for o in orders if o["number"] not in seen]', "Orders 4, 150, 229 and 230 were missed, and you found [229, 230]"),
        ('import requests\ndef missed(url, seen):\n'
         '    orders = requests.get(url + "/orders", params={"since": 0, "limit": 100}).json()["orders"]\n'
         '    return [o["number"] for o in orders if o["number"] not in seen]',
         "Orders 4, 150, 229 and 230 were missed, and you found [4]"),
        ('import requests\ndef missed(url, seen):\n'
         '    orders = requests.get(url + "/orders", params={"since": 0, "limit": 1000}).json()["orders"]\n'
         '    return [o["number"] for o in orders if o["number"] not in seen]', "The shop answered 400"),
        ("def missed(url, seen):\n    return sorted(set(range(1, max(seen, default=0))) - seen)", "You never asked the shop"),
        ('import requests\ndef missed(url, seen):\n    since, more, found = 0, True, []\n    while more:\n'
         '        page = requests.get(url + "/orders", params={"since": since, "limit": 100}).json()\n'
         '        found += [o for o in page["orders"] if o["number"] not in seen]\n'
         '        since += 100; more = page["more"]\n    return found', "Return the numbers of the orders"),
        ('import requests\ndef missed(url, seen):\n'
         '    orders = requests.get(url + "/orders", params={"since": 0, "limit": 100}).json()["orders"]\n'
         '    return [o["number"] for o in orders]', "Every order was seen"),
        ("def missed(url, seen):\n    pass\n    print(url)", "missed must return a list"),
    ),
}  # fmt: skip
