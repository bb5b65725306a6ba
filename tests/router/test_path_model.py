"""The prior: light in fibre, plus a lognormal extra; what a look promises is what it wins on average."""

from math import exp, log
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.distance import fibre_bound_ms
from router.path_model import PathModel, expected_gain_ms, fit_paths, log_extra_of


@given(st.floats(0, 20_000), st.floats(0, 20_000))
def test_a_longer_path_is_expected_to_take_longer_and_never_less_than_light_needs(a: float, b: float) -> None:
    near, far = sorted((a, b))
    model = PathModel()
    assert fibre_bound_ms(near) <= model.expected_ms(near) <= model.expected_ms(far)


def test_without_measurements_the_default_stands() -> None:
    assert fit_paths([]) == PathModel(pytest.approx(1.477), pytest.approx(0.642), pytest.approx(0.62))  # type: ignore[arg-type]


def test_a_fit_finds_the_model_that_made_the_paths() -> None:
    chance, truth = Random(1), PathModel(2.2, 0.5, 0.3)
    paths = []
    for _ in range(3_000):
        km = chance.uniform(50, 15_000)
        paths.append((km, fibre_bound_ms(km) + exp(truth.log_extra(km) + chance.gauss(0, truth.deviation))))
    found = fit_paths(paths)
    assert found.slope == pytest.approx(truth.slope, abs=0.05)
    assert found.intercept == pytest.approx(truth.intercept, abs=0.15)
    assert found.deviation == pytest.approx(truth.deviation, abs=0.05)


@given(st.lists(st.tuples(st.floats(0, 20_000), st.floats(0.1, 5_000)), max_size=20))
def test_no_measurements_make_the_fit_absurd(paths: list[tuple[float, float]]) -> None:
    model = fit_paths(paths)
    assert 0.2 <= model.slope <= 1.2
    assert model.deviation > 0


@given(st.floats(0.5, 300), st.floats(0, 5), st.floats(0.1, 1.2))
def test_the_expected_gain_is_what_sampling_finds(room_ms: float, mean: float, deviation: float) -> None:
    steps = 4_000
    total = 0.0
    for i in range(steps):  # quantiles of the normal distribution by its midpoints
        z = -6 + 12 * (i + 0.5) / steps
        weight = exp(-z * z / 2) / 2.5066282746 * 12 / steps
        total += weight * max(0.0, room_ms - exp(mean + deviation * z))
    assert expected_gain_ms(room_ms, mean, deviation) == pytest.approx(total, abs=0.02 + 0.002 * room_ms)


@given(st.floats(-10, 500), st.floats(-10, 500), st.floats(-1, 6), st.floats(0.1, 1.5))
def test_more_room_promises_more(a: float, b: float, mean: float, deviation: float) -> None:
    low, high = sorted((a, b))
    assert 0 <= expected_gain_ms(low, mean, deviation) <= expected_gain_ms(high, mean, deviation) + 1e-6


def test_a_round_trip_under_the_bound_counts_as_hardly_any_extra() -> None:
    assert log_extra_of(5.0, 10.0) == pytest.approx(log(0.3))
