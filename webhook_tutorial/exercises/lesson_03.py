"""Exercises of lesson 03: tell failures apart, send to many at once, and thin an event."""

import threading
import time
from unittest import mock

import requests
from flask import Flask

from ..lab.faults import faults
from ..lab.server import serve
from .engine import Exercise, Wrong, call

_EVENT = {"id": "evt_1", "event_type": "order_placed", "timestamp": "2026-01-05T09:00:00Z", "data": {"number": 1}}


def _moody():
    """A receiver with a path for every mood."""
    app = Flask("exercise receiver")

    @app.post("/<int:code>")
    def answer(code):
        return "", code

    @app.post("/moved")
    def moved():
        return "", 302, {"Location": "/landing"}

    @app.route("/landing", methods=["GET", "POST"])
    def landing():
        return "welcome"

    @app.post("/slow")
    def slow():
        time.sleep(0.8)
        return ""

    @app.post("/stall")
    def stall():
        yield "wel"
        time.sleep(0.8)
        yield "come"

    @app.post("/crash")
    def crash():
        yield "wel"
        raise RuntimeError("crashed halfway through the answer")

    return app


class _Asked:
    """A learner's function, asked what became of an event: what it says is compared, what it raises is told."""

    def __init__(self, send):
        self._send = send

    def says(self, kind, url):
        try:
            return self._send(url, _EVENT)
        except requests.RequestException as error:
            raise Wrong(f"{kind} made it raise {type(error).__name__}: catch it, and return a word.") from None

    def must_say(self, word, kind, url, because):
        got = self.says(kind, url)
        if got != word:
            raise Wrong(f"{kind} should be {word!r}, and you returned {got!r}: {because}")


def _test_send(send):
    asked = _Asked(send)
    with serve(_moody()) as server:
        _test_answers(asked, server)
        _test_no_answers(asked, server)
    for path, kind in (("/500", "A 500"), ("/slow", "A slow receiver"), ("/crash", "A receiver that crashes")):
        heard = len(server.traffic.where(path=path))
        if heard > 1:
            raise Wrong(f"{kind} heard from you {heard} times: make one attempt, and say what became of it.")


def _test_answers(asked, server):
    asked.must_say("delivered", "A 200", f"{server.url}/200", "2xx alone means that it has arrived.")
    x = server.traffic[-1]
    if x.method != "POST" or x.event_type != "order_placed":
        raise Wrong("The event did not arrive as JSON in a POST: use requests.post(url, json=event, ...).")
    asked.must_say("delivered", "A 204", f"{server.url}/204", "every 2xx is success, not 200 only.")
    asked.must_say("not processed", "A 400", f"{server.url}/400", "the receiver does not want it as it is.")
    asked.must_say("unknown", "A 500", f"{server.url}/500", "the receiver is in trouble; part of its work may be done.")
    before = len(server.traffic)
    got = asked.says("A redirect (302)", f"{server.url}/moved")
    if len(server.traffic) > before + 1:
        raise Wrong(
            "A redirect (302) was followed: requests asked again, without the event. Use allow_redirects=False."
        )
    if got == "delivered":
        raise Wrong("A redirect (302) is not delivered. answer.ok is true for 3xx too; ask for 200 to 299.")
    if got != "not processed":
        raise Wrong(f"A redirect (302) should be 'not processed', and you returned {got!r}: nobody took the event.")


def _test_no_answers(asked, server):
    slow, stall = "A slow receiver", "A receiver that stalls halfway through its answer"
    began = time.monotonic()
    asked.must_say(
        "unknown", slow, f"{server.url}/slow", "give timeout= in seconds; what it did with the event, nobody knows."
    )
    if time.monotonic() - began > 0.75:
        raise Wrong("It waited for the slow receiver to the end. Give requests.post timeout=0.3.")
    asked.must_say("unknown", stall, f"{server.url}/stall", "it has the event. requests raises ConnectionError here.")
    crash = "A receiver that crashes halfway through its answer"
    asked.must_say("unknown", crash, f"{server.url}/crash", "it had the event, and perhaps processed it.")
    with faults(server, mode="drop") as proxy:
        asked.must_say("unknown", "A lost answer", f"{proxy.url}/200", "the event had arrived, and was processed.")
    with mock.patch("urllib3.util.connection.create_connection", side_effect=TimeoutError):
        late = "A connection that is not made in time"
        asked.must_say("not processed", late, f"{server.url}/200", "nothing was sent. It is a requests.ConnectTimeout.")
    plain = "An https:// address with plain HTTP behind it"
    secure = server.url.replace("http:", "https:")
    asked.must_say("not processed", plain, f"{secure}/200", "without TLS nothing was sent. It is an SSLError.")
    server.stop()
    gone = "A receiver that is not there"
    asked.must_say("not processed", gone, f"{server.url}/200", "the connection was refused, so nothing was sent.")


