"""What the receiver and its worker promise. No network is needed: python -m pytest"""

import asyncio
import atexit
import base64
import dataclasses
import hashlib
import hmac
import http.client
import json
import logging
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp()  # before telemetry is imported, which reads it

import pytest

import handlers
import settings
import signature
import telemetry
from inbox import SCHEMA, Inbox
from receiver import create_app
from worker import Worker

atexit.register(shutil.rmtree, os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)

# --- The sender. For another provider, change this part as signature.py; the rest needs no more than it. -------------

SECRET, OTHER_SECRET = (
    "whsec_" + base64.b64encode(hashlib.sha256(text).digest()).decode()
    for text in (b"a key of these tests", b"another")
)
KEY, OTHER = signature.key(SECRET), signature.key(OTHER_SECRET)
UNREADABLE = "hunter2", SECRET + "?", SECRET + "\u00e9", SECRET.removeprefix("whsec_"), "whsec_?"


def signed(body, id="evt_1", key=KEY, at=0):
    """Return a delivery as a sender makes it ``at`` seconds from now: body and headers."""
    stamp = str(int(time.time() + at))
    digest = hmac.new(key, f"{id}.{stamp}.".encode() + body, hashlib.sha256).digest()
    signature = "v1," + base64.b64encode(digest).decode()
    return body, {"webhook-id": id, "webhook-timestamp": stamp, "webhook-signature": signature}


def change(name, value):
    """How a header is changed: by a function of what it was, or to a text."""
    made = value if callable(value) else lambda was: value
    return lambda body, headers: (body, headers | {name: made(headers[name])})


#: What is refused of a genuine delivery, beside what no provider lets pass (`NEVER_GENUINE`).
REFUSED = {
    "no id": change("webhook-id", ""),
    "another id": change("webhook-id", "evt_2"),
    "another time": change("webhook-timestamp", lambda was: str(int(was) - 1)),
    "another version": change("webhook-signature", lambda was: "v2" + was[2:]),
    "no signature": change("webhook-signature", ""),
    "half a signature": change("webhook-signature", lambda was: was[:20]),
    "too old": lambda body, _: signed(body, at=-310),
    "of the future": lambda body, _: signed(body, at=310),
    "no number": change("webhook-timestamp", "now"),
    "a number that only Python reads": change("webhook-timestamp", lambda was: "+" + was),
    "a dot in the id": lambda body, _: signed(body, id="evt_1.1"),
    "a letter that is none": change("webhook-signature", "v1,\u00e9"),
}


def test_a_delivery_that_was_signed_elsewhere_verifies():
    """The signature was made with the library standardwebhooks, and not with the code of these tests."""
    body = b'{"event_type":"order_placed","data":{"number":7,"amount":4990}}'
    headers = {
        "webhook-id": "evt_7",
        "webhook-timestamp": "1800000000",
        "webhook-signature": "v1,JyaHmwM4mw2WHPenpuWlI/gdMH5/Y8Ovg9MichzYTCk=",
    }
    key = hashlib.sha256(b"a key of these tests").digest()
    signature.verify(body, headers, [key], now=1800000000)
    found = [find(json.loads(body), headers) for find in (signature.event_id, signature.event_type)]
    assert found == ["evt_7", "order_placed"]


def test_of_several_signatures_one_has_to_fit():
    body, headers = signed(b"{}", key=OTHER)
    headers["webhook-signature"] += " " + signed(b"{}")[1]["webhook-signature"]
    signature.verify(body, headers, [KEY])


# --- What they need -----------------------------------------------------------------------------------------

ORDER = {"event_type": "order_placed", "data": {"number": 7, "amount": 4990}}


@pytest.fixture
def config(tmp_path):
    where = {"DATABASE": str(tmp_path / "inbox.db"), "RETRY": "0.001", "TRIES": "3", "LARGEST_BODY": "20000"}
    return settings.load({"WEBHOOK_SECRET": SECRET, "SHOW_EFFECTS": "yes"} | where)


@pytest.fixture
def inbox(config):
    return Inbox(config.database)


@pytest.fixture
def client(config, inbox):
    return create_app(config, inbox).test_client()


