"""The ASGI face of a POP: the same answers under any ASGI server, e.g. for HTTP/2 and HTTP/3.

``AsgiFace(viewer_side)`` is an ASGI 3 application (HTTP and lifespan). Requests are checked by the rules of the
wire, answers are framed by them. Bodies stream both ways, trailers are dropped, a viewer who leaves cancels the
answer. Interim responses are not passed on (ASGI has no message for them), WebSockets are closed. Answers bring
their ``Date``: tell the server not to add its own (uvicorn: ``date_header=False``, hypercorn:
``include_date_header = False``). Source: ASGI 3.0, HTTP message format 2.5.
"""

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from time import perf_counter
from typing import Any
from urllib.parse import quote

from edgefaas.contract import NO_TLS, Exchange, ViewerSide
from edgefaas.errors import RequestError
from edgefaas.message import Request, Response
from edgefaas.wire.clock import http_date
from edgefaas.wire.grammar import FIELD_SECTION, HEAD_LIMIT_BYTES
from edgefaas.wire.heads import Facts, bad_request, read_facts
from edgefaas.wire.incoming import IncomingBody
from edgefaas.wire.outgoing import STATUS_VIEWER_LEFT
from edgefaas.wire.render import (
    STATUSES,
    Framing,
    InvalidResponseError,
    compose,
    encode_fields,
    refusal,
)
from edgefaas.wire.requests import make_request
from edgefaas.wire.settings import WireSettings

logger = logging.getLogger("edgefaas.asgi")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_FIELDS = re.compile(FIELD_SECTION)
_VERSIONS = {"1.0": "1.0", "1.1": "1.1", "2": "2.0", "3": "3.0"}


class BrokenBodyError(Exception):
    """A body failed after its head was sent; raised to the server, which breaks the stream off."""


class AsgiFace:
    """An ASGI 3 application that asks a viewer side."""

    def __init__(self, viewer_side: ViewerSide, settings: WireSettings | None = None) -> None:
        self._viewer_side = viewer_side
        self._settings = settings or WireSettings()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one scope. Raises BrokenBodyError when an answer breaks off."""
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1000})
        elif scope["type"] == "lifespan":
            await _live(receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        began_s = perf_counter()
        exchange = _Exchange(send)
        request = Request(method="", path="")
        try:
            try:
                request, facts = read_scope(scope)
                upload = _Upload(receive, facts, self._settings.body_limit_bytes)
            except RequestError as error:
                await exchange.answer(request, refusal(error.status_code, str(error)))
                return
            request.body = await upload.first()
            await self._answer(request, upload, exchange)
        finally:
            self._viewer_side.finished(
                Exchange(
                    request=request,
                    status=exchange.status,
                    body_bytes=exchange.sent_bytes,
                    took_s=perf_counter() - began_s,
                    aborted=not exchange.complete,
                    head=exchange.head,
                    first_byte_s=max(0.0, exchange.first_byte_at_s - began_s),
                    tls=scope.get("state", {}).get("tls", NO_TLS),
                )
            )

    async def _answer(self, request: Request, upload: "_Upload", exchange: "_Exchange") -> None:
        """Answer while listening for the rest of the body and for the viewer's leaving."""
        loop = asyncio.get_running_loop()
        answering = loop.create_task(self._ask_and_send(request, exchange))
        listening = loop.create_task(upload.listen())
        try:
            await asyncio.wait((answering, listening), return_when=asyncio.FIRST_COMPLETED)
            if not answering.done():  # the viewer has left
                answering.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await answering
        finally:
            for task in (answering, listening):
                task.cancel()
            await asyncio.gather(answering, listening, return_exceptions=True)

    async def _ask_and_send(self, request: Request, exchange: "_Exchange") -> None:
        try:
            response = await self._viewer_side.answer(request)
        except RequestError as error:
            response = refusal(error.status_code, str(error))
        except Exception:
            logger.exception("the viewer side raised")
            response = refusal(500, "The server failed; its log says why.")
        await exchange.answer(request, response)


def read_scope(scope: Scope) -> tuple[Request, Facts]:
    """Return the request of an HTTP scope, without its body, and what its fields say.

    Raises:
        RequestError: the wire would refuse it, too.
    """
    raw = b"".join([b"%b: %b\r\n" % (name, value) for name, value in scope["headers"]])
    if len(raw) > HEAD_LIMIT_BYTES:
        raise bad_request(f"The head is longer than {HEAD_LIMIT_BYTES} bytes.", status=431)
    if not _FIELDS.fullmatch(raw) or raw.count(b"\r\n") != len(scope["headers"]):
        raise bad_request("A header field is malformed.")
    facts = read_facts(raw)
    path: bytes = scope.get("raw_path") or quote(scope["path"]).encode("ascii")
    target = path.partition(b"?")[0]
    if scope["query_string"]:
        target += b"?" + scope["query_string"]
    client = scope.get("client") or ("127.0.0.1", 0)
    request = make_request(
        scope["method"].encode("latin-1"),
        target,
        facts,
        is_1_1=scope["http_version"] != "1.0",
        scheme=scope.get("scheme", "http"),
        peer=(str(client[0]), int(client[1] or 0)),
    )
    request.http_version = _VERSIONS.get(scope["http_version"], "1.1")
    return request, facts


