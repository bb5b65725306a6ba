"""Choice: the nearest POP that is in service."""

from hypothesis import given
from hypothesis import strategies as st

from router.choice import Chooser
from router.decision import Reason
from router.distance import distance_km
from router.location import UNKNOWN, Location
from router.mesh import Mesh, Pop

PLACES = {"fra": (50.1, 8.7), "iad": (39.0, -77.5), "sin": (1.35, 103.8)}
MESH = Mesh([Pop(name=name, latitude=lat, longitude=lon) for name, (lat, lon) in PLACES.items()])
VIEWER = "203.0.113.7"
PARIS = Location(country="FR", latitude=48.9, longitude=2.4)


@given(st.floats(-90, 90), st.floats(-180, 180))
def test_an_unmeasured_viewer_goes_to_the_nearest_pop(latitude: float, longitude: float) -> None:
    decision = Chooser(MESH).choose(VIEWER, Location(latitude=latitude, longitude=longitude), 0)
    nearest = min(PLACES, key=lambda name: distance_km(latitude, longitude, *PLACES[name]))
    assert decision.pop == nearest
    assert decision.reason is Reason.NEAREST
    assert set(decision.alternatives) == set(PLACES) - {nearest}


def test_a_pop_out_of_service_gets_nobody() -> None:
    chooser = Chooser(MESH)
    chooser.set_health("fra", 0)
    assert chooser.choose(VIEWER, PARIS, 0).pop == "iad"
    assert "fra" not in chooser.choose(VIEWER, PARIS, 0).alternatives


def test_a_viewer_of_unknown_place_is_answered_here() -> None:
    decision = Chooser(MESH, here="sin").choose("10.0.0.1", UNKNOWN, 0)
    assert (decision.pop, decision.reason) == ("sin", Reason.NOT_PLACED)


def test_with_nothing_in_service_a_pop_serves_and_a_router_in_front_cannot() -> None:
    for here, expected in (("sin", "sin"), ("", None)):
        chooser = Chooser(MESH, here=here)
        for name in PLACES:
            chooser.set_health(name, 0)
        assert chooser.choose(VIEWER, PARIS, 0).pop == expected


def test_a_pop_that_warms_up_gets_its_share_of_prefixes() -> None:
    chooser = Chooser(MESH)
    chooser.set_health("fra", 0.25)
    chosen = [chooser.choose(f"198.51.{i}.1", PARIS, 0).pop for i in range(256)]
    assert 30 <= chosen.count("fra") <= 100


def test_the_gain_over_this_pop_is_told() -> None:
    decision = Chooser(MESH, here="sin").choose(VIEWER, PARIS, 0)
    assert decision.gain_ms is not None
    assert decision.gain_ms > 50
