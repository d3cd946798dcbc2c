"""How a proxy reads HTTP and ends connections: where a message ends, and its bytes as they came."""

import contextlib
import re
import socket
import struct
import time

import h11

#: A head larger than this is refused with 431, in bytes. Servers draw that line at 8 to 64 KiB.
HEAD_BYTES = 1 << 16

#: How long a sender may go on sending after it has its answer, in seconds.
LINGER = 1.0


class Message:
    """One request or answer as it comes. h11 tells where it ends (RFC 9112, section 6.3); the bytes stay as they are.

    Attributes:
        pieces: Pairs of a head (or None) and its bytes, up to the end of the message.
        left: What has come and could not be read yet.
    """

    def __init__(self, connection, parser):
        self.parser, self.left = parser, b""
        self.pieces = self._read(connection)

    def _read(self, connection):
        while True:
            event = self.parser.next_event()
            if isinstance(event, h11.Data):  # goes with what follows: there may be many, and small ones
                continue
            unread = self.parser.trailing_data[0]
            raw, self.left = self.left[: len(self.left) - len(unread)], unread
            head = event if isinstance(event, _HEADS) else None
            if raw:
                yield head, raw
            if event is h11.NEED_DATA:
                try:
                    data = connection.recv(65_536)
                except ConnectionError:  # a reset is an end, too
                    data = b""
                self.parser.receive_data(data)
                self.left += data
            elif not head:
                return


_HEADS = (h11.Request, h11.InformationalResponse, h11.Response)
_OPTIONS = re.compile(rb"^(?:connection|keep-alive):.*\n(?:[ \t].*\n)*", re.IGNORECASE | re.MULTILINE)


def closing(head, raw):
    """An answer's head, with ``Connection: close`` if it would keep the connection (RFC 9112, section 9.3)."""
    options = b",".join(value for name, value in head.headers if name == b"connection").lower()
    if b"close" in options or (head.http_version < b"1.1" and b"keep-alive" not in options):
        return raw
    line, _, rest = _OPTIONS.sub(b"", raw).partition(b"\n")
    return line + b"\nConnection: close\r\n" + rest


def end(connection):
    """End a connection so that the answer is read: closing on unread bytes would reset (RFC 9112, section 9.6)."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
        end = time.monotonic() + LINGER
        while (left := end - time.monotonic()) > 0:
            connection.settimeout(left)
            if not connection.recv(65_536):
                return


def reset(connection):
    """Cut a connection without a word."""
    # With a linger time of 0 closing sends a reset, as a machine does that has lost its power.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def cut(connection):
    """Shut both ways of a connection; whoever reads from it comes to its end."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
