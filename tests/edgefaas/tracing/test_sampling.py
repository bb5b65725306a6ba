"""Which requests are traced."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from edgefaas.message import Request
from edgefaas.site import TelemetryPolicy
from edgefaas.tracing.context import TraceContext
from edgefaas.tracing.sampling import Sampler
from edgefaas.tracing.tracer import Tracer, no_spans

ASKED = TraceContext("a" * 32, "b" * 16, sampled=True)
NOT_ASKED = TraceContext("a" * 32, "b" * 16, sampled=False)


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def sampler(
    ratio: float = 1, per_second: float = 1_000, *, dice: float = 0.5, clock: Clock | None = None
) -> Sampler:
    return Sampler(ratio, per_second, mono_s=clock or Clock(), dice=lambda: dice)


def test_who_is_in_a_trace_decides_whatever_the_ratio_is() -> None:
    for ratio in (0.0, 0.5, 1.0):
        assert sampler(ratio).samples(ASKED)
        assert not sampler(ratio).samples(NOT_ASKED)


def test_the_ratio_is_for_those_without_a_trace() -> None:
    assert sampler(0.5, dice=0.499).samples(None)
    assert not sampler(0.5, dice=0.5).samples(None)
    assert sampler(1, dice=0.999_999).samples(None)
    assert not sampler(0, dice=0.0).samples(None)


@given(
    st.integers(1, 50),
    st.lists(st.tuples(st.sampled_from([None, ASKED]), st.floats(0, 0.5)), min_size=1, max_size=200),
)
def test_nobody_can_have_more_recorded_than_the_rate(
    per_second: int, asked: list[tuple[TraceContext | None, float]]
) -> None:
    clock = Clock()
    limited = sampler(1, per_second, clock=clock)
    recorded = 0
    for parent, after_s in asked:
        clock.now_s += after_s
        recorded += limited.samples(parent)
    assert recorded <= per_second + clock.now_s * per_second + 1e-6
    assert recorded + limited.over == len(asked)


def test_the_allowance_comes_back_with_time() -> None:
    clock = Clock()
    limited = sampler(1, 2, clock=clock)
    assert [limited.samples(None) for _ in range(3)] == [True, True, False]
    clock.now_s = 0.5
    assert [limited.samples(None) for _ in range(2)] == [True, False]


def test_what_was_drawn_for_a_request_that_has_to_wait_is_not_the_next_ones() -> None:
    async def main() -> None:
        one_only = TelemetryPolicy(otlp="http://127.0.0.1:1", sample_ratio=1, traces_per_second=1e-6)
        tracer = Tracer(one_only, no_spans)
        first, second = Request(method="GET", path="/1"), Request(method="GET", path="/2")
        assert tracer.draws(traced=False)
        kept = tracer.set_aside()
        assert not tracer.draws(traced=False)
        assert not tracer.begin(second).recorded
        tracer.bring_back(kept)
        assert tracer.begin(first).recorded

    asyncio.run(main())