def send(client, event=ORDER, **how):
    body, headers = signed(event if isinstance(event, bytes) else json.dumps(event).encode(), **how)
    return client.post("/webhook", data=body, headers=headers)


def rows(inbox, sql):
    with inbox.transaction() as db:
        return db.execute(sql).fetchall()


def work(config, inbox, handlers=handlers.HANDLERS):
    """Work until nothing waits."""
    worker = Worker(config, inbox, handlers)
    while inbox.counts()["waiting"]:
        worker.do_next()


# --- Verify -------------------------------------------------------------------------------------------------


NEVER_GENUINE = {
    "unsigned": lambda body, _: (body, {}),
    "another body": lambda body, headers: (body.replace(b"7", b"8"), headers),
    "the same JSON, written in another way": lambda body, headers: (body.replace(b": ", b":"), headers),
    "another secret": lambda body, _: signed(body, key=OTHER),
    "an empty key": lambda body, _: signed(body, key=b""),
}


@pytest.mark.parametrize("name", NEVER_GENUINE | REFUSED)
def test_what_is_not_genuine_is_refused_and_every_refusal_is_the_same(client, inbox, name):
    body, headers = signed(json.dumps(ORDER).encode())
    body, headers = (NEVER_GENUINE | REFUSED)[name](body, headers)
    answer = client.post("/webhook", data=body, headers=headers)
    assert (answer.status_code, answer.json) == (401, {"error": "unauthorized"})
    assert inbox.counts()["waiting"] == 0


def test_while_a_secret_is_changed_both_verify():
    for key in (KEY, OTHER):
        signature.verify(*signed(b"{}", key=key), [KEY, OTHER])


# --- Store, answer ------------------------------------------------------------------------------------------


def test_what_is_answered_202_is_in_the_inbox_as_it_came(client, inbox):
    body = (
        '{ "event_type" : "order_placed", "data": {"price": 1.10, "big": 12345678901234567890, "at": "Züri"}}'.encode()
    )
    assert send(client, body).status_code == 202
    assert rows(inbox, "SELECT id, body, state FROM inbox") == [("evt_1", body, "waiting")]


def test_a_second_attempt_is_answered_the_same_and_stored_once(client, inbox):
    answers = [send(client), send(client, at=1), send(client, id="evt_2")]
    assert [(answer.status_code, answer.data) for answer in answers] == [(202, b"")] * 3
    assert rows(inbox, "SELECT id FROM inbox") == [("evt_1",), ("evt_2",)]


def test_of_many_at_the_same_moment_one_is_new(inbox):
    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(lambda _: inbox.store("evt_1", "order_placed", b"{}"), range(40))) == [False] * 39 + [
            True
        ]


NO_EVENTS = b"", b"{", b"null", b"7", b'"text"', b"[]", b"{}", b"\xff", b"[" * 9000
NO_TYPES = b"null", b"7", b"[]", b'""', b'"two\\nlines"', b'"\\ud800"', b'"' + b"x" * 201 + b'"'


@pytest.mark.parametrize("body", [*NO_EVENTS, *(b'{"event_type": %b}' % one for one in NO_TYPES)])
def test_a_signed_body_that_is_no_event_gets_400(client, inbox, body):
    answer = send(client, body)
    assert (answer.status_code, answer.json) == (400, {"error": "not an event"})
    assert inbox.counts()["waiting"] == 0


def test_an_id_that_is_too_long_gets_400(client):
    assert send(client, id="x" * 201).status_code == 400 and send(client, id="x" * 200).status_code == 202


def test_a_body_that_is_too_large_gets_413_before_its_signature_is_looked_at(client):
    start = b'{"event_type": "big", "data": "'
    fits = start + b"x" * (20_000 - len(start) - 2) + b'"}'
    assert send(client, fits).status_code == 202
    answer = client.post("/webhook", data=fits + b" ")
    assert (answer.status_code, answer.json) == (413, {"error": "too large"})


def test_where_nothing_can_be_stored_the_answer_is_503_and_not_2xx(client, inbox):
    os.remove(inbox.path)
    os.mkdir(inbox.path)
    answer = send(client)
    assert (answer.status_code, answer.json) == (503, {"error": "try again later"})


