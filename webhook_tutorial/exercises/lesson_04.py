"""Exercises of lesson 04: a verifier under attack, and a bug hunt."""

import types
from base64 import b64encode

from ..clock import START
from ..signing import sign
from .engine import Exercise, Wrong

_NOW = START
# Its base64 begins with a letter of "whsec_", so that lstrip instead of removeprefix is found out.
_SECRET = "whsec_" + b64encode(b"secret, an example, never use it").decode()
_OTHER = "whsec_" + b64encode(b"another example, never use it..").decode()
_BODY = '{"event_type": "order_placed", "data": {"customer": "Jürgen", "amount": 49.90}}'.encode()


def _signed(secret=_SECRET, age=0, body=_BODY):
    return sign(body, secret, id="msg_1", timestamp=_NOW - age)


def _genuine():
    """Deliveries that must be believed: what is special about each, its body and its headers."""
    yield "a plain delivery", b'{"a": 1}', _signed(body=b'{"a": 1}')
    yield "a body with spaces, an umlaut and a decimal (sign the bytes, not parsed JSON)", _BODY, _signed()
    yield "a compact body", b'{"a":1}', _signed(body=b'{"a":1}')
    yield "a body that is not UTF-8", b"\xff\x00", _signed(body=b"\xff\x00")
    yield "one that is 300 s old", _BODY, _signed(age=300)
    yield "one whose clock is 300 s ahead", _BODY, _signed(age=-300)
    yield "two signatures, ours second (a sender changing its secret)", _BODY, _signed([_OTHER, _SECRET])
    two = _signed()
    two["webhook-signature"] = "v1a,bm90IG91cnM= v2,x " + two["webhook-signature"]
    yield "signatures of other versions before ours", _BODY, two


def _attacks():
    """Deliveries that must be refused: the attack, its body and its headers."""
    good = _signed()
    spoiled = good["webhook-signature"][:-3] + ("A" if good["webhook-signature"][-3] != "A" else "B") + "M="
    for name in good:
        yield f"a delivery without {name}", _BODY, {k: v for k, v in good.items() if k != name}
        yield f"an empty {name}", _BODY, good | {name: ""}
    yield "a body changed by one character", _BODY.replace(b"49.90", b"49.91"), good
    yield "a signature made with another secret", _BODY, _signed(_OTHER)
    yield "a signature changed at its end", _BODY, good | {"webhook-signature": spoiled}
    yield "half a signature", _BODY, good | {"webhook-signature": good["webhook-signature"][:20]}
    yield "a version and nothing after it", _BODY, good | {"webhook-signature": "v1,"}
    yield (
        "our signature under another version",
        _BODY,
        good | {"webhook-signature": "v9" + good["webhook-signature"][2:]},
    )
    yield "a replay after 301 s", _BODY, _signed(age=301)
    yield "a delivery from 301 s in the future", _BODY, _signed(age=-301)
    yield "an old delivery with a new timestamp", _BODY, _signed(age=600) | {"webhook-timestamp": str(int(_NOW))}
    yield "a delivery with another id", _BODY, good | {"webhook-id": "msg_2"}
    yield "a timestamp that is no number", _BODY, good | {"webhook-timestamp": "yesterday"}
    yield "a timestamp that is nan", _BODY, good | {"webhook-timestamp": "nan"}
    yield (
        "a timestamp with a raised 2, which isdigit() takes and int() does not",
        _BODY,
        good | {"webhook-timestamp": "²"},
    )
    yield "a timestamp of 5,000 digits", _BODY, good | {"webhook-timestamp": "9" * 5_000}
    yield "a signature that is not ASCII", _BODY, good | {"webhook-signature": "v1,é"}
    yield "a signature without a version", _BODY, good | {"webhook-signature": "garbage"}
    yield "a signature that is no base64", _BODY, good | {"webhook-signature": "v1,abc"}


def _test_verify(is_genuine):
    for what, body, headers in _genuine():
        if _asked(is_genuine, what, body, headers, "") is not True:
            causes = (
                " Usual causes: the key (base64 after whsec_), what is signed (id.timestamp.body, as bytes), hex for "
                "base64. Compare with standard_signature of the lesson."
                if what == "a plain delivery"
                else ""
            )
            raise Wrong(f"A genuine delivery was refused: {what}.{causes}")
    for what, body, headers in _attacks():
        if _asked(is_genuine, what, body, headers, "; a sender must not be able to cause that") is not False:
            raise Wrong(f"An attack got through: {what}.")
    if isinstance(is_genuine, types.FunctionType) and not _names(is_genuine) & {"compare_digest", "verify"}:
        raise Wrong(
            "Every attack was stopped. One is not in the list: I see no compare_digest, and == may tell by its time."
        )


def _asked(function, what, body, headers, consequence):
    try:
        result = function(body, dict(headers), _SECRET, _NOW)
    except Exception as error:
        raise Wrong(f"It raised {type(error).__name__} on {what}{consequence}. ({error})") from None
    if not isinstance(result, bool):
        raise Wrong(f"It returned {result!r} for {what}: return True or False.")
    return result


def _names(function, seen=()):
    """The names a function uses, and those that the functions it calls use."""
    code = getattr(function, "__code__", None)
    if code is None or function in seen:
        return set()
    names = set(code.co_names)
    for constant in code.co_consts:
        names |= set(getattr(constant, "co_names", ()))
    for name in list(names):
        names |= _names(function.__globals__.get(name), (*seen, function))
    return names


