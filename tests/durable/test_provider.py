"""The provider: what is published arrives, signed and in the pinned version, although it or the endpoint fails."""

import os
import random
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from flask import Flask, request
from stores import KEY, Network, counting, images, order, provider

from webhook_tutorial import Policy, SimulatedClock, SystemClock, make_event, new_key, serve, verify
from webhook_tutorial.clock import START
from webhook_tutorial.durable import dispatcher
from webhook_tutorial.durable import provider as provider_module
from webhook_tutorial.durable.database import Database
from webhook_tutorial.durable.provider import Conflict
from webhook_tutorial.durable.vault import Vault

OTHERS = {"ids": counting(100), "secrets": Random(2).randbytes}  # than the provider before gave
A, B, C = (f"https://{name}.example/hook" for name in "abc")


@pytest.fixture
def network():
    return Network()


@pytest.fixture
def open_shop(tmp_path, network):
    """Opens a provider on the same file each time."""
    opened = []

    def open_shop(**options):
        opened.append(provider(tmp_path / "shop.db", network, **options))
        return opened[-1]

    yield open_shop
    for one in opened:
        one.close()


@pytest.fixture
def shop(open_shop):
    return open_shop(policy=Policy((10, 100)))


def subscribe(shop, *urls, events=("order_*",), **fields):
    owner, _ = shop.add_owner("Ada")
    return [shop.subscribe(owner, url=url, events=list(events), **fields)[0] for url in urls]


def states(shop, subscription):
    return {entry["event"]: entry["state"] for entry in shop.deliveries.log(subscription.id)}


def attempts(shop, subscription):
    """The attempts at an endpoint: seconds after the start, and the answer."""
    return [
        (one["at"] - START, one["status"] or one["error"])
        for entry in shop.deliveries.log(subscription.id)[::-1]
        for one in entry["attempts"]
    ]


# --- Publishing and delivering ------------------------------------------------------------------------------


def test_an_event_goes_to_those_who_want_it(shop, network):
    subscribe(shop, A)
    subscribe(shop, B, events=["user_signup"])
    subscribe(shop, C, events=["*"])
    assert shop.publish(order(1, shop)) == 1
    assert network.to(A) == []
    shop.run()
    assert (network.to(A), network.to(B), network.to(C)) == ([order(1, shop)], [], [order(1, shop)])


def test_the_same_id_is_published_once(shop, network):
    subscribe(shop, A)
    assert [shop.publish(order(number, shop)) for number in (1, 2, 1)] == [1, 2, 1]
    shop.run()
    assert network.ids(A) == ["evt_1", "evt_2"]


@pytest.mark.parametrize(
    ("event", "error"),
    [
        (make_event("order_lost", {}), ValueError),
        (make_event("test", {}), ValueError),
        (make_event("order_placed", {}, id="evt 1"), ValueError),
        (make_event("order_placed", {"amount": float("nan")}), ValueError),
        (make_event("order_placed", {"amount": object()}), TypeError),
    ],
)
def test_what_cannot_be_delivered_is_not_published(shop, event, error):
    with pytest.raises(error):
        shop.publish(event)
    assert shop.deliveries.events() == []


def test_a_death_while_publishing_leaves_all_or_nothing(shop, tmp_path):
    subscribe(shop, A, B, C)
    copies = images(shop.database, tmp_path / "shop.db", lambda: shop.publish(order(1, shop)))
    assert len(copies) > 5
    for copy in copies:
        with_copy = Database(copy)
        counts = [with_copy.execute(f"SELECT count(*) FROM {table}")[0][0] for table in ("events", "deliveries")]
        with_copy.close()
        assert counts == [0, 0]


def test_each_is_signed_with_its_own_secrets_as_they_are_at_that_moment(shop, network):
    owner, _ = shop.add_owner("Ada")
    one, old = shop.subscribe(owner, url=A, events=["*"])
    _, other = shop.subscribe(owner, url=B, events=["*"])
    shop.publish(order(1, shop))
    new, _ = shop.subscriptions.rotate(one.id)
    shop.run()
    to_a, to_b = network.requests[-2:]
    for sent, secret in ((to_a, old), (to_a, new), (to_b, other)):
        verify(sent.body, sent.headers, secret, clock=shop.clock)
        assert sent.headers["webhook-id"] == "evt_1"


