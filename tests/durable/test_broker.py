"""The broker: on each transport the same, where they can be; and what the embedded ones lose."""

import contextlib
import gc
import socket
import sqlite3
import threading
import time

import pytest
import sqlalchemy
from brokers import where
from kombu import Connection, Exchange, Producer, Queue
from support import run_python, until

from webhook_tutorial import Broker, BrokerError, make_event, work

QUEUES = {"email": ["user.signup"], "warehouse": ["order.*"], "analytics": ["#"]}
TRANSPORTS = ("memory", "file", "rabbitmq")


@pytest.fixture(params=TRANSPORTS)
def place(request, tmp_path):
    return where(request.param, tmp_path)


@pytest.fixture
def open_broker(place, monkeypatch):
    monkeypatch.delenv("WEBHOOK_TUTORIAL_BROKER", raising=False)
    opened = []

    def open_broker(queues=QUEUES):
        opened.append(Broker(queues, **place))
        return opened[-1]

    yield open_broker
    for broker in opened:
        if not broker._closed:
            broker.delete()
        broker.close()
        broker.close()
    gc.collect()  # what was left open would be a warning, and so an error, here


def event(number, event_type="order_placed"):
    return make_event(event_type, {"number": number}, id=f"evt_{number}")


def taken(broker, queue):
    """All that is in a queue, acknowledged: pairs of id and tries."""
    found = []
    for message in broker.messages(queue, wait=0.2):
        found.append((message.event["id"], message.tries))
        message.ack()
    return found


def sizes(broker, **expected):
    """Wait until the queues are of these sizes: a real broker counts a moment later."""
    until(lambda: {queue: broker.size(queue.replace("_", ".")) for queue in expected} == expected)


def test_each_queue_gets_what_it_wishes_for_in_order(open_broker):
    broker = open_broker()
    for number, event_type in enumerate(("user_signup", "order_placed", "payment_received", "order_shipped")):
        broker.publish(event(number, event_type))
    sizes(broker, email=1, warehouse=2, analytics=4, email_dead=0)
    assert taken(broker, "email") == [("evt_0", 1)]
    assert taken(broker, "warehouse") == [("evt_1", 1), ("evt_3", 1)]
    assert taken(broker, "analytics") == [(f"evt_{n}", 1) for n in range(4)]
    sizes(broker, email=0, warehouse=0, analytics=0)


WISHES = ["order.placed", "order.*", "order.#", "#", "*", "*.placed", "#.placed", "order.*.eu", "order.#.eu", "#.#"]
KEYS = ["order", "order.placed", "order.placed.eu", "order.eu", "placed", "a.b.placed", "orders.placed", "orderxplaced"]
MATCHES = {  # as AMQP 0-9-1 says: * is one word, # none or more
    "order.placed": [1],
    "order.*": [1, 3],
    "order.#": [0, 1, 2, 3],
    "#": [0, 1, 2, 3, 4, 5, 6, 7],
    "*": [0, 4, 7],
    "*.placed": [1, 6],
    "#.placed": [1, 4, 5, 6],
    "order.*.eu": [2],
    "order.#.eu": [2, 3],
    "#.#": [0, 1, 2, 3, 4, 5, 6, 7],
}


def test_a_pattern_means_the_same_everywhere(open_broker):
    broker = open_broker({f"q{i}": [wish] for i, wish in enumerate(WISHES)})
    for number, key in enumerate(KEYS):
        broker.publish(event(number), key)
    for i, wish in enumerate(WISHES):
        assert taken(broker, f"q{i}") == [(f"evt_{n}", 1) for n in MATCHES[wish]], wish


def test_a_queue_with_two_wishes_gets_one_copy(open_broker):
    broker = open_broker({"all": ["order.*", "*.placed"]})
    broker.publish(event(1))
    assert taken(broker, "all") == [("evt_1", 1)]


def test_what_nobody_wishes_for_is_nowhere(open_broker):
    broker = open_broker({"email": ["user.signup"]})
    broker.publish(event(1))
    assert taken(broker, "email") == []


def test_one_message_is_given_at_a_time(open_broker):
    broker = open_broker()
    for number in range(3):
        broker.publish(event(number))
    first = next(messages := broker.messages("warehouse", wait=0.2))
    sizes(broker, warehouse=2)
    first.ack()
    assert next(messages).event["id"] == "evt_1"
    messages.close()


