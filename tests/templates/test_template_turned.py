"""The template for another provider: `signature.py` is changed, and of its tests the part that plays the sender."""

import sys

import pytest
from test_template import run_its_tests

from webhook_tutorial.cli.new import copy_template

#: GitHub: no time, an id that is not signed, the type in a header, and the secret as it is.
SIGNATURE = """\
import hashlib
import hmac

SHORTEST_KEY = 20


class Refused(Exception):
    pass


def key(secret):
    return secret.encode()


def verify(body, headers, keys):
    given = headers.get("X-Hub-Signature-256", "").encode()
    right = [b"sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest().encode() for key in keys]
    if not any([hmac.compare_digest(one, given) for one in right]):
        raise Refused("no signature fits")


def event_id(event, headers):
    return headers.get("X-GitHub-Delivery")


def event_type(event, headers):
    return headers.get("X-GitHub-Event")
"""
SENDER = """\
SECRET, OTHER_SECRET = "a secret-of-these-tests".replace(" ", "-"), "and-another-one-of-these"
KEY, OTHER = signature.key(SECRET), signature.key(OTHER_SECRET)
UNREADABLE = ()
REFUSED = {}


def signed(body, id="evt_1", key=KEY, at=0):
    headers = {"X-GitHub-Delivery": id}
    headers["X-Hub-Signature-256"] = "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()
    try:
        kind = json.loads(body)["event_type"]
        return body, headers | ({"X-GitHub-Event": kind} if kind.isprintable() else {})
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return body, headers


"""


@pytest.mark.thorough
def test_turned_to_github_in_these_two_places_its_own_tests_pass(tmp_path):
    copy_template(tmp_path / "mine")
    tests = tmp_path / "mine" / "test_receiver.py"
    before, after = tests.read_text(encoding="utf-8").split("# --- The sender. ")
    rest = after[after.index("# --- What they need") :]
    tests.write_text(before + SENDER + rest, encoding="utf-8")
    (tmp_path / "mine" / "signature.py").write_text(SIGNATURE, encoding="utf-8")
    done = run_its_tests(sys.executable, tmp_path / "mine")
    assert done.returncode == 0, done.stdout


@pytest.mark.thorough
def test_turned_in_one_place_only_they_fail(tmp_path):
    copy_template(tmp_path / "mine")
    (tmp_path / "mine" / "signature.py").write_text(SIGNATURE, encoding="utf-8")
    assert run_its_tests(sys.executable, tmp_path / "mine").returncode == 1
