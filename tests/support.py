"""What the tests of several folders do."""

import subprocess
import sys
import time
from pathlib import Path

from webhook_tutorial import Exchange

ROOT = Path(__file__).resolve().parents[1]


def until(condition, seconds=10):
    """Wait until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


def exchange(n=0, **fields):
    """An exchange like any other, in all but what is given."""
    return Exchange(**({"method": "POST", "url": f"http://127.0.0.1:1/hook/{n}", "status": 200} | fields))


def run_python(code, *arguments, **options):
    """Run code in a Python of its own, from start to end, and return its exit code, its output and its errors."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        cwd=ROOT, capture_output=True, text=True, timeout=60, **options,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr
