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
    loads = Loads(1)
    loads.told(0, load(0), 0.0)
    for _ in range(16):
        loads.sent(0)
    assert loads.in_flight(0) == 16
    assert loads.waits[0] > 0
    assert not loads.quiet
    for _ in range(16):
        loads.finished(0)
    assert loads.in_flight(0) == 0
    assert loads.quiet


def told_often(loads: Loads, in_flight: int) -> None:
    for _ in range(40):
        loads.told(0, load(in_flight, capacity=100), 0.0)


def test_other_routers_are_assumed_to_send_as_this_one_does() -> None:
    loads = Loads(1)
    for _ in range(4):
        loads.sent(0)
    told_often(loads, 16)  # a quarter of it is ours
    loads.sent(0)
    assert loads.in_flight(0) == pytest.approx(20, abs=0.5)


def test_news_ages_with_the_requests_that_it_counted() -> None:
    """Long after a telling, what is there is told by what this router has there itself."""
    loads = Loads(1)
    for _ in range(4):
        loads.sent(0)
    told_often(loads, 16)
    loads.told(0, load(80, capacity=100), 1.0)  # others sent 60 more
    assert loads.in_flight(0) == 80
    for _ in range(40):  # and all of those are answered: a request of ours goes with four others
        loads.sent(0)
        loads.finished(0)
    assert loads.in_flight(0) == pytest.approx(20, abs=10)
    assert loads.in_flight(0) < 40


def test_what_was_sent_since_the_news_counts_at_least_once() -> None:
    """Where requests are long on the way, a POP has fewer in flight than its routers; a burst is one all the same."""
    loads = Loads(1)
    for _ in range(100):
        loads.sent(0)
    told_often(loads, 1)
    assert loads.in_flight(0) < 10
    for _ in range(50):
        loads.sent(0)
    assert loads.in_flight(0) >= 50


def test_a_pop_whose_viewers_come_by_themselves_is_as_busy_as_it_told() -> None:
    loads = Loads(1)
    for _ in range(2):
        loads.sent(0)
    told_often(loads, 500)
    for _ in range(100):  # little of its load is ours: that ours are answered says nothing of the rest
        loads.sent(0)
        loads.finished(0)
    assert loads.in_flight(0) == 500


def test_where_nothing_of_ours_is_says_nothing_of_our_part_elsewhere() -> None:
    loads = Loads(2)
    for _ in range(4):
        loads.sent(1)
    for _ in range(40):
        loads.told(0, load(400, capacity=512), 0.0)
        loads.told(1, load(4, capacity=512), 0.0)
    loads.sent(1)
    assert loads.in_flight(1) == pytest.approx(5, abs=0.1)


def test_a_queue_costs_twice_its_wait_and_slowness_once() -> None:
    loads = Loads(3)
    for pop, (in_flight, service_ms) in enumerate(((0, 20.0), (16, 20.0), (0, 100.0))):
        loads.told(pop, load(in_flight, service_ms=service_ms), 0.0)
    assert loads.costs == [0, 2 * loads.waits[1], loads.waits[2]]


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
        assert all(cost >= wait >= 0 for wait, cost in zip(loads.waits, loads.costs, strict=True))
