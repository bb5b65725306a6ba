"""A body while it arrives: written once, read by many at their own pace, in bounded memory.

The last ``memory_bytes`` are kept in memory, so who keeps up reads no file. What came before goes to a
file, when a directory for it is given: slow readers cost disk and not memory. Without one, or when its disk
fails, the writer waits for the slowest reader, and what all have read is forgotten: then nobody new can
start to read, and nothing is left to be stored. So it is beyond ``file_bytes_max``: a body without end
fills no disk. A reader who makes everybody wait for longer than ``patience_s`` is cut off, and so is a body
that nobody has read for ``unread_s``.

Asyncio, one event loop; file reads and writes run in threads. Nothing here knows HTTP.
"""

import asyncio
import logging
import sys
import tempfile
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

from edgefaas.cache.descriptor import Descriptor
from edgefaas.cache.stored import BodyDigest

log = logging.getLogger("edgefaas.cache")

PATIENCE_S = 10.0
UNREAD_S = 60.0  # how long a body may go on arriving, to be stored, after its last reader left
READ_BYTES = 262_144  # for a reader who is behind, at a time
WRITE_BYTES = 262_144  # to the file at a time: a thread hop costs about 60 µs


class SpoolError(Exception):
    """The body broke off, or this reader was too slow for what was kept."""


class Spool:
    """One body. ``write`` and then ``finish`` or ``abort``; ``read`` as often as there are readers.

    ``length_bytes`` is what has been written so far; ``finished`` and ``broken`` how it ended.
    """

    def __init__(
        self,
        memory_bytes: int,
        directory: Path | None = None,
        *,
        file_bytes_max: int = sys.maxsize,
        patience_s: float = PATIENCE_S,
        unread_s: float = UNREAD_S,
    ) -> None:
        self.length_bytes = 0
        self.finished = False
        self.broken: Exception | None = None
        self._memory_bytes = memory_bytes
        self._file_bytes_max = file_bytes_max
        self._patience_s = patience_s
        self._unread_s = unread_s
        self._unread_since_s = asyncio.get_running_loop().time()
        self._chunks: deque[bytes] = deque()
        self._kept_from = 0  # offset of the first octet in memory
        self._directory = directory
        self._file: _SpoolFile | None = None
        self._digest = BodyDigest()
        self._progress = asyncio.Event()
        self._room = asyncio.Event()
        self._readers: dict[object, int] = {}

    @property
    def whole_in_memory(self) -> bool:
        """Return whether every octet written so far is still in memory."""
        return self._kept_from == 0

    @property
    def whole_in_file(self) -> bool:
        """Return whether every octet written so far is in a file of this spool."""
        return self._file is not None and self._file.path is not None and self._filed == self.length_bytes

    @property
    def readable(self) -> bool:
        """Return whether a new reader can still begin at the beginning."""
        if self._kept_from == 0:
            return True
        return self._file is not None and not self._file.closed and self._filed >= self._kept_from

    @property
    def digest(self) -> bytes:
        """Return the digest of what has been written so far."""
        return self._digest.whole

    @property
    def piece_digests(self) -> tuple[bytes, ...]:
        """Return the digests of the pieces of what has been written so far (see ``BodyFile``)."""
        return self._digest.pieces

    @property
    def _filed(self) -> int:
        """How many octets are in the file, from the beginning on."""
        return 0 if self._file is None else self._file.length_bytes

    async def write(self, chunk: bytes) -> None:
        """Append ``chunk``. Waits when memory is full, there is no directory, and a reader is behind.

        Raises SpoolError when nobody reads any more and the body cannot be kept either, or takes too long.
        """
        if not chunk:
            return
        if not self._readers and asyncio.get_running_loop().time() - self._unread_since_s > self._unread_s:
            raise SpoolError(f"nobody has read this body for {self._unread_s:g} s")
        assert not self.finished
        assert self.broken is None
        self._digest.update(chunk)
        self._chunks.append(chunk)
        self.length_bytes += len(chunk)
        self._progress.set()
        if self.length_bytes - self._kept_from <= self._memory_bytes:
            return
        if self._directory is not None and self.length_bytes > self._file_bytes_max:
            self._give_up_file(f"it is longer than {self._file_bytes_max} bytes")
        if self._directory is not None and await self._filed_up(self._directory):
            self._forget_until(self._filed)
        else:
            await self._wait_for_readers()

    def finish(self) -> None:
        """Mark the body as complete. Writes the rest to the file, where there is one."""
        if self._file is not None and self._directory is not None:
            try:
                self._file.write(self._between(self._filed, self.length_bytes))
            except OSError as error:
                self._give_up_file(error)
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
        assert self.whole_in_file
        assert self._file is not None
        path, self._file.path = self._file.path, None
        assert path is not None
        return path

    def discard(self) -> None:
        """Remove the file, if it is still ours. Readers that have it open go on."""
        if self._file is not None and self._file.path is not None:
            self._file.path.unlink(missing_ok=True)
            self._file.path = None

    def read(self) -> AsyncIterator[bytes]:
        """Return the body from its beginning, waiting for what has not arrived.

        The reader counts from now on, also before its first chunk is asked for. The iterator raises
        SpoolError when the body breaks off.
        """
        if not self.readable:
            raise SpoolError("the beginning of this body is no longer kept")
        token = object()
        self._readers[token] = 0
        self._room.set()  # the writer's patience depends on who reads
        return _Reader(self, token)

    def leave(self, token: object) -> None:
        """Forget a reader."""
        self._readers.pop(token, None)
        self._unread_since_s = asyncio.get_running_loop().time()
        self._room.set()
        self._close_if_idle()

    async def next_chunk(self, token: object) -> bytes:
        """Return the next octets for a reader, ``b""`` at the end."""
        while (at := self._place(token)) >= self.length_bytes:
            if self.broken is not None:
                raise SpoolError("the body broke off") from self.broken
            if self.finished:
                return b""
            self._progress.clear()
            await self._progress.wait()
        if at >= self._kept_from:
            chunk = self._between(at, min(self.length_bytes, at + READ_BYTES))
        else:
            assert self._file is not None
            chunk = await asyncio.to_thread(self._file.read, at, min(READ_BYTES, self._filed - at))
            if not chunk:
                raise SpoolError("the file of this body is shorter than what was written")
            self._place(token)
        self._readers[token] = at + len(chunk)
        self._room.set()
        return chunk

    def _place(self, token: object) -> int:
        if token not in self._readers:
            raise SpoolError("this reader was too slow")
        return self._readers[token]

    def _between(self, first: int, end: int) -> bytes:
        """Return octets that are in memory; found from the newest on, where most readers are."""
        found: list[bytes] = []
        start = self.length_bytes
        for chunk in reversed(self._chunks):
            start -= len(chunk)
            if start < end:
                found.append(chunk[max(0, first - start) : end - start])
            if start <= first:
                break
        return found[0] if len(found) == 1 else b"".join(reversed(found))

    async def _filed_up(self, directory: Path) -> bool:
        """Bring the file up to date, in large pieces; False when the disk failed."""
        try:
            if self._file is None:
                self._file = await asyncio.to_thread(_SpoolFile, directory)
            if self.length_bytes - self._filed >= WRITE_BYTES:
                octets = self._between(self._filed, self.length_bytes)
                await asyncio.to_thread(self._file.write, octets)
        except OSError as error:
            self._give_up_file(error)
            return False
        return True

    def _give_up_file(self, reason: OSError | str) -> None:
        """Keep no more on disk; readers who are behind go on with what is there."""
        level = logging.INFO if isinstance(reason, str) else logging.WARNING
        log.log(level, "a body of more than %d bytes cannot be kept on disk: %s", self.length_bytes, reason)
        self._directory = None
        self.discard()

    async def _wait_for_readers(self) -> None:
        while True:
            if not self._readers:
                raise SpoolError("nobody reads this body, and it is too large to be kept")
            slowest_at = min(self._readers.values())
            self._forget_until(slowest_at)
            if self._file is not None and slowest_at >= self._filed:
                self._file.close()  # it was given up: its room on the disk is free again
            if self.length_bytes - self._kept_from <= self._memory_bytes or self.broken is not None:
                return
            self._room.clear()
            try:
                # Who reads alone makes nobody wait: the wire decides how slow a viewer may be.
                async with asyncio.timeout(self._patience_s if len(self._readers) > 1 else None):
                    await self._room.wait()
            except TimeoutError:
                slowest = min(self._readers, key=self._readers.__getitem__)
                self.leave(slowest)

    def _forget_until(self, offset: int) -> None:
        """Let go of chunks before ``offset``, as far as memory is full."""
        while (
            self._chunks
            and self._kept_from + len(self._chunks[0]) <= offset
            and self.length_bytes - self._kept_from > self._memory_bytes
        ):
            self._kept_from += len(self._chunks.popleft())

    def _close_if_idle(self) -> None:
        """Close the file once the body has ended and nobody reads it: nobody can begin to any more."""
        ended = self.finished or self.broken is not None
        if ended and not self._readers and self._file is not None:
            self._file.close()


