"""The posterior: measured paths are known, paths to POPs nearby are better known, the rest as before."""

from math import exp, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.field import Prior, Residuals, unit_vector
from router.posterior import (
    Point,
    PopKernel,
    conditioned,
    contradicted,
    posterior,
    with_peers,
)
from router.samples import Samples

# Two POPs beside each other, one on the other side of the globe.
KERNEL = PopKernel([unit_vector(50, 8), unit_vector(50, 9), unit_vector(-50, -170)])
PRIOR = Prior(
    candidates=(0, 1, 2),
    bounds=[10.0, 11.0, 150.0],
    bases=[log(10.0), log(10.0), log(60.0)],
    means=[log(10.0), log(10.0), log(60.0)],
    deviations=[0.5, 0.5, 0.5],
)


def samples(**floors: float) -> dict[int, Samples]:
    return {int(pop[1:]): Samples(rtt_ms, 0.0) for pop, rtt_ms in floors.items()}


def test_without_samples_the_order_is_the_priors() -> None:
    picture = posterior(PRIOR, {}, KERNEL)
    assert picture.order == [0, 1, 2]
    assert picture.explore == 1


def test_a_measured_path_is_expected_to_take_what_it_took() -> None:
    picture = posterior(PRIOR, samples(p0=44.0), KERNEL, 0)
    assert picture.expected[0] == 44.0
    assert picture.order[0] == 1 or picture.expected[1] > 44.0


def test_a_path_to_a_pop_nearby_is_expected_to_miss_as_the_measured_one_does() -> None:
    before = posterior(PRIOR, {}, KERNEL).expected
    after = posterior(PRIOR, samples(p0=44.0), KERNEL, 0).expected
    assert after[1] > before[1] * 1.3
    assert after[2] < after[1] / before[1] * before[2]


def test_a_hopeless_path_promises_less_than_a_close_one_and_the_best_nothing() -> None:
    gains = posterior(PRIOR, samples(p0=22.0), KERNEL, 0).gains
    assert gains[0] == 0
    assert gains[1] > 10 * gains[2]


@given(st.floats(0.1, 100), st.integers(1, 8))
def test_measuring_again_promises_less_every_time(over_ms: float, count: int) -> None:
    def gain(times: int) -> float:
        found = samples(p0=20.0, p1=20.0 + over_ms)
        found[1].count = times
        return posterior(PRIOR, found, KERNEL, 0).gains[1]

    assert gain(count + 1) <= gain(count) + 1e-12


def test_one_bad_sample_does_not_damn_a_promising_path() -> None:
    once = posterior(PRIOR, samples(p0=25.0, p1=60.0), KERNEL, 0)
    found = samples(p0=25.0, p1=60.0)
    found[1].count = 3
    thrice = posterior(PRIOR, found, KERNEL, 0)
    assert once.gains[1] > 0.01
    assert thrice.gains[1] < once.gains[1] / 100


@given(st.lists(st.tuples(st.integers(0, 2), st.floats(-1, 6)), max_size=3, unique_by=lambda p: p[0]))
def test_knowing_more_never_makes_a_path_less_certain(known: list[tuple[int, float]]) -> None:
    points = [Point(at, log_extra, 0.1) for at, log_extra in known]
    means, deviations = conditioned(PRIOR, points, KERNEL)
    assert all(after <= before + 1e-9 for after, before in zip(deviations, PRIOR.deviations, strict=True))
    if len(known) == 1:
        at, log_extra = known[0]
        assert min(log_extra, PRIOR.means[at]) <= means[at] <= max(log_extra, PRIOR.means[at])


def test_one_point_gives_what_the_textbook_says() -> None:
    means, deviations = conditioned(PRIOR, [Point(0, log(30.0), 0.0)], KERNEL)
    correlation = KERNEL.rows[0][1]
    miss = (log(30.0) - log(10.0)) / 0.5
    assert means[1] == pytest.approx(log(10.0) + 0.5 * correlation * miss / 1.02)
    assert deviations[1] == pytest.approx(0.5 * (1 - correlation**2 / 1.02) ** 0.5)


def test_a_group_starts_from_its_peers() -> None:
    peers = Residuals()
    peers.credit(0, log(4.0), None)
    prior = with_peers(PRIOR, peers, KERNEL)
    assert prior.bounds[0] + exp(prior.means[0]) == pytest.approx(50, rel=0.1)
    assert prior.deviations[0] < 0.2
    assert prior.means[1] > PRIOR.means[1] + 0.5
    assert prior.bases == PRIOR.bases


def test_a_round_trip_faster_than_light_says_that_the_place_is_wrong() -> None:
    assert contradicted(PRIOR, samples(p2=100.0))
    assert not contradicted(PRIOR, samples(p2=149.5))


def test_the_best_path_far_longer_than_expected_says_so_too_when_measured_twice() -> None:
    found = samples(p0=200.0)
    assert not contradicted(PRIOR, found)
    found[0].count = 2
    assert contradicted(PRIOR, found)
    assert not contradicted(PRIOR, samples(p0=200.0) | samples(p1=25.0))


def test_who_is_misplaced_may_be_near_any_pop_that_physics_allows() -> None:
    far_from_all = posterior(PRIOR, samples(p0=120.0, p1=120.0), KERNEL, 0)
    beside_one = posterior(PRIOR, samples(p0=12.0, p1=20.0), KERNEL, 0)
    assert far_from_all.gains[2] > 0.01
    assert beside_one.gains[2] == 0


def test_a_noisy_network_is_given_more_chances() -> None:
    quiet, noisy = samples(p0=25.0, p1=45.0), samples(p0=25.0, p1=45.0)
    for found in (quiet, noisy):
        found[0].count = found[1].count = 6
    noisy[0].usual_ms = 15.0
    assert posterior(PRIOR, noisy, KERNEL, 0).gains[1] > 3 * posterior(PRIOR, quiet, KERNEL, 0).gains[1]
