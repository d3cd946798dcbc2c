"""Run any WSGI app on a background thread of this kernel, and record what it receives.

The server underneath is Werkzeug's threaded one: the same that lesson 02 starts by hand.
"""

import contextlib
import errno
import socket
import sys
import threading
import time

from werkzeug.serving import make_server

from ..environment import reach_loopback_directly
from .recorder import RECORDED_BYTES, _merged, _Request, _what_came
from .running import close_copies, reserve_name, running, sending_as, started, stopped
from .traffic import Exchange, Traffic
from .wire import Gone, Handler, Refusal

#: How long `Server.stop` lets handlers finish what they are doing, in seconds.
GRACE = 1.0

_serving = threading.RLock()


def serve(app, name=None, *, port=None):
    """Serve a WSGI app on 127.0.0.1 from a background thread; it is ready when this returns.

    Serving again under the same name stops the server that had it and takes over its port, so a cell that
    serves can be run again.

    Args:
        app: Any WSGI callable, such as a Flask app.
        name: What the server is called in pictures; the app's own name if left out.
        port: The port to use; a free one if left out.

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
        return Server(app, name, listener)


def _listen(port):
    # Our own socket, because make_server answers a taken port with sys.exit.
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

    def __init__(self, app, name, listener):
        reach_loopback_directly()
        self.app, self.name = app, name
        self.traffic = Traffic(name=name)
        self.running = True
        self._stopping, self._cutting = threading.RLock(), False
        self._clients = {}
        self._busy = set()
        with listener:
            self._wsgi = make_server(
                "127.0.0.1", 0, self._record, threaded=True, request_handler=Handler, fd=listener.fileno()
            )
        self.port = self._wsgi.port
        self.url = f"http://127.0.0.1:{self.port}"
        self._wsgi.process_request = self._start_client
        self._wsgi.handle_error = lambda *_: None  # a client that went away mid-request is no news
        self._wsgi.log = lambda *_: None
        self._wsgi.refused = self._refused
        self._thread = threading.Thread(
            target=self._wsgi.serve_forever, args=(0.02,), name=f"serve {name}", daemon=True
        )
        try:
            self._thread.start()
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
            if self._thread.is_alive():
                self._wsgi.shutdown()
                self._thread.join()
            self._wsgi.server_close()
            end, self._cutting = time.monotonic() + GRACE, True
            clients = [(t, c) for t, c in list(self._clients.items()) if t is not threading.current_thread()]
            for thread, connection in clients:
                if thread not in self._busy:
                    _shut(connection, socket.SHUT_RD)  # nothing more is read, but a request that is whole is answered
            for thread, connection in clients:
                thread.join(max(0, end - time.monotonic()))
                if thread.is_alive():
                    _shut(connection, socket.SHUT_RDWR)
                    thread.join(0.1 if thread not in self._busy else 0)
            self.traffic.close(f"The server {self.name!r} has stopped, so nothing more will come.")
            self.running = False
            stopped(self)

    def _let_go(self):
        """In a child made by fork: this copy serves nothing, and the server itself stays its parent's."""
        self.running, self._stopping = False, threading.RLock()
        close_copies([self._wsgi.socket, *self._clients.values()])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def __repr__(self):
        return f"<Server {self.name} {self.url} {'running' if self.running else 'stopped'}>"

    def _start_client(self, connection, address):
        """Handle a connection on a thread of its own, remembered so that `stop` can end it."""
        thread = threading.Thread(target=self._client, args=(connection, address), daemon=True)
        self._clients[thread] = connection
        try:
            thread.start()
        except RuntimeError:  # the system has no more threads to give
            del self._clients[thread]
            raise

    def _client(self, connection, address):
        try:
            self._wsgi.process_request_thread(connection, address)
        finally:
            self._clients.pop(threading.current_thread(), None)

    def _record(self, environ, start_response):
        """Call the app, and keep the exchange before the answer leaves.

        An answer of known length is kept first and sent then, so that whoever has the answer finds the exchange
        in `traffic`. A stream is passed on piece by piece and kept when it ends.
        """
        self._busy.add(threading.current_thread())
        token = sending_as.set(self.name)
        try:
            yield from self._exchange(environ, start_response)
        finally:
            sending_as.reset(token)
            self._busy.discard(threading.current_thread())

    def _exchange(self, environ, start_response):
        asked = _Request(environ)
        try:
            try:
                pieces = asked.ask(self.app)
                start_response(*asked.answer)
            except Gone:
                raise
            except BaseException as error:  # on a thread of ours even an interrupt is the app's own
                if isinstance(error, Refusal) and self._cutting:
                    raise Gone from error
                pieces = asked.fail(error)
                start_response(*asked.answer, sys.exc_info())
            asked.begun = True
            if asked.is_whole:
                response_body = b"".join(pieces)
                self._keep(**asked.record(response_body))
                yield response_body
                return
            kept = bytearray()
            try:
                for piece in pieces:
                    kept += piece[: RECORDED_BYTES - len(kept)]
                    yield piece
            except GeneratorExit:  # the client left
                raise
            except BaseException as error:
                asked.errors.append(error)
                raise
            finally:
                asked.close()
                self._keep(**asked.record(bytes(kept)))
        finally:
            asked.close()

    def _refused(self, head, body, refusal):
        """Keep what is not HTTP: it is answered without the app."""
        if self._cutting:
            raise Gone  # that its line was cut by `stop` is no fault of a sender, so nobody tells it so
        response = refusal.get_response()
        self._keep(
            **_what_came(head),
            body=body[:RECORDED_BYTES],
            status=refusal.code,
            response_headers=_merged(response.headers),
            response_body=response.get_data(),
            started=time.time(),
            mark=time.perf_counter(),
            error=refusal.why,
        )

    def _keep(self, path, **fields):
        self.traffic.append(
            Exchange(url=self.url + path, receiver=self.name, recorded_by="receiver", **fields)
        )


def _shut(connection, direction):
    with contextlib.suppress(OSError):  # it may have gone by itself
        connection.shutdown(direction)
