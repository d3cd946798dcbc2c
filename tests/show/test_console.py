"""The fault console and the retry explorer: what they show is what a sender and the arithmetic say."""

import re
import time

import pytest
import requests

from webhook_tutorial import (
    Sender,
    SimulatedClock,
    exponential,
    fault_console,
    retry_explorer,
    serve,
    stop_all,
)
from webhook_tutorial.show.fault_console import FAULT_MODES
from webhook_tutorial.simulation import outage

ATTEMPTS = {
    "healthy": ["204"],
    500: ["500"] * 2,
    "slow": ["timed out"] * 2,
    "refuse": ["connection refused"] * 2,
    "drop": ["connection lost"] * 2,
    429: ["429"] * 2,
    410: ["410"],
    302: ["302"],
    "drip": ["timed out"] * 2,
}
STATES = {"healthy": "delivered", 410: "gone", 302: "refused"}
PROCESSED = {"healthy": "processed it once", **dict.fromkeys(("slow", "drop", "drip"), "processed it twice")}


def make_receiver(name="receiver"):
    return serve(lambda environ, start: [start("204 No Content", [])][:0], name=name)


def make_sender():
    return Sender(exponential(10, attempts=2), SimulatedClock(), timeout=0.4, total=0.45)


@pytest.fixture
def receiver():
    return make_receiver()


@pytest.fixture
def console(receiver):
    return fault_console(receiver, make_sender())


# --- The console --------------------------------------------------------------------------------------------


def test_a_new_console_says_that_nothing_was_sent(console):
    assert str(console) == "The receiver is set to: healthy.\nNothing sent yet."
    assert "Nothing sent yet." in console.view.value


@pytest.mark.parametrize("mode", FAULT_MODES)
def test_each_mode_shows_its_attempts(console, mode):
    console.modes.value = mode
    assert console.proxy.mode == mode
    began = time.monotonic()
    console.button.click()
    assert time.monotonic() - began < 10, "it waits on the simulated clock"
    lines = str(console).splitlines()
    state, expected = STATES.get(mode, "given up"), ATTEMPTS[mode]
    tried = [line for line in lines if "Z  " in line]
    assert [line.split("Z  ")[1] for line in tried] == expected
    assert {line[0] for line in tried} == {"✓" if mode == "healthy" else "✗"}
    assert f"evt_0001: {state} after {len(expected)} attempt{'s' * (len(expected) > 1)}." in lines
    assert f"The receiver has {PROCESSED.get(mode, 'not processed it')}." in lines
    assert all(line in console.view.value for line in lines)


def test_every_mode_is_on_a_button_and_only_once(console):
    words, modes = zip(*console.modes.options, strict=True)
    assert modes == FAULT_MODES == tuple(ATTEMPTS) and len(set(words)) == len(words)


def test_the_wait_that_429_asks_for_is_kept(console):
    console.modes.value = 429
    console.send()
    first, second = console.delivery.attempts
    assert second.at - first.at == 90


def test_events_are_numbered_and_go_to_the_path(receiver):
    console = fault_console(receiver, make_sender(), path="/hook")
    console.send()
    console.button.click()
    assert [d.id for d in console.sender.deliveries] == ["evt_0001", "evt_0002"]
    assert "The receiver has processed it once." in str(console), "this event, not all of them"
    assert {exchange.path for exchange in receiver.traffic} == {"/hook"}


def test_after_410_nothing_is_sent_until_another_mode_is_chosen(console):
    console.modes.value = 410
    console.send(), console.send()
    assert "evt_0002: gone after 0 attempts." in str(console) and "is disabled" in str(console)
    console.modes.value = "healthy"
    console.send()
    assert "evt_0003: delivered after 1 attempt." in str(console) and "is disabled" not in str(console)


def test_only_429_asks_to_wait(console):
    for mode, asked in ((500, None), (429, 90), (500, None)):
        console.modes.value = mode
        console.send()
        assert {a.asked_to_wait for a in console.delivery.attempts} == {asked}


