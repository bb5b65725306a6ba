"""The memory store of one worker (L1): byte-bounded, SIEVE, variants under their primary key.

No clock and no sockets; one event loop uses it, so there are no locks. Source: Zhang et al., "SIEVE is
Simpler than LRU" (NSDI 2024): a FIFO queue, one visited bit, and a hand that moves from the oldest towards
the newest. A hit is one dictionary lookup and one bit, whatever the number of objects.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass

from edgefaas.cache.key import SEPARATOR
from edgefaas.cache.partial import combined_with_all, replaces
from edgefaas.cache.purge import Counted, Hit, Purge, PurgeLog
from edgefaas.cache.stored import StoredResponse
from edgefaas.histogram import Histogram

VARIANTS_MAX = 64  # of one primary key; more is a Vary explosion, and the oldest goes
SWEEP_SLICE = 512
_NO_VARIANTS: tuple[StoredResponse, ...] = ()


class Slot:
    """A place in the queue: one primary key with its variants. ``newer`` and ``older`` link the queue.

    ``changes`` is another number whenever the variants, or anything of them, may have changed.
    """

    __slots__ = ("changes", "key", "newer", "older", "token", "variants", "visited", "weight_bytes")

    def __init__(self, key: str) -> None:
        self.key = key
        self.variants: tuple[StoredResponse, ...] = ()
        self.weight_bytes = 0
        self.visited = False
        self.token = 0
        self.changes = 0
        self.newer: Slot | None = None
        self.older: Slot | None = None


@dataclass(slots=True, kw_only=True)
class MemoryStats:
    """Counters since the start, and gauges (``…_now``)."""

    hits: int = 0
    misses: int = 0
    stored: int = 0
    evicted: int = 0
    evicted_bytes: int = 0
    evicted_age_s: float = 0.0
    purged: int = 0
    refused: int = 0
    objects_now: int = 0
    bytes_now: int = 0


class MemoryStore:
    """Stored responses by primary key, within ``bytes_max`` octets (``StoredResponse.weight_bytes`` each).

    ``object_bytes_max`` keeps one large response from displacing everything else; such a one belongs on disk.
    ``log`` may be shared with the disk store, so that both see a purge at once.
    """

    def __init__(
        self, bytes_max: int, *, object_bytes_max: int | None = None, log: PurgeLog | None = None
    ) -> None:
        self.bytes_max = bytes_max
        self.object_bytes_max = max(1, bytes_max // 8) if object_bytes_max is None else object_bytes_max
        self.log = PurgeLog() if log is None else log
        self.stats = MemoryStats()
        self.evicted_ages_s = Histogram()
        self.on_evict: Callable[[StoredResponse], None] | None = None
        self._slots: dict[str, Slot] = {}
        self._suffixed: dict[str, set[str]] = {}
        self._newest: Slot | None = None
        self._oldest: Slot | None = None
        self._hand: Slot | None = None

    def __len__(self) -> int:
        return self.stats.objects_now

    def __contains__(self, key: str) -> bool:
        return key in self._slots

    def get(self, key: str) -> tuple[StoredResponse, ...]:
        """Return the variants stored under ``key``, and mark the key as visited."""
        slot = self._slots.get(key)
        if slot is None or (slot.token != self.log.seq and not self._still_holds(slot)):
            self.stats.misses += 1
            return _NO_VARIANTS
        slot.visited = True
        self.stats.hits += 1
        return slot.variants

    def missed(self) -> None:
        """Count a miss of what was not looked for."""
        self.stats.misses += 1

    def slot(self, key: str) -> Slot | None:
        """Return where the variants of ``key`` are; for ``unchanged``, not a use of them."""
        return self._slots.get(key)

    def unchanged(self, slot: Slot, changes: int) -> bool:
        """Return whether ``get`` would return what ``slot`` holds, as when that had ``changes``; if so, it is a hit."""
        if slot.changes != changes or slot.token != self.log.seq:
            return False
        slot.visited = True
        self.stats.hits += 1
        return True

    def told(self) -> dict[str, dict[str, object]]:
        """Return the counters and gauges of each tier, as JSON values."""
        ages = {"evicted_ages_s": self.evicted_ages_s.summary(), "bytes_max": self.bytes_max}
        return {"cache": asdict(self.stats) | ages}

    async def find(self, key: str) -> tuple[StoredResponse, ...]:
        """Return the variants of ``key``, also from where looking takes time (see ``RemoteStore``)."""
        return self.get(key)

    def token(self) -> int:
        """Return what a fetch that begins now hands to ``put`` at its end."""
        return self.log.seq

    def put(self, stored: StoredResponse, token: int | None = None, *, now_s: float | None = None) -> bool:
        """Store ``stored`` in the place of the variant with its selectors, and evict what no longer fits.

        Returns False, and stores nothing, when it is not what its Content-Range says, when a purge since
        ``token`` hits it or when it is too large. A soft purge stores it as stale. ``now_s`` dates
        evictions.
        """
        hit = self.log.since_fetch(stored, self.log.seq if token is None else token)
        now_s = stored.response_time_s if now_s is None else now_s
        weight = stored.weight_bytes
        if not stored.is_consistent:
            return False
        if hit is Hit.HARD or weight > min(self.object_bytes_max, self.bytes_max):
            self.stats.refused += 1
            if weight > self.object_bytes_max:
                self._drop_variant(stored)  # the larger one is the newer truth
            return False
        stored.soft_purged = stored.soft_purged or hit is Hit.SOFT
        slot = self._slots.get(stored.key)
        if slot is not None and slot.token != self.log.seq and not self._still_holds(slot):
            slot = None
        if slot is None:
            # Room is made first: the hand of SIEVE never sees the object that it makes room for.
            while self.stats.bytes_now + weight > self.bytes_max:
                self._evict_one(now_s)
            slot = self._enter(stored.key)
        stored = combined_with_all(slot.variants, stored)
        others = [old for old in slot.variants if not replaces(stored, old)]
        if len(others) >= VARIANTS_MAX:
            others = others[len(others) - VARIANTS_MAX + 1 :]
        self._set_variants(slot, (*others, stored))
        stored.purge_token = self.log.seq
        self.stats.stored += 1
        self._make_room(slot, now_s)
        return True

    def add_form(
        self, stored: StoredResponse, coding: str, form: StoredResponse, *, now_s: float | None = None
    ) -> bool:
        """Keep a coded form with ``stored``; False when that is gone, or would become too large."""
        slot = self._slots.get(stored.key)
        if slot is None or not any(old is stored for old in slot.variants):
            return False
        if stored.weight_bytes + form.weight_bytes > min(self.object_bytes_max, self.bytes_max):
            return False
        stored.forms = {**(stored.forms or {}), coding: form}
        self._set_variants(slot, slot.variants)
        self._make_room(slot, stored.response_time_s if now_s is None else now_s)
        return True

    def hold(self, stored: StoredResponse) -> bool:
        """Have what ``get`` has just returned in memory, for ``add_form``; False when it is not what is stored."""
        slot = self._slots.get(stored.key)
        return slot is not None and any(old is stored for old in slot.variants)

    def remove(self, stored: StoredResponse) -> None:
        """Drop exactly this stored response, if it is still the one stored."""
        slot = self._slots.get(stored.key)
        if slot is not None and any(old is stored for old in slot.variants):
            self._set_variants(slot, tuple(old for old in slot.variants if old is not stored))

    def remove_key(self, key: str) -> int:
        """Drop every variant of ``key`` and return how many there were."""
        slot = self._slots.get(key)
        if slot is None:
            return 0
        count = len(slot.variants)
        self._leave(slot)
        return count

    def invalidate(self, uri: str) -> int:
        """Drop every response stored for a canonical URI (RFC 9111, 4.4) and return how many there were.

        It also holds for fetches that have begun: they are not stored.
        """
        self.log.record(Purge(kind="url", value=uri))
        return self._remove_uri(uri)

    def purge(self, purge: Purge) -> int:
        """Put ``purge`` in force, carry it out wholly, and return how many responses it hit."""
        self.log.record(purge)
        if purge.kind == "url" and not purge.soft and purge.value.startswith(("http://", "https://")):
            return self._remove_uri(purge.value)
        return sum(self.sweep())

    async def purge_everywhere(self, purge: Purge) -> int:
        """Put ``purge`` in force in every worker that shares this store; return how many it hit here.

        In force before the first turn of the loop; the memory is freed in slices.
        """
        self.log.record(purge)
        return await self._swept()

    async def count_shared(self, purge: Purge) -> Counted:
        """Return how many responses ``purge`` would hit where workers share them: nowhere here."""
        return Counted()

    async def invalidate_everywhere(self, uris: Iterable[str]) -> int:
        """Drop what is stored for these URIs, in every worker that shares this store (RFC 9111, 4.4)."""
        return sum(self.invalidate(uri) for uri in uris)

    async def _swept(self) -> int:
        count = 0
        for hit in self.sweep():
            count += hit
            await asyncio.sleep(0)
        return count

    def stop(self) -> None:
        """Put what waits where it belongs outside of memory: nothing here. Blocks."""

    def close(self) -> None:
        """Let go of what lies outside of memory: nothing here."""

    def sweep(self) -> Iterator[int]:
        """Apply the log to every response, a slice at a time; yields how many each slice hit.

        A purge is in force without it; a sweep frees the memory. The store may change between slices.
        """
        keys = list(self._slots)
        for start in range(0, len(keys), SWEEP_SLICE):
            before = self.stats.purged
            for key in keys[start : start + SWEEP_SLICE]:
                slot = self._slots.get(key)
                if slot is not None and slot.token != self.log.seq:
                    self._still_holds(slot)
            yield self.stats.purged - before

    def keys(self) -> list[str]:
        """Return the primary keys, from the oldest to the newest."""
        found: list[str] = []
        slot = self._oldest
        while slot is not None:
            found.append(slot.key)
            slot = slot.newer
        return found

    def clear(self) -> None:
        """Forget everything at once."""
        for slot in self._slots.values():
            slot.variants, slot.changes = (), slot.changes + 1
        self._slots.clear()
        self._suffixed.clear()
        self._newest = self._oldest = self._hand = None
        self.stats.objects_now = self.stats.bytes_now = 0

    def _still_holds(self, slot: Slot) -> bool:
        """Apply the purges that came after the slot was last checked; False when nothing is left of it."""
        kept: list[StoredResponse] = []
        for stored in slot.variants:
            hit = self.log.hit(stored, stored.purge_token)
            if hit is not Hit.NONE:
                self.stats.purged += 1
            if hit is Hit.HARD:
                continue
            stored.soft_purged = stored.soft_purged or hit is Hit.SOFT
            slot.changes += hit is Hit.SOFT
            stored.purge_token = self.log.seq
            kept.append(stored)
        if len(kept) != len(slot.variants):
            self._set_variants(slot, tuple(kept))
        slot.token = self.log.seq
        return bool(kept)

    def _remove_uri(self, uri: str) -> int:
        count = self.remove_key(uri)
        for key in tuple(self._suffixed.get(uri, ())):
            count += self.remove_key(key)
        self.stats.purged += count
        return count

    def _drop_variant(self, newer: StoredResponse) -> None:
        slot = self._slots.get(newer.key)
        if slot is not None:
            self._set_variants(slot, tuple(old for old in slot.variants if old.selectors != newer.selectors))

    def _set_variants(self, slot: Slot, variants: tuple[StoredResponse, ...]) -> None:
        self.stats.objects_now += len(variants) - len(slot.variants)
        weight = sum(stored.weight_bytes for stored in variants)
        self.stats.bytes_now += weight - slot.weight_bytes
        slot.variants, slot.weight_bytes = variants, weight
        slot.changes += 1
        if not variants:
            self._leave(slot)

    def _enter(self, key: str) -> Slot:
        slot = Slot(key)
        slot.token = self.log.seq
        slot.older = self._newest
        if self._newest is not None:
            self._newest.newer = slot
        self._newest = slot
        if self._oldest is None:
            self._oldest = slot
        self._slots[key] = slot
        uri, separator, _ = key.partition(SEPARATOR)
        if separator:
            self._suffixed.setdefault(uri, set()).add(key)
        return slot

    def _leave(self, slot: Slot) -> None:
        """Unlink ``slot``; the hand moves on to the next newer one."""
        if self._slots.pop(slot.key, None) is None:
            return
        self.stats.objects_now -= len(slot.variants)
        self.stats.bytes_now -= slot.weight_bytes
        slot.variants, slot.weight_bytes = (), 0
        slot.changes += 1
        if self._hand is slot:
            self._hand = slot.newer
        if slot.older is not None:
            slot.older.newer = slot.newer
        else:
            self._oldest = slot.newer
        if slot.newer is not None:
            slot.newer.older = slot.older
        else:
            self._newest = slot.older
        uri, separator, _ = slot.key.partition(SEPARATOR)
        if separator and (keys := self._suffixed.get(uri)) is not None:
            keys.discard(slot.key)
            if not keys:
                with contextlib.suppress(KeyError):
                    del self._suffixed[uri]

    def _make_room(self, slot: Slot, now_s: float) -> None:
        """Evict others than ``slot`` until the bound holds; at last its own older variants."""
        while self.stats.bytes_now > self.bytes_max:
            if self._oldest is self._newest:
                self._set_variants(slot, slot.variants[1:])
            else:
                self._evict_one(now_s, keep=slot)

    def _evict_one(self, now_s: float, keep: Slot | None = None) -> None:
        """Move the hand from old to new, clearing visited bits, until it meets a key not visited."""
        slot = self._hand or self._oldest
        while slot is not None and (slot.visited or slot is keep):
            slot.visited = False
            slot = slot.newer or self._oldest
        if slot is None:
            return
        self._hand = slot
        self.stats.evicted += len(slot.variants)
        self.stats.evicted_bytes += slot.weight_bytes
        for stored in slot.variants:
            self.stats.evicted_age_s = max(0.0, now_s - stored.response_time_s)
            self.evicted_ages_s.add(int(self.stats.evicted_age_s))
            if self.on_evict is not None:
                self.on_evict(stored)
        self._leave(slot)
