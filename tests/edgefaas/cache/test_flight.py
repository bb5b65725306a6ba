"""Request collapsing, with real tasks on a real loop; nothing sleeps, everything waits for events."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgefaas.cache import Alone, Failed, Flight, Flights, Private, Shared
from edgefaas.cache.spool import Spool, SpoolError
from edgefaas.cache.stored import body_digest

DEADLINE_S = 30


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(DEADLINE_S):
            await scenario()

    asyncio.run(bounded())


class Background:
    """Starts tasks and remembers them."""

    def __init__(self) -> None:
        self.tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        return task


class Origin:
    """An origin whose steps the test releases one by one."""

    def __init__(self, *, shared: bool = True, chunks: tuple[bytes, ...] = (b"one", b"two")) -> None:
        self.requests = 0
        self.shared = shared
        self.chunks = chunks
        self.head = asyncio.Event()
        self.body = asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self, flight: Flight[str]) -> None:
        self.requests += 1
        await self.head.wait()
        if self.error is not None:
            raise self.error
        if not self.shared:
            flight.keep_private(f"private {self.requests}")
            return
        flight.share("head")
        for chunk in self.chunks:
            await flight.write(chunk)
            await self.body.wait()
        flight.land()


async def read(body: AsyncIterator[bytes] | None) -> bytes:
    assert body is not None
    return b"".join([chunk async for chunk in body])


async def viewer(flights: Flights[str], origin: Callable[[Flight[str]], Coroutine[Any, Any, None]]) -> object:
    flight, led = flights.board("k", origin)
    outcome = await flight.outcome(led=led)
    return (led, await read(outcome.body)) if isinstance(outcome, Shared) else outcome


async def settle(condition: Callable[[], bool]) -> None:
    """Give other tasks their turns until ``condition`` holds; ``run`` sets the deadline."""
    while not condition():
        await asyncio.sleep(0)


def test_a_thousand_simultaneous_misses_make_one_request() -> None:
    async def scenario() -> None:
        background, origin = Background(), Origin()
        flights: Flights[str] = Flights(background.start)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(viewer(flights, origin)) for _ in range(1000)]
            await settle(lambda: flights.collapsed == 999)
            origin.head.set()
            origin.body.set()
        assert origin.requests == 1
        results = [task.result() for task in tasks]
        assert results.count((True, b"onetwo")) == 1
        assert results.count((False, b"onetwo")) == 999
        assert len(flights) == 0

    run(scenario)


def test_followers_stream_while_the_body_arrives() -> None:
    async def scenario() -> None:
        background, origin = Background(), Origin()
        flights: Flights[str] = Flights(background.start)
        flight, _ = flights.board("k", origin)
        origin.head.set()
        outcome = await flight.outcome(led=False)
        assert isinstance(outcome, Shared)
        assert outcome.body is not None
        assert await anext(outcome.body) == b"one"
        assert not flight.spool.finished
        late, led = flights.board("k", origin)  # joins in the middle, reads from the beginning
        assert (late is flight, led) == (True, False)
        joined = await late.outcome(led=False)
        assert isinstance(joined, Shared)
        origin.body.set()
        assert await read(joined.body) == b"onetwo"
        assert await read(outcome.body) == b"two"

    run(scenario)


def test_an_uncacheable_response_sets_followers_free_at_once_and_is_not_waited_for_again() -> None:
    async def scenario() -> None:
        background, origin = Background(), Origin(shared=False)
        flights: Flights[str] = Flights(background.start)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(viewer(flights, origin)) for _ in range(50)]
            await settle(lambda: flights.collapsed == 49)
            origin.head.set()
        results = [task.result() for task in tasks]
        assert results.count(Private("private 1")) == 1
        assert results.count(Alone()) == 49
        collapsed = flights.collapsed
        both = [flights.board("k", origin) for _ in range(2)]
        assert [led for _, led in both] == [True, True]
        assert flights.collapsed == collapsed
        outcomes = [await flight.outcome(led=True) for flight, _ in both]
        assert all(isinstance(outcome, Private) for outcome in outcomes)

    run(scenario)


def test_everybody_gets_an_origins_error_once() -> None:
    async def scenario() -> None:
        background, origin = Background(), Origin()
        origin.error = ConnectionError("down")
        origin.head.set()
        flights: Flights[str] = Flights(background.start)
        flight, led = flights.board("k", origin)
        outcomes = [await flight.outcome(led=led), await flight.outcome(led=False)]
        assert outcomes == [Failed(origin.error), Failed(origin.error)]
        assert origin.requests == 1

    run(scenario)


def test_the_viewer_who_started_may_leave() -> None:
    async def scenario() -> None:
        background, origin = Background(), Origin()
        flights: Flights[str] = Flights(background.start)
        leader = asyncio.get_running_loop().create_task(viewer(flights, origin))
        await settle(lambda: origin.requests == 1)
        flight, led = flights.board("k", origin)
        assert not led
        leader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leader
        origin.head.set()
        origin.body.set()
        outcome = await flight.outcome(led=False)
        assert isinstance(outcome, Shared)
        assert await read(outcome.body) == b"onetwo"

    run(scenario)


def test_a_private_response_whose_viewer_left_is_handed_back() -> None:
    async def scenario() -> None:
        background, head = Background(), asyncio.Event()
        taken: list[bool] = []

        async def fetch(flight: Flight[str]) -> None:
            await head.wait()
            taken.append(flight.keep_private("mine"))

        flights: Flights[str] = Flights(background.start)
        leader = asyncio.get_running_loop().create_task(viewer(flights, fetch))
        await settle(lambda: len(flights) == 1)
        leader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leader
        head.set()
        await settle(lambda: bool(taken))
        assert taken == [False]

    run(scenario)


def test_a_cancelled_trip_makes_another_viewer_the_leader() -> None:
    async def scenario() -> None:
        background, origin = Background(), Origin()
        flights: Flights[str] = Flights(background.start)
        flight, _ = flights.board("k", origin)
        follower = asyncio.get_running_loop().create_task(flight.outcome(led=False))
        await settle(lambda: origin.requests == 1)
        for task in background.tasks:
            task.cancel()
        assert await follower == Alone()
        origin.head.set()
        origin.body.set()
        assert await viewer(flights, origin) == (True, b"onetwo")

    run(scenario)


def test_a_follower_waits_no_longer_than_its_patience() -> None:
    async def scenario() -> None:
        background, origin = Background(), Origin()
        flights: Flights[str] = Flights(background.start)
        flight, _ = flights.board("k", origin)
        assert await flight.outcome(led=False, patience_s=0.001) == Alone()
        origin.head.set()
        origin.body.set()
        assert isinstance(await flight.outcome(led=True), Shared)

    run(scenario)


def test_a_body_that_breaks_off_breaks_off_for_all() -> None:
    async def scenario() -> None:
        background = Background()

        async def fetch(flight: Flight[str]) -> None:
            flight.share("head")
            await flight.write(b"half")
            raise ConnectionError("reset")

        flights: Flights[str] = Flights(background.start)
        flight, led = flights.board("k", fetch)
        outcome = await flight.outcome(led=led)
        assert isinstance(outcome, Shared)
        with pytest.raises(SpoolError):
            await read(outcome.body)

    run(scenario)


async def write_all(spool: Spool, count: int, size: int) -> None:
    for number in range(count):
        await spool.write(bytes([number % 300 % 256]) * size)
    spool.finish()


EXPECTED = b"".join(bytes([number % 300 % 256]) * 1000 for number in range(300))


def test_a_large_body_spills_to_a_file_and_reads_the_same(tmp_path: Path) -> None:
    async def scenario() -> None:
        spool = Spool(10_000, tmp_path)
        early = spool.read()
        await write_all(spool, 300, 1000)
        assert not spool.whole_in_memory
        assert spool.whole_in_file
        late = spool.read()
        assert await read(early) == EXPECTED
        assert await read(late) == EXPECTED
        path = spool.detach_file()
        assert path.read_bytes() == EXPECTED
        assert not spool.readable
        spool.discard()
        assert path.exists()

    run(scenario)


@given(
    sizes=st.lists(st.integers(1, 200_000), max_size=12),
    memory_bytes=st.sampled_from([1, 1000, 300_000, 10_000_000]),
    starts=st.lists(st.integers(0, 12), min_size=1, max_size=3),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_reader_gets_the_very_body_whenever_it_starts(
    tmp_path: Path, sizes: list[int], memory_bytes: int, starts: list[int]
) -> None:
    async def scenario() -> None:
        spool = Spool(memory_bytes, tmp_path)
        chunks = [bytes([number]) * size for number, size in enumerate(sizes)]
        async with asyncio.TaskGroup() as group:
            tasks = []
            for number in range(len(chunks) + 1):
                tasks += [group.create_task(read(spool.read())) for start in starts if start == number]
                if number < len(chunks):
                    await spool.write(chunks[number])
            keep = spool.read()
            spool.finish()
        whole = b"".join(chunks)
        assert all(task.result() == whole for task in tasks)
        assert await read(keep) == whole
        assert spool.digest == body_digest(whole)
        if spool.whole_in_file:
            path = spool.detach_file()
            assert path.read_bytes() == whole
            path.unlink()
        else:
            assert spool.body() == whole

    run(scenario)


def test_a_disk_that_fails_makes_the_writer_wait_instead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    async def scenario() -> None:
        spool = Spool(10_000, tmp_path)
        reader = spool.read()
        async with asyncio.TaskGroup() as group:
            group.create_task(write_all(spool, 600, 1000))
            got = await read(reader)
        assert got == EXPECTED + EXPECTED
        assert not spool.whole_in_file

    monkeypatch.setattr(os, "pwrite", full)
    run(scenario)
    assert "cannot be kept on disk" in caplog.text
    assert list(tmp_path.iterdir()) == []


def test_without_a_directory_the_writer_waits_and_memory_stays_bounded() -> None:
    async def scenario() -> None:
        spool = Spool(10_000)
        reader = spool.read()
        async with asyncio.TaskGroup() as group:
            writing = group.create_task(write_all(spool, 300, 1000))
            await settle(lambda: spool.length_bytes > 10_000)
            for _ in range(10):
                await asyncio.sleep(0)
            assert spool.length_bytes == 11_000
            assert not writing.done()
            assert await read(reader) == EXPECTED
        assert not spool.readable

    run(scenario)


def test_a_reader_who_makes_all_wait_is_cut_off() -> None:
    async def scenario() -> None:
        spool = Spool(10_000, patience_s=0.01)
        stuck, quick = spool.read(), spool.read()
        async with asyncio.TaskGroup() as group:
            group.create_task(write_all(spool, 300, 1000))
            assert await read(quick) == EXPECTED
        with pytest.raises(SpoolError):
            await read(stuck)

    run(scenario)


def test_nobody_fetches_what_nobody_reads_and_nothing_keeps() -> None:
    async def scenario() -> None:
        spool = Spool(10_000)
        with pytest.raises(SpoolError):
            await write_all(spool, 300, 1000)

    run(scenario)


def test_an_aborted_spool_leaves_no_file(tmp_path: Path) -> None:
    def files() -> int:
        return len(list(tmp_path.iterdir()))

    async def scenario() -> None:
        spool = Spool(1000, tmp_path)
        await spool.write(b"x" * 300_000)
        assert files() == 1
        spool.abort(ConnectionError("reset"))
        assert files() == 0

    run(scenario)


_: Callable[[Flight[str]], Awaitable[None]] = Origin()


def files_in(folder: Path) -> int:
    return len(list(folder.iterdir()))


@pytest.mark.parametrize(("length_bytes", "kept"), [(40_000, True), (40_001, False)])
def test_a_body_is_kept_in_a_file_up_to_the_bound_and_no_further(
    tmp_path: Path, length_bytes: int, *, kept: bool
) -> None:
    async def scenario() -> None:
        spool = Spool(1_000, tmp_path, file_bytes_max=40_000)
        reader = spool.read()
        whole = asyncio.ensure_future(read(reader))
        for at in range(0, length_bytes, 1_000):
            await spool.write(bytes(min(1_000, length_bytes - at)))
        spool.finish()
        assert await whole == bytes(length_bytes)
        assert spool.whole_in_file is kept
        assert files_in(tmp_path) == kept
        spool.discard()

    run(scenario)


def test_a_body_without_end_takes_neither_memory_nor_disk_nor_goes_on_without_readers(tmp_path: Path) -> None:
    async def scenario() -> None:
        spool = Spool(1_000_000, tmp_path, file_bytes_max=3_000_000)
        reader = spool.read()
        arriving = asyncio.ensure_future(write_all(spool, 10_000, 100_000))
        for _ in range(200):
            await anext(reader)
        assert spool.length_bytes >= 20_000_000 - 1_000_000
        assert files_in(tmp_path) == 0
        assert not spool.readable
        await reader.aclose()  # type: ignore[attr-defined]
        with pytest.raises(SpoolError, match="nobody reads this body"):
            await arriving

    run(scenario)


def test_a_body_that_drips_on_is_given_up_once_nobody_has_read_it_for_long() -> None:
    async def scenario() -> None:
        spool = Spool(1_000_000, unread_s=0.02)
        reader = spool.read()
        for _ in range(3):  # somebody waits: it may take as long as it likes
            await spool.write(b"x")
            assert await anext(reader) == b"x"
            await asyncio.sleep(0.02)
        await reader.aclose()  # type: ignore[attr-defined]

        async def go_on() -> None:
            while True:
                await spool.write(b"x")
                await asyncio.sleep(0.005)

        with pytest.raises(SpoolError, match=r"for 0\.02 s"):
            await go_on()

    run(scenario)


def test_who_reads_alone_may_take_its_time() -> None:
    async def scenario() -> None:
        spool = Spool(10_000, patience_s=0.01)
        reader = spool.read()
        arriving = asyncio.ensure_future(write_all(spool, 300, 1000))
        await asyncio.sleep(0.05)
        assert spool.length_bytes <= 12_000
        assert await read(reader) == EXPECTED
        await arriving

    run(scenario)
