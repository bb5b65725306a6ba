"""HTTP/2 to viewers on the port of HTTP/1.1 with TLS, against a real client."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import uvloop
from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from uvicorn.server import ServerState

from edgefaas.errors import OriginError
from edgefaas.http2 import FRAME_BYTES_MAX, STREAMS_MAX, Http2
from edgefaas.message import Headers, Request, Response
from edgefaas.wire import Certificates, WireSettings, bind
from tests.edgefaas.wire import certificates
from tests.edgefaas.wire.serving import DEADLINE_S, Answer, FakeViewerSide, Serving, echo
from tests.edgefaas.wire.viewer2 import Viewer2


@contextlib.asynccontextmanager
async def serving(folder: Path, answer: Answer, settings: WireSettings) -> AsyncIterator[Serving]:
    side, state = FakeViewerSide(answer), ServerState()
    held = Certificates([certificates.make(folder, "a", "a.example")], http2=True)
    http2, protocol = Http2(side, settings), bind(side, settings)
    server = await asyncio.get_running_loop().create_server(
        lambda: http2.protocol(state, lambda: protocol(None, state)), "127.0.0.1", 0, ssl=held.context
    )
    try:
        async with asyncio.timeout(DEADLINE_S):
            yield Serving(server.sockets[0].getsockname()[1], state, side)
    finally:
        server.close()
        for connection in list(state.connections):
            connection.shutdown()
        async with asyncio.timeout(DEADLINE_S):
            while state.connections:
                await asyncio.sleep(0.002)


def run(
    folder: Path,
    use: Callable[[Serving, Viewer2], Awaitable[None]],
    answer: Answer = echo,
    settings: WireSettings | None = None,
) -> None:
    async def main() -> None:
        async with serving(folder, answer, settings or WireSettings()) as served:
            viewer = await Viewer2.connect(served.port)
            try:
                await use(served, viewer)
            finally:
                viewer.writer.close()

    uvloop.run(main())


def test_the_handshake_chooses_between_http_2_and_http_1_on_one_port(tmp_path: Path) -> None:
    async def use(served: Serving, viewer: Viewer2) -> None:
        stream = await viewer.ask("/a%20b?c=d", **{"x-sent": "yes"})
        assert (stream.status, stream.headers["x-target"]) == (200, "/a%20b?c=d")
        assert stream.headers["date"]
        assert "server" not in stream.headers
        request = served.side.requests[0]
        assert (request.http_version, request.scheme, request.host) == ("2.0", "https", "a.example")
        assert (request.headers.get("x-sent"), request.viewer_ip) == ("yes", "127.0.0.1")
        context = ssl._create_unverified_context()
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port, ssl=context)
        writer.write(b"GET /one HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 200")
        writer.close()

    run(tmp_path, use)


def test_an_exchange_tells_its_tls_its_head_and_when_that_went_out(tmp_path: Path) -> None:
    async def use(served: Serving, viewer: Viewer2) -> None:
        await viewer.ask("/two")
        context = ssl._create_unverified_context()
        for path in ("one", "inline"):
            reader, writer = await asyncio.open_connection("127.0.0.1", served.port, ssl=context)
            writer.write(f"GET /{path} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n".encode())
            await reader.read()
            writer.close()
        assert [exchange.request.path for exchange in served.side.exchanges] == ["/two", "/one", "/inline"]
        for exchange in served.side.exchanges:
            assert exchange.tls[0] == "TLSv1.3"
            assert exchange.tls[1].startswith("TLS_")
            assert b"\r\ncontent-length: " in exchange.head.lower()
            assert 0 < exchange.first_byte_s <= exchange.took_s

    run(tmp_path, use)


def test_bodies_stream_both_ways_beyond_every_window(tmp_path: Path) -> None:
    body = bytes(range(256)) * 4_000

    async def use(served: Serving, viewer: Viewer2) -> None:
        number = await viewer.begin("/", method="POST", end=False)
        await viewer.send(number, body)
        assert (await viewer.finish(number)).body == body

    run(tmp_path, use)


def test_as_many_requests_at_once_as_are_offered_are_answered(tmp_path: Path) -> None:
    async def use(served: Serving, viewer: Viewer2) -> None:
        numbers = [await viewer.begin(f"/{n}") for n in range(STREAMS_MAX)]
        streams = [await viewer.finish(number) for number in numbers]
        assert [stream.headers["x-target"] for stream in streams] == [f"/{n}" for n in range(STREAMS_MAX)]
        assert viewer.settings[SettingCodes.MAX_CONCURRENT_STREAMS] == STREAMS_MAX
        # Browsers must open WebSockets over HTTP/1.1, where they are passed on.
        assert not viewer.settings.get(SettingCodes.ENABLE_CONNECT_PROTOCOL)

    run(tmp_path, use)


def test_an_answer_that_breaks_off_is_a_reset_stream_and_the_connection_lives(tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise OriginError("it broke off", remedy="Ask again.")

    async def answer(request: Request) -> Response:
        return Response(status=200, body=broken()) if request.path == "/broken" else await echo(request)

    async def use(served: Serving, viewer: Viewer2) -> None:
        stream = await viewer.ask("/broken")
        assert (stream.ended, stream.reset) == (False, ErrorCodes.INTERNAL_ERROR)
        assert (await viewer.ask("/")).status == 200

    run(tmp_path, use, answer)


def test_a_body_over_the_limit_is_refused_and_the_connection_lives(tmp_path: Path) -> None:
    async def use(served: Serving, viewer: Viewer2) -> None:
        for _ in range(3):
            number = await viewer.begin("/", method="POST", end=False)
            await viewer.send(number, b"x" * 200_000)
            assert (await viewer.finish(number)).status == 413
        assert (await viewer.ask("/")).status == 200

    run(tmp_path, use, settings=WireSettings(body_limit_bytes=100_000))


def test_a_viewer_who_resets_a_stream_cancels_its_answer_alone(tmp_path: Path) -> None:
    cancelled = asyncio.Event()

    async def answer(request: Request) -> Response:
        if request.path == "/slow":
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()
        return await echo(request)

    async def use(served: Serving, viewer: Viewer2) -> None:
        number = await viewer.begin("/slow")
        await served.until(lambda: bool(served.side.requests))
        viewer.h2.reset_stream(number)
        await viewer.flush()
        await cancelled.wait()
        assert (await viewer.ask("/")).status == 200

    run(tmp_path, use, answer)


def test_a_drain_answers_what_is_in_flight_refuses_what_comes_and_closes(tmp_path: Path) -> None:
    go_on = asyncio.Event()

    async def answer(request: Request) -> Response:
        await go_on.wait()
        return await echo(request)

    async def use(served: Serving, viewer: Viewer2) -> None:
        first = await viewer.begin("/first")
        await served.until(lambda: bool(served.side.requests))
        for connection in list(served.state.connections):
            connection.shutdown()
        late = await viewer.ask("/late")
        assert late.reset == ErrorCodes.REFUSED_STREAM
        go_on.set()
        stream = await viewer.finish(first)
        assert (stream.status, stream.ended) == (200, True)
        while not viewer.closed:
            await viewer.read()
        assert viewer.terminated
        assert [request.path for request in served.side.requests] == ["/first"]

    run(tmp_path, use, answer)


def test_an_idle_connection_is_closed_with_a_goodbye_at_a_drain_and_after_its_time(tmp_path: Path) -> None:
    async def drained(served: Serving, viewer: Viewer2) -> None:
        assert (await viewer.ask("/")).status == 200
        for connection in list(served.state.connections):
            connection.shutdown()
        while not viewer.closed:
            await viewer.read()
        assert viewer.terminated

    async def idle(served: Serving, viewer: Viewer2) -> None:
        while not viewer.closed:
            await viewer.read()
        assert viewer.terminated

    run(tmp_path, drained)
    run(tmp_path, idle, settings=WireSettings(keep_alive_timeout_s=0.05))


def test_connections_beyond_the_limit_are_turned_away_and_the_others_served(tmp_path: Path) -> None:
    async def use(served: Serving, viewer: Viewer2) -> None:
        assert (await viewer.ask("/")).status == 200
        with contextlib.suppress(ConnectionError):
            second = await Viewer2.connect(served.port)
            while not second.closed:
                await second.read()
            second.writer.close()
        assert (await viewer.ask("/")).status == 200

    run(tmp_path, use, settings=WireSettings(connections_max=1))


@pytest.mark.parametrize("octets", [b"\x00" * 9, b"\xff" * (FRAME_BYTES_MAX + 1)], ids=["wrong", "too long"])
def test_octets_that_are_no_http_2_end_the_connection_alone(tmp_path: Path, octets: bytes) -> None:
    async def use(served: Serving, viewer: Viewer2) -> None:
        other = await Viewer2.connect(served.port)
        other.writer.write(octets)
        with contextlib.suppress(ConnectionError):
            while not other.closed:
                await other.read()
        other.writer.close()
        assert (await viewer.ask("/", **{"x": "y"})).headers["x-target"] == "/"
        assert isinstance(served.side.requests[0].headers, Headers)

    run(tmp_path, use)


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/ü", 400), ("CONNECT", "/", 405)])
def test_a_request_that_is_malformed_costs_its_own_stream_alone(
    method: str, path: str, status: int, tmp_path: Path
) -> None:
    async def use(served: Serving, viewer: Viewer2) -> None:
        refused = await viewer.begin(path, method=method, end=False)
        await viewer.send(refused, b"a body that nobody reads")
        assert (await viewer.finish(refused)).status == status
        assert (await viewer.ask("/one")).status == 200
        assert [request.path for request in served.side.requests] == ["/one"]

    run(tmp_path, use)
