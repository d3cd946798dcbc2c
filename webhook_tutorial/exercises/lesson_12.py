"""Exercises of lesson 12: mend a scene, choose the shape of six wishes, and a ninth scene from nothing."""

from dataclasses import replace

from ..look import shortened, visible
from .engine import Exercise, Wrong

# --- mend ---------------------------------------------------------------------------------------------------

_ORDERS = {
    "When all comes in order": ((), None),
    "When version 2 of tea comes after its removal": ((3,), None),
    "When the removal of tea comes last": ((4,), None),
    "When the removal of coffee comes after the change that brings it back": ((5,), None),
    "When each product's first change comes after its second": ((1, 2), None),
    "When both products have something that comes late": ((3, 5), None),
    "When a removal comes before the shop has ever heard of the product": ((2,), "overtaken"),
}
_OVERTAKEN = (
    (0, "product_changed", {"sku": "coffee", "price": 750, "version": 3}),
    (1, "product_changed", {"sku": "tea", "price": 450, "version": 1}),
    (2, "product_removed", {"sku": "tea", "version": 2}),
)


def _test_mend(mend):
    from ..scenes.removals import SCENE
    from ..scenes.stage import play

    for when, (late, overtaken) in _ORDERS.items():
        scene = replace(SCENE, events=_OVERTAKEN, late=()) if overtaken else SCENE
        others = tuple(number for number in range(1, len(scene.events) + 1) if number not in late)
        for twice in ((), others):
            run = play(replace(scene, late=late, twice=twice), mend)
            if run.errors:
                raise Wrong(f"{when}: it raised again and again. {next(iter(run.errors.values()))}")
            if run.broken:
                both = ", and each of the others twice" if twice else ""
                raise Wrong(f"{when}{both}: {run.broken}")


# --- shapes -------------------------------------------------------------------------------------------------

_SHAPES = {
    "A patient is told that the results are in.": "tell",
    "For each order that is paid, an invoice is written.": "job",
    "The address book of the phones follows that of the company.": "copy",
    "An auditor asks who has changed which salary, and when.": "history",
    "A display at the door shows who has booked the room.": "copy",
    "After each push, the tests are run.": "job",
}
_WHY = {
    "tell": "somebody has to hear of it, soon and once; the message itself is all there is to it",
    "job": "work has to be done for each event, once, however long it takes",
    "copy": "only how it is now matters: a change in between may be left out, an older one must not win",
    "history": "each single event counts, with its own time, for a question that is asked later",
}


def _test_shapes(shapes):
    if not isinstance(shapes, dict) or set(shapes) != set(_SHAPES):
        raise Wrong("Keep the six wishes as they are, and write a shape behind each.")
    for wish, right in _SHAPES.items():
        given = shapes[wish]
        if not isinstance(given, str) or given not in _WHY:
            raise Wrong(f"{given!r} is no shape: one of {', '.join(map(repr, _WHY))}.")
        if given != right:
            raise Wrong(f"“{wish}” {_not(given)}. Ask again: what if an event is lost, comes twice, or out of order?")


def _not(given):
    return f"Is it {given!r}? Then {_WHY[given]}"


# --- ninth --------------------------------------------------------------------------------------------------


_NOT = {"signed": "It is not signed.", "once": "Not once.", "in time": "It is not in time."}


def _test_ninth(ninth):
    from ..scenes.scene import Scene
    from ..scenes.stage import play
    from ..scenes.trials import trials

    if not isinstance(ninth, dict) or set(ninth) != {"scene", "receiver", "handle"}:
        raise Wrong("Keep the three names: scene, receiver and handle.")
    scene, receiver, handle = ninth["scene"], ninth["receiver"], ninth["handle"]
    if not isinstance(scene, Scene):
        raise Wrong("scene is a Scene(sender=…, receiver=…, events=…, promise=…).")
    if not callable(receiver) or not callable(handle):
        raise Wrong("receiver and handle are your two functions, without brackets behind them.")
    if len(scene.events) < 3:
        raise Wrong("Three events or more: with fewer of them little can go wrong.")
    if not scene.promise.strip() or scene.broken is None:
        raise Wrong(
            "Your scene promises nothing that is looked at: promise= is a sentence that has to be true in the end, and "
            "broken= a function of the play that returns how it was not, or an empty text."
        )
    if not (scene.late or scene.twice or any(service.down or service.lost for service in scene.services.values())):
        raise Wrong("Nothing goes wrong in your scene: late, twice, or a Service that is down or loses an answer.")
    if not play(scene, lambda event, stage: None).broken:
        raise Wrong("A handler that does nothing keeps your promise, too: broken= has to look at what came of it.")
    found = trials(scene, handle, receiver)
    if not any(trial.ok for trial in found) and len({trial.wrong for trial in found}) == 1:
        raise Wrong(found[0].wrong)
    for trial in found:
        if not trial.ok:
            raise Wrong(f"{_NOT[trial.name]} {shortened(visible(trial.wrong), 500)}")
    run = play(scene, handle, receiver)
    if not any(x.status in (503, 504) for x in run.traffic):
        raise Wrong("The trouble of your scene never happens: at that time nobody is called.")
    if run.broken:
        raise Wrong(f"With its own trouble it breaks its own promise. {run.broken}")
    if run.errors:
        raise Wrong(f"With its own trouble something is left undone. {next(iter(run.errors.values()))}")


