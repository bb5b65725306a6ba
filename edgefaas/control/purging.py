"""Purge: noted on disk, done by every worker, acknowledged. And done again after a power cut.

A cache that survives restarts may come back, after a power cut, older than a purge that was acknowledged. So a
POP that starts on a machine that was booted since repeats the purges of the last day before it serves; one
that was only stopped or killed repeats those that nobody had confirmed.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from edgefaas.cache.purge import KINDS, Counted, Purge, problem_with
from edgefaas.control.purges import PurgeTable
from edgefaas.control.records import PurgeRecord
from edgefaas.control.thread import DiskThread
from edgefaas.database import Database
from edgefaas.errors import EdgeError

VALUE_MAX = 8_192
REPEAT_WITHIN_S = 86_400.0
REPEAT_MAX = 200  # more than these, and everything is purged instead


class PurgeError(EdgeError):
    """The purge asked for makes no sense."""

    status = 422


class Workers(Protocol):
    """The workers of this POP, as one."""

    async def purge(self, purge: Purge) -> Counted:
        """Purge in every worker; return how many responses that hit. Raises EdgeError."""
        ...


def checked_purge(kind: str, value: str, *, soft: bool) -> Purge:
    """Return the purge asked for. Raises PurgeError."""
    purge = Purge(kind=kind, value=value, soft=soft)
    if problem := problem_with(purge):
        raise PurgeError(f"The purge is refused: {problem}", remedy=f"Use one of {', '.join(KINDS)}.")
    if kind == "everything" and value:
        raise PurgeError(
            f'A purge of everything takes no value such as "{value[:80]}"', remedy="Leave it out."
        )
    if len(value) > VALUE_MAX or not value.isprintable():
        raise PurgeError(f"The value to purge by {kind} is not usable", remedy="Send one printable line.")
    return purge


class Purger:
    """Carries purges out, one at a time."""

    def __init__(
        self, store: Database, disk: DiskThread, *, workers: Workers, clock: Callable[[], float]
    ) -> None:
        self._table = PurgeTable(store)
        self._disk = disk
        self._workers = workers
        self._clock = clock
        self._lock = asyncio.Lock()

    async def last(self, limit: int) -> list[PurgeRecord]:
        """Return the last purges that were asked for, the newest first. Raises StateError."""
        return await self._disk.run(self._table.last, limit=limit)

    async def prune(self, *, now_s: float) -> None:
        """Forget purges that are too old to matter. Raises StateError."""
        await self._disk.run(self._table.prune, now_s=now_s)

    async def purge(self, purge: Purge, *, actor: str) -> Counted:
        """Purge everywhere; in force on return. Returns how many stored responses that hit, in memory or on disk."""
        async with self._lock:
            purge_id = await self._disk.run(self._table.begin, purge, actor=actor, at_s=self._clock())
            hit = await self._workers.purge(purge)
            await self._disk.run(self._table.end, purge_id, removed=hit.number)
            return hit

    async def repeat(self, *, boot: str) -> int:
        """Do again what may be undone; return how many purges. For a POP that does not serve yet.

        ``boot`` names this run of the machine.
        """
        since_s = self._clock() - REPEAT_WITHIN_S
        records = await self._disk.run(self._table.last, since_s=since_s, limit=REPEAT_MAX + 1)
        booted = await self._disk.run(self._table.boot) not in (boot, None)
        due = [record for record in reversed(records) if booted or record.removed is None]
        everything = Purge(kind="everything")
        too_many = len(due) > REPEAT_MAX
        if too_many or any(record.purge == everything for record in due):
            await self._workers.purge(everything)
        else:
            for purge in dict.fromkeys(record.purge for record in due):
                await self._workers.purge(purge)
        for record in due:
            if record.removed is None:
                await self._disk.run(self._table.end, record.id, removed=0)
        await self._disk.run(self._table.note_boot, boot)
        return len(due)


def boot_id() -> str:
    """Return what names this run of the machine; "" where the system does not tell."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""
