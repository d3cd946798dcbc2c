"""The capstone: the learner's own receiver is started as a program and graded, and what is red is said in words."""

import contextlib
import secrets
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import requests

from ..answers import ok
from ..clock import SystemClock
from ..lab.program import Program
from ..look import visible
from ..operations.scorecard import grade
from ..operations.scorecard.effects import Effects
from ..operations.scorecard.findings import NOT_COUNTED, NOT_TRIED
from ..operations.scorecard.target import target
from ..signing import sign
from .beyond import SAME_MOMENT, try_beyond
from .engine import Wrong
from .puddlewick import LARGEST, PATIENCE, PUDDLEWICK

_RECEIVER, _WORKER, _DATABASE = "receiver.py", "worker.py", "receiver.db"
_ALL = " print(_.report) in the next cell shows the whole scorecard."


def grade_receiver(path):
    """Start the learner's program, grade it and return the scorecard's text.

    Args:
        path: A Python file, or a folder with a ``receiver.py`` and perhaps a ``worker.py``.

    Raises:
        Wrong: It does not start, or something is red.
    """
    file = _file(path)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, contextlib.ExitStack() as programs:
        secret = "pudl_" + secrets.token_hex(24)
        receiver = programs.enter_context(_start(file, "{port}", secret, folder))
        started, worker = [receiver], file.with_name(_WORKER)
        if file.name == _RECEIVER and worker.is_file():
            started.append(programs.enter_context(_start(worker, receiver.port, secret, folder)))
        if words := _ended(started):
            raise Wrong(words)
        try:
            report = grade(
                f"{receiver.url}/webhook", secret, PUDDLEWICK, effects=f"{receiver.url}/effects", limit=LARGEST,
                patience=PATIENCE,
            )  # fmt: skip
            seen = [str(report)]
            if report.ok:
                words, more = try_beyond(receiver.url, secret, started, Path(folder, _DATABASE))
                seen += more
            else:
                words = _words(report, _Sender(receiver.url, secret))
            words = words and (_ended(started) or words)
            if report.failed and _status(report.failed[0]) >= 500:
                receiver.stop()
                words += _raised(receiver.said)
        except ValueError as error:  # there is no number at /effects, now or any more
            raise Wrong(_ended(started) or _no_effects(error)) from None
    seen = "\n".join(seen).replace(receiver.url, "http://127.0.0.1")  # without the port: it is another one in each run
    if words:
        raise Wrong(words + _ALL, seen)
    return seen


def _file(path):
    if not isinstance(path, (str, Path)):
        raise Wrong('Hand over the path of your program, a text such as "receiver.py", or of the folder that holds it.')
    path = Path(path).expanduser().absolute()
    if path.is_dir():
        path /= _RECEIVER
    if not path.is_file():
        raise Wrong(f"There is no file {path.name} in {path.parent}. Hand over the path of a file or a folder.")
    return path


def _start(file, port, secret, folder):
    """Start a program in its own folder, with what it is told in the environment."""
    settings = {
        "PORT": port,
        "WEBHOOK_SECRET": secret,
        "DATABASE": Path(folder, _DATABASE),
        "SHOW_EFFECTS": "yes",
        # How long a killed worker's claim holds, in seconds: of the template, and of lesson 06.
        "LEASE": 1,
        "PAUSE": 1,
        "METRICS_PORT": 0,
        "PROMETHEUS_MULTIPROC_DIR": Path(folder, "metrics"),
        "PYTHONDONTWRITEBYTECODE": 1,  # nothing of ours stays in the learner's folder
    }
    try:
        return Program([sys.executable, file.name], file.stem, folder=file.parent, **settings)
    except RuntimeError as error:
        raise Wrong(
            f"It was started by python {file.name}, and has to listen on the port that PORT names. {error}"
        ) from None


def _ended(programs):
    """What to say of a program that has ended while it was graded; empty if all of them run."""
    end = time.monotonic() + 0.3  # whoever died a moment ago may not be known to be dead
    while all(program.running for program in programs) and time.monotonic() < end:
        time.sleep(0.02)
    for program in programs:
        if not program.running:
            code, last = program.wait(), program.said.strip().splitlines()[-1:]
            words = f", and its last words were: {visible(last[0])}" if last else ""
            return f"Before it was graded to the end, {program.name}.py ended with {code}{words}."
    return ""


def _status(result):
    """The status that shows best what was red; 0 if there was no answer."""
    return (result.exchange.status or 0) if result.exchange else 0


def _raised(said):
    """What the first traceback of a program ends with, as a sentence; empty if there is none."""
    _, _, traceback = said.partition("Traceback (most recent call last):\n")
    last = next((line for line in traceback.splitlines() if line and not line[0].isspace()), "")
    return f" The first traceback that your program wrote ends with: {visible(last)}." if last else ""


