"""The receivers that lessons 02 and 06 end with, taken from their notebooks: no body may make them answer 500."""

import base64
import hmac
import io
import json
import random
import sqlite3
import threading
import time
from contextlib import closing

import pytest
import requests
from cells import define
from flask import Flask, request

from webhook_tutorial import SignatureError, SimulatedClock, SystemClock, serve, sign, verify
from webhook_tutorial.signing import SLACK

JSON = {"content_type": "application/json"}


@pytest.fixture
def lesson_02():
    """The receiver of lesson 02, and its store; what a worker makes of an event comes later in the lesson."""
    names = {"Flask": Flask, "request": request}
    cells = "WHY = {", "def explain", "def find_problem", "def read_event", "stored = Queue()", "stored.put(event)"
    return define("02", names, *cells)


class Whole:
    """The whole receiver of lesson 06 from its file, its worker run by hand, and its database."""

    def __init__(self, monkeypatch):
        before = "def ask(", "def new_database", "def step(", "TOP = ", "def work_then_answer"
        cells = (
            "INBOX = ",
            "def connect(",
            "def receive(",
            "def claim(",
            "def work_on(",
            "def handle(",
            "def worker(",
        )
        lesson = {}
        exec("import requests\nfrom flask import Flask, request", lesson)
        define("06", lesson, *before, *cells, "MORE = ", 'SECRET = "whsec_')
        self.folder, self.secret = lesson["folder"], lesson["SECRET"]
        self.path = lesson["new_database"](lesson["INBOX"])
        monkeypatch.setenv("DATABASE", str(self.path))
        monkeypatch.setenv("WEBHOOK_SECRET", self.secret)
        monkeypatch.setenv("PAUSE", "0")
        text, start, _ = lesson["whole"].read_text(encoding="utf-8").rpartition("Thread(target=worker")
        assert start
        self.program = {}
        exec(text, self.program)
        self.app = self.program["app"]
        self.client = self.app.test_client()

    def deliver(self, body, id="evt_7", **changes):
        """Sign a body by hand, under any id, and deliver it; changes are headers that are set afterwards."""
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"HTTP_" + name.upper(): value for name, value in (self.sign(body, id) | changes).items()}
        return self.client.post("/webhook", data=body, environ_overrides=given)

    def sign(self, body, id):
        stamp = str(int(time.time()))
        content = id.encode("latin-1") + f".{stamp}.".encode() + body
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        code = base64.b64encode(hmac.digest(key, content, "sha256")).decode()
        return {"webhook_id": id, "webhook_timestamp": stamp, "webhook_signature": "v1," + code}

    def claim(self):
        with self.program["connect"]() as db:
            return self.program["claim"](db)

    def work_on(self, claimed):
        with self.program["connect"]() as db:
            self.program["work_on"](db, *claimed)

    def work(self):
        """Work until nothing waits: without a pause, what fails is tried at once for the second to the eighth time."""
        for _ in range(10_000):
            if not (claimed := self.claim()):
                return
            self.work_on(claimed)
        pytest.fail("the worker never comes to an end")

    def ask(self, sql):
        with closing(sqlite3.connect(self.path)) as db:
            return db.execute(sql).fetchall()


@pytest.fixture
def lesson_06(monkeypatch):
    whole = Whole(monkeypatch)
    yield whole
    whole.folder.cleanup()


# --- The size -----------------------------------------------------------------------------------------------


def with_length(app, body):
    return app.test_client().post("/webhook", data=body, **JSON)


def in_chunks_elsewhere(app, body):
    """As Gunicorn and Werkzeug hand a body in chunks to an app: it has an end, and no length."""
    given = {"wsgi.input": io.BytesIO(body), "wsgi.input_terminated": True}
    return app.test_client().post("/webhook", environ_overrides=given, **JSON)


def in_chunks_here(app, body):
    with serve(app, name="receiver") as server:
        pieces = (body[i : i + 1000] for i in range(0, len(body), 1000))
        headers = {"Content-Type": "application/json"}
        return requests.post(server.url + "/webhook", data=pieces, headers=headers, timeout=5)


WAYS = with_length, in_chunks_elsewhere, in_chunks_here


