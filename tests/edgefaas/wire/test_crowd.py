"""Many viewers who come at once are let in within a few turns of the loop, or turned away at once."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
import uvloop

from edgefaas.listen import Address, UnixAddress, bind
from edgefaas.listeners import Inherited, Listeners
from edgefaas.site import ListenPolicy, Site
from tests.edgefaas.wire.serving import FakeViewerSide

CROWD = 200
TURNS_MAX = 40  # one viewer a turn, as libuv has it, would take CROWD

Connect = Callable[[socket.socket], socket.socket]


def over_tcp(listening: socket.socket) -> socket.socket:
    return socket.create_connection(listening.getsockname())


def over_unix(listening: socket.socket) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(listening.getsockname())
    return sock


@pytest.mark.parametrize("connect", [over_tcp, over_unix])
def test_a_crowd_does_not_wait_for_one_turn_of_the_loop_each(tmp_path: Path, connect: Connect) -> None:
    address = Address("127.0.0.1", 0) if connect is over_tcp else UnixAddress(tmp_path / "s")

    async def main() -> None:
        (listening,) = bind(address, count=1, option="--listen")
        viewers = [connect(listening) for _ in range(CROWD)]
        server = uvicorn.Server(uvicorn.Config("unused:app", lifespan="off", log_config=None))
        server.servers = []
        listeners = Listeners(FakeViewerSide(), Inherited(listening), Site(name="demo"))
        await listeners.open(server)
        connections = server.server_state.connections
        for _ in range(TURNS_MAX):
            await asyncio.sleep(0.001)
        assert len(connections) == CROWD
        for viewer in viewers:
            viewer.sendall(b"GET /inline HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n")
        async with asyncio.timeout(20):
            while connections:
                await asyncio.sleep(0.005)
        for viewer in viewers:
            assert viewer.recv(4096).startswith(b"HTTP/1.1 200")
            viewer.close()
        listeners.close()
        server.servers[0].close()

    uvloop.run(main())


ASKS = b"GET /inline HTTP/1.1\r\nHost: a.example\r\n\r\n"
ROOM = 20


@asynccontextmanager
async def listening_to(connections_max: int) -> AsyncIterator[tuple[Address, FakeViewerSide, uvicorn.Server]]:
    (listening,) = bind(Address("127.0.0.1", 0), count=1, option="--listen")
    server = uvicorn.Server(uvicorn.Config("unused:app", lifespan="off", log_config=None))
    server.servers = []
    side = FakeViewerSide()
    site = Site(name="demo", listening=ListenPolicy(connections_max=connections_max))
    listeners = Listeners(side, Inherited(listening), site)
    await listeners.open(server)
    try:
        yield Address(*listening.getsockname()), side, server
    finally:
        listeners.close()
        server.servers[0].close()
        for connection in list(server.server_state.connections):
            connection.shutdown()
        async with asyncio.timeout(20):
            while server.server_state.connections:
                await asyncio.sleep(0.005)


async def read_whole(sock: socket.socket) -> bytes:
    """Return one answer with a Content-Length, or what comes until the end."""
    octets, loop = b"", asyncio.get_running_loop()
    async with asyncio.timeout(20):
        while piece := await loop.sock_recv(sock, 4096):
            octets += piece
            head, end, body = octets.partition(b"\r\n\r\n")
            if end and head.startswith(b"HTTP/1.1 200") and body:
                break
    return octets


@pytest.mark.parametrize("loop", [uvloop.run, asyncio.run])
def test_who_finds_all_connections_taken_is_told_so_at_once(
    loop: Callable[[Coroutine[Any, Any, None]], None],
) -> None:
    async def main() -> None:
        async with listening_to(ROOM) as (address, side, server):
            viewers = []
            for _ in range(5 * ROOM):
                viewer = socket.create_connection((address.host, address.port))
                viewer.sendall(ASKS)
                viewer.setblocking(False)
                viewers.append(viewer)
            answers = [await read_whole(viewer) for viewer in viewers]
            served = [answer for answer in answers if answer.startswith(b"HTTP/1.1 200")]
            refused = [answer for answer in answers if answer.startswith(b"HTTP/1.1 503")]
            assert (len(served), len(refused)) == (ROOM, 4 * ROOM)
            for answer in refused:
                head, _, body = answer.partition(b"\r\n\r\n")
                assert {b"Retry-After: 1", b"Connection: close", b"Content-Length: %d" % len(body)} <= set(
                    head.split(b"\r\n")
                )
                assert body.endswith(b"All %d connections are taken.\n" % ROOM)
            noted = [exchange for exchange in side.exchanges if exchange.status == 503]
            assert len(noted) == 4 * ROOM
            assert {exchange.request.viewer_ip for exchange in noted} == {"127.0.0.1"}
            for viewer in viewers:
                viewer.close()
            async with asyncio.timeout(20):  # their places are free again
                while server.server_state.connections:
                    await asyncio.sleep(0.005)
            with socket.create_connection((address.host, address.port)) as late:
                late.setblocking(False)
                await asyncio.get_running_loop().sock_sendall(late, ASKS)
                assert (await read_whole(late)).startswith(b"HTTP/1.1 200")

    loop(main())
