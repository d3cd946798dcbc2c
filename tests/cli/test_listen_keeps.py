"""`listen`: what it answers with 2xx is kept in the file, shown and counted, whatever ends it."""

import contextlib
import json
import os
import random
import signal
import stat
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from support import exchange, until
from tools import SECRETS, deliver, run

from webhook_tutorial import Traffic, inbox, load_traffic, serve
from webhook_tutorial.cli.listen import receiver, verified
from webhook_tutorial.lab.archive import save
from webhook_tutorial.signing import GITHUB

GITHUB_SECRET = SECRETS["GITHUB_SECRET"]


def test_the_file_holds_what_came_and_the_inbox_opens_it(listening, tmp_path):
    file = tmp_path / "deliveries.jsonl"
    for number in (1, 2):
        listen = listening(
            "--file", file, "--count", "1", "--dialect", "github", "--secret-env", "GITHUB_SECRET", "--json"
        )
        deliver(listen.url, Authorization="Bearer kept", secret=GITHUB_SECRET if number == 1 else "another")
        assert listen.process.wait(60) == number - 1
        assert listen.objects()[1]["number"] == number
    traffic = load_traffic(file)
    assert [x.status for x in traffic] == [204, 401] and traffic[0].headers["Authorization"] == "Bearer kept"
    assert [verified(x) for x in traffic] == [True, False]
    assert os.name == "nt" or stat.S_IMODE(file.stat().st_mode) == 0o600
    assert str(inbox(file)).startswith("Inbox of deliveries.jsonl: 2 deliveries, newest first.")
    # As it came: it verifies still.
    assert deliver_again(traffic[0]) == 204


def deliver_again(exchange):
    with serve(receiver(204, GITHUB, GITHUB_SECRET), "again") as server:
        return requests.post(server.url, data=exchange.body, headers=dict(exchange.raw_headers), timeout=30).status_code


@pytest.mark.parametrize("text", ["a letter\nof two lines\n", "a\nb\nc", "my notes"])
def test_a_file_that_cannot_be_added_to_is_one_clear_error_and_is_not_changed(tmp_path, text):
    file = tmp_path / "notes"
    file.write_bytes(text.encode())
    refused = run("listen", "--file", file, "--count", "1")
    assert refused.exit_code == 1 and "cannot be added to: Line 1 of notes holds no exchange" in refused.output
    assert file.read_bytes() == text.encode()
    refused = run("listen", "--file", tmp_path / "no" / "folder", "--count", "1")
    assert refused.exit_code == 1 and "cannot be added to: No such file" in refused.output


def at_once(url, senders, **more):
    """The statuses that so many senders get who send at the same time; None where the connection was cut."""

    def one(n):
        together.wait(30)
        try:
            return requests.post(f"{url}/{n}", data=b"{}", timeout=30, **more).status_code
        except requests.ConnectionError:
            return None

    together = threading.Barrier(senders)
    with ThreadPoolExecutor(senders) as pool:
        return [*pool.map(one, range(senders))]


def test_with_a_count_no_more_are_answered_well_than_are_shown(listening, tmp_path):
    file = tmp_path / "deliveries.jsonl"
    listen = listening("--count", "2", "--json", "--file", file)
    answered = at_once(listen.url, 30)
    assert set(answered) <= {204, 503, None} and answered.count(204) == 2
    assert listen.process.wait(60) == 0
    paths = {f"{listen.url}/{n}" for n, status in enumerate(answered) if status == 204}
    assert {one["url"] for one in listen.objects()[1:]} == {x.url for x in load_traffic(file)} == paths


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no Ctrl-C to one process alone")
def test_ctrl_c_loses_nothing_that_was_answered(listening):
    listen, answered = listening("--json"), []

    def keep_sending(name):
        with contextlib.suppress(requests.ConnectionError):
            for n in range(10_000):
                if requests.post(f"{listen.url}/{name}/{n}", data=b"{}", timeout=30).status_code != 204:
                    return
                answered.append(f"{listen.url}/{name}/{n}")

    with ThreadPoolExecutor(8) as pool:
        for name in range(8):
            pool.submit(keep_sending, name)
        until(lambda: len(answered) > 40, seconds=60)
        listen.process.send_signal(signal.SIGINT)
        assert listen.process.wait(60) == 0
    assert set(answered) <= {one["url"] for one in listen.objects()[1:]} and listen.errors() == ""


@pytest.mark.skipif(os.name == "nt", reason="a limit of POSIX stands for a full disk")
def test_what_could_not_be_kept_is_answered_500_and_ends_it(listening, tmp_path):
    """A limit on the size of files stands for a full disk; what is printed stays far below it."""
    import resource

    file, answered = tmp_path / "deliveries.jsonl", []
    save(Traffic([exchange(0, body=b"x" * 12_000)]), file)
    most = file.stat().st_size + 2_000
    listen = listening("--file", file, "--json", before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)))
    for n in range(20):
        try:
            answered.append(requests.post(f"{listen.url}/{n}", data=b"x" * 200, timeout=30).status_code)
        except requests.ConnectionError:
            break
    assert listen.process.wait(60) == 1
    good = answered.count(204)
    assert good > 1 and answered[: good + 1] == [204] * good + [500] and set(answered[good:]) <= {500, 503}
    assert [x.path for x in load_traffic(file)][1:] == [f"/{n}" for n in range(good)]
    assert "A delivery could not be kept, and was answered with 500: " in listen.errors()


@pytest.mark.parametrize("seed", [1, 2])
def test_a_kill_loses_nothing_that_was_answered(listening, tmp_path, seed):
    """A delivery is kept before its sender has the answer, and the line being written is the only one that may tear."""
    file, answered, stop = tmp_path / "deliveries.jsonl", [], threading.Event()
    listen = listening("--file", file)

    def keep_sending(name):
        for number in range(10_000):
            body = json.dumps({"n": f"{name} {number}", "x": "x" * 20_000})
            try:
                if requests.post(listen.url, data=body, timeout=30).status_code == 204:
                    answered.append(f"{name} {number}")
            except requests.RequestException:
                return
            if stop.is_set():
                return

    threads = [threading.Thread(target=keep_sending, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    until(lambda: len(answered) > 20, seconds=30)
    time.sleep(random.Random(seed).random() / 5)
    listen.process.kill()
    listen.process.wait()
    stop.set()
    for thread in threads:
        thread.join()
    kept = Counter(x.json()["n"] for x in load_traffic(file))
    assert set(answered) <= set(kept) and set(kept.values()) == {1}
