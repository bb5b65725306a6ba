"""What is recorded of a request: spans, each with a name, a time and what is known of it.

No sockets; the clock is the trace's. A span that is not recorded costs an object and knows only who asks, so that
the sender's decision is passed on. Source: OpenTelemetry specification 1.x, "Tracing API" and "Tracing SDK".
"""

import random
from collections.abc import Callable
from enum import IntEnum

from edgefaas.tracing.context import TraceContext

ATTRIBUTE_CHARS_MAX = 1_024
SPANS_MAX = 256  # of one request: a function may fetch a thousand times

Attribute = str | int | float | bool
PlainSpan = list[object]
"""``[trace, span, parent, state, remote, name, kind, start_ns, end_ns, attributes, error]``; see ``plain_span``."""

_dice = random.SystemRandom()
_ids = random.Random(_dice.getrandbits(256))  # noqa: S311  # identifiers need to be different, not secret


class Kind(IntEnum):
    """What a span is to others, by OTLP's numbers."""

    INTERNAL = 1
    SERVER = 2
    CLIENT = 3


class Trace:
    """What the spans of one request share. ``now_ns`` gives Unix nanoseconds; ``ended`` takes recorded spans.

    ``tells`` is false where nobody who is asked hears of the trace: it is for this POP alone. ``kept`` are the spans
    that have ended, where somebody wants to see them at the end of the request.
    """

    __slots__ = ("ended", "kept", "left", "now_ns", "recorded", "state", "tells", "trace_id")

    def __init__(
        self,
        parent: TraceContext | None,
        *,
        recorded: bool,
        now_ns: Callable[[], int],
        ended: Callable[["Span"], None],
        tells: bool = True,
    ) -> None:
        self.trace_id = parent.trace_id if parent is not None else new_trace_id()
        self.state = parent.state if parent is not None else ""
        self.recorded = recorded
        self.now_ns = now_ns
        self.ended = ended
        self.tells = tells
        self.kept: list[Span] | None = None
        self.left = SPANS_MAX


class Span:
    """One step. It is its parent's to make (``child``), and is reported once, when it ends."""

    __slots__ = (
        "attributes",
        "end_ns",
        "error",
        "kind",
        "name",
        "parent_id",
        "remote",
        "reported",
        "span_id",
        "start_ns",
        "trace",
    )

    def __init__(
        self,
        trace: Trace,
        name: str,
        kind: Kind = Kind.INTERNAL,
        *,
        parent_id: str = "",
        remote: bool = False,
    ) -> None:
        self.trace = trace
        self.name = name
        self.kind = kind
        self.span_id = new_span_id()
        self.parent_id = parent_id
        self.remote = remote  # whether the parent is in another process
        self.reported = trace.recorded and trace.left > 0
        self.start_ns = trace.now_ns() if self.reported else 0
        self.end_ns = 0
        self.attributes: dict[str, Attribute] = {}
        self.error = ""
        trace.left -= 1

    @property
    def recorded(self) -> bool:
        """Whether the trace is recorded."""
        return self.trace.recorded

    def child(self, name: str, kind: Kind = Kind.INTERNAL) -> "Span":
        """Return a step of this one that begins now; this very span where the trace is not recorded."""
        if not self.trace.recorded:
            return self
        return Span(self.trace, name, kind, parent_id=self.span_id)

    def end(self, *, error: str = "") -> None:
        """End it and report it, once. ``error`` is a class of errors, "" where nothing went wrong."""
        if self.end_ns or not self.reported:
            return
        self.end_ns = max(self.start_ns, self.trace.now_ns())
        self.error = error
        self.trace.ended(self)

    @property
    def context(self) -> TraceContext:
        """Return what is to be sent to whom this step asks."""
        trace = self.trace
        return TraceContext(trace.trace_id, self.span_id, trace.recorded, trace.state)


def plain_span(span: Span) -> PlainSpan:
    """Return a span as it travels over the control channel."""
    trace = span.trace
    return [
        trace.trace_id,
        span.span_id,
        span.parent_id,
        trace.state,
        span.remote,
        span.name,
        int(span.kind),
        span.start_ns,
        span.end_ns,
        {name: _cut(value) for name, value in span.attributes.items()},
        span.error,
    ]


def is_plain_span(value: object) -> bool:
    """Say whether ``value`` is a span as ``plain_span`` makes it: workers run strangers' code."""
    match value:
        case [
            str(trace_id),
            str(span_id),
            str(parent_id),
            str(),
            bool(),
            str(),
            int(kind),
            int(start_ns),
            int(end_ns),
            dict(attributes),
            str(),
        ]:
            return (
                _hexadecimal(trace_id, 32)
                and _hexadecimal(span_id, 16)
                and (not parent_id or _hexadecimal(parent_id, 16))
                and kind in Kind.__members__.values()
                and 0 <= start_ns <= end_ns < 1 << 63
                and all(type(key) is str and _is_attribute(item) for key, item in attributes.items())
            )
    return False


def _is_attribute(value: object) -> bool:
    return type(value) in (str, bool, float) or (type(value) is int and -(1 << 63) <= value < 1 << 63)


def _hexadecimal(text: str, digits: int) -> bool:
    return len(text) == digits and not text.strip("0123456789abcdef") and text != "0" * digits


def _cut(value: Attribute) -> Attribute:
    return value[:ATTRIBUTE_CHARS_MAX] if isinstance(value, str) else value


def new_trace_id() -> str:
    """Return 32 hexadecimal digits, not all zero."""
    return f"{_ids.getrandbits(128) or 1:032x}"


def new_span_id() -> str:
    """Return 16 hexadecimal digits, not all zero."""
    return f"{_ids.getrandbits(64) or 1:016x}"
