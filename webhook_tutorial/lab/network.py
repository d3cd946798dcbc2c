"""A network of the lab: a table of names and one of addresses, in place of a resolver and of the internet."""

import socket
import threading
from ipaddress import ip_address

from .running import name_at, reached


class Network:
    """Names that lead to addresses, and addresses that lead to servers of this machine; there is nothing else.

    Its `resolve` and `connect` go to a guard, and `open` in place of one that checks nothing. ``203.0.113.0/24``, a
    block for documentation (RFC 5737), can play the public internet if the guard is told so.

    Args:
        names: From a name to its addresses, a list of texts. A list of such lists is a name whose owner rebinds it:
            each look-up gets the next one, and the last one stays.
        addresses: From an address to what listens there: a server of `serve`, or a port of this machine. The address
            stands for its port 80; ``"203.0.113.7:8443"`` and ``"[2001:db8::1]:8443"`` name another one.

    Attributes:
        looked_up: The names that were asked for, in that order.
        dialled: Whom a connection was asked for, pairs of an address and a port, in that order, whether or not somebody
            is there.
    """

    def __init__(self, names, addresses):
        self._names = {_name(name): _script(name, found) for name, found in names.items()}
        self._ports = {_endpoint(key): getattr(to, "port", to) for key, to in addresses.items()}
        self.looked_up, self.dialled, self._lock = [], [], threading.Lock()

    def resolve(self, host):
        """Return the addresses of a name, a list of texts; those of an address are the address.

        As every system's resolver, it reads an IPv4 address in any notation: ``127.1``, ``0x7f.1``, ``2130706433``.

        Raises:
            socket.gaierror: The table has no such name.
        """
        host = _name(host)
        with self._lock:
            self.looked_up.append(host)
            script = self._names.get(host)
            if script:
                return list(script[0] if len(script) == 1 else script.pop(0))
        if ":" in host:
            return [host]
        try:
            return [socket.inet_ntoa(socket.inet_aton(host))]
        except OSError:
            raise socket.gaierror(socket.EAI_NONAME, f"The lab's network has no name {host!r}.") from None

    def connect(self, address, port, timeout=None):
        """Return a connection to the server that the table has for an address; ``timeout`` is in seconds, or None.

        Raises:
            ConnectionRefusedError: The table has none, so nothing was dialled; or the server is down.
        """
        with self._lock:
            self.dialled.append((address, port))
        here = self._ports.get((_as_in_the_table(address), port))
        if here is None:
            raise ConnectionRefusedError(f"The lab's network has nobody at {address}, port {port}.")
        reached.set(name_at("127.0.0.1", here))  # in pictures, an attempt goes to whoever was reached
        return socket.create_connection(("127.0.0.1", here), timeout)

    def open(self, host, port, timeout=None):
        """Look a host up and connect to the first of its addresses where somebody is: what every HTTP client does.

        Nothing is checked; with it, ``make_session(network.open)`` is a session without a guard.

        Raises:
            OSError: As `resolve` and `connect` do.
        """
        error = None
        for address in self.resolve(host):
            try:
                return self.connect(address, port, timeout)
            except OSError as failed:
                error = failed
        raise error


def _name(name):
    return name.lower().rstrip(".")


def _script(name, found):
    script = found if isinstance(found, (list, tuple)) and not any(isinstance(one, str) for one in found) else [found]
    if not script or not all(isinstance(one, (list, tuple)) and one and all(map(_is_text, one)) for one in script):
        raise ValueError(
            f"The addresses of {name} are a list of texts, and there is one at least; or a list of such lists."
        )
    return [list(one) for one in script]


def _is_text(value):
    return isinstance(value, str)


def _endpoint(key):
    """An address with or without a port, as a pair of both."""
    if key.startswith("["):
        address, end, port = key[1:].partition("]")
        ok = end and (not port or port.startswith(":"))
    else:
        address, _, port = (key, "", "") if key.count(":") > 1 else key.partition(":")
        ok = True
    try:
        if ok:
            return str(ip_address(address)), int(port.lstrip(":") or 80)
    except ValueError:
        pass
    raise ValueError(f"{key!r} is no address with or without a port, such as 203.0.113.7:8443.")


def _as_in_the_table(address):
    try:
        return str(ip_address(address))
    except ValueError:
        return address
