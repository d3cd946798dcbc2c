"""Clocks: the simulated one moves only when told, and does on the way what was planned."""

import functools
import itertools
import linecache
import sys
import threading
import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webhook_tutorial import SimulatedClock, SystemClock
from webhook_tutorial.clock import START, iso

SETTINGS = settings(deadline=None, derandomize=True, database=None)


def test_times_are_written_as_rfc_3339_in_utc():
    assert iso(START) == "2026-01-05T09:00:00Z"
    assert iso(0.999) == "1970-01-01T00:00:00Z"


def test_the_system_clock_shows_the_computers_time():
    before = time.time()
    assert before <= SystemClock().now() <= time.time()


def test_the_system_clock_waits_in_real_time():
    before = time.monotonic()
    SystemClock().sleep(0.05)
    assert time.monotonic() - before >= 0.04


def test_a_simulated_clock_moves_at_once_and_only_when_told():
    clock = SimulatedClock()
    assert clock.now() == START == clock.now()
    clock.sleep(86_400)
    assert clock.now() == START + 86_400
    assert repr(clock) == "<SimulatedClock 2026-01-06T09:00:00Z>"
    assert SimulatedClock(start=5).now() == 5.0


def test_a_clock_cannot_be_moved_back():
    clock = SimulatedClock()
    with pytest.raises(ValueError, match="0 or more, not -1"):
        clock.sleep(-1)
    assert clock.now() == START


def test_nothing_can_be_planned_for_the_past():
    clock = SimulatedClock(start=100)
    with pytest.raises(ValueError, match="is in the past: the clock shows 1970-01-01T00:01:40Z"):
        clock.call_at(99, print)


@given(st.lists(st.integers(0, 50)), st.lists(st.integers(0, 20)))
@SETTINGS
def test_what_is_planned_happens_at_its_time_in_order(moments, naps):
    clock, done = SimulatedClock(start=0), []
    for n, moment in enumerate(moments):
        clock.call_at(moment, lambda n=n, moment=moment: done.append((clock.now(), moment, n)))
    for nap in naps:
        before = len(done)
        clock.sleep(nap)
        assert all(moment > clock.now() - nap - 1 for _, moment, _ in done[before:])
    assert clock.now() == sum(naps)
    assert [(moment, n) for _, moment, n in done] == sorted(
        (moment, n) for n, moment in enumerate(moments) if moment <= sum(naps) and (naps or moment < 0)
    )
    assert all(now == moment for now, moment, _ in done)


def test_what_is_planned_for_the_very_end_of_a_nap_happens_in_it():
    clock, done = SimulatedClock(start=0), []
    clock.call_at(10, lambda: done.append(clock.now()))
    clock.sleep(9)
    assert done == []
    clock.sleep(1)
    assert done == [10]


def test_an_action_may_plan_another_for_the_same_nap():
    clock, done = SimulatedClock(start=0), []
    clock.call_at(1, lambda: clock.call_at(2, lambda: done.append(clock.now())))
    clock.sleep(3)
    assert done == [2] and clock.now() == 3


def test_an_action_that_sleeps_itself_never_moves_the_clock_back():
    clock, seen = SimulatedClock(start=0), []
    clock.call_at(5, lambda: clock.sleep(60))
    clock.call_at(7, lambda: seen.append(clock.now()))
    clock.sleep(10)
    assert seen == [7]
    assert clock.now() == 65


def test_an_action_that_raises_leaves_the_clock_at_its_time_and_the_rest_planned():
    clock, done = SimulatedClock(start=0), []
    clock.call_at(5, lambda: 1 / 0)
    clock.call_at(6, lambda: done.append(clock.now()))
    with pytest.raises(ZeroDivisionError):
        clock.sleep(10)
    assert clock.now() == 5
    clock.sleep(1)
    assert done == [6]


