"""The metrics: what was counted, in the format that Prometheus reads, with a bounded number of labels."""

import gc
import logging
import os
import shutil
import subprocess
import sys
import weakref
from pathlib import Path

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from webhook_tutorial import (
    Metrics,
    Network,
    Policy,
    Sender,
    SimulatedClock,
    faults,
    log_attempts,
    make_event,
    make_session,
    serve,
)
from webhook_tutorial.delivery import Attempt
from webhook_tutorial.delivery.signals import announce, delivery_over
from webhook_tutorial.operations.logs import MASK
from webhook_tutorial.operations.metrics import ANSWERS, OTHERS, STATES, answer_of

sys.path.append(str(Path(__file__).resolve().parents[1] / "durable"))
from stores import Network as Endpoints
from stores import order, provider


@pytest.fixture
def receiver():
    app = Flask("receiver")

    @app.post("/hook")
    def hook():
        return "", 204

    with serve(app) as server:
        yield server


@pytest.fixture
def shop(receiver):
    """A sender, its metrics, and names that lead to the receiver or to nobody."""
    names = [*(f"{n}.example" for n in range(30)), "nobody.example"]
    network = Network(
        {name: [f"203.0.113.{n}"] for n, name in enumerate(names)},
        {f"203.0.113.{n}": receiver for n in range(30)},
    )
    clock = SimulatedClock()
    with make_session(network.open) as session, Sender(Policy((10,)), clock, session=session) as sender:
        metrics = Metrics()
        metrics.listen(sender)
        yield sender, metrics


def send(sender, host, *ids):
    for id in ids:
        sender.send(f"http://{host}/hook", make_event("order_placed", {}, id=id))


def value(metrics, name, **labels):
    return metrics.registry.get_sample_value(name, labels)


def test_attempts_and_deliveries_are_counted_by_endpoint(shop):
    sender, metrics = shop
    send(sender, "0.example", "evt_1", "evt_2")
    send(sender, "nobody.example", "evt_1")
    sender.run()
    assert value(metrics, "webhook_attempts_total", endpoint="0.example", answer="2xx") == 2
    assert value(metrics, "webhook_attempts_total", endpoint="nobody.example", answer="connection refused") == 2
    assert value(metrics, "webhook_deliveries_total", endpoint="0.example", state="delivered") == 2
    assert value(metrics, "webhook_deliveries_total", endpoint="nobody.example", state="given up") == 1
    assert value(metrics, "webhook_attempt_duration_seconds_count", endpoint="0.example") == 2


def test_what_waits_is_looked_at_when_it_is_asked_for(shop):
    sender, metrics = shop
    send(sender, "0.example", "evt_1")
    send(sender, "nobody.example", "evt_1")
    sender.run(until=sender.clock.now())
    sender.clock.sleep(4)
    assert value(metrics, "webhook_deliveries_waiting", endpoint="nobody.example") == 1
    assert value(metrics, "webhook_deliveries_waiting", endpoint="0.example") == 0
    assert (value(metrics, "webhook_oldest_waiting_seconds"), value(metrics, "webhook_overdue_seconds")) == (4, 0)
    sender.clock.sleep(60)
    assert (value(metrics, "webhook_oldest_waiting_seconds"), value(metrics, "webhook_overdue_seconds")) == (64, 54)
    sender.run()
    assert (value(metrics, "webhook_oldest_waiting_seconds"), value(metrics, "webhook_overdue_seconds")) == (0, 0)


def test_from_the_first_attempt_on_everything_is_there_with_0(shop):
    sender, metrics = shop
    send(sender, "0.example", "evt_1")
    sender.run()
    for answer in ANSWERS:
        assert value(metrics, "webhook_attempts_total", endpoint="0.example", answer=answer) in (0, 1)
    for state in STATES:
        assert value(metrics, "webhook_deliveries_total", endpoint="0.example", state=state) in (0, 1)


