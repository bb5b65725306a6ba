"""Pairs on disk, as they are written: by the supervisor alone, many writes to a commit.

What was acknowledged is on disk, and in force everywhere at once (docs/adr/0093).
"""

import sqlite3
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from edgefaas.cache.writer import WriterThread
from edgefaas.database import Database, damaged
from edgefaas.errors import KvError, KvThrottledError
from edgefaas.kv.pairfile import FACTS, LAYOUT, read_facts
from edgefaas.kv.pairs import Batch, Expected, Facts, check_room, unknown_key, unknown_namespace
from edgefaas.site import KvNamespace

WAITING_MAX_BYTES = 64 * 1024 * 1024  # of writes that wait for the disk

T = TypeVar("T")


class PairStore:
    """Writes a file of pairs, many writes to a commit. One in the whole POP; its methods may be called anywhere.

    Each returns a future that is done when the disk has it. Raises KvThrottledError: too much waits already.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.touch(mode=0o600)
            path.chmod(0o600)  # before SQLite makes the files beside it, which get the same
        except OSError as error:
            raise damaged(path, LAYOUT, error) from None
        self._db = Database(path, LAYOUT)
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
        ends: list[tuple[Callable[[Any], None], Any]] = []
        try:
            with self._db.transaction() as db:
                for work, future in batch:
                    db.execute("SAVEPOINT one")
                    try:
                        ends.append((future.set_result, work(db)))
                    except KvError as error:
                        db.execute("ROLLBACK TO one")
                        ends.append((future.set_exception, error))
                    db.execute("RELEASE one")
        except sqlite3.IntegrityError as error:  # no write can break a constraint: it was broken before
            raise damaged(self._path, LAYOUT, error) from None
        for tell, end in ends:
            tell(end)


def _apply(
    db: sqlite3.Connection, namespace: KvNamespace, batch: Batch, expected: Expected, now_s: float
) -> Facts:
    name = namespace.name
    row = db.execute(f"SELECT {FACTS} FROM namespaces WHERE name = ?", (name,)).fetchone()  # noqa: S608  # constant
    if row is None:
        raise unknown_namespace(name)
    before = read_facts(row)
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
