"""A worker's end of tracing: begins the span of each request, and hands ended spans on in batches.

Never in a request's way: ending a span appends it to a list; the list is bounded, what finds it full is counted.
"""

import asyncio
import random
import time
from collections.abc import Callable, Sequence

from edgefaas.message import Headers, Request
from edgefaas.site import TelemetryPolicy
from edgefaas.tracing.context import TraceContext, read_context
from edgefaas.tracing.sampling import Sampler
from edgefaas.tracing.spans import Kind, PlainSpan, Span, Trace, plain_span

FLUSH_EVERY_S = 0.2
BATCH_SPANS = 128  # packing one takes about 4 µs, and nothing may hold the loop for longer than a millisecond
PENDING_SPANS_MAX = 4_096

SpanSink = Callable[[list[PlainSpan], int], bool]
"""Takes a batch and how many spans were dropped since the last; False when it takes no more for now."""


class Tracer:
    """Traces of one worker. Make it inside the running loop."""

    def __init__(self, policy: TelemetryPolicy, sink: SpanSink) -> None:
        self._sink = sink
        self._loop = asyncio.get_running_loop()
        self._sampler = Sampler(
            policy.sample_ratio,
            policy.traces_per_second,
            mono_s=time.monotonic,
            dice=random.random,
        )
        self._drawn: bool | None = None
        self._pending: list[Span] = []
        self._timer: asyncio.TimerHandle | None = None
        self._dropped = 0

    # -- sampling ------------------------------------------------------------------------------------------

    def draws(self, *, traced: bool) -> bool:
        """Say whether the next request is to be traced, before it is made. ``traced``: it has a ``traceparent``.

        The answer counts for the next ``begin``; who answers the request without one says ``undraw``.
        """
        if traced:  # its fields decide
            return True
        self._drawn = self._sampler.samples_root()
        return self._drawn

    def wants_next(self, *, traced: bool) -> bool:
        """Say whether the request that ``draws`` was asked about is to be traced, or passes a trace on."""
        return traced or self._drawn is True

    def undraw(self) -> None:
        """Forget what was drawn: the request is answered."""
        self._drawn = None

    def set_aside(self) -> bool | None:
        """Return what was drawn, for ``bring_back``: the request has to wait, and others are asked about before it."""
        drawn, self._drawn = self._drawn, None
        return drawn

    def bring_back(self, drawn: bool | None) -> None:  # noqa: FBT001 # a value, not a switch
        """Take what was drawn for the request that goes on now."""
        self._drawn = drawn

    def begin(self, request: Request) -> Span:
        """Return the span of a request that has come in; its trace is the sender's, or a new one."""
        drawn, self._drawn = self._drawn, None
        parent = sender_of(request.headers)
        recorded = self._sampler.samples(parent) if parent is not None or drawn is None else drawn
        anchor_ns = time.time_ns() - time.perf_counter_ns()  # the clock's edge of tracing
        trace = Trace(
            parent,
            recorded=recorded,
            now_ns=lambda: anchor_ns + time.perf_counter_ns(),
            ended=self._take,
        )
        span_id = parent.span_id if parent is not None else ""
        return Span(trace, request.method, Kind.SERVER, parent_id=span_id, remote=parent is not None)

    # -- handing on ----------------------------------------------------------------------------------------

    def _take(self, span: Span) -> None:
        if len(self._pending) >= PENDING_SPANS_MAX:
            self._dropped += 1
            return
        self._pending.append(span)
        if self._timer is None:
            self._timer = self._loop.call_later(FLUSH_EVERY_S, self.flush)

    def flush(self) -> None:
        """Hand on one batch; the rest follows in later turns of the loop."""
        self._timer = None
        batch = self._pending[:BATCH_SPANS]
        if not batch and not self._dropped:
            return
        if not self._sink([plain_span(span) for span in batch], self._dropped):
            self._timer = self._loop.call_later(FLUSH_EVERY_S * 5, self.flush)
            return
        self._dropped = 0
        del self._pending[: len(batch)]
        if self._pending:
            self._timer = self._loop.call_later(0, self.flush)

    def close(self) -> None:
        """Hand on everything that is left."""
        if self._timer is not None:
            self._timer.cancel()
        for start in range(0, len(self._pending), BATCH_SPANS):
            batch = [plain_span(span) for span in self._pending[start : start + BATCH_SPANS]]
            if not self._sink(batch, self._dropped):
                break
            self._dropped = 0
        self._pending.clear()


def with_context(headers: Headers, span: Span) -> Headers:
    """Return a copy of ``headers`` that says who asks: ``span``; ``headers`` where its trace tells nobody."""
    if not span.trace.tells:
        return headers
    context = span.context
    return within_trace(headers, context.traceparent, context.state)


def within_trace(headers: Headers, traceparent: str, state: str) -> Headers:
    """Return a copy of ``headers`` with these values of ``traceparent`` and ``tracestate`` ("" for none)."""
    sent = headers.copy()
    sent.remove("traceparent", "tracestate")
    sent.add("traceparent", traceparent)
    if state:
        sent.add("tracestate", state)
    return sent


def sender_of(headers: Headers) -> TraceContext | None:
    """Return what the fields of a request say about its trace; None where one begins here."""
    if "traceparent" not in headers:
        return None
    return read_context(headers.values("traceparent"), headers.values("tracestate"))


def no_spans(_spans: Sequence[PlainSpan], _dropped: int) -> bool:
    """Take spans and forget them."""
    return True
