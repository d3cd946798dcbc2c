"""Panels: the inbox while deliveries come, the explorer as its slider moves."""

import gc
import re
import threading
import time
import weakref

import pytest
import requests
from support import exchange, until

from webhook_tutorial import (
    SimulatedClock,
    Traffic,
    inbox,
    polling_cost,
    polling_explorer,
    serve,
    sign,
    tamper_bench,
)
from webhook_tutorial.show.polling_explorer import INTERVALS
from webhook_tutorial.signing import CHECKS, STANDARD_WEBHOOKS

NASTY = "<script>alert('x')</script>"


@pytest.fixture
def traffic():
    return Traffic(name="receiver")


@pytest.fixture
def panel(traffic):
    panel = inbox(traffic)
    yield panel
    panel.end()
    if panel._timer:
        panel._timer.join(5)


def shown(panel):
    return [button.description for button in panel.list.children]


def until_painted(panel, n):
    """Wait until n deliveries are shown in full."""
    until(lambda: f": {n} deliver" in panel.summary.value and next(iter(panel._rows)) is panel.traffic[n - 1])
    with panel._lock:  # held while painting
        assert len(shown(panel)) == min(n, 50)


def test_an_empty_inbox_says_so(panel):
    assert "Inbox of receiver: nothing yet." in panel.summary.value == f"<b>{panel}</b>"
    assert "Send something" in panel.view.value


def test_deliveries_come_newest_first(traffic, panel):
    for n in range(3):
        traffic.append(exchange(n, body=b'{"event_type":"order_placed"}'))
    until_painted(panel, 3)
    assert shown(panel) == [f"✓ POST /hook/{n} order_placed → 200 OK" for n in (2, 1, 0)]
    assert "3 deliveries, newest first" in panel.summary.value
    assert "/hook/2" in panel.view.value


def test_a_server_may_be_given_and_a_cell_need_not_end():
    with serve(lambda environ, start: [start("503 Service Unavailable", [])][:0], name="receiver") as server:
        panel = inbox(server)
        requests.post(server.url + "/hook", timeout=5)
        until(lambda: shown(panel) == ["✗ POST /hook → 503 Service Unavailable"])
        panel.end()


def test_what_was_there_before_is_shown_at_once():
    assert shown(inbox(Traffic([exchange(1)]))) == ["✓ POST /hook/1 → 200 OK"]


def test_fifty_are_listed_at_the_most(traffic, panel):
    for n in range(60):
        traffic.append(exchange(n))
    until_painted(panel, 60)
    assert "60 deliveries, the last 50 shown" in panel.summary.value
    assert len(shown(panel)) == 50
    assert shown(panel)[0].startswith("✓ POST /hook/59") and shown(panel)[-1].startswith("✓ POST /hook/10")
    assert len(str(panel).splitlines()) == 51


def test_it_is_repainted_at_most_ten_times_a_second_and_misses_nothing(traffic, panel):
    moments = []
    panel.list.observe(lambda _: moments.append(time.monotonic()), "children")
    begun = time.monotonic()
    for n in range(300):
        traffic.append(exchange(n))
        time.sleep(0.001)
    until_painted(panel, 300)
    taken = time.monotonic() - begun
    assert 2 <= len(moments) <= taken / 0.1 + 2
    assert shown(panel)[0].startswith("✓ POST /hook/299")


def test_a_delivery_does_not_wait_for_painting(traffic, panel):
    painting, release = threading.Event(), threading.Event()
    show = panel._show

    def slow(exchange):
        painting.set()
        release.wait(10)
        show(exchange)

    panel._show = slow
    traffic.append(exchange(0))
    assert painting.wait(5)
    delivery = threading.Thread(target=traffic.append, args=(exchange(1),), daemon=True)
    delivery.start()
    delivery.join(2)
    waited = delivery.is_alive()
    release.set()
    delivery.join(5)
    until_painted(panel, 2)
    assert not waited


def test_a_click_shows_that_delivery_and_keeps_it_while_others_come(traffic, panel):
    traffic.append(exchange(0, body=b"first"))
    until_painted(panel, 1)
    panel.list.children[0].click()
    for n in range(1, 70):
        traffic.append(exchange(n, body=b"later"))
    until_painted(panel, 70)
    assert "first" in panel.view.value and "later" not in panel.view.value


def test_a_button_means_the_same_delivery_however_many_came_since(traffic, panel):
    traffic.append(exchange(0, body=b"first"))
    until_painted(panel, 1)
    button = panel.list.children[0]
    traffic.append(exchange(1, body=b"second"))
    until_painted(panel, 2)
    assert panel.list.children[1] is button
    button.click()
    assert "first" in panel.view.value
    assert [b.style.font_weight for b in panel.list.children] == ["normal", "bold"]


