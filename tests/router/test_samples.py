"""Samples: the least of a few round trips is the path; a longer route shows, noise does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.samples import (
    LATE_MS,
    LATE_ROW,
    RING,
    WINDOW_S,
    Samples,
    doubt_gain_ms,
    hidden_gain_ms,
    noise_exceeds,
)

rtts = st.floats(0.1, 2_000)


def samples(*rtts_ms: float) -> Samples:
    found = Samples(rtts_ms[0], 0.0)
    for rtt_ms in rtts_ms[1:]:
        found.add(rtt_ms, 1.0)
    return found


@given(st.lists(st.tuples(rtts, st.floats(0, 2_000)), min_size=1, max_size=60))
def test_the_floor_is_the_least_of_the_windows_that_are_kept(steps: list[tuple[float, float]]) -> None:
    found = Samples(50.0, 0.0)
    now_s = 0.0
    for rtt_ms, wait_s in steps:
        now_s += wait_s
        found.add(rtt_ms, now_s)
        assert found.floor_ms == min(found.ring)
        assert 1 <= len(found.ring) <= RING
        assert found.late is None or len(found.late) < LATE_ROW


def test_the_least_sample_is_the_path() -> None:
    assert samples(30.0, 22.5, 90.0, 24.0).floor_ms == 22.5
    assert samples(30.0, 22.5, 90.0, 24.0).count == 4


def test_four_late_samples_in_a_row_are_a_new_route_and_three_are_not() -> None:
    late = 20.0 + LATE_MS + 0.1
    assert samples(20.0, late, late, late).floor_ms == 20.0
    assert samples(20.0, late, late, late, late).floor_ms == late
    assert samples(20.0, late, late, late, 21.0, late).floor_ms == 20.0


def test_a_sample_fifteen_milliseconds_over_the_floor_is_not_late() -> None:
    assert samples(20.0, *[20.0 + LATE_MS] * 10).floor_ms == 20.0


def test_a_change_of_route_is_doubted_until_more_samples_confirm_it() -> None:
    changed = samples(20.0, *[60.0] * LATE_ROW)
    assert changed.former_ms == 20.0
    gains = [doubt_gain_ms(20.0, 30.0, LATE_ROW + more) for more in range(5)]
    assert gains == sorted(gains, reverse=True)
    changed.add(21.0, 2.0)
    assert changed.floor_ms == 21.0
    assert changed.former_ms is None


def test_a_network_that_is_always_noisy_has_no_new_route_at_every_turn() -> None:
    noisy = Samples(30.0, 0.0)
    for i in range(200):
        noisy.add(30.0 + (i * 7 % 13) * 2.0, float(i))  # 0 to 24 ms over the floor
    noisy.add(30.0, 201.0)
    for _ in range(LATE_ROW):
        noisy.add(30.0 + 3.0 * LATE_MS, 202.0)
    assert noisy.floor_ms == 30.0


def test_old_windows_are_forgotten() -> None:
    found = Samples(20.0, 0.0)
    for window in range(1, RING + 2):
        found.add(30.0, window * (WINDOW_S + 1))
    assert found.floor_ms == 30.0


@given(st.floats(0, 1_000), st.floats(0, 1_000), st.integers(1, 20))
def test_what_noise_may_hide_shrinks_with_distance_and_with_samples(a: float, b: float, count: int) -> None:
    near, far = sorted((a, b))
    assert 0 <= noise_exceeds(far) <= noise_exceeds(near) <= 1
    assert 0 <= hidden_gain_ms(far, count) <= hidden_gain_ms(near, count) + 1e-9
    assert hidden_gain_ms(near, count + 1) <= hidden_gain_ms(near, count) + 1e-9


def test_the_noise_table_is_what_was_measured_at_home() -> None:
    assert noise_exceeds(1.3) == pytest.approx(0.5)
    assert noise_exceeds(5.7) == pytest.approx(0.1)
    assert noise_exceeds(109) == pytest.approx(0.01)
