"""The dashboard: how a sender is, live, and a dead letter that is delivered by a click, once."""

import gc
import threading
import weakref

import pytest
from flask import Flask
from support import until

from webhook_tutorial import Policy, Sender, SimulatedClock, dashboard, faults, make_event, serve
from webhook_tutorial.delivery import Attempt, Delivery

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
    assert first.startswith("50% of the last 4 attempts succeeded; 95 % answered within 0.")
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
    panel = dashboard(sender)
    gone = weakref.ref(panel)
    panel.widget.close()
    del panel
    gc.collect()
    send(sender, line, "evt_1")
    sender.close()
    assert gone() is None or gone().widget.comm is None
