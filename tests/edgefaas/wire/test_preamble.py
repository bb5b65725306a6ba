"""The PROXY protocol: believed from trusted peers only, and then required."""

import contextlib
import socket
import struct

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.wire import WireSettings
from edgefaas.wire.preamble import ProxyPreamble, is_trusted, preamble_for
from tests.edgefaas.wire.serving import serving

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
GET = b"GET /inline HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
V2_4 = SIGNATURE + struct.pack(
    "!BBH4s4sHH", 0x21, 0x11, 12, socket.inet_aton("192.0.2.1"), socket.inet_aton("192.0.2.2"), 5, 80
)
V2_6 = SIGNATURE + struct.pack(
    "!BBH16s16sHH3s",
    0x21,
    0x21,
    39,
    socket.inet_pton(socket.AF_INET6, "2001:db8::1"),
    bytes(16),
    7,
    80,
    b"tlv",
)
GOOD: dict[bytes, tuple[str, int] | None] = {
    b"PROXY TCP4 192.0.2.1 192.0.2.2 5 80\r\n": ("192.0.2.1", 5),
    b"PROXY TCP6 2001:db8::1 ::1 65535 80\r\n": ("2001:db8::1", 65535),
    b"PROXY UNKNOWN\r\n": None,
    b"PROXY UNKNOWN ffff:f...f:ffff ffff 65535 65535\r\n": None,
    V2_4: ("192.0.2.1", 5),
    V2_6: ("2001:db8::1", 7),
    SIGNATURE + b"\x20\x00\x00\x00": None,  # LOCAL: the proxy's own health check
    SIGNATURE + b"\x21\x00\x00\x02ab": None,  # an unspecified family
}
BAD = [
    b"GET / HTTP/1.1\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 5\r\n",
    b"PROXY TCP4 2001:db8::1 192.0.2.2 5 80\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 65536 80\r\n",
    b"PROXY TCP4 192.0.2.999 192.0.2.2 5 80\r\n",
    b"PROXY UDP4 192.0.2.1 192.0.2.2 5 80\r\n",
    b"PROXY " + b"x" * 200,
    SIGNATURE + b"\x11\x11\x00\x0c" + bytes(12),
    SIGNATURE + b"\x22\x11\x00\x0c" + bytes(12),
    SIGNATURE + b"\x21\x11\x00\x04" + bytes(4),
    SIGNATURE + b"\x21\x11\xff\xff" + bytes(4),
]


@pytest.mark.parametrize("octets", GOOD)
def test_a_header_tells_the_viewer_however_it_is_cut(octets: bytes) -> None:
    for cut in range(len(octets)):
        preamble = ProxyPreamble()
        assert preamble.feed(octets[:cut]) is None
        assert preamble.feed(octets[cut:] + b"rest") == b"rest"
        assert preamble.source == GOOD[octets]


@pytest.mark.parametrize("octets", BAD)
def test_anything_else_is_refused(octets: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        ProxyPreamble().feed(octets)


@given(st.binary(max_size=64))
def test_no_octets_make_it_fail_otherwise(octets: bytes) -> None:
    for start in (b"", b"PROXY ", SIGNATURE, V2_4[:16]):
        with contextlib.suppress(ValueError):
            ProxyPreamble().feed(start + octets)


def test_only_networks_that_are_listed_are_trusted() -> None:
    networks = ("10.0.0.0/8", "2001:db8::/32")
    for peer in ("10.1.2.3", "::ffff:10.1.2.3", "2001:db8::1", "2001:db8::1%eth0"):
        assert is_trusted(peer, networks)
    for peer in ("11.0.0.1", "2001:db9::1", "", "unix"):
        assert not is_trusted(peer, networks)
    assert preamble_for("11.0.0.1", networks) is None


def test_a_trusted_proxy_tells_the_viewers_address() -> None:
    async def main() -> None:
        async with serving(settings=WireSettings(proxy_trusted=("127.0.0.0/8",))) as served:
            for octets, source in GOOD.items():
                assert (await served.exchange(octets + GET)).startswith(b"HTTP/1.1 200 ")
                request = served.side.requests[-1]
                if source is not None:
                    assert (request.viewer_ip, request.viewer_port) == source
                else:
                    assert request.viewer_ip == "127.0.0.1"

    uvloop.run(main())


def test_a_trusted_proxy_that_sends_no_header_is_cut_off() -> None:
    async def main() -> None:
        async with serving(settings=WireSettings(proxy_trusted=("127.0.0.0/8",))) as served:
            assert await served.exchange(GET) == b""
            assert not served.side.requests

    uvloop.run(main())


def test_a_header_from_anybody_else_is_a_bad_request() -> None:
    async def main() -> None:
        async with serving(settings=WireSettings(proxy_trusted=("10.0.0.0/8",))) as served:
            for octets in (b"PROXY TCP4 192.0.2.1 192.0.2.2 5 80\r\n", V2_4):
                assert (await served.exchange(octets + GET)).startswith(b"HTTP/1.1 400 ")
            assert not served.side.requests

    uvloop.run(main())
