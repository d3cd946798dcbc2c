"""Record what `requests` sends: the other end of the wire.

What never reached a server (refused, timed out, cut off) can only be seen from here.
"""

import socket
import threading
import time
from contextlib import contextmanager
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict

from .registry import name_at
from .server import RECORDED_BYTES, sending_as
from .traffic import Exchange, Traffic

_watchers = []
_lock = threading.Lock()
_send = HTTPAdapter.send


@contextmanager
def watch(name="sender"):
    """Record every attempt that `requests` makes inside the block, in any thread, with or without an answer.

    A redirect that is followed makes two attempts. A handler's own requests are recorded under its server's name.

    Args:
        name: What the sender is called in pictures.

    Returns:
        A context manager that gives a `Traffic`.
    """
    name = name or "sender"
    watcher = (name, Traffic(name=name))
    with _lock:
        _watchers.append(watcher)
        HTTPAdapter.send = _recording_send
    try:
        yield watcher[1]
    finally:
        with _lock:
            _watchers.remove(watcher)
            if not _watchers:
                HTTPAdapter.send = _send


def why_no_answer(error):
    """Say in two words why a request of `requests` got no answer.

    Args:
        error: The exception that `requests` raised.

    Returns:
        ``"timed out"``, ``"refused"`` (nobody listens there), ``"unknown host"`` or ``"connection lost"``; for a
        request that could not be made at all, the exception's class.
    """
    chain, seen = [error], set()
    while chain:
        cause = chain.pop()
        if not isinstance(cause, BaseException) or id(cause) in seen:
            continue
        seen.add(id(cause))
        if isinstance(cause, ConnectionRefusedError):
            return "refused"
        if isinstance(cause, socket.gaierror):
            return "unknown host"
        chain += [cause.__cause__, cause.__context__, getattr(cause, "reason", None), *cause.args]
    if isinstance(error, requests.Timeout) or "Read timed out" in str(error):
        return "timed out"
    if isinstance(error, (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        return "connection lost"
    return type(error).__name__


def _recording_send(adapter, request, stream=False, **options):
    started, mark = time.time(), time.perf_counter()
    parts = urlsplit(request.url)
    body = request.body or b""
    fields = {
        "method": request.method,
        "url": request.url,
        "headers": CaseInsensitiveDict({_text(k): _text(v) for k, v in request.headers.items()}),
        "body": body.encode() if isinstance(body, str) else body if isinstance(body, bytes) else b"",
        "receiver": name_at(parts.hostname, parts.port or {"https": 443}.get(parts.scheme, 80)),
        "recorded_by": "sender",
        "started": started,
        "mark": mark,
    }
    try:
        response = _send(adapter, request, stream=stream, **options)
        if not stream:
            response.content  # noqa: B018 - reads the body, which may fail as well
    except Exception as error:
        _keep(fields, error=why_no_answer(error))
        raise
    _keep(
        fields,
        status=response.status_code,
        response_headers=CaseInsensitiveDict(response.headers),
        response_body=b"" if stream else response.content[:RECORDED_BYTES],
    )
    return response


def _text(value):
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _keep(fields, **answer):
    seconds = time.perf_counter() - fields["mark"]
    for name, traffic in list(_watchers):
        traffic.append(Exchange(sender=sending_as.get() or name, seconds=seconds, **fields, **answer))
