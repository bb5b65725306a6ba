"""Memory before disk: restarts, several workers, damage, full disks. Real files and real processes."""

import asyncio
import contextlib
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edgefaas.cache import Counted, MemoryStore, Purge, Store, StoredResponse, matches, respond, tiers
from edgefaas.cache.bodies import DamagedBodyError, StreamedBody
from edgefaas.cache.compression import coded_form
from edgefaas.cache.entry import decode_row, encode_row, facts_of
from edgefaas.cache.respond import FileSlice
from edgefaas.cache.shared import INLINE_MAX_BYTES
from edgefaas.cache.spool import Spool
from edgefaas.cache.stored import PIECE_BYTES, BodyFile
from edgefaas.cache.tiers import CAME_LATELY_MIN, PROMOTED_MAX_BYTES, TieredStore, open_tiers
from tests.edgefaas.cache.builders import NOW_S, decide, request, stored

FRESH = ("Cache-Control", "max-age=60")
LARGE = bytes(range(256)) * (PIECE_BYTES // 256) * 2 + b"the end"


def entry(path: str = "/a", *fields: tuple[str, str], body: bytes = b"x" * 1000) -> StoredResponse:
    return stored(FRESH, ("ETag", '"v"'), *fields, asked=request(path=path), body=body)


def opened(folder: Path, *, memory_bytes: int = 10_000_000, disk_bytes: int = 50_000_000) -> TieredStore:
    store = open_tiers(folder, memory_bytes=memory_bytes, disk_bytes=disk_bytes, clock=lambda: NOW_S)
    assert isinstance(store, TieredStore)
    return store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TieredStore]:
    tiers = opened(tmp_path)
    yield tiers
    tiers.close()


def run(work: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60):
            await work

    asyncio.run(bounded())


def settle(store: TieredStore) -> None:
    run(store.settled())


def same(one: StoredResponse, other: StoredResponse) -> bool:
    return (one.head, one.body, one.birth_s, one.lifetime_s, one.selectors, one.tags) == (
        other.head,
        other.body,
        other.birth_s,
        other.lifetime_s,
        other.selectors,
        other.tags,
    )


def test_a_restart_keeps_the_cache_warm(tmp_path: Path) -> None:
    first = opened(tmp_path)
    one = entry("/1", ("Cache-Tag", "red"), ("Vary", "Foo"))
    first.put(one)
    settle(first)
    first.close()
    second = opened(tmp_path)
    (found,) = second.get(one.key)
    assert same(found, one)
    assert (second.disk_stats.hits, len(second)) == (1, 1)
    assert second.get(one.key) == (found,)
    assert second.disk_stats.hits == 1
    second.close()


def test_variants_share_a_row(store: TieredStore) -> None:
    one = entry("/1", ("Vary", "Foo"))
    two = stored(FRESH, ("Vary", "Foo"), asked=request(("Foo", "2"), path="/1"))
    newer = entry("/1", ("Vary", "Foo"), ("A", "2"))
    for each in (one, two, newer):
        store.put(each)
    settle(store)
    store.clear()
    assert [found.selectors for found in store.get(one.key)] == [two.selectors, one.selectors]
    store.remove(two)
    settle(store)
    store.clear()
    assert [found.headers.get("a") for found in store.get(one.key)] == ["2"]


def test_what_another_worker_refreshed_is_found_once_ours_is_stale(store: TieredStore) -> None:
    ours = stored(FRESH, asked=request(path="/1"), body=b"old", at_s=NOW_S - 30)
    theirs = stored(FRESH, asked=request(path="/1"), body=b"new", at_s=NOW_S - 1)
    store.put(ours)
    settle(store)
    store.disk.put(theirs, store.token()).result()
    assert store.get(ours.key) == (ours,)  # still fresh
    ours.lifetime_s = 29
    (found,) = store.get(ours.key)
    assert found.body == b"new"
    assert store.get(ours.key) == (found,)
    found.lifetime_s = 0
    assert store.get(ours.key) == (found,)  # nothing newer anywhere