def test_attempts_follow_the_policy_and_endpoints_take_turns_in_time(shop, network):
    a, b = subscribe(shop, A, B)
    network.status |= {A: [503, ConnectionError(), 503], B: [503, 204]}
    shop.publish(order(1, shop))
    shop.run()
    assert attempts(shop, a) == [(0, 503), (10, "ConnectionError"), (110, 503)]
    assert attempts(shop, b) == [(0, 503), (10, 204)]
    assert states(shop, a) | states(shop, b) == {"evt_1": "delivered"} and states(shop, a)["evt_1"] == "given up"
    assert [request.url for request in network.requests[-5:]] == [A, B, A, B, A]


def test_run_stops_at_the_time_it_is_told(shop, network):
    [a] = subscribe(shop, A)
    network.status[A] = 503
    shop.publish(order(1, shop))
    shop.run(until=START + 50)
    assert [at for at, _ in attempts(shop, a)] == [0, 10] and shop.clock.now() == START + 50
    shop.run(until=START + 50)
    assert [at for at, _ in attempts(shop, a)] == [0, 10]


def test_a_new_provider_on_the_same_file_goes_on_with_what_waits(open_shop, network):
    clock = SimulatedClock()
    shop = open_shop(policy=Policy((10, 100)), clock=clock)
    [a] = subscribe(shop, A)
    network.status[A] = 503
    shop.publish(order(1, shop))
    shop.run(until=START)
    shop.close()
    again = open_shop(policy=Policy((10, 100)), clock=clock, **OTHERS)
    again.run()
    assert [at for at, _ in attempts(again, a)] == [0, 10, 110]
    assert states(again, a) == {"evt_1": "given up"}


def test_the_wrong_key_is_noticed_before_anything_is_lost(open_shop, shop):
    subscribe(shop, A)
    with pytest.raises(ValueError, match="not among those given"):
        open_shop(key=new_key())
    open_shop(key=[new_key(), KEY])


def test_once_opened_with_a_new_key_the_old_one_may_go(open_shop, network):
    new, shop = new_key(), open_shop()
    [a] = subscribe(shop, A)
    secrets = shop.subscriptions.secrets(a.id)
    again = open_shop(key=[new, KEY], **OTHERS)
    [b] = subscribe(again, B)
    alone = open_shop(key=new, ids=counting(200))
    assert alone.subscriptions.secrets(a.id) == secrets
    alone.publish(order(1, alone))
    alone.run()
    assert states(alone, a) == states(alone, b) == {"evt_1": "delivered"}


def test_a_key_that_fits_only_what_is_newest_is_the_wrong_one(tmp_path, open_shop):
    new, shop = new_key(), open_shop()
    [a] = subscribe(shop, A)
    sealed = Vault(new).seal("whsec_")
    shop.database.execute("INSERT INTO secrets (subscription, sealed) VALUES (?, ?)", a.id, sealed)
    with pytest.raises(ValueError, match="not among those given"):
        open_shop(key=new)


def test_a_clock_that_is_set_back_during_an_attempt_holds_up_nobody(open_shop, network):
    class SetBack(SimulatedClock):
        def sleep(self, seconds):
            assert seconds == 0 or self.now() > START, "it waits for a time that has been"
            super().sleep(seconds)

    clock = SetBack(START + 60)
    shop = open_shop(clock=clock)
    a, _ = subscribe(shop, A, B)
    network.status[A] = [lambda: (setattr(clock, "_now", START), 204)[1]]
    shop.publish(order(1, shop))
    shop.run(until=START + 60)
    assert states(shop, a) == {"evt_1": "delivered"} and network.ids(B) == ["evt_1"]
    assert shop.test(a)["state"] == "delivered"


@pytest.mark.parametrize("answer", [410, 400])
def test_what_an_endpoint_answers_while_its_owner_moves_is_not_about_the_new_one(shop, network, answer):
    [a] = subscribe(shop, A)
    network.status[A] = lambda: (shop.change(a, url=B), answer)[1]
    for number in (1, 2):
        shop.publish(order(number, shop))
    shop.run()
    assert network.ids(A) == ["evt_1"] and sorted(network.ids(B)) == ["evt_1", "evt_2"]
    found = shop.subscriptions.find(a.id)
    assert (found.url, found.status, found.failures) == (B, "active", 0)
    assert states(shop, a) == {"evt_1": "delivered", "evt_2": "delivered"}


