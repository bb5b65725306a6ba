"""Loads: who is busy costs more, stale news is corrected by what was sent since, old news is forgotten."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.load import STALE_S, Loads, PopLoad, wait_ms


def load(in_flight: int, capacity: int = 8, service_ms: float = 20.0) -> PopLoad:
    return PopLoad(in_flight=in_flight, capacity=capacity, service_ms=service_ms)


@given(st.integers(0, 500), st.integers(1, 100), st.floats(0.1, 1_000))
def test_more_in_flight_never_waits_less(in_flight: int, capacity: int, service_ms: float) -> None:
    assert 0 <= wait_ms(in_flight, capacity, service_ms) <= wait_ms(in_flight + 1, capacity, service_ms)


def test_below_the_knee_nobody_waits() -> None:
    assert wait_ms(6, 8, 20) == 0
    assert wait_ms(7, 8, 20) > 0


def test_a_full_pop_waits_for_its_turn() -> None:
    assert wait_ms(16, 8, 20) == pytest.approx(10 + 20 * 9 / 8)


def test_a_pop_that_tells_no_capacity_is_not_waited_for() -> None:
    assert wait_ms(10, 0, 20) == 0


def test_what_was_sent_since_the_news_is_added_and_what_came_back_taken_off() -> None:
    loads = Loads(2)
    loads.told(0, load(4), 0.0)
    for _ in range(6):
        loads.sent(0)
    assert loads.in_flight(0) == 10
    assert loads.waits[0] > 0
    assert not loads.quiet
    for _ in range(6):
        loads.finished(0)
    assert loads.in_flight(0) == 4
    assert loads.quiet


def test_other_routers_are_assumed_to_send_as_this_one_does() -> None:
    loads = Loads(1)
    for _ in range(4):
        loads.sent(0)
    loads.told(0, load(16, capacity=100), 0.0)  # a quarter of it is ours
    loads.sent(0)
    assert loads.in_flight(0) == 20


def test_news_is_forgotten_after_ten_seconds() -> None:
    loads = Loads(1)
    loads.told(0, load(80), 0.0)
    loads.forget_stale(STALE_S)
    assert loads.waits[0] > 0
    loads.forget_stale(STALE_S + 0.1)
    assert loads.waits[0] == 0
    assert loads.describe(0) is None


def test_a_slow_pop_costs_what_it_is_slower_than_the_others() -> None:
    loads = Loads(3)
    for pop, service_ms in enumerate((20.0, 20.0, 100.0)):
        loads.told(pop, load(0, service_ms=service_ms), 0.0)
    assert loads.waits == [0, 0, 70]


@given(
    st.lists(st.tuples(st.sampled_from(["sent", "finished", "told"]), st.integers(0, 2), st.integers(0, 90)))
)
def test_counts_never_go_below_nothing(steps: list[tuple[str, int, int]]) -> None:
    loads = Loads(3)
    for what, pop, number in steps:
        if what == "told":
            loads.told(pop, load(number), 0.0)
        elif what == "sent":
            loads.sent(pop)
        else:
            loads.finished(pop)
        assert loads.in_flight(pop) >= 0
        assert all(wait >= 0 for wait in loads.waits)
