"""A body's octets in a file that is kept open, so that the kernel can send them without a copy. A thin shell.

The file is one of the disk tier's: named after its digest, never changed, perhaps removed while it is open. Whoever
holds the body holds it open.
"""

import os
import resource
import sys
from abc import ABC, abstractmethod
from itertools import count
from pathlib import Path
from typing import NamedTuple, Self

OPEN_MAX = 1_024  # in one process; bodies beyond are copied as ever
OPEN_SHARE = 8  # and at most one in so many of the files that the process may have open: viewers need theirs


class OpenBody:
    """An open file with the octets of a body; ``number`` is good as long as this lives."""

    __slots__ = ("_changed_ns", "number")
    # Counters that threads may step together: a sum that they all change would drift.
    _openings, _closings = count(1), count(1)
    _opened = _closed = 0

    def __init__(self, number: int) -> None:
        self.number = number
        self._changed_ns = os.fstat(number).st_mtime_ns
        OpenBody._opened = next(OpenBody._openings)

    @classmethod
    def of(cls, path: Path, length_bytes: int) -> Self | None:
        """Return the file at ``path``; None where it is gone, of another length, or too many are open."""
        if cls.now_open() >= min(OPEN_MAX, _files_allowed() // OPEN_SHARE):
            return None
        try:
            number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        body = cls(number)
        return body if os.fstat(number).st_size == length_bytes else None

    @property
    def is_as_it_was(self) -> bool:
        """Return whether nobody has written into the file since it was opened."""
        return os.fstat(self.number).st_mtime_ns == self._changed_ns

    @staticmethod
    def now_open() -> int:
        """Return how many are open in this process, in all threads."""
        return OpenBody._opened - OpenBody._closed

    def __del__(self) -> None:
        OpenBody._closed = next(OpenBody._closings)
        os.close(self.number)


def _files_allowed() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft


class FileRange(NamedTuple):
    """``length`` octets from ``offset`` of the open file ``number``, which lie in the kernel's memory."""

    number: int
    offset: int
    length: int


class FileStream(ABC):
    """A body that streams from a file: as octets, or told range by range to who can have the kernel send them."""

    def __aiter__(self) -> Self:
        return self

    @abstractmethod
    async def __anext__(self) -> bytes:
        """Return the next octets."""

    @abstractmethod
    async def next_range(self) -> FileRange | bytes:
        """Return what comes next: a range, good until the next call; octets where that is better; b"" at the end."""

    @abstractmethod
    async def aclose(self) -> None:
        """Let go of the file."""