def test_other_methods_and_paths(client):
    answers = client.get("/webhook"), client.put("/webhook"), client.get("/")
    assert [answer.status_code for answer in answers] == [405, 405, 404]
    assert "POST" in answers[0].headers["Allow"] and answers[2].json == {"error": "not found"}


def test_healthy_is_the_process_and_ready_is_the_inbox(client, inbox):
    assert [client.get(path).status_code for path in ("/health", "/ready")] == [200, 200]
    os.remove(inbox.path)
    os.mkdir(inbox.path)
    assert [client.get(path).status_code for path in ("/health", "/ready")] == [200, 503]


def test_effects_are_shown_where_a_setting_asks_for_it(client, config, inbox):
    send(client)
    assert client.get("/effects").data == b"0"
    work(config, inbox)
    assert client.get("/effects").data == b"1"
    hidden = settings.load({"WEBHOOK_SECRET": SECRET})
    assert create_app(hidden, inbox).test_client().get("/effects").status_code == 404


# --- Work ---------------------------------------------------------------------------------------------------


def test_an_effect_is_done_once_for_each_event(client, config, inbox):
    for id in ("evt_1", "evt_1", "evt_2"):
        send(client, id=id)
    work(config, inbox)
    send(client)  # once more, after it was done
    work(config, inbox)
    charge = "charge 4990 for order 7"
    assert rows(inbox, "SELECT event, what FROM entries") == [("evt_1", charge), ("evt_2", charge)]


def test_an_unknown_type_is_stored_and_done_with_nothing(client, config, inbox):
    assert send(client, {"event_type": "of next year"}).status_code == 202
    work(config, inbox)
    assert rows(inbox, "SELECT state FROM inbox") == [("done",)] and rows(inbox, "SELECT * FROM entries") == []


def test_a_handler_that_fails_is_tried_again_then_set_aside_and_what_it_wrote_is_undone(client, config, inbox):
    calls = []

    def half(id, event, db):
        calls.append(id)
        handlers.order_placed(id, event, db)
        raise ConnectionError("no answer from the bank")

    send(client)
    work(config, inbox, {"order_placed": half})
    assert calls == ["evt_1"] * 3 and rows(inbox, "SELECT * FROM entries") == []
    assert inbox.errors() == [("evt_1", "ConnectionError: no answer from the bank")]
    assert inbox.try_again() == 1
    work(config, inbox)
    assert len(rows(inbox, "SELECT * FROM entries")) == 1


def test_an_error_in_letters_that_are_none_is_kept_all_the_same(client, config, inbox):
    def fails(id, event, db):
        raise ValueError(f"unknown: {event['data']}")

    send(client, b'{"event_type": "order_placed", "data": "\\ud800"}')
    work(config, inbox, {"order_placed": fails})
    assert inbox.errors() == [("evt_1", "ValueError: unknown: \\ud800")]


def test_what_was_set_aside_begins_anew_when_its_sender_comes_again(client, config, inbox):
    send(client, {"event_type": "order_placed"})
    work(config, inbox)
    assert inbox.errors() == [("evt_1", "KeyError: 'data'")]
    send(client)
    work(config, inbox)
    assert inbox.errors() == [] and len(rows(inbox, "SELECT * FROM entries")) == 1


def test_a_claim_ends_with_its_lease_and_of_two_workers_one_does_it(inbox):
    inbox.store("evt_1", "order_placed", json.dumps(ORDER).encode())
    dead = inbox.claim(lease=0.001)
    assert dead.tries == 1 and inbox.counts()["waiting"] == 1
    time.sleep(0.002)
    alive = inbox.claim(lease=60)
    assert alive.tries == 2 and inbox.claim(lease=60) is None

    def finish(claim):
        return inbox.finish(claim, lambda db: handlers.order_placed("evt_1", ORDER, db))

    assert not finish(dead) and not inbox.give_back(dead, 0) and not inbox.set_aside(dead, "late")
    assert [finish(alive), finish(alive), finish(dead)] == [True, False, False]
    assert len(rows(inbox, "SELECT * FROM entries")) == 1


