"""Sender: whatever a receiver answers, what is tried, when, how often, and when it ends."""

import itertools
import json
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from base64 import b64encode
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Flask
from hypothesis import example, given, settings
from hypothesis import strategies as st
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from tenacity import wait_exponential, wait_random_exponential

from webhook_tutorial import (
    Circuit,
    Policy,
    Sender,
    SimulatedClock,
    SystemClock,
    exponential,
    faults,
    make_event,
    serve,
    sign,
    verdict,
    verify,
)
from webhook_tutorial.answers import FINAL, GONE, LONGEST_RETRY_AFTER, retry_after
from webhook_tutorial.clock import START
from webhook_tutorial.delivery import (
    HOUR,
    MINUTE,
    STANDARD_WEBHOOKS_SCHEDULE,
    SVIX_SCHEDULE,
    Adapter,
    make_session,
)
from webhook_tutorial.signing import DIALECTS, GITHUB, STANDARD_WEBHOOKS_ED25519, STRIPE, SVIX
from webhook_tutorial.simulation import outage

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = settings(max_examples=100, deadline=None, derandomize=True, database=None)
URL = "http://receiver.test/webhook"
SECRET = "whsec_" + "c2VjcmV0" * 4


class Wire(HTTPAdapter):
    """Stands behind a sender instead of a network: answers by a script, then 200, and keeps each request."""

    def __init__(self, clock, *script, takes=0.0):
        super().__init__()
        self.clock, self.script, self.takes = clock, list(script), takes
        self.at, self.requests = [], []

    def send(self, request, **_):
        self.at.append(self.clock.now())
        self.requests.append(request)
        answer, headers = self.script.pop(0) if self.script else 200, {}
        if isinstance(answer, tuple):
            answer, headers = answer
        if callable(answer):
            answer = answer()
        self.clock.sleep(self.takes)
        if isinstance(answer, BaseException):
            raise answer
        response = requests.Response()
        response.status_code, response.headers, response.request = answer, CaseInsensitiveDict(headers), request
        response._content = b""
        return response


def make_sender(policy, *script, clock=None, takes=0.0, **options):
    """A sender on a simulated clock, and the wire that it sends to."""
    clock, session = clock or SimulatedClock(), make_session()
    wire = Wire(clock, *script, takes=takes)
    session.mount("http://", wire)
    return Sender(policy, clock, session=session, **options), wire


def event(number=1):
    return make_event("order_placed", {"number": number}, id=f"evt_{number}", timestamp=START)


def statuses(delivery):
    return [a.status or a.error for a in delivery.attempts]


@pytest.fixture
def receiver():
    return serve(lambda environ, start: [start("204 No Content", [])][:0], name="receiver")


# --- What an answer means -----------------------------------------------------------------------------------


def by_the_lesson(status):
    """The table of lesson 05."""
    if status is None:
        return "retry"
    if 200 <= status < 300:
        return "delivered"
    if status == 410:
        return "gone"
    if 300 <= status < 400 or status in (400, 405, 406, 411, 413, 414, 415, 422, 431, 501, 505):
        return "refused"
    return "retry"


def test_every_status_means_what_the_lesson_says():
    asked = [None, *range(100, 600)]
    wrong = {status: verdict(status) for status in asked if verdict(status) != by_the_lesson(status)}
    assert not wrong


def test_no_answer_is_final_and_gone_at_once():
    assert not FINAL & GONE
    assert not any(200 <= status < 300 for status in FINAL | GONE)


# --- Policies -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delays", [(-1,), (1, float("nan")), (float("inf"),), (5, -0.001)])
def test_a_delay_must_be_a_number_of_seconds(delays):
    with pytest.raises(ValueError, match="Delays are numbers of seconds"):
        Policy(delays)


@pytest.mark.parametrize("jitter", [-0.1, 1.1, float("nan")])
def test_jitter_is_a_part(jitter):
    with pytest.raises(ValueError, match="from 0 to 1"):
        Policy((1,), jitter)


@pytest.mark.parametrize("arguments", [{"base": -1}, {"factor": 0.9}, {"cap": -1}, {"attempts": 0}, {"attempts": -3}])
def test_exponential_refuses_numbers_out_of_bounds(arguments):
    with pytest.raises(ValueError):
        exponential(**({"base": 1} | arguments))


def test_a_policy_may_be_handed_a_generator_and_cannot_be_changed():
    policy = Policy(n for n in (1, 2))
    assert policy.delays == (1, 2) and policy.attempts == 3
    with pytest.raises(AttributeError):
        policy.delays = ()


def test_there_is_one_attempt_more_than_delays():
    assert Policy(()).attempts == 1 and Policy(()).wait(1, 1.0) is None
    policy = Policy((5, 7))
    assert [policy.wait(n, 0.3) for n in (1, 2, 3, 4)] == [5, 7, None, None]


@given(base=st.floats(0, 1e4), factor=st.floats(1, 10), cap=st.floats(0, 1e6), attempts=st.integers(1, 40))
@example(base=1, factor=2, cap=60, attempts=8)
@SETTINGS
def test_exponential_agrees_with_tenacity(base, factor, cap, attempts):
    theirs = wait_exponential(multiplier=base, max=cap, exp_base=factor)
    expected = [theirs(SimpleNamespace(attempt_number=n)) for n in range(1, attempts)]
    policy = exponential(base, factor, cap, attempts)
    assert policy.attempts == attempts
    assert policy.delays == pytest.approx(expected, rel=1e-9)


def test_the_delays_of_exponential_by_hand():
    assert exponential(5, cap=60, attempts=7).delays == (5, 10, 20, 40, 60, 60)
    assert exponential(60, factor=1, attempts=4).delays == (60, 60, 60)
    assert exponential(100, cap=60, attempts=3).delays == (60, 60)
    assert exponential(60, factor=1).name == "every 60 s" and exponential(5).name == "5 s × 2"


@pytest.mark.parametrize("factor", [2, 2.0, 1.5])
def test_thousands_of_attempts_do_not_overflow(factor):
    policy = exponential(1, factor, cap=60, attempts=5000)
    assert policy.attempts == 5000 and policy.delays[-1] == 60
    assert policy.wait(4999, 0.5) == 60


@pytest.mark.parametrize("factor", [2, 2.0])
def test_thousands_of_attempts_without_a_cap_give_numbers_or_a_clear_no(factor):
    """2 ** 1024 is no float: what cannot be waited for is refused when the policy is made, not when it is used."""
    try:
        policy = exponential(1, factor, attempts=2000)
    except ValueError:
        return
    assert policy.wait(1999, 0.5) >= policy.wait(1, 0.5)


@given(delay=st.floats(0, 1e6), jitter=st.floats(0, 1), chance=st.floats(0, 1), other=st.floats(0, 1))
@SETTINGS
def test_jitter_stays_within_its_part_and_grows_with_chance(delay, jitter, chance, other):
    policy = Policy((delay,), jitter)
    wait = policy.wait(1, chance)
    assert delay * (1 - jitter) - 1e-9 <= wait <= delay
    low, high = sorted((chance, other))
    assert policy.wait(1, low) <= policy.wait(1, high) + 1e-9


