"""Each effect once, although the receiver is killed: lesson 06's, under duplicates, races and SIGKILL.

pytest -m kill            twenty kills
SOAK=1 pytest -m kill     two hundred
KILL_SEED=7 pytest ...    the same moments once more; the seed is printed when a test fails
"""

import json
import os
import queue
import random
import sqlite3
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
import requests
from cells import define

from webhook_tutorial import Process, make_event, sign

KILLS = 200 if os.environ.get("SOAK") else 20
SEED = int(os.environ.get("KILL_SEED") or random.randrange(10**6))

RACE = "def ask(", "def new_database", "def look_then_insert", "def in_pairs", "def remember("
CRASH = (
    "def step(",
    "def charge_then_remember",
    "def remember_then_charge",
    "def both_in_one",
    "TOP = ",
    "def work_then_answer",
)
WHOLE = "INBOX = ", "def connect(", "def receive(", "def claim(", "def work_on(", "def handle(", "def worker("
STEPS = "before storing", "stored, not answered", "claimed, not worked", "effect done, not committed", "committed"


@pytest.fixture(scope="module")
def lesson():
    """The names that lesson 06 defines for the race, the crash and the whole receiver."""
    names = {}
    exec("import requests\nfrom flask import Flask, request", names)
    define("06", names, *RACE, *CRASH, *WHOLE, "MORE = ", 'SECRET = "whsec_')
    yield names
    names["folder"].cleanup()


# --- The race -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pairs", [100, pytest.param(1000, marks=pytest.mark.kill)])
def test_of_pairs_at_the_same_moment_none_is_doubled(lesson, pairs):
    assert lesson["in_pairs"](lesson["insert_and_see"], pairs=pairs) == f"{pairs} charges, 0 errors"


def test_looking_first_doubles_every_pair_or_has_the_key_raise(lesson):
    no_key = lesson["TABLES"].replace("PRIMARY KEY", "")
    assert lesson["in_pairs"](lesson["look_then_insert"], no_key, pairs=50) == "100 charges, 0 errors"
    assert lesson["in_pairs"](lesson["look_then_insert"], pairs=50) == "50 charges, 50 errors"


# --- The traffic --------------------------------------------------------------------------------------------


class Traffic:
    """Senders that hand in every event twice or more, each time until they hear 2xx; each attempt is signed anew."""

    def __init__(self, process, secret, senders=4):
        self.process, self.secret, self.sent, self.unanswered = process, secret, 0, 0
        self._line = queue.Queue()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(senders)]
        for thread in self._threads:
            thread.start()

    def keep_busy(self, chance, least=600):
        """Put events in line, the copies of one next to each other or nearly so, until at least so many wait."""
        while self._line.qsize() < least:
            new = [n for n in range(self.sent, self.sent + 10) for _ in range(chance.choice((2, 2, 3)))]
            new.sort(key=lambda n: n + chance.random() * 2)
            self.sent += 10
            for number in new:
                self._line.put(number)

    @property
    def waiting(self):
        return self._line.qsize()

    def finish(self):
        """Wait until every event that was put in line has been answered with 2xx."""
        for _ in self._threads:
            self._line.put(None)
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive(), "a sender is stuck"

    def _work(self):
        with requests.Session() as session:
            for number in iter(self._line.get, None):
                while not self._is_taken(session, number):
                    self.unanswered += 1
                    time.sleep(0.01)

    def _is_taken(self, session, number):
        try:
            return attempt(session, self.process, self.secret, number).ok
        except requests.RequestException:
            return False


def attempt(session, process, secret, number):
    event = make_event("order_placed", {"number": number, "amount": 1}, id=f"evt_{number}")
    body = json.dumps(event).encode()
    headers = {"Content-Type": "application/json"} | sign(body, secret, id=event["id"])
    return session.post(process.url + "/webhook", data=body, headers=headers, timeout=10)


def charges(database):
    with closing(sqlite3.connect(database)) as db:
        return Counter(number for (number,) in db.execute("SELECT number FROM charges"))


def wait_until_worked(database, seconds=30):
    end = time.monotonic() + seconds
    while True:
        with closing(sqlite3.connect(database, timeout=10)) as db:
            states = dict(db.execute("SELECT state, count(*) FROM inbox GROUP BY state"))
        if "new" not in states:
            return states
        assert time.monotonic() < end, f"the worker does not get on: {states}"
        time.sleep(0.01)


def assert_each_once(database, sent):
    assert wait_until_worked(database) == {"done": sent}
    found = charges(database)
    assert not [number for number, times in found.items() if times > 1], "charged twice"
    assert set(found) == set(range(sent)), "never charged"


def prepare(lesson, journal="delete"):
    """A database of the whole receiver, and the environment of its process."""
    database = lesson["new_database"](lesson["INBOX"])
    with closing(sqlite3.connect(database)) as db:
        assert db.execute(f"PRAGMA journal_mode={journal}").fetchone() == (journal,)
    return database, {"DATABASE": database, "WEBHOOK_SECRET": lesson["SECRET"], "PAUSE": 0.05}


