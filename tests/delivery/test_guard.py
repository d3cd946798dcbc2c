"""The guard: what is hostile is never connected to, however it is written and whatever a resolver says next."""

import itertools
import socket
import ssl
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st
from urllib3.util import parse_url

from webhook_tutorial import Blocked, Guard, Policy, Sender, guarded_session, make_event, serve, watch, why_no_answer
from webhook_tutorial.answers import shown_to_owner, written_wrong
from webhook_tutorial.clock import START
from webhook_tutorial.delivery.guard import MOST_TRIED, dial, look_up

LAB = ["203.0.113.0/24"]

#: In the place of a host: each must be refused before anything is connected to. Some are addresses that the system's
#: resolver reads (127.1), some two parsers read in two ways.
HOSTILE = """
127.0.0.1 127.0.0.53 127.255.255.255 127.1 127.0.1 127.0.0.1. 2130706433 017700000001 0177.0.0.1 0x7f.0.0.1 0x7f.1
0x7f000001 0x7F000001 00000177.0.0.1 127.0.0.01 0 0.0.0.0 0.0.0.1 0x0 [::1] [::] [0:0:0:0:0:0:0:1] [::ffff:127.0.0.1]
[::ffff:7f00:1] [0000::ffff:7f00:0001] [::127.0.0.1] [::ffff:0:127.0.0.1] [64:ff9b::127.0.0.1] [64:ff9b::7f00:1]
[64:ff9b:1::7f00:1] [2002:7f00:1::] [2001:0:0:0:0:0:80ff:fffe] 10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.255
192.168.0.1 192.168.255.255 0300.0250.0.1 3232235521 100.64.0.1 100.100.100.200 169.254.169.254 169.254.170.2 2852039166
0xa9fea9fe 0251.0376.0251.0376 169.254.43518 [::ffff:169.254.169.254] [64:ff9b::a9fe:a9fe] [2002:a9fe:a9fe::]
[fd00:ec2::254] [fd20:ce::254] [fe80::1] [fe80::1%25eth0] [fe80::1%eth0] [fec0::1] [fc00::1] [fdff::1] 168.63.129.16
192.0.0.8 192.0.2.1 192.88.99.1 198.18.0.1 198.51.100.1 203.0.113.7 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
[ff02::1] [ff0e::1] [100::1] [2001:db8::1] [3fff::1] [5f00::1] [2001:10::1] [4000::1] [::1%lo] [v1.x] [::1 127.0.0.1:80
""".replace(":80\n", "\n").split()

#: What stands between // and the path, where the trick is in the parsing.
TRICKS = [
    "public.example\\@127.0.0.1",
    "127.0.0.1\\@public.example",
    "public.example@127.0.0.1",
    "user:password@public.example",
    "@public.example",
    "127.0.0.1%2f@public.example",
    "127.0.0.1%00.public.example",
    "%31%32%37.0.0.1",
    "exa%6Dple.com",
    "127.0.0.1%0a",
    "public.example\t",
    "127.0.0.1\n",
    "127.0.0.1\r\nHost: x",
    "public.example\0",
    "\u2460\u2461\u2466.\u24ea.\u24ea.\u2460",
    "127\u30020\u30020\u30021",
    "\u24dbocalhost",
    "b\u00fccher.example",
    "",
    ":80",
    "public.example:",
    "public.example:0",
    "public.example:99999",
    "public.example:-1",
    "public.example:+80",
    "public.example:8_0",
    "public.example:\u0668\u0660",
    "public.example:80:80",
    "public..example",
    ".public.example",
    "-public.example",
    "public.example,127.0.0.1",
    "a" * 64 + ".example",
    ".".join(["a" * 63] * 5),
    "[::1]public.example",
    "public.example[::1]",
    "[public.example]",
]

#: The last public addresses before a special block and the first after it, among others.
PUBLIC = [
    *("8.8.8.8", "1.1.1.1", "9.9.9.9", "93.184.215.14", "172.15.255.255", "172.32.0.0", "100.63.255.255"),
    *("100.128.0.0", "11.0.0.0", "126.255.255.255", "128.0.0.0", "168.63.129.17", "169.253.255.255", "169.255.0.0"),
    *("192.167.255.255", "223.255.255.255"),
    *("2606:4700:4700::1111", "2001:4860:4860::8888", "2a00:1450:4001::1", "2600::1"),
]


