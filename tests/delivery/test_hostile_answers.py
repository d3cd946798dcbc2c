"""An answer is input too: whatever an endpoint answers to a guarded sender, memory and time have bounds."""

import gzip
import threading
import time
import tracemalloc
from urllib.parse import urlsplit

import pytest
from test_egress import HEAD, answering, endless, no_attempt_goes_on, statuses

from webhook_tutorial import Guard, Network, Policy, Sender, guarded_session, make_event
from webhook_tutorial.clock import START
from webhook_tutorial.delivery.egress import HEADER_LINES

FLOOD = b"X-Flood: x\r\n"
END = b"Content-Length: 0\r\n\r\n"


def deliver(url, **options):
    """Deliver one event to the server at a URL of this machine, which a guard knows as hooks.example, port 80."""
    network = Network({"hooks.example": ["203.0.113.7"]}, {"203.0.113.7": urlsplit(url).port})
    guard = Guard(network.resolve, network.connect, also_public=["203.0.113.0/24"])
    with guarded_session(guard) as session:
        sender = Sender(Policy(()), session=session, **options)
        delivery = sender.send("http://hooks.example/", make_event("order_placed", {}, id="evt_1", timestamp=START))
        tracemalloc.start()
        began = time.monotonic()
        sender.run()
        seconds = time.monotonic() - began
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 4 << 20
    assert network.dialled == [("203.0.113.7", 80)]
    return delivery, seconds


@pytest.mark.parametrize(
    ("at_once", "then", "outcome"),
    [
        (HEAD + b"Content-Length: 1073741824\r\n\r\n", bytes(9000), 200),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"2000\r\n" + bytes(0x2000) + b"\r\n", 200),
        (HEAD, FLOOD * 500, "connection lost"),
        (HEAD + b"X-Long: ", b"x" * 9000, "connection lost"),
        (b"", b"HTTP/1.1 103 Early Hints\r\n" + FLOOD * 500 + b"\r\n", "connection lost"),
    ],
    ids=["a gigabyte", "chunks without end", "headers without end", "a header without end", "hints without end"],
)
def test_a_flood_costs_no_memory_and_is_cut(at_once, then, outcome):
    gone = threading.Event()
    with answering(endless(at_once, then, gone)) as (url, _):
        delivery, _ = deliver(url, total=20)
        assert gone.wait(5), "the connection was left open"
        no_attempt_goes_on()
    assert statuses(delivery) == [outcome]


@pytest.mark.parametrize("head", [b"", HEAD + b"X-Slow: "], ids=["status line", "header"])
def test_a_drip_ends_with_the_attempt(head):
    gone = threading.Event()
    with answering(endless(head, b"x", gone, pause=0.02)) as (url, _):
        delivery, seconds = deliver(url, timeout=10, total=0.2)
        assert gone.wait(5), "the connection was left open"
        no_attempt_goes_on()
    assert seconds < 5
    assert statuses(delivery) == ["timed out"]


def test_a_compressed_bomb_is_not_unpacked():
    bomb = gzip.compress(gzip.compress(bytes(64 << 20)))
    head = HEAD + b"Content-Encoding: gzip, gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    with answering(head + bomb) as (url, _):
        delivery, _ = deliver(url)
    assert delivery.state == "delivered"


@pytest.mark.parametrize("lines", [HEADER_LINES - 1, HEADER_LINES, HEADER_LINES + 1, 100, 101, 150, 4000])
def test_an_answer_with_many_headers_is_an_answer(lines):
    """http.client gives up what has more than 100, and the status has been read long before."""
    with answering(HEAD + FLOOD * lines + END) as (url, _):
        delivery, _ = deliver(url, timeout=0.3)
    assert statuses(delivery) == [200]


def test_an_informational_answer_with_many_headers_is_followed_by_the_answer():
    hints = b"HTTP/1.1 103 Early Hints\r\n" + FLOOD * 150 + b"\r\n"
    with answering(hints * 3 + HEAD + FLOOD * 150 + END) as (url, _):
        delivery, _ = deliver(url, timeout=0.3)
    assert statuses(delivery) == [200]


@pytest.mark.parametrize(("before", "wait"), [(10, 77.0), (500, None)])
def test_of_many_headers_the_first_are_read(before, wait):
    answer = b"HTTP/1.1 503 Oops\r\n" + FLOOD * before + b"Retry-After: 77\r\n" + FLOOD * 200 + END
    with answering(answer) as (url, _):
        delivery, _ = deliver(url, timeout=0.3)
    assert statuses(delivery) == [503]
    assert delivery.attempts[0].asked_to_wait == wait


def test_where_a_body_ends_may_be_said_too_late():
    """A Content-Length beyond the lines that are read does not count: the body ends with the connection."""
    with answering(HEAD + FLOOD * 150 + b"Content-Length: 1\r\n\r\nx", then=b"") as (url, _):
        delivery, seconds = deliver(url, timeout=0.3)
    assert statuses(delivery) == [200]
    assert seconds < 5


def test_a_redirect_inwards_is_an_answer_and_leads_nowhere():
    jump = b"HTTP/1.1 303 See Other\r\nLocation: http://169.254.169.254/secret\r\n" + END
    with answering(jump) as (url, _):
        delivery, _ = deliver(url)
    assert (statuses(delivery), delivery.state) == ([303], "refused")
