"""A file descriptor that threads use and that the event loop may close at any time. A thin shell.

A task that is cancelled while a thread of its own is in ``pread`` or ``pwrite`` lets go of the file at once, and the
thread goes on. A number closed under it may be another file by then, also a database. So the number is given back when
the last thread has left, and who comes after ``close`` is refused.
"""

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

PROBED_BYTES = 64 * 1024


class Descriptor:
    """An open file; ``number`` belongs to it from now on. Methods may be called in any thread."""

    __slots__ = ("_inside", "_lock", "_number", "closed")

    def __init__(self, number: int) -> None:
        self._number = number
        self._inside = 0
        self._lock = threading.Lock()
        self.closed = False

    @classmethod
    def of(cls, path: Path) -> Self:
        """Return ``path`` open for reading. Raises OSError."""
        return cls(os.open(path, os.O_RDONLY | os.O_CLOEXEC))

    @property
    def number(self) -> int:
        """Return the number, which belongs to this file until ``close``: for who closes it, not for threads."""
        return self._number

    @property
    def changed_ns(self) -> int:
        """Return when the file was last written into (Unix nanoseconds); for who closes it."""
        return os.fstat(self._number).st_mtime_ns

    def in_memory(self, offset: int, length: int) -> bool:
        """Return whether the kernel seems to have these octets in memory: one of every ``PROBED_BYTES`` is looked for.

        False also where it cannot tell.
        """
        octet = bytearray(1)
        try:
            for at in (*range(offset, offset + length, PROBED_BYTES), offset + length - 1):
                if os.preadv(self._number, [octet], at, os.RWF_NOWAIT) != 1:
                    return False
        except OSError:
            return False
        return True

    def pread(self, length: int, offset: int) -> bytes:
        """Return at most ``length`` octets at ``offset``. Raises OSError, also when it is closed."""
        with self._entered() as number:
            return os.pread(number, length, offset)

    def pwrite(self, octets: bytes, offset: int) -> None:
        """Write all of ``octets`` at ``offset``. Raises OSError, also when it is closed."""
        view = memoryview(octets)
        with self._entered() as number:
            while view:
                written = os.pwrite(number, view, offset)
                offset += written
                view = view[written:]

    def close(self) -> None:
        """Refuse who comes now, and give the number back once nobody is inside. Does not wait."""
        with self._lock:
            if self.closed:
                return
            self.closed = True
            idle = not self._inside
        if idle:
            os.close(self._number)

    @contextmanager
    def _entered(self) -> Iterator[int]:
        with self._lock:
            if self.closed:
                raise OSError(errno.EBADF, "the file was closed meanwhile")
            self._inside += 1
        try:
            yield self._number
        finally:
            self._left()

    def _left(self) -> None:
        with self._lock:
            self._inside -= 1
            last = self.closed and not self._inside
        if last:
            os.close(self._number)

    def __del__(self) -> None:
        self.close()
