"""The folder of large bodies: one file each, written under a temporary name and renamed when it is whole.

A file is named after its content and the response it belongs to, so a name always means the same octets.
Every piece is checked against its digest before it is sent, unless that was done within the last minute: a damaged disk
costs a connection, not a wrong body.
"""

import asyncio
import os
import tempfile
from collections.abc import Callable, Collection
from hashlib import blake2b
from pathlib import Path
from time import monotonic
from typing import ParamSpec, TypeVar

from edgefaas.cache.descriptor import Descriptor
from edgefaas.cache.respond import FileSlice
from edgefaas.cache.stored import DIGEST_BYTES, PIECE_BYTES, BodyDigest, BodyFile, StoredResponse, body_digest
from edgefaas.openbody import FileRange, FileStream

CHECKED_FOR_S = 60.0
ARRIVING = "arriving-"
_NAME_DIGEST_BYTES = 8

P = ParamSpec("P")
T = TypeVar("T")


class DamagedBodyError(Exception):
    """A body file is not what it was; ``path`` names it."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"the body file {path.name} is damaged or gone")
        self.path = path


class BodyFolder:
    """Body files under ``path``. Its methods block: call them in a thread."""

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.path = path

    def write(self, stored: StoredResponse) -> BodyFile:
        """Write the body of ``stored``, which is in memory, and return its file. Raises OSError."""
        assert isinstance(stored.body, bytes)
        digest = BodyDigest()
        digest.update(stored.body)
        descriptor, name = tempfile.mkstemp(prefix=ARRIVING, dir=self.path)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(stored.body)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
        return self._settle(Path(name), stored, digest.whole, digest.pieces)

    def adopt(
        self, arrived: Path, stored: StoredResponse, digest: bytes, pieces: tuple[bytes, ...]
    ) -> BodyFile:
        """Take over a file in this folder that holds the whole body of ``stored``. Raises OSError."""
        return self._settle(arrived, stored, digest, pieces)

    def _settle(
        self, arrived: Path, stored: StoredResponse, digest: bytes, pieces: tuple[bytes, ...]
    ) -> BodyFile:
        belongs = f"{stored.key}\n{stored.selectors!r}\n{stored.partial!r}".encode("utf-8", "surrogateescape")
        owner = blake2b(belongs, digest_size=_NAME_DIGEST_BYTES).hexdigest()
        path = self.path / f"{digest.hex()}-{owner}"
        # Not forced to the disk: after a power cut, the digests tell what is missing.
        length = arrived.stat().st_size
        arrived.rename(path)
        return BodyFile(path, length, pieces)

    def read(self, body: BodyFile, digest: bytes) -> bytes | None:
        """Return a whole body, or None when it is not what it was."""
        try:
            octets = body.path.read_bytes()
        except OSError:
            return None
        return octets if len(octets) == body.length_bytes and body_digest(octets) == digest else None

    def remove(self, name: str) -> None:
        """Remove a file. Readers that have it open go on."""
        (self.path / name).unlink(missing_ok=True)

    def vacuum(self, keep: Collection[str], *, older_than_s: float) -> int:
        """Remove the files that nothing refers to, last written before ``older_than_s`` (Unix seconds).

        Such files are left by a crash between the writing of a body and that of its row. Returns how many.
        """
        removed = 0
        for path in self.path.iterdir():
            try:
                if path.name not in keep and path.stat().st_mtime < older_than_s:
                    path.unlink()
                    removed += 1
            except FileNotFoundError:
                continue  # another worker was quicker
        return removed


class StreamedBody(FileStream):
    """Octets of a stored body: ``piece``, each piece of the file checked before any of it is sent.

    Where that was done less than ``CHECKED_FOR_S`` ago, and nobody wrote into the file since, it is not done again.
    File reads run in threads. What is damaged, short or gone raises DamagedBodyError, after ``damaged`` was called.
    """

    def __init__(self, piece: FileSlice, damaged: Callable[[], None] = lambda: None) -> None:
        self._path = piece.path
        self._body = piece.body
        self._at = piece.offset
        self._end = piece.offset + piece.length
        self._damaged = damaged
        self._file: Descriptor | None = None
        self._read: tuple[int, bytes] | None = None  # a piece that was read to be checked, by its number

    async def begin(self) -> None:
        """Check the first piece. Raises DamagedBodyError."""
        if self._at < self._end:
            await self._check(self._at // PIECE_BYTES)

    async def __anext__(self) -> bytes:
        """Return the rest of the next piece. Raises DamagedBodyError."""
        if self._at >= self._end:
            await self.aclose()
            raise StopAsyncIteration
        number = self._at // PIECE_BYTES
        octets = await self._check(number)
        start = number * PIECE_BYTES
        if octets is None:
            file = self._file
            assert file is not None
            octets = await self._in_thread(file.pread, PIECE_BYTES, start)
        self._read = None
        wanted = octets[self._at - start : min(self._end - start, PIECE_BYTES)]
        if not wanted:
            raise self._failed()
        self._at += len(wanted)
        return wanted

    async def next_range(self) -> FileRange | bytes:
        """Return the rest of the next piece as a range, if the kernel has it in memory. Raises DamagedBodyError."""
        if self._at >= self._end:
            await self.aclose()
            return b""
        number = self._at // PIECE_BYTES
        await self._check(number)
        file = self._file
        assert file is not None
        length = min(self._end, (number + 1) * PIECE_BYTES) - self._at
        if not file.in_memory(self._at, length):
            return await anext(self)
        self._read = None
        found = FileRange(file.number, self._at, length)
        self._at += length
        return found

    async def aclose(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
        self._at = self._end

    async def _check(self, number: int) -> bytes | None:
        """Check a piece that needs it; returns its octets if they were read for that. Raises DamagedBodyError."""
        if self._read is not None and self._read[0] == number:
            return self._read[1]
        if self._file is None:
            self._file = await self._in_thread(Descriptor.of, self._path)
        body, changed_ns = self._body, self._file.changed_ns
        if body is None or not body.digests:
            return None
        until_s, unchanged_ns = body.checked.get(number, (0.0, 0))
        if monotonic() < until_s and changed_ns == unchanged_ns:
            return None
        octets = await self._in_thread(_checked, self._file, number, body)
        if octets is None:
            raise self._failed()
        body.checked[number] = monotonic() + CHECKED_FOR_S, changed_ns
        self._read = number, octets
        return octets

    async def _in_thread(self, work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        try:
            return await asyncio.to_thread(work, *arguments, **named)
        except OSError as error:
            raise self._failed() from error

    def _failed(self) -> DamagedBodyError:
        self._damaged()
        return DamagedBodyError(self._path)


def _checked(file: Descriptor, number: int, body: BodyFile) -> bytes | None:
    """Return the octets of a piece; None when they are not what was stored. Raises OSError."""
    if number >= len(body.digests):
        return None
    octets = file.pread(PIECE_BYTES, number * PIECE_BYTES)
    found = blake2b(octets, digest_size=DIGEST_BYTES).digest()
    return octets if found == body.digests[number] else None
