"""Streams and pollables of wasi:io, version 0.2, as a guest holds them. Nothing here knows the C API."""

import asyncio
from collections.abc import Awaitable, Callable

from sandbox.capi.values import Err, Number, Ok, Variant
from sandbox.contract import Host
from sandbox.guest import Guest, GuestFaultError
from sandbox.wasi.streams import LogOutput

CHUNK_BYTES = 8 * 1024  # a byte of a list takes the engine 0.1 µs, and nobody else runs meanwhile
CLOSED = Err(Variant("closed"))
Source = Callable[[], bytes | Awaitable[bytes]]
Sink = Callable[[bytes], bytes | Awaitable[bytes] | None]


class Pollable:
    """Something that becomes ready. ``future`` returns what to wait for, None when it is ready."""

    def __init__(self, future: "Callable[[], asyncio.Future[bytes] | None]") -> None:
        self._future = future

    def future(self) -> "asyncio.Future[bytes] | None":
        """Return the future that is done when this is ready, None when it is."""
        found = self._future()
        return None if found is None or found.done() else found

    def forget(self) -> None:
        """Do nothing: what it waits for belongs to others."""


class Timer(Pollable):
    """A pollable that becomes ready at a time."""

    def __init__(self, sleeping: "asyncio.Future[bytes]") -> None:
        super().__init__(lambda: sleeping)
        self._sleeping = sleeping

    def forget(self) -> None:
        """Wake nobody."""
        self._sleeping.cancel()


class InputStream:
    """Bytes that arrive: all at once, or chunk by chunk from a source whose empty chunk is the end."""

    def __init__(self, data: bytes = b"", source: Source | None = None) -> None:
        self._buffer = data
        self._at = 0
        self._source = source
        self._coming: asyncio.Future[bytes] | None = None

    def future(self) -> "asyncio.Future[bytes] | None":
        """Ask for more if nothing is there; return what to wait for, None when a read gets something."""
        self._settle()
        if self._at < len(self._buffer) or self._source is None:
            return None
        if self._coming is None:
            found = self._source()
            if isinstance(found, bytes):
                self._take(found)
                return None
            self._coming = asyncio.ensure_future(found)
        return self._coming

    def read(self, length: int) -> object:
        """Return at most so many bytes, none when none are there yet, or that the stream has ended."""
        if length and self.future() is None and self._at >= len(self._buffer):
            return CLOSED
        taken = self._buffer[self._at : self._at + min(length, CHUNK_BYTES)]
        self._at += len(taken)
        return Ok(taken)

    def read_or_wait(self, length: int) -> object:
        """Return bytes or the end; None when it must be waited for."""
        return None if length and self.future() is not None else self.read(length)

    def forget(self) -> None:
        """Ask for no more."""
        if self._coming is not None:
            self._coming.cancel()

    def _settle(self) -> None:
        if self._coming is not None and self._coming.done():
            coming, self._coming = self._coming, None
            self._take(coming.result())

    def _take(self, chunk: bytes) -> None:
        self._buffer, self._at = chunk, 0
        if not chunk:
            self._source = None


class OutputStream:
    """Bytes that leave, to a sink that may ask for patience."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._going: asyncio.Future[bytes] | None = None

    def future(self) -> "asyncio.Future[bytes] | None":
        """Return what to wait for before the next write, None when it may be made."""
        if self._going is not None and self._going.done():
            going, self._going = self._going, None
            going.result()
        return self._going

    def wait_for(self, leaving: "asyncio.Future[bytes]") -> None:
        """Take nothing before this is done."""
        self._going = leaving

    def room(self) -> object:
        """Return how much may be written now."""
        return Ok(Number("u64", 0 if self.future() is not None else CHUNK_BYTES))

    def write(self, data: bytes) -> object:
        """Take bytes. A guest that writes more than it was told it may has broken a rule."""
        if len(data) > CHUNK_BYTES or self.future() is not None:
            raise GuestFaultError("it wrote more than the stream had room for")
        if data:
            found = self._sink(data)
            if found is not None and not isinstance(found, bytes):
                self._going = asyncio.ensure_future(found)
        return Ok()

    def flushed(self) -> object:
        """Return success when all has left; None before."""
        return Ok() if self.future() is None else None


class BodySink:
    """A sink that keeps what it gets, counting it; once opened, it hands everything to the host."""

    def __init__(self, keep: Callable[[int], None]) -> None:
        self._keep = keep
        self._parts: list[bytes] = []
        self._host: Host | None = None

    def open(self, host: Host) -> bytes:
        """Hand on all that comes; return what was kept until now."""
        self._host = host
        return self.value()

    def __call__(self, data: bytes) -> bytes | Awaitable[bytes] | None:
        """Take bytes; an awaitable asks for patience. Raises LimitReachedError, as ``keep`` does."""
        if self._host is not None:
            return self._host.call("http.write", data)
        self._keep(len(data))
        self._parts.append(data)
        return None

    def value(self) -> bytes:
        """Return all that was kept."""
        return b"".join(self._parts)


class LogSink:
    """A sink whose lines go to the function's log."""

    def __init__(self, guest: Guest, level: str) -> None:
        self._output = LogOutput(guest, level)

    def __call__(self, data: bytes) -> None:
        """Log whole lines, as far as the log has room."""
        wanted, _ = self._output.wants(len(data))
        self._output.write(data[:wanted])

    def flush(self) -> None:
        """Log the last line."""
        self._output.flush()