def event_of(size, padding):
    """A sound event of so many bytes, padded at its end or inside it."""
    event = b'{"id": "evt_1", "event_type": "coupon_printed", "data": {"note": "%b"}}'
    if padding == "inside":
        return event % (b"x" * (size - len(event) + 2))
    return (event % b"").ljust(size)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("padding", ["inside", "at the end"])
@pytest.mark.parametrize(
    ("size", "status"), [(100, 202), (9_999, 202), (10_000, 202), (10_001, 413), (10_002, 413), (20_000, 413)]
)
def test_a_body_is_too_large_however_it_comes(lesson_02, size, status, padding, way):
    answer = way(lesson_02["app"], event_of(size, padding))
    assert answer.status_code == status
    assert lesson_02["stored"].qsize() == (status == 202)
    if status == 413:
        assert json.loads(answer.text) == {"error": "the body is larger than 10,000 bytes"}


@pytest.fixture(params=["reasons, stored = [], []", "def create_app"])
def lesson_04(request, monkeypatch):
    """The two receivers of lesson 04 that verify with the helper: what their cell defines, the app among it."""
    names = {"EXAMPLE": SECRET, "clock": SystemClock()}
    exec("from flask import *\nfrom webhook_tutorial import *", names)
    define("04", names, request.param)
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET)
    return {"app": names["create_app"](), "most": 1_000_000} if "create_app" in names else {**names, "most": 10_000}


SECRET = "whsec_" + base64.b64encode(b"an example, and no secret").decode()


@pytest.mark.parametrize("way", WAYS)
def test_one_that_verifies_refuses_what_is_too_large_as_such_and_not_as_forged(lesson_04, way):
    """Cut at the limit, a genuine delivery would not verify: a 401, and a long search for its reason."""
    app, most = lesson_04["app"], lesson_04["most"]
    for size, status in ((most, 401), (most + 1, 413), (2 * most, 413)):
        assert way(app, b"x" * size).status_code == status
    assert not lesson_04.get("stored")


def test_one_that_verifies_stores_what_is_genuine_up_to_its_limit(lesson_04):
    body = b'{"event_type": "ping"}'.ljust(lesson_04["most"])
    client = lesson_04["app"].test_client()
    for sent, status in ((body, 2), (body[:-1] + b"x", 4), (body[:-1], 4)):
        answer = client.post("/webhook", data=sent, headers=sign(body, SECRET, id="msg_1"), **JSON)
        assert answer.status_code // 100 == status
    assert lesson_04.get("stored", [{"event_type": "ping"}]) == [{"event_type": "ping"}]


def test_the_verifier_that_lesson_04_writes_by_hand_for_slack_says_what_verify_says():
    names = define("04", {}, "def signature_of", "def slack_signature", "def judge_slack")
    secret, body, now = names["SECRET"].decode(), names["body"], names["then"]
    time, code = "X-Slack-Request-Timestamp", "X-Slack-Signature"
    sound = names["from_slack"](body, now)
    assert sound == sign(body, secret, SLACK, timestamp=now)

    ages = [names["from_slack"](body, now - age) for age in (0, 300, 301, 86_400, -300, -301, -86_400)]
    times = [sound | {time: stamp} for stamp in ("yesterday", "nan", "-1", "\u00b2", "9" * 5_000, str(now + 1))]
    said = [names["judge_slack"](body, headers, now) for headers in ages + times]
    assert said == [reason_of(body, headers, secret, now) for headers in ages + times]
    assert said.count("believed") == 3 and set(said) == {"believed", "too_old", "too_new", "malformed", "no_match"}

    # What cannot be a signature verify calls missing or malformed; by hand it fits as little as any other.
    codes = [sound | {code: given} for given in ("", "v0=", "v0=\u00e9", "v0=00", "v1=" + sound[code][3:])]
    for headers in (*codes, {time: str(now)}):
        assert names["judge_slack"](body, headers, now) == "no_match"
        assert reason_of(body, headers, secret, now) != "believed"
    assert names["judge_slack"](body, {}, now) == "malformed"


def reason_of(body, headers, secret, now):
    try:
        verify(body, headers, secret, SLACK, clock=SimulatedClock(now))
    except SignatureError as error:
        return error.reason
    return "believed"


# --- What is in it ------------------------------------------------------------------------------------------