EXERCISES = [
    Exercise(
        name="12.mend",
        test=_test_mend,
        hints=(
            "Who deletes a row forgets its version, and an older change looks new. Keep the row, and mark it.",
            "A removal is a change like any other: a version, and removed = 1. A change sets removed = 0.",
            "One statement does for both: INSERT … VALUES (sku, price, version, removed) ON CONFLICT (sku) DO UPDATE SET "
            "price = excluded.price, version = excluded.version, removed = excluded.removed WHERE excluded.version > products.version.",
        ),
        solution='''
KEEP = """INSERT INTO products VALUES (?, ?, ?, ?)
ON CONFLICT (sku) DO UPDATE SET price = excluded.price, version = excluded.version, removed = excluded.removed
WHERE excluded.version > products.version"""

def mend(event, stage):
    new, removed = event["data"], event["event_type"] == "product_removed"
    stage.db.execute(KEEP, new["sku"], new.get("price"), new["version"], int(removed))
''',
        answer="mend",
        praise="What was removed stays known, with its version: such a row is called a tombstone.",
    ),
    Exercise(
        name="12.shapes",
        test=_test_shapes,
        hints=(
            "For each, ask the three columns of the map: what if an event is lost, comes twice, or out of order?",
            "If something must be done, it is a job; if only how it is now counts, a copy; if it is read later, a history.",
        ),
        solution="shapes = {\n" + "".join(f'    "{wish}": "{shape}",\n' for wish, shape in _SHAPES.items()) + "}",
        answer="shapes",
        praise="The shape says what a wish needs, before a line of it is written.",
    ),
    Exercise(
        name="12.ninth",
        test=_test_ninth,
        hints=(
            "Begin with the scene: who sends what to whom, three events, a service with down=((0, 5),), a promise, and a function for broken=.",
            "my_receiver is the one printed at the beginning: verify, stage.inbox.store(id, body), answer 202.",
            "In my_handler: requests.post(stage.url(…), json=…, headers={\"Idempotency-Key\": event[\"id\"]}, timeout=2).raise_for_status().",
        ),
        solution='''
import requests
from flask import Flask, request
from webhook_tutorial import Scene, Service, SignatureError, verify

def my_receiver(stage):
    app = Flask("reminders")

    @app.post("/webhook")
    def webhook():
        body = request.get_data()
        try:
            verify(body, request.headers, stage.scene.secret, clock=stage.clock)
        except SignatureError:
            return "", 401
        stage.inbox.store(request.headers["webhook-id"], body)
        return "", 202

    return app

def my_handler(event, stage):
    data = event["data"]
    key = {"Idempotency-Key": event["id"]}
    body = {"to": data["next"], "text": data["title"] + " is back"}
    requests.post(stage.url("mail") + "/mails", json=body, headers=key, timeout=2).raise_for_status()

def missed(play):
    return "" if len(play.services["mail"]) == 3 else f"{len(play.services['mail'])} readers were told."

ninth = {
    "scene": Scene(
        sender="library",
        receiver="reminders",
        events=(
            (0, "book_returned", {"title": "Emma", "next": "Ada"}),
            (5, "book_returned", {"title": "Persuasion", "next": "Bela"}),
            (9, "book_returned", {"title": "Evelina", "next": "Chidi"}),
        ),
        twice=(2,),
        services={"mail": Service(down=((4, 8),))},
        promise="Whoever waits for a book is told once that it is back.",
        broken=missed,
    ),
    "receiver": my_receiver,
    "handle": my_handler,
}
''',
        answer="ninth",
        praise="Signed, once, in time: yours is the ninth. Draw it with diagram(play(**ninth)).",
    ),
]  # fmt: skip
