"""Find an address in a country, by a database: whom to pretend to be.

The same one every time, for the same database.
"""

import random
from ipaddress import IPv4Address

from router.countries import COUNTRY_NAMES
from router.geo import GeoDatabase

SEED = 20_261_122
DRAWS = 40_000  # a fifth of a second; enough for countries with one address in ten thousand


def is_country(code: str) -> bool:
    """Say whether ``code`` is an ISO 3166-1 alpha-2 code, in capitals."""
    return code in COUNTRY_NAMES


def address_in(database: GeoDatabase, country: str) -> str | None:
    """Return an address that the database places in ``country``, by preference one that has coordinates.

    None where it knows none. First at random, which finds the middle of a country rather than its first network; then
    by all networks in turn, which takes seconds for a large database.
    """
    draw = random.Random(SEED)  # noqa: S311  the same address every time
    for _ in range(DRAWS):
        address = IPv4Address(draw.getrandbits(32))
        found = database.locate(str(address))
        if found.country == country and found.placed and address.is_global:
            return str(address)
    unplaced = None
    for network, location in database.networks():
        if location.country != country or not network.is_global:
            continue
        first = str(network[1] if network.num_addresses > 1 else network[0])
        if location.placed:
            return first
        unplaced = unplaced or first
    return unplaced
