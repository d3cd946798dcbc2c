"""The dashboard: how a sender is, live, and a dead letter that is delivered by a click, once."""

import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import ipywidgets as widgets
import pytest
from flask import Flask
from support import until

from webhook_tutorial import Policy, Sender, SimulatedClock, dashboard, faults, make_event, serve
from webhook_tutorial.delivery import Attempt, Delivery

_instances = widgets.widgets.widget._instances

NASTY = "<script>alert('x')</script>"


@pytest.fixture
def line():
    app = Flask("receiver")
    app.post("/hook")(lambda: ("", 204))
    with serve(app) as server, faults(server) as proxy:
        yield proxy


@pytest.fixture
def sender():
    with Sender(Policy((10,)), SimulatedClock()) as sender:
        yield sender


def send(sender, line, *ids):
    for id in ids:
        sender.send(line.url + "/hook", make_event("order_placed", {}, id=id))
    sender.run()


def labels(panel):
    return [button.description for button in panel.letters.children]


def painted(panel):
    """Wait until nothing is about to be painted."""
    until(lambda: panel._timer is None)
    with panel._lock:
        return panel.view.value


def test_nothing_sent_yet(sender):
    panel = dashboard(sender)
    assert str(panel) == "Nothing has been sent yet.\nDead letters: none."
    assert "Nothing has been sent yet." in panel.view.value and panel.button.layout.display == "none"


def test_its_twin_tells_the_same(sender, line):
    panel = dashboard(sender)
    send(sender, line, "evt_1", "evt_2")
    line.mode = 503
    send(sender, line, "evt_3")
    view = painted(panel)
    assert "2 delivered, 0 waiting, 1 dead" in view and "Dead letters: 1." in view
    sender.send(line.url + "/hook", make_event("order_placed", {}, id="evt_4"))
    first, row, dead, letter = str(panel).splitlines()
    assert first.startswith("50 % of the last 4 attempts succeeded; 95 % answered within 0.")
    assert first.endswith(" s; the oldest has waited for 0 s.")
    assert row.split(None, 2)[::2] == ["✗", "2 delivered, 1 waiting, 1 dead; last answer: 503, 2026-01-05T09:00:10Z"]
    assert (dead, letter) == ("Dead letters: 1.", f"  ✗ evt_3 → 127.0.0.1:{line.port} given up: 503")
    assert labels(panel) == [letter.strip()]


def test_it_repaints_while_the_sender_works_on_a_thread(sender, line):
    panel = dashboard(sender)
    thread = threading.Thread(target=send, args=(sender, line, *(f"evt_{n}" for n in range(20))))
    thread.start()
    until(lambda: "20 delivered" in panel.view.value)
    thread.join()


def test_redeliver_delivers_the_selected_one_once(sender, line):
    line.mode = 503
    send(sender, line, "evt_1", "evt_2")
    panel = dashboard(sender)
    line.mode = "healthy"
    panel.letters.children[1].click()  # the older one
    assert "evt_1" in panel.letter.value and panel.button.layout.display != "none" and not panel.button.disabled
    met = len(line.met)
    panel.button.click()
    panel.button.click()
    assert len(line.met) == met + 1
    assert [delivery.state for delivery in sender.deliveries] == ["delivered", "given up"]
    assert panel.button.disabled and panel.letter.value == "evt_1: delivered."
    assert "1 delivered, 0 waiting, 1 dead" in painted(panel)


def test_what_is_selected_stays_so_whatever_comes(sender, line):
    line.mode = 503
    send(sender, line, "evt_1")
    panel = dashboard(sender)
    panel.letters.children[0].click()
    send(sender, line, *(f"evt_{n}" for n in range(2, 40)))
    painted(panel)
    assert "evt_1 " in panel.letter.value
    assert [b.style.font_weight for b in panel.letters.children if "evt_1 " in b.description] == ["bold"]
    assert "the newest 20 shown" in panel.view.value and len(panel.letters.children) == 21


