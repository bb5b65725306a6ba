"""The body of an answer on its way from a guest to whoever reads it: bounded, and checked against its length.

The guest pushes, the reader pulls; a guest whose reader is slow waits once ``ROOM_BYTES`` are held here.
"""

import asyncio
from collections.abc import Callable

from edgefaas.errors import EdgeError, FunctionValidationError

ROOM_BYTES = 256 * 1024
GATHERED_BYTES = 64 * 1024


class Flow:
    """An async iterator over one body. ``on_close`` is called when nobody will read the rest.

    It is complete when the guest says so, or when ``length`` bytes have come; iterating raises ``error``, what ``fail``
    was given.
    """

    def __init__(self, length: int | None, on_close: Callable[[], None]) -> None:
        self._length = length
        self._on_close = on_close
        self._pieces: list[bytes] = []
        self._held_bytes = 0
        self._came_bytes = 0
        self.error: EdgeError | None = None
        self._reader: asyncio.Future[None] | None = None
        self._room: asyncio.Future[bytes] | None = None
        self._gathering: asyncio.Future[None] | None = None
        self._closed = False
        self.complete = length == 0

    def push(self, data: bytes) -> "bytes | asyncio.Future[bytes]":
        """Take the next piece; the future is done when there is room for another.

        What comes after the declared length is the guest's mistake: the body fails.
        """
        if self._closed or self.error is not None or not data:
            return b""
        self._came_bytes += len(data)
        if self._length is not None and self._came_bytes > self._length:
            self.complete = False
            self.fail(
                FunctionValidationError(
                    f"the function wrote more than the {self._length} bytes of its Content-Length",
                    remedy="Declare the true length, or none.",
                )
            )
            return b""
        self._pieces.append(data)
        self._held_bytes += len(data)
        self.complete = self.complete or self._came_bytes == self._length
        self._wake()
        if self._held_bytes <= ROOM_BYTES:
            return b""
        if self._room is None:
            self._room = asyncio.get_running_loop().create_future()
        return self._room

    def finish(self) -> None:
        """Say that the body is complete; one shorter than its declared length fails."""
        if self.complete or self.error is not None:
            return
        if self._length is not None:
            self.fail(
                FunctionValidationError(
                    f"the function wrote {self._came_bytes} bytes, and its Content-Length is {self._length}",
                    remedy="Declare the true length, or none.",
                )
            )
            return
        self.complete = True
        self._wake()

    def fail(self, error: EdgeError) -> None:
        """Say that the rest will not come; without effect on a body that is complete."""
        if not self.complete and self.error is None:
            self.error = error
            self._wake()
            self._make_room()

    def whole(self) -> bytes | None:
        """Return the body if all of it is here and nobody has begun to read, else None. Raises its error."""
        if self.error is not None:
            raise self.error
        return self._take() if self.complete else None

    async def gathered(self, patience_s: float) -> None:
        """Wait a moment for the end of a short body, so that it goes out whole; ``hurry`` ends the wait."""
        if self._settled:
            return
        loop = asyncio.get_running_loop()
        self._gathering = loop.create_future()
        timer = loop.call_later(patience_s, self.hurry)
        try:
            await self._gathering
        finally:
            timer.cancel()
            self._gathering = None

    def hurry(self) -> None:
        """Let what is here go out: the guest waits for something, and so must not the viewer."""
        if self._gathering is not None and not self._gathering.done():
            self._gathering.set_result(None)

    @property
    def _settled(self) -> bool:
        return self.complete or self.error is not None or self._held_bytes >= GATHERED_BYTES

    async def aclose(self) -> None:
        """Give up the rest."""
        if not self._closed:
            self._closed = True
            self._take()
            if not self.complete:  # who has said all may still do what is left to do
                self._on_close()

    def __aiter__(self) -> "Flow":
        return self

    async def __anext__(self) -> bytes:
        while not self._pieces:
            if self.error is not None:
                raise self.error
            if self.complete or self._closed:
                raise StopAsyncIteration
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        return self._take()

    def _take(self) -> bytes:
        taken = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces = []
        self._held_bytes = 0
        self._make_room()
        return taken

    def _wake(self) -> None:
        if self._settled:
            self.hurry()
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _make_room(self) -> None:
        room, self._room = self._room, None
        if room is not None and not room.done():
            room.set_result(b"")
