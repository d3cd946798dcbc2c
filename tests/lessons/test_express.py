"""What lesson 12 has in Express and axios, against what it has in Flask and requests: every pair does the same.

Node and npm are needed, and once the npm registry. Without them the tests fail in CI and are skipped elsewhere.
"""

import contextlib
import http.client
import json
import os
import re
import subprocess

import cells
import nbformat
import pytest
import requests
from flask import Flask, redirect
from npm import install
from support import until

from webhook_tutorial import serve

#: Exact versions, so that these tests change only when this line does. The lesson's table names the one of Express.
PACKAGES = "express@5.3.0 axios@1.21.1"
SIGNUP = {"event_type": "user_signup", "data": {"user": "Ada"}}
TWIN = 'case "user_signup"'  # in the cell of the receiver in Flask
JSON = {"Content-Type": "application/json"}

pytestmark = pytest.mark.node


def lesson():
    return nbformat.read(next(cells.NOTEBOOKS.glob("12_*.ipynb")), 4).cells


def fence(text):
    """The one block of JavaScript in the lesson that contains this text."""
    prose = "\n\n".join(cell.source for cell in lesson() if cell.cell_type == "markdown")
    (source,) = [one for one in re.findall(r"(?ms)^```javascript\n(.*?)^```", prose) if text in one]
    return source


def without(source, *lines):
    """Take each of these texts out of a source, or put another in its place: (text, other, how often it is there)."""
    for old, new, times in lines:
        assert source.count(old) == times, old
        source = source.replace(old, new)
    return source


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """The path of node and a folder in which it finds the packages."""
    return install(tmp_path_factory.mktemp("node"), PACKAGES)


@pytest.fixture
def express(node):
    """Start a receiver from its source, and return its URL and the file of its errors; it ends with the test."""
    started = []

    def start(source):
        program, folder = node
        place = folder / f"receiver {len(started)}"
        place.mkdir(exist_ok=True)
        (place / "receiver.mjs").write_text(source, encoding="utf-8")
        with open(place / "out", "wb") as out, open(place / "err", "wb") as err:
            process = subprocess.Popen(
                [program, place / "receiver.mjs"], env=os.environ | {"PORT": "0"}, stdout=out, stderr=err
            )
        started.append(process)
        until(lambda: b"\n" in (place / "out").read_bytes() or process.poll() is not None, seconds=30)
        first = (place / "out").read_text(encoding="utf-8").partition("\n")[0]
        assert re.fullmatch(r"listening on \d+", first), (place / "err").read_text(encoding="utf-8")
        return f"http://127.0.0.1:{first.split()[-1]}", place / "err"

    yield start
    for process in started:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture
def receiver(request):
    """Return a fresh receiver's URL: of Flask's or of Express's."""

    def start(kind):
        if kind == "flask":
            return cells.define("12", {}, TWIN)["twin"].url
        return request.getfixturevalue("express")(fence("express()"))[0]

    return start


@pytest.fixture
def client(request, capsys):
    """Let a client post its events to a URL, and return the lines that it prints: that of requests or that of axios."""

    # The cell posts at once, to the twin of the cell before.
    names = cells.define("12", {}, TWIN, "EVENTS = [", "requests.post(url, json=event")
    names["twin"].stop()
    by_requests = names["post_all"]

    def post_all(kind, url):
        if kind == "axios":
            program, folder = request.getfixturevalue("node")
            (folder / "client.mjs").write_text(fence("axios.post"), encoding="utf-8")
            done = subprocess.run(
                [program, folder / "client.mjs", url], capture_output=True, text=True, encoding="utf-8", timeout=60
            )
            assert (done.returncode, done.stderr) == (0, "")
            return done.stdout.splitlines()
        by_requests(url)
        return capsys.readouterr().out.splitlines()

    return post_all


def done(url):
    return requests.get(f"{url}/done", timeout=10).json()


@pytest.mark.parametrize("to", ["flask", "express"])
@pytest.mark.parametrize("by", ["requests", "axios"])
def test_every_client_and_every_receiver_do_the_same(by, to, client, receiver):
    url = receiver(to)
    assert client(by, f"{url}/webhook") == [
        "user_signup 202",
        "order_placed 400",
        "payment_received 202",
        "coupon_printed 202",
    ]
    assert done(url) == [
        ["welcome", {"user": "Ada"}],
        ["book", {"number": 7, "amount": 4990}],
        ["unhandled", "coupon_printed"],
    ]


