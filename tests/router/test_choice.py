"""Choice: GeoIP says where to start, measured latency says where to go, health and load have their say."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.choice import Chooser
from router.decision import ChoiceSettings, Decision, Reason
from router.distance import distance_km
from router.errors import GossipError, MeshError
from router.gossip import PATHS_MAX, decode_paths
from router.load import PopLoad
from router.location import UNKNOWN, Location
from router.mesh import Mesh, Pop

PLACES = {"fra": (50.1, 8.7), "iad": (39.0, -77.5), "sin": (1.35, 103.8)}
MESH = Mesh([Pop(name=name, latitude=lat, longitude=lon) for name, (lat, lon) in PLACES.items()])
VIEWER = "203.0.114.7"
PARIS = Location(country="FR", latitude=48.9, longitude=2.4)
NO_PROBES = ChoiceSettings(side_probes=False)
NO_LOOKS = ChoiceSettings(side_probes=False, explore_cost=1e12)


def measured(chooser: Chooser, pop: str, rtt_ms: float, *, times: int = 3, viewer: str = VIEWER) -> None:
    for _ in range(times):
        chooser.observe(viewer, PARIS, pop, rtt_ms, 1.0)


def choose(chooser: Chooser, viewer: str = VIEWER, location: Location = PARIS) -> Decision:
    return chooser.choose(viewer, location, 100.0)


@given(st.floats(-90, 90), st.floats(-180, 180))
def test_an_unmeasured_viewer_goes_to_the_nearest_pop(latitude: float, longitude: float) -> None:
    decision = choose(Chooser(MESH), location=Location(latitude=latitude, longitude=longitude))
    nearest = min(PLACES, key=lambda name: distance_km(latitude, longitude, *PLACES[name]))
    assert decision.pop == nearest
    assert decision.reason is Reason.NEAREST
    assert set(decision.alternatives) == set(PLACES) - {nearest}


def test_a_pop_measured_to_be_better_wins_over_the_nearest() -> None:
    chooser = Chooser(MESH, settings=NO_LOOKS)
    assert choose(chooser).pop == "fra"
    measured(chooser, "fra", 180.0)
    measured(chooser, "iad", 90.0)
    decision = choose(chooser)
    assert (decision.pop, decision.reason) == ("iad", Reason.MEASURED)
    assert decision.expected_ms == 90.0


def test_what_one_viewer_measured_helps_the_others_of_its_prefix_and_of_its_network() -> None:
    chooser = Chooser(MESH, settings=NO_LOOKS)
    home = Location(country="FR", latitude=48.9, longitude=2.4, asn=3215)
    for prefix in ("198.52.1.1", "198.52.2.1"):
        for _ in range(3):
            chooser.observe(prefix, home, "fra", 180.0, 1.0)
            chooser.observe(prefix, home, "iad", 85.0, 1.0)
    assert choose(chooser, "198.52.1.200", home).pop == "iad"
    assert choose(chooser, "77.77.77.77", home).pop == "iad"
    assert choose(chooser, "77.77.78.77", Location(latitude=52.5, longitude=13.4)).pop == "fra"


def test_a_slightly_better_pop_does_not_move_a_viewer() -> None:
    chooser = Chooser(MESH, settings=NO_LOOKS)
    measured(chooser, "fra", 50.0)
    assert choose(chooser).pop == "fra"
    measured(chooser, "iad", 49.3)
    assert (choose(chooser).pop, choose(chooser).reason) == ("fra", Reason.KEPT)
    measured(chooser, "iad", 49.2)
    assert choose(chooser).pop == "iad"


def test_a_side_probe_is_asked_for_and_its_answer_ends_the_question() -> None:
    chooser = Chooser(MESH, settings=ChoiceSettings(audit_share=0))
    measured(chooser, "fra", 95.0, times=1)
    truth = {"iad": 80.0, "sin": 160.0, "fra": 95.0}
    probes = []
    for second in range(200):
        decision = chooser.choose(VIEWER, PARIS, 100.0 + second)
        if decision.probe is not None:
            probes.append(decision.probe)
            assert decision.probe != decision.pop
            chooser.observe(VIEWER, PARIS, decision.probe, truth[decision.probe], 100.0 + second)
    assert "iad" in probes
    assert len(probes) <= 12
    assert choose(chooser).pop == "iad"


def test_a_viewer_that_cannot_probe_is_never_asked_and_learns_by_requests() -> None:
    chooser = Chooser(MESH, settings=ChoiceSettings(audit_share=0, side_probes=False))
    measured(chooser, "fra", 150.0)
    truth = {"fra": 150.0, "iad": 80.0, "sin": 190.0}
    served = []
    for second in range(100):
        decision = chooser.choose(VIEWER, PARIS, 100.0 + second)
        assert decision.probe is None
        assert decision.pop is not None
        served.append(decision.pop)
        chooser.observe(VIEWER, PARIS, decision.pop, truth[decision.pop], 100.0 + second)
    assert served[-50:].count("iad") >= 48


def test_probes_that_nobody_answers_are_given_up() -> None:
    chooser = Chooser(MESH, settings=ChoiceSettings(audit_share=0))
    measured(chooser, "fra", 150.0)
    asked = sum(chooser.choose(VIEWER, PARIS, 100.0 + i).probe is not None for i in range(300))
    assert asked <= 3


def test_probes_stay_within_their_share_of_requests() -> None:
    settings = ChoiceSettings(probes_burst=10, probes_per_request=0.01, audit_share=0.2)
    chooser = Chooser(MESH, settings=settings)
    asked = 0
    for i in range(2_000):
        viewer = f"198.{40 + i // 250}.{i % 250}.1"
        asked += chooser.choose(viewer, PARIS, float(i)).probe is not None
    assert asked <= 10 + 0.01 * 2_000 + 1


def test_a_change_of_route_is_left_within_ten_requests() -> None:
    chooser = Chooser(MESH, settings=NO_LOOKS)
    measured(chooser, "fra", 20.0, times=30)
    measured(chooser, "iad", 35.0)
    for request in range(10):
        if choose(chooser).pop == "iad":
            break
        chooser.observe(VIEWER, PARIS, "fra", 60.0, 100.0 + request)
    assert choose(chooser).pop == "iad"


def test_a_viewer_whose_address_is_said_to_be_elsewhere_is_looked_for_everywhere() -> None:
    chooser = Chooser(MESH, settings=ChoiceSettings(audit_share=0))
    chooser.observe(VIEWER, PARIS, "sin", 12.0, 1.0)  # light from Paris takes 107 ms
    decision = choose(chooser)
    assert decision.pop == "sin"
    assert chooser.explain(VIEWER, PARIS, 100.0).misplaced


@pytest.mark.parametrize("rtt_ms", [0.0, -1.0, 10_001.0, float("nan"), float("inf")])
def test_a_round_trip_that_is_none_teaches_nothing(rtt_ms: float) -> None:
    chooser = Chooser(MESH)
    chooser.observe(VIEWER, PARIS, "sin", rtt_ms, 1.0)
    assert all(view.measured_ms is None for view in chooser.explain(VIEWER, PARIS, 1.0).pops)


def test_a_round_trip_to_a_pop_that_is_not_there_is_an_error() -> None:
    with pytest.raises(MeshError, match='no POP "lhr"'):
        Chooser(MESH).observe(VIEWER, PARIS, "lhr", 10.0, 1.0)


def test_a_pop_out_of_service_gets_nobody_however_good_it_was() -> None:
    chooser = Chooser(MESH, settings=NO_LOOKS)
    measured(chooser, "fra", 9.0)
    assert choose(chooser).settled
    chooser.set_health("fra", 0)
    decision = choose(chooser)
    assert (decision.pop, decision.reason) == ("iad", Reason.IN_SERVICE)
    assert "fra" not in decision.alternatives
    assert not decision.settled


def test_a_pop_that_warms_up_gets_its_share_of_prefixes() -> None:
    chooser = Chooser(MESH, settings=NO_LOOKS)
    chooser.set_health("fra", 0.25)
    chosen = [choose(chooser, f"198.51.{i}.1").pop for i in range(256)]
    assert 30 <= chosen.count("fra") <= 100
    chooser.set_health("fra", 0.5)
    again = [choose(chooser, f"198.51.{i}.1").pop for i in range(256)]
    assert all(now == "fra" for before, now in zip(chosen, again, strict=True) if before == "fra")


def test_a_full_pop_spills_over_to_the_least_predicted_total_and_no_further() -> None:
    chooser = Chooser(MESH, here="fra", settings=NO_LOOKS)
    for pop, rtt_ms in (("fra", 10.0), ("iad", 90.0), ("sin", 170.0)):
        measured(chooser, pop, rtt_ms)
    chooser.set_load("fra", PopLoad(in_flight=34, capacity=8, service_ms=10.0), 100.0)
    assert choose(chooser).pop == "fra"  # 10 ms and twice a wait of 39
    chooser.set_load("fra", PopLoad(in_flight=37, capacity=8, service_ms=10.0), 100.0)  # waits 43 ms
    decision = choose(chooser)
    assert (decision.pop, decision.reason) == ("iad", Reason.SPILLED)
    assert decision.alternatives[0] == "fra"
    chooser.set_load("iad", PopLoad(in_flight=100, capacity=8, service_ms=10.0), 100.0)
    assert choose(chooser).pop == "fra"


def test_requests_sent_fill_a_pop_until_news_comes() -> None:
    chooser = Chooser(MESH, settings=NO_LOOKS)
    for pop, rtt_ms in (("fra", 10.0), ("iad", 90.0)):
        measured(chooser, pop, rtt_ms)
    chooser.set_load("fra", PopLoad(in_flight=0, capacity=8, service_ms=20.0), 100.0)
    sent = []
    for _ in range(80):
        sent.append(choose(chooser).pop or "")
        chooser.sent(sent[-1])
    assert {"fra", "iad"} == set(sent)
    for name in sent:
        chooser.finished(name)
    assert choose(chooser).pop == "fra"


def test_passing_on_pays_only_when_the_wait_here_is_longer_than_the_way() -> None:
    chooser = Chooser(MESH, here="fra", settings=NO_LOOKS)
    chooser.calibrate([("fra", "iad", 90.0)])
    for pop, rtt_ms in (("fra", 95.0), ("iad", 70.0)):
        measured(chooser, pop, rtt_ms)
    decision = choose(chooser)
    assert decision.pop == "iad"
    assert not chooser.passing_on_pays(decision)
    chooser.set_load("fra", PopLoad(in_flight=70, capacity=8, service_ms=10.0), 100.0)  # waits 83 ms
    assert not chooser.passing_on_pays(choose(chooser))
    chooser.set_load("fra", PopLoad(in_flight=80, capacity=8, service_ms=10.0), 100.0)  # waits 96 ms
    assert chooser.passing_on_pays(choose(chooser))
    chooser.set_load("fra", PopLoad(in_flight=0, capacity=8, service_ms=10.0), 100.0)
    chooser.set_health("fra", 0)
    assert chooser.passing_on_pays(choose(chooser))
    assert Chooser(MESH).passing_on_pays(choose(Chooser(MESH)))


def test_a_viewer_of_unknown_place_is_answered_here() -> None:
    decision = choose(Chooser(MESH, here="sin"), "10.0.0.1", UNKNOWN)
    assert (decision.pop, decision.reason, decision.probe) == ("sin", Reason.NOT_PLACED, None)
    assert choose(Chooser(MESH, here="sin"), "", UNKNOWN).pop == "sin"


def test_a_router_in_front_sends_a_prefix_of_unknown_place_always_to_one_pop() -> None:
    decisions = [choose(Chooser(MESH), f"10.0.0.{i}", UNKNOWN) for i in range(1, 20)]
    assert len({decision.pop for decision in decisions}) == 1
    assert decisions[0].reason is Reason.NOT_PLACED_IN_FRONT


def test_a_viewer_of_unknown_place_is_answered_here_in_a_large_mesh_too() -> None:
    mesh = Mesh([Pop(name=f"p{i}", latitude=0, longitude=i) for i in range(100)])
    assert choose(Chooser(mesh, here="p99"), "10.0.0.1", UNKNOWN).pop == "p99"


def test_a_router_in_front_spreads_viewers_of_unknown_place_and_keeps_each_where_it_is() -> None:
    chooser = Chooser(MESH)
    first = [choose(chooser, f"10.0.{i}.1", UNKNOWN).pop for i in range(100)]
    assert set(first) == set(PLACES)
    assert first == [choose(chooser, f"10.0.{i}.1", UNKNOWN).pop for i in range(100)]


def test_with_nothing_in_service_a_pop_serves_and_a_router_in_front_cannot() -> None:
    for here, expected in (("sin", "sin"), ("", None)):
        chooser = Chooser(MESH, here=here)
        for name in PLACES:
            chooser.set_health(name, 0)
        decision = choose(chooser)
        assert (decision.pop, decision.reason) == (expected, Reason.NONE_IN_SERVICE)


def test_the_gain_over_this_pop_is_told() -> None:
    decision = choose(Chooser(MESH, here="sin"))
    assert decision.gain_ms is not None
    assert decision.gain_ms > 50


def test_pops_that_know_their_round_trips_start_with_better_priors() -> None:
    plain, calibrated = Chooser(MESH), Chooser(MESH)
    calibrated.calibrate([("fra", "iad", 400.0), ("fra", "sin", 130.0), ("fra", "fra", 1.0)])
    at = Location(latitude=50.0, longitude=8.0)
    before = {view.pop: view.prior_ms for view in plain.explain(VIEWER, at, 0.0).pops}
    after = {view.pop: view.prior_ms for view in calibrated.explain(VIEWER, at, 0.0).pops}
    assert after["iad"] > before["iad"] + 50
    assert after["sin"] < before["sin"]


def test_an_explanation_names_every_pop_and_changes_nothing() -> None:
    chooser = Chooser(MESH, here="iad")
    measured(chooser, "fra", 12.0)
    for _ in range(3):
        found = chooser.explain(VIEWER, PARIS, 61.0)
    assert (found.prefix, found.pop, found.requests) == ("203.0.114.0/24", "fra", 0)
    views = {view.pop: view for view in found.pops}
    assert views.keys() == PLACES.keys()
    assert views["fra"].chosen
    assert (views["fra"].measured_ms, views["fra"].samples, views["fra"].age_s) == (12.0, 3, 60.0)
    assert views["fra"].distance_km == pytest.approx(distance_km(48.9, 2.4, *PLACES["fra"]), abs=1)
    assert views["iad"].prior_ms < views["iad"].prior_high_ms
    assert chooser.explain("10.1.1.1", UNKNOWN, 0.0).prefix == "local"


def test_consulting_counts_no_request_and_keeps_no_group() -> None:
    chooser = Chooser(MESH)
    assert chooser.consult(VIEWER, PARIS, 0.0).pop == "fra"
    assert chooser.explain(VIEWER, PARIS, 0.0).requests == 0


def test_pops_tell_each_other_what_they_measured_once() -> None:
    here, there = Chooser(MESH, settings=NO_LOOKS), Chooser(MESH, settings=NO_LOOKS)
    measured(here, "fra", 180.0)
    measured(here, "iad", 85.0)
    message = here.news(2.0)
    assert there.take_news(message, 2.0) == 2
    assert choose(there).pop == "iad"
    assert decode_paths(here.news(3.0)) == []
    assert decode_paths(there.news(3.0)) == []  # what was told is not told on


def test_news_reaches_groups_in_use_too() -> None:
    here, there = Chooser(MESH, settings=NO_LOOKS), Chooser(MESH, settings=NO_LOOKS)
    measured(there, "fra", 95.0)
    assert choose(there).pop == "fra"
    measured(here, "iad", 85.0)
    there.take_news(here.news(2.0), 2.0)
    assert choose(there).pop == "iad"


def test_news_is_bounded_and_the_rest_follows() -> None:
    chooser = Chooser(MESH)
    for i in range(PATHS_MAX + 10):
        chooser.observe(f"198.{i >> 8}.{i & 255}.1", PARIS, "fra", 20.0, 1.0)
    assert len(decode_paths(chooser.news(2.0))) == PATHS_MAX
    assert len(decode_paths(chooser.news(2.0))) == 10


plain_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(plain_values | st.builds(lambda rows: {"v": 1, "paths": rows}, st.lists(plain_values, max_size=3)))
def test_gossip_in_any_other_form_is_refused_as_a_whole(message: object) -> None:
    try:
        decode_paths(message)
    except GossipError as error:
        assert error.remedy  # noqa: PT017  either outcome is right


@pytest.mark.parametrize(
    "row",
    [
        [1, "fra", 0, 1, 0],
        [1, "fra", 10_001, 1, 0],
        [-1, "fra", 10, 1, 0],
        [1 << 49, "fra", 10, 1, 0],
        [1, "fra", 10, 0, 0],
        [1, "fra", 10, 1, -1],
        [1, "fra", 10, 1, 90_000],
        [1, "fra", 10, 1],
        [True, "fra", 10, 1, 0],
        [1, "fra", float("nan"), 1, 0],
    ],
)
def test_a_path_out_of_bounds_is_refused(row: list[object]) -> None:
    with pytest.raises(GossipError):
        decode_paths({"v": 1, "paths": [row]})
    assert decode_paths({"v": 1, "paths": [[1, "fra", 10, 1, 0]]})


@settings(max_examples=30)
@given(
    st.integers(0, 2**32),
    st.lists(st.sampled_from(["choose", "observe", "health", "load", "news"]), max_size=60),
)
def test_whatever_happens_a_decision_names_a_pop_in_service(seed: int, steps: list[str]) -> None:
    chance = Random(seed)
    chooser = Chooser(MESH, here="fra", seed=seed)
    shares = dict.fromkeys(PLACES, 1.0)
    for second, step in enumerate(steps):
        viewer = f"198.51.{chance.randrange(4)}.1"
        pop = chance.choice(list(PLACES))
        if step == "observe":
            chooser.observe(viewer, PARIS, pop, chance.uniform(1, 400), float(second))
        elif step == "health":
            shares[pop] = chance.choice([0.0, 0.5, 1.0])
            chooser.set_health(pop, shares[pop])
        elif step == "load":
            chooser.set_load(pop, PopLoad(in_flight=chance.randrange(99), capacity=8, service_ms=9.0), second)
        elif step == "news":
            chooser.take_news(chooser.news(second), second)
        decision = chooser.choose(viewer, PARIS, float(second))
        assert decision.pop is not None
        assert shares[decision.pop] > 0 or not any(shares.values())
        assert decision.probe is None or shares[decision.probe] > 0


def test_viewers_that_cannot_probe_are_found_out_and_then_learn_by_requests() -> None:
    chooser = Chooser(MESH, settings=ChoiceSettings(audit_share=0))
    measured(chooser, "fra", 150.0)
    truth = {"fra": 150.0, "iad": 80.0, "sin": 190.0}
    pops = []
    for second in range(150):
        decision = chooser.choose(VIEWER, PARIS, 100.0 + second, can_probe=False)
        assert decision.probe is None
        pops.append(decision.pop or "")
        chooser.observe(VIEWER, PARIS, pops[-1], truth[pops[-1]], 100.0 + second)
    assert pops[-50:].count("iad") >= 45


def test_nobody_is_sent_to_a_busy_pop_to_explore() -> None:
    chooser = Chooser(MESH, settings=NO_PROBES)
    measured(chooser, "fra", 95.0)
    for pop in ("iad", "sin"):
        chooser.set_load(pop, PopLoad(in_flight=50, capacity=8, service_ms=20.0), 100.0)
    assert {choose(chooser).pop for _ in range(100)} == {"fra"}


def test_probes_that_were_not_needed_are_not_saved_up_without_end() -> None:
    chooser = Chooser(MESH, settings=ChoiceSettings(probes_burst=5, probes_per_request=0.1, audit_share=0))
    for _ in range(5_000):
        chooser.choose("10.0.0.1", UNKNOWN, 0.0)
    asked = sum(
        chooser.choose(f"198.{40 + i // 250}.{i % 250}.1", PARIS, float(i)).probe is not None
        for i in range(100)
    )
    assert asked <= 5 + 0.1 * 100 + 1
