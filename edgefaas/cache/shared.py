"""The shared tier (L2): stored responses and purges behind aiocache's interface, for all workers of a POP.

Rows are keyed by primary key and hold its variants (``entry``). With ``LmdbCache`` the workers of one
machine share a file, reads happen on the event loop, and large bodies are files beside it (``bodies``);
with aiocache's Redis backend several machines share the rows, and bodies are inside them. Purges are
numbered by the tier and put into the log that the worker's stores share, so a purge that one worker
recorded holds in all.
"""

import logging
import mmap
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import msgpack

from edgefaas.cache.bodies import BodyFolder
from edgefaas.cache.entry import decode_row, encode_row, facts_of
from edgefaas.cache.lmdb_cache import LmdbCache
from edgefaas.cache.memory import VARIANTS_MAX
from edgefaas.cache.opening import DAMAGE, Tenancy, drop, make_ready, note_damage
from edgefaas.cache.partial import replaces
from edgefaas.cache.purge import Hit, Purge, PurgeLog, matches
from edgefaas.cache.rows import Evicted, Rows, row_key
from edgefaas.cache.stored import BodyFile, StoredResponse
from edgefaas.cache.writer import WAITING_MAX_BYTES
from edgefaas.openbody import OpenBody

log = logging.getLogger("edgefaas.cache")

INLINE_MAX_BYTES = 65_536  # a larger body is a file of its own
PURGES_REMEMBERED = 65_536
_COUNTER_BYTES = 8


class SharedCounter:
    """A number that every process of this machine sees at once: the latest purge. Reading it costs 0.1 µs."""

    def __init__(self, path: Path) -> None:
        with path.open("a+b") as file:
            # Written, not only made longer: a hole that a full disk cannot fill would be a SIGBUS when it is mapped.
            file.write(bytes(max(0, _COUNTER_BYTES - file.seek(0, 2))))
            file.flush()
            self._map = mmap.mmap(file.fileno(), _COUNTER_BYTES)
        self.view = memoryview(self._map).cast("Q")

    @property
    def value(self) -> int:
        """Return the number."""
        return self.view[0]

    @value.setter
    def value(self, number: int) -> None:
        self.view[0] = number

    def close(self) -> None:
        """Let go of the file."""
        self.view.release()
        self._map.close()


