"""The rows of the tier on disk inside a write transaction: places, weights, SIEVE, the records of purges.

How they lie in the file: ``rows`` holds values behind ``_ROW``, by the digest of their key; ``info`` their place in the
queue and their weight; ``queue`` the rows by place, the oldest first; ``visited`` those with the bit set; ``meta`` the
counters and the hand; ``purges`` the records, by number. Reads need none of it but ``rows``.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

KEY_BYTES = 32
DATABASES = (b"rows", b"info", b"queue", b"visited", b"meta", b"purges")
_ROW = struct.Struct(">dQ")  # expiry (Unix seconds, 0: never), octets elsewhere that belong to the row
_INFO = struct.Struct(">QQ")  # place in the queue, weight
_NUMBER = struct.Struct(">Q")


@dataclass(slots=True, kw_only=True)
class Evicted:
    """A row that left: its key in the file and its value."""

    row: bytes
    value: bytes


def row_key(key: str) -> bytes:
    """Return the fixed-length key of a row (LMDB's keys are short)."""
    return blake2b(key.encode("utf-8", "surrogateescape"), digest_size=KEY_BYTES).digest()


class Rows:
    """The rows inside one write transaction. ``gone`` collects what was evicted, replaced or deleted."""

    def __init__(self, txn: Any, databases: dict[bytes, Any], bytes_max: int) -> None:
        self._txn = txn
        self._db = databases
        self._bytes_max = bytes_max
        self.gone: list[Evicted] = []

    def get(self, row: bytes, now_s: float) -> bytes | None:
        """Return the value of a row that has not expired."""
        value = self._txn.get(row, db=self._db[b"rows"])
        return None if value is None else value_at(value, now_s)

    def put(self, row: bytes, value: bytes, *, expiry: float = 0.0, elsewhere_bytes: int = 0) -> None:
        """Write a row. A known row keeps its place in the queue; a new one is the newest."""
        weight = len(value) + elsewhere_bytes
        info = self._txn.get(row, db=self._db[b"info"])
        if info is None:
            place, old_weight = self._bump(b"seq", 1), 0
            self._txn.put(octets_of(place), row, db=self._db[b"queue"])
        else:
            place, old_weight = _INFO.unpack(info)
            old = self._txn.get(row, db=self._db[b"rows"])
            if old is not None:
                self.gone.append(Evicted(row=row, value=value_of(old)))
        self._txn.put(row, _ROW.pack(expiry, elsewhere_bytes) + value, db=self._db[b"rows"])
        self._txn.put(row, _INFO.pack(place, weight), db=self._db[b"info"])
        self._bump(b"bytes", weight - old_weight)

    def delete(self, row: bytes) -> bool:
        """Drop a row and return whether it was there."""
        info = self._txn.get(row, db=self._db[b"info"])
        if info is None:
            return False
        place, weight = _INFO.unpack(info)
        value = self._txn.get(row, db=self._db[b"rows"])
        if value is not None:
            self.gone.append(Evicted(row=row, value=value_of(value)))
        self._txn.delete(row, db=self._db[b"rows"])
        self._txn.delete(row, db=self._db[b"info"])
        self._txn.delete(row, db=self._db[b"visited"])
        self._txn.delete(octets_of(place), db=self._db[b"queue"])
        self._bump(b"bytes", -weight)
        return True

    def clear(self) -> bool:
        """Drop every row; purges stay."""
        for name in (b"rows", b"info", b"queue", b"visited"):
            self._txn.drop(self._db[name], delete=False)
        self._txn.put(b"bytes", octets_of(0), db=self._db[b"meta"])
        return True

    def note_visits(self, rows: Iterable[bytes]) -> None:
        """Set the visited bit of rows that were read."""
        for row in rows:
            if self._txn.get(row, db=self._db[b"info"]) is not None:
                self._txn.put(row, b"", db=self._db[b"visited"])

    def evict(self) -> tuple[int, int]:
        """Move SIEVE's hand from old to new until the bound holds; return how many rows and octets that took."""
        used = self._number(b"bytes")
        if used <= self._bytes_max:
            return 0, 0
        count = 0
        cursor = self._txn.cursor(db=self._db[b"queue"])
        found = cursor.set_range(octets_of(self._number(b"hand"))) or cursor.first()
        while found and self._number(b"bytes") > self._bytes_max:
            place, row = bytes(cursor.key()), bytes(cursor.value())
            if self._txn.delete(row, db=self._db[b"visited"]):
                found = cursor.next() or cursor.first()
                continue
            self.delete(row)
            count += 1
            found = cursor.set_range(place) or cursor.first()
        hand = number_of(cursor.key()) if found else 0
        self._txn.put(b"hand", octets_of(hand), db=self._db[b"meta"])
        return count, used - self._number(b"bytes")

    def record_purge(self, record: bytes, keep_max: int, *, after: int = 0) -> int:
        """Record a purge under the next number, which is greater than ``after``, and return that.

        Of more than ``keep_max`` records the oldest are dropped; ``purge-floor`` tells up to which.
        """
        seq = max(self._number(b"purge"), after) + 1
        self._txn.put(b"purge", octets_of(seq), db=self._db[b"meta"])
        self._txn.put(octets_of(seq), record, db=self._db[b"purges"])
        floor = self._number(b"purge-floor")
        while seq - floor > keep_max:
            floor += 1
            self._txn.delete(octets_of(floor), db=self._db[b"purges"])
        self._txn.put(b"purge-floor", octets_of(floor), db=self._db[b"meta"])
        return seq

    def latest_purge(self) -> int:
        """Return the number of the latest purge."""
        return self._number(b"purge")

    def values(self) -> Iterable[bytes]:
        """Return every value, in the order of row keys."""
        for _, value in self._txn.cursor(db=self._db[b"rows"]):
            yield value_of(value)

    def _number(self, name: bytes) -> int:
        return number_of(self._txn.get(name, db=self._db[b"meta"]))

    def _bump(self, name: bytes, delta: int) -> int:
        total = max(0, self._number(name) + delta)
        self._txn.put(name, octets_of(total), db=self._db[b"meta"])
        return total


def value_of(row: bytes) -> bytes:
    """Return the value of what stands in ``rows``."""
    return row[_ROW.size :]


def value_at(row: bytes, now_s: float) -> bytes | None:
    """Return the value of what stands in ``rows``, unless it has expired."""
    expiry, _ = _ROW.unpack_from(row)
    return None if expiry and expiry <= now_s else row[_ROW.size :]


def number_of(octets: bytes | None) -> int:
    """Return a number as it stands in the file; 0 where there is none."""
    return 0 if octets is None else int(_NUMBER.unpack(octets)[0])


def octets_of(number: int) -> bytes:
    """Return a number as it stands in the file, in an order that is the numbers'."""
    return _NUMBER.pack(number)
