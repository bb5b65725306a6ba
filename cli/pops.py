"""``edgefaas pops``: the points of presence of the site, and how they are."""

import http.client
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from cli import words
from cli.admin import CONFIG_NAME, find_config

if TYPE_CHECKING:
    from edgefaas.site import Pop

TIMEOUT_S = 3.0
AT_ONCE = 16


@click.command()
@click.option("-c", "--config", type=click.Path(path_type=Path), metavar="FILE", help="The site's file.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def pops(config: Path | None, as_json: bool) -> None:  # noqa: FBT001  # click passes it by name
    """List the points of presence of the site, and ask each how it is."""
    from edgefaas.config import load_site

    site = load_site(config or find_config() or Path(CONFIG_NAME))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        rows = list(pool.map(lambda pop: _row(pop, site.router.health_path), site.pops.values()))
    text = words.table(
        [
            (
                row["name"],
                row["city"],
                f"{row['latitude']:.2f}, {row['longitude']:.2f}",
                row["url"] or "(here)",
                row["state"],
                f"{row['ms']:.1f} ms" if row["ms"] is not None else "",
            )
            for row in rows
        ],
        head=("POP", "CITY", "PLACE", "ADDRESS", "STATE", "TOOK"),
    )
    words.result({"pops": rows}, as_json=as_json, text=text if rows else "The site names no POPs.")


def _row(pop: "Pop", health_path: str) -> dict[str, Any]:
    state, took_ms = _ask(pop.url, health_path) if pop.url else ("no address", None)
    return {
        "name": pop.name,
        "city": pop.city,
        "latitude": pop.latitude,
        "longitude": pop.longitude,
        "url": pop.url,
        "state": state,
        "ms": took_ms,
    }


def _ask(url: str, path: str) -> tuple[str, float | None]:
    parts = urlsplit(url)
    make = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = make(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
    began_s = time.perf_counter()
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        status, state = response.status, response.getheader("X-Edge-State")
    except (OSError, http.client.HTTPException) as error:
        return f"down: {getattr(error, 'strerror', None) or error}", None
    finally:
        connection.close()
    took_ms = (time.perf_counter() - began_s) * 1000
    return ("up" if status == http.HTTPStatus.OK else state or f"not in service ({status})"), took_ms
