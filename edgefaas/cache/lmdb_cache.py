"""A byte-bounded cache of octets on disk, shared by processes: aiocache's interface over LMDB.

One file, memory-mapped: a read is a few microseconds and takes no lock; writes go through one thread, many
to a commit. A killed process leaves nothing half done, and after a power cut the last commits may be
missing but what is there is whole (LMDB's order of writes, ``metasync=False``). What does not fit is
evicted by SIEVE, whose queue, bits and hand are in the file too.

aiocache's own backends are for several machines (Redis) or for one process (memory); this one is for the
workers of one POP.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import lmdb
from aiocache.base import BaseCache
from aiocache.serializers import BaseSerializer

from edgefaas.cache.opening import make_whole
from edgefaas.cache.rows import DATABASES, Evicted, Rows, number_of, octets_of, row_key, value_at, value_of
from edgefaas.cache.writer import WriterThread

log = logging.getLogger("edgefaas.cache")

READERS_MAX = 1_024
MAP_SLACK_BYTES = 64 * 1024 * 1024  # for LMDB's own pages and for freed ones that a reader still sees
TOUCHED_MAX = 10_000

T = TypeVar("T")


class OctetSerializer(BaseSerializer):  # type: ignore[misc]  # aiocache has no types
    """Leaves octets as they are (aiocache would decode them)."""

    DEFAULT_ENCODING = None

    def dumps(self, value: object) -> object:
        """Return ``value``."""
        return value

    def loads(self, value: object) -> object:
        """Return ``value``."""
        return value


class LmdbCache(BaseCache):  # type: ignore[misc]  # aiocache has no types
    """An aiocache backend over one LMDB file in ``folder``, at most ``bytes_max`` octets of values.

    ``clock`` gives Unix seconds, for ``ttl``. Open it once in a process. ``on_evict`` is called in the
    writer's thread, after the commit. Errors of the disk come out as ``lmdb.Error`` or ``OSError``.
    """

    NAME = "lmdb"

    def __init__(
        self,
        folder: Path,
        bytes_max: int,
        clock: Callable[[], float],
        *,
        on_evict: Callable[[list[Evicted]], None] | None = None,
        **settings: Any,
    ) -> None:
        settings.setdefault("serializer", OctetSerializer())
        super().__init__(**settings)
        folder.mkdir(parents=True, exist_ok=True)
        self.bytes_max = bytes_max
        self.on_evict = on_evict
        self.evicted = 0  # rows, by this process
        self.evicted_bytes = 0
        self._clock = clock
        self._touched: set[bytes] = set()
        self.env = lmdb.open(
            str(folder),
            map_size=2 * bytes_max + MAP_SLACK_BYTES,
            max_dbs=len(DATABASES),
            max_readers=READERS_MAX,
            metasync=False,
            readahead=False,
        )
        try:
            make_whole(self.env, folder / "data.mdb")
            self._db = {name: self.env.open_db(name) for name in DATABASES}
        except BaseException:
            self.env.close()
            raise
        self.env.reader_check()  # frees the slots of readers that were killed
        self.writer = WriterThread(self._commit, name="edgefaas-cache-writer")

    def peek(self, key: str) -> bytes | None:
        """Return the value of ``key`` at once, without a task: for use on the event loop."""
        row = row_key(self.build_key(key) if self.namespace else key)
        value = self.read_row(row)
        if value is not None and len(self._touched) < TOUCHED_MAX:
            self._touched.add(row)
        return value

    def read_row(self, row: bytes) -> bytes | None:
        """Return the value of a row that has not expired, without counting as a visit."""
        with self.env.begin(db=self._db[b"rows"]) as txn:
            value = txn.get(row)
        return None if value is None else value_at(value, self._clock())

    def rows_after(self, row: bytes, count: int) -> list[tuple[bytes, bytes]]:
        """Return the next rows in the order of their keys, at most ``count``, with their values; b"" begins."""
        with self.env.begin(db=self._db[b"rows"]) as txn:
            cursor = txn.cursor()
            if not cursor.set_range(row + b"\0" if row else b"\0"):
                return []
            return [(key, value_of(value)) for key, value in islice(cursor, count)]

    def write(
        self, work: "Callable[[Rows], T]", *, weight_bytes: int = 0, urgent: bool = False
    ) -> "Future[T]":
        """Run ``work`` in a commit and return its result when that is on disk.

        ``weight_bytes`` counts against what the writer may have waiting; ``urgent`` works go first. Raises
        ``BufferError`` when the writer is full.
        """
        return self.writer.submit(work, weight_bytes, urgent=urgent)

    def used_bytes(self) -> int:
        """Return the octets of all values, and of what belongs to them elsewhere."""
        with self.env.begin() as txn:
            return number_of(txn.get(b"bytes", db=self._db[b"meta"]))

    def purges_after(self, seq: int) -> list[tuple[int, bytes]]:
        """Return the recorded purges with a higher number than ``seq``, in order."""
        with self.env.begin(db=self._db[b"purges"]) as txn:
            cursor = txn.cursor()
            if not cursor.set_range(octets_of(seq + 1)):
                return []
            return [(number_of(number), record) for number, record in cursor]

    def purge_numbers(self) -> tuple[int, int]:
        """Return the number of the latest purge, and the one up to which records have been dropped."""
        with self.env.begin(db=self._db[b"meta"]) as txn:
            return number_of(txn.get(b"purge")), number_of(txn.get(b"purge-floor"))

    def shut(self) -> None:
        """Write what waits and close the file."""
        self.writer.close()
        self.env.close()

    def _commit(self, works: "list[tuple[Callable[[Rows], Any], Future[Any]]]") -> None:
        """Run several works in one transaction; runs in the writer's thread."""
        results: list[tuple[Future[Any], Any]] = []
        with self.env.begin(write=True) as txn:
            rows = Rows(txn, self._db, self.bytes_max)
            touched, self._touched = self._touched, set()
            rows.note_visits(tuple(touched))  # a reader on the event loop may still add one
            results = [(future, work(rows)) for work, future in works]
            evicted, evicted_bytes = rows.evict()
        self.evicted += evicted
        self.evicted_bytes += evicted_bytes
        if rows.gone and self.on_evict is not None:
            try:
                self.on_evict(rows.gone)
            except Exception:  # the commit stands: its works may not be done again
                log.exception("what %d evicted rows left behind was not removed", len(rows.gone))
        for future, result in results:
            future.set_result(result)

    async def _write(self, work: "Callable[[Rows], T]", weight_bytes: int = 0) -> T:
        return await asyncio.wrap_future(self.write(work, weight_bytes=weight_bytes))

    def _expiry(self, ttl: float | None) -> float:
        return self._clock() + ttl if ttl else 0.0

    # What aiocache's BaseCache asks of a backend; keys come namespaced.

    async def _get(self, key: str, encoding: str | None = None, _conn: object = None) -> bytes | None:
        row = row_key(key)
        value = self.read_row(row)
        if value is not None and len(self._touched) < TOUCHED_MAX:
            self._touched.add(row)
        return value

    async def _gets(self, key: str, encoding: str | None = None, _conn: object = None) -> bytes | None:
        return await self._get(key)

    async def _multi_get(
        self, keys: Iterable[str], encoding: str | None = None, _conn: object = None
    ) -> list[bytes | None]:
        return [await self._get(key) for key in keys]

    async def _set(
        self,
        key: str,
        value: bytes,
        ttl: float | None = None,
        _cas_token: bytes | None = None,
        _conn: object = None,
    ) -> bool | int:
        expiry, now_s = self._expiry(ttl), self._clock()

        def work(rows: Rows) -> bool | int:
            if _cas_token is not None and rows.get(row_key(key), now_s) != _cas_token:
                return 0
            rows.put(row_key(key), _octets(value), expiry=expiry)
            return True

        return await self._write(work, len(value))

    async def _multi_set(
        self, pairs: Iterable[tuple[str, bytes]], ttl: float | None = None, _conn: object = None
    ) -> bool:
        expiry, listed = self._expiry(ttl), list(pairs)

        def work(rows: Rows) -> bool:
            for key, value in listed:
                rows.put(row_key(key), _octets(value), expiry=expiry)
            return True

        return await self._write(work, sum(len(value) for _, value in listed))

    async def _add(self, key: str, value: bytes, ttl: float | None = None, _conn: object = None) -> bool:
        expiry, now_s = self._expiry(ttl), self._clock()

        def work(rows: Rows) -> bool:
            if rows.get(row_key(key), now_s) is not None:
                return False
            rows.put(row_key(key), _octets(value), expiry=expiry)
            return True

        if not await self._write(work, len(value)):
            raise ValueError(f"Key {key} already exists, use .set to update the value")
        return True

    async def _exists(self, key: str, _conn: object = None) -> bool:
        return self.read_row(row_key(key)) is not None

    async def _increment(self, key: str, delta: int, _conn: object = None) -> int:
        now_s = self._clock()

        def work(rows: Rows) -> int:
            try:
                total = int(rows.get(row_key(key), now_s) or b"0") + delta
            except ValueError:
                raise TypeError("Value is not an integer") from None
            rows.put(row_key(key), str(total).encode("ascii"))
            return total

        return await self._write(work)

    async def _expire(self, key: str, ttl: float, _conn: object = None) -> bool:
        expiry, now_s = self._expiry(ttl), self._clock()

        def work(rows: Rows) -> bool:
            value = rows.get(row_key(key), now_s)
            if value is None:
                return False
            rows.put(row_key(key), value, expiry=expiry)
            return True

        return await self._write(work)

    async def _delete(self, key: str, _conn: object = None) -> int:
        return await self._write(lambda rows: int(rows.delete(row_key(key))))

    async def _clear(self, namespace: str | None = None, _conn: object = None) -> bool:
        if namespace:
            raise ValueError("keys are stored as digests, so one namespace cannot be cleared by itself")
        return await self._write(lambda rows: rows.clear())

    async def _raw(self, command: str, *args: Any, **settings: Any) -> Any:
        return getattr(self.env, command)(*args, **settings)

    async def _redlock_release(self, key: str, value: bytes) -> int:
        now_s = self._clock()

        def work(rows: Rows) -> int:
            mine = rows.get(row_key(key), now_s) == _octets(value)
            return int(mine and rows.delete(row_key(key)))

        return await self._write(work)


def _octets(value: bytes | str) -> bytes:
    return value.encode("utf-8") if isinstance(value, str) else bytes(value)
