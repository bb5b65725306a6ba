"""One viewer's connection: reads requests, asks the ``ViewerSide``, writes answers in order.

A uvicorn HTTP protocol class (its server constructs, drains and counts it), made for a viewer side by
``bind``. A request without a body that the viewer side answers inline is parsed, answered and written inside
``data_received``: no task, no future, one write. Everything else is one task per request; the next request of
the connection is not even parsed before the answer is out, which keeps pipelined answers in order and bounds
what one connection can occupy. Not pure: owns a transport. The rules are in heads, requests, chunks, render
and deadlines; ``receiving`` takes bodies in, ``outgoing`` writes the answers of tasks.
"""

import asyncio
import logging
import math
from collections.abc import Callable
from contextlib import suppress
from time import perf_counter
from typing import ClassVar, Protocol

from edgefaas.contract import Exchange, ViewerSide
from edgefaas.errors import RequestError
from edgefaas.message import Headers, Prepared, Request
from edgefaas.wire import heads
from edgefaas.wire.clock import http_date
from edgefaas.wire.connection import InHand, ViewerConnection
from edgefaas.wire.grammar import HEAD_LIMIT_BYTES, has_bare_lf
from edgefaas.wire.incoming import IncomingBody
from edgefaas.wire.outgoing import STATUS_VIEWER_LEFT, OutgoingResponse
from edgefaas.wire.receiving import DISCARD_LIMIT_BYTES, BodyReceiver
from edgefaas.wire.render import InvalidResponseError, prepare, refusal, render_interim
from edgefaas.wire.requests import answer_to_asterisk, keeps_alive, make_request
from edgefaas.wire.settings import WireSettings

logger = logging.getLogger("edgefaas.wire")

PIPELINE_LIMIT_BYTES = 64 * 1024
INLINE_BURST = 64  # answers per connection before other connections get a turn
MERGE_LIMIT_BYTES = 64 * 1024  # below, copying head and body together is cheaper than two buffers

Express = Callable[[tuple[str, str, bytes, str], tuple[tuple[str, str], ...], bool], Prepared | None]
"""Answers a plain GET by scheme, host, raw target and Accept-Encoding, and If-None-Match or If-Modified-Since, when it
is known; the last argument says whether the request has a ``traceparent``. See ``edgefaas.express``."""


class Started(Protocol):
    """What the viewer side has begun for a request before it was made; ``prepared`` is the answer if that is known."""

    @property
    def prepared(self) -> Prepared | None:
        """The whole answer; None when the request has to be made after all, with this as ``begun``."""
        ...


Ahead = Callable[[bytes, heads.Facts, str, tuple[str, int]], Started | None]
"""Begins on a plain GET by raw target, facts, scheme and peer; see ``edgefaas.ahead``."""


Through = Callable[[bytes, heads.Facts, str, tuple[str, int], "WireProtocol"], InHand | None]
"""Sends a passing GET on to its origin, by raw target, facts, scheme, peer and connection; see ``edgefaas.through``."""


Asked = tuple[bytes, bytes, heads.Facts, bool, object]
"""Method, target and facts of a request, whether it is HTTP/1.1, and what the viewer side found out about it."""


