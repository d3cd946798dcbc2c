"""The bad afternoon: the same each time, and what its log and its metrics have lost is what they say."""

from collections import Counter

import pytest

from webhook_tutorial import Afternoon
from webhook_tutorial.scenes.afternoon import ENDPOINTS


@pytest.fixture(scope="module")
def afternoon():
    return Afternoon()


def test_it_is_the_same_each_time(afternoon):
    again = Afternoon()
    assert again.log == afternoon.log and [*again.metrics] == ["13:00", "14:00", "15:00", "16:00", "17:00", "18:00"]
    for hour, text in again.metrics.items():  # but for what was measured in real time
        assert _counted(text) == _counted(afternoon.metrics[hour])


def _counted(text):
    return [line for line in text.splitlines() if "_seconds" not in line]


def test_what_failed_with_401_is_lost_and_one_event_was_refused(afternoon):
    dead = Counter(
        (d.url.split("//")[1].partition(".")[0], d.state, d.attempts[-1].status) for d in afternoon.sender.dead
    )
    assert dead == {("crm", "given up", 401): 19, ("reports", "given up", 401): 19, ("billing", "refused", 400): 1}
    assert [d.state for d in afternoon.sender.deliveries if d not in afternoon.sender.dead] == ["delivered"] * 161


def test_each_suspect_has_left_a_trace_and_only_one_has_lost_events(afternoon):
    attempts = [line for line in afternoon.log if line["event"] == "attempt"]
    failed = Counter((line["endpoint"].partition(".")[0], line.get("status", line.get("error"))) for line in attempts)
    assert failed["warehouse", 503] > 5 and failed["mail", "timed out"] > 3 and failed["billing", 400] == 1
    assert all(failed[name, "connection lost"] >= 2 for name in ENDPOINTS)
    arrived = {(line["endpoint"], line["delivery"]) for line in attempts if line.get("status") == 204}
    for line in attempts:
        if line.get("status", line.get("error")) in (503, "timed out", "connection lost"):
            name = line["endpoint"].partition(".")[0]
            assert (line["endpoint"], line["delivery"]) in arrived or name in ("crm", "reports")


def test_the_log_holds_the_dead_letters(afternoon):
    letters = [(line["delivery"], line["endpoint"]) for line in afternoon.log if line["event"] == "dead letter"]
    assert Counter(letters) == Counter((d.id, d.url.split("/")[2]) for d in afternoon.sender.dead)


def test_the_metrics_tell_when_it_began(afternoon):
    def refused(hour):
        lines = [line for line in afternoon.metrics[hour].splitlines() if 'answer="4xx"' in line and "crm" in line]
        return float(lines[0].split()[-1])

    assert [refused(hour) for hour in ("13:00", "14:00")] == [0, 0] and refused("15:00") > 0
    assert refused("18:00") == refused("17:00")
