"""The resources that a wasi:http guest holds: streams, pollables, messages. One ``World`` per invocation.

Nothing here knows the C API. What may have to wait returns a ``Waiting``; see ``sandbox.capi.Pending``.
Source: wasi:io and wasi:http, version 0.2.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import msgpack

from sandbox.capi.values import Err, Number, Ok, Own, Variant
from sandbox.contract import Host, HostCallError, Limit
from sandbox.guest import CURRENT, Guest, GuestFaultError, GuestThrewError, LimitReachedError
from sandbox.wasi.streams import LogOutput

CHUNK_BYTES = 64 * 1024
_RESOURCES_MAX = 10_000
_FIELD_LINES_MAX = 1_000
_FIELD_BYTES_MAX = 256 * 1024
TYPES = {
    name: number
    for number, name in enumerate(
        (
            "error", "pollable", "input-stream", "output-stream", "fields", "incoming-request", "incoming-body",
            "future-trailers", "outgoing-response", "outgoing-body", "response-outparam", "outgoing-request",
            "request-options", "incoming-response", "future-incoming-response", "terminal-input",
            "terminal-output", "descriptor", "directory-entry-stream",
        ),
        start=1,
    )
}  # fmt: skip
CLOSED = Err(Variant("closed"))
Headers = list[tuple[str, bytes]]
Source = Callable[[], bytes | Awaitable[bytes]]
Sink = Callable[[bytes], bytes | Awaitable[bytes] | None]


class World:
    """The table of one guest's resources."""

    def __init__(self, guest: Guest, *, streamed: bool) -> None:
        self.guest = guest
        self.streamed = streamed
        self.response: OutgoingResponse | None = None
        self.error = ""
        self._logs: dict[str, LogSink] = {}
        self._leaving: asyncio.Future[bytes] | None = None
        self._kept_bytes = 0
        self._table: dict[int, object] = {}
        self._next = 1

    def own(self, kind: str, thing: object) -> Own:
        """Give the guest a resource."""
        if len(self._table) >= _RESOURCES_MAX:
            raise GuestFaultError(f"it holds more than {_RESOURCES_MAX} resources")
        rep, self._next = self._next, self._next + 1
        self._table[rep] = thing
        return Own(rep, TYPES[kind])

    def get(self, rep: int) -> object:
        """Return the resource of that number."""
        return self._table[rep]

    def take(self, rep: int) -> object:
        """Return a resource that the guest has given back."""
        return self._table.pop(rep)

    def drop(self, rep: int) -> None:
        """Forget a resource that the guest has dropped."""
        thing = self._table.pop(rep, None)
        if isinstance(thing, Pollable | InputStream | FutureResponse):
            thing.forget()

    def close(self) -> None:
        """Forget everything, the last log lines last."""
        for rep in tuple(self._table):
            self.drop(rep)
        for sink in self._logs.values():
            sink.flush()

    def log(self, level: str) -> "LogSink":
        """Return the sink of the log lines of a level."""
        if level not in self._logs:
            self._logs[level] = LogSink(self.guest, level)
        return self._logs[level]

    def keep(self, size: int) -> None:
        """Count bytes of bodies that are held for the guest. Raises LimitReachedError."""
        self._kept_bytes += size
        allowed = self.guest.limits.output_bytes
        if self._kept_bytes > allowed:
            raise LimitReachedError(Limit.OUTPUT, allowed)

    def respond(self, response: "OutgoingResponse") -> None:
        """Take the guest's answer; streamed, its head leaves now and what was written of its body follows."""
        self.response = response
        if not self.streamed:
            return
        host = self.guest.host
        head = msgpack.packb({"status": response.status, "headers": response.headers.lines})
        leaving = host.call("http.respond", head)
        kept = b"" if response.sink is None else response.sink.open(host)
        if isinstance(leaving, bytes) and kept:
            leaving = host.call("http.write", kept)
        elif kept:
            leaving = _one_by_one(leaving, lambda: host.call("http.write", kept))
        if not isinstance(leaving, bytes):
            self._leaving = asyncio.ensure_future(leaving)
            if response.body is not None:
                response.body.stream.wait_for(self._leaving)

    def leaving(self) -> "asyncio.Future[bytes] | None":
        """Return what is still on its way to the viewer, None when all has left."""
        if self._leaving is not None and not self._leaving.done():
            return self._leaving
        body = self.response.body if self.response is not None else None
        return body.stream.future() if body is not None else None

    def output(self) -> bytes:
        """Return the answer, complete; nothing when it was streamed. Raises GuestThrewError without one."""
        if self.response is None:
            why = (
                f"it answered with the error {self.error}" if self.error else "it returned without an answer"
            )
            raise GuestThrewError(why)
        if self.streamed:
            return b""
        sink = self.response.sink
        data: bytes = msgpack.packb(
            {
                "status": self.response.status,
                "headers": self.response.headers.lines,
                "body": sink.value() if sink else b"",
            }
        )
        return data


