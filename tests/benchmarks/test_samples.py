"""Condensing runs: medians, paired ratios, percentiles."""

import math

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.samples import hgrm, merged, paired_ratio, percentiles, sample

figures = st.lists(st.floats(min_value=0.1, max_value=1e6), min_size=1, max_size=9)
histograms = st.lists(
    st.lists(
        st.tuples(st.integers(1, 50).map(float), st.integers(1, 9)), max_size=20, unique_by=lambda b: b[0]
    ),
    min_size=1,
    max_size=4,
)


@given(figures)
def test_a_median_lies_between_the_extremes(runs: list[float]) -> None:
    found = sample(runs)
    assert found.low <= found.median <= found.high
    assert found.spread >= 0


@given(figures, st.floats(min_value=0.1, max_value=10))
def test_a_column_that_is_k_times_as_fast_has_the_ratio_k_whatever_disturbed_the_pairs(
    runs: list[float], k: float
) -> None:
    ratio = paired_ratio([run * k for run in runs], runs)
    assert ratio is not None
    assert math.isclose(ratio.median, k, rel_tol=1e-9)
    assert ratio.spread < 1e-6


def test_there_is_no_ratio_without_a_divisor() -> None:
    assert paired_ratio([1.0], []) is None
    assert paired_ratio([1.0], [0.0]) is None


@given(histograms)
def test_percentiles_agree_with_sorting_every_single_value(parts: list[list[tuple[float, int]]]) -> None:
    whole = merged(parts)
    values = sorted(top for part in parts for top, count in part for _ in range(count))
    for point, value in percentiles(whole, (0, 25, 50, 90, 99, 100)):
        rank = max(1, math.ceil(point / 100 * len(values) - 1e-9))
        assert value == values[rank - 1]


def test_an_empty_histogram_has_no_percentiles() -> None:
    assert percentiles([]) == []


def test_a_histogram_file_ends_with_every_value_counted() -> None:
    lines = hgrm([(1.0, 3), (2.5, 1)]).splitlines()
    assert lines[2].split() == ["1.000", "0.750000000000", "3", "4.00"]
    assert lines[3].split() == ["2.500", "1.000000000000", "4", "inf"]
    assert "Total count = 4" in lines[4]
