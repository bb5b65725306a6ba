"""The PROXY protocol, versions 1 and 2: a trusted proxy says whose connection it passes on. No sockets.

Source: "The PROXY protocol", HAProxy, 2020/03/05. A receiver must not guess: from a peer in ``proxy_trusted``
every connection begins with the header, from any other peer none is understood.
"""

import ipaddress
import re
import socket
import struct
from functools import lru_cache

V1_LIMIT_BYTES = 107
V2_LIMIT_BYTES = 4096  # addresses and extensions; the specification wants at least 216
_V2_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_V1 = re.compile(
    rb"PROXY (?:UNKNOWN[^\r\n]*|(TCP4|TCP6) ([0-9a-fA-F.:]+) ([0-9a-fA-F.:]+) (\d{1,5}) (\d{1,5}))\r\n"
)
_V2_HEAD_BYTES = 16
_LOCAL, _PROXY = 0, 1
_PORT_MAX = 65535

Address = tuple[str, int]


@lru_cache(maxsize=4096)
def is_trusted(peer: str, networks: tuple[str, ...]) -> bool:
    """Return whether an address is in one of the networks (CIDR)."""
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in ipaddress.ip_network(network) for network in networks)


def preamble_for(peer: str, networks: tuple[str, ...]) -> "ProxyPreamble | None":
    """Return what reads the header that ``peer`` must send; None when it must not send one."""
    return ProxyPreamble() if is_trusted(peer, networks) else None


class ProxyPreamble:
    """Reads one header, piece by piece; then ``source`` is the viewer, or None when the proxy asks for itself."""

    __slots__ = ("_data", "source")

    def __init__(self) -> None:
        self.source: Address | None = None
        self._data = b""

    def feed(self, data: bytes) -> bytes | None:
        """Return the octets behind the header, or None while it is incomplete. Raises ValueError."""
        self._data += data
        start = self._data[: len(_V2_SIGNATURE)]
        if start and _V2_SIGNATURE.startswith(start):
            return self._version_2()
        if not self._data.startswith(b"PROXY "[: len(self._data)]):
            raise ValueError("the connection does not begin with a PROXY header")
        return self._version_1()

    def _version_1(self) -> bytes | None:
        end = self._data.find(b"\r\n", 0, V1_LIMIT_BYTES)
        if end < 0:
            if len(self._data) >= V1_LIMIT_BYTES:
                raise ValueError(f"the line is longer than {V1_LIMIT_BYTES} bytes")
            return None
        match = _V1.match(self._data)
        if match is None:
            raise ValueError("the line is malformed")
        if match[1] is not None:
            family = ipaddress.IPv4Address if match[1] == b"TCP4" else ipaddress.IPv6Address
            address, _ = family(match[2].decode()), family(match[3].decode())
            if int(match[4]) > _PORT_MAX or int(match[5]) > _PORT_MAX:
                raise ValueError("a port is over 65535")
            self.source = (str(address), int(match[4]))
        return self._data[match.end() :]

    def _version_2(self) -> bytes | None:
        if len(self._data) < _V2_HEAD_BYTES:
            return None
        version_command, family, length = struct.unpack_from("!BBH", self._data, len(_V2_SIGNATURE))
        if version_command >> 4 != 2 or version_command & 15 not in (_LOCAL, _PROXY):  # noqa: PLR2004
            raise ValueError("the version or the command is unknown")
        if length > V2_LIMIT_BYTES:
            raise ValueError(f"the header is longer than {V2_LIMIT_BYTES} bytes")
        end = _V2_HEAD_BYTES + length
        if len(self._data) < end:
            return None
        if version_command & 15 == _PROXY:
            self.source = _v2_source(family, self._data[_V2_HEAD_BYTES:end])
        return self._data[end:]


def _v2_source(family: int, addresses: bytes) -> Address | None:
    """Return the source of a TCP connection; None for families that have no address to tell."""
    layouts = {0x11: (socket.AF_INET, "!4s4sHH"), 0x21: (socket.AF_INET6, "!16s16sHH")}
    if family not in layouts:
        return None
    address_family, layout = layouts[family]
    if len(addresses) < struct.calcsize(layout):
        raise ValueError("the addresses are cut off")
    source, _, port, _ = struct.unpack_from(layout, addresses)
    return socket.inet_ntop(address_family, source), port