def test_later_endpoints_share_a_label(shop, receiver):
    sender, _ = shop
    metrics = Metrics(most_endpoints=3)
    metrics.listen(sender)
    for n in range(10):
        send(sender, f"{n}.example", "evt_1")
    sender.run()
    found = {
        sample.labels["endpoint"]
        for family in metrics.registry.collect()
        for sample in family.samples
        if "endpoint" in sample.labels
    }
    assert found == {"0.example", "1.example", "2.example", OTHERS}
    assert value(metrics, "webhook_attempts_total", endpoint=OTHERS, answer="2xx") == 7


def test_only_who_is_listened_to_is_counted(shop, receiver):
    _, metrics = shop
    with Sender(Policy(())) as other:
        other.send(receiver.url + "/hook", make_event("a", {}))
        other.run()
    assert "127.0.0.1" not in metrics.text()


def test_a_listener_that_raises_stops_no_delivery(shop, monkeypatch, caplog):
    sender, metrics = shop
    monkeypatch.setattr(metrics, "_name", lambda url: {}[url])
    broken = Metrics()
    monkeypatch.setattr(broken, "_name", lambda url: 1 / 0)
    broken.listen(sender)
    send(sender, "0.example", "evt_1")
    sender.run()
    assert sender.deliveries[0].state == "delivered"
    assert "A listener of attempt-made raised ZeroDivisionError." in caplog.text


@pytest.mark.parametrize(
    ("attempt", "answer"),
    [
        (Attempt(0, 204), "2xx"),
        (Attempt(0, 302), "3xx"),
        (Attempt(0, 410), "4xx"),
        (Attempt(0, 503), "5xx"),
        (Attempt(0, 199), "other"),
        (Attempt(0, 999), "other"),
        (Attempt(0, None, "timed out"), "timed out"),
        (Attempt(0, None, "blocked: loopback"), "blocked"),
        (Attempt(0, None, "InvalidURL"), "other"),
    ],
)
def test_every_attempt_is_one_of_a_few(attempt, answer):
    assert answer_of(attempt) == answer and answer in ANSWERS


def test_prometheus_own_parser_reads_it(shop):
    sender, metrics = shop
    send(sender, "0.example", "evt_1")
    sender.run()
    found = {family.name: family for family in text_string_to_metric_families(metrics.text())}
    assert {name: family.type for name, family in found.items()} == {
        "webhook_attempts": "counter",
        "webhook_attempt_duration_seconds": "histogram",
        "webhook_deliveries": "counter",
        "webhook_deliveries_waiting": "gauge",
        "webhook_oldest_waiting_seconds": "gauge",
        "webhook_overdue_seconds": "gauge",
    }
    assert all(family.documentation for family in found.values()) and "_created" not in metrics.text()


def test_promtool_has_nothing_to_say(shop):
    promtool = shutil.which("promtool")
    if not promtool and not os.environ.get("CI"):
        pytest.skip("promtool is not installed (Debian: the package prometheus)")
    sender, metrics = shop
    send(sender, "0.example", "evt_1")
    sender.run()
    checked = subprocess.run([promtool, "check", "metrics"], input=metrics.text(), text=True, capture_output=True)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_it_is_served_as_prometheus_asks_for_it(shop):
    _, metrics = shop
    app = Flask("shop")
    app.get("/metrics")(metrics.view)
    answer = app.test_client().get("/metrics")
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.text == metrics.text()


def test_what_a_connection_met_is_seen(receiver):
    metrics = Metrics()
    with faults(receiver, [500, "drop"]) as proxy, Sender(Policy((10,))) as sender:
        metrics.listen(sender)
        sender.send(proxy.url + "/hook", make_event("a", {}, id="evt_1"))
        sender.run()
        endpoint = f"127.0.0.1:{proxy.port}"
    assert value(metrics, "webhook_attempts_total", endpoint=endpoint, answer="5xx") == 1
    assert value(metrics, "webhook_attempts_total", endpoint=endpoint, answer="connection lost") == 1


