"""The answers that lesson 05 folds away are what its two panels say."""

import nbformat
import pytest
from cells import NOTEBOOKS
from flask import Flask

from webhook_tutorial import Sender, SimulatedClock, exponential, fault_console, retry_explorer, serve

HOUR = 3600


def answer_to(question):
    """The folded answer in the cell of a question."""
    cells = nbformat.read(NOTEBOOKS / "05_retries.ipynb", 4).cells
    (text,) = (cell.source for cell in cells if question in cell.source)
    return text.split("</summary>")[1]


@pytest.fixture
def explorer():
    return retry_explorer()


@pytest.mark.parametrize("base, factor, after_ten_minutes", [(60, 3, "8.9 min"), (1800, 1.5, "29.9 min")])
def test_the_policies_named_lose_none_in_twelve_hours(explorer, base, factor, after_ten_minutes):
    assert after_ten_minutes in answer_to("Try it: the retry explorer")
    explorer.base.value, explorer.factor.value, explorer.outage.value = base, factor, 12 * HOUR
    assert explorer.policy.attempts == 8 and explorer.outcome().lost == 0
    explorer.outage.value = 600
    assert f"the last after {after_ten_minutes}" in str(explorer)


def test_with_full_jitter_as_many_are_lost_as_the_answer_says(explorer):
    explorer.base.value, explorer.factor.value, explorer.outage.value, explorer.jitter.value = 60, 3, 12 * HOUR, 1.0
    assert f"With full jitter {explorer.outcome().lost} are lost" in answer_to("Try it: the retry explorer")


def test_the_modes_named_are_those_that_process_what_was_given_up():
    app = Flask("receiver")
    app.add_url_rule("/webhook", view_func=lambda: ("", 204), methods=["POST"])
    sender = Sender(exponential(10, attempts=4), SimulatedClock(), timeout=0.2, total=0.25)
    with serve(app) as server:
        console = fault_console(server, sender)
        for _, mode in console.modes.options:
            console.modes.value = mode
            console.send()
            unheard = console.delivery.state == "given up" and "4 times" in str(console)
            assert unheard == (f"`{mode}`" in answer_to("Try it: the fault console")), str(console)
        console.proxy.stop()
