"""A small viewer side, a server around it, and a viewer who speaks octets."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

from uvicorn.server import ServerState

from edgefaas.contract import Exchange, ViewerSide
from edgefaas.message import Headers, Prepared, Request, Response
from edgefaas.wire import WireProtocol, WireSettings, bind

Answer = Callable[[Request], Awaitable[Response]]
DEADLINE_S = 20.0
BRISK = WireSettings(tick_s=0.02, linger_timeout_s=0.05)


async def read_body(request: Request) -> bytes:
    if isinstance(request.body, bytes):
        return request.body
    return b"".join([piece async for piece in request.body])


async def echo(request: Request) -> Response:
    body = await read_body(request)
    return Response(status=200, headers=Headers([("X-Target", request.target)]), body=body)


class FakeViewerSide:
    """Answers ``/inline...`` inline with its path, everything else with ``answer``."""

    def __init__(self, answer: Answer = echo) -> None:
        self.requests: list[Request] = []
        self.exchanges: list[Exchange] = []
        self._answer = answer

    def inline(self, request: Request) -> Prepared | None:
        if not request.path.startswith("/inline"):
            return None
        self.requests.append(request)
        body = b"" if request.method == "HEAD" else request.path.encode()
        head = b"HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: %d\r\n"
        return Prepared(head % len(request.path), body)

    async def answer(self, request: Request) -> Response:
        self.requests.append(request)
        return await self._answer(request)

    def finished(self, exchange: Exchange) -> None:
        self.exchanges.append(exchange)


_: type[ViewerSide] = FakeViewerSide


class Viewer:
    """One connection to the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, octets: bytes) -> None:
        self.writer.write(octets)
        await self.writer.drain()

    async def head(self) -> bytes:
        return await self.reader.readuntil(b"\r\n\r\n")

    async def response(self, *, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
        """Read one response framed by Content-Length or chunked; names in lower case."""
        lines = (await self.head()).decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        fields = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:] if line)}
        if method == "HEAD" or status in (204, 304) or status < 200:
            return status, fields, b""
        if fields.get("transfer-encoding") == "chunked":
            return status, fields, await self.chunked()
        if "content-length" in fields:
            return status, fields, await self.reader.readexactly(int(fields["content-length"]))
        return status, fields, await self.reader.read()

    async def chunked(self) -> bytes:
        pieces = []
        while size := int(await self.reader.readline(), 16):
            pieces.append(await self.reader.readexactly(size))
            assert await self.reader.readexactly(2) == b"\r\n"
        assert await self.reader.readexactly(2) == b"\r\n"
        return b"".join(pieces)

    async def rest(self) -> bytes:
        """Read until the server closes; a reset counts."""
        octets = b""
        with contextlib.suppress(ConnectionError):
            while piece := await self.reader.read(65536):
                octets += piece
        return octets

    def close(self) -> None:
        self.writer.close()


class Serving:
    """A listening server; ``state`` is what uvicorn would count in."""

    def __init__(self, port: int, state: ServerState, side: FakeViewerSide) -> None:
        self.port, self.state, self.side = port, state, side
        self.viewers: list[Viewer] = []

    async def viewer(self) -> Viewer:
        viewer = Viewer(*await asyncio.open_connection("127.0.0.1", self.port))
        self.viewers.append(viewer)
        return viewer

    def connection(self) -> WireProtocol:
        """Return the server's end of the only connection."""
        (connection,) = self.state.connections
        assert isinstance(connection, WireProtocol)
        return connection

    async def exchange(self, octets: bytes) -> bytes:
        """Send octets on a connection of their own and read until the server closes."""
        viewer = await self.viewer()
        await viewer.send(octets)
        return await viewer.rest()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def serving(
    answer: Answer = echo, settings: WireSettings | None = None, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Serving]:
    side = FakeViewerSide(answer)
    protocol: type[WireProtocol] = bind(side, settings or BRISK)
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: protocol(None, state), "127.0.0.1", 0, ssl=tls)
    served = Serving(server.sockets[0].getsockname()[1], state, side)
    try:
        async with asyncio.timeout(DEADLINE_S):
            yield served
    finally:
        for viewer in served.viewers:
            viewer.close()
        server.close()
        for connection in list(state.connections):
            connection.transport.abort()
        async with asyncio.timeout(DEADLINE_S):
            while state.connections or state.tasks:
                await asyncio.sleep(0.002)
        await server.wait_closed()
