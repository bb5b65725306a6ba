"""Read parts of files as a stream, off the event loop. A thin shell."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import BinaryIO

from edgefaas.cache.respond import FileSlice, Segment

CHUNK_BYTES = 256 * 1024


async def stream_slices(segments: Sequence[Segment]) -> AsyncIterator[bytes]:
    """Yield the octets of ``segments`` in order, at most 256 KiB at a time.

    Raises OSError when a file ends early: the wire then breaks the connection, so that no viewer takes a
    truncated body for a whole one.
    """
    for segment in segments:
        if isinstance(segment, bytes):
            yield segment
            continue
        file = await asyncio.to_thread(_open, segment)
        try:
            left = segment.length
            while left:
                chunk = await asyncio.to_thread(file.read, min(left, CHUNK_BYTES))
                if not chunk:
                    raise OSError(f"{segment.path} ended {left} bytes early")
                left -= len(chunk)
                yield chunk
        finally:
            file.close()


def _open(segment: FileSlice) -> BinaryIO:
    file = segment.path.open("rb")
    file.seek(segment.offset)
    return file
