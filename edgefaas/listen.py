"""Listening sockets, bound by the supervisor before any worker starts, and held while it lives.

One socket per worker, all on one port (SO_REUSEPORT). One socket shared by all was measured and spreads
badly: of 32 connections one worker of four got 29 to 32; with a socket each the largest share was 10 to 17.
The supervisor keeps every socket open, so what arrives while a worker is replaced waits in its queue.
A Unix socket cannot be bound twice: there all workers share one.
"""

import contextlib
import errno
import re
import socket
import stat
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TypeVar

from edgefaas.errors import StateError, UsageError

BACKLOG = 2048
UNIX_PATH_BYTES_MAX = 107  # sun_path of unix(7), with its final zero
_PORT_MAX = 65_535
_UNIX = "unix:"
_ADDRESS = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^:\[\]]*)):(?P<port>[0-9]{1,5})\Z")


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen. Port 0 lets the kernel choose."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """Return it as an http address."""
        return f"http://{self._authority}"

    @property
    def secure_url(self) -> str:
        """Return it as an https address."""
        return f"https://{self._authority}"

    @property
    def _authority(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """A Unix socket to listen on, for a proxy on this machine."""

    path: Path

    @property
    def url(self) -> str:
        """Return it as ``unix:PATH``."""
        return f"{_UNIX}{self.path}"


def parse_listen(text: str, *, option: str) -> Address | UnixAddress:
    """Return the address of ``HOST:PORT``, ``[V6]:PORT`` or ``unix:PATH``. Raises UsageError."""
    if not text.startswith(_UNIX):
        return parse_address(text, option=option)
    path = Path(text.removeprefix(_UNIX)).absolute()
    length = len(bytes(path))
    if text == _UNIX or length > UNIX_PATH_BYTES_MAX:
        raise UsageError(
            f'{option} is "{text}", whose path has {length} bytes; 1 to {UNIX_PATH_BYTES_MAX} are possible',
            remedy=f"Write for example {option} unix:/run/edgefaas.sock.",
        )
    return UnixAddress(path)


def parse_address(text: str, *, option: str) -> Address:
    """Return the address of ``HOST:PORT`` or ``[V6]:PORT``. Raises UsageError naming ``option``."""
    match = _ADDRESS.match(text)
    if match is None or int(match["port"]) > _PORT_MAX:
        raise UsageError(
            f'{option} is "{text}", not HOST:PORT', remedy=f"Write for example {option} 127.0.0.1:8080."
        )
    return Address(match["v6"] or match["host"] or "127.0.0.1", int(match["port"]))


def bind(address: Address | UnixAddress, *, count: int, option: str) -> list[socket.socket]:
    """Return ``count`` listening sockets on one port, or as many descriptors of one Unix socket.

    Raises StateError: the port is in use, needs more rights, or the host is not of this machine.
    """
    if isinstance(address, UnixAddress):
        return _bind_unix(address, count, option)
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


def _bind_unix(address: UnixAddress, count: int, option: str) -> list[socket.socket]:
    path = address.path
    sock: socket.socket | None = None
    try:
        _clear(path, option)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.bind(str(path))
        path.chmod(0o666)  # as a port of this machine: who may come in is for the folder's rights to say
        sock.listen(BACKLOG)
        sock.settimeout(0)
    except OSError as error:
        if sock is not None:
            sock.close()
        raise StateError(
            f"{path} cannot be listened on: {error.strerror or error}",
            remedy=f"Give {option} a path in a folder that exists and that you may write to.",
        ) from None
    return [sock, *(sock.dup() for _ in range(count - 1))]


def _clear(path: Path, option: str) -> None:
    """Remove the socket of a program that has ended. Raises StateError for one that is in use, or no socket."""
    try:
        kind = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(kind):
        raise StateError(f"{path} exists and is no socket", remedy=f"Choose another path with {option}.")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
    raise StateError(
        f"{path} is in use by another program",
        remedy=f"Stop that program, or choose another path with {option}.",
    )


def withdraw(address: Address | UnixAddress) -> None:
    """Remove what listening on the address leaves behind."""
    if isinstance(address, UnixAddress):
        with contextlib.suppress(OSError):
            address.path.unlink()


def is_loopback(address: Address) -> bool:
    """Say whether only this machine can reach the address."""
    try:
        return ip_address(address.host).is_loopback
    except ValueError:
        return address.host == "localhost"


Bound = TypeVar("Bound", Address, UnixAddress, Address | UnixAddress)


def bound_address(address: Bound, sock: socket.socket) -> Bound:
    """Return the address with the port that the kernel chose."""
    return Address(address.host, sock.getsockname()[1]) if isinstance(address, Address) else address


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