@pytest.mark.parametrize("host", ["\ud800.example", "a b.example", 'x"}.example', "\x85.example", "é.example", ""])
def test_no_host_spoils_what_is_read(shop, host):
    sender, metrics = shop
    send(sender, host, "evt_1")
    send(sender, "0.example", "evt_1")
    sender.run()
    [attempts] = [f for f in text_string_to_metric_families(metrics.text()) if f.name == "webhook_attempts"]
    assert {sample.labels["endpoint"] for sample in attempts.samples} <= {"0.example", MASK}


def test_listening_twice_is_as_good_as_once(shop):
    sender, metrics = shop
    metrics.listen(sender)
    send(sender, "0.example", "evt_1", "evt_2")
    assert value(metrics, "webhook_overdue_seconds") == 0
    sender.run()
    assert value(metrics, "webhook_attempts_total", endpoint="0.example", answer="2xx") == 2


def test_a_listener_that_redelivers_confuses_nobody(shop):
    sender, metrics = shop
    states, again = [], []

    def redeliver(source, delivery, state):
        if state == "given up" and not again:
            again.append(source.redeliver(delivery))

    def note(source, delivery, state):
        states.append(state)

    delivery_over.connect(redeliver, sender)
    delivery_over.connect(note, sender)
    send(sender, "nobody.example", "evt_1")
    sender.run()
    assert states == ["given up", "given up"]
    assert value(metrics, "webhook_deliveries_total", endpoint="nobody.example", state="given up") == 2
    assert value(metrics, "webhook_deliveries_total", endpoint="nobody.example", state="waiting") is None


def test_who_begins_to_listen_at_that_moment_stops_nobody(monkeypatch):
    tries = []

    class Signal:
        def receivers_for(self, source):
            tries.append(1)
            if len(tries) < 3:
                raise RuntimeError("dictionary changed size during iteration")
            return iter([])

    announce(Signal(), None)
    assert len(tries) == 3


def test_a_provider_announces_what_is_written_down(tmp_path):
    """Each attempt with its number, and each end: an error of ours too, and nothing of a test or of one that moved."""
    network, lines = Endpoints(), []
    with provider(tmp_path / "shop.db", network, policy=Policy((10, 10))) as shop:
        owner, _ = shop.add_owner("Ada")
        a = shop.subscribe(owner, url="https://a.example/hook", events=["*"])[0]
        metrics, logger = Metrics(), logging.Logger("shop")
        metrics.listen(shop)
        logger.addHandler(Lines(lines))
        log_attempts(shop, logger)
        shop.test(a)
        assert lines == []
        network.status[a.url] = [503, 503, 204]
        shop.publish(order(1, shop))
        shop.run()
        shop.render = {"1": lambda event: event["nothing"]}
        shop.publish(order(2, shop))
        shop.run()
        found = [(r.msg, getattr(r, "attempt", None), getattr(r, "state", None)) for r in lines]
        assert found == [
            ("attempt", 1, None),
            ("attempt", 2, None),
            ("attempt", 3, None),
            ("dead letter", None, "given up"),
        ]
        assert value(metrics, "webhook_deliveries_total", endpoint="a.example", state="delivered") == 1
        assert value(metrics, "webhook_deliveries_total", endpoint="a.example", state="given up") == 1
    assert value(metrics, "webhook_deliveries_waiting", endpoint="a.example") == 0  # it was closed


class Lines(logging.Handler):
    def __init__(self, records):
        super().__init__()
        self.records = records

    def emit(self, record):
        self.records.append(record)


def test_metrics_keep_nobody():
    metrics, sender = Metrics(), Sender(Policy(()))
    metrics.listen(sender)
    gone = weakref.ref(sender)
    sender.close()
    del sender
    gc.collect()
    assert gone() is None and value(metrics, "webhook_overdue_seconds") == 0
