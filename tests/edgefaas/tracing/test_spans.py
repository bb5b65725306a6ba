"""What is recorded, how it travels, and what a worker may not pass off as a span."""

from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.tracing.context import TraceContext
from edgefaas.tracing.semantics import without_secrets
from edgefaas.tracing.spans import SPANS_MAX, Kind, Span, Trace, is_plain_span, plain_span

PARENT = TraceContext("a" * 32, "b" * 16, sampled=True, state="x=1")


def trace(*, recorded: bool = True, parent: TraceContext | None = PARENT) -> tuple[Trace, list[Span]]:
    ended: list[Span] = []
    instants = iter(range(1, 10_000))
    return Trace(parent, recorded=recorded, now_ns=lambda: next(instants), ended=ended.append), ended


attributes = st.dictionaries(
    st.text(max_size=20),
    st.text(max_size=20) | st.integers(-(2**63), 2**63 - 1) | st.booleans() | st.floats(),
    max_size=5,
)


@given(attributes, st.sampled_from(Kind), st.text(max_size=30), st.text(max_size=10))
def test_a_span_arrives_as_it_ended(known: dict[str, Any], kind: Kind, name: str, error: str) -> None:
    kept, ended = trace()
    span = Span(kept, name, kind, parent_id=PARENT.span_id, remote=True)
    span.attributes.update(known)
    span.end(error=error)
    plain = msgpack.unpackb(
        msgpack.packb(plain_span(ended[0]), unicode_errors="surrogatepass"), unicode_errors="surrogatepass"
    )
    assert is_plain_span(plain)
    assert plain[:7] == [PARENT.trace_id, span.span_id, PARENT.span_id, "x=1", True, name, kind]
    assert plain[7] < plain[8]
    assert plain[10] == error


def test_a_step_belongs_to_its_parent_and_ends_once() -> None:
    kept, ended = trace(parent=None)
    server = Span(kept, "GET", Kind.SERVER)
    step = server.child("cache lookup")
    step.end()
    step.end(error="again")
    server.end()
    assert [(span.name, span.parent_id, span.error) for span in ended] == [
        ("cache lookup", server.span_id, ""),
        ("GET", "", ""),
    ]
    assert step.context == TraceContext(kept.trace_id, step.span_id, sampled=True)


def test_what_is_not_recorded_is_not_reported_and_still_passes_on_who_asks() -> None:
    kept, ended = trace(recorded=False)
    server = Span(kept, "GET", Kind.SERVER)
    step = server.child("origin")
    assert step is server
    step.end()
    assert not ended
    assert step.context.traceparent == f"00-{PARENT.trace_id}-{server.span_id}-00"
    assert step.context.state == "x=1"


def test_a_request_has_so_many_steps_and_the_last_are_left_out() -> None:
    kept, ended = trace()
    server = Span(kept, "GET", Kind.SERVER)
    for _ in range(SPANS_MAX + 5):
        server.child("fetch").end()
    server.end()
    assert len(ended) == SPANS_MAX
    assert ended[-1] is server


def test_a_clock_that_jumps_back_makes_no_span_end_before_it_began() -> None:
    ended: list[Span] = []
    instants = iter([100, 50])
    span = Span(Trace(None, recorded=True, now_ns=lambda: next(instants), ended=ended.append), "GET")
    span.end()
    assert ended[0].start_ns == ended[0].end_ns == 100


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (0, "0" * 32),
        (0, "A" * 32),
        (0, "a" * 31),
        (1, ""),
        (2, "b"),
        (3, None),
        (4, 1),
        (6, 4),
        (6, "2"),
        (7, -1),
        (8, 0),
        (8, 1 << 63),
        (9, {"a": None}),
        (9, {"a": [1]}),
        (9, {1: "a"}),
        (9, {"a": 1 << 63}),
        (10, None),
    ],
)
def test_what_is_no_span_is_told_from_one(place: int, value: object) -> None:
    kept, ended = trace()
    Span(kept, "GET", Kind.SERVER, parent_id="b" * 16).end()
    plain = plain_span(ended[0])
    assert is_plain_span(plain)
    plain[place] = value
    assert not is_plain_span(plain)


@given(
    st.recursive(st.none() | st.integers() | st.text(max_size=3), lambda inner: st.lists(inner, max_size=12))
)
def test_garbage_is_no_span(value: object) -> None:
    assert not is_plain_span(value)


def test_the_values_that_sign_a_url_are_left_out() -> None:
    assert (
        without_secrets("a=1&Signature=x%20y&Policy=p&x-amz-signature=z&designature=keep&sig=s")
        == "a=1&Signature=REDACTED&Policy=REDACTED&x-amz-signature=REDACTED&designature=keep&sig=REDACTED"
    )
