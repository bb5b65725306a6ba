"""The shared tier over any aiocache backend: Redis, for several machines that are one POP.

Rows are the same as on disk, with bodies inside them. Reading takes a round trip, so it is a coroutine, and
asks for the row and the number of the latest purge together: a purge that another machine recorded is in
force with the next read. Two machines that store variants of one key at the same instant may lose one of
them; that costs a fetch.
"""

from dataclasses import replace

import msgpack
from aiocache.base import BaseCache

from edgefaas.cache.entry import decode_row, encode_row
from edgefaas.cache.memory import VARIANTS_MAX
from edgefaas.cache.partial import replaces
from edgefaas.cache.purge import Hit, Purge, PurgeLog
from edgefaas.cache.stored import BodyFile, StoredResponse

OBJECT_MAX_BYTES = 8 * 1024 * 1024
ROW_TTL_S = 7 * 86_400  # what nobody has stored anew for a week goes
PURGE_TTL_S = 30 * 86_400  # purges have to outlive the rows that they hit
_LATEST = "purge:latest"


class RemoteTier:
    """Rows and purges in ``cache``, an aiocache backend with a serializer that leaves octets alone.

    ``OctetSerializer`` is one. ``log`` is the worker's purge log. Errors of the backend come out as they are.
    """

    def __init__(self, cache: BaseCache, log: PurgeLog, *, object_bytes_max: int = OBJECT_MAX_BYTES) -> None:
        self.log = log
        self.object_bytes_max = object_bytes_max
        self._cache = cache

    async def get(self, key: str) -> list[StoredResponse]:
        """Return the variants of ``key`` that no purge has hit; damaged ones are left out."""
        row, latest = await self._cache.multi_get([_row(key), _LATEST])
        await self._catch_up(int(latest or 0))
        if row is None:
            return []
        return [stored for stored in decode_row(row, None) if stored.key == key and self._holds(stored)]

    def _holds(self, stored: StoredResponse) -> bool:
        hit = self.log.since_fetch(stored, stored.purge_token)
        stored.soft_purged = stored.soft_purged or hit is Hit.SOFT
        return hit is not Hit.HARD

    async def put(self, stored: StoredResponse, token: int) -> bool:
        """Store ``stored``; False when its body is too large for the backend, or a file."""
        if isinstance(stored.body, BodyFile) or len(stored.body) > self.object_bytes_max:
            return False
        held = await self._cache.get(_row(stored.key))
        variants = [] if held is None else decode_row(held, None)
        variants = [old for old in variants if not replaces(stored, old)][-(VARIANTS_MAX - 1) :]
        row = encode_row([*variants, replace(stored, purge_token=token, forms=None)])
        await self._cache.set(_row(stored.key), row, ttl=ROW_TTL_S)
        return True

    async def remove(self, stored: StoredResponse) -> None:
        """Drop the key of ``stored`` with all its variants."""
        await self._cache.delete(_row(stored.key))

    async def purge(self, purge: Purge) -> int:
        """Record a purge for every machine, and return its number."""
        number = int(await self._cache.increment(_LATEST))
        record = msgpack.packb([purge.kind, purge.value, purge.soft])
        await self._cache.set(_purge(number), record, ttl=PURGE_TTL_S)
        await self._catch_up(number)
        return number

    async def catch_up(self) -> None:
        """Learn of purges that other machines recorded; to be called a few times a second."""
        await self._catch_up(int(await self._cache.get(_LATEST) or 0))

    async def _catch_up(self, latest: int) -> None:
        """Put the purges up to ``latest`` into the log; one that cannot be read counts as everything."""
        if latest <= self.log.shared_seq:
            return
        numbers = list(range(self.log.shared_seq + 1, latest + 1))
        records = await self._cache.multi_get([_purge(number) for number in numbers])
        for number, record in zip(numbers, records, strict=True):
            if record is None:
                self.log.record(Purge(kind="everything"), number)
            else:
                kind, value, soft = msgpack.unpackb(record)
                self.log.record(Purge(kind=kind, value=value, soft=soft), number)


def _row(key: str) -> str:
    return f"row:{key}"


def _purge(number: int) -> str:
    return f"purge:{number}"