class Wire:
    """A ``connect`` that records, and leads to one port of this machine or to nobody."""

    def __init__(self, port=None):
        self.calls, self.port = [], port

    def __call__(self, address, port, timeout):
        self.calls.append((address, port))
        if self.port is None:
            raise ConnectionRefusedError
        return socket.create_connection(("127.0.0.1", self.port), timeout)


@pytest.fixture
def canary():
    """A server on loopback that nothing must reach."""
    return serve(lambda environ, start: [start("200 OK", [])][:0] or [b"secret"], name="canary")


@pytest.fixture
def receiver():
    return serve(lambda environ, start: [start("204 No Content", [])][:0], name="receiver")


def deliver(url, guard, **options):
    """One attempt through a guard: its status or its error."""
    with guarded_session(guard) as session:
        sender = Sender(Policy(()), session=session, **options)
        delivery = sender.send(url, make_event("order_placed", {"number": 1}, id="evt_1", timestamp=START))
        sender.run()
    [attempt] = delivery.attempts
    return attempt.status or attempt.error


def test_there_is_enough_of_each():
    assert len(set(HOSTILE)) >= 60 and len(set(PUBLIC)) == 20


@pytest.mark.parametrize("host", HOSTILE + TRICKS)
def test_a_hostile_host_is_never_connected_to(host, canary):
    wire = Wire(canary.port)
    guard = Guard(look_up_numbers, wire, ports=None)
    for url in (f"http://{host}/", f"https://{host}/x", f"http://{host}:{canary.port}/"):
        with pytest.raises(Blocked) as caught:
            guard.check(url)
        assert caught.value.reason.islower() and str(caught.value).endswith(".")
        assert deliver(url, guard).startswith("blocked: ")
    assert wire.calls == [] and len(canary.traffic) == 0


def look_up_numbers(host):
    """The system's resolver, for what it answers without asking anybody."""
    return [found[4][0] for found in socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)]


@pytest.mark.parametrize("address", [host.strip("[]") for host in HOSTILE])
@pytest.mark.parametrize("place", ["alone", "last"])
def test_a_name_that_leads_to_a_hostile_address_is_never_connected_to(address, place, canary):
    wire = Wire(canary.port)
    found = [address] if place == "alone" else [*PUBLIC, address]
    assert deliver("http://hooks.example/", Guard(lambda host: found, wire)).startswith("blocked: ")
    assert wire.calls == [] and len(canary.traffic) == 0


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_connected_to_exactly(address, receiver):
    wire = Wire(receiver.port)
    host = f"[{address}]" if ":" in address else address
    nobody = Guard(lambda host: pytest.fail("an address is not looked up"), wire)
    assert deliver(f"http://{host}/", nobody) == 204
    assert deliver("http://hooks.example/", Guard(lambda host: [address], wire)) == 204
    assert wire.calls == [(address, 80)] * 2
    assert [one.headers["Host"] for one in receiver.traffic] == [host, "hooks.example"]


@given(st.lists(st.sampled_from(PUBLIC + [h.strip("[]") for h in HOSTILE]), min_size=1, max_size=6), st.integers(1, 4))
def test_a_resolver_that_changes_its_answer_between_any_two_calls_gets_nowhere(answers, at_once):
    script = itertools.cycle(answers)
    given_out, wire = [], Wire()

    def resolve(host):
        given_out.append([next(script) for _ in range(at_once)])
        return given_out[-1]

    guard = Guard(resolve, wire)
    for _ in range(3):
        before = len(given_out), len(wire.calls)
        outcome = deliver("http://rebind.example/", guard)
        [found], calls = given_out[before[0] :], wire.calls[before[1] :]  # looked up once, and used
        if set(found) <= set(PUBLIC):
            assert outcome == "connection refused" and calls == [(one, 80) for one in dict.fromkeys(found)]
        else:
            assert outcome.startswith("blocked: ") and calls == []


