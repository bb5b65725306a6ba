"""The aiocache backend, by aiocache's own interface and across processes."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgefaas.cache.lmdb_cache import LmdbCache
from edgefaas.cache.writer import WriterThread


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(tmp_path: Path, clock: Clock) -> Iterator[LmdbCache]:
    opened = LmdbCache(tmp_path, 100_000, clock)
    yield opened
    opened.shut()


def run(work: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60):
            await work

    asyncio.run(bounded())


def test_it_does_what_aiocache_asks_of_a_backend(cache: LmdbCache) -> None:
    async def scenario() -> None:
        assert await cache.get("a") is None
        assert await cache.set("a", b"\x00\xff") is True
        assert await cache.get("a") == b"\x00\xff"
        assert await cache.exists("a")
        assert await cache.add("b", b"1")
        with pytest.raises(ValueError, match="already exists"):
            await cache.add("b", b"2")
        assert await cache.multi_set([("c", b"3"), ("d", b"4")])
        assert await cache.multi_get(["b", "c", "x"]) == [b"1", b"3", None]
        assert await cache.increment("b", 41) == 42
        assert await cache.get("b") == b"42"
        with pytest.raises(TypeError):
            await cache.increment("a")
        assert await cache.delete("a") == 1
        assert await cache.delete("a") == 0
        assert await cache.clear()
        assert await cache.get("b") is None
        assert cache.used_bytes() == 0

    run(scenario())


def test_a_ttl_ends_at_its_second(cache: LmdbCache, clock: Clock) -> None:
    async def scenario() -> None:
        await cache.set("a", b"1", ttl=10)
        clock.now_s += 9.9
        assert await cache.get("a") == b"1"
        assert await cache.expire("a", 5)
        clock.now_s += 5
        assert await cache.get("a") is None
        assert not await cache.exists("a")
        assert await cache.add("a", b"2")
        assert not await cache.expire("x", 5)

    run(scenario())


def test_a_compare_and_set_needs_the_value_it_saw(cache: LmdbCache) -> None:
    async def scenario() -> None:
        await cache.set("a", b"1")
        assert await cache._set("a", b"2", _cas_token=b"x") == 0
        assert await cache._set("a", b"2", _cas_token=b"1") is True
        assert await cache._redlock_release("a", b"1") == 0
        assert await cache._redlock_release("a", b"2") == 1

    run(scenario())


def test_namespaces_keep_keys_apart(tmp_path: Path, clock: Clock) -> None:
    async def scenario() -> None:
        cache = LmdbCache(tmp_path, 10_000, clock, namespace="one:")
        await cache.set("a", b"1")
        assert await cache.get("a", namespace="two:") is None
        assert cache.peek("a") == b"1"
        with pytest.raises(ValueError, match="namespace"):
            await cache.clear(namespace="one:")
        cache.shut()

    run(scenario())


def test_what_was_read_survives_eviction_and_what_was_not_does_not(cache: LmdbCache) -> None:
    async def scenario() -> None:
        for number in range(10):
            await cache.set(str(number), bytes(9_000))
        assert cache.peek("0") is not None
        for number in range(10, 15):
            await cache.set(str(number), bytes(9_000))
        assert cache.used_bytes() <= 100_000
        assert await cache.exists("0")
        assert not await cache.exists("1")
        assert await cache.exists("14")

    run(scenario())


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 40_000), st.booleans()), max_size=25))
@settings(max_examples=15, deadline=None)
def test_octets_are_counted_exactly_and_bounded(
    tmp_path_factory: pytest.TempPathFactory, writes: list[tuple[int, int, bool]]
) -> None:
    async def scenario() -> None:
        cache = LmdbCache(tmp_path_factory.mktemp("cache"), 100_000, Clock())
        try:
            for number, size, keep in writes:
                if keep:
                    await cache.set(str(number), bytes(size))
                else:
                    await cache.delete(str(number))
                assert cache.used_bytes() <= 100_000
            held = [value for value in await cache.multi_get([str(n) for n in range(8)]) if value is not None]
            assert cache.used_bytes() == sum(map(len, held))
        finally:
            cache.shut()

    run(scenario())


WRITER = """
import sys, time
from pathlib import Path
from edgefaas.cache.lmdb_cache import LmdbCache
from edgefaas.cache.rows import row_key
cache = LmdbCache(Path(sys.argv[1]), 10_000_000, time.time)
number = 0
while True:
    cache.write(lambda rows: rows.put(row_key(str(number)), str(number).encode() * 1000)).result()
    print(number, flush=True)
    number += 1
"""


@pytest.mark.slow
def test_what_was_acknowledged_survives_a_kill_at_any_instant(tmp_path: Path) -> None:
    acknowledged = -1
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        for _ in range(20):
            acknowledged = int(process.stdout.readline())
        process.kill()
        process.communicate()
        cache = LmdbCache(tmp_path, 10_000_000, Clock())
        try:
            for number in range(acknowledged + 1):
                assert cache.peek(str(number)) == str(number).encode() * 1000
        finally:
            cache.shut()


def test_the_writer_takes_the_bad_work_out_of_a_batch() -> None:
    committed: list[object] = []

    def commit(batch: list[tuple[Callable[[Any], Any], Any]]) -> None:
        results = [(future, work(None)) for work, future in batch]
        for future, result in results:
            committed.append(result)
            future.set_result(result)

    writer = WriterThread(commit, name="test")
    with writer._condition:  # all three join one batch
        fine, bad, also = (
            writer.submit(lambda _: 1),
            writer.submit(lambda _: 1 // 0),
            writer.submit(lambda _: 2),
        )
    writer.close()
    assert (fine.result(), also.result()) == (1, 2)
    with pytest.raises(ZeroDivisionError):
        bad.result()
    with pytest.raises(BufferError):
        writer.submit(lambda _: 3)


def test_what_waits_to_be_written_is_bounded() -> None:
    writer = WriterThread(lambda batch: None, name="test", waiting_max_bytes=10)
    with writer._condition:
        writer.submit(lambda _: 1, 10)
        with pytest.raises(BufferError):
            writer.submit(lambda _: 1, 1)
        writer.submit(lambda _: 1)
    writer.close()
