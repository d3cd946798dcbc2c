"""A bad afternoon at a shop, as its log and its metrics have it: several things go wrong, and one loses events."""

import io
import json
import logging
import random

import requests
from requests.adapters import BaseAdapter

from ..clock import START, SimulatedClock, iso
from ..delivery import HOUR, MINUTE, Policy, Sender, make_session
from ..events import make_event
from ..operations.logs import JsonLines, log_attempts
from ..operations.metrics import Metrics

NOON = START + 3 * HOUR
ENDPOINTS = ("billing", "crm", "mail", "reports", "warehouse")

#: What somebody may hold to be the cause, and what it would look like.
SUSPECTS = {
    "release": "our release of 14:00 has spoiled the events",
    "secret": "a secret was changed, and not everybody has the new one",
    "network": "our line to the internet was down",
    "receiver": "a receiver was down for too long",
}

#: What the endpoints answer, besides 204: from when to when, at which, and what. A text is a connection that fails.
_TROUBLE = [
    (NOON + 1 * HOUR + 20 * MINUTE, NOON + 1 * HOUR + 50 * MINUTE, ("warehouse",), 503),
    (NOON + 2 * HOUR + 5 * MINUTE, NOON + 5 * HOUR, ("crm", "reports"), 401),
    (NOON + 2 * HOUR + 20 * MINUTE, NOON + 2 * HOUR + 40 * MINUTE, ENDPOINTS, "reset"),
    (NOON + 3 * HOUR + 10 * MINUTE, NOON + 3 * HOUR + 30 * MINUTE, ("mail",), "slow"),
]
_ODD = "evt_23"  # an order that billing cannot read, then or ever


class Afternoon:
    """A shop's afternoon from 12:00 to 18:00, the same on every run; the mend comes at 17:00.

    Attributes:
        log: The lines of the log, dictionaries, the oldest first.
        sender: The `Sender`, with its dead letters.
        metrics: A dictionary from the time of a scrape (``"14:00"``) to the text that Prometheus read.
    """

    def __init__(self):
        clock, dice, stream = SimulatedClock(NOON), random.Random(11), io.StringIO()
        session = make_session()
        session.mount("https://", _Endpoints(clock))
        self.sender = Sender(
            Policy((MINUTE, 5 * MINUTE, 20 * MINUTE)), clock, session=session, trace=random.Random(12).randbytes
        )
        self.metrics, metrics, logger = {}, Metrics(), logging.Logger("afternoon")
        handler = logging.StreamHandler(stream)
        handler.setFormatter(JsonLines(clock=clock))
        logger.addHandler(handler)
        log_attempts(self.sender, logger)
        metrics.listen(self.sender)
        moments = sorted(NOON + dice.uniform(0, 5.9 * HOUR) for _ in range(40))
        for number, moment in enumerate(moments, 1):
            clock.call_at(moment, lambda number=number: self._order(number))
        for hour in range(6):
            self._run(NOON + (hour + 1) * HOUR)
            self.metrics[iso(clock.now())[11:16]] = metrics.text()
        self.log = [json.loads(line) for line in stream.getvalue().splitlines()]

    def _order(self, number):
        event = make_event("order_placed", {"number": number}, id=f"evt_{number}", timestamp=self.sender.clock.now())
        for name in ENDPOINTS:
            self.sender.send(f"https://{name}.example/webhook", event)

    def _run(self, end):
        """Deliver until then, and what is ordered meanwhile at that moment."""
        clock = self.sender.clock
        while clock.now() < end:
            self.sender.run(until=min(end, clock.now() + MINUTE))


class _Endpoints(BaseAdapter):
    """Five receivers, without a network."""

    def __init__(self, clock):
        super().__init__()
        self.clock = clock

    def send(self, request, **_):
        name, now, answer = request.url.split("//")[1].partition(".")[0], self.clock.now(), 204
        if name == "billing" and request.headers["webhook-id"] == _ODD:
            answer = 400
        for begins, ends, names, trouble in _TROUBLE:
            if begins <= now < ends and name in names:
                answer = trouble
        if answer == "reset":
            raise requests.ConnectionError("reset")
        if answer == "slow":
            raise requests.ReadTimeout("slow")
        response = requests.Response()
        response.request, response.url, response.status_code, response._content = request, request.url, answer, b""
        return response

    def close(self):
        """Nothing is open."""
