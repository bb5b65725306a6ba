"""The audit log: who asked for which change, when, and how it ended. Append-only."""

from collections.abc import Callable
from typing import Any

from edgefaas.control.thread import DiskThread
from edgefaas.database import Database

_NAMES = ("at_s", "request_id", "actor", "action", "target", "status", "detail")
_TARGET_MAX = 200
_DETAIL_MAX = 500
KEPT_S = 400 * 86_400.0


class AuditLog:
    """The log of one POP. ``clock`` returns Unix time."""

    def __init__(self, store: Database, disk: DiskThread, *, clock: Callable[[], float]) -> None:
        self._store = store
        self._disk = disk
        self._clock = clock

    async def note(  # an entry is what it is
        self, *, actor: str, action: str, target: str, status: int, detail: str = "", request_id: str = ""
    ) -> None:
        """Append one entry; ``status`` is HTTP's. Raises StateError."""
        row = (self._clock(), request_id, actor, action, target[:_TARGET_MAX], status, detail[:_DETAIL_MAX])
        await self._disk.run(self._write, row)

    def _write(self, row: tuple[object, ...]) -> None:
        with self._store.transaction() as db:
            db.execute(
                f"INSERT INTO audit ({', '.join(_NAMES)}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608  # constants
                row,
            )

    async def last(self, limit: int) -> list[dict[str, Any]]:
        """Return the last entries as JSON values, the newest first. Raises StateError."""
        rows = await self._disk.run(
            self._store.query,
            f"SELECT {', '.join(_NAMES)} FROM audit ORDER BY id DESC LIMIT ?",  # noqa: S608  # constants
            (limit,),
        )
        return [dict(zip(_NAMES, row, strict=True)) for row in rows]

    async def prune(self) -> None:
        """Forget entries that are too old to matter. Raises StateError."""
        await self._disk.run(self._forget, self._clock() - KEPT_S)

    def _forget(self, before_s: float) -> None:
        with self._store.transaction() as db:
            db.execute("DELETE FROM audit WHERE at_s < ?", (before_s,))
