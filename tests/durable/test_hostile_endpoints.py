"""A provider with a guard: at no moment does an endpoint get it to call inside its own network."""

import pytest
import requests
from flask import Flask, request
from stores import EVENT_TYPES, KEY, counting

from webhook_tutorial import Echo, Guard, Network, Policy, Provider, Shop, guarded_session, make_event, serve
from webhook_tutorial.clock import START

HOOK = "http://hooks.example/webhook"
INSIDE = ["127.0.0.1", "10.0.0.5", "169.254.169.254", "168.63.129.16", "::1", "::ffff:10.0.0.5", "64:ff9b::a9fe:a9fe"]


@pytest.fixture
def inside():
    """What nobody outside may reach: it would pass each challenge, and it counts who came."""
    app = Flask("metadata")

    @app.route("/<path:path>", methods=["GET", "POST", "OPTIONS"])
    def secret(path):
        return request.get_json(silent=True).get("challenge", "s3cr3t") if request.data else "s3cr3t"

    return serve(app, name="metadata")


@pytest.fixture
def outside():
    app = Flask("hooks")

    @app.post("/webhook")
    def webhook():
        return request.get_json().get("challenge", ""), 200

    @app.post("/jump")
    def jump():
        challenge = request.get_json().get("challenge")
        return challenge if challenge else ("", 303, {"Location": "http://169.254.169.254/secret"})

    return serve(app, name="hooks")


@pytest.fixture
def open_shop(tmp_path, inside, outside):
    opened = []

    def open_shop(names, challenge=Echo()):  # noqa: B008 - a value
        addresses = dict.fromkeys(("127.0.0.1", "10.0.0.5", "169.254.169.254", "168.63.129.16"), inside)
        network = Network(names, addresses | {"203.0.113.7": outside})
        guard = Guard(network.resolve, network.connect, also_public=["203.0.113.0/24"])
        opened.append(
            Provider(
                tmp_path / "shop.db",
                key=KEY,
                event_types=EVENT_TYPES,
                ids=counting(),
                policy=Policy(()),
                challenge=challenge,
                session=lambda: guarded_session(guard),
            )
        )
        return opened[-1], network

    yield open_shop
    for one in opened:
        one.close()


def attempts(provider, subscription):
    return [a["status"] or a["error"] for d in provider.deliveries.log(subscription.id) for a in d["attempts"]]


@pytest.mark.parametrize("address", INSIDE)
def test_an_inner_address_is_not_registered(open_shop, inside, address):
    provider, network = open_shop({"hooks.example": [address]})
    _, key = provider.add_owner("Ada")
    literal = f"http://[{address}]/webhook" if ":" in address else f"http://{address}/webhook"
    with serve(Shop(provider=provider).app) as api:
        for url in (HOOK, literal):
            answer = requests.post(
                api.url + "/subscriptions",
                json={"url": url, "events": ["order_*"]},
                headers={"Authorization": f"Bearer {key}"},
            )
            assert answer.status_code == 422
            (error,) = answer.json()["errors"]
            assert error["pointer"] == "#/url"
            if url == HOOK:  # what our names lead to is nobody's business
                assert error["detail"].endswith("No answer came: could not connect.") and address not in answer.text
            else:
                assert "is an address that is not of the public internet" in error["detail"]
    assert network.dialled == [] and len(inside.traffic) == 0


def test_a_name_that_is_rebound_after_it_was_registered_is_not_called(open_shop, inside):
    """The challenge, an event, a test and an event again: outside, outside, inside, inside."""
    answers = [["203.0.113.7"], ["203.0.113.7"], ["169.254.169.254"], ["203.0.113.7", "127.0.0.1"]]
    provider, network = open_shop({"hooks.example": answers})
    owner, _ = provider.add_owner("Ada")
    subscription, _ = provider.subscribe(owner, url=HOOK, events=["order_*"])
    provider.publish(make_event("order_placed", {"number": 1}, id="evt_1", timestamp=START))
    provider.run()
    tested = provider.test(subscription)
    provider.publish(make_event("order_placed", {"number": 2}, id="evt_2", timestamp=START))
    provider.run()
    assert [a["error"] for a in tested["attempts"]] == ["blocked: metadata"]
    assert attempts(provider, subscription) == ["blocked: loopback", "blocked: metadata", 200]
    assert network.dialled == [("203.0.113.7", 80)] * 2 and len(inside.traffic) == 0


def test_where_a_name_leads_is_in_our_own_log_and_not_in_the_owners(open_shop, inside):
    provider, _ = open_shop({"hooks.example": [["203.0.113.7"], ["10.0.0.5"]]})
    owner, key = provider.add_owner("Ada")
    subscription, _ = provider.subscribe(owner, url=HOOK, events=["order_*"])
    provider.publish(make_event("order_placed", {"number": 1}, id="evt_1", timestamp=START))
    provider.run()
    assert attempts(provider, subscription) == ["blocked: private"]
    with serve(Shop(provider=provider).app) as api, requests.Session() as client:
        client.headers["Authorization"] = f"Bearer {key}"
        subscriptions = api.url + "/subscriptions"
        log = client.get(f"{subscriptions}/{subscription.id}/deliveries")
        tested = client.post(f"{subscriptions}/{subscription.id}/test")
        for answer in (log, tested):
            assert answer.ok and "could not connect" in answer.text
            assert not any(word in answer.text for word in ("blocked", "private", "10.0.0.5"))
        # Nor can what is registered be told from a name that does not exist.
        refused = [
            client.post(subscriptions, json={"url": f"http://{name}.example/", "events": ["*"]}).json()["errors"]
            for name in ("hooks", "nowhere")
        ]
        assert refused[0] == refused[1]


@pytest.mark.parametrize("challenge", [None, Echo()], ids=["no challenge", "a challenge"])
@pytest.mark.parametrize(
    "url, words",
    [
        ("http://10.0.0.5/webhook", "is an address that is not of the public internet: private"),
        ("http://[::1]/webhook", "is an address that is not of the public internet: loopback"),
        ("http://127.1/webhook", "An address is written in full"),
        ("http://0x7f000001/webhook", "An address is written in full"),
        ("http://hooks.example:22/webhook", "The port is one of 80, 443"),
        ("http://hooks.example:0x50/webhook", "This is no URL"),
        ("http://hooks..example/webhook", "This is no name of a host"),
        ("http://hooks%2eexample/webhook", "This is no name of a host"),
    ],
)
def test_what_is_wrong_with_a_url_as_it_is_written_is_told_before_anything_is_sent(open_shop, challenge, url, words):
    provider, network = open_shop({"hooks.example": ["203.0.113.7"]}, challenge=challenge)
    _, key = provider.add_owner("Ada")
    with serve(Shop(provider=provider).app) as api, requests.Session() as client:
        client.headers["Authorization"] = f"Bearer {key}"
        made = client.post(api.url + "/subscriptions", json={"url": HOOK, "events": ["*"]}).json()
        dialled = list(network.dialled)
        one = f"{api.url}/subscriptions/{made['id']}"
        for answer in (
            client.post(api.url + "/subscriptions", json={"url": url, "events": ["*"]}),
            client.patch(one, json={"url": url}),
        ):
            (error,) = answer.json()["errors"]
            assert (answer.status_code, answer.headers["Content-Type"]) == (422, "application/problem+json")
            assert error["pointer"] == "#/url" and words in error["detail"]
        assert client.get(one).json()["url"] == HOOK and network.dialled == dialled


def test_a_test_that_is_answered_with_a_redirect_inwards_shows_the_redirect_and_no_more(open_shop, inside):
    """The endpoint passes the challenge honestly; the first sender of lesson 08 followed it from here."""
    provider, network = open_shop({"hooks.example": ["203.0.113.7"]})
    owner, _ = provider.add_owner("Ada")
    subscription, _ = provider.subscribe(owner, url="http://hooks.example/jump", events=["order_*"])
    tested = provider.test(subscription)
    assert (tested["state"], attempts(provider, subscription)) == ("refused", [303])
    assert "s3cr3t" not in repr(tested) and len(inside.traffic) == 0
    assert network.dialled == [("203.0.113.7", 80)] * 2


def test_a_changed_url_is_checked_as_well(open_shop, inside):
    provider, _ = open_shop({"hooks.example": ["203.0.113.7"], "inside.example": ["10.0.0.5"]})
    _, key = provider.add_owner("Ada")
    with serve(Shop(provider=provider).app) as api, requests.Session() as client:
        client.headers["Authorization"] = f"Bearer {key}"
        made = client.post(api.url + "/subscriptions", json={"url": HOOK, "events": ["order_*"]})
        assert made.status_code == 201
        url = f"{api.url}/subscriptions/{made.json()['id']}"
        answer = client.patch(url, json={"url": "http://inside.example/webhook"})
        assert (answer.status_code, client.get(url).json()["url"]) == (422, HOOK)
    assert len(inside.traffic) == 0
