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
_LOOK = 'db.execute("INSERT OR IGNORE INTO events VALUES (?)", (id,)).rowcount'

MISTAKES = {
    "15.dialect": (
        ("def puddlewick():\n    return {'name': 'Puddlewick'}", "puddlewick() must return a Dialect"),
        (_dialect(("        time_format=\"milliseconds\",\n", "")), "At the time at which it was sent, the page's example"),
        (_dialect(("Puddlewick-Signature", "X-Signature")), "The signature is looked for in another header"),
        (_dialect(("\"Puddlewick-Sent-At\"", "\"at\"")), "The time stands in a header of its own"),
        (_dialect(("        max_age=300,", "        id=\"Puddlewick-Delivery\",\n        max_age=300,"), ("{timestamp}:", "{id}:{timestamp}:")),
         "An id is given, and none is signed by itself"),
        (_dialect(("{timestamp}:{body}", "{timestamp}.{body}")), "The page's example is refused: no_match"),
        (_dialect(("base64", "hex")), "The page writes the signature in base64"),
        (_dialect(("        separator=\",\",\n", "")), "While the secret is being changed there are two"),
        (_dialect(("max_age=300", "max_age=5")), "How old a delivery may be is max_age"),
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
        (_program((_LOOK, _LOOK.replace("(id,)", "(request.headers[\"Puddlewick-Delivery\"],)"))),
         "A deposit was paid back twice: your program remembers Puddlewick-Delivery"),
        (_program((_LOOK, "1")), "A deposit was paid back twice: an event that came again"),
        (_program((f"{_LOOK}\n", "not db.execute(\"SELECT 1 FROM events WHERE id = ?\", (id,)).fetchone()\n        time.sleep(0.05)\n        "
                   "db.execute(\"INSERT OR IGNORE INTO events VALUES (?)\", (id,))\n"), (", isolation_level=\"IMMEDIATE\"", "")),
         "An event that came twice in one moment"),
        (_program(_BOTH_WAYS), "A delivery from the future is accepted"),
        (_program(("if not -60 <= age <= 300:", "if False:")), "A delivery that is older than five minutes is accepted"),
        (_program(("b64encode(right)", "right.hex().encode()")), "It refuses what is genuine: the signature is compared in hex"),
        (_program(('b":" + body', 'b"." + body')), "It refuses what is genuine: the time and the body are joined by a full stop"),
        (_program(('("Puddlewick-Signature", "").split(",")', '("Puddlewick-Signature", "").split(" ")')), "While the secret is being changed"),
        (_program(('app.config["MAX_CONTENT_LENGTH"] = 65_536\n', "")), "A body is accepted that is longer than the page allows. ("),
        (_program(('if new and ended:', "if new and False:")), "It accepts the end of a rental, and pays no deposit back"),
        (_program(('if ended else None', 'if ended else {}["unknown"]')), "An event of a type that is not on the page is refused"),
        (_program(("(ValueError, RecursionError, KeyError, TypeError)", "(ValueError, KeyError, TypeError)")), "nested: "),
        (_program(('@app.post("/webhook")', '@app.post("/")')), "It refuses what is genuine (404 Not Found"),
        (_program(('"/effects"', '"/count"')), "GET /effects did not answer with a number"),
        (_program(('os.environ["PORT"]', 'os.environ["PORTT"]')), "It was started by python receiver.py"),
    ),
}  # fmt: skip