def test_a_slow_old_response_does_not_replace_a_newer_one(store: TieredStore, tmp_path: Path) -> None:
    newer = stored(FRESH, asked=request(path="/1"), body=b"new", at_s=NOW_S + 1)
    for older_body in (b"old", b"old" * 100_000):
        store.disk.put(newer, 0).result()
        store.disk.put(stored(FRESH, asked=request(path="/1"), body=older_body, at_s=NOW_S), 0).result()
        (found,) = store.disk.get(newer.key)
        assert found.body == b"new"
    assert list((tmp_path / "bodies").iterdir()) == []


def test_a_body_goes_inside_the_row_or_beside_it(store: TieredStore, tmp_path: Path) -> None:
    inline = entry("/1", body=b"x" * INLINE_MAX_BYTES)
    beside = entry("/2", body=b"y" * (INLINE_MAX_BYTES + 1))
    store.put(inline)
    store.put(beside)
    settle(store)
    assert len(list((tmp_path / "bodies").iterdir())) == 1
    store.clear()
    for each in (inline, beside):
        (found,) = store.get(each.key)
        assert found.body == each.body


def test_a_body_too_large_for_memory_is_served_from_disk(tmp_path: Path) -> None:
    store = opened(tmp_path, memory_bytes=1_000_000)
    large = entry("/1", body=LARGE)
    assert store.put(large)
    settle(store)
    (found,) = store.get(large.key)
    assert isinstance(found.body, BodyFile)
    assert found.length_bytes == len(LARGE) > PROMOTED_MAX_BYTES

    async def scenario() -> None:
        for asked in ((), (("Range", "bytes=1000-2000000"),), (("Range", "bytes=-7"),)):
            answer = respond(request(*asked), found, NOW_S)
            octets = b""
            for segment in answer.segments:
                assert isinstance(segment, FileSlice)
                octets += b"".join([chunk async for chunk in StreamedBody(segment)])
            assert octets == respond(request(*asked), large, NOW_S).body

    run(scenario())
    store.close()


def test_a_spooled_body_is_taken_over_without_a_copy(store: TieredStore) -> None:
    async def scenario() -> None:
        spool = Spool(100_000, store.disk.bodies.path)
        for start in range(0, len(LARGE), 70_000):
            await spool.write(LARGE[start : start + 70_000])
        spool.finish()
        decided = decide(FRESH)
        assert isinstance(decided, Store)
        kept = await store.put_spooled(decided, spool, store.token())
        assert kept is not None
        assert isinstance(kept.body, BodyFile)
        assert store.disk.bodies.read(kept.body, kept.digest) == LARGE
        assert (
            b"".join([c async for c in StreamedBody(FileSlice(kept.body.path, 0, len(LARGE), kept.body))])
            == LARGE
        )
        small = Spool(100_000, store.disk.bodies.path)
        await small.write(b"small")
        small.finish()
        kept = await store.put_spooled(decided, small, store.token())
        assert kept is not None
        assert kept.body == b"small"

    run(scenario())