def test_a_checked_url_is_checked_again_when_it_is_used(canary):
    wire, answers = Wire(canary.port), iter([["8.8.8.8"], ["127.0.0.1"]])
    guard = Guard(lambda host: next(answers), wire)
    assert guard.check("http://Rebind.example:80/a?b#c").addresses == ("8.8.8.8",)
    assert deliver("http://rebind.example/", guard) == "blocked: loopback"
    assert wire.calls == []


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://hooks.example/", "scheme"),
        ("file:///etc/passwd", "scheme"),
        ("gopher://hooks.example/", "scheme"),
        ("httpx://hooks.example/", "scheme"),
        ("//hooks.example/", "scheme"),
        ("hooks.example", "scheme"),
        ("http:/hooks.example/", "malformed"),
        ("http:hooks.example", "malformed"),
        ("http:///hooks.example", "malformed"),
        (" http://hooks.example/", "malformed"),
        ("http://hooks.example/a b", "malformed"),
        (b"http://hooks.example/", "malformed"),
        (None, "malformed"),
        ("http://hooks.example:22/", "port"),
        ("http://hooks.example:6379/", "port"),
        ("http://a:b@hooks.example/", "userinfo"),
        ("http://127.1/", "notation"),
        ("http://127.0.0.1/", "loopback"),
        ("http://[::ffff:169.254.169.254]/", "metadata"),
        ("http://[fe80::1]/", "link-local"),
        ("http://hooks.example\\@127.0.0.1/", "malformed"),
        ("http://hooks.example/\\", "malformed"),
    ],
)
def test_the_reason_says_what_is_wrong(url, reason):
    with pytest.raises(Blocked) as caught:
        Guard().parse(url)
    assert caught.value.reason == reason


def test_what_a_guard_allows_is_what_it_was_told():
    guard = Guard(schemes=["https"], ports=[443, 8443])
    assert guard.parse("https://hooks.example:8443/").port == 8443
    for url, reason in {"http://hooks.example/": "scheme", "https://hooks.example:80/": "port"}.items():
        with pytest.raises(Blocked) as caught:
            guard.parse(url)
        assert caught.value.reason == reason
    assert Guard(ports=None).parse("http://hooks.example:1/").port == 1
    for wrong in ({"schemes": ["ftp"]}, {"schemes": "https"}, {"also_public": "203.0.113.0/24"}):
        with pytest.raises(ValueError):
            Guard(**wrong)


@given(
    st.sampled_from(["http", "https", "HTTP"]),
    st.text("aZ09.-_:@%\\/[]#?\u2460\t x", max_size=12).map(lambda text: text + "hooks.example"),
    st.text("aZ09.-_:@%\\/[]#?&=;", max_size=12),
)
def test_what_the_guard_reads_is_what_requests_connects_to(scheme, host, rest):
    url = f"{scheme}://{host}{rest}"
    try:
        target = Guard(ports=None).parse(url)
    except Blocked:
        return
    prepared = parse_url(requests.Request("POST", url).prepare().url)
    assert (prepared.scheme, prepared.host) == (target.scheme, target.host)
    assert (prepared.port or {"http": 80, "https": 443}[target.scheme]) == target.port


def test_a_request_that_was_prepared_elsewhere_is_guarded_too(canary):
    wire = Wire(canary.port)
    urls = [f"http://127.0.0.1:{canary.port}/", "http://127.0.0.1/", "https://hooks.example:22/"]
    with guarded_session(Guard(lambda host: ["8.8.8.8"], wire)) as session:
        for url in urls:
            with pytest.raises(Blocked):
                session.send(requests.Request("POST", url).prepare())
    assert wire.calls == [] and len(canary.traffic) == 0


def test_a_scheme_is_looked_at_in_a_prepared_request_too(receiver):
    wire = Wire(receiver.port)
    guard = Guard(lambda host: ["8.8.8.8"], wire, schemes=["https"], ports=None)
    with guarded_session(guard) as session, pytest.raises(Blocked, match="scheme"):
        session.send(requests.Request("POST", "http://hooks.example/").prepare())
    assert wire.calls == []


def test_a_mapped_address_is_connected_to_as_what_was_checked(receiver):
    wire = Wire(receiver.port)
    assert deliver("http://hooks.example/", Guard(lambda host: ["::ffff:8.8.8.8", "8.8.8.8"], wire)) == 204
    assert wire.calls == [("8.8.8.8", 80)]


@pytest.mark.parametrize("nothing", [False, None, "", 0])
def test_certificates_are_verified_always(nothing, receiver):
    """requests takes all of these for: verify nothing."""
    wire = Wire(receiver.port)
    with guarded_session(Guard(lambda host: ["8.8.8.8"], wire)) as session:
        with pytest.raises(Blocked, match="certificate"):
            session.send(requests.Request("POST", "https://hooks.example/").prepare(), verify=nothing)
        session.verify = nothing
        with pytest.raises(Blocked, match="certificate"):
            session.post("https://hooks.example/")
    assert wire.calls == []


