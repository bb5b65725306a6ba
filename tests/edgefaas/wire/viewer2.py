"""A viewer who speaks HTTP/2: a thin shell around the h2 library."""

import asyncio
import ssl
from dataclasses import dataclass, field

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)


@dataclass
class Stream:
    """What has come on one stream."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    ended: bool = False
    reset: int | None = None


class Viewer2:
    """One connection. Events are read by ``until``, when somebody waits."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self.streams: dict[int, Stream] = {}
        self.settings: dict[int, int] = {}
        self.terminated = self.closed = False
        self.h2.initiate_connection()

    @classmethod
    async def connect(cls, port: int, host: str = "a.example") -> "Viewer2":
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(["h2", "http/1.1"])
        viewer = cls(*await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=host))
        agreed = viewer.writer.get_extra_info("ssl_object").selected_alpn_protocol()
        assert agreed == "h2"
        await viewer.flush()
        return viewer

    async def flush(self) -> None:
        self.writer.write(self.h2.data_to_send())
        await self.writer.drain()

    async def begin(self, path: str, *, method: str = "GET", end: bool = True, **fields: str) -> int:
        """Send a head; return the stream's number."""
        number = self.h2.get_next_available_stream_id()
        head = [(":method", method), (":path", path), (":scheme", "https"), (":authority", "a.example")]
        if method == "CONNECT":  # RFC 9113, 8.5
            head = [head[0], head[3]]
        self.h2.send_headers(number, [*head, *fields.items()], end_stream=end)
        self.streams[number] = Stream()
        await self.flush()
        return number

    async def send(self, number: int, body: bytes) -> None:
        """Send a body, as the server's windows allow; stop when it resets the stream."""
        stream = self.streams[number]
        while body and stream.reset is None:
            room = min(self.h2.local_flow_control_window(number), self.h2.max_outbound_frame_size)
            if room:
                self.h2.send_data(number, body[:room])
                body = body[room:]
                await self.flush()
            else:
                await self.read()
        if stream.reset is None:
            self.h2.end_stream(number)
            await self.flush()

    async def read(self) -> None:
        """Take in what has come."""
        data = await self.reader.read(65536)
        if not data:
            self.closed = True
            return
        for event in self.h2.receive_data(data):
            if isinstance(event, RemoteSettingsChanged):
                self.settings |= {int(k): v.new_value for k, v in event.changed_settings.items()}
            elif isinstance(event, ConnectionTerminated):
                self.terminated = True
            elif isinstance(event, ResponseReceived):
                fields = {str(k): str(v) for k, v in event.headers or []}
                stream = self.streams[event.stream_id or 0]
                stream.status, stream.headers = int(fields.pop(":status")), fields
            elif isinstance(event, DataReceived):
                number = event.stream_id or 0
                self.streams[number].body += event.data or b""
                self.h2.acknowledge_received_data(event.flow_controlled_length or 0, number)
            elif isinstance(event, StreamEnded):
                self.streams[event.stream_id or 0].ended = True
            elif isinstance(event, StreamReset):
                self.streams[event.stream_id or 0].reset = int(event.error_code or 0)
        if not self.terminated:
            await self.flush()

    async def finish(self, number: int) -> Stream:
        """Read until the answer is complete, or reset."""
        stream = self.streams[number]
        while not stream.ended and stream.reset is None and not self.closed:
            await self.read()
        return stream

    async def ask(self, path: str, **options: str) -> Stream:
        return await self.finish(await self.begin(path, **options))  # type: ignore[arg-type]