def test_an_interrupted_attempt_is_written_down_and_made_once_more(shop, network):
    [a] = subscribe(shop, A)
    network.status[A] = [KeyboardInterrupt()]
    shop.publish(order(1, shop))
    with pytest.raises(KeyboardInterrupt):
        shop.run()
    shop.run()
    assert attempts(shop, a) == [(0, "interrupted"), (0, 204)]


def test_it_runs_once_at_a_time(shop, network):
    subscribe(shop, A)
    shop.clock.call_at(START + 5, shop.run)
    network.status[A] = [503]
    shop.publish(order(1, shop))
    with pytest.raises(RuntimeError, match="running already"):
        shop.run()
    shop.run()
    assert network.ids(A) == ["evt_1", "evt_1"]


def test_in_real_time_what_another_publishes_meanwhile_is_delivered(open_shop, network):
    shop = open_shop(clock=SystemClock())
    subscribe(shop, A)
    another = open_shop(clock=SystemClock(), **OTHERS)
    timer = threading.Timer(0.1, lambda: another.publish(order(1, another)))
    timer.start()
    shop.run(until=shop.clock.now() + 0.6)
    timer.join()
    assert network.ids(A) == ["evt_1"]


# --- Status -------------------------------------------------------------------------------------------------


def test_while_paused_nothing_is_sent_or_put_in_line_and_what_waited_goes_on(shop, network):
    [a] = subscribe(shop, A)
    shop.publish(order(1, shop))
    a = shop.change(a, status="paused")
    shop.publish(order(2, shop))
    shop.run()
    assert network.to(A) == [] and states(shop, a) == {"evt_1": "waiting"}
    a = shop.change(a, status="active")
    shop.run()
    assert network.ids(A) == ["evt_1"]
    assert shop.redeliver_since(a, 0) == 1
    shop.run()
    assert network.ids(A) == ["evt_1", "evt_2"]


def test_what_was_missed_comes_in_the_order_of_the_events(shop, network):
    [a] = subscribe(shop, A)
    shop.publish(order(1, shop))
    shop.change(a, status="paused")
    shop.publish(order(2, shop))  # this one has no delivery yet
    a = shop.change(a, status="active")
    network.status[A] = [400, 400]
    shop.publish(order(3, shop))
    shop.run()
    assert shop.redeliver_since(a, 0) == 3
    shop.run()
    assert network.ids(A)[2:] == ["evt_1", "evt_2", "evt_3"]


def test_a_long_history_is_put_in_line_piece_by_piece(shop, network, monkeypatch):
    monkeypatch.setattr(provider_module, "_AT_A_TIME", 3)
    transaction, begun = shop.database.transaction, []
    [a] = subscribe(shop, A)
    shop.change(a, status="paused")
    for number in range(1, 9):
        shop.publish(order(number, shop))
    a = shop.change(a, status="active", events=["user_signup"])
    assert shop.redeliver_since(a, 0) == 0
    a = shop.change(a, events=["order_*"])
    monkeypatch.setattr(shop.database, "transaction", lambda: (begun.append(1), transaction())[1])
    assert shop.redeliver_since(a, 1) == 7
    assert len(begun) >= 3
    shop.run()
    assert network.ids(A) == [f"evt_{number}" for number in range(2, 9)] and shop.redeliver_since(a, 1) == 0


def test_a_test_is_not_redelivered(shop):
    [a] = subscribe(shop, A)
    with pytest.raises(Conflict, match="test"):
        shop.redeliver(a, shop.test(a)["id"])
    assert shop.redeliver_since(a, 0) == 0


def test_pausing_from_within_the_run_holds_the_next_attempt(shop, network):
    [a] = subscribe(shop, A)
    network.status[A] = 503
    shop.publish(order(1, shop))
    shop.clock.call_at(START + 5, lambda: shop.change(a, status="paused"))
    shop.run()
    assert attempts(shop, a) == [(0, 503)] and states(shop, a) == {"evt_1": "waiting"}


def test_what_is_removed_in_the_middle_of_an_attempt_stays_removed(shop, network, monkeypatch):
    [a] = subscribe(shop, A)
    record = shop.deliveries.record
    monkeypatch.setattr(shop.deliveries, "record", lambda *it: (shop.subscriptions.remove(a.id), record(*it)))
    shop.publish(order(1, shop))
    shop.run()
    assert network.ids(A) == ["evt_1"]
    assert [shop.database.execute(f"SELECT * FROM {table}") for table in ("deliveries", "attempts")] == [[], []]


