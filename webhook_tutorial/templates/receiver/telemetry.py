"""What tells how it goes: one JSON object a line in the log, and numbers for Prometheus.

Receiver and worker are two processes, so their numbers lie in files in one folder (prometheus_client's multiprocess
mode), and the receiver shows the sum of them, on a port of its own: behind a proxy every request comes from this
computer, so an address would not tell who asks.
"""

import json
import logging
import os
import re
import socket
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

# Both are read when prometheus_client is imported.
os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", str(Path(__file__).with_name("metrics")))
os.environ.setdefault("PROMETHEUS_DISABLE_CREATED_SERIES", "True")
try:
    os.makedirs(os.environ["PROMETHEUS_MULTIPROC_DIR"], exist_ok=True)
    with tempfile.TemporaryFile(dir=os.environ["PROMETHEUS_MULTIPROC_DIR"]) as file:
        file.write(bytes(200_000))  # prometheus_client maps its files into memory: a full disk ends it without a word
except OSError as error:
    sys.exit(f"PROMETHEUS_MULTIPROC_DIR must be a folder that can be written: {error.strerror}.")

from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server, values
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector

# Each process has files of its own. In two containers both may be number 1, so the computer's name is in it, too.
_PROCESS = f"{socket.gethostname()}-{os.getpid()}".replace("_", "-")
values.ValueClass = values.MultiProcessValue(lambda: _PROCESS)

# --- Numbers. Each label has few values, and each is there from the start: a first failure is a rise from 0. ---

DELIVERIES = Counter("webhook_deliveries", "Deliveries that were answered.", ["outcome"])
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
ANSWERED = Histogram("webhook_answer_seconds", "How long answers took.", buckets=BUCKETS)
EVENTS = Counter("webhook_events", "Events that the worker has had in its hands.", ["outcome"])
for outcome in ("stored", "duplicate", "unauthorized", "malformed", "too large", "unavailable", "error"):
    DELIVERIES.labels(outcome)
for outcome in ("done", "unknown type", "failed", "set aside", "too late"):
    EVENTS.labels(outcome)


class OfTheInbox:
    """The numbers that the inbox itself knows. They are right when the worker is dead, too."""

    def __init__(self, inbox):
        self.inbox = inbox

    def collect(self):
        try:
            counts = self.inbox.counts()
        except sqlite3.Error:
            return
        yield GaugeMetricFamily("webhook_inbox_waiting", "Deliveries that wait.", counts["waiting"])
        yield GaugeMetricFamily(
            "webhook_inbox_overdue_seconds", "For how long one could have been begun, and is not.", counts["overdue"]
        )
        yield GaugeMetricFamily("webhook_inbox_set_aside", "Deliveries that were given up.", counts["set_aside"])
        yield GaugeMetricFamily(
            "webhook_worker_heartbeat_timestamp_seconds", "When the worker was here last.", counts["heartbeat"]
        )


def registry(inbox):
    """Return what both processes have counted, and what the inbox knows."""
    everything = CollectorRegistry()
    MultiProcessCollector(everything)
    everything.register(OfTheInbox(inbox))
    return everything


def show_metrics(inbox, host, port):
    """Serve ``/metrics``. Keep this port away from the internet."""
    start_http_server(port, host, registry(inbox))


# --- The log. What is not named here is left out: no body, no header, no secret, no text of an exception. ---

FIELDS = ("delivery", "event_type", "outcome", "reason", "status", "tries", "port", "cut")
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,100}( [A-Za-z0-9_.:-]{1,40}){0,5}")


class JsonLines(logging.Formatter):
    """A record as one line: its message without its arguments, and the fields that were handed in as ``extra``."""

    def format(self, record):
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname.lower(),
            "event": str(record.msg)[:100],
        }
        for name in FIELDS:
            value = getattr(record, name, None)
            if value is not None:
                line[name] = value if isinstance(value, int) or _plain(value) else "•••"
        if record.exc_info and record.exc_info[0]:
            kind, _, place = record.exc_info
            while place and place.tb_next:
                place = place.tb_next
            line["exception"] = kind.__name__
            line["raised_in"] = f"{place.tb_frame.f_code.co_name}:{place.tb_lineno}" if place else ""
        return json.dumps(line)


def _plain(value):
    """Whether it looks like an id or a few words. Whoever sends a delivery writes its id, and may write anything."""
    return bool(_ID.fullmatch(value)) and "whsec_" not in value


def log_json():
    """Have everything logged as JSON lines, on stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a line for each that waits, in a burst


log = logging.getLogger("webhook")
