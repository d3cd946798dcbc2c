"""Which addresses are public: against tables of the registries that are written out here once more, line by line."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from webhook_tutorial import why_not_public
from webhook_tutorial.delivery.addresses import canonical, networks

# The "Address Block" column of the IANA special-purpose registries as of 2025-10-09, every line of it; then multicast,
# and what is deprecated. Ranges as numbers, so that these tests do not lean on `ipaddress` as the package does.
REGISTRY_4 = """
0.0.0.0/8 0.0.0.0/32 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.0.0/29
192.0.0.8/32 192.0.0.9/32 192.0.0.10/32 192.0.0.170/32 192.0.0.171/32 192.0.2.0/24 192.31.196.0/24 192.52.193.0/24
192.88.99.0/24 192.88.99.2/32 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 240.0.0.0/4
255.255.255.255/32
224.0.0.0/4
"""
REGISTRY_6 = """
::1/128 ::/128 ::ffff:0:0/96 64:ff9b::/96 64:ff9b:1::/48 100::/64 100:0:0:1::/64 2001::/23 2001::/32 2001:1::1/128
2001:1::2/128 2001:1::3/128 2001:2::/48 2001:3::/32 2001:4:112::/48 2001:10::/28 2001:20::/28 2001:30::/28
2001:db8::/32 2002::/16 2620:4f:8000::/48 3fff::/20 5f00::/16 fc00::/7 fe80::/10
ff00::/8 fec0::/10 ::/96
"""
METADATA = [
    *("169.254.169.254", "169.254.170.2", "169.254.170.23", "169.254.42.42", "100.100.100.200", "168.63.129.16"),
    *("fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "fd00:42::42", "fd00:c1::a9fe:a9fe"),
]


def ranges(registry):
    found = []
    for block in registry.split():
        address, _, length = block.partition("/")
        bits = 128 if ":" in address else 32
        first = int(ip_address(address)) >> (bits - int(length)) << (bits - int(length))
        found.append((first, first + (1 << (bits - int(length))) - 1))
    return found


RANGES_4, RANGES_6 = ranges(REGISTRY_4), ranges(REGISTRY_6)
METADATA_4 = {int(ip_address(a)) for a in METADATA if ":" not in a}


def special_4(number):
    return number in METADATA_4 or any(first <= number <= last for first, last in RANGES_4)


def special_6(number):
    if number >> 32 == 0xFFFF:  # an IPv4 address, which decides
        return special_4(number & 0xFFFFFFFF)
    return number >> 125 != 1 or any(first <= number <= last for first, last in RANGES_6)


def near(ranges, bits):
    """Numbers of all sorts, many of them at the edges of the ranges and in them."""
    edges = sorted({n for first, last in ranges for n in (first - 1, first, last, last + 1) if 0 <= n < 1 << bits})
    within = st.sampled_from(ranges).flatmap(lambda one: st.integers(*one))
    return st.one_of(st.sampled_from(edges), within, st.integers(0, (1 << bits) - 1))


@given(near(RANGES_4, 32))
def test_ipv4_agrees_with_the_registry(number):
    assert (why_not_public(str(IPv4Address(number))) is not None) == special_4(number)
    assert why_not_public(IPv4Address(number)) == why_not_public(f"::ffff:{IPv4Address(number)}")


@given(st.one_of(near(RANGES_6, 128), st.integers(1 << 125, (1 << 126) - 1)))
@example(0xFFFF_0808_0808)
def test_ipv6_agrees_with_the_registry(number):
    assert (why_not_public(str(IPv6Address(number))) is not None) == special_6(number)


@given(near(RANGES_4, 32))
def test_a_nat64_that_is_called_public_is_judged_by_the_address_inside(number):
    address, inside = IPv6Address((0x64FF9B << 96) | number), IPv4Address(number)
    assert why_not_public(address) == "translated"
    assert why_not_public(address, ["64:ff9b::/96"]) == why_not_public(inside)


@given(st.one_of(near(RANGES_4, 32).map(IPv4Address), near(RANGES_6, 128).map(IPv6Address)))
def test_no_setting_makes_this_machine_or_its_metadata_public(address):
    code = why_not_public(address)
    everything = why_not_public(address, ["0.0.0.0/0", "::/0"])
    assert everything == (code if code in ("loopback", "unspecified", "metadata") else everything)
    assert code or not everything


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("127.0.0.1", "loopback"),
        ("127.255.255.254", "loopback"),
        ("::1", "loopback"),
        ("::ffff:127.0.0.1", "loopback"),
        ("::ffff:7f00:1", "loopback"),
        ("0.0.0.0", "unspecified"),
        ("0.1.2.3", "unspecified"),
        ("::", "unspecified"),
        ("::ffff:0.0.0.0", "unspecified"),
        *[(address, "metadata") for address in METADATA],
        ("::ffff:169.254.169.254", "metadata"),
        ("10.1.2.3", "private"),
        ("172.16.0.1", "private"),
        ("172.32.0.1", None),
        ("192.168.1.1", "private"),
        ("fd12::1", "private"),
        ("fec0::1", "private"),
        ("169.254.1.1", "link-local"),
        ("fe80::1", "link-local"),
        ("100.64.0.1", "shared"),
        ("::ffff:100.64.0.1", "shared"),
        ("224.0.0.1", "multicast"),
        ("ff02::1", "multicast"),
        ("203.0.113.7", "documentation"),
        ("2001:db8::1", "documentation"),
        ("3fff::1", "documentation"),
        ("198.18.0.1", "benchmarking"),
        ("192.0.0.8", "protocol"),
        ("2001:20::1", "protocol"),
        ("5f00::1", "protocol"),
        ("100::1", "discard"),
        ("100:0:0:1::1", "discard"),
        ("240.0.0.1", "reserved"),
        ("255.255.255.255", "reserved"),
        ("4000::1", "reserved"),
        ("::127.0.0.1", "translated"),
        ("64:ff9b::7f00:1", "translated"),
        ("64:ff9b:1::a9fe:a9fe", "translated"),
        ("2002:7f00:1::", "translated"),
        ("2001:0:53aa:64c:0:0:80ff:fffe", "translated"),
        ("192.88.99.1", "translated"),
        ("8.8.8.8", None),
        ("::ffff:8.8.8.8", None),
        ("2606:4700::1111", None),
        ("fe80::1%eth0", "notation"),
        ("2606:4700::1111%1", "notation"),
        ("127.1", "notation"),
        ("0177.0.0.1", "notation"),
        ("0x7f.0.0.1", "notation"),
        ("2130706433", "notation"),
        (2130706433, "notation"),
        (b"\x7f\0\0\1", "notation"),
        (None, "notation"),
        ("", "notation"),
        ("hooks.example", "notation"),
    ],
)
def test_the_word_for_an_address(address, code):
    assert why_not_public(address) == code


def test_the_labs_public_internet_is_public_by_a_setting_and_by_that_alone():
    assert why_not_public("203.0.113.7", ["203.0.113.0/24"]) is None
    assert why_not_public("::ffff:203.0.113.7", ["203.0.113.0/24"]) is None
    assert why_not_public("203.0.113.7", ["198.51.100.0/24"]) == "documentation"
    assert why_not_public("10.0.0.1", ["203.0.113.0/24"]) == "private"
    assert why_not_public("2002:cb00:7107::1", ["2002::/16"]) == "translated"


@pytest.mark.parametrize("blocks", ["203.0.113.0/24", ["203.0.113.7/24"], ["all"], [None]])
def test_a_block_that_is_none_is_told(blocks):
    with pytest.raises(ValueError):
        networks(blocks)


def test_a_mapped_address_is_the_one_that_is_connected_to():
    assert str(canonical("::ffff:8.8.8.8")) == "8.8.8.8"
    assert networks([ip_network("10.0.0.0/8")]) == [ip_network("10.0.0.0/8")]
