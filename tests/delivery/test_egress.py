"""One attempt on the real wire: whatever is answered, the status decides, and time and memory have bounds."""

import gzip
import socket
import ssl
import threading
import time
import tracemalloc
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from webhook_tutorial import Policy, Sender, make_event, serve, watch
from webhook_tutorial.clock import START
from webhook_tutorial.delivery import Adapter, make_session


@pytest.fixture
def receiver():
    return serve(lambda environ, start: [start("204 No Content", [])][:0], name="receiver")


def event(number=1):
    return make_event("order_placed", {"number": number}, id=f"evt_{number}", timestamp=START)


def statuses(delivery):
    return [a.status or a.error for a in delivery.attempts]


def no_attempt_goes_on():
    for thread in threading.enumerate():
        if thread.name == "attempt":
            thread.join(5)
            assert not thread.is_alive(), "an attempt goes on behind our back"


@contextmanager
def answering(*answers, then=b"HTTP/1.1 204 No Content\r\n\r\n", tls=None):
    """A receiver that keeps its connections: request after request, whatever connection it comes by, meets the next
    answer: bytes, or a function of the connection that sends them."""
    answers, heard = list(answers), []

    def read(stream):
        if not stream.readline():
            raise OSError("the sender has gone")
        fields = dict(line.lower().split(b": ", 1) for line in iter(stream.readline, b"\r\n"))
        heard.append(fields[b"webhook-id"].decode().strip())
        stream.read(int(fields[b"content-length"]))

    def serve_one(client):
        with suppress(OSError, KeyError):
            client = tls.wrap_socket(client, server_side=True) if tls else client
            with client, client.makefile("rb") as stream:
                while True:
                    read(stream)
                    answer = answers.pop(0) if answers else then
                    if callable(answer):
                        answer(client)
                    else:
                        client.sendall(answer)

    def accept():
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                clients.append(client)
                threads.append(threading.Thread(target=serve_one, args=(client,), daemon=True))
                threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threads, clients = [threading.Thread(target=accept, daemon=True)], []
        threads[0].start()
        try:
            yield f"http{'s' if tls else ''}://127.0.0.1:{listener.getsockname()[1]}/", heard
        finally:
            for one in (listener, *clients):
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def certificate(tmp_path):
    """A certificate for 127.0.0.1 with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "receiver")])
    today = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(today - timedelta(1))
        .not_valid_after(today + timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "receiver.pem").write_bytes(private + signed.public_bytes(Encoding.PEM))
    return str(tmp_path / "receiver.pem")


def deliver(url, number=1, policy=None, **options):
    """Run a sender of its own for some events to one address, and return their deliveries."""
    sender = Sender(policy or Policy(()), **options)
    deliveries = [sender.send(url, event(n)) for n in range(number)]
    sender.run()
    return deliveries


def informational(status, headers=b""):
    return b"HTTP/1.1 %d Wait\r\n%b\r\n" % (status, headers)


def slowly(*pieces):
    """Send one piece after the other, so that each may be read before the next has come."""

    def send(client):
        for piece in pieces:
            client.sendall(piece)
            time.sleep(0.05)

    return send


FINAL_500 = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\n\r\noops"
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"


@pytest.mark.parametrize("total", [None, 5])
@pytest.mark.parametrize(
    "before", [[100], [102], [103], [199], [102, 102, 103], [100, 103, 100, 102]], ids=lambda before: str(before)[1:-1]
)
def test_an_informational_answer_is_not_the_answer(before, total):
    """RFC 9110, section 15.2: a client must be able to read one or more of them before the final answer."""
    pieces = [informational(status, b"Link: </style.css>; rel=preload\r\n") for status in before]
    with answering(slowly(*pieces, NO_CONTENT), slowly(*pieces, FINAL_500)) as (url, heard):
        first, second, third = deliver(url, 3, total=total)
    assert [statuses(d) for d in (first, second, third)] == [[204], [500], [204]]
    assert [d.state for d in (first, second, third)] == ["delivered", "given up", "delivered"]
    assert heard == ["evt_0", "evt_1", "evt_2"]


@pytest.mark.parametrize("total", [None, 5])
@pytest.mark.parametrize(
    "answer",
    [
        NO_CONTENT + NO_CONTENT,
        slowly(NO_CONTENT, NO_CONTENT),
        b"HTTP/1.1 204 No Content\r\nContent-Length: 29\r\n\r\n" + NO_CONTENT,
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" + NO_CONTENT,
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n" + NO_CONTENT,
    ],
    ids=["two at once", "two, one late", "a body where none may be", "more than its length", "another protocol"],
)
def test_no_answer_is_taken_for_that_of_another_delivery(answer, total):
    with answering(answer, then=FINAL_500) as (url, heard):
        first, second, third = deliver(url, 3, total=total)
    assert first.attempts[0].status in (200, 204, 101)
    assert (second.state, third.state) == ("given up", "given up"), "they were answered 500"
    assert statuses(second) == statuses(third) == [500]
    assert heard == ["evt_0", "evt_1", "evt_2"]


def test_behind_a_guard_it_is_the_same():
    class Guard(Adapter):
        """One that lets everything out."""

    session, gone = make_session(), threading.Event()
    session.mount("http://", Guard())
    drip = endless(HEAD + b"\r\n", b"x", gone, pause=0.02)
    with answering(slowly(informational(103), NO_CONTENT), drip) as (url, _):
        first, second = deliver(url, 2, total=2, session=session)
        assert gone.wait(5), "the connection was left open"
        no_attempt_goes_on()
    assert [statuses(first), statuses(second)] == [[204], [200]]


def test_over_tls_it_is_the_same(certificate, monkeypatch):
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):  # requests prefers them to the certificate of its session
        monkeypatch.delenv(name, raising=False)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    sender, gone = Sender(Policy(()), total=2), threading.Event()
    sender.session.verify = certificate
    drip = endless(HEAD + b"\r\n", b"x", gone, pause=0.02)
    with answering(slowly(informational(103), NO_CONTENT), FINAL_500, drip, tls=context) as (url, _):
        deliveries = [sender.send(url, event(n)) for n in range(3)]
        sender.run()
        assert gone.wait(5), "the connection was left open"
        no_attempt_goes_on()
    assert [statuses(d) for d in deliveries] == [[204], [500], [200]]


def test_another_protocol_is_no_delivery():
    with answering(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n") as (url, _):
        (delivery,) = deliver(url)
    assert (statuses(delivery), delivery.state) == ([101], "given up")


@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",
        b"Content-Encoding: gzip, br, zstd, deflate, x\r\nContent-Length: 5\r\n\r\nhello",
        b"Content-Encoding: " + b", ".join([b"gzip"] * 50) + b"\r\nContent-Length: 5\r\n\r\nhello",
        b"Content-Length: 100\r\nConnection: close\r\n\r\ncut",
        b"Content-Length: -1\r\n\r\nhello",
        b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"Content-Length: 5, 6\r\n\r\nhello",
        b"Transfer-Encoding: chunked\r\n\r\nno chunk at all\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n-1\r\nhello",
        b"Transfer-Encoding: chunked\r\n\r\n-5\r\nhello",
        b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\nhello",
        b"Content-Type: text/plain; charset=none-such\r\nContent-Length: 2\r\n\r\n\xff\xfe",
        b"Set-Cookie: =;;; expires=never\r\nContent-Length: 0\r\n\r\n",
    ],
    ids=[
        "not compressed", "unknown codings", "compressed 50 times", "cut", "negative length", "two lengths",
        "two lengths in one", "no chunks",
        "chunk of -1", "chunk of -5", "huge chunk", "unknown charset", "broken cookie",
    ],
)  # fmt: skip
def test_the_status_decides_whatever_the_body_is(rest, status):
    def answer(client):
        client.sendall(b"HTTP/1.1 %d Whatever\r\n" % status + rest)
        client.shutdown(socket.SHUT_WR)

    with answering(answer) as (url, _):
        (delivery,) = deliver(url)
    assert statuses(delivery) == [status]
    assert delivery.state == {200: "delivered", 400: "refused", 500: "given up"}[status]


@pytest.mark.parametrize(
    "location", [b"http://[::1", b"http://a..b/", b"//", b"http://\xff/", b"http://x:99999/", b"mailto:x", b"a" * 9000]
)
def test_where_a_redirect_leads_is_not_even_looked_at(location):
    answer = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: %b\r\n\r\n" % location
    with answering(answer) as (url, heard):
        (delivery,) = deliver(url, policy=Policy((1, 1)))
    assert (statuses(delivery), delivery.state, heard) == ([302], "refused", ["evt_0"])


def test_a_small_answer_that_grows_when_it_is_unpacked_costs_nothing():
    """Compressed twice, 64 MiB of zeros are some hundred bytes."""
    bomb = gzip.compress(gzip.compress(bytes(64 << 20)))
    answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb) + bomb
    with answering(answer) as (url, _):
        sender = Sender(Policy(()))
        delivery = sender.send(url, event())
        tracemalloc.start()
        with watch() as sent:
            sender.run()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert delivery.state == "delivered" and sent[0].status == 200
    assert peak < 4 << 20


def test_an_answer_with_a_body_is_recorded_with_it():
    with answering(FINAL_500) as (url, _), watch() as sent:
        deliver(url)
    assert (sent[0].status, sent[0].response_body) == (500, b"oops")


def test_receivers_are_asked_not_to_compress_and_to_close(receiver):
    deliver(receiver.url)
    headers = receiver.traffic[0].headers
    assert (headers["Accept-Encoding"], headers["Connection"]) == ("identity", "close")


def endless(at_once, then, gone, pause=0.0):
    """An answer that never ends; ``gone`` is set when nobody takes it any more."""

    def send(client):
        try:
            client.sendall(at_once)
            while True:
                client.sendall(then)
                time.sleep(pause)
        except OSError:
            gone.set()
            raise

    return send


HEAD = b"HTTP/1.1 200 OK\r\n"
ENDLESS = {
    "100-continue": (b"", informational(100) * 500, "no answer"),
    "102": (b"", informational(102) * 500, "no answer"),
    "100 with a header that never ends": (b"HTTP/1.1 100 Continue\r\nX: ", b"x" * 9000, "no answer"),
    "status line": (b"HTTP/1.1 200 ", b"x" * 9000, "no answer"),
    "header": (HEAD + b"X: ", b"x" * 9000, "no answer"),
    "headers": (HEAD, b"X: x\r\n" * 500, "no answer"),
    "body": (HEAD + b"\r\n", b"x" * 9000, 200),
    "body of a length": (HEAD + b"Content-Length: 99999999999999\r\n\r\n", b"x" * 9000, 200),
    "chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"2\r\nxx\r\n" * 500, 200),
    "chunk extension": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2;", b"x" * 9000, 200),
    "trailers": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: x\r\n" * 500, 200),
}


@pytest.mark.parametrize("total", [None, 5])
@pytest.mark.parametrize(("at_once", "then", "outcome"), ENDLESS.values(), ids=ENDLESS)
def test_a_flood_is_read_to_a_bound_only(at_once, then, outcome, total):
    gone = threading.Event()
    with answering(endless(at_once, then, gone)) as (url, _):
        sender = Sender(Policy(()), total=total)
        delivery = sender.send(url, event())
        tracemalloc.start()
        sender.run()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert gone.wait(5), "the connection was left open"
        no_attempt_goes_on()
    assert peak < 4 << 20
    if outcome == 200:
        assert (statuses(delivery), delivery.state) == ([200], "delivered")
    else:
        assert delivery.attempts[0].status is None and delivery.state == "given up"


@pytest.mark.parametrize("total", [0.1, 0.3])
@pytest.mark.parametrize(
    ("at_once", "then", "status"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n", None),
        (b"", b"H", None),
        (HEAD + b"X-Long: ", b"x", None),
        (HEAD + b"Content-Length: 1000000\r\n\r\n", b"x", 200),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", 200),
        (b"HTTP/1.1 500 Oops\r\n\r\n", b"x", 500),
    ],
    ids=["100-continue", "status line", "header", "body", "chunks", "body of a failure"],
)
def test_total_ends_a_dripping_answer_of_any_kind(at_once, then, status, total):
    """Once the head is there, the status decides, however long the body goes on."""
    gone = threading.Event()
    with answering(endless(at_once, then, gone, pause=0.02)) as (url, _):
        began = time.monotonic()
        (delivery,) = deliver(url, timeout=10, total=total)
        assert time.monotonic() - began < 5
        assert gone.wait(5), "the connection was left open"
        no_attempt_goes_on()
    assert statuses(delivery) == [status or "timed out"]


def test_total_ends_an_attempt_that_has_not_begun_to_answer():
    gone = threading.Event()

    def silent(client):
        if not client.recv(1):
            gone.set()
        raise OSError

    with answering(silent) as (url, _):
        (delivery,) = deliver(url, timeout=30, total=0.1)
        assert gone.wait(5), "the connection was left open"
        no_attempt_goes_on()
    assert statuses(delivery) == ["timed out"]


def test_without_a_word_about_it_an_attempt_has_an_end():
    assert 0 < Sender(Policy(())).total < 60


def test_a_head_that_is_cut_is_no_answer():
    """RFC 9112, section 8: an answer that ends within its head is incomplete, and http.client takes it for whole."""

    def cut(client):
        client.sendall(HEAD + b"Content-Type: text/pl")
        client.shutdown(socket.SHUT_WR)

    with answering(cut) as (url, _):
        (delivery,) = deliver(url, policy=Policy((1,)))
    assert statuses(delivery) == ["connection lost", 204]


@pytest.mark.parametrize("status", [b"+200", b"2_00", b"0200", b"200.", b"\xb2\xb0\xb0"])
def test_a_status_that_is_not_three_digits_is_no_answer(status):
    """RFC 9112, section 4: http.client has int() read it, which takes "+200" for 200."""
    bad = b"HTTP/1.1 %b OK\r\nContent-Length: 0\r\n\r\n" % status
    with answering(bad, slowly(informational(103), bad)) as (url, _):
        (delivery,) = deliver(url, policy=Policy((1, 1)))
    assert statuses(delivery) == ["connection lost", "connection lost", 204]


def test_when_the_total_is_over_before_there_is_a_connection_nothing_is_sent(receiver, monkeypatch):
    """A name may lead to many addresses that are silent, and to one at last that answers."""
    connected, connect = threading.Event(), socket.socket.connect

    def late(self, address):
        over.wait(5)
        connect(self, address)
        connected.set()

    over = threading.Event()
    sender = Sender(Policy(()), total=0.1)
    delivery = sender.send(receiver.url, event())
    with monkeypatch.context() as patch:
        patch.setattr(socket.socket, "connect", late)
        sender.run()
        over.set()
        assert connected.wait(5)
        no_attempt_goes_on()
    assert statuses(delivery) == ["timed out"] and len(receiver.traffic) == 0


def test_an_interrupt_while_an_attempt_begins_ends_it_too(receiver, monkeypatch):
    """The stop button may come after the attempt's thread has begun, and before it is waited for."""
    begun, may_go_on, start = threading.Event(), threading.Event(), threading.Thread.start

    def late(*_):
        begun.set()
        assert may_go_on.wait(5)

    def interrupted(thread):
        start(thread)
        assert begun.wait(5)
        raise KeyboardInterrupt

    sender = Sender(Policy(()), total=60)
    delivery = sender.send(receiver.url, event())
    prepare = sender.session.prepare_request
    monkeypatch.setattr(sender.session, "prepare_request", lambda request: (late(), prepare(request))[1])
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(threading.Thread, "start", interrupted)
        sender.run()
    may_go_on.set()
    no_attempt_goes_on()
    assert statuses(delivery) == ["interrupted"] and len(receiver.traffic) == 0