def test_who_is_removed_when_a_test_is_over_is_told_so(shop, network, monkeypatch):
    [a] = subscribe(shop, A)
    log = shop.deliveries.log

    def removed_meanwhile(*arguments, **options):
        if not shop.database.in_transaction:  # another may
            shop.subscriptions.remove(a.id)
        return log(*arguments, **options)

    monkeypatch.setattr(shop.deliveries, "log", removed_meanwhile)
    assert shop.test(a)["state"] == "delivered"


@pytest.mark.parametrize("overlap", [-1, float("nan"), float("inf"), 1e12])
def test_an_overlap_that_is_no_time_is_refused(open_shop, overlap):
    with pytest.raises(ValueError, match="A secret signs on for"):
        open_shop(overlap=overlap)


def test_who_was_removed_is_sent_no_test(shop, network):
    [a] = subscribe(shop, A)
    shop.subscriptions.remove(a.id)
    with pytest.raises(Conflict):
        shop.test(a)
    assert network.to(A) == []


# --- Versions -----------------------------------------------------------------------------------------------


def renamed(event):
    data = dict(event["data"])
    return event | {"data": data | {"product": data.pop("item")}}


def test_the_version_is_pinned_in_the_subscription(open_shop, network):
    shop = open_shop(render={"2026-01": lambda event: event})
    [a] = subscribe(shop, A)
    shop.close()
    shop = open_shop(render={"2026-01": lambda event: event, "2026-06": renamed}, **OTHERS)
    [b] = subscribe(shop, B)
    assert (a.version, b.version) == ("2026-01", "2026-06")
    shop.publish(order(1, shop))
    shop.run()
    shop.change(a, version="2026-06")
    shop.publish(order(2, shop))
    shop.run()
    assert [sorted(body["data"]) for body in network.to(A)] == [["item", "number"], ["number", "product"]]
    assert [sorted(body["data"]) for body in network.to(B)] == [["number", "product"]] * 2


def test_a_version_that_cannot_be_rendered_stops_its_own_deliveries_only(open_shop, network):
    shop = open_shop(render={"1": lambda event: event, "2": lambda event: event["data"]["gone"]})
    [a], [b] = subscribe(shop, A, version="1"), subscribe(shop, B)
    shop.publish(order(1, shop))
    shop.run()
    assert network.ids(A) == ["evt_1"] and network.to(B) == []
    [entry] = shop.deliveries.log(b.id)
    assert (entry["state"], entry["error"]) == ("given up", "KeyError: 'gone'")
    assert states(shop, a) == {"evt_1": "delivered"} and shop.subscriptions.find(b.id).failures == 0


# --- Fan-out ------------------------------------------------------------------------------------------------


class Counting(Network):
    """Counts how many are asked at the same time, of each endpoint and of all."""

    def __init__(self):
        super().__init__()
        self.now, self.most_of_one, self.most = Counter(), 0, 0
        self.hold = {}

    def enter(self, url):
        with self.lock:
            self.now[url] += 1
            self.most_of_one = max(self.most_of_one, self.now[url])
            self.most = max(self.most, sum(self.now.values()))

    def session(self):
        session, network = super().session(), self
        send = session.send

        def counted(request, **options):
            network.enter(request.url)
            try:
                if request.url in network.hold:
                    assert network.hold[request.url].wait(20)
                return send(request, **options)
            finally:
                with network.lock:
                    network.now[request.url] -= 1

        session.send = counted
        return session


@pytest.fixture
def fan_out(tmp_path):
    network = Counting()
    with provider(tmp_path / "shop.db", network, workers=4, policy=Policy((10,))) as shop:
        yield shop, network, [f"https://{n}.example/" for n in range(20)]


def test_nobody_waits_for_a_slow_endpoint_behind_which_more_events_wait(fan_out):
    shop, network, urls = fan_out
    subscribe(shop, *urls)
    network.hold[urls[0]] = threading.Event()  # slow until everybody else has got everything
    for number in range(1, 4):
        shop.publish(order(number, shop))

    def let_go():
        while any(len(network.to(url)) < 3 for url in urls[1:]):
            assert not done.wait(0.01)
        network.hold[urls[0]].set()

    done = threading.Event()
    thread = threading.Thread(target=let_go)
    thread.start()
    try:
        shop.run()
    finally:
        done.set()
        thread.join(20)
    assert all(network.ids(url) == ["evt_1", "evt_2", "evt_3"] for url in urls)
    assert [body["id"] for body in network.to(urls[0])] == ["evt_1", "evt_2", "evt_3"]
    assert network.most_of_one == 1 and 1 < network.most <= 4


