"""Exercises of lesson 08: which addresses are public, the holes of a guard, a connection that cannot be rebound."""

from ..answers import Blocked
from .engine import Exercise, Wrong

_OUTSIDE = (
    "8.8.8.8",
    "1.1.1.1",
    "93.184.215.14",
    "172.15.255.255",
    "172.32.0.1",
    "100.63.255.255",
    "2606:4700:4700::1111",
    "::ffff:8.8.8.8",
)
_INSIDE = (
    ("10.0.0.5", "a private address"),
    ("172.31.255.255", "a private address: the block is 172.16.0.0/12"),
    ("127.0.0.1", "loopback"),
    ("0.0.0.0", "which connects to loopback"),
    ("169.254.169.254", "the metadata service"),
    ("100.100.100.200", "in a carrier's block, and Alibaba's metadata service"),
    ("224.0.0.1", "multicast"),
    ("::1", "loopback in IPv6"),
    ("fd00::1", "a private address of IPv6"),
    ("fe80::1", "link-local in IPv6"),
    ("::ffff:169.254.169.254", "the metadata service, mapped into IPv6"),
    ("64:ff9b::a9fe:a9fe", "the metadata service, through NAT64"),
    ("168.63.129.16", "Azure's own service"),
)
_NO_ADDRESSES = ("hooks.example", "2852039166", "127.1", "0x7f.0.0.1", "", "fe80::1%eth0", "2606:4700::1%eth0")


def _test_public(is_public):
    def ask(address):
        try:
            answer = is_public(address)
        except Exception as error:
            raise Wrong(f"It raised {type(error).__name__} for {address!r}: return True or False.") from None
        if not isinstance(answer, bool):
            raise Wrong(f"It returned {answer!r} for {address!r}: return True or False.")
        return answer

    for address in _OUTSIDE:
        if not ask(address):
            raise Wrong(f"{address} is an address of the internet, and yours says that it is not.")
    for address, what in _INSIDE:
        if ask(address):
            raise Wrong(f"{address} passes for public. It is {what}.")
    for text in _NO_ADDRESSES:
        if ask(text):
            raise Wrong(f"{text!r} passes for public, and it is no address that is written in full.")


class _Names:
    """A resolver: a name has answers, each a list of addresses, and the last one stays."""

    def __init__(self, **names):
        self._names, self.asked = {name.replace("_", "."): list(found) for name, found in names.items()}, 0

    def __call__(self, host):
        self.asked += 1
        answers = self._names.get(host, [[host]])
        return list(answers.pop(0) if len(answers) > 1 else answers[0])


_PUBLIC, _OTHER, _SIX, _INNER = "8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "169.254.169.254"


def _is_blocked(allowed, url, *answers):
    try:
        allowed(url, _Names(hooks_example=answers or ([_PUBLIC],)))
    except Blocked:
        return True
    except Exception as error:
        raise Wrong(f"It raised {type(error).__name__} for {url!r}, and it should raise Blocked. ({error})") from None
    return False


def _second_look(allowed):
    try:
        found = allowed("https://hooks.example/hook", _Names(hooks_example=([_PUBLIC], [_INNER])))
    except Blocked:  # who looks twice, and checks each time, has closed the hole as well
        return False
    return _INNER in list(found)


#: The bug hunt: each hole's name, what it lets in, and whether a guard still has it.
HOLES = {
    "port": (
        "Any port is allowed: http://hooks.example:6379/ may be a database.",
        lambda allowed: (
            not all(
                _is_blocked(allowed, url)
                for url in ("http://hooks.example:6379/", "https://hooks.example:22/", "httpx://hooks.example/")
            )
        ),
    ),
    "reader": (
        "A URL that urlsplit reads in one way and requests in another is allowed: http://10.0.0.5\\@hooks.example/",
        lambda allowed: not _is_blocked(allowed, "http://10.0.0.5\\@hooks.example/hook"),
    ),
    "others": (
        "Only the first address is checked, and a name may have several.",
        lambda allowed: not _is_blocked(allowed, "https://hooks.example/hook", [_PUBLIC, _INNER]),
    ),
    "private": (
        "An address that is_private does not know is allowed: 100.100.100.200, or one through NAT64.",
        lambda allowed: (
            not all(
                _is_blocked(allowed, "https://hooks.example/hook", [address])
                for address in ("100.100.100.200", "64:ff9b::a9fe:a9fe", "168.63.129.16", "224.0.0.1")
            )
        ),
    ),
    "rebinding": (
        "The name is looked up twice, and what is returned is not what was checked.",
        _second_look,
    ),
}


def holes_left(allowed):
    """Return the names of the holes that a guard still has, in the order of `HOLES`."""
    return [name for name, (_, is_open) in HOLES.items() if is_open(allowed)]


def _test_guard(allowed):
    for url in ("https://hooks.example/hook", "http://hooks.example:80/", "https://hooks.example:443/hook?a=1"):
        try:
            found = allowed(url, _Names(hooks_example=([_PUBLIC, _SIX],)))
        except Exception as error:
            raise Wrong(f"{url} leads to the internet, and it raised {type(error).__name__}. ({error})") from None
        if not isinstance(found, (list, tuple)) or list(found) != [_PUBLIC, _SIX]:
            raise Wrong(f"For {url} return both addresses, in their order. It returned {found!r}.")
    for url in ("http://169.254.169.254/secret", "http://127.0.0.1/", "http://[::1]/"):
        try:
            blocked = _is_blocked(allowed, url)
        except Wrong:
            raise
        if not blocked:
            raise Wrong(f"{url} was stopped before, and now it is allowed.")
    if left := holes_left(allowed):
        raise Wrong(f"{len(left)} of {len(HOLES)} left. {HOLES[left[0]][0]}")


