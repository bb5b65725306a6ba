"""What lasts as long as one viewer's connection: its transport, its deadlines, how full its pipes are, its end.

The base of ``WireProtocol``, which adds the requests. Not pure: owns a transport.
"""

import asyncio
import contextlib
import logging
import math
import os
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Protocol

from edgefaas.contract import NO_TLS
from edgefaas.errors import RequestError
from edgefaas.message import Request
from edgefaas.wire import heads
from edgefaas.wire.clock import ticker_of
from edgefaas.wire.deadlines import NOT_QUEUED
from edgefaas.wire.incoming import IncomingBody
from edgefaas.wire.outbox import GatheringTransport, outbox_of
from edgefaas.wire.preamble import ProxyPreamble, preamble_for
from edgefaas.wire.receiving import BodyReceiver
from edgefaas.wire.settings import WireSettings
from edgefaas.wire.turns import turns_of

logger = logging.getLogger("edgefaas.wire")

UNREAD_BYTES = 65_536


def tls_of(transport: Any) -> tuple[str, str]:
    """Return protocol version and cipher of a transport, as TLS names them; "" for what is not known."""
    secure = transport.get_extra_info("ssl_object")
    cipher = secure.cipher() if secure is not None else None
    return (str(secure.version() or ""), str(cipher[0])) if cipher else NO_TLS


def no_room(limit: int) -> RequestError:
    """Return what is said to a viewer who finds all connections taken."""
    return RequestError(
        f"All {limit} connections are taken.", remedy="Come back in a second.", status_code=503
    )


def forget_unread(transport: asyncio.BaseTransport) -> None:
    """Read what has come: unread when the connection closes, it would make the kernel reset what the viewer reads."""
    if transport.get_extra_info("sslcontext") is None:
        with contextlib.suppress(OSError):  # nothing has come yet
            os.read(transport.get_extra_info("socket").fileno(), UNREAD_BYTES)


class InHand(Protocol):
    """What a request is answered by while the connection waits: a task, or what the viewer side has sent through."""

    def cancel(self) -> object:
        """End it: the viewer has left."""
        ...


