"""Exactly once, although the receiver is killed: the handlers of lesson 06, under duplicates, races and SIGKILL.

pytest -m kill            twenty kills
SOAK=1 pytest -m kill     two hundred
KILL_SEED=7 pytest ...    the same moments once more; the seed is printed when a test fails
"""

import contextlib
import io
import os
import queue
import random
import sqlite3
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import nbformat
import pytest
import requests

from webhook_tutorial import Process, make_event

LESSON = Path(__file__).resolve().parents[2] / "notebooks" / "06_duplicates_and_order.ipynb"
KILLS = 200 if os.environ.get("SOAK") else 20
SEED = int(os.environ.get("KILL_SEED") or random.randrange(10**6))


def cell(defines):
    """The source of the one code cell of lesson 06 that defines something."""
    cells = nbformat.read(LESSON, 4).cells
    (found,) = [c.source for c in cells if c.cell_type == "code" and defines in c.source]
    return found


@pytest.fixture(scope="module")
def lesson():
    """The names that lesson 06 defines for the race and the crash."""
    names = {"make_event": make_event}
    with contextlib.redirect_stdout(io.StringIO()):
        for defines in ("def new_bank", "def look_then_write", "def write_and_see"):
            exec(cell(defines), names)
        for defines in ("READ_EVENT = '", "RECEIVER = ", "HANDLERS = {"):
            exec(cell(defines), names)
    yield names
    names["folder"].cleanup()


# --- The race -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pairs", [100, pytest.param(1000, marks=pytest.mark.kill)])
def test_of_pairs_at_the_same_moment_none_is_doubled(lesson, pairs):
    assert lesson["in_pairs"](lesson["write_and_see"], pairs=pairs) == pairs


def test_looking_first_doubles_every_pair(lesson):
    assert lesson["in_pairs"](lesson["look_then_write"], pairs=50) == 100


# --- The crash ----------------------------------------------------------------------------------------------


class Traffic:
    """Senders that hand in every event twice or more, each time until they hear 204."""

    def __init__(self, process, senders=4):
        self.process, self.sent, self.unanswered = process, 0, 0
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

    def finish(self):
        """Wait until every event that was put in line has been answered with 204."""
        for _ in self._threads:
            self._line.put(None)
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive(), "a sender is stuck"

    def _work(self):
        with requests.Session() as session:
            while (number := self._line.get()) is not None:
                event = make_event("payment_received", {"number": number, "amount": 1}, id=f"evt_{number}")
                while not self._heard_204(session, event):
                    self.unanswered += 1
                    time.sleep(0.01)

    def _heard_204(self, session, event):
        try:
            return session.post(self.process.url + "/webhook", json=event, timeout=10).status_code == 204
        except requests.RequestException:
            return False


def charges(bank):
    with closing(sqlite3.connect(bank)) as db:
        return Counter(number for (number,) in db.execute("SELECT number FROM charges"))


def prepare(lesson, tmp_path, handler, journal="delete"):
    bank, source = lesson["new_bank"](f"{journal}.db"), tmp_path / "receiver.py"
    with closing(sqlite3.connect(bank)) as db:
        assert db.execute(f"PRAGMA journal_mode={journal}").fetchone() == (journal,)
    source.write_text(lesson["RECEIVER"] + lesson["HANDLERS"][handler])
    return bank, source


@pytest.mark.kill
@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_killed_at_random_moments_every_event_is_charged_exactly_once(lesson, tmp_path, journal):
    print(f"KILL_SEED={SEED}")
    chance, struck = random.Random(SEED), 0
    bank, source = prepare(lesson, tmp_path, "both in one transaction", journal)
    with Process(source, BANK=bank) as process:
        traffic = Traffic(process)
        for _ in range(KILLS // 2):
            traffic.keep_busy(chance)
            time.sleep(chance.uniform(0, 0.25))
            before, waiting = traffic.unanswered, traffic._line.qsize()
            process.kill()
            struck += waiting > 0
            time.sleep(0.01)
            process.restart(BANK=bank)
            assert traffic.unanswered >= before
        traffic.finish()
        assert process.running
    found = charges(bank)
    doubled = [number for number, times in found.items() if times > 1]
    assert not doubled and set(found) == set(range(traffic.sent))
    assert struck > KILLS // 8 and traffic.unanswered > KILLS // 8, "the kills did not strike while it was at work"


@pytest.mark.kill
@pytest.mark.parametrize(
    ("handler", "wrong"),
    [
        ("charge, then remember", "charged twice"),
        ("remember, then charge", "never charged"),
        ("both in one transaction", "nothing"),
    ],
)
def test_dying_in_between_is_borne_by_one_transaction_only(lesson, tmp_path, handler, wrong):
    """The moment is given, not left to luck: the first life of each of three ends between the two writes."""
    bank, source = prepare(lesson, tmp_path, handler)
    with Process(source, BANK=bank, CRASH="in between") as process:
        traffic = Traffic(process, senders=2)
        for _ in range(3):
            traffic.keep_busy(random.Random(SEED), least=20)
            assert process.wait() == 1
            process.restart(BANK=bank, CRASH="in between")
        assert process.wait() == 1
        process.restart(BANK=bank)
        traffic.finish()
    found = charges(bank)
    doubled, missing = [n for n in found if found[n] > 1], set(range(traffic.sent)) - set(found)
    assert (bool(doubled), bool(missing)) == (wrong == "charged twice", wrong == "never charged")
