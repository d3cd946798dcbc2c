"""Wrong answers that people really give to the capstone: source, and words from the message it gets.

Those to 15.capstone are whole programs, the solution with one thing changed.
"""

from webhook_tutorial.exercises.lesson_15 import EXERCISES

_DIALECT, _CAPSTONE = (task.solution for task in EXERCISES)


def _changed(source, *changes):
    for old, new in changes:
        assert source.count(old) == 1, old
        source = source.replace(old, new)
    return source


def _dialect(*changes):
    return _changed(_DIALECT, *changes)


def _program(*changes):
    return _changed(_CAPSTONE, *changes)


_SECONDS = ("int(sent_at) / 1000  # it is in milliseconds", "int(sent_at)")
_BOTH_WAYS = ("if not -60 <= age <= 300:", "if age > 300:")
_REMEMBER = 'db.execute("INSERT INTO events VALUES (?) ON CONFLICT(id) DO NOTHING", (id,))'
_LOOK = f"{_REMEMBER}.rowcount"
_PAY = 'db.execute("INSERT INTO refunds VALUES (?, ?, ?, ?) ON CONFLICT(rental) DO NOTHING", refund)'
# What pays for whatever it is handed: no key stands in the way.
_NO_KEY = ("rental TEXT NOT NULL UNIQUE", "rental TEXT NOT NULL"), (" ON CONFLICT(rental) DO NOTHING", "")
_TABLES = _CAPSTONE[_CAPSTONE.index('    db.execute("CREATE TABLE') : _CAPSTONE.index("    return closing(db)")]
_ONE_AT_A_TIME = ("    with connect() as db, db:  # ", "    with LOCK, connect() as db, db:  # ")
_WORK = """
def work():
    while True:
        refund = QUEUE.get()
        with connect() as db, db:
            db.execute("INSERT INTO refunds VALUES (?, ?, ?, ?)", refund)


threading.Thread(target=work, daemon=True).start()
"""


def _globals(line):
    return ("SECRETS = ", f"import queue\nimport threading\n\n{line}\nSECRETS = ")


def _kept_in(place):
    """A database that is made, with its tables, when the program starts."""
    return (
        f"db = sqlite3.connect({place}, isolation_level=None)\n"
        + _TABLES.replace("\n    ", "\n").lstrip()
        + "db.close()\n"
    )


