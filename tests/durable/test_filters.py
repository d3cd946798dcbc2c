"""Filters: exact types and a trailing star."""

import pytest

from webhook_tutorial.durable.filters import matches, unknown

KNOWN = ("user_signup", "order_placed", "payment_received")


@pytest.mark.parametrize(
    ("filters", "event_type", "wanted"),
    [
        (["order_placed"], "order_placed", True),
        (["order_placed"], "order_placed_twice", False),
        (["order_placed"], "order", False),
        (["order_*"], "order_placed", True),
        (["order_*"], "order_", True),
        (["order_*"], "order", False),
        (["order_*"], "reorder_placed", False),
        (["*"], "anything", True),
        (["user_signup", "order_*"], "order_placed", True),
        ([], "order_placed", False),
        (["order_placed"], "Order_placed", False),
        (["*_placed"], "order_placed", False),
        (["o*r_*"], "order_placed", False),
        (["order.*"], "order_placed", False),
        (["order_?laced"], "order_placed", False),
    ],
)
def test_a_filter_is_a_type_or_the_beginning_of_some(filters, event_type, wanted):
    assert matches(filters, event_type) is wanted


def test_one_text_is_no_list():
    with pytest.raises(TypeError, match=r"\['order_placed'\]"):
        matches("order_placed", "order_placed")


def test_what_matches_no_known_type_is_unknown():
    assert unknown(["order_*", "user_signup", "*"], KNOWN) == []
    assert unknown(["order_placd", "orders_*", "order_placed", "", "*_placed"], KNOWN) == [
        "order_placd", "orders_*", "", "*_placed",
    ]  # fmt: skip