#: Bodies that have broken receivers, and what each should get where it is the whole body.
STRANGE = {
    "brackets": b"[" * 9_000,
    "braces": b'{"a":' * 1_900,
    "brackets that close": b"[" * 4_000 + b"]" * 4_000,
    "a number of 5,000 digits": b"9" * 5_000,
    "an event with a number of 5,000 digits": b'{"id": "a", "data": {"number": %b}}' % (b"9" * 5_000),
    "nothing": b"",
    "null": b"null",
    "not a number": b"NaN",
    "a lone surrogate": b'"\\ud800"',
    "no UTF-8": b'{"id": "\xff\xfe"}',
    "NUL": b"\x00",
    "half of UTF-16": '{"id": "a"}'.encode("utf-16")[:-1],
}


@pytest.mark.parametrize("body", STRANGE.values(), ids=STRANGE)
def test_what_is_no_event_gets_400_and_a_reason(lesson_02, body):
    answer = with_length(lesson_02["app"], body)
    assert answer.status_code == 400
    assert answer.json["error"]
    assert lesson_02["stored"].empty()


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"data": {}}, "event_type must be a text that is not empty"),
        ({"event_type": "", "data": {}}, "event_type must be a text that is not empty"),
        ({"event_type": "user_signup"}, "data must be an object"),
        ({"event_type": "user_signup", "data": "JohnDoe"}, "data must be an object"),
    ],
)
def test_a_refusal_says_what_to_change(lesson_02, event, words):
    answer = with_length(lesson_02["app"], json.dumps(event).encode())
    assert (answer.status_code, answer.json) == (400, {"error": words})


def test_what_is_stored_before_the_answer_the_worker_does_later_and_it_survives_a_bad_event(lesson_02):
    names = define("02", lesson_02, "import time\n", "HANDLERS = {", "def process", "def work")
    bad = {"event_type": "payment_received", "data": {"number": 8}}
    good = {"event_type": "user_signup", "data": {"user": "JohnDoe"}}
    with serve(names["app"], name="receiver") as server:
        for event in (bad, good | {"event_type": "coupon_printed"}, good):
            assert requests.post(server.url + "/webhook", json=event, timeout=5).status_code == 202
        assert names["done"] == [] and names["stored"].qsize() == 3
        worker = threading.Thread(target=names["work"], args=(server,))
        worker.start()
        names["stored"].join()
    worker.join(timeout=5)
    assert not worker.is_alive(), "it ends with its receiver"
    assert names["done"] == ["ignored", "welcome, JohnDoe"]
    assert [event for event, _ in names["failed"]] == [bad]


def order(**changes):
    return {"id": "evt_7", "event_type": "order_placed", "data": {"number": 7, "amount": 4990}} | changes


@pytest.mark.parametrize("body", STRANGE.values(), ids=STRANGE)
def test_what_is_signed_and_no_event_is_kept_with_its_error_and_holds_up_nothing(lesson_06, body):
    for id, sent in ("evt_1", body), ("evt_2", order()):
        assert lesson_06.deliver(sent, id).status_code == 202
    lesson_06.work()
    (strange, *_, error), sound = lesson_06.ask("SELECT state, body, tries, error FROM inbox ORDER BY id")
    assert strange == "set aside" and error and error != "begun, not finished"
    assert sound[0] == "done" and lesson_06.ask("SELECT body FROM inbox WHERE id = 'evt_1'") == [(body,)]


def test_what_is_not_signed_gets_one_bare_401_whatever_it_is(lesson_06):
    bodies = [json.dumps(order()).encode(), *STRANGE.values()]
    answers = [lesson_06.deliver(body, webhook_signature="v1,AAAA") for body in bodies]
    assert {(answer.status_code, answer.text) for answer in answers} == {(401, '{"error":"unauthorized"}\n')}
    assert lesson_06.ask("SELECT * FROM inbox") == []


@pytest.mark.parametrize("way", WAYS)
def test_lesson_06_refuses_what_is_too_large_as_such_and_not_as_forged(lesson_06, way):
    for size, status in ((10_000, 401), (10_001, 413), (20_000, 413)):
        assert way(lesson_06.app, b"x" * size).status_code == status


NO_ORDERS = [
    *(None, [], "7", {}, {"number": 7}, {"number": 7, "amount": None}, {"number": 7, "amount": []}),
    *({"number": 10**30, "amount": 1}, {"number": 7, "amount": "\ud800"}),
]


