"""Measure what a retry storm costs to simulate, and how soon a killed receiver is back.

    python benchmarks/storm.py

A function in BENCHMARKS yields rows as in run.py: what was measured, the figure, and what to hold it against.
Each size of storm runs in a Python of its own, so that the peak of its memory is its own.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from webhook_tutorial import Process  # noqa: E402

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
ROUNDS = 3
RESTARTS = 10
SECONDS, MEGABYTES = 2.0, 500.0

# Prints the seconds of the fastest round, and the process's peak in megabytes before and after.
STORM = """
import json, sys, time
import psutil
from webhook_tutorial import exponential, retry_storm

def peak():
    try:
        import resource
    except ImportError:
        return psutil.Process().memory_info().peak_wset / 2**20
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit

policy = exponential(60, cap=3600, attempts=9, jitter=1.0)
retry_storm(1, policy)
before, seconds = peak(), []
for _ in range(int(sys.argv[2])):
    begun = time.perf_counter()
    retry_storm(int(sys.argv[1]), policy)
    seconds.append(time.perf_counter() - begun)
print(json.dumps([min(seconds), before, peak()]))
"""

RECEIVER = 'from flask import Flask\napp = Flask("receiver")\napp.post("/")(lambda: ("", 204))\n'


def storms():
    """retry_storm() with full jitter, from ten thousand to ten million deliveries."""
    before = None
    for deliveries in SIZES:
        seconds, idle, megabytes = run_storm(deliveries)
        growth = f"{seconds / before:.1f} x the tenth of it" if before else ""
        if deliveries == 1_000_000:
            growth += f", {against(seconds, SECONDS, 's')}, {against(megabytes, MEGABYTES, 'MB')}"
        yield f"retry_storm, {deliveries:,}", f"{seconds * 1000:.1f} ms", growth
        yield "  peak of its process", f"{megabytes:.0f} MB", f"{megabytes - idle:.0f} MB more than for one"
        before = seconds


def restarting():
    """SIGKILL and a new start of a receiver in a process of its own, until it listens again."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "receiver.py"
        source.write_text(RECEIVER)
        kills, starts = [], []
        with Process(source) as process:
            for _ in range(RESTARTS):
                begun = time.perf_counter()
                process.kill()
                killed = time.perf_counter()
                process.restart()
                kills.append(killed - begun)
                starts.append(time.perf_counter() - killed)
    yield "Process.kill()", f"{median(kills) * 1000:.1f} ms", ""
    yield "Process.restart()", f"{median(starts) * 1000:.1f} ms", "most of it imports Flask and Werkzeug"


BENCHMARKS = (storms, restarting)


# --- Helpers ------------------------------------------------------------------------------------------------


def run_storm(deliveries):
    """Seconds of the fastest of some rounds, and the peak memory in MB without it and with it."""
    rounds = 1 if deliveries > 1_000_000 else ROUNDS
    done = subprocess.run(
        [sys.executable, "-c", STORM, str(deliveries), str(rounds)],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    return json.loads(done.stdout)


def against(figure, target, unit):
    return f"target < {target:g} {unit}: {'met' if figure < target else 'MISSED'}"


if __name__ == "__main__":
    for benchmark in BENCHMARKS:
        for what, figure, compared in benchmark():
            print(f"  {what:<38} {figure:>10}   {compared}".rstrip(), flush=True)
