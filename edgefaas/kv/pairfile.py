"""Pairs on disk, as they are read: by the worker for its guests, by the supervisor for people.

A reader sees every commit that was done when its read began, whichever process did it: there is no copy to invalidate
(docs/adr/0093). Every method may be slow as a disk is; a read of what the system has in memory takes 3 to 5 µs.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgefaas.database import Layout, connect, damaged
from edgefaas.kv.pairs import Entry, Facts, Page, after_prefix

KV_FILE = "kv.sqlite3"  # in the data folder
PAGE_BYTES_MAX = 4 * 1024 * 1024  # of values on one page
_WAL_KEPT_BYTES = 16 * 1024 * 1024
_SCHEMA = """
    CREATE TABLE namespaces (
        name         TEXT PRIMARY KEY,
        count        INTEGER NOT NULL,
        size_bytes   INTEGER NOT NULL,
        revision     INTEGER NOT NULL,
        created_at_s REAL NOT NULL,
        updated_at_s REAL NOT NULL
    ) STRICT;
    CREATE TABLE pairs (
        namespace    TEXT NOT NULL,
        key          BLOB NOT NULL,
        value        BLOB NOT NULL,
        revision     INTEGER NOT NULL,
        changed_at_s REAL NOT NULL,
        PRIMARY KEY (namespace, key)
    ) STRICT;
    CREATE TABLE writes (last INTEGER NOT NULL) STRICT;  -- the number of the last write of all
    INSERT INTO writes VALUES (0);
"""
FACTS = "name, count, size_bytes, revision, created_at_s, updated_at_s"
_ENTRY = "key, length(value), revision, changed_at_s"
LAYOUT = Layout(
    scripts=(_SCHEMA,),
    word="key-value store",
    remedy="Restore it from a backup, or move it away and import your pairs again.",
    pragmas=(f"journal_size_limit = {_WAL_KEPT_BYTES}",),
)


class PairFile:
    """Reads a file of pairs. For one thread at a time. Raises StateError where the file is not readable."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = connect(path, LAYOUT, mode="ro")

    def get(self, namespace: str, key: bytes) -> bytes | None:
        """Return a value, None where there is none."""
        row = self._one("SELECT value FROM pairs WHERE namespace = ? AND key = ?", namespace, key)
        return None if row is None else row[0]

    def has(self, namespace: str, key: bytes) -> bool:
        """Say whether there is such a key."""
        return self._one("SELECT 1 FROM pairs WHERE namespace = ? AND key = ?", namespace, key) is not None

    def entry(self, namespace: str, key: bytes) -> Entry | None:
        """Return a pair with its value."""
        sql = f"SELECT {_ENTRY}, value FROM pairs WHERE namespace = ? AND key = ?"  # noqa: S608  # constant
        row = self._one(sql, namespace, key)
        return None if row is None else Entry(*row)

    def facts(self, namespace: str) -> Facts | None:
        """Return what a namespace is as a whole; None: it was never made."""
        row = self._one(f"SELECT {FACTS} FROM namespaces WHERE name = ?", namespace)  # noqa: S608  # constant
        return None if row is None else read_facts(row)

    def all_facts(self) -> list[Facts]:
        """Return every namespace, by name."""
        with self._reading() as db:
            rows = db.execute(f"SELECT {FACTS} FROM namespaces ORDER BY name").fetchall()  # noqa: S608  # constant
        return [read_facts(row) for row in rows]

    def page(
        self, namespace: str, *, prefix: bytes = b"", after: bytes = b"", limit: int, values: bool = False
    ) -> Page:
        """Return the first ``limit`` pairs after ``after`` whose keys begin with ``prefix``.

        With ``values`` a page ends when they are 4 MiB together.
        """
        entries: list[Entry] = []
        size = 0
        with self._reading() as db:
            for row in db.execute(
                f"SELECT {_ENTRY}{', value' if values else ''} FROM pairs"  # noqa: S608  # constants
                " WHERE namespace = ? AND key >= ? AND key > ? AND key < ? ORDER BY key LIMIT ?",
                (namespace, prefix, after, after_prefix(prefix), limit + 1),
            ):
                if len(entries) == limit or size > PAGE_BYTES_MAX:
                    return Page(entries=tuple(entries), more=True)
                entries.append(Entry(*row))
                size += row[1] if values else 0
        return Page(entries=tuple(entries), more=False)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let every read inside see the file as it is at the first. Writers go on meanwhile."""
        with self._reading() as db:
            db.execute("BEGIN")
            try:
                yield
            finally:
                db.execute("ROLLBACK")

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def _one(self, sql: str, *parameters: object) -> Any:
        try:
            return self._db.execute(sql, parameters).fetchone()
        except sqlite3.DatabaseError as error:
            raise damaged(self._path, LAYOUT, error) from None

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        try:
            yield self._db
        except sqlite3.DatabaseError as error:
            raise damaged(self._path, LAYOUT, error) from None


def read_facts(row: tuple[Any, ...]) -> Facts:
    """Return what a row of ``FACTS`` says."""
    return Facts(
        name=row[0],
        count=row[1],
        size_bytes=row[2],
        revision=row[3],
        created_at_s=row[4],
        updated_at_s=row[5],
    )
