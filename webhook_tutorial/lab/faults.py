"""A receiver's bad days, on demand: a TCP proxy that stands before any server and misbehaves on a script."""

import contextlib
import itertools
import socket
import threading
from collections.abc import Iterable
from http import HTTPStatus

import h11

from .relay import HEAD_BYTES, LINGER, Message, closing, cut, end, reset
from .running import close_copies, reserve_name, started, stopped

#: What a connection can meet. A number such as 500 is an answer that the proxy gives by itself.
FAULTS = {
    "healthy": "passed on unchanged",
    "refuse": "nobody listens",
    "reset": "the connection is cut before the request is passed on",
    "drop": "the request is passed on and processed, and the connection is cut before the answer",
    "slow": "the answer is held back for `delay` seconds",
    "drip": "the answer comes a byte at a time, with `pause` seconds between",
}

#: What the proxy says of a request whose end it cannot tell, by status.
UNREADABLE = {
    400: "faults() cannot read this request: it is no HTTP/1.1 (RFC 9112), or it was cut short.\n",
    431: f"faults() cannot read this request: its head, or what goes before a chunk, is over {HEAD_BYTES} bytes.\n",
    501: "faults() cannot read this request: its Transfer-Encoding is not chunked.\n",
}

#: How much of the answer ``"drop"`` reads before it cuts, in bytes.
DROPPED_BYTES = 1 << 20


