"""Location: every schema is read, every kind of damage is refused, and what worked goes on working."""

import shutil
from pathlib import Path

import geoip2.database
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import GeoDatabaseError
from router.geo import DEFAULT_CITY, RECORD_VALUES_MAX, GeoDatabase, install
from router.location import TEXT_MAX, UNKNOWN, location_of, with_network
from tests.router.hostile_mmdb import amplified, control, long_text, text, with_record

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
)
FIELDS = [
    "country",
    "country_code",
    "location",
    "latitude",
    "longitude",
    "city",
    "subdivisions",
    "postal",
    "asn",
]


@pytest.fixture(scope="module")
def embedded() -> GeoDatabase:
    return GeoDatabase.open()


def test_the_embedded_database_places_viewers_by_country(embedded: GeoDatabase) -> None:
    assert embedded.embedded
    assert embedded.description == "EdgeGeo-City-Compact"
    found = embedded.locate("81.2.69.160")
    assert (found.country, found.country_name) == ("GB", "United Kingdom")
    assert found.latitude == pytest.approx(51.5, abs=1)
    assert embedded.locate("2a00:1450:4001::1").placed


def test_the_embedded_database_opens_with_geoip2() -> None:
    with geoip2.database.Reader(DEFAULT_CITY) as reader:
        assert reader.city("81.2.69.160").country.iso_code == "GB"


@pytest.mark.parametrize(
    "ip", ["10.0.0.1", "127.0.0.1", "::1", "fe80::1", "192.168.1.1", "", "nobody", "1.2.3"]
)
def test_private_addresses_and_what_is_none_have_no_place(embedded: GeoDatabase, ip: str) -> None:
    assert embedded.locate(ip) == UNKNOWN


def test_ipv4_written_as_ipv6_is_the_same_place(embedded: GeoDatabase) -> None:
    assert embedded.locate("::ffff:81.2.69.160") == embedded.locate("81.2.69.160")
    assert embedded.locate("::ffff:5102:45a0") == embedded.locate("81.2.69.160")


@given(st.text(max_size=50))
def test_no_text_makes_the_lookup_fail(embedded: GeoDatabase, text: str) -> None:
    embedded.locate(text)


def test_nested_records_are_read_as_maxmind_writes_them() -> None:
    found = location_of(
        {
            "city": {"names": {"en": "Milton", "de": "Mülltonne"}},
            "country": {"iso_code": "US", "names": {"en": "United States"}},
            "location": {
                "latitude": 47.2513,
                "longitude": -122.3149,
                "accuracy_radius": 22,
                "metro_code": 819,
                "time_zone": "America/Los_Angeles",
            },
            "postal": {"code": "98354"},
            "subdivisions": [{"iso_code": "WA", "names": {"en": "Washington"}}, {"iso_code": "X"}],
            "traits": {"autonomous_system_number": 209, "autonomous_system_organization": "CenturyLink"},
        }
    )
    assert (found.country, found.region, found.region_name, found.city) == (
        "US",
        "WA",
        "Washington",
        "Milton",
    )
    assert (found.latitude, found.longitude, found.accuracy_km) == (47.2513, -122.3149, 22)
    assert (found.metro_code, found.postal_code, found.time_zone) == ("819", "98354", "America/Los_Angeles")
    assert (found.asn, found.as_org) == (209, "CenturyLink")


def test_flat_records_are_read_too() -> None:
    found = location_of(
        {"country_code": "de", "state1": "Hesse", "city": "Frankfurt", "latitude": "50.1", "longitude": 8.7}
    )
    assert (found.country, found.country_name, found.city) == ("DE", "Germany", "Frankfurt")
    assert (found.latitude, found.longitude, found.region_name) == (50.1, 8.7, "Hesse")
    ipinfo = location_of({"country": "FR", "country_name": "France", "asn": "AS3215", "as_name": "Orange"})
    assert (ipinfo.country, ipinfo.country_name, ipinfo.asn, ipinfo.as_org) == (
        "FR",
        "France",
        3215,
        "Orange",
    )


def test_an_asn_record_is_joined_to_the_location() -> None:
    place = location_of({"country": {"iso_code": "DE"}})
    found = with_network(place, {"autonomous_system_number": 3320, "autonomous_system_organization": "DTAG"})
    assert (found.country, found.asn, found.as_org) == ("DE", 3320, "DTAG")
    assert with_network(place, None) is place


@pytest.mark.parametrize("latitude", [90.1, -91, float("nan"), None, "north", True and [1]])
def test_half_a_position_or_one_off_the_globe_places_nobody(latitude: object) -> None:
    found = location_of({"country": {"iso_code": "DE"}, "location": {"latitude": latitude, "longitude": 8}})
    assert not found.placed
    assert found.country == "DE"


@given(st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=5), json_values, max_size=6) | json_values)
def test_no_record_makes_the_reader_fail(record: object) -> None:
    found = location_of(record)
    assert found.latitude is None or -90 <= found.latitude <= 90
    with_network(found, record)


