"""The map's grid: made of rings as TopoJSON has them."""

import itertools
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.console.build_map import BOTTOM, OUTPUT, STEP, TOP, rings_of, rows_of, script_of


def topology(*arcs: list[tuple[int, int]], rings: list[list[int]]) -> dict[str, Any]:
    """Return whole degrees as TopoJSON: every point but the first is told by its distance from the one before."""
    encoded = []
    for points in arcs:
        deltas = [points[0]]
        deltas += [(b[0] - a[0], b[1] - a[1]) for a, b in itertools.pairwise(points)]
        encoded.append([list(delta) for delta in deltas])
    return {
        "transform": {"scale": [1, 1], "translate": [0, 0]},
        "arcs": encoded,
        "objects": {
            "land": {"type": "GeometryCollection", "geometries": [{"type": "Polygon", "arcs": rings}]}
        },
    }


def is_land(rows: list[list[bool]], longitude: float, latitude: float) -> bool:
    return rows[int((TOP - latitude) / STEP)][int((longitude + 180) / STEP)]


def box(west: int, south: int, east: int, north: int) -> list[tuple[int, int]]:
    return [(west, south), (east, south), (east, north), (west, north), (west, south)]


@given(
    st.integers(-180, 179), st.integers(-57, 83), st.integers(1, 60), st.integers(1, 40), st.integers(0, 1000)
)
def test_a_place_is_land_when_its_middle_is_in_the_ring(
    west: int, south: int, wide: int, high: int, seed: int
) -> None:
    east, north = min(180, west + wide), min(84, south + high)
    rows = rows_of(rings_of(topology(box(west, south, east, north), rings=[[0]])))
    column, row = seed * 7 % 240, seed * 13 % len(rows)
    longitude, latitude = -180 + (column + 0.5) * STEP, TOP - (row + 0.5) * STEP
    inside = west < longitude < east and south < latitude < north
    on_the_edge = longitude in (west, east) or latitude in (south, north)
    assert rows[row][column] == inside or on_the_edge


def test_a_lake_is_not_land_and_an_arc_may_be_used_backwards() -> None:
    shore, lake = box(0, 0, 30, 30), box(10, 10, 20, 20)
    rows = rows_of(rings_of(topology(shore, lake, rings=[[0], [~1]])))
    assert is_land(rows, 5, 5)
    assert not is_land(rows, 15, 15)


def test_a_ring_of_several_arcs_is_joined_where_they_meet() -> None:
    rows = rows_of(
        rings_of(topology([(0, 0), (30, 0), (30, 30)], [(0, 0), (0, 30), (30, 30)], rings=[[0, ~1]]))
    )
    assert is_land(rows, 15, 15)
    assert not is_land(rows, -15, 15)


def test_land_across_the_antimeridian_is_on_both_edges_and_nowhere_between() -> None:
    rows = rows_of(rings_of(topology([(168, 0), (-168, 0), (-168, 30), (168, 30), (168, 0)], rings=[[0]])))
    assert is_land(rows, 175, 15)
    assert is_land(rows, -175, 15)
    assert sum(rows[int((TOP - 15) / STEP)]) == round(24 / STEP)


@pytest.mark.parametrize(
    ("place", "longitude", "latitude", "land"),
    [
        ("Berlin", 13.4, 52.5, True),
        ("Brasilia", -47.9, -15.8, True),
        ("Alice Springs", 133.9, -23.7, True),
        ("Chukotka, beyond the antimeridian", -173.5, 65.3, True),
        ("the Caspian Sea", 51.0, 41.5, False),
        ("the Atlantic", -30.0, 30.0, False),
        ("the Pacific", -150.0, 0.0, False),
    ],
)
def test_the_map_that_is_served_knows_the_world(
    place: str, longitude: float, latitude: float, land: bool
) -> None:
    rows = [
        [bit == "1" for bit in f"{int(digits, 16):0{len(digits) * 4}b}"]
        for digits in re.findall(r'^    "([0-9a-f]+)",$', OUTPUT.read_text(), re.MULTILINE)
    ]
    assert len(rows) == round((TOP - BOTTOM) / STEP)
    assert {len(row) for row in rows} == {round(360 / STEP)}
    assert is_land(rows, longitude, latitude) is land, place
    assert script_of(rows) == OUTPUT.read_text()
