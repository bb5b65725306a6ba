"""The shared tier over an aiocache backend that several machines use. aiocache's own memory cache stands for Redis."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

import pytest
from aiocache.backends.memory import SimpleMemoryCache

from edgefaas.cache import Purge, PurgeLog, StoredResponse
from edgefaas.cache.lmdb_cache import OctetSerializer
from edgefaas.cache.purge import LOCAL_BITS
from edgefaas.cache.remote import RemoteTier
from edgefaas.cache.remote_store import RemoteStore
from tests.edgefaas.cache.builders import NOW_S, request, stored

FRESH = ("Cache-Control", "max-age=60")


def entry(path: str, body: bytes = b"hello", *fields: tuple[str, str]) -> StoredResponse:
    return stored(FRESH, *fields, asked=request(path=path), body=body)


def run(work: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(30):
            await work

    asyncio.run(bounded())


def backend() -> SimpleMemoryCache:
    return SimpleMemoryCache(serializer=OctetSerializer())


class Machine:
    """One machine's store, with its background tasks."""

    def __init__(self, shared: SimpleMemoryCache) -> None:
        self.tasks: list[asyncio.Task[None]] = []
        self.store = RemoteStore(10_000_000, RemoteTier(shared, PurgeLog()), self.start)

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        self.tasks.append(task := asyncio.get_running_loop().create_task(work))
        return task

    async def settled(self) -> None:
        await asyncio.gather(*self.tasks)


def test_the_remote_tier_shares_rows_and_purges_between_machines() -> None:
    async def scenario() -> None:
        shared = backend()
        here, there = RemoteTier(shared, PurgeLog()), RemoteTier(shared, PurgeLog())
        one = entry("/1")
        assert await here.put(one, here.log.seq)
        (found,) = await there.get(one.key)
        assert (found.head, found.body) == (one.head, one.body)
        token = there.log.seq
        await here.purge(Purge(kind="prefix", value="/"))
        assert await there.get(one.key) == []
        assert there.log.shared_seq == 1
        assert await there.put(one, token)  # fetched before the purge: it stays hit
        assert await here.get(one.key) == []
        assert await there.put(one, there.log.seq)
        assert len(await here.get(one.key)) == 1
        await here.remove(one)
        assert await there.get(one.key) == []
        shared._cache.clear()
        await shared.set("purge:latest", b"5")
        await here.catch_up()  # records that are gone count as everything
        assert here.log.hit(one, (5 << LOCAL_BITS) - 1).value == 2
        large = entry("/2", bytes(9_000_000))
        assert not await here.put(large, 5)

    run(scenario())


def test_what_one_machine_stored_another_finds() -> None:
    async def scenario() -> None:
        shared = backend()
        here, there = Machine(shared), Machine(shared)
        one = entry("/1")
        assert here.store.put(one)
        await here.settled()
        assert there.store.get(one.key) == ()
        (found,) = await there.store.find(one.key)
        assert found.body == b"hello"
        assert there.store.get(one.key) == (found,)
        assert (there.store.remote_stats.hits, here.store.remote_stats.stored) == (1, 1)

    run(scenario())


def test_a_purge_on_one_machine_reaches_the_memory_of_another() -> None:
    async def scenario() -> None:
        shared = backend()
        here, there = Machine(shared), Machine(shared)
        for number in range(3):
            here.store.put(entry(f"/{number}"))
        await here.settled()
        for number in range(3):
            await there.store.find(entry(f"/{number}").key)
        token = there.store.token()
        assert await here.store.purge_everywhere(Purge(kind="prefix", value="/1")) == 1
        assert await here.store.invalidate_everywhere(["http://site.example/2"]) == 1
        await there.store.catch_up()
        assert [bool(there.store.get(entry(f"/{number}").key)) for number in range(3)] == [True, False, False]
        assert not there.store.put(entry("/1"), token)
        assert there.store.put(entry("/1"), there.store.token())

    run(scenario())


def test_what_is_removed_or_invalidated_here_is_gone_there() -> None:
    async def scenario() -> None:
        shared = backend()
        here, there = Machine(shared), Machine(shared)
        one, two = entry("/1"), entry("/2")
        here.store.put(one)
        here.store.put(two)
        await here.settled()
        here.store.remove(one)
        assert here.store.invalidate("http://site.example/2") == 1
        await here.settled()
        assert await there.store.find(one.key) == await there.store.find(two.key) == ()

    run(scenario())


def test_a_backend_that_fails_costs_one_warning_and_no_answer(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        shared = backend()
        machine = Machine(shared)

        async def broken(*_: object, **__: object) -> None:
            raise ConnectionError("refused")

        for method in ("get", "set", "multi_get", "increment"):
            monkeypatch.setattr(shared, method, broken)
        one = entry("/1")
        assert machine.store.put(one)
        await machine.settled()
        assert await machine.store.find(one.key) == (one,)
        assert await machine.store.find("other") == ()
        assert await machine.store.purge_everywhere(Purge(kind="url", value="/1")) == 1
        assert machine.store.get(one.key) == ()
        assert one.is_fresh(NOW_S)
        machine.store.put(one)
        assert machine.store.remote_stats.dropped == 1
        monkeypatch.undo()
        await Machine(shared).store.purge_everywhere(Purge(kind="url", value="/1"))
        machine.store._resting_until_s = 0
        await machine.store.catch_up()  # a purge that held here only hides no shared one
        assert machine.store.get(one.key) == ()

    with caplog.at_level(logging.WARNING, "edgefaas.cache"):
        run(scenario())
    assert len(caplog.records) == 1
