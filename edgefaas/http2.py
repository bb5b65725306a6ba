"""HTTP/2 to viewers: hypercorn's connection under the ASGI face, chosen by ALPN on the listener with TLS.

Who agrees on ``h2`` in the handshake gets HTTP/2, everybody else the wire's HTTP/1.1, on the same port. This
module is the only importer of hypercorn, an optional dependency (``edgefaas[http2]``), pinned because what is
overridden here is not public. Not pure: owns transports. Source: RFC 9113.
"""

import asyncio
import contextlib
import logging
import re
import sys
from collections.abc import Callable, Iterable
from typing import Any

from h2.errors import ErrorCodes
from h2.events import DataReceived, RequestReceived
from h2.events import Event as FrameEvent
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.asyncio.task_group import TaskGroup
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config
from hypercorn.events import Closed
from hypercorn.events import Event as IOEvent
from hypercorn.protocol.events import Event as StreamEvent
from hypercorn.protocol.events import StreamClosed
from hypercorn.protocol.h2 import H2Protocol
from hypercorn.typing import ConnectionState
from uvicorn.server import ServerState

from edgefaas.asgi import AsgiFace, BrokenBodyError
from edgefaas.contract import ViewerSide
from edgefaas.wire import WireProtocol, WireSettings
from edgefaas.wire.connection import tls_of

STREAMS_MAX = 100  # at a time, of one connection
READ_BYTES = 64 * 1024
FRAME_BYTES_MAX = 9 + 16_384  # RFC 9113, 4.1 and 4.2: nothing larger is offered

_VISIBLE = re.compile(rb"[!-~]+")

log = logging.getLogger("edgefaas.http2")


class Http2:
    """Makes the connections of one worker's listener with TLS."""

    def __init__(self, viewer_side: ViewerSide, settings: WireSettings) -> None:
        self._viewer_side = viewer_side
        self._context = WorkerContext(None)
        self.apply(settings)

    def apply(self, settings: WireSettings) -> None:
        """Serve new connections by these limits."""
        self._settings = settings
        self._app = ASGIWrapper(_told(AsgiFace(self._viewer_side, settings)))  # its scopes are narrower
        config = Config()
        config.include_date_header = config.include_server_header = False
        config.errorlog = log
        config.h2_max_concurrent_streams = STREAMS_MAX
        config.keep_alive_timeout = settings.keep_alive_timeout_s
        config.keep_alive_max_requests = sys.maxsize  # closing at a count would break off what is in flight
        self._config = config

    def protocol(self, state: ServerState, otherwise: Callable[[], WireProtocol]) -> "AgreedProtocol":
        """Return the protocol of a connection whose handshake is still to come."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._serve(state, reader, writer)

        loop = asyncio.get_running_loop()

        def streams() -> asyncio.Protocol:
            return asyncio.StreamReaderProtocol(asyncio.StreamReader(READ_BYTES, loop), serve, loop)

        return AgreedProtocol(streams, otherwise)

    async def _serve(
        self, state: ServerState, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if len(state.connections) >= self._settings.connections_max:
            writer.transport.abort()
            return
        loop = asyncio.get_running_loop()
        connection = Http2Connection(
            self._app, loop, self._config, self._context, {"tls": tls_of(writer)}, reader, writer
        )
        connections: set[Any] = state.connections
        connections.add(connection)
        try:
            await connection.run()
        except Exception as error:  # of one connection; the library's groups hide what they hold
            log.warning("an HTTP/2 connection broke off: %r", error)
        finally:
            connections.discard(connection)


class AgreedProtocol(asyncio.Protocol):
    """Hands a connection to the protocol that its handshake agreed on."""

    def __init__(
        self, http2: Callable[[], asyncio.Protocol], otherwise: Callable[[], asyncio.Protocol]
    ) -> None:
        self._http2 = http2
        self._otherwise = otherwise

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Choose (called when the handshake is done)."""
        agreed = transport.get_extra_info("ssl_object").selected_alpn_protocol()
        protocol = self._http2() if agreed == "h2" else self._otherwise()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)