def test_nothing_in_a_delivery_becomes_html(panel, traffic):
    nasty = exchange(method=NASTY, url="http://x/" + NASTY, body=NASTY.encode(), headers={"X-A": NASTY}, error=NASTY)
    traffic.append(nasty)
    until_painted(panel, 1)
    assert "<script" not in panel.view.value and "&lt;script&gt;" in panel.view.value
    assert "<script" not in inbox(Traffic(name=NASTY)).summary.value


@pytest.mark.parametrize(
    "body", [b'{"event_type":"\\ud800"}', b"[" * 200_000, b"\xff", b'{"event_type":"a\\nb"}'], ids=range(4)
)
def test_an_odd_body_does_not_break_the_inbox(traffic, panel, body):
    traffic.append(exchange(0, body=body))
    until_painted(panel, 1)
    assert len(str(panel).splitlines()) == 2
    str(panel).encode()


def test_a_failed_redirect_and_success_differ_by_mark():
    panel = inbox(Traffic([exchange(0), exchange(1, status=500), exchange(2, status=None, error="connection refused")]))
    assert [label[0] for label in shown(panel)] == ["✗", "✗", "✓"]


def test_the_plain_twin_of_an_inbox_tells_the_same(traffic, panel):
    traffic.append(exchange(0))
    until_painted(panel, 1)
    assert str(panel).splitlines() == [
        "Inbox of receiver: 1 delivery, newest first.",
        "✓ POST /hook/0 → 200 OK",
    ]
    bundle = panel._repr_mimebundle_()
    assert bundle["text/plain"] == str(panel) == repr(panel)
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_an_inbox_that_ended_changes_no_more_and_says_so(traffic, panel):
    panel.end()
    panel.end()
    traffic.append(exchange(0))
    assert panel._timer is None and shown(panel) == []
    assert "This inbox has ended" in panel.summary.value and "This inbox has ended" in str(panel)
    afresh = inbox(traffic)
    assert afresh is not panel and shown(afresh) == ["✓ POST /hook/0 → 200 OK"]
    assert "ended" not in str(afresh)
    afresh.end()


def test_running_the_cell_again_adds_no_listener_and_both_that_are_seen_work(traffic, panel):
    traffic.append(exchange(0, body=b"first"))
    until_painted(panel, 1)
    panel.list.children[0].click()
    for _ in range(20):
        again = inbox(traffic)
    assert len(traffic._listeners) == 1
    traffic.append(exchange(1, body=b"second"))
    for one in (panel, again):  # the cell that was run again, and one further up that shows it too
        until_painted(one, 2)
        assert "second" in one.view.value, "shown again, it begins with the newest"


def test_an_inbox_whose_widget_was_closed_listens_no_more(traffic, panel):
    panel.widget.close()
    traffic.append(exchange(0))
    until(lambda: not traffic._listeners)
    again = inbox(traffic)
    assert again is not panel and shown(again) == ["✓ POST /hook/0 → 200 OK"]
    again.end()


def test_two_inboxes_of_two_servers_both_work():
    one, two = Traffic(name="one"), Traffic(name="two")
    first, second = inbox(one), inbox(two)
    one.append(exchange(1)), two.append(exchange(2))
    until_painted(first, 1), until_painted(second, 1)
    assert shown(first) != shown(second)
    first.end(), second.end()


def test_traffic_of_the_same_name_that_was_picked_out_has_an_inbox_of_its_own(traffic, panel):
    traffic.append(exchange(0))
    picked = inbox(traffic[:0])
    assert picked is not panel and shown(picked) == []
    until_painted(panel, 1)


def test_an_inbox_says_that_its_server_has_stopped_and_listens_no_more():
    app = lambda environ, start: [start("204 No Content", [])][:0]  # noqa: E731
    before = serve(app, name="receiver")
    old = inbox(before)
    after = serve(app, name="receiver")  # the cell above was run again
    until(lambda: "has stopped, so nothing more will come" in old.summary.value)
    assert "has stopped, so nothing more will come" in str(old) and not before.traffic._listeners
    new = inbox(after)
    requests.post(after.url + "/hook", timeout=5)
    until_painted(new, 1)
    assert new is not old and "stopped" not in str(new)
    after.stop()


def test_nobody_waits_for_memory_of_an_inbox_that_is_gone():
    traffic = Traffic([exchange()])
    panel = inbox(traffic)
    panel.end()
    for widget in (panel.widget, panel.summary, panel.list, panel.view, *panel.list.children):
        widget.close()
    gone = weakref.ref(traffic)
    del panel, traffic, widget
    gc.collect()
    assert gone() is None


# --- The explorer -------------------------------------------------------------------------------------------

EVENTS = [30, 100, 110, 2000, 3599]


