"""Measure how long the dashboard takes to open over ten thousand deliveries, and to repaint.

    python benchmarks/dashboard.py

A function in BENCHMARKS yields rows as in run.py: what was measured, the figure, and what to hold it against.
"""

import sys
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from webhook_tutorial import Policy, Sender, SimulatedClock, dashboard  # noqa: E402
from webhook_tutorial.delivery import Attempt, Delivery  # noqa: E402

DELIVERIES = 10_000
OPENS, REPAINTS = 2.0, 0.2  # seconds, of issue and design


def dashboards():
    """The kernel's part of it; what the browser adds is measured by the browser test."""
    sender = Sender(Policy((5, 300)), SimulatedClock())
    for number in range(DELIVERIES):
        delivery = Delivery(f"evt_{number}", f"https://{number % 100}.example/hook", b"{}", 0, 0)
        delivery.state = "given up" if number % 10 == 0 else "delivered"
        statuses = [503, 503] if delivery.state == "given up" else [503, 204] if number % 3 == 0 else [204]
        delivery.attempts = [Attempt(number + i, status, took=0.01) for i, status in enumerate(statuses)]
        sender.deliveries.append(delivery)
    began = time.perf_counter()
    panel = dashboard(sender)
    panel._repr_mimebundle_()
    opens = time.perf_counter() - began
    yield (f"a dashboard over {DELIVERIES:,} deliveries opens", f"{opens * 1000:.0f} ms", _verdict(opens, OPENS))
    took = []
    for _ in range(20):
        began = time.perf_counter()
        panel._paint()
        took.append(time.perf_counter() - began)
    yield ("and repaints", f"{median(took) * 1000:.0f} ms", _verdict(median(took), REPAINTS))
    sender.close()


def _verdict(seconds, target):
    return f"target <= {target * 1000:.0f} ms: {'met' if seconds <= target else 'MISSED'}"


BENCHMARKS = [dashboards]

if __name__ == "__main__":
    for benchmark in BENCHMARKS:
        for row in benchmark():
            print(*row, sep="  |  ")
