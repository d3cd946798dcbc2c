"""Run a receiver in a process of its own, so that it can die as real ones do: in the middle, without a word."""

import os
import subprocess
import sys
import tempfile
import threading

from ..look import visible
from . import wire
from .running import reserve_name, started, stopped

_PATIENCE = 20

# What the process runs. It imports no more than it needs, so that it is up soon, and it ends when the pipe to its
# parent does, even while the app's file is still being imported, so that none is left behind.
_PROGRAM = """
import os, runpy, signal, sys, threading, traceback
# Whoever interrupts a kernel interrupts all that it started, and means the cell.
signal.signal(signal.SIGINT, signal.SIG_IGN)
from werkzeug.serving import make_server

# What the app prints goes to a file that nobody reads: a pipe would be full one day, and a print would wait for ever.
# The pipe carries our two messages alone, so that no print of the app's, early or late, can stand in their way.
report = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="backslashreplace")
os.dup2(2, 1)
threading.Thread(target=lambda: (os.read(0, 1), os._exit(0)), daemon=True).start()
try:
    found = runpy.run_path(sys.argv[1])
    if "app" not in found:
        sys.exit("the file defines no app")
except BaseException as error:
    why = traceback.format_exception_only(error)[-1].strip()
    if isinstance(error, SystemExit):
        why = error.code if isinstance(error.code, str) else f"it ended with {error.code or 0}"
    print("died", why, file=report, flush=True)
    os._exit(1)
handler = runpy.run_path(sys.argv[3])["Handler"]
server = make_server("127.0.0.1", int(sys.argv[2]), found["app"], threaded=True, request_handler=handler)
print("port", server.port, file=report, flush=True)
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
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed by _close
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, self.path, str(self.port), wire.__file__],
            env=os.environ | {name: str(value) for name, value in environment.items()},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            encoding="utf-8",
        )
        timer = threading.Timer(_PATIENCE, self._process.kill)
        timer.start()
        try:
            line = self._process.stdout.readline()
        except BaseException:  # whoever loses patience sooner leaves no process behind either
            self.kill()
            raise
        finally:
            timer.cancel()
            timer.join()
        word, _, rest = line.strip().partition(" ")
        if word != "port":
            code = self._process.wait(_PATIENCE)
            why = rest if word == "died" else self._last_words(code)
            self._close()
            raise RuntimeError(f"{self.path} did not start: {visible(why)}")
        self.port = int(rest)
        self.url = f"http://127.0.0.1:{self.port}"
        reserve_name(self.port, self.name)
        started(self, self._let_go)

    @property
    def running(self):
        """Whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    def kill(self):
        """End the process at once, with no chance to tidy up (SIGKILL where there is one)."""
        if self._process is not None:
            self._process.kill()
            self.wait()

    def stop(self):
        """End the process, as `kill` does. It is fine to call either twice."""
        self.kill()

    def wait(self):
        """Wait until the process has ended, by itself or by `kill`, and return its exit code."""
        code = self._process.wait(_PATIENCE)
        stopped(self)
        self._close()
        return code

    def _let_go(self):
        """In a child made by fork: the process is its parent's, to end and to wait for."""
        self._process.returncode = 0
        self._close()  # its end of the pipe too, or the process would outlive the parent it watches

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def __repr__(self):
        return f"<Process {self.name} {self.url} {'running' if self.running else 'ended'}>"

    def _last_words(self, code):
        """Why a process died that could say nothing itself: how it ended, and the last line that it had printed."""
        self._said.seek(0)
        last = self._said.read().decode(errors="replace").strip().splitlines()[-1:]
        return f"it ended with {code}" + (f", and its last words were: {last[0]}" if last else ", silently")

    def _close(self):
        for file in (self._process.stdin, self._process.stdout, self._said):
            file.close()
