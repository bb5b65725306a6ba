"""What strangers send to the admin port before anybody has asked them for a token."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from edgefaas.control import front_door
from edgefaas.control.front_door import HEAD_BYTES_MAX, FrontDoor
from edgefaas.listen import Address, bind

Use = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
START = b"GET / HTTP/1.1\r\nHost: a\r\nX-Long: "


async def _app(_scope: Scope, receive: Receive, send: Send) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def asked(use: Use) -> None:
    async def main() -> None:
        config = uvicorn.Config(_app, http=FrontDoor, ws="none", lifespan="off", log_config=None)
        server = uvicorn.Server(config)
        (sock,) = bind(Address("127.0.0.1", 0), count=1, option="--admin")
        async with asyncio.timeout(60):
            config.load()
            server.lifespan = config.lifespan_class(config)
            await server.startup(sockets=[sock])
            reader, writer = await asyncio.open_connection(*sock.getsockname())
            try:
                await use(reader, writer)
            finally:
                writer.close()
                await server.shutdown(sockets=[sock])

    asyncio.run(main())


def test_a_head_up_to_the_limit_is_waited_for_and_then_answered() -> None:
    async def use(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(START + b"a" * (HEAD_BYTES_MAX - len(START)))
        await writer.drain()
        writer.write(b"\r\n\r\n")
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 204")

    asked(use)


def test_a_head_without_end_is_refused_and_not_kept() -> None:
    """Every octet of it was kept, whoever sent it."""

    async def use(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(START + b"a" * (HEAD_BYTES_MAX - len(START) + 1))
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 431")
        assert b"over 65536 bytes" in answer

    asked(use)


def test_a_body_may_be_longer_and_what_stands_behind_it_may_not() -> None:
    async def use(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(8):
            writer.write(b"8000\r\n" + b"a" * 0x8000 + b"\r\n")
            await writer.drain()
        writer.write(b"0\r\nX-Behind: " + b"a" * 8 * HEAD_BYTES_MAX)
        with contextlib.suppress(ConnectionResetError):  # there was more than it read
            assert await reader.read() == b""

    asked(use)


def test_a_head_that_takes_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front_door, "HEAD_MAX_S", 0.05)

    async def use(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(START)
        assert (await reader.read()).startswith(b"HTTP/1.1 408")

    asked(use)


def test_an_answer_that_takes_long_is_no_head_that_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front_door, "HEAD_MAX_S", 0.05)

    async def use(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n")
        assert await _silence(reader)
        writer.write(b"a")
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 204")

    asked(use)


async def _silence(reader: asyncio.StreamReader) -> bool:
    try:
        async with asyncio.timeout(0.2):
            await reader.read(1)
    except TimeoutError:
        return True
    return False
