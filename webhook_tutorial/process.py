"""Run a receiver in a process of its own, so that it can die as real ones do: in the middle, without a word."""

import os
import subprocess
import sys

from .server import reserve_name, stop_with_all, stopped

_PATIENCE = 20

# What the process runs. It imports no more than it needs, so that it is up soon, and it ends when the pipe to its
# parent does, so that none is left behind.
_PROGRAM = """
import logging, os, runpy, sys, threading
from werkzeug.serving import make_server

app = runpy.run_path(sys.argv[1])["app"]
logging.getLogger("werkzeug").disabled = True
server = make_server("127.0.0.1", int(sys.argv[2]), app, threaded=True)
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
print("port", server.port, flush=True)
server.serve_forever()
"""


class Process:
    """A Flask app from a file, in a process of its own; a context manager that ends it.

    Args:
        path: A Python file that defines ``app``.
        name: What it is called in pictures.
        **environment: Environment variables for it.

    Attributes:
        url: Where it listens. It is the same after `restart`.
    """

    def __init__(self, path, name="receiver", **environment):
        self.path, self.name = str(path), name
        self.port, self._process = 0, None
        self.restart(**environment)

    def restart(self, **environment):
        """End the process if it runs, and start it afresh on the same port, with these environment variables only.

        Raises:
            RuntimeError: It did not start; the message holds what it said.
        """
        self.kill()
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, self.path, str(self.port)],
            env=os.environ | {name: str(value) for name, value in environment.items()},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        line = self._process.stdout.readline()
        if not line.startswith("port "):
            _, said = self._process.communicate(timeout=_PATIENCE)
            self._close()
            raise RuntimeError(f"{self.path} did not start: {(line + said).strip().splitlines()[-1:]}")
        self.port = int(line.split()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        reserve_name(self.port, self.name)
        stop_with_all(self, self.kill)

    @property
    def running(self):
        """Whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    def kill(self):
        """End the process at once, with no chance to tidy up (SIGKILL where there is one)."""
        if self._process is not None:
            self._process.kill()
            self.wait()

    def wait(self):
        """Wait until the process has ended, by itself or by `kill`, and return its exit code."""
        code = self._process.wait(_PATIENCE)
        stopped(self)
        self._close()
        return code

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def __repr__(self):
        return f"<Process {self.name} {self.url} {'running' if self.running else 'ended'}>"

    def _close(self):
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            pipe.close()