def test_full_jitter_is_uniform_from_0_to_the_capped_delay_as_aws_and_tenacity_have_it():
    policy = exponential(1, cap=10, attempts=8, jitter=1.0)
    chance = random.Random(1).random
    theirs = wait_random_exponential(multiplier=1, max=10)
    for n in range(1, 8):
        ceiling = min(10, 2 ** (n - 1))
        waits = sorted(policy.wait(n, chance()) for _ in range(2000))
        assert 0 <= waits[0] < 0.02 * ceiling and 0.98 * ceiling < waits[-1] <= ceiling
        assert waits[1000] == pytest.approx(ceiling / 2, rel=0.1)
        assert 0 <= theirs(SimpleNamespace(attempt_number=n)) <= ceiling
        assert policy.wait(n, 0.0) == 0 and policy.wait(n, 1.0) == ceiling


def test_the_published_schedules():
    first = (5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR)
    assert SVIX_SCHEDULE.delays == (*first, 10 * HOUR)
    assert sum(SVIX_SCHEDULE.delays) == 27 * HOUR + 35 * MINUTE + 5
    assert STANDARD_WEBHOOKS_SCHEDULE.delays == (*first, 14 * HOUR, 20 * HOUR, 24 * HOUR)
    assert sum(STANDARD_WEBHOOKS_SCHEDULE.delays) == 75 * HOUR + 35 * MINUTE + 5
    assert (SVIX_SCHEDULE.attempts, STANDARD_WEBHOOKS_SCHEDULE.attempts) == (8, 10)
    assert SVIX_SCHEDULE.source == "https://docs.svix.com/retries"
    assert SVIX_SCHEDULE.name == "Svix's schedule", "it is not all that Svix does, which is more than delays"
    assert STANDARD_WEBHOOKS_SCHEDULE.source.startswith("https://github.com/standard-webhooks/standard-webhooks/")
    assert SVIX_SCHEDULE.jitter == STANDARD_WEBHOOKS_SCHEDULE.jitter == 0


# --- Retry-After --------------------------------------------------------------------------------------------


def asked(text, now=START):
    return retry_after(CaseInsensitiveDict({"retry-after": text}), now)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 120 ", 120),
        ("0120", 120),
        ("0000000000120", 120),
        ("86400", 86_400),
        ("86401", LONGEST_RETRY_AFTER),
        ("9" * 5000, LONGEST_RETRY_AFTER),
        ("-5", None),
        ("+5", None),
        ("1.5", None),
        ("1e3", None),
        ("1_000", None),
        ("0x10", None),
        ("soon", None),
        ("", None),
        ("   ", None),
        ("١٢٠", None),  # digits, but not ASCII
        ("²", None),
        ("１２０", None),
        ("120, 240", None),
        ("nan", None),
        ("inf", None),
    ],
)
def test_retry_after_in_seconds(text, seconds):
    assert asked(text) == seconds


@contextmanager
def time_zone(name):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", name)
        time.tzset()
        yield
    time.tzset()


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="this system has no tzset")
@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
@pytest.mark.parametrize(
    "text", ["Mon, 05 Jan 2026 09:02:00 GMT", "Monday, 05-Jan-26 09:02:00 GMT", "Mon Jan  5 09:02:00 2026"]
)
def test_all_three_date_forms_of_rfc_9110_are_in_utc_wherever_the_reader_lives(text, zone):
    """Section 5.6.7: a recipient must accept all three, and each of them is in UTC."""
    with time_zone(zone):
        assert asked(text, START) == 120


def test_a_date_has_bounds_too():
    def at(seconds):
        return format_datetime(datetime.fromtimestamp(START + seconds, UTC), usegmt=True)

    assert asked(at(-1)) == asked(at(-10 * 365 * 86_400)) == 0
    assert asked(at(86_400)) == 86_400
    assert asked(at(86_401)) == asked(at(365 * 86_400)) == LONGEST_RETRY_AFTER
    assert asked(at(30), START + 10.5) == 19.5


@pytest.mark.parametrize(
    ("date", "seconds"),
    [
        ("Tue, 24 Nov 2026 12:00:00 GMT", 120),  # today on the receiver's clock, while ours stands in January
        ("Tuesday, 24-Nov-26 12:01:00 GMT", 60),
        ("Tue, 24 Nov 2026 13:00:00 GMT", 0),
        ("Tue, 24 Nov 2020 12:00:00 GMT", LONGEST_RETRY_AFTER),
        ("soon", LONGEST_RETRY_AFTER),  # no date: our own clock has to do
        ("", LONGEST_RETRY_AFTER),
        ("\x00", LONGEST_RETRY_AFTER),
    ],
)
def test_a_date_is_judged_by_the_clock_of_the_receiver_that_wrote_it(date, seconds):
    headers = {"Date": date, "Retry-After": "Tue, 24 Nov 2026 12:02:00 GMT"}
    assert retry_after(CaseInsensitiveDict(headers), START) == seconds


def test_seconds_are_seconds_whatever_the_date_says():
    assert retry_after({"Date": "Tue, 24 Nov 2020 12:00:00 GMT", "Retry-After": "7"}, START) == 7


def test_a_receiver_on_todays_clock_puts_a_delivery_on_a_simulated_one_off_by_minutes():
    headers = {"Date": "Tue, 24 Nov 2026 12:00:00 GMT", "Retry-After": "Tue, 24 Nov 2026 12:02:00 GMT"}
    sender, wire = make_sender(Policy((5,)), (503, headers))
    sender.send(URL, event())
    sender.run()
    assert [at - START for at in wire.at] == [0, 120]


def test_without_the_header_nothing_is_asked():
    assert retry_after({}, START) is None


BITS = ["Mon, ", "05 ", "Jan ", "2026 ", "9999 ", "0 ", "-1", "99", "09:02:00 ", "25:61", "GMT", "+9999", ":", "-"]


@given(st.one_of(st.text(max_size=40), st.lists(st.sampled_from(BITS), max_size=9).map("".join)))
@example("Mon, 05 Jan 2026 09:02:00 -0000")
@example("Mon, 00 Jan 0000 00:00:00 GMT")
@example("Fri, 31 Dec 9999 23:59:59 GMT")
@example("Sat, 01 Jan 0001 00:00:00 +2359")
@example("Mon, 05 Jan 2026 09:02:00 +99999999999999")
@example("Mon, 05 Jan 99999999999999999999 09:02:00 GMT")
@example("\x00")
@settings(SETTINGS, max_examples=400)
def test_no_text_makes_retry_after_raise_or_leave_its_bounds(text):
    seconds = asked(text)
    assert seconds is None or 0 <= seconds <= LONGEST_RETRY_AFTER


# --- Any sequence of answers --------------------------------------------------------------------------------

