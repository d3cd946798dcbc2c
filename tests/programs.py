"""Receivers as programs of their own, in any language, for tests: started, found by what they print, and ended."""

import os
import re
import shutil
import subprocess

import psutil
import pytest
from support import until


def missing(reason):
    """Skip the test, or in CI have it fail: a program or package that it needs is not here."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


def found(name, *, needed=True):
    """Return the path of a program; without it the test is skipped, or fails in CI if it is needed there."""
    path = shutil.which(name)
    if not path:
        (missing if needed else pytest.skip)(f"{name} is not installed")
    return path


class Program:
    """A running program that listens on 127.0.0.1; a context manager that ends it.

    Args:
        command: The program and its arguments, a list.
        folder: Where what it prints is kept: an empty folder.
        **environment: Environment variables for it, besides the tests' own.

    Attributes:
        url: ``http://127.0.0.1:PORT``: the port that it names in a line ``listening on PORT``, or else the one that the
            system says it listens on.
    """

    def __init__(self, command, folder, **environment):
        self.said = folder / "said"
        with open(self.said, "wb") as said:
            self.process = subprocess.Popen(
                [*map(str, command)], env=os.environ | environment, stdin=subprocess.DEVNULL,
                stdout=said, stderr=subprocess.STDOUT,
            )  # fmt: skip
        try:
            until(lambda: self._port() or self.process.poll() is not None, seconds=30)
            assert self.process.poll() is None, self.said.read_text(encoding="utf-8", errors="replace")
        except BaseException:
            self.stop()
            raise
        self.url = f"http://127.0.0.1:{self._port()}"

    def _port(self):
        line = re.search(rb"^listening on (\d+)\s", self.said.read_bytes(), re.MULTILINE)
        return int(line[1]) if line else None

    def stop(self):
        """End it, by SIGTERM if that is enough. It is fine to call it twice."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class SilentProgram(Program):
    """A program that does not say where it listens: the system does."""

    def _port(self):
        try:
            sockets = psutil.Process(self.process.pid).net_connections("tcp")
        except psutil.NoSuchProcess:
            return None
        return next((one.laddr.port for one in sockets if one.status == psutil.CONN_LISTEN), None)
