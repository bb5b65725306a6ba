"""The functions that are live in this worker, and one invocation of each.

The seam to ``sandbox``: what a guest may ask of its host is in ``guesthost``, how its end is told in ``failures``.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import msgpack
import orjson

from edgefaas.arms import canary_of
from edgefaas.contract import LiveFunction, LogSink
from edgefaas.errors import DeployError, UnknownFunctionError
from edgefaas.failures import failure
from edgefaas.guesthost import GuestHost, Offers, Operation, Outgoing, log_line
from edgefaas.message import Request
from edgefaas.telemetry import Meter
from edgefaas.tracing.semantics import note_run
from edgefaas.tracing.spans import Span
from sandbox.contract import Finished, Host, Limits, Outcome, Threw, Trapped
from sandbox.errors import SandboxError

MSGPACK = "msgpack"
SERVER_ERROR = 500


class Program(Protocol):
    """A loaded function (opaque here)."""


class Invocation(Protocol):
    """One run of a program: done at once, or to be awaited."""

    @property
    def outcome(self) -> Outcome | None:
        """How it ended; None while it runs."""
        ...

    async def wait(self) -> Outcome:
        """Return the outcome when there is one."""
        ...

    def cancel(self) -> None:
        """End it now."""
        ...


@dataclass(slots=True)
class Loaded:
    """A version that can be run."""

    function: LiveFunction
    program: Program


class Guests:
    """Live functions by the name that they are run under; see ``arms``."""

    def __init__(
        self,
        *,
        load: Callable[[str], Program],
        begin: Callable[[Program, bytes, Limits, Host], Invocation],
        retire: Callable[[Program], None] = lambda _program: None,
        sink: LogSink,
        clock: Callable[[], float],
        meter: Meter | None = None,
    ) -> None:
        self._load = load
        self._begin = begin
        self._retire = retire
        self._sink = sink
        self._clock = clock
        self._meter = meter or Meter()
        self._offers = Offers()
        self._live: dict[str, Loaded] = {}

    def offer(self, name: str, operation: Operation) -> None:
        """Let guests call ``operation`` under ``name``."""
        self._offers.operations[name] = operation

    def offer_outgoing(self, name: str, operation: Outgoing) -> None:
        """Let guests call ``operation``, which asks others, under ``name``."""
        self._offers.outgoing[name] = operation

    def activate(self, functions: Mapping[str, LiveFunction]) -> None:
        """Make exactly these live, all or none. Raises DeployError and keeps what was live."""
        programs: dict[str, Program] = {}
        for name, function in functions.items():
            known = self._live.get(name)
            if known is not None and known.function.artifact == function.artifact:
                programs[name] = known.program
                continue
            try:
                programs[name] = self._load(function.artifact)
            except SandboxError as error:
                raise DeployError(
                    f'function "{name}" cannot be loaded: {error}', remedy=error.remedy
                ) from error
        kept = {id(program) for program in programs.values()}
        for loaded in self._live.values():
            if id(loaded.program) not in kept:
                self._retire(loaded.program)
        self._live = {name: Loaded(function, programs[name]) for name, function in functions.items()}

    def __contains__(self, name: str) -> bool:
        return name in self._live

    def get(self, name: str) -> LiveFunction:
        """Return what is live under ``name``. Raises UnknownFunctionError."""
        return self.find(name).function

    def look(self, name: str) -> Loaded | None:
        """Return what is live under ``name``; None when nothing is."""
        return self._live.get(name)

    def find(self, name: str, canaries: frozenset[str] | None = None) -> Loaded:
        """Return what to run for ``name`` in a request with these canaries. Raises UnknownFunctionError.

        A canary that has ended meanwhile gives way to what is live.
        """
        if canaries and name in canaries and (canary := self._live.get(canary_of(name))) is not None:
            return canary
        found = self._live.get(name)
        if found is None:
            raise UnknownFunctionError(f'no function "{name}" is live here', remedy=f"Deploy {name}.")
        return found

    def serving(self, name: str, request: Request, started: Loaded | None = None) -> Loaded:
        """Return what to run for ``name`` in this request, or ``started`` already; note in it which version that is.

        Raises UnknownFunctionError.
        """
        loaded = started or self.find(name, request.canaries)
        if request.ran is not None:
            request.ran[name] = loaded.function.version
        return loaded

    def start(
        self,
        loaded: Loaded,
        event: bytes,
        request_id: str,
        sink: LogSink | None = None,
        span: Span | None = None,
        operations: Mapping[str, Operation] | None = None,
    ) -> Invocation:
        """Start what was found on an event in its own encoding; who does it for a viewer then calls ``rest``.

        ``operations`` are this run's own.
        """
        function, offers = loaded.function, self._offers
        if operations:
            offers = Offers({**offers.operations, **operations}, offers.outgoing)
        host = GuestHost(function, request_id, sink or self._sink, self._clock, offers, span)
        return self._begin(loaded.program, event, function.limits, host)

    async def run(
        self,
        name: str,
        event: bytes,
        request_id: str,
        sink: LogSink | None = None,
        span: Span | None = None,
    ) -> Outcome:
        """Run the function once on ``event`` and return how it ended; ``span`` is its step of a trace.

        Ends without suspending when the guest is done within its first slice. Cancelling the caller stops
        the guest. Raises UnknownFunctionError.
        """
        loaded = self.find(name)
        function = loaded.function
        invocation = self.start(loaded, _packed(function, event), request_id, sink, span)
        outcome = await _waited(invocation, span)
        if span is not None:
            _end_span(span, function, outcome)
        return _unpacked(function, outcome)

    async def rest(self, function: LiveFunction, invocation: Invocation, span: Span | None = None) -> Outcome:
        """Return how a run for a viewer ended, when it has. Whoever gives up waiting stops it."""
        outcome = await _waited(invocation, span)
        self.ended(function, outcome, span)
        return outcome

    def ended(self, function: LiveFunction, outcome: Outcome, span: Span | None = None) -> None:
        """Count a run for a viewer that has ended, and end its step of a trace."""
        self._meter.ran(function, outcome)
        if span is not None:
            _end_span(span, function, outcome)

    async def output(self, loaded: Loaded, event: bytes, request_id: str, span: Span | None = None) -> bytes:
        """Run what ``find`` returned once for a viewer, count it, and return its output.

        Raises FunctionExecutionError or FunctionThrottledError; the reason is also a line in its log.
        """
        function = loaded.function
        invocation = self.start(loaded, _packed(function, event), request_id, None, span)
        outcome = await self.rest(function, invocation, span)
        return self.told(function, _unpacked(function, outcome), request_id)

    def told(self, function: LiveFunction, outcome: Outcome, request_id: str) -> bytes:
        """Return the output of a run. Raises as ``output`` does."""
        if isinstance(outcome, Finished):
            return outcome.output
        error = failure(function, outcome)
        detail = outcome.detail if isinstance(outcome, Threw) else ""
        self.note(function, request_id, "error", f"{error}\n{detail}" if detail else str(error))
        raise error

    def refuse(self, loaded: Loaded, request_id: str, text: str) -> None:
        """Count a result that the trigger may not return as the function's error, and say so in its log."""
        self._meter.refused(loaded.function)
        self.note(loaded.function, request_id, "error", text)

    def answered(self, loaded: Loaded, status: int) -> None:
        """Count a response that the function made, or gave another status."""
        if status >= SERVER_ERROR:
            self._meter.failed(loaded.function)

    def note(self, function: LiveFunction, request_id: str, level: str, text: str) -> None:
        """Write a line of the POP's own into the function's log."""
        self._sink(log_line(function, request_id, level, text, at_s=self._clock()))