FAILURES = {
    "timed out": requests.ReadTimeout("slow"),
    "connection refused": requests.ConnectionError(ConnectionRefusedError(111)),
    "connection lost": requests.ConnectionError("cut"),
}
ASKED = [("0", 0), ("7", 7), ("90", 90), ("9999999", LONGEST_RETRY_AFTER), ("-1", None), ("soon", None)]

statuses_seen = st.sampled_from([200, 204, 302, 400, 404, 408, 410, 413, 425, 429, 500, 501, 503])
answers = st.one_of(
    st.sampled_from([500, 503, 404, *FAILURES.values()]).map(lambda a: (a, {})),
    statuses_seen.map(lambda a: (a, {})),
    st.tuples(st.sampled_from([429, 503, 500]), st.sampled_from(ASKED)).map(
        lambda both: (both[0], {"Retry-After": both[1][0]})
    ),
)
policies = st.builds(Policy, st.lists(st.floats(0, 1e5), max_size=6), st.sampled_from([0.0, 0.5, 1.0]))


@given(
    policy=policies,
    script=st.lists(answers, max_size=30),
    urls=st.lists(st.integers(0, 1), min_size=1, max_size=4),
    chance=st.randoms(use_true_random=False),
)
@settings(SETTINGS, max_examples=150)
def test_whatever_is_answered_the_rules_hold(policy, script, urls, chance):
    sender, wire = make_sender(policy, *script, secret=SECRET, chance=chance.random)
    deliveries = [sender.send(f"http://receiver{u}.test/", event(n)) for n, u in enumerate(urls)]
    bodies = [d.body for d in deliveries]
    sender.run()

    assert wire.at == sorted(wire.at), "attempts are made in order of their time"
    assert len(wire.requests) == sum(len(d.attempts) for d in deliveries)
    heard = {
        request: (answer, headers.get("Retry-After"))
        for request, (answer, headers) in zip(wire.requests, [*script, *[(200, {})] * len(wire.requests)], strict=False)
    }
    for delivery, body in zip(deliveries, bodies, strict=True):
        made = zip(wire.at, wire.requests, strict=True)
        mine = [(at, r) for at, r in made if r.headers["webhook-id"] == delivery.id]
        assert all(r.body == body and r.url == delivery.url and r.method == "POST" for _, r in mine)
        assert [a.at for a in delivery.attempts] == [at for at, _ in mine]
        assert len(mine) <= policy.attempts
        for at, r in mine:
            verify(r.body, r.headers, SECRET, clock=SimpleNamespace(now=lambda at=at: at))
            assert int(r.headers["webhook-timestamp"]) == int(at)
        meanings = [verdict(a.status) for a in delivery.attempts]
        assert all(meaning == "retry" for meaning in meanings[:-1]), "nothing comes after an answer that ends it"
        check_state(delivery, meanings, policy, sender)
        check_waits(delivery, [heard[r] for _, r in mine], policy)
    for url in sender.gone:
        first = min(a.at for d in deliveries if d.url == url for a in d.attempts if a.status == 410)
        later = [a for d in deliveries if d.url == url for a in d.attempts if a.at > first]
        assert not later, "nothing is sent to an endpoint that has gone"
    assert sender.dead == [d for d in deliveries if d.state != "delivered"]


def check_state(delivery, meanings, policy, sender):
    if meanings and meanings[-1] != "retry":
        assert delivery.state == meanings[-1]
    elif delivery.state == "gone":
        assert delivery.url in sender.gone
    else:
        assert delivery.state == "given up" and len(meanings) == policy.attempts
    assert (delivery.late is not None) == (delivery.state == "delivered")


def check_waits(delivery, heard, policy):
    for n, (a, b) in enumerate(zip(delivery.attempts, delivery.attempts[1:], strict=False)):
        wait, delay = b.at - a.at, policy.delays[n]
        answer, header = heard[n]
        bound = dict(ASKED).get(header) or 0
        assert a.asked_to_wait == (dict(ASKED).get(header) if isinstance(answer, int) else None)
        low, high = max(delay * (1 - policy.jitter), bound), max(delay, bound)
        assert low - 1e-5 <= wait <= high + 1e-5
    longest = sum(max(delay, LONGEST_RETRY_AFTER) for delay in policy.delays)
    assert all(a.at - delivery.created <= longest + 1e-3 for a in delivery.attempts)


def test_the_record_names_what_was_seen():
    sender, _ = make_sender(Policy((1,) * 4), *FAILURES.values(), 503, 200)
    delivery = sender.send(URL, event())
    sender.run()
    assert statuses(delivery) == ["timed out", "connection refused", "connection lost", 503, 200]
    said = "timed out, connection refused, connection lost, 503, 200"
    assert repr(delivery) == f"<evt_1 delivered after 5 attempts: {said}>"
    assert str(delivery.attempts[1]) == "2026-01-05T09:00:01Z  connection refused" and delivery.late == 4


def test_each_attempt_has_a_signature_of_its_own_and_verifies_only_in_its_time():
    sender, wire = make_sender(Policy((HOUR, HOUR)), 500, 500, secret=SECRET)
    sender.send(URL, event())
    sender.run()
    assert len({r.headers["webhook-signature"] for r in wire.requests}) == 3
    assert {r.headers["webhook-id"] for r in wire.requests} == {"evt_1"}
    stamps = [int(r.headers["webhook-timestamp"]) for r in wire.requests]
    assert stamps == [START, START + HOUR, START + 2 * HOUR]


def test_without_a_secret_there_is_an_id_and_no_signature():
    sender, wire = make_sender(Policy(()))
    sender.send(URL, event())
    sender.run()
    assert wire.requests[0].headers["webhook-id"] == "evt_1"
    assert wire.requests[0].headers["Content-Type"] == "application/json"
    assert not {"webhook-signature", "webhook-timestamp"} & set(wire.requests[0].headers)
    assert json.loads(wire.requests[0].body)["data"] == {"number": 1}


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_an_attempt_is_signed_in_the_dialect_handed_in(dialect):
    secret, public = key_pair(dialect)
    sender, wire = make_sender(Policy((HOUR,)), 500, secret=secret, dialect=dialect)
    sender.send(URL, event())
    sender.run()
    for at, request in zip(wire.at, wire.requests, strict=True):
        verify(request.body, request.headers, public, dialect, clock=SimulatedClock(at))
        assert ("webhook-id" in request.headers) == (dialect.id == "webhook-id")


def key_pair(dialect):
    """What a sender signs with in a dialect, and what a receiver verifies with."""
    if dialect.method == "hmac-sha256":
        return (SECRET, SECRET) if dialect.key == "base64" else ("swordfish", "swordfish")
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    private, public = key.private_bytes_raw(), key.public_key().public_bytes_raw()
    if dialect.key == "hex":
        return dialect.private_prefix + private.hex(), dialect.key_prefix + public.hex()
    return (
        dialect.private_prefix + b64encode(private).decode(),
        dialect.key_prefix + b64encode(public).decode(),
    )


