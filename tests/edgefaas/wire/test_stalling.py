"""A viewer who takes nothing of what was written is cut off, whatever else goes on for it; who takes it is not."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest
import uvloop

from edgefaas.message import Prepared, Request, Response
from edgefaas.wire import WireProtocol
from tests.edgefaas.wire.serving import BRISK, Serving, Viewer, read_body, serving

LOOPS: tuple[Callable[[Coroutine[Any, Any, None]], None], ...] = (asyncio.run, uvloop.run)
BODY = bytes(60_000)  # of an answer that the transport takes whole, and asks nobody to pause for
SETTINGS = replace(BRISK, write_stall_timeout_s=0.1, keep_alive_timeout_s=0.2)
LENGTH = 16_000_000  # more than any socket holds


def inline(request: Request) -> Prepared | None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n" % len(BODY)
    return Prepared(head, BODY) if request.path == "/inline" else None


async def answer(_: Request) -> Response:
    return Response(status=200, body=BODY)


def connections(served: Serving) -> list[WireProtocol]:
    return [one for one in served.state.connections if isinstance(one, WireProtocol)]


async def stalling(served: Serving) -> Viewer:
    """Return a viewer whose window is almost nothing, and who reads nothing."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", served.port))
    viewer = Viewer(*await asyncio.open_connection(sock=sock, limit=64))
    viewer.writer.transport.pause_reading()  # type: ignore[attr-defined]  # typed as the half that writes
    served.viewers.append(viewer)
    await served.until(lambda: bool(served.state.connections))
    lent = served.connection().transport.get_extra_info("socket")
    lent.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
    return viewer


@pytest.mark.parametrize("run", LOOPS)
@pytest.mark.parametrize("fields", [b"Connection: close\r\n", b""])
@pytest.mark.parametrize("target", [b"/task", b"/inline"])
def test_who_does_not_take_the_rest_of_an_answer_is_cut_off(run: Any, fields: bytes, target: bytes) -> None:
    async def main() -> None:
        async with serving(answer, SETTINGS) as served:
            served.side.inline = inline  # type: ignore[method-assign]
            viewer = await stalling(served)
            await viewer.send(b"GET %b HTTP/1.1\r\nHost: a\r\n%b\r\n" % (target, fields))
            await served.until(lambda: bool(served.side.exchanges))
            await served.until(lambda: not served.state.connections)

    run(main())


@pytest.mark.parametrize("run", LOOPS)
def test_a_request_behind_answers_that_nobody_takes_frees_nobody_of_the_deadline(run: Any) -> None:
    async def main() -> None:
        async with serving(answer, SETTINGS) as served:
            served.side.inline = inline  # type: ignore[method-assign]
            viewer = await stalling(served)
            many = b"GET /inline HTTP/1.1\r\nHost: a\r\n\r\n" * 64
            await viewer.send(many + b"GET /task HTTP/1.1\r\nHost: a\r\n\r\n")
            await served.until(lambda: bool(served.side.exchanges))
            await served.until(lambda: not served.state.connections)

    run(main())


def two_way(*, reads: bool) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    """Return who answers at length before it asks for the body, or without asking."""

    async def answering(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(LENGTH // 1_000_000):
                yield bytes(1_000_000)
            if reads:
                yield await read_body(request)

        return Response(status=200, body=pieces())

    return answering


POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"


@pytest.mark.parametrize("run", LOOPS)
def test_the_end_of_a_body_frees_nobody_of_taking_the_answer(run: Any) -> None:
    async def main() -> None:
        async with serving(two_way(reads=False), SETTINGS) as served:
            viewer = await stalling(served)
            await viewer.send(POST)
            await served.until(lambda: all(one._writable is not None for one in connections(served)))
            with contextlib.suppress(ConnectionError):  # on a machine so busy that it is cut off already
                await viewer.send(b"abc")
            await served.until(lambda: not served.state.connections)

    run(main())


@pytest.mark.parametrize("run", LOOPS)
def test_taking_the_answer_frees_nobody_of_sending_the_body(run: Any) -> None:
    async def main() -> None:
        settings = replace(BRISK, body_idle_timeout_s=0.2)
        async with serving(two_way(reads=True), settings) as served:
            octets = await served.exchange(POST)
            assert octets.startswith(b"HTTP/1.1 200 ")
            await served.until(lambda: not served.state.connections)
            assert served.side.exchanges[0].aborted

    run(main())


@pytest.mark.parametrize("run", LOOPS)
def test_who_takes_its_time_gets_the_rest_of_a_connection_that_closes(run: Any) -> None:
    async def main() -> None:
        async with serving(answer, replace(BRISK, keep_alive_timeout_s=0.05)) as served:
            served.side.inline = inline  # type: ignore[method-assign]
            viewer = await stalling(served)
            await viewer.send(b"GET /inline HTTP/1.1\r\nHost: a\r\n\r\n")
            await served.until(lambda: served.connection().transport.is_closing())
            viewer.writer.transport.resume_reading()  # type: ignore[attr-defined]
            assert (await viewer.rest()).endswith(BODY)

    run(main())
