"""One SQLite file in WAL mode: opened, brought to the schema of today, read, written in transactions.

With ``synchronous=FULL``: when a transaction has ended, what it wrote survives a kill and a power cut. One writer, and
one thread at a time for each connection, which need not be the same.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgefaas.errors import StateError

BUSY_S = 5.0  # that a lock of somebody else is waited for


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What a file holds. ``scripts`` are one per version of its schema, run in order; a released one is never edited.

    ``word`` is what people call the file, ``remedy`` what they do about one that is damaged. ``checked``: it is small
    enough to be read through whenever it is opened.
    """

    scripts: tuple[str, ...]
    word: str
    remedy: str
    pragmas: tuple[str, ...] = ()
    checked: bool = False


class Database:
    """An open file. Raises StateError: it is damaged, or was written by a newer edgefaas."""

    def __init__(self, path: Path, layout: Layout) -> None:
        self._path = path
        self._layout = layout
        self._db = connect(path, layout, mode="rwc")
        try:
            for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", *layout.pragmas):
                self._db.execute(f"PRAGMA {pragma}")
            _migrate(self._db, path, layout)
            if layout.checked:
                _check(self._db)
        except BaseException as error:
            self._db.close()
            if isinstance(error, sqlite3.DatabaseError):
                raise damaged(path, layout, error) from None
            raise

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a read. Raises StateError: the file is damaged or gone."""
        try:
            return self._db.execute(sql, parameters).fetchall()
        except sqlite3.DatabaseError as error:
            raise damaged(self._path, self._layout, error) from None

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold one transaction: all of it on disk at the end, or nothing.

        Raises StateError, and IntegrityError where a constraint of the tables does not hold.
        """
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
            raise damaged(self._path, self._layout, error) from None


def connect(path: Path, layout: Layout, *, mode: str) -> sqlite3.Connection:
    """Return a connection; ``mode`` is SQLite's: ``ro``, ``rwc``. Raises StateError."""
    try:
        return sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=BUSY_S,
        )
    except sqlite3.DatabaseError as error:
        raise damaged(path, layout, error) from None


def _migrate(db: sqlite3.Connection, path: Path, layout: Layout) -> None:
    """Bring the file to the last version, each step in a transaction of its own. Raises StateError: it is newer."""
    (found,) = db.execute("PRAGMA user_version").fetchone()
    if found > len(layout.scripts):
        raise StateError(
            f"{path} has schema {found}; this edgefaas knows up to {len(layout.scripts)}",
            remedy="Use the newer edgefaas that wrote it, or another data folder.",
        )
    for number, script in enumerate(layout.scripts[found:], found + 1):
        db.executescript(f"BEGIN IMMEDIATE;{script};PRAGMA user_version = {number};COMMIT;")


def _check(db: sqlite3.Connection) -> None:
    (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise sqlite3.DatabaseError(verdict)


def damaged(path: Path, layout: Layout, error: Exception) -> StateError:
    """Return the error that says that a file is not what it must be."""
    return StateError(f"{path} cannot be used as a {layout.word}: {error}", remedy=layout.remedy)
