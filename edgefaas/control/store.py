"""What is deployed, durably: SQLite in WAL mode with synchronous=FULL.

When a method returns, what it wrote survives a kill and a power cut. One connection, one writer: the
supervisor holds the data folder's lock, and calls from one thread at a time. Time is an argument.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from edgefaas.cache.purge import Purge
from edgefaas.control import rollouts, schema
from edgefaas.control.records import BuildRecord, Change, Note, PurgeRecord, Version
from edgefaas.control.rollout import Rollout
from edgefaas.errors import StateError, UnknownFunctionError

__all__ = [
    "BuildRecord",
    "Change",
    "Note",
    "PurgeRecord",
    "Store",
    "Version",
    "unknown_function",
]

_PREFIX_MIN = 4
PURGES_KEPT_S = 30 * 86_400.0
AUDIT_KEPT_S = 400 * 86_400.0


class Store:
    """The tables. Open it once; close it at the end."""

    def __init__(self, path: Path) -> None:
        self.removed: Callable[[str], None] = lambda _function: None  # told after a removal, in its thread
        self._path = path
        try:
            self._db = _open(path)
        except sqlite3.DatabaseError as error:
            raise _damaged(path, error) from None

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a read. Raises StateError: the file is damaged or gone."""
        try:
            return self._db.execute(sql, parameters).fetchall()
        except sqlite3.DatabaseError as error:
            raise _damaged(self._path, error) from None

    # Versions

    def add_version(self, version: Version, build: BuildRecord) -> int:
        """Record a version and its build; return its number. What is there already stays as it is."""
        key = (version.function, version.version)
        with self.transaction() as db:
            row = db.execute("SELECT number FROM versions WHERE function = ? AND version = ?", key).fetchone()
            if row is None:
                (number,) = db.execute(
                    "SELECT coalesce(max(number), 0) + 1 FROM versions WHERE function = ?",
                    (version.function,),
                ).fetchone()
                db.execute(
                    "INSERT INTO versions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        *key,
                        number,
                        version.kind,
                        version.entry,
                        version.handler,
                        _dump(version.files),
                        _dump(version.settings),
                        version.size_bytes,
                        version.created_at_s,
                    ),
                )
            else:
                number = row[0]
            self._put_build(key, build)
        return int(number)

    def set_build(self, function: str, version: str, build: BuildRecord) -> None:
        """Replace a version's build: made again, for another engine or processor."""
        with self.transaction():
            self._put_build((function, version), build)

    def _put_build(self, key: tuple[str, str], build: BuildRecord) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO builds VALUES (?, ?, ?, ?, ?)",
            (*key, build.artifact, _dump(build.facts), _dump(list(build.warnings))),
        )

    def build(self, function: str, version: str) -> BuildRecord | None:
        """Return the build of a version, None when this machine has none."""
        rows = self.query(
            "SELECT artifact, facts, warnings FROM builds WHERE function = ? AND version = ?",
            (function, version),
        )
        if not rows:
            return None
        (row,) = rows
        return BuildRecord(artifact=row[0], facts=orjson.loads(row[1]), warnings=tuple(orjson.loads(row[2])))

    def functions(self) -> list[str]:
        """Return the names of all functions that have a version."""
        return [row[0] for row in self.query("SELECT DISTINCT function FROM versions ORDER BY function")]

    def versions(self, function: str) -> list[Version]:
        """Return all versions of a function, the newest first."""
        rows = self.query(
            f"SELECT {_COLUMNS} FROM versions WHERE function = ? ORDER BY number DESC",  # noqa: S608  # constant
            (function,),
        )
        return [_version(row) for row in rows]

    def find(self, function: str, wanted: str) -> Version:
        """Return the version whose SHA-256 begins with ``wanted``, or whose number it is (``3`` or ``v3``).

        Raises UnknownFunctionError: none, or several.
        """
        versions = self.versions(function)
        if not versions:
            raise unknown_function(function)
        number = wanted[1:] if wanted[:1] == "v" else wanted
        found = [item for item in versions if str(item.number) == number]
        if not found and len(wanted) >= _PREFIX_MIN:
            found = [item for item in versions if item.version.startswith(wanted.lower())]
        if len(found) != 1:
            problem = "has no" if not found else "has more than one"
            raise UnknownFunctionError(
                f'Function "{function}" {problem} version "{wanted}"',
                remedy=f"List them with edgefaas versions {function}.",
            )
        return found[0]

    # The live pointer

    def live(self) -> dict[str, Version]:
        """Return the live version of every function, by name."""
        rows = self.query(
            f"SELECT {_COLUMNS} FROM versions NATURAL JOIN live ORDER BY function"  # noqa: S608  # constant
        )
        return {version.function: version for version in map(_version, rows)}

    def live_version(self, function: str) -> Version | None:
        """Return the live version of one function, None where it has none."""
        rows = self.query(
            f"SELECT {_COLUMNS} FROM versions NATURAL JOIN live WHERE function = ?",  # noqa: S608  # constant
            (function,),
        )
        return next(map(_version, rows), None)

    def live_since(self) -> dict[str, float]:
        """Return when each function's live version became live (Unix seconds)."""
        return dict(self.query("SELECT function, since_s FROM live"))

    def set_live(
        self,
        versions: Mapping[str, str],
        note: Note,
        *,
        watched: Sequence[Rollout] = (),
        ended: Sequence[Rollout] = (),
    ) -> None:
        """Point every named function to its version, all in one transaction, and note it in the history.

        Whatever of them was on its way ends, and so do the canaries ``ended``; ``watched`` begins. ``note.action``
        seed also notes that the site's file was the source.
        """
        with self.transaction() as db:
            for function, version in versions.items():
                _must_be_there(db, function, version)
                previous = db.execute("SELECT version FROM live WHERE function = ?", (function,)).fetchone()
                db.execute("INSERT OR REPLACE INTO live VALUES (?, ?, ?)", (function, version, note.at_s))
                _remember(db, note, function, version, previous and previous[0])
                if note.action == "seed":
                    db.execute("INSERT OR REPLACE INTO seeds VALUES (?, ?)", (function, version))
            rollouts.end(db, [*versions, *(item.function for item in ended)])
            for item in ended:
                if versions.get(item.function) != item.version:
                    _remember(db, note, item.function, item.version, None)
            rollouts.begin(db, watched)

    def begin_canaries(self, canaries: Sequence[Rollout], note: Note) -> None:
        """Let every canary begin, or change its share, all in one transaction."""
        with self.transaction() as db:
            rollouts.end(db, [canary.function for canary in canaries])
            for canary in canaries:
                _must_be_there(db, canary.function, canary.version)
                _remember(db, note, canary.function, canary.version, canary.previous)
            rollouts.begin(db, canaries)

    def end_rollouts(self, ended: Sequence[Rollout], note: Note | None) -> None:
        """Forget rollouts, all in one transaction; ``note`` is for the history, where viewers get another version."""
        with self.transaction() as db:
            rollouts.end(db, [item.function for item in ended])
            if note is not None:
                for item in ended:
                    _remember(db, note, item.function, item.version, None)

    def rollouts(self) -> dict[str, Rollout]:
        """Return everything that is on its way, by function."""
        rows = self.query(f"SELECT {rollouts.COLUMNS} FROM rollouts ORDER BY function")  # noqa: S608  # constant
        return {item.function: item for item in map(rollouts.read, rows)}

    def remove(self, function: str, note: Note) -> None:
        """Forget a function with all its versions and secrets; its history stays. Raises UnknownFunctionError."""
        with self.transaction() as db:
            rollouts.end(db, [function])
            live = db.execute("SELECT version FROM live WHERE function = ?", (function,)).fetchone()
            db.execute("DELETE FROM live WHERE function = ?", (function,))
            db.execute("DELETE FROM seeds WHERE function = ?", (function,))
            db.execute(
                "INSERT OR IGNORE INTO garbage SELECT artifact FROM builds WHERE function = ?", (function,)
            )
            if db.execute("DELETE FROM versions WHERE function = ?", (function,)).rowcount == 0:
                raise unknown_function(function)
            # Whoever takes the name next is somebody else.
            db.execute("DELETE FROM secrets WHERE function = ?", (function,))
            _remember(db, note, function, None, live and live[0])
        self.removed(function)

    def history(self, function: str | None = None, *, limit: int = 100) -> list[Change]:
        """Return the last changes, the newest first."""
        rows = self.query(
            "SELECT at_s, actor, action, function, version, previous, reason FROM history"
            " WHERE ?1 IS NULL OR function = ?1 ORDER BY id DESC LIMIT ?2",
            (function, limit),
        )
        return [
            Change(
                at_s=row[0],
                actor=row[1],
                action=row[2],
                function=row[3],
                version=row[4],
                previous=row[5],
                reason=row[6],
            )
            for row in rows
        ]

    def seeded(self) -> dict[str, str]:
        """Return, by function, the version last seeded from the site's file."""
        return dict(self.query("SELECT function, version FROM seeds"))

    def handled(self, function: str) -> set[str]:
        """Return the versions that somebody deployed, tried out or took back since the last seed."""
        rows = self.query(
            "SELECT version FROM history WHERE function = ?1 AND version IS NOT NULL AND id >"
            " coalesce((SELECT max(id) FROM history WHERE function = ?1 AND action = 'seed'), 0)",
            (function,),
        )
        return {row[0] for row in rows}

    def note_refused(self, function: str, version: str, note: Note) -> None:
        """Note that a version was not let out."""
        with self.transaction() as db:
            _remember(db, note, function, version, None)

    def blobs(self) -> set[str]:
        """Return the digests that any version refers to."""
        rows = self.query("SELECT files FROM versions")
        return {name for row in rows for name in orjson.loads(row[0]).values()}

    def artifacts(self) -> set[str]:
        """Return the names of the artefacts that any version refers to."""
        return {row[0] for row in self.query("SELECT artifact FROM builds")}

    def forget_versions(self, versions: Sequence[Version]) -> None:
        """Forget versions, all or none; their artefacts become garbage.

        Raises ConflictError of SQLite's own kind (IntegrityError): one is live or on its way.
        """
        with self.transaction() as db:
            for item in versions:
                key = (item.function, item.version)
                db.execute(
                    "INSERT OR IGNORE INTO garbage SELECT artifact FROM builds"
                    " WHERE function = ? AND version = ?",
                    key,
                )
                db.execute("DELETE FROM versions WHERE function = ? AND version = ?", key)

    def garbage(self) -> list[str]:
        """Return the artefacts that nothing refers to any more."""
        rows = self.query("SELECT artifact FROM garbage WHERE artifact NOT IN (SELECT artifact FROM builds)")
        return [row[0] for row in rows]

    def collected(self, artifacts: Sequence[str]) -> None:
        """Note that these artefacts are gone, and that what is referred to again was no garbage."""
        with self.transaction() as db:
            db.executemany("DELETE FROM garbage WHERE artifact = ?", [(name,) for name in artifacts])
            db.execute("DELETE FROM garbage WHERE artifact IN (SELECT artifact FROM builds)")

    # Facts about the store itself

    def fact(self, name: str) -> str | None:
        """Return a fact, None when it was never noted."""
        rows = self.query("SELECT value FROM facts WHERE name = ?", (name,))
        return str(rows[0][0]) if rows else None

    def note_fact(self, name: str, value: str) -> None:
        """Note a fact in the place of the one before."""
        with self.transaction() as db:
            db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def prune(self, *, now_s: float) -> None:
        """Forget purges and audit entries that are too old to matter."""
        with self.transaction() as db:
            db.execute("DELETE FROM purges WHERE at_s < ?", (now_s - PURGES_KEPT_S,))
            db.execute("DELETE FROM audit WHERE at_s < ?", (now_s - AUDIT_KEPT_S,))

    # Purges

    def begin_purge(self, purge: Purge, *, actor: str, at_s: float) -> int:
        """Note a purge before any worker hears of it; return its id."""
        with self.transaction() as db:
            cursor = db.execute(
                "INSERT INTO purges (at_s, actor, kind, value, soft) VALUES (?, ?, ?, ?, ?)",
                (at_s, actor, purge.kind, purge.value, purge.soft),
            )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def end_purge(self, purge_id: int, *, removed: int) -> None:
        """Note that every worker has confirmed a purge."""
        with self.transaction() as db:
            db.execute("UPDATE purges SET removed = ? WHERE id = ?", (removed, purge_id))

    def purges(self, *, since_s: float = 0.0, limit: int = 100) -> list[PurgeRecord]:
        """Return the last purges, the newest first."""
        rows = self.query(
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

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold one transaction: all of it on disk at the end, or nothing. Raises StateError."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # SQLite itself rolls back on some errors, such as a full disk
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.OperationalError as error:
            raise StateError(
                f"{self._path} cannot be written: {error}",
                remedy="Free some room there or make it writable, then try again.",
            ) from None
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.IntegrityError):
                raise
            raise _damaged(self._path, error) from None