def test_showing_it_again_replaces_the_proxy_it_had(receiver, console):
    before = console.proxy
    again = fault_console(receiver, make_sender())
    with pytest.raises(requests.ConnectionError):
        requests.post(before.url, timeout=5)
    again.send()
    assert again.delivery.state == "delivered"


def test_another_receiver_has_a_proxy_of_its_own(console):
    other = fault_console(make_receiver("other"), make_sender())
    other.modes.value = 500
    console.send(), other.send()
    assert (console.delivery.state, other.delivery.state) == ("delivered", "given up")


def test_a_receiver_served_afresh_gets_a_console_that_reaches_it(console):
    afresh = make_receiver()
    again = fault_console(afresh, make_sender())
    again.send()
    assert again.delivery.state == "delivered" and len(afresh.traffic) == 1


def test_after_stop_all_the_console_says_refused_and_does_not_raise(console):
    stop_all()
    console.modes.value = 500
    console.send()
    assert {a.error for a in console.delivery.attempts} == {"connection refused"}


def test_the_console_has_a_plain_twin_and_a_widget(console):
    console.send()
    bundle = console._repr_mimebundle_()
    assert bundle["text/plain"] == str(console) == repr(console)
    assert "application/vnd.jupyter.widget-view+json" in bundle


# --- The explorer -------------------------------------------------------------------------------------------


def crosses(view):
    return view.count("<path d=") - len(re.findall(r" H[\d.]+", view))


@pytest.mark.parametrize("control", ["base", "factor", "cap", "attempts", "jitter", "outage"])
def test_the_explorer_is_drawn_again_at_each_control_and_agrees_with_outage(control):
    explorer = retry_explorer()
    slider = getattr(explorer, control)
    for _, value in slider.options:
        slider.value = value
        policy = exponential(*(c.value for c in explorer.controls[:5]))
        assert explorer.policy == policy
        expected = outage(policy, explorer.outage.value)
        assert explorer.outcome() == expected
        assert f"{expected.lost} of 200 lost." in str(explorer)
        assert f"Requests: {sum(len(row) for row in expected.attempts):,} for" in str(explorer)
        view, rows = explorer.view.value, expected.attempts[::25]
        assert all(f"<div>{line}</div>" in view for line in str(explorer).splitlines())
        assert view.count("<circle") == sum(row[-1] >= explorer.outage.value for row in rows)
        assert crosses(view) == sum(time < explorer.outage.value for row in rows for time in row)
        assert "8 of 200" in view and "8 out of 200 deliveries" in view


def test_every_control_changes_the_picture():
    explorer = retry_explorer()
    for control in explorer.controls:
        before, kept = explorer.view.value, control.value
        control.value = next(v for _, v in control.options[::-1] if v != kept)
        assert explorer.view.value != before or control is explorer.cap, control.description
        control.value = kept
        assert explorer.view.value == before


def test_the_explorer_has_a_plain_twin():
    explorer = retry_explorer()
    assert re.match(r"An outage of 4 h, 200 deliveries sent meanwhile; 8 attempts in 2\.1 h\.", str(explorer))
    assert explorer._repr_mimebundle_()["text/plain"] == str(explorer) == repr(explorer)
    explorer.jitter.value = 1.0
    assert "at most" in str(explorer).splitlines()[0]


def test_the_explorer_tells_how_long_the_receiver_was_back_before_deliveries_arrived():
    explorer = retry_explorer()
    assert str(explorer).splitlines()[1:] == [
        "95 of 200 lost. 105 arrive: half within 16.6 min of the end of the outage, the last after 63.4 min.",
        "Requests: 1,504 for 200 deliveries.",
    ]
    explorer.attempts.value = 1
    assert str(explorer).splitlines()[1:] == ["200 of 200 lost.", "Requests: 200 for 200 deliveries."]


@pytest.mark.parametrize("hours", [0.5, 12])
def test_everything_stays_inside_the_picture(hours):
    explorer = retry_explorer()
    explorer.outage.value = 12 * 3600 if hours == 12 else 600
    xs = [float(x) for x in re.findall(r'(?:cx="|x="|M|H)(-?[\d.]+)', explorer.view.value)]
    assert xs and all(0 <= x <= 760 for x in xs)
