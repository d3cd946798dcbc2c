"""The alerts: over a hundred months, what each finds, how soon, and how often it rings for nothing."""

import numpy as np
import pytest

from webhook_tutorial.operations.alerts import RULES, AnyFailure, BurnRate, NoHeartbeat, Overdue, Quiet, Record, alerts
from webhook_tutorial.simulation import FAULTS, MINUTES_OF_A_MONTH, traffic_month

#: The rules' numbers were chosen before these were looked at, and stayed.
MONTHS = range(100, 200)
LASTS = 120


def record(**arrays):
    length = len(next(iter(arrays.values())))
    nothing = {name: np.zeros(length) for name in ("attempts", "failed", "overdue", "heartbeat")}
    return Record(**nothing | {name: np.asarray(values) for name, values in arrays.items()})


def judged(rule, fault):
    """Of a hundred months: after how many minutes the fault was found, and how many alerts there were besides."""
    found, besides = [], []
    for seed in MONTHS:
        arrays, at = traffic_month(seed, fault, minutes=LASTS)
        rings = alerts(rule, Record(**arrays))
        during = [minute - at for minute in rings if at is not None and at <= minute < at + LASTS]
        found += during[:1]
        besides.append(len(rings) - len(during))
    return found, besides


def test_the_silent_failures_are_found_within_ten_minutes_each_time():
    for fault in ("relay stops", "nothing published"):
        found, besides = judged(NoHeartbeat(), fault)
        assert len(found) == len(MONTHS) and max(found) <= 10 and max(besides) <= 1, fault


def test_without_the_heartbeat_nobody_notices_that_nothing_is_published():
    for rule in (BurnRate(), Overdue()):
        found, _ = judged(rule, "nothing published")
        assert len(found) <= 1, rule.name  # one trouble in a hundred months falls just into it


def test_a_relay_that_stops_is_seen_by_what_is_overdue():
    found, besides = judged(Overdue(), "relay stops")
    assert len(found) == len(MONTHS) and max(besides) == 0
    assert np.median(found) <= 10  # at night it takes until an event comes


def test_the_rules_together_ring_for_nothing_at_most_once_a_month():
    besides = sum(np.array(judged(rule, None)[1]) for rule in RULES)
    assert besides.max() <= 1


def test_a_blip_wakes_nobody():
    for rule in RULES:
        found, besides = judged(rule, "blip")
        assert found == [] and max(besides) <= 1


def test_alerts_on_causes_ring_all_day():
    for rule in (AnyFailure(), Quiet()):
        assert min(judged(rule, None)[1]) > 50, rule.name


def test_a_burn_rate_needs_both_windows_and_enough_attempts():
    minutes = np.arange(300)
    busy = np.full(300, 10)
    for failed, rings in (
        (np.where((minutes >= 100) & (minutes < 160), 5, 0), True),
        (np.where(minutes == 100, 10, 0), False),  # one bad minute is not a tenth of an hour
        (np.zeros(300), False),
    ):
        assert bool(BurnRate().rings(record(attempts=busy, failed=failed)).any()) is rings
    few = record(attempts=np.where(minutes == 100, 2, 0), failed=np.where(minutes == 100, 1, 0))
    assert not BurnRate().rings(few).any()
    assert BurnRate(least=1).rings(few).any()


def test_it_stops_ringing_soon_after_the_fault():
    minutes = np.arange(300)
    rings = BurnRate().rings(
        record(attempts=np.full(300, 10), failed=np.where((minutes >= 100) & (minutes < 160), 5, 0))
    )
    assert rings[159] and not rings[165:].any()


@pytest.mark.parametrize(
    ("minutes", "begins"),
    [([], []), ([0], [0]), ([5, 6, 7], [5]), ([5, 35], [5]), ([5, 36], [5, 36]), ([0, 20, 40, 200], [0, 200])],
)
def test_ringing_again_soon_is_no_new_alert(minutes, begins):
    overdue = np.zeros(300)
    overdue[minutes] = 1000
    assert alerts(Overdue(), record(overdue=overdue)) == begins


def test_a_month_is_the_same_each_time_and_its_faults_are_where_they_were_put():
    for fault in (None, *FAULTS):
        one, two = traffic_month(7, fault), traffic_month(7, fault)
        assert all(np.array_equal(one[0][name], two[0][name]) for name in one[0]) and one[1] == two[1]
        assert {len(array) for array in one[0].values()} == {MINUTES_OF_A_MONTH}
    arrays, at = traffic_month(7, "relay stops", at=20_000)
    assert at == 20_000 and arrays["attempts"][20_000:20_120].sum() == 0 < arrays["attempts"][19_000:20_000].sum()
    with pytest.raises(ValueError, match="There is no fault 'fire'"):
        traffic_month(7, "fire")


def test_a_record_that_is_none_is_told():
    with pytest.raises(ValueError, match="of one length"):
        record(attempts=np.zeros(5), failed=np.zeros(4))
    for name in ("attempts", "failed"):
        with pytest.raises(ValueError, match="nothing was measured"):
            record(**{name: np.array([1.0, np.nan])})
    for gap in (-1, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="The gap is a number of minutes"):
            alerts(Overdue(), record(overdue=np.zeros(5)), gap)


def test_not_to_know_rings():
    unknown = np.full(5, np.nan)
    assert alerts(NoHeartbeat(), record(heartbeat=unknown)) == alerts(Overdue(), record(overdue=unknown)) == [0]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(("at", "minutes"), [(-5, 120), (MINUTES_OF_A_MONTH - 119, 120), (0, 0), (0, -5), (0, 43_200)])
def test_a_fault_outside_of_the_month_is_told(fault, at, minutes):
    with pytest.raises(ValueError, match="within the 43,200 minutes"):
        traffic_month(1, fault, at, minutes)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_may_end_with_the_month(fault):
    arrays, at = traffic_month(1, fault, MINUTES_OF_A_MONTH - 120)
    assert at == MINUTES_OF_A_MONTH - 120 and all(len(array) == MINUTES_OF_A_MONTH for array in arrays.values())
