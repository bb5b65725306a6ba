"""What ``edgefaas dev`` and ``edgefaas test`` pretend: who asks, and which POP answers from how far away."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from edgefaas.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from edgefaas.site import Pretence, Site
    from router import Location

F = TypeVar("F", bound=Callable[..., Any])

MESH = "mesh"  # all POPs that the site names
ROUND_TRIP_MS_MAX = 10_000.0
_ENTRY = re.compile(r"([A-Za-z0-9][A-Za-z0-9_-]{0,62})(?:=([0-9]+(?:\.[0-9]+)?)(?:ms)?)?\Z")


@dataclass(frozen=True, slots=True)
class Viewer:
    """An address, and where the database places it."""

    address: str
    location: "Location"

    @property
    def place(self) -> str:
        """Return the place in words."""
        known = (self.location.city, self.location.country_name or self.location.country)
        return ", ".join(filter(None, known)) or "an unknown place"


def viewer_options(command: F) -> F:
    """Give a command the options that say where viewers seem to be."""
    command = click.option(
        "--address", metavar="IP", help="Requests seem to come from this address; instead of --country."
    )(command)
    return click.option(
        "--country", metavar="CODE", help="Requests seem to come from there: DE, BR, JP (ISO 3166-1)."
    )(command)


def find_viewer(
    country: str | None, address: str | None, *, site: "Site | None", geo: Path | None
) -> Viewer | None:
    """Return the viewer that is meant, None for none; by the site's databases, those of the folder ``geo``, or ours.

    Raises UsageError: there is no such country or address, or the database knows nobody there.
    """
    from ipaddress import ip_address

    from edgefaas.geo import open_geo
    from router import address_in, is_country

    if country is None and address is None:
        return None
    if country is not None and address is not None:
        raise UsageError("--country and --address exclude each other", remedy="Give one of them.")
    database = open_geo(site.router if site else None, geo)
    try:
        if address is None:
            assert country is not None
            code = country.upper()
            if not is_country(code):
                remedy = "Write GB." if code == "UK" else "Write two letters of ISO 3166-1, such as DE or JP."
                raise UsageError(f'"{country}" is not the code of a country', remedy=remedy)
            address = address_in(database, code)
            if address is None:
                raise UsageError(
                    f"The database of addresses ({database.description}) places nobody in {code}",
                    remedy="Name an address with --address, or another country.",
                )
        try:
            address = str(ip_address(address))
        except ValueError:
            raise UsageError(
                f'"{address}" is not an IP address', remedy="Write for example 203.0.113.7."
            ) from None
        return Viewer(address, database.locate(address))
    finally:
        database.close()


def read_pops(text: str, known: Iterable[str]) -> dict[str, float | None]:
    """Return the POPs of ``fra=8ms,iad``, by name, with their round trips in ms where those are given.

    ``mesh`` are all that the site names (``known``). Raises UsageError.
    """
    names = list(known)
    entries = names if text == MESH else text.split(",")
    if not entries:
        raise UsageError(
            "--pops mesh: the site names no POPs", remedy="Add [pops.NAME], or write --pops fra=8ms,iad=95ms."
        )
    found: dict[str, float | None] = {}
    for entry in entries:
        match = _ENTRY.match(entry.strip())
        if match is None:
            raise UsageError(
                f'--pops: "{entry.strip()}" is not a POP with its round trip',
                remedy="Write for example fra=8ms,iad=95ms.",
            )
        name, given = match[1], match[2]
        if name in found:
            raise UsageError(f"--pops names {name} twice", remedy="Name each POP once.")
        if given is None and name not in names:
            raise UsageError(
                f"--pops: the site has no POP {name}, so how far away it is has to be said",
                remedy=f"Write {name}=95ms, or add [pops.{name}] with its place.",
            )
        if given is not None and float(given) > ROUND_TRIP_MS_MAX:
            raise UsageError(
                f"--pops: {name} is {given} ms away, over the limit of {ROUND_TRIP_MS_MAX:.0f} ms",
                remedy="Write a shorter round trip.",
            )
        found[name] = None if given is None else float(given)
    return found


def round_trips(site: "Site", viewer: Viewer | None, wanted: Mapping[str, float | None]) -> dict[str, float]:
    """Return the round trip (ms) from the viewer to each POP: as given, else as the router expects it from there.

    Raises UsageError: neither is said, nor where the viewer is.
    """
    missing = [name for name, given in wanted.items() if given is None]
    expected: dict[str, float] = {}
    if missing:
        if viewer is None or not viewer.location.placed:
            raise UsageError(
                f"--pops: how far away {missing[0]} is depends on where viewers are",
                remedy=f"Add --country DE, or write {missing[0]}=95ms.",
            )
        expected = expected_ms(site, viewer)
    return {name: round(expected[name], 1) if given is None else given for name, given in wanted.items()}


def expected_ms(site: "Site", viewer: Viewer) -> dict[str, float]:
    """Return the round trip (ms) from the viewer to each POP of the site, by distance, as nothing is measured."""
    import time

    from router import Chooser, Mesh
    from router import Pop as MeshPop

    mesh = Mesh(
        [MeshPop(name=pop.name, latitude=pop.latitude, longitude=pop.longitude, url="") for pop in site.pops.values()]
    )  # fmt: skip
    told = Chooser(mesh, here="").explain(viewer.address, viewer.location, time.monotonic())
    return {row.pop: row.expected_ms for row in told.pops}


def make_pretence(
    site: "Site", viewer: Viewer | None, pops: str | None, *, caches: bool
) -> "tuple[Pretence, list[str]]":
    """Return what to pretend, and say it. Raises UsageError."""
    from edgefaas.site import Pretence

    words = []
    if viewer is not None:
        words.append(f"viewers seem to be in {viewer.place}, at {viewer.address}")
    away: dict[str, float] = {}
    if pops is not None:
        away = round_trips(site, viewer, read_pops(pops, site.pops))
    elif viewer is not None and viewer.location.placed and site.pops:
        away = expected_ms(site, viewer)
    pop, round_trip_ms = "", 0.0
    if away:
        pop = min(away, key=lambda name: away[name])
        others = ", ".join(f"{name} {ms:g} ms" for name, ms in sorted(away.items(), key=lambda item: item[1]))
        if pops is None:
            words.append(
                f"{pop} of the site's POPs would serve them; --pops mesh takes as long as that would"
            )
        else:
            round_trip_ms = away[pop]
            words.append(f"{pop} serves them, being nearest: {others}")
    if not caches:
        words.append("nothing is stored or served from the cache")
    return Pretence(
        viewer=viewer.address if viewer else "", pop=pop, round_trip_ms=round_trip_ms, caches=caches
    ), words


def pretended_event(event: Any, viewer: Viewer | None) -> Any:
    """Return an event as this viewer's request makes it. Raises ConfigError: it is no event of a request."""
    from edgefaas.pretence import pretend_event

    if viewer is None:
        return event
    changed = pretend_event(event, viewer.address, viewer.location)
    if changed is None:
        raise ConfigError(
            "The event holds no viewer's request that could come from another country",
            remedy="Leave --country out, or give an event of Lambda@Edge or CloudFront Functions.",
        )
    return changed
