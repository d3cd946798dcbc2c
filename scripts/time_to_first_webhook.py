"""Measure what a new reader waits for: the seconds from "git clone" to the first delivered webhook.

    python scripts/time_to_first_webhook.py              report each phase
    python scripts/time_to_first_webhook.py --limit 60   and fail when together they take longer than that
    python scripts/time_to_first_webhook.py --warm       let pip use its cache, which a new reader has not

The last commit of this checkout is cloned into a temporary folder and set up there as "make lab" does it.
JupyterLab is started until it answers, and the first notebook is run until the cell that is tagged
"first-webhook" shows its output. Left out is what a reader's network and hands add: the clone's download,
and running the cells one by one.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = Path("notebooks", "00_start_here.ipynb")
TAG = "first-webhook"


def start_jupyterlab(python, folder, environment):
    """Start JupyterLab as "make lab" does, without a browser window; return it once its page is served."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # --allow-root is ignored for an ordinary user, and needed in a container. The token is empty because the
    # server serves nobody and lives for a few seconds.
    command = [python, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"]
    command += ["--IdentityProvider.token=", str(NOTEBOOK)]
    server = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            direct.open(f"http://127.0.0.1:{port}/lab", timeout=5).close()
            return server
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    server.kill()
    sys.exit("JupyterLab did not start within 60 seconds.")


def run_to_first_webhook(path):
    """Run a notebook until the tagged cell has its output, and print that output and the time as JSON.

    This part runs in the new environment, as a process of its own.
    """
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": str(Path(path).parent)}}
    )
    with client.setup_kernel():
        for index, cell in enumerate(notebook.cells):
            if cell.cell_type != "code":
                continue
            client.execute_cell(cell, index)  # raises when the cell fails
            if TAG in cell.metadata.get("tags", []):
                now = time.time()
                texts = [one.get("text") or one.get("data", {}).get("text/plain", "") for one in cell.outputs]
                print(json.dumps({"time": now, "output": "".join(texts)}))
                return


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--limit", type=float, metavar="SECONDS", help="fail when it takes longer than this")
    parser.add_argument("--warm", action="store_true", help="let pip use its cache")
    parser.add_argument("--run", metavar="NOTEBOOK", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        run_to_first_webhook(arguments.run)
        return

    environment = dict(os.environ)
    if not arguments.warm:
        environment["PIP_NO_CACHE_DIR"] = "1"

    start = last = time.time()

    def report(phase, now=None):
        nonlocal last
        now = now or time.time()
        print(f"{phase:<38}{now - last:6.1f} s", flush=True)
        last = now

    # ignore_cleanup_errors: JupyterLab may still be writing when the folder is removed.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        clone = Path(temporary, "clone")
        cloned = subprocess.run(["git", "clone", "--quiet", ROOT, clone])
        if cloned.returncode or not (clone / NOTEBOOK).exists():
            sys.exit(f"There is no git commit with {NOTEBOOK} in it here, so there is nothing to measure.")
        report("git clone (local)")
        made = subprocess.run(["make", "setup"], cwd=clone, env=environment, stdout=subprocess.DEVNULL)
        if made.returncode:
            sys.exit("make setup failed.")
        report("make setup" + (" (pip's cache allowed)" if arguments.warm else " (nothing cached)"))

        python = clone / (".venv/Scripts/python.exe" if os.name == "nt" else ".venv/bin/python")
        server = start_jupyterlab(python, clone, environment)
        report("JupyterLab starts")
        try:
            first = subprocess.run(
                [python, __file__, "--run", clone / NOTEBOOK],
                cwd=clone,
                env=environment,
                stdout=subprocess.PIPE,
            )
        finally:
            server.terminate()
            server.wait()
        if first.returncode:
            sys.exit(f"{NOTEBOOK} failed before its first webhook was delivered.")
        if not first.stdout or not json.loads(first.stdout)["output"].strip():
            sys.exit(f'No cell of {NOTEBOOK} that is tagged "{TAG}" showed any output.')
        webhook = json.loads(first.stdout)
        report("kernel starts, first webhook delivered", webhook["time"])

    total = last - start
    print(f"{'clone to first webhook':<38}{total:6.1f} s\n\n{webhook['output'].strip()}")
    if arguments.limit and total > arguments.limit:
        sys.exit(f"\nThat is longer than {arguments.limit:g} seconds.")


if __name__ == "__main__":
    main()
