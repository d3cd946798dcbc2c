"""Events: the envelope and its bytes."""

import json
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webhook_tutorial import encode, make_event
from webhook_tutorial.clock import iso

SETTINGS = settings(max_examples=50, deadline=None, derandomize=True, database=None)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=10,
)


def test_an_envelope_has_four_fields():
    event = make_event("order_placed", {"n": 1}, id="evt_1", timestamp=0)
    assert event == {
        "id": "evt_1",
        "event_type": "order_placed",
        "timestamp": "1970-01-01T00:00:00Z",
        "data": {"n": 1},
    }


def test_left_out_id_and_timestamp_are_new_and_now():
    before = iso(time.time())
    one, two = make_event("a", {}), make_event("a", {})
    assert re.fullmatch(r"evt_[0-9a-f]{32}", one["id"]) and one["id"] != two["id"]
    assert before <= one["timestamp"] <= iso(time.time())


def test_a_timestamp_may_be_text():
    assert make_event("a", {}, timestamp="2026-01-01T00:00:00Z")["timestamp"] == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize("event_type", ["", None, 5, {"event_type": "a"}])
def test_an_event_type_is_a_text(event_type):
    with pytest.raises(ValueError, match="event_type must be a text"):
        make_event(event_type, {})


def test_the_bytes_are_compact_sorted_utf8():
    assert encode({"b": "é", "a": [1, None]}) == '{"a":[1,null],"b":"é"}'.encode()


@given(JSON)
@SETTINGS
def test_what_is_encoded_comes_back(value):
    assert json.loads(encode(value)) == value


def nested(depth, inner=0):
    for number in range(depth):
        inner = [inner] if number % 2 else {"in": inner}
    return inner


def test_what_could_not_be_read_again_is_refused():
    assert json.loads(encode(nested(100))) == nested(100)
    assert json.loads(encode([[]] * 1000)) == [[]] * 1000
    itself = []
    itself.append(itself)
    for value in (nested(101), nested(990), nested(100_000), {"a": 1, "b": [1, nested(100)]}, itself):
        with pytest.raises(ValueError):
            encode(value)


@given(st.dictionaries(TEXT, st.integers() | TEXT))
@SETTINGS
def test_equal_events_have_equal_bytes(data):
    backwards = dict(reversed(data.items()))
    assert encode(data) == encode(backwards)
    assert b"\n" not in encode(data)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_what_json_does_not_have_is_refused(number):
    with pytest.raises(ValueError):
        encode(make_event("a", {"amount": [number]}))


def test_what_json_cannot_hold_is_refused():
    with pytest.raises(TypeError):
        encode(make_event("a", {1, 2}))