@pytest.mark.parametrize(("dialect", "name"), [(SVIX, "svix-id"), (STANDARD_WEBHOOKS_ED25519, "webhook-id")])
def test_without_a_secret_the_id_goes_where_the_dialect_has_it(dialect, name):
    sender, wire = make_sender(Policy(()), dialect=dialect)
    sender.send(URL, event())
    sender.run()
    ids = {n: v for n, v in wire.requests[0].headers.items() if v == "evt_1"}
    assert ids == {name: "evt_1"}
    with pytest.raises(ValueError, match="id of an event"):
        sender.send(URL, event() | {"id": "order.7"})


@pytest.mark.parametrize("dialect", [None, GITHUB, STRIPE], ids=["none", "GitHub", "Stripe"])
def test_a_dialect_without_an_id_sends_none_and_asks_for_none(dialect):
    sender, wire = make_sender(Policy(()), dialect=dialect)
    sender.send(URL, event() | {"id": "order.7"})
    sender.run()
    usual = {"User-Agent", "Accept", "Accept-Encoding", "Connection", "Content-Length"}
    assert {n: v for n, v in wire.requests[0].headers.items() if n not in usual} == {"Content-Type": "application/json"}


def test_a_secret_is_of_no_use_without_a_dialect():
    with pytest.raises(ValueError, match="dialect=None sends nothing but the event: leave the secret out"):
        Sender(Policy(()), secret=SECRET, dialect=None)


def test_a_secret_of_another_dialect_is_told_at_once():
    with pytest.raises(ValueError, match="must begin with whsk_"):
        Sender(Policy(()), secret=SECRET, dialect=STANDARD_WEBHOOKS_ED25519)
    assert Sender(Policy(()), secret="swordfish", dialect=GITHUB).secret == "swordfish"


# --- The session --------------------------------------------------------------------------------------------


class Guard(Adapter):
    """Lets nothing out to one path."""

    def send(self, request, **options):
        if request.path_url == "/forbidden":
            raise PermissionError("not there")
        return super().send(request, **options)


def test_a_guard_is_an_adapter_of_the_session_handed_in(receiver):
    session = make_session()
    session.mount("http://", Guard())
    sender = Sender(Policy(()), session=session)
    allowed, forbidden = sender.send(receiver.url, event(1)), sender.send(receiver.url + "/forbidden", event(2))
    sender.run()
    assert (statuses(allowed), statuses(forbidden)) == ([204], ["PermissionError"])
    assert len(receiver.traffic) == 1


def counting_closes(session):
    closed, close = [], session.close
    session.close = lambda: (closed.append(1), close())
    return closed


def test_a_sender_closes_the_session_that_it_has_opened():
    with Sender(Policy(())) as sender:
        closed = counting_closes(sender.session)
        assert not closed
    assert closed
    sender.close()


def test_a_sender_is_closed_whatever_goes_wrong():
    with pytest.raises(ZeroDivisionError), Sender(Policy(())) as sender:
        closed = counting_closes(sender.session)
        raise ZeroDivisionError
    assert closed


def test_a_session_handed_in_stays_open_for_its_owner():
    session = make_session()
    closed = counting_closes(session)
    with Sender(Policy(()), session=session) as sender:
        assert sender.session is session
    assert not closed


# --- Time and turns -----------------------------------------------------------------------------------------


def test_the_time_that_an_attempt_takes_is_not_part_of_the_wait():
    sender, wire = make_sender(Policy((10,)), 500, takes=3)
    sender.send(URL, event())
    sender.run()
    assert wire.at == [START, START + 13]


def test_attempts_of_several_deliveries_take_turns_by_time():
    sender, wire = make_sender(Policy((10, 100)), *[500] * 6)
    sender.send(URL, event(1))
    sender.clock.sleep(5)
    sender.send(URL, event(2))
    sender.run()
    turns = [(at - START, r.headers["webhook-id"]) for at, r in zip(wire.at, wire.requests, strict=True)]
    # The first was due when the second was handed in; nobody ran the sender in between.
    assert turns == [(5, "evt_1"), (5, "evt_2"), (15, "evt_1"), (15, "evt_2"), (115, "evt_1"), (115, "evt_2")]


def test_a_delivery_put_in_line_while_another_waits_is_not_lost():
    sender, wire = make_sender(Policy((100,)), 500)
    sender.send(URL, event(1))
    sender.clock.call_at(START + 50, lambda: sender.send(URL, event(2)))
    sender.run()
    ids = [r.headers["webhook-id"] for r in wire.requests]
    assert ids == ["evt_1", "evt_2", "evt_1"]
    assert all(d.state == "delivered" for d in sender.deliveries)


def test_a_redirect_is_not_followed(receiver):
    with faults(receiver, mode=302, headers={"Location": receiver.url + "/elsewhere"}) as proxy:
        sender = Sender(exponential(1, attempts=3))
        delivery = sender.send(proxy.url, event())
        sender.run()
    assert (statuses(delivery), delivery.state, len(receiver.traffic)) == ([302], "refused", 0)


def test_a_cookie_of_one_receiver_is_not_sent_with_the_next_delivery():
    seen = []

    def app(environ, start):
        seen.append(environ.get("HTTP_COOKIE"))
        start("204 No Content", [("Set-Cookie", "session=1")])
        return []

    server = serve(app, name="receiver")
    sender = Sender(Policy(()))
    for n in range(2):
        sender.send(server.url, event(n))
    sender.run()
    assert seen == [None, None]


@pytest.mark.parametrize(
    "url",
    ["http://", "nonsense", "ftp://x/", "http://[::1", "http://a..b/", "http://127.0.0.1:99999/", "http://.x/"],
)
def test_an_address_that_is_none_fails_like_any_other_and_holds_nobody_up(url):
    sender, wire = make_sender(exponential(1, attempts=2))
    sender.session.mount("http://", HTTPAdapter())
    sender.session.mount("http://receiver.test", wire)
    bad, good = sender.send(url, event(1)), sender.send(URL, event(2))
    sender.run()
    assert good.state == "delivered" and len(wire.requests) == 1
    assert bad.state in ("given up", "refused") and 1 <= len(bad.attempts) <= 2


ODD_IDS = ["evt_中", "evt\n1", "evt\n", " evt", "e vt", "évt", "order.7", ".", "", "\x7f", None, 7, b"evt", ["evt"]]


@pytest.mark.parametrize("secret", ["", SECRET])
@pytest.mark.parametrize("id", ODD_IDS)
def test_an_id_is_judged_when_it_is_handed_in_with_and_without_a_secret(id, secret):
    """A dot is the border to the timestamp in what is signed; whoever adds a secret later must not lose events."""
    sender, wire = make_sender(Policy(()), secret=secret)
    with pytest.raises(ValueError, match="id of an event") as error:
        sender.send(URL, event() | {"id": id})
    assert repr(id) in str(error.value) and sender.deliveries == []
    good = sender.send(URL, event(2))
    sender.run()
    assert good.state == "delivered" and len(wire.requests) == 1


@pytest.mark.parametrize("secret", ["", SECRET])
def test_an_event_without_an_id_is_refused_too(secret):
    sender, _ = make_sender(Policy(()), secret=secret)
    with pytest.raises(ValueError, match="id of an event"):
        sender.send(URL, {"event_type": "order_placed"})


