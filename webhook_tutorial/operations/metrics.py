"""What Prometheus is to know of a sender: counters and a histogram of its attempts, and how much waits for how long.

The names follow https://prometheus.io/docs/practices/naming/: a prefix, base units, ``_total`` for what only grows. No
label has more values than a few: an endpoint has its host for a name, and only so many of them get one.
"""

import weakref

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from ..delivery.signals import attempt_made, delivery_over
from .logs import place_of

# A series more for each counter, with the time at which it was made. Nobody looks at it here.
disable_created_metrics()

#: What an attempt may have come to. Each is there from an endpoint's first attempt on, with 0: a rate of what has just
#: appeared is none.
ANSWERS = (
    "2xx", "3xx", "4xx", "5xx", "timed out", "connection lost", "connection refused", "could not connect", "TLS failed",
    "blocked", "other",
)  # fmt: skip
STATES = ("delivered", "refused", "gone", "given up")

#: Seconds. The default buckets end at 10, and a sender waits for 30.
BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30)

#: The name of all endpoints that came after the last that got one of its own.
OTHERS = "others"


class Metrics:
    """The metrics of one or more senders, in a registry of their own. What waits has its age by their own clocks.

    Args:
        most_endpoints: How many endpoints get a label of their own; those that come later share one.

    Attributes:
        registry: Prometheus' ``CollectorRegistry``.
    """

    def __init__(self, most_endpoints=20):
        self.registry, self._most, self._names, self._sources = CollectorRegistry(), most_endpoints, set(), []
        self._attempts = self._make(Counter, "webhook_attempts", "Attempts by what came of them.", "answer")
        self._took = self._make(
            Histogram, "webhook_attempt_duration_seconds", "How long an attempt took.", buckets=BUCKETS
        )
        self._deliveries = self._make(Counter, "webhook_deliveries", "Deliveries that are over.", "state")
        self.registry.register(self)

    def _make(self, kind, name, words, *labels, **options):
        return kind(name, words, ["endpoint", *labels], registry=self.registry, **options)

    def listen(self, source):
        """Count what a `Sender` or a `Provider` announces, and look at what waits there. Twice is as good as once."""
        if any(known() is source for known in self._sources):
            return
        attempt_made.connect(self._attempt, source, weak=False)
        delivery_over.connect(self._over, source, weak=False)
        self._sources.append(weakref.ref(source))

    def _attempt(self, source, delivery, attempt):
        endpoint = self._name(delivery.url)
        self._attempts.labels(endpoint, answer_of(attempt)).inc()
        self._took.labels(endpoint).observe(attempt.took)

    def _over(self, source, delivery, state):
        self._deliveries.labels(self._name(delivery.url), state).inc()

    def _name(self, url):
        """The label of an endpoint; all its series are made at once, with 0."""
        name = place_of(url)
        if name not in self._names:
            if len(self._names) >= self._most:
                name = OTHERS
            if name not in self._names:
                self._names.add(name)
                for answer in ANSWERS:
                    self._attempts.labels(name, answer)
                for state in STATES:
                    self._deliveries.labels(name, state)
                self._took.labels(name)
        return name

    def collect(self):
        """Yield the gauges of what waits at this moment: Prometheus' registry calls it at each scrape."""
        waiting, oldest, overdue = {}, 0.0, 0.0
        for source in filter(None, [known() for known in self._sources]):
            try:
                now, found = source.clock.now(), source.waiting()
            except Exception:  # a provider that was closed, say: it says nothing, and the others do
                continue
            for url, created, due in found:
                name = self._name(url)
                waiting[name] = waiting.get(name, 0) + 1
                oldest, overdue = max(oldest, now - created), max(overdue, now - due)
        gauge = GaugeMetricFamily("webhook_deliveries_waiting", "Deliveries that are not over.", labels=["endpoint"])
        for name in sorted(self._names):
            gauge.add_metric([name], waiting.get(name, 0))
        yield gauge
        yield GaugeMetricFamily("webhook_oldest_waiting_seconds", "Age of the oldest that is not over.", oldest)
        yield GaugeMetricFamily("webhook_overdue_seconds", "How long an attempt has been due at the most.", overdue)

    def describe(self):
        """Name no metrics beforehand: the registry would ask for what waits before there is anything."""
        return []

    def text(self):
        """Return all of it in Prometheus' text format."""
        return generate_latest(self.registry).decode()

    def view(self):
        """Answer ``GET /metrics`` in a Flask app: ``app.get("/metrics")(metrics.view)``."""
        return self.text(), {"Content-Type": CONTENT_TYPE_PLAIN_0_0_4}


def answer_of(attempt):
    """Return which of `ANSWERS` an `Attempt` has come to."""
    if attempt.status is not None:
        return f"{attempt.status // 100}xx" if 200 <= attempt.status < 600 else "other"
    words = attempt.error.partition(":")[0]
    return words if words in ANSWERS else "other"
