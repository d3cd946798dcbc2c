"""An endpoint that is dead for days: a warning, the end, and after the mend exactly what was missed."""

import pytest
from flask import Flask
from stores import Network, counting, images, order, provider

from webhook_tutorial import DisablePolicy, Policy, exponential
from webhook_tutorial.clock import START
from webhook_tutorial.durable.database import Database

A, B = "https://a.example/hook", "https://b.example/hook"
HOUR, DAY = 3600, 86_400


@pytest.mark.parametrize(
    ("failing_for", "failures", "step"),
    [
        (0, 1, ""),
        (DAY - 1, 99, ""),
        (DAY, 5, "warn"),
        (DAY, 4, ""),
        (5 * DAY - 1, 99, "warn"),
        (5 * DAY, 5, "disable"),
        (99 * DAY, 4, ""),
    ],
)
def test_a_policy_is_a_time_and_a_number_of_failures(failing_for, failures, step):
    assert DisablePolicy().step(START, failures, START + failing_for) == step


@pytest.mark.parametrize("wrong", [{"warn": -1}, {"warn": 9, "disable": 8}, {"failures": 0}])
def test_a_policy_that_is_none_is_refused(wrong):
    with pytest.raises(ValueError, match="failures"):
        DisablePolicy(**wrong)


@pytest.fixture
def network():
    return Network()


@pytest.fixture
def told():
    return []


@pytest.fixture
def shop(tmp_path, network, told):
    hourly = exponential(HOUR, 1, attempts=24)
    with provider(tmp_path / "shop.db", network, policy=hourly, tell=told.append) as shop:
        yield shop


@pytest.fixture
def a(shop):
    shop.owner, shop.api_key = shop.add_owner("Ada")
    return shop.subscribe(shop.owner, url=A, events=["*"])[0]


def daily(shop, days, first=1):
    """Publish an order a day, and deliver until the last of the days is over."""
    start = shop.clock.now()
    for day in range(days):
        shop.clock.call_at(start + day * DAY, lambda number=first + day: shop.publish(order(number, shop)))
    shop.run(until=start + days * DAY)


def test_an_endpoint_that_is_dead_for_days_is_warned_once_and_disabled_once(shop, a, network, told):
    network.status[A] = 503
    daily(shop, 8)
    assert [(notice.kind, (notice.at - START) / DAY) for notice in told] == [("warned", 1), ("disabled", 5)]
    assert all(notice.owner == shop.owner and notice.subscription == a.id and A in notice.text for notice in told)
    found = shop.subscriptions.find(a.id)
    assert found.status == "disabled" and found.reason in told[1].text and found.failing_since == START
    assert max(one["at"] for entry in shop.deliveries.log(a.id) for one in entry["attempts"]) == START + 5 * DAY
    assert {entry["state"] for entry in shop.deliveries.log(a.id)} == {"given up"}
    assert shop.deliveries.notices(shop.owner) == told and shop.deliveries.notices("own_0") == []


def test_after_the_mend_exactly_what_was_missed_comes_once_each(shop, a, network):
    daily(shop, 2)
    network.status[A] = 503
    daily(shop, 9, first=3)
    network.status[A] = 204
    before = network.ids(A)[:2]
    missed = [event["id"] for _, event in shop.deliveries.events(2)]
    shop.change(shop.subscriptions.find(a.id), status="active")
    sent = len(network.to(A))
    assert shop.redeliver_since(a, 2) == 9
    assert shop.redeliver_since(a, 0) == 0
    shop.run()
    assert (before, network.ids(A)[sent:]) == (["evt_1", "evt_2"], missed)
    found = shop.subscriptions.find(a.id)
    assert (found.status, found.reason, found.failing_since, found.failures) == ("active", "", None, 0)


def test_one_success_starts_the_count_anew(shop, a, network, told):
    network.status[A] = [503] * 100 + [204] + [503] * 24
    daily(shop, 6)
    assert [notice.kind for notice in told] == ["warned"]
    assert shop.subscriptions.find(a.id).failing_since == START + 5 * DAY


def test_an_endpoint_that_refuses_everything_fails_too(shop, a, network):
    network.status[A] = 400
    daily(shop, 7)
    assert shop.subscriptions.find(a.id).status == "disabled"


