"""The registration API: what it does, what its errors name, and that two tenants see nothing of each other."""

import json

import pytest
from flask import Flask
from stores import Network, order, provider

from webhook_tutorial.durable.api import OPEN, ROUTES
from webhook_tutorial.durable.openapi import describe


class Client:
    """A client of the API with somebody's key, or with none."""

    def __init__(self, app, api_key=None):
        self._client = app.test_client()
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}

    def __call__(self, method, path, body=None, **options):
        if body is not None:
            options["json"] = body
        return self._client.open(path, method=method, headers=self._headers, **options)


@pytest.fixture
def network():
    return Network()


@pytest.fixture
def shop(tmp_path, network):
    with provider(tmp_path / "shop.db", network) as shop:
        shop.app = Flask("shop")
        shop.app.register_blueprint(shop.blueprint)
        yield shop


@pytest.fixture
def ada(shop):
    return Client(shop.app, shop.add_owner("Ada")[1])


@pytest.fixture
def bela(shop):
    return Client(shop.app, shop.add_owner("Bela")[1])


A = {"url": "https://a.example/hook", "events": ["order_*"]}


def problem(answer, status):
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    document = json.loads(answer.data)
    assert document["status"] == status and document["title"] and document["detail"]
    return document


def fields(answer):
    return [error["pointer"] for error in problem(answer, 422)["errors"]]


# --- What it does -------------------------------------------------------------------------------------------


def test_a_subscription_from_birth_to_death(ada, shop):
    made = ada("POST", "/subscriptions", A)
    assert made.status_code == 201 and made.json["secret"].startswith("whsec_")
    path = made.headers["Location"]
    shown = ada("GET", path).json
    assert made.json == shown | {"secret": made.json["secret"]} and "secret" not in shown
    assert shown == {
        "id": path.rpartition("/")[2],
        "url": "https://a.example/hook",
        "events": ["order_*"],
        "version": "1",
        "status": "active",
        "reason": "",
        "created": "2026-01-05T09:00:00Z",
        "failing_since": None,
    }
    assert ada("PATCH", path, {"status": "paused", "events": ["*"]}).json == shown | {
        "status": "paused",
        "events": ["*"],
    }
    assert ada("GET", "/subscriptions").json["subscriptions"] == [ada("GET", path).json]
    gone = ada("DELETE", path)
    assert (gone.status_code, gone.data) == (204, b"")
    problem(ada("GET", path), 404)
    assert ada("GET", "/subscriptions").json == {"subscriptions": []}


def test_a_secret_is_shown_once_and_again_when_rotated(ada, shop):
    made = ada("POST", "/subscriptions", A).json
    rotated = ada("POST", f"/subscriptions/{made['id']}/rotate").json
    assert rotated["previous_expires"] == "2026-01-06T09:00:00Z"
    assert shop.subscriptions.secrets(made["id"]) == [rotated["secret"], made["secret"]]
    for path in ("/subscriptions", f"/subscriptions/{made['id']}"):
        assert "whsec_" not in ada("GET", path).text


def test_a_subscription_that_is_removed_while_its_secret_is_rotated_is_not_there(ada, shop, monkeypatch):
    one = ada("POST", "/subscriptions", A).get_json()
    rotate = shop.subscriptions.rotate
    monkeypatch.setattr(shop.subscriptions, "rotate", lambda id: (shop.subscriptions.remove(id), rotate(id))[1])
    problem(ada("POST", f"/subscriptions/{one['id']}/rotate"), 404)


@pytest.mark.parametrize("name", ["owner", "self", "subscription"])
def test_a_field_that_is_called_like_an_argument_of_ours_is_named_too(ada, name):
    one = ada("POST", "/subscriptions", A).get_json()
    for answer in (
        ada("POST", "/subscriptions", A | {name: "x"}),
        ada("PATCH", f"/subscriptions/{one['id']}", {name: "x"}),
    ):
        problem(answer, 422)
        assert fields(answer) == [f"#/{name}"]


