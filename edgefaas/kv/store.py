"""Pairs on disk: one SQLite file in WAL mode. The supervisor writes it; workers read it themselves.

A reader sees every commit that was done when its read began, whichever process did it: there is no copy to
invalidate, and what was acknowledged is on disk (``synchronous=FULL``) and in force everywhere at once
(docs/adr/0093). Every method may be slow as a disk is; a read of what the system has in memory takes 3 to 5 µs.
"""

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from edgefaas.cache.writer import WriterThread
from edgefaas.errors import KvError, KvKeyNotFoundError, KvNotFoundError, KvThrottledError, StateError
from edgefaas.kv.pairs import Batch, Entry, Expected, Facts, Page, after_prefix, check_room, shown
from edgefaas.site import KvNamespace

KV_FILE = "kv.sqlite3"  # in the data folder
SCHEMA_VERSION = 1
WAITING_MAX_BYTES = 64 * 1024 * 1024  # of writes that wait for the disk
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
_FACTS = "name, count, size_bytes, revision, created_at_s, updated_at_s"
_ENTRY = "key, length(value), revision, changed_at_s"

T = TypeVar("T")


class PairFile:
    """Reads a file of pairs. For one thread at a time. Raises StateError where the file is not readable."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = _connect(path, mode="ro")

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
        row = self._one(f"SELECT {_FACTS} FROM namespaces WHERE name = ?", namespace)  # noqa: S608  # constant
        return None if row is None else _facts(row)

    def all_facts(self) -> list[Facts]:
        """Return every namespace, by name."""
        with self._reading() as db:
            rows = db.execute(f"SELECT {_FACTS} FROM namespaces ORDER BY name").fetchall()  # noqa: S608  # constant
        return [_facts(row) for row in rows]

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
            raise _damaged(self._path, error) from None

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        try:
            yield self._db
        except sqlite3.DatabaseError as error:
            raise _damaged(self._path, error) from None


class PairStore:
    """Writes a file of pairs, many writes to a commit. One in the whole POP; its methods may be called anywhere.

    Each returns a future that is done when the disk has it. Raises KvThrottledError: too much waits already.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._db = _open(path)
        except sqlite3.DatabaseError as error:
            raise _damaged(path, error) from None
        self._writer = WriterThread(self._commit, name="edgefaas-kv", waiting_max_bytes=WAITING_MAX_BYTES)

    def close(self) -> None:
        """Write what waits, and let go of the file."""
        self._writer.close()
        self._db.close()

    def make(self, namespace: KvNamespace, seed: Batch | None, *, now_s: float) -> "Future[bool]":
        """Make a namespace, with ``seed`` in it; the result says whether it was not there before."""

        def work(db: sqlite3.Connection) -> bool:
            sql = "INSERT OR IGNORE INTO namespaces VALUES (?, 0, 0, ?, ?, ?)"
            if db.execute(sql, (namespace.name, _next(db), now_s, now_s)).rowcount == 0:
                return False
            if seed is not None:
                _apply(db, namespace, seed, Expected(), now_s)
            return True

        return self._submit(work, 0)

    def write(
        self, namespace: KvNamespace, batch: Batch, expected: Expected, *, now_s: float
    ) -> "Future[Facts]":
        """Do all of a batch or nothing; the result is the namespace afterwards.

        It raises KvConflictError, KvQuotaError (no room), KvNotFoundError, StateError (the disk).
        """
        weight = sum(len(key) + len(value) for key, value in batch.puts) + sum(map(len, batch.deletes)) + 1
        return self._submit(lambda db: _apply(db, namespace, batch, expected, now_s), weight)

    def drop(self, name: str) -> "Future[int]":
        """Forget a namespace with all its pairs; the result is how many it had. Raises KvNotFoundError."""

        def work(db: sqlite3.Connection) -> int:
            if db.execute("DELETE FROM namespaces WHERE name = ?", (name,)).rowcount == 0:
                raise unknown_namespace(name)
            return db.execute("DELETE FROM pairs WHERE namespace = ?", (name,)).rowcount

        return self._submit(work, 0)

    def _submit(self, work: Callable[[sqlite3.Connection], T], weight_bytes: int) -> "Future[T]":
        try:
            return self._writer.submit(work, weight_bytes)
        except BufferError as error:
            raise KvThrottledError(
                f"The key-value store takes no more now: {error}", remedy="Write less at once; try again."
            ) from None

    def _commit(self, batch: list[tuple[Callable[[sqlite3.Connection], Any], "Future[Any]"]]) -> None:
        """Do several works in one commit; one that is refused leaves nothing and does not hold the others."""
        db = self._db
        ends: list[tuple[Callable[[Any], None], Any]] = []
        try:
            db.execute("BEGIN IMMEDIATE")
            try:
                for work, future in batch:
                    db.execute("SAVEPOINT one")
                    try:
                        ends.append((future.set_result, work(db)))
                    except KvError as error:
                        db.execute("ROLLBACK TO one")
                        ends.append((future.set_exception, error))
                    db.execute("RELEASE one")
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:  # SQLite itself rolls back on some errors, such as a full disk
                    db.execute("ROLLBACK")
                raise
        except sqlite3.OperationalError as error:
            raise StateError(
                f"{self._path} cannot be written: {error}",
                remedy="Free some room there or make it writable, then try again.",
            ) from None
        except sqlite3.DatabaseError as error:
            raise _damaged(self._path, error) from None
        for tell, end in ends:
            tell(end)