def test_an_inner_address_is_for_our_own_log_and_not_in_the_message():
    """A message may be shown to the endpoint's owner, who would get a map of our network from it."""
    with pytest.raises(Blocked) as caught:
        Guard(lambda host: ["10.1.2.3"]).check("http://db.internal/")
    assert (caught.value.reason, caught.value.address) == ("private", "10.1.2.3")
    assert "10.1.2.3" not in str(caught.value)


def test_a_redirect_is_an_answer_and_whoever_follows_it_is_guarded_too(canary):
    moved = serve(
        lambda environ, start: [start("303 See Other", [("Location", f"http://127.0.0.1:{canary.port}/")])][:0],
        name="moved",
    )
    guard = Guard(lambda host: ["203.0.113.7"], Wire(moved.port), also_public=LAB)
    assert deliver("http://hooks.example/", guard) == 303
    with guarded_session(guard) as session:
        del session.get_redirect_target  # a session that follows, as requests does by itself
        with pytest.raises(Blocked):
            session.post("http://hooks.example/")
    assert len(canary.traffic) == 0


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy", "https_proxy"])
def test_a_proxy_of_the_environment_is_not_looked_at(name, receiver, canary, monkeypatch):
    monkeypatch.setenv(name, canary.url)
    monkeypatch.setenv("no_proxy", "")
    guard = Guard(lambda host: ["8.8.8.8"], Wire(receiver.port))
    assert deliver("http://hooks.example/", guard) == 204 and len(canary.traffic) == 0


def test_a_proxy_that_is_handed_in_blocks_the_attempt(receiver, canary):
    with guarded_session(Guard(lambda host: ["8.8.8.8"], Wire(receiver.port))) as session:
        with pytest.raises(Blocked, match="proxy"):
            session.post("http://hooks.example/", proxies={"http": canary.url})
        session.proxies = {"http": canary.url}
        with pytest.raises(Blocked, match="proxy"):
            session.post("http://hooks.example/")
    assert len(canary.traffic) == len(receiver.traffic) == 0


def test_the_next_address_is_tried_if_nobody_is_at_the_first(receiver):
    calls = []

    def connect(address, port, timeout):
        calls.append((address, timeout))
        if address == "8.8.8.8":
            raise ConnectionRefusedError
        return socket.create_connection(("127.0.0.1", receiver.port), timeout)

    assert deliver("http://hooks.example/", Guard(lambda host: ["8.8.8.8", "8.8.8.8", "2600::1"], connect)) == 204
    assert [address for address, _ in calls] == ["8.8.8.8", "2600::1"]
    assert 0 < calls[0][1] <= 1 < calls[1][1] <= 2  # its share of the time, and what was left


def test_an_address_that_swallows_everything_leaves_time_for_the_next(receiver):
    def connect(address, port, timeout):
        if address == "8.8.8.8":
            threading.Event().wait(timeout)
            raise TimeoutError
        return socket.create_connection(("127.0.0.1", receiver.port), timeout)

    guard = Guard(lambda host: ["8.8.8.8", "9.9.9.9"], connect)
    with guarded_session(guard) as session:
        assert session.post("http://hooks.example/", timeout=0.4).status_code == 204


def test_a_name_with_a_thousand_addresses_costs_a_few_attempts():
    wire = Wire()
    found = [f"8.8.{n // 250}.{n % 250}" for n in range(1000)]
    assert deliver("http://hooks.example/", Guard(lambda host: found, wire)) == "connection refused"
    assert len(wire.calls) == MOST_TRIED


def test_the_time_for_connecting_is_for_all_addresses_together():
    now = threading.Event()

    def silent(address, port, timeout):
        now.wait(min(timeout, 0.2))
        raise TimeoutError

    calls = []
    guard = Guard(lambda host: PUBLIC, lambda *a: (calls.append(a), silent(*a))[1])
    with pytest.raises(TimeoutError):
        guard.open("hooks.example", 80, 0.3)
    assert len(calls) == MOST_TRIED and sum(timeout for *_, timeout in calls) <= 0.3


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (socket.gaierror(-2, "unknown"), "could not connect"),
        (OSError("no route"), "could not connect"),
        (TimeoutError(), "could not connect"),
        (ConnectionRefusedError(), "connection refused"),
    ],
)
def test_why_no_connection_came_about_is_said_as_without_a_guard(error, words):
    def fail(*_):
        raise error

    assert deliver("http://hooks.example/", Guard(fail, Wire())) == words
    assert deliver("http://8.8.8.8/", Guard(None, fail)) == words


