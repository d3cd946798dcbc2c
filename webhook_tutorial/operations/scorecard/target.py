"""Where the requests go: a URL, read by one parser, with the addresses that it leads to."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from ...answers import Blocked
from ...delivery.guard import Guard, look_up
from ...delivery.this_computer import ThisComputer


class _AnyHost(Guard):
    """Takes a URL as strictly as any guard, and lets it lead anywhere."""

    def addresses(self, host):
        return tuple(dict.fromkeys([host] if ":" in host else look_up(host)))


@dataclass(frozen=True)
class Target:
    """Where the requests go: what the URL says, and the addresses that it leads to."""

    url: str
    scheme: str
    host: str
    port: int
    addresses: tuple
    path: str

    @property
    def authority(self):
        """What the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == {"http": 80, "https": 443}[self.scheme] else f"{host}:{self.port}"

    @property
    def is_here(self):
        """Whether it is this computer."""
        try:
            ThisComputer(resolve=lambda host: self.addresses).addresses(self.host)
        except Blocked:
            return False
        return True


def target(url, i_own_this_host=False):
    """Return the `Target` of a URL.

    Raises:
        ValueError: It cannot be used, or it leads to another computer and nobody said whose that is.
    """
    guard = _AnyHost(ports=None) if i_own_this_host else ThisComputer()
    try:
        found = guard.check(url)
    except Blocked as blocked:
        if blocked.reason != "not loopback":
            raise ValueError(f"The URL cannot be used: {blocked}") from None
        raise ValueError(
            f"{blocked}: deliveries are sent to 127.0.0.1 and localhost. If that host is yours, say so: "
            "i_own_this_host=True, or --i-own-this-host."
        ) from None
    except OSError:
        raise ValueError("The host of the URL has no address.") from None
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    made = Target("", found.scheme, found.host, found.port, found.addresses, path)
    return Target(f"{made.scheme}://{made.authority}{path}", *(getattr(made, name) for name in _REST))


_REST = ("scheme", "host", "port", "addresses", "path")
