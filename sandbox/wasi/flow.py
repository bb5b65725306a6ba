"""Standard input and output that stream: the guest waits for bytes to come, and for bytes to leave.

What comes is asked of ``Host.call("stdin.read", b"")``, a chunk at a time, empty at the end; what is written goes to
``Host.call("stdout.write", data)``. One write is under way at a time: the next waits for it, so a slow reader slows
the guest.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from sandbox.contract import Host, HostCallError
from sandbox.guest import Guest
from sandbox.wasi.abi import RIGHT_FD_READ, RIGHT_FD_WRITE, RIGHT_POLL, Errno
from sandbox.wasi.streams import Input, Output

WRITE_BYTES_MAX = 1024 * 1024  # of one write; POSIX lets write(2) take less than it was given


class FlowingInput(Input):
    """A stream whose bytes are asked of the host when they are wanted."""

    rights = RIGHT_FD_READ | RIGHT_POLL

    def __init__(self, host: Host, data: bytes = b"") -> None:
        super().__init__(data)
        self._host: Host | None = host  # None after the end
        self._coming: asyncio.Future[bytes] | None = None

    def future(self) -> "asyncio.Future[bytes] | None":
        """Ask for more if nothing is there; return what to wait for, None when a read gets something or the end.

        Raises HostCallError: the rest does not come.
        """
        if self._coming is not None and self._coming.done():
            coming, self._coming = self._coming, None
            self._take(coming.result())
        if self.left_bytes or self._host is None:
            return None
        if self._coming is None:
            found = self._host.call("stdin.read", b"")
            if isinstance(found, bytes):
                self._take(found)
                return None
            self._coming = asyncio.ensure_future(found)
        return self._coming

    def forget(self) -> None:
        """Ask for no more."""
        if self._coming is not None:
            self._coming.cancel()

    def _take(self, chunk: bytes) -> None:
        self._data, self._at = chunk, 0
        if not chunk:
            self._host = None


class FlowingOutput(Output):
    """A stream whose bytes leave at once; nothing is held, so no limit of size applies."""

    rights = RIGHT_FD_WRITE | RIGHT_POLL

    def __init__(self, host: Host) -> None:
        super().__init__(0)
        self._host = host
        self._leaving: asyncio.Future[bytes] | None = None

    def future(self) -> "asyncio.Future[bytes] | None":
        """Return what to wait for before the next write, None when it may be made.

        Raises HostCallError: nobody takes more.
        """
        if self._leaving is not None and self._leaving.done():
            leaving, self._leaving = self._leaving, None
            leaving.result()
        return self._leaving

    def wants(self, size: int) -> tuple[int, int]:
        """Return that as much of it is taken as is held at once: a guest may name its memory a thousand times over."""
        taken = min(size, WRITE_BYTES_MAX)
        return taken, taken

    def write(self, data: bytes) -> None:
        """Hand bytes on; to be called when ``future`` is None."""
        found = self._host.call("stdout.write", data)
        if not isinstance(found, bytes):
            self._leaving = asyncio.ensure_future(found)

    def forget(self) -> None:
        """Wait for nothing any more."""
        if self._leaving is not None:
            self._leaving.cancel()

    def value(self) -> bytes:
        """Return nothing: all has left."""
        return b""


class Waiting:
    """A suspended call on a stream: ``act`` is made once ``future()`` is None; a stream that broke is ``broken``."""

    __slots__ = ("_act", "_broken", "_future", "_guest")

    def __init__(
        self,
        guest: Guest,
        future: "Callable[[], asyncio.Future[Any] | None]",
        act: Callable[[], int],
        broken: Errno,
    ) -> None:
        self._guest = guest
        self._future = future
        self._act = act
        self._broken = broken

    def result(self) -> int | None:
        """Return the errno; None while the guest has to wait."""
        try:
            self._guest.waiting = self._future()
        except HostCallError:
            return self._broken
        return self._act() if self._guest.waiting is None else None
