"""A small asyncio HTTP server that answers each path as told, to the octet: the load generator's target."""

import asyncio
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass
class Script:
    """What to say at each path: None never answers, and after some the connection ends."""

    answers: Mapping[str, bytes | None]
    hang_up_after: frozenset[str] = frozenset()
    pieces: int = 0  # write answers in pieces of so many octets; 0: whole
    heads: list[bytes] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    open: set["Connection"] = field(default_factory=set)


class Connection(asyncio.Protocol):
    """One connection of the generator's."""

    def __init__(self, script: Script, loop: asyncio.AbstractEventLoop) -> None:
        self.script = script
        self.loop = loop
        self.received = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.script.connections += 1
        self.script.open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.script.open.discard(self)

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, found, rest = self.received.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        body_bytes = int(length.group(1)) if length else 0
        if not found or len(rest) < body_bytes:
            return
        self.received = rest[body_bytes:]
        self.script.heads.append(head + found)
        path = head.split(b" ")[1].decode()
        answer = self.script.answers[path]
        if answer is not None:
            self.say(answer, hang_up=not answer or path in self.script.hang_up_after)

    def say(self, answer: bytes, *, hang_up: bool) -> None:
        assert self.transport is not None
        size = self.script.pieces or len(answer)
        self.transport.write(answer[:size])
        if rest := answer[size:]:
            self.loop.call_soon(lambda: self.say(rest, hang_up=hang_up))
        elif hang_up:
            self.transport.close()


async def _serve(script: Script, ready: threading.Event, stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(script, loop), "127.0.0.1", 0)
    script.port = server.sockets[0].getsockname()[1]
    ready.set()
    await stop.wait()
    # The generator has ended, so nobody connects any more. What it left in the queue is still accepted, which
    # would leak the socket if the server were closed; and closing a transport takes a turn of the loop.
    for _ in range(10):
        for connection in script.open:
            assert connection.transport is not None
            connection.transport.abort()
        await asyncio.sleep(0)
    server.close()


@contextmanager
def serving(script: Script) -> Iterator[Script]:
    """Serve on a loopback port of the kernel's choice, on a thread of its own."""
    ready, stop, loop = threading.Event(), asyncio.Event(), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_until_complete, args=(_serve(script, ready, stop),))
    thread.start()
    assert ready.wait(10)
    try:
        yield script
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()


def answer(body: bytes = b"", status: str = "200 OK", *fields: str) -> bytes:
    """Return a response with Content-Length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *fields, "", ""]
    return "\r\n".join(lines).encode() + body
