"""What is begun in one turn of the loop is bounded: what is known goes on, and the rest keeps its order."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uvicorn.server import ServerState

from edgefaas.message import Prepared, Request
from edgefaas.wire import WireProtocol, bind, turns
from edgefaas.wire.turns import BUDGET_S, Turns, turns_of
from tests.edgefaas.wire.serving import BRISK, FakeViewerSide, Serving

COST_S = BUDGET_S / 2  # of each request but the known one: two in each turn


class Clock:
    """Goes on when it is told to."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Costly(FakeViewerSide):
    """Takes its time for what is not known."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        self.begun: list[str] = []

    def express(
        self, place: tuple[str, str, bytes, str], _conditions: object, _traced: object
    ) -> Prepared | None:
        if place[2] != b"/known":
            return None
        self.begun.append("/known")
        return Prepared(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", b"known")

    def inline(self, request: Request) -> Prepared | None:
        self.begun.append(request.path)
        self.clock.now_s += COST_S
        return super().inline(request)


class Stage(Serving):
    """A server on a clock of its own, to whose connections octets are given in one and the same turn."""

    side: Costly

    async def connections(self, count: int) -> list[WireProtocol]:
        """Open some; the viewers are in ``viewers``, in the same order."""
        found: list[WireProtocol] = []
        for _ in range(count):
            before = set(self.state.connections)
            await self.viewer()
            await self.until(lambda before=before: len(self.state.connections) > len(before))  # type: ignore[misc]
            (new,) = set(self.state.connections) - before
            assert isinstance(new, WireProtocol)
            found.append(new)
        return found


@asynccontextmanager
async def on_stage() -> AsyncIterator[Stage]:
    loop, clock = asyncio.get_running_loop(), Clock()
    turns._turns[loop] = Turns(loop, clock)
    side, state = Costly(clock), ServerState()
    protocol: type[WireProtocol] = bind(side, BRISK)
    server = await loop.create_server(lambda: protocol(None, state), "127.0.0.1", 0)
    stage = Stage(server.sockets[0].getsockname()[1], state, side)
    try:
        async with asyncio.timeout(30):
            yield stage
    finally:
        for viewer in stage.viewers:
            viewer.close()
        server.close()
        await stage.until(lambda: not state.connections)


def play(scenario: Callable[[Stage], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        async with on_stage() as stage:
            await scenario(stage)

    asyncio.run(main())


def asks(target: str, fields: str = "") -> bytes:
    return f"GET {target} HTTP/1.1\r\nHost: a\r\n{fields}\r\n".encode()


def test_what_is_known_is_answered_between_what_has_to_be_made() -> None:
    async def scenario(stage: Stage) -> None:
        *many, one = await stage.connections(10)
        for at, connection in enumerate(many):
            connection.data_received(asks(f"/inline/{at}"))
        one.data_received(asks("/known"))
        begun = stage.side.begun
        assert begun == ["/inline/0", "/inline/1", "/known"]
        while len(begun) < 10:
            before = len(begun)
            await asyncio.sleep(0)
            assert len(begun) <= before + 2
        assert begun == ["/inline/0", "/inline/1", "/known", *(f"/inline/{at}" for at in range(2, 9))]
        for at, viewer in enumerate(stage.viewers[:-1]):
            assert (await viewer.response())[2] == f"/inline/{at}".encode()

    play(scenario)


def test_requests_behind_one_that_waits_keep_their_order() -> None:
    async def scenario(stage: Stage) -> None:
        first, second, waiting = await stage.connections(3)
        first.data_received(asks("/inline/a"))
        second.data_received(asks("/inline/b"))
        waiting.data_received(asks("/inline/c") + asks("/known") + asks("/inline/d"))
        waiting.data_received(asks("/inline/e"))
        assert stage.side.begun == ["/inline/a", "/inline/b"]
        viewer = stage.viewers[2]
        answers = [(await viewer.response())[2] for _ in range(4)]
        assert answers == [b"/inline/c", b"known", b"/inline/d", b"/inline/e"]

    play(scenario)


def test_who_leaves_while_waiting_is_not_begun() -> None:
    async def scenario(stage: Stage) -> None:
        first, second, leaving, last = await stage.connections(4)
        for connection, name in ((first, "a"), (second, "b"), (leaving, "c"), (last, "d")):
            connection.data_received(asks(f"/inline/{name}"))
        leaving.connection_lost(None)
        assert (await stage.viewers[3].response())[2] == b"/inline/d"
        assert stage.side.begun == ["/inline/a", "/inline/b", "/inline/d"]
        leaving.connection_lost(None)  # told once
        (left,) = [exchange for exchange in stage.side.exchanges if exchange.aborted]
        assert (left.status, left.request.path, left.body_bytes) == (499, "/inline/c", 0)

    play(scenario)


def test_who_waits_while_the_server_drains_is_answered_and_then_left() -> None:
    async def scenario(stage: Stage) -> None:
        first, second, waiting = await stage.connections(3)
        for connection in (first, second, waiting):
            connection.data_received(asks("/inline"))
        waiting.shutdown()
        waiting.expire()  # no deadline ends it: nothing of the viewer's is due
        answer = await stage.viewers[2].rest()
        assert answer.endswith(b"Connection: close\r\n\r\n/inline")

    play(scenario)


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (asks("nowhere"), 400),
        (asks("/answer"), 200),
        (b"GET /inline HTTP/1.0\r\n\r\n", 200),
        (b"HEAD /inline HTTP/1.1\r\nHost: a\r\n\r\n", 200),
    ],
)
def test_whatever_waits_is_answered_as_if_it_had_not(octets: bytes, status: int) -> None:
    async def scenario(stage: Stage) -> None:
        async def answer_to(*connections: WireProtocol) -> tuple[int, dict[str, str], bytes]:
            for connection in connections[:-1]:
                connection.data_received(asks("/inline"))
            before = len(stage.side.begun)
            connections[-1].data_received(octets)
            assert len(stage.side.begun) == before + (len(connections) == 1 and status != 400)
            return await stage.viewers[len(stage.viewers) - 1].response(method=octets[:4].decode().strip())

        alone = await answer_to(*await stage.connections(1))
        late = await answer_to(*await stage.connections(3))
        assert (alone[0], late[0]) == (status, status)
        assert {**alone[1], "date": ""} == {**late[1], "date": ""}
        assert alone[2] == late[2]

    play(scenario)


def test_a_request_with_a_body_waits_for_nobody() -> None:
    async def scenario(stage: Stage) -> None:
        first, second, posting = await stage.connections(3)
        for connection in (first, second):
            connection.data_received(asks("/inline"))
        posting.data_received(b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
        assert not turns_of(asyncio.get_running_loop())._line
        assert (await stage.viewers[2].response())[2] == b"abc"

    play(scenario)


class Work:
    """Takes ``cost_s`` when it is taken up."""

    def __init__(self, clock: Clock, cost_s: float, done: list["Work"]) -> None:
        self.clock, self.cost_s, self.done = clock, cost_s, done

    def take_up(self) -> None:
        self.clock.now_s += self.cost_s
        self.done.append(self)


@given(batches=st.lists(st.lists(st.floats(0, 2 * BUDGET_S), max_size=8), max_size=6))
def test_each_turn_ends_with_the_one_that_uses_it_up_and_nobody_is_passed(batches: list[list[float]]) -> None:
    async def main() -> None:
        clock, done, came = Clock(), list[Work](), list[Work]()
        line = Turns(asyncio.get_running_loop(), clock)
        while batches or len(done) < len(came):
            before = len(done)
            for cost_s in batches.pop(0) if batches else ():
                came.append(work := Work(clock, cost_s, done))
                if line.has_time():
                    work.take_up()
                else:
                    line.stand_in_line(work)
            await asyncio.sleep(0)
            # What the loop called is one turn, what came before it may be the end of another.
            assert sum(work.cost_s for work in done[before:-1]) < 2 * BUDGET_S + 2 * BUDGET_S
        assert done == came

    asyncio.run(main())