def test_whoever_kills_the_worker_each_time_is_set_aside(config, inbox):
    inbox.store("evt_1", "order_placed", json.dumps(ORDER).encode())
    for _ in range(3):
        assert inbox.claim(lease=0.001)
        time.sleep(0.002)
    work(config, inbox)
    assert inbox.errors() == [("evt_1", "begun, and never finished")]


def with_db(db):
    with db:
        enter(db)


def enter(db):
    handlers.order_placed("evt_1", ORDER, db)


COMMITS = {
    "commit": lambda db: (enter(db), db.commit()),
    "COMMIT": lambda db: (enter(db), db.execute("COMMIT")),
    "with db": with_db,
    "with db, and once more": lambda db: (with_db(db), enter(db)),
    "a script": lambda db: (enter(db), db.executescript("SELECT 1")),
}


@pytest.mark.parametrize("how", COMMITS)
def test_a_handler_that_commits_by_itself_is_told_and_what_it_wrote_is_undone(inbox, how):
    inbox.store("evt_1", "order_placed", b"{}")
    with pytest.raises(RuntimeError, match="leaves COMMIT to the worker"):
        inbox.finish(inbox.claim(60), COMMITS[how])
    assert rows(inbox, "SELECT * FROM entries") == []


def test_a_handler_that_writes_outside_of_the_transaction_is_told(inbox):
    inbox.store("evt_1", "order_placed", b"{}")
    sql = "WITH one(n) AS (SELECT 1) INSERT INTO entries SELECT 1, 'x', 'y' FROM one"
    with pytest.raises(RuntimeError, match="leaves COMMIT to the worker"):
        inbox.finish(inbox.claim(60), lambda db: db.execute(sql))


@pytest.mark.parametrize("sql", ["SELECT * FROM nowhere", "SELECT ?"])
def test_a_handler_may_begin_by_itself_and_its_other_errors_are_what_they_are(inbox, sql):
    inbox.store("evt_1", "order_placed", b"{}")
    assert inbox.finish(inbox.claim(60), lambda db: (db.execute("BEGIN IMMEDIATE"), enter(db)))
    inbox.store("evt_2", "order_placed", b"{}")
    with pytest.raises(sqlite3.Error, match=r"no such table|bindings"):
        inbox.finish(inbox.claim(60), lambda db: db.execute(sql))
    assert len(rows(inbox, "SELECT * FROM entries")) == 1


class Mute(Exception):
    def __str__(self):
        raise ValueError("no text")


@pytest.mark.parametrize("error", [SystemExit(3), asyncio.CancelledError(), Mute()])
def test_a_handler_that_ends_the_program_is_one_that_fails(client, config, inbox, error):
    def ends(*_):
        raise error

    send(client)
    work(config, inbox, {"order_placed": ends})
    assert [name.split(":")[0] for _, name in inbox.errors()] == [type(error).__name__]


def test_a_second_ctrl_c_gives_the_claim_back(config, inbox):
    worker = Worker(config, inbox, {"order_placed": lambda *_: (worker.stop(), worker.stop())})
    inbox.store("evt_1", "order_placed", json.dumps(ORDER).encode())
    with pytest.raises(KeyboardInterrupt):
        worker.run()
    assert inbox.claim(60).id == "evt_1"


def test_done_is_forgotten_after_a_time_and_what_was_set_aside_is_not(config, inbox):
    for id in ("done", "set aside", "waiting"):
        inbox.store(id, "order_placed", b"{}")
    inbox.finish(inbox.claim(60), lambda db: None)
    inbox.set_aside(inbox.claim(60), "why")
    assert inbox.forget(time.time() - 1) == 0
    assert inbox.forget(time.time() + 1) == 1
    assert rows(inbox, "SELECT id FROM inbox ORDER BY turn") == [("set aside",), ("waiting",)]


def test_much_is_forgotten_bit_by_bit(inbox):
    one = "('done', 'old ' || n, 'x', '', 0, 0)"
    with inbox.transaction() as db:
        db.executescript(f"""
            WITH RECURSIVE many(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM many WHERE n < 450)
            INSERT INTO inbox (state, id, event_type, body, received, due) SELECT {one[1:-1]} FROM many
        """)
    assert [inbox.forget(1) for _ in range(4)] == [200, 200, 50, 0]