async def _one_by_one(first: bytes | Awaitable[bytes], second: Source) -> bytes:
    """Do the second when the first is done."""
    if not isinstance(first, bytes):
        await first
    found = second()
    return found if isinstance(found, bytes) else await found


def world() -> World:
    """Return the running guest's world."""
    found = CURRENT.guest.scratch
    assert isinstance(found, World)
    return found


class Waiting:
    """A suspended call: ``attempt`` is made whenever ``future()`` is done, until it answers other than None."""

    def __init__(
        self, attempt: Callable[[], object], future: Callable[[], "asyncio.Future[bytes] | None"]
    ) -> None:
        self._attempt = attempt
        self._future = future
        self._guest = CURRENT.guest
        self._guest.waiting = future()

    def result(self) -> object:
        """Return the answer, None while there is none."""
        answer = self._attempt()
        self._guest.waiting = self._future() if answer is None else None
        return answer


def attempted(attempt: Callable[[], object], future: Callable[[], "asyncio.Future[bytes] | None"]) -> object:
    """Return the answer at once if it is there, otherwise suspend the guest."""
    answer = attempt()
    return Waiting(attempt, future) if answer is None else answer


@dataclass(slots=True)
class IoError:
    """A wasi:io error."""

    text: str


class Pollable:
    """Something that becomes ready. ``future`` returns what to wait for, None when it is ready."""

    def __init__(self, future: "Callable[[], asyncio.Future[bytes] | None]") -> None:
        self._future = future

    def future(self) -> "asyncio.Future[bytes] | None":
        """Return the future that is done when this is ready, None when it is."""
        found = self._future()
        return None if found is None or found.done() else found

    def forget(self) -> None:
        """Do nothing: what it waits for belongs to others."""


class Timer(Pollable):
    """A pollable that becomes ready at a time."""

    def __init__(self, sleeping: "asyncio.Future[bytes]") -> None:
        super().__init__(lambda: sleeping)
        self._sleeping = sleeping

    def forget(self) -> None:
        """Wake nobody."""
        self._sleeping.cancel()


class InputStream:
    """Bytes that arrive: all at once, or chunk by chunk from a source whose empty chunk is the end."""

    def __init__(self, data: bytes = b"", source: Source | None = None) -> None:
        self._buffer = data
        self._source = source
        self._coming: asyncio.Future[bytes] | None = None

    def future(self) -> "asyncio.Future[bytes] | None":
        """Ask for more if nothing is there; return what to wait for, None when a read gets something."""
        self._settle()
        if self._buffer or self._source is None:
            return None
        if self._coming is None:
            found = self._source()
            if isinstance(found, bytes):
                self._take(found)
                return None
            self._coming = asyncio.ensure_future(found)
        return self._coming

    def read(self, length: int) -> object:
        """Return at most so many bytes, none when none are there yet, or that the stream has ended."""
        if length and self.future() is None and not self._buffer:
            return CLOSED
        size = min(length, CHUNK_BYTES)
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return Ok(taken)

    def read_or_wait(self, length: int) -> object:
        """Return bytes or the end; None when it must be waited for."""
        return None if length and self.future() is not None else self.read(length)

    def forget(self) -> None:
        """Ask for no more."""
        if self._coming is not None:
            self._coming.cancel()

    def _settle(self) -> None:
        if self._coming is not None and self._coming.done():
            coming, self._coming = self._coming, None
            self._take(coming.result())

    def _take(self, chunk: bytes) -> None:
        self._buffer = chunk
        if not chunk:
            self._source = None


