"""How cores are shared out, and how evenness is counted."""

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.scaling import evenness, share_cores

busy = st.dictionaries(st.integers(0, 63), st.floats(0, 1), min_size=1)


@given(busy, st.integers(1, 8))
def test_workers_and_generator_share_no_core_while_there_are_enough(
    busy: dict[int, float], workers: int
) -> None:
    ours, spare = share_cores(busy, workers)
    assert len(ours) == min(workers, len(busy))
    assert spare
    assert len(busy) <= workers or not set(ours) & set(spare)


def test_workers_get_the_quietest_cores() -> None:
    assert share_cores({0: 0.5, 1: 0.0, 2: 0.1}, 2) == ([1, 2], [0])


@given(st.lists(st.floats(0.01, 100), min_size=1))
def test_evenness_is_a_share_and_one_only_when_all_worked_alike(cpu_s: list[float]) -> None:
    assert 0 < evenness(cpu_s) <= 1
    assert evenness([cpu_s[0]] * len(cpu_s)) == 1


def test_a_worker_that_did_nothing_makes_it_zero() -> None:
    assert evenness([0.0, 4.0]) == 0
    assert evenness([]) == 0
