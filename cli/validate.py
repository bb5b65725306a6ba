"""``edgefaas validate``: is the site's file good, and everything that it names?"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli import words
from cli.admin import CONFIG_NAME, find_config

if TYPE_CHECKING:
    from edgefaas.errors import EdgeError
    from edgefaas.site import Site
    from router import RouterError


@click.command()
@click.argument("config", type=click.Path(path_type=Path), required=False, metavar="[FILE]")
@click.option("-c", "--config", "named", type=click.Path(path_type=Path), metavar="FILE", help="The same.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def validate(*, config: Path | None, named: Path | None, as_json: bool) -> int:
    """Check edgefaas.toml, and that the folders, sources and databases that it names are good.

    Nothing is built or started.
    """
    from edgefaas.config import load_site

    path = config or named or find_config() or Path(CONFIG_NAME)
    site = load_site(path)
    problems: list[dict[str, Any]] = []
    for kind, name, error in _problems(site):
        problems.append({kind: name, "error": str(error), "remedy": error.remedy})
        if not as_json:
            words.refuse(error)
    if problems:
        words.result({"valid": False, "problems": problems}, as_json=as_json, text="")
        return 1
    counts = {
        "functions": len(site.functions),
        "origins": len(site.origins),
        "behaviors": len(site.behaviours),
        "pops": len(site.pops),
    }
    said = ", ".join(
        f"{count} {name if count != 1 else name[:-1]}" for name, count in counts.items() if count
    )
    words.result(
        {"valid": True, "site": site.name, **counts},
        as_json=as_json,
        text=f"{path} is good: {said or 'an empty site'}",
    )
    return 0


def _problems(site: "Site") -> "Iterator[tuple[str, str, EdgeError | RouterError]]":
    """Yield what the site names and is not good: its kind, its name, and the error."""
    from edgefaas.directory import DirectoryFiles
    from edgefaas.errors import EdgeError
    from edgefaas.site import DirectoryOrigin
    from router import GeoDatabase, RouterError

    yield from _function_problems(site)
    for origin in site.origins.values():
        try:
            if isinstance(origin, DirectoryOrigin):
                DirectoryFiles(origin)
        except EdgeError as error:
            yield "origin", origin.name, error
    try:
        if site.router.geoip_city or site.router.geoip_asn:
            GeoDatabase.open(site.router.geoip_city, site.router.geoip_asn)
    except RouterError as error:
        yield "router", "geoip", error


def _function_problems(site: "Site") -> "Iterator[tuple[str, str, EdgeError]]":
    from edgefaas.errors import EdgeError
    from edgefaas.functions import read_spec
    from edgefaas.kv.seeds import read_seed

    for spec in site.functions.values():
        try:
            bundle = read_spec(spec)
        except EdgeError as error:
            yield "function", spec.name, error
            continue
        for name in bundle.kv:
            if name not in site.kv:
                yield "function", spec.name, _missing_namespace(spec.name, name)
    for namespace in site.kv.values():
        try:
            read_seed(namespace)
        except EdgeError as error:
            yield "kv", namespace.name, error


def _missing_namespace(function: str, name: str) -> "EdgeError":
    from edgefaas.errors import ConfigError

    return ConfigError(
        f'Function "{function}" names the key-value namespace "{name}", which the site does not have',
        remedy=f"Add [kv.{name}] to the site, or correct kv of the function.",
    )
