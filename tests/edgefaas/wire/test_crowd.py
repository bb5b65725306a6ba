"""Many viewers who come at once are let in within a few turns of the loop."""

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import uvicorn
import uvloop

from edgefaas.listen import Address, UnixAddress, bind
from edgefaas.listeners import Inherited, Listeners
from edgefaas.site import Site
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