def _no_effects(error):
    """The error's last words are what was answered."""
    return (
        "GET /effects did not answer with a number. Where SHOW_EFFECTS is yes, it tells how many deposits have been "
        f"paid back: a whole number. It answered:{str(error).rpartition(':')[2]}"
    )


# --- What is red, in plain words ----------------------------------------------------------------------------


class _Sender:
    """Sends single deliveries, to find out why something is red."""

    def __init__(self, url, secret):
        self._url, self._secret = f"{url}/webhook", secret
        self.effects = Effects(target(f"{url}/effects"))

    def send(self, dialect=PUDDLEWICK.dialect, id=None, delivery=None, age=0):
        """Send one delivery as this dialect signs, and return whether it was accepted."""
        id = id or f"pud_{secrets.token_hex(6)}"
        data = {"rental": id, "station": "Old Harbour", "deposit": 500, "currency": "EUR"}
        body = PUDDLEWICK.encode({"id": id, "event_type": "rental.ended", "at": "2026-01-05T09:00:00Z", "data": data})
        headers = {"Content-Type": "application/json", PUDDLEWICK.attempt: delivery or secrets.token_hex(6)}
        headers |= sign(body, self._secret, dialect, timestamp=SystemClock().now() - age)
        with requests.Session() as session:
            session.trust_env = False  # no proxy stands between us
            try:
                return ok(session.post(self._url, data=body, headers=headers, timeout=2 * PATIENCE).status_code)
            except requests.RequestException:
                return False


_IN_SECONDS = replace(PUDDLEWICK.dialect, time_format="seconds")

#: What else a delivery may be signed like: if that is accepted, this was misread.
_MISREAD = {
    "the time is read as seconds. Read on the page what times that are numbers are.": _IN_SECONDS,
    "the signature is compared in hex. The page has it in base64.": replace(PUDDLEWICK.dialect, encoding="hex"),
    "the time and the body are joined by a full stop. The page joins them by a colon.": replace(
        PUDDLEWICK.dialect, signed="{timestamp}.{body}"
    ),
}


def _not_valid(result, sender):
    if "no effect" in result.words:
        return "It accepts the end of a rental, and pays no deposit back, as far as /effects tells."
    for misread, dialect in _MISREAD.items():
        if sender.send(dialect):
            return f"It refuses what is genuine: {misread}"
    status = _status(result)
    if status == 404:
        advice = "Deliveries come to /webhook, by POST."
    elif status >= 500 or 300 <= status < 400:
        advice = "Deliveries are answered with 2xx, and nothing else counts."
    else:
        advice = (
            "Give your code the page's worked example, at the time at which that was sent; and verify the body as it "
            "came, before anything has read it (lesson 04)."
        )
    return f"It refuses what is genuine ({result.words}). {advice}"


def _twice(result, sender):
    if not result.words.endswith("2 effects of 1"):
        return f"An event that comes again is not taken as it should be: {result.words}."
    before, again = sender.effects.settled(), {"id": "pud_" + secrets.token_hex(6), "delivery": secrets.token_hex(6)}
    sender.send(**again)
    sender.send(**again)
    if sender.effects.after(before + 2, most=1) == before + 1:
        return (
            "A deposit was paid back twice: your program remembers Puddlewick-Delivery. Read under Retries what a "
            "delivery is. What is the same at each attempt?"
        )
    return "A deposit was paid back twice: an event that came again was taken for a new one."


def _stale(result, sender):
    if sender.send(_IN_SECONDS) and not sender.send(_IN_SECONDS, age=3600):
        return (
            "An old delivery is accepted: your program reads the time as seconds, so each seems to be far ahead. "
            "Read on the page what times that are numbers are."
        )
    return "A delivery that is older than five minutes is accepted: whoever has seen it can send it again."


#: What to say of a check that is red: words, or a function of its result and a `_Sender`. Of the others, what was seen.
_RED = {
    "valid": _not_valid,
    "duplicate": _twice,
    "same-moment": SAME_MOMENT,
    "rotation": "While the secret is being changed there are two signatures, and one that fits is enough.",
    "unknown-type": "An event of a type that is not on the page is refused. The page asks you to accept it.",
    "stale": _stale,
    "future": "A delivery from the future is accepted. The page allows one minute.",
    "at-limit": "A body as long as the page allows is refused.",
    "over-limit": "A body is accepted that is longer than the page allows.",
    "over-limit-chunked": "A body is accepted that is longer than the page allows, if it comes in chunks.",
}


def _words(report, sender):
    if not report.failed:
        missing = ", ".join(result.name for result in report.by_outcome(NOT_TRIED, NOT_COUNTED))
        return f"There was no time for: {missing}. Is your program slow, or this computer busy?"
    first = report.failed[0]
    said = _RED.get(first.name, f"{first.name}: {first.title} Seen: {first.words}. See notebooks/{first.lesson}.")
    words = said if isinstance(said, str) else said(first, sender)
    red = len(report.failed)
    return f"{words} ({red} {'check is' if red == 1 else 'checks are'} red.)"
