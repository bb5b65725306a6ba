"""One viewer's connection: reads requests, asks the ``ViewerSide``, writes answers in order.

A uvicorn HTTP protocol class (its server constructs, drains and counts it), made for a viewer side by ``bind``.
A request without a body that the viewer side answers inline is parsed, answered and written inside
``data_received``: no task, no future, one write. Everything else is one task per request; the next request of
the connection is not even parsed before the answer is out, which keeps pipelined answers in order and bounds
what one connection can occupy. Not pure: owns a transport. The rules are in heads, chunks, render, deadlines.
"""

import asyncio
import logging
import math
from collections.abc import Callable
from time import perf_counter
from typing import Any, ClassVar

from edgefaas.contract import Exchange, ViewerSide
from edgefaas.errors import RequestError
from edgefaas.message import Headers, Prepared, Request
from edgefaas.wire import heads
from edgefaas.wire.chunks import ChunkedDecoder
from edgefaas.wire.clock import http_date, ticker_of
from edgefaas.wire.deadlines import NOT_QUEUED
from edgefaas.wire.fields import WireHeaders
from edgefaas.wire.grammar import HEAD_LIMIT_BYTES, FramingError, has_bare_lf
from edgefaas.wire.incoming import IncomingBody
from edgefaas.wire.outgoing import OutgoingResponse
from edgefaas.wire.render import Framing, InvalidResponseError, refusal, render_head, render_interim
from edgefaas.wire.settings import WireSettings

logger = logging.getLogger("edgefaas.wire")

PIPELINE_LIMIT_BYTES = 64 * 1024
DISCARD_LIMIT_BYTES = 256 * 1024
INLINE_BURST = 64  # answers per connection before other connections get a turn
MERGE_LIMIT_BYTES = 64 * 1024  # below, copying head and body together is cheaper than two buffers