def test_a_missing_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(GeoDatabaseError, match="no such file") as caught:
        GeoDatabase.open(tmp_path / "city.mmdb")
    assert ".mmdb" in caught.value.remedy


@pytest.mark.parametrize("keep", [0, 1, 1_000, 2_000_000, 3_900_000])
def test_a_truncated_file_is_refused(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "city.mmdb"
    path.write_bytes(DEFAULT_CITY.read_bytes()[:keep])
    with pytest.raises(GeoDatabaseError):
        GeoDatabase.open(path)


def test_a_file_without_its_tree_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "city.mmdb"
    path.write_bytes(DEFAULT_CITY.read_bytes()[-200_000:])
    with pytest.raises(GeoDatabaseError, match=r"is damaged|cannot be used"):
        GeoDatabase.open(path)


@pytest.mark.parametrize("width", [40, 255, 280])
def test_a_small_file_of_vast_records_is_refused(tmp_path: Path, width: int) -> None:
    path = tmp_path / "city.mmdb"
    path.write_bytes(amplified(width))
    with pytest.raises(GeoDatabaseError, match="damaged"):
        GeoDatabase.open(path)


def test_a_record_of_exactly_the_most_values_is_believed_and_of_one_more_is_not(tmp_path: Path) -> None:
    def opened(record: bytes) -> GeoDatabase:
        path = tmp_path / f"{len(record)}.mmdb"
        path.write_bytes(record)
        return GeoDatabase.open(path)

    several = control(11, 9) + text("x") * 9
    hundred = control(11, 10) + several * 10  # ten lists of nine: a hundred values
    fields = {f"f{number}": hundred for number in range(9)}  # with their own: 909
    most = RECORD_VALUES_MAX - 909 - 1
    opened(with_record(**fields, last=control(11, most) + text("x") * most)).close()
    with pytest.raises(GeoDatabaseError, match=f"more than {RECORD_VALUES_MAX} values"):
        opened(with_record(**fields, last=control(11, most + 1) + text("x") * (most + 1)))


@pytest.mark.parametrize("length", [285, 5_000, 100_000])
def test_long_texts_of_a_record_are_cut(tmp_path: Path, length: int) -> None:
    path = tmp_path / "city.mmdb"
    path.write_bytes(with_record(city=long_text(length), asn=long_text(length), latitude=long_text(length)))
    place = GeoDatabase.open(path, path).locate("8.8.8.8")
    assert place.city == "1" * TEXT_MAX
    assert place.asn is None
    assert not place.placed


def test_a_replaced_file_is_taken_up(tmp_path: Path) -> None:
    path = tmp_path / "city.mmdb"
    shutil.copy(DEFAULT_CITY, path)
    database = GeoDatabase.open(path)
    assert not database.reload_if_changed()
    fresh = tmp_path / "fresh"
    shutil.copy(DEFAULT_CITY, fresh)
    fresh.replace(path)
    assert database.reload_if_changed()
    assert database.locate("81.2.69.160").country == "GB"
    assert not database.reload_if_changed()


def test_a_replacement_that_is_no_good_is_refused_once_and_the_old_one_stays(tmp_path: Path) -> None:
    path = tmp_path / "city.mmdb"
    shutil.copy(DEFAULT_CITY, path)
    database = GeoDatabase.open(path)
    broken = tmp_path / "broken"
    broken.write_bytes(b"not a database")
    broken.replace(path)
    with pytest.raises(GeoDatabaseError, match="cannot be used"):
        database.reload_if_changed()
    assert not database.reload_if_changed()
    assert database.locate("81.2.69.160").country == "GB"
    path.unlink()
    with pytest.raises(GeoDatabaseError, match="no such file"):
        database.reload_if_changed()
    assert not database.reload_if_changed()
    assert database.locate("81.2.69.161").country == "GB"
    shutil.copy(DEFAULT_CITY, fresh := tmp_path / "fresh")
    fresh.replace(path)
    assert database.reload_if_changed()


def test_an_installed_copy_is_whole_and_named_by_its_content(tmp_path: Path) -> None:
    installed = install(DEFAULT_CITY, tmp_path / "geo")
    assert installed.read_bytes() == DEFAULT_CITY.read_bytes()
    assert install(DEFAULT_CITY, tmp_path / "geo") == installed
    assert [p.name for p in (tmp_path / "geo").iterdir()] == [installed.name]


def test_what_is_no_database_is_not_installed(tmp_path: Path) -> None:
    source = tmp_path / "city.mmdb"
    source.write_bytes(b"\xab\xcd\xefMaxMind.com")
    with pytest.raises(GeoDatabaseError):
        install(source, tmp_path / "geo")
    assert not (tmp_path / "geo").exists()


def test_without_a_database_nobody_is_placed() -> None:
    assert GeoDatabase.empty().locate("81.2.69.160") == UNKNOWN


def test_a_closed_database_places_nobody() -> None:
    database = GeoDatabase.open()
    database.close()
    assert database.locate("81.2.69.160") == UNKNOWN
