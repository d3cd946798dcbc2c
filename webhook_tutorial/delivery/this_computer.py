"""Where a tool may send without being asked twice: to this computer, and to no other."""

from ..answers import Blocked
from .addresses import why_not_public
from .guard import Guard, look_up


class ThisComputer(Guard):
    """The opposite of a guard: it lets an attempt go to this computer's own addresses, and to no others."""

    def __init__(self, resolve=look_up):
        super().__init__(resolve=resolve, ports=None)

    def addresses(self, host):
        """Return the addresses of a host, if each of them is loopback: one that is not spoils all."""
        found = [host] if why_not_public(host) != "notation" else list(self._resolve(host))
        for address in found:
            if why_not_public(address) != "loopback":
                raise Blocked("not loopback", f"{host} is not this computer", str(address))
        return tuple(dict.fromkeys(map(str, found)))