@given(id=st.text(st.characters(max_codepoint=300), max_size=6))
@example("order.7")
@SETTINGS
def test_what_send_takes_can_be_signed_and_nothing_else(id):
    sender, wire = make_sender(Policy(()), secret=SECRET)
    try:
        sign(b"", SECRET, id=id)
    except ValueError:
        with pytest.raises(ValueError, match="id of an event"):
            sender.send(URL, event() | {"id": id})
        return
    delivery = sender.send(URL, event() | {"id": id})
    sender.run()
    assert delivery.state == "delivered" and wire.requests[0].headers["webhook-id"] == id


# --- Mistakes of ours ---------------------------------------------------------------------------------------


def broken(*_):
    raise ZeroDivisionError("a mistake of ours")


class BrokenCircuit(Circuit):
    record = broken


def one_waits_for_a_broken(part):
    """A sender in which a part is broken the first time that it is needed, and then well."""
    sender, wire = make_sender(Policy((1,)), 500, secret=SECRET)
    ways = {
        "chance": lambda: setattr(sender, "chance", in_turn(broken, lambda: 0.5)),
        "policy": lambda: setattr(sender, "policy", SimpleNamespace(wait=broken)),
        "circuit": lambda: setattr(sender, "_make_circuit", in_turn(broken, Circuit)),
        "record": lambda: setattr(sender, "_make_circuit", in_turn(BrokenCircuit, Circuit)),
    }
    ways[part]()
    return sender, wire


def in_turn(first, then):
    parts = [first]
    return lambda: (parts.pop() if parts else then)()


@pytest.mark.parametrize("part", ["chance", "policy", "circuit", "record"])
def test_a_mistake_of_ours_ends_one_delivery_and_the_others_go_on(part):
    sender, wire = one_waits_for_a_broken(part)
    bad, *others = (sender.send(f"http://receiver{n}.test/", event(n)) for n in range(3))
    sender.run()
    assert (bad.state, bad.error) == ("given up", "ZeroDivisionError: a mistake of ours")
    assert [d.state for d in others] == ["delivered"] * 2 and bad in sender.dead
    assert statuses(bad) == ([] if part == "circuit" else [500])
    assert "ZeroDivisionError: a mistake of ours" in repr(bad)
    sender.run()
    assert len(wire.requests) == 3


def test_what_cannot_be_signed_is_not_sent_and_says_why():
    sender, wire = make_sender(Policy((1,)), secret=SECRET, clock=SimulatedClock(-10))
    bad = sender.send(URL, event(1))
    sender.run()
    assert (bad.state, bad.attempts, len(wire.requests)) == ("given up", [], 0)
    assert bad.error.startswith("ValueError: timestamp is a time in seconds since the epoch")
    sender.clock.sleep(10)
    sender.redeliver(bad)
    sender.run()
    assert (bad.state, bad.error, len(wire.requests)) == ("delivered", "", 1)


# --- run(until), redeliver ----------------------------------------------------------------------------------


def test_run_until_stops_at_that_time_and_goes_on_from_there():
    sender, wire = make_sender(Policy((10, 10, 10)), *[500] * 9)
    delivery = sender.send(URL, event())
    for until, made in ((START, 1), (START + 9.5, 1), (START + 10, 2), (START + 25, 3)):
        sender.run(until=until)
        assert (len(wire.at), sender.clock.now(), delivery.state) == (made, until, "waiting")
    sender.run()
    assert delivery.state == "given up" and [at - START for at in wire.at] == [0, 10, 20, 30]


def test_run_until_a_time_that_has_passed_does_not_move_the_clock_back():
    sender, _ = make_sender(Policy(()))
    sender.clock.sleep(100)
    sender.run(until=START)
    assert sender.clock.now() == START + 100


def test_a_run_inside_a_run_is_refused_and_nothing_is_lost():
    sender, wire = make_sender(Policy((10,)), 500)
    delivery = sender.send(URL, event())
    sender.clock.call_at(START + 5, sender.run)
    with pytest.raises(RuntimeError, match=r"^This sender is running already"):
        sender.run()
    assert delivery.state == "waiting" and len(wire.requests) == 1
    sender.run()
    assert delivery.state == "delivered" and wire.at == [START, START + 10]


@pytest.mark.parametrize("total", [None, 5])
def test_a_run_inside_an_attempt_is_refused_and_nothing_is_sent_twice(total):
    sender, wire = make_sender(Policy((10,)), lambda: sender.run() or 200, total=total)
    delivery = sender.send(URL, event())
    sender.run()
    assert statuses(delivery) == ["RuntimeError", 200] and len(wire.requests) == 2


def test_two_threads_do_not_run_one_sender_at_once():
    running, told = threading.Event(), []

    def answer():
        running.set()
        other.join(5)
        return 200

    def run():
        running.wait(5)
        try:
            sender.run()
        except RuntimeError as error:
            told.append(str(error))

    sender, wire = make_sender(Policy(()), answer)
    delivery = sender.send(URL, event())
    other = threading.Thread(target=run)
    other.start()
    sender.run()
    assert delivery.state == "delivered" and len(wire.requests) == 1
    assert [words[:30] for words in told] == ["This sender is running already"]


def test_several_threads_have_a_sender_each(receiver):
    def work(number):
        with Sender(exponential(1, attempts=2)) as sender:
            done.append([sender.send(receiver.url, event(f"{number}-{n}")) for n in range(5)])
            sender.run()

    done = []
    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert [statuses(d) for deliveries in done for d in deliveries] == [[204]] * 20
    assert len(receiver.traffic) == 20


def test_however_close_two_threads_call_run_the_second_is_told_what_to_do():
    sender, wire = make_sender(Policy(()))
    delivery, context = sender.send(URL, event()), sender._running
    entered, may_leave = threading.Event(), threading.Event()
    other = threading.Thread(target=context.run, args=(lambda: (entered.set(), may_leave.wait(5)),))

    def run(function, *arguments):
        if function is not bool and not other.ident:  # when it was looked at, it was free
            other.start()
            assert entered.wait(5)
        context.run(function, *arguments)

    sender._running = SimpleNamespace(run=run)
    with pytest.raises(RuntimeError, match=r"^This sender is running already"):
        sender.run()
    may_leave.set()
    other.join()
    sender.run()
    assert delivery.state == "delivered" and len(wire.requests) == 1


def test_what_an_action_sends_or_redelivers_is_delivered_by_the_run_under_way():
    sender, wire = make_sender(Policy((10,)), 400, 500)
    first, second = sender.send(URL, event(1)), sender.send(URL, event(2))
    added = []
    sender.clock.call_at(START + 3, lambda: sender.redeliver(first))
    sender.clock.call_at(START + 4, lambda: added.append(sender.send(URL, event(3))))
    sender.run()
    assert [d.state for d in (first, second, *added)] == ["delivered"] * 3
    turns = [(at - START, r.headers["webhook-id"]) for at, r in zip(wire.at, wire.requests, strict=True)]
    # A sleep is slept to its end.
    assert turns == [(0, "evt_1"), (0, "evt_2"), (10, "evt_1"), (10, "evt_3"), (10, "evt_2")]


