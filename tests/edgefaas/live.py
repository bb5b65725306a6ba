"""Real sockets for tests: a POP's app behind the wire, an origin that does as it is told, a plain client."""

import asyncio
import http.client
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from uvicorn import Config
from uvicorn.server import ServerState

from edgefaas.app import PopApp
from edgefaas.config import parse_site
from edgefaas.contract import LogLine, ViewerSide
from edgefaas.pretence import pretending
from edgefaas.site import Pretence
from edgefaas.tracing.spans import PlainSpan
from edgefaas.wire import bind


@dataclass(frozen=True, slots=True)
class Answer:
    """What the client got."""

    status: int
    headers: dict[str, str]
    body: bytes


def ask_now(
    port: int, path: str, *, method: str = "GET", headers: Mapping[str, str] | None = None, body: bytes = b""
) -> Answer:
    """Send one request with the standard library's client and read the whole answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, body=body or None, headers=dict(headers or {}))
        response = connection.getresponse()
        content = response.read()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, content)
    finally:
        connection.close()


async def ask(
    port: int, path: str, *, method: str = "GET", headers: Mapping[str, str] | None = None, body: bytes = b""
) -> Answer:
    """Ask from a thread, so that servers on this loop can answer."""
    return await asyncio.to_thread(ask_now, port, path, method=method, headers=headers, body=body)


async def ask_raw(port: int, path: str, *, fields: str = "") -> bytes:
    """Send a GET on a connection of its own and return everything until it closes; many at once are cheap."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n{fields}\r\n".encode())
        return await reader.read()
    finally:
        writer.close()


@dataclass
class Seen:
    """One request as the origin got it."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


Reply = Callable[[Seen], bytes]


@dataclass
class FakeOrigin:
    """An HTTP/1.1 server of raw octets: ``reply`` makes the whole response to each request."""

    reply: Reply
    port: int = 0
    gate: asyncio.Event | None = None  # answers wait for it, where there is one
    seen: list[Seen] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer until the peer closes."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, target, _ = head[0].split(" ")
                headers = {}
                for line in head[1:]:
                    if line:
                        name, _, value = line.partition(":")
                        headers[name.lower()] = value.strip()
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                if headers.get("transfer-encoding") == "chunked":
                    while size := int((await reader.readuntil(b"\n")).split(b";")[0], 16):
                        body += (await reader.readexactly(size + 2))[:-2]
                    await reader.readuntil(b"\n")
                seen = Seen(method, target, headers, body)
                self.seen.append(seen)
                if self.gate is not None:
                    await self.gate.wait()
                answer = self.reply(seen)
                if not answer:
                    return
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def reply(body: bytes | str = b"", status: str = "200 OK", **fields: str) -> bytes:
    """Return a whole response; ``fields`` are named with underscores for hyphens."""
    octets = body.encode() if isinstance(body, str) else body
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(octets)}\r\n{lines}\r\n".encode("latin-1") + octets


@asynccontextmanager
async def origin(replying: Reply) -> AsyncIterator[FakeOrigin]:
    """Serve an origin on a free port of loopback."""
    fake = FakeOrigin(replying)
    server = await asyncio.start_server(fake.serve, "127.0.0.1", 0)
    fake.port = server.sockets[0].getsockname()[1]
    try:
        yield fake
    finally:
        server.close()


@asynccontextmanager
async def serving(viewer_side: ViewerSide) -> AsyncIterator[int]:
    """Serve a viewer side behind the wire on a free port; yields the port."""
    protocol = bind(viewer_side)
    state = ServerState()
    config = Config("unused:app", lifespan="off", ws="none", log_config=None)
    server = await asyncio.get_running_loop().create_server(
        lambda: protocol(config, state, {}), "127.0.0.1", 0
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for connection in list(state.connections):
            connection.shutdown()
        await asyncio.sleep(0)


@dataclass
class Pop:
    """A POP's app, where it listens, what it logged, and the spans that it handed on."""

    app: PopApp
    port: int
    log: list[LogLine]
    spans: list[PlainSpan] = field(default_factory=list)

    async def ask(self, path: str, **options: object) -> Answer:
        """Ask this POP."""
        return await ask(self.port, path, **options)  # type: ignore[arg-type]


@asynccontextmanager
async def pop(site: str, folder: Path, *, pretence: Pretence | None = None) -> AsyncIterator[Pop]:
    """Serve the site (TOML text; relative paths from ``folder``) as one worker would, or as ``dev`` does."""
    log: list[LogLine] = []
    spans: list[PlainSpan] = []

    def take(batch: list[PlainSpan], _dropped: int) -> bool:
        spans.extend(batch)
        return True

    parsed = parse_site(site, folder=folder)
    app = PopApp(
        site=parsed if pretence is None else pretending(parsed, pretence),
        artifacts=folder / "artifacts",
        data=folder / "data",
        log=log.append,
        spans=take,
    )
    await app.start()
    try:
        async with serving(app) as port:
            yield Pop(app, port, log, spans)
    finally:
        await app.close()
