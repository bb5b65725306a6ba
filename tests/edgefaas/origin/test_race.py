"""Happy eyeballs: a dead address does not delay the living one by more than a moment."""

import asyncio
import socket

import pytest
import uvloop

from edgefaas.errors import OriginError
from edgefaas.origin.connect import Endpoint, open_connection
from edgefaas.origin.dns import Resolver


class FixedResolver(Resolver):
    """Knows one name only."""

    def __init__(self, *addresses: str) -> None:
        super().__init__()
        self.addresses = addresses

    async def resolve(self, host: str) -> tuple[str, ...]:
        return self.addresses


class Connected(asyncio.Protocol):
    """Keeps its transport."""

    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]


async def connect(port: int, *addresses: str) -> str:
    endpoint = Endpoint("http", "o", port, "o", "")
    protocol = await open_connection(
        Connected, endpoint, resolver=FixedResolver(*addresses), tls=None, timeout_s=5.0
    )
    peer = str(protocol.transport.get_extra_info("peername")[0])
    protocol.transport.abort()
    return peer


@pytest.mark.slow
def test_the_next_address_is_tried_when_one_refuses_or_does_not_answer() -> None:
    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.2", 0)
        port = server.sockets[0].getsockname()[1]
        assert await connect(port, "127.0.0.3", "127.0.0.2") == "127.0.0.2"
        full = socket.create_server(("127.0.0.4", port), backlog=0)  # takes one connection, answers no more
        held = [socket.socket() for _ in range(3)]
        for sock in held:
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.4", port))
        assert await connect(port, "127.0.0.4", "127.0.0.2") == "127.0.0.2"
        for sock in (*held, full):
            sock.close()
        server.close()
        await server.wait_closed()

    uvloop.run(main())


def test_it_fails_when_all_addresses_refuse() -> None:
    with pytest.raises(OriginError, match="cannot be connected to"):
        uvloop.run(connect(1, "127.0.0.2", "127.0.0.3"))


def test_an_answer_of_the_resolver_is_kept_and_used_when_the_name_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        resolver = Resolver()
        assert "127.0.0.1" in await resolver.resolve("localhost")
        first, second = await asyncio.gather(resolver.resolve("127.0.0.9"), resolver.resolve("127.0.0.9"))
        assert first == second == ("127.0.0.9",)
        resolver._known["gone.invalid"] = (-1000.0 + asyncio.get_running_loop().time(), ("127.0.0.8",))
        assert await resolver.resolve("gone.invalid") == ("127.0.0.8",)
        with pytest.raises(OriginError, match="does not resolve"):
            await resolver.resolve("never.invalid")

    uvloop.run(main())
