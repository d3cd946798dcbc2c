"""Exercises of lesson 03: tell failures apart, send to many at once, and thin an event."""

import threading
import time

import requests
from flask import Flask

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

    return app


def _test_send(send):
    with serve(_moody()) as server:

        def outcome(path, base=server.url):
            try:
                return send(base + path, _EVENT)
            except requests.RequestException as error:
                raise Wrong(
                    f"A {_KINDS[path]} made it raise {type(error).__name__}: catch it, and return a word."
                ) from None

        def expect(path, word, because, base=server.url):
            got = outcome(path, base)
            if got != word:
                raise Wrong(f"A {_KINDS[path]} should be {word!r}, and you returned {got!r}: {because}")

        expect("/200", "delivered", "2xx alone means that it arrived.")
        x = server.traffic[-1]
        if x.method != "POST" or x.event_type != "order_placed":
            raise Wrong("The event did not arrive as JSON in a POST: use requests.post(url, json=event, ...).")
        expect("/204", "delivered", "every 2xx is success, not 200 only.")
        expect("/400", "rejected", "4xx says that the receiver does not want it as it is.")
        expect("/500", "failed", "5xx says that the receiver is in trouble.")
        before = len(server.traffic)
        got = outcome("/moved")
        if len(server.traffic) > before + 1:
            raise Wrong(
                "A redirect (302) was followed: requests asked again, without the event. Use allow_redirects=False."
            )
        if got == "delivered":
            raise Wrong("A redirect (302) is not delivered. answer.ok is true for 3xx too; ask for 200 to 299.")
        expect("/moved", "redirected", "the receiver has moved, and the event has not arrived.")
        began = time.monotonic()
        expect("/slow", "timed out", "catch requests.Timeout, and give timeout= in seconds.")
        if time.monotonic() - began > 0.75:
            raise Wrong("It waited for the slow receiver to the end. Give requests.post timeout=0.3.")
        server.stop()
        expect("/gone", "refused", "nobody listens there, which is a requests.ConnectionError.")


_KINDS = {
    "/200": "200", "/204": "204", "/400": "400", "/500": "500", "/moved": "redirect (302)", "/slow": "slow receiver",
    "/gone": "receiver that is not there",
}  # fmt: skip


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
            "Two kinds of failure come as exceptions, the others as a status code.",
            "except requests.Timeout first, then requests.ConnectionError: a connect timeout is both.",
            "requests.post(url, json=event, timeout=0.3, allow_redirects=False)",
        ),
        solution='''
import requests

def send_once(url, event):
    try:
        answer = requests.post(url, json=event, timeout=0.3, allow_redirects=False)
    except requests.Timeout:
        return "timed out"
    except requests.ConnectionError:
        return "refused"
    return {2: "delivered", 3: "redirected", 4: "rejected"}.get(answer.status_code // 100, "failed")
''',
        answer="send_once",
        praise="Seven receivers, seven moods, and your sender knows what each one means.",
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