MISTAKES = {
    "15.dialect": (
        ("def puddlewick():\n    return {'name': 'Puddlewick'}", "puddlewick() must return a Dialect"),
        (_dialect(("        time_format=\"milliseconds\",\n", "")), "At the time at which it was sent, the page's example"),
        (_dialect(("Puddlewick-Signature", "X-Signature")), "The signature is looked for in another header"),
        (_dialect(("\"Puddlewick-Sent-At\"", "\"at\"")), "The time stands in a header of its own"),
        (_dialect(("        max_age=300,", "        id=\"Puddlewick-Delivery\",\n        max_age=300,"), ("{timestamp}:", "{id}:{timestamp}:")),
         "An id is given, and none is signed by itself"),
        (_dialect(("{timestamp}:{body}", "{timestamp}.{body}")), "The page's example is refused: no_match. Compare signed"),
        (_dialect(("base64", "hex")), "The page writes the signature in base64"),
        (_dialect(("        separator=\",\",\n", "")), "While the secret is being changed there are two"),
        (_dialect(("max_age=300", "max_age=5")), "How old a delivery may be is max_age"),
        (_dialect(("milliseconds", "seconds"), ("        max_ahead=60,\n", "")), "The time is read as seconds, so each delivery"),
        (_dialect(("milliseconds", "rfc3339")), "The page's example is refused: malformed. Its time is a number"),
        (_dialect(("encoding=", "key_prefix=\"pudl_\",\n        encoding=")), "The page's example is refused: no_match. The key is the secret"),
        (_dialect(("        max_ahead=60,\n", "")), "A delivery from the future is believed"),
        (_dialect(("max_ahead=60", "max_ahead=1")), "The page accepts what seems to be sent"),
        (_dialect(("encoding=", "key=\"hex\",\n        encoding=")), "The secret could not be read"),
        (_dialect(("name=", "label=")), "The Dialect could not be made"),
        (_dialect(("\"{timestamp}:{body}\"", "\"{body}\"")), "Dialect finds a contradiction: timestamp"),
    ),
    "15.capstone": (
        # The first trap. Whoever reads milliseconds as seconds refuses everything, or, looking one way only, nothing.
        (_program(_SECONDS), "It refuses what is genuine: the time is read as seconds"),
        (_program(_SECONDS, _BOTH_WAYS), "An old delivery is accepted: your program reads the time as seconds"),
        # The second. Whoever remembers the header's id has never seen any of them before.
        (_program((_LOOK, _LOOK.replace("(id,)", "(request.headers[\"Puddlewick-Delivery\"],)")), *_NO_KEY),
         "A deposit was paid back twice: your program remembers Puddlewick-Delivery"),
        (_program((_LOOK, "1"), *_NO_KEY), "A deposit was paid back twice: an event that came again"),
        # Who looks first and writes then, without a key. Five pairs do not always find it, eight crowds do.
        (_program((f"{_LOOK}\n", 'not db.execute("SELECT 1 FROM events WHERE id = ?", (id,)).fetchone()\n        '
                   'db.execute("INSERT INTO events VALUES (?)", (id,))\n'), ("id TEXT PRIMARY KEY NOT NULL", "id TEXT NOT NULL"),
                  (", isolation_level=\"IMMEDIATE\"", ""), *_NO_KEY),
         "An event that came more than once in one moment"),
        # What only the capstone sees: what each type asks for, ...
        (_program(('event["event_type"] == "rental.ended"', 'event["event_type"].startswith("rental.")'), *_NO_KEY),
         "A deposit was paid back for rental.started"),
        (_program(('event["event_type"] == "rental.ended"', 'event["event_type"] != "rental.started"'), *_NO_KEY),
         "A deposit was paid back for rental.lost"),
        (_program(('event["event_type"] == "rental.ended"', 'event["event_type"] not in ("rental.started", "rental.lost")')),
         "A deposit was paid back for an event of an unknown type"),
        (_program((_LOOK, _LOOK.replace("(id,)", '(data["rental"],)'))), "The end of a rental pays nothing back after its start"),
        # ... and a kill.
        (_program((_LOOK, "id not in SEEN\n        SEEN.add(id)"), *_NO_KEY, _ONE_AT_A_TIME, _globals("SEEN, LOCK = set(), threading.Lock()")),
         "After a restart, an event was paid back again that had been answered before"),
        (_program((_TABLES, ""), ('sqlite3.connect(os.environ["DATABASE"], timeout=1.5, isolation_level="IMMEDIATE")',
                                  'sqlite3.connect("file:x?mode=memory&cache=shared", uri=True)'),
                  ("def connect", _kept_in('"file:x?mode=memory&cache=shared", uri=True').replace("db.close()", "kept = db") + "\n\ndef connect"),
                  _ONE_AT_A_TIME, ("        with connect() as db:\n", "        with LOCK, connect() as db:\n"), _globals("LOCK = threading.Lock()")),
         "When your program was killed and started again, it had forgotten"),
        (_program((_PAY, "QUEUE.put(refund)"), ('if os.environ.get("SHOW', f'{_WORK}\n\nif os.environ.get("SHOW'), _globals("QUEUE = queue.Queue()")),
         "A deposit was never paid back, because your program was killed between two steps"),
        (_program((_TABLES, ""), ("def connect", _kept_in('os.environ["DATABASE"]').replace(" IF NOT EXISTS", "") + "\n\ndef connect")),
         "After it was killed it did not start again with the same DATABASE"),
        (_program(('os.environ["DATABASE"]', '"mine.db"')), "There is no file where DATABASE says"),
        (_program(_BOTH_WAYS), "A delivery from the future is accepted"),
        (_program(("if not -60 <= age <= 300:", "if False:")), "A delivery that is older than five minutes is accepted"),
        (_program(("b64encode(right)", "right.hex().encode()")), "It refuses what is genuine: the signature is compared in hex"),
        (_program(('b":" + body', 'b"." + body')), "It refuses what is genuine: the time and the body are joined by a full stop"),
        (_program(('("Puddlewick-Signature", "").split(",")', '("Puddlewick-Signature", "").split(" ")')), "While the secret is being changed"),
        (_program(('app.config["MAX_CONTENT_LENGTH"] = 65_536\n', "")), "A body is accepted that is longer than the page allows. ("),
        (_program(('if new and ended:', "if new and False:")), "It accepts the end of a rental, and pays no deposit back"),
        (_program(('if ended else ("", id, 0, "")', 'if ended else {}["unknown"]')), "An event of a type that is not on the page is refused"),
        (_program(("(ValueError, RecursionError, KeyError, TypeError)", "(ValueError, KeyError, TypeError)")), "nested: "),
        (_program(('@app.post("/webhook")', '@app.post("/")')), "It refuses what is genuine (404 Not Found: is the path of the URL right?). Deliveries come to /webhook"),
        (_program(("    try:\n        event", "    event = body.json()\n    try:\n        event")),
         "It refuses what is genuine (500 Internal Server Error). Deliveries are answered with 2xx"),
        (_program(('"/effects"', '"/count"')), "GET /effects did not answer with a number"),
        (_program(('os.environ["PORT"]', 'os.environ["PORTT"]')), "It was started by python receiver.py"),
    ),
}  # fmt: skip