def test_where_it_is_found_is_said_under_a_prefix_too(ada, shop):
    answer = ada("POST", "/subscriptions", A, base_url="http://localhost/api")
    assert answer.headers["Location"] == f"/api/subscriptions/{answer.get_json()['id']}"


def test_a_test_is_sent_at_once_and_shown_in_the_log(ada, network):
    path = ada("POST", "/subscriptions", A).headers["Location"]
    answer = ada("POST", path + "/test").json
    assert answer["state"] == "delivered"
    assert answer["attempts"] == [{"at": "2026-01-05T09:00:00Z", "status": 204, "error": ""}]
    [body] = network.to(A["url"])
    assert body["event_type"] == "test" and body["id"] == answer["event"]["id"]
    assert ada("GET", path + "/deliveries").json == {"deliveries": [answer], "more": False}
    assert ada("GET", "/events").json == {"events": [], "more": False}


def test_the_log_shows_nothing_of_what_an_endpoint_answers_but_its_status(ada, network):
    path = ada("POST", "/subscriptions", A).headers["Location"]
    network.status[A["url"]] = 503
    answer = ada("POST", path + "/test").json
    assert answer["state"] == "given up" and set(answer["attempts"][0]) == {"at", "status", "error"}


def test_the_log_tells_of_an_error_of_ours_and_not_which(ada, shop):
    path = ada("POST", "/subscriptions", A).headers["Location"]
    shop.render["1"] = lambda event: event["data"]["column_7"]
    shop.publish(order(1, shop))
    shop.run()
    [entry] = ada("GET", path + "/deliveries").json["deliveries"]
    assert (entry["state"], entry["attempts"]) == ("given up", [])
    assert "our fault" in entry["error"] and "column_7" not in entry["error"]


def test_events_are_numbered_and_paged(ada, shop):
    for number in range(1, 6):
        shop.publish(order(number, shop))
    first = ada("GET", "/events?since=1&limit=3").json
    assert [one["number"] for one in first["events"]] == [2, 3, 4] and first["more"]
    assert first["events"][0]["event"] == order(2, shop)
    rest = ada("GET", "/events?since=4").json
    assert [one["number"] for one in rest["events"]] == [5] and not rest["more"]
    assert ada("GET", "/events?since=999999999999999").json == {"events": [], "more": False}


def test_the_catalogue_has_an_example_of_each(ada, shop):
    types = ada("GET", "/event-types").json["event_types"]
    assert [one["event_type"] for one in types] == list(shop.event_types)
    assert types[1]["example"]["data"] == {"number": 1, "item": "tea"}
    assert types[1]["example"]["event_type"] == "order_placed"


def test_redelivering_one_and_all_since(ada, shop, network):
    path = ada("POST", "/subscriptions", A).headers["Location"]
    network.status[A["url"]] = [400]
    for number in (1, 2):
        shop.publish(order(number, shop))
    shop.run()
    assert network.ids(A["url"]) == ["evt_1", "evt_2"]
    second, first = ada("GET", path + "/deliveries").json["deliveries"]
    assert (first["state"], second["state"]) == ("refused", "delivered")
    answer = ada("POST", f"{path}/deliveries/{first['id']}/redeliver")
    assert answer.status_code == 202 and answer.json["state"] == "waiting"
    problem(ada("POST", f"{path}/deliveries/{first['id']}/redeliver"), 409)
    problem(ada("POST", f"{path}/deliveries/dlv_0/redeliver"), 404)
    shop.run()
    answer = ada("POST", path + "/redeliver", {"since": 0})
    assert (answer.status_code, answer.json) == (202, {"queued": 0})
    assert network.ids(A["url"]) == ["evt_1", "evt_2", "evt_1"]
    ada("PATCH", path, {"status": "paused"})
    problem(ada("POST", path + "/redeliver", {"since": 0}), 409)


