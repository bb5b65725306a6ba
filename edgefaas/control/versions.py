"""The tables of versions and of what was built of them. What is live is the store's."""

import sqlite3
from collections.abc import Sequence
from typing import Any

import orjson

from edgefaas.control.records import BuildRecord, Version
from edgefaas.database import Database
from edgefaas.errors import UnknownFunctionError

COLUMNS = "function, version, kind, entry, handler, files, settings, size_bytes, created_at_s, number"
_PREFIX_MIN = 4


class VersionTable:
    """Every version that is stored. Every method raises StateError where the file does not take or give it."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def add(self, version: Version, build: BuildRecord) -> int:
        """Record a version and its build; return its number. What is there already stays as it is."""
        key = (version.function, version.version)
        with self._db.transaction() as db:
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
            _put_build(db, key, build)
        return int(number)

    def set_build(self, function: str, version: str, build: BuildRecord) -> None:
        """Replace a version's build: made again, for another engine or processor."""
        with self._db.transaction() as db:
            _put_build(db, (function, version), build)

    def build(self, function: str, version: str) -> BuildRecord | None:
        """Return the build of a version, None when this machine has none."""
        rows = self._db.query(
            "SELECT artifact, facts, warnings FROM builds WHERE function = ? AND version = ?",
            (function, version),
        )
        if not rows:
            return None
        (row,) = rows
        return BuildRecord(artifact=row[0], facts=orjson.loads(row[1]), warnings=tuple(orjson.loads(row[2])))

    def functions(self) -> list[str]:
        """Return the names of all functions that have a version."""
        return [row[0] for row in self._db.query("SELECT DISTINCT function FROM versions ORDER BY function")]

    def of(self, function: str) -> list[Version]:
        """Return all versions of a function, the newest first."""
        rows = self._db.query(
            f"SELECT {COLUMNS} FROM versions WHERE function = ? ORDER BY number DESC",  # noqa: S608  # constant
            (function,),
        )
        return [read(row) for row in rows]

    def find(self, function: str, wanted: str) -> Version:
        """Return the version whose SHA-256 begins with ``wanted``, or whose number it is (``3`` or ``v3``).

        Raises UnknownFunctionError: none, or several.
        """
        versions = self.of(function)
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

    def blobs(self) -> set[str]:
        """Return the digests that any version refers to."""
        rows = self._db.query("SELECT files FROM versions")
        return {name for row in rows for name in orjson.loads(row[0]).values()}

    def forget(self, versions: Sequence[Version]) -> None:
        """Forget versions, all or none; their artefacts become garbage.

        Raises ConflictError of SQLite's own kind (IntegrityError): one is live or on its way.
        """
        with self._db.transaction() as db:
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
        rows = self._db.query(
            "SELECT artifact FROM garbage WHERE artifact NOT IN (SELECT artifact FROM builds)"
        )
        return [row[0] for row in rows]

    def collected(self, artifacts: Sequence[str]) -> None:
        """Note that these artefacts are gone, and that what is referred to again was no garbage."""
        with self._db.transaction() as db:
            db.executemany("DELETE FROM garbage WHERE artifact = ?", [(name,) for name in artifacts])
            db.execute("DELETE FROM garbage WHERE artifact IN (SELECT artifact FROM builds)")


def read(row: tuple[Any, ...]) -> Version:
    """Return what a row of ``COLUMNS`` says."""
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


def unknown_function(name: str) -> UnknownFunctionError:
    """Return the error that says that no function has this name."""
    return UnknownFunctionError(
        f'No function is called "{name[:80]}"', remedy="List the functions with edgefaas ls."
    )


def _put_build(db: sqlite3.Connection, key: tuple[str, str], build: BuildRecord) -> None:
    db.execute(
        "INSERT OR REPLACE INTO builds VALUES (?, ?, ?, ?, ?)",
        (*key, build.artifact, _dump(build.facts), _dump(list(build.warnings))),
    )


def _dump(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
