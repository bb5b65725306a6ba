"""Write one response that a task produced: head, then a complete or streamed body, with back-pressure.

A thin shell around ``render``. When a streamed body fails or lies about its length, the connection is broken off,
so that the viewer never takes a part for the whole (RFC 9112, 8).
"""

import asyncio
import errno
import logging
import os
from collections.abc import AsyncIterator, Coroutine
from time import perf_counter
from typing import Protocol

from edgefaas.message import SWITCHING, Request, Response
from edgefaas.openbody import FileRange, FileStream
from edgefaas.wire.chunks import LAST_CHUNK, encode_chunk
from edgefaas.wire.clock import http_date
from edgefaas.wire.incoming import IncomingBody
from edgefaas.wire.outbox import GatheringTransport
from edgefaas.wire.render import Framing, InvalidResponseError, refusal, render

logger = logging.getLogger("edgefaas.wire")

MERGE_LIMIT_BYTES = 64 * 1024
STATUS_VIEWER_LEFT = 499  # nginx's number for a viewer who left before there was a status; never on the wire


class Answering(Protocol):
    """What writing asks of the connection."""

    transport: GatheringTransport

    def may_keep_alive(self) -> bool: ...  # noqa: D102 # see WireProtocol
    def give_up_keep_alive(self) -> None: ...  # noqa: D102
    def open_tunnel(self, tunnel: IncomingBody) -> None: ...  # noqa: D102
    async def drained(self) -> None: ...  # noqa: D102