def test_two_senders_may_share_a_clock_and_one_run_inside_the_other():
    outer, _ = make_sender(Policy((10,)), 500)
    inner, wire = make_sender(Policy(()), clock=outer.clock)
    first, second = outer.send(URL, event(1)), inner.send(URL, event(2))
    outer.clock.call_at(START + 5, inner.run)
    outer.run()
    assert first.state == second.state == "delivered" and wire.at == [START + 5]


def test_what_other_threads_send_during_a_run_is_delivered():
    sender, wire = make_sender(Policy((1,)), *[500] * 50)
    threads = [threading.Thread(target=lambda: [sender.send(URL, event(n)) for n in range(100)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        sender.run()
    sender.run()
    assert len(sender.deliveries) == 400 and len(wire.requests) == 450
    assert all(d.state == "delivered" for d in sender.deliveries)


def test_run_with_nothing_to_do_takes_no_time():
    sender, _ = make_sender(Policy(()))
    sender.run()
    assert sender.clock.now() == START


@pytest.mark.parametrize(("answer", "state"), [(500, "given up"), (400, "refused"), (410, "gone"), (200, "delivered")])
def test_redelivering_starts_afresh_with_the_same_id_and_bytes(answer, state):
    sender, wire = make_sender(Policy((5,)), answer, answer if answer == 500 else 500, 500)
    delivery = sender.send(URL, event())
    sender.run()
    assert delivery.state == state
    before = len(wire.requests)
    wire.script[:] = [503]
    sender.clock.sleep(HOUR)
    sender.redeliver(delivery)
    assert delivery.state == "waiting"
    sender.run()
    assert delivery.state == "delivered" and len(wire.requests) == before + 2
    assert {(r.headers["webhook-id"], r.body) for r in wire.requests} == {("evt_1", delivery.body)}
    assert wire.at[-2] >= START + HOUR and wire.at[-1] - wire.at[-2] == 5
    assert sender.deliveries == [delivery] and not sender.dead


def test_a_delivery_that_is_waiting_is_not_put_in_line_twice():
    sender, wire = make_sender(Policy((5,)), 500)
    delivery = sender.send(URL, event())
    with pytest.raises(ValueError, match="evt_1 is still waiting"):
        sender.redeliver(delivery)
    sender.run(until=START)
    with pytest.raises(ValueError, match="still waiting"):
        sender.redeliver(delivery)
    sender.run()
    assert len(wire.requests) == 2


def test_after_410_nothing_is_sent_to_that_endpoint_until_somebody_redelivers():
    sender, wire = make_sender(Policy((5,)), 410)
    first, second = sender.send(URL, event(1)), sender.send(URL, event(2))
    other = sender.send("http://other.test/", event(3))
    sender.run()
    assert (first.state, second.state, other.state) == ("gone", "gone", "delivered")
    assert second.attempts == [] and sender.gone == {URL} and len(wire.requests) == 2
    later = sender.send(URL, event(4))
    sender.run()
    assert later.state == "gone" and len(wire.requests) == 2
    sender.redeliver(later)
    sender.run()
    assert later.state == "delivered" and sender.gone == set()
    sender.redeliver(first)
    wire.script[:] = [410]
    sender.run()
    assert first.state == "gone" and sender.gone == {URL}


# --- Circuits -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [{"threshold": 0}, {"cooldown": -1}])
def test_a_circuit_refuses_numbers_out_of_bounds(arguments):
    with pytest.raises(ValueError, match="threshold must be 1 or more"):
        Circuit(**arguments)


def test_a_circuit_opens_after_failures_in_a_row_only():
    circuit = Circuit(threshold=3, cooldown=10)
    for ok in (False, False, True, False, False):
        circuit.record(ok, 100)
        assert circuit.open_until(100) is None
    circuit.record(False, 100)
    assert circuit.open_until(100) == circuit.open_until(109.9) == 110
    assert circuit.open_until(110) is None
    circuit.record(False, 110)
    assert circuit.open_until(111) == 120
    circuit.record(True, 120)
    assert circuit.open_until(120) is None
    circuit.record(False, 121)
    assert circuit.open_until(121) is None, "it counts from the beginning again"


def test_a_circuit_rests_from_the_end_of_an_attempt_that_took_longer_than_the_cooldown():
    """It counted from the start: after a timeout of 30 seconds, ten of rest were over before they began."""
    clock = SimulatedClock()
    app = Flask("slow")

    @app.post("/webhook")
    def slow():
        clock.sleep(30)
        return "", 503

    with serve(app) as server:
        sender = Sender(Policy((1,)), clock=clock, circuit=lambda: Circuit(threshold=1, cooldown=10))
        sender.send(server.url + "/webhook", make_event("order_placed", {"number": 7}))
        sender.run()
        assert len(server.traffic) == 2
        assert clock.now() - START == 30 + 10 + 30


def test_a_circuit_around_an_attempt_is_asked_at_its_start_and_told_at_its_end():
    circuit = Circuit(threshold=2, cooldown=10)
    for _ in range(2):
        with circuit.around(SimulatedClock(100)) as trial:
            assert trial.open_until is None
            trial.ok = False
    assert circuit.opened == 100
    with circuit.around(SimulatedClock(105)) as trial:
        assert trial.open_until == 110
    assert (circuit.failures, circuit.opened) == (2, 100), "nothing was tried, so nothing is learned"
    with pytest.raises(KeyboardInterrupt), circuit.around(SimulatedClock(110)):
        interrupt()
    assert (circuit.failures, circuit.opened) == (2, 100)
    with pytest.raises(KeyboardInterrupt), circuit.around(SimulatedClock(111)) as trial:
        trial.ok = False
        interrupt()
    assert (circuit.failures, circuit.opened) == (3, 111), "what was seen before the interrupt counts"


def test_while_it_is_open_nothing_is_sent_and_one_attempt_is_let_through_afterwards():
    sender, wire = make_sender(Policy((10,) * 20), *[500] * 100, circuit=lambda: Circuit(threshold=2, cooldown=60))
    for n in range(5):
        sender.send(URL, event(n))
    sender.run(until=START + 200)
    assert [at - START for at in wire.at] == [0, 0, 60, 120, 180]
    assert sum(len(d.attempts) for d in sender.deliveries) == 5, "what is put off is no attempt"
    wire.script.clear()
    sender.run()
    assert [at - START for at in wire.at[5:]] == [240] * 5, "one success lets the others through"
    assert all(d.state == "delivered" for d in sender.deliveries)
    assert all(d.failed <= 5 for d in sender.deliveries)


def test_those_put_off_take_turns_from_one_run_to_the_next():
    """Else the oldest would make every attempt that is let through, and use its attempts up for all of them."""
    sender, wire = make_sender(Policy((10,) * 4), *[500] * 100, circuit=lambda: Circuit(threshold=1, cooldown=60))
    for n in range(5):
        sender.send(URL, event(n))
    for minute in range(10):
        sender.run(until=START + 60 * minute)
    assert [r.headers["webhook-id"] for r in wire.requests] == [f"evt_{n}" for n in range(5)] * 2


def test_each_endpoint_has_a_circuit_of_its_own():
    sender, wire = make_sender(Policy((10,)), *[500] * 2, circuit=lambda: Circuit(threshold=1, cooldown=1000))
    bad, good = sender.send(URL, event(1)), sender.send("http://other.test/", event(2))
    wire.script[:] = [500, 200]
    sender.run(until=START)
    assert (bad.state, good.state) == ("waiting", "delivered")
    assert sender.circuit_of(URL).open_until(START) == START + 1000
    assert sender.circuit_of("http://other.test/").open_until(START) is None
    assert Sender(Policy(())).circuit_of(URL) is None


def test_an_endpoint_that_refuses_some_events_is_well():
    sender, _ = make_sender(Policy(()), *[400] * 5, circuit=lambda: Circuit(threshold=2, cooldown=60))
    for n in range(5):
        sender.send(URL, event(n))
    sender.run(until=START)
    assert [d.state for d in sender.deliveries] == ["refused"] * 5
    assert sender.circuit_of(URL).open_until(START) is None


@pytest.mark.parametrize("cooldown", [float("nan"), float("inf"), 1e10])
def test_a_circuit_opens_for_a_time_that_has_an_end(cooldown):
    with pytest.raises(ValueError, match="a hundred years at the most"):
        Circuit(1, cooldown)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), 1e300, "5"])