# --- The crash ----------------------------------------------------------------------------------------------


@pytest.mark.kill
@pytest.mark.parametrize(
    ("handler", "wrong"),
    [
        ("charge_then_remember", "charged twice"),
        ("remember_then_charge", "never charged"),
        ("both_in_one", "nothing"),
    ],
)
def test_dying_in_between_is_borne_by_one_transaction_only(lesson, handler, wrong):
    """The moment is given, not left to luck: the first lives of each of three end between the two writes."""
    parts = [lesson[name] for name in ("step", "remember", "charge", handler)]
    file = lesson["program"](lesson["TOP"], *parts, f"handle = {handler}", lesson["work_then_answer"])
    database = lesson["new_database"]()
    with Process(file, DATABASE=database, CRASH="in between") as process:
        traffic = Traffic(process, lesson["SECRET"], senders=2)
        die_and_restart(process, traffic, {"DATABASE": database}, "in between")
        traffic.finish()
    found = charges(database)
    doubled, missing = [n for n in found if found[n] > 1], set(range(traffic.sent)) - set(found)
    assert (bool(doubled), bool(missing)) == (wrong == "charged twice", wrong == "never charged")


def die_and_restart(process, traffic, environment, moment, lives=4):
    for life in range(lives):
        traffic.keep_busy(random.Random(SEED), least=20)
        assert process.wait() == 1
        process.restart(**environment, **({"CRASH": moment} if life < lives - 1 else {}))


@pytest.mark.parametrize("moment", STEPS)
def test_the_whole_receiver_killed_at_each_step_does_everything_once(lesson, moment):
    database, environment = prepare(lesson)
    with Process(lesson["whole"], **environment, CRASH=moment) as process:
        traffic = Traffic(process, lesson["SECRET"], senders=2)
        # What one life has left, the next one's worker takes up while it starts: it would die before it is up.
        die_and_restart(process, traffic, environment, moment, lives=2 if moment in STEPS[:2] else 1)
        traffic.finish()
        assert_each_once(database, traffic.sent)


@pytest.mark.parametrize("moment", STEPS[2:])
def test_what_has_been_answered_is_done_though_nobody_sends_it_again(lesson, moment):
    database, environment = prepare(lesson)
    with Process(lesson["whole"], **environment, CRASH=moment) as process:
        assert attempt(requests, process, lesson["SECRET"], 0).status_code == 202
        assert process.wait() == 1
        process.restart(**environment)
        assert_each_once(database, 1)


@pytest.mark.kill
@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_killed_at_random_moments_the_whole_receiver_does_everything_once(lesson, journal):
    print(f"KILL_SEED={SEED}")
    chance, struck = random.Random(SEED), 0
    database, environment = prepare(lesson, journal)
    with Process(lesson["whole"], **environment) as process:
        traffic = Traffic(process, lesson["SECRET"])
        for _ in range(KILLS // 2):
            traffic.keep_busy(chance)
            time.sleep(chance.uniform(0, 0.25))
            waiting = traffic.waiting
            process.kill()
            struck += waiting > 0
            time.sleep(0.01)
            process.restart(**environment)
        traffic.finish()
        assert process.running
        assert_each_once(database, traffic.sent)
    assert struck > KILLS // 8 and traffic.unanswered > KILLS // 8, "the kills did not strike while it was at work"


# --- Many at once -------------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_of_500_pairs_at_the_same_moment_each_is_done_once(lesson):
    database, environment = prepare(lesson, "wal")
    both = threading.Barrier(2, timeout=30)

    def deliver(process):
        with requests.Session() as session:
            answers = []
            for number in range(500):
                both.wait()
                answers.append(attempt(session, process, lesson["SECRET"], number).status_code)
            return answers

    with Process(lesson["whole"], **environment) as process, ThreadPoolExecutor(2) as pool:
        answers = [*pool.map(deliver, [process] * 2)]
        assert answers == [[202] * 500] * 2
        assert_each_once(database, 500)


@pytest.mark.kill
def test_two_copies_of_the_program_share_the_work_and_each_is_done_once(lesson):
    """Both workers find so much at once that they are at it at the same time."""
    database, environment = prepare(lesson)
    events = [make_event("order_placed", {"number": n, "amount": 1}, id=f"evt_{n}") for n in range(3_000)]
    with Process(lesson["whole"], "one", **environment), Process(lesson["whole"], "two", **environment):
        with closing(sqlite3.connect(database, timeout=10)) as db, db:
            rows = [(event["id"], json.dumps(event).encode()) for event in events]
            db.executemany("INSERT INTO inbox (id, body) VALUES (?, ?)", rows)
        assert_each_once(database, len(events))


def test_without_its_secret_the_whole_receiver_does_not_start(lesson):
    database, _ = prepare(lesson)
    with pytest.raises(RuntimeError, match="WEBHOOK_SECRET"):
        Process(lesson["whole"], DATABASE=database)
