"""A worker in a process of its own, killed: what a real broker keeps, and what an embedded transport loses."""

import os
import random
import signal
import sqlite3
import time
from contextlib import closing

import pytest
from brokers import where
from support import until

from webhook_tutorial import Broker, Process, make_event

KILLS = 50 if os.environ.get("SOAK") else 10
SEED = int(os.environ.get("KILL_SEED") or random.randrange(10**6))
MESSAGES = 1_000
QUEUES = {"warehouse": ["order.*"]}

# The effect is there once, whoever dies: it and the id are one row.
_WORKER = """
import os, sqlite3, time
from contextlib import closing
from webhook_tutorial import Broker, work

def handle(event):
    if event["data"]["number"] == int(os.environ.get("POISON", -1)):
        os._exit(9)
    time.sleep(float(os.environ.get("TAKES", 0)))
    with closing(sqlite3.connect(os.environ["EFFECTS"], timeout=10)) as db, db:
        db.execute("INSERT INTO effects VALUES (?) ON CONFLICT DO NOTHING", (event["id"],))

def main():
    broker = Broker({"warehouse": ["order.*"]}, url=os.environ["URL"], name=os.environ["NAME"])
    work(broker, "warehouse", handle)
"""


class Bench:
    """A queue, a worker's file, and the effects that it has had."""

    def __init__(self, folder, place):
        self.place, self.effects, self.file = place, folder / "effects.db", folder / "worker.py"
        self.file.write_text(_WORKER, encoding="utf-8")
        with closing(sqlite3.connect(self.effects)) as db, db:
            db.execute("CREATE TABLE effects (id TEXT PRIMARY KEY)")
        self.broker = Broker(QUEUES, **place)

    def start(self, **environment):
        settings = {"URL": self.broker.url, "NAME": self.place["name"], "EFFECTS": self.effects}
        return Process(self.file, name="worker", **settings, **environment)

    def publish(self, count):
        for number in range(count):
            self.broker.publish(make_event("order_placed", {"number": number}, id=f"evt_{number}"))

    def done(self):
        with closing(sqlite3.connect(self.effects, timeout=10)) as db:
            return [row[0] for row in db.execute("SELECT id FROM effects")]


@pytest.fixture
def bench(request, tmp_path):
    bench = Bench(tmp_path, where(request.param, tmp_path))
    yield bench
    bench.broker.delete()
    bench.broker.close()


each = pytest.mark.parametrize("bench", ["file", "rabbitmq"], indirect=True)
on_rabbitmq = pytest.mark.parametrize("bench", ["rabbitmq"], indirect=True)
embedded = pytest.mark.parametrize("bench", ["file"], indirect=True)


@each
def test_a_worker_in_a_process_of_its_own_does_the_work(bench):
    bench.publish(3)
    with bench.start() as worker:
        assert worker.url == "" and worker.running
        until(lambda: len(bench.done()) == 3)
        bench.publish(4)  # three of them again
        until(lambda: len(bench.done()) == 4 and bench.broker.size("warehouse") == 0)


@embedded
@pytest.mark.parametrize("end", ["kill", "terminate"])
def test_embedded_a_worker_that_dies_takes_its_message_along(bench, end):
    """Lesson 09 says so: SIGKILL and a plain SIGTERM alike."""
    bench.publish(3)
    with bench.start(TAKES=30) as worker:
        until(lambda: bench.broker.size("warehouse") == 2)
        worker.kill() if end == "kill" else (worker._process.send_signal(signal.SIGTERM), worker.wait())
    with bench.start():
        until(lambda: len(bench.done()) == 2)
        time.sleep(0.3)
    assert sorted(bench.done()) == ["evt_1", "evt_2"] and bench.broker.size("warehouse") == 0


@on_rabbitmq
def test_on_rabbitmq_another_worker_gets_it(bench):
    bench.publish(3)
    with bench.start(TAKES=30) as worker:
        until(lambda: bench.broker.size("warehouse") == 2)
        worker.kill()
    with bench.start():
        until(lambda: len(bench.done()) == 3)


@on_rabbitmq
def test_what_kills_each_worker_is_dead_after_three(bench):
    bench.publish(3)
    deaths = 0
    for _ in range(6):
        with bench.start(POISON=1) as worker:
            until(lambda worker=worker: not worker.running or len(bench.done()) == 2)
            if worker.running:
                break
            deaths += 1
    until(lambda: bench.broker.size("warehouse.dead") == 1)
    assert deaths == 3 and sorted(bench.done()) == ["evt_0", "evt_2"]
    [dead] = bench.broker.messages("warehouse.dead", wait=0.5)
    assert dead.event["id"] == "evt_1"


@pytest.mark.kill
@on_rabbitmq
def test_killed_at_random_moments_on_rabbitmq_nothing_is_lost(bench):
    print(f"KILL_SEED={SEED}")
    chance = random.Random(SEED)
    bench.publish(MESSAGES)
    for _ in range(KILLS):
        before = len(bench.done())
        with bench.start() as worker:
            until(lambda before=before: len(bench.done()) > before)  # it is up, and at work
            time.sleep(chance.uniform(0, 0.05))
            worker.kill()
    assert len(bench.done()) < MESSAGES, "it was done before the last kill"
    assert bench.broker.size("warehouse.dead") == 0, "killed three times with the same message"
    with bench.start():
        until(lambda: len(bench.done()) == MESSAGES, 120)
        until(lambda: bench.broker.size("warehouse") == 0)
    assert sorted(bench.done()) == sorted(f"evt_{number}" for number in range(MESSAGES))
