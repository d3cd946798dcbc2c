"""What an answer means: asked by everyone, written once.

To a webhook, 2xx alone is success. An answer is a status code, or None where none came.
"""

import socket
import ssl
import traceback
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import requests
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

#: Answers that say the same next time, because they are about the request itself (RFC 9110, sections 15.4 to 15.6).
FINAL = frozenset({*range(300, 400), 400, 405, 406, 411, 413, 414, 415, 422, 431, 501, 505})

#: The receiver has gone for good: stop, and send nothing more to this endpoint (Standard Webhooks says so of 410).
GONE = frozenset({410})

#: Longest wait that a receiver may ask for with Retry-After, in seconds.
LONGEST_RETRY_AFTER = 86_400


def ok(status):
    """Say whether an answer means that the delivery has arrived, which only 2xx does."""
    return status is not None and 200 <= status < 300


def verdict(status):
    """Say what an answer means for a delivery.

    Args:
        status: The answer's status code, or None if no answer came.

    Returns:
        ``"delivered"`` (2xx), ``"refused"`` (`FINAL`), ``"gone"`` (`GONE`), or ``"retry"`` for everything else: 5xx, no
        answer, and those 4xx that may be mended while we wait (a secret, a route, a limit).
    """
    if ok(status):
        return "delivered"
    return "gone" if status in GONE else "refused" if status in FINAL else "retry"


def retry_after(headers, now):
    """Return for how many seconds a receiver asks to be left alone, or None if it does not, or not legibly.

    Both forms of RFC 9110, section 10.2.3, are read: seconds, and a date. The result lies from 0 to
    `LONGEST_RETRY_AFTER`, so that no receiver can put a delivery off for ever.

    Args:
        headers: The answer's headers, a mapping that ignores case. A date is counted from their own ``Date``, which
            stands for the clock that the receiver wrote it by (RFC 9110, section 6.6.1).
        now: The time in seconds since the epoch, from which a date is counted in an answer without a ``Date``.
    """
    text = (headers.get("Retry-After") or "").strip()
    if text.isascii() and text.isdigit():
        return min(int(text.lstrip("0")[:9] or 0), LONGEST_RETRY_AFTER)
    until, written = _seconds(text), _seconds(headers.get("Date") or "")
    if until is None:
        return None
    return min(max(0.0, until - (now if written is None else written)), LONGEST_RETRY_AFTER)


def _seconds(date):
    """A date of HTTP in seconds since the epoch, or None if it is none."""
    try:
        date = parsedate_to_datetime(date)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()  # one form names no zone: all are UTC
    except (ValueError, TypeError, OverflowError):
        return None


class Blocked(Exception):
    """A request was not sent, because of where it would have gone; a guard raises it.

    Attributes:
        reason: Why, in a word: ``"loopback"``, say.
        address: Which address it was that a name led to, or empty: for our own log, and not in the message,
            which may be shown to whoever would like a map of our network.
    """

    def __init__(self, reason, sentence, address=""):
        super().__init__(sentence)
        self.reason, self.address = reason, address


#: Why no answer came where the request was never sent, so that nothing of it can have been processed.
NEVER_SENT = frozenset({"connection refused", "could not connect", "TLS failed"})


def never_sent(words):
    """Say whether the words of `why_no_answer` mean that the request never left."""
    return words in NEVER_SENT or words.startswith("blocked: ")


#: Why a guard blocks a URL as it is written: it is called at no time.
_WRITTEN_WRONG = frozenset(f"blocked: {word}" for word in ("malformed", "userinfo", "scheme", "port", "notation"))


def written_wrong(words):
    """Say whether the words of `why_no_answer` are about the URL as it is written: it will be blocked for ever."""
    return words in _WRITTEN_WRONG


def shown_to_owner(words):
    """Return what an endpoint's owner may be shown of the words of `why_no_answer`.

    What is wrong with a URL as it is written its owner can see. Where a name leads to, inside our network, is for our
    own log: shown, it would tell a stranger which names we have there. So that is "could not connect", as for a name
    that leads nowhere.
    """
    return "could not connect" if words.startswith("blocked: ") and not written_wrong(words) else words


def why_no_answer(error):
    """Say in two or three words why a request of `requests` got no answer.

    Args:
        error: The exception that `requests` raised.

    Returns:
        Where the request was never sent (`never_sent`): ``"connection refused"`` (nobody listens there), ``"could not
        connect"`` (an unknown name, no route, a timeout while connecting), ``"TLS failed"`` (its handshake or the
        certificate), or ``"blocked: "`` with the reason of a `Blocked`. Where it may have been processed: ``"timed
        out"`` (while waiting for the answer) or ``"connection lost"``. ``"interrupted"`` where the sender itself was
        stopped, as by KeyboardInterrupt; for everything else, such as a URL that is none, the exception's class.
    """
    if not isinstance(error, Exception):
        return "interrupted"
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, Blocked):
            return f"blocked: {cause.reason}"
    if any(map(_after_the_handshake, causes)):
        return "connection lost"
    for words, kinds in _WHY.items():
        if any(isinstance(cause, kinds) for cause in causes):
            return words
    if isinstance(error, requests.Timeout) or "Read timed out" in str(error):
        return "timed out"
    if isinstance(error, (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        return "connection lost"
    return type(error).__name__


# The first that is found among an error's causes decides: a refused connection is also one that could not be made.
_WHY = {
    "connection refused": ConnectionRefusedError,
    "TLS failed": (ssl.SSLError, requests.exceptions.SSLError),
    "could not connect": (socket.gaierror, requests.ConnectTimeout, NewConnectionError, ConnectTimeoutError),
}


def _causes(error):
    """An error and all that it says it came from, each once.

    Not its ``__context__``: where one tries again in an ``except``, that leads to the error of the attempt before.
    """
    waiting, seen = [error], set()
    while waiting:
        cause = waiting.pop()
        if isinstance(cause, BaseException) and id(cause) not in seen:
            seen.add(id(cause))
            yield cause
            waiting += [cause.__cause__, getattr(cause, "reason", None), *cause.args]


def _after_the_handshake(cause):
    """Whether an error of TLS came while the request was sent or its answer was read, which its traceback tells."""
    frames = traceback.walk_tb(cause.__traceback__) if isinstance(cause, ssl.SSLError) else ()
    calls = [frame.f_code.co_name for frame, _ in frames if frame.f_code.co_filename == ssl.__file__]
    return bool({"send", "sendall", "read", "recv", "recv_into"}.intersection(calls))


# RFC 9110 renamed these; Python follows from 3.13 on, and the lessons read the same on every version.
_RENAMED = {413: "Content Too Large", 414: "URI Too Long", 416: "Range Not Satisfiable", 422: "Unprocessable Content"}


def reason(status):
    """Return the phrase that goes with a status code (RFC 9110, section 15), or an empty text."""
    try:
        return _RENAMED.get(status) or HTTPStatus(status).phrase
    except ValueError:
        return ""
