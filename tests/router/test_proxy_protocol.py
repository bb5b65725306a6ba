"""PROXY protocol: the header is read to its last byte, whatever pieces it comes in; nothing else passes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import ProxyProtocolError
from router.proxy_protocol import V1_BYTES_MAX, ProxyHeader, read_proxy_header

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
ports = st.integers(0, 65_535)
v4 = st.ip_addresses(v=4)
v6 = st.ip_addresses(v=6).filter(lambda a: int(a) >> 32 != 0xFFFF)


def version_2(*, source: bytes, target: bytes, port: int = 1, tlvs: bytes = b"", command: int = 1) -> bytes:
    family = {4: 1, 16: 2, 108: 3}[len(source)]
    addresses = source + target + (port.to_bytes(2, "big") + bytes(2) if family < 3 else b"") + tlvs
    head = SIGNATURE + bytes([0x20 | command, family << 4 | 1]) + len(addresses).to_bytes(2, "big")
    return head + addresses


def fed_bytewise(header: bytes, rest: bytes) -> ProxyHeader:
    for end in range(len(header)):
        assert read_proxy_header(header[:end]) is None
    found = read_proxy_header(header + rest)
    assert found is not None
    return found


@given(st.one_of(v4, v6), ports, ports, st.binary(max_size=8))
def test_version_1_names_the_source_and_ends_where_the_request_begins(
    address: object, port: int, target_port: int, rest: bytes
) -> None:
    family = "TCP6" if ":" in str(address) else "TCP4"
    line = f"PROXY {family} {address} {address} {port} {target_port}\r\n".encode()
    assert fed_bytewise(line, rest) == ProxyHeader(len(line), str(address), port)


@given(v4, v6, ports, st.binary(max_size=40), st.binary(max_size=8))
def test_version_2_names_the_source_and_skips_what_it_does_not_know(
    four: object, six: object, port: int, tlvs: bytes, rest: bytes
) -> None:
    for address in (four, six):
        packed = address.packed  # type: ignore[attr-defined]  # of ipaddress, whichever version
        header = version_2(source=packed, target=packed, port=port, tlvs=tlvs)
        assert fed_bytewise(header, rest) == ProxyHeader(len(header), str(address), port)


def test_health_checks_of_the_proxy_itself_speak_for_their_sender() -> None:
    local = version_2(source=bytes(4), target=bytes(4), command=0)
    assert read_proxy_header(local) == ProxyHeader(len(local))
    assert read_proxy_header(b"PROXY UNKNOWN\r\nGET /") == ProxyHeader(15)
    assert read_proxy_header(b"PROXY UNKNOWN ffff:: :: 1 2\r\n") == ProxyHeader(29)
    unix = version_2(source=bytes(108), target=bytes(108))
    assert read_proxy_header(unix) == ProxyHeader(len(unix))


@given(st.binary(min_size=12, max_size=200))
def test_anything_else_is_refused_or_waits_and_never_names_anybody(data: bytes) -> None:
    if data.startswith((b"PROXY ", SIGNATURE)):
        return
    with pytest.raises(ProxyProtocolError, match="does not begin with a PROXY header"):
        read_proxy_header(data)


@given(
    st.binary(max_size=300), st.sampled_from([b"PROXY ", b"PROXY TCP4 ", SIGNATURE, SIGNATURE + b"\x21\x11"])
)
def test_no_continuation_of_a_header_makes_the_parser_fail_otherwise(rest: bytes, start: bytes) -> None:
    try:
        found = read_proxy_header(start + rest)
    except ProxyProtocolError as error:
        assert error.remedy  # noqa: PT017  either outcome is right
    else:
        assert found is None or found.length <= len(start + rest)


@pytest.mark.parametrize(
    "line",
    [
        b"PROXY TCP4 1.2.3.4 1.2.3.4 65536 1\r\n",
        b"PROXY TCP4 1.2.3.4 1.2.3.4 01 1\r\n",
        b"PROXY TCP4 ::1 ::1 1 1\r\n",
        b"PROXY TCP6 1.2.3.4 1.2.3.4 1 1\r\n",
        b"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
        b"PROXY TCP4  1.2.3.4 1.2.3.4 1 1\r\n",
        b"PROXY UDP4 1.2.3.4 1.2.3.4 1 1\r\n",
        SIGNATURE + b"\x31\x11\x00\x0c" + bytes(12),
        SIGNATURE + b"\x22\x11\x00\x0c" + bytes(12),
        SIGNATURE + b"\x21\x41\x00\x0c" + bytes(12),
        SIGNATURE + b"\x21\x11\x00\x0b" + bytes(11),
        SIGNATURE + b"\x21\x11\xff\xff" + bytes(12),
    ],
)
def test_malformed_headers_are_refused(line: bytes) -> None:
    with pytest.raises(ProxyProtocolError, match="malformed"):
        read_proxy_header(line)


def test_a_version_1_line_may_have_107_bytes_and_no_more() -> None:
    longest = b"PROXY UNKNOWN ".ljust(V1_BYTES_MAX - 2, b"x") + b"\r\n"
    assert read_proxy_header(longest) == ProxyHeader(V1_BYTES_MAX)
    with pytest.raises(ProxyProtocolError, match="longer than 107"):
        read_proxy_header(b"PROXY UNKNOWN ".ljust(V1_BYTES_MAX - 1, b"x") + b"\r\n")
