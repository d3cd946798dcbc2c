"""The template's two programs, copied to a folder of a test and started there as a reader starts them."""

import base64
import hashlib
import itertools
import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request

from support import until

from webhook_tutorial import sign
from webhook_tutorial.cli.new import copy_template

SECRET = "whsec_" + base64.b64encode(hashlib.sha256(b"for the tests of the template").digest()).decode()
EVENT = json.dumps({"event_type": "order_placed", "data": {"number": 7, "amount": 4990}}).encode()
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


class Installed:
    """A copy of the template with settings, and its programs.

    Args:
        folder: A folder that is not there yet.
        **settings: Variables of the environment.
    """

    def __init__(self, folder, **settings):
        copy_template(folder)
        self.folder, self.port, self.metrics_port = folder, free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        kept = {n: v for n, v in os.environ.items() if not n.startswith(("PYTEST", "PROMETHEUS", "WEBHOOK"))}
        own = {"WEBHOOK_SECRET": SECRET, "PORT": self.port, "METRICS_PORT": self.metrics_port, "SHOW_EFFECTS": "yes"}
        self.environment = kept | {name: str(value) for name, value in (own | settings).items()}
        self.processes, self.logs, self._count = {}, [], itertools.count()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes.values():
            process.kill()
            process.wait(20)

    def run(self, name, *arguments, **settings):
        """Run a program that ends by itself; return its exit code, its output and its errors."""
        done = subprocess.run(
            [sys.executable, "-W", "error", name, *arguments], cwd=self.folder, env=self.environment | settings,
            capture_output=True, text=True, encoding="utf-8", timeout=60,
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    def start(self, name):
        """Start a program and return its process when it is ready; what it says stands in a file of `logs`."""
        log = self.folder / f"{name}.{next(self._count)}.log"
        self.logs.append(log)
        with open(log, "wb") as said:
            process = subprocess.Popen(
                [sys.executable, name], cwd=self.folder, env=self.environment, stdout=said, stderr=said
            )
        self.processes[name] = process
        ready = b'"listening"' if name == "receiver.py" else b'"working"'
        until(lambda: ready in log.read_bytes() or process.poll() is not None, seconds=60)
        assert process.poll() is None, log.read_text(encoding="utf-8")
        return process

    def said(self):
        """The lines of the logs of all starts, as dictionaries."""
        return [json.loads(line) for log in self.logs for line in log.read_text(encoding="utf-8").splitlines()]

    def get(self, path, port=None):
        """Return status and body, a text."""
        try:
            with _direct.open(f"http://127.0.0.1:{port or self.port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def post(self, body=EVENT, headers=None, id="evt_1"):
        """Deliver, signed unless headers are given; return status, body and headers of the answer."""
        headers = sign(body, SECRET, id=id) if headers is None else headers
        request = urllib.request.Request(f"{self.url}/webhook", body, headers, method="POST")
        try:
            with _direct.open(request, timeout=10) as answer:
                return answer.status, answer.read(), dict(answer.headers)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read(), dict(error.headers)
