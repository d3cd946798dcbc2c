"""Run a program of another make, such as a server made for production or a proxy, and end it with all its children.

A `Process` runs a Python file with our own server in it; here the command decides which server that is.
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ..environment import reach_loopback_directly
from ..look import visible
from .running import reserve_name, running, started, stopped

_PATIENCE = 20
_KEEPER = str(Path(__file__).with_name("keeper.py"))


class Program:
    """A command in processes of its own; a context manager that ends it, and whatever it has started.

    One of the same name that is up is ended first, so a cell can be run again.

    Args:
        command: The program and its arguments, a list of texts.
        name: What it is called.
        folder: Where it runs; None is this folder.
        files: Texts by their names, such as its configuration: they are written into ``folder`` before each start.
        **environment: Environment variables for it.

    Where ``{port}`` stands in the command, a file or a variable, a free port takes its place. It stays the same after
    `restart`. With one, the command is up when it listens there; without, as soon as it runs.

    Attributes:
        url: Where it listens, empty without a ``{port}``.
        pid: The id of its process.
        said: Once it has ended, what it wrote to its standard output and its standard error.

    Raises:
        RuntimeError: It did not start; the message holds the last line that it said.
    """

    def __init__(self, command, name, folder=None, files=None, **environment):
        self.command, self.name, self.folder, self.files = list(command), name, Path(folder or "."), dict(files or {})
        self.environment = environment
        texts = [*command, *self.files.values(), *environment.values()]
        self.port = _free_port() if any("{port}" in str(text) for text in texts) else 0
        self.url = f"http://127.0.0.1:{self.port}" if self.port else ""
        self._keeper, self._code, self.said = None, None, ""
        if self.port:
            reach_loopback_directly()
        for other in running():
            if isinstance(other, Program) and other.name == name:
                other.stop()
        self.restart()

    def restart(self, **environment):
        """End the command if it runs, and start it afresh, with the same variables but for these."""
        self.stop()
        self.environment |= environment
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed by _close
        self._code, self.said = None, ""
        for name, text in self.files.items():
            (self.folder / name).write_text(self._with_port(text), encoding="utf-8")
        self._keeper = subprocess.Popen(
            [sys.executable, _KEEPER, *map(self._with_port, self.command)],
            cwd=self.folder,
            env=os.environ | {name: self._with_port(value) for name, value in self.environment.items()},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            encoding="utf-8",
            # A kernel that is restarted is killed with all of its group. The keeper outlives that, and tidies up.
            start_new_session=True,
        )
        started(self, self._let_go)
        try:
            word, _, rest = self._keeper.stdout.readline().strip().partition(" ")
            if word != "pid":
                raise RuntimeError(f"{self.name} did not start: {self.command[0]}: {visible(rest)}")
            self.pid = int(rest)
            if self.port:
                self._wait_until_it_listens()
        except BaseException:  # whoever loses patience sooner leaves nothing behind either
            self.stop()
            raise

    def _wait_until_it_listens(self):
        end = time.monotonic() + _PATIENCE
        while True:
            if not self.running:
                code, last = self.wait(), self.said.strip().splitlines()[-1:]
                words = f"its last words were: {visible(last[0])}" if last else "it said nothing"
                raise RuntimeError(f"{self.name} did not start. It ended with {code}, and {words}")
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return reserve_name(self.port, self.name)
            except OSError:
                if time.monotonic() > end:
                    raise RuntimeError(
                        f"{self.name} does not listen on port {self.port} after {_PATIENCE} s."
                    ) from None
                time.sleep(0.02)

    @property
    def running(self):
        """Whether the command is alive."""
        return self._keeper is not None and self._keeper.poll() is None

    def terminate(self):
        """Ask it to end: SIGTERM. Windows knows no such request, and ends it at once."""
        self._order("t")

    def kill(self):
        """End it at once, with no chance to tidy up (SIGKILL where there is one), and wait until it has ended."""
        self._order("k")
        self.wait()

    def wait(self):
        """Wait until it has ended, by itself or by an order, and return its exit code; -15 is "by signal 15".

        Raises:
            subprocess.TimeoutExpired: It goes on for more than 20 seconds.
        """
        if self._code is None:
            self._keeper.wait(_PATIENCE)
            word, _, code = self._keeper.stdout.readline().strip().partition(" ")
            self._code = int(code) if word == "ended" else 1
            self._said.seek(0)
            self.said = self._said.read().decode(errors="replace")
            self._close()
        return self._code

    def stop(self):
        """End it and all that it has started, at once. It is fine to call this twice."""
        if self._keeper is not None and self._code is None:
            self._keeper.stdin.close()
            self.wait()

    def _order(self, order):
        try:
            self._keeper.stdin.write(order)
            self._keeper.stdin.flush()
        except (OSError, ValueError):  # it has ended already
            pass

    def _close(self):
        stopped(self)
        for file in (self._keeper.stdin, self._keeper.stdout, self._said):
            file.close()

    def _with_port(self, text):
        return str(text).replace("{port}", str(self.port))

    def _let_go(self):
        """In a child made by fork: the program is its parent's, to end and to wait for."""
        self._keeper.returncode = 0
        self._close()  # its end of the pipe too, or the program would outlive the parent that its keeper watches

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def __repr__(self):
        return f"<Program {self.name} {self.url} {'running' if self.running else 'ended'}>"


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