class Http2Connection(TCPServer):
    """One viewer's connection, drained as uvicorn drains those of HTTP/1.1."""

    async def run(self) -> None:
        """Serve until the viewer leaves, is idle for too long, or the POP drains."""
        peer = self.writer.get_extra_info("peername")
        try:
            async with TaskGroup(self.loop) as group:
                self._task_group = group
                self._h2 = ViewerStreams(
                    self.app,
                    self.config,
                    self.context,
                    group,
                    ConnectionState(self.state),
                    ssl=True,
                    client=(str(peer[0]), int(peer[1])) if isinstance(peer, tuple) else None,
                    server=None,
                    send=self.protocol_send,
                )
                self.protocol = self._h2  # type: ignore[assignment]  # what the wrapper would choose
                await self._h2.initiate()
                await self.idle_task.restart(group, self._idle_timeout)
                await self._read_data()
                await self.idle_task.stop()  # else its group waits for it as long as for an idle viewer
        except OSError:
            pass
        finally:
            await self._close()

    def shutdown(self) -> None:
        """Take no new requests, and close when those in flight are answered (called by uvicorn)."""
        self.context.terminated._event.set()  # type: ignore[attr-defined]  # noqa: SLF001  # set() itself is a coroutine

    async def _initiate_server_close(self) -> None:
        self._h2.connection.close_connection()  # GOAWAY
        await self._h2.flush()
        await super()._initiate_server_close()


class ViewerStreams(H2Protocol):
    """hypercorn's HTTP/2, with what it leaves open closed."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        offered = {
            SettingCodes.MAX_CONCURRENT_STREAMS: self.config.h2_max_concurrent_streams,
            SettingCodes.MAX_HEADER_LIST_SIZE: self.config.h2_max_header_list_size,
        }
        # Not ENABLE_CONNECT_PROTOCOL: browsers open WebSockets over HTTP/1.1 then, where they are passed on.
        self.connection.local_settings = Settings(client=False, initial_values=offered)

    async def flush(self) -> None:
        """Send what is to be sent."""
        await self._flush()

    async def handle(self, event: IOEvent) -> None:
        """Take octets in; h2 would wait for the whole of a frame that is too long before it refuses it."""
        await super().handle(event)
        if len(self.connection.incoming_buffer._data) > FRAME_BYTES_MAX:  # noqa: SLF001
            await self.send(Closed())

    async def _handle_events(self, events: list[FrameEvent]) -> None:
        for event in events:
            if isinstance(event, DataReceived) and event.stream_id not in self.streams:
                # The rest of a body whose request was answered early; it counts for the connection's window.
                self.connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, RequestReceived) and self.context.terminated.is_set():
                self._reset(event.stream_id, ErrorCodes.REFUSED_STREAM)  # safe to repeat: 8.7
            elif isinstance(event, RequestReceived) and (status := _refused(event.headers)):
                with contextlib.suppress(ProtocolError):  # the stream was reset since
                    self.connection.send_headers(event.stream_id, [(":status", status)], end_stream=True)
            else:
                await super()._handle_events([event])
        await self._flush()

    async def stream_send(self, event: StreamEvent) -> None:
        """Pass on what an answer says; one that broke off must not look as if more were to come."""
        if isinstance(event, StreamClosed):
            buffer = self.stream_buffers.get(event.stream_id)
            if buffer is not None and not buffer._complete:  # noqa: SLF001  # its ``complete`` means drained, too
                self._reset(event.stream_id, ErrorCodes.INTERNAL_ERROR)
                await self._flush()
        await super().stream_send(event)

    async def _send_data(self, stream_id: int) -> None:
        await super()._send_data(stream_id)
        if (
            stream_id not in self.stream_buffers
        ):  # the answer is out; if not all of the body is in, forgo it (8.1)
            self._reset(stream_id, ErrorCodes.NO_ERROR)
            await self._flush()

    def _reset(self, stream_id: int, code: ErrorCodes) -> None:
        stream = self.connection.streams.get(stream_id)
        if stream is not None and not stream.closed:
            with contextlib.suppress(ProtocolError):  # the whole connection is closed
                self.connection.reset_stream(stream_id, code)


def _refused(fields: Iterable[tuple[Any, Any]]) -> str:
    """Return the status for what hypercorn would end the connection over, "" for none: one stream's fault is its own.

    A pseudo-field that is no visible ASCII is malformed (RFC 9113, 8.1.1); CONNECT has no path, and no tunnel here.
    """
    pseudo = {name: value for name, value in fields if name.startswith(b":")}
    if pseudo.get(b":method") == b"CONNECT":
        return "405"
    if b":path" not in pseudo or not all(_VISIBLE.fullmatch(value) for value in pseudo.values()):
        return "400"
    return ""


def _told(app: AsgiFace) -> Any:
    """Return the application for a server that would tell of a broken body by a traceback."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        try:
            await app(scope, receive, send)
        except BrokenBodyError as error:  # the stream is reset by who sees that its answer is not complete
            log.warning("the answer to %s %s is not complete: %s", scope["method"], scope["path"], error)

    return serve
