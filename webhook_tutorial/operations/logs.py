"""One JSON object a line for each attempt and each receipt, and nothing in it that does not belong into a log.

What is written is what was named: a field that is not in `FIELDS` is left out, whatever it holds. So no body, no header
and no text of an exception gets in, and whoever adds a field has to decide it. OWASP's list of what not to log:
https://cheatsheetseries.owasp.org/cheatsheets/Logging_Cheat_Sheet.html#data-to-exclude
"""

import json
import logging
import re
from contextlib import suppress
from urllib.parse import urlsplit

from ..answers import verdict
from ..clock import iso
from ..delivery.signals import attempt_made, delivery_over

#: What a line may hold besides its time, level and event.
FIELDS = (
    "delivery", "event_type", "endpoint", "attempt", "status", "outcome", "state", "error", "next", "trace", "span",
)  # fmt: skip

#: In place of what does not look like what it should be.
MASK = "•••"

# An id, a name of an event type, a host and a port; and one to four words. An e-mail address, two names of a person and
# a URL with a query are no ids.
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,100}")
_WORDS = re.compile(r"[A-Za-z0-9_.:-]{1,40}(?: [A-Za-z0-9_.:-]{1,40}){0,3}")
#: The fields that hold words; all others that hold a text hold an id.
_IN_WORDS = {"error", "outcome", "state"}
# What lets somebody act as somebody else: keys by how they begin, signatures, bearer tokens, and long runs of what
# signatures and keys are made of. It cannot know all of them: what is written is named in the first place.
_SECRET = re.compile(
    r"whs[ek]c?_\S+|\bkey_[0-9a-f]{16,}|\b[sr]k_(?:live|test)_\w+|\bxox[a-z]-\S+|\b(?:v1a?|h1|sha256|t)[,=][\w+/=:-]{8,}"
    r"|\b(?i:bearer|basic)\s+\S+|[A-Za-z0-9+/=]{40,}"
)
_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON.

    ``event`` is the record's message as it stands in the code, without the arguments that would be put into it; what is
    to be written comes as ``extra={"delivery": …}``. (A ``QueueHandler`` puts the arguments in before: give it to that
    one, and not to what comes behind.) Of an exception the line has its class and where it was raised,
    and not its text.

    Args:
        fields: The names that may be written.
        clock: Where the time of a line comes from, something with ``now()``; the record's own time if left out.
    """

    def __init__(self, fields=FIELDS, clock=None):
        super().__init__()
        self.fields, self.clock = tuple(fields), clock

    def format(self, record):
        """Return the line for a record, in ASCII and without its end. A field that is empty or None is left out."""
        now = record.created if self.clock is None else self.clock.now()
        event = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
        line = {"time": iso(now), "level": record.levelname.lower(), "event": without_secrets(event)}
        for name in self.fields:
            value = record.__dict__.get(name)
            if value is not None and not (isinstance(value, str) and value == ""):
                line[name] = plain(value, name in _IN_WORDS)
        if record.exc_info and record.exc_info[0]:
            line |= _about(*record.exc_info)
        return json.dumps(line)


def without_secrets(text):
    """Return a text, at most 200 characters of it, with a mask in place of what looks like a secret or a signature."""
    return _SECRET.sub(MASK, text)[:200]


def plain(value, in_words=False):
    """Return a number or a boolean as it is, and a text if it looks like an id, or like a few words; else the mask."""
    if isinstance(value, (bool, int, float)):
        return value if abs(value) < 10**15 else MASK  # nan and infinity are no numbers of JSON either
    text = str(value) if isinstance(value, str) else ""
    looks = (_WORDS if in_words else _ID).fullmatch(text)
    return text if looks and without_secrets(text) == text else MASK


def place_of(url):
    """Return the host and the port of a URL: its path and its query may hold tokens, and its user's name a password."""
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
        place = str(parts.hostname) if parts.port is None else f"{parts.hostname}:{parts.port}"
    except ValueError:
        return MASK
    return place if parts.hostname and _ID.fullmatch(place) else MASK


def log_attempts(source, logger):
    """Log each attempt of a `Sender` or a `Provider`, and each delivery that is over and has not arrived.

    The level is info for what has arrived, warning for what is tried again, and error for what is over.

    Args:
        source: The sender or the provider.
        logger: Where to.
    """

    def attempt(source, delivery, attempt):
        fields = _fields(delivery) | {
            "attempt": delivery.failed + (verdict(attempt.status) != "retry"),  # of those that the policy allows
            "status": attempt.status,
            "outcome": verdict(attempt.status),
            "error": attempt.error,
            "next": iso(delivery.due) if delivery.state == "waiting" else None,
        }
        if found := _TRACEPARENT.fullmatch(attempt.traceparent):
            fields |= {"trace": found[1], "span": found[2]}
        logger.log(logging.INFO if fields["outcome"] == "delivered" else logging.WARNING, "attempt", extra=fields)

    def over(source, delivery, state):
        if state != "delivered":
            error = delivery.error.partition(":")[0]  # the class; its text may hold anything
            logger.error("dead letter", extra=_fields(delivery) | {"state": state, "error": error})

    attempt_made.connect(attempt, source, weak=False)
    delivery_over.connect(over, source, weak=False)


def log_receipts(app, logger):
    """Log each POST that a Flask app has answered: its delivery id, the answer, and the trace it belongs to.

    The id is a header, and anybody may send one: what does not look like an id is masked.
    """
    from flask import request, request_finished

    def receipt(app, response):
        if request.method == "POST":
            fields = {"delivery": request.headers.get("webhook-id", ""), "status": response.status_code}
            if found := _TRACEPARENT.fullmatch(request.headers.get("traceparent", "")):
                fields |= {"trace": found[1], "span": found[2]}
            level = logging.INFO if response.status_code < 400 else logging.WARNING
            with suppress(Exception):  # an answer does not depend on its log
                logger.log(level, "receipt", extra=fields)

    request_finished.connect(receipt, app, weak=False)


def _fields(delivery):
    fields = {"delivery": delivery.id, "event_type": delivery.event_type, "endpoint": place_of(delivery.url)}
    return fields | ({"trace": delivery.trace} if delivery.trace else {})


def _about(kind, _, traceback):
    """The class of an exception, and the line where it was raised."""
    while traceback and traceback.tb_next:
        traceback = traceback.tb_next
    where = f"{traceback.tb_frame.f_code.co_name}:{traceback.tb_lineno}" if traceback else ""
    return {"exception": kind.__name__, "raised_in": where}
