"""The command line, run in this process and as one of its own."""

import json
import os
import signal
import subprocess
import sys

import requests
from click.testing import CliRunner
from support import ROOT, until

from webhook_tutorial import sample
from webhook_tutorial.cli import tools

WHSEC = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#: What every process of the tools has in its environment: secrets to test with.
SECRETS = {
    "STRIPE_SECRET": WHSEC,
    "GITHUB_SECRET": "a secret of GitHub's",
    "OTHER_SECRET": "one of another endpoint",
    "OTHER_WHSEC": WHSEC[:-4] + "AAAA",
    "EMPTY": "",
}


def run(*arguments, color=False):
    """Run a command in this process, and return its click result."""
    return CliRunner(env=SECRETS | {"NO_COLOR": None, "NOT_SET": None}).invoke(
        tools, [*map(str, arguments)], prog_name="python -m webhook_tutorial", color=color
    )


def environment(**more):
    # As an ordinary terminal has it: of what runs the tests, nothing reaches the tools.
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "NO_COLOR"))}
    return kept | SECRETS | {"PYTHONWARNINGS": "error", "PYTHONIOENCODING": "utf-8"} | more


def command(*arguments):
    return [sys.executable, "-m", "webhook_tutorial", *map(str, arguments)]


def run_process(*arguments, cwd=ROOT, **more):
    """Run a command as a process, from start to end."""
    return subprocess.run(
        command(*arguments), cwd=cwd, env=environment(**more), capture_output=True, text=True, encoding="utf-8",
        timeout=60,
    )  # fmt: skip


def deliver(url, provider="github", event="push", secret=SECRETS["GITHUB_SECRET"], **more):
    """Deliver a sample, and return the answer."""
    body, headers = sample(provider, event, secret)
    return requests.post(url, data=body, headers=headers | more, timeout=30)


def _as_in_a_terminal(before):
    """A child of a shell's background job ignores Ctrl-C: here it does not."""
    if os.name == "nt":
        return before

    def prepare():
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if before:
            before()

    return prepare


class Listening:
    """`listen` as a process, its output in a file."""

    def __init__(self, folder, *arguments, before=None, **more):
        self._out, self._err = folder / "out", folder / "err"
        with open(self._out, "wb") as out, open(self._err, "wb") as err:
            self.process = subprocess.Popen(
                command("listen", *arguments), cwd=ROOT, env=environment(**more), stdout=out, stderr=err,
                preexec_fn=_as_in_a_terminal(before),
            )  # fmt: skip
        try:
            until(lambda: b"\n" in self.bytes() or self.process.poll() is not None, seconds=60)
            first = self.lines()[0]
            self.url = json.loads(first)["url"] if first.startswith("{") else first.split()[2].rstrip(":")
            self.port = int(self.url.rpartition(":")[2])
        except BaseException:
            self.end()
            raise AssertionError(self.errors()) from None

    def bytes(self):
        return self._out.read_bytes()

    def text(self):
        return self.bytes().decode().replace("\r\n", "\n")

    def lines(self):
        return self.text().splitlines()

    def objects(self):
        return [json.loads(line) for line in self.lines()]

    def errors(self):
        return self._err.read_text(encoding="utf-8")

    def end(self):
        self.process.kill()
        self.process.wait()
