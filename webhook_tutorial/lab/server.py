"""Run any WSGI app on background threads of this kernel: sockets and threads. What is received, `Recorder` records.

The server underneath is Werkzeug's threaded one: the same that lesson 02 starts by hand.
"""

import contextlib
import errno
import socket
import threading
import time

from werkzeug.serving import ThreadedWSGIServer

from ..environment import reach_loopback_directly
from .recorder import Recorder
from .running import close_copies, reserve_name, running, started, stopped
from .wire import Handler

#: How long `Server.stop` lets handlers finish what they are doing, in seconds.
GRACE = 1.0

_serving = threading.RLock()


def serve(app, name=None, *, port=None, keep=None):
    """Serve a WSGI app on 127.0.0.1 from a background thread; it is ready when this returns.

    Serving again under the same name stops the server that had it and takes over its port, so a cell that
    serves can be run again.

    Args:
        app: Any WSGI callable, such as a Flask app.
        name: What the server is called in pictures; the app's own name if left out.
        port: The port to use; a free one if left out.
        keep: For whoever must have kept what is answered: called with each exchange before its answer leaves. What it
            raises has the sender get a 500.

    Returns:
        A `Server`.

    Raises:
        TypeError: ``app`` cannot be called.
        ValueError: Neither the app nor you gave a name, or the port is not a number from 1 to 65535.
        OSError: The port is taken, or you may not use it.
    """
    if not callable(app):
        raise TypeError(f"serve() needs a WSGI app, something that can be called; got {type(app).__name__}.")
    name = name or getattr(app, "name", "")
    if not isinstance(name, str) or name in ("", "__main__"):
        raise ValueError('The server needs a name: Flask("receiver"), or serve(app, name="receiver").')
    if port is not None and port not in range(1, 65536):
        raise ValueError(f"A port is a number from 1 to 65535, not {port!r}.")
    with _serving:
        before = next((up for up in running() if isinstance(up, Server) and up.name == name), None)
        if before and port not in (None, before.port):
            _listen(port).close()  # if this port is taken, the server that is up stays up
        if before:
            before.stop()
        try:
            listener = _listen(port or (before.port if before else 0))
        except OSError:
            if port:
                raise
            listener = _listen(0)
        return Server(app, name, listener, keep)


def _listen(port):
    # Our own socket, because Werkzeug answers a taken port with sys.exit.
    try:
        return socket.create_server(("127.0.0.1", port), backlog=128)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            words = f"Port {port} is taken by another program. Leave the port out and serve() finds a free one."
        else:
            words = f"Port {port} cannot be used ({error.strerror}). Leave the port out and serve() finds one that can."
        raise OSError(words) from None


class Server:
    """A WSGI app being served: what `serve` returns.

    Attributes:
        name: What it is called in pictures.
        port: Its TCP port on 127.0.0.1.
        url: ``http://127.0.0.1:PORT``, with no slash at the end.
        traffic: What it received, as `Traffic`; an exchange is there before its sender has the answer.
        running: Whether it is up.

    It is a context manager that stops the server at its end.
    """

    def __init__(self, app, name, listener, keep=None):
        reach_loopback_directly()
        self.app, self.name = app, name
        self.port = listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        recorder = Recorder(app, name, self.url, keep)
        self.traffic = recorder.traffic
        self.running = True
        self._stopping = threading.RLock()
        self._threads = _Threads(listener, recorder)
        self._accepting = threading.Thread(
            target=self._threads.serve_forever, args=(0.02,), name=f"serve {name}", daemon=True
        )
        try:
            self._accepting.start()
            reserve_name(self.port, name)
            started(self, self._let_go)
        except BaseException:  # whoever loses patience leaves no server behind that nobody knows
            self.stop()
            raise

    def stop(self):
        """Stop the server: whoever has not sent a whole request is cut off, handlers get `GRACE` seconds to finish.

        It is fine to call it twice; whoever calls it second waits until it has stopped.
        """
        with self._stopping:
            if not self.running:
                return
            if self._accepting.is_alive():
                self._threads.shutdown()
                self._accepting.join()
            self._threads.server_close()
            self._threads.end_clients()
            self.traffic.close(f"The server {self.name!r} has stopped, so nothing more will come.")
            self.running = False
            stopped(self)

    def _let_go(self):
        """In a child made by fork: this copy serves nothing, and the server itself stays its parent's."""
        self.running, self._stopping = False, threading.RLock()
        close_copies([self._threads.socket, *self._threads.clients.values()])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.stop()
        except BaseException:  # at the end of a with block nobody else can stop it again
            self.stop()
            raise

    def __repr__(self):
        return f"<Server {self.name} {self.url} {'running' if self.running else 'stopped'}>"


class _Threads(ThreadedWSGIServer):
    """Werkzeug's server, silent, with a thread for each client that is remembered so that it can be ended.

    Attributes:
        clients: The connection of each thread that serves one.
        busy: The threads on which the app is at work; the recorder keeps it.
        cutting: Whether whoever still sends is being cut off; for `Handler`, like ``refused``.
    """

    def __init__(self, listener, recorder):
        self.clients, self.busy, self.cutting = {}, recorder.busy, False
        self.refused = recorder.refused
        with listener:
            super().__init__("127.0.0.1", 0, recorder, Handler, fd=listener.fileno())

    def get_request(self):
        try:
            return super().get_request()
        except OSError:  # no file descriptor is left, say: not at once again
            time.sleep(0.05)
            raise

    def process_request(self, connection, address):
        thread = threading.Thread(target=self._client, args=(connection, address), name="serve client", daemon=True)
        self.clients[thread] = connection
        try:
            thread.start()
        except RuntimeError:  # the system has no more threads to give
            del self.clients[thread]
            raise

    def _client(self, connection, address):
        try:
            self.process_request_thread(connection, address)
        finally:
            self.clients.pop(threading.current_thread(), None)

    def end_clients(self):
        """End every client but the one that asks for it; an app at work gets `GRACE` seconds to finish."""
        end, self.cutting = time.monotonic() + GRACE, True
        clients = [(t, c) for t, c in list(self.clients.items()) if t is not threading.current_thread()]
        for thread, connection in clients:
            if thread not in self.busy:
                _shut(connection, socket.SHUT_RD)  # nothing more is read, but a request that is whole is answered
        for thread, connection in clients:
            thread.join(max(0, end - time.monotonic()))
            if thread.is_alive():
                _shut(connection, socket.SHUT_RDWR)
                thread.join(0.1 if thread not in self.busy else 0)

    def handle_error(self, request, client_address):
        pass  # a client that went away mid-request is no news

    def log(self, *_):
        pass


def _shut(connection, direction):
    with contextlib.suppress(OSError):  # it may have gone by itself
        connection.shutdown(direction)
