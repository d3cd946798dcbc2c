"""Wrong answers that people really give to the exercises of lesson 08: source, and words from the message it gets."""

_BLOCKS = (
    "from ipaddress import ip_address, ip_network\n"
    "BLOCKS = [ip_network(block) for block in (\n"
    "    '0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12',\n"
    "    '192.168.0.0/16', '224.0.0.0/4', '::/128', '::1/128', 'fc00::/7', 'fe80::/10', 'ff00::/8')]\n"
)
_PUBLIC = _BLOCKS + "def is_public(address):\n"
_READ = "    try:\n        address = ip_address(address)\n    except ValueError:\n        return False\n"
_ASK = "    return not any(address in block for block in BLOCKS)\n"
_NAT64 = _PUBLIC.replace("'ff00::/8'", "'ff00::/8', '64:ff9b::/96'")
_AZURE = _NAT64.replace("'ff00::/8'", "'ff00::/8', '168.63.129.16/32'")
_MAPPED = "    address = getattr(address, 'ipv4_mapped', None) or address\n"

_GUARD = (
    "from ipaddress import ip_address\n"
    "from urllib.parse import urlsplit\n"
    "from webhook_tutorial import Blocked, why_not_public\n"
    "def allowed_safely(url, resolve):\n    parts = urlsplit(url)\n"
)
_PORT = (
    "    if parts.scheme not in ('http', 'https') or parts.port not in (None, 80, 443):\n"
    "        raise Blocked('port', 'No.')\n"
)
_READER = "    if '\\\\' in url:\n        raise Blocked('malformed', 'No.')\n"
_PRIVATE = "        if ip_address(address).is_private:\n            raise Blocked('address', 'No.')\n"
_TABLE = "        if why_not_public(address):\n            raise Blocked('address', 'No.')\n"
_EACH = "    addresses = resolve(parts.hostname)\n    for address in addresses:\n"
_TWICE = "    for address in resolve(parts.hostname):\n" + _TABLE + "    return resolve(parts.hostname)\n"

_CONNECT = "from webhook_tutorial import Blocked, why_not_public\ndef connect(host, port, resolve, dial):\n"
_CHECK = (
    "    addresses = resolve(host)\n    for address in addresses:\n        if why_not_public(address):\n"
    "            raise Blocked('address', 'No.')\n"
)

MISTAKES = {
    "08.public": (
        (_PUBLIC + "    return ip_address(address) not in BLOCKS", "10.0.0.5 passes for public"),
        (_PUBLIC + "    print(address)", "It returned None for '8.8.8.8'"),
        (
            _PUBLIC + _READ + "    return address.version == 4 and not any(address in block for block in BLOCKS)\n",
            "2606:4700:4700::1111 is an address",
        ),
        (
            _PUBLIC + "    return not address.startswith(('10.', '172.', '192.168.', '127.', '169.254.'))",
            "172.15.255.255 is an address of the internet",
        ),
        (
            "from ipaddress import ip_address\ndef is_public(address):\n    return not ip_address(address).is_private",
            "100.100.100.200 passes for public",
        ),
        (_PUBLIC + _READ + _ASK, "::ffff:169.254.169.254 passes for public"),
        (_PUBLIC + _READ + _MAPPED + _ASK, "64:ff9b::a9fe:a9fe passes for public"),
        (_NAT64 + _READ + _MAPPED + _ASK, "168.63.129.16 passes for public"),
        (_AZURE + "    address = ip_address(address)\n" + _MAPPED + _ASK, "It raised ValueError for 'hooks.example'"),
        (_AZURE + _READ + _MAPPED + _ASK, "'2606:4700::1%eth0' passes for public"),
    ),
    "08.guard": (
        (_GUARD + "    raise Blocked('host', 'No.')", "https://hooks.example/hook leads to the internet"),
        (_GUARD + "    return resolve(parts.hostname)[:1]", "For https://hooks.example/hook return both"),
        (_GUARD + "    return resolve(parts.hostname)", "http://169.254.169.254/secret was stopped before"),
        (
            _GUARD
            + "    if ip_address(resolve(parts.hostname)[0]).is_private:\n        raise Blocked('address', 'No.')\n"
            "    return resolve(parts.hostname)",
            "5 of 5 left. Any port is allowed",
        ),
        (_GUARD + _PORT + _EACH + _TABLE + "    return addresses", "1 of 5 left. A URL that urlsplit reads"),
        (
            _GUARD
            + _PORT
            + _READER
            + "    addresses = resolve(parts.hostname)\n    for address in addresses[:1]:\n"
            + _TABLE
            + "    return addresses",
            "1 of 5 left. Only the first address",
        ),
        (
            _GUARD + _PORT + _READER + _EACH + _PRIVATE + "    return addresses",
            "1 of 5 left. An address that is_private",
        ),
        (_GUARD + _PORT + _READER + _TWICE, "1 of 5 left. The name is looked up twice"),
        (
            _GUARD + "    assert '\\\\' not in url\n" + _PORT + _EACH + _TABLE + "    return addresses",
            "It raised AssertionError for",
        ),
    ),
    "08.connect": (
        (_CONNECT + _CHECK + "    return dial(host, port)", "It dialled the name"),
        (_CONNECT + "    return dial(resolve(host)[0], port)", "It dialled 169.254.169.254"),
        (
            _CONNECT
            + "    for address in resolve(host):\n        if why_not_public(address):\n            return None\n"
            "        return dial(address, port)",
            "For an inner address raise Blocked",
        ),
        (_CONNECT + _CHECK + "    return dial(resolve(host)[0], port)", "The name was looked up more than once"),
        (
            _CONNECT + "    for address in resolve(host):\n        if why_not_public(address):\n"
            "            raise Blocked('address', 'No.')\n        return dial(address, port)",
            "One of two addresses is inner",
        ),
        (_CONNECT + _CHECK + "    return dial(addresses[0], port)", "Nobody is at the first address"),
        (
            _CONNECT + _CHECK + "    for address in addresses:\n        try:\n            return dial(address, port)\n"
            "        except OSError:\n            pass",
            "Nobody is at any of the addresses",
        ),
        (
            "from ipaddress import ip_address\nfrom webhook_tutorial import Blocked\n"
            "def connect(host, port, resolve, dial):\n    addresses = resolve(host)\n    for address in addresses:\n"
            "        if ip_address(address).is_private:\n            raise Blocked('address', 'No.')\n"
            "    failed = None\n    for address in addresses:\n        try:\n            return dial(address, port)\n"
            "        except OSError as error:\n            failed = error\n    raise failed",
            "It dialled 64:ff9b::a9fe:a9fe",
        ),
        (_CONNECT + _CHECK + "    dial(addresses[0], port)", "It dialled [('8.8.8.8', 443)] and returned None"),
    ),
}