async def _waited(invocation: Invocation, span: Span | None) -> Outcome:
    outcome = invocation.outcome
    if outcome is None:
        try:
            outcome = await invocation.wait()
        except (asyncio.CancelledError, GeneratorExit):
            invocation.cancel()
            if span is not None:
                span.end(error="cancelled")
            raise
    return outcome


def _packed(function: LiveFunction, event: bytes) -> bytes:
    return msgpack.packb(orjson.loads(event)) if function.encoding == MSGPACK else event


def _unpacked(function: LiveFunction, outcome: Outcome) -> Outcome:
    if function.encoding == MSGPACK and isinstance(outcome, Finished):
        return _from_msgpack(outcome)
    return outcome


def _end_span(span: Span, function: LiveFunction, outcome: Outcome) -> None:
    note_run(span, function, outcome.usage)
    span.end(error="" if isinstance(outcome, Finished) else type(outcome).__name__)


def _from_msgpack(outcome: Finished) -> Outcome:
    """Return the outcome with its output as JSON; octets in it become text where they are UTF-8."""
    try:
        value = msgpack.unpackb(outcome.output, raw=False, strict_map_key=True)
        return replace(outcome, output=orjson.dumps(value))
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        return Trapped(message=f"its result is not msgpack that JSON can hold: {error}", usage=outcome.usage)
