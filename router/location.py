"""What a GeoIP record says about an address, whatever schema its vendor writes.

Pure. Two schemas are read: nested records as MaxMind and DB-IP write them (``country.iso_code``), and flat
ones (``country_code``) as IP2Location, IPinfo, sapics and others write them.
Sources: MaxMind DB file format 2.0, GeoIP2 City and ASN schemas.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from router.countries import country_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Where an address is, as far as is known; None where it is not.

    ``country`` is an ISO 3166-1 alpha-2 code, ``region`` an ISO 3166-2 code without the country, coordinates
    are degrees, ``accuracy_km`` a radius.
    """

    country: str | None = None
    country_name: str | None = None
    region: str | None = None
    region_name: str | None = None
    city: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    accuracy_km: int | None = None
    asn: int | None = None
    as_org: str | None = None
    time_zone: str | None = None
    postal_code: str | None = None
    metro_code: str | None = None

    @property
    def placed(self) -> bool:
        """Whether coordinates are known."""
        return self.latitude is not None and self.longitude is not None


TEXT_MAX = 200  # characters of a name: a file may hold ones of 16 MB, and each place is kept
_ASN_DIGITS_MAX = 10
UNKNOWN = Location()


def location_of(record: object) -> Location:
    """Return what a City (or Country) record says; ``UNKNOWN`` for what is no record. Never raises."""
    if not isinstance(record, Mapping):
        return UNKNOWN
    country = record.get("country")
    if isinstance(country, Mapping) or "location" in record or "registered_country" in record:
        return _nested(record)
    return _flat(record)


def with_network(location: Location, record: object) -> Location:
    """Return the location with the autonomous system that an ASN record names."""
    if not isinstance(record, Mapping):
        return location
    number = _asn(_first(record, "autonomous_system_number", "asn", "as_number"))
    org = _text(
        _first(record, "autonomous_system_organization", "as_organization", "as_name", "as_org", "as")
    )
    if number is None and org is None:
        return location
    return replace(location, asn=number, as_org=org)


def _nested(record: Mapping[str, object]) -> Location:
    country = _part(record, "country") or _part(record, "registered_country")
    place = _part(record, "location")
    subdivisions = record.get("subdivisions")
    region: Mapping[str, object] = {}
    if isinstance(subdivisions, list) and subdivisions and isinstance(subdivisions[0], Mapping):
        region = subdivisions[0]
    traits = _part(record, "traits")
    code = _text(country.get("iso_code"))
    latitude, longitude = _coordinates(place.get("latitude"), place.get("longitude"))
    return Location(
        country=code,
        country_name=_english(country) or country_name(code),
        region=_text(region.get("iso_code")),
        region_name=_english(region),
        city=_english(_part(record, "city")),
        latitude=latitude,
        longitude=longitude,
        accuracy_km=_whole(place.get("accuracy_radius")),
        asn=_asn(traits.get("autonomous_system_number")),
        as_org=_text(traits.get("autonomous_system_organization")),
        time_zone=_text(place.get("time_zone")),
        postal_code=_text(_part(record, "postal").get("code")),
        metro_code=_text(place.get("metro_code")),
    )


def _flat(record: Mapping[str, object]) -> Location:
    named = _text(_first(record, "country", "country_name", "country_long"))
    code = _text(_first(record, "country_code", "country_short", "iso_code"))
    if code is None and named is not None and len(named) == 2:  # noqa: PLR2004  IPinfo writes the code here
        code, named = named, None
    code = None if code is None else code.upper()
    latitude, longitude = _coordinates(
        _first(record, "latitude", "lat"), _first(record, "longitude", "lng", "lon")
    )
    return Location(
        country=code,
        country_name=named if named not in (None, code) else country_name(code),
        region=_text(_first(record, "region_code", "state1_code")),
        region_name=_text(_first(record, "region", "region_name", "state1")),
        city=_text(_first(record, "city", "city_name")),
        latitude=latitude,
        longitude=longitude,
        accuracy_km=_whole(_first(record, "accuracy_radius", "radius")),
        asn=_asn(_first(record, "autonomous_system_number", "asn")),
        as_org=_text(_first(record, "autonomous_system_organization", "as_name")),
        time_zone=_text(_first(record, "time_zone", "timezone")),
        postal_code=_text(_first(record, "postal_code", "postcode", "zip_code", "zip")),
        metro_code=_text(record.get("metro_code")),
    )


def _first(record: Mapping[str, object], *names: str) -> object:
    """Return the first of these fields that the record fills."""
    for name in names:
        value = record.get(name)
        if value not in (None, ""):
            return value
    return None


def _part(record: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = record.get(name)
    return value if isinstance(value, Mapping) else {}


def _english(part: Mapping[str, object]) -> str | None:
    names = _part(part, "names")
    return _text(names.get("en")) or next(filter(None, map(_text, names.values())), None)


def _text(value: object) -> str | None:
    """Return a field as text; vendors write "-" or "" for unknown, and some codes as numbers."""
    if isinstance(value, str):
        return None if value in ("", "-") else value[:TEXT_MAX]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _number(value: object) -> float | None:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    return float(value) if isinstance(value, (int, float)) else None


def _whole(value: object) -> int | None:
    number = _number(value)
    return int(number) if number is not None and 0 <= number < 1 << 31 else None


def _coordinates(latitude: object, longitude: object) -> tuple[float | None, float | None]:
    """Return both, or neither: half a position, or one off the globe, places nobody."""
    north, east = _number(latitude), _number(longitude)
    if north is None or east is None or not (-90 <= north <= 90 and -180 <= east <= 180):  # noqa: PLR2004
        return None, None
    return north, east


def _asn(value: object) -> int | None:
    if isinstance(value, str):
        value = value[2:] if value[:2].upper() == "AS" else value
        value = int(value) if value.isascii() and value.isdigit() and len(value) <= _ASN_DIGITS_MAX else None
    return value if isinstance(value, int) and 0 < value < 1 << 32 else None
