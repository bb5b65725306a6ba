"""``edgefaas route``: where would a viewer with this address be served, and why?"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli import words
from cli.admin import CONFIG_NAME, find_config, find_remote
from cli.remote import UnreachableError
from edgefaas.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from edgefaas.site import Site

SHOWN = ("city", "region_name", "country_name")
HEAD = ("POP", "DISTANCE", "PRIOR", "MEASURED", "EXPECTED", "WAIT", "LOAD", "HEALTH", "")


@click.command()
@click.argument("address")
@click.option("--explain", is_flag=True, help="Show the location, and what speaks for every POP.")
@click.option("--offline", is_flag=True, help="Decide here by the site's file, as if nothing were measured.")
@click.option("--admin", envvar="EDGEFAAS_ADMIN", metavar="URL", help="Where the admin API is.")
@click.option("--token", envvar="EDGEFAAS_TOKEN", metavar="TOKEN", help="The token for it.")
@click.option("--data", type=click.Path(path_type=Path), metavar="DIR", help="The POP's data folder.")
@click.option("-c", "--config", type=click.Path(path_type=Path), metavar="FILE", help="The site's file.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def route(address: str, *, explain: bool, offline: bool, as_json: bool, **where: Any) -> None:
    """Say which point of presence serves a viewer: the running POP is asked, else the site's file.

    \b
    edgefaas route 203.0.113.7 --explain
    """  # noqa: D301  # \b is click's mark
    from ipaddress import ip_address

    try:
        ip_address(address)
    except ValueError:
        raise UsageError(
            f'"{address}" is not an IP address', remedy="Write for example 203.0.113.7."
        ) from None
    config = where.pop("config") or find_config()
    answer = None if offline else _running(address, config, **where)
    if answer is None:
        answer = _offline(address, config or Path(CONFIG_NAME), where["data"])
    words.result(answer, as_json=as_json, text=_text(answer, explain=explain))


def _running(
    address: str, config: Path | None, *, admin: str | None, token: str | None, data: Path | None
) -> dict[str, Any] | None:
    """Return what the running POP says; None when none runs here and none is named."""
    try:
        remote = find_remote(admin=admin, token=token, data=data, config=config, as_json=False)
        return {**remote.get("/v1/route", address=address), "decided": f"by the POP at {remote.url}"}
    except UnreachableError:
        if admin is not None:
            raise
        return None


def _offline(address: str, path: Path, data: Path | None) -> dict[str, Any]:
    import time

    from cli.admin import data_folder
    from edgefaas.config import load_site
    from edgefaas.front import Front

    site: Site = load_site(path)
    if not site.pops:
        raise ConfigError(f"{path} names no POPs", remedy="Add [pops.NAME] with latitude, longitude and url.")
    front = Front(
        site,
        fetch=None,  # type: ignore[arg-type]  # nothing is passed on
        wall_s=time.monotonic,  # nothing is signed
        mono_s=time.monotonic,
        geo_folder=data_folder(data, path) / "geo",
    )
    return {**front.explain(address), "decided": f"offline, by {path}"}


def _text(answer: dict[str, Any], *, explain: bool) -> str:
    chosen = [row for row in answer["pops"] if row["pop"] == answer["pop"]]
    known = chosen and (chosen[0]["distance_km"] is not None or chosen[0]["measured_ms"] is not None)
    expected = f", {chosen[0]['expected_ms']:.1f} ms expected" if known else ""
    said = f"{answer['address']} → {answer['pop'] or 'no POP'}  ({answer['reason']}{expected})"
    if not explain:
        return said
    place = answer["location"]
    where = ", ".join(str(place[key]) for key in SHOWN if place.get(key))
    network = f"AS{place['asn']} {place.get('as_org') or ''}".rstrip() if place.get("asn") else ""
    lines = [
        said,
        "",
        f"decided   {answer['decided']}",
        f"location  {where or 'not known'}{f' ({network})' if network else ''}",
        f"database  {answer['database']}",
        f"group     {answer['prefix']}, {answer['requests']} requests so far",
    ]
    if answer["misplaced"]:
        lines.append(
            "          its round trips are shorter than light allows from there: location not believed"
        )
    if known:
        lines += passed_over(answer["pops"], chosen[0])
    rows = [_row(row, here=row["pop"] == answer["pop"]) for row in answer["pops"]]
    return "\n".join([*lines, "", words.table(rows, head=HEAD)])


def passed_over(rows: list[dict[str, Any]], chosen: dict[str, Any]) -> list[str]:
    """Return a line for each POP that is expected to be nearer than the chosen one: why it is not taken."""
    lines = []
    for row in rows:
        if row is chosen or row["expected_ms"] >= chosen["expected_ms"]:
            break
        if row["share"] == 0:
            why = f"is {row['state']}"
        elif row["wait_ms"]:
            why = f"is busy: with its queue counted twice it takes {row['total_ms']:.1f} ms"
        elif row["share"] < 1:
            why = f"is {row['state']}: {row['share']:.0%} of its viewers are sent there, not yet this prefix"
        else:
            why = "is not nearer by enough to move this prefix"
        lines.append(f"not       {row['pop']}, which {why}")
    return lines


def _row(row: dict[str, Any], *, here: bool) -> tuple[str, ...]:
    """Return one POP's row: what was believed before measuring, what was measured, what it comes to."""
    distance = row["distance_km"]
    measured = row["measured_ms"]
    load = f"{row['in_flight']:.0f} of {row['capacity']}" if row["capacity"] else ""
    part = "" if row["share"] in (0, 1) else f", {row['share']:.0%} of its viewers"
    return (
        row["pop"],
        "" if distance is None else f"{distance:,.0f} km",
        f"{row['prior_ms']:.1f} ms (9 of 10 ≤ {row['prior_high_ms']:.0f})",
        "" if measured is None else f"{measured:.1f} ms ({row['samples']} samples)",
        f"{row['expected_ms']:.1f} ms",
        f"{row['wait_ms']:.1f} ms" if row["wait_ms"] else "",
        load,
        f"{row['state']}{part}",
        "← here" if here else "",
    )