class OutputStream:
    """Bytes that leave, to a sink that may ask for patience."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._going: asyncio.Future[bytes] | None = None

    def future(self) -> "asyncio.Future[bytes] | None":
        """Return what to wait for before the next write, None when it may be made."""
        if self._going is not None and self._going.done():
            going, self._going = self._going, None
            going.result()
        return self._going

    def wait_for(self, leaving: "asyncio.Future[bytes]") -> None:
        """Take nothing before this is done."""
        self._going = leaving

    def room(self) -> object:
        """Return how much may be written now."""
        return Ok(Number("u64", 0 if self.future() is not None else CHUNK_BYTES))

    def write(self, data: bytes) -> object:
        """Take bytes. A guest that writes more than it was told it may has broken a rule."""
        if len(data) > CHUNK_BYTES or self.future() is not None:
            raise GuestFaultError("it wrote more than the stream had room for")
        if data:
            found = self._sink(data)
            if found is not None and not isinstance(found, bytes):
                self._going = asyncio.ensure_future(found)
        return Ok()

    def flushed(self) -> object:
        """Return success when all has left; None before."""
        return Ok() if self.future() is None else None


class BodySink:
    """A sink that keeps what it gets, up to the output limit; once opened, it hands everything to the host."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._parts: list[bytes] = []
        self._host: Host | None = None

    def open(self, host: Host) -> bytes:
        """Hand on all that comes; return what was kept until now."""
        self._host = host
        return self.value()

    def __call__(self, data: bytes) -> bytes | Awaitable[bytes] | None:
        """Take bytes; an awaitable asks for patience. Raises LimitReachedError."""
        if self._host is not None:
            return self._host.call("http.write", data)
        self._world.keep(len(data))
        self._parts.append(data)
        return None

    def value(self) -> bytes:
        """Return all that was kept."""
        return b"".join(self._parts)


class LogSink:
    """A sink whose lines go to the function's log."""

    def __init__(self, guest: Guest, level: str) -> None:
        self._output = LogOutput(guest, level)

    def __call__(self, data: bytes) -> None:
        """Log whole lines, as far as the log has room."""
        self._output.write(data[: self._output.wants(len(data))])

    def flush(self) -> None:
        """Log the last line."""
        self._output.flush()


@dataclass(slots=True)
class Fields:
    """Header or trailer fields."""

    lines: Headers
    mutable: bool = True

    def add(self, name: str, values: list[bytes]) -> None:
        """Append lines. A guest that adds more than any message may have has broken a rule."""
        self.lines += [(name, value) for value in values]
        size = sum(len(key) + len(value) for key, value in self.lines)
        if len(self.lines) > _FIELD_LINES_MAX or size > _FIELD_BYTES_MAX:
            raise GuestFaultError(
                f"its fields have more than {_FIELD_LINES_MAX} lines or {_FIELD_BYTES_MAX} bytes"
            )

    def values(self, name: str) -> list[bytes]:
        """Return the values of every line of that name."""
        lower = name.lower()
        return [value for key, value in self.lines if key.lower() == lower]

    def remove(self, name: str) -> None:
        """Drop every line of that name."""
        lower = name.lower()
        self.lines = [line for line in self.lines if line[0].lower() != lower]


@dataclass(slots=True, kw_only=True)
class IncomingMessage:
    """A request to this guest, or a response to one it made."""

    headers: Headers
    body: InputStream
    method: str = "GET"
    scheme: str = "https"
    authority: str = ""
    path: str = "/"
    status: int = 200
    consumed: bool = False


@dataclass(slots=True)
class IncomingBody:
    """A body on its way in."""

    stream: InputStream
    taken: bool = False


@dataclass(slots=True)
class OutgoingBody:
    """A body on its way out."""

    stream: OutputStream
    taken: bool = False
    finished: "Callable[[], None]" = field(default=lambda: None)


@dataclass(slots=True)
class OutgoingResponse:
    """What the guest answers."""

    headers: Fields
    status: int = 200
    body: OutgoingBody | None = None
    sink: BodySink | None = None


@dataclass(slots=True)
class OutgoingRequest:
    """What the guest asks of others."""

    headers: Fields
    method: Variant = field(default_factory=lambda: Variant("get"))
    path: str | None = None
    scheme: Variant | None = None
    authority: str | None = None
    body: OutgoingBody | None = None
    sink: BodySink | None = None


@dataclass(slots=True)
class FutureResponse:
    """A response that is awaited; ``answer`` is there once the whole request has left."""

    answer: "asyncio.Future[bytes]"
    taken: bool = False
    under_way: "list[asyncio.Future[bytes]]" = field(default_factory=list)

    def forget(self) -> None:
        """Want no answer any more."""
        for each in (*self.under_way, self.answer):
            each.cancel()

    def future(self) -> "asyncio.Future[bytes] | None":
        """Return what to wait for, None when the answer is there."""
        return None if self.answer.done() else self.answer

    def outcome(self) -> bytes | HostCallError:
        """Return the answer, or why there is none."""
        try:
            return self.answer.result()
        except HostCallError as error:
            return error
