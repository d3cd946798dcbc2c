"""Wrong answers that people really give to the exercises of lesson 12: source, and words from the message it gets."""

from webhook_tutorial.exercises import exercises

_RIGHT = {name: task.solution for name, task in exercises("12").items()}


def _but(name, *changes):
    """The solution with some of its text changed."""
    source = _RIGHT[name]
    for old, new in changes:
        assert source.count(old) == 1, (name, old, source.count(old))
        source = source.replace(old, new)
    return source


_UPSERT = (
    "UPSERT = 'INSERT INTO products (sku, price, version) VALUES (?, ?, ?) ON CONFLICT (sku) DO UPDATE SET price = excluded.price,"
    " version = excluded.version{also} WHERE excluded.version > products.version'\n"
)
_WISH = "“A patient is told that the results are in.” Is it "

MISTAKES = {
    "12.mend": (
        (_UPSERT.format(also="") + "def mend(event, stage):\n    new = event['data']\n    if event['event_type'] == 'product_removed':\n"
         "        stage.db.execute('DELETE FROM products WHERE sku = ?', new['sku'])\n    else:\n"
         "        stage.db.execute(UPSERT, new['sku'], new['price'], new['version'])",
         "When version 2 of tea comes after its removal: tea: 480 in the shop"),
        (_UPSERT.format(also="") + "def mend(event, stage):\n    new = event['data']\n    if event['event_type'] == 'product_removed':\n"
         "        stage.db.execute('UPDATE products SET removed = 1, version = ? WHERE sku = ?', new['version'], new['sku'])\n    else:\n"
         "        stage.db.execute(UPSERT, new['sku'], new['price'], new['version'])",
         "When all comes in order: coffee: nothing in the shop, 750 in the warehouse"),
        (_UPSERT.format(also=", removed = 0") + "def mend(event, stage):\n    new = event['data']\n    if event['event_type'] == 'product_removed':\n"
         "        stage.db.execute('UPDATE products SET removed = 1, version = ? WHERE sku = ?', new['version'], new['sku'])\n    else:\n"
         "        stage.db.execute(UPSERT, new['sku'], new['price'], new['version'])",
         "When the removal of coffee comes after the change that brings it back: coffee: nothing"),
        (_UPSERT.format(also=", removed = 0") + "def mend(event, stage):\n    new = event['data']\n    if event['event_type'] == 'product_removed':\n"
         "        stage.db.execute('UPDATE products SET removed = 1, version = ?1 WHERE sku = ?2 AND version < ?1', new['version'], new['sku'])\n"
         "    else:\n        stage.db.execute(UPSERT, new['sku'], new['price'], new['version'])",
         "When a removal comes before the shop has ever heard of the product: tea: 450 in the shop"),
        ("def mend(event, stage):\n    new = event['data']\n    if event['event_type'] == 'product_changed':\n"
         "        stage.db.execute('INSERT OR REPLACE INTO products VALUES (?, ?, ?, 0)', new['sku'], new['price'], new['version'])",
         "When all comes in order: tea: 480 in the shop"),
        ("def mend(event, stage):\n    new = event['data']\n"
         "    stage.db.execute('INSERT INTO products VALUES (?, ?, ?, 0)', new['sku'], new['price'], new['version'])",
         "When all comes in order: it raised again and again. IntegrityError"),
        ("async def mend(event, stage):\n    stage.db.execute('SELECT 1')", "Your code raised TypeError"),
    ),
    "12.shapes": (
        (_but("12.shapes", ('are in.": "tell"', 'are in.": "job"')), _WISH + "'job'? Then work has to be done"),
        (_but("12.shapes", ('are in.": "tell"', 'are in.": "copy"')), _WISH + "'copy'? Then only how it is now matters"),
        (_but("12.shapes", ('written.": "job"', 'written.": "tell"')), "“For each order that is paid, an invoice is written.” Is it 'tell'"),
        (_but("12.shapes", ('company.": "copy"', 'company.": "history"')), "“The address book of the phones follows that of the company.” Is it 'history'"),
        (_but("12.shapes", ('when.": "history"', 'when.": "copy"')), "“An auditor asks"),
        (_but("12.shapes", ('room.": "copy"', 'room.": "tell"')), "“A display at the door"),
        (_but("12.shapes", ('tests are run.": "job"', 'tests are run.": "workflow"')), "'workflow' is no shape"),
        ("shapes = {'A': 'tell'}", "Keep the six wishes"),
    ),
    "12.ninth": (
        (_but("12.ninth", ("            verify(body, request.headers, stage.scene.secret, clock=stage.clock)\n", "            pass\n")),
         "It is not signed. A delivery that somebody else has signed was answered with 202"),
        (_but("12.ninth", ('return "", 401', 'return "", 400')), "It is not signed. A delivery that somebody else has signed was answered with 400"),
        (_but("12.ninth", ('headers=key, ', '')), "Not once. With each answer of mail lost once, mail holds"),
        (_but("12.ninth", ("stage.inbox.store(request.headers[\"webhook-id\"], body)", "my_handler(request.get_json(), stage)")),
         "It is not in time. A service was called while a delivery still waited"),
        (_but("12.ninth", (".raise_for_status()", "")), "It is not in time. With mail down for 10 minutes at 09:00: 0 readers were told"),
        (_but("12.ninth", ("    requests.post(stage.url", "    (lambda *a, **b: requests.Response())(stage.url"), (".raise_for_status()", "")),
         "Nothing came of it, even without any trouble. Does the handler"),
        (_but("12.ninth", ("        twice=(2,),\n", ""), ("down=((4, 8),)", "")), "Nothing goes wrong in your scene"),
        (_but("12.ninth", ('"Whoever waits for a book is told once that it is back."', '""')), "Your scene promises nothing that is looked at"),
        (_but("12.ninth", ('            (5, "book_returned", {"title": "Persuasion", "next": "Bela"}),\n', "")), "Three events or more"),
        (_but("12.ninth", ("== 3", "== 4")), "Even without any trouble the promise is broken. 3 readers were told"),
        (_but("12.ninth", ('"receiver": my_receiver', '"receiver": my_receiver(None)'), ("    app = Flask", "    if stage is None: return 1\n    app = Flask")),
         "receiver and handle are your two functions"),
        (_but("12.ninth", ('stage.url("mail")', 'stage.url("mial")')), "Nothing came of it, even without any trouble. The first error: ValueError: This scene has no service"),
        (_but("12.ninth", ('return "" if len', 'return "" if True or len')), "A handler that does nothing keeps your promise"),
        (_but("12.ninth", ("        try:\n", "        if 'webhook-signature' not in request.headers:\n            stage.inbox.store(request.headers['webhook-id'], body)\n"
                           "            return '', 202\n        try:\n")), "It is not signed. A delivery that nobody has signed was answered with 202"),
        (_but("12.ninth", (", clock=stage.clock", "")), "Nothing came of it, even without any trouble. The first error: Not delivered (waiting). Its answers: 401"),
        ("ninth = {'scene': 'library', 'receiver': print, 'handle': print}", "scene is a Scene("),
        ("ninth = ()", "Keep the three names"),
    ),
}  # fmt: skip