def _test_fan_out(send_all):
    n = 8
    everyone = threading.Barrier(n, timeout=1.0)
    app = Flask("exercise receiver")

    @app.post("/subscriber/<int:i>")
    def subscriber(i):
        try:
            everyone.wait()  # opens only when all n are here at once
        except threading.BrokenBarrierError:
            return "", 503
        return "", 200 + i

    with serve(app) as server:
        urls = [f"{server.url}/subscriber/{i}" for i in range(n)]
        try:
            got = call(send_all, urls, _EVENT)
        except ImportError as error:
            if "SOCKS" not in str(error):
                raise
            raise Wrong(
                "Your computer uses a SOCKS proxy, which httpx looks up in the environment and cannot speak to. "
                "httpx.AsyncClient(trust_env=False) leaves it out."
            ) from None
        arrived = server.traffic.where(method="POST")
    if len(arrived) != n:
        raise Wrong(f"{n} subscribers were waiting, and {len(arrived)} heard from you.")
    if 503 in [x.status for x in arrived]:
        most = max(sum(y.mark <= x.mark < y.mark + y.seconds for y in arrived) for x in arrived)
        if most == 1:
            raise Wrong("The subscribers wait for each other, and gave up: you send to one after the other.")
        raise Wrong(
            f"{most} of {n} were asked at once, and the subscribers wait for each other. A pool's default number of "
            "threads depends on the machine: give it one for each URL."
        )
    if got is None:
        raise Wrong("All of them heard at once. Return the list of status codes, though.")
    if not all(isinstance(status, int) for status in got):
        raise Wrong("All of them heard at once. Return each answer's status_code, a number.")
    if list(got) != [200 + i for i in range(n)]:
        raise Wrong(
            f"All of them heard at once. The statuses must come in the order of the URLs, and you gave {list(got)}."
        )


def _test_thin(thin):
    full = _EVENT | {"data": {"number": 1, "customer": "Ada", "amount": 450}}
    before = repr(full)
    got = thin(full)
    if not isinstance(got, dict):
        raise Wrong("Return the thin event, a dictionary.")
    if repr(full) != before:
        raise Wrong("It changed the event it was given; another subscriber may want it whole. Build a new dictionary.")
    for name in ("id", "event_type", "timestamp"):
        if got.get(name) != full[name]:
            raise Wrong(f"A thin event keeps its {name}: without it the receiver cannot tell what happened, or when.")
    if not isinstance(got.get("data", {}), dict):
        raise Wrong("data must stay an object, with the number in it.")
    if "data" not in got or got["data"].get("number") != 1:
        raise Wrong("The receiver must know which order to ask for: keep data's number.")
    if set(got["data"]) != {"number"}:
        raise Wrong(f"data still tells {', '.join(sorted(set(got['data']) - {'number'}))}: keep the number alone.")


EXERCISES = [
    Exercise(
        name="03.send",
        test=_test_send,
        hints=(
            "Catch requests.RequestException, which is all of them, and let why_no_answer(error) say which it was.",
            "After three of its five reasons nothing was sent. And of the answers, 5xx leaves you in doubt.",
            "requests.post(url, json=event, timeout=0.3, allow_redirects=False)",
        ),
        solution='''
import requests
from webhook_tutorial import why_no_answer

NOTHING_SENT = ("connection refused", "could not connect", "TLS failed")

def send_once(url, event):
    try:
        status = requests.post(url, json=event, timeout=0.3, allow_redirects=False).status_code
    except requests.RequestException as error:
        return "not processed" if why_no_answer(error) in NOTHING_SENT else "unknown"
    if 200 <= status < 300:
        return "delivered"
    return "unknown" if status >= 500 else "not processed"
''',
        answer="send_once",
        praise="Twelve receivers, and your sender says no more of each than it can know.",
    ),
    Exercise(
        name="03.fan_out",
        test=_test_fan_out,
        hints=(
            "ThreadPoolExecutor from concurrent.futures sends with several threads.",
            "pool.map(one, urls) gives the results in the order of the URLs. It needs a thread for each of them here.",
        ),
        solution='''
from concurrent.futures import ThreadPoolExecutor
import requests

def send_all(urls, event):
    def one(url):
        return requests.post(url, json=event, timeout=2).status_code

    with ThreadPoolExecutor(max_workers=len(urls)) as pool:
        return list(pool.map(one, urls))
''',
        answer="send_all",
        praise="Every subscriber heard while the others were still being told.",
    ),
    Exercise(
        name="03.thin",
        test=_test_thin,
        hints=(
            "Everything but data stays. What does the receiver need in order to ask the shop for the rest?",
            'event | {"data": {...}} builds a new dictionary and leaves the old one alone.',
        ),
        solution='''
def make_thin(event):
    return event | {"data": {"number": event["data"]["number"]}}
''',
        answer="make_thin",
        praise="It says that something happened and where to ask; what it is about stays with the shop.",
    ),
]  # fmt: skip
