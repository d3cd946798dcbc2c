"""Exercises of lesson 01: choose an interval, lose nothing in a burst, wait when told to."""

import requests

from ..clock import SimulatedClock
from ..lab.server import serve
from ..scenes.shop import Shop
from .engine import Exercise, Wrong, call


def _test_interval(interval):
    if isinstance(interval, bool) or not isinstance(interval, (int, float)):
        raise Wrong("Give the interval as a number of seconds, such as 45.")
    if not interval > 0:  # nan is neither above 0 nor below
        raise Wrong("An interval is a number of seconds above 0.")
    if interval < 20:
        raise Wrong("That is more than 3 requests a minute for one subscriber, so the fourth in a minute gets 429.")
    if interval > 120:
        raise Wrong(f"An order that comes right after a poll stays unknown for {interval:g} s: above the promised 120.")
    if interval < 120:
        raise Wrong(f"Both promises hold. A longer interval than {interval:g} s keeps them too, and asks less often.")


def _test_collect(collect):
    shop = Shop(SimulatedClock())
    with serve(shop.app, name="exercise shop") as server:
        shop.app.before_request(lambda: ({"error": "asked too often"}, 429) if len(server.traffic) > 20 else None)

        def collected(since):
            try:
                return _numbers(call(collect, server.url, since))
            except (KeyError, IndexError, TypeError) as error:
                answer = server.traffic[-1] if server.traffic else None
                if answer and answer.status == 429:
                    raise Wrong("You asked for the same page again and again: since must move on.") from None
                if answer and answer.status == 400:
                    raise Wrong(f"The shop answered 400 to {answer.target}: {answer.response_body.decode()}") from None
                raise error

        for _ in range(3):
            shop.place_order()
        first = collected(0)
        if first != [1, 2, 3]:
            raise Wrong(f"The shop had the orders 1, 2 and 3, and collect(url, 0) gave {first}.")
        for _ in range(25):
            shop.place_order()
        burst = collected(3)
        again = collected(28)
    if burst == list(range(19, 29)):
        raise Wrong("25 orders came at once and you got the newest 10: ask with since, so that none is passed over.")
    if burst == list(range(4, 14)):
        raise Wrong(
            "25 orders came at once and you got 10. The answer said 'more': true; ask on, since the last you have."
        )
    if len(burst) > len(set(burst)):
        raise Wrong("Some orders came more than once: since must move on to the last number you have.")
    if burst[:3] == [1, 2, 3]:
        raise Wrong("Orders 1 to 3 came again: pass since on, so that only what is new comes.")
    if burst != list(range(4, 29)):
        raise Wrong(f"Orders 4 to 28 were new, and collect(url, 3) gave {burst}.")
    if again != []:
        raise Wrong(f"Nothing was new after order 28, and collect(url, 28) gave {again}.")


def _numbers(orders):
    if not isinstance(orders, list):
        raise Wrong(f"collect must return a list of orders, and it returned {type(orders).__name__}.")
    if not all(isinstance(order, dict) and "number" in order for order in orders):
        raise Wrong("collect must return the orders themselves, as the shop gave them.")
    return [order["number"] for order in orders]


def _test_patient(patient_get):
    clock = SimulatedClock()
    shop = Shop(clock, rate_limit=2)
    with serve(shop.app, name="exercise shop") as server:
        url = server.url + "/orders"
        for _ in range(2):
            requests.get(url)
        clock.sleep(10)
        began = clock.now()
        try:
            answer = patient_get(url, clock)
        except TypeError as error:
            raise Wrong(f"TypeError: {error}. A header is text; int(...) makes it a number.") from None
        waited, tries = clock.now() - began, len(server.traffic) - 2
        if getattr(answer, "status_code", None) == 429:
            raise Wrong("The answer is still 429. Wait for Retry-After seconds on the clock, then ask again.")
        if getattr(answer, "status_code", None) != 200:
            raise Wrong("Return the last answer of requests.get, the one with status 200.")
        if tries > 2:
            raise Wrong(f"You asked {tries} times. The shop said for how long to wait: believe it, and ask once more.")
        if waited > 50:
            raise Wrong(f"You waited {waited:g} s, and Retry-After said 50: wait for what it says, no fixed time.")
        began, asked = clock.now(), len(server.traffic)
        patient_get(url, clock)
        if clock.now() > began:
            raise Wrong("There was no 429 the second time, and you waited all the same.")
        if len(server.traffic) > asked + 1:
            raise Wrong("The first answer was 200 the second time, and you asked again all the same.")


EXERCISES = [
    Exercise(
        name="01.interval",
        test=_test_interval,
        hints=(
            "How long is an event unknown in the worst case? What does that say about the interval?",
            "The worst staleness is the interval itself; the longest interval that keeps the promise is the cheapest.",
        ),
        solution="interval = 120",
        answer="interval",
        praise="The worst staleness is the whole interval, so 120 s keeps the promise with 30 requests an hour.",
    ),
    Exercise(
        name="01.collect",
        test=_test_collect,
        hints=(
            "One request brings at most 10 orders. The field 'more' says whether some were left out.",
            "Loop: ask with since, add what came, move since to the last number, stop when 'more' is false.",
        ),
        solution='''
import requests

def collect(url, since):
    orders, more = [], True
    while more:
        page = requests.get(url + "/orders", params={"since": since}).json()
        orders += page["orders"]
        since = orders[-1]["number"] if orders else since
        more = page["more"]
    return orders
''',
        answer="collect",
        praise="No order lost and none twice, however many come between two polls.",
    ),
    Exercise(
        name="01.patient",
        test=_test_patient,
        hints=(
            "An answer of 429 has a header that says for how many seconds to wait.",
            'clock.sleep(int(answer.headers["Retry-After"])), then one more requests.get.',
        ),
        solution='''
import requests

def patient_get(url, clock):
    answer = requests.get(url)
    if answer.status_code == 429:
        clock.sleep(int(answer.headers["Retry-After"]))
        answer = requests.get(url)
    return answer
''',
        answer="patient_get",
        praise="You waited for as long as the shop asked, and no longer.",
    ),
]  # fmt: skip