def _apply(
    db: sqlite3.Connection, namespace: KvNamespace, batch: Batch, expected: Expected, now_s: float
) -> Facts:
    name = namespace.name
    row = db.execute(f"SELECT {_FACTS} FROM namespaces WHERE name = ?", (name,)).fetchone()  # noqa: S608  # constant
    if row is None:
        raise unknown_namespace(name)
    before = _facts(row)
    count, size = before.count, before.size_bytes
    keys = [*batch.deletes, *(key for key, _ in batch.puts)]
    alone = keys[0] if len(keys) == 1 else None  # of several, only the namespace as a whole has a state
    found = _found(db, name, alone) if alone is not None else None
    expected.check(alone, pair=found[1] if found else None, namespace=before.revision)
    if batch.everything:
        db.execute("DELETE FROM pairs WHERE namespace = ?", (name,))
        count = size = 0
    revision = _next(db)
    for key in batch.deletes:
        old = _found(db, name, key)
        if old is None:
            if batch.must_exist:
                raise unknown_key(key)
            continue
        db.execute("DELETE FROM pairs WHERE namespace = ? AND key = ?", (name, key))
        count, size = count - 1, size - len(key) - old[0]
    for key, value in batch.puts:
        old = _found(db, name, key)
        count, size = count + (old is None), size + len(value) + (len(key) if old is None else -old[0])
        db.execute(
            "INSERT INTO pairs VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE"
            " SET value = excluded.value, revision = excluded.revision, changed_at_s = excluded.changed_at_s",
            (name, key, value, revision, now_s),
        )
    check_room(namespace, before_bytes=before.size_bytes, after_bytes=size)
    db.execute(
        "UPDATE namespaces SET count = ?, size_bytes = ?, revision = ?, updated_at_s = ? WHERE name = ?",
        (count, size, revision, now_s, name),
    )
    return Facts(
        name=name,
        count=count,
        size_bytes=size,
        revision=revision,
        created_at_s=before.created_at_s,
        updated_at_s=now_s,
    )


def _found(db: sqlite3.Connection, namespace: str, key: bytes) -> tuple[int, int] | None:
    """Return the size of a key's value and its revision, None where there is no such key."""
    sql = "SELECT length(value), revision FROM pairs WHERE namespace = ? AND key = ?"
    row: tuple[int, int] | None = db.execute(sql, (namespace, key)).fetchone()
    return row


def _next(db: sqlite3.Connection) -> int:
    """Return the number of this write."""
    ((number,),) = db.execute("UPDATE writes SET last = last + 1 RETURNING last").fetchall()
    return int(number)


def _facts(row: tuple[Any, ...]) -> Facts:
    return Facts(
        name=row[0],
        count=row[1],
        size_bytes=row[2],
        revision=row[3],
        created_at_s=row[4],
        updated_at_s=row[5],
    )


def unknown_namespace(name: str) -> KvNotFoundError:
    """Return the error that says that no namespace has this name."""
    return KvNotFoundError(
        f'There is no key-value namespace "{name[:80]}"',
        remedy="List them with edgefaas kv ls; add [kv.NAME] to the site for another.",
    )


def unknown_key(key: bytes) -> KvKeyNotFoundError:
    """Return the error that says that there is no such key."""
    return KvKeyNotFoundError(
        f'the key "{shown(key)}" was not found', remedy="List keys with edgefaas kv list."
    )


def _connect(path: Path, *, mode: str) -> sqlite3.Connection:
    try:
        return sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,  # one thread at a time, which need not be the same
            timeout=5.0,
        )
    except sqlite3.DatabaseError as error:
        raise _damaged(path, error) from None


def _open(path: Path) -> sqlite3.Connection:
    db = _connect(path, mode="rwc")
    try:
        path.chmod(0o600)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute(f"PRAGMA journal_size_limit = {_WAL_KEPT_BYTES}")
        _migrate(db, path)
    except BaseException:
        db.close()
        raise
    return db


def _migrate(db: sqlite3.Connection, path: Path) -> None:
    (found,) = db.execute("PRAGMA user_version").fetchone()
    if found > SCHEMA_VERSION:
        raise StateError(
            f"{path} has schema {found}; this edgefaas knows up to {SCHEMA_VERSION}",
            remedy="Use the newer edgefaas that wrote it, or another data folder.",
        )
    if found < SCHEMA_VERSION:
        db.executescript(f"BEGIN IMMEDIATE;{_SCHEMA};PRAGMA user_version = {SCHEMA_VERSION};COMMIT;")


def _damaged(path: Path, error: Exception) -> StateError:
    return StateError(
        f"{path} cannot be used as a key-value store: {error}",
        remedy="Restore it from a backup, or move it away and import your pairs again.",
    )
