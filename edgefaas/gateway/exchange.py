"""One request to a guest that answers as the origin, and its answer: what the guest's host operations do.

Knows neither how the guest runs nor who reads the answer; ``gateway`` connects the two.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import msgpack

from edgefaas.errors import EdgeError, FunctionError, FunctionValidationError, RequestError
from edgefaas.gateway import component
from edgefaas.gateway.answers import Answer, wrong
from edgefaas.gateway.cgi import HeadReader
from edgefaas.gateway.flow import Flow
from edgefaas.guesthost import Operation
from edgefaas.message import Body, Request
from sandbox.contract import HostCallError, Kind


class Exchange:
    """``head`` is done when the answer's head is there, or will never be: then it has the error."""

    def __init__(self, kind: Kind, request: Request, on_close: Callable[[], None]) -> None:
        self._method = request.method
        self._body: Body = request.body
        self._on_close = on_close
        self._reader = HeadReader() if kind is Kind.CGI else None
        self._broken: RequestError | None = None
        self.head: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.flow: Flow | None = None  # once there is a head

    @property
    def operations(self) -> Mapping[str, Operation]:
        """Return what the guest may ask of its host beside what every guest may."""
        if self._reader is not None:
            return {
                "stdin.read": lambda _function, _nothing: self._read(),
                "stdout.write": lambda _function, data: self._print(data),
            }
        return {
            "http.read": lambda _function, _nothing: self._read(),
            "http.respond": lambda _function, head: self._respond(head),
            "http.write": lambda _function, data: self._write(data),
            "http.finish": lambda _function, _nothing: self._finish(),
        }

    def ended(self, error: FunctionError | None) -> None:
        """Take note that the guest has ended, well (None) or not."""
        if error is None and not self.head.done():
            try:
                self._end_without_head()
            except FunctionError as found:
                error = found
        if error is None:
            self._finish()
        elif not self.head.done():
            # What the viewer did is not the guest's failure.
            self.head.set_exception(self._broken or error)
            self.head.exception()  # whoever asked may be gone
        elif self.flow is not None:
            self.flow.fail(self._broken or error)

    @property
    def refusal(self) -> FunctionValidationError | None:
        """Return which rule the answer broke, once the guest has ended; None for none."""
        found = self.head.exception() or (self.flow.error if self.flow is not None else None)
        return found if isinstance(found, FunctionValidationError) else None

    def _end_without_head(self) -> None:
        if self._reader is not None:
            self._reader.finish()
        raise wrong("is missing", "Answer before you return.")

    def _read(self) -> bytes | Awaitable[bytes]:
        """Return the next piece of the request's body, empty at its end."""
        if isinstance(self._body, bytes):
            whole, self._body = self._body, b""
            return whole
        if self.flow is not None:
            self.flow.hurry()
        return self._next_piece()

    async def _next_piece(self) -> bytes:
        assert not isinstance(self._body, bytes)
        try:
            async for piece in self._body:
                if piece:
                    return piece
        except EdgeError as error:
            if isinstance(error, RequestError):
                self._broken = error
            raise HostCallError(f"the rest of the request's body does not come: {error}") from error
        return b""

    def _respond(self, head: bytes) -> bytes:
        told = msgpack.unpackb(head)
        self._begin(component.answer_of(told["status"], told["headers"]))
        return b""

    def _print(self, data: bytes) -> bytes | Awaitable[bytes]:
        """Take what a command writes: its header section first."""
        if self.head.done():
            return self._write(data)
        assert self._reader is not None
        try:
            found = self._reader.feed(data)
            if found is None:
                return b""
            answer, rest = found
            self._begin(answer)
        except FunctionError as error:
            self._refuse(error)
            return b""
        return self._write(rest)

    def _begin(self, answer: Answer) -> None:
        self.flow = Flow(answer.length if answer.has_body(self._method) else None, self._on_close)
        self._has_body = answer.has_body(self._method) and not answer.local
        self.head.set_result(answer)

    def _refuse(self, error: FunctionError) -> None:
        self.head.set_exception(error)
        self.head.exception()

    def _write(self, data: bytes) -> bytes | Awaitable[bytes]:
        return self.flow.push(data) if self.flow is not None and self._has_body else b""

    def _finish(self) -> bytes:
        if self.flow is not None:
            self.flow.finish()
        return b""
