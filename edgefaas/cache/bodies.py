"""The folder of large bodies: one file each, written under a temporary name and renamed when it is whole.

A file is named after its content and the response it belongs to, so a name always means the same octets.
Every piece is checked against its digest before it is sent: a damaged disk costs a connection, never a
wrong body.
"""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Collection
from hashlib import blake2b
from pathlib import Path

from edgefaas.cache.descriptor import Descriptor
from edgefaas.cache.respond import FileSlice
from edgefaas.cache.stored import DIGEST_BYTES, PIECE_BYTES, BodyDigest, BodyFile, StoredResponse, body_digest

ARRIVING = "arriving-"
_NAME_DIGEST_BYTES = 8


class DamagedBodyError(Exception):
    """A body file is not what it was; ``path`` names it."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"the body file {path.name} is damaged or gone")
        self.path = path


class BodyFolder:
    """Body files under ``path``. Methods but ``stream`` block: call them in a thread."""

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


async def stream(piece: FileSlice) -> AsyncIterator[bytes]:
    """Yield the octets of ``piece``, each checked before it is sent; file reads run in threads.

    Raises DamagedBodyError when the file is gone, short, or not what was stored.
    """
    if piece.length == 0:
        return
    body = piece.body
    try:
        file = await asyncio.to_thread(Descriptor.of, piece.path)
    except OSError as error:
        raise DamagedBodyError(piece.path) from error
    try:
        end = piece.offset + piece.length
        at = piece.offset
        while at < end:
            number = at // PIECE_BYTES
            start = number * PIECE_BYTES
            octets = await asyncio.to_thread(_checked, file, start, body, number)
            wanted = None if octets is None else octets[at - start : min(end - start, PIECE_BYTES)]
            if not wanted:
                raise DamagedBodyError(piece.path)
            yield wanted
            at += len(wanted)
    finally:
        file.close()


def _checked(file: Descriptor, start: int, body: BodyFile | None, number: int) -> bytes | None:
    try:
        octets = file.pread(PIECE_BYTES, start)
    except OSError:
        return None
    if body is None or not body.digests:
        return octets
    if number >= len(body.digests):
        return None
    found = blake2b(octets, digest_size=DIGEST_BYTES).digest()
    return octets if found == body.digests[number] else None
