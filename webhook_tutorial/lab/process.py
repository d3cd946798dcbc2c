"""Run a receiver in a process of its own, so that it can die as real ones do: in the middle, without a word."""

import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from ..look import visible
from .running import reserve_name, started, stopped

_PATIENCE = 20
_PROGRAM = str(Path(__file__).with_name("child.py"))


class Process:
    """A Flask app from a file, in a process of its own; a context manager that ends it.

    What is no app, such as a worker, is a function ``main`` in the file: it runs until it returns or is killed.

    Args:
        path: A Python file that defines ``app``, or ``main``.
        name: What it is called in pictures.
        **environment: Environment variables for it.

    Attributes:
        url: Where it listens. It is the same after `restart`. Empty for a ``main``.
        said: Once it has ended, what it wrote to stderr: of a ``main`` that raised, its traceback.
    """

    def __init__(self, path, name="receiver", **environment):
        self.path, self.name = str(path), name
        self.port, self._process, self.said = 0, None, ""
        self.restart(**environment)

    def restart(self, **environment):
        """End the process if it runs, and start it afresh on the same port, with these environment variables only.

        Raises:
            RuntimeError: It did not start; the message holds what it said.
        """
        self.kill()
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed by _close
        self._process = subprocess.Popen(
            [sys.executable, _PROGRAM, self.path, str(self.port)],
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
        self.url = f"http://127.0.0.1:{self.port}" if self.port else ""
        if self.port:
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
        if not self._said.closed:
            self._said.seek(0)
            self.said = self._said.read().decode(errors="replace")
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