def test_a_click_while_the_sender_runs_puts_it_in_line(sender, line):
    line.mode = 503
    send(sender, line, "evt_1")
    panel = dashboard(sender)
    panel.select(sender.dead[0])
    sender.clock.call_at(sender.clock.now() + 1, panel.redeliver)
    sender.clock.call_at(sender.clock.now() + 1, lambda: setattr(line, "mode", "healthy"))
    sender.send(line.url + "/hook", make_event("order_placed", {}, id="evt_2"))
    sender.run()
    assert [delivery.state for delivery in sender.deliveries] == ["delivered", "delivered"]


def test_everything_is_escaped(sender):
    delivery = Delivery(NASTY, f"http://{NASTY}\x1b/", b"", 0, 0, state="given up", error=NASTY)
    delivery.attempts.append(Attempt(0, None, NASTY))
    sender.deliveries.append(delivery)
    panel = dashboard(sender)
    panel.select(delivery)
    assert "<script>" not in panel.view.value + panel.letter.value and "\x1b" not in str(panel)


def test_shown_again_it_is_the_same_and_one_that_is_closed_is_not(sender):
    panel = dashboard(sender)
    assert dashboard(sender) is panel
    panel.widget.close()
    assert dashboard(sender) is not panel


def test_nobody_keeps_a_dashboard_that_is_gone(line):
    sender = Sender(Policy(()), SimulatedClock())
    line.mode = 503
    send(sender, line, "evt_1")
    before = len(_instances)
    panel = dashboard(sender)
    painted(panel)
    gone = weakref.ref(panel)
    panel.widget.close()
    send(sender, line, "evt_2")  # it notices that it is closed
    del panel
    gc.collect()
    assert gone() is None
    assert len(_instances) <= before
    gone = weakref.ref(sender)
    sender.close()
    del sender
    gc.collect()
    assert gone() is None


def test_letters_that_are_not_shown_any_more_leave_no_widgets(sender, line):
    line.mode = 503
    panel = dashboard(sender)
    send(sender, line, *(f"evt_{n}" for n in range(20)))
    painted(panel)
    before = len(_instances)
    send(sender, line, *(f"evt_{n}" for n in range(20, 80)))
    painted(panel)
    assert len(_instances) <= before


def test_an_attempt_that_is_under_way_is_no_failure(sender):
    seen = []
    app = Flask("slow")
    app.post("/hook")(lambda: (seen.append(str(dashboard(sender))) or "", 204))
    with serve(app) as server:
        for number in range(2):
            sender.send(server.url + "/hook", make_event("a", {}, id=f"evt_{number}"))
        sender.run()
    assert seen[0].startswith("Nothing has been sent yet.") and seen[1].startswith("100 % of the last 1 attempts")
    assert "interrupted" not in "".join(seen) and "✗" not in "".join(seen)


def test_the_times_are_those_of_answers_and_a_hundred_percent_is_all(sender):
    delivery = Delivery("evt_1", "http://a.example/", b"", 0, 0, state="delivered")
    delivery.attempts = [
        *(Attempt(n, None, "connection refused", took=60) for n in range(1)),
        *(Attempt(n, 204, took=0.01) for n in range(398)),
        Attempt(398, 204, took=30),
    ]
    sender.deliveries.append(delivery)
    assert str(dashboard(sender)).startswith("99 % of the last 400 attempts succeeded; 95 % answered within 0.01 s.")


@pytest.mark.parametrize("url", [5, None, "http://\ud800.example/", "", "http://[::1"])
def test_whatever_a_url_is_it_can_be_shown(sender, url):
    sender.send(url, make_event("a", {}, id="evt_1"))
    sender.run()
    panel = dashboard(sender)
    assert "0 delivered, 0 waiting, 1 dead" in str(panel) and "evt_1 → " in labels(panel)[0]


def test_several_threads_get_one_dashboard(sender):
    with ThreadPoolExecutor(8) as pool:
        assert len({id(panel) for panel in pool.map(lambda _: dashboard(sender), range(50))}) == 1
