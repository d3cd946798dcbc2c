"""The demo provider: a shop whose orders can be polled from a REST API or pushed as webhooks."""

import math
import random
from contextlib import contextmanager

from flask import Flask, request

from ..clock import SimulatedClock, iso
from ..delivery import Policy, Sender
from ..events import make_event
from ..lab.running import sending_as

_CUSTOMERS = ("Ada", "Bela", "Chidi", "Dora", "Emil", "Farah", "Goro", "Hana")
_ITEMS = (("tea", 450), ("coffee", 690), ("mug", 1200), ("honey", 820), ("biscuits", 310))
_NO_RETRIES = Policy(())

#: The catalogue of the shop, for a `Provider`: an example of the data of each event.
EVENT_TYPES = {
    "user_signup": {"user": "Ada"},
    "order_placed": {
        "number": 1,
        "customer": "Ada",
        "item": "tea",
        "amount": 450,
        "placed": "2026-01-05T09:00:00Z",
    },
    "order_shipped": {"number": 1, "carrier": "post"},
    "payment_received": {"order": 1, "amount": 450},
}


class Shop:
    """A small shop, the same on every run: seeded, and on the clock you hand in.

    ``shop.app`` is its API, a Flask app to `serve`:

    * ``GET /orders`` gives the newest orders, ``GET /orders?since=N`` those after order number N, oldest first;
      ``limit`` (1 to 100) says how many at most, 10 unless told. ``more`` in the answer says whether some were
      left out.
    * More than ``rate_limit`` requests in one minute get 429 with ``Retry-After`` in seconds (RFC 9110, 10.2.3).

    Args:
        clock: Something with ``now()``; a new `SimulatedClock` if left out.
        seed: Which customers buy what, and when, in `schedule`.
        rate_limit: Requests a minute.
        provider: A `Provider` on the same clock. With one, events are published through it, to those who have
            subscribed at its registration API, which is then a part of ``shop.app``; `deliver` sends them.

    Attributes:
        orders: Every order so far, a list of dictionaries; ``at`` is the time in seconds since the epoch.
        deliveries: Every `Delivery` so far, each with one attempt; those of a provider are in its own log.

    Raises:
        ValueError: The provider has another clock.
    """

    def __init__(self, clock=None, *, seed=1, rate_limit=60, provider=None):
        self.clock = clock or (provider.clock if provider else SimulatedClock())
        if provider and provider.clock is not self.clock:
            raise ValueError("The shop and its provider need the same clock: leave clock= out, or hand it to both.")
        self.rate_limit, self.provider = rate_limit, provider
        self.orders = []
        self.deliveries = []
        self._random = random.Random(seed)
        self._subscriptions = []
        self._window = (None, 0)
        self.app = Flask("shop")
        self.app.get("/orders")(self._get_orders)
        if provider:
            self.app.register_blueprint(provider.blueprint)

    def subscribe(self, url, events=("order_placed",)):
        """Push every event whose type is in ``events`` to ``url`` from now on, as a POST with a JSON body.

        Subscribing a URL again replaces what it had subscribed to.

        Raises:
            ValueError: ``events`` is one text instead of a list of them, or the URL is not http(s).
            RuntimeError: The shop has a provider, whose subscribers come by its API.
        """
        if self.provider:
            raise RuntimeError("This shop has a provider: subscribe with POST /subscriptions.")
        if isinstance(events, str):
            raise ValueError(f"events is a list of event types: [{events!r}]")
        if not str(url).startswith(("http://", "https://")):
            raise ValueError(f"A subscriber's URL starts with http:// or https://, not {url!r}.")
        self._subscriptions = [s for s in self._subscriptions if s[0] != url] + [(url, tuple(events))]

    def place_order(self, customer=None):
        """Place an order now and return it; the subscribers are told, and each gets two seconds to answer.

        With a provider, they are told by `deliver`.
        """
        number = len(self.orders) + 1
        item, amount = self._random.choice(_ITEMS)
        order = {
            "number": number,
            "customer": customer or self._random.choice(_CUSTOMERS),
            "item": item,
            "amount": amount,
            "placed": iso(self.clock.now()),
        }
        self.orders.append(order | {"at": self.clock.now()})
        event = make_event("order_placed", order, id=f"evt_{number:04}", timestamp=self.clock.now())
        if self.provider:
            self.provider.publish(event)
        else:
            self._push(event)
        return order

    def deliver(self, until=None):
        """Have the provider deliver what waits; see `Provider.run`. In pictures, the shop is the sender."""
        with _sending_as_the_shop():
            self.provider.run(until)

    def schedule(self, orders, hours):
        """Plan ``orders`` orders at random moments of the next ``hours`` hours of a simulated clock.

        They are placed, and pushed, as the clock passes each moment.
        """
        start = self.clock.now()
        for moment in sorted(self._random.uniform(0, hours * 3600) for _ in range(orders)):
            self.clock.call_at(start + moment, self.place_order)

    def _push(self, event):
        urls = [url for url, wanted in self._subscriptions if event["event_type"] in wanted]
        # A sender for each push, on a clock that stands still: an order takes no time, and may come in the middle of
        # another's push, from a receiver that orders in turn or on another thread.
        with Sender(_NO_RETRIES, SimulatedClock(self.clock.now()), dialect=None) as sender:
            self.deliveries += [sender.send(url, event) for url in urls]
            with _sending_as_the_shop():
                sender.run()

    def _get_orders(self):
        wait = self._seconds_to_wait()
        if wait:
            return {"error": "too many requests"}, 429, {"Retry-After": str(wait)}
        try:
            since = _number(request.args, "since", None, 0, math.inf)
            limit = _number(request.args, "limit", 10, 1, 100)
        except ValueError as error:
            return {"error": str(error)}, 400
        public = [{k: v for k, v in order.items() if k != "at"} for order in self.orders]
        if since is None:
            return {"orders": public[-limit:], "more": len(public) > limit}
        return {"orders": public[since : since + limit], "more": len(public) > since + limit}

    def _seconds_to_wait(self):
        """Count this request against its minute; the seconds until the next one if it is one too many."""
        now = self.clock.now()
        minute, count = self._window
        count = count + 1 if minute == now // 60 else 1
        self._window = (now // 60, count)
        return math.ceil(60 - now % 60) if count > self.rate_limit else 0


@contextmanager
def _sending_as_the_shop():
    token = sending_as.set("shop")
    try:
        yield
    finally:
        sending_as.reset(token)


def _number(args, name, default, least, most):
    text = args.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or not least <= int(text[:18]) <= most:
        bounds = f"from {least} to {most}" if most < math.inf else f"of {least} or more"
        raise ValueError(f"{name} must be a whole number {bounds}")
    return int(text[:18])
