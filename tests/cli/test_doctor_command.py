"""`doctor` on the command line: what it reads and hands on, and how it ends. What it finds is tested with signing."""

import json
import sys
from types import ModuleType

import pytest
from support import exchange
from tools import SECRETS, run

from webhook_tutorial import sample, sign
from webhook_tutorial.lab.archive import save
from webhook_tutorial.lab.traffic import Traffic
from webhook_tutorial.signing import GITHUB, STRIPE


class StandIn:
    """What `diagnose` returns: as much of it as the command needs."""

    def __init__(self, ok):
        self.ok = ok

    def __str__(self):
        return "It verifies." if self.ok else "The body was parsed and written again."

    def as_dict(self):
        return {"ok": self.ok, "findings": []}


@pytest.fixture
def asked(monkeypatch):
    """The arguments of each call of `diagnose`, which finds a body well if it is b"well"."""
    calls = []

    def diagnose(body, headers, secret, dialect, *, secrets=None, method="", url="", clock=None):
        calls.append(dict(locals(), calls=None))
        if body == b"our mistake":
            raise ValueError("The secret must begin with whsec_.")
        return StandIn(body == b"well")

    module = ModuleType("webhook_tutorial.signing.doctor")
    module.diagnose = diagnose
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return calls


@pytest.fixture
def given(tmp_path):
    """Make the two files, and return the arguments that name them and the rest."""

    def make(body=b"well", headers=b"X-Hub-Signature-256: sha256=00\n"):
        (tmp_path / "body").write_bytes(body)
        (tmp_path / "headers").write_bytes(headers)
        files = ["--body", tmp_path / "body", "--headers", tmp_path / "headers"]
        return [*files, "--dialect", "github", "--secret-env", "GITHUB_SECRET"]

    return make


@pytest.mark.parametrize(("body", "code", "words"), [(b"well", 0, "It verifies."), (b"ill", 1, "written again.")])
def test_it_ends_with_0_only_where_the_delivery_verifies(asked, given, body, code, words):
    shown = run("doctor", *given(body))
    assert (shown.exit_code, shown.output) == (code, shown.output) and words in shown.output
    as_json = run("doctor", *given(body), "--json")
    assert as_json.exit_code == code and json.loads(as_json.output) == {"ok": body == b"well", "findings": []}
    assert asked[0]["body"] == body and asked[0]["dialect"] is GITHUB
    assert (asked[0]["secret"], asked[0]["secrets"]) == (SECRETS["GITHUB_SECRET"], {})


def test_the_body_is_bytes_and_other_secrets_go_by_the_names_of_their_variables(asked, given):
    run(
        "doctor",
        *given(b"\xff\r\n"),
        "--secret-env",
        "OTHER_SECRET",
        "--secret-env",
        "STRIPE_SECRET",
        "--url",
        "https://a/",
    )
    assert asked[0]["body"] == b"\xff\r\n" and asked[0]["url"] == "https://a/" and asked[0]["method"] == "POST"
    assert asked[0]["secrets"] == {name: SECRETS[name] for name in ("OTHER_SECRET", "STRIPE_SECRET")}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"A: 1\nB:2\n\n", {"A": "1", "B": "2"}),
        (b"POST /hook HTTP/1.1\r\nA: 1\r\nB: x: y \r\n", {"A": "1", "B": "x: y"}),
        (b"a: 1\nA: 2\n", {"A": "1, 2"}),
        (b'{"A": "1", "B": ["2", "3"], "C": 4}', {"A": "1", "B": "2, 3", "C": "4"}),
        (b"\xef\xbb\xbf" + "A: ü".encode(), {"A": "ü"}),
        (b"", {}),
        (b"A: 1\r\n  2\r\n\t3\nB: 4", {"A": "1\n  2\n\t3", "B": "4"}),
        (b"  A: 1\n  B: 2\n    3", {"A": "1", "B": "2\n  3"}),
        (b"POST / HTTP/1.1\n A: 1\n B: 2", {"A": "1", "B": "2"}),
        (b"A:\n 1\nB: \xc2\x85 2", {"A": "1", "B": "2"}),
    ],
)
def test_headers_are_lines_or_an_object(asked, given, text, expected):
    assert run("doctor", *given(headers=text)).exit_code == 0
    assert dict(asked[0]["headers"]) == expected and asked[0]["headers"].get("a") == expected.get("A")


