"""A POP in front of an origin whose connections follow a script, octet by octet."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from tests.edgefaas.live import Pop, pop

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

SITE = """
[site]
hosts = ["*"]
[origins.app]
url = "http://127.0.0.1:{port}"
first_byte_timeout = 0.5
idle_timeout = 0.5
[[behaviors]]
path = "*"
origin = "app"
{more}
"""


@asynccontextmanager
async def scripted_pop(script: Script, folder: Path, more: str = "") -> AsyncIterator[Pop]:
    """Serve a site; each connection to its origin follows ``script``, then closes. ``more`` is TOML."""
    tasks: set[asyncio.Task[None] | None] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        tasks.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await script(reader, writer)
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        async with pop(SITE.format(port=port, more=more), folder) as served:
            yield served
    finally:
        server.close()
        for task in tuple(tasks):
            if task is not None:
                task.cancel()