@pytest.mark.parametrize("step", ["beat", "forget"])
def test_where_one_step_of_the_worker_fails_the_events_are_done_all_the_same(client, config, inbox, monkeypatch, step):
    def full(*_):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(inbox, step, full)
    naps = iter(range(20))
    monkeypatch.setattr("time.sleep", lambda seconds: next(naps))
    worker = Worker(config, inbox, {"order_placed": lambda *_: worker.stop()})
    send(client)
    worker.run()
    assert rows(inbox, "SELECT state FROM inbox") == [("done",)]


def test_the_worker_forgets_what_was_done_long_ago_and_says_that_it_was_here(client, config, inbox):
    day = 24 * 3600
    for id, age in (("old", 31 * day), ("young", 29 * day)):
        send(client, id=id)
        inbox.finish(inbox.claim(60), lambda db: None)
        with inbox.transaction() as db:
            db.execute("UPDATE inbox SET due = due - ? WHERE id = ?", (age, id))
    worker = Worker(config, inbox, {"order_placed": lambda *_: worker.stop()})
    send(client, id="new")
    worker.run()
    assert rows(inbox, "SELECT id FROM inbox ORDER BY turn") == [("young",), ("new",)]
    assert time.time() - inbox.counts()["heartbeat"] < 60


def test_the_wait_after_a_failure_doubles(client, config, inbox, monkeypatch):
    waits = []
    monkeypatch.setattr(inbox, "give_back", lambda claim, wait, error: waits.append(wait) or True)
    slow = dataclasses.replace(config, retry=10, tries=20, lease=0.000001)
    worker = Worker(slow, inbox, {"order_placed": lambda *_: 1 / 0})
    send(client)
    for _ in range(14):
        time.sleep(0.0001)
        worker.do_next()
    assert waits == [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5120, 10240, 20480, 21600, 21600]


# --- The two programs ---------------------------------------------------------------------------------------


@contextmanager
def started(program, word, **settings):
    """Start a program and give the line of its log that says it has begun; end it as systemd does."""
    command = [sys.executable, os.path.join(os.path.dirname(__file__), program)]
    plain = {name: value for name, value in os.environ.items() if name != "WEBHOOK_SECRET"}
    with subprocess.Popen(command, env=plain | settings, stderr=subprocess.PIPE, text=True) as process:
        try:
            line = json.loads(process.stderr.readline())
            assert line["event"] == word
            yield line
            process.terminate()
            rest = process.stderr.read()
            if os.name != "nt":  # there a process cannot be asked to stop, only ended
                assert '"stopped"' in rest.splitlines()[-1] and process.wait(10) == 0
        finally:
            process.kill()


def test_started_as_they_will_be_both_do_their_part_and_stop_when_told(tmp_path, inbox):
    told = {"DATABASE": inbox.path, "PORT": "0", "METRICS_PORT": "0"}
    with (
        started("receiver.py", "listening", WEBHOOK_SECRET=SECRET, **told) as line,
        started("worker.py", "working", **told),
    ):
        body, headers = signed(json.dumps(ORDER).encode() + b" " * 100_000)
        with closing(http.client.HTTPConnection("127.0.0.1", line["port"], timeout=10)) as client:
            client.request("POST", "/webhook", body, headers)
            assert client.getresponse().status == 202
        end = time.monotonic() + 10
        while not rows(inbox, "SELECT * FROM entries") and time.monotonic() < end:
            time.sleep(0.05)
    assert len(rows(inbox, "SELECT * FROM entries")) == 1