def _test_connect(connect):
    def run(*answers, dead=()):
        """What came of it: the connection, the names that were looked up, and what was dialled."""
        names, dialled = _Names(hooks_example=answers), []

        def dial(address, port):
            dialled.append((address, port))
            if address in dead:
                raise ConnectionRefusedError(f"Nobody is at {address}.")
            return ("connection", address)

        try:
            result = connect("hooks.example", 443, names, dial)
        except Exception as error:
            result = error
        return result, names.asked, dialled

    result, asked, dialled = run([_PUBLIC])
    if isinstance(result, Exception):
        raise Wrong(f"It raised {type(result).__name__} for a public address. ({result})")
    if dialled and dialled[0][0] == "hooks.example":
        raise Wrong("It dialled the name: whoever dials a name looks it up once more. Dial the address.")
    if result != ("connection", _PUBLIC) or dialled != [(_PUBLIC, 443)]:
        raise Wrong(f"It dialled {dialled} and returned {result!r}: return what dial(address, port) gives.")
    result, asked, dialled = run([_INNER])
    if dialled:
        raise Wrong(f"It dialled {dialled[0][0]}, an inner address.")
    if not isinstance(result, Blocked):
        raise Wrong(f"For an inner address raise Blocked('a reason', 'a sentence'). It gave {result!r}.")
    result, asked, dialled = run([_PUBLIC], [_INNER])
    if any(address == _INNER for address, _ in dialled) or asked > 1:
        raise Wrong("The name was looked up more than once: between the two, its owner can rebind it.")
    result, asked, dialled = run([_PUBLIC, _INNER])
    if dialled:
        raise Wrong("One of two addresses is inner, and the other was dialled: check them all first, then dial.")
    result, asked, dialled = run([_PUBLIC, _OTHER], dead={_PUBLIC})
    if result != ("connection", _OTHER):
        raise Wrong("Nobody is at the first address, somebody at the second, and that one was not returned.")
    result, asked, dialled = run([_PUBLIC, _OTHER], dead={_PUBLIC, _OTHER})
    if not isinstance(result, OSError):
        raise Wrong(f"Nobody is at any of the addresses: that is an OSError, and it gave {result!r}.")
    result, asked, dialled = run(["64:ff9b::a9fe:a9fe"])
    if dialled:
        raise Wrong("It dialled 64:ff9b::a9fe:a9fe, an inner address through NAT64: why_not_public knows it.")


EXERCISES = [
    Exercise(
        name="08.public",
        test=_test_public,
        hints=(
            "First ip_address(address), in a try: a ValueError means that it is no address, so False.",
            "address.version is 4 or 6. With 6: a scope_id that is not None is a zone, and ipv4_mapped may be an address.",
            'Add "64:ff9b::/96" and "168.63.129.16/32" to the blocks, and ask `in` for each of them.',
        ),
        solution="""
from ipaddress import ip_address, ip_network

BLOCKS = [ip_network(block) for block in (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
    "192.168.0.0/16", "224.0.0.0/4", "168.63.129.16/32",
    "::/128", "::1/128", "64:ff9b::/96", "fc00::/7", "fe80::/10", "ff00::/8")]

def is_public(address):
    try:
        address = ip_address(address)
    except ValueError:
        return False
    if address.version == 6:
        if address.scope_id is not None:
            return False
        address = address.ipv4_mapped or address
    return not any(address in block for block in BLOCKS)
""",
        answer="is_public",
        praise="Every inner address is found, however it is written. why_not_public knows more blocks.",
    ),
    Exercise(
        name="08.guard",
        test=_test_guard,
        hints=(
            'Ask for parts.scheme and parts.port by name: "httpx" begins with http as well.',
            "Which characters are in a URL that two programs read differently? A backslash has no place in one.",
            "Look the name up once, check every address that came, and return that very list.",
        ),
        solution="""
from urllib.parse import urlsplit
from webhook_tutorial import Blocked, why_not_public

def allowed_safely(url, resolve):
    parts = urlsplit(url)
    if "\\\\" in url or "@" in parts.netloc:
        raise Blocked("malformed", "Two programs may read this URL differently.")
    if parts.scheme not in ("http", "https") or parts.port not in (None, 80, 443):
        raise Blocked("port", "A webhook goes to a web server.")
    addresses = resolve(parts.hostname)
    for address in addresses:
        if reason := why_not_public(address):
            raise Blocked(reason, "This address is not of the internet.")
    return addresses
""",
        answer="allowed_safely",
        praise="All five are closed, and what is public gets through.",
    ),
    Exercise(
        name="08.connect",
        test=_test_connect,
        hints=(
            "Call resolve once, and keep the list. From there on the name plays no part.",
            "Two loops, one after the other: the first checks all addresses, the second dials.",
            "In the second loop, keep the OSError of an address, and raise the last one after the loop.",
        ),
        solution="""
from webhook_tutorial import Blocked, why_not_public

def connect(host, port, resolve, dial):
    addresses = resolve(host)
    for address in addresses:
        if reason := why_not_public(address):
            raise Blocked(reason, "This address is not of the internet.")
    failed = OSError("The name has no address.")
    for address in addresses:
        try:
            return dial(address, port)
        except OSError as error:
            failed = error
    raise failed
""",
        answer="connect",
        praise="Looked up once, checked whole, and connected to what was checked.",
    ),
]
