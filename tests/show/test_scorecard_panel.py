"""The scorecard as a panel."""

import threading

import pytest
from flask import request
from scored import SECRET, correct
from support import until

from webhook_tutorial import scorecard, serve
from webhook_tutorial.signing import STANDARD_WEBHOOKS
from webhook_tutorial.signing.providers import Provider

NASTY = "<script>alert('x')</script>\x1b[31m"


@pytest.fixture
def server():
    """A receiver that tells a stranger why, in words that try to act; it answers while ``held`` is set."""
    app, held = correct(), threading.Event()
    held.set()
    app.before_request(lambda: held.wait(10) and None)

    @app.after_request
    def tell(answer):
        if answer.status_code == 401:
            answer.set_data(NASTY + ("" if "webhook-signature" in request.headers else "none"))
        return answer

    with serve(app) as server:
        server.held = held
        yield server
        held.set()


@pytest.fixture
def panel(server):
    panel = scorecard(server.url + "/webhook", SECRET)
    yield panel
    panel.widget.close()
    panel._thread.join(10)
    if panel._timer:
        panel._timer.join(5)


def rows(panel):
    return [button.description for button in panel.list.children]


def test_it_shows_failures_first_and_the_report_as_its_text(panel):
    report = panel.report
    until(lambda: panel.summary.value == f"<b>{report.headline}</b>" and len(rows(panel)) == len(report.results))
    assert rows(panel)[0].startswith("✗ uniform: ") and rows(panel)[1] == "✓ valid: 204 No Content"
    assert str(panel) == report.text() and panel._repr_mimebundle_()["text/plain"] == str(report)


def test_a_click_shows_the_exchange_the_command_and_the_lesson_every_value_escaped(panel):
    report = panel.report
    until(lambda: len(rows(panel)) == len(report.results))
    button = next(one for one in panel.list.children if one.description.startswith("✓ unsigned: "))
    button.click()
    view = panel.view.value
    assert "401 Unauthorized" in view and "curl -i -H" in view and "Again, within 300 s" in view
    assert "Taught in: <a href='04_signatures.ipynb#Sign-the-body'" in view and "The cure" not in view
    assert "text-decoration:underline" in view and "color:var(--jp-content-link-color," in view
    assert "<script>" not in view and "&lt;script&gt;" in view and "\x1b" not in view
    assert button.style.font_weight == "bold"
    panel.select("uniform")
    assert "The cure: <a href=" in panel.view.value and "Taught in" not in panel.view.value


def test_what_a_sample_holds_is_escaped_in_the_command(server):
    odd = Provider(dialect=STANDARD_WEBHOOKS, body={"id": "a{now}", "b": "<img src=x onerror='y'>"}, id="id")
    panel = scorecard(server.url + "/webhook", SECRET, odd, most=3)
    report = panel.report
    until(lambda: len(rows(panel)) == len(report.results))
    panel.select("valid")
    assert "&lt;img" in panel.view.value and "<img" not in panel.view.value
    panel.widget.close()


def test_results_come_while_the_run_goes_on_and_a_selection_stays(server):
    server.held.clear()
    panel = scorecard(server.url + "/webhook", SECRET)
    assert panel.summary.value == "<b>0 of 42 checks</b>" and "on their way" in panel.view.value
    server.held.set()
    until(lambda: any(" duplicate" in row for row in rows(panel)))
    panel.select("duplicate")
    panel.report  # noqa: B018
    until(lambda: panel.summary.value == f"<b>{panel.report.headline}</b>")
    assert "An event that comes again" in panel.view.value
    panel.widget.close()
    panel._thread.join(10)


def test_run_again_sends_everything_once_more_and_never_twice_at_a_time(server, panel):
    first = panel.report
    until(lambda: len(rows(panel)) == len(first.results))
    server.held.clear()
    panel.button.click()
    running = panel._thread
    panel.button.click()
    assert panel._thread is running
    server.held.set()
    assert panel.report is not first and str(panel.report) == str(first)


def test_a_closed_panel_ends_its_run(server):
    server.held.clear()
    panel = scorecard(server.url + "/webhook", SECRET)
    panel.widget.close()
    server.held.set()
    panel._thread.join(10)
    assert not panel._thread.is_alive() and len(panel._results) == 0


def test_what_cannot_be_used_is_told_by_the_call():
    with pytest.raises(ValueError, match="not this computer"):
        scorecard("http://192.0.2.1/", SECRET)
