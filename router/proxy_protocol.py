"""PROXY protocol, versions 1 and 2: who a load balancer in front says the viewer is.

Pure and incremental. Only a listener that expects it may use it, and only for peers whose network is trusted;
such a listener refuses connections without it, since otherwise anybody who reaches it could speak as anybody.
Source: "The PROXY protocol", HAProxy Technologies, versions 1 & 2 (2020).
"""

from dataclasses import dataclass

from router.address import packed, unpacked
from router.errors import ProxyProtocolError

V1_BYTES_MAX = 107  # section 2.1: the longest line with its CRLF
V2_BYTES_MAX = 16 + 2_048  # fixed part and what we accept of addresses and TLVs; the field allows 65,535
_V1 = b"PROXY "
_V2 = b"\r\n\r\n\x00\r\nQUIT\n"
_V2_HEAD_BYTES = 16
_V2_ADDRESS_BYTES = {1: 12, 2: 36, 3: 216}  # AF_INET, AF_INET6, AF_UNIX
_INET, _INET6 = 1, 2
_PORT_MAX = 65_535
_REMEDY = "Send PROXY protocol v1 or v2 to this listener, or connect to the one that does not expect it."


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """What a header said. ``address`` is None when it speaks for its sender (LOCAL, UNKNOWN, Unix sockets).

    ``length`` is how many bytes of the connection it took; the request begins behind them.
    """

    length: int
    address: str | None = None
    port: int | None = None


def read_proxy_header(received: bytes | bytearray) -> ProxyHeader | None:
    """Return the header that the connection begins with, or None while more bytes are needed.

    Raises:
        ProxyProtocolError: it does not begin with one, or the header is malformed or too long (its sender).
    """
    data = bytes(received[:V2_BYTES_MAX])
    if data.startswith(_V1[: len(data)]):
        return _version_1(data)
    if data.startswith(_V2[: len(data)]):
        return _version_2(data)
    raise ProxyProtocolError("the connection does not begin with a PROXY header", remedy=_REMEDY)


def _version_1(data: bytes) -> ProxyHeader | None:
    end = data.find(b"\r\n", 0, V1_BYTES_MAX)
    if end < 0:
        if len(data) >= V1_BYTES_MAX:
            raise _malformed(f"its line is longer than {V1_BYTES_MAX} bytes")
        return None
    words = data[:end].decode("latin-1").split(" ")
    if words[1] == "UNKNOWN":  # whatever follows is to be ignored
        return ProxyHeader(end + 2)
    if len(words) != 6 or words[1] not in ("TCP4", "TCP6"):  # noqa: PLR2004  the line has six words
        raise _malformed("its line is not PROXY TCP4|TCP6|UNKNOWN with two addresses and two ports")
    addresses = []
    for text in words[2:4]:
        octets = packed(text) if ((":" in text) == (words[1] == "TCP6") and "%" not in text) else None
        if octets is None:
            raise _malformed(f'"{text}" is no {words[1]} address')
        addresses.append(unpacked(octets))
    for text in words[4:6]:
        if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= _PORT_MAX):  # noqa: PLR2004  digits
            raise _malformed(f'"{text}" is no port')
        if len(text) > 1 and text.startswith("0"):
            raise _malformed(f'port "{text}" has a leading zero')
    return ProxyHeader(end + 2, addresses[0], int(words[4]))


def _version_2(data: bytes) -> ProxyHeader | None:
    if len(data) < _V2_HEAD_BYTES:
        return None
    version, command = data[12] >> 4, data[12] & 0x0F
    family, transport = data[13] >> 4, data[13] & 0x0F
    length = _V2_HEAD_BYTES + int.from_bytes(data[14:16], "big")
    if version != 2 or command > 1:  # noqa: PLR2004  the version
        raise _malformed(f"version {version}, command {command} is not 2 with LOCAL or PROXY")
    if family > max(_V2_ADDRESS_BYTES) or transport > 2:  # noqa: PLR2004  UNSPEC, STREAM, DGRAM
        raise _malformed(f"address family {family}, transport {transport} is unknown")
    if length > V2_BYTES_MAX:
        raise _malformed(f"it announces {length} bytes; the limit is {V2_BYTES_MAX}")
    needed = _V2_ADDRESS_BYTES.get(family, 0)
    if length - _V2_HEAD_BYTES < needed and command == 1:
        raise _malformed(f"it announces {length - _V2_HEAD_BYTES} bytes for addresses that take {needed}")
    if len(data) < length:
        return None
    if command == 0 or family not in (_INET, _INET6):
        return ProxyHeader(length)
    size = 4 if family == _INET else 16
    source = data[_V2_HEAD_BYTES : _V2_HEAD_BYTES + size]
    at = _V2_HEAD_BYTES + 2 * size
    octets = packed(unpacked(source))  # an IPv4-mapped source becomes IPv4
    assert octets is not None
    return ProxyHeader(length, unpacked(octets), int.from_bytes(data[at : at + 2], "big"))


def _malformed(why: str) -> ProxyProtocolError:
    return ProxyProtocolError(f"the PROXY header is malformed: {why}", remedy=_REMEDY)
