"""How long a connection lives: deadlines, draining, Unix sockets, and uvicorn as the server."""

import asyncio
import logging
import math
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvicorn
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.message import Request, Response
from edgefaas.wire import WireSettings, bind
from edgefaas.wire.deadlines import NOT_QUEUED, DeadlineWheel
from tests.edgefaas.wire.serving import DEADLINE_S, FakeViewerSide, Viewer, echo, read_body, serving

GET = b"GET /inline HTTP/1.1\r\nHost: a\r\n\r\n"
SOON = {"tick_s": 0.01, "linger_timeout_s": 0.02}


def settings(**seconds: float) -> WireSettings:
    return WireSettings(**{**SOON, **seconds})  # type: ignore[arg-type]


def test_a_head_that_drips_is_refused_with_408() -> None:
    async def main() -> None:
        async with serving(settings=settings(head_timeout_s=0.1)) as served:
            viewer = await served.viewer()

            async def drip() -> None:
                for octet in b"GET /inline HTTP/1.1\r\n" + b"X: y\r\n" * 10000:
                    await viewer.send(bytes([octet]))
                    await asyncio.sleep(0.005)

            dripping = asyncio.ensure_future(drip())
            assert (await viewer.rest()).startswith(b"HTTP/1.1 408 ")
            dripping.cancel()
            await asyncio.gather(dripping, return_exceptions=True)
            assert not served.side.requests

    uvloop.run(main())


def test_a_connection_that_says_nothing_is_closed_without_a_word() -> None:
    async def main() -> None:
        async with serving(settings=settings(head_timeout_s=0.05)) as served:
            assert await served.exchange(b"") == b""

    uvloop.run(main())


def test_an_idle_connection_is_closed_after_the_keep_alive_time() -> None:
    async def main() -> None:
        async with serving(settings=settings(keep_alive_timeout_s=0.05)) as served:
            answer = await served.exchange(GET + GET)
            assert answer.count(b"HTTP/1.1 200") == 2
            assert b"408" not in answer

    uvloop.run(main())


def test_a_body_that_stops_or_drips_is_a_408() -> None:
    async def main() -> None:
        async with serving(settings=settings(body_idle_timeout_s=0.1)) as served:
            viewer = await served.viewer()
            await viewer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")

            async def drip() -> None:
                while True:
                    await viewer.send(b"x")
                    await asyncio.sleep(0.01)

            dripping = asyncio.ensure_future(drip())
            assert (await viewer.rest()).startswith(b"HTTP/1.1 408 ")
            dripping.cancel()
            await asyncio.gather(dripping, return_exceptions=True)

    uvloop.run(main())


@pytest.mark.slow
def test_a_body_that_is_held_back_by_its_reader_does_not_time_out() -> None:
    async def slow(request: Request) -> Response:
        await asyncio.sleep(2.5)  # longer than a viewer may be silent, which is longer than a busy machine is
        return Response(status=200, body=str(len(await read_body(request))).encode())

    async def main() -> None:
        async with serving(slow, settings(body_idle_timeout_s=1.5)) as served:
            viewer = await served.viewer()
            size = 16 << 20
            sending = asyncio.ensure_future(
                viewer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))
            )
            assert (await viewer.response())[2] == str(size).encode()
            await sending

    uvloop.run(main())


def test_a_viewer_who_takes_nothing_is_cut_off_and_the_answer_cancelled() -> None:
    async def main() -> None:
        closed = asyncio.Event()

        async def endless(request: Request) -> Response:
            async def pieces() -> AsyncIterator[bytes]:
                try:
                    while True:
                        yield bytes(65536)
                finally:
                    closed.set()

            return Response(status=200, body=pieces())

        async with serving(endless, settings(write_stall_timeout_s=0.1)) as served:
            viewer = await served.viewer()
            await viewer.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await closed.wait()
            await served.until(lambda: not served.state.connections)
            assert served.side.exchanges[0].aborted

    uvloop.run(main())


