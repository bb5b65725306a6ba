"""``[pops.NAME]`` and ``[router]``. Pure."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from edgefaas.config.names import TOKEN, must_exist, networks
from edgefaas.site import Pop, RouterPolicy, Steering
from edgefaas.table import Table

MESH_SECRET_BYTES_MIN = 16  # the router refuses a shorter one


def read_pop(name: str, table: Table) -> Pop:
    """Return a POP: where it is, and where it answers."""
    url = table.text("url")
    parts = urlsplit(url)
    if url and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise table.refuse("url", f'is "{url}", not an http or https address', 'Write "http://host:port".')
    for key in ("latitude", "longitude"):
        if key not in table:
            raise table.refuse(key, "is missing", f"Add {key} in degrees.")
    pop = Pop(
        name=name,
        latitude=table.number("latitude", 0, low=-90, high=90),
        longitude=table.number("longitude", 0, low=-180, high=180),
        url=url.rstrip("/"),
        city=table.text("city"),
    )
    table.done()
    return pop


def read_router(table: Table, pops: Mapping[str, Pop], folder: Path) -> RouterPolicy:
    """Return how viewers are located and steered."""
    pop = table.text("pop")
    if pop:
        must_exist(table, "pop", pop, pops, "pops")
    steering = Steering(table.choice("steering", tuple(Steering), Steering.ANSWER))
    secret = table.text("mesh_secret")
    if secret and len(secret.encode()) < MESH_SECRET_BYTES_MIN:
        raise table.refuse(
            "mesh_secret",
            f"has {len(secret.encode())} bytes, fewer than {MESH_SECRET_BYTES_MIN}",
            "Make one with: openssl rand -hex 32",
        )
    if steering is not Steering.ANSWER:
        _check_steering(table, pops, pop, secret)
    header = table.text("forwarding_header", "x-forwarded-for")
    if not TOKEN.match(header):
        raise table.refuse(
            "forwarding_header", f'is "{header}", not a field name', 'Write "x-forwarded-for".'
        )
    city, asn = table.text("geoip_city"), table.text("geoip_asn")
    result = RouterPolicy(
        pop=pop,
        steering=steering,
        trusted=networks(table, "trusted"),
        forwarding_header=header.lower(),
        geoip_city=folder / city if city else None,
        geoip_asn=folder / asn if asn else None,
        mesh_secret=secret,
        health_path=table.text("health_path", "/.edgefaas/health"),
    )
    table.done()
    return result


def _check_steering(table: Table, pops: Mapping[str, Pop], pop: str, secret: str) -> None:
    if not pops:
        raise table.refuse(
            "steering", "needs POPs to steer to", "Add [pops.NAME] tables, or remove steering."
        )
    for name, other in pops.items():
        if not other.url and name != pop:
            raise table.refuse("steering", f"needs the address of POP {name}", f"Add url to [pops.{name}].")
    if pop and not secret:
        # Without it a POP takes a request that was passed on for a viewer's, and passes it on again.
        raise table.refuse(
            "mesh_secret",
            "is missing, and POPs that steer must share one",
            "Make one with: openssl rand -hex 32",
        )