def test_both_receivers_answer_the_same_to_whatever_comes(receiver):
    bodies = {
        '{"event_type": "order_placed", "data"': 400,
        "": 400,
        "null": 400,
        "7": 400,
        '"user_signup"': 400,
        "[]": 400,
        '[["event_type", "user_signup"]]': 400,
        '{"event_type": null, "data": {}}': 400,
        '{"event_type": "user_signup", "data": null}': 400,
        '{"event_type": "order_placed", "data": {"number": 7}}': 202,
        '{"event_type": "user_signup", "data": {}}': 202,
        '{"event_type": "user_signup", "data": ""}': 202,
        '{"event_type": ["user_signup"], "data": 0}': 202,
        json.dumps(SIGNUP | {"note": "x" * 102_401}): 413,
    }
    seen = []
    for url in receiver("flask"), receiver("express"):
        answers = [requests.post(f"{url}/webhook", data=body, headers=JSON, timeout=10) for body in bodies]
        assert [answer.status_code for answer in answers] == list(bodies.values())
        assert all(answer.json() for answer in answers if answer.status_code != 413)
        assert requests.post(f"{url}/webhook", data=SIGNUP, timeout=10).status_code == 400  # a form
        seen.append(done(url))
    assert seen[0] == seen[1] and len(seen[0]) == 4


@pytest.mark.parametrize("by", ["requests", "axios"])
def test_no_answer_and_a_redirect_end_no_client(by, client, receiver):
    app = Flask("elsewhere")
    app.post("/webhook")(lambda: redirect("/done"))
    with serve(app) as server:
        url = f"{server.url}/webhook"
        assert [line.split()[1:] for line in client(by, url)] == [["302"]] * 4
    lines = client(by, url)
    assert len(lines) == 4 and all(" no answer: " in line for line in lines)


# What the lesson's table says of each slip.


def test_without_express_json_each_event_gets_500_and_shows_a_stack(express):
    whole = fence("express()")
    line = next(line for line in whole.splitlines(keepends=True) if "the article has no express.json()" in line)
    url, errors = express(without(whole, (line, "", 1), ("req.body ?? {}", "req.body", 1)))
    answer = requests.post(f"{url}/webhook", json=SIGNUP, timeout=10)
    assert answer.status_code == 500 and "TypeError" in answer.text and "receiver.mjs" in answer.text
    assert done(url) == []
    until(lambda: "TypeError" in errors.read_text(encoding="utf-8"))  # it is written after the answer


def test_without_return_a_refused_event_is_handled_and_answered_twice(express):
    url, errors = express(without(fence("express()"), ("return res.status(400)", "res.status(400)", 1)))
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    with contextlib.closing(connection):
        connection.request("POST", "/webhook", '{"event_type": "payment_received"}', JSON)
        answer = connection.getresponse()
        assert answer.status == 400 and answer.getheader("Connection") == "keep-alive" and answer.read()
        assert connection.sock.recv(1) == b""  # cut all the same
    assert done(url) == [["book", None]]
    until(lambda: "ERR_HTTP_HEADERS_SENT" in errors.read_text(encoding="utf-8"))


def test_without_break_an_event_is_handled_as_all_that_follow(express):
    url, _ = express(without(fence("express()"), (" break;", "", 3)))
    assert requests.post(f"{url}/webhook", json=SIGNUP, timeout=10).status_code == 202
    assert [what for what, _ in done(url)] == ["welcome", "pack", "book", "unhandled"]


def test_a_body_that_is_no_json_is_undefined_in_express_5(express):
    url, _ = express(without(fence("express()"), ("req.body ?? {}", "req.body", 1)))
    assert requests.post(f"{url}/webhook", data=SIGNUP, timeout=10).status_code == 500
    assert requests.post(f"{url}/webhook", json=SIGNUP, timeout=10).status_code == 202


def test_the_lesson_names_the_version_that_is_tested():
    version = re.search(r"express@(\S+)", PACKAGES)[1]
    assert any(f"Express {version}" in cell.source for cell in lesson() if cell.cell_type == "markdown")