def test_another_thread_may_read_the_clock_while_an_action_runs():
    clock, read = SimulatedClock(start=0), []

    def action():
        thread = threading.Thread(target=lambda: read.append(clock.now()), daemon=True)
        thread.start()
        thread.join(5)

    clock.call_at(5, action)
    clock.sleep(10)
    assert read == [5]


def test_a_handler_may_plan_something_while_the_clock_waits_for_its_answer():
    clock, done, waited = SimulatedClock(start=0), [], []

    def plan():
        with suppress(ValueError):  # when it waited until the clock had passed
            clock.call_at(8, lambda: done.append(clock.now()))

    def action():  # as when an order is pushed and the receiver's thread plans a retry
        thread = threading.Thread(target=plan, daemon=True)
        thread.start()
        thread.join(2)
        waited.append(thread.is_alive())

    clock.call_at(5, action)
    clock.sleep(10)
    assert waited == [False] and done == [8]


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
def test_a_clock_moves_on_by_a_number_of_seconds_or_not_at_all(seconds):
    clock, done = SimulatedClock(start=0), []
    clock.call_at(10, lambda: done.append(10))
    with pytest.raises(ValueError, match="moved on by a number of seconds, 0 or more"):
        clock.sleep(seconds)
    assert (clock.now(), done) == (0, [])


@pytest.mark.parametrize("when", [float("nan"), float("inf")])
def test_nothing_can_be_planned_for_what_is_no_time(when):
    clock, done = SimulatedClock(start=0), []
    with pytest.raises(ValueError, match="a number of seconds since the epoch"):
        clock.call_at(when, lambda: done.append("never"))
    clock.sleep(1)
    assert done == []


def test_an_interrupt_before_an_action_begins_does_not_lose_it():
    """At each line of ours in turn, as the kernel's stop button may come at any."""
    for line in itertools.count(1):
        clock, done = SimulatedClock(start=0), []
        clock.call_at(5, lambda: done.append(5))  # noqa: B023
        clock.call_at(7, functools.partial(done.append, 7))
        interrupted = interrupted_at(line, lambda: clock.sleep(10))  # noqa: B023
        clock.sleep(10)
        assert done == [5, 7], f"interrupted at {interrupted}"
        if not interrupted:
            break
    assert line > 15, "there were not that many lines to interrupt"


def interrupted_at(line, action):
    """Call ``action()``, with a KeyboardInterrupt as the n-th line of the clock is about to run; say which it was."""
    lines, where = 0, []

    def trace(frame, kind, _):
        nonlocal lines
        if frame.f_code.co_filename != SimulatedClock.sleep.__code__.co_filename:
            return None
        text = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
        if kind == "line" and not text.startswith("with "):  # as it is left: no signal can come there
            lines += 1
            if lines == line:
                where.append(text)
                raise KeyboardInterrupt
        return trace

    def work():
        sys.settrace(trace)
        with suppress(KeyboardInterrupt):
            action()

    # A thread of its own: a trace that raises may leave the exc_info of its thread in disorder.
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(5)
    assert not thread.is_alive(), f"interrupted at {where}, it hangs"
    return "".join(where)


def test_a_nap_ends_with_the_first_thing_that_was_planned_or_with_its_time():
    clock, done = SimulatedClock(0), []
    clock.call_at(5, lambda: done.append(clock.now()))
    clock.call_at(7, lambda: done.append(clock.now()))
    clock.nap(20)
    assert (clock.now(), done) == (5, [5])
    clock.nap(1)
    assert (clock.now(), done) == (6, [5])
    clock.nap(20)
    clock.nap(20)
    assert (clock.now(), done) == (27, [5, 7])
    for wrong in (-1, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="number of seconds"):
            clock.nap(wrong)


def test_a_nap_in_real_time_is_short(monkeypatch):
    slept = []
    monkeypatch.setattr("time.sleep", slept.append)
    for seconds in (0.025, 3600):
        SystemClock().nap(seconds)
    assert slept == [0.025, 0.1]