class Faults:
    """A proxy on 127.0.0.1 before a `Server`; see `faults`.

    A request is passed on as it came, byte for byte, and so is its answer, with one exception: each connection is
    for one request, so an answer that would keep it open says ``Connection: close`` instead. A request whose end
    cannot be told gets 400, 431 or 501 from the proxy, with a sentence that says why.

    Attributes:
        name: The server's name.
        url: Where to send, instead of the server's own URL.
        mode: What connections meet once the script is used up: a word of `FAULTS` or a status. Assign it at any time.
        headers: Extra headers for the answers that the proxy gives by itself, such as ``{"Retry-After": "30"}``.
        met: What each connection has met so far, in order.
    """

    def __init__(self, server, script=(), *, mode="healthy", headers=None, delay=0.5, pause=0.02):
        _known(mode)
        self.name = server.name
        self._target = ("127.0.0.1", server.port)
        if isinstance(script, str) or not isinstance(script, Iterable):
            raise ValueError(f"A script is a list, such as ['drop', 500], not {script!r}.")
        self._script = list(script)
        for fault in self._script:
            if fault == "refuse":
                raise ValueError("A refused connection cannot be counted by the one who refuses: set mode = 'refuse'.")
            _known(fault)
        self.headers, self.delay, self.pause = dict(headers or {}), delay, pause
        self.met = []
        self._changing = threading.RLock()  # not held while a fault is chosen: who changes waits for who accepts
        self._stopped = threading.Event()
        self._open = {}
        self._listener = None
        self.port = 0
        self._listen()
        self.url = f"http://127.0.0.1:{self.port}"
        reserve_name(self.port, server.name)
        started(self, self._let_go)
        self.mode = mode

    @property
    def mode(self):
        return self._mode

    @mode.setter
    def mode(self, fault):
        _known(fault)
        with self._changing:
            self._mode = fault
            if fault == "refuse":
                self._deafen()
            elif self._listener is None and not self._stopped.is_set():
                self._listen()

    @property
    def running(self):
        """Whether it is up; one that refuses is up, too."""
        return not self._stopped.is_set()

    def stop(self):
        """Stop the proxy and cut what is still open. It is fine to call it twice."""
        self._stopped.set()
        with self._changing:
            self._deafen()
        for thread, sockets in list(self._open.items()):
            for one in sockets:
                cut(one)
            thread.join(2)
        stopped(self)

    def _let_go(self):
        """In a child made by fork: this copy is stopped, and the proxy itself stays its parent's."""
        self._changing, self._stopped = threading.RLock(), threading.Event()
        self._stopped.set()
        listeners, self._listener = [self._listener] if self._listener else [], None
        close_copies([*listeners, *(one for sockets in self._open.values() for one in sockets)])
        self._open = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def __repr__(self):
        return f"<Faults {self.name} {self.url} {self.mode if self.running else 'stopped'}>"

    def _listen(self):
        listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
        self.port = listener.getsockname()[1]
        self._listener = listener
        self._accepting = threading.Thread(target=self._accept, args=(listener,), name="faults", daemon=True)
        self._accepting.start()

    def _deafen(self):
        if self._listener is None:
            return
        listener, self._listener = self._listener, None
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)  # wakes accept() on Linux
        listener.close()
        with contextlib.suppress(OSError):  # and elsewhere
            socket.create_connection(("127.0.0.1", self.port), 0.1).close()
        self._accepting.join(2)

    def _accept(self, listener):
        while self._listener is listener:
            try:
                client, _ = listener.accept()
            except OSError:  # closed, or a client that has gone, or no file descriptor left: not at once again
                self._stopped.wait(0.05)
                continue
            mode = self._mode
            if mode == "refuse" or self._listener is not listener:  # taken in the moment of the change
                reset(client)
                continue
            fault = self._script.pop(0) if self._script else mode
            self.met.append(fault)
            thread = threading.Thread(target=self._serve, args=(client, fault), name="faults", daemon=True)
            self._open[thread] = [client]
            try:
                thread.start()
            except RuntimeError:  # no thread is left; later there may be one
                del self._open[thread]
                reset(client)

    def _serve(self, client, fault):
        try:
            with client, contextlib.suppress(OSError):  # somebody went away
                if fault == "reset":
                    client.settimeout(0.1)  # so that it is connected for certain, and cut while it sends
                    with contextlib.suppress(TimeoutError):
                        client.recv(1)
                    reset(client)
                    return
                request = Message(client, h11.Connection(h11.SERVER, HEAD_BYTES))
                try:
                    self._handle(client, request, fault)
                except h11.RemoteProtocolError as error:
                    client.sendall(self._own_answer(error.error_status_hint, UNREADABLE[error.error_status_hint]))
                end(client)
        finally:
            self._open.pop(threading.current_thread(), None)

    def _handle(self, client, request, fault):
        head, raw = next(request.pieces, (None, b""))
        if not head:
            return  # it came and went without a word
        if not isinstance(fault, int):
            self._pass_on(client, head.method, itertools.chain([(head, raw)], request.pieces), fault)
            return
        if request.parser.they_are_waiting_for_100_continue:
            client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        for _ in request.pieces:
            pass
        client.sendall(self._own_answer(fault))

    def _pass_on(self, client, method, request, fault):
        """Pass on a request and its answer at the same time: an answer may come before the request has gone."""
        unreadable = []

        def ask():
            try:
                for _, raw in request:
                    with contextlib.suppress(OSError):  # a server that hears no more may have answered why
                        upstream.sendall(raw)
            except (h11.RemoteProtocolError, OSError) as error:
                unreadable.append(error)
                cut(upstream)

        with socket.create_connection(self._target) as upstream:
            self._open.setdefault(threading.current_thread(), []).append(upstream)
            if self._stopped.is_set():
                return
            asking = threading.Thread(target=ask, name="faults", daemon=True)
            asking.start()
            try:
                answered = self._give(client, upstream, method, fault)
                if answered and fault != "drop":
                    client.shutdown(socket.SHUT_WR)
                    asking.join(LINGER)
            finally:
                cut(upstream)
                if asking.is_alive() and not unreadable:
                    with contextlib.suppress(OSError):
                        client.shutdown(socket.SHUT_RD)  # ends the asking, and tells the client nothing
                asking.join(LINGER)
        if unreadable and not answered:
            raise unreadable[0]
        if fault == "drop":
            reset(client)

    def _give(self, client, upstream, method, fault):
        """Give the client the answer in the manner of the fault; return whether there was one."""
        answer = Message(upstream, h11.Connection(h11.CLIENT, HEAD_BYTES))
        answer.parser.send(h11.Request(method=method, target="/", headers=[("Host", "x")]))  # for HEAD
        answered = dropped = 0

        def give(raw):
            nonlocal dropped
            if fault == "drop":
                dropped += len(raw)
            elif fault == "drip":
                for i in range(len(raw)):
                    client.sendall(raw[i : i + 1])
                    if self._stopped.wait(self.pause):
                        return
            else:
                client.sendall(raw)

        try:
            for head, raw in answer.pieces:
                if isinstance(head, h11.InformationalResponse):
                    client.sendall(raw)
                    continue
                if head:
                    answered = True
                    raw = closing(head, raw)
                    if fault == "slow" and self._stopped.wait(self.delay):
                        break
                give(raw)
                if dropped > DROPPED_BYTES:
                    break
        except h11.RemoteProtocolError:  # no proper answer, or cut short: the client shall see as much as came
            give(answer.left)
            answered = answered or bool(answer.left)
        return answered

    def _own_answer(self, status, words=""):
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", "Connection: close"]
        lines += [f"Content-Length: {len(words)}"] if status not in (204, 304) else []
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", words]).encode()


def faults(server, script=(), *, mode="healthy", headers=None, delay=0.5, pause=0.02):
    """Put a proxy before a server, whose connections meet the faults of a script, one after the other.

    Args:
        server: A `Server`.
        script: Words of `FAULTS` (but for ``"refuse"``) or status codes, one for each connection.
        mode: What connections meet when the script is used up.
        headers: Extra headers for the answers that the proxy gives by itself.
        delay: For ``"slow"``, in seconds.
        pause: For ``"drip"``, in seconds.

    Returns:
        A `Faults`, a context manager that stops it at its end.

    Raises:
        ValueError: A fault is unknown.
    """
    return Faults(server, script, mode=mode, headers=headers, delay=delay, pause=pause)


def _known(fault):
    if isinstance(fault, str) and fault in FAULTS:
        return
    if isinstance(fault, int) and 200 <= fault <= 599 and fault in iter(HTTPStatus):
        return
    raise ValueError(f"There is no fault {fault!r}: use {', '.join(FAULTS)}, or a status code.")
