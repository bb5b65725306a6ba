"""The store of a worker whose POP spans several machines: its own memory before a remote tier that all share.

Used like ``MemoryStore``, and ``find`` looks further when memory has nothing: a round trip, so the caller
does it on the way to the origin. What is put goes to memory at once and to the remote tier behind. A remote
tier that fails or is slow costs a warning and its help, never an answer.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from edgefaas.cache.memory import MemoryStore
from edgefaas.cache.purge import Purge
from edgefaas.cache.remote import RemoteTier
from edgefaas.cache.stored import StoredResponse

log = logging.getLogger("edgefaas.cache")

REST_S = 5.0  # after a failure
DEADLINE_S = 0.25  # for a read: the origin may be quicker
PENDING_MAX = 1_000  # writes on their way

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class RemoteStats:
    """Counters of the remote tier as this worker sees it."""

    hits: int = 0
    misses: int = 0
    stored: int = 0
    dropped: int = 0
    failures: int = 0


class RemoteStore(MemoryStore):
    """Memory before ``remote``. ``start`` starts a background task that shutdown awaits.

    ``catch_up`` has to run now and then, for the purges of other machines to reach what is in memory here.
    """

    def __init__(
        self,
        bytes_max: int,
        remote: RemoteTier,
        start: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        *,
        object_bytes_max: int | None = None,
    ) -> None:
        super().__init__(bytes_max, object_bytes_max=object_bytes_max, log=remote.log)
        self.remote = remote
        self.remote_stats = RemoteStats()
        self._start = start
        self._pending = 0
        self._resting_until_s = 0.0

    async def find(self, key: str) -> tuple[StoredResponse, ...]:
        """Return the variants of ``key``, from memory or else from the remote tier."""
        held = self.get(key)
        if held or self._resting():
            return held
        found = await self._tried(self.remote.get(key), DEADLINE_S)
        if not found:
            self.remote_stats.misses += 1
            return ()
        self.remote_stats.hits += 1
        for stored in found:
            super().put(stored)
        return self.get(key)

    def put(self, stored: StoredResponse, token: int | None = None, *, now_s: float | None = None) -> bool:
        """Store in memory at once and remotely behind; False when a purge since ``token`` forbids it."""
        since = self.log.seq if token is None else token
        in_memory = super().put(stored, since, now_s=now_s)
        if in_memory:
            self._behind(self.remote.put(stored, since))
        return in_memory

    def remove(self, stored: StoredResponse) -> None:
        """Drop exactly this stored response from memory, and its key from the remote tier."""
        super().remove(stored)
        self._behind(self.remote.remove(stored))

    def invalidate(self, uri: str) -> int:
        """Drop what is stored for a URI here at once, and on other machines soon."""
        self._behind(self.remote.purge(Purge(kind="url", value=uri)))
        return self._remove_uri(uri)

    async def invalidate_everywhere(self, uris: Iterable[str]) -> int:
        """Drop what is stored for these URIs in every worker, and return how many that was in this one."""
        count = 0
        for uri in uris:
            await self._purged(Purge(kind="url", value=uri))
            count += self._remove_uri(uri)
        return count

    async def purge_everywhere(self, purge: Purge) -> int:
        """Put ``purge`` in force in every worker, and return how many responses it hit in this one."""
        await self._purged(purge)
        return await self._swept()

    async def catch_up(self) -> None:
        """Learn of the purges of other machines."""
        if not self._resting():
            await self._tried(self.remote.catch_up(), DEADLINE_S)

    async def _purged(self, purge: Purge) -> None:
        """Record a purge remotely, also when who asked for it leaves; where that fails, it holds here."""
        await asyncio.shield(self._start(self._record(purge)))

    async def _record(self, purge: Purge) -> None:
        if await self._tried(self.remote.purge(purge), None) is None:
            self.log.record(purge)

    def _resting(self) -> bool:
        return self._resting_until_s > 0 and asyncio.get_running_loop().time() < self._resting_until_s

    async def _tried(self, work: Awaitable[T], deadline_s: float | None) -> T | None:
        """Return what ``work`` comes to, or None when the backend fails or misses the deadline."""
        try:
            async with asyncio.timeout(deadline_s):
                return await work
        except Exception as error:
            self.remote_stats.failures += 1
            if not self._resting():
                log.warning("the shared cache failed (%r); memory only for %d s", error, REST_S)
            self._resting_until_s = asyncio.get_running_loop().time() + REST_S
            return None

    def _behind(self, work: Coroutine[Any, Any, object]) -> None:
        if self._pending >= PENDING_MAX or self._resting():
            self.remote_stats.dropped += 1
            work.close()
            return
        self._pending += 1
        self._start(self._write(work))

    async def _write(self, work: Coroutine[Any, Any, object]) -> None:
        try:
            if await self._tried(work, None) is not None:
                self.remote_stats.stored += 1
        finally:
            self._pending -= 1
