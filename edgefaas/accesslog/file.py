"""A file that several processes append whole blocks of lines to, and its predecessors.

Each block is one write with O_APPEND, so blocks of different workers never mix. Who finds the file full moves it aside,
under a lock on its folder; the others notice by its inode, as they notice another program's logrotate.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class AppendedFile:
    """``path`` and its predecessors ``path.1`` (the youngest) to ``path.N``, ``kept`` files in all.

    Not for use by two threads at once. Errors are OSError; the next write tries everything anew.
    """

    def __init__(self, path: Path, *, header: bytes, max_bytes: int, kept: int) -> None:
        self.path = path
        self._header = header
        self._max_bytes = max_bytes
        self._kept = kept
        self._descriptor = -1

    def write(self, block: bytes) -> None:
        """Append a block of whole lines."""
        self._follow()
        rest = memoryview(block)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _follow(self) -> None:
        """See to it that the file that is open is the one at ``path``, and has room."""
        try:
            there = self.path.stat()
        except FileNotFoundError:
            self._open()
            return
        mine = os.fstat(self._descriptor) if self._descriptor >= 0 else None
        if mine is None or (there.st_ino, there.st_dev) != (mine.st_ino, mine.st_dev):
            self._open()
        elif there.st_size >= self._max_bytes:
            self._rotate()

    def _open(self) -> None:
        self.close()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._locked():
            if self.path.exists() and self.path.stat().st_size >= self._max_bytes:
                self._move_aside()
            self._open_locked()

    def _open_locked(self) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._descriptor = os.open(self.path, flags, 0o640)
        if self._header and os.fstat(self._descriptor).st_size == 0:
            os.write(self._descriptor, self._header)

    def _rotate(self) -> None:
        self.close()
        with self._locked():
            if (
                self.path.exists() and self.path.stat().st_size >= self._max_bytes
            ):  # else somebody was quicker
                self._move_aside()
            self._open_locked()

    def _move_aside(self) -> None:
        for age in reversed(range(self._kept - 1)):
            older = self._aged(age)
            if older.exists():
                older.replace(self._aged(age + 1))
        if self._kept == 1:
            self.path.unlink()

    def _aged(self, age: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{age}") if age else self.path

    @contextmanager
    def _locked(self) -> Iterator[None]:
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)  # and with it the lock