# --- Errors -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"url": "ftp://a.example/"}, ["#/url"]),
        ({"url": "a.example"}, ["#/url"]),
        ({"url": "https://"}, ["#/url"]),
        ({"url": "https://me:pass@a.example/"}, ["#/url"]),
        ({"url": "https://a.example\\@b.example/"}, ["#/url"]),
        ({"url": "https://a.example/ b"}, ["#/url"]),
        ({"url": "https://ä.example/"}, ["#/url"]),
        ({"url": "https://a.example:0/"}, ["#/url"]),
        ({"url": "https://a.example:99999/"}, ["#/url"]),
        ({"url": "https://[::1/"}, ["#/url"]),
        ({"url": "https://a.example/" + "a" * 2000}, ["#/url"]),
        ({"url": None}, ["#/url"]),
        ({"events": "order_placed"}, ["#/events"]),
        ({"events": []}, ["#/events"]),
        ({"events": [1]}, ["#/events"]),
        ({"events": ["order_placd"]}, ["#/events"]),
        ({"events": ["*"] * 51}, ["#/events"]),
        ({"events": ["\ud800"]}, ["#/events"]),
        ({"version": "7"}, ["#/version"]),
        ({"version": []}, ["#/version"]),
        ({"verify_token": 7}, ["#/verify_token"]),
        ({"status": "paused"}, ["#/status"]),
        ({"a/b~": 1, "\ud800": 1}, ["#/a~1b~0", "#/%3F"]),
        ({"url": "", "events": {}}, ["#/events", "#/url"]),
    ],
)
def test_a_field_that_is_wrong_is_named_and_nothing_is_made(ada, change, named, network):
    assert fields(ada("POST", "/subscriptions", A | change)) == named
    assert ada("GET", "/subscriptions").json == {"subscriptions": []} and not network.requests


def test_what_is_missing_is_named(ada):
    assert fields(ada("POST", "/subscriptions", {})) == ["#/url", "#/events"]


def test_an_unknown_type_is_answered_with_the_known_ones(ada, shop):
    [error] = ada("POST", "/subscriptions", A | {"events": ["order_placd"]}).json["errors"]
    assert "'order_placd'" in error["detail"] and all(name in error["detail"] for name in shop.event_types)


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{}", "text/plain", 415),
        (b"{}", None, 415),
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"\xff\xff", "application/json", 400),
        (b"[" * 60_000, "application/json", 400),
        (b"1" * 5000, "application/json", 400),
        (b" " * 70_000, "application/json", 413),
        (b'{"since": true}', "application/json", 422),
    ],
)
def test_a_body_that_cannot_be_read_is_a_problem(ada, body, content_type, status):
    path = ada("POST", "/subscriptions", A).headers["Location"]
    for method, target in (("POST", "/subscriptions"), ("PATCH", path), ("POST", path + "/redeliver")):
        problem(ada(method, target, data=body, content_type=content_type), status)


@pytest.mark.parametrize(
    "query", ["since=-1", "since=x", "since=", "since=²", "limit=0", "limit=1001", "limit=1e3", "sinec=1"]
)
def test_a_parameter_that_is_wrong_is_named(ada, query):
    [error] = problem(ada("GET", "/events?" + query), 400)["errors"]
    assert error["parameter"] == query.partition("=")[0]


def test_unknown_paths_and_methods_are_problems_too(ada):
    problem(ada("GET", "/nothing"), 404)
    answer = ada("PUT", "/subscriptions")
    problem(answer, 405)
    assert "POST" in answer.headers["Allow"]


def test_our_own_fault_is_a_problem_that_tells_nothing(shop, ada, monkeypatch):
    def fail(*_):
        raise RuntimeError("the disk of shop-db-3 is full")

    monkeypatch.setattr(shop.subscriptions, "of", fail)
    shop.app.config["PROPAGATE_EXCEPTIONS"] = False
    assert "disk" not in str(problem(ada("GET", "/subscriptions"), 500))


# --- Tenants ------------------------------------------------------------------------------------------------


def filled(route, id="sub_0", delivery="dlv_0"):
    return route.replace("<id>", id).replace("<delivery>", delivery)


BODIES = [None, {}, {"status": "paused"}, {"since": 0}, {"url": "x"}]


