"""How an exchange of a run can be had once more, from a terminal."""

import shlex
from dataclasses import replace

from ...curl import as_python, curl
from ...look import masked_url, visible
from .wire import CHUNKED, CUT

#: Headers that curl makes itself.
_MADE = frozenset(("host", "content-length", "transfer-encoding", "connection"))


def command(exchange):
    """Return a command that sends the request of an `Exchange` again, as it was: its signature grows old.

    What curl cannot send, a body that is cut short and a header that is not ASCII, is sent by Python.
    """
    request, where = exchange.request, exchange.target
    if request.framing in CUT or not "".join(request.headers.values()).isascii():
        return _by_python(request, where)
    headers = [pair for pair in request.headers.items() if pair[0].lower() not in _MADE]
    if request.framing == CHUNKED:
        headers.append(("Transfer-Encoding", "chunked"))
    return curl(request.method, where.url, headers, request.body)


def again_in_words(exchange):
    """Return what stands before that command: how long it is of use."""
    good, url = exchange.request.good_for, exchange.target.url
    when = "" if good is None else f", within {good:g} s, after which its signature is too old"
    return f"Again{when}{'' if masked_url(url) == url else ', with your secret in place of ***'}:"


def _by_python(request, where):
    host = f'"{where.host}"'
    lines = [
        "import socket, ssl" if where.scheme == "https" else "import socket",
        f"s = socket.create_connection(({host}, {where.port}))",
    ]
    if where.scheme == "https":
        lines.append(f"s = ssl.create_default_context().wrap_socket(s, server_hostname={host})")
    shown = replace(where, path=masked_url(where.path))
    lines += [f"s.sendall({as_python(request.bytes(shown))})"]
    if request.framing not in CUT:
        lines += ["print(s.recv(65536).decode())"]
    else:
        lines += ["print(s.close())"] if where.scheme == "https" else ["s.shutdown(1)", "print(s.recv(65536).decode())"]
    return visible(f"python3 -c {shlex.quote('; '.join(lines))}")
