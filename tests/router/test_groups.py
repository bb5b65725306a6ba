"""Groups: bounded, packed small, and unpacked as they were."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.groups import Group, GroupTable, network_of, pack_samples, unpack_samples
from router.location import Location
from router.samples import Samples


def group(key: int, rtt_ms: float = 20.0) -> Group:
    return Group(key, 0.5, None, None, "", {3: Samples(rtt_ms, 5.0)}, requests=9)


@given(
    st.dictionaries(st.integers(0, 999), st.tuples(st.floats(0.2, 9_000), st.integers(1, 400)), max_size=12)
)
def test_samples_survive_packing_to_a_fifth_of_a_millisecond(paths: dict[int, tuple[float, int]]) -> None:
    samples = {pop: Samples(rtt_ms, 77.0) for pop, (rtt_ms, _) in paths.items()}
    for pop, (_, count) in paths.items():
        samples[pop].count = count
    packed = pack_samples(samples, 1_234)
    assert len(packed) == 5 + 9 * len(paths)
    found, requests = unpack_samples(packed)
    assert requests == 1_234
    assert found.keys() == paths.keys()
    for pop, (rtt_ms, count) in paths.items():
        assert found[pop].floor_ms == pytest.approx(rtt_ms, abs=0.11)
        assert found[pop].count == min(count, 255)


def test_the_best_paths_are_kept_when_there_is_no_room_for_all() -> None:
    samples = {pop: Samples(100.0 - pop, 0.0) for pop in range(20)}
    found, _ = unpack_samples(pack_samples(samples, 0))
    assert sorted(found) == list(range(8, 20))


def test_a_group_that_was_put_away_comes_back_with_its_samples() -> None:
    table = GroupTable(hot_max=2, packed_max=10)
    for key in range(6):
        table.put(group(key, 20.0 + key))
    assert table.get(0) is None
    samples, requests = table.unpack(0)
    assert samples[3].floor_ms == pytest.approx(20.0, abs=0.1)
    assert requests == 9
    assert table.unpack(0) == ({}, 0)
    assert table.kept(1)
    assert table.kept(1)


def test_a_group_in_use_stays_in_use() -> None:
    table = GroupTable(hot_max=2, packed_max=10)
    table.put(group(1))
    for key in range(10, 30):
        table.put(group(key))
        assert table.get(1) is not None


def test_any_number_of_prefixes_takes_bounded_room() -> None:
    table = GroupTable(hot_max=8, packed_max=64)
    for key in range(5_000):
        table.put(group(key))
        assert len(table) <= 2 * 8 + 2 * 64


def test_the_network_is_the_as_and_the_country() -> None:
    assert network_of(Location(asn=3320, country="DE")) == "3320/DE"
    assert network_of(Location(asn=3320)) == "3320/"
    assert network_of(Location(country="DE")) == ""