@pytest.mark.parametrize("data", NO_ORDERS)
def test_what_cannot_be_charged_is_set_aside_and_holds_up_nothing(lesson_06, data):
    for id, event in ("evt_1", order(data=data)), ("evt_2", order()):
        assert lesson_06.deliver(event, id).status_code == 202
    lesson_06.work()
    (one, error), *others = lesson_06.ask("SELECT state, error FROM inbox ORDER BY id")
    assert one == "set aside" and error and others == [("done", None)]
    assert lesson_06.ask("SELECT * FROM charges") == [(7, 4990, 0)]


class Handler:
    """Stands for ``handle``: does what it does, counts, and raises as long as ``error`` is set."""

    def __init__(self, whole, error=None):
        self.handle, self.error, self.calls = whole.program["handle"], error, 0
        whole.program["handle"] = self

    def __call__(self, db, id, event):
        self.handle(db, id, event)
        self.calls += 1
        if self.error:
            raise self.error


@pytest.mark.parametrize("error", [LookupError("half of it"), SystemExit(3), KeyboardInterrupt(), sqlite3.Error("no")])
def test_what_a_handler_did_before_it_raised_is_undone_and_sent_again_the_event_begins_anew(lesson_06, error):
    handler = Handler(lesson_06, error)
    lesson_06.deliver(order())
    lesson_06.work()
    assert lesson_06.ask("SELECT * FROM charges") == []
    assert lesson_06.ask("SELECT state, tries, error FROM inbox") == [("set aside", 8, repr(error))]
    assert handler.calls == 8
    handler.error = None
    lesson_06.work()
    assert handler.calls == 8, "what is set aside waits for somebody to send it again"
    lesson_06.deliver(order())
    assert lesson_06.ask("SELECT state, tries, due FROM inbox") == [("new", 0, 0)]
    lesson_06.work()
    assert lesson_06.ask("SELECT * FROM charges") == [(7, 4990, 0)]
    assert lesson_06.ask("SELECT state, tries, error FROM inbox") == [("done", 1, None)]


def test_a_duplicate_changes_nothing_of_what_waits_or_is_done(lesson_06):
    handler = Handler(lesson_06, LookupError("not yet"))
    lesson_06.program["PAUSE"] = 60
    lesson_06.deliver(order())
    lesson_06.work()
    (waiting,) = lesson_06.ask("SELECT * FROM inbox")
    lesson_06.deliver(order(data={}))
    assert lesson_06.ask("SELECT * FROM inbox") == [waiting] and waiting[2:4] == ("new", 1)
    handler.error, lesson_06.program["time"] = None, later(60)
    lesson_06.work()
    (done,) = lesson_06.ask("SELECT * FROM inbox")
    lesson_06.deliver(order(data={}))
    lesson_06.work()
    assert lesson_06.ask("SELECT * FROM inbox") == [done] and done[2] == "done" and handler.calls == 2


def later(seconds):
    """A time module that is ahead."""
    moment = time.time() + seconds
    return type("time", (), {"time": staticmethod(lambda: moment)})


def test_what_was_claimed_and_never_finished_comes_back_after_a_pause_that_doubles_eight_times_in_all(lesson_06):
    lesson_06.program["PAUSE"] = 60
    lesson_06.deliver(order())
    waited = 0
    for tried in range(8):
        lesson_06.program["time"] = later(waited)
        assert lesson_06.claim() and lesson_06.claim() is None, "claimed once"
        lesson_06.program["time"] = later(waited + 60 * 2**tried - 5)
        assert lesson_06.claim() is None, "not before its time"
        waited += 60 * 2**tried + 1
    assert lesson_06.ask("SELECT state, tries, error FROM inbox") == [("set aside", 8, "begun, not finished")]
    lesson_06.program["time"] = later(10**9)
    assert lesson_06.claim() is None, "what kills the process each time does not do so for ever"


def test_the_eighth_try_can_succeed(lesson_06):
    lesson_06.deliver(order())
    for _ in range(7):
        assert lesson_06.claim()
    lesson_06.work()
    assert lesson_06.ask("SELECT state, tries, error FROM inbox") == [("done", 8, None)]
    assert lesson_06.ask("SELECT * FROM charges") == [(7, 4990, 0)]


