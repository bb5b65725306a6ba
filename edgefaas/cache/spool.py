"""A body while it arrives: written once, read by many at their own pace, in bounded memory.

The first ``memory_bytes`` are kept in memory. Beyond that the body goes on to a file, when a directory for
it is given, so that slow readers cost disk and not memory; else the writer waits for the slowest reader,
and what all have read is forgotten: then nobody new can start to read, and nothing is left to be stored. A
reader who makes everybody wait for longer than ``patience_s`` is cut off.

Asyncio, one event loop; file reads and writes run in threads. Nothing here knows HTTP.
"""

import asyncio
import os
import tempfile
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

from edgefaas.cache.stored import BodyDigest

PATIENCE_S = 10.0
READ_BYTES = 262_144  # per turn of a reader that is behind; a thread hop costs about 60 µs


class SpoolError(Exception):
    """The body broke off, or this reader was too slow for what was kept."""


class Spool:
    """One body. ``write`` and then ``finish`` or ``abort``; ``read`` as often as there are readers.

    ``length_bytes`` is what has been written so far; ``finished`` and ``broken`` how it ended.
    """

    def __init__(
        self, memory_bytes: int, directory: Path | None = None, *, patience_s: float = PATIENCE_S
    ) -> None:
        self.length_bytes = 0
        self.finished = False
        self.broken: Exception | None = None
        self.path: Path | None = None
        self._patience_s = patience_s
        self._closed = False
        self._memory_bytes = memory_bytes
        self._directory = directory
        self._chunks: deque[bytes] = deque()
        self._kept_from = 0  # offset of the first octet of the first chunk
        self._kept_bytes = 0
        self._file: BinaryIO | None = None
        self._digest = BodyDigest()
        self._progress = asyncio.Event()
        self._room = asyncio.Event()
        self._readers: dict[object, int] = {}

    @property
    def whole_in_memory(self) -> bool:
        """Return whether every octet written so far is still in memory."""
        return self._kept_from == 0 and self._file is None

    @property
    def readable(self) -> bool:
        """Return whether a new reader can still begin at the beginning."""
        return self._kept_from == 0 and not self._closed

    @property
    def digest(self) -> bytes:
        """Return the digest of what has been written so far."""
        return self._digest.whole

    @property
    def piece_digests(self) -> tuple[bytes, ...]:
        """Return the digests of the pieces of what has been written so far (see ``BodyFile``)."""
        return self._digest.pieces

    async def write(self, chunk: bytes) -> None:
        """Append ``chunk``. Waits when memory is full, there is no directory, and a reader is behind.

        Raises SpoolError when nobody reads any more and the body cannot be kept either.
        """
        if not chunk:
            return
        assert not self.finished
        assert self.broken is None
        self._digest.update(chunk)
        if self._file is not None:
            await asyncio.to_thread(self._file.write, chunk)
        else:
            self._chunks.append(chunk)
            self._kept_bytes += len(chunk)
        self.length_bytes += len(chunk)
        self._progress.set()
        if self._kept_bytes > self._memory_bytes:
            if self._directory is not None:
                await self._spill(self._directory)
            else:
                await self._wait_for_readers()

    def finish(self) -> None:
        """Mark the body as complete."""
        self.finished = True
        self._progress.set()
        self._close_if_idle()

    def abort(self, error: Exception) -> None:
        """Mark the body as broken off: readers get what there is, and then a SpoolError."""
        self.broken = error
        self._progress.set()
        self._room.set()
        self.discard()
        self._close_if_idle()

    def body(self) -> bytes:
        """Return the whole body from memory (asserted)."""
        assert self.whole_in_memory
        return b"".join(self._chunks)

    def detach_file(self) -> Path:
        """Return the file with the whole body, which now belongs to the caller (asserted)."""
        assert self.finished
        assert self.path is not None
        path, self.path = self.path, None
        return path

    def discard(self) -> None:
        """Remove the file, if it is still ours. Readers that have it open go on."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
            self.path = None

    def read(self) -> AsyncIterator[bytes]:
        """Return the body from its beginning, waiting for what has not arrived.

        The reader counts from now on, also before its first chunk is asked for. The iterator raises
        SpoolError when the body breaks off.
        """
        token = object()
        if not self.readable:
            raise SpoolError("the beginning of this body is no longer kept")
        self._readers[token] = 0
        return _Reader(self, token)

    def leave(self, token: object) -> None:
        """Forget a reader."""
        self._readers.pop(token, None)
        self._room.set()
        self._close_if_idle()

    def _close_if_idle(self) -> None:
        """Close the file once the body has ended and nobody reads it: nobody can begin to any more."""
        ended = self.finished or self.broken is not None
        if ended and not self._readers and self._file is not None:
            self._file.close()
            self._closed = True

    async def next_chunk(self, token: object, handle: "_Handle") -> bytes:
        """Return the next octets for a reader, ``b""`` at the end."""
        if token not in self._readers:
            raise SpoolError("this reader was too slow")
        at = self._readers[token]
        while at >= self.length_bytes:
            if self.broken is not None:
                raise SpoolError("the body broke off") from self.broken
            if self.finished:
                return b""
            self._progress.clear()
            await self._progress.wait()
        # A spill may have begun since: look again, without an await in between.
        chunk = self._from_memory(at) if self._file is None else None
        if chunk is None:
            assert self._file is not None
            wanted = min(READ_BYTES, self.length_bytes - at)
            chunk = await asyncio.to_thread(handle.read, self._file, at, wanted)
            if not chunk:
                raise SpoolError("the file of this body is shorter than what was written")
        if token not in self._readers:
            raise SpoolError("this reader was too slow")
        self._readers[token] = at + len(chunk)
        self._room.set()
        return chunk

    def _from_memory(self, at: int) -> bytes | None:
        start = self._kept_from
        for chunk in self._chunks:
            if at < start + len(chunk):
                return chunk[at - start :] if at > start else chunk
            start += len(chunk)
        return None

    async def _spill(self, directory: Path) -> None:
        held = b"".join(self._chunks)
        file, path = await asyncio.to_thread(_create, directory, held)
        self._file, self.path = file, path
        self._chunks.clear()
        self._kept_bytes = 0

    async def _wait_for_readers(self) -> None:
        while True:
            if not self._readers:
                raise SpoolError("nobody reads this body, and it is too large to be kept")
            self._forget_what_all_have_read()
            if self._kept_bytes <= self._memory_bytes or self.broken is not None:
                return
            self._room.clear()
            try:
                async with asyncio.timeout(self._patience_s):
                    await self._room.wait()
            except TimeoutError:
                slowest = min(self._readers, key=self._readers.__getitem__)
                self.leave(slowest)

    def _forget_what_all_have_read(self) -> None:
        slowest = min(self._readers.values(), default=self.length_bytes)
        while self._chunks and self._kept_from + len(self._chunks[0]) <= slowest:
            gone = len(self._chunks.popleft())
            self._kept_from += gone
            self._kept_bytes -= gone


class _Handle:
    """A reader's own file descriptor, opened on first use."""

    def __init__(self) -> None:
        self._descriptor: int | None = None

    def read(self, file: BinaryIO, at: int, length: int) -> bytes:
        """Return octets at an offset; runs in a thread."""
        if self._descriptor is None:
            self._descriptor = os.dup(file.fileno())
        return os.pread(self._descriptor, length, at)

    def close(self) -> None:
        """Close the descriptor."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class _Reader:
    """The iterator that ``Spool.read`` returns; ``aclose`` leaves early."""

    def __init__(self, spool: Spool, token: object) -> None:
        self._spool = spool
        self._token = token
        self._handle = _Handle()
        self._done = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._done:
            raise StopAsyncIteration
        try:
            chunk = await self._spool.next_chunk(self._token, self._handle)
        except BaseException:
            await self.aclose()
            raise
        if not chunk:
            await self.aclose()
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        """Stop reading."""
        if not self._done:
            self._done = True
            self._spool.leave(self._token)
            self._handle.close()

    def __del__(self) -> None:
        if not self._done:
            self._spool.leave(self._token)
            self._handle.close()


def _create(directory: Path, first: bytes) -> tuple[BinaryIO, Path]:
    descriptor, name = tempfile.mkstemp(prefix="arriving-", dir=directory)
    file = os.fdopen(descriptor, "wb", buffering=0)
    file.write(first)
    return file, Path(name)
