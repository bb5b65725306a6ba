"""All that one wasi:http guest holds: its resources, its answer, what it waits for. One ``World`` per invocation."""

import asyncio
from collections.abc import Awaitable, Callable

import msgpack

from sandbox.capi.values import Own
from sandbox.contract import Limit
from sandbox.guest import CURRENT, Guest, GuestFaultError, GuestThrewError, LimitReachedError
from sandbox.wasi_http.messages import FutureResponse, OutgoingResponse
from sandbox.wasi_http.streams import InputStream, LogSink, Pollable, Source

_RESOURCES_MAX = 10_000
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

    def log(self, level: str) -> LogSink:
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

    def respond(self, response: OutgoingResponse) -> None:
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
        if response.body is None or response.body.done:
            self._complete()
        else:
            response.body.finished = self._complete

    def _complete(self) -> None:
        """Say that the whole body has been written: the viewer need not wait for the guest's own end."""
        if self._leaving is None or self._leaving.done():
            self.guest.host.call("http.finish", b"")
        else:
            self._leaving.add_done_callback(lambda left: None if left.cancelled() else self._complete())

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
            if self.response.body is not None and not self.response.body.done:
                raise GuestThrewError("it returned before it had finished the body of its answer")
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
