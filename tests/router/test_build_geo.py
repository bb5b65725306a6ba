"""The database writer: what readers find is what was put in, within the limits that it was built with."""

import ipaddress
from pathlib import Path

import maxminddb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from router.build_geo import Limits, build, main, networks_of
from router.errors import GeoDatabaseError
from router.geo import GeoDatabase
from router.mmdb import Leaf, Tree, write_mmdb

countries = st.sampled_from(["DE", "FR", "US", "JP", "ÅX"])
leaves = st.builds(
    Leaf,
    countries,
    st.integers(-360, 360).map(lambda n: n / 4),
    st.integers(-720, 720).map(lambda n: n / 4),
)
v4_networks = st.builds(
    lambda a, bits: ipaddress.ip_network((a, bits), strict=False),
    st.ip_addresses(v=4),
    st.integers(1, 32),
)
v6_networks = st.builds(
    lambda a, bits: ipaddress.ip_network((a, bits), strict=False),
    st.ip_addresses(v=6, network="2000::/3"),
    st.integers(4, 128),
)
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def put(tree: Tree, network: Network, leaf: Leaf) -> None:
    if network.version == 4:
        tree.insert(int(network.network_address) >> (32 - network.prefixlen), 96 + network.prefixlen, leaf)
    else:
        tree.insert(int(network.network_address) >> (128 - network.prefixlen), network.prefixlen, leaf)


def written(path: Path, tree: Tree) -> int:
    return write_mmdb(path, tree, database_type="Test-City", description="test", build_epoch=1_800_000_000)


def expected(leaf: Leaf | None) -> object:
    if leaf is None:
        return None
    location = {"latitude": leaf.latitude, "longitude": leaf.longitude}
    return {"country": {"iso_code": leaf.country}, "location": location}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(v4_networks | v6_networks, leaves), min_size=1, max_size=12),
    st.lists(st.ip_addresses(v=4) | st.ip_addresses(v=6, network="2000::/3"), max_size=6),
)
def test_every_address_is_found_where_the_last_range_put_it(
    tmp_path: Path, ranges: list[tuple[Network, Leaf]], others: list[object]
) -> None:
    tree = Tree()
    for network, leaf in ranges:
        put(tree, network, leaf)
    path = tmp_path / "test.mmdb"
    written(path, tree)
    with maxminddb.open_database(path, maxminddb.MODE_MMAP_EXT) as reader:
        asked = [network[0] for network, _ in ranges] + [network[-1] for network, _ in ranges]
        for address in [*asked, *map(ipaddress.ip_address, map(str, others))]:
            holding = [leaf for network, leaf in ranges if address in network]
            assert reader.get(str(address)) == expected(holding[-1] if holding else None)


def test_the_metadata_is_what_readers_expect(tmp_path: Path) -> None:
    tree = Tree()
    put(tree, ipaddress.ip_network("81.0.0.0/8"), Leaf("GB", 51.5, 0.0))
    assert written(tmp_path / "t.mmdb", tree) == 1
    with maxminddb.open_database(tmp_path / "t.mmdb", maxminddb.MODE_FILE) as reader:
        metadata = reader.metadata()
    assert (metadata.database_type, metadata.ip_version, metadata.record_size) == ("Test-City", 6, 24)
    assert (metadata.build_epoch, metadata.languages) == (1_800_000_000, ["en"])


def test_neighbours_of_one_country_are_merged_and_strangers_are_not(tmp_path: Path) -> None:
    source, target = tmp_path / "source.mmdb", tmp_path / "target.mmdb"
    tree = Tree()
    put(tree, ipaddress.ip_network("81.0.0.0/24"), Leaf("DE", 50.0, 8.75))
    put(tree, ipaddress.ip_network("81.0.1.0/24"), Leaf("DE", 51.0, 9.0))  # 113 km away
    put(tree, ipaddress.ip_network("81.0.2.0/24"), Leaf("DE", 53.5, 10.0))  # 400 km away
    put(tree, ipaddress.ip_network("81.0.3.0/24"), Leaf("FR", 48.75, 2.25))
    written(source, tree)
    assert build(source, target, Limits(v4_depth=32)) == (4, 3)
    found = {str(network): record for network, record in networks_of(target)}
    assert set(found) == {"81.0.0.0/23", "81.0.2.0/24", "81.0.3.0/24"}


def test_what_lies_deeper_than_the_limit_gives_way_to_the_majority(tmp_path: Path) -> None:
    source, target = tmp_path / "source.mmdb", tmp_path / "target.mmdb"
    tree = Tree()
    put(tree, ipaddress.ip_network("81.0.0.0/21"), Leaf("DE", 50.0, 8.75))
    put(tree, ipaddress.ip_network("81.0.1.0/24"), Leaf("FR", 48.75, 2.25))
    put(tree, ipaddress.ip_network("2a00::/32"), Leaf("SE", 59.25, 18.0))
    put(tree, ipaddress.ip_network("2a00:0:1::/48"), Leaf("FI", 60.25, 25.0))
    written(source, tree)
    build(source, target)
    database = GeoDatabase.open(target)
    assert database.locate("81.0.1.1").country == "DE"
    assert database.locate("2a00:0:1::1").country == "SE"
    build(source, target, Limits(v4_depth=24, v6_depth=48))
    assert GeoDatabase.open(target).locate("81.0.1.1").country == "FR"
    assert GeoDatabase.open(target).locate("2a00:0:1::1").country == "FI"


def test_what_places_nobody_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = tmp_path / "empty.mmdb"
    written(empty, Tree())
    with pytest.raises(GeoDatabaseError, match="places no address"):
        build(empty, tmp_path / "out.mmdb")
    broken = tmp_path / "broken.mmdb"
    broken.write_bytes(b"no database")
    assert main([str(broken), str(tmp_path / "out.mmdb")]) == 1
    assert "cannot be read" in capsys.readouterr().err
    assert not (tmp_path / "out.mmdb").exists()
