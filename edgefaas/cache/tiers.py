"""The store of a worker in two tiers: its own memory (L1) before a disk that all workers share (L2).

Used like ``MemoryStore``: reads are synchronous, a hit in memory costs one comparison more. What is put
goes to memory at once and to disk behind; what is found on disk goes to memory. A disk that is full or
fails costs a warning and its tier, never an answer.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

import lmdb

from edgefaas.cache.memory import MemoryStore, Slot
from edgefaas.cache.purge import LOCAL_BITS, Counted, Hit, Purge, PurgeLog
from edgefaas.cache.shared import DiskTier
from edgefaas.cache.spool import Spool
from edgefaas.cache.storability import Store
from edgefaas.cache.stored import BodyFile, StoredResponse
from edgefaas.openbody import OpenBody

log = logging.getLogger("edgefaas.cache")

PROMOTED_MAX_BYTES = 262_144  # a larger body is streamed from disk: reading it here would hold the loop
COUNTING_S = 0.01  # of what a purge may take
COUNTED_ROWS = 32  # without a break: at 64 kB each some 2 ms
CAME_LATELY_MIN = 64  # keys that are known to have come from disk once, where memory holds fewer
RETRY_S = 30.0  # after the disk failed
_DISK_ERRORS = (lmdb.Error, OSError, BufferError)

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class DiskStats:
    """Counters of the disk tier as this worker sees it."""

    hits: int = 0
    misses: int = 0
    stored: int = 0
    dropped: int = 0
    failures: int = 0
    damaged: int = 0


class TieredStore(MemoryStore):
    """Memory before disk. ``clock`` gives Unix seconds, for the disk's rests after failures."""

    def __init__(
        self,
        bytes_max: int,
        disk: DiskTier,
        clock: Callable[[], float],
        *,
        object_bytes_max: int | None = None,
    ) -> None:
        super().__init__(bytes_max, object_bytes_max=object_bytes_max, log=disk.log)
        self.disk = disk
        self._recorded = disk.recorded
        self.disk_stats = DiskStats()
        self._clock = clock
        self._resting_until_s = 0.0
        self._came_lately: tuple[set[str], set[str]] = (
            set(),
            set(),
        )  # keys from disk, not in memory: new ones, older
        # What ``get`` found last on disk and did not bring into memory, until something is stored or dropped.
        self._left_on_disk: tuple[StoredResponse, ...] = ()
        self._pending: dict[str, int] = {}  # URIs whose invalidation is not in the log yet
        self._waiting: set[Future[Any]] = set()

    def get(self, key: str) -> tuple[StoredResponse, ...]:
        """Return the variants stored under ``key``, from memory or else from disk.

        Where all in memory are stale, another worker may have put something newer on disk.
        """
        if self._recorded[0] > self.log.seq >> LOCAL_BITS:
            self._catch_up()
        found = super().get(key)
        if not found:
            return self._from_disk(key)
        now_s = self._clock()
        for stored in found:
            if type(stored.body) is BodyFile and not stored.body.path.exists():
                self.remove_key(key)  # evicted from disk; the row says what is left
                return self._from_disk(key)
            if stored.file is not None and not stored.file.is_as_it_was:
                stored.file = None
            if stored.birth_s + stored.lifetime_s > now_s and not stored.soft_purged:
                return found
        latest_s = max(stored.response_time_s for stored in found)
        return self._from_disk(key, after_s=latest_s) or found

    def unchanged(self, slot: Slot, changes: int) -> bool:
        """Return whether ``get`` would return what ``slot`` holds, as when that had ``changes``; if so, it is a hit."""
        # As in memory alone; written out, for it is asked for every hit.
        seq = self.log.seq
        if slot.changes != changes or slot.token != seq or self._recorded[0] > seq >> LOCAL_BITS:
            return False
        slot.visited = True
        self.stats.hits += 1
        return True

    def token(self) -> int:
        """Return what a fetch that begins now hands to ``put`` at its end."""
        if self._recorded[0] > self.log.seq >> LOCAL_BITS:
            self._catch_up()
        return self.log.seq

    def put(self, stored: StoredResponse, token: int | None = None, *, now_s: float | None = None) -> bool:
        """Store in memory at once and on disk behind; False when a purge since ``token`` forbids it.

        What is too large for memory goes to disk only.
        """
        since = self.log.seq if token is None else token
        self._left_on_disk = ()
        in_memory = super().put(stored, since, now_s=now_s)
        hit = self.log.since_fetch(stored, since)
        if hit is Hit.HARD or not stored.is_consistent:
            return False
        if stored.length_bytes > self.disk.object_bytes_max:
            return in_memory
        on_disk = self._behind(lambda: self.disk.put(stored, since))
        self.disk_stats.stored += on_disk
        return in_memory or on_disk

    async def put_spooled(self, decided: Store, spool: Spool, token: int) -> StoredResponse | None:
        """Store a body that has arrived wholly, from memory or by taking over its file.

        None when it is not kept wholly, or the disk failed. The spool's directory has to be
        ``disk.bodies.path``.
        """
        if spool.whole_in_memory:
            stored = decided.with_body(spool.body(), digest=spool.digest)
            spool.discard()
            self.put(stored, token)
            return stored
        if not spool.whole_in_file:
            return None
        length_bytes, digest, pieces = spool.length_bytes, spool.digest, spool.piece_digests
        arrived = spool.detach_file()
        shell = decided.with_body(BodyFile(arrived, length_bytes, pieces), digest=digest)
        try:
            body = await asyncio.to_thread(self.disk.bodies.adopt, arrived, shell, digest, pieces)
        except OSError as error:
            self._rest(error)
            return None
        stored = replace(shell, body=body)
        self.put(stored, token)
        return stored

    def remove(self, stored: StoredResponse) -> None:
        """Drop exactly this stored response from memory, and the variant like it from disk."""
        super().remove(stored)
        self._left_on_disk = ()
        self._behind(lambda: self.disk.remove(stored))

    def invalidate(self, uri: str) -> int:
        """Drop what is stored for a URI: here at once, in other workers with the next commit.

        ``invalidate_everywhere`` waits for that.
        """
        count, _ = self._invalidated(uri)
        return count

    async def invalidate_everywhere(self, uris: Iterable[str]) -> int:
        """Drop what is stored for these URIs in every worker, and return how many that was in this one.

        A token taken afterwards lets newer responses for them be stored.
        """
        done = [self._invalidated(uri) for uri in uris]
        await _all_done([future for _, future in done if future is not None])
        self._catch_up()
        return sum(count for count, _ in done)

    def _invalidated(self, uri: str) -> "tuple[int, Future[int] | None]":
        purge = Purge(kind="url", value=uri)
        self._left_on_disk = ()
        future = self._submit(lambda: self.disk.purge(purge))
        if future is None:
            self.log.record(purge)
        else:
            self._pending[uri] = self._pending.get(uri, 0) + 1
            loop = asyncio.get_running_loop()

            def done(_: object) -> None:
                with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                    loop.call_soon_threadsafe(self._no_longer_pending, uri)

            future.add_done_callback(done)
        return self._remove_uri(uri), future

    def purge(self, purge: Purge) -> int:
        """Carry out a purge in every worker and wait for that: blocks for a commit.

        On the event loop, ``purge_everywhere`` does the same without blocking. Where the disk fails, the
        purge holds in this worker only, with a warning.
        """
        future = self._submit(lambda: self.disk.purge(purge))
        if future is None or future.exception() is not None:
            return super().purge(purge)
        self._catch_up()
        return sum(self.sweep())

    async def purge_everywhere(self, purge: Purge) -> int:
        """Put ``purge`` in force in every worker, and return how many responses it hit in this one."""
        future = self._submit(lambda: self.disk.purge(purge))
        try:
            if future is None:
                raise BufferError("the disk rests")
            await _done(future)
        except _DISK_ERRORS:
            self.log.record(purge)
        self._catch_up()
        return await self._swept()

    async def count_shared(self, purge: Purge) -> Counted:
        """Return how many responses on disk ``purge`` would hit, as far as can be looked at in ``COUNTING_S``.

        In slices, at least one, between which the loop does other things.
        """
        self._catch_up()
        until_s, number, after = perf_counter() + COUNTING_S, 0, b""
        with contextlib.suppress(*_DISK_ERRORS):
            while True:
                hit, after = self.disk.count(purge, after, COUNTED_ROWS)
                number += hit
                if not after or perf_counter() >= until_s:
                    return Counted(number=number, complete=not after)
                await asyncio.sleep(0)
        return Counted(number=number, complete=False)

    def told(self) -> dict[str, dict[str, object]]:
        """Return the counters and gauges of each tier, as JSON values; the disk is shared by all workers."""
        disk: dict[str, object] = asdict(self.disk_stats) | self.disk.told()
        with contextlib.suppress(*_DISK_ERRORS):
            disk["bytes_now"] = self.disk.used_bytes()
        return super().told() | {"disk": disk}

    async def settled(self) -> None:
        """Wait until everything that was handed to the disk is there, or has failed."""
        await _all_done(tuple(self._waiting))

    def damaged(self, stored: StoredResponse) -> None:
        """Forget a response whose body file turned out to be damaged."""
        self.disk_stats.damaged += 1
        self.remove(stored)

    def stop(self) -> None:
        """Write what waits to disk, and nothing more after that: blocks, so call it in a thread."""
        self.disk.stop()

    def close(self) -> None:
        """Write what waits and close the disk tier, in the thread that reads."""
        self.disk.close()

    def _catch_up(self) -> None:
        try:
            self.disk.catch_up()
        except _DISK_ERRORS as error:
            self._rest(error)

    def _from_disk(self, key: str, after_s: float = 0.0) -> tuple[StoredResponse, ...]:
        """Bring what is on disk into memory, if any of it arrived later than ``after_s``."""
        if self._resting_until_s and self._clock() < self._resting_until_s:
            return ()
        try:
            variants = self.disk.get(key)
        except _DISK_ERRORS as error:
            self._rest(error)
            return ()
        if after_s and all(stored.response_time_s <= after_s for stored in variants):
            return ()
        if len(variants) == 1 and type(variants[0].body) is bytes:  # by far the most frequent
            usable = variants
        else:
            usable = [stored for stored in map(self._loaded, variants) if stored is not None]
        if not usable or usable[0].uri in self._pending:
            self.disk_stats.misses += 1
            return ()
        self.disk_stats.hits += 1
        found = tuple(usable)
        if self._belongs_in_memory(key, usable):
            for stored in found:
                super().put(stored)
        elif found[0].compressible:  # only such are held, and what is kept for nothing costs a microsecond
            self._left_on_disk = found
        return found

    def _belongs_in_memory(self, key: str, found: list[StoredResponse]) -> bool:
        """Return whether what came from disk is brought into memory: not where others would go for what comes once.

        With room it is, and the second time within as many other such keys as memory holds. So is what is only named
        there: a large body.
        """
        room = self.bytes_max - self.stats.bytes_now
        for stored in found:
            room -= stored.weight_bytes
            if type(stored.body) is BodyFile:
                return True
        if room >= 0:
            return True
        lately, before = self._came_lately
        if key in lately or key in before:
            return True
        if len(lately) >= max(CAME_LATELY_MIN, self.stats.objects_now):
            lately, _ = self._came_lately = set(), lately
        lately.add(key)
        return False

    def hold(self, stored: StoredResponse) -> bool:
        """Bring what ``get`` has just found on disk into memory, unless it was purged since; nothing else."""
        if any(found is stored for found in self._left_on_disk):
            for found in self._left_on_disk:
                super().put(found, found.purge_token)
            self._left_on_disk = ()
        return super().hold(stored)

    def _loaded(self, stored: StoredResponse) -> StoredResponse | None:
        """Return ``stored`` with a small body file read into memory; None when it is damaged."""
        body = stored.body
        limit_bytes = min(PROMOTED_MAX_BYTES, self.object_bytes_max)
        if not isinstance(body, BodyFile) or body.length_bytes > limit_bytes:
            return stored
        octets = self.disk.bodies.read(body, stored.digest)
        if octets is None:
            self.damaged(stored)
            return None
        return replace(stored, body=octets, file=OpenBody.of(body.path, len(octets)))

    def _behind(self, submit: Callable[[], "Future[Any]"]) -> bool:
        return self._submit(submit) is not None

    def _submit(self, submit: Callable[[], "Future[T]"]) -> "Future[T] | None":
        """Hand work to the disk; None when it rests or is too busy."""
        if self._resting_until_s and self._clock() < self._resting_until_s:
            self.disk_stats.dropped += 1
            return None
        try:
            future = submit()
        except BufferError:
            self.disk_stats.dropped += 1
            return None
        self._waiting.add(future)
        future.add_done_callback(self._done)
        return future

    def _done(self, future: "Future[Any]") -> None:
        """Take note of finished work; runs in the writer's thread."""
        self._waiting.discard(future)
        error = None if future.cancelled() else future.exception()
        if error is not None:
            self._rest(error)

    def _rest(self, error: BaseException) -> None:
        if self._clock() >= self._resting_until_s:
            self.disk.note_damage(error)
            log.warning("the cache on disk failed (%s); memory only for %d s", error, RETRY_S)
        self.disk_stats.failures += 1
        self._resting_until_s = self._clock() + RETRY_S

    def _no_longer_pending(self, uri: str) -> None:
        self._catch_up()
        left = self._pending[uri] - 1
        if left:
            self._pending[uri] = left
        else:
            del self._pending[uri]


async def _done(future: "Future[T]") -> T:
    """Wait for work that was handed to the disk. It is done also when nobody waits for it any more.

    Giving up a future of the writer would take the work back: a viewer who leaves while what its POST outdated
    is dropped would leave that to all others.
    """
    return await asyncio.shield(asyncio.wrap_future(future))


async def _all_done(futures: "Iterable[Future[Any]]") -> None:
    """Wait until all have ended, well or not."""
    await asyncio.gather(*map(_done, futures), return_exceptions=True)


def open_tiers(
    folder: Path, *, memory_bytes: int, disk_bytes: int, clock: Callable[[], float]
) -> MemoryStore:
    """Return the store of a worker over ``folder``.

    Memory alone, with a warning, when the folder cannot be used.
    """
    try:
        disk = DiskTier(folder, disk_bytes, clock, PurgeLog())
    except (lmdb.Error, OSError) as error:
        log.warning("the cache folder %s cannot be used (%s); the cache is in memory only", folder, error)
        return MemoryStore(memory_bytes)
    return TieredStore(memory_bytes, disk, clock)
