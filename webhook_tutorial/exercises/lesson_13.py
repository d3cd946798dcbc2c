"""Exercises of lesson 13: a dialect from a description, four causes, questions to a page, and two handshakes."""

import copy
import hmac

from ..clock import SimulatedClock
from ..signing import SignatureError, verify
from .dialects import dialect_of
from .engine import Exercise, Wrong

# --- dialect ------------------------------------------------------------------------------------------------


def _test_dialect(make):
    paddle = dialect_of(make, "paddle")
    # The example of Paddle's own library: github.com/PaddleHQ/paddle-python-sdk, tests/Unit/Notification/test_Verifier.py
    published = "ts=1696195954;h1=dummy;h1=d96299976a6eb066f484d7fde011ac56fc32b38fc9940bc419d6e537fdc6ef02"
    secret = "pdl_ntf_01hbpjmytsa32fhr36nqgc3kgb_WvRO0eL4Bj9rgYYIBZY6wZhG4EHy9jzh"

    def reason(age=0, header=published, body=b"hello-world", name="Paddle-Signature"):
        try:
            verify(body, {name: header}, secret, paddle, clock=SimulatedClock(1696195954 + age))
        except SignatureError as error:
            return error.reason
        except ValueError as error:
            raise Wrong(f"The secret could not be read: {error} The description says: used as it is.") from None
        return ""

    if paddle.signature.lower() != "paddle-signature":
        raise Wrong("The signature is looked for in another header: signature= names it.")
    if paddle.timestamp != "ts=":
        raise Wrong('The time stands in the same header, behind "ts=": that is timestamp, with its equals sign.')
    if paddle.separator != ";":
        raise Wrong("The items of the header are separated by a semicolon.")
    if paddle.prefix != "h1=":
        raise Wrong('Each signature stands behind "h1=": that is prefix, with its equals sign.')
    if paddle.signed != "{timestamp}:{body}":
        raise Wrong("What is signed is the timestamp, a colon and the body: signed='{timestamp}:{body}'.")
    if reason() == "no_match":
        raise Wrong("Paddle's own example does not fit. Look at encoding, method and key.")
    if reason():
        raise Wrong(f"Paddle's own example is refused: {reason()}.")
    if reason(header=published.replace("h1=dummy;", "").replace("d962", "d963")) != "no_match":
        raise Wrong("A changed signature was believed.")
    if reason(age=-1):
        raise Wrong("A sender whose clock is one second ahead is refused; the description does not ask for that.")
    if reason(age=6) != "too_old" or reason(age=5):
        raise Wrong("Refuse what is older than 5 seconds, and nothing younger: max_age.")


# --- causes -------------------------------------------------------------------------------------------------

_CAUSES = {"A": "parsed", "B": "newline", "C": "clock", "D": "character set"}
_LOOK = {
    "A": "Look at the spaces and at the ë of the body: would a shop's server have written it so?",
    "B": "Compare how the four secrets end.",
    "C": "Compare the time in the header with the receiver's clock.",
    "D": "Try body.decode(): what does it say?",
}


def _test_causes(causes):
    from ..scenes.refused import REASONS

    if not isinstance(causes, dict) or set(causes) != set(_CAUSES):
        raise Wrong("Keep the four letters, and write a reason behind each.")
    for given in causes.values():
        if not isinstance(given, str) or given not in REASONS:
            raise Wrong(f"{given!r} is none of the reasons: {', '.join(REASONS)}.")
    for letter, right in _CAUSES.items():
        if causes[letter] != right:
            raise Wrong(f"{letter} is not refused because {REASONS[causes[letter]]}. {_LOOK[letter]}")


# --- questions ----------------------------------------------------------------------------------------------

_ANSWERS = {
    "signed": "{timestamp}.{body}",
    "oldest_seconds": 180,
    "answer_within_seconds": 5,
    "hours_of_retries": 12,
    "in_order": False,
    "dedupe_by": "id",
    "secrets_at_once": 2,
}
_PAGE = {
    "signed": "Read “Signatures” again: which two things are joined, and by which character? Write it as a Dialect does.",
    "oldest_seconds": "The page says how old a delivery may be, in minutes: what is that in seconds?",
    "answer_within_seconds": "The page names two times. How long does it wait for an answer, not for a connection?",
    "hours_of_retries": "Add the waits of the five retries up: how many hours lie between the first attempt and the last?",
    "in_order": "Does the page promise an order? Read its last sentence about retries.",
    "dedupe_by": "It has to be the same at each attempt of one event, another one for another event, and signed.",
    "secrets_at_once": "How many secrets are good at the same time while one is changed?",
}


def _test_questions(answers):
    if not isinstance(answers, dict) or set(answers) != set(_ANSWERS):
        raise Wrong("Keep the names as they are, and write an answer behind each.")
    for name, right in _ANSWERS.items():
        given = answers[name]
        if isinstance(right, bool) != isinstance(given, bool) or given != right:
            raise Wrong(f"{name} is not {given!r}. {_PAGE[name]}")


