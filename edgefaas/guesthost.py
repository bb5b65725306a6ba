"""What one run of a function may ask of its host, and the lines that it logs."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from edgefaas.contract import LiveFunction, LogLine, LogSink
from edgefaas.redaction import redacted
from edgefaas.tracing.spans import Span
from sandbox.contract import HostCallError

Operation = Callable[[LiveFunction, bytes], bytes | Awaitable[bytes]]
"""One thing a guest may ask of its host, by name (``kv``)."""

Outgoing = Callable[[LiveFunction, bytes, Span | None], bytes | Awaitable[bytes]]
"""One that asks others in turn, and tells them for which step of which trace (``fetch``)."""


@dataclass(frozen=True, slots=True)
class Offers:
    """What guests may ask for, by name."""

    operations: dict[str, Operation] = field(default_factory=dict)
    outgoing: dict[str, Outgoing] = field(default_factory=dict)


class GuestHost:
    """What one invocation may ask for; a new one for each."""

    __slots__ = ("_clock", "_function", "_offers", "_request_id", "_sink", "_span")

    def __init__(
        self,
        function: LiveFunction,
        request_id: str,
        sink: LogSink,
        clock: Callable[[], float],
        offers: Offers,
        span: Span | None = None,
    ) -> None:
        self._function = function
        self._request_id = request_id
        self._sink = sink
        self._clock = clock
        self._offers = offers
        self._span = span

    @property
    def environment(self) -> Mapping[str, str]:
        """The function's own variables."""
        return self._function.environment

    def log(self, level: str, text: str) -> None:
        """Hand one line on, marked with the function and the request that the viewer saw."""
        self._sink(log_line(self._function, self._request_id, level, text, at_s=self._clock()))

    def call(self, name: str, payload: bytes) -> bytes | Awaitable[bytes]:
        """Do one operation, or refuse it by name."""
        operation = self._offers.operations.get(name)
        if operation is not None:
            return operation(self._function, payload)
        outgoing = self._offers.outgoing.get(name)
        if outgoing is None:
            raise HostCallError(f"{name} is not available to functions of this POP")
        return outgoing(self._function, payload, self._span)


def log_line(function: LiveFunction, request_id: str, level: str, text: str, *, at_s: float) -> LogLine:
    """Return a line of a function's log, without its secrets; ``at_s`` is Unix time."""
    return LogLine(
        at_s=at_s,
        request_id=request_id,
        level=level,
        text=redacted(function, text),
        function=function.name,
        version=function.version,
    )