#: The bug hunt: what each mistake does, with deliveries as body and headers, and the status each must get.
BUGS = {
    "no signature at all": (
        "A delivery without any signature was believed.",
        lambda: [(401, _BODY, {}), (401, _BODY, {k: v for k, v in _signed().items() if k != "webhook-signature"})],
    ),
    "the future": (
        "A delivery from next week was believed; it could be replayed for more than a week.",
        lambda: [(401, b'{"a":1}', _signed(age=-604_800, body=b'{"a":1}'))],
    ),
    "the raw body": (
        "A genuine delivery was refused, because its JSON has spaces.",
        lambda: [(200, b'{"a": 1}', _signed(body=b'{"a": 1}'))],
    ),
    "two signatures": (
        "A genuine delivery was refused while the sender changes its secret: ours is the second signature.",
        lambda: [(200, b'{"a":1}', _signed([_OTHER, _SECRET], body=b'{"a":1}'))],
    ),
    "a broken header": (
        "A missing or broken header made it fall over, and a sender would see 500.",
        lambda: [(401, b'{"a":1}', headers) for headers in _broken(_signed(body=b'{"a":1}'))],
    ),
}


def _broken(headers):
    yield headers | {"webhook-timestamp": "yesterday"}
    for name in ("webhook-id", "webhook-timestamp"):
        yield {k: v for k, v in headers.items() if k != name}


def bugs_left(receive):
    """Return the names of the bugs that a receiver still has, in the order of `BUGS`."""
    return [name for name, (_, cases) in BUGS.items() if any(_result(receive, b, h) != s for s, b, h in cases())]


def _result(receive, body, headers):
    try:
        return receive(body, dict(headers), _SECRET, _NOW)
    except Exception:
        return "an exception"


def _test_bugs(receive):
    plain = b'{"a":1}'
    try:
        result = receive(plain, _signed(body=plain), _SECRET, _NOW)
    except Exception as error:
        raise Wrong(f"It raised {type(error).__name__} on a plain genuine delivery. ({error})") from None
    if result != 200:
        raise Wrong(f"It returned {result!r} for a plain genuine delivery: return 200, a number.")
    left = bugs_left(receive)
    if left:
        name, (words, cases) = left[0], BUGS[left[0]]
        for status, body, headers in cases():
            if _result(receive, body, headers) not in (200, 401, "an exception"):
                raise Wrong(
                    f"It returned {_result(receive, body, headers)!r} in the test of {name}: return 200 or 401."
                )
            if status == 200 and _result(receive, body, headers) == "an exception":
                words = f"It raised an exception in the test of {name}."
        raise Wrong(f"{len(left)} of 5 left. {words}")
    for what, body, headers in _attacks():
        if _result(receive, body, headers) != 401:
            raise Wrong(f"The five are gone, and one attack is left: {what} should get 401, with no exception.")


EXERCISES = [
    Exercise(
        name="04.verify",
        test=_test_verify,
        hints=(
            "First the timestamp: a few of the digits 0 to 9 and nothing else (isdigit() takes others too), at most 300 s away.",
            "Signed is f'{id}.{timestamp}.'.encode() + body; the key is the base64 after 'whsec_'.",
            "Split the signatures at spaces, and compare each with 'v1,' + yours. compare_digest takes bytes of any kind.",
        ),
        solution='''
import hmac
import re
from base64 import b64decode, b64encode

def is_genuine(body, headers, secret, now):
    id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    if not id or not re.fullmatch("[0-9]{1,12}", timestamp) or abs(now - int(timestamp)) > 300:
        return False
    key = b64decode(secret.removeprefix("whsec_"))
    code = hmac.digest(key, f"{id}.{timestamp}.".encode() + body, "sha256")
    expected = b"v1," + b64encode(code)
    given = headers.get("webhook-signature", "").split(" ")
    return any(hmac.compare_digest(one.encode(), expected) for one in given)
''',
        answer="is_genuine",
        praise="Every genuine delivery believed, every attack stopped, and nothing told by the time it took.",
    ),
    Exercise(
        name="04.bugs",
        test=_test_bugs,
        hints=(
            "What happens if there is no webhook-signature header at all? Follow the code with None.",
            "Which bytes are signed here, and which did the sender sign?",
            "A sender that changes its secret puts two signatures into the header. Which one does this code look at?",
            "now - int(timestamp) has two ends, and int() has an opinion of 'yesterday'.",
        ),
        solution='''
import hmac
import re
from base64 import b64decode, b64encode

def receive_safely(body, headers, secret, now):
    id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    if not id or not re.fullmatch("[0-9]{1,12}", timestamp) or abs(now - int(timestamp)) > 300:
        return 401
    key = b64decode(secret.removeprefix("whsec_"))
    code = hmac.digest(key, f"{id}.{timestamp}.".encode() + body, "sha256")
    expected = b"v1," + b64encode(code)
    given = headers.get("webhook-signature", "").split(" ")
    fits = any(hmac.compare_digest(one.encode(), expected) for one in given)
    return 200 if fits else 401
''',
        answer="receive_safely",
        praise="All five are gone, and the attacks of the first exercise find nothing new.",
    ),
]  # fmt: skip