# --- handshake ----------------------------------------------------------------------------------------------

_SECRET = "example-of-a-secret"


def _test_handshake(handshake):
    slack = {"type": "url_verification", "token": "an-old-token", "challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY"}
    got = _shake(handshake, slack)
    if got != {"challenge": slack["challenge"]}:
        raise Wrong(f"To Slack's url_verification it answered {got!r}: a dictionary with the challenge alone.")
    if _shake(handshake, slack | {"challenge": "another"}) != {"challenge": "another"}:
        raise Wrong("To another challenge it gave the same answer.")
    for token, secret in (("qgg8vlvZRS6UYooatFL8Aw", _SECRET), ("another-token", "another-example")):
        _test_zoom(handshake, token, secret)
    for event in (
        {"type": "event_callback", "event": {"type": "message"}},
        {"type": "app_mention", "challenge": "of a game"},
        {"event": "meeting.started", "payload": {"plainToken": "x"}},
        {"type": "endpoint.url_validation"},
        {},
    ):
        if (got := _shake(handshake, event)) is not None:
            raise Wrong(f"To {event} it answered {got!r}: that is no handshake, so None.")


def _test_zoom(handshake, token, secret):
    zoom = {"event": "endpoint.url_validation", "payload": {"plainToken": token}, "event_ts": 1}
    got = _shake(handshake, zoom, secret)
    right = hmac.digest(secret.encode(), token.encode(), "sha256").hex()
    if not isinstance(got, dict) or set(got) != {"plainToken", "encryptedToken"}:
        raise Wrong(
            f"To Zoom's endpoint.url_validation it answered {got!r}: a dictionary of plainToken and encryptedToken."
        )
    if got["plainToken"] != token:
        raise Wrong("The plainToken goes back as it came.")
    if got["encryptedToken"] != right:
        raise Wrong("The encryptedToken is HMAC-SHA256 of the plainToken with the secret as key, in hex.")


def _shake(handshake, event, secret=_SECRET):
    try:
        return handshake(copy.deepcopy(event), secret)
    except Exception as error:
        raise Wrong(f"It raised {type(error).__name__} for {event}.") from None


EXERCISES = [
    Exercise(
        name="13.dialect",
        test=_test_dialect,
        hints=(
            "STRIPE in webhook_tutorial.signing is a near relative: time and signatures share one header there too.",
            "timestamp='ts=' with its equals sign marks an item of the signature header instead of a header.",
            "Fields you leave out have defaults: HMAC-SHA256, and the secret as text.",
        ),
        solution='''
from webhook_tutorial import Dialect

def paddle():
    return Dialect(
        name="Paddle",
        signature="Paddle-Signature",
        prefix="h1=",
        separator=";",
        timestamp="ts=",
        signed="{timestamp}:{body}",
        encoding="hex",
        max_age=5,
    )
''',
        answer="paddle",
        praise="Paddle's own published example verifies, and verify needed no new line for it.",
    ),
    Exercise(
        name="13.causes",
        test=_test_causes,
        hints=(
            "Print each delivery, and look at one thing at a time: the body, the secret, the time, the header.",
            "verify(r.body, r.headers, r.secret, r.dialect, clock=r.clock) says too_old, or no_match. What changes it?",
            "diagnose(r.body, r.headers, r.secret, r.dialect, clock=r.clock) tells. Believe it when you have seen it yourself.",
        ),
        solution='causes = {"A": "parsed", "B": "newline", "C": "clock", "D": "character set"}',
        answer="causes",
        praise="Four refusals, four reasons, and none of them at the provider.",
    ),
    Exercise(
        name="13.questions",
        test=_test_questions,
        hints=(
            "Each answer stands on the page, or follows from two of its sentences.",
            "Two things are easily overlooked: what the number in the header is good for, and what the waits add up to.",
        ),
        solution="answers = {\n" + "".join(f'    "{name}": {right!r},\n' for name, right in _ANSWERS.items()) + "}",
        answer="answers",
        praise="Seven answers before the first line of code: now you know what to build.",
    ),
    Exercise(
        name="13.handshake",
        test=_test_handshake,
        hints=(
            'Slack: event.get("type") == "url_verification", and the challenge goes back.',
            'Zoom: event.get("event") == "endpoint.url_validation", and the token is in event["payload"]["plainToken"].',
            'hmac.digest(secret.encode(), token.encode(), "sha256").hex()',
        ),
        solution='''
import hmac

def handshake(event, secret):
    if event.get("type") == "url_verification":
        return {"challenge": event["challenge"]}
    if event.get("event") == "endpoint.url_validation":
        token = event["payload"]["plainToken"]
        return {"plainToken": token, "encryptedToken": hmac.digest(secret.encode(), token.encode(), "sha256").hex()}
    return None
''',
        answer="handshake",
        praise="Slack sees that somebody reads, and Zoom that it is somebody who has the secret.",
    ),
]  # fmt: skip