def test_where_somebody_else_writes_for_long_the_sender_hears_503_in_time(client, inbox, monkeypatch):
    with closing(sqlite3.connect(inbox.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        begun = time.monotonic()
        assert send(client).status_code == 503
        assert time.monotonic() - begun < 5
        monkeypatch.setattr("inbox.PATIENCE", 0.1)
        assert client.get("/ready").status_code == 503


# --- Start, schema, log, numbers ----------------------------------------------------------------------------

SETTINGS = [
    ("WEBHOOK_SECRET is missing", "WEBHOOK_SECRET", ""),
    *(("WEBHOOK_SECRET cannot be read: ", "WEBHOOK_SECRET", secret) for secret in UNREADABLE),
    ("PORT must be a number from 0 to 65_535", "PORT", "http"),
    ("TRIES must be", "TRIES", "0"),
    ("LEASE must be", "LEASE", "nan"),
]


@pytest.mark.parametrize(("words", "name", "value"), SETTINGS)
def test_a_setting_that_cannot_be_right_ends_the_start_and_is_not_shown(words, name, value):
    with pytest.raises(settings.Wrong) as wrong:
        settings.load({"WEBHOOK_SECRET": SECRET} | {name: value})
    assert words in str(wrong.value) and (len(value) < 4 or value not in str(wrong.value))


LEAST = signature.SHORTEST_KEY
GUESSED = {
    "is too short: ": b"",
    f"is too short: of {LEAST} bytes, the least, it has {LEAST - 1}": KEY[: LEAST - 1],
    "is an example": b"an example key that is long enough",
    "is an example, and": bytes(32),
}


@pytest.mark.parametrize("words", GUESSED)
def test_a_key_that_can_be_guessed_ends_the_start(monkeypatch, words):
    monkeypatch.setattr(signature, "key", lambda secret: GUESSED[words])
    with pytest.raises(settings.Wrong) as wrong:
        settings.load({"WEBHOOK_SECRET": SECRET})
    assert words in str(wrong.value)


def test_a_secret_that_says_it_is_an_example_ends_the_start(monkeypatch):
    monkeypatch.setattr(signature, "key", lambda secret: KEY)
    with pytest.raises(settings.Wrong, match="is an example"):
        settings.load({"WEBHOOK_SECRET": "ThisIsAnExampleSecret"})


def test_the_example_of_the_settings_is_refused():
    with open(os.path.join(os.path.dirname(__file__), ".env.example"), encoding="utf-8") as file:
        example = dict(line.strip().split("=", 1) for line in file if "=" in line and not line.startswith("#"))
    with pytest.raises(settings.Wrong, match="is an example"):
        settings.load(example)
    assert settings.load(example | {"WEBHOOK_SECRET": SECRET}) == settings.load({"WEBHOOK_SECRET": SECRET})


def test_no_secret_is_shown_by_the_settings(config):
    assert config.keys == (KEY,) and "keys" not in repr(config) and SECRET[8:20] not in repr(config)
    assert settings.load({}, with_secret=False).keys == ()
    assert settings.load({"WEBHOOK_SECRET": f"{SECRET},{OTHER_SECRET}"}).keys == (KEY, OTHER)


def test_a_file_of_an_older_program_is_brought_up_to_date_and_one_of_a_newer_is_taken(inbox, monkeypatch):
    inbox.store("evt_1", "order_placed", b"{}")
    monkeypatch.setattr("inbox.SCHEMA", (*SCHEMA, "ALTER TABLE entries ADD COLUMN at REAL"))
    newer = Inbox(inbox.path)
    assert rows(newer, "SELECT at FROM entries") == [] and newer.counts()["waiting"] == 1
    monkeypatch.setattr("inbox.SCHEMA", SCHEMA)
    assert Inbox(inbox.path).store("evt_2", "order_placed", b"{}")
    assert rows(inbox, "PRAGMA user_version") == [(len(SCHEMA) + 1,)]


def test_an_older_program_goes_on_where_a_newer_one_has_added_a_column_to_each_table(client, config, inbox):
    for (name,) in rows(inbox, "SELECT name FROM sqlite_master WHERE type = 'table'"):
        rows(inbox, f"ALTER TABLE {name} ADD COLUMN added TEXT")
    assert send(client).status_code == 202 and client.get("/ready").status_code == 200
    work(config, inbox)
    inbox.beat("worker")
    assert len(rows(inbox, "SELECT * FROM entries")) == 1


def test_two_programs_that_start_at_once_make_one_file(tmp_path):
    for number in range(5):
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(Inbox, [str(tmp_path / f"{number}.db")] * 4))


def test_what_is_committed_is_on_the_disk_and_others_read_meanwhile(inbox):
    with inbox.transaction() as db:
        assert [db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")] == ["wal", 2]


def test_it_waits_at_the_start_while_somebody_else_writes(tmp_path):
    path = tmp_path / "inbox.db"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("CREATE TABLE theirs (number)")
    other.execute("BEGIN IMMEDIATE")
    threading.Timer(0.2, other.rollback).start()
    inbox = Inbox(path)
    assert inbox.store("evt_1", "order_placed", b"{}")
    other.execute("BEGIN IMMEDIATE")  # and not at all, where there is nothing to do
    assert Inbox(path).counts()["waiting"] == 1
    other.close()


def test_the_log_names_the_delivery_and_nothing_that_is_in_it(client, config, inbox):
    lines = []
    catch = logging.Handler()
    catch.emit = lambda record: lines.append(telemetry.JsonLines().format(record))
    telemetry.log.addHandler(catch)
    telemetry.log.setLevel(logging.INFO)
    try:
        send(client, {"event_type": "order_placed", "data": {"name": "Ada Lovelace"}})
        send(client, key=OTHER)
        client.post("/webhook", data=b"Ada")
        send(client, id="ada@mail")
        work(config, inbox)
    finally:
        telemetry.log.removeHandler(catch)
    said = [json.loads(line) for line in lines]
    assert [(one["outcome"], one["status"]) for one in said[:2]] == [("stored", 202), ("unauthorized", 401)]
    assert ["reason" in one for one in said[:4]] == [False, True, True, False]
    assert said[0]["delivery"] == "evt_1" and said[3]["delivery"] == "•••"
    failed = next(one for one in said if one["event"] == "handler failed")
    assert (failed["exception"], failed["raised_in"].split(":")[0]) == ("KeyError", "order_placed")
    assert "set aside" in [one.get("outcome") for one in said]
    for word in ("Ada", "ada@", SECRET[8:20], "v1,"):
        assert word not in "".join(lines)


def test_the_numbers_count_both_programs_and_tell_how_late_the_worker_is(client, config, inbox):
    def numbers():
        found = telemetry.registry(inbox).collect()
        return {(one.name, *one.labels.values()): one.value for metric in found for one in metric.samples}

    before = numbers()
    send(client)
    send(client, id="evt_0")
    send(client, key=OTHER)
    with inbox.transaction() as db:
        db.execute("UPDATE inbox SET due = due - 3601 WHERE id = 'evt_0'")
    waiting = numbers()
    work(config, inbox)
    after = numbers()

    def rise(*name):
        return after[name] - before[name]

    assert rise("webhook_deliveries_total", "stored") == rise("webhook_events_total", "done") == 2
    assert rise("webhook_deliveries_total", "unauthorized") == 1 and rise("webhook_answer_seconds_count") == 3
    assert waiting["webhook_inbox_waiting",] == 2 and waiting["webhook_inbox_overdue_seconds",] > 3600
    assert after["webhook_inbox_waiting",] == after["webhook_inbox_overdue_seconds",] == 0


def test_what_waits_for_its_next_try_or_is_in_hand_is_not_overdue(inbox):
    for id in ("in hand", "failed"):
        inbox.store(id, "order_placed", b"{}")
        with inbox.transaction() as db:
            db.execute("UPDATE inbox SET received = received - 3601, due = due - 3601 WHERE id = ?", (id,))
        claim = inbox.claim(lease=60)
    inbox.give_back(claim, wait=60)
    assert inbox.counts() == {"waiting": 2, "overdue": 0, "set_aside": 0, "heartbeat": 0}


def test_where_the_inbox_cannot_be_read_the_other_numbers_are_still_there(inbox):
    os.remove(inbox.path)
    os.mkdir(inbox.path)
    names = {metric.name for metric in telemetry.registry(inbox).collect()}
    assert "webhook_deliveries" in names and "webhook_inbox_waiting" not in names
    with pytest.raises(sqlite3.Error):
        inbox.counts()
