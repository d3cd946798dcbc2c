"""What lesson 08 writes by hand does what the package does: layers, blocks, a checked connection, a bound."""

import inspect
import itertools
import types
from contextlib import suppress
from ipaddress import ip_address
from urllib.parse import urlsplit

import pytest
import requests
from cells import define
from flask import Flask

from webhook_tutorial import Adapter, Blocked, Guard, Network, guarded_session, make_session, serve, why_not_public
from webhook_tutorial.delivery.egress import ANSWER_BYTES
from webhook_tutorial.exercises.lesson_08 import HOLES, holes_left

LAYERS = {
    "no_guard": 10,
    "form": 9,
    "bad_names": 8,
    "first_address": 6,
    "all_addresses": 3,
    "no_redirects": 2,
    "when_connecting": 0,
    "guarded": 0,
}

ADDRESSES = [
    *("10.0.0.5", "127.0.0.1", "0.0.0.0", "169.254.169.254", "172.16.0.1", "192.168.0.1", "100.64.0.1", "224.0.0.1"),
    *("::1", "::", "fd00::1", "fe80::1", "ff02::1"),
    *("8.8.8.8", "1.1.1.1", "172.32.0.1", "2606:4700:4700::1111"),
]


@pytest.fixture
def lesson():
    """The lesson's attacks and layers, with servers of its own."""
    names = define(
        "08",
        {"requests": requests},
        'metadata_app = Flask("metadata")',
        'attacker_app = Flask("attacker")',
        "def internet():\n    names =",
        "def post(url, body, connect",
        "INSIDE = ",
        "def internet():\n    inside",
        "ATTACKS = {",
        "def gets_in(send, url)",
        "def no_guard(",
        "def check_form(",
        "def bad_names(",
        "BLOCKS = [",
        "def first_address(",
        "from webhook_tutorial import why_not_public",
        "LAB = [",
        "def all_addresses(",
        "def no_redirects(",
        "def checked(network)",
        "def guarded(",
    )
    yield types.SimpleNamespace(**names)
    for server in ("metadata", "attacker"):
        names[server].stop()


@pytest.mark.parametrize(("layer", "count"), LAYERS.items())
def test_each_layer_is_passed_by_as_many_attacks_as_the_lesson_says(layer, count, lesson):
    assert sum(lesson.gets_in(getattr(lesson, layer), url) for url in lesson.ATTACKS.values()) == count


def test_the_layers_let_the_internet_through(lesson):
    for layer in LAYERS:
        assert getattr(lesson, layer)("http://hooks.example/secret", lesson.internet()).text == "nothing here", layer


@pytest.mark.parametrize("address", ADDRESSES)
def test_the_blocks_agree_with_the_table(address, lesson):
    blocked = False
    try:
        lesson.must_be_outside(address)
    except Blocked:
        blocked = True
    assert blocked == bool(why_not_public(address))


@pytest.mark.parametrize(
    "addresses", [["203.0.113.7"], ["169.254.169.254"], ["203.0.113.7", "10.0.0.5"], ["::ffff:203.0.113.7"]]
)
def test_the_checked_connection_dials_what_the_guard_dials(addresses, lesson):
    def dialled(by_hand):
        network = Network({"one.example": addresses}, {"203.0.113.7": lesson.attacker})
        if by_hand:
            session = requests.Session()
            session.trust_env = False
            session.mount("http://", Adapter(lesson.checked(network)))
        else:
            session = guarded_session(Guard(network.resolve, network.connect, also_public=lesson.LAB))
        with session, suppress(Blocked, requests.RequestException):
            session.post("http://one.example/secret", timeout=2)
        return [(address.removeprefix("::ffff:"), port) for address, port in network.dialled]

    assert dialled(by_hand=True) == dialled(by_hand=False)


def test_the_bound_is_the_packages():
    names = define("08", {"requests": requests}, "MOST = ")
    app = Flask("long")
    app.post("/")(lambda: bytes(2 * ANSWER_BYTES))
    with serve(app) as server:
        status, body = names["post_bounded"](server.url + "/")
        with make_session() as session:
            ours = session.post(server.url + "/", timeout=2)
    assert names["MOST"] == ANSWER_BYTES and (status, len(body)) == (200, ANSWER_BYTES)
    assert ours.status_code == 200 and len(ours.content) <= ANSWER_BYTES


def colleagues_guard(port, reader, others, private, rebinding):
    """The guard of the bug hunt, as source, with some of its holes closed; with none, it is the lesson's own."""
    refused = 'not url.startswith("http")'
    if port:
        refused = 'urlsplit(url).scheme not in ("http", "https") or urlsplit(url).port not in (None, 80, 443)'
    if reader:
        refused += ' or "\\\\" in url'
    found = "found" if rebinding else "resolve(host)"
    is_inner = "why_not_public({})" if private else "ip_address({}).is_private"
    checked = f"any({is_inner.format('one')} for one in {found})" if others else is_inner.format(f"{found}[0]")
    lines = [
        "def allowed(url, resolve):",
        "    host = urlsplit(url).hostname",
        f'    if {refused} or host == "localhost":',
        '        raise Blocked("host", "Not allowed.")',
        *(["    found = resolve(host)"] if rebinding else []),
        f"    if {checked}:",
        '        raise Blocked("address", "Not allowed.")',
        f"    return {found}",
    ]
    return "\n".join(lines)


def test_the_colleagues_guard_is_the_one_that_is_tested():
    names = {"urlsplit": urlsplit, "Blocked": Blocked, "ip_address": ip_address}
    allowed = define("08", names, "def allowed(url, resolve)")["allowed"]
    assert inspect.getsource(allowed).strip() == colleagues_guard(*[False] * 5)


@pytest.mark.parametrize("closed", [*itertools.product((False, True), repeat=5)])
def test_the_bug_hunt_finds_exactly_the_holes_that_are_left(closed):
    names = {"urlsplit": urlsplit, "Blocked": Blocked, "ip_address": ip_address, "why_not_public": why_not_public}
    exec(colleagues_guard(*closed), names)
    assert holes_left(names["allowed"]) == [name for name, done in zip(HOLES, closed, strict=True) if not done]
