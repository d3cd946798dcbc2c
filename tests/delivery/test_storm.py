"""outage() and retry_storm(): the arithmetic against the same, one delivery after the other."""

from collections import Counter
from statistics import mean, median

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webhook_tutorial import Policy, exponential, retry_storm
from webhook_tutorial.delivery import STANDARD_WEBHOOKS_SCHEDULE, SVIX_SCHEDULE
from webhook_tutorial.simulation import outage

SETTINGS = settings(max_examples=80, deadline=None, derandomize=True, database=None)

delays = st.lists(st.integers(0, 40), max_size=6)
quarters = st.integers(0, 400).map(lambda n: n / 4)


# --- outage() -----------------------------------------------------------------------------------------------


def outage_one_by_one(policy, seconds, deliveries, chances):
    """Each delivery by itself: try, wait, try, until the outage is over or the delays are used up."""
    rows, after = [], []
    for n in range(deliveries):
        now = n * seconds / deliveries
        row = [now]
        for delay, chance in zip(policy.delays, chances[n], strict=True):
            if now >= seconds:
                break
            now += delay * (1 - policy.jitter * chance)
            row.append(now)
        rows.append(row)
        if now >= seconds:
            after.append(now - seconds)
    return deliveries - len(after), median(after or [0]), max(after, default=0), rows


@given(
    delays=st.lists(quarters, max_size=6),
    jitter=st.sampled_from([0.0, 0.25, 1.0]),
    seconds=st.integers(1, 200),
    deliveries=st.integers(1, 12),
    seed=st.integers(0, 5),
)
@SETTINGS
def test_an_outage_agrees_with_deliveries_one_by_one(delays, jitter, seconds, deliveries, seed):
    policy = Policy(delays, jitter)
    chances = np.random.default_rng(seed).random((deliveries, len(delays)))
    lost, middle, worst, rows = outage_one_by_one(policy, seconds, deliveries, chances)
    outcome = outage(policy, seconds, deliveries, seed=seed)
    assert outcome.lost == lost and len(outcome.attempts) == deliveries
    for mine, theirs in zip(outcome.attempts, rows, strict=True):
        assert mine == pytest.approx(theirs, abs=1e-6)
    assert (outcome.median, outcome.worst) == pytest.approx((middle, worst), abs=1e-6)


def test_an_outage_by_hand():
    outcome = outage(Policy((10, 20)), 60, deliveries=3)
    assert outcome.attempts == ((0, 10, 30), (20, 30, 50), (40, 50, 70))
    assert (outcome.lost, outcome.median, outcome.worst) == (2, 10, 10)


def test_without_retries_all_of_an_outage_is_lost():
    outcome = outage(Policy(()), 100, deliveries=10)
    assert (outcome.lost, outcome.median, outcome.worst) == (10, 0, 0)


def test_which_schedule_survives_thirty_hours():
    assert outage(SVIX_SCHEDULE, 30 * 3600).lost == 17  # those of the first 2.4 hours, of which there are 16.1 in 200
    assert outage(STANDARD_WEBHOOKS_SCHEDULE, 30 * 3600).lost == 0
    assert outage(exponential(60, factor=1, attempts=10), 30 * 3600).lost >= 198


def test_the_seed_of_an_outage_decides():
    policy = exponential(60, attempts=8, jitter=1.0)
    assert outage(policy, 3600, seed=5) == outage(policy, 3600, seed=5) != outage(policy, 3600, seed=6)


@pytest.mark.parametrize("arguments", [(0,), (-1,), (float("nan"),), (60, 0), (60, -5)])
def test_an_outage_has_bounds(arguments):
    with pytest.raises(ValueError, match="An outage lasts more than 0 seconds"):
        outage(Policy((1,)), *arguments)


# --- retry_storm() ------------------------------------------------------------------------------------------


def storm_one_by_one(deliveries, policy, *, outage, within, capacity, restart, seed):
    """The same with each delivery on its own: a list of who is due in each second, served in an order by lot."""
    random = np.random.default_rng(seed)
    due = {}
    for second in random.integers(0, within, deliveries).tolist():
        due.setdefault(second, []).append(0)  # how many delays it has used up
    load, delivered, lost, crashes, down_until = Counter(), 0, 0, [], outage
    while due:
        second = min(due)
        here = due.pop(second)
        load[second] = len(here)
        if second >= down_until:
            random.shuffle(here)
            delivered += len(here[:capacity])
            if len(here) > capacity:
                crashes.append(second)
                down_until = second + 1 + restart
            here = here[capacity:]
        for used in here:
            if used == len(policy.delays):
                lost += 1
                continue
            delay = max(1, int(np.ceil(policy.delays[used])))
            shortest = max(1, int(delay * (1 - policy.jitter)))
            due.setdefault(second + int(random.integers(shortest, delay + 1)), []).append(used + 1)
    return load, delivered, lost, tuple(crashes)


small = {
    "deliveries": st.integers(1, 60),
    "outage": st.integers(0, 60),
    "capacity": st.integers(1, 40),
    "restart": st.integers(0, 20),
    "seed": st.integers(0, 3),
}


def seconds_of(storm):
    return {int(second): int(storm.load[second]) for second in np.flatnonzero(storm.load)}