def test_of_two_workers_that_have_claimed_the_same_only_one_goes_on(lesson_06):
    """A worker that takes longer than the pause: another has claimed the event in the meantime."""
    handler = Handler(lesson_06)
    lesson_06.deliver(order())
    one, two = lesson_06.claim(), lesson_06.claim()
    assert one == two
    for claimed in one, two:
        lesson_06.work_on(claimed)
    assert handler.calls == 1 and lesson_06.ask("SELECT state FROM inbox") == [("done",)]
    handler.error = LookupError("too late")
    lesson_06.work_on(two)
    assert handler.calls == 1 and lesson_06.ask("SELECT state, error FROM inbox") == [("done", None)]


def test_the_first_to_come_is_worked_on_first_and_what_failed_stands_behind(lesson_06):
    lesson_06.program["PAUSE"] = 0.001
    for id in "evt_2", "evt_3", "evt_1":
        lesson_06.deliver(order(), id)
    claimed = []
    while len(claimed) < 4:
        row = lesson_06.claim()
        claimed += [row[0]] if row else []
    assert claimed == ["evt_2", "evt_3", "evt_1", "evt_2"]


def test_a_payment_that_comes_first_waits_for_its_order(lesson_06):
    lesson_06.deliver(order(event_type="payment_received"), "evt_1")
    lesson_06.work_on(lesson_06.claim())
    assert lesson_06.ask("SELECT state, error FROM inbox") == [("new", "LookupError('its order has not come yet')")]
    lesson_06.deliver(order(), "evt_2")
    lesson_06.work()
    assert lesson_06.ask("SELECT state, error FROM inbox") == [("done", None)] * 2
    assert lesson_06.ask("SELECT * FROM charges") == [(7, 4990, 4990)]


def test_an_order_is_charged_once_whoever_told_of_it_and_stays_paid(lesson_06):
    lesson_06.deliver(order(), "evt_1")
    lesson_06.deliver(order(event_type="payment_received"), "evt_2")
    lesson_06.deliver(order(), "polled_7")
    lesson_06.work()
    assert lesson_06.ask("SELECT * FROM charges") == [(7, 4990, 4990)]
    assert lesson_06.ask("SELECT DISTINCT state FROM inbox") == [("done",)]


def test_the_worker_says_when_the_database_does_not_answer_and_goes_on(lesson_06, caplog):
    """The table is renamed away and comes back."""

    class Stop(BaseException):
        pass

    naps = []

    def sleep(seconds):
        naps.append(seconds)
        if len(naps) == 1:
            alter("gone", "inbox")
        elif len(naps) == 2:
            raise Stop

    def alter(old, new):
        with closing(sqlite3.connect(lesson_06.path)) as db, db:
            db.execute(f"ALTER TABLE {old} RENAME TO {new}")

    lesson_06.deliver(order())
    alter("inbox", "gone")
    lesson_06.program["time"] = type("time", (), {"time": time.time, "sleep": staticmethod(sleep)})
    with pytest.raises(Stop):
        lesson_06.program["worker"]()
    assert [record.levelname for record in caplog.records] == ["WARNING"] and "no such table" in caplog.text
    assert lesson_06.ask("SELECT state FROM inbox") == [("done",)]


def test_the_signed_id_decides_and_not_the_one_in_the_body(lesson_06):
    for number, (id, inside) in enumerate((("msg_1", "evt_1"), ("msg_1", "evt_2"), ("msg_2", "evt_1"))):
        event = order(id=inside, data={"number": number, "amount": 1})
        assert lesson_06.deliver(event, id).status_code == 202
    lesson_06.work()
    assert lesson_06.ask("SELECT id FROM inbox") == [("msg_1",), ("msg_2",)]
    assert lesson_06.ask("SELECT number FROM charges") == [(0,), (2,)]


def test_an_event_of_no_interest_is_done_at_once(lesson_06):
    lesson_06.deliver(order(event_type="coupon_printed", data=None))
    lesson_06.work()
    assert lesson_06.ask("SELECT state FROM inbox") == [("done",)]
    assert lesson_06.ask("SELECT * FROM charges") == []


