"""A guard: it lets an attempt go to the addresses of the public internet, and to no others.

Who registers an endpoint chooses where we connect to, from inside our network. So a URL is read by one parser, the
name is looked up when the connection is made, all its addresses are checked, and the connection goes to one of those:
nothing can change between check and use.

Libraries, as of November 2026: requests-hardened 1.3 is well kept and pins the address too, but checks only the first
one that a name has, and by `ipaddress`, which is not the same on each Python (see `addresses`). ssrfguard 0.4 does what
is done here, and is young and one author's; advocate is dead; the others are for httpx. None keeps the bounds of
`egress`. A product has its platform's egress proxy besides, such as smokescreen: a machine that can reach nothing
inside is safe from what this guard misses.
"""

import re
import socket
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..answers import Blocked
from .addresses import canonical, networks, why_not_public
from .egress import make_session

_PORTS = {"http": 80, "https": 443}
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")  # a last label like this makes an address of a host (URL standard, 3.5)

#: At how many addresses of one name a connection is tried, one after the other.
MOST_TRIED = 8


@dataclass(frozen=True)
class Target:
    """Where a URL leads: what was read, and the addresses that were checked, in the resolver's order."""

    scheme: str
    host: str
    port: int
    addresses: tuple = ()


def look_up(host):
    """Return the addresses of a name, as the system's resolver gives them.

    Raises:
        OSError: There are none (`socket.gaierror`).
    """
    return [found[4][0] for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]


