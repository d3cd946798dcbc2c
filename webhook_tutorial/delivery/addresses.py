"""Which addresses are the public internet's: frozen tables, and one function that asks them.

Why no `ipaddress.is_global` or `is_private`: they differ from one Python to another (CVE-2024-4032), neither is the
other's opposite (100.64.0.0/10), and both let through multicast, NAT64 and a cloud's own services.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

# Every block of both IANA registries of special-purpose addresses, as last updated on 2025-10-09, also those that they
# call globally reachable: no receiver lives in them. A block that lies in another of the same kind is left out.
#   https://www.iana.org/assignments/iana-ipv4-special-registry
#   https://www.iana.org/assignments/iana-ipv6-special-registry
# Beside them: multicast (224.0.0.0/4, ff00::/8), and what was deprecated and is answered here and there nevertheless
# (::/96 of RFC 4291, fec0::/10 of RFC 3879).
_SPECIAL = """
    0.0.0.0/8           unspecified     means this host: the kernel connects 0.0.0.0 to loopback
    10.0.0.0/8          private
    100.64.0.0/10       shared          between a carrier and its customers (RFC 6598)
    127.0.0.0/8         loopback
    169.254.0.0/16      link-local
    172.16.0.0/12       private
    192.0.0.0/24        protocol        IETF protocol assignments
    192.0.2.0/24        documentation
    192.31.196.0/24     protocol        AS112-v4
    192.52.193.0/24     protocol        AMT
    192.88.99.0/24      translated      6to4 relays, deprecated
    192.168.0.0/16      private
    192.175.48.0/24     protocol        AS112
    198.18.0.0/15       benchmarking
    198.51.100.0/24     documentation
    203.0.113.0/24      documentation
    224.0.0.0/4         multicast
    240.0.0.0/4         reserved        with 255.255.255.255, broadcast
    ::/128              unspecified
    ::1/128             loopback
    ::/96               translated      IPv4-compatible
    64:ff9b::/96        translated      NAT64: an IPv4 address in its last 32 bits (RFC 6052)
    64:ff9b:1::/48      translated      NAT64 of a local network (RFC 8215)
    100::/64            discard
    100:0:0:1::/64      discard         "dummy" addresses (RFC 9780)
    2001::/32           translated      Teredo
    2001::/23           protocol        IETF protocol assignments: ORCHID, AMT, benchmarking and others
    2001:db8::/32       documentation
    2002::/16           translated      6to4: an IPv4 address after the first 16 bits
    2620:4f:8000::/48   protocol        AS112
    3fff::/20           documentation
    5f00::/16           protocol        segment routing
    fc00::/7            private
    fe80::/10           link-local
    fec0::/10           private         site-local
    ff00::/8            multicast
"""

# Where a cloud tells a machine its own secrets. Some lie in the blocks above, and get the word that counts; Azure's
# 168.63.129.16 is an address like any other, and so is what a cloud has chosen in fd00::/8 of its own.
_METADATA = """
    100.100.100.200     Alibaba
    168.63.129.16       Azure
    169.254.42.42       Scaleway
    169.254.169.254     AWS, Azure, Google and most others
    169.254.170.2       AWS (containers)
    169.254.170.23      AWS (Kubernetes)
    fd00:42::42         Scaleway
    fd00:c1::a9fe:a9fe  Oracle
    fd00:ec2::23        AWS (Kubernetes)
    fd00:ec2::254       AWS
    fd20:ce::254        Google
"""

_METADATA_ADDRESSES = frozenset(ip_address(line.split()[0]) for line in _METADATA.strip().splitlines())
_TABLE = [(ip_network(block), code) for block, code, *_ in map(str.split, _SPECIAL.strip().splitlines())]
_GLOBAL_UNICAST = ip_network("2000::/3")  # all that IANA gives out of IPv6 to the internet (RFC 4291, section 2.4)
_NAT64 = ip_network("64:ff9b::/96")

#: What no setting makes public: this machine itself, and what tells it its secrets.
NEVER = frozenset({"loopback", "unspecified", "metadata"})


def canonical(address):
    """Return the address that a connection to this one leads to, as a value of `ipaddress`.

    An IPv4 address that is written as one of IPv6 (``::ffff:127.0.0.1``) is that IPv4 address.

    Args:
        address: A text, or a value of `ipaddress`.

    Raises:
        ValueError: It is no address, or one with a zone (``fe80::1%eth0``), or in a notation such as ``127.1``,
            ``0x7f.1`` or ``0177.0.0.1``, which connects and which `ipaddress` does not read.
    """
    if not isinstance(address, (str, IPv4Address, IPv6Address)):
        raise ValueError(f"An address is a text, such as '203.0.113.7', not {address!r}.")
    address = ip_address(address)
    if address.version == 6 and address.scope_id is not None:
        raise ValueError(f"An address of the internet has no zone: {address}.")
    if address.version == 6 and address.ipv4_mapped:
        return address.ipv4_mapped
    return address


def why_not_public(address, also_public=()):
    """Say in a word why an address is not one of the public internet, or return None if it is.

    Args:
        address: As for `canonical`. An address that has been resolved, and no name.
        also_public: Blocks to take for public all the same, as texts or networks: a lab's ``["203.0.113.0/24"]``, or
            ``["64:ff9b::/96"]`` where a NAT64 is the only way to IPv4. What is in `NEVER` stays what it is,
            and so does ``"translated"`` elsewhere.

    Returns:
        ``"loopback"``, ``"unspecified"``, ``"metadata"``, ``"private"``, ``"link-local"``, ``"shared"``,
        ``"translated"`` (it carries an IPv4 address that a relay would go on to), ``"multicast"``, ``"documentation"``,
        ``"benchmarking"``, ``"protocol"``, ``"discard"``, ``"reserved"`` (nobody has been given it), ``"notation"`` (it
        is no address that is written in full), or None.

    Raises:
        ValueError: A block in ``also_public`` is none.
    """
    try:
        address = canonical(address)
    except ValueError:
        return "notation"
    code = _special(address)
    if code in NEVER or code is None or not any(address in block for block in networks(also_public)):
        return code
    if code != "translated":
        return None
    # A relay goes on to the address inside; where that stands is known of one block only.
    return why_not_public(IPv4Address(int(address) & 0xFFFFFFFF), also_public) if address in _NAT64 else code


def networks(blocks):
    """Return blocks of addresses as networks.

    Raises:
        ValueError: One is none, or has bits set beyond its mask; or all of it is one text, and no list.
    """
    if isinstance(blocks, str):
        raise ValueError(f"Blocks are a list of texts: [{blocks!r}]")
    return [b if isinstance(b, (IPv4Network, IPv6Network)) else ip_network(b) for b in blocks]


def _special(address):
    if address in _METADATA_ADDRESSES:
        return "metadata"
    for block, code in _TABLE:
        if address in block:
            return code
    return "reserved" if address.version == 6 and address not in _GLOBAL_UNICAST else None