TOKENS = [
    *(b'null true false 0 1 -1 1.5 1e999 NaN -Infinity "" "1" "evt_1" "evt_2" "\\ud800" "a\\u0000b"'.split()),
    *(b'[] {} [1] {"a":1} {"number":7,"amount":4990} "payment_received" "user_signup" "\xc3\xa9" "\xff"'.split()),
    b"9" * 30, b"9" * 4_301, b"[" * 3_000, b"[" * 1_500 + b"]" * 1_500, b'{"data":' * 1_100, b"",
]  # fmt: skip


def some_body(chance):
    """An event made of random parts; now and then with bytes lost, doubled or replaced, in another encoding."""
    part = lambda usual, odds=0.75: usual if chance.random() < odds else chance.choice(TOKENS)  # noqa: E731
    data = part(b'{"number": %b, "amount": %b}' % (part(b"7"), part(b"4990")))
    fields = [(b'"id"', part(b'"evt_%d"' % chance.randrange(20))), (b'"data"', data)]
    fields += [(b'"event_type"', part(b'"payment_received"'))]
    chance.shuffle(fields)
    body = b"{%b}" % b", ".join(b"%b: %b" % field for field in fields[: chance.choice((3, 3, 3, 3, 2))])
    for _ in range(chance.choice((0, 0, 0, 1, 2))):
        start = chance.randrange(len(body) or 1)
        end = start + chance.choice((1, 1, 5, 40))
        body = body[:start] + chance.choice((b"", body[start:end] * 2, b"\x00", b"\xff", b'"', b"}", b",")) + body[end:]
    if chance.random() < 0.1:
        encoding = chance.choice(("utf-16", "utf-32", "utf-8-sig", "utf-16-le"))
        body = body.decode("latin-1").encode(encoding)
    return body


def test_of_a_thousand_random_bodies_none_breaks_lesson_02(lesson_02):
    chance, client = random.Random(16), lesson_02["app"].test_client()
    seen = [client.post("/webhook", data=some_body(chance), **JSON).status_code for _ in range(1000)]
    assert set(seen) <= {202, 400, 413}
    assert min(seen.count(202), seen.count(400)) > 200
    assert lesson_02["stored"].qsize() == seen.count(202)


#: Ids as a header may hold them: sound, doubtful, and impossible.
IDS = [
    *(f"evt_{n}" for n in range(20)),
    "",
    " ",
    "a b",
    "a.b",
    "\xe9",
    "\x00",
    "a\nb",
    "x" * 5_000,
    "'; DROP TABLE inbox; --",
]


@pytest.mark.thorough
def test_of_a_thousand_strange_deliveries_none_breaks_lesson_06_or_is_charged_twice(lesson_06):
    chance, seen, sound = random.Random(16), [], set()
    for _ in range(1000):
        body, id = some_body(chance).replace(b"payment_received", b"order_placed"), chance.choice(IDS)
        id = id if chance.random() < 0.3 else f"evt_{chance.randrange(300)}"
        body = body.replace(b'"number": 7', b'"number": %d' % chance.randrange(100, 999))
        forged = {} if chance.random() < 0.8 else {chance.choice(HEADERS): chance.choice(VALUES)}
        seen.append(lesson_06.deliver(body, id, **forged).status_code)
        sound |= {id} if seen[-1] == 202 else set()
    assert {202, 401} <= set(seen) <= {202, 401, 413}
    assert min(seen.count(status) for status in (202, 401)) > 150
    lesson_06.work()
    ids = [id for (id,) in lesson_06.ask("SELECT id FROM inbox")]
    assert set(ids) == sound and {f"evt_{n}" for n in range(20)} <= sound
    assert set(lesson_06.ask("SELECT DISTINCT state FROM inbox")) == {("done",), ("set aside",)}
    done = [json.loads(body) for (body,) in lesson_06.ask("SELECT body FROM inbox WHERE state = 'done'")]
    numbers = {event["data"]["number"] for event in done if event["event_type"] == "order_placed"}
    assert {number for (number,) in lesson_06.ask("SELECT number FROM charges")} == numbers and len(numbers) > 30


HEADERS = "webhook_id", "webhook_timestamp", "webhook_signature"
VALUES = "", "1", "yesterday", "9" * 400, "\xff", "v1", "v1,", "v1,=", "v1,AAAA", "v1, v1, " * 50, "v2,AAAA", "\x00"
