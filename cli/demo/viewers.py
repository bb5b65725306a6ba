"""Who asks: viewers of thirty countries, at addresses that the GeoIP database places there."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address

from router import ATTRIBUTION, GeoDatabase, Location, distance_km

SEED = 20_261_122  # the same viewers in every run
PER_COUNTRY = 4
DRAWS_MAX = 400_000  # about two seconds of looking up

COUNTRIES: Mapping[str, str] = {
    "US": "United States",
    "CA": "Canada",
    "MX": "Mexico",
    "BR": "Brazil",
    "AR": "Argentina",
    "CL": "Chile",
    "CO": "Colombia",
    "GB": "United Kingdom",
    "FR": "France",
    "DE": "Germany",
    "NL": "Netherlands",
    "ES": "Spain",
    "IT": "Italy",
    "PL": "Poland",
    "SE": "Sweden",
    "UA": "Ukraine",
    "TR": "Türkiye",
    "EG": "Egypt",
    "NG": "Nigeria",
    "KE": "Kenya",
    "ZA": "South Africa",
    "AE": "United Arab Emirates",
    "IN": "India",
    "SG": "Singapore",
    "ID": "Indonesia",
    "VN": "Vietnam",
    "KR": "South Korea",
    "JP": "Japan",
    "AU": "Australia",
    "NZ": "New Zealand",
}
"""By ISO 3166-1 code, from west to east within each part of the world."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """An address and where the database places it (degrees)."""

    address: str
    country: str
    latitude: float
    longitude: float

    def distance_km(self, latitude: float, longitude: float) -> float:
        """Return the great-circle distance to a point."""
        return distance_km(self.latitude, self.longitude, latitude, longitude)


def _viewer(address: str, location: Location) -> Viewer | None:
    country = location.country
    if country is None or country not in COUNTRIES:
        return None
    if location.latitude is None or location.longitude is None:
        return None
    return Viewer(
        address=address,
        country=country,
        latitude=location.latitude,
        longitude=location.longitude,
    )


def find_viewers(database: GeoDatabase, per_country: int = PER_COUNTRY) -> list[Viewer]:
    """Scan the database at random places until every country has its viewers; in the order of COUNTRIES.

    A database that knows some countries only has viewers of those.
    """
    draw = random.Random(SEED)  # noqa: S311  reproducible, not secret
    found: dict[str, list[Viewer]] = {country: [] for country in COUNTRIES}
    missing = len(COUNTRIES) * per_country
    for _ in range(DRAWS_MAX):
        address = IPv4Address(draw.getrandbits(32))
        if not address.is_global or address.is_multicast:
            continue
        viewer = _viewer(str(address), database.locate(str(address)))
        if viewer is None or len(found[viewer.country]) == per_country:
            continue
        found[viewer.country].append(viewer)
        missing -= 1
        if missing == 0:
            break
    return [viewer for viewers in found.values() for viewer in viewers]


def credit(database: GeoDatabase) -> str:
    """Return the credit line that the embedded database asks for; "" for one of the user's own."""
    return ATTRIBUTION if database.embedded else ""