@given(delays=delays, **small)
@SETTINGS
def test_one_wave_agrees_with_deliveries_one_by_one(delays, **numbers):
    """Without jitter and begun in one second all stay together, so chance has no say."""
    policy = Policy(delays)
    storm = retry_storm(policy=policy, within=1, **numbers)
    load, delivered, lost, crashes = storm_one_by_one(policy=policy, within=1, **numbers)
    assert seconds_of(storm) == load
    assert (storm.delivered, storm.lost, storm.crashes) == (delivered, lost, crashes)
    assert storm.over == max(load)


@given(delays=delays, within=st.integers(1, 20), **(small | {"capacity": st.integers(60, 99)}))
@SETTINGS
def test_a_receiver_that_copes_agrees_too(delays, within, **numbers):
    policy = Policy(delays)
    storm = retry_storm(policy=policy, within=within, **numbers)
    load, delivered, lost, crashes = storm_one_by_one(policy=policy, within=within, **numbers)
    assert (seconds_of(storm), storm.delivered, storm.lost, storm.crashes) == (dict(load), delivered, lost, ())
    assert crashes == ()


@pytest.mark.parametrize("jitter", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("capacity", [3, 12])
def test_with_chance_it_agrees_on_average(jitter, capacity):
    policy = exponential(4, cap=20, attempts=5, jitter=jitter)
    numbers = {"outage": 10, "within": 3, "capacity": capacity, "restart": 2}
    ours = [retry_storm(60, policy, seed=seed, **numbers) for seed in range(120)]
    theirs = [storm_one_by_one(60, policy, seed=seed, **numbers) for seed in range(120)]
    assert mean(s.delivered for s in ours) == pytest.approx(mean(t[1] for t in theirs), rel=0.08, abs=0.8)
    assert mean(len(s.crashes) for s in ours) == pytest.approx(mean(len(t[3]) for t in theirs), rel=0.08, abs=0.2)
    assert mean(s.load.sum() for s in ours) == pytest.approx(mean(t[0].total() for t in theirs), rel=0.03)
    for second in range(0, 40, 3):
        mine, other = (mean(int(s.load[second]) for s in ours), mean(t[0][second] for t in theirs))
        assert mine == pytest.approx(other, rel=0.3, abs=1.2)


@given(
    delays=delays,
    jitter=st.floats(0, 1),
    within=st.integers(1, 20),
    **(small | {"deliveries": st.integers(1, 3000)}),
)
@SETTINGS
def test_none_vanishes_and_none_is_served_beyond_the_capacity(delays, jitter, within, deliveries, **numbers):
    storm = retry_storm(deliveries, Policy(delays, jitter), within=within, **numbers)
    assert storm.delivered + storm.lost == deliveries
    assert deliveries <= storm.load.sum() <= deliveries * (len(delays) + 1)
    assert storm.over == np.flatnonzero(storm.load)[-1] < within + sum(max(1, d) for d in delays)
    assert all(storm.load[second] > numbers["capacity"] for second in storm.crashes)
    ends = [numbers["outage"], *(crash + 1 + numbers["restart"] for crash in storm.crashes)]
    assert all(end <= crash for end, crash in zip(ends, storm.crashes, strict=False))
    up = [s for s in np.flatnonzero(storm.load) if s >= numbers["outage"]]
    assert storm.delivered <= numbers["capacity"] * len(up)


def test_the_lessons_setting_loses_nearly_all_without_jitter_and_nearly_none_with_it():
    plain, spread = (retry_storm(1_000_000, exponential(60, cap=3600, attempts=9, jitter=j)) for j in (0.0, 1.0))
    assert plain.lost == 988_000 and spread.lost < 100
    assert [second // 60 for second in plain.crashes] == [7, 15, 31, 63, 123, 183]  # every wave after the outage
    assert [second // 60 for second in spread.crashes] == [5, 6, 7, 8, 9, 10, 11]  # one more, and then no other
    assert plain.delivered + plain.lost == spread.delivered + spread.lost == 1_000_000
    assert plain.load[:10].sum() == 1_000_000
    assert plain.load.max() == pytest.approx(100_000, rel=0.02)


def test_the_seed_of_a_storm_decides():
    def storm(seed):
        found = retry_storm(5000, exponential(10, attempts=6, jitter=1.0), outage=20, capacity=100, seed=seed)
        return found.load.tolist(), *found[1:]

    assert storm(5) == storm(5) != storm(6)


def test_a_storm_by_hand():
    storm = retry_storm(100, Policy((10, 10)), outage=5, within=1, capacity=60, restart=30)
    assert seconds_of(storm) == {0: 100, 10: 100, 20: 40}
    assert (storm.delivered, storm.lost, storm.crashes, storm.over) == (60, 40, (10,), 20)
    assert type(storm.delivered) is int and type(storm.over) is int


def test_a_fraction_of_a_second_counts_as_a_whole_one():
    storm = retry_storm(1, Policy((0.2, 0, 1.5)), outage=100, within=1)
    assert seconds_of(storm) == {0: 1, 1: 1, 2: 1, 4: 1}


@pytest.mark.parametrize(
    "arguments", [{"deliveries": 0}, {"within": 0}, {"capacity": 0}, {"outage": -1}, {"restart": -1}]
)
def test_a_storm_has_bounds(arguments):
    with pytest.raises(ValueError, match="are 1 or more, outage and restart 0 or more"):
        retry_storm(**({"deliveries": 1, "policy": Policy((1,))} | arguments))
