"""Addresses as text: canonical form, prefixes, networks, and which of them no database can place.

Pure (``inet_pton`` is a function of its argument; it is ten times faster than ``ipaddress``).
Sources: RFC 4291 (IPv6 text and IPv4-mapped addresses), RFC 5952 (canonical text), RFC 6890 (special
purposes).
"""

import ipaddress
from collections.abc import Sequence
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton

from router.errors import AddressError

V4_PREFIX_BITS = 24  # the longest prefix announced between networks; also RFC 7871's advice
V6_PREFIX_BITS = 48  # one site (RFC 6177)
_MAPPED = bytes(10) + b"\xff\xff"
_TEXT_MAX = 64  # an IPv6 address takes 45 characters at most; a zone some more

_LOCAL_NETWORKS = (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
    "192.168.0.0/16", "224.0.0.0/4", "240.0.0.0/4",
    "::/127", "fc00::/7", "fe80::/10", "ff00::/8",
)  # fmt: skip


def packed(text: str) -> bytes | None:
    """Return 4 or 16 octets, IPv4-mapped IPv6 as IPv4, without the zone; None when it is no address."""
    try:
        if ":" not in text:
            return inet_pton(AF_INET, text)
        if "%" in text:
            text = text[: text.index("%")]
        octets = inet_pton(AF_INET6, text)
    except (OSError, ValueError):  # ValueError: an embedded NUL or a lone surrogate
        return None
    return octets[12:] if octets.startswith(_MAPPED) else octets


def unpacked(octets: bytes) -> str:
    """Return the canonical text of 4 or 16 octets."""
    return inet_ntop(AF_INET if len(octets) == 4 else AF_INET6, octets)  # noqa: PLR2004  IPv4 has 4 octets


def canonical(text: str) -> str | None:
    """Return the one text that stands for this address, or None when it is no address."""
    if len(text) > _TEXT_MAX:
        return None
    octets = packed(text)
    return None if octets is None else unpacked(octets)


def prefix_key(octets: bytes) -> int:
    """Return a number for the /24 (IPv4) or /48 (IPv6) that holds the address; the families never meet."""
    if len(octets) == 4:  # noqa: PLR2004  IPv4 has 4 octets
        return int.from_bytes(octets[:3], "big") | 1 << 48
    return int.from_bytes(octets[:6], "big")


def prefix_text(key: int) -> str:
    """Return the network that ``prefix_key`` numbered, such as ``192.0.2.0/24``."""
    if key >> 48:
        return f"{unpacked((key & 0xFFFFFF).to_bytes(3, 'big') + bytes(1))}/{V4_PREFIX_BITS}"
    return f"{unpacked(key.to_bytes(6, 'big') + bytes(10))}/{V6_PREFIX_BITS}"


class Networks:
    """A set of networks that can be asked whether it holds an address.

    Raises:
        AddressError: one of them is not written as a network (the operator's configuration).
    """

    __slots__ = ("_v4", "_v6", "texts")

    def __init__(self, networks: Sequence[str]) -> None:
        self.texts = tuple(networks)
        v4: list[tuple[int, int]] = []
        v6: list[tuple[int, int]] = []
        for text in networks:
            try:
                network = ipaddress.ip_network(text.strip(), strict=False)
            except ValueError as error:
                raise AddressError(
                    f'"{text}" is not a network: {error}',
                    remedy="Write an address, or a network such as 10.0.0.0/8 or 2001:db8::/32.",
                ) from error
            shift = network.max_prefixlen - network.prefixlen
            entry = (int(network.network_address) >> shift, shift)
            (v4 if network.version == 4 else v6).append(entry)  # noqa: PLR2004  the IP version
        self._v4 = tuple(v4)
        self._v6 = tuple(v6)

    def __bool__(self) -> bool:
        return bool(self.texts)

    def __contains__(self, octets: bytes) -> bool:
        value = int.from_bytes(octets, "big")
        entries = self._v4 if len(octets) == 4 else self._v6  # noqa: PLR2004  IPv4 has 4 octets
        return any(value >> shift == network for network, shift in entries)


_LOCAL = Networks(_LOCAL_NETWORKS)
_LOCAL_V4_FIRST = frozenset([0, 10, 100, 127, 169, 172, 192, *range(224, 256)])
_GLOBAL_V6 = 0x20  # 2000::/3 is all that is assigned as global unicast (RFC 4291, 2.4)


def is_beside(address: str) -> bool:
    """Say whether an address is local, or none at all (such as that of a Unix socket): no database can place it."""
    octets = packed(address)
    return octets is None or is_local(octets)


def is_local(octets: bytes) -> bool:
    """Say whether the address is private, loopback, link-local, shared, multicast or unspecified.

    No database can place these: the viewer is beside this POP, or behind a proxy that is not trusted.
    """
    first = octets[0]
    if len(octets) == 4:  # noqa: PLR2004  IPv4 has 4 octets
        return first in _LOCAL_V4_FIRST and octets in _LOCAL
    return first & 0xE0 != _GLOBAL_V6 and octets in _LOCAL
