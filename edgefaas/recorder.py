"""Keep a copy of a body while it streams past. No sockets, no clock."""

from collections.abc import AsyncIterator, Callable
from contextlib import suppress

from edgefaas.message import Body


async def record(
    body: AsyncIterator[bytes], *, limit_bytes: int, complete: Callable[[bytes], None]
) -> AsyncIterator[bytes]:
    """Yield ``body`` unchanged, and call ``complete`` with all of it once it has ended.

    A body over ``limit_bytes``, one that breaks and one that nobody reads to its end are never complete.
    """
    kept: list[bytes] | None = []
    size = 0
    try:
        async for chunk in body:
            size += len(chunk)
            if kept is not None:
                kept.append(chunk)
                if size > limit_bytes:
                    kept = None
            yield chunk
    finally:
        close = getattr(body, "aclose", None)
        if close is not None:
            with suppress(RuntimeError):  # already running: the reader's own cancellation is on its way
                await close()
    if kept is not None:
        complete(b"".join(kept))


async def read_all(body: Body, *, limit_bytes: int) -> bytes | list[bytes]:
    """Return the whole body, or, when it is longer than ``limit_bytes``, the chunks read so far."""
    if isinstance(body, bytes):
        return body
    taken: list[bytes] = []
    size = 0
    async for chunk in body:
        taken.append(chunk)
        size += len(chunk)
        if size > limit_bytes:
            return taken
    return b"".join(taken)


async def rejoined(taken: list[bytes], rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield what was read before, then the rest."""
    for chunk in taken:
        yield chunk
    async for chunk in rest:
        yield chunk