@pytest.mark.parametrize("every", INTERVALS)
def test_the_explorer_redraws_and_its_numbers_are_those_of_polling_cost(every):
    panel = polling_explorer(EVENTS, 3600, every=60 if every != 60 else 30)
    before = panel.view.value
    panel.slider.value = every
    cost = polling_cost(EVENTS, every, 3600)
    assert panel.cost() == cost
    assert panel.view.value != before
    told = f"{cost.requests} requests, {cost.wasted} wasted"
    assert told in panel.view.value and told in str(panel)
    assert f"Timeline: {cost.requests} polls against 5 events" in panel.view.value
    assert len(re.findall('<path d="M[^"]* V96" stroke="#009E73"', panel.view.value)) == cost.requests - cost.wasted


def test_the_plain_twin_of_the_explorer():
    assert str(polling_explorer([30], 3600)).splitlines() == [
        "Polling every 1 min for 1 h, 1 events:",
        "60 requests, 59 wasted; staleness 30 s median, 30 s worst.",
        "A webhook would have taken 1 requests, none wasted.",
    ]
    assert polling_explorer([30], 3600)._repr_mimebundle_()["text/plain"].startswith("Polling every 1 min")


def test_an_explorer_without_events_draws_only_polls():
    panel = polling_explorer([], 3600)
    assert "60 requests, 60 wasted" in str(panel) and "60 polls against 0 events" in panel.view.value


def test_an_interval_that_the_slider_lacks_is_one_clear_error():
    with pytest.raises(ValueError, match=r"every must be one of 5, 10, .* not 7\."):
        polling_explorer(EVENTS, 3600, every=7)


def test_an_event_outside_the_duration_is_one_clear_error():
    with pytest.raises(ValueError, match="Every event must lie from 0 to 60"):
        polling_explorer([61], 60)


SECRET = "whsec_YW4gZXhhbXBsZSBzZWNyZXQsIG5ldmVyIHVzZSBpdA=="


@pytest.fixture
def bench():
    clock = SimulatedClock()
    body = b'{"amount":1}'
    return tamper_bench(body, sign(body, SECRET, id="msg_1", timestamp=clock.now()), SECRET, clock)


def test_the_bench_believes_what_was_sent(bench):
    assert str(bench).endswith("✓ 2xx: this delivery is believed")
    assert bench._repr_mimebundle_()["text/plain"] == str(bench)


def test_the_bench_shows_the_checks_of_verify_up_to_the_first_that_fails(bench):
    words = [f"✓ {check.words(STANDARD_WEBHOOKS)}" for check in CHECKS]
    assert str(bench).splitlines()[:-1] == words
    bench.fields["timestamp"].value = "1767603000"
    assert str(bench).splitlines()[:-2] == words[:2]  # the headers, and that the timestamp is one


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("id", "msg_2", "No signature in webhook-signature fits"),
        ("id", "", "The header webhook-id is missing"),
        ("timestamp", "yesterday", "webhook-timestamp is not a time in whole seconds"),
        ("timestamp", "1767603000", "Signed 600 s ago; at most 300 s are allowed"),
        ("timestamp", "1767604200", "Signed 600 s ahead of us"),
        ("body", '{"amount":2}', "No signature in webhook-signature fits"),
        ("signature", "v1,é", "something other than printable ASCII"),
        ("signature", "v2,abc", "holds 0 signatures that begin with"),
    ],
)
def test_the_bench_says_which_check_fails_and_goes_back(bench, field, value, words):
    bench.fields[field].value = value
    assert words in str(bench) and words in bench.view.value and "✗" in bench.view.value
    assert "believed" not in str(bench)
    bench.reset.click()
    assert str(bench).endswith("believed")


def test_who_has_the_secret_can_change_everything_and_sign_again(bench):
    bench.fields["body"].value = '{"amount":1000000}'
    assert "changed since it was sent: body" in str(bench)
    bench.resign.click()
    assert str(bench).endswith("believed")


def test_who_has_another_secret_is_not_believed(bench):
    bench.fields["secret"].value = "whsec_YW5vdGhlciBvbmU="
    bench.resign.click()
    assert "changed since it was sent: secret, signature" in str(bench)
    assert "No signature in webhook-signature fits" in str(bench)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("timestamp", "yesterday", "the timestamp must be a whole number"),
        ("id", "", "there is no id"),
        ("secret", "swordfish", "must begin with whsec_"),
    ],
)
def test_what_cannot_be_signed_is_told(bench, field, value, words):
    bench.fields[field].value = value
    bench.resign.click()
    assert "cannot be signed" in bench.view.value and words in bench.view.value


def test_the_bench_escapes_what_is_typed(bench):
    bench.fields["secret"].value = NASTY
    bench.fields["id"].value = NASTY
    assert "<script>" not in bench.view.value