class OutgoingResponse:
    """One answer on its way out; ``status``, ``head``, ``sent_bytes`` and ``complete`` tell how far it got."""

    __slots__ = ("_connection", "_request", "complete", "first_byte_at_s", "head", "sent_bytes", "status")

    def __init__(self, connection: Answering, request: Request) -> None:
        self._connection = connection
        self._request = request
        self.status = STATUS_VIEWER_LEFT
        self.sent_bytes = 0
        self.complete = False
        self.head = b""
        self.first_byte_at_s = 0.0

    async def send(self, response: Response) -> None:
        """Write the whole response; on return it is written, or the connection is broken off."""
        body = response.body
        try:
            if response.status == SWITCHING:
                await self._switch(response)
            elif isinstance(body, bytes):
                self._send_bytes(response, body)
                await self._connection.drained()
            else:
                await self._send_stream(response, body)
        except ConnectionError:
            self.complete = False
        finally:
            close = getattr(body, "aclose", None)
            if close is not None:
                await close()

    async def _switch(self, response: Response) -> None:
        """Become a tunnel: the viewer's octets go to ``Request.upgrade``, those of the body come back."""
        tunnel, body = self._request.upgrade, response.body
        if not isinstance(tunnel, IncomingBody) or isinstance(body, bytes):
            logger.error("the viewer of %s did not ask to switch protocols", self._request.path)
            self._send_bytes(refusal(502, "The origin switched protocols unasked."), b"")
            return
        try:
            head, _ = render(response, method="GET", date="")
        except InvalidResponseError as error:
            logger.error("the switch of %s cannot be sent: %s", self._request.path, error)  # noqa: TRY400
            self._send_bytes(refusal(error.status, "The answer to this request is not valid HTTP."), b"")
            return
        self.status = SWITCHING
        self._connection.transport.write(head + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        self._connection.open_tunnel(tunnel)
        await self._pump(self._copy(body, Framing(send_body=True, length=None, until_close=True)))

    def _head(self, response: Response) -> tuple[bytes, Framing, Response]:
        """Return the rendered head with its empty line, and the response that it is of."""
        request = self._request
        try:
            head, framing = self._render(response)
        except InvalidResponseError as error:
            logger.error("the response to %s %s cannot be sent: %s", request.method, request.path, error)  # noqa: TRY400
            response = refusal(error.status, "The answer to this request is not valid HTTP.")
            head, framing = self._render(response)
        if framing.until_close or response.status < 200:  # noqa: PLR2004 # nothing can follow a final 1xx
            self._connection.give_up_keep_alive()
        self.status = response.status
        self.head, self.first_byte_at_s = head, perf_counter()
        if not self._connection.may_keep_alive():
            return head + b"Connection: close\r\n\r\n", framing, response
        if request.http_version == "1.0":
            return head + b"Connection: keep-alive\r\n\r\n", framing, response
        return head + b"\r\n", framing, response

    def _render(self, response: Response) -> tuple[bytes, Framing]:
        request = self._request
        return render(response, method=request.method, http_version=request.http_version, date=http_date())

    def _send_bytes(self, response: Response, body: bytes) -> None:
        head, framing, response = self._head(response)
        assert isinstance(response.body, bytes)
        body = response.body if framing.send_body else b""
        if len(body) < MERGE_LIMIT_BYTES:
            self._connection.transport.write_later(head + body)
        else:
            self._connection.transport.writelines((head, body))
        self.sent_bytes = len(body)
        self.complete = True

    async def _send_stream(self, response: Response, body: AsyncIterator[bytes]) -> None:
        head, framing, rendered = self._head(response)
        write = self._connection.transport.write
        if rendered is not response:  # the refusal of a response that is not HTTP
            assert isinstance(rendered.body, bytes)
            write(head + (rendered.body if framing.send_body else b""))
            self.complete = True
            return
        if not framing.send_body:
            write(head)
            self.complete = True
            return
        if isinstance(body, FileStream) and not framing.chunked and self._connection.transport.sends_files:
            await self._pump(self._send_file(head, body, framing))
            return
        write(head)
        await self._pump(self._copy(body, framing))

    async def _pump(self, copying: Coroutine[None, None, None]) -> None:
        try:
            await copying
        except (asyncio.CancelledError, ConnectionError):
            raise
        except Exception as error:  # whoever makes the body says why
            logger.warning(
                "the body for %s %s broke off: %s", self._request.method, self._request.path, error
            )
            self._break_off()

    async def _copy(self, body: AsyncIterator[bytes], framing: Framing) -> None:
        connection = self._connection
        async for piece in body:
            if not piece:
                continue
            if self._is_too_long(framing, len(piece)):
                return
            connection.transport.write(encode_chunk(piece) if framing.chunked else piece)
            self.sent_bytes += len(piece)
            await connection.drained()
        self._end(framing)

    async def _send_file(self, head: bytes, body: FileStream, framing: Framing) -> None:
        """Write head and body, out of the file where the kernel can do that."""
        transport = self._connection.transport
        # With a buffer of nothing the transport is full until all is out: then there is room in the socket again.
        transport.set_write_buffer_limits(0)
        try:
            while part := await body.next_range():
                if self._is_too_long(framing, len(part) if isinstance(part, bytes) else part.length):
                    return
                if isinstance(part, bytes):
                    transport.write(head + part)
                    self.sent_bytes += len(part)
                    await self._connection.drained()
                else:
                    await self._send_range(head, part)
                head = b""
                await asyncio.sleep(0)  # who reads fast is not the only one
        finally:
            transport.set_write_buffer_limits()
        if head:
            transport.write(head)
        self._end(framing)

    async def _send_range(self, head: bytes, part: FileRange) -> None:
        """Send a part of the file; what the socket does not take goes through the transport, which can wait."""
        transport = self._connection.transport
        number, offset, length = part
        while True:
            sent = transport.send_file(head, FileRange(number, offset, length))
            moved = max(0, sent - len(head))
            head, offset, length = head[sent:], offset + moved, length - moved
            self.sent_bytes += moved
            if not head and not length:
                return
            if transport.is_closing():
                raise ConnectionResetError("the viewer left")
            octets = os.pread(number, min(length, MERGE_LIMIT_BYTES), offset)
            if not octets:
                raise OSError(errno.EIO, "the file of the body is shorter than it was")
            transport.write(head + octets)
            head, offset, length = b"", offset + len(octets), length - len(octets)
            self.sent_bytes += len(octets)
            await self._connection.drained()

    def _is_too_long(self, framing: Framing, more: int) -> bool:
        """Return whether so many octets more are too many; then the connection is broken off."""
        if framing.length is None or self.sent_bytes + more <= framing.length:
            return False
        logger.warning("the body for %s is longer than its Content-Length", self._request.path)
        self._break_off()
        return True

    def _end(self, framing: Framing) -> None:
        """End the body, or break off where it is too short."""
        if framing.length is not None and self.sent_bytes < framing.length:
            logger.warning("the body for %s is shorter than its Content-Length", self._request.path)
            self._break_off()
            return
        if framing.chunked:
            self._connection.transport.write(LAST_CHUNK)
        self.complete = True

    def _break_off(self) -> None:
        self._connection.give_up_keep_alive()
        self._connection.transport.abort()
