"""WebSocket: the handshake passes, then octets do, both ways and in any amount; SSE needs nothing special."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import uvloop

from edgefaas.message import Headers, Request, Response
from edgefaas.origin import OriginClient
from edgefaas.site import UrlOrigin
from tests.edgefaas.origin.scripted import Origin, OriginSide, Script, scripted
from tests.edgefaas.wire.serving import Serving, serving

HANDSHAKE = (
    b"GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
SWITCHED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)


async def echoing(side: OriginSide) -> None:
    head = await side.answer(SWITCHED + b"hello")
    assert b"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" in head
    assert b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==" in head
    while piece := await side.reader.read(65536):
        await side.send(piece)


async def refusing(side: OriginSide) -> None:
    await side.answer(b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno")
    await side.closed()


@contextlib.asynccontextmanager
async def chain(script: Script) -> AsyncIterator[tuple[Serving, Origin]]:
    async with scripted(script) as origin:

        async def through(request: Request) -> Response:
            return await origin.fetch(request)

        async with serving(through) as served:
            yield served, origin


def test_a_websocket_is_passed_through_both_ways() -> None:
    async def main() -> None:
        async with chain(echoing) as (served, origin):
            viewer = await served.viewer()
            await viewer.send(HANDSHAKE)
            head = await viewer.head()
            assert head.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
            assert b"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" in head
            assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
            assert await viewer.reader.readexactly(5) == b"hello"
            big = bytes(range(256)) * 16384
            sending = asyncio.ensure_future(viewer.send(big))
            assert await viewer.reader.readexactly(len(big)) == big
            await sending
            viewer.close()
            await origin.until(lambda: origin.closed_count == 1)
            await served.until(lambda: not served.state.tasks)

    uvloop.run(main())


def test_octets_sent_before_the_switch_are_not_lost() -> None:
    async def main() -> None:
        async with chain(echoing) as (served, _):
            viewer = await served.viewer()
            await viewer.send(HANDSHAKE + b"early")
            await viewer.head()
            assert await viewer.reader.readexactly(10) == b"helloearly"

    uvloop.run(main())


def test_an_origin_that_closes_ends_the_tunnel() -> None:
    async def closing(side: OriginSide) -> None:
        await side.answer(SWITCHED + b"bye")

    async def main() -> None:
        async with chain(closing) as (served, _):
            viewer = await served.viewer()
            await viewer.send(HANDSHAKE)
            await viewer.head()
            assert await viewer.rest() == b"bye"

    uvloop.run(main())


def test_a_refused_switch_is_an_ordinary_answer_and_the_connection_goes_on() -> None:
    async def main() -> None:
        async with chain(refusing) as (served, _):
            viewer = await served.viewer()
            await viewer.send(HANDSHAKE + b"GET /inline HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (await viewer.response())[::2] == (403, b"no")
            assert (await viewer.response())[2] == b"/inline"

    uvloop.run(main())


def test_a_switch_that_nobody_asked_for_is_a_502() -> None:
    async def main() -> None:
        async with chain(echoing_unasked) as (served, _):
            answer = await served.exchange(b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            assert b"101" not in answer.split(b"\r\n")[0]

    async def echoing_unasked(side: OriginSide) -> None:
        await side.answer(SWITCHED)
        await side.closed()

    uvloop.run(main())


def test_a_switch_that_is_no_valid_http_is_a_502_and_nothing_of_it_is_sent() -> None:
    async def octets() -> AsyncIterator[bytes]:
        yield b"evil"

    async def answer(_: Request) -> Response:
        return Response(status=101, headers=Headers([("X-Evil", "a\r\nb")]), body=octets())

    async def main() -> None:
        async with serving(answer) as served:
            viewer = await served.viewer()
            await viewer.send(HANDSHAKE)
            status, _, body = await viewer.response()
            assert status == 502
            assert b"evil" not in body

    uvloop.run(main())


def test_a_tunnel_ends_when_the_pop_drains() -> None:
    async def main() -> None:
        async with chain(echoing) as (served, origin):
            viewer = await served.viewer()
            await viewer.send(HANDSHAKE)
            await viewer.head()
            for connection in list(served.state.connections):
                connection.shutdown()
            assert await viewer.rest() == b"hello"
            await origin.until(lambda: origin.closed_count == 1)

    uvloop.run(main())


def test_events_reach_the_viewer_as_the_origin_sends_them() -> None:
    async def main() -> None:
        go = asyncio.Event()

        async def events(side: OriginSide) -> None:
            await side.answer(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
            await go.wait()
            await side.send(b"data: 2\n\n")

        async with chain(events) as (served, _):
            viewer = await served.viewer()
            await viewer.send(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
            await viewer.head()
            assert await viewer.reader.readuntil(b"data: 1\n\n\r\n") == b"9\r\ndata: 1\n\n\r\n"
            go.set()
            assert await viewer.reader.readuntil(b"0\r\n\r\n") == b"9\r\ndata: 2\n\n\r\n0\r\n\r\n"

    uvloop.run(main())


def test_an_unreachable_origin_of_a_websocket_does_not_hang_the_viewer() -> None:
    async def main() -> None:
        client = OriginClient()

        async def through(request: Request) -> Response:
            try:
                return await client.fetch(UrlOrigin(name="o", url="http://127.0.0.1:1"), request)
            except Exception:
                return Response(status=502, headers=Headers(), body=b"bad")

        async with serving(through) as served:
            viewer = await served.viewer()
            await viewer.send(HANDSHAKE)
            assert (await viewer.response())[0] == 502

    uvloop.run(main())
