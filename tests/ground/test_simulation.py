"""What polling costs: the arithmetic against a simulation step by step, and against theory."""

from fractions import Fraction
from statistics import median

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from webhook_tutorial import polling_cost, polling_cost_at_scale

SETTINGS = settings(deadline=None, derandomize=True, database=None)


def poll_step_by_step(events, every, duration):
    """The same by doing it: one poll after the other, each seeing what has happened since the one before."""
    unseen, staleness, requests, wasted, now = sorted(events), [], 0, 0, 0
    while now < duration:
        now += every
        requests += 1
        new = [e for e in unseen if e <= now]
        unseen = unseen[len(new) :]
        wasted += not new
        staleness += [now - e for e in new]
    assert not unseen
    return requests, wasted, float(median(staleness or [0])), float(max(staleness or [0]))


@st.composite
def cases(draw):
    duration = draw(st.integers(1, 500))
    return draw(st.lists(st.integers(0, duration), max_size=30)), draw(st.integers(1, 600)), duration


@given(cases())
@example(([0], 60, 60))
@example(([60], 60, 60))
@example(([60, 61, 120], 60, 121))
@example(([], 60, 60))
@SETTINGS
def test_it_agrees_with_polling_step_by_step(case):
    assert tuple(polling_cost(*case)) == poll_step_by_step(*case)


@given(cases())
@SETTINGS
def test_moments_between_seconds_agree_too(case):
    events, every, duration = case
    quarters = [Fraction(e, 4) for e in events], Fraction(every, 4), Fraction(duration, 4)
    assert tuple(polling_cost(*map(float_all, quarters))) == poll_step_by_step(*quarters)


def float_all(x):
    return [float(e) for e in x] if isinstance(x, list) else float(x)


def test_a_case_by_hand():
    cost = polling_cost([10, 20, 70], every=60, duration=180)
    assert cost == (3, 1, 50.0, 50.0)
    assert cost._fields == ("requests", "wasted", "median", "worst")
    assert type(cost.requests) is int and type(cost.median) is float


def test_no_event_wastes_every_request():
    assert polling_cost([], 60, 3600) == (60, 60, 0.0, 0.0)


@pytest.mark.parametrize("every", [0, -1, float("nan")])
def test_an_interval_must_be_above_zero(every):
    with pytest.raises(ValueError, match="interval must be above 0"):
        polling_cost([1], every, 10)


@pytest.mark.parametrize("events", [[-1], [11], [5, 10.5], [float("nan")]])
def test_an_event_outside_the_time_polled_is_refused(events):
    with pytest.raises(ValueError, match="Every event must lie from 0 to 10"):
        polling_cost(events, 5, 10)


def test_an_event_at_the_start_of_no_time_at_all_is_not_less_than_no_waste():
    try:
        cost = polling_cost([0], 60, 0)
    except ValueError:
        return  # refusing it is fine
    assert cost.wasted >= 0 and cost.requests >= 1


@pytest.mark.parametrize("every", [30, 60, 600])
def test_at_scale_it_is_what_theory_says(every):
    cost = polling_cost_at_scale(20_000, every, events_per_day=10, hours=1)
    assert cost.requests == 20_000 * 3600 / every
    events = 20_000 * 10 / 24
    assert 0.9 * events < cost.requests - cost.wasted < 1.1 * events
    assert 0.45 * every < cost.median < 0.55 * every
    assert 0.95 * every < cost.worst <= every


def test_at_scale_the_seed_decides():
    same = [polling_cost_at_scale(1000, 60, 10, seed=5) for _ in range(2)]
    assert same[0] == same[1] != polling_cost_at_scale(1000, 60, 10, seed=6)


def test_at_scale_several_events_of_one_poll_need_one_request():
    cost = polling_cost_at_scale(10, 3600, events_per_day=240_000)
    assert (cost.requests, cost.wasted) == (10, 0)


def test_at_scale_without_events_all_is_wasted():
    assert polling_cost_at_scale(100, 60, 0) == (6000, 6000, 0.0, 0.0)


@pytest.mark.parametrize("every", [0, -1])
def test_at_scale_an_interval_must_be_above_zero_too(every):
    with pytest.raises(ValueError, match="above 0"):
        polling_cost_at_scale(100, every, 10)