@pytest.mark.parametrize("found", ["fe80::1%eth0", "127.1", "nobody", ""])
def test_a_name_that_leads_to_no_address_is_no_fault_of_the_url(found):
    words = deliver("http://hooks.example/", Guard(lambda host: [found], Wire()))
    assert words == "blocked: unreadable" and not written_wrong(words) and shown_to_owner(words) == "could not connect"


def test_a_name_without_an_address_is_no_name():
    assert deliver("http://hooks.example/", Guard(lambda host: [], Wire())) == "could not connect"


def test_without_a_setting_the_labs_network_is_blocked_and_loopback_is_always(receiver):
    wire = Wire(receiver.port)
    assert deliver("http://203.0.113.7/", Guard(None, wire)) == "blocked: documentation"
    assert deliver("http://203.0.113.7/", Guard(None, wire, also_public=LAB)) == 204
    everything = Guard(None, wire, ports=None, also_public=["0.0.0.0/0", "::/0"])
    for host in ("127.0.0.1", "[::1]", "0.0.0.0", "[::ffff:127.0.0.1]", "169.254.169.254"):
        assert deliver(f"http://{host}:{receiver.port}/", everything).startswith("blocked: ")
    assert len(wire.calls) == 1


def test_by_itself_a_guard_uses_the_systems_resolver_and_network(canary):
    assert set(look_up("localhost")) <= {"127.0.0.1", "::1"}
    assert deliver(f"http://localhost:{canary.port}/", Guard(ports=None)) == "blocked: loopback"
    with dial("127.0.0.1", canary.port, 2) as connection:
        assert connection.gettimeout() == 2
    with pytest.raises(OSError):
        dial("127.0.0.1", 1, 2)
    assert len(canary.traffic) == 0


def test_a_blocked_attempt_is_recorded_as_one_that_was_never_sent():
    with watch() as sent:
        deliver("http://hooks.example/", Guard(lambda host: ["10.0.0.1"], Wire()))
    assert sent[0].error == "blocked: private"
    assert why_no_answer(requests.ConnectionError(Blocked("private", "No."))) == "blocked: private"


@pytest.mark.parametrize(
    "url, addresses, attempts",
    [
        ("ftp://hooks.example/", [], 1),
        ("http://hooks.example:22/", [], 1),
        ("http://a:b@hooks.example/", [], 1),
        ("http://127.1/", [], 1),
        ("http://hooks..example/", [], 1),
        ("http://hooks.example/", ["10.0.0.1"], 3),  # the name may lead elsewhere tomorrow
        ("http://hooks.example/", [], 3),
    ],
)
def test_a_url_that_is_blocked_as_it_is_written_is_given_up_at_once(url, addresses, attempts):
    wire = Wire()
    with guarded_session(Guard(lambda host: addresses, wire)) as session:
        sender = Sender(Policy((1, 1)), session=session)
        delivery = sender.send(url, make_event("order_placed", {"number": 1}, id="evt_1"))
        sender.run()
    assert (delivery.state, len(delivery.attempts), wire.calls) == ("given up", attempts, [])
    assert sender.dead == [delivery]


def test_the_certificate_is_the_names_and_is_always_verified(tls_receiver):
    """The connection goes to an address; SNI, the certificate's name and Host are the URL's."""
    port, authority, asked = tls_receiver
    guard = Guard(lambda host: ["8.8.8.8"], Wire(port))
    with guarded_session(guard) as session:
        with pytest.raises(requests.exceptions.SSLError):
            session.post("https://hooks.example/")  # by nobody whom we know
        session.verify = authority
        assert session.post("https://hooks.example/").status_code == 204
        with pytest.raises(requests.exceptions.SSLError):
            session.post("https://other.example/")
    assert asked == ["hooks.example", "hooks.example", "other.example"]


@pytest.fixture
def tls_receiver(certificate):
    """The port of a server, the file of its certificate, and the names that it was asked for."""
    asked, context = [], ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.sni_callback = lambda connection, name, context: asked.append(name)

    def accept():
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(client, server_side=True) as connection:
                    connection.recv(65536)
                    connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
            except OSError:
                client.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1], certificate, asked
        with suppress(OSError):  # where a socket that listens counts as not connected
            listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def certificate(tmp_path):
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "receiver")])
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(1))
        .not_valid_after(now + timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("hooks.example")]), False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "receiver.pem").write_bytes(private + signed.public_bytes(Encoding.PEM))
    return str(tmp_path / "receiver.pem")
