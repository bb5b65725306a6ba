"""POPs on the globe."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.distance import EARTH_RADIUS_KM, distance_km, fibre_bound_ms
from router.errors import MeshError
from router.mesh import Mesh, Pop

latitudes = st.floats(-90, 90)
longitudes = st.floats(-180, 180)
places = st.tuples(latitudes, longitudes)


@given(places, places, places)
def test_distance_is_a_metric(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> None:
    assert distance_km(*a, *a) == 0
    assert distance_km(*a, *b) == pytest.approx(distance_km(*b, *a), abs=1e-6)
    assert distance_km(*a, *c) <= distance_km(*a, *b) + distance_km(*b, *c) + 1e-3
    assert distance_km(*a, *b) <= math.pi * EARTH_RADIUS_KM + 1e-6


def test_known_distances() -> None:
    assert distance_km(50.1, 8.7, 39.0, -77.5) == pytest.approx(6_560, abs=30)  # Frankfurt to Ashburn
    assert distance_km(0, 179.9, 0, -179.9) == pytest.approx(22.24, abs=0.01)  # across the date line
    assert distance_km(90, 0, -90, 123) == pytest.approx(20_015, abs=1)


def test_light_in_fibre_needs_a_millisecond_for_a_hundred_kilometres_there_and_back() -> None:
    assert fibre_bound_ms(100) == pytest.approx(1, rel=0.01)


def pop(name: str, latitude: float = 0, longitude: float = 0) -> Pop:
    return Pop(name=name, latitude=latitude, longitude=longitude)


def test_a_mesh_knows_its_pops_by_name() -> None:
    mesh = Mesh([pop("a"), pop("b", 10, 20)])
    assert mesh.pop("b").longitude == 20
    assert "a" in mesh
    assert "c" not in mesh
    assert mesh.distances_km(10, 20)[1] == 0
    with pytest.raises(MeshError, match='no POP "c"') as caught:
        mesh.index("c")
    assert "a, b" in caught.value.remedy


@pytest.mark.parametrize(
    ("pops", "problem"),
    [
        ([], "0 POPs"),
        ([pop(str(i)) for i in range(1_001)], "1001 POPs"),
        ([pop("a"), pop("a")], "same name"),
        ([pop("a", 90.1, 0)], "not on the globe"),
        ([pop("a", 0, 180.1)], "not on the globe"),
        ([pop("a", float("nan"), 0)], "not on the globe"),
    ],
)
def test_pops_that_form_no_mesh_are_refused(pops: list[Pop], problem: str) -> None:
    with pytest.raises(MeshError, match=problem):
        Mesh(pops)