class _SpoolFile:
    """The file behind a spool. Its methods may run in threads; one writer, any number of readers."""

    path: Path | None = None

    def __init__(self, directory: Path) -> None:
        number, name = tempfile.mkstemp(prefix="arriving-", dir=directory)
        self._descriptor = Descriptor(number)
        self.path = Path(name)
        self.length_bytes = 0

    @property
    def closed(self) -> bool:
        """Return whether nothing can be read any more."""
        return self._descriptor.closed

    def write(self, octets: bytes) -> None:
        """Append octets; all of them, or OSError."""
        self._descriptor.pwrite(octets, self.length_bytes)
        self.length_bytes += len(octets)

    def read(self, at: int, length: int) -> bytes:
        """Return octets at an offset."""
        return self._descriptor.pread(length, at)

    def close(self) -> None:
        """Close the descriptor; what is left in memory can still be read."""
        self._descriptor.close()

    def __del__(self) -> None:
        if self.path is not None:  # nobody took it over
            self.path.unlink(missing_ok=True)


class _Reader:
    """The iterator that ``Spool.read`` returns; ``aclose`` leaves early."""

    def __init__(self, spool: Spool, token: object) -> None:
        self._spool = spool
        self._token = token
        self._done = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._done:
            raise StopAsyncIteration
        try:
            chunk = await self._spool.next_chunk(self._token)
        except BaseException:
            self._leave()
            raise
        if not chunk:
            self._leave()
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        """Stop reading."""
        self._leave()

    def _leave(self) -> None:
        if not self._done:
            self._done = True
            self._spool.leave(self._token)

    def __del__(self) -> None:
        with suppress(RuntimeError):  # the loop has ended, and with it everybody who waited for this reader
            self._leave()
