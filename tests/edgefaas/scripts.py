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
    tasks: set[asyncio.Task[None]] = set()

    async def follow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await script(reader, writer)
        finally:
            writer.close()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task of asyncio's own would have its cancellation below told as an error.
        task = asyncio.get_running_loop().create_task(follow(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        async with pop(SITE.format(port=port, more=more), folder) as served:
            yield served
    finally:
        server.close()
        left = tuple(tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
