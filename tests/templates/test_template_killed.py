"""The template under fifty senders, ended again and again in the middle: what was answered 2xx is done, once."""

import http.client
import itertools
import os
import random
import sqlite3
import threading
import time
from collections import Counter
from contextlib import closing

import pytest
from installed import EVENT, SECRET, Installed
from support import until

from webhook_tutorial import sign

SENDERS = 50
ROUNDS = 25 if os.environ.get("SOAK") else 5
SEED = int(os.environ.get("KILL_SEED") or random.randrange(10**6))


class Senders:
    """Fifty that send one event after the other, each until it has been answered 2xx.

    Attributes:
        accepted: The ids that were answered 2xx.
        unanswered: How many attempts had no answer.
    """

    def __init__(self, port):
        self._port, self._over = port, threading.Event()
        self.accepted, self.unanswered = set(), 0
        self._threads = [threading.Thread(target=self._send, args=(number,)) for number in range(SENDERS)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        for thread in self._threads:
            thread.join(60)

    def _send(self, number):
        for count in itertools.count():
            id = f"evt_{number}_{count}"
            while not self._attempt(id):
                time.sleep(0.05)
            self.accepted.add(id)
            if self._over.is_set():
                return

    def _attempt(self, id):
        with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)) as connection:
            try:
                connection.request("POST", "/webhook", EVENT, sign(EVENT, SECRET, id=id))
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                self.unanswered += 1
                return False
        return 200 <= answer.status < 300


def end(installed, name, how):
    """End a program, kindly or not, and start it again."""
    process = installed.processes[name]
    process.terminate() if how == "SIGTERM" else process.kill()
    code = process.wait(30)
    assert how == "SIGKILL" or os.name == "nt" or code == 0, "asked to stop, it stops well"
    installed.start(name)


def lived_through(installed):
    """Send, and end both programs again and again; return what is accepted, and what has been done, with how often."""
    chance = random.Random(SEED)
    for name in ("receiver.py", "worker.py"):
        installed.start(name)
    with Senders(installed.port) as senders:
        for _ in range(ROUNDS):
            for how, name in itertools.product(("SIGTERM", "SIGKILL"), ("receiver.py", "worker.py")):
                seen = len(senders.accepted)
                until(lambda seen=seen: len(senders.accepted) > seen + SENDERS, seconds=60)
                time.sleep(chance.uniform(0, 0.1))
                end(installed, name, how)
    with closing(sqlite3.connect(installed.folder / "inbox.db")) as db:

        def ask(sql):
            return [row[0] for row in db.execute(sql)]

        until(lambda: ask("SELECT count(*) FROM inbox WHERE state = 'waiting'") == [0], seconds=120)
        assert ask("SELECT count(*) FROM inbox WHERE state = 'set aside'") == [0]
        assert senders.unanswered > ROUNDS, "it was ended in the middle"
        return senders.accepted, Counter(ask("SELECT event FROM entries"))


def installed_in(tmp_path):
    return Installed(tmp_path / "receiver", LEASE=1, RETRY=0.05, TRIES=100)


@pytest.mark.kill
def test_ended_in_the_middle_again_and_again_nothing_that_was_accepted_is_lost_and_each_is_done_once(tmp_path):
    print(f"KILL_SEED={SEED}")
    with installed_in(tmp_path) as installed:
        accepted, done = lived_through(installed)
    assert accepted <= set(done), "accepted, and lost"
    assert set(done.values()) == {1}, "done twice"
