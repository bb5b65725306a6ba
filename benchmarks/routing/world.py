"""The worlds that routing is judged on: cities, and the round trips between them.

Measured ones are read from two files: cities (``id,city,country,latitude,longitude``) and round trips
(``source,destination,min_ms,…``, plain or gzipped). Without files a world is made by a published model.
Sources: Singla et al., "The Internet at the Speed of Light" (HotNets 2014) and Bozkurt et al., "Why Is the
Internet so Slow?!" (PAM 2017): the median least ping is 3.2 times what light in vacuum needs, 2.1 times the
fibre bound; Spring et al., "Quantifying the Causes of Path Inflation" (SIGCOMM 2003): detours come from where
networks meet.
"""

import csv
import gzip
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import asin, degrees, inf
from pathlib import Path
from random import Random
from typing import IO

from router import distance_km, fibre_bound_ms

SYNTHETIC_CITIES = 240
_HUBS = 14
_PATH_STRETCH = 1.45  # cables do not follow great circles
_DETOUR_SHARE = 0.12  # pairs of countries whose networks meet elsewhere
_DETOUR_HUBS = 6  # at one of so many of the least distant hubs


class WorldError(ValueError):
    """Files that describe no world, or one that is too small for what was asked of it."""


@dataclass(frozen=True, slots=True)
class City:
    """A place with viewers, and perhaps a POP."""

    name: str
    country: str
    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class World:
    """Cities and the least round trip between each two of them in ms, None where it was not measured."""

    name: str
    cities: tuple[City, ...]
    rtt_ms: tuple[tuple[float | None, ...], ...]


def read_world(matrix: Path, cities: Path) -> World:
    """Return the world that two files describe. Raises WorldError, ValueError or OSError."""
    with _text(cities) as file:
        rows = list(csv.DictReader(file))
    if not rows or not {"id", "country", "latitude", "longitude"} <= rows[0].keys():
        raise WorldError(f"{cities}: the columns must be id, city, country, latitude, longitude")
    index = {row["id"]: at for at, row in enumerate(rows)}
    places = tuple(_city(row, cities) for row in rows)
    table: list[list[float | None]] = [[None] * len(places) for _ in places]
    with _text(matrix) as file:
        reader = csv.DictReader(file)
        if not {"source", "destination"} <= set(reader.fieldnames or ()):
            raise WorldError(
                f"{matrix}: the columns must be source, destination, and min_ms, rtt_ms or avg_ms"
            )
        for row in reader:
            column = row.get("min_ms") or row.get("rtt_ms") or row.get("avg_ms")
            one, other = index.get(row["source"]), index.get(row["destination"])
            if column and one is not None and other is not None and 0 < float(column) < inf:
                before = table[one][other]
                table[one][other] = float(column) if before is None else min(before, float(column))
    for one in range(len(places)):
        for other in range(len(places)):
            if table[one][other] is None:
                table[one][other] = table[other][one]
    return World(matrix.name, places, tuple(map(tuple, table)))


def synthetic_world(seed: int = 1, count: int = SYNTHETIC_CITIES) -> World:
    """Return a made-up world: cities in clusters, paths over hubs, some countries meeting far away."""
    chance = Random(seed)
    centers = [(degrees(asin(chance.uniform(-0.6, 0.85))), chance.uniform(-180, 180)) for _ in range(_HUBS)]
    places = []
    for at in range(count):
        hub = chance.randrange(_HUBS)
        north = max(-89.0, min(89.0, centers[hub][0] + chance.gauss(0, 7)))
        east = (centers[hub][1] + chance.gauss(0, 9) + 180) % 360 - 180
        places.append(City(f"city {at}", f"country {hub}-{chance.randrange(4)}", north, east))
    countries = sorted({place.country for place in places})
    access_ms = [chance.lognormvariate(0.3, 0.9) for _ in places]
    detours = {
        (a, b): chance.randrange(_DETOUR_HUBS)
        for a in countries
        for b in countries
        if chance.random() < _DETOUR_SHARE
    }

    def path_ms(one: City, other: City) -> float:
        direct = distance_km(one.latitude, one.longitude, other.latitude, other.longitude)
        rank = detours.get((one.country, other.country), detours.get((other.country, one.country)))
        if rank is not None:
            over_hubs = sorted(
                distance_km(one.latitude, one.longitude, *hub)
                + distance_km(*hub, other.latitude, other.longitude)
                for hub in centers
            )
            direct = over_hubs[rank]
        return fibre_bound_ms(direct) * _PATH_STRETCH

    table: list[list[float | None]] = [[None] * count for _ in places]
    for one in range(count):
        for other in range(one, count):
            stretch = chance.lognormvariate(0.25, 0.3)
            ms = path_ms(places[one], places[other]) * max(1.0, stretch) + access_ms[one] + access_ms[other]
            table[one][other] = table[other][one] = ms if one != other else 0.2
    return World("synthetic", tuple(places), tuple(map(tuple, table)))


def _city(row: Mapping[str, str], cities: Path) -> City:
    north, east = float(row["latitude"]), float(row["longitude"])
    if not (-90 <= north <= 90 and -180 <= east <= 180):
        raise WorldError(f"{cities}: city {row['id']} is at {north}, {east}: no point of the globe")
    return City(row.get("city", row["id"]), row["country"], north, east)


@contextmanager
def _text(path: Path) -> Iterator[IO[str]]:
    with path.open("rb") as probe:
        packed = probe.read(2) == b"\x1f\x8b"
    with (
        gzip.open(path, "rt", encoding="utf-8") if packed else path.open(encoding="utf-8", newline="") as file
    ):
        yield file
