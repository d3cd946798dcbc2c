"""The lab's network: two tables, and nothing beyond them."""

import socket

import pytest

from webhook_tutorial import Guard, Network, guarded_session, make_session, serve


@pytest.fixture
def server():
    return serve(lambda environ, start: [start("204 No Content", [])][:0], name="server")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def test_a_name_leads_to_its_addresses_whatever_its_letters(server):
    network = Network({"Hooks.example.": ["203.0.113.7", "2001:db8::7"]}, {})
    assert network.resolve("hooks.EXAMPLE") == network.resolve("hooks.example.") == ["203.0.113.7", "2001:db8::7"]
    assert network.looked_up == ["hooks.example"] * 2


def test_a_name_that_is_rebound_has_one_list_for_each_look_up_and_the_last_one_stays():
    network = Network({"rebind.example": [["203.0.113.7"], ["10.0.0.1", "10.0.0.2"]]}, {})
    found = [network.resolve("rebind.example") for _ in range(3)]
    assert found == [["203.0.113.7"], ["10.0.0.1", "10.0.0.2"], ["10.0.0.1", "10.0.0.2"]]
    found[2].clear()
    assert network.resolve("rebind.example") == ["10.0.0.1", "10.0.0.2"]


@pytest.mark.parametrize("host", ["unknown.example", "localhost", ""])
def test_what_the_table_lacks_is_no_name(host):
    with pytest.raises(socket.gaierror):
        Network({"hooks.example": ["203.0.113.7"]}, {}).resolve(host)


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::1", "::1"),
        ("127.1", "127.0.0.1"),
        ("0x7f.1", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("0177.0.0.1", "127.0.0.1"),
    ],
)
def test_an_address_is_read_in_any_notation_as_by_a_systems_resolver(written, address):
    assert Network({}, {}).resolve(written) == [address]


def test_an_address_leads_to_exactly_the_port_that_the_table_says(server):
    other = serve(lambda environ, start: [start("200 OK", [])][:0], name="other")
    table = {"203.0.113.7": server, "203.0.113.7:8443": other.port, "[2001:db8::7]:81": other, "2001:db8::7": server}
    network = Network({}, table)
    for (address, port), leads_to in {
        ("203.0.113.7", 80): server,
        ("203.0.113.7", 8443): other,
        ("2001:db8::7", 81): other,
        ("2001:db8::7", 80): server,
    }.items():
        with network.connect(address, port, 2) as connection:
            assert connection.getpeername() == ("127.0.0.1", leads_to.port) and connection.gettimeout() == 2
    assert network.dialled[0] == ("203.0.113.7", 80) and len(network.dialled) == 4


def test_what_the_table_lacks_is_never_dialled(server, monkeypatch):
    network = Network({"hooks.example": ["203.0.113.7"]}, {"203.0.113.7": server})
    monkeypatch.setattr(socket, "create_connection", lambda *_: pytest.fail("it was dialled"))
    for address, port in [("203.0.113.8", 80), ("203.0.113.7", server.port), ("127.0.0.1", server.port), ("::1", 80)]:
        with pytest.raises(ConnectionRefusedError):
            network.connect(address, port)
    assert len(network.dialled) == 4


def test_a_server_that_is_down_refuses():
    with pytest.raises(ConnectionRefusedError):
        Network({}, {"203.0.113.7": free_port()}).connect("203.0.113.7", 80, 2)


def test_a_session_without_a_guard_goes_to_the_first_address_where_somebody_is(server):
    network = Network({"both.example": ["203.0.113.9", "169.254.169.254"]}, {"169.254.169.254": server})
    with make_session(network.open) as session:
        assert session.post("http://both.example/").status_code == 204
    assert network.dialled == [("203.0.113.9", 80), ("169.254.169.254", 80)]
    assert server.traffic[0].headers["Host"] == "both.example"
    with pytest.raises(ConnectionRefusedError):
        network.open("203.0.113.9", 80)


def test_a_guard_takes_it_in_place_of_the_systems(server):
    network = Network({"hooks.example": ["203.0.113.7"]}, {"203.0.113.7": server})
    with guarded_session(Guard(network.resolve, network.connect, also_public=["203.0.113.0/24"])) as session:
        assert session.post("http://hooks.example/").status_code == 204
    assert (network.looked_up, network.dialled) == (["hooks.example"], [("203.0.113.7", 80)])


@pytest.mark.parametrize(
    "found", ["203.0.113.7", [], (), [[]], [["203.0.113.7"], []], [["203.0.113.7"], "203.0.113.7"]]
)
def test_a_name_without_a_list_of_addresses_is_told(found):
    with pytest.raises(ValueError, match=r"hooks\.example"):
        Network({"hooks.example": found}, {})


@pytest.mark.parametrize("key", ["hooks.example", "203.0.113.7:http", "[2001:db8::1", "[2001:db8::1]8443", "203.0.113"])
def test_an_address_that_is_none_is_told(key):
    with pytest.raises(ValueError, match="is no address"):
        Network({}, {key: 1})


def test_an_address_is_the_same_in_every_spelling(server):
    network = Network({"hooks.example": ["2001:DB8:0::7"]}, {"2001:0db8::0007": server, "[2001:db8::8]:8443": server})
    for host, port in (("hooks.example", 80), ("2001:db8::8", 8443)):
        network.open(host, port).close()


def test_every_address_of_a_name_is_tried(server):
    network = Network({"hooks.example": ["203.0.113.9", "203.0.113.7", "203.0.113.9"]}, {"203.0.113.7": server})
    network.open("hooks.example", 80).close()
    assert network.dialled == [("203.0.113.9", 80), ("203.0.113.7", 80)]
