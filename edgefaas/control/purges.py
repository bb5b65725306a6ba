"""The table of purges that were asked for, and on which run of the machine that was."""

from edgefaas.cache.purge import Purge
from edgefaas.control.records import PurgeRecord
from edgefaas.database import Database

KEPT_S = 30 * 86_400.0
_BOOT = "boot"


class PurgeTable:
    """Every method raises StateError where the file does not take or give it."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def begin(self, purge: Purge, *, actor: str, at_s: float) -> int:
        """Note a purge before any worker hears of it; return its id."""
        with self._db.transaction() as db:
            cursor = db.execute(
                "INSERT INTO purges (at_s, actor, kind, value, soft) VALUES (?, ?, ?, ?, ?)",
                (at_s, actor, purge.kind, purge.value, purge.soft),
            )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def end(self, purge_id: int, *, removed: int) -> None:
        """Note that every worker has confirmed a purge."""
        with self._db.transaction() as db:
            db.execute("UPDATE purges SET removed = ? WHERE id = ?", (removed, purge_id))

    def last(self, *, since_s: float = 0.0, limit: int = 100) -> list[PurgeRecord]:
        """Return the last purges, the newest first."""
        rows = self._db.query(
            "SELECT id, at_s, actor, kind, value, soft, removed FROM purges"
            " WHERE at_s >= ? ORDER BY id DESC LIMIT ?",
            (since_s, limit),
        )
        return [
            PurgeRecord(
                id=row[0],
                at_s=row[1],
                actor=row[2],
                purge=Purge(kind=row[3], value=row[4], soft=bool(row[5])),
                removed=row[6],
            )
            for row in rows
        ]

    def prune(self, *, now_s: float) -> None:
        """Forget purges that are too old to matter."""
        with self._db.transaction() as db:
            db.execute("DELETE FROM purges WHERE at_s < ?", (now_s - KEPT_S,))

    def boot(self) -> str | None:
        """Return the run of the machine that was noted last."""
        rows = self._db.query("SELECT value FROM facts WHERE name = ?", (_BOOT,))
        return str(rows[0][0]) if rows else None

    def note_boot(self, boot: str) -> None:
        """Note the run of the machine."""
        with self._db.transaction() as db:
            db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (_BOOT, boot))