class PutOff:
    """A request that waits for its turn."""

    __slots__ = ("_asked", "_came_s", "_connection")

    def __init__(self, connection: "WireProtocol", asked: Asked) -> None:
        self._connection: WireProtocol | None = connection
        self._asked = asked
        self._came_s = perf_counter()

    def take_up(self) -> None:
        """Begin, if the viewer is still there."""
        if self._connection is not None:
            self._connection.go_on(self._asked)

    def cancel(self) -> None:
        """Do not begin: the viewer has left."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.not_begun(self._asked, self._came_s)


class WireProtocol(ViewerConnection):
    """The protocol of one connection; see ``bind`` for how it gets its viewer side."""

    __slots__ = ()

    viewer_side: ClassVar[ViewerSide]
    express: ClassVar[Express]
    ahead: ClassVar[Ahead]
    through: ClassVar[Through]
    set_aside: ClassVar[Callable[[], object]]
    bring_back: ClassVar[Callable[[object], None]]

    # -- reading -------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Take octets from the viewer."""
        if self._receiver is not None:
            data = self._receive(self._receiver, data)
            if not data:
                return
        if self._tunnel is not None:
            self._tunnel.push(data)
            return
        if self._deaf:
            self._ignored_bytes += len(data)
            if self._ignored_bytes > DISCARD_LIMIT_BYTES:
                self.transport.abort()
            return
        if self._preamble is not None:
            data = self._read_preamble(self._preamble, data)
        if self._buffer:
            data = self._buffer + data
            self._buffer = b""
        if self._task is not None or self._writable is not None or self._resume_scheduled:
            self._hold(data)
        elif data:
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
        if self._lost or self._deaf or self._task is not None or self._receiver is not None:
            return
        if self._writable is not None:  # resume_writing goes on
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
            if self._tail and data.endswith(self._tail) and len(data) <= HEAD_LIMIT_BYTES:
                match = heads.REQUEST_START.fullmatch(data, 0, len(data) - len(self._tail))
                if match is not None:  # one request with the very fields of the one before
                    assert self._facts is not None
                    self._begin(match[1], match[2], self._facts, is_1_1=True)
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
            method, target, minor, raw_fields = match.groups()
            facts = self._facts
            if facts is None or facts.block.raw != raw_fields:
                self._tail = b""
                again = None if facts is None else heads.with_other_tag(facts, raw_fields)
                facts = self._facts = again or heads.read_facts(raw_fields)
            elif facts.bodiless:  # the second time: likely there is a third
                self._tail = b" HTTP/1.1\r\n" + raw_fields + b"\r\n"
            if self._begin(method, target, facts, is_1_1=minor == b"1"):
                self._receive_first(data[position:])
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

    def _begin(self, method: bytes, target: bytes, facts: heads.Facts, *, is_1_1: bool) -> bool:
        """Start one request. Returns whether it needs a task (its body, if any, comes next), or waits for its turn."""
        if facts.plain and is_1_1 and method == b"GET" and not self._draining:
            hit = type(self).express(
                (self._scheme, facts.host or "", target, facts.codings), facts.conditions, facts.traced
            )
            if hit is not None:
                self._keep_alive = True
                self._write_inline(hit, is_1_1=True)
                return False
        if facts.bodiless and not self._turns.has_time():
            later = self._task = PutOff(self, (method, target, facts, is_1_1, type(self).set_aside()))
            self._turns.stand_in_line(later)
            return True
        return self._make(method, target, facts, is_1_1=is_1_1)

    def go_on(self, asked: Asked) -> None:
        """Start the request that was put off."""
        self._task = None
        method, target, facts, is_1_1, kept = asked
        if kept is not None:
            type(self).bring_back(kept)
        try:
            waits = self._make(method, target, facts, is_1_1=is_1_1)
        except RequestError as error:
            self._refuse(error)
        except Exception:
            logger.exception("a request that had to wait failed")
            self.transport.abort()
        else:
            if not waits and (self._buffer or self._reading_paused) and not self._resume_scheduled:
                self._resume_scheduled = True
                self.loop.call_soon(self._continue)

    def not_begun(self, asked: Asked, came_s: float) -> None:
        """Note that the viewer of a request that was put off left before its turn."""
        method, target, facts, is_1_1, _ = asked
        with suppress(RequestError):  # it would have been refused
            request = make_request(method, target, facts, is_1_1=is_1_1, scheme=self._scheme, peer=self._peer)
            self.departed(request, came_s)

    def _make(self, method: bytes, target: bytes, facts: heads.Facts, *, is_1_1: bool) -> bool:
        """Start one request whose answer is not known. Returns whether it needs a task."""
        started = None
        if facts.plain and is_1_1 and method == b"GET" and not self._draining:
            started = type(self).ahead(target, facts, self._scheme, self._peer)
            if started is not None and (made := started.prepared) is not None:
                self._keep_alive = True
                self._write_inline(made, is_1_1=True)
                return False
        if facts.passing and started is None and is_1_1 and method == b"GET" and not self._draining:
            passing = type(self).through(target, facts, self._scheme, self._peer, self)
            if passing is not None:
                self._task = passing
                self._nothing_due()
                return True
        began_s = perf_counter()
        request = make_request(method, target, facts, is_1_1=is_1_1, scheme=self._scheme, peer=self._peer)
        request.begun = started
        self._keep_alive = keeps_alive(facts, is_1_1=is_1_1) and not self._draining
        if facts.bodiless:
            prepared = self.viewer_side.inline(request) if target != b"*" else answer_to_asterisk(http_date())
            if prepared is not None:
                self._write_inline(prepared, is_1_1=is_1_1)
                self._note(request, prepared.head, prepared.body, began_s)
                return False
        elif facts.switches and is_1_1 and method == b"GET":
            # The octets behind the head stay in the buffer until the answer says what they are.
            request.upgrade = IncomingBody(pause=self._pause, resume=self._resume, on_first_read=None)
        elif not facts.switches:
            self._expect_body(request, facts, is_1_1=is_1_1)
        self._start(request, began_s, is_1_1=is_1_1)
        return True

    # -- request bodies and tunnels --------------------------------------------------------------------------

    def _expect_body(self, request: Request, facts: heads.Facts, *, is_1_1: bool) -> None:
        if facts.chunked and not is_1_1:
            raise heads.bad_request("HTTP/1.0 has no chunked bodies.")
        self._receiver = BodyReceiver(
            facts,
            self.settings.body_limit_bytes,
            pause=self._pause,
            resume=self._resume,
            on_first_read=self._write_continue if facts.expects_continue and is_1_1 else None,
        )
        request.body = self._receiver.incoming

    def _receive_first(self, data: bytes) -> None:
        """Take the octets that came with the head; a body that is complete already becomes plain bytes."""
        receiver = self._receiver
        if receiver is not None:
            self._set_deadline(self.settings.body_idle_timeout_s)
            if data:
                data = self._receive(receiver, data)
            if receiver.done and self._request is not None:
                self._request.body = receiver.incoming.take_all()
        if data:
            self._hold(data)

    def _receive(self, receiver: BodyReceiver, data: bytes) -> bytes:
        """Pass octets on to the body; return those behind it."""
        try:
            rest = receiver.feed(data)
        except RequestError:  # the reader knows; nothing on this connection can be trusted any more
            self._receiver = None
            self._keep_alive = False
            self._deaf = True
            self._ticker.set(self, math.inf)
            if self._task is None:
                self._close_gently()
            return b""
        if receiver.done:
            self._receiver = None
            self._nothing_due()
            if self._task is None:  # the answer was out before the body was in
                self._next()
        elif receiver.progressed(self.settings.body_step_bytes):
            self._set_deadline(self.settings.body_idle_timeout_s)
        return rest

    def _write_continue(self) -> None:
        if not self._lost:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._set_deadline(self.settings.body_idle_timeout_s)

    # -- answers -------------------------------------------------------------------------------------------

    def _write_inline(self, prepared: Prepared, *, is_1_1: bool) -> None:
        head, body = prepared.head, prepared.body
        ending = b"\r\n"
        if not self._keep_alive:
            ending = b"Connection: close\r\n\r\n"
        elif not is_1_1:
            ending = b"Connection: keep-alive\r\n\r\n"
        if len(body) < MERGE_LIMIT_BYTES:
            self.transport.write_later(b"".join((head, ending, body)))
        elif prepared.file is not None:
            self.transport.write_file(head + ending, body, prepared.file)
        else:
            self.transport.writelines((head + ending, body))
        self.server_state.total_requests += 1
        if self._keep_alive:
            # The deadline itself is moved only when it comes up (see expire), or to be earlier.
            now_s = self._served_at_s = self.loop.time()
            if self._writable is None and self.deadline_s > now_s + self.settings.keep_alive_timeout_s:
                self._ticker.set(self, now_s + self.settings.keep_alive_timeout_s)
        else:
            self._close_gently()

    def _note(self, request: Request, head: bytes, body: bytes, began_s: float) -> None:
        took_s = perf_counter() - began_s
        self.viewer_side.finished(
            Exchange(
                request=request,
                status=int(head[9:12]),
                body_bytes=len(body),
                took_s=took_s,
                head=head,
                first_byte_s=took_s,
                tls=self._tls,
            )
        )

    def passed(self, request: Request, prepared: Prepared, began_s: float) -> None:
        """Write the answer of what went ``through``, and turn to the next request."""
        self._task = None
        self._keep_alive = not self._draining
        self._write_inline(prepared, is_1_1=True)
        self._note(request, prepared.head, prepared.body, began_s)
        if self._keep_alive and self._writable is None:
            self._next()

    def taken_over(self, request: Request, began_s: float, ended: Callable[[], None]) -> None:
        """Answer what went ``through`` by a task after all; ``ended`` is called at the end of that."""
        self._keep_alive = not self._draining
        task = self._start(request, began_s, is_1_1=True)
        task.add_done_callback(lambda _: ended())

    def departed(self, request: Request, began_s: float) -> None:
        """Note that the viewer left before there was an answer, of what went ``through`` or waited for its turn."""
        took_s = perf_counter() - began_s
        self.viewer_side.finished(
            Exchange(
                request=request,
                status=STATUS_VIEWER_LEFT,
                body_bytes=0,
                took_s=took_s,
                aborted=True,
                tls=self._tls,
            )
        )

    def _start(self, request: Request, began_s: float, *, is_1_1: bool) -> asyncio.Task[None]:
        self._request = request
        if is_1_1:
            request.interim = self._write_interim
        if self._receiver is None:
            self._nothing_due()
        task = self.loop.create_task(self._answer(request, began_s))
        self._task = task
        self.server_state.tasks.add(task)
        task.add_done_callback(self._answered)
        return task

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
                    head=outgoing.head,
                    first_byte_s=max(0.0, outgoing.first_byte_at_s - began_s),
                    tls=self._tls,
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
        elif self._receiver is not None:  # the answer did not need the whole body: drop the rest
            self._receiver.incoming.discard()
        else:
            self._next()

    def may_keep_alive(self) -> bool:
        """Decide, when the head of an answer goes out, whether the connection stays open after it."""
        if self._draining or (self._receiver is not None and self._receiver.hopeless):
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
        prepared = prepare(refusal(error.status_code, str(error)), method="GET", date=http_date())
        self._keep_alive = False
        self._write_inline(prepared, is_1_1=True)
        request = Request(method="", path="", viewer_ip=self._peer[0], viewer_port=self._peer[1])
        self._note(request, prepared.head, prepared.body, perf_counter())


