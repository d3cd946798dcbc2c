"""The shop as a provider: its orders go to those who have subscribed over its own API."""

import pytest
import requests
from flask import Flask, request

from webhook_tutorial import Echo, Policy, Provider, Shop, SimulatedClock, new_key, serve, stop_all, verify, watch
from webhook_tutorial.clock import START
from webhook_tutorial.scenes.shop import EVENT_TYPES


@pytest.fixture
def provider(tmp_path):
    with Provider(tmp_path / "shop.db", key=new_key(), event_types=EVENT_TYPES, policy=Policy((60,))) as provider:
        yield provider


@pytest.fixture
def shop(provider):
    return Shop(provider=provider)


class Receiver:
    def __init__(self):
        self.app, self.got, self.secret = Flask("receiver"), [], None

        @self.app.post("/webhook")
        def webhook():
            if "challenge" in request.get_json():
                return request.get_json()["challenge"]
            self.got.append((request.get_data(), dict(request.headers)))
            return "", 204


def test_from_the_registration_to_the_signed_order(shop, provider):
    receiver = Receiver()
    with serve(receiver.app) as there, serve(shop.app) as api, requests.Session() as client, watch() as sent:
        client.headers["Authorization"] = f"Bearer {provider.add_owner('Ada')[1]}"
        hook = {"url": there.url + "/webhook", "events": ["order_*"]}
        made = client.post(api.url + "/subscriptions", json=hook)
        assert made.status_code == 201
        order = shop.place_order("Ada")
        assert receiver.got == []
        shop.deliver()
        [(body, headers)] = receiver.got
        verify(body, headers, made.json()["secret"], clock=shop.clock)
        assert client.get(api.url + "/events").json()["events"][0]["event"]["data"] == order
        assert client.get(api.url + "/orders").json()["orders"] == [order]
        assert client.get(api.url + "/nothing").headers["Content-Type"] == "application/problem+json"
    assert [one.sender for one in sent if one.receiver == "receiver"] == ["shop", "shop"]
    stop_all()


def test_orders_that_are_planned_are_delivered_at_their_moment(shop, provider):
    receiver = Receiver()
    with serve(receiver.app) as there:
        owner, _ = provider.add_owner("Ada")
        one, _ = provider.subscribe(owner, url=there.url + "/webhook", events=["*"])
        shop.schedule(5, hours=24)
        shop.deliver(until=START + 86_400)
    at = [entry["attempts"][0]["at"] for entry in provider.deliveries.log(one.id)]
    assert at == [order["at"] for order in shop.orders[::-1]] and len(at) == 5
    assert shop.clock.now() == START + 86_400


def test_the_shop_and_its_provider_have_one_clock(shop, provider):
    assert shop.clock is provider.clock
    with pytest.raises(ValueError, match="same clock"):
        Shop(SimulatedClock(), provider=provider)


def test_who_has_a_provider_takes_subscribers_by_its_api_only(shop):
    with pytest.raises(RuntimeError, match="POST /subscriptions"):
        shop.subscribe("http://127.0.0.1:1/")


def test_the_default_asks_for_a_proof(provider):
    assert provider._challenge == Echo()