def test_gone_disables_at_once_and_ends_what_waits(shop, a, network, told):
    network.status[A] = [503, 503, 410]
    for number in (1, 2, 3):
        shop.publish(order(number, shop))
    shop.run()
    assert [(notice.kind, notice.at) for notice in told] == [("disabled", START)]
    assert "410" in shop.subscriptions.find(a.id).reason
    assert [entry["state"] for entry in shop.deliveries.log(a.id)] == ["gone"] * 3
    shop.publish(order(4, shop))
    shop.run()
    assert network.ids(A) == ["evt_1", "evt_2", "evt_3"]


def test_a_new_endpoint_begins_with_no_failures(shop, a, network, told):
    network.status[A] = 503
    daily(shop, 4)
    network.status[B] = [204] + [503] * 20  # the challenge, and then most of a day that would have been the fifth
    shop.run(until=START + 4.5 * DAY)
    shop.change(shop.subscriptions.find(a.id), url=B)
    daily(shop, 2, first=5)
    assert [notice.kind for notice in told] == ["warned"]
    assert shop.subscriptions.find(a.id).status == "active"


def test_a_test_by_hand_neither_disables_nor_heals(shop, a, network):
    network.status[A] = [503] * 10 + [204, 410]
    shop.publish(order(1, shop))
    shop.run(until=START + 9 * HOUR)
    failures = shop.subscriptions.find(a.id).failures
    assert failures == 10
    assert [shop.test(a)["state"] for _ in range(2)] == ["delivered", "gone"]
    found = shop.subscriptions.find(a.id)
    assert (found.status, found.failures) == ("active", failures)


def test_other_endpoints_are_not_touched(shop, a, network):
    b, _ = shop.subscribe(shop.owner, url=B, events=["*"])
    network.status[A] = 410
    shop.publish(order(1, shop))
    shop.run()
    assert shop.subscriptions.find(b.id).status == "active" and network.ids(B) == ["evt_1"]


def test_a_notice_that_could_not_be_told_is_told_by_the_next_run(tmp_path, network):
    def fail(_):
        raise OSError("no mail today")

    told, options = [], {"policy": Policy(()), "network": network}
    with provider(tmp_path / "shop.db", tell=fail, **options) as shop:
        owner, _ = shop.add_owner("Ada")
        shop.subscribe(owner, url=A, events=["*"])
        network.status[A] = 410
        shop.publish(order(1, shop))
        with pytest.raises(OSError, match="no mail"):
            shop.run()
    with provider(tmp_path / "shop.db", tell=told.append, ids=counting(100), **options) as shop:
        shop.run()
        shop.run()
    assert [notice.kind for notice in told] == ["disabled"]


def test_a_death_while_disabling_leaves_it_done_or_not_begun(shop, a, network, tmp_path):
    for number in (1, 2, 3):
        shop.publish(order(number, shop))
    network.status[A] = 410
    seen = []
    for copy in images(shop.database, tmp_path / "shop.db", shop.run):
        database = Database(copy)
        [(status,)] = map(tuple, database.execute("SELECT status FROM subscriptions"))
        counts = [database.execute(f"SELECT count(*) FROM {what}")[0][0] for what in ("attempts", "notices")]
        waiting = len(database.execute("SELECT 1 FROM deliveries WHERE state = 'waiting'"))
        database.close()
        seen.append((status, *counts, waiting))
    assert set(seen) == {("active", 0, 0, 3), ("disabled", 1, 1, 0)}


def test_the_owner_sees_the_reason_and_enables_it_over_the_api(shop, a, network):
    app = Flask("shop")
    app.register_blueprint(shop.blueprint)
    client, headers = app.test_client(), {"Authorization": f"Bearer {shop.api_key}"}
    network.status[A] = [410]
    shop.publish(order(1, shop))
    shop.run()
    path = f"/subscriptions/{a.id}"
    seen = client.get(path, headers=headers).json
    assert (seen["status"], seen["reason"]) == ("disabled", "It answered 410 Gone: it wants no more.")
    assert client.post(path + "/redeliver", json={"since": 0}, headers=headers).status_code == 409
    assert client.patch(path, json={"status": "active"}, headers=headers).json["reason"] == ""
    assert client.post(path + "/redeliver", json={"since": 0}, headers=headers).json == {"queued": 1}
    shop.run()
    assert network.ids(A) == ["evt_1", "evt_1"]