@pytest.mark.slow
def test_pipelining_without_reading_is_held_back() -> None:
    async def main() -> None:
        async with serving(settings=settings(write_stall_timeout_s=0.2)) as served:
            viewer = await served.viewer()
            target = b"/inline" + b"a" * 8000
            sending = asyncio.ensure_future(
                viewer.send((b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n") * 5000)
            )
            await served.until(lambda: not served.state.connections)
            assert len(served.side.requests) < 5000
            await asyncio.gather(sending, return_exceptions=True)

    uvloop.run(main())


def test_draining_closes_idle_connections_and_lets_answers_finish() -> None:
    async def main() -> None:
        go = asyncio.Event()

        async def later(request: Request) -> Response:
            await go.wait()
            return Response(status=200, body=b"done")

        async with serving(later) as served:
            idle, busy = await served.viewer(), await served.viewer()
            await idle.send(GET)
            await idle.response()
            await busy.send(b"GET /task HTTP/1.1\r\nHost: a\r\n\r\n" + GET)
            await served.until(lambda: bool(served.state.tasks))
            for connection in list(served.state.connections):
                connection.shutdown()
            assert await idle.rest() == b""
            go.set()
            status, fields, body = await busy.response()
            assert (status, fields["connection"], body) == (200, "close", b"done")
            assert await busy.rest() == b""
            await served.until(lambda: not served.state.connections)

    uvloop.run(main())


def test_a_connection_too_many_is_turned_away_and_the_others_go_on() -> None:
    async def main() -> None:
        async with serving(settings=WireSettings(connections_max=2, **SOON)) as served:  # type: ignore[arg-type]
            first, second = await served.viewer(), await served.viewer()
            for viewer in (first, second):
                await viewer.send(GET)
                assert (await viewer.response())[0] == 200
            third = await served.viewer()
            status, fields, _ = await third.response()
            assert (status, fields["retry-after"], fields["connection"]) == (503, "1", "close")
            third.close()
            second.close()
            await served.until(lambda: len(served.state.connections) == 1)
            fourth = await served.viewer()
            for viewer in (first, fourth):
                await viewer.send(GET)
                assert (await viewer.response())[0] == 200

    uvloop.run(main())


def test_a_unix_socket_works_and_counts_as_local(tmp_path: Path) -> None:
    async def main() -> None:
        side = FakeViewerSide()
        protocol, state = bind(side), uvicorn.server.ServerState()
        path = str(tmp_path / "s")
        server = await asyncio.get_running_loop().create_unix_server(lambda: protocol(None, state), path)
        async with asyncio.timeout(DEADLINE_S):
            viewer = Viewer(*await asyncio.open_unix_connection(path))
            await viewer.send(GET)
            assert (await viewer.response())[2] == b"/inline"
            assert side.requests[0].viewer_ip == "127.0.0.1"
            viewer.close()
            while state.connections:
                await asyncio.sleep(0.002)
        server.close()
        await server.wait_closed()

    uvloop.run(main())


@pytest.mark.slow
def test_uvicorn_runs_it_and_drains_it(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        side = FakeViewerSide(echo)
        config = uvicorn.Config("none:none", http=bind(side), ws="none", lifespan="off", log_config=None)
        config.loaded_app = None
        config.app = lambda scope: None  # never asked
        server = uvicorn.Server(config)
        sock = socket.create_server(("127.0.0.1", 0))
        running = asyncio.ensure_future(server._serve([sock]))
        async with asyncio.timeout(DEADLINE_S):
            while not server.started:
                await asyncio.sleep(0.005)
            viewer = Viewer(*await asyncio.open_connection("127.0.0.1", sock.getsockname()[1]))
            await viewer.send(GET + b"GET /task HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (await viewer.response())[2] == b"/inline"
            assert (await viewer.response())[0] == 200
            assert server.server_state.total_requests == 2
            server.should_exit = True
            assert await viewer.rest() == b""
            await running
            assert not server.server_state.connections
            viewer.close()

    with caplog.at_level(logging.CRITICAL):
        uvloop.run(main())


class Item:
    """Something with a deadline."""

    def __init__(self) -> None:
        self.deadline_s, self.wheel_slot = math.inf, NOT_QUEUED


steps = st.lists(
    st.one_of(
        st.tuples(st.integers(0, 3), st.one_of(st.floats(0, 20), st.just(math.inf))),
        st.tuples(st.just(-1), st.floats(0, 5)),
    ),
    max_size=40,
)


@pytest.mark.slow
@given(steps, st.sampled_from([0.25, 1.0]))
def test_the_wheel_is_never_early_and_late_by_less_than_two_ticks(
    steps: list[tuple[int, float]], tick_s: float
) -> None:
    """Against the obvious version: a dictionary of deadlines."""
    wheel: DeadlineWheel[Item] = DeadlineWheel(tick_s)
    items = [Item() for _ in range(4)]
    due: dict[int, float] = {}
    now_s = 0.0
    for which, amount in steps:
        if which >= 0:
            wheel.set(items[which], now_s + amount)
            due[which] = now_s + amount
            continue
        for _ in range(max(1, math.ceil(amount / tick_s))):
            now_s += tick_s
            for item in wheel.advance(now_s):
                assert due.pop(items.index(item)) <= now_s
            assert all(deadline_s > now_s - 2 * tick_s for deadline_s in due.values())