def test_what_fails_comes_again_at_the_end_and_after_three_tries_it_is_dead(open_broker):
    broker = open_broker()
    for number in (1, 2):
        broker.publish(event(number))
    seen = []

    def handle(event):
        seen.append(event["id"])
        if event["id"] == "evt_1":
            raise KeyError("amount")

    assert work(broker, "warehouse", handle, wait=0.3) == 1
    assert seen == ["evt_1", "evt_2", "evt_1", "evt_1"]
    sizes(broker, warehouse=0, warehouse_dead=1, analytics=2)  # the others have nothing to do with it
    [dead] = broker.messages("warehouse.dead", wait=0.3)
    assert (dead.event["id"], dead.error) == ("evt_1", "KeyError: 'amount'")


def test_whatever_a_body_holds_it_stops_no_worker(open_broker):
    broker = open_broker()
    broker._publish(b"\xff no JSON", broker._exchange, "order.placed")
    broker.publish(event(2))
    seen = []
    assert work(broker, "warehouse", lambda event: seen.append(event["id"]), wait=0.3) == 1
    assert seen == ["evt_2"]
    [dead] = broker.messages("warehouse.dead", wait=0.3)
    assert dead.body == b"\xff no JSON" and dead.error.startswith("UnicodeDecodeError: ")


