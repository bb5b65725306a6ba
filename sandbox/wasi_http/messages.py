"""Messages, fields and bodies of wasi:http, version 0.2, as a guest holds them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.capi.values import Variant
from sandbox.contract import HostCallError
from sandbox.guest import GuestFaultError
from sandbox.wasi_http.streams import BodySink, InputStream, OutputStream

Headers = list[tuple[str, bytes]]
FIELD_LINES_MAX = 200  # as in the heads of viewers and origins
FIELD_BYTES_MAX = 32 * 1024


@dataclass(slots=True)
class IoError:
    """A wasi:io error."""

    text: str


@dataclass(slots=True)
class Fields:
    """Header or trailer fields."""

    lines: Headers
    mutable: bool = True

    def add(self, name: str, values: list[bytes]) -> None:
        """Append lines. A guest that adds more than any message may have has broken a rule."""
        self.lines += [(name, value) for value in values]
        size = sum(len(key) + len(value) for key, value in self.lines)
        if len(self.lines) > FIELD_LINES_MAX or size > FIELD_BYTES_MAX:
            raise GuestFaultError(
                f"its fields have more than {FIELD_LINES_MAX} lines or {FIELD_BYTES_MAX} bytes"
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
    done: bool = False
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
