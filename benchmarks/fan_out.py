"""Measure how events reach a hundred endpoints, and whether a dead one and a slow one hold up the others.

    python benchmarks/fan_out.py

A function in BENCHMARKS yields rows as in run.py: what was measured, the figure, and what to hold it against.
"""

import socket
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from webhook_tutorial import Policy, Provider, make_event, new_key, serve  # noqa: E402
from webhook_tutorial.clock import SystemClock  # noqa: E402

ENDPOINTS, EVENTS, WORKERS, ROUNDS = 100, 2, 10, 3
ANSWER, SLOW = 0.020, 1.0  # seconds that an endpoint takes
TARGET = 1.5


def fan_out():
    """The time until the last of the 98 well ones has all events, the other two well too, or one dead and one slow."""
    well, ill, alone = [], [], []
    for _ in range(ROUNDS):  # in turns
        well.append(served(WORKERS, dead=False, slow=False))
        ill.append(served(WORKERS, dead=True, slow=True))
    alone.append(served(1, dead=True, slow=True))
    ratio = median(ill) / median(well)
    verdict = "met" if ratio < TARGET else "MISSED"
    yield f"98 of {ENDPOINTS} endpoints, all well", ms(median(well)), f"{WORKERS} workers, {ms(ANSWER)} an answer"
    yield "98, beside one dead and one slow", ms(median(ill)), f"{ratio:.2f} x all well, target < {TARGET}: {verdict}"
    yield "98, the same with one worker", ms(median(alone)), f"{median(alone) / median(well):.2f} x all well"


def served(workers, dead, slow):
    """Seconds until the last of the well endpoints has all events; the first two are the ones that may be ill."""
    arrivals = {}

    def app(environ, start_response):
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        arrivals[environ["PATH_INFO"]] = time.perf_counter()
        time.sleep(SLOW if slow and environ["PATH_INFO"] == "/1" else ANSWER)
        start_response("204 No Content", [])
        return []

    with tempfile.TemporaryDirectory() as folder, serve(app, name="endpoints") as server:
        options = {"challenge": None, "policy": Policy(()), "workers": workers, "clock": SystemClock()}
        types = {"order_placed": {}}
        with Provider(Path(folder) / "shop.db", key=new_key(), event_types=types, **options) as provider:
            owner, _ = provider.add_owner("everyone")
            for number in range(ENDPOINTS):
                url = f"http://127.0.0.1:{closed_port()}/" if dead and not number else f"{server.url}/{number}"
                provider.subscribe(owner, url=url, events=["*"])
            for _ in range(EVENTS):
                provider.publish(make_event("order_placed", {}))
            begun = time.perf_counter()
            provider.run()
    return max(arrivals[f"/{number}"] for number in range(2, ENDPOINTS)) - begun


def closed_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def ms(seconds):
    return f"{seconds * 1000:.0f} ms"


BENCHMARKS = (fan_out,)

if __name__ == "__main__":
    for what, figure, compared in fan_out():
        print(f"  {what:<38} {figure:>10}   {compared}", flush=True)
