"""The shop: polled over its API, pushing to its subscribers, on a clock of its own."""

import threading
from types import SimpleNamespace

import pytest
import requests
from flask import Flask, request

from webhook_tutorial import Shop, SimulatedClock, diagram, serve, watch
from webhook_tutorial.clock import START
from webhook_tutorial.delivery import Adapter


@pytest.fixture
def shop():
    return Shop()


@pytest.fixture
def api(shop):
    return shop.app.test_client()


class Receiver:
    """Keeps what is pushed to it, and answers with ``status``."""

    def __init__(self, status=204):
        self.events, self.types = [], []
        self.app = Flask("receiver")

        @self.app.post("/hook")
        def hook():
            self.events.append(request.get_json())
            self.types.append(request.content_type)
            return "", status


@pytest.fixture
def receiver():
    receiver = Receiver()
    with serve(receiver.app) as server:
        receiver.url = server.url + "/hook"
        yield receiver


def statuses(delivery):
    return [a.status or a.error for a in delivery.attempts]


def numbers(answer):
    return [order["number"] for order in answer.json["orders"]]


def test_an_order_is_public_without_its_exact_moment(shop, api):
    order = shop.place_order("Ada")
    assert order["number"] == 1 and order["customer"] == "Ada" and order["placed"] == "2026-01-05T09:00:00Z"
    assert api.get("/orders").json == {"orders": [order], "more": False}
    assert "at" not in order and shop.orders == [order | {"at": shop.clock.now()}]


def test_the_newest_orders_come_without_since(shop, api):
    for _ in range(12):
        shop.place_order()
    answer = api.get("/orders")
    assert numbers(answer) == list(range(3, 13)) and answer.json["more"]
    assert numbers(api.get("/orders?limit=2")) == [11, 12]
    assert not api.get("/orders?limit=12").json["more"]


def test_since_gives_what_is_new_oldest_first(shop, api):
    for _ in range(12):
        shop.place_order()
    first = api.get("/orders?since=0&limit=5")
    assert numbers(first) == [1, 2, 3, 4, 5] and first.json["more"]
    rest = api.get("/orders?since=7&limit=5")
    assert numbers(rest) == [8, 9, 10, 11, 12] and not rest.json["more"]
    assert api.get("/orders?since=12").json == {"orders": [], "more": False}
    assert api.get("/orders?since=99999999999999999999999").json == {"orders": [], "more": False}


def test_following_since_and_more_finds_every_order_once(shop, api):
    for _ in range(25):
        shop.place_order()
    found, more = [], True
    while more:
        answer = api.get(f"/orders?limit=7&since={len(found)}")
        found, more = found + numbers(answer), answer.json["more"]
    assert found == list(range(1, 26))


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=-1",
        "limit=ten",
        "limit=",
        "limit=1.5",
        "since=-1",
        "since=x",
        "since=",
        "since=²",
    ],
)
def test_a_bad_parameter_is_answered_400_by_its_name(api, query):
    answer = api.get("/orders?" + query)
    assert answer.status_code == 400
    assert answer.json["error"].startswith(query.split("=")[0] + " must be a whole number")


def test_one_request_too_many_is_answered_429_and_waiting_exactly_as_told_is_enough():
    clock = SimulatedClock()
    api = Shop(clock, rate_limit=3).app.test_client()
    for pause in (0.0, 17.3, 59.999_999):
        clock.sleep(pause)
        while (answer := api.get("/orders")).status_code == 200:
            pass
        assert answer.status_code == 429 and "orders" not in answer.json
        wait = int(answer.headers["Retry-After"])
        assert 1 <= wait <= 60
        clock.sleep(wait)
        assert [api.get("/orders").status_code for _ in range(4)] == [200, 200, 200, 429]
        clock.sleep(60)


def test_just_before_the_time_told_it_is_still_too_early():
    clock = SimulatedClock()
    api = Shop(clock, rate_limit=1).app.test_client()
    api.get("/orders")
    wait = int(api.get("/orders").headers["Retry-After"])
    clock.sleep(wait - 1)
    assert api.get("/orders").status_code == 429


def test_sixty_requests_a_minute_are_allowed_unless_told(api):
    assert [api.get("/orders").status_code for _ in range(61)] == [200] * 60 + [429]


def test_the_same_seed_gives_the_same_orders():
    def orders(seed):
        shop = Shop(seed=seed)
        shop.schedule(20, hours=5)
        shop.clock.sleep(5 * 3600)
        return shop.orders

    assert orders(1) == orders(1)
    assert orders(1) != orders(2)


def test_what_is_scheduled_is_placed_as_the_clock_passes(shop):
    start = shop.clock.now()
    shop.schedule(30, hours=2)
    assert shop.orders == []
    shop.clock.sleep(3600)
    first_half = len(shop.orders)
    assert 5 < first_half < 25
    shop.clock.sleep(3600)
    assert [order["number"] for order in shop.orders] == list(range(1, 31))
    moments = [order["at"] for order in shop.orders]
    assert moments == sorted(moments) and start <= moments[0] and moments[-1] <= start + 7200
    assert all(moment <= start + 3600 for moment in moments[:first_half])
    assert moments[first_half] > start + 3600


def test_a_subscriber_gets_every_order_as_an_event(shop, receiver):
    shop.place_order()
    shop.subscribe(receiver.url)
    shop.clock.sleep(60)
    order = shop.place_order("Ada")
    assert receiver.events == [
        {"id": "evt_0002", "event_type": "order_placed", "timestamp": "2026-01-05T09:01:00Z", "data": order}
    ]
    assert receiver.types == ["application/json"]
    assert [(d.id, d.url, d.state, statuses(d)) for d in shop.deliveries] == [
        ("evt_0002", receiver.url, "delivered", [204])
    ]
    assert shop.deliveries[0].attempts[0].at == shop.clock.now()


def test_scheduled_orders_are_pushed_in_their_order(shop, receiver):
    shop.subscribe(receiver.url)
    shop.schedule(10, hours=1)
    shop.clock.sleep(3600)
    assert [event["id"] for event in receiver.events] == [f"evt_{n:04}" for n in range(1, 11)]


def test_orders_of_one_moment_are_pushed_in_their_order(shop, receiver):
    shop.subscribe(receiver.url)
    for _ in range(3):
        shop.clock.call_at(shop.clock.now() + 60, shop.place_order)
    shop.clock.sleep(60)
    assert [event["id"] for event in receiver.events] == ["evt_0001", "evt_0002", "evt_0003"]
    assert {d.state for d in shop.deliveries} == {"delivered"}


def test_an_order_takes_no_time_on_the_shops_clock(receiver):
    """The shop needs to know the time, no more."""
    shop = Shop(SimpleNamespace(now=lambda: START))
    shop.subscribe(receiver.url)
    shop.place_order()
    assert statuses(shop.deliveries[0]) == [204]


def test_a_receiver_may_order_while_it_is_told_of_an_order(shop):
    app = Flask("receiver")
    told = []

    @app.post("/hook")
    def hook():
        told.append(request.get_json()["id"])
        if len(told) < 3:
            shop.place_order()
        return "", 204

    with serve(app) as server:
        shop.subscribe(server.url + "/hook")
        shop.place_order()
    assert told == ["evt_0001", "evt_0002", "evt_0003"]
    assert [statuses(d) for d in shop.deliveries] == [[204]] * 3


def test_a_push_bears_nothing_but_the_event(shop, receiver):
    shop.subscribe(receiver.url)
    with watch() as sent:
        shop.place_order()
    usual = {"User-Agent", "Accept", "Accept-Encoding", "Connection", "Content-Length"}
    assert set(sent[0].headers) - usual == {"Content-Type"}


def test_an_order_whose_push_is_interrupted_is_on_record(shop, receiver, monkeypatch):
    def interrupted(*_, **options):
        raise KeyboardInterrupt

    shop.subscribe(receiver.url)
    monkeypatch.setattr(Adapter, "send", interrupted)
    with pytest.raises(KeyboardInterrupt):
        shop.place_order()
    assert len(shop.orders) == 1
    assert [statuses(d) for d in shop.deliveries] == [["interrupted"]]


def test_a_subscriber_gets_only_what_it_asked_for(shop, receiver):
    shop.subscribe(receiver.url, ["payment_received"])
    shop.place_order()
    assert receiver.events == [] and shop.deliveries == []


def test_subscribing_again_replaces(shop, receiver):
    shop.subscribe(receiver.url)
    shop.subscribe(receiver.url)
    shop.place_order()
    assert len(receiver.events) == 1
    shop.subscribe(receiver.url, [])
    shop.place_order()
    assert len(receiver.events) == 1


def test_events_given_as_one_text_are_one_clear_error(shop):
    with pytest.raises(ValueError, match=r"list of event types: \['order_placed'\]"):
        shop.subscribe("http://127.0.0.1:1", "order_placed")


@pytest.mark.parametrize("url", ["127.0.0.1:1/hook", "ftp://x", "", None])
def test_a_subscribers_url_is_http(shop, url):
    with pytest.raises(ValueError, match="starts with http"):
        shop.subscribe(url)


def test_a_subscriber_that_is_down_loses_no_order(shop, receiver):
    gone = serve(Receiver().app, name="gone")
    gone.stop()
    shop.subscribe(gone.url)
    shop.subscribe(receiver.url)
    order = shop.place_order()
    assert order["number"] == 1 and len(shop.orders) == 1
    assert [statuses(delivery) for delivery in shop.deliveries] == [["connection refused"], [204]]
    assert len(receiver.events) == 1


def test_a_subscriber_that_is_slow_loses_no_order(shop, receiver):
    release = threading.Event()

    def slow(environ, start_response):
        release.wait(10)
        start_response("204 No Content", [])
        return []

    with serve(slow, name="slow") as server:
        shop.subscribe(server.url)
        shop.subscribe(receiver.url)
        shop.place_order()
        release.set()
    assert [statuses(delivery) for delivery in shop.deliveries] == [["timed out"], [204]]
    assert len(shop.orders) == len(receiver.events) == 1


def test_a_subscriber_that_fails_or_redirects_is_a_delivery_like_any_other(shop):
    def moved(environ, start_response):
        start_response("302 Found", [("Location", "/elsewhere"), ("Content-Length", "0")])
        return []

    with (
        serve(Receiver(status=503).app, name="failing") as failing,
        serve(moved, name="moved") as redirecting,
    ):
        shop.subscribe(failing.url + "/hook")
        shop.subscribe(redirecting.url)
        shop.place_order()
        assert [statuses(delivery) for delivery in shop.deliveries] == [[503], [302]]
        assert [delivery.state for delivery in shop.deliveries] == ["given up", "refused"]
        assert len(redirecting.traffic) == 1  # the redirect was not followed


def test_pushes_bear_the_shops_name_in_pictures(shop, receiver):
    shop.subscribe(receiver.url)
    with watch("learner") as sent:
        shop.place_order()
        requests.get(receiver.url, timeout=5)
    assert [x.sender for x in sent] == ["shop", "learner"]
    assert "1. shop → receiver     POST /hook order_placed" in str(diagram(sent))


def test_two_shops_share_nothing():
    one, two = Shop(), Shop()
    one.place_order()
    assert two.orders == [] and one.clock is not two.clock
