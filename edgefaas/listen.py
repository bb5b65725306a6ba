"""Listening sockets, bound by the supervisor before any worker starts, and held while it lives.

One socket per worker, all on one port (SO_REUSEPORT). One socket shared by all was measured and spreads
badly: of 32 connections one worker of four got 29 to 32; with a socket each the largest share was 10 to 17.
The supervisor keeps every socket open, so what arrives while a worker is replaced waits in its queue.
"""

import errno
import re
import socket
from dataclasses import dataclass
from ipaddress import ip_address

from edgefaas.errors import StateError, UsageError

BACKLOG = 2048
_PORT_MAX = 65_535
_ADDRESS = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^:\[\]]*)):(?P<port>[0-9]{1,5})\Z")


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen. Port 0 lets the kernel choose."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """Return it as an http address."""
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"


def parse_address(text: str, *, option: str) -> Address:
    """Return the address of ``HOST:PORT`` or ``[V6]:PORT``. Raises UsageError naming ``option``."""
    match = _ADDRESS.match(text)
    if match is None or int(match["port"]) > _PORT_MAX:
        raise UsageError(
            f'{option} is "{text}", not HOST:PORT', remedy=f"Write for example {option} 127.0.0.1:8080."
        )
    return Address(match["v6"] or match["host"] or "127.0.0.1", int(match["port"]))


def bind(address: Address, *, count: int, option: str) -> list[socket.socket]:
    """Return ``count`` listening sockets on one port.

    Raises StateError: the port is in use, needs more rights, or the host is not of this machine.
    """
    sockets: list[socket.socket] = []
    try:
        family, target = _resolve(address)
        # SO_REUSEPORT would let us join a stranger's port; a first bind without it finds out.
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(target)
            target = (target[0], probe.getsockname()[1])
        for _ in range(count):
            sock = socket.socket(family, socket.SOCK_STREAM)
            sockets.append(sock)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            sock.bind(target)
            sock.listen(BACKLOG)
            sock.settimeout(0)
    except OSError as error:
        for sock in sockets:
            sock.close()
        raise _refusal(address, error, option) from None
    return sockets


def is_loopback(address: Address) -> bool:
    """Say whether only this machine can reach the address."""
    try:
        return ip_address(address.host).is_loopback
    except ValueError:
        return address.host == "localhost"


def bound_address(address: Address, sock: socket.socket) -> Address:
    """Return the address with the port that the kernel chose."""
    return Address(address.host, sock.getsockname()[1])


def _resolve(address: Address) -> tuple[int, tuple[str, int]]:
    found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, target = found[0]
    return family, (str(target[0]), int(target[1]))


def _refusal(address: Address, error: OSError, option: str) -> StateError:
    where = f"{address.host}:{address.port}"
    if error.errno == errno.EADDRINUSE:
        return StateError(
            f"Port {address.port} of {address.host} is in use by another program",
            remedy=f"Stop that program, or choose another port with {option}.",
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return StateError(
            f"This user may not listen on {where}", remedy=f"Choose a port from 1024 on with {option}."
        )
    return StateError(
        f"{where} is not an address to listen on: {error.strerror or error}",
        remedy=f"Give {option} an address of this machine, such as 127.0.0.1:8080.",
    )
