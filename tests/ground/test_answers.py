"""What an answer means is said once: what one place shows as failed, every other does too."""

import pytest

from webhook_tutorial import Exchange, Traffic, diagram, verdict
from webhook_tutorial.answers import ok, reason
from webhook_tutorial.look import FAILURE, RECEIVER, mark_of
from webhook_tutorial.show.inbox import Inbox


@pytest.mark.parametrize("status", [None, 100, 199, 300, 302, 304, 399, 400, 404, 410, 429, 500, 599])
def test_nothing_but_2xx_has_arrived(status):
    assert not ok(status) and verdict(status) != "delivered" and mark_of(status) == ("✗", FAILURE)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_all_of_2xx_has(status):
    assert ok(status) and verdict(status) == "delivered" and mark_of(status) == ("✓", RECEIVER)


@pytest.mark.parametrize("status", [200, 302, 410, 500])
def test_an_answer_has_one_mark_in_the_table_the_inbox_and_the_diagram(status):
    """A redirect was grey in the first, failed in the second and unmarked in the third."""
    exchange = Exchange(method="POST", url="http://127.0.0.1:1/webhook", status=status)
    traffic = Traffic([exchange], name="receiver")
    mark, colour = mark_of(status)
    said = f"{status} {reason(status)}"
    [row] = [line for line in repr(traffic).splitlines() if said in line]
    assert f"{mark}  {said}" in row
    assert f"border-left:4px solid {colour}" in traffic._repr_html_()
    assert str(Inbox(traffic)).splitlines()[1].startswith(mark)
    [answer] = [line for line in str(diagram(traffic)).splitlines() if said in line]
    assert ("✗" in answer) == (not exchange.ok)  # what went well needs no mark there
