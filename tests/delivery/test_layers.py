"""Layer upon layer by hand, as lesson 08 has them: what each stops, and the attack that passes it; then the guard."""

from urllib.parse import urlsplit

import pytest
import requests
from flask import Flask

from webhook_tutorial import Adapter, Blocked, Guard, Network, guarded_session, serve, why_not_public

LAB = ["203.0.113.0/24"]


@pytest.fixture
def metadata():
    """A server inside that hands its secret to whoever asks."""
    app = Flask("metadata")
    app.route("/secret", methods=["GET", "POST"])(lambda: "s3cr3t")
    return serve(app)


@pytest.fixture
def network(metadata):
    attacker = Flask("attacker")
    attacker.post("/jump", endpoint="jump")(lambda: ("", 303, {"Location": "http://169.254.169.254/secret"}))
    attacker.post("/secret", endpoint="decoy")(lambda: "nothing here")
    names = {
        "hooks.example": ["203.0.113.7"],
        "inner.example": ["169.254.169.254"],
        "both.example": ["203.0.113.9", "169.254.169.254"],  # nobody is at the first one
        "rebind.example": [["203.0.113.7"], ["169.254.169.254"]],
    }
    return Network(names, {"203.0.113.7": serve(attacker), "169.254.169.254": metadata})


class ByHand:
    """The layers; each returns what the one who presses *test* reads."""

    def __init__(self, network):
        self.network = network
        self.connect = network.open

    def post(self, url, **options):
        with requests.Session() as session:
            session.trust_env = False
            session.mount("http://", Adapter(self.connect))
            return session.post(url, **options).text

    def nothing(self, url):
        return self.post(url)

    def scheme_and_port(self, url):
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or parts.port not in (None, 80, 443):
            raise Blocked("scheme or port", "No.")
        return self.post(url)

    def name(self, url):
        if urlsplit(url).hostname in ("localhost", "127.0.0.1", "169.254.169.254", "metadata.internal"):
            raise Blocked("name", "No.")
        return self.scheme_and_port(url)

    def first_address(self, url):
        self.must_be_public(self.network.resolve(urlsplit(url).hostname)[:1])
        return self.scheme_and_port(url)

    def all_addresses(self, url):
        self.must_be_public(self.network.resolve(urlsplit(url).hostname))
        return self.scheme_and_port(url)

    def address_in_the_url(self, url):
        host = urlsplit(url).hostname
        addresses = self.must_be_public(self.network.resolve(host))
        return self.post(url.replace(host, addresses[0]), headers={"Host": host})

    def checked_connection(self, url):
        def connect(host, port, timeout):
            addresses = self.must_be_public(self.network.resolve(host))
            return self.network.connect(addresses[0], port, timeout)

        self.connect = connect
        return self.scheme_and_port(url)

    def must_be_public(self, addresses):
        for address in addresses:
            if why := why_not_public(address, LAB):
                raise Blocked(why, "No.")
        return addresses


@pytest.mark.parametrize(
    ("layer", "stops", "is_passed_by"),
    [
        ("nothing", None, "http://169.254.169.254/secret"),
        ("scheme_and_port", "http://169.254.169.254:6379/secret", "http://169.254.169.254/secret"),
        ("name", "http://169.254.169.254/secret", "http://2852039166/secret"),
        ("name", "http://169.254.169.254/secret", "http://inner.example/secret"),
        ("first_address", "http://inner.example/secret", "http://both.example/secret"),
        ("all_addresses", "http://both.example/secret", "http://rebind.example/secret"),
        ("address_in_the_url", None, "http://hooks.example/jump"),
        ("checked_connection", "http://hooks.example/jump", None),
    ],
)
def test_each_layer_stops_an_attack_and_is_passed_by_the_next(layer, stops, is_passed_by, network, metadata):
    send = getattr(ByHand(network), layer)
    if stops:
        with pytest.raises(Blocked):
            send(stops)
        assert len(metadata.traffic) == 0
    if is_passed_by:
        assert send(is_passed_by) == "s3cr3t"
        assert len(metadata.traffic) == 1


def test_the_connection_goes_where_the_check_looked(network, metadata):
    assert ByHand(network).address_in_the_url("http://rebind.example/secret") == "nothing here"
    assert network.looked_up == ["rebind.example", "203.0.113.7"] and len(metadata.traffic) == 0


@pytest.mark.parametrize(
    ("url", "outcome"),
    [
        ("http://169.254.169.254/secret", "metadata"),
        ("http://169.254.169.254:6379/secret", "port"),
        ("http://2852039166/secret", "notation"),
        ("http://inner.example/secret", "metadata"),
        ("http://both.example/secret", "metadata"),
        ("http://hooks.example\\@169.254.169.254/secret", "malformed"),
        ("http://hooks.example/jump", 303),
        ("http://rebind.example/secret", 200),
        ("http://hooks.example/secret", 200),
    ],
)
def test_the_guard_stops_them_all(url, outcome, network, metadata):
    with guarded_session(Guard(network.resolve, network.connect, also_public=LAB)) as session:
        for _ in range(2):  # the second time, a name may have been rebound
            try:
                found = session.post(url).status_code
            except Blocked as error:
                found = error.reason
            assert found == outcome
            outcome = "metadata" if "rebind" in url else outcome
    assert len(metadata.traffic) == 0
