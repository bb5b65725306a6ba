"""Open files of a folder safely, know their content, and stream them off the event loop. Not pure."""

import asyncio
import hashlib
import os
import stat
import threading
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgefaas.directory.paths import differs_in_case_only

CHUNK_BYTES = 256 * 1024
DIGESTS_MAX = 65_536

Identity = tuple[int, int, int, int]
"""Device, inode, size and modification time (ns): when they are the same, so is the content."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """One regular file as it is now. ``modified_s`` is whole Unix seconds."""

    identity: Identity
    size: int
    modified_s: int
    is_directory: bool = False


class OpenFile:
    """A descriptor that closes itself, also when it is forgotten."""

    __slots__ = ("__weakref__", "_closer", "descriptor", "facts")

    def __init__(self, descriptor: int, facts: FileFacts) -> None:
        self.descriptor = descriptor
        self.facts = facts
        self._closer = weakref.finalize(self, os.close, descriptor)

    def close(self) -> None:
        """Close the descriptor; more than once is fine."""
        self._closer()

    def duplicate(self) -> "OpenFile":
        """Return the same open file with a life of its own."""
        return OpenFile(os.dup(self.descriptor), self.facts)

    def read(self, offset: int, length: int) -> bytes:
        """Return exactly ``length`` bytes from ``offset``. Raises OSError when the file became shorter."""
        pieces: list[bytes] = []
        while length:
            piece = os.pread(self.descriptor, length, offset)
            if not piece:
                raise OSError("the file became shorter while it was read")
            pieces.append(piece)
            offset += len(piece)
            length -= len(piece)
        return b"".join(pieces)


def facts_of(status: os.stat_result) -> FileFacts:
    """Return what is kept of a ``stat`` result."""
    identity = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
    return FileFacts(identity, status.st_size, status.st_mtime_ns // 10**9, stat.S_ISDIR(status.st_mode))


def open_inside(root: Path, segments: Sequence[str]) -> OpenFile | FileFacts | None:
    """Open a regular file below ``root`` (which is resolved); the facts when it is a folder; None when neither.

    Symbolic links may lead anywhere below ``root`` and nowhere else: what was really opened is checked,
    not what was asked for, so swapping a link at the right moment gains nothing. Blocks.
    """
    wanted = "/".join(segments)
    try:
        descriptor = os.open(root / wanted, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return None
    opened = OpenFile(descriptor, facts_of(os.fstat(descriptor)))
    try:
        real = Path(f"/proc/self/fd/{descriptor}").readlink()
    except OSError:  # not Linux
        real = Path(os.path.realpath(root / wanted))
    regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
    inside = real.is_relative_to(root) and not differs_in_case_only(wanted, str(real.relative_to(root)))
    if inside and regular:
        return opened
    opened.close()
    return opened.facts if inside and opened.facts.is_directory else None


def digest_of(opened: OpenFile) -> str:
    """Return the hash of the content as 32 hex digits. Blocks for about a second per GB."""
    digest = hashlib.blake2b(digest_size=16)
    offset, size = 0, opened.facts.size
    while offset < size:
        piece = opened.read(offset, min(1 << 20, size - offset))
        digest.update(piece)
        offset += len(piece)
    return digest.hexdigest()


class Digests:
    """Remembers the hash of each content by the identity of its file."""

    def __init__(self) -> None:
        self._known: dict[Identity, str] = {}
        self._lock = threading.Lock()

    def known(self, identity: Identity) -> str | None:
        """Return the hash when it was computed before."""
        return self._known.get(identity)

    def compute(self, opened: OpenFile) -> str:
        """Return the hash, computed now if need be. Blocks."""
        known = self._known.get(opened.facts.identity)
        if known is None:
            known = digest_of(opened)
            with self._lock:
                self._known[opened.facts.identity] = known
                if len(self._known) > DIGESTS_MAX:
                    del self._known[next(iter(self._known))]
        return known


Segment = bytes | tuple[int, int]
"""Octets as they are, or offset and length in the file."""


class FileBody:
    """A body made of segments, read in a thread, one chunk at a time."""

    def __init__(self, opened: OpenFile, segments: Sequence[Segment]) -> None:
        self._opened = opened
        self._segments = list(reversed(segments))

    def __aiter__(self) -> "FileBody":
        return self

    async def __anext__(self) -> bytes:
        """Return the next chunk. Raises OSError when the file became shorter, so that the wire breaks off."""
        if not self._segments:
            self._opened.close()
            raise StopAsyncIteration
        segment = self._segments.pop()
        if isinstance(segment, bytes):
            return segment
        offset, length = segment
        if length > CHUNK_BYTES:
            self._segments.append((offset + CHUNK_BYTES, length - CHUNK_BYTES))
        return await asyncio.to_thread(self._opened.read, offset, min(length, CHUNK_BYTES))

    async def aclose(self) -> None:
        """Let go of the file."""
        self._segments.clear()
        self._opened.close()
