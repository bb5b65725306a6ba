"""Answers that wait, for a fraction of a millisecond, to be written together. A thin shell.

A turn of the event loop finds many connections with a request. Writing each answer at once wakes the peer for each;
on loopback and on virtual machines that wake-up costs more than a cache hit. So answers made inside the callback are
gathered and written when the turn is over, or ``GATHER_S`` after the first of them, whichever comes first. A single
request waits for nothing but the end of its own callback. Order on a connection is kept: whatever else is done to its
transport comes after what waits.
"""

import asyncio
import weakref
from collections.abc import Iterable
from time import perf_counter
from typing import Any

from edgefaas.openbody import FileRange, OpenBody
from edgefaas.wire.borrowed import Borrowed, borrowed

GATHER_S = 0.001
_outboxes: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Outbox]" = weakref.WeakKeyDictionary()


class GatheringTransport:
    """A connection's transport; ``write_later`` gathers, everything else is as ever.

    Nothing raises once the connection is closed or closing.
    """

    __slots__ = ("_outbox", "_socket", "_transport", "_waiting")

    def __init__(self, transport: asyncio.Transport, outbox: "Outbox") -> None:
        self._transport = transport
        self._outbox = outbox
        self._waiting: list[bytes] = []
        self._socket: Borrowed | bool = (
            True  # where files can be sent; True: not looked for yet, False: nowhere
        )

    def write_later(self, data: bytes) -> None:
        """Write ``data`` at the end of this turn of the loop, together with what others write then."""
        first = not self._waiting
        self._waiting.append(data)
        if first:
            self._outbox.add(self)

    def flush(self) -> None:
        """Write what waits."""
        waiting, self._waiting = self._waiting, []
        if waiting and not self._transport.is_closing():
            self._transport.write(waiting[0] if len(waiting) == 1 else b"".join(waiting))

    def write(self, data: bytes | memoryview) -> None:
        """Write at once, after what waits."""
        if self._waiting:
            self.flush()
        if not self._transport.is_closing():
            self._transport.write(data)

    def writelines(self, pieces: Iterable[bytes]) -> None:
        """Write at once, after what waits."""
        if self._waiting:
            self.flush()
        if not self._transport.is_closing():
            self._transport.writelines(pieces)

    def write_file(self, head: bytes, body: bytes, file: OpenBody) -> None:
        """Write at once, after what waits: ``head``, then ``body``, out of ``file`` where that can be."""
        sent = self.send_file(head, FileRange(file.number, 0, len(body)))
        if sent < len(head):
            self.writelines((head[sent:], body))
        elif (sent := sent - len(head)) < len(body):
            self.write(memoryview(body)[sent:])

    def send_file(self, head: bytes, part: FileRange) -> int:
        """Have the kernel send octets and a part of a file, after what waits; return how many octets of both it took.

        None (0) where octets are not sent as they are written (TLS), while the transport has something to write, and
        when the viewer has left: then the transport is closing.
        """
        if self._waiting:
            self.flush()
        transport = self._transport
        if transport.is_closing():
            return 0
        sock = self._socket
        if sock is True:
            sock = self._socket = borrowed(transport) or False
        if isinstance(sock, bool) or transport.get_write_buffer_size():
            return 0
        try:
            return sock.send_file(head, part)
        except OSError:
            transport.abort()
            return 0

    @property
    def sends_files(self) -> bool:
        """Return whether ``send_file`` may send anything."""
        if self._socket is True:
            self._socket = borrowed(self._transport) or False
        return self._socket is not False

    def set_write_buffer_limits(self, high: int | None = None) -> None:
        """Set from how many octets on the transport says that it is full; None: its usual."""
        if not self._transport.is_closing():
            self._transport.set_write_buffer_limits(high=high)

    def write_eof(self) -> None:
        """End the stream, after what waits."""
        self.flush()
        if not self._transport.is_closing():
            self._transport.write_eof()

    def can_write_eof(self) -> bool:
        """Return whether the stream can be ended without closing it."""
        return self._transport.can_write_eof()

    def close(self) -> None:
        """Close, after what waits is written."""
        self.flush()
        self._transport.close()

    def abort(self) -> None:
        """Close at once; what waits is lost."""
        self._waiting.clear()
        self._transport.abort()

    def get_write_buffer_size(self) -> int:
        """Return how many octets have been written and not sent."""
        self.flush()
        return self._transport.get_write_buffer_size()

    def pause_reading(self) -> None:
        """Stop reading."""
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def is_closing(self) -> bool:
        """Return whether the transport is closed or closing."""
        return self._transport.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what the transport knows under ``name``."""
        return self._transport.get_extra_info(name, default)


class Outbox:
    """What waits on one event loop."""

    __slots__ = ("_loop", "_transports", "_until_s")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = weakref.ref(loop)
        self._transports: list[GatheringTransport] = []
        self._until_s = 0.0

    def add(self, transport: GatheringTransport) -> None:
        """Take note of a transport that has something waiting."""
        transports = self._transports
        if not transports:
            loop = self._loop()
            assert loop is not None
            loop.call_soon(self.flush)
            self._until_s = perf_counter() + GATHER_S
        transports.append(transport)
        if len(transports) > 1 and perf_counter() >= self._until_s:
            self.flush()

    def flush(self) -> None:
        """Write everything that waits."""
        transports, self._transports = self._transports, []
        for transport in transports:
            transport.flush()


def outbox_of(loop: asyncio.AbstractEventLoop) -> Outbox:
    """Return the loop's outbox."""
    outbox = _outboxes.get(loop)
    if outbox is None:
        outbox = _outboxes[loop] = Outbox(loop)
    return outbox
