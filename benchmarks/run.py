"""Measure what the lessons depend on, in one run, and print a table. Ends by itself in well under a minute.

    python benchmarks/run.py            everything
    python benchmarks/run.py requests   only the benchmarks whose name contains the word

Each benchmark is a function in BENCHMARKS that yields rows: what was measured, the figure, and what to hold
it against: a target, or the same done by hand in the same run. Absolute times depend on the machine; ratios
hardly do. Load goes to 127.0.0.1 only and is bounded in time.
"""

import os
import platform
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from dashboard import BENCHMARKS as DASHBOARD  # noqa: E402
from fan_out import BENCHMARKS as FAN_OUT  # noqa: E402
from relays import BENCHMARKS as RELAYS  # noqa: E402
from scorecard import BENCHMARKS as SCORECARD  # noqa: E402
from signing import BENCHMARKS as SIGNING  # noqa: E402
from storm import BENCHMARKS as STORM  # noqa: E402

from webhook_tutorial import polling_cost_at_scale, serve, stop_all  # noqa: E402

ROUNDS = 100
LOAD_SECONDS = 2.0
LOAD_ROUNDS = 3
IMPORT_ROUNDS = 7
MOST = "serve", "watch", "diagram", "faults", "Sender", "sign", "verify", "Process", "Shop", "SimulatedClock", "check"

# The client runs in a process of its own, so that it and the server do not share one interpreter lock. It
# prints how many answers it had and how many seconds that took. It hangs up first, as most clients do.
CLIENT = """
import socket, sys, time
port, seconds = int(sys.argv[1]), float(sys.argv[2])
ask = b"POST /hook HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 2\\r\\n\\r\\n{}"
count, begun = 0, time.perf_counter()
while time.perf_counter() - begun < seconds:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as wire:
        wire.sendall(ask)
        answer = b""
        while not answer.endswith(b"\\r\\n\\r\\nok"):
            piece = wire.recv(4096)
            assert piece, answer
            answer += piece
    count += 1
print(count, time.perf_counter() - begun)
"""


def app(environ, start_response):
    """Read the body and answer, as a small receiver does; the same for every server measured."""
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]


def start_and_stop():
    """From serve() to the first byte taken, and stop() while a client is connected that says nothing."""
    starts, stops = [], []
    for n in range(ROUNDS):
        begun = time.perf_counter()
        server = serve(app, name="receiver")
        idle = socket.create_connection(("127.0.0.1", server.port), timeout=5)
        starts.append(time.perf_counter() - begun)
        with idle:
            until(lambda server=server: len(server._threads.clients) == 1)  # the server has taken the idle client
            time.sleep(0.02 + n * 0.02 / ROUNDS)  # and waits for the next, for a different while in each round
            begun = time.perf_counter()
            server.stop()
            stops.append(time.perf_counter() - begun)
    yield from against_target("serve(): start to first connection", median(starts), 0.020)
    yield from against_target("stop() with an idle client connected", median(stops), 0.050)


def requests_per_second():
    """serve() against the same by hand with Werkzeug, which records nothing: in turns, the best of each."""
    by_hand, recorded = [], []
    for _ in range(LOAD_ROUNDS):
        by_hand.append(load_by_hand())
        with serve(app, name="receiver") as server:
            recorded.append(load(server.port))
    yield "requests a second, Werkzeug by hand", f"{max(by_hand):.0f}", ""
    yield (
        "requests a second, serve()",
        f"{max(recorded):.0f}",
        f"{max(recorded) / max(by_hand):.2f} x by hand",
    )


def a_million_pollers():
    """polling_cost_at_scale for one million subscribers, polling every minute for an hour."""
    seconds, cost = timed(lambda: polling_cost_at_scale(1_000_000, 60, 10))
    yield (
        "polling_cost_at_scale, 1 million",
        ms(seconds),
        f"{cost.requests / seconds:.1e} simulated requests a second",
    )


def importing():
    """A fresh Python that imports what the lessons import, against one that imports Flask and requests only."""
    contestants = {
        "theirs": "import flask, requests",
        "nothing": "pass",
        "import webhook_tutorial": "import webhook_tutorial",
        "from it: serve": "from webhook_tutorial import serve",
        "from it: what most lessons need": f"from webhook_tutorial import {', '.join(MOST)}",
    }
    # In turns, and the fastest of each: what else the machine does only adds.
    rounds = [{what: run_python(code) for what, code in contestants.items()} for _ in range(IMPORT_ROUNDS)]
    fastest = {what: min(each[what] for each in rounds) for what in contestants}
    theirs, nothing = fastest.pop("theirs"), fastest.pop("nothing")
    yield "import flask, requests", ms(theirs), f"of which Python itself {ms(nothing)}"
    for what, seconds in fastest.items():
        verdict = "met" if seconds <= 1.15 * theirs else "MISSED"
        yield what, ms(seconds), f"{seconds / theirs:.2f} x flask and requests, target <= 1.15: {verdict}"


BENCHMARKS = (
    start_and_stop,
    requests_per_second,
    a_million_pollers,
    importing,
    *SIGNING,
    *STORM,
    *DASHBOARD,
    *FAN_OUT,
    *RELAYS,
    *SCORECARD,
)


# --- Helpers ------------------------------------------------------------------------------------------------


def against_target(what, seconds, target):
    """A row with a target in seconds."""
    verdict = "met" if seconds < target else "MISSED"
    yield what, ms(seconds), f"target < {ms(target)}: {verdict} ({seconds / target:.2f} x target)"


def load(port, seconds=LOAD_SECONDS):
    """Requests a second that one client gets from a port of this process."""
    done = subprocess.run(
        [sys.executable, "-c", CLIENT, str(port), str(seconds)],
        capture_output=True,
        text=True,
        check=True,
        timeout=seconds + 15,
    )
    count, taken = done.stdout.split()
    return int(count) / float(taken)


def load_by_hand():
    """The same load on Werkzeug's threaded server, set up as lesson 02 does it."""
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Silent(WSGIRequestHandler):
        def log(self, *_):
            pass

    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Silent)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        return load(server.port)
    finally:
        server.shutdown()
        thread.join()


def run_python(code):
    """Seconds that a fresh Python takes for some code."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    # Without a timeout: with one, subprocess looks every 50 ms whether it has ended, and the figures have such steps.
    seconds, _ = timed(lambda: subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd=ROOT))
    return seconds


def timed(function):
    begun = time.perf_counter()
    result = function()
    return time.perf_counter() - begun, result


def until(condition, seconds=5):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("the server did not take a client")
        time.sleep(0.0005)


def ms(seconds):
    return f"{seconds * 1000:.1f} ms"


def main(words):
    begun = time.perf_counter()
    chosen = [b for b in BENCHMARKS if not words or any(word in b.__name__ for word in words)]
    if not chosen:
        sys.exit(f"No benchmark is called so; there are: {', '.join(b.__name__ for b in BENCHMARKS)}")
    python = f"{platform.python_implementation()} {platform.python_version()}"
    print(f"{python}, {platform.system()}, {os.cpu_count()} CPUs")
    for benchmark in chosen:
        for what, figure, compared in benchmark():
            print(f"  {what:<38} {figure:>10}   {compared}".rstrip(), flush=True)
    stop_all()
    print(f"All in {time.perf_counter() - begun:.0f} s.")


if __name__ == "__main__":
    main(sys.argv[1:])