@pytest.mark.parametrize("authorization", [None, "Bearer", "Bearer ", "Bearer key_0", "Basic a2V5", "key", "Bearer ä"])
def test_without_a_key_every_route_but_the_open_one_is_401(shop, ada, authorization):
    path = ada("POST", "/subscriptions", A).headers["Location"]
    client, answers = shop.app.test_client(), set()
    for method, route, name in ROUTES:
        headers = {"Authorization": authorization} if authorization else {}
        target = filled(route, path.rpartition("/")[2])
        answer = client.open(target, method=method, headers=headers, json={"status": "paused"})
        if name in OPEN:
            assert answer.status_code == 200
        else:
            problem(answer, 401)
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            answers.add(answer.data)
    assert len(answers) == 1
    assert ada("GET", path).json["status"] == "active"


@pytest.mark.parametrize("body", BODIES, ids=str)
@pytest.mark.parametrize(("method", "route"), [route[:2] for route in ROUTES if "<id>" in route[1]], ids=str)
def test_what_is_somebody_elses_is_answered_like_what_is_not_there(shop, ada, bela, network, method, route, body):
    path = ada("POST", "/subscriptions", A).headers["Location"]
    shop.publish(order(1, shop))
    shop.run()
    [delivery] = ada("GET", path + "/deliveries").json["deliveries"]
    before, sent = shop.database.execute("SELECT * FROM subscriptions"), len(network.requests)
    secrets = shop.subscriptions.secrets(path.rpartition("/")[2])
    theirs = bela(method, filled(route, path.rpartition("/")[2], delivery["id"]), body)
    nobodys = bela(method, filled(route), body)
    problem(theirs, 404)
    assert (theirs.data, theirs.headers) == (nobodys.data, nobodys.headers)
    assert list(map(tuple, shop.database.execute("SELECT * FROM subscriptions"))) == list(map(tuple, before))
    assert shop.subscriptions.secrets(path.rpartition("/")[2]) == secrets and len(network.requests) == sent
    assert ada("GET", path + "/deliveries").json["deliveries"] == [delivery]


def test_somebody_elses_delivery_under_my_own_subscription_is_not_there(shop, ada, bela):
    path = ada("POST", "/subscriptions", A).headers["Location"]
    mine = bela("POST", "/subscriptions", A | {"url": "https://b.example/"}).headers["Location"]
    shop.publish(order(1, shop))
    shop.run()
    [delivery] = ada("GET", path + "/deliveries").json["deliveries"]
    theirs = bela("POST", f"{mine}/deliveries/{delivery['id']}/redeliver")
    nobodys = bela("POST", f"{mine}/deliveries/dlv_0/redeliver")
    assert problem(theirs, 404) and (theirs.data, theirs.headers) == (nobodys.data, nobodys.headers)


def test_lists_show_ones_own_only(ada, bela):
    ada("POST", "/subscriptions", A)
    assert bela("GET", "/subscriptions").json == {"subscriptions": []}


def test_ids_are_random_unless_they_are_handed_in(tmp_path):
    with provider(tmp_path / "shop.db", ids=None) as shop:
        owner, _ = shop.add_owner("Ada")
        found = [shop.subscribe(owner, **A)[0].id for _ in range(3)]
    assert len({id[:8] for id in found}) == 3 and all(len(id) == len("sub_") + 32 for id in found)


# --- The description ----------------------------------------------------------------------------------------


def test_every_route_is_described_and_nothing_else(shop):
    described = {
        (method.upper(), path.replace("{", "<").replace("}", ">"), operation["operationId"])
        for path, operations in describe(shop)["paths"].items()
        for method, operation in operations.items()
        if method != "parameters"
    }
    assert described == set(ROUTES)


def test_what_is_sent_is_described_too(shop):
    webhooks = describe(shop)["webhooks"]
    assert set(webhooks) == set(shop.event_types)
    schema = webhooks["order_placed"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert set(schema["required"]) == set(order(1)) == set(schema["properties"])
