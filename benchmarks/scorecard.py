"""Measure how long the scorecard takes: against a healthy receiver, which counts its effects, and one that hangs.

    python benchmarks/scorecard.py

A function in BENCHMARKS yields rows as in run.py: what was measured, the figure, and what to hold it against.
"""

import socket
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from webhook_tutorial import Program  # noqa: E402
from webhook_tutorial.operations.scorecard import grade  # noqa: E402

RECEIVER = ROOT / "tests" / "operations" / "receivers" / "correct.py"
SECRET = "whsec_" + "ZXhhbXBsZSBvbmx5" * 2
HEALTHY, HANGS = 5, 30  # seconds, of the issue


def scorecards():
    """A whole run, effects and a limit of bytes included."""
    settings = {"WEBHOOK_SECRET": SECRET, "PORT": "{port}"}
    with (
        TemporaryDirectory() as folder,
        Program([sys.executable, str(RECEIVER)], "correct", DATABASE=Path(folder, "orders.db"), **settings) as receiver,
    ):
        url = receiver.url
        began = time.perf_counter()
        report = grade(f"{url}/webhook", SECRET, effects=f"{url}/effects", limit=100_000)
        taken = time.perf_counter() - began
    yield (f"a healthy receiver is graded ({report.grade}/100)", f"{taken:.1f} s", _verdict(taken, HEALTHY))
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        began = time.perf_counter()
        grade(f"http://127.0.0.1:{deaf.getsockname()[1]}/webhook", SECRET)
        taken = time.perf_counter() - began
    yield ("one that never answers is given up", f"{taken:.1f} s", _verdict(taken, HANGS))


def _verdict(seconds, target):
    return f"target < {target} s: {'met' if seconds < target else 'MISSED'}"


BENCHMARKS = [scorecards]

if __name__ == "__main__":
    for benchmark in BENCHMARKS:
        for row in benchmark():
            print(*row, sep="  |  ")
