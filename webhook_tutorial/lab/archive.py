"""Exchanges in a file, one JSON object a line: what a terminal has received, a notebook can open later.

A line is written whole, in one call, at the end of the file: who is killed loses at most the line being written.
"""

import base64
import json
import os
from pathlib import Path
from urllib.parse import urlsplit

from requests.structures import CaseInsensitiveDict

from .exchange import Exchange
from .traffic import Traffic

_TEXTS = ("method", "url", "sender", "receiver", "recorded_by")
_OFTEN_EMPTY = ("error", "traceback", "log")
_NUMBERS = ("started", "seconds")
_HEADERS = ("headers", "response_headers")
_BODIES = ("body", "response_body")
_START = b'{"method": "'  # of every line, see `as_dict`


class Archive:
    """A file that exchanges are added to. It is made for you alone (mode 0600), as headers may hold secrets.

    A file that is there is kept and added to; where its last line was cut off, the next one begins on a new line.
    To open it changes nothing in it: it may be a file of something else, which is refused.

    Args:
        path: The file.

    Attributes:
        held: How many exchanges it held when it was opened.

    Raises:
        OSError: It cannot be opened.
        ValueError: It holds something else, as with `load_traffic`.
    """

    def __init__(self, path):
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o600)
        try:
            self.held = len(load_traffic(path))
            size = os.lseek(self._file, 0, os.SEEK_END)
            self._cut = bool(size) and _last_byte(self._file) != b"\n"
        except BaseException:
            self.close()
            raise

    def add(self, exchange):
        """Add an exchange as a line of its own, written in one call.

        Raises:
            OSError: It could not be written whole.
            ValueError: The file has been closed.
        """
        if self._file is None:
            raise ValueError("The archive has been closed.")
        data = b"\n" * self._cut + json.dumps(as_dict(exchange)).encode() + b"\n"
        self._cut = True
        while data:  # a disk that is nearly full takes a part of it
            data = data[os.write(self._file, data) :]
        self._cut = False

    def close(self):
        """Close the file. It is fine to call it twice."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def _last_byte(file):
    os.lseek(file, -1, os.SEEK_END)
    return os.read(file, 1)


def save(traffic, path):
    """Add exchanges to the end of a file, as `Archive` does."""
    with Archive(path) as archive:
        for exchange in traffic:
            archive.add(exchange)


def as_dict(exchange):
    """Return an exchange as a dictionary for JSON: headers as pairs, a body as text or, where it is none, as base64.

    Nothing is masked. Equal exchanges give equal dictionaries; ``mark``, a clock of its own process, is left out.
    """
    fields = {name: getattr(exchange, name) for name in (*_TEXTS[:2], "status", *_TEXTS[2:], *_NUMBERS)}
    fields["headers"] = [list(pair) for pair in exchange.raw_headers or exchange.headers.items()]
    fields |= _body("body", exchange.body)
    fields["response_headers"] = [list(pair) for pair in exchange.response_headers.items()]
    fields |= _body("response_body", exchange.response_body)
    return fields | {name: getattr(exchange, name) for name in _OFTEN_EMPTY if getattr(exchange, name)}


def _body(name, data):
    try:
        return {name: data.decode()}
    except UnicodeDecodeError:
        return {f"{name}_base64": base64.b64encode(data).decode()}


def from_dict(fields):
    """Return the exchange that `as_dict` has written down; what else stands in the dictionary is left alone.

    Raises:
        ValueError: It is none.
    """
    try:
        known = {name: _of(str, fields[name]) for name in (*_TEXTS, *_OFTEN_EMPTY) if name in fields}
        urlsplit(known["url"])  # a URL that is none would be noticed when it is shown
        known |= {name: float(_of((int, float), fields[name])) for name in _NUMBERS if name in fields}
        pairs = {name: tuple((_of(str, n), _of(str, v)) for n, v in fields.get(name, ())) for name in _HEADERS}
        known |= {name: _joined(pairs[name]) for name in _HEADERS}
        known |= {name: _bytes(fields, name) for name in _BODIES}
        status = fields.get("status")
        if status is not None:
            known["status"] = _of(int, status)
        return Exchange(**known, raw_headers=pairs["headers"])
    except (TypeError, KeyError, ValueError, AttributeError):
        raise ValueError("That is no exchange as an archive holds one.") from None


def _of(kind, value):
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f"not {kind}")
    return value


def _joined(pairs):
    headers = CaseInsensitiveDict()
    for name, value in pairs:
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _bytes(fields, name):
    if f"{name}_base64" in fields:
        return base64.b64decode(_of(str, fields[f"{name}_base64"]), validate=True)
    return _of(str, fields.get(name, "")).encode()


def load_traffic(path):
    """Return what a file holds that ``listen --file`` has kept, as `Traffic`; ``traffic.closed`` says from where it is.

    A line that was cut off because its writer was killed is left out, and ``traffic.closed`` says so.

    Args:
        path: The file, one JSON object a line.

    Raises:
        OSError: The file cannot be read.
        ValueError: A line holds something else than an exchange; the message names it.
    """
    path, exchanges, torn = Path(path), [], []
    for number, line in enumerate(path.read_bytes().split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError):
            fields = None
        if fields is None and (line.startswith(_START) or _START.startswith(line)):
            torn.append(number)
            continue
        try:
            exchanges.append(from_dict(fields))
        except ValueError:
            raise ValueError(f"Line {number} of {path.name} holds no exchange: was it written by listen?") from None
    traffic = Traffic(exchanges, name=path.name)
    traffic.close(f"It was read from {path.name}, so nothing more will come.{_left_out(torn)}")
    return traffic


def _left_out(torn):
    if not torn:
        return ""
    which = f"Line {torn[0]} was" if len(torn) == 1 else f"Lines {', '.join(map(str, torn))} were"
    return f" {which} cut off while being written, and left out."