@pytest.mark.parametrize("limit", ["timeout", "total"])
def test_a_limit_that_is_none_is_told_at_once(limit, seconds):
    """Not by every attempt of every delivery."""
    with pytest.raises(ValueError, match=f"^{limit} is a number of seconds above 0"):
        Sender(Policy(()), **{limit: seconds})


@pytest.mark.parametrize("given", [None, "evt_1", b"{}", [("id", "evt_1")]])
def test_an_event_that_is_no_dictionary_is_refused_in_words(given):
    sender, _ = make_sender(Policy(()))
    with pytest.raises(TypeError, match="An event is a dictionary, such as make_event"):
        sender.send(URL, given)
    assert sender.deliveries == []


def test_a_secret_that_cannot_be_read_is_told_at_once():
    with pytest.raises(ValueError, match="must begin with whsec_"):
        Sender(Policy(()), secret="swordfish")


@given(
    threshold=st.integers(1, 4),
    cooldown=st.sampled_from([0, 0.0, 1e-9, 0.1, 7, 60, 3600]),
    policy=policies,
    script=st.lists(st.sampled_from([500, 503, 200, 404, 400, 429]), max_size=40),
    deliveries=st.integers(1, 6),
    start=st.sampled_from([0, 0.1, START]),
)
@settings(SETTINGS, max_examples=120)
def test_with_a_circuit_nothing_is_lost_and_nothing_goes_on_for_ever(
    threshold, cooldown, policy, script, deliveries, start
):
    sender, wire = make_sender(
        policy, *script, clock=SimulatedClock(start), circuit=lambda: Circuit(threshold, cooldown)
    )
    steps = []
    make_attempt = sender._attempt
    sender._attempt = lambda delivery: (steps.append(1), assert_bounded(steps), make_attempt(delivery))[2]
    for n in range(deliveries):
        sender.send(URL, event(n))
    sender.run()
    assert all(d.state in ("delivered", "given up", "refused") for d in sender.deliveries)
    assert all(1 <= len(d.attempts) <= policy.attempts for d in sender.deliveries)
    assert all(d.state != "given up" or len(d.attempts) == policy.attempts for d in sender.deliveries)
    assert wire.at == sorted(wire.at)
    replay = Circuit(threshold, cooldown)
    for attempt in sorted((a for d in sender.deliveries for a in d.attempts), key=lambda a: a.at):
        assert replay.open_until(attempt.at) is None or attempt.at == replay.opened
        replay.record(verdict(attempt.status) != "retry", attempt.at)


def assert_bounded(steps):
    assert len(steps) < 5000, "it goes round and round"


# --- Interrupted --------------------------------------------------------------------------------------------


def interrupt():
    raise KeyboardInterrupt


@pytest.mark.parametrize("total", [None, 5])
@pytest.mark.parametrize("circuit", [None, Circuit])
def test_an_interrupted_attempt_is_recorded_and_the_delivery_goes_on_waiting(total, circuit):
    sender, wire = make_sender(Policy((10, 10)), 500, interrupt, interrupt, 500, total=total, circuit=circuit)
    delivery, other = sender.send(URL, event(1)), sender.send(URL, event(2))
    for n in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            sender.run()
        assert [a.error for d in (delivery, other) for a in d.attempts].count("interrupted") == n
        assert delivery.state == other.state == "waiting"
    sender.run()
    assert delivery.state == other.state == "delivered"
    assert len(wire.requests) == sum(len(d.attempts) for d in (delivery, other))


def test_the_last_attempt_interrupted_is_made_again():
    sender, _ = make_sender(Policy(()), interrupt, 200)
    delivery = sender.send(URL, event())
    with pytest.raises(KeyboardInterrupt):
        sender.run()
    sender.run()
    assert statuses(delivery) == ["interrupted", 200] and delivery.state == "delivered"


def test_interrupted_while_it_waits_nothing_is_lost():
    sender, wire = make_sender(Policy((10,)), 500)
    delivery = sender.send(URL, event())
    sender.clock.call_at(START + 5, interrupt)
    with pytest.raises(KeyboardInterrupt):
        sender.run()
    assert delivery.state == "waiting" and len(delivery.attempts) == 1
    sender.run()
    assert statuses(delivery) == [500, 200] and wire.at[1] == START + 10


OURS = str(ROOT / "webhook_tutorial" / "delivery")


def interrupted_at(line, action):
    """Call ``action()``, and raise KeyboardInterrupt in it as the n-th line of our own code is about to be run.

    Returns:
        Where that was, or an empty text if the action ended before.
    """
    lines, where, errors = 0, [], []

    def trace(frame, kind, _):
        nonlocal lines
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        if kind == "line":
            lines += 1
            if lines == line:
                where.append(f"{frame.f_code.co_name}, line {frame.f_lineno}")
                raise KeyboardInterrupt
        return trace

    def work():
        sys.settrace(trace)
        try:
            action()
        except BaseException as error:
            errors.append(error)

    # On a thread of its own: an exception raised from a trace may leave the thread's exc_info in disorder.
    thread = threading.Thread(target=work)
    thread.start()
    for one in (thread, *threading.enumerate()):
        if one is thread or one.name == "attempt":
            one.join(20)
    assert [type(error) for error in errors] == [KeyboardInterrupt] * len(where)
    return "".join(where)