def dial(address, port, timeout):
    """Connect to an address, which is never looked up; ``timeout`` is in seconds, or None.

    Raises:
        OSError: Nobody answers there.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout)
        connection.connect((address, port))
    except BaseException:
        connection.close()
        raise
    return connection


class Guard:
    """Says where an attempt may go: ``guarded_session(guard)`` keeps to it.

    Args:
        resolve: Gives the addresses of a name, ``resolve(host)``, a list of texts; the system's resolver if left out.
        connect: Opens a connection, ``connect(address, port, timeout)``; the system's network if left out.
        schemes: Which there may be. ``("https",)`` is what Standard Webhooks asks of a product.
        ports: Which there may be; None allows all of them.
        also_public: Blocks of addresses to take for public; see `why_not_public`.

    Raises:
        ValueError: A scheme is not one of HTTP's, or a block is none.
    """

    def __init__(self, resolve=None, connect=None, schemes=("http", "https"), ports=(80, 443), also_public=()):
        self.schemes, self.ports = tuple(schemes), ports if ports is None else tuple(ports)
        if not set(self.schemes) <= set(_PORTS):
            raise ValueError(f"The schemes are some of {[*_PORTS]}, as a list, not {schemes!r}.")
        self.also_public = tuple(networks(also_public))
        self._resolve, self._connect = resolve or look_up, connect or dial

    def parse(self, url):
        """Return the `Target` that a URL names, if nothing in its text forbids it. Nothing is looked up.

        What one parser reads in one way and another in another is refused, and not read: a backslash, a user, a ``%``
        or a letter beyond ASCII in the host, a space, a control character, and an address in any unusual notation.

        Raises:
            Blocked: ``"malformed"``, ``"userinfo"``, ``"scheme"``, ``"port"`` or ``"notation"``; for an address, what
                `why_not_public` says.
        """
        if not isinstance(url, str) or not re.fullmatch(r"[!-\[\]-~]+", url):
            raise Blocked("malformed", "A URL is a text in ASCII without spaces, control characters and backslashes.")
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise Blocked("malformed", "This is no URL.") from None
        if parts.scheme not in self.schemes:
            raise Blocked("scheme", f"The scheme is one of {', '.join(self.schemes)}.")
        if "@" in parts.netloc:
            raise Blocked("userinfo", "A URL for webhooks has no user and no password.")
        authority = parts.netloc.lower()
        bare = f"[{host}]" if ":" in host else host
        if not host or authority not in (bare, f"{bare}:{port}"):
            raise Blocked("malformed", "After the scheme come // and a host, and perhaps a port, in digits.")
        port = _PORTS[parts.scheme] if port is None else port
        self._check_port(port)
        host = _host(host)
        return Target(parts.scheme, host, port, self.addresses(host) if _literal(host) else ())

    def check(self, url):
        """Return the `Target` of a URL with all its addresses, if each of them is public.

        Raises:
            Blocked: What `parse` and `why_not_public` say.
            OSError: The name has no address.
        """
        target = self.parse(url)
        return Target(target.scheme, target.host, target.port, self.addresses(target.host))

    def addresses(self, host):
        """Return the addresses of a host, a tuple of texts, if each of them is public: one that is not spoils all.

        Raises:
            Blocked: ``reason`` is what `why_not_public` says; ``"unreadable"`` where a name leads to no address.
            OSError: The name has no address.
        """
        found = [host] if _literal(host) else list(self._resolve(host))
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, f"{host} has no address.")
        for address in found:
            if reason := why_not_public(address, self.also_public):
                is_one = "is" if _literal(host) else "leads to"
                if reason == "notation" and not _literal(host):  # that would be a fault of the URL
                    reason = "unreadable"
                sentence = f"{host} {is_one} an address that is not of the public internet: {reason}."
                raise Blocked(reason, sentence, str(address))
        return tuple(dict.fromkeys(str(canonical(address)) for address in found))

    def open(self, host, port, timeout=None):
        """Return a connection to a host: look it up, check all that is found, and connect to that, in one step.

        Of several addresses each gets its share of the time that is left, so that one where nobody answers leaves some
        for the next.

        Args:
            host, port: As a `Target` has them.
            timeout: Seconds for all of it but the look-up; None sets no limit.

        Raises:
            Blocked: What `check` says.
            OSError: The name has no address, or nobody answers there.
        """
        self._check_port(port)
        addresses, error = self.addresses(_host(host)), None
        end = None if timeout is None else time.monotonic() + timeout
        tried = addresses[:MOST_TRIED]
        for number, address in enumerate(tried):
            left = None if end is None else (end - time.monotonic()) / (len(tried) - number)
            if left is not None and left <= 0:
                break
            try:
                return self._connect(address, port, left)
            except OSError as failed:
                error = failed
        raise error or TimeoutError("Looking up the name took all the time.")

    def _check_port(self, port):
        if port == 0 or (self.ports is not None and port not in self.ports):
            allowed = "from 1 to 65535" if self.ports is None else f"one of {', '.join(map(str, self.ports))}"
            raise Blocked("port", f"The port is {allowed}.")


def guarded_session(guard):
    """Return a session of `make_session` that a `Guard` lets go where it may; what it may not is never connected to.

    The Host header, and the name that the certificate must have, are the URL's. There are no proxies, behind which
    nothing can be checked: those of the environment are not looked at, and one that is handed in blocks the attempt
    (``"proxy"``). So does a certificate that nobody is to verify (``"unverified"``). The guard is its attribute
    ``guard``, for whoever wants to ask before there is anything to send.
    """
    session = make_session(guard.open)
    session.trust_env, session.guard = False, guard
    prepare, send = session.prepare_request, session.send

    def checked(request):
        guard.parse(request.url)  # as it was written: to prepare it is to parse it
        return prepare(request)

    def direct(request, **options):
        guard.parse(request.url)
        if any((options.get("proxies") or session.proxies).values()):
            raise Blocked("proxy", "Behind a proxy the guard cannot see where an attempt goes.")
        if not options.get("verify", session.verify):
            raise Blocked("unverified", "The certificate is verified, always.")
        return send(request, **options)

    session.prepare_request, session.send = checked, direct
    return session


def _literal(host):
    """Whether a host is an address and no name: nothing has to be looked up."""
    return ":" in host or bool(_NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]))


def _host(host):
    """Return a host as it is looked up, if it can be read in one way only.

    Raises:
        Blocked: ``"notation"`` for an address that is not written in full, ``"malformed"`` for what is no host.
    """
    host = host.lower()
    if _literal(host):
        try:
            canonical(host)
        except ValueError:
            raise Blocked("notation", "An address is written in full: four numbers, or IPv6 in brackets.") from None
    elif len(host) > 253 or not _NAME.fullmatch(host):
        raise Blocked("malformed", "This is no name of a host.")
    return host
