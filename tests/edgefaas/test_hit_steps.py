"""What a hit costs does not depend on how much is stored, nor on how many behaviours there are.

Counted are the interpreter's instructions from the octets of a request to its answer, so that the machine's load does
not matter. What C code does inside one of them is not seen; ``benchmarks.hitcost`` measures that as CPU time.
"""

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from benchmarks.hitcost import Setting, fill, site_text
from edgefaas.app import PopApp
from edgefaas.config import parse_site
from edgefaas.wire import bind
from edgefaas.wire.protocol import WireProtocol

HOST = "a.example"
WARM_UPS = 5  # by then every memory of the connection and of the object has been made


@asynccontextmanager
async def served(setting: Setting, folder: Path) -> AsyncIterator[tuple[int, list[WireProtocol]]]:
    """Serve a filled POP; yields its port, and the connections as they are made."""
    app = PopApp(
        site=parse_site(site_text(setting), folder=folder),
        artifacts=folder / "artifacts",
        data=folder / "data",
        log=lambda _: None,
    )
    await app.start()
    await fill(app, HOST, setting.objects)
    protocol, config = bind(app), Config("unused:app", lifespan="off", ws="none", log_config=None)
    made: list[WireProtocol] = []

    def connection() -> WireProtocol:
        made.append(protocol(config, ServerState(), {}))
        return made[-1]

    server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], made
    finally:
        server.close()
        await app.close()


def counted(call: Callable[[], None]) -> int:
    """Return how many instructions of the interpreter a call takes."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Callable[..., Any]:
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    gc.disable()  # whoever listens for collections, as hypothesis does, would be counted
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
        gc.enable()
    return count


async def steps_of_a_hit(setting: Setting, folder: Path, *, asked_before: int) -> int:
    """Return how many instructions the last stored object's answer takes, asked for the first time or again."""
    head = f"GET /o/{setting.objects - 1} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
    async with served(setting, folder) as (port, made):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)

        async def answered() -> None:
            said = await reader.readuntil(b"\r\n\r\n")
            assert said.startswith(b"HTTP/1.1 200 OK\r\n")
            assert b"X-Cache: Hit from edgefaas" in said
            await reader.readexactly(1_024)

        for _ in range(asked_before):
            writer.write(head)
            await answered()
        steps = counted(lambda: made[0].data_received(head))
        await answered()
        writer.close()
        return steps


FEW = Setting(name="few", objects=100)
OBJECTS = replace(FEW, name="objects", objects=10_000)
BEHAVIOURS = replace(FEW, name="behaviours", behaviours=1_000)


@pytest.mark.slow
@pytest.mark.parametrize("asked_before", [0, WARM_UPS])
def test_a_hit_takes_no_more_steps_among_many_objects_or_behaviours(
    asked_before: int, tmp_path: Path
) -> None:
    steps = []
    for setting in (FEW, OBJECTS, BEHAVIOURS):
        folder = tmp_path / setting.name
        folder.mkdir()
        steps.append(asyncio.run(steps_of_a_hit(setting, folder, asked_before=asked_before)))
    few, objects, behaviours = steps
    assert few == objects > 0
    assert behaviours <= few * 1.1