#: What each of these deliveries is answered, by how often it has failed and the seconds that have passed.
REPLIES = {
    "evt_0": lambda failed, passed: [(503, {"Retry-After": "7"}), 204][failed],
    "evt_1": lambda failed, passed: 400 if passed < 1 else 200,  # stopped, and then redelivered
    "evt_2": lambda failed, passed: 410,
    "evt_3": lambda failed, passed: FAILURES["connection refused"],
    "evt_4": lambda failed, passed: 200,  # handed in between two runs
}
ENDS = dict(zip(REPLIES, ["delivered", "delivered", "gone", "given up", "delivered"], strict=True))


def make_busy_sender():
    """A sender with four deliveries that end in every way that there is."""
    sender, wire = make_sender(Policy((5,)), circuit=lambda: Circuit(1, 3))
    answer = wire.send

    def send(request, **options):
        id = request.headers["webhook-id"]
        failed = next(d.failed for d in sender.deliveries if d.id == id)
        wire.script[:] = [REPLIES[id](failed, sender.clock.now() - START)]
        return answer(request, **options)

    wire.send = send
    for n in range(4):
        sender.send(f"http://receiver{n}.test/", event(n))
    return sender, wire


def settle(sender):
    """Run to the end; on the way hand in another event, and redeliver what was refused."""
    sender.run(until=START + 1)
    if len(sender.deliveries) == 4:
        sender.send("http://receiver4.test/", event(4))
    if sender.deliveries[1].state == "refused":
        sender.redeliver(sender.deliveries[1])
    sender.run()


@pytest.mark.thorough
def test_an_interrupt_at_any_line_loses_neither_a_delivery_nor_an_attempt():
    for line in itertools.count(1):
        sender, wire = make_busy_sender()
        where = interrupted_at(line, lambda: settle(sender))  # noqa: B023
        check_interrupted(sender, wire, where)
        if not where:
            break
        settle(sender)
        check_interrupted(sender, wire, where)
        assert {d.id: d.state for d in sender.deliveries} == ENDS, where
    assert line > 200, "there were not that many lines to interrupt"


def check_interrupted(sender, wire, where):
    for delivery in sender.deliveries:
        outcomes = statuses(delivery)
        sent = [r for r in wire.requests if r.headers["webhook-id"] == delivery.id]
        assert len(sent) <= len(outcomes), f"{where}: an attempt of {delivery} is not recorded"
        assert outcomes.count("interrupted") <= 1, (where, delivery)
        final = [n for n, status in enumerate(outcomes) if status in (200, 204, 410)]
        assert final in ([], [len(outcomes) - 1]), f"{where}: {delivery} was sent again after a recorded final answer"
        assert delivery.failed == sum(status in (503, "connection refused") for status in outcomes), (where, delivery)
        if delivery.state == "waiting":
            assert not final and delivery.failed < 2, f"{where}: {delivery} has come to its end"


INTERRUPTED = """
import os, signal, threading, time
from webhook_tutorial import Policy, Sender, serve, make_event
signal.signal(signal.SIGINT, signal.default_int_handler)  # it is ignored in what a shell runs in the background
count = []
def app(environ, start):
    count.append(1)
    if len(count) == 1:
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        time.sleep(0.3)
    start("204 No Content", [])
    return []
with serve(app, name="receiver") as server:
    sender = Sender(Policy((1,)), timeout=5, total=TOTAL)
    delivery = sender.send(server.url, make_event("order_placed", {}, id="evt_1"))
    try:
        sender.run()
    except KeyboardInterrupt:
        print("stopped:", delivery)
    sender.run()
    print("then:", delivery)
"""


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="this system has no pthread_kill")
@pytest.mark.parametrize("total", ["None", "5"])
def test_a_real_stop_button_in_the_middle_of_an_attempt(total):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", INTERRUPTED.replace("TOTAL", total)],
        cwd=ROOT, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert done.stdout.splitlines() == [
        "stopped: <evt_1 waiting after 1 attempt: interrupted>",
        "then: <evt_1 delivered after 2 attempts: interrupted, 204>",
    ], done.stderr


# --- Time limits on the real wire ---------------------------------------------------------------------------


def test_total_leaves_a_quick_answer_alone_and_its_errors_too(receiver):
    sender = Sender(exponential(1, attempts=2), total=5)
    delivery = sender.send(receiver.url, event())
    with socket.socket() as nobody:  # bound, and not listening
        nobody.bind(("127.0.0.1", 0))
        refused = sender.send(f"http://127.0.0.1:{nobody.getsockname()[1]}/", event(2))
        sender.run()
    assert statuses(delivery) == [204] and statuses(refused) == ["connection refused"] * 2


def test_timeout_ends_a_silent_receiver(receiver):
    with faults(receiver, mode="slow", delay=30) as proxy:
        sender = Sender(Policy(()), timeout=0.1)
        delivery = sender.send(proxy.url, event())
        sender.run()
    assert statuses(delivery) == ["timed out"]


def test_thirty_hours_of_outage_pass_at_once_on_a_simulated_clock(receiver):
    with faults(receiver, mode="refuse") as proxy:
        clock = SimulatedClock()
        sender = Sender(STANDARD_WEBHOOKS_SCHEDULE, clock)
        clock.call_at(START + 30 * HOUR, lambda: setattr(proxy, "mode", "healthy"))
        began = time.monotonic()
        deliveries = [sender.send(proxy.url, event(n)) for n in range(5)]
        sender.run()
        assert time.monotonic() - began < 10
    assert all(statuses(d) == ["connection refused"] * 7 + [204] for d in deliveries)
    assert all(d.late == sum(STANDARD_WEBHOOKS_SCHEDULE.delays[:7]) for d in deliveries)


def test_on_the_computers_clock_it_waits_for_real():
    sender, wire = make_sender(Policy((0.05, 0.1)), 500, 500, clock=SystemClock())
    sender.send(URL, event())
    began = time.monotonic()
    sender.run()
    assert time.monotonic() - began > 0.14
    assert wire.at[1] - wire.at[0] > 0.04 and wire.at[2] - wire.at[1] > 0.09


def test_the_same_twice_unless_chance_is_handed_in():
    def times(**options):
        sender, wire = make_sender(exponential(10, attempts=6, jitter=1.0), *[500] * 6, **options)
        sender.send(URL, event())
        sender.run()
        return wire.at

    assert times() == times() != times(chance=random.Random(2).random)


@pytest.mark.parametrize(("attempts", "seconds"), [(1, 10), (2, 10), (4, 30), (6, 30), (8, 100), (3, 1000)])
def test_the_outage_simulation_agrees_with_a_sender(attempts, seconds):
    """The arithmetic of outage() and real attempts on a clock tell the same story, delivery by delivery."""
    policy = exponential(7, factor=1.5, attempts=attempts)
    expected = outage(policy, seconds, deliveries=5)
    for n, times in enumerate(expected.attempts):
        sender, wire = make_sender(policy)
        wire.script = [lambda s=sender: 200 if s.clock.now() >= START + seconds else 503] * policy.attempts
        sender.clock.sleep(n * seconds / 5)
        sender.send(URL, event())
        sender.run()
        assert [at - START for at in wire.at] == pytest.approx(times, abs=1e-5)
