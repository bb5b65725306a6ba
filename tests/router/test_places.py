"""An address in a country, by the database."""

from ipaddress import ip_address

import pytest

from router import GeoDatabase, address_in, is_country


@pytest.fixture(scope="module")
def embedded() -> GeoDatabase:
    return GeoDatabase.open()


@pytest.mark.parametrize("country", ["DE", "US", "BR", "AQ"])
def test_the_address_is_there_and_always_the_same(embedded: GeoDatabase, country: str) -> None:
    address = address_in(embedded, country)
    assert address is not None
    assert ip_address(address).is_global
    location = embedded.locate(address)
    assert (location.country, location.placed) == (country, True)
    assert address_in(GeoDatabase.open(), country) == address


def test_a_database_that_knows_nobody_there_has_no_address() -> None:
    assert address_in(GeoDatabase.empty(), "DE") is None


def test_codes_are_those_of_countries() -> None:
    assert is_country("DE")
    assert not any(map(is_country, ["de", "UK", "XX", "", "DEU"]))