@pytest.mark.parametrize("at", [0, PIECE_BYTES, len(LARGE) - 1])
def test_a_damaged_body_file_breaks_off_before_a_wrong_octet(store: TieredStore, at: int) -> None:
    large = entry("/1", body=LARGE)
    store.put(large)
    settle(store)
    store.clear()
    (found,) = store.get(large.key)
    assert isinstance(found.body, BodyFile)
    with found.body.path.open("r+b") as file:
        file.seek(at)
        file.write(bytes([LARGE[at] ^ 1]))

    whole = FileSlice(found.body.path, 0, len(LARGE), found.body)
    got: list[bytes] = []

    async def scenario() -> None:
        async for chunk in StreamedBody(whole):
            got.append(chunk)  # noqa: PERF401 - what came before the error counts

    with pytest.raises(DamagedBodyError):
        run(scenario())
    assert b"".join(got) == LARGE[: at // PIECE_BYTES * PIECE_BYTES]
    store.damaged(found)
    settle(store)
    assert store.get(large.key) == ()


def links_to(path: Path) -> int:
    """Return how many descriptors of this process are of ``path``, also when that is removed."""
    found = 0
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            found += str(link.readlink()).startswith(str(path))
    return found


def test_the_file_of_a_body_in_memory_stays_open_as_long_as_that(store: TieredStore) -> None:
    body = bytes(range(200)) * 500
    each = entry("/1", body=body)
    store.put(each)
    settle(store)
    assert each.file is not None
    assert os.pread(each.file.number, len(body) + 1, 0) == body
    store.clear()
    (again,) = store.get(each.key)  # from disk
    assert again.file is not None
    assert os.pread(again.file.number, len(body) + 1, 0) == body
    (path,) = store.disk.bodies.path.iterdir()
    with path.open("r+b") as damaged:
        damaged.write(b"?")
    os.utime(path, (0, 0))  # two changes of one instant look the same to some kernels
    (found,) = store.get(each.key)
    assert found is again  # its octets in memory are right
    assert found.file is None
    coded = coded_form(again, "gzip", b"coded")
    assert coded.file is None
    store.purge(Purge(kind="everything"))
    assert links_to(path)
    del each, again, found
    assert not links_to(path)


HELD = 20
TEXT = ("Content-Type", "text/plain")


def crowded(folder: Path) -> tuple[TieredStore, list[str]]:
    """Return a store whose memory holds ``HELD`` objects, and the keys of the others, which are on disk."""
    store = opened(folder, memory_bytes=HELD * entry("/100", TEXT).weight_bytes + 1)
    for number in range(100, 200):
        store.put(entry(f"/{number}", TEXT))
    settle(store)
    assert store.stats.objects_now == HELD
    return store, [key for key in (entry(f"/{number}").key for number in range(100, 200)) if key not in store]


def test_what_comes_from_disk_once_sends_nobody_out_of_memory_and_the_second_time_it_comes_in(
    tmp_path: Path,
) -> None:
    store, others = crowded(tmp_path)
    held = store.keys()
    (found,) = store.get(others[0])
    assert found.key == others[0]
    assert store.keys() == held
    assert store.get(others[0])
    assert others[0] in store
    assert store.stats.objects_now == HELD
    store.close()


def test_what_comes_again_only_after_very_many_others_stays_on_disk(tmp_path: Path) -> None:
    store, others = crowded(tmp_path)
    held = store.keys()
    assert store.get(others[0])
    for number in range(2 * CAME_LATELY_MIN):
        store._came_lately[0].add(f"another {number}")
        if len(store._came_lately[0]) >= CAME_LATELY_MIN:
            store._came_lately = set(), store._came_lately[0]
    assert store.get(others[0])
    assert store.keys() == held
    store.close()


@given(asked=st.lists(st.integers(100, 200), max_size=300))
@settings(max_examples=20, deadline=None)
def test_whatever_comes_in_whatever_order_is_found_and_what_is_remembered_of_it_is_bounded(
    asked: list[int],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store, _ = crowded(Path(folder))
        for number in asked:
            assert bool(store.get(entry(f"/{number}").key)) == (number < 200)
            assert store.stats.bytes_now <= store.bytes_max
            assert all(len(some) <= CAME_LATELY_MIN for some in store._came_lately)
        store.close()


def test_with_room_what_comes_from_disk_is_in_memory_at_once(store: TieredStore) -> None:
    each = entry("/1")
    store.put(each)
    settle(store)
    store.clear()
    assert store.get(each.key)
    assert each.key in store


def test_what_is_to_be_coded_is_brought_into_memory_for_that(tmp_path: Path) -> None:
    store, others = crowded(tmp_path)
    (found,) = store.get(others[0])
    assert not store.add_form(found, "gzip", coded_form(found, "gzip", b"coded"))
    store.hold(found)
    (again,) = store.get(found.key)
    assert again is found
    assert store.add_form(found, "gzip", coded_form(found, "gzip", b"coded"))
    store.close()


def test_all_variants_are_brought_in_with_the_one_that_is_to_be_coded(tmp_path: Path) -> None:
    store, _ = crowded(tmp_path)
    varied = [
        stored(FRESH, TEXT, ("Vary", "Foo"), asked=request(("Foo", value), path="/1"), body=b"x" * 1000)
        for value in ("1", "2")
    ]
    for each in varied:
        store.put(each)
    settle(store)
    store.remove_key(varied[0].key)
    for number in range(200, 203):  # their room is taken
        store.put(entry(f"/{number}"))
    found = store.get(varied[0].key)
    assert varied[0].key not in store
    assert store.hold(found[1])
    assert store.get(varied[0].key) == found
    store.close()


@pytest.mark.parametrize("soft", [True, False])
def test_what_was_purged_since_it_was_found_on_disk_is_not_brought_back(
    tmp_path: Path, *, soft: bool
) -> None:
    store, others = crowded(tmp_path)
    (found,) = store.get(others[0])
    store.purge(Purge(kind="everything", soft=soft))
    assert store.hold(found) == soft
    assert all(each.soft_purged for each in store.get(found.key))
    store.close()


@pytest.mark.parametrize("by", ["remove", "invalidate", "put", "nobody"])
def test_only_what_is_still_stored_is_brought_into_memory(tmp_path: Path, by: str) -> None:
    store, others = crowded(tmp_path)

    async def scenario() -> None:
        (found,) = store.get(others[0])
        newer = replace(found, head=b"")
        if by == "remove":
            store.remove(found)
        elif by == "invalidate":
            store.invalidate(found.uri)
        elif by == "put":
            store.put(newer)
        assert store.hold(found) == (by == "nobody")
        assert not store.hold(replace(found, head=b""))
        assert (found.key in store) == (by in ("put", "nobody"))
        await store.settled()

    run(scenario())
    store.close()


@pytest.mark.parametrize("damage", ["cut", "flip", "gone"])
def test_a_damaged_small_body_is_a_miss(store: TieredStore, damage: str, tmp_path: Path) -> None:
    each = entry("/1", body=b"z" * 100_000)
    store.put(each)
    settle(store)
    store.clear()
    (path,) = (tmp_path / "bodies").iterdir()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(b"z" * 99_999 + (b"" if damage == "cut" else b"!"))
    assert store.get(each.key) == ()


def test_what_was_evicted_from_disk_is_no_hit_in_memory(store: TieredStore, tmp_path: Path) -> None:
    large = entry("/1", body=LARGE)
    store.put(large)
    settle(store)
    store.clear()
    assert store.get(large.key)
    (path,) = (tmp_path / "bodies").iterdir()
    path.unlink()
    assert store.get(large.key) == ()


def test_the_disk_is_bounded_and_drops_the_files_of_what_it_evicts(tmp_path: Path) -> None:
    store = opened(tmp_path, disk_bytes=1_000_000)
    for number in range(20):
        store.put(entry(f"/{number}", body=b"w" * 100_000))
    settle(store)
    on_disk = sum(path.stat().st_size for path in (tmp_path / "bodies").iterdir())
    assert on_disk <= 1_000_000
    assert 0 < store.disk.used_bytes() <= 1_000_000
    assert not store.put(entry("/big", body=b"w" * 5_000_000))
    store.close()


def test_replacing_a_response_removes_its_old_file_only(store: TieredStore, tmp_path: Path) -> None:
    store.put(entry("/1", body=b"a" * 100_000))
    store.put(entry("/1", body=b"b" * 100_000))
    store.put(entry("/1", ("A", "1"), body=b"b" * 100_000))
    settle(store)
    (path,) = (tmp_path / "bodies").iterdir()
    assert path.read_bytes() == b"b" * 100_000


def test_files_that_a_crash_left_are_swept_up(store: TieredStore, tmp_path: Path) -> None:
    store.put(entry("/1", body=b"a" * 100_000))
    settle(store)
    orphan = tmp_path / "bodies" / "arriving-x"
    orphan.write_bytes(b"half")
    os.utime(orphan, (1, 1))
    assert store.disk.vacuum(older_than_s=0) == 0
    assert store.disk.vacuum(older_than_s=2) == 1
    store.clear()
    assert store.get("http://site.example/1")


@pytest.mark.parametrize("kind", ["url", "prefix", "tag", "host", "everything"])
def test_a_purge_holds_on_disk_and_after_a_restart(tmp_path: Path, kind: str) -> None:
    store = opened(tmp_path)
    for number in range(3):
        store.put(entry(f"/{number}", ("Cache-Tag", f"t{number}")))
    settle(store)
    values = {"url": "/1", "prefix": "/1", "tag": "t1", "host": "site.example"}
    hit = store.purge(Purge(kind=kind, value=values.get(kind, "")))
    assert hit == (1 if kind in ("url", "prefix", "tag") else 3)
    for again in range(2):
        store.clear()
        assert store.get(entry("/1").key) == ()
        assert bool(store.get(entry("/2").key)) is (hit == 1)
        if not again:
            store.close()
            store = opened(tmp_path)
    store.put(entry("/1"))
    settle(store)
    store.clear()
    assert store.get(entry("/1").key)
    store.close()


def test_a_soft_purge_holds_on_disk(store: TieredStore) -> None:
    store.put(entry("/1"))
    settle(store)
    store.clear()
    store.purge(Purge(kind="everything", soft=True))
    (found,) = store.get(entry("/1").key)
    assert not found.is_fresh(NOW_S)


def test_a_purge_during_a_fetch_wins_over_that_fetch(store: TieredStore) -> None:
    token = store.token()
    store.purge(Purge(kind="url", value="/1"))
    assert not store.put(entry("/1"), token)
    settle(store)
    assert store.get(entry("/1").key) == ()


def test_a_write_that_was_waiting_when_a_purge_came_is_purged(store: TieredStore) -> None:
    store.put(entry("/1"))
    store.purge(Purge(kind="tag", value="none"))
    store.put(entry("/2"), store.token())
    future = store.disk.purge(Purge(kind="prefix", value="/"))
    future.result()
    settle(store)
    assert store.get(entry("/1").key) == store.get(entry("/2").key) == ()


def test_an_invalidation_holds_here_at_once_and_on_disk(store: TieredStore) -> None:
    async def scenario() -> None:
        store.put(entry("/1"))
        await store.settled()
        token = store.token()
        assert store.invalidate("http://site.example/1") == 1
        assert store.get(entry("/1").key) == ()
        await store.settled()
        await asyncio.sleep(0)
        assert store.get(entry("/1").key) == ()
        assert not store.put(entry("/1"), token)
        assert store.put(entry("/1"), store.token())

    run(scenario())


def test_what_a_post_leaves_can_be_stored_once_its_invalidation_holds(store: TieredStore) -> None:
    async def scenario() -> None:
        store.put(entry("/1"))
        await store.settled()
        assert await store.invalidate_everywhere(["http://site.example/1"]) == 1
        assert store.get(entry("/1").key) == ()
        assert store.put(entry("/1", ("A", "2")), store.token())
        await store.settled()
        store.clear()
        (found,) = store.get(entry("/1").key)
        assert found.headers.get("a") == "2"
        assert await store.purge_everywhere(Purge(kind="host", value="site.example")) == 1
        assert store.get(entry("/1").key) == ()

    run(scenario())


def test_an_invalidation_holds_on_disk_also_when_nobody_waits_for_it(
    store: TieredStore, tmp_path: Path
) -> None:
    one = entry("/1")
    store.put(one)
    settle(store)

    async def scenario() -> None:
        held = threading.Event()
        store.disk.cache.write(lambda _: held.wait(60))  # the writer is busy, so what comes is waiting
        waiting = asyncio.ensure_future(store.invalidate_everywhere([one.uri]))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        held.set()
        await store.settled()
        assert store.get(one.key) == ()

    run(scenario())
    store.clear()
    assert store.get(one.key) == ()


def test_a_file_that_cannot_be_removed_does_not_undo_the_commit(
    store: TieredStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store.put(entry("/1", body=LARGE))
    settle(store)
    (path,) = (tmp_path / "bodies").iterdir()
    path.unlink()
    path.mkdir()  # what cannot be unlinked
    with caplog.at_level(logging.ERROR, "edgefaas.cache"):
        done = store.disk.remove(entry("/1", body=LARGE))
        assert done.exception(60) is None
    assert "not removed" in caplog.text
    path.rmdir()


PURGES = [
    Purge(kind="everything"),
    Purge(kind="host", value="site.example"),
    Purge(kind="host", value="other.example"),
    Purge(kind="tag", value="red"),
    Purge(kind="url", value="/1"),
    Purge(kind="url", value="http://site.example/2"),
    Purge(kind="prefix", value="//site.example/1"),
    Purge(kind="wildcard", value="*2*"),
]


@given(
    numbers=st.lists(st.integers(0, 30), unique=True, max_size=12),
    first=st.sampled_from(PURGES),
    second=st.sampled_from(PURGES),
)
@settings(max_examples=30, deadline=None)
def test_what_is_on_disk_is_counted_until_it_is_purged(
    numbers: list[int], first: Purge, second: Purge
) -> None:
    responses = [
        entry(
            f"/{number}", ("Cache-Tag", "red" if number % 2 else "blue"), body=bytes(100_000 * (number % 3))
        )
        for number in numbers
    ]

    async def scenario(store: TieredStore) -> None:
        for response in responses:
            store.put(response)
        await store.settled()
        store.clear()  # as in a worker that has just been started
        left = [response for response in responses if not matches(first, response)]
        assert await store.count_shared(first) == Counted(number=len(responses) - len(left))
        await store.purge_everywhere(first)
        assert await store.count_shared(first) == Counted()
        assert await store.count_shared(second) == Counted(number=sum(matches(second, each) for each in left))

    with tempfile.TemporaryDirectory(prefix="edgefaas-tiers-") as folder:
        store = opened(Path(folder))
        run(scenario(store))
        store.close()


def test_a_count_that_takes_too_long_says_that_there_may_be_more(
    store: TieredStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiers, "COUNTED_ROWS", 2)
    for number in range(5):
        store.put(entry(f"/{number}"))
    settle(store)

    async def scenario() -> None:
        monkeypatch.setattr(tiers, "COUNTING_S", 60.0)
        assert await store.count_shared(Purge(kind="everything")) == Counted(number=5)
        monkeypatch.setattr(tiers, "COUNTING_S", 0.0)
        assert await store.count_shared(Purge(kind="everything")) == Counted(number=2, complete=False)

    run(scenario())


def test_a_row_that_does_not_decode_counts_for_nothing() -> None:
    row = encode_row([entry("/1", ("Cache-Tag", "red"))])
    ((uri, host, tags, _),) = facts_of(row)
    assert (uri, host, tags) == ("http://site.example/1", "site.example", ("red",))
    assert facts_of(b"") == facts_of(row[:20]) == facts_of(row[:-1]) == []


WORKER = """
import json, sys
from pathlib import Path
from edgefaas.cache import Purge
from edgefaas.cache.tiers import open_tiers
store = open_tiers(Path(sys.argv[1]), memory_bytes=10**7, disk_bytes=5 * 10**7, clock=lambda: 1.79e9)
for line in sys.stdin:
    word, argument = json.loads(line)
    if word == "get":
        print(json.dumps([found.body.decode() for found in store.get(argument)]), flush=True)
    elif word == "purge":
        print(json.dumps(store.purge(Purge(kind="prefix", value=argument))), flush=True)
store.close()
"""


class Worker:
    """Another worker process over the same folder."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, word: str, argument: str) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([word, argument]) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.mark.slow
def test_workers_share_what_they_store_and_what_they_purge(store: TieredStore, tmp_path: Path) -> None:
    key = entry("/1").key
    store.put(entry("/1", body=b"hello"))
    settle(store)
    worker = Worker(tmp_path)
    try:
        assert worker.ask("get", key) == ["hello"]  # now in its memory too
        store.purge(Purge(kind="url", value="/1"))
        assert worker.ask("get", key) == []
        store.put(entry("/1", body=b"again"))
        settle(store)
        assert worker.ask("get", key) == ["again"]
        assert store.get(key)
        slot = store.slot(key)
        assert slot is not None
        changes, hits = slot.changes, store.stats.hits
        assert store.unchanged(slot, changes)
        assert store.stats.hits == hits + 1
        assert worker.ask("purge", "/") == 1
        assert not store.unchanged(slot, changes)
        assert store.get(key) == ()
    finally:
        worker.kill()
    store.put(entry("/1", body=b"alive"))  # a killed worker holds no lock
    settle(store)
    store.clear()
    assert store.get(key)


def failing(error: Exception) -> Any:
    def submit(*_: object, **__: object) -> "Future[Any]":
        future: Future[Any] = Future()
        future.set_exception(error)
        return future

    return submit


def test_a_failing_disk_costs_a_warning_and_its_tier(
    store: TieredStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(store.disk.cache, "write", failing(OSError(28, "No space left on device")))
    with caplog.at_level(logging.WARNING, "edgefaas.cache"):
        assert store.put(entry("/1"))
        assert store.put(entry("/2"))
    assert len(caplog.records) == 1
    assert store.get(entry("/1").key)
    assert store.disk_stats.dropped == 1
    assert store.purge(Purge(kind="url", value="/1")) == 1
    assert store.get(entry("/1").key) == ()
    assert store.put(entry("/1"), store.token())


def test_a_disk_that_is_full_is_noticed_by_the_real_file_system(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.disk.cache.env.set_mapsize(1_000_000)
    for number in range(100):
        store.put(entry(f"/{number}", body=os.urandom(60_000)))
    settle(store)
    assert store.disk_stats.failures > 0
    assert store.get(entry("/99").key)
    store.close()


def test_a_folder_that_cannot_be_used_leaves_memory(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("not a folder")
    with caplog.at_level(logging.WARNING, "edgefaas.cache"):
        store = open_tiers(tmp_path / "file", memory_bytes=1000_000, disk_bytes=1_000_000, clock=lambda: 0.0)
    assert type(store) is MemoryStore
    assert "memory only" in caplog.text


def test_a_file_that_is_no_database_is_put_aside(tmp_path: Path) -> None:
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "data.mdb").write_bytes(os.urandom(100_000))
    store = opened(tmp_path)
    store.put(entry("/1"))
    settle(store)
    store.clear()
    assert store.get(entry("/1").key)
    store.close()


def test_numbers_go_on_where_the_records_were_lost(tmp_path: Path) -> None:
    store = opened(tmp_path)
    for number in range(3):
        store.purge(Purge(kind="tag", value=str(number)))
    store.close()
    shutil.rmtree(tmp_path / "rows")
    again = opened(tmp_path)
    assert again.log.shared_seq == 4
    again.purge(Purge(kind="tag", value="x"))
    assert again.log.shared_seq == 5
    again.close()


class TwoTiers(RuleBasedStateMachine):
    """A store of two tiers against a dictionary, through purges, restarts and lost memory."""

    paths = st.sampled_from(["/a", "/a/b", "/b"])
    tags = st.sampled_from(["red", "blue"])

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="edgefaas-tiers-"))
        self.store = opened(self.folder)
        self.model: dict[str, tuple[bytes, str]] = {}
        self.fetching: list[tuple[int, str, bool]] = []
        self.count = 0

    def _response(self, path: str, tag: str) -> StoredResponse:
        self.count += 1
        return entry(path, ("Cache-Tag", tag), body=str(self.count).encode() * 40_000)

    @rule(path=paths, tag=tags)
    def put(self, path: str, tag: str) -> None:
        response = self._response(path, tag)
        assert self.store.put(response, self.store.token())
        self.model[path] = (response.body, tag)  # type: ignore[assignment]

    @rule(path=paths)
    def begin_fetch(self, path: str) -> None:
        self.fetching.append((self.store.token(), path, False))

    @precondition(lambda self: self.fetching)
    @rule()
    def end_fetch(self) -> None:
        token, path, hit = self.fetching.pop(0)
        response = self._response(path, "red")
        stored_now = self.store.put(response, token)
        assert stored_now is not hit
        if stored_now:
            self.model[path] = (response.body, "red")  # type: ignore[assignment]

    def _forget(self, wanted: Callable[[str, str], bool]) -> None:
        self.model = {path: held for path, held in self.model.items() if not wanted(path, held[1])}
        self.fetching = [(token, path, hit or wanted(path, "red")) for token, path, hit in self.fetching]

    @rule(prefix=paths)
    def purge_prefix(self, prefix: str) -> None:
        self.store.purge(Purge(kind="prefix", value=prefix))
        self._forget(lambda path, _: path.startswith(prefix))

    @rule(tag=tags)
    def purge_tag(self, tag: str) -> None:
        self.store.purge(Purge(kind="tag", value=tag))
        self._forget(lambda _, tagged: tagged == tag)

    @rule(path=paths)
    def purge_url(self, path: str) -> None:
        self.store.purge(Purge(kind="url", value=path))
        self._forget(lambda held, _: held == path)

    @rule()
    def lose_memory(self) -> None:
        settle(self.store)
        self.store.clear()

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.store = opened(self.folder)
        self.fetching.clear()

    @invariant()
    def both_hold_the_same(self) -> None:
        for path in ("/a", "/a/b", "/b"):
            found = self.store.get(entry(path).key)
            held = self.model.get(path)
            assert [response.body for response in found] == ([] if held is None else [held[0]])

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)


TwoTiers.TestCase.settings = settings(max_examples=12, stateful_step_count=15, deadline=None)
test_two_tiers_are_one_store = pytest.mark.slow(TwoTiers.TestCase)

bodies = st.binary(max_size=200)


@given(bodies, st.sampled_from([200, 404]), st.text(st.characters(max_codepoint=255), max_size=20))
def test_a_row_comes_back_as_it_went(body: bytes, status: int, text: str) -> None:
    value = "".join(character for character in text if character not in "\r\n\x00")
    one = stored(
        FRESH, ("Vary", "Foo"), ("X", value), status=status, body=body, asked=request(("Foo", value))
    )
    one.tags = ("a", value)
    (found,) = decode_row(encode_row([one]), None)
    assert same(found, one)
    assert found.compressible == one.compressible


@given(st.integers(0, 400), st.integers(1, 255))
def test_a_row_with_a_wrong_octet_is_nothing(at: int, flip: int) -> None:
    row = bytearray(encode_row([entry()]))
    row[at % len(row)] ^= flip
    assert decode_row(bytes(row), None) == []
    assert decode_row(bytes(row[: at % len(row)]), None) == []
