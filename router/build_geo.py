"""``python -m router.build_geo SOURCE TARGET``: make a compact City database from a larger one.

Kept are country and coordinates. Neighbouring ranges of one country whose places lie within some 300 km
become one range; ranges deeper than the depth limit are dropped in favour of the place that most of their
parent has; private ranges are left out. The file is written as MaxMind DB 2.0 with records of 24 or 28 bits.
Source: MaxMind DB File Format Specification 2.0.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

import maxminddb

from router.address import is_local
from router.distance import distance_km
from router.errors import GeoDatabaseError, RouterError
from router.location import location_of
from router.mmdb import Leaf, Tree, write_mmdb

MERGE_KM = 300.0
V4_DEPTH = 21
V6_DEPTH = 32
STEP_DEGREES = 0.25
_V4_START = 96  # IPv4 lives at ::/96 of an IPv6 tree (specification: IPv4 addresses in an IPv6 tree)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is thrown away."""

    merge_km: float = MERGE_KM
    v4_depth: int = V4_DEPTH
    v6_depth: int = V6_DEPTH


def build(source: Path, target: Path, limits: Limits | None = None) -> tuple[int, int]:
    """Write the compact database; return how many ranges the source had and the target has.

    Raises:
        GeoDatabaseError: the source is no database that places addresses.
    """
    limits = limits or Limits()
    tree = Tree()
    seen = 0
    try:
        with maxminddb.open_database(source, maxminddb.MODE_AUTO) as reader:
            built_from = reader.metadata().description.get("en", reader.metadata().database_type)
            for network, record in reader:
                seen += 1
                leaf = None if is_local(network.network_address.packed) else _leaf(record)
                if leaf is not None:
                    tree.insert(*_path(network), leaf)
    except (OSError, maxminddb.InvalidDatabaseError, ValueError) as error:
        raise GeoDatabaseError(
            f'GeoIP database "{source}" cannot be read: {error}', remedy="Give a City database in .mmdb form."
        ) from error
    if not seen or tree.empty:
        raise GeoDatabaseError(
            f'GeoIP database "{source}" places no address', remedy="Give a City database, not one of ASNs."
        )
    tree.prune(_V4_START + limits.v4_depth, within_v4=True)
    tree.prune(limits.v6_depth, within_v4=False)
    tree.merge(lambda one, other: _mergeable(one, other, limits.merge_km))
    kept = write_mmdb(
        target,
        tree,
        database_type="EdgeGeo-City-Compact",
        description=f"Compact form of: {built_from}",
        build_epoch=int(time.time()),  # noqa: TID251  a command's own clock
    )
    return seen, kept


def networks_of(path: Path) -> Iterator[tuple[IPv4Network | IPv6Network, object]]:
    """Yield the ranges of a database and what it says of them."""
    with maxminddb.open_database(path, maxminddb.MODE_AUTO) as reader:
        for network, record in reader:
            yield ip_network(network), record


def _leaf(record: object) -> Leaf | None:
    place = location_of(record)
    if place.country is None or place.latitude is None or place.longitude is None:
        return None
    return Leaf(place.country, _stepped(place.latitude), _stepped(place.longitude))


def _stepped(degrees: float) -> float:
    return round(degrees / STEP_DEGREES) * STEP_DEGREES


def _path(network: IPv4Network | IPv6Network) -> tuple[int, int]:
    """Return a range's bits in the tree of IPv6, and how many."""
    bits = int(network.network_address) >> (network.max_prefixlen - network.prefixlen)
    return bits, network.prefixlen + (_V4_START if isinstance(network, IPv4Network) else 0)


def _mergeable(one: Leaf, other: Leaf, merge_km: float) -> bool:
    return one.country == other.country and (
        distance_km(one.latitude, one.longitude, other.latitude, other.longitude) <= merge_km
    )


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m router.build_geo", description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--merge-km", type=float, default=MERGE_KM)
    parser.add_argument("--v4-depth", type=int, default=V4_DEPTH)
    parser.add_argument("--v6-depth", type=int, default=V6_DEPTH)
    options = parser.parse_args(arguments)
    try:
        seen, kept = build(
            options.source, options.target, Limits(options.merge_km, options.v4_depth, options.v6_depth)
        )
    except RouterError as error:
        print(f"{error}\n{error.remedy}", file=sys.stderr)
        return 1
    size = options.target.stat().st_size
    print(f"{options.target}: {kept} ranges of {seen}, {size / 1e6:.2f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
