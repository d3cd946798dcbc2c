"""The scorecard against receivers in other languages, of which none knows of it: two correct ones, and three as they are.

Node and npm are needed (and once the npm registry), Go, and Debian's webhook. Without them the tests fail in CI and
are skipped elsewhere.
"""

import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from flask import Flask
from npm import install
from programs import Program, SilentProgram, found

from webhook_tutorial import serve
from webhook_tutorial.operations.scorecard import grade

RECEIVERS = Path(__file__).with_name("receivers")
#: Exact versions, so that these tests change only when this line does.
PACKAGES = "express@5.3.0 standardwebhooks@1.1.0"
SECRET = "whsec_" + "YW4gZXhhbXBsZSBzZWNyZXQgZm9yIHRlc3Rz"
LIMIT = 100_000


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """A function that returns the command which runs one of the programs in ``express/``."""
    program, folder = install(tmp_path_factory.mktemp("node"), PACKAGES)
    for path in (RECEIVERS / "express").glob("*.js"):
        shutil.copy(path, folder)
    return lambda name: [program, folder / name]


@pytest.fixture(scope="module")
def go_receiver(tmp_path_factory):
    """The receiver in Go, built."""
    go, folder = found("go"), tmp_path_factory.mktemp("go")
    built = folder / ("receiver.exe" if os.name == "nt" else "receiver")
    # Nothing is read from or written to the home of whoever runs the tests, and no module is fetched.
    settings = {
        "GOCACHE": str(folder / "cache"),
        "GOPATH": str(folder / "path"),
        "GOENV": "off",
        "GOFLAGS": "-buildvcs=false",
    }
    settings |= {"GOPROXY": "off", "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}
    done = subprocess.run(
        [go, "build", "-o", built, "."], cwd=RECEIVERS / "go", env=os.environ | settings,
        capture_output=True, text=True, encoding="utf-8", timeout=180,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [built]
