"""Record what `requests` sends: the other end of the wire.

What never reached a server (refused, timed out, cut off) can only be seen from here.
"""

import functools
import threading
import time
from contextlib import contextmanager
from urllib.parse import urlsplit

from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict

from ..answers import why_no_answer
from .exchange import RECORDED_BYTES, Exchange
from .running import name_at, reached, sending_as
from .traffic import Traffic

_BYTES = bytes, bytearray, memoryview
_lock = threading.Lock()


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
        if not isinstance(_there(), _Recorder):
            HTTPAdapter.send = _Recorder(_there())
        recorder = _there()
        recorder.watchers.append(watcher)
    try:
        yield watcher[1]
    finally:
        with _lock:
            recorder.watchers.remove(watcher)
            while isinstance(_there(), _Recorder) and not _there().watchers:
                HTTPAdapter.send = _there().original
        watcher[1].close("The watch() block has ended, so nothing more will come.")


def _there():
    return HTTPAdapter.__dict__["send"]  # asked for as an attribute, a static method would come without its wrapping


class _Recorder:
    """Stands in for HTTPAdapter.send, and records for its watchers what passes through it to the original.

    There are several only where another tool that does the same came between. Each is taken off when nobody needs
    it and it lies on top, so that nothing of the other tool's is undone; one that lies below, or that the tool puts
    back later, passes on what it gets.
    """

    def __init__(self, original):
        self.original, self.watchers = original, []

    def __get__(self, adapter, owner=None):
        return self if adapter is None else functools.partial(self, adapter)

    def __call__(self, adapter, *args, **options):
        # A method gets the adapter; what is none, such as a mock or a static method, goes without.
        send = self.original
        send = send.__get__(adapter, type(adapter)) if hasattr(send, "__get__") else send
        return _record(self.watchers, send, args, options) if self.watchers else send(*args, **options)


def _record(watchers, send, args, options):
    """Call ``send`` with the arguments as they came, and keep the attempt; a subclass may pass them on in any way."""
    request = args[0] if args else options["request"]
    stream = args[1] if len(args) > 1 else options.get("stream", False)
    started, mark = time.time(), time.perf_counter()
    parts = urlsplit(request.url)
    body = request.body or b""
    fields = {
        "method": request.method,
        "url": request.url,
        "headers": CaseInsensitiveDict({_text(k): _text(v) for k, v in request.headers.items()}),
        "body": body.encode() if isinstance(body, str) else bytes(body) if isinstance(body, _BYTES) else b"",
        "receiver": name_at(parts.hostname, parts.port or {"https": 443}.get(parts.scheme, 80)),
        "recorded_by": "sender",
        "started": started,
        "mark": mark,
    }
    reached.set("")
    try:
        response = send(*args, **options)
        if not stream:
            response.content  # noqa: B018 - reads the body, which may fail as well
    except BaseException as error:  # an interrupt, too: the request may have arrived
        _keep(watchers, fields, error=why_no_answer(error))
        raise
    _keep(
        watchers,
        fields,
        status=response.status_code,
        response_headers=CaseInsensitiveDict(response.headers),
        response_body=b"" if stream else response.content[:RECORDED_BYTES],
    )
    return response


def _text(value):
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _keep(watchers, fields, **answer):
    seconds = time.perf_counter() - fields["mark"]
    fields |= {"receiver": reached.get() or fields["receiver"]}
    for name, traffic in list(watchers):
        traffic.append(Exchange(sender=sending_as.get() or name, seconds=seconds, **fields, **answer))
