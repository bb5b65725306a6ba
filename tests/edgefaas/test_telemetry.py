"""Counting latencies."""

from hypothesis import given
from hypothesis import strategies as st

from edgefaas.histogram import Histogram, bucket_of, value_of
from edgefaas.telemetry import Meter

values = st.integers(0, 2**40)


def filled(numbers: list[int]) -> Histogram:
    histogram = Histogram()
    for number in numbers:
        histogram.add(number)
    return histogram


@given(values)
def test_a_bucket_holds_values_within_three_percent(value: int) -> None:
    lowest, next_lowest = value_of(bucket_of(value)), value_of(bucket_of(value) + 1)
    assert lowest <= value < next_lowest
    assert next_lowest - lowest <= max(1, value / 32)


@given(values, values)
def test_larger_values_never_fall_into_smaller_buckets(one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert bucket_of(low) <= bucket_of(high)


@given(st.lists(values, min_size=1, max_size=50), st.floats(0.01, 1))
def test_a_quantile_is_the_sorted_value_within_three_percent(numbers: list[int], share: float) -> None:
    exact = sorted(numbers)[max(0, -int(-share * len(numbers) // 1) - 1)]
    assert exact * (1 - 1 / 32) - 1 <= filled(numbers).quantile(share) <= exact


@given(st.lists(values, max_size=20), st.lists(values, max_size=20))
def test_merging_two_histograms_is_counting_everything_in_one(one: list[int], other: list[int]) -> None:
    merged, second = filled(one), filled(other)
    buckets = second.summary()["buckets"]
    assert isinstance(buckets, dict)
    merged.merge({int(k): v for k, v in buckets.items()}, total=second.total, highest=second.highest)
    assert merged.summary() == filled(one + other).summary()


def test_an_empty_histogram_has_quantiles_of_zero() -> None:
    assert Histogram().summary()["p99"] == 0


def test_a_meter_counts_requests_by_status() -> None:
    meter = Meter()
    meter.exchanged(200, 10, 0.001)
    meter.exchanged(200, 5, 0.002)
    meter.exchanged(404, 0, 0.001)
    assert meter.stats()["requests"] == 3
    assert meter.stats()["statuses"] == {"200": 2, "404": 1}
    assert meter.stats()["body_bytes"] == 15