_METHODS = {name.encode(): name for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")}
_ALLOWED_ANYWHERE = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"


Express = Callable[[str, str | None, bytes], Prepared | None]
"""Answers a plain GET by scheme, host and raw target when its answer is known; see ``edgefaas.express``."""


class WireProtocol(asyncio.Protocol):
    """The protocol of one connection; see ``bind`` for how it gets its viewer side."""

    viewer_side: ClassVar[ViewerSide]
    express: ClassVar[Express]
    settings: ClassVar[WireSettings] = WireSettings()

    def __init__(
        self,
        config: Any,  # uvicorn.Config: nothing of it is used
        server_state: Any,  # uvicorn.server.ServerState
        app_state: dict[str, Any] | None = None,
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.loop = _loop or asyncio.get_event_loop()
        self.server_state = server_state
        self.transport: asyncio.Transport
        self.deadline_s = math.inf
        self.wheel_slot = NOT_QUEUED
        self._ticker = ticker_of(self.loop, self.settings.tick_s)
        self._peer = ("", 0)
        self._scheme = "http"
        self._buffer = b""  # octets behind the request that is being answered, or an incomplete head
        self._scanned = 0  # how much of an incomplete head is known not to hold its end
        self._facts: heads.Facts | None = None  # of the request before
        self._draining = False
        self._lost = False
        self._deaf = False  # closing: what still arrives is dropped
        self._ignored_bytes = 0
        self._reading_paused = False
        self._resume_scheduled = False
        # the request that is being answered by a task
        self._task: asyncio.Task[None] | None = None
        self._incoming: IncomingBody | None = None  # until its last octet is here
        self._decoder: ChunkedDecoder | None = None
        self._body_left = 0
        self._body_since_renewal = 0
        self._request: Request | None = None
        self._keep_alive = False
        # writing
        self._writable: asyncio.Future[None] | None = None
        self._write_backlog = 0

    # -- connection ----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take note of the peer; the first head is due."""
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self.transport = transport  # type: ignore[assignment]  # uvloop's are not subclasses
        self.server_state.connections.add(self)
        peer = transport.get_extra_info("peername")
        if isinstance(peer, tuple):
            self._peer = (str(peer[0]), int(peer[1]))
        if transport.get_extra_info("sslcontext") is not None:
            self._scheme = "https"
        self._set_deadline(self.settings.head_timeout_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop whatever was done for this viewer."""
        self._lost = True
        self.server_state.connections.discard(self)
        self._ticker.set(self, math.inf)
        if self._incoming is not None:
            self._incoming.fail(heads.bad_request("The viewer left before the body was complete."))
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        if self._task is not None:
            self._task.cancel()

    def eof_received(self) -> None:
        """Let the transport close: a viewer who stops sending has left (as nginx and Go see it)."""

    def shutdown(self) -> None:
        """Drain (called by uvicorn): close now when idle, else after the answer that is on its way."""
        self._draining = True
        if self._task is None and not self._lost:
            self.transport.close()

    def expire(self) -> None:
        """Act on a deadline that is over (called by the ticker)."""
        if self._lost:
            return
        if self._writable is not None:
            backlog = self.transport.get_write_buffer_size()
            if backlog < self._write_backlog:  # slow, but not stalled
                self._write_backlog = backlog
                self._set_deadline(self.settings.write_stall_timeout_s)
            else:
                self.transport.abort()
        elif self._incoming is not None and not self._deaf:
            if self._incoming.paused:
                self._set_deadline(self.settings.body_idle_timeout_s)
            else:
                self._keep_alive = False
                self._incoming.fail(heads.bad_request("The body arrives too slowly.", status=408))
                self._set_deadline(self.settings.body_idle_timeout_s)
                if self._task is None:
                    self.transport.abort()
        elif self._buffer and not self._deaf and self._task is None:
            self._refuse(heads.bad_request("The head of the request did not arrive in time.", status=408))
        else:
            self.transport.close() if not self._deaf else self.transport.abort()

    def _set_deadline(self, after_s: float) -> None:
        self._ticker.set(self, self.loop.time() + after_s)

    # -- reading -------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Take octets from the viewer."""
        if self._incoming is not None:
            data = self._feed_body(data)
            if not data:
                return
        if self._deaf:
            self._ignored_bytes += len(data)
            if self._ignored_bytes > DISCARD_LIMIT_BYTES:
                self.transport.abort()
            return
        if self._buffer:
            data = self._buffer + data
            self._buffer = b""
        if self._task is not None or self._writable is not None or self._resume_scheduled:
            self._hold(data)
        else:
            self._serve(data)

    def _hold(self, data: bytes) -> None:
        """Keep octets of later requests until the answer in hand is out."""
        self._buffer = data
        if len(data) > PIPELINE_LIMIT_BYTES and not self._reading_paused:
            self._reading_paused = True
            self.transport.pause_reading()

    def _continue(self) -> None:
        """Go on with what was held back."""
        self._resume_scheduled = False
        if self._lost or self._deaf or self._task is not None or self._incoming is not None:
            return
        if self._reading_paused:
            self._reading_paused = False
            self.transport.resume_reading()
        if self._buffer:
            data, self._buffer = self._buffer, b""
            self._serve(data)

    def _serve(self, data: bytes) -> None:
        """Answer the requests in ``data``, as far as that goes without waiting."""
        try:
            if self._scanned and not self._head_is_complete(data):
                self._wait_for_head(data)
                return
            rest = self._serve_burst(data)
        except RequestError as error:
            self._refuse(error)
            return
        if rest:
            self._hold(rest)
            if self._writable is None and not self._resume_scheduled:
                self._resume_scheduled = True
                self.loop.call_soon(self._continue)

    def _head_is_complete(self, data: bytes) -> bool:
        """Look only at what is new in a long head, so that dripping octets cost no more than they weigh."""
        if data.find(b"\r\n\r\n", max(0, self._scanned - 3)) < 0:
            return False
        self._scanned = 0
        return True

    def _serve_burst(self, data: bytes) -> bytes:
        """Answer some requests; return the octets that have to wait for their turn. Raises RequestError."""
        position, end = 0, len(data)
        for _ in range(INLINE_BURST):
            match = heads.REQUEST_HEAD.match(data, position)
            if match is None:
                position = self._no_head(data, position)
                if position < 0:
                    return b""
                continue
            if match.end() - position > HEAD_LIMIT_BYTES:
                raise heads.bad_request(f"The head is longer than {HEAD_LIMIT_BYTES} bytes.", status=431)
            position = match.end()
            if self._begin(*match.groups()):
                self._receive_body(data[position:])
                return b""
            if position == end or self._deaf:
                return b""
            if self._writable is not None:
                break
        return data[position:]

    def _no_head(self, data: bytes, position: int) -> int:
        """Return where to go on, or -1 to wait for more. Raises RequestError."""
        start = position
        while data.startswith(b"\r\n", start):  # RFC 9112, 2.2: empty lines before a request line
            start += 2
        rest = data[start:]
        if not rest or rest == b"\r":
            self._buffer = rest
            return -1
        if start > position:
            return start
        reason = heads.explain(rest)
        if reason is not None:
            raise reason
        self._wait_for_head(rest)
        return -1

    def _wait_for_head(self, data: bytes) -> None:
        if not self._scanned:
            self._set_deadline(self.settings.head_timeout_s)
        suspicious = data.find(b"\n", max(0, self._scanned - 1)) >= 0 and has_bare_lf(data)
        if suspicious or len(data) > HEAD_LIMIT_BYTES:
            reason = heads.explain(data)
            if reason is not None:
                raise reason
        self._buffer = data
        self._scanned = len(data)

    def _begin(self, method_octets: bytes, target: bytes, minor: bytes, raw_fields: bytes) -> bool:
        """Start one request. Returns whether it needs a task (its body, if any, comes next)."""
        facts = self._facts
        if facts is None or facts.block.raw != raw_fields:
            facts = self._facts = heads.read_facts(raw_fields)
        if facts.plain and method_octets == b"GET" and minor == b"1" and not self._draining:
            hit = self.express(self._scheme, facts.host, target)
            if hit is not None:
                self._keep_alive = True
                self._write_inline(hit.head, hit.body, is_1_1=True)
                return False
        began_s = perf_counter()
        method = _METHODS.get(method_octets) or method_octets.decode("ascii")
        is_1_1 = minor == b"1"
        host = facts.host
        if host is None:
            if is_1_1:
                raise heads.bad_request("The Host field is missing.")
            host = ""
        headers: Headers = WireHeaders(facts.block)
        if target == b"*" or method == "CONNECT":
            return self._answer_no_resource(method, target)
        path, query, authority = heads.split_target(target)
        if authority:  # RFC 9112, 3.2.2: it replaces Host
            host = heads.parse_host(authority)
            headers.set("Host", authority.decode("latin-1"))
        request = Request(
            method=method,
            path=path,
            query=query,
            headers=headers,
            host=host,
            scheme=self._scheme,
            http_version="1.1" if is_1_1 else "1.0",
            viewer_ip=self._peer[0],
            viewer_port=self._peer[1],
        )
        self._keep_alive = (not facts.close if is_1_1 else facts.keep_alive) and not self._draining
        if facts.bodiless:
            prepared = self.viewer_side.inline(request)
            if prepared is not None:
                self._write_inline(prepared.head, prepared.body, is_1_1=is_1_1)
                self._note(request, prepared.head, prepared.body, began_s)
                return False
            self._decoder, self._body_left = None, 0
        else:
            self._expect_body(request, facts, is_1_1=is_1_1)
        self._start(request, began_s, is_1_1=is_1_1)
        return True

    def _answer_no_resource(self, method: str, target: bytes) -> bool:
        """Answer ``OPTIONS *``; refuse other asterisks, and tunnels (RFC 9110, 9.3.6 and 9.3.7)."""
        if method == "CONNECT":
            raise heads.bad_request("This server opens no tunnels.", status=405)
        if method != "OPTIONS" or target != b"*":
            raise heads.bad_request("The target * is for OPTIONS only.")
        facts = self._facts
        if facts is None or not facts.bodiless:
            raise heads.bad_request("OPTIONS * has no body here.")
        head = f"HTTP/1.1 204 No Content\r\nAllow: {_ALLOWED_ANYWHERE}\r\nDate: {http_date()}\r\n".encode()
        self._keep_alive = not facts.close and not self._draining
        self._write_inline(head, b"", is_1_1=True)
        return False

    # -- request bodies ------------------------------------------------------------------------------------

    def _expect_body(self, request: Request, facts: heads.Facts, *, is_1_1: bool) -> None:
        if facts.chunked and not is_1_1:
            raise heads.bad_request("HTTP/1.0 has no chunked bodies.")
        if facts.length > self.settings.body_limit_bytes:
            raise self._too_large()
        ask = self._write_continue if facts.expects_continue and is_1_1 else None
        self._incoming = IncomingBody(pause=self._pause_body, resume=self._resume_body, on_first_read=ask)
        self._decoder = ChunkedDecoder() if facts.chunked else None
        self._body_left = max(0, facts.length)
        request.body = self._incoming

    def _receive_body(self, data: bytes) -> None:
        """Take the octets that came with the head; a body that is complete already becomes plain bytes."""
        incoming = self._incoming
        if incoming is not None:
            self._set_deadline(self.settings.body_idle_timeout_s)
            if data:
                data = self._feed_body(data)
            if incoming.complete and self._request is not None:
                self._request.body = incoming.take_all()
        if data:
            self._hold(data)

    def _feed_body(self, data: bytes) -> bytes:
        """Pass octets on to the body; return those behind it."""
        incoming = self._incoming
        assert incoming is not None
        try:
            if self._decoder is not None:
                pieces, used = self._decoder.feed(data)
                done = self._decoder.done
            else:
                piece = data[: self._body_left]
                self._body_left -= len(piece)
                pieces, used, done = [piece], len(piece), not self._body_left
        except FramingError as error:
            self._break_body(heads.bad_request(f"In the body, {error}."))
            return b""
        for piece in pieces:
            incoming.push(piece)
        if incoming.length_bytes > self.settings.body_limit_bytes:
            self._break_body(self._too_large())
            return b""
        self._body_since_renewal += used
        if done:
            incoming.finish()
            self._incoming = None
            self._body_since_renewal = 0
            self._ticker.set(self, math.inf)
            if self._task is None:  # the answer was out before the body was in
                self._next()
        elif self._body_since_renewal >= self.settings.body_step_bytes:
            self._body_since_renewal = 0
            self._set_deadline(self.settings.body_idle_timeout_s)
        return data[used:]

    def _break_body(self, error: RequestError) -> None:
        """Tell the reader that the body is bad; nothing on this connection can be trusted any more."""
        assert self._incoming is not None
        self._incoming.fail(error)
        self._incoming.discard()
        self._incoming = None
        self._keep_alive = False
        self._deaf = True

    def _too_large(self) -> RequestError:
        limit = self.settings.body_limit_bytes
        return RequestError(
            f"The body is longer than {limit} bytes.", remedy="Send a smaller body.", status_code=413
        )

    def _write_continue(self) -> None:
        if not self._lost:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _pause_body(self) -> None:
        if not self._lost:
            self.transport.pause_reading()

    def _resume_body(self) -> None:
        if not self._lost and not self._reading_paused:
            self.transport.resume_reading()

    # -- answers -------------------------------------------------------------------------------------------

    def _write_inline(self, head: bytes, body: bytes, *, is_1_1: bool) -> None:
        ending = b"\r\n"
        if not self._keep_alive:
            ending = b"Connection: close\r\n\r\n"
        elif not is_1_1:
            ending = b"Connection: keep-alive\r\n\r\n"
        if len(body) < MERGE_LIMIT_BYTES:
            self.transport.write(b"".join((head, ending, body)))
        else:
            self.transport.writelines((head + ending, body))
        self.server_state.total_requests += 1
        if self._keep_alive:
            if self._writable is None:
                self._ticker.set(self, self.loop.time() + self.settings.keep_alive_timeout_s)
        else:
            self._close_gently()

    def _note(self, request: Request, head: bytes, body: bytes, began_s: float) -> None:
        self.viewer_side.finished(
            Exchange(
                request=request,
                status=int(head[9:12]),
                body_bytes=len(body),
                took_s=perf_counter() - began_s,
            )
        )

    def _start(self, request: Request, began_s: float, *, is_1_1: bool) -> None:
        self._request = request
        if is_1_1:
            request.interim = self._write_interim
        self._ticker.set(self, math.inf)
        task = self.loop.create_task(self._answer(request, began_s))
        self._task = task
        self.server_state.tasks.add(task)
        task.add_done_callback(self._answered)

    def _write_interim(self, status: int, headers: Headers) -> None:
        """Pass a 1xx of the origin on (``Request.interim``); 100 and 101 are the wire's own business."""
        if self._lost or self._request is None or not 102 <= status <= 199:  # noqa: PLR2004
            return
        try:
            self.transport.write(render_interim(status, headers))
        except InvalidResponseError as error:
            logger.warning("an interim response is dropped: %s", error)

    async def _answer(self, request: Request, began_s: float) -> None:
        outgoing = OutgoingResponse(self, request)
        try:
            try:
                response = await self.viewer_side.answer(request)
            except RequestError as error:
                response = refusal(error.status_code, str(error))
            except Exception:
                logger.exception("the viewer side raised")
                response = refusal(500, "The server failed; its log says why.")
            self._request = None  # no interim responses from here on
            await outgoing.send(response)
        finally:
            self._request = None
            self.viewer_side.finished(
                Exchange(
                    request=request,
                    status=outgoing.status,
                    body_bytes=outgoing.sent_bytes,
                    took_s=perf_counter() - began_s,
                    aborted=not outgoing.complete,
                )
            )

    def _answered(self, task: asyncio.Task[None]) -> None:
        self.server_state.tasks.discard(task)
        self.server_state.total_requests += 1
        self._task = None
        if self._lost:
            if not task.cancelled():
                task.exception()
            return
        if task.cancelled() or task.exception() is not None:
            if not task.cancelled():
                logger.error("an answer could not be written", exc_info=task.exception())
            self.transport.abort()
        elif not self._keep_alive:
            self._close_gently()
        elif self._incoming is not None:  # the answer did not need the whole body: drop the rest
            self._incoming.discard()
            self._ignored_bytes = 0
        else:
            self._next()

    def may_keep_alive(self) -> bool:
        """Decide, when the head of an answer goes out, whether the connection stays open after it."""
        incoming = self._incoming
        hopeless = incoming is not None and (
            incoming.awaits_continue or (self._decoder is None and self._body_left > DISCARD_LIMIT_BYTES)
        )
        if self._draining or hopeless:
            self._keep_alive = False
        return self._keep_alive

    def give_up_keep_alive(self) -> None:
        """Close after this answer (its end is the end of the connection)."""
        self._keep_alive = False

    def _next(self) -> None:
        """Turn to the next request of the connection."""
        if self._draining:
            self._close_gently()
            return
        self._set_deadline(self.settings.keep_alive_timeout_s)
        if (self._buffer or self._reading_paused) and not self._resume_scheduled:
            self._resume_scheduled = True
            self.loop.call_soon(self._continue)

    def _refuse(self, error: RequestError) -> None:
        """Answer a request that cannot be trusted, and close."""
        response = refusal(error.status_code, str(error))
        body = response.body
        assert isinstance(body, bytes)
        head = render_head(response, Framing(send_body=True, length=len(body)), date=http_date())
        self._keep_alive = False
        self._write_inline(head, body, is_1_1=True)
        request = Request(method="", path="", viewer_ip=self._peer[0], viewer_port=self._peer[1])
        self._note(request, head, body, perf_counter())

    def _close_gently(self) -> None:
        """Close after what was written; unread octets would make the kernel reset what the viewer reads."""
        unread = self._incoming is not None or self._deaf or self._buffer
        self._deaf = True
        self._buffer = b""
        if self._incoming is not None:
            self._incoming.discard()
            self._incoming = None
        if self._reading_paused:
            self._reading_paused = False
            self.transport.resume_reading()
        if unread and self.transport.can_write_eof():
            self.transport.write_eof()
            self._set_deadline(self.settings.linger_timeout_s)
        else:
            self.transport.close()

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
        if self._task is not None:
            self._ticker.set(self, math.inf)
        else:
            self._next()

    async def drained(self) -> None:
        """Wait until the viewer has taken enough of what was written. Raises ConnectionError when it left."""
        if self._writable is not None:
            await self._writable
        if self._lost:
            raise ConnectionResetError("the viewer left")


def _never(_scheme: str, _host: str | None, _target: bytes) -> None:
    """The express of a viewer side that has none."""


def bind(viewer_side: ViewerSide, settings: WireSettings | None = None) -> type[WireProtocol]:
    """Return the protocol class for ``uvicorn.Config(http=...)`` that asks ``viewer_side``."""
    express = staticmethod(getattr(viewer_side, "express", _never))
    members = {"viewer_side": viewer_side, "settings": settings or WireSettings(), "express": express}
    return type("BoundWireProtocol", (WireProtocol,), members)
