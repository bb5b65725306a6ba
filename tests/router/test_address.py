"""Addresses: one text for each, and no exception for anything else."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.address import Networks, canonical, is_local, packed, prefix_key, prefix_text
from router.errors import AddressError

v4 = st.ip_addresses(v=4)
v6 = st.ip_addresses(v=6).filter(lambda a: int(a) >> 32 != 0xFFFF)  # no IPv4-mapped ones
addresses = st.one_of(v4, v6)


@given(addresses)
def test_every_address_has_one_canonical_text(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    text = canonical(address.exploded)
    assert text is not None
    assert ipaddress.ip_address(text) == address
    assert canonical(text) == text


@given(v4)
def test_ipv4_written_as_ipv6_is_ipv4(address: ipaddress.IPv4Address) -> None:
    assert canonical(f"::ffff:{address}") == str(address)


@given(st.text())
def test_what_is_no_address_has_no_canonical_text(text: str) -> None:
    try:
        expected = ipaddress.ip_address(text.partition("%")[0] if ":" in text else text)
    except ValueError:
        assert canonical(text) is None
    else:
        assert canonical(text) is not None or len(text) > 64 or expected.version == 6


def test_a_zone_is_dropped() -> None:
    assert canonical("fe80::1%eth0") == "fe80::1"


@given(addresses)
def test_the_prefix_of_an_address_holds_it(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    octets = packed(str(address))
    assert octets is not None
    network = ipaddress.ip_network(prefix_text(prefix_key(octets)))
    assert address in network
    assert network.prefixlen == (24 if address.version == 4 else 48)


@given(addresses, st.lists(st.tuples(addresses, st.integers(0, 128)), min_size=1, max_size=4))
def test_networks_agree_with_the_standard_library(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
    spans: list[tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]],
) -> None:
    networks = [ipaddress.ip_network(f"{a}/{min(bits, a.max_prefixlen)}", strict=False) for a, bits in spans]
    octets = packed(str(address))
    assert octets is not None
    assert (octets in Networks([str(n) for n in networks])) == any(address in n for n in networks)


def test_a_network_that_is_none_is_refused_with_what_to_write() -> None:
    with pytest.raises(AddressError, match="is not a network") as caught:
        Networks(["10.0.0.0/33"])
    assert "10.0.0.0/8" in caught.value.remedy


@pytest.mark.parametrize(
    ("inside", "outside"),
    [
        ("10.255.255.255", "11.0.0.0"),
        ("172.31.255.255", "172.32.0.0"),
        ("172.16.0.0", "172.15.255.255"),
        ("192.168.0.0", "192.167.255.255"),
        ("100.64.0.0", "100.63.255.255"),
        ("100.127.255.255", "100.128.0.0"),
        ("127.0.0.1", "128.0.0.0"),
        ("169.254.0.1", "169.255.0.0"),
        ("224.0.0.0", "223.255.255.255"),
        ("0.0.0.0", "1.0.0.0"),
        ("::1", "2000::"),
        ("fd00::1", "2a00::1"),
        ("fe80::1", "2600::1"),
    ],
)
def test_private_and_special_addresses_are_local_and_their_neighbours_are_not(
    inside: str, outside: str
) -> None:
    octets_in, octets_out = packed(inside), packed(outside)
    assert octets_in is not None
    assert octets_out is not None
    assert is_local(octets_in)
    assert not is_local(octets_out)
