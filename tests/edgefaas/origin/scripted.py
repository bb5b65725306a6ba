"""An origin that sends exactly the octets a test wants, over real sockets."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from edgefaas.message import Request, Response
from edgefaas.origin import OriginClient, PoolLimits
from edgefaas.site import UrlOrigin

DEADLINE_S = 20.0
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Script = Callable[["OriginSide"], Awaitable[None]]


class OriginSide:
    """One connection as the origin sees it; ``number`` counts from 0."""

    def __init__(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.number, self.reader, self.writer = number, reader, writer

    async def head(self) -> bytes:
        return await self.reader.readuntil(b"\r\n\r\n")

    async def send(self, octets: bytes) -> None:
        self.writer.write(octets)
        await self.writer.drain()

    async def answer(self, octets: bytes) -> bytes:
        """Read one bodiless request, send ``octets``; return the request's head."""
        head = await self.head()
        await self.send(octets)
        return head

    async def closed(self) -> None:
        """Wait until the client has closed."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(65536):
                pass


class Origin:
    """A listening origin and a client for it."""

    def __init__(self, port: int, client: OriginClient) -> None:
        self.port, self.client = port, client
        self.connections_count = 0
        self.closed_count = 0
        self.site_origin = self.described()

    def described(self, **changes: object) -> UrlOrigin:
        return UrlOrigin(name="app", url=f"http://127.0.0.1:{self.port}", **changes)  # type: ignore[arg-type]

    async def fetch(self, request: Request | None = None, **changes: object) -> Response:
        origin = self.described(**changes) if changes else self.site_origin
        return await self.client.fetch(origin, request or Request(method="GET", path="/"))

    async def get(self, **changes: object) -> bytes:
        return await body_of(await self.fetch(None, **changes))

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():  # the condition is the client's, which has no event
            await asyncio.sleep(0.005)


async def body_of(response: Response) -> bytes:
    if isinstance(response.body, bytes):
        return response.body
    return b"".join([piece async for piece in response.body])


@contextlib.asynccontextmanager
async def scripted(script: Script, limits: PoolLimits | None = None) -> AsyncIterator[Origin]:
    """Run an origin whose every connection follows ``script``, then closes."""
    origin: Origin
    failures: list[BaseException] = []
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        number = origin.connections_count
        origin.connections_count += 1
        try:
            await script(OriginSide(number, reader, writer))
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        except BaseException as failure:
            failures.append(failure)
        finally:
            origin.closed_count += 1
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    client = OriginClient(limits=limits)
    origin = Origin(server.sockets[0].getsockname()[1], client)
    try:
        async with asyncio.timeout(DEADLINE_S):
            yield origin
    finally:
        await client.close()
        server.close()
        for task in list(tasks):
            task.cancel()
        while tasks:
            await asyncio.sleep(0.002)
        await server.wait_closed()
    assert not failures, failures