_COLUMNS = "function, version, kind, entry, handler, files, settings, size_bytes, created_at_s, number"


def _must_be_there(db: sqlite3.Connection, function: str, version: str) -> None:
    """Raise UnknownFunctionError for a version that was removed since it was prepared."""
    if not db.execute(
        "SELECT 1 FROM versions WHERE function = ? AND version = ?", (function, version)
    ).fetchone():
        raise unknown_function(function)


def _remember(
    db: sqlite3.Connection, note: Note, function: str, version: str | None, previous: str | None
) -> None:
    db.execute(
        "INSERT INTO history (at_s, actor, action, function, version, previous, reason)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (note.at_s, note.actor, note.action, function, version, previous, note.reason[:500]),
    )


def unknown_function(name: str) -> UnknownFunctionError:
    """Return the error that says that no function has this name."""
    return UnknownFunctionError(
        f'No function is called "{name[:80]}"', remedy="List the functions with edgefaas ls."
    )


def _open(path: Path) -> sqlite3.Connection:
    # One connection used by one executor thread at a time; SQLite itself is compiled serialised.
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA foreign_keys = ON")
        schema.migrate(db, path=str(path))
        _check(db)
    except BaseException:
        db.close()
        raise
    return db


def _check(db: sqlite3.Connection) -> None:
    (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise sqlite3.DatabaseError(verdict)


def _damaged(path: Path, error: Exception) -> StateError:
    return StateError(
        f"{path} cannot be used as a store: {error}",
        remedy="Restore it from a backup, or name another folder with --data.",
    )


def _dump(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def _version(row: tuple[Any, ...]) -> Version:
    return Version(
        function=row[0],
        version=row[1],
        kind=row[2],
        entry=row[3],
        handler=row[4],
        files=orjson.loads(row[5]),
        settings=orjson.loads(row[6]),
        size_bytes=row[7],
        created_at_s=row[8],
        number=row[9],
    )