def test_two_workers_share_a_queue(open_broker):
    publisher, seen = open_broker(), []
    for number in range(20):
        publisher.publish(event(number))

    def one(broker):
        work(broker, "warehouse", lambda event: (seen.append(event["id"]), time.sleep(0.005)), wait=0.5)

    threads = [threading.Thread(target=one, args=(open_broker(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == sorted(f"evt_{number}" for number in range(20))


def test_threads_may_publish_by_one_broker(open_broker):
    broker = open_broker()
    threads = [
        threading.Thread(target=lambda k=k: [broker.publish(event(100 * k + n)) for n in range(10)]) for k in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken(broker, "warehouse")) == 50


def test_cleared_it_is_empty_and_works(open_broker):
    broker = open_broker()
    broker.publish(event(1))
    broker.clear()
    sizes(broker, warehouse=0, analytics=0)
    broker.publish(event(2))
    assert taken(broker, "warehouse") == [("evt_2", 1)]


def test_a_queue_that_is_none_and_wishes_that_are_none_are_told(open_broker):
    broker = open_broker({"email": ["user.signup"]})
    with pytest.raises(ValueError, match=r"There is no queue 'mail'; there are email, email\.dead\."):
        broker.size("mail")
    for wishes in ("user.signup", []):
        with pytest.raises(ValueError, match="a list of routing keys"):
            open_broker({"email": wishes})


def test_what_an_event_cannot_hold_is_not_published(open_broker):
    broker = open_broker()
    with pytest.raises(TypeError):
        broker.publish({"event_type": "order_placed", "data": {1, 2}})
    assert taken(broker, "warehouse") == []


# --- Where it is --------------------------------------------------------------------------------------------


def test_the_environment_says_where_and_a_password_is_not_shown(monkeypatch, tmp_path):
    monkeypatch.setenv("WEBHOOK_TUTORIAL_BROKER", "amqp://guest:hidden@127.0.0.1:1//")
    with pytest.raises(BrokerError) as caught:
        Broker(QUEUES, file=tmp_path / "queues.db")
    assert str(caught.value).startswith("No message broker can be used at RabbitMQ at 127.0.0.1:1 (")
    assert "unset WEBHOOK_TUTORIAL_BROKER" in str(caught.value) and "hidden" not in str(caught.value)
    monkeypatch.setenv("WEBHOOK_TUTORIAL_BROKER", "")
    with Broker(QUEUES, file=tmp_path / "queues.db") as broker:
        assert broker.where == "an SQLite file"
    with Broker(QUEUES) as broker:
        assert broker.where == "memory"
        broker.delete()


@pytest.fixture
def silent():
    """A port that takes a connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_where_no_broker_is_one_sentence_says_so_and_nothing_hangs(silent, monkeypatch, tmp_path):
    monkeypatch.setattr("webhook_tutorial.durable.broker._PATIENCE", 0.2)
    (tmp_path / "text.db").write_text("no database, and longer than a header of one" * 99)
    for url, words in (
        ("amqp://guest:guest@127.0.0.1:1//", "refused"),
        (f"amqp://guest:guest@127.0.0.1:{silent}//", "timed out"),
        ("amqp://nowhere.invalid//", "amqp|Name|resol|known"),
        (f"sqla+sqlite:///{tmp_path}/no/such/folder/queues.db", "unable to open"),
        (f"sqla+sqlite:///{tmp_path}/text.db", "not a database"),
    ):
        began = time.monotonic()
        with pytest.raises(BrokerError, match=words) as caught:
            Broker(QUEUES, url=url)
        assert "Start one, as the README says" in str(caught.value)
        assert time.monotonic() - began < 10


@pytest.mark.parametrize("user", ["guest:wrong", "nobody:guest"])
def test_a_broker_that_lets_us_not_in_is_told(user):
    url = where("rabbitmq", None)["url"].replace("guest:guest", user)
    with pytest.raises(BrokerError, match="Login was refused"):
        Broker(QUEUES, url=url)


def test_a_queue_that_is_something_else_there_is_told():
    place = where("rabbitmq", None)
    with Connection(place["url"]) as connection, connection.channel() as channel:
        exchange = Exchange(place["name"], "fanout", durable=True)(channel)
        exchange.declare()
        try:
            with pytest.raises(BrokerError, match="inequivalent arg"):
                Broker(QUEUES, **place)
        finally:
            exchange.delete()


# --- What lesson 09 says of the embedded transports ------------------------------------------------------------


def test_without_a_declaration_a_message_is_lost_without_an_error(tmp_path):
    """The trap of kombu's own: bindings are known to the process that has declared them."""
    url = f"sqla+sqlite:///{tmp_path / 'queues.db'}"
    code = (
        f"from webhook_tutorial import Broker; Broker({{'warehouse': ['order.*']}}, url={url!r}, name='trap').close()"
    )
    assert run_python(code)[0] == 0
    with Connection(url) as connection, connection.channel() as channel:
        exchange = Exchange("trap", "topic")
        Producer(channel, exchange).publish({}, routing_key="order.placed")
        queue = Queue("trap.warehouse", exchange, routing_key="order.*")(channel)
        assert queue.get() is None
        Producer(channel, exchange).publish({}, routing_key="order.placed", declare=[queue])
        assert queue.get() is not None
        for engine, _ in channel._engines.values():
            engine.dispose()
    gc.collect()


# --- What others do to it -----------------------------------------------------------------------------------


def test_every_spelling_of_amqp_is_a_real_broker(tmp_path):
    place = where("rabbitmq", tmp_path)
    for scheme in ("pyamqp", "AMQP"):
        with Broker(QUEUES, **place | {"url": place["url"].replace("amqp", scheme, 1)}) as broker:
            assert broker.is_real and broker.where.startswith("RabbitMQ")
            broker.delete()


@pytest.mark.parametrize(
    ("queues", "words"),
    [
        ({"a": ["#"], "a.dead": ["#"]}, "has the one with .dead for itself"),
        ({1: ["#"]}, "a text"),
        ({"a": [7]}, "list of routing keys"),
        ({"a": ["x" * 256]}, "255 bytes"),
    ],
)
def test_a_queue_that_cannot_be_is_refused(queues, words):
    with pytest.raises(ValueError, match=words):
        Broker(queues, url="memory://")


@pytest.mark.parametrize("url", ["nonsense://x", "localhost", "redis://127.0.0.1", "://", "amqp"])
def test_a_url_of_another_kind_is_told(url):
    with pytest.raises(BrokerError, match="begins with amqp://"):
        Broker(QUEUES, url=url)


def test_a_password_that_spoils_a_url_is_told_and_not_shown():
    with pytest.raises(BrokerError, match="%2F") as caught:
        Broker(QUEUES, url="amqp://guest:pass/word@127.0.0.1//")
    assert "pass/word" not in str(caught.value)


@pytest.mark.parametrize("name", ["what?.db", "a;b.db", "a#b.db"])
def test_a_files_name_that_would_be_read_as_something_else_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match="file has no"):
        Broker(QUEUES, file=tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("key", ["", "x" * 256, 7])
def test_a_routing_key_that_is_none_is_refused(open_broker, key):
    with pytest.raises(ValueError, match="1 to 255 bytes"):
        open_broker().publish(event(1), key=key)


def test_a_dead_letter_is_published_anew_and_not_worked_on(open_broker):
    broker = open_broker()
    broker.publish(event(1))
    work(broker, "warehouse", lambda event: 1 / 0, wait=0.3)
    sizes(broker, warehouse_dead=1)
    with pytest.raises(ValueError, match="publish anew"):
        work(broker, "warehouse.dead", print, wait=0.3)
    for message in broker.messages("warehouse.dead", wait=0.3):
        with pytest.raises(ValueError, match="publish anew"):
            broker.again(message)
        broker.publish(message.event)
        message.ack()
    sizes(broker, warehouse=1, warehouse_dead=0)


def test_the_brokers_count_and_ours_are_one(open_broker, place):
    """A message that was tried twice by us, and then killed its worker: three tries, as ever."""
    broker = open_broker()
    broker._publish(b"{}", Exchange(""), f"{place['name']}.warehouse", headers={"tries": 3})
    seen = []
    assert work(broker, "warehouse", seen.append, wait=0.3) == 0
    assert seen == []
    sizes(broker, warehouse_dead=1)


@pytest.mark.parametrize("tries", ["many", -5, None, [1]])
def test_what_others_write_into_a_header_stops_no_worker(open_broker, place, tries):
    broker = open_broker()
    broker._publish(b"{}", Exchange(""), f"{place['name']}.warehouse", headers={"tries": tries, "error": ["x"]})
    assert taken_tries(broker) == [1]


def taken_tries(broker):
    found = []
    for message in broker.messages("warehouse", wait=0.3):
        found.append(message.tries)
        message.ack()
    return found


def test_clear_throws_away_dead_letters_too(open_broker):
    broker = open_broker()
    broker.publish(event(1))
    work(broker, "warehouse", lambda event: 1 / 0, wait=0.3)
    sizes(broker, warehouse_dead=1)
    broker.clear()
    sizes(broker, warehouse_dead=0)


def test_a_broker_that_was_closed_says_so_and_loses_nothing(open_broker):
    broker = open_broker()
    broker.close()
    with pytest.raises(BrokerError, match="was closed"):
        broker.publish(event(1))
    with pytest.raises(BrokerError, match="was closed"):
        next(broker.messages("warehouse", wait=0.1))
    assert taken(open_broker(), "warehouse") == []


def test_a_file_that_was_locked_loses_nothing_afterwards(tmp_path, monkeypatch):
    """kombu connects anew then, and has forgotten who wishes for what."""
    from kombu.transport.sqlalchemy import Channel

    with Broker(QUEUES, file=tmp_path / "queues.db") as broker:
        put, failed = Channel._put, []

        def locked(self, *arguments, **options):
            if not failed:
                failed.append(1)
                raise sqlalchemy.exc.OperationalError("INSERT", {}, sqlite3.OperationalError("database is locked"))
            return put(self, *arguments, **options)

        with monkeypatch.context() as patch:
            patch.setattr(Channel, "_put", locked)
            with pytest.raises(BrokerError, match="locked"):
                broker.publish(event(1))
        for number in (2, 3):
            broker.publish(event(number))
        assert [id for id, _ in taken(broker, "warehouse")] == ["evt_2", "evt_3"]


def test_after_the_stop_button_it_goes_on(open_broker, place, monkeypatch):
    broker = open_broker()
    publish = Producer.publish

    def stopped(self, *arguments, **options):
        publish(self, *arguments, **options)
        if self.channel.connection.client.transport_cls.startswith("sqla"):
            self.channel.session.execute(sqlalchemy.text("BEGIN IMMEDIATE"))
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Producer, "publish", stopped)
        with pytest.raises(KeyboardInterrupt):
            broker.publish(event(1))
    url = place.get("url") or ""
    if url.startswith("sqla"):  # nobody else is locked out
        with contextlib.closing(sqlite3.connect(url.partition(":///")[2], timeout=0.2)) as other:
            other.execute("BEGIN IMMEDIATE")
    broker.publish(event(2))
    assert {"evt_1", "evt_2"} == {id for id, _ in taken(broker, "warehouse")}


def test_a_file_that_was_removed_is_made_again(tmp_path):
    for _ in range(2):
        with Broker(QUEUES, file=tmp_path / "queues.db") as broker:
            broker.publish(event(1))
            assert len(taken(broker, "warehouse")) == 1
        for path in tmp_path.iterdir():
            path.unlink()


def later(kind):
    async def coroutine(event):
        pass

    def generator(event):
        yield

    return {"coroutine": coroutine, "generator": generator, "returns one": lambda event: coroutine(event)}[kind]


@pytest.mark.parametrize("kind", ["coroutine", "generator"])
def test_a_handler_that_would_do_nothing_is_refused(open_broker, kind):
    broker = open_broker()
    broker.publish(event(1))
    with pytest.raises(TypeError, match="has done nothing yet"):
        work(broker, "warehouse", later(kind), wait=0.3)
    assert [id for id, _ in taken(broker, "warehouse")] == ["evt_1"]


def test_a_handler_that_returns_a_coroutine_has_failed():
    with Broker(QUEUES, url="memory://", name="returns-one") as broker:
        broker.publish(event(1))
        assert work(broker, "warehouse", later("returns one"), wait=0.1) == 0
        [dead] = broker.messages("warehouse.dead", wait=0.1)
        assert "has done nothing yet" in dead.error
        broker.delete()
