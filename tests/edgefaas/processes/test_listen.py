"""Listening sockets: many on one port, and nobody else's."""

import contextlib
import socket
from pathlib import Path

import pytest

from edgefaas.errors import StateError, UsageError
from edgefaas.listen import (
    UNIX_PATH_BYTES_MAX,
    Address,
    UnixAddress,
    bind,
    bound_address,
    is_loopback,
    parse_address,
    parse_listen,
)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8080", Address("127.0.0.1", 8080)),
        (":0", Address("127.0.0.1", 0)),
        ("[::1]:80", Address("::1", 80)),
        ("example.com:65535", Address("example.com", 65535)),
    ],
)
def test_an_address_is_a_host_and_a_port(text: str, address: Address) -> None:
    assert parse_address(text, option="--listen") == address


@pytest.mark.parametrize("text", ["", "8080", "a:b", "a:65536", "::1:80", "[x]:1", "a:-1", "a:1:2", "a:1\n"])
def test_what_is_no_address_is_refused_with_its_option(text: str) -> None:
    with pytest.raises(UsageError, match="--admin is"):
        parse_address(text, option="--admin")


def test_an_ipv6_address_is_printed_in_brackets() -> None:
    assert Address("::1", 80).url == "http://[::1]:80"
    assert Address("127.0.0.1", 80).url == "http://127.0.0.1:80"


def test_loopback_is_what_only_this_machine_reaches() -> None:
    assert [is_loopback(Address(host, 1)) for host in ("127.0.0.9", "::1", "localhost")] == [True] * 3
    assert [is_loopback(Address(host, 1)) for host in ("0.0.0.0", "::", "10.0.0.1", "a.example")] == [
        False
    ] * 4


def test_all_sockets_are_on_one_port_and_each_gets_connections() -> None:
    sockets = bind(Address("127.0.0.1", 0), count=3, option="--listen")
    port = bound_address(Address("127.0.0.1", 0), sockets[0]).port
    with contextlib.ExitStack() as stack:
        for sock in sockets:
            stack.enter_context(sock)
        assert {sock.getsockname() for sock in sockets} == {("127.0.0.1", port)}
        taken: set[int] = set()
        for _ in range(400):
            with socket.create_connection(("127.0.0.1", port)):
                for index, sock in enumerate(sockets):
                    with contextlib.suppress(BlockingIOError):
                        sock.accept()[0].close()
                        taken.add(index)
        assert taken == {0, 1, 2}


def test_a_port_of_another_program_is_refused_even_when_it_would_share() -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(StateError, match="in use") as refusal:
            bind(Address("127.0.0.1", other.getsockname()[1]), count=2, option="--listen")
    assert "--listen" in refusal.value.remedy


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(StateError, match="not an address to listen on"):
        bind(Address("192.0.2.1", 0), count=1, option="--listen")


def test_a_unix_socket_is_named_by_a_path_of_at_most_107_bytes() -> None:
    longest = "/" + "a" * (UNIX_PATH_BYTES_MAX - 1)
    assert parse_listen(f"unix:{longest}", option="--listen") == UnixAddress(Path(longest))
    assert parse_listen("127.0.0.1:80", option="--listen") == Address("127.0.0.1", 80)
    for wrong in ("unix:", f"unix:{longest}a", "unix"):
        with pytest.raises(UsageError, match="--listen is"):
            parse_listen(wrong, option="--listen")


def test_a_file_that_is_no_socket_is_not_removed_and_a_folder_must_exist(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    for path, says in (
        (tmp_path / "file", "is no socket"),
        (tmp_path / "none" / "s", "cannot be listened on"),
    ):
        with pytest.raises(StateError, match=says):
            bind(UnixAddress(path), count=1, option="--listen")
    assert (tmp_path / "file").read_text() == "precious"
