"""What lesson 07 writes by hand does what the package does: the filters, and the challenge."""

import itertools

import pytest
import requests
from cells import define
from flask import Flask, request

from webhook_tutorial import Echo, matches, serve
from webhook_tutorial.delivery import make_session
from webhook_tutorial.durable.challenge import ChallengeFailed
from webhook_tutorial.scenes.shop import EVENT_TYPES

FILTERS = [
    "*",
    "order_*",
    "order",
    "order*",
    "_*",
    "",
    "**",
    "user_signup",
    "payment_received*",
    "Order_*",
    "my_order_placed",
]


def test_the_filters_agree_with_the_packages():
    by_hand = define("07", {}, "def matches(filters")["matches"]
    assert not by_hand([], "order_placed") and not matches([], "order_placed")
    for filters in itertools.combinations(FILTERS, 2):
        for event_type in EVENT_TYPES:
            assert by_hand(filters, event_type) == matches(filters, event_type), (filters, event_type)


@pytest.mark.parametrize(
    ("answer", "proves"),
    [
        (lambda challenge: challenge, True),
        (lambda challenge: "welcome", False),
        (lambda challenge: ("", 204), False),
        (lambda challenge: (challenge, 403), False),
        (lambda challenge: ("", 307, {"Location": "/another"}), False),
        (lambda challenge: request.get_data(), False),  # what mirrors everything has not understood anything
        (lambda challenge: challenge[:-1], False),
    ],
)
def test_the_challenge_agrees_with_echo(answer, proves):
    app = Flask("endpoint")
    app.post("/webhook")(lambda: answer(request.get_json()["challenge"]))
    app.post("/another", endpoint="another")(lambda: request.get_json()["challenge"])
    wants_this = define("07", {"requests": requests}, "def wants_this")["wants_this"]
    with serve(app) as endpoint:
        url = endpoint.url + "/webhook"
        assert wants_this(url) == proves
        try:
            Echo().prove(url, make_session(), "c41a9b")
        except ChallengeFailed:
            assert not proves
        else:
            assert proves
    assert not wants_this(url), "nobody listens"
