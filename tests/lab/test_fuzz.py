"""Malformed requests in their thousands among valid ones: every valid one arrives once, and nothing stays behind.

pytest tests/lab/test_fuzz.py           a thousand malformed, a hundred valid, for `serve` and for `Process`
SOAK=1 pytest tests/lab/test_fuzz.py    ten times as many
FUZZ_SEED=7 pytest ...              the same requests once more; the seed is printed when a test fails
"""

import gc
import os
import random
import re
import socket
import struct
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
import requests

from webhook_tutorial import Process, serve

# What no terminal should be given; a no-break space in a header's value, which no terminal minds, is left as it is.
ACTS = re.compile(r"[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

MALFORMED = 10_000 if os.environ.get("SOAK") else 1_000
VALID = MALFORMED // 10
SEED = int(os.environ.get("FUZZ_SEED") or random.randrange(10**6))

APP = """
import threading
from flask import Flask, request

app = Flask("receiver")
app.config["MAX_CONTENT_LENGTH"] = 100_000
seen, lock = [], threading.Lock()

@app.get("/seen")
def everything():
    return list(seen)

@app.route("/", defaults={"path": ""}, methods=["GET", "POST"])
@app.route("/<path:path>", methods=["GET", "POST"])
def echo(path):
    body = request.get_data()
    if path.startswith("valid"):
        with lock:
            seen.append(path)
    return body, 503 if path.startswith("valid/own") else 200
"""


# --- The requests -------------------------------------------------------------------------------------------


def valid(chance, number):
    """A request as RFC 9112 allows one, with its path and its body."""
    path = f"valid/{'own/' if number % 20 == 0 else ''}{number}"
    body = chance.randbytes(chance.choice([0, 1, 10, 1_000, 70_000])) if chance.random() < 0.8 else b"{}"
    headers = [b"Host: x", b"X-Empty:", b"x-case: \xe9\t ", b"X-Same: 1", b"X-Same: 2", b"Accept: */*"]
    chance.shuffle(headers)
    headers = headers[: chance.randint(0, 6)]
    sent = body
    if chance.random() < 0.5:
        length = chance.choice([b"Content-Length: %d", b"content-length:%d", b"Content-Length: %d \t"])
        headers.append(length % len(body))
    else:
        headers.append(chance.choice([b"Transfer-Encoding: chunked", b"transfer-encoding:Chunked"]))
        sent = chunked(chance, body)
    first = chance.choice(["/", "/", "http://elsewhere/", "HTTP://elsewhere:80/"]) + path
    first += chance.choice(["", "", "?", "?a=1&b=%00"])
    end = chance.choice([b"\r\n", b"\r\n", b"\n"])
    lines = [f"POST {first} HTTP/1.1".encode(), *headers, b"", b""]
    return path, body, chance.choice([b"", b"", b"\r\n"]) + end.join(lines) + sent


def chunked(chance, body):
    parts = []
    while body:
        size = chance.choice([1, 2, 15, 16, 4_096, 100_000])
        piece, body = body[:size], body[size:]
        ahead = b"%x" % len(piece) if chance.random() < 0.5 else b"%04X" % len(piece)
        parts.append(ahead + chance.choice([b"", b"", b";a", b' ;a="b;c"', b";a=b;c"]) + b"\r\n" + piece + b"\r\n")
    last = chance.choice([b"0", b"000", b"0;end"])
    return b"".join(parts) + last + b"\r\n" + chance.choice([b"", b"X: y\r\n"]) + b"\r\n"


WORDS = [
    b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b";", b",", b"\x0b", b"\x1b[31m", b"\x85", b"\xff", b"\r\n\r\n",
    b"Content-Length: 3\r\n", b"Content-Length: 99999\r\n", b"Content-Length: -1\r\n", b"Content-Length: +1\r\n",
    b"Content-Length: " + b"9" * 4301 + b"\r\n", b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n", b"Transfer-Encoding : chunked\r\n", b" folded\r\n", b"Host: y\r\n",
    b"Expect: 100-continue\r\n", b"Connection: keep-alive\r\n", b"Upgrade: h2c\r\n", b"HTTP/1.0", b"HTTP/2.0", b"HTTP/",
    b"0\r\n\r\n", b"ffffffffff\r\n", b"-1\r\n", b"0x3\r\n", b"200000\r\nabc", b"http://[/", b"http://x:y/", b"//", b"*",
    b"X: " + b"y" * 70_000, b"x" * 70_000, b"X: y\r\n" * 120, b"GET /malformed HTTP/1.1\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
]  # fmt: skip


def malformed(chance, number):
    """A valid request, broken in a few places, or none at all."""
    kind = chance.random()
    if kind < 0.05:
        return b"\x16\x03\x01" + chance.randbytes(chance.randint(0, 600))
    if kind < 0.1:
        return chance.randbytes(chance.randint(0, 300))
    if kind < 0.15:
        return b"".join(chance.choices(WORDS, k=chance.randint(1, 8)))
    path, _, data = valid(chance, number)
    data = bytearray(data.replace(path.encode(), b"malformed/%d" % number, 1))
    for _ in range(chance.choice([1, 1, 1, 2, 3, 8])):
        # Mostly in the head, where most of the rules are.
        at = chance.randint(0, min(len(data), 300) if chance.random() < 0.8 else len(data))
        length = chance.choice([1, 1, 2, 10, 100])
        match chance.randrange(6):
            case 0:
                data[at:at] = chance.choice(WORDS)
            case 1:
                data[at : at + length] = b""
            case 2:
                data[at : at + length] = chance.randbytes(length)
            case 3:
                data[at:at] = data[at : at + length]
            case 4:
                del data[at:]
            case 5:
                data += chance.choice([bytes(data), b"GET /malformed/second HTTP/1.1\r\n\r\n", b"\0", b"\r\n"])
    return bytes(data)


# --- Sending them -------------------------------------------------------------------------------------------


def send(port, data, manner):
    """Send bytes in one of several manners, and return all that came back, or None where nobody waited for it."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as wire:
        try:
            if manner == "in pieces":
                cuts = sorted(random.Random(len(data)).choices(range(len(data) + 1), k=3))
                for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
                    wire.sendall(data[start:end])
                    time.sleep(0.001)
            else:
                wire.sendall(data)
            if manner == "reset":
                wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if manner in ("reset", "leave"):
                return None
            if manner != "stay":
                wire.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: wire.recv(65_536), b""))
        except ConnectionError:
            return None


def final(answer):
    """The status of the final answer in what came back, or None."""
    while answer and answer.startswith(b"HTTP/1.1 100 "):
        answer = answer.partition(b"\r\n\r\n")[2]
    return int(answer.split(None, 2)[1]) if answer else None


def storm(port, chance, numbers):
    """Send a malformed request for each number and a valid one for each tenth, eight at a time, in any order.

    Returns:
        What came back: a count of statuses, and a mapping from the path of each valid one to its body and answer.
    """
    statuses, answers = Counter(), {}

    def one(task):
        kind, data, manner, path, body = task
        answer = send(port, data, manner)
        if kind == "valid":
            answers[path] = body, answer
        status = final(answer)
        if status:
            statuses[status] += 1
        assert status is None or answer.startswith(b"HTTP/1.1 "), data

    tasks = []
    for number in numbers:
        manner = chance.choices(["end", "in pieces", "leave", "reset"], [6, 2, 1, 1])[0]
        tasks.append(("malformed", malformed(chance, number), manner, "", b""))
        if number % 10 == 0:
            path, body, data = valid(chance, number)
            tasks.append(("valid", data, chance.choice(["end", "in pieces", "stay"]), path, body))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, tasks))
    return statuses, answers


def check_answers(statuses, answers):
    assert set(statuses) <= {200, 308, 400, 404, 405, 413, 414, 431, 501, 503, 505}
    assert statuses[400] > sum(statuses.values()) / 10, "the requests are malformed indeed"
    for path, (body, answer) in answers.items():
        head, _, answered = answer.partition(b"\r\n\r\n")
        assert (head.split()[1], answered) == (b"503" if "own" in path else b"200", body), path


class Held:
    """What a process holds: threads, open files and memory."""

    def __init__(self, process):
        self._process, self._bytes = process, 0
        self._before = self._open()

    def _open(self):
        files = self._process.num_fds() if hasattr(self._process, "num_fds") else self._process.num_handles()
        return self._process.num_threads(), files

    def check(self):
        """No thread and no file is left, and since the last check memory has grown by far less than came in."""
        end = time.monotonic() + 10
        while any(now > before for now, before in zip(self._open(), self._before, strict=True)):
            assert time.monotonic() < end, (self._open(), self._before)
            time.sleep(0.05)
        last, self._bytes = self._bytes, self._process.memory_info().rss
        assert not last or self._bytes - last < 30_000_000


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "receiver.py"
    path.write_text(APP)
    return path


@pytest.fixture
def chance():
    print(f"FUZZ_SEED={SEED}")
    return random.Random(SEED)


# Memory may grow once, for caches and the like, but not twice.
HALVES = [range(1, 1 + MALFORMED // 2), range(1 + MALFORMED // 2, 1 + MALFORMED)]


def check_record(traffic, statuses, answers):
    valid = [x for x in traffic if x.path.startswith("/valid")]
    assert Counter(x.path[1:] for x in valid) == Counter(list(answers))
    for x in valid:
        assert (x.body, x.status, x.error) == (answers[x.path[1:]][0], 503 if "own" in x.path else 200, "")
    # Who did not wait for the answer is recorded, too; who had one is, in any case.
    assert statuses <= Counter(x.status for x in traffic)
    for x in traffic:
        assert not x.traceback and not x.log and (x.status < 500 or x.status in (501, 505) or x in valid), x
    shown = repr(traffic) + traffic._repr_html_() + "".join(map(repr, traffic[:500]))
    assert not ACTS.search(shown)


def test_a_server_records_every_valid_request_once_among_malformed_ones(source, chance):
    found = {}
    exec(source.read_text(), found)
    with serve(found["app"]) as server:
        held = Held(psutil.Process())
        for numbers in HALVES:
            statuses, answers = storm(server.port, chance, numbers)
            check_answers(statuses, answers)
            assert Counter(found["seen"]) == Counter(list(answers)) and len(answers) == VALID // 2
            check_record(server.traffic, statuses, answers)
            del answers, server.traffic._exchanges[:], found["seen"][:]
            gc.collect()
            held.check()


def test_a_process_gets_every_valid_request_once_among_malformed_ones(source, chance):
    with Process(source) as process:
        held, before = Held(psutil.Process(process._process.pid)), 0
        for numbers in HALVES:
            statuses, answers = storm(process.port, chance, numbers)
            check_answers(statuses, answers)
            seen = requests.get(process.url + "/seen", timeout=10).json()[before:]
            assert Counter(seen) == Counter(list(answers)) and len(answers) == VALID // 2
            before += len(seen)
            held.check()
        assert process.running