@pytest.mark.parametrize("text", [b"no header here", b" folded\nA: 1", b"A: 1\n: 2", b"A B: 1", b"{A: 1}", b'{"": 1}'])
def test_what_is_no_header_is_told(asked, given, text):
    refused = run("doctor", *given(headers=text))
    assert refused.exit_code == 2 and not asked and "Traceback" not in refused.output


def test_a_delivery_comes_from_the_file_that_listen_has_kept(asked, tmp_path):
    file = tmp_path / "kept.jsonl"
    save(
        Traffic(
            [exchange(n, body=body, raw_headers=(("X-A", "1"),)) for n, body in enumerate([b"well", b"ill", b"last"])]
        ),
        file,
    )
    rest = ["--delivery", file, "--dialect", "github", "--secret-env", "GITHUB_SECRET"]
    for more, body, n in ([], b"last", 2), (["--number", "1"], b"well", 0), (["--number", "2"], b"ill", 1):
        assert run("doctor", *rest, *more).exit_code == (0 if body == b"well" else 1)
        assert (asked[-1]["body"], asked[-1]["url"]) == (body, f"http://127.0.0.1:1/hook/{n}")
        assert asked[-1]["headers"]["x-a"] == "1" and asked[-1]["method"] == "POST"
    refused = run("doctor", *rest, "--number", "4")
    assert refused.exit_code == 2 and "holds 3 deliveries; there is no number 4" in refused.output
    save(Traffic(), tmp_path / "empty")
    assert run("doctor", "--delivery", tmp_path / "empty", *rest[2:]).exit_code == 2


def test_with_the_real_doctor_a_secret_of_another_endpoint_is_found(tmp_path):
    body, headers = sample("github", "push", SECRETS["OTHER_SECRET"])
    (tmp_path / "body").write_bytes(body)
    (tmp_path / "headers").write_text(json.dumps(headers))
    files = ["--body", tmp_path / "body", "--headers", tmp_path / "headers", "--dialect", "github", "--json"]
    found = run("doctor", *files, "--secret-env", "GITHUB_SECRET", "--secret-env", "OTHER_SECRET")
    assert found.exit_code == 1 and "OTHER_SECRET" in found.output and json.loads(found.output)["ok"] is False
    assert SECRETS["OTHER_SECRET"] not in found.output
    assert run("doctor", *files, "--secret-env", "OTHER_SECRET").exit_code == 0


def test_with_the_real_doctor_a_folded_header_is_found(tmp_path):
    body, headers = sample("github", "push", SECRETS["GITHUB_SECRET"])
    signature = headers["X-Hub-Signature-256"]
    (tmp_path / "body").write_bytes(body)
    (tmp_path / "headers").write_text(f"X-Hub-Signature-256: {signature[:20]}\n  {signature[20:]}\n")
    files = ["--body", tmp_path / "body", "--headers", tmp_path / "headers", "--dialect", "github", "--json"]
    found = run("doctor", *files, "--secret-env", "GITHUB_SECRET")
    assert found.exit_code == 1 and "header-folded" in found.output


def test_wrong_use_is_told(asked, given, tmp_path):
    body, headers, rest = given()[:2], given()[2:4], given()[4:]
    for arguments in (body + rest, headers + rest, body + headers + rest[:2], body + headers + rest[2:]):
        assert run("doctor", *arguments).exit_code == 2
    assert run("doctor", *given(), "--number", "1").exit_code == 2
    assert run("doctor", *given(), "--delivery", tmp_path / "body").exit_code == 2
    assert run("doctor", "--delivery", tmp_path / "nowhere", *rest).exit_code == 2
    refused = run("doctor", *given(b"our mistake"))
    assert refused.exit_code == 2 and "The secret must begin with whsec_." in refused.output
    assert not any(secret in refused.output for secret in SECRETS.values() if secret)


def test_a_delivery_that_was_kept_is_as_old_as_when_it_came(tmp_path):
    """Whoever asks a day later is not told that it came late."""
    file, came = tmp_path / "kept.jsonl", 1_767_603_600
    signed = sign(b"{}", SECRETS["STRIPE_SECRET"], STRIPE, timestamp=came - 10)
    save(Traffic([exchange(1, body=b"{}", raw_headers=tuple(signed.items()), started=came)]), file)
    rest = ["--delivery", file, "--dialect", "stripe", "--secret-env", "STRIPE_SECRET"]
    assert run("doctor", *rest).exit_code == 0
    save(Traffic([exchange(1, body=b"{}", raw_headers=tuple(signed.items()), started=came + 1_000)]), file)
    late = run("doctor", *rest)
    assert late.exit_code == 1 and "too old" in late.output
