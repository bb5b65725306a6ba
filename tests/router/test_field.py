"""The map of residuals: any place has a zone, what is seen there is used nearby and not far away."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.distance import distance_km
from router.field import CANDIDATES_MAX, Field, Residuals, arc_km, unit_vector
from router.mesh import Mesh, Pop
from router.path_model import PathModel

latitudes = st.floats(-90, 90)
longitudes = st.floats(-180, 180)
MESH = Mesh(
    [
        Pop(name="fra", latitude=50.1, longitude=8.7),
        Pop(name="iad", latitude=39, longitude=-77.5),
        Pop(name="sin", latitude=1.35, longitude=103.8),
    ]
)


def field() -> Field:
    return Field(MESH, PathModel())


@given(latitudes, longitudes, latitudes, longitudes)
def test_the_vector_distance_is_the_great_circle(a: float, b: float, c: float, d: float) -> None:
    assert arc_km(unit_vector(a, b), unit_vector(c, d)) == pytest.approx(distance_km(a, b, c, d), abs=0.2)


@given(latitudes, longitudes)
def test_every_point_has_a_zone_with_a_prior(latitude: float, longitude: float) -> None:
    found = field()
    zone = found.zone(latitude, longitude)
    prior = found.prior(unit_vector(latitude, longitude), zone)
    assert sorted(prior.candidates) == [0, 1, 2]
    assert all(deviation > 0 for deviation in prior.deviations)
    assert arc_km(zone.center, unit_vector(latitude, longitude)) < 1_200
    assert zone is found.zone(latitude, longitude)


def test_the_date_line_divides_no_zones_from_their_neighbours() -> None:
    found = field()
    east = found.zone(0.5, 179.5)
    for _ in range(20):
        found.credit(east, "", 2, 1.0, None)
    west = found.zone(0.5, -179.5)
    assert west is not east
    assert west.corrections[west.candidates.index(2)] > 0.5


def test_what_a_zone_has_seen_is_used_nearby_and_not_far_away() -> None:
    found = field()
    paris = found.zone(48.9, 2.4)
    for _ in range(20):
        found.credit(paris, "", 1, 0.8, None)
    at = paris.candidates.index(1)
    near, far = found.zone(45.8, 4.8), found.zone(35.7, 139.7)
    assert near.corrections[near.candidates.index(1)] > 0.5
    assert far.corrections[far.candidates.index(1)] == 0
    assert near.deviations[near.candidates.index(1)] < far.deviations[far.candidates.index(1)]
    assert near.corrections[near.candidates.index(0)] == 0
    assert at >= 0


def test_pops_tell_the_map_their_own_round_trips_once() -> None:
    found = field()
    found.credit_pops(0, 1, 200.0)
    changes = found.change
    found.credit_pops(1, 0, 200.0)
    assert found.change == changes
    frankfurt = found.zone(50.1, 8.7)
    assert frankfurt.corrections[frankfurt.candidates.index(1)] > 0
    found.credit_pops(0, 1, 90.0)
    assert found.change > changes


@given(st.lists(st.floats(-3, 3), min_size=1, max_size=40))
def test_a_mean_over_few_groups_is_their_mean(residuals: list[float]) -> None:
    found = Residuals()
    for residual in residuals:
        found.credit(7, residual, None)
    assert found.means[7] == pytest.approx(sum(residuals) / len(residuals), abs=1e-9)


def test_a_group_that_tells_better_replaces_what_it_told() -> None:
    found = Residuals()
    found.credit(7, 1.0, None)
    found.credit(7, 3.0, None)
    found.credit(7, 2.0, 3.0)
    assert found.means[7] == pytest.approx(1.5)
    assert found.counts[7] == 2


def test_a_large_mesh_is_cut_down_to_the_nearest_pops() -> None:
    pops = [Pop(name=str(i), latitude=0, longitude=-180 + i) for i in range(300)]
    found = Field(Mesh(pops), PathModel())
    zone = found.zone(0, 0)
    assert len(zone.candidates) == CANDIDATES_MAX
    assert all(abs(pops[i].longitude) < 25 for i in zone.candidates)
