"""The body of a viewer's request, as a stream with back-pressure.

The protocol pushes what arrives; whoever answers pulls. Reading from the socket stops while more than
``HIGH_WATER_BYTES`` wait here, so a slow reader holds the viewer back, not the memory.
"""

import asyncio
from collections import deque
from collections.abc import Callable

HIGH_WATER_BYTES = 256 * 1024
LOW_WATER_BYTES = 64 * 1024


class IncomingBody:
    """An async iterator over the pieces of one body.

    ``pause`` and ``resume`` steer the socket; ``on_first_read`` is called when somebody asks for the body
    (that is when ``100 Continue`` goes out). Iterating raises the error given to ``fail``.
    """

    def __init__(
        self,
        *,
        pause: Callable[[], None],
        resume: Callable[[], None],
        on_first_read: Callable[[], None] | None,
    ) -> None:
        self.complete = False
        self.length_bytes = 0
        self._pause = pause
        self._resume = resume
        self._on_first_read = on_first_read
        self._pieces: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._paused = False
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    @property
    def awaits_continue(self) -> bool:
        """Return whether nobody has asked for this body yet, which a viewer waits for before it sends."""
        return self._on_first_read is not None

    @property
    def paused(self) -> bool:
        """Return whether the socket is held back on behalf of this body."""
        return self._paused

    def push(self, piece: bytes) -> None:
        """Take the next piece."""
        self.length_bytes += len(piece)
        self._pieces.append(piece)
        self._waiting_bytes += len(piece)
        if self._waiting_bytes > HIGH_WATER_BYTES and not self._paused:
            self._paused = True
            self._pause()
        self._wake()

    def finish(self) -> None:
        """Say that the body is complete."""
        if self._error is None:
            self.complete = True
            self._wake()

    def fail(self, error: Exception) -> None:
        """Say that the rest will not come."""
        if not self.complete and self._error is None:
            self._error = error
            self._wake()

    def take_all(self) -> bytes:
        """Return the whole of a body that is complete and that nobody has begun to read."""
        assert self.complete
        whole = b"".join(self._pieces)
        self._pieces.clear()
        self._waiting_bytes = 0
        self._let_go()
        return whole

    def discard(self) -> None:
        """Drop what waits, and let the socket go on: nobody will read this body any more."""
        self._pieces.clear()
        self._waiting_bytes = 0
        self._on_first_read = None
        self._let_go()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _let_go(self) -> None:
        if self._paused:
            self._paused = False
            self._resume()

    def __aiter__(self) -> "IncomingBody":
        return self

    async def __anext__(self) -> bytes:
        if self._on_first_read is not None:
            ask, self._on_first_read = self._on_first_read, None
            ask()
        while not self._pieces:
            if self.complete:
                raise StopAsyncIteration
            if self._error is not None:
                raise self._error
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        piece = self._pieces.popleft()
        self._waiting_bytes -= len(piece)
        if self._waiting_bytes <= LOW_WATER_BYTES:
            self._let_go()
        return piece

    async def aclose(self) -> None:
        """Give up reading."""
        self.discard()