def _never(
    _place: tuple[str, str, bytes, str], _conditions: tuple[tuple[str, str], ...], _traced: object
) -> None:
    """The express of a viewer side that has none."""


def _never_ahead(_target: bytes, _facts: heads.Facts, _scheme: str, _peer: tuple[str, int]) -> None:
    """The same of what is begun."""


def _never_through(
    _target: bytes, _facts: heads.Facts, _scheme: str, _peer: tuple[str, int], _viewer: object
) -> None:
    """The same of what is sent through."""


def _nothing_kept() -> None:
    """The same of what is kept for a request that waits for its turn."""


def _nothing_told(_kept: object) -> None:
    """And of its being told."""


def bind(viewer_side: ViewerSide, settings: WireSettings | None = None) -> type[WireProtocol]:
    """Return the protocol class for ``uvicorn.Config(http=...)`` that asks ``viewer_side``."""
    express = staticmethod(getattr(viewer_side, "express", _never))
    ahead = staticmethod(getattr(viewer_side, "ahead", _never_ahead))
    connected = getattr(viewer_side, "connected", None)
    members = {
        "__slots__": (),
        "viewer_side": viewer_side,
        "settings": settings or WireSettings(),
        "express": express,
        "ahead": ahead,
        "through": staticmethod(getattr(viewer_side, "through", _never_through)),
        "set_aside": staticmethod(getattr(viewer_side, "set_aside", _nothing_kept)),
        "bring_back": staticmethod(getattr(viewer_side, "bring_back", _nothing_told)),
        "connected": staticmethod(connected) if connected is not None else None,
    }
    return type("BoundWireProtocol", (WireProtocol,), members)
