"""One connection to an origin: writes requests, reads responses, trusts nothing. Not pure: owns a transport.

Octets that arrive when no response is due, or behind the declared end of one, close the connection: nobody else's
answer may begin with them.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from edgefaas.errors import OriginError, OriginTimeoutError
from edgefaas.message import SWITCHING, Headers
from edgefaas.origin.heads import BodyFraming, ResponseHead, body_framing, read_head
from edgefaas.wire.chunks import LAST_CHUNK, ChunkedDecoder, encode_chunk
from edgefaas.wire.grammar import FramingError
from edgefaas.wire.incoming import IncomingBody
from edgefaas.wire.outbox import GatheringTransport, outbox_of

INTERIM_LIMIT = 32  # 1xx heads per response

Look = Callable[[bytes], bool]
"""Is shown the first octets of an answer (none where there will be no answer), and says whether they were all of it, of
a response that leaves the connection open, and are dealt with."""
Answered = asyncio.Future[tuple["ResponseHead", IncomingBody]]


@dataclass(slots=True, kw_only=True)  # not frozen: one is made per request
class Exchange:
    """What one request needs of a connection. ``name`` is the origin's, for messages.

    ``upgrade`` are the octets to send after a switch of protocols, where one is asked for.
    """

    name: str
    method: str
    interim: Callable[[int, Headers], None] | None
    first_byte_timeout_s: float
    idle_timeout_s: float
    upgrade: AsyncIterator[bytes] | None = None


class NothingCameBackError(OriginError):
    """The origin closed the connection before the first octet of a response."""


class OriginConnection(asyncio.Protocol):
    """``on_free`` is called once per exchange when the connection may be used again, ``on_lost`` at its end."""

    __slots__ = (
        "_active_at_s",
        "_body",
        "_buffer",
        "_decoder",
        "_exchange",
        "_framing",
        "_head",
        "_head_due_s",
        "_heard",
        "_interim_count",
        "_left",
        "_limit_s",
        "_look",
        "_loop",
        "_on_free",
        "_on_lost",
        "_reusable",
        "_timer",
        "_upload",
        "_writable",
        "exchanges_count",
        "idle_since_s",
        "lost",
        "transport",
    )

    def __init__(
        self, *, on_free: Callable[["OriginConnection"], None], on_lost: Callable[["OriginConnection"], None]
    ) -> None:
        self.transport: GatheringTransport
        self.exchanges_count = 0
        self.lost = False
        self.idle_since_s = 0.0
        self._loop = asyncio.get_running_loop()
        self._on_free = on_free
        self._on_lost = on_lost
        self._exchange: Exchange | None = None
        self._head: Answered | None = None
        self._look: Look | None = None
        self._buffer = b""
        self._interim_count = 0
        self._body: IncomingBody | None = None
        self._decoder: ChunkedDecoder | None = None
        self._framing = BodyFraming(length=0)
        self._left = 0
        self._reusable = False
        self._upload: asyncio.Task[None] | None = None
        self._heard = False
        self._active_at_s = 0.0
        self._limit_s = math.inf  # nothing is waited for
        self._head_due_s = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._writable: asyncio.Future[None] | None = None

    # -- transport -----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self.transport = GatheringTransport(transport, outbox_of(self._loop))  # type: ignore[arg-type]  # uvloop's

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits; a body that lasts until the connection ends is complete now."""
        self.lost = True
        self._stop_timer()
        if self._upload is not None:
            self._upload.cancel()
        body = self._body
        if body is not None and self._framing.until_close and exc is None:
            body.finish()
        else:
            self._fail(self._early_end())
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._on_lost(self)

    def _early_end(self) -> OriginError:
        name = self._exchange.name if self._exchange is not None else "?"
        if not self._heard:
            return NothingCameBackError(
                f"Origin {name!r} closed the connection without an answer", remedy="See the origin's log."
            )
        return OriginError(
            f"Origin {name!r} closed the connection before its answer was complete",
            remedy="See the origin's log.",
        )

    def eof_received(self) -> None:
        """Let the transport close."""

    def pause_writing(self) -> None:
        """Stop sending the request's body (called by the transport)."""
        if self._writable is None:
            self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        """Go on sending (called by the transport)."""
        writable, self._writable = self._writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)

    # -- requests ------------------------------------------------------------------------------------------

    async def ask(
        self, exchange: Exchange, head: bytes, body: bytes | AsyncIterator[bytes]
    ) -> tuple[ResponseHead, "bytes | OriginBody"]:
        """Send one request and return the head of its final response, and its body.

        The body is bytes when it is complete already, else a stream. Both are bound to this request when the
        head arrives: a connection whose response is complete serves the next request before the one who asked
        has been resumed.

        ``head`` is complete, with the field that frames ``body``. A stream is sent chunked when ``head`` says so.
        Who gives up the wait gives up the connection, unless its response is complete and somebody else has it.

        Raises:
            NothingCameBackError: the connection ended before anything came back.
            OriginTimeoutError: no head within the first-byte deadline, or the origin stopped reading.
            OriginError: what came back is not HTTP.
        """
        waiting = self._prepare(exchange)
        if isinstance(body, bytes):
            self.transport.write_later(head + body)
            self._watch(exchange.first_byte_timeout_s)
        else:
            self.transport.write(head)
            chunked = b"\r\nTransfer-Encoding: chunked\r\n" in head
            try:
                await self._send_streaming(exchange, body, chunked=chunked)
            except BaseException:
                self.give_up(waiting)
                raise
        return await self.answer(waiting)

    async def answer(self, waiting: Answered) -> tuple[ResponseHead, "bytes | OriginBody"]:
        """Return what ``ask`` does, or raise it, for a request that was sent."""
        try:
            answered, incoming = await waiting
        except BaseException:
            self.give_up(waiting)
            raise
        return answered, incoming.take_all() if incoming.complete else OriginBody(incoming, self)

    def begin(self, exchange: Exchange, head: bytes, look: Look) -> Answered:
        """Send one request without a body, and return what ``answer`` waits for where ``look`` leaves it to that."""
        waiting = self._prepare(exchange)
        self._look = look
        self.transport.write_later(head)
        self._watch(exchange.first_byte_timeout_s)
        return waiting

    def _prepare(self, exchange: Exchange) -> Answered:
        assert self._exchange is None
        assert not self.lost
        self._exchange = exchange
        self.exchanges_count += 1
        self._heard = self._reusable = False
        self._interim_count = 0
        self._body = None
        self._buffer = b""
        self._head = waiting = self._loop.create_future()
        return waiting

    async def _send_streaming(self, exchange: Exchange, body: AsyncIterator[bytes], *, chunked: bool) -> None:
        """Send the body until all is sent or answered: an origin may answer before it has read everything."""
        assert self._head is not None
        head = self._head
        upload = self._upload = self._loop.create_task(self._send_body(exchange, body, chunked=chunked))
        upload.add_done_callback(self._uploaded)
        await asyncio.wait((upload, head), return_when=asyncio.FIRST_COMPLETED)
        if not head.done() and not upload.cancelled() and upload.exception() is None:
            self._watch(exchange.first_byte_timeout_s)

    async def _send_body(self, exchange: Exchange, body: AsyncIterator[bytes], *, chunked: bool) -> None:
        async for piece in body:
            if piece:
                self.transport.write(encode_chunk(piece) if chunked else piece)
            if self._writable is not None:
                stalled = self._loop.call_later(exchange.idle_timeout_s, self._stalled, exchange)
                await self._writable
                stalled.cancel()
            if self.lost:
                return
        if chunked:
            self.transport.write(LAST_CHUNK)
        elif body is exchange.upgrade and self.transport.can_write_eof():
            self.transport.write_eof()

    def _stalled(self, exchange: Exchange) -> None:
        self._fail(
            OriginTimeoutError(
                f"Origin {exchange.name!r} took no more of the request within {exchange.idle_timeout_s:g} s",
                remedy="Make the origin read the request's body, or raise its idle_timeout.",
            )
        )
        self.transport.abort()

    def _uploaded(self, upload: asyncio.Task[None]) -> None:
        if upload is self._upload:
            self._upload = None
        error = None if upload.cancelled() else upload.exception()
        if error is not None and not self.lost:  # the viewer's body broke: the request can't be completed
            if self._head is not None and not self._head.done():
                self._head.set_exception(error)
                self._head.exception()  # whoever asked may have left
            self.transport.abort()

    def give_up(self, waiting: Answered) -> None:
        """Close, unless the answer that ``waiting`` is for is complete: the connection is somebody else's by then."""
        if self._exchange is not None and self._head is waiting:
            self.abandon()

    def abandon(self) -> None:
        """Close: nobody wants the rest of the answer."""
        self._look = None
        if not self.lost:
            self.transport.abort()

    # -- responses -----------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Take octets from the origin."""
        self._active_at_s = self._loop.time()
        if self._look is not None and self._seen(self._look, data):
            return
        try:
            if self._body is not None and not self._body.complete:
                self._receive_body(data)
            elif self._head is not None and not self._head.done():
                self._heard = True
                self._receive_head(data)
            else:  # nothing is due
                self.transport.abort()
        except FramingError as error:
            assert self._exchange is not None
            self._fail(
                OriginError(
                    f"The answer of origin {self._exchange.name!r} is not valid HTTP: {error}",
                    remedy="Mend the origin's answer.",
                )
            )
            self.transport.abort()

    def _seen(self, look: Look, data: bytes) -> bool:
        """Show ``data`` to who sent the request without a task; return whether the exchange is over by that."""
        self._look = None
        if not look(data):
            return False
        self._head = None
        self._reusable = True
        self._finish()
        return True

    def _receive_head(self, data: bytes) -> None:
        assert self._exchange is not None
        assert self._head is not None
        buffer = self._buffer + data
        self._buffer = b""
        while (found := read_head(buffer)) is not None:
            head, size = found
            buffer = buffer[size:]
            if not head.interim:
                self._begin_body(head, buffer)
                return
            self._interim_count += 1
            if self._interim_count > INTERIM_LIMIT:
                raise FramingError(f"there are more than {INTERIM_LIMIT} interim responses")
            if head.status != 100 and self._exchange.interim is not None:  # noqa: PLR2004 # 100 is for this hop
                self._exchange.interim(head.status, head.headers)
        self._buffer = buffer

    def _begin_body(self, head: ResponseHead, rest: bytes) -> None:
        exchange = self._exchange
        assert exchange is not None
        assert self._head is not None
        if head.status == SWITCHING:
            self._switch(exchange, head, rest)
            return
        self._framing = body_framing(exchange.method, head)
        self._reusable = head.persistent and not self._framing.until_close
        self._decoder = ChunkedDecoder() if self._framing.chunked else None
        self._left = self._framing.length or 0
        self._body = IncomingBody(pause=self._pause, resume=self._resume, on_first_read=None)
        self._head.set_result((head, self._body))
        if rest or self._framing.length == 0:
            self._receive_body(rest)
        if self._exchange is exchange:  # else it is over, and the connection may be somebody else's
            self._watch(exchange.idle_timeout_s)

    def _switch(self, exchange: Exchange, head: ResponseHead, rest: bytes) -> None:
        """Become a tunnel: both sides' octets are passed on until one of them closes."""
        assert self._head is not None
        if exchange.upgrade is None:
            raise FramingError("it switches protocols unasked")
        self._framing = BodyFraming()
        self._limit_s = math.inf
        self._body = IncomingBody(pause=self._pause, resume=self._resume, on_first_read=None)
        self._upload = self._loop.create_task(self._send_body(exchange, exchange.upgrade, chunked=False))
        self._upload.add_done_callback(self._uploaded)
        self._head.set_result((head, self._body))
        if rest:
            self._body.push(rest)

    def _receive_body(self, data: bytes) -> None:
        body = self._body
        assert body is not None
        if self._decoder is not None:
            pieces, used = self._decoder.feed(data)
            done = self._decoder.done
        elif self._framing.until_close:
            pieces, used, done = [data], len(data), False
        else:
            piece = data[: self._left]
            self._left -= len(piece)
            pieces, used, done = [piece] if piece else [], len(piece), not self._left
        for piece in pieces:
            body.push(piece)
        if done:
            body.finish()
            if used < len(data):
                self._reusable = False
            self._finish()

    def _finish(self) -> None:
        """Make the connection free, or close it."""
        self._exchange = None
        self._limit_s = math.inf
        if self._upload is not None:  # answered before all was sent: the rest would be read as a request
            self._reusable = False
            self._upload.cancel()
        if self._reusable and not self.lost and not self.transport.is_closing():
            self._on_free(self)
        else:
            self.transport.abort()

    def _fail(self, error: OriginError) -> None:
        if self._look is not None:
            self._seen(self._look, b"")
        if self._head is not None and not self._head.done():
            self._head.set_exception(error)
            self._head.exception()  # whoever asked may have left
        if self._body is not None:
            self._body.fail(error)

    # -- back-pressure and deadlines -----------------------------------------------------------------------

    def _pause(self) -> None:
        if not self.lost:
            self.transport.pause_reading()

    def _resume(self) -> None:
        if not self.lost:
            self._active_at_s = self._loop.time()
            self.transport.resume_reading()

    def _watch(self, limit_s: float) -> None:
        """Begin to wait for the origin: for a whole head, or for signs of life of a body, ``limit_s`` at most.

        A timer that is due earlier is left alone and looks again when it fires: most exchanges cost no timer.
        """
        self._limit_s = limit_s
        self._active_at_s = self._loop.time()
        self._head_due_s = due_s = self._active_at_s + limit_s
        if self._timer is None or due_s < self._timer.when():
            self._set_timer(due_s)

    def _set_timer(self, due_s: float) -> None:
        self._stop_timer()
        self._timer = self._loop.call_at(due_s, self._check)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _check(self) -> None:
        self._timer = None
        if self.lost or self._exchange is None or self._limit_s == math.inf:
            return
        if self._body is not None and self._body.paused:
            self._active_at_s = self._loop.time()  # it is the viewer who is slow
        awaiting_head = self._head is not None and not self._head.done()
        due_s = self._head_due_s if awaiting_head else self._active_at_s + self._limit_s
        if due_s > self._loop.time():
            self._set_timer(due_s)
            return
        what = "no answer" if awaiting_head else "no more of its answer"
        self._fail(
            OriginTimeoutError(
                f"Origin {self._exchange.name!r} sent {what} within {self._limit_s:g} s",
                remedy="Make the origin faster, or raise its timeouts.",
            )
        )
        self.transport.abort()


class OriginBody:
    """The rest of a response. Closing it early, or losing it, closes the connection."""

    __slots__ = ("_connection", "_incoming")

    def __init__(self, incoming: IncomingBody, connection: OriginConnection) -> None:
        self._incoming = incoming
        self._connection = connection

    def __aiter__(self) -> "OriginBody":
        return self

    def __anext__(self) -> Awaitable[bytes]:
        """Return the next piece. Raises OriginError when the rest will not come."""
        return self._incoming.__anext__()

    async def aclose(self) -> None:
        """Give up the rest."""
        if not self._incoming.complete:
            self._connection.abandon()
        self._incoming.discard()

    def __del__(self) -> None:
        if not self._incoming.complete:
            self._connection.abandon()
