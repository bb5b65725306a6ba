"""The servers of a POP sleep while nothing happens: they end when they are told, and date what they answer."""

import asyncio
import socket
import time

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from edgefaas.background import Background
from edgefaas.cache import parse_http_date
from edgefaas.quiet import QuietServer
from tests.edgefaas.live import ask


def made(http: str) -> QuietServer:
    app = Starlette(routes=[Route("/", lambda _: PlainTextResponse("here"))])
    return QuietServer(
        uvicorn.Config(
            app,
            http=http,
            ws="none",
            lifespan="off",
            log_config=None,
            headers=[("X-Ours", "yes")],
            server_header=False,
        )
    )


@pytest.mark.parametrize("http", ["httptools", "h11"])
def test_a_server_dates_each_answer_and_ends_when_it_is_told(http: str) -> None:
    async def main() -> None:
        server = made(http)
        background = Background()
        with socket.create_server(("127.0.0.1", 0)) as listening:
            serving = background.start(server.serve(sockets=[listening]))
            async with asyncio.timeout(30):
                before_s = int(time.time())  # noqa: TID251 # to compare with
                answer = await ask(listening.getsockname()[1], "/")
                dated_s = parse_http_date(answer.headers["date"])
                assert dated_s is not None
                assert before_s <= dated_s <= time.time()  # noqa: TID251
                assert (answer.body, answer.headers["x-ours"]) == (b"here", "yes")
                assert "server" not in answer.headers
                assert not server.should_exit
                server.should_exit = True
                await serving

    asyncio.run(main())


def test_a_server_that_is_told_before_it_begins_ends_at_once() -> None:
    async def main() -> None:
        server = made("httptools")
        server.should_exit = True
        async with asyncio.timeout(30):
            await server.serve(sockets=[])

    asyncio.run(main())


def test_a_server_that_waits_has_no_timer() -> None:
    async def main() -> int:
        server = made("httptools")
        background = Background()
        serving = background.start(server.serve(sockets=[]))
        async with asyncio.timeout(30):
            while not server.started:
                await asyncio.sleep(0)
            for _ in range(10):
                await asyncio.sleep(0)
        timers = [handle for handle in asyncio.get_running_loop()._scheduled if not handle.cancelled()]  # type: ignore[attr-defined]
        server.should_exit = True
        await serving
        return len(timers)

    assert asyncio.run(main()) == 0
