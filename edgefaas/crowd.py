"""Viewers who come many at once: let in within a few turns of the loop, or turned away for little. A thin shell.

Who comes when all connections are taken gets 503 and ``Retry-After`` (RFC 9110, 15.6.4) without a connection being made
of it. Those who come back at once would still use up the core, for which viewers who are served pay; so turning away
gets ``SHARE`` of the time, and the kernel holds the others meanwhile.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from time import perf_counter
from typing import Any

from uvicorn.server import ServerState

from edgefaas.background import Background
from edgefaas.contract import Exchange
from edgefaas.message import Prepared, Request
from edgefaas.wire import WireProtocol, http_date
from edgefaas.wire.connection import UNREAD_BYTES, forget_unread, no_room
from edgefaas.wire.render import prepare, refusal

ACCEPTED_A_TURN = 512
REFUSED_A_TURN = 32  # half a millisecond
SHARE = 0.1
NO_ROOM = 503
NOWHERE = ("127.0.0.1", 0)  # as for any viewer of a Unix socket


class Door:
    """Knows whether there is room for one more connection, and turns away who finds none.

    ``state`` holds the connections of the server, ``protocol`` the limit and the viewer side, who takes note.
    """

    def __init__(self, state: ServerState, protocol: type[WireProtocol]) -> None:
        self._state = state
        self._protocol = protocol
        self._made_for = ("", 0)
        self._said = Prepared(b"", b"")

    def is_full(self, coming: int) -> bool:
        """Return whether all connections are taken; so many are about to be."""
        return len(self._state.connections) + coming >= self._protocol.settings.connections_max

    def turn_away(self, viewer: socket.socket, peer: tuple[str, int]) -> None:
        """Answer 503, whatever was asked, and close."""
        with viewer, contextlib.suppress(OSError):  # it left, or nothing has come from it yet
            viewer.send(self.noted(peer))
            viewer.shutdown(socket.SHUT_WR)
            viewer.recv(UNREAD_BYTES)  # see forget_unread

    def noted(self, peer: tuple[str, int]) -> bytes:
        """Return the octets of the answer to who is turned away, as noted by this."""
        wanted = http_date(), self._protocol.settings.connections_max
        if self._made_for != wanted:
            error = no_room(wanted[1])
            response = refusal(error.status_code, str(error))
            self._made_for, self._said = wanted, prepare(response, method="GET", date=wanted[0])
        said = self._said
        self._state.total_requests += 1
        request = Request(method="", path="", viewer_ip=peer[0], viewer_port=peer[1])
        self._protocol.viewer_side.finished(
            Exchange(request=request, status=NO_ROOM, body_bytes=len(said.body), took_s=0.0, head=said.head)
        )
        return b"%bConnection: close\r\n\r\n%b" % (said.head, said.body)


class TurnedAway(asyncio.Protocol):
    """The end of a connection that was made before anybody could say that there is no room for it."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def connection_made(self, transport: Any) -> None:  # uvloop's is no asyncio.WriteTransport
        """Answer and close."""
        peer = transport.get_extra_info("peername")
        transport.write(self._door.noted(peer[:2] if isinstance(peer, tuple) else NOWHERE))
        forget_unread(transport)
        transport.close()


class Crowd:
    """Takes the viewers who wait behind the first of a turn of the loop.

    libuv accepts one connection of a listening socket in each turn (since 1.46). Under load a turn is long, so that few
    new viewers a second would be let in and the others wait for seconds. ``door`` is None where a refusal needs a
    handshake first: then the connection itself refuses.
    """

    def __init__(
        self,
        sock: socket.socket,
        protocol: Callable[[], asyncio.Protocol],
        door: Door | None,
        context: ssl.SSLContext | None = None,
        timeout_s: float | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._sock = sock
        self._sock.settimeout(0)
        self._protocol = protocol
        self._door = door
        self._context = context
        self._timeout_s = timeout_s
        self._background = Background()
        self._rest: asyncio.TimerHandle | None = None
        self._listen()

    def _listen(self) -> None:
        self._rest = None
        self._loop.add_reader(self._sock.fileno(), self._accept)

    def _accept(self) -> None:
        refused, began_s = 0, perf_counter()
        for _ in range(ACCEPTED_A_TURN):
            try:
                viewer, address = self._sock.accept()
            except OSError:  # nobody waits; or they left, or files have run out: the server says so
                break
            viewer.settimeout(0)
            if self._door is not None and self._door.is_full(len(self._background)):
                self._door.turn_away(viewer, address[:2] if isinstance(address, tuple) else NOWHERE)
                refused += 1
                if refused == REFUSED_A_TURN:
                    break
                continue
            if viewer.family != socket.AF_UNIX:
                viewer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._background.start(self._connect(viewer), name="viewer")
        if refused:
            self._loop.remove_reader(self._sock.fileno())
            self._rest = self._loop.call_later((perf_counter() - began_s) * (1 / SHARE - 1), self._listen)

    async def _connect(self, viewer: socket.socket) -> None:
        with contextlib.suppress(OSError):  # it left, or its handshake failed
            await self._loop.connect_accepted_socket(
                self._protocol, viewer, ssl=self._context, ssl_handshake_timeout=self._timeout_s
            )

    def close(self) -> None:
        """Take no more."""
        if self._rest is not None:
            self._rest.cancel()
        else:
            self._loop.remove_reader(self._sock.fileno())
        self._sock.close()
