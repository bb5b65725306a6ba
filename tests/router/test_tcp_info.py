"""The kernel's round trip of a real connection."""

import socket
import struct

from hypothesis import given
from hypothesis import strategies as st

from router.tcp_info import read_rtt_ms, rtt_ms_of


def test_a_real_connection_has_a_round_trip() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        accepted, _ = server.accept()
        with accepted:
            client.sendall(b"x")
            assert accepted.recv(1) == b"x"
            accepted.sendall(b"y")
            assert client.recv(1) == b"y"
            rtt_ms = read_rtt_ms(client)
    assert rtt_ms is not None
    assert 0 < rtt_ms < 10_000


def test_what_is_no_tcp_connection_has_none() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        assert read_rtt_ms(datagrams) is None


def test_the_least_round_trip_is_preferred_and_the_smoothed_one_stands_in() -> None:
    info = bytearray(192)
    struct.pack_into("=I", info, 68, 30_000)
    struct.pack_into("=I", info, 148, 21_500)
    assert rtt_ms_of(bytes(info)) == 21.5
    struct.pack_into("=I", info, 148, 0xFFFFFFFF)
    assert rtt_ms_of(bytes(info)) == 30
    assert rtt_ms_of(bytes(info[:100])) == 30


@given(st.binary(max_size=250))
def test_no_answer_of_a_kernel_breaks_the_reader(info: bytes) -> None:
    rtt_ms = rtt_ms_of(info)
    assert rtt_ms is None or rtt_ms > 0
