"""The scorecard against receivers that others wrote, or in other languages: two correct ones, and four as they are.

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
from programs import found

from webhook_tutorial import Program, serve
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
    settings = {"GOCACHE": str(folder / "cache"), "GOPATH": str(folder / "path"), "GOENV": "off", "GOPROXY": "off"}
    settings |= {"GOFLAGS": "-buildvcs=false", "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}
    done = subprocess.run(
        [go, "build", "-o", built, "."], cwd=RECEIVERS / "go", env=os.environ | settings,
        capture_output=True, text=True, encoding="utf-8", timeout=180,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [built]


def outcomes(report, outcome):
    return {result.name for result in report.results if result.outcome == outcome}


# Two correct ones.


def assert_full_marks(command):
    with Program(command, "receiver", PORT="{port}", WEBHOOK_SECRET=SECRET) as program:
        report = grade(f"{program.url}/webhook", SECRET, effects=f"{program.url}/effects", limit=LIMIT)
    assert {result.outcome for result in report.results} == {"held"}, report.text()
    assert report.grade == 100


@pytest.mark.node
def test_express_with_the_library_of_standard_webhooks_has_full_marks(node):
    assert_full_marks(node("server.js"))


@pytest.mark.go
def test_go_with_its_standard_library_has_full_marks(go_receiver):
    assert_full_marks(go_receiver)


# Debian's webhook (github.com/adnanh/webhook) runs a command where a rule is met. It looks at the signature, and at
# nothing else.

HUB_SECRET = "an example secret"
#: What it fails in every setting, counted by effects.
NOT_ITS_CARE = {
    *{"duplicate", "same-moment"},  # it remembers nothing
    *{"empty-signature", "wrong-signature", "other-secret", "empty-key", "tampered-body", "odd-headers"},  # 500
    *{"malformed-json", "empty-body", "wrong-method"},  # the rule is met, so it runs the command
    *{"cut-chunk", "cut-length"},  # it takes what came for the whole
}


@pytest.fixture
def debian(tmp_path):
    """Start Debian's webhook with fields of its hook; return its URL and that of its effects."""
    # Only Debian and what comes from it have a package of it; CI installs it there.
    program = found("webhook", needed=shutil.which("apt-get"))

    def start(**fields):
        done = tmp_path / "effects"
        done.touch()
        command = f"echo done >> {shlex.quote(str(done))}"
        arguments = [{"source": "string", "name": "-c"}, {"source": "string", "name": command}]
        where = {"source": "header", "name": "X-Hub-Signature-256"}
        rule = {"match": {"type": "payload-hmac-sha256", "secret": HUB_SECRET, "parameter": where}}
        hook = {"id": "orders", "execute-command": "/bin/sh", "pass-arguments-to-command": arguments}
        hooks = tmp_path / "hooks.json"
        hooks.write_text(json.dumps([hook | {"trigger-rule": rule} | fields]), encoding="utf-8")
        command = [program, "-hooks", hooks, "-ip", "127.0.0.1", "-port", "{port}"]
        url = Program(command, "webhook").url
        effects = Flask("effects")
        effects.get("/")(lambda: str(len(done.read_bytes().splitlines())))
        return f"{url}/hooks/orders", serve(effects).url

    return start


@pytest.mark.go
def test_debians_webhook_answers_200_to_what_it_has_refused(debian):
    url, effects = debian()
    report = grade(url, HUB_SECRET, "github", effects=effects)
    assert outcomes(report, "failed") == NOT_ITS_CARE | {"unsigned"}
    assert "200 OK: it was refused" in report["unsigned"].words
    assert "500" in report["wrong-signature"].words and "was accepted" not in report["wrong-signature"].words
    assert outcomes(report, "not applicable") >= {"rotation", "stale", "future", "tampered-id", "tampered-time"}


@pytest.mark.go
def test_debians_webhook_answers_401_if_it_is_told_to(debian):
    url, effects = debian(**{"trigger-rule-mismatch-http-response-code": 401})
    report = grade(url, HUB_SECRET, "github", effects=effects)
    # A wrong signature is still another answer than a missing one.
    assert outcomes(report, "failed") == NOT_ITS_CARE | {"uniform"}
    assert report["unsigned"].words == "401 Unauthorized"


@pytest.mark.go
@pytest.mark.parametrize("fields", [{}, {"trigger-rule-mismatch-http-response-code": 401}], ids=["200", "401"])
def test_without_effects_nobody_claims_to_know_what_debians_webhook_has_done(debian, fields):
    url, _ = debian(**fields)
    report = grade(url, HUB_SECRET, "github")
    other = {"uniform"} if fields else {"unsigned"}
    # It may have set aside what is no JSON, as some good receivers do.
    unseen = {"duplicate", "same-moment", "malformed-json", "empty-body"}
    assert outcomes(report, "failed") == NOT_ITS_CARE - unseen | other
    for name in outcomes(report, "failed") | {"duplicate", "same-moment"}:
        words = " ".join([report[name].words, *report[name].notes])
        assert ": it was" not in words and "effect was done" not in words
    for name in ("duplicate", "same-moment", *other - {"uniform"}):
        assert "--effects" in " ".join([report[name].words, *report[name].notes])


# The article's receiver, in Express.

FORGERIES = {
    *{"unsigned", "empty-signature", "wrong-signature", "other-secret", "empty-key"},
    *{"tampered-body", "tampered-id", "tampered-time", "stale", "future"},
}


@pytest.mark.node
def test_the_articles_receiver_as_it_is_accepts_nothing_and_earns_nothing(node):
    with Program(node("article.js"), "article", PORT="{port}") as program:
        report = grade(f"{program.url}/webhook", SECRET, effects=f"{program.url}/effects")
    assert report.grade == 0
    assert outcomes(report, "failed") == {"valid", "leaks"}  # Express shows a stack where nobody says otherwise
    assert "500" in report["valid"].words
    assert outcomes(report, "not counted") >= FORGERIES, "that it refuses them as well is no merit"


@pytest.mark.node
def test_the_articles_receiver_repaired_accepts_everything(node):
    with Program(node("article.js"), "article", PORT="{port}", REPAIRED="yes") as program:
        report = grade(f"{program.url}/webhook", SECRET, effects=f"{program.url}/effects")
    # What is no JSON by its content type has no body in Express 5, so reading a field of it is an error, shown.
    breaks = {"duplicate", "same-moment", "content-type", "form", "leaks"}
    assert outcomes(report, "failed") == FORGERIES | breaks | {"odd-headers"}
    for name in FORGERIES:
        assert report[name].words == "200 OK: it was accepted, and an effect was done"
    assert report["duplicate"].words == "200 OK; 2 effects of 1"
    assert 0 < report.grade < 70
