"""The record: which exercises were passed, and when, in one file that `check` adds to and `progress` reads.

The file is ``progress.jsonl`` in the folder that the platform keeps for a user's data (Linux:
``~/.local/share/webhook_tutorial``, macOS: ``~/Library/Application Support/webhook_tutorial``, Windows:
``%LOCALAPPDATA%\\webhook_tutorial``). The environment variable ``WEBHOOK_TUTORIAL_PROGRESS`` names another file, or is
``off``: then nothing is kept.

Each line is a JSON object, and nothing in it is about the person::

    {"exercise": "02.validate", "passed": "2026-01-05T09:00:00Z", "package": "0.1.0", "python": "3.11.7"}

``passed`` is when the exercise was first passed, in UTC. A line needs these first two; what else stands in it may be
missing, or be more: so the lines of older and newer versions are read, too. The file is only ever added to, one line in
one write, and never written anew: what stands in it cannot be lost by us, whoever else adds to it at the same moment.
What is no such line is passed over and left; a file without any is somebody else's, and nothing is added to it.
"""

import contextlib
import json
import os
import platform
import re
import stat
import time
from dataclasses import dataclass
from pathlib import Path

from .. import __version__
from ..clock import iso

VARIABLE = "WEBHOOK_TUTORIAL_PROGRESS"
_MOST = 1_000_000  # bytes; a record of every exercise has about 5,000
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_BEGINNING = b'{"exercise": '  # of a line that was cut off by a full disk, before there was a whole one


@dataclass(frozen=True)
class Passed:
    """One exercise that was passed: its name, when that was first (RFC 3339, UTC), and with which versions."""

    exercise: str
    passed: str
    package: str = ""
    python: str = ""


class NotKept(Exception):
    """The record cannot be read or written; the message says why, a sentence."""


_here = {}  # what was passed in this process, by name: kept with the next exercise if it could not be kept at once


def passed(name):
    """Take down that an exercise was passed, if it is the first time. Whatever happens, it raises nothing."""
    _here.setdefault(name, Passed(name, iso(time.time()), __version__, platform.python_version()))
    # Whoever has solved an exercise shall see that, and no traceback about a disk: `progress` says what was wrong.
    with contextlib.suppress(Exception):
        _keep()


def read():
    """Return what was passed, in this process or before, by the exercises' names; and why it is not kept, or ``""``."""
    try:
        kept, why = _keep(), ""
    except NotKept as error:
        kept, why = _read_if_possible(), str(error)
    return _first(kept.values(), _here.values()), why


def where():
    """Return the path of the record, or None if it is switched off.

    Raises:
        NotKept: There is no folder for it.
    """
    named = os.environ.get(VARIABLE, "").strip()
    if named.lower() == "off":
        return None
    try:
        if named:
            return Path(named).expanduser()
        from platformdirs import user_data_path  # comes with the lessons, and not with the tools alone

        return user_data_path("webhook_tutorial", appauthor=False) / "progress.jsonl"
    except (ImportError, RuntimeError, OSError) as error:
        raise NotKept(f"There is no folder for it: {error}. {VARIABLE} can name a file.") from None


def _keep():
    """Add to the file what this process has passed and the file has not; return all that stands in it."""
    path = where()
    if path is None:
        raise NotKept(f"{VARIABLE} is off.")
    try:
        data = _bytes(path)
        kept = _lines(data)
        if not kept and data.strip() and not data.startswith(_BEGINNING):
            raise NotKept(f"{path} holds something else, and is left as it is. {VARIABLE} can name another file.")
        missing = [one for name, one in list(_here.items()) if name not in kept]
        if missing:
            _add(path, missing, after=data)
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte in it
        why = getattr(error, "strerror", None) or error
        raise NotKept(f"{path} cannot be written: {why}. {VARIABLE} can name another file.") from None
    return _first(kept.values(), missing)


def _read_if_possible():
    """What stands in a file that may only be read."""
    try:
        path = where()
        return _lines(_bytes(path)) if path else {}
    except (NotKept, OSError, ValueError):
        return {}


def _bytes(path):
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would hang, and a device has no end
            raise OSError("it is no file")
        if path.stat().st_size > _MOST:
            raise OSError("it is too large for a record")
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _lines(data):
    """The lines of a record that can be read."""
    found = []
    for line in data.splitlines():
        with contextlib.suppress(ValueError, RecursionError):
            one = json.loads(line)
            if not isinstance(one, dict):
                continue
            fields = [one.get(name, "") for name in ("exercise", "passed", "package", "python")]
            if all(isinstance(value, str) for value in fields) and fields[0] and _TIME.fullmatch(fields[1]):
                found.append(Passed(*fields))
    return _first(found)


def _first(*several):
    """By its name, of each exercise the time at which it was first passed."""
    first = {}
    for one in (one for some in several for one in some):
        if one.exercise not in first or one.passed < first[one.exercise].passed:
            first[one.exercise] = one
    return first


def _add(path, several, after):
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(vars(one)) + "\n" for one in several).encode()
    if after and not after.endswith(b"\n"):  # a line was cut off: the next one begins on its own
        text = b"\n" + text
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o666)
    try:
        with _alone(file):
            while text:  # a disk that is nearly full takes a part of it, and says so at the next try
                text = text[os.write(file, text) :]
    finally:
        os.close(file)


@contextlib.contextmanager
def _alone(file):
    """Keep other processes of ours from writing meanwhile, on Windows.

    Elsewhere a write with O_APPEND goes to the end in one step (POSIX: write). Windows finds the end first.
    """
    try:
        import msvcrt
    except ImportError:
        yield
        return
    os.lseek(file, 1 << 30, os.SEEK_SET)  # a byte beyond the end that stands for the file: whoever reads is not stopped
    msvcrt.locking(file, msvcrt.LK_LOCK, 1)  # waits for ten seconds at the most, then raises OSError
    try:
        yield
    finally:
        os.lseek(file, 1 << 30, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_UNLCK, 1)
