"""``edgefaas route``: where would a viewer with this address be served?"""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli import words
from cli.admin import CONFIG_NAME, find_config
from edgefaas.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from edgefaas.site import Site
    from router import Location


@click.command()
@click.argument("address")
@click.option("--explain", is_flag=True, help="Show the location, and every POP's distance.")
@click.option("-c", "--config", type=click.Path(path_type=Path), metavar="FILE", help="The site's file.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def route(address: str, explain: bool, config: Path | None, as_json: bool) -> None:  # noqa: FBT001  # click passes it by name
    """Say which point of presence would serve a viewer, when all are in service and nothing is measured yet.

    \b
    edgefaas route 203.0.113.7 --explain
    """  # noqa: D301  # \b is click's mark
    from ipaddress import ip_address

    from edgefaas.config import load_site

    try:
        ip_address(address)
    except ValueError:
        raise UsageError(
            f'"{address}" is not an IP address', remedy="Write for example 203.0.113.7."
        ) from None
    path = config or find_config() or Path(CONFIG_NAME)
    answer = _decide(address, load_site(path), path)
    words.result(answer, as_json=as_json, text=_text(answer, explain=explain))


def _decide(address: str, site: "Site", path: Path) -> dict[str, Any]:
    from router import Chooser, GeoDatabase, Mesh, Pop, RouterError

    if not site.pops:
        raise ConfigError(f"{path} names no POPs", remedy="Add [pops.NAME] with latitude, longitude and url.")
    try:
        mesh = Mesh(
            [
                Pop(name=pop.name, latitude=pop.latitude, longitude=pop.longitude, url=pop.url)
                for pop in site.pops.values()
            ]
        )
        geo = GeoDatabase.open(site.router.geoip_city, site.router.geoip_asn)
    except RouterError as error:
        raise ConfigError(str(error), remedy=error.remedy) from None
    location = geo.locate(address)
    decision = Chooser(mesh, here=site.router.pop).choose(
        address, location, time.monotonic(), can_probe=False
    )
    return {
        "address": address,
        "pop": decision.pop,
        "reason": str(decision.reason),
        "expected_ms": decision.expected_ms,
        "alternatives": list(decision.alternatives),
        "location": {
            "country": location.country,
            "region": location.region,
            "city": location.city,
            "latitude": location.latitude,
            "longitude": location.longitude,
            "asn": location.asn,
        },
        "pops": _distances(location, site),
        "database": geo.description,
    }


def _distances(location: "Location", site: "Site") -> list[dict[str, Any]]:
    """Return every POP with its distance, the nearest first; without any when the viewer is not placed."""
    from router import distance_km, fibre_bound_ms

    if location.latitude is None or location.longitude is None:
        return []
    rows = []
    for pop in site.pops.values():
        km = distance_km(location.latitude, location.longitude, pop.latitude, pop.longitude)
        rows.append({"name": pop.name, "km": round(km), "least_ms": round(fibre_bound_ms(km), 1)})
    return sorted(rows, key=lambda row: float(str(row["km"])))


def _text(answer: dict[str, Any], *, explain: bool) -> str:
    why = f"{answer['reason']}, {answer['expected_ms']:.1f} ms expected"
    said = f"{answer['address']} → {answer['pop']}  ({why})"
    if not explain:
        return said
    place = answer["location"]
    where = ", ".join(str(place[key]) for key in ("city", "region", "country") if place[key])
    lines = [said, "", f"location: {where or 'not known'}", f"database: {answer['database']}"]
    if answer["alternatives"]:
        lines.append(f"next best: {', '.join(answer['alternatives'])}")
    if answer["pops"]:
        rows = [(row["name"], f"{row['km']} km", f"{row['least_ms']} ms") for row in answer["pops"]]
        lines += ["", words.table(rows, head=("POP", "DISTANCE", "LEAST (LIGHT IN FIBRE)"))]
    return "\n".join(lines)
