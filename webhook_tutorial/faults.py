"""A receiver's bad days, on demand: a TCP proxy that stands before any server and misbehaves on a script."""

import contextlib
import socket
import struct
import threading
from http import HTTPStatus

from .registry import close_copies, reserve_name, started, stopped

#: What a connection can meet. A number such as 500 is an answer that the proxy gives by itself.
FAULTS = {
    "healthy": "passed on unchanged",
    "refuse": "nobody listens",
    "reset": "the connection is cut before the request is passed on",
    "drop": "the request is passed on and processed, and the connection is cut before the answer",
    "slow": "the answer is held back for `delay` seconds",
    "drip": "the answer comes a byte at a time, with `pause` seconds between",
}


class Faults:
    """A proxy on 127.0.0.1 before a `Server`; see `faults`.

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
                _cut(one)
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
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            mode = self._mode
            if mode == "refuse":  # taken in the moment of the change
                _reset(client)
                client.close()
                continue
            fault = self._script.pop(0) if self._script else mode
            self.met.append(fault)
            thread = threading.Thread(target=self._serve, args=(client, fault), name="faults", daemon=True)
            self._open[thread] = [client]
            thread.start()

    def _serve(self, client, fault):
        try:
            with client, contextlib.suppress(OSError, ValueError):  # gone, or no HTTP
                if fault == "reset":
                    _reset(client)
                    return
                request = _read_request(client)
                if isinstance(fault, int):
                    client.sendall(self._own_answer(fault))
                    return
                answer = self._ask(request)
                if fault == "drop":
                    _reset(client)
                elif fault == "drip":
                    for i in range(len(answer)):
                        client.sendall(answer[i : i + 1])
                        if self._stopped.wait(self.pause):
                            return
                else:
                    if fault == "slow" and self._stopped.wait(self.delay):
                        return
                    client.sendall(answer)
        finally:
            self._open.pop(threading.current_thread(), None)

    def _ask(self, request):
        with socket.create_connection(self._target) as upstream:
            self._open.setdefault(threading.current_thread(), []).append(upstream)
            if self._stopped.is_set():
                raise OSError("stopped")
            upstream.sendall(request)
            return b"".join(iter(lambda: upstream.recv(65_536), b""))

    def _own_answer(self, status):
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", "Connection: close"]
        lines += ["Content-Length: 0"] if status not in (204, 304) else []
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode()


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
    if fault in FAULTS or (isinstance(fault, int) and 200 <= fault <= 599 and fault in iter(HTTPStatus)):
        return
    raise ValueError(f"There is no fault {fault!r}: use {', '.join(FAULTS)}, or a status code.")


def _read_request(client):
    """One HTTP request with its body, as bytes."""
    data = bytearray()

    def more():
        piece = client.recv(65_536)
        if not piece:
            raise OSError("the client went away")
        data.extend(piece)

    def line_end(start):
        while (end := data.find(b"\r\n", start)) < 0:
            more()
        return end + 2

    while (head := data.find(b"\r\n\r\n") + 4) < 4:
        more()
    lines = bytes(data[: head - 4]).lower().split(b"\r\n")[1:]
    fields = {name: value.strip() for name, _, value in (line.partition(b":") for line in lines)}
    if fields.get(b"expect") == b"100-continue":
        client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        line = bytes(data[:head])
        kept = [one for one in line.split(b"\r\n") if not one.lower().startswith(b"expect:")]
        data[:head] = b"\r\n".join(kept)
        head = len(b"\r\n".join(kept))
    if fields.get(b"transfer-encoding", b"").endswith(b"chunked"):
        position = head
        while size := int(data[position : (end := line_end(position))].partition(b";")[0], 16):
            position = end + size + 2
            while len(data) < position:
                more()
        position = end
        while (end := line_end(position)) > position + 2:  # trailers, up to an empty line
            position = end
        return bytes(data[:end])
    length = int(fields.get(b"content-length", 0))
    while len(data) < head + length:
        more()
    return bytes(data)


def _reset(connection):
    # With a linger time of 0 closing sends a reset, as a machine does that has lost its power.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _cut(connection):
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