def test_as_many_slow_endpoints_as_workers_do_not_hold_up_the_others_until_all_is_done(fan_out, monkeypatch):
    monkeypatch.setattr(dispatcher, "_TURN", 0)
    shop, network, urls = fan_out
    subscribe(shop, *urls[:5])
    for url in urls[:4]:
        network.status[url] = lambda: (time.sleep(0.01), 204)[1]
    for number in range(10):
        shop.publish(order(number, shop))
    shop.run()
    sent = [request.url for request in network.requests if b"challenge" not in request.body]
    assert len(sent) == 50 and sent.index(urls[4]) < 15
    assert all(network.ids(url) == [f"evt_{number}" for number in range(10)] for url in urls[:5])


def test_several_workers_retry_on_the_same_clock(fan_out):
    shop, network, urls = fan_out
    subscriptions = subscribe(shop, *urls)
    network.status |= {urls[0]: ConnectionError(), urls[1]: [503]}
    shop.publish(order(1, shop))
    shop.run()
    assert attempts(shop, subscriptions[0]) == [(0, "ConnectionError"), (10, "ConnectionError")]
    assert attempts(shop, subscriptions[1]) == [(0, 503), (10, 204)]
    assert all(attempts(shop, one) == [(0, 204)] for one in subscriptions[2:])
    assert network.most_of_one == 1


def test_what_is_published_while_it_runs_is_delivered_at_that_moment(fan_out):
    shop, network, urls = fan_out
    first, _ = subscribe(shop, *urls[:2])
    shop.publish(order(1, shop))
    shop.clock.call_at(START + 3600, lambda: shop.publish(order(2, shop)))
    shop.run(until=START + 7200)
    assert network.ids(urls[1]) == ["evt_1", "evt_2"]
    assert [entry["attempts"][0]["at"] - START for entry in shop.deliveries.log(first.id)] == [3600, 0]


# --- Killed at random moments -------------------------------------------------------------------------------

KILLS = 50 if os.environ.get("SOAK") else 10
SEED = int(os.environ.get("KILL_SEED") or random.randrange(10**6))

# It publishes, says what it has published, and delivers; a new life goes on with what waits.
_WORK = """
    import itertools, sys
    from webhook_tutorial import Policy, Provider, make_event
    from stores import EVENT_TYPES, KEY
    path, url, life = sys.argv[1:]
    options = {"key": KEY, "event_types": EVENT_TYPES, "policy": Policy((0,) * 9), "challenge": None, "workers": 3}
    with Provider(path, **options) as shop:
        if life == "0":
            owner, _ = shop.add_owner("Ada")
            for number in range(4):
                shop.subscribe(owner, url=f"{url}/{number}", events=["*"])
        print("ready", flush=True)
        shop.run()
        for number in itertools.count() if life != "last" else ():
            shop.publish(make_event("order_placed", {}, id=f"evt_{life}_{number}"))
            print(f"evt_{life}_{number}", flush=True)
            if number % 5 == 4:
                shop.run()
"""


@pytest.mark.kill
def test_killed_at_random_moments_whatever_was_published_arrives(tmp_path):
    print(f"KILL_SEED={SEED}")
    chance, path, arrived, published = random.Random(SEED), str(tmp_path / "shop.db"), Counter(), set()
    app = Flask("endpoints")

    @app.post("/<number>")
    def hook(number):
        arrived[number, request.get_json()["id"]] += 1
        return "", 204

    code = f"import sys\nsys.path.insert(0, {str(Path(__file__).parent)!r})\n" + textwrap.dedent(_WORK)
    with serve(app) as server:
        for life in [*range(KILLS), "last"]:
            command = [sys.executable, "-c", code, path, server.url, str(life)]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            try:
                assert process.stdout.readline() == "ready\n"
                if life == "last":
                    process.wait(60)
                else:
                    time.sleep(chance.uniform(0, 0.3))
            finally:
                process.kill()
                published |= {line.strip() for line in process.stdout if line.endswith("\n")}
                process.wait(20)
                process.stdout.close()
            assert life != "last" or process.returncode == 0
    assert len(published) > KILLS and {(str(n), id) for n in range(4) for id in published} <= set(arrived)
    again = sum(times - 1 for times in arrived.values())
    assert again <= 3 * KILLS, "an attempt that was written down was made again"