class DiskTier:
    """The shared tier of one machine, in ``folder``, at most ``bytes_max`` octets on disk.

    ``clock`` gives Unix seconds. ``purges`` is the worker's purge log, which this tier
    numbers and fills.
    """

    def __init__(self, folder: Path, bytes_max: int, clock: Callable[[], float], purges: PurgeLog) -> None:
        self.bodies = BodyFolder(folder / "bodies")
        self.object_bytes_max = bytes_max // 2
        self.log = purges
        self._rows = folder / "rows"
        self._tenancy = Tenancy(folder)
        try:
            self._cache = self._opened(bytes_max, clock)
        except BaseException:
            self._tenancy.leave()
            raise
        self._counter = SharedCounter(folder / "purges.seq")
        self._clock = clock
        self._file_writer = ThreadPoolExecutor(1, thread_name_prefix="edgefaas-cache-bodies")
        self._files_waiting_bytes = 0
        self._lock = threading.Lock()
        self._number_on()
        self._load_purges()

    @property
    def cache(self) -> LmdbCache:
        """Return the aiocache face of the same file."""
        return self._cache

    def used_bytes(self) -> int:
        """Return the octets that this tier holds on disk, by its own count."""
        return self._cache.used_bytes()

    def told(self) -> dict[str, object]:
        """Return what this worker evicted from the tier, and how much the tier may hold."""
        cache = self._cache
        return {
            "evicted": cache.evicted,
            "evicted_bytes": cache.evicted_bytes,
            "bytes_max": cache.bytes_max,
        }

    @property
    def recorded(self) -> memoryview:
        """Return where the number of the latest purge of all workers stands, as item 0."""
        return self._counter.view

    def catch_up(self) -> None:
        """Learn of purges that other workers recorded. A comparison of two numbers when there are none."""
        if self._counter.value > self.log.shared_seq:
            self._load_purges()

    def get(self, key: str) -> list[StoredResponse]:
        """Return the variants of ``key`` that no purge has hit; damaged ones are left out."""
        row = self._cache.peek(key)
        if row is None:
            return []
        return [
            stored
            for stored in decode_row(row, self.bodies.path)
            if stored.key == key and self._holds(stored)
        ]

    def _holds(self, stored: StoredResponse) -> bool:
        if stored.purge_token < self.log.seq:
            hit = self.log.since_fetch(stored, stored.purge_token)
            if hit is Hit.HARD:
                return False
            stored.soft_purged = stored.soft_purged or hit is Hit.SOFT
        body = stored.body
        if type(body) is BodyFile:
            try:
                return body.path.stat().st_size == body.length_bytes
            except OSError:
                return False
        return True

    def put(self, stored: StoredResponse, token: int) -> "Future[None]":
        """Store ``stored`` in the next commit.

        ``token`` goes with it: whatever was purged since makes it a miss when it is read. Raises
        BufferError when too much waits to be written already.
        """
        body = stored.body
        kept = replace(stored, purge_token=token, forms=None)
        if not isinstance(body, bytes) or len(body) <= INLINE_MAX_BYTES:
            return self._cache.write(lambda rows: self._merge(rows, kept), weight_bytes=kept.weight_bytes)
        return self._put_beside(stored, kept, len(body))

    def _put_beside(self, stored: StoredResponse, kept: StoredResponse, length_bytes: int) -> "Future[None]":
        """Write the body to a file first, outside of the transaction that others wait for.

        The file stays open for ``stored``, whose body stays in memory.
        """
        with self._lock:
            if self._files_waiting_bytes + length_bytes > WAITING_MAX_BYTES:
                raise BufferError(f"more than {WAITING_MAX_BYTES} bytes wait to be written")
            self._files_waiting_bytes += length_bytes

        def work() -> None:
            try:
                body = self.bodies.write(kept)
                stored.file = OpenBody.of(body.path, length_bytes)
                shell = replace(kept, body=body, file=None)
                self._cache.write(lambda rows: self._merge(rows, shell)).result()
            finally:
                with self._lock:
                    self._files_waiting_bytes -= length_bytes

        return self._file_writer.submit(work)

    def _merge(self, rows: Rows, stored: StoredResponse) -> None:
        """Put ``stored`` among the variants of its key; runs in the writer's thread."""
        row = row_key(stored.key)
        held = rows.get(row, self._clock())
        variants = [] if held is None else decode_row(held, self.bodies.path)
        replaced = [old for old in variants if replaces(stored, old)]
        if any(old.response_time_s > stored.response_time_s for old in replaced):
            self._drop_unused(stored, variants)
            return  # another worker, or a smaller body, was quicker with something newer
        variants = [old for old in variants if old not in replaced][-(VARIANTS_MAX - 1) :]
        self._write(rows, row, [*variants, stored])

    def _drop_unused(self, stored: StoredResponse, kept: list[StoredResponse]) -> None:
        """Remove the body file of what is not stored after all, unless it is one of a kept variant."""
        names = {old.body.path.name for old in kept if isinstance(old.body, BodyFile)}
        if isinstance(stored.body, BodyFile) and stored.body.path.name not in names:
            self.bodies.remove(stored.body.path.name)

    def _write(self, rows: Rows, row: bytes, variants: list[StoredResponse]) -> None:
        elsewhere = sum(stored.length_bytes for stored in variants if isinstance(stored.body, BodyFile))
        rows.put(row, encode_row(variants), elsewhere_bytes=elsewhere)

    def remove(self, stored: StoredResponse) -> "Future[None]":
        """Drop the variant with the selectors of ``stored`` in the next commit."""

        def work(rows: Rows) -> None:
            row = row_key(stored.key)
            held = rows.get(row, self._clock())
            if held is None:
                return
            variants = decode_row(held, self.bodies.path)
            others = [old for old in variants if old.selectors != stored.selectors]
            if others:
                self._write(rows, row, others)
            else:
                rows.delete(row)

        if self._files_waiting_bytes:  # behind a body that is still being written, for it may be this one
            return self._file_writer.submit(lambda: self._cache.write(work).result())
        return self._cache.write(work)

    def count(self, purge: Purge, after: bytes, rows: int) -> tuple[int, bytes]:
        """Return how many responses in the next ``rows`` rows ``purge`` would hit, and the last row that was looked at.

        ``after`` is that of the call before, b"" at the beginning; it comes back as b"" at the end. What an
        earlier purge has hit is no longer stored, also where it still takes room.
        """
        found = self._cache.rows_after(after, rows)
        number = sum(
            matches(purge, facts) and self.log.hit(facts, facts.token) is not Hit.HARD
            for _, value in found
            for facts in facts_of(value)
        )
        return number, found[-1][0] if len(found) == rows else b""

    def purge(self, purge: Purge) -> "Future[int]":
        """Record a purge and return its number; then it is on disk and in force in every worker."""
        record = msgpack.packb([purge.kind, purge.value, purge.soft])

        def work(rows: Rows) -> int:
            seq = rows.record_purge(record, PURGES_REMEMBERED, after=self._counter.value)
            # Inside the transaction, so that numbers appear in order; who looks before the commit looks
            # again.
            self._counter.value = seq
            return seq

        return self._cache.write(work, urgent=True)

    def vacuum(self, *, older_than_s: float) -> int:
        """Remove body files that no row refers to; blocks, so call it in a thread. Returns how many."""
        keep: set[str] = set()

        def work(rows: Rows) -> None:
            for value in rows.values():
                keep.update(_files(value, self.bodies.path))

        self._cache.write(work).result()
        return self.bodies.vacuum(keep, older_than_s=older_than_s)

    def note_damage(self, error: BaseException) -> None:
        """Where ``error`` says that the rows are damaged, have them dropped by who next opens them alone."""
        if isinstance(error, DAMAGE):
            note_damage(self._rows)

    def stop(self) -> None:
        """Write what waits, and take nothing more: blocks, so call it in a thread. Reading goes on."""
        self._file_writer.shutdown()
        self._cache.writer.close()

    def close(self) -> None:
        """Stop and close the files, in the thread that reads: nobody may be reading."""
        self.stop()
        self._cache.shut()
        self._counter.close()
        self._tenancy.leave()

    def _opened(self, bytes_max: int, clock: Callable[[], float]) -> LmdbCache:
        """Open the rows; what is none of LMDB's is dropped, unless another process has it open."""
        with self._tenancy.moving_in() as alone:
            if not alone:
                return LmdbCache(self._rows, bytes_max, clock, on_evict=self._drop_files)
            make_ready(self._rows)
            try:
                return LmdbCache(self._rows, bytes_max, clock, on_evict=self._drop_files)
            except DAMAGE as error:
                log.warning("the cache in %s is damaged (%s) and starts anew", self._rows, error)
            drop(self._rows)
            make_ready(self._rows)
            return LmdbCache(self._rows, bytes_max, clock, on_evict=self._drop_files)

    def _number_on(self) -> None:
        """Go on after the number that workers have seen, where the file with the records was lost.

        What those purges were is not known then, so they count as everything.
        """

        def work(rows: Rows) -> None:
            if self._counter.value > rows.latest_purge():
                record = msgpack.packb(["everything", "", False])
                self._counter.value = rows.record_purge(record, PURGES_REMEMBERED, after=self._counter.value)

        latest, _ = self._cache.purge_numbers()
        if self._counter.value > latest:
            self._cache.write(work).result()

    def _load_purges(self) -> None:
        latest, floor = self._cache.purge_numbers()
        if (
            self.log.shared_seq < floor
        ):  # records this worker never saw are gone: whatever they were, they hold
            self.log.record(Purge(kind="everything"), floor)
        for seq, record in self._cache.purges_after(self.log.shared_seq):
            kind, value, soft = msgpack.unpackb(record)
            self.log.record(Purge(kind=kind, value=value, soft=soft), seq)
        self._counter.value = max(self._counter.value, latest)

    def _drop_files(self, gone: list[Evicted]) -> None:
        """Remove the body files of rows that left, unless the row that replaced them still has them."""
        names = {name for evicted in gone for name in _files(evicted.value, self.bodies.path)}
        if not names:
            return
        for row in {evicted.row for evicted in gone}:
            value = self._cache.read_row(row)
            if value is not None:
                names -= _files(value, self.bodies.path)
        for name in names:
            self.bodies.remove(name)


def _files(row: bytes, folder: Path) -> set[str]:
    return {stored.body.path.name for stored in decode_row(row, folder) if isinstance(stored.body, BodyFile)}