class _Upload:
    """The body of a request, from ASGI messages."""

    def __init__(self, receive: Receive, facts: Facts, limit_bytes: int) -> None:
        self._receive = receive
        self._limit_bytes = limit_bytes
        self._lazy = facts.expects_continue  # asking for the body makes the server send 100 Continue
        self._go_on = asyncio.Event()
        self._go_on.set()
        self._asked = asyncio.Event()
        self._left = False
        if facts.length > limit_bytes:
            raise self._too_large()
        self._incoming = IncomingBody(
            pause=self._go_on.clear, resume=self._go_on.set, on_first_read=self._asked.set
        )

    async def first(self) -> bytes | IncomingBody:
        """Return the body as bytes when it is complete in one message, else as a stream."""
        if not self._lazy:
            self._asked.set()
            await self._take()
            if self._incoming.complete and self._incoming.length_bytes <= self._limit_bytes:
                return self._incoming.take_all()
        return self._incoming

    async def listen(self) -> None:
        """Take messages until the viewer leaves."""
        await self._asked.wait()
        while not self._left:
            await self._go_on.wait()
            await self._take()

    async def _take(self) -> None:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._left = True
            self._incoming.fail(bad_request("The viewer left before the body was complete."))
            return
        if piece := message.get("body", b""):
            self._incoming.push(piece)
        if self._incoming.length_bytes > self._limit_bytes:
            self._incoming.discard()
            self._incoming.fail(self._too_large())
        elif not message.get("more_body", False):
            self._incoming.finish()

    def _too_large(self) -> RequestError:
        return RequestError(
            f"The body is longer than {self._limit_bytes} bytes.",
            remedy="Send a smaller body.",
            status_code=413,
        )


class _Exchange:
    """Sends one response, and remembers how far that got."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = STATUS_VIEWER_LEFT
        self.sent_bytes = 0
        self.complete = False
        self.head = b""
        self.first_byte_at_s = 0.0

    async def answer(self, request: Request, response: Response) -> None:
        """Send the whole response. Raises BrokenBodyError."""
        body = response.body
        try:
            response, framing, lines = _rendered(request, response)
            self.status, self.first_byte_at_s = response.status, perf_counter()
            self.head = b"HTTP/1.1 %d \r\n" % response.status
            self.head += b"".join([b"%b: %b\r\n" % line for line in lines])
            await self._send({"type": "http.response.start", "status": response.status, "headers": lines})
            if not framing.send_body:
                await self._send_piece(b"", more=False)
            elif isinstance(response.body, bytes):
                await self._send_piece(response.body, more=False)
            else:
                await self._stream(response.body, framing)
            self.complete = True
        finally:
            close = getattr(body, "aclose", None)
            if close is not None:
                await close()

    async def _stream(self, body: AsyncIterator[bytes], framing: Framing) -> None:
        try:
            async for piece in body:
                self._check_fits(len(piece), framing)
                if piece:
                    await self._send_piece(piece, more=True)
        except (BrokenBodyError, asyncio.CancelledError):
            raise
        except Exception as error:
            raise BrokenBodyError(f"the body broke off: {error}") from error
        if framing.length is not None and self.sent_bytes < framing.length:
            raise BrokenBodyError("the body is shorter than its Content-Length")
        await self._send_piece(b"", more=False)

    def _check_fits(self, length: int, framing: Framing) -> None:
        if framing.length is not None and self.sent_bytes + length > framing.length:
            raise BrokenBodyError("the body is longer than its Content-Length")

    async def _send_piece(self, piece: bytes, *, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": piece, "more_body": more})
        self.sent_bytes += len(piece)


def _rendered(request: Request, response: Response) -> tuple[Response, Framing, list[tuple[bytes, bytes]]]:
    """Return the response that can be sent, its framing and its fields as ASGI wants them."""
    try:
        _check_status(response.status)
        composed, framing = compose(response, method=request.method, date=http_date())
        lines = [line for line in composed if line[0] != "Transfer-Encoding"]  # the server's business
        encode_fields(lines)
    except InvalidResponseError as error:
        logger.error("the response to %s %s cannot be sent: %s", request.method, request.path, error)  # noqa: TRY400
        return _rendered(request, refusal(error.status, "The answer to this request is not valid HTTP."))
    encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in lines]
    return response, framing, encoded


def _check_status(status: int) -> None:
    if status < 200 or status not in STATUSES:  # noqa: PLR2004 # servers take no 1xx as an answer
        raise InvalidResponseError(f"ASGI cannot carry status {status}", remedy="Use 200 to 599.")


async def _live(receive: Receive, send: Send) -> None:
    """Follow the server's start and stop; the viewer side's own life is its maker's business."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