class ViewerConnection(asyncio.Protocol, ABC):
    """One connection, from accept to close."""

    settings: ClassVar[WireSettings] = WireSettings()
    connected: ClassVar[Callable[[str, object], None] | None] = (
        None  # told peer and socket of each connection
    )

    __slots__ = (
        "_buffer",
        "_deaf",
        "_draining",
        "_facts",
        "_ignored_bytes",
        "_keep_alive",
        "_lost",
        "_peer",
        "_preamble",
        "_reading_paused",
        "_receiver",
        "_request",
        "_resume_scheduled",
        "_scanned",
        "_scheme",
        "_served_at_s",
        "_tail",
        "_task",
        "_ticker",
        "_tls",
        "_tunnel",
        "_turns",
        "_writable",
        "_write_backlog",
        "deadline_s",
        "loop",
        "server_state",
        "transport",
        "wheel_slot",
    )

    def __init__(
        self,
        config: Any,  # uvicorn.Config: nothing of it is used
        server_state: Any,  # uvicorn.server.ServerState
        app_state: dict[str, Any] | None = None,
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.loop = _loop or asyncio.get_event_loop()
        self.server_state = server_state
        self.transport: GatheringTransport
        self.deadline_s = math.inf
        self.wheel_slot = NOT_QUEUED
        self._ticker = ticker_of(self.loop, self.settings.tick_s)
        self._turns = turns_of(self.loop)
        self._peer = ("127.0.0.1", 0)  # stays so for a Unix socket
        self._scheme = "http"
        self._tls = NO_TLS
        self._preamble: ProxyPreamble | None = None  # while a PROXY header is due
        self._buffer = b""  # octets behind the request that is being answered, or an incomplete head
        self._scanned = 0  # how much of an incomplete head is known not to hold its end
        self._facts: heads.Facts | None = None  # of the request before
        self._tail = b""  # version and fields of the two requests before, when they were the same
        self._served_at_s = -math.inf  # when the last inline answer went out
        self._draining = False
        self._lost = False
        self._deaf = False  # closing: what still arrives is dropped
        self._ignored_bytes = 0
        self._reading_paused = False
        self._resume_scheduled = False
        # the request that is being answered
        self._task: InHand | None = None
        self._receiver: BodyReceiver | None = None  # until the last octet of its body is here
        self._tunnel: IncomingBody | None = None  # the viewer's octets after a switch of protocols
        self._request: Request | None = None
        self._keep_alive = False
        # writing
        self._writable: asyncio.Future[None] | None = None
        self._write_backlog = 0

    # -- connection ----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take note of the peer; the first head is due."""
        self.transport = GatheringTransport(transport, outbox_of(self.loop))  # type: ignore[arg-type]  # as uvloop's
        self.server_state.connections.add(self)
        peer = transport.get_extra_info("peername")
        if isinstance(peer, tuple):
            self._peer = (str(peer[0]), int(peer[1]))
        if self.settings.proxy_trusted:
            self._preamble = preamble_for(self._peer[0], self.settings.proxy_trusted)
        told = type(self).connected
        if told is not None and self._preamble is None and isinstance(peer, tuple):
            told(self._peer[0], transport.get_extra_info("socket"))
        if transport.get_extra_info("sslcontext") is not None:
            self._scheme = "https"
            self._tls = tls_of(transport)
        self._set_deadline(self.settings.head_timeout_s)
        limit = self.settings.connections_max
        if len(self.server_state.connections) > limit:
            forget_unread(transport)
            self._refuse(no_room(limit))

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop whatever was done for this viewer."""
        self._lost = True
        self.server_state.connections.discard(self)
        self._ticker.set(self, math.inf)
        if self._receiver is not None:
            self._receiver.incoming.fail(heads.bad_request("The viewer left before the body was complete."))
        if self._tunnel is not None:
            self._tunnel.finish()
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        if self._task is not None:
            self._task.cancel()

    def eof_received(self) -> None:
        """Let the transport close: a viewer who stops sending has left (as nginx and Go see it)."""

    def shutdown(self) -> None:
        """Drain (called by uvicorn): close now when idle, else after the answer that is on its way."""
        self._draining = True
        if (self._task is None or self._tunnel is not None) and not self._lost:
            self._close()

    def expire(self) -> None:
        """Act on a deadline that is over (called by the ticker)."""
        if self._lost:
            return
        if self._writable is not None or self.transport.is_closing():
            self._expire_write()
        elif self._deaf:
            self.transport.abort()
        elif self._receiver is not None:
            self._expire_body(self._receiver)
        elif (
            self._task is not None
        ):  # it waits for its turn; once it is begun, nothing of the viewer's is due
            self._set_deadline(self.settings.keep_alive_timeout_s)
        elif self._buffer:
            self._refuse(heads.bad_request("The head of the request did not arrive in time.", status=408))
        elif (due_s := self._served_at_s + self.settings.keep_alive_timeout_s) > self.loop.time():
            self._ticker.set(self, due_s)
        else:
            self._close()

    def _expire_write(self) -> None:
        backlog = self.transport.get_write_buffer_size()
        if backlog < self._write_backlog:  # slow, but not stalled
            self._write_backlog = backlog
            self._set_deadline(self.settings.write_stall_timeout_s)
        else:
            self.transport.abort()

    def _expire_body(self, receiver: BodyReceiver) -> None:
        self._set_deadline(self.settings.body_idle_timeout_s)
        if receiver.incoming.paused or (receiver.incoming.awaits_continue and self._task is not None):
            return  # it is not the viewer we wait for
        self._keep_alive = False
        receiver.incoming.fail(heads.bad_request("The body arrives too slowly.", status=408))
        if self._task is None:
            self.transport.abort()

    def _set_deadline(self, after_s: float) -> None:
        self._ticker.set(self, self.loop.time() + after_s)

    def _nothing_due(self) -> None:
        """Wait for nothing of the viewer's, but that it takes what was written."""
        if self._writable is None:
            self._ticker.set(self, math.inf)

    def _close(self) -> None:
        """Close after what was written, which a viewer has to take as it has to take an answer."""
        if not self.transport.is_closing() and (backlog := self.transport.get_write_buffer_size()):
            self._write_backlog = backlog
            self._set_deadline(self.settings.write_stall_timeout_s)
        self.transport.close()

    def _pause(self) -> None:
        if not self._lost:
            self.transport.pause_reading()

    def _resume(self) -> None:
        if not self._lost and not self._reading_paused:
            self.transport.resume_reading()

    def _close_gently(self) -> None:
        """Close after what was written; unread octets would make the kernel reset what the viewer reads."""
        unread = self._receiver is not None or self._deaf or self._buffer
        self._deaf = True
        self._buffer = b""
        if self._receiver is not None:
            self._receiver.incoming.discard()
            self._receiver = None
        if self._reading_paused:
            self._reading_paused = False
            self.transport.resume_reading()
        if unread and self.transport.can_write_eof():
            self.transport.write_eof()
            self._set_deadline(self.settings.linger_timeout_s)
        else:
            self._close()

    # -- write back-pressure -------------------------------------------------------------------------------

    def pause_writing(self) -> None:
        """Stop producing (called by the transport): the viewer is slower than we are."""
        if self._writable is None:
            self._writable = self.loop.create_future()
            self._write_backlog = self.transport.get_write_buffer_size()
            self._set_deadline(self.settings.write_stall_timeout_s)

    def resume_writing(self) -> None:
        """Go on producing (called by the transport)."""
        writable, self._writable = self._writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)
        if self._lost or self._deaf:
            return
        if self._receiver is not None:
            self._set_deadline(self.settings.body_idle_timeout_s)
        elif self._task is not None:
            self._ticker.set(self, math.inf)
        else:
            self._next()

    async def drained(self) -> None:
        """Wait until the viewer has taken enough of what was written. Raises ConnectionError when it left."""
        if self._writable is not None:
            await self._writable
        if self._lost:
            raise ConnectionResetError("the viewer left")

    def _read_preamble(self, preamble: ProxyPreamble, data: bytes) -> bytes:
        """Read what a trusted proxy says about the viewer (PROXY protocol); return what is behind it."""
        try:
            rest = preamble.feed(data)
        except ValueError as error:
            logger.warning("the proxy %s does not speak the PROXY protocol: %s", self._peer[0], error)
            self.transport.abort()
            self._deaf = True
            return b""
        if rest is None:
            return b""
        self._preamble = None
        self._peer = preamble.source or self._peer
        return rest

    def open_tunnel(self, tunnel: IncomingBody) -> None:
        """Pass everything that comes from now on to ``tunnel``: the protocol has been switched."""
        self._keep_alive = False
        self._nothing_due()
        sock = self.transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._tunnel = tunnel
        if self._buffer:
            held, self._buffer = self._buffer, b""
            tunnel.push(held)
        if self._reading_paused:
            self._reading_paused = False
            if not tunnel.paused:
                self.transport.resume_reading()

    @abstractmethod
    def _next(self) -> None:
        """Turn to the next request of the connection."""

    @abstractmethod
    def _refuse(self, error: RequestError) -> None:
        """Answer a request that cannot be trusted, and close."""
