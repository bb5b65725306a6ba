"""Looks elsewhere cost what is left of their budget: cheap while it is whole, dear when it is nearly spent."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router import ChoiceSettings, Chooser, Location, Mesh, Pop
from router.decision import Reason
from router.looks import Budget

PLACE = Location(country="DE", latitude=50.0, longitude=9.0)
MESH = Mesh([Pop(name=f"p{i}", latitude=48.0 + i % 3, longitude=8.0 + i // 3) for i in range(8)])


def test_a_whole_budget_makes_looks_cheap_and_an_empty_one_dear() -> None:
    budget = Budget(0.1, 100.0, thrift=4.0)
    assert budget.price == 0.25
    budget.left = 50.0
    assert budget.price == 1.0
    budget.left = 0.0
    assert budget.price == 4.0


def test_more_than_a_whole_budget_makes_them_no_cheaper_and_earns_nothing() -> None:
    budget = Budget(0.1, 100.0, thrift=4.0)
    budget.left = 150.0
    budget.earn()
    assert (budget.left, budget.price) == (150.0, 0.25)


@given(st.floats(1, 1_000), st.floats(0, 1), st.floats(0, 1), st.floats(1, 64))
def test_a_price_never_falls_as_the_budget_does(
    burst: float, one: float, other: float, thrift: float
) -> None:
    less, more = Budget(0, burst, thrift), Budget(0, burst, thrift)
    less.left, more.left = burst * min(one, other), burst * max(one, other)
    assert less.price >= more.price


def looks(keen: ChoiceSettings, rtts: list[float], requests: int, groups: int) -> tuple[int, int]:
    """Return how many side probes were asked for and how many requests explored, by viewers who never stop."""
    chooser = Chooser(MESH, settings=keen)
    probes = explored = 0
    for number in range(requests):
        viewer = f"203.0.{number % groups}.9"
        decision = chooser.choose(viewer, PLACE, float(number))
        assert decision.pop is not None
        for pop in filter(None, (decision.pop, decision.probe)):
            chooser.observe(viewer, PLACE, pop, rtts[int(pop[1:])] + number % 7 / 4, float(number))
        probes += decision.probe is not None
        explored += decision.reason is Reason.EXPLORED
    return probes, explored


round_trips = st.lists(st.floats(8.0, 60.0), min_size=8, max_size=8)


@settings(max_examples=8, deadline=None)
@given(round_trips)
def test_requests_explore_within_their_share_however_equal_the_pops_are(rtts: list[float]) -> None:
    keen = ChoiceSettings(side_probes=False, explore_cost=0.01, explore_patience=0.0)
    _, explored = looks(keen, rtts, requests=3_000, groups=5)
    assert explored <= 40 + 5 * 3 + 0.0125 * 3_000


@settings(max_examples=8, deadline=None)
@given(round_trips)
def test_side_probes_stay_within_their_share_however_keen(rtts: list[float]) -> None:
    probes, explored = looks(
        ChoiceSettings(probe_cost=0.01, probe_pause_s=0.0), rtts, requests=3_000, groups=5
    )
    assert probes <= 200 + 0.105 * 3_000
    assert explored == 0


@pytest.mark.parametrize(("newcomers_max", "allowed"), [(0, 40), (2, 46)])
def test_only_the_first_groups_of_a_router_add_to_the_budget(newcomers_max: int, allowed: int) -> None:
    keen = ChoiceSettings(
        side_probes=False,
        explore_cost=0.01,
        explore_patience=0.0,
        explored_per_request=0.0,
        newcomers_max=newcomers_max,
    )
    _, explored = looks(keen, [20.0 + i / 10 for i in range(8)], requests=6_000, groups=10)
    assert explored == allowed
