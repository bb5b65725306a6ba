"""What goes out together with one deploy: read from disk and the site's file, outlined and sent to a POP."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli import words
from cli.build import build_when_needed
from cli.remote import Remote
from edgefaas.errors import UsageError

if TYPE_CHECKING:
    from edgefaas.control.bundle import Bundle
    from edgefaas.health import Health
    from edgefaas.release import Tree
    from edgefaas.site import DirectoryOrigin, Site


@dataclass(frozen=True)
class Parcels:
    """What goes out together: functions with their checks, and the folders of directory origins."""

    functions: "list[tuple[Bundle, Health]]"
    trees: "list[Tree]"


def read_parcels(
    what: tuple[str, ...], name: str | None, config: Path | None, *, whole: bool, build: bool
) -> Parcels:
    """Return what is named, or everything of the site's file. Raises UsageError, ConfigError, DeployError."""
    from edgefaas.arms import RELEASE_PREFIX, release_of
    from edgefaas.config import load_site
    from edgefaas.site import DirectoryOrigin

    site = load_site(config) if config else None
    folders = {
        release_of(origin.name): origin
        for origin in (site.origins.values() if site else ())
        if isinstance(origin, DirectoryOrigin)
    }
    if not what:
        what = (*(site.functions if site else ()), *(folders if whole else ()))
    if not what:
        raise UsageError(
            "There is nothing to deploy: no edgefaas.toml here or above names a function",
            remedy="Name a file or a folder, or begin with edgefaas init hello.",
        )
    functions, trees = [], []
    for item in what:
        if item in folders:
            trees.append(_tree(folders[item]))
        elif item.startswith(RELEASE_PREFIX):
            raise UsageError(
                f"{item} is no directory origin of the site",
                remedy=f"Use one of {', '.join(folders) or 'none'}.",
            )
        else:
            functions.append(_parcel(item, name, site, build=build))
    return Parcels(functions, trees)


def _tree(origin: "DirectoryOrigin") -> "Tree":
    from edgefaas.release import read_tree

    return read_tree(origin.name, origin.directory)


def _parcel(item: str, name: str | None, site: "Site | None", *, build: bool) -> "tuple[Bundle, Health]":
    """Read one function, by the site's own words for it where it has some."""
    from edgefaas.functions import read_function, read_function_health, read_spec

    path = Path(item)
    spec = None
    if site is not None and name is None:
        by_source = {spec.source.resolve(): spec for spec in site.functions.values()}
        spec = by_source.get(path.resolve()) if path.exists() else site.functions.get(item)
    source = spec.source if spec else path
    if build and source.is_dir():
        build_when_needed(source)
    bundle = read_spec(spec) if spec else read_function(path, name=name)
    return bundle, read_function_health(source)


def with_variables(parcels: Parcels, variables: tuple[str, ...]) -> Parcels:
    """Return the bundles with these variables in their environment. Raises UsageError."""
    from dataclasses import replace

    given: dict[str, str] = {}
    for variable in variables:
        name, equals, value = variable.partition("=")
        if not equals:
            raise UsageError(f'--env is "{name}", without a value', remedy=f"Write --env {name}=VALUE.")
        given[name] = value
    if not given:
        return parcels
    functions = [
        (replace(bundle, environment={**bundle.environment, **given}), health)
        for bundle, health in parcels.functions
    ]
    return replace(parcels, functions=functions)


def outline(remote: Remote, parcels: Parcels, *, canary: float | None) -> Any:
    """Return what a deploy of these would change, as the POP says."""
    from edgefaas.control.planning import outline_of

    outlines = [outline_of(bundle) for bundle, _ in parcels.functions]
    outlines += [outline_of(tree.release) for tree in parcels.trees]
    body = {"functions": outlines, "canary": canary is not None}
    return remote.post("/v1/plan", body)["plan"]


def send(
    remote: Remote, parcels: Parcels, terms: dict[str, Any], *, dry_run: bool, expect: str | None
) -> Any:
    """Deploy these; return the POP's answer. Raises RefusedError, UnreachableError."""
    from edgefaas.control.bundle_json import to_json

    functions = [
        to_json(bundle) | ({"health": health.check} if health.check else {})
        for bundle, health in parcels.functions
    ]
    for tree in parcels.trees:
        _send_files(remote, tree)
    releases = [{"origin": tree.release.origin, "files": dict(tree.release.files)} for tree in parcels.trees]
    headers = {} if expect is None else {"If-Match": f'"{expect}"'}
    body = {"functions": functions} | ({"releases": releases} if releases else {}) | terms
    return remote.ask("POST", "/v1/functions", body=body, query={"dry_run": dry_run}, headers=headers)


def _send_files(remote: Remote, tree: "Tree") -> None:
    """Send what the POP does not have yet."""
    missing = remote.post("/v1/files/missing", {"files": list(tree.sources)})["missing"]
    for count, digest in enumerate(missing, 1):
        if words.terminal() and not remote.as_json:
            click.echo(f"\r\x1b[K{tree.release.name}: file {count} of {len(missing)}", nl=False, err=True)
        remote.ask("PUT", f"/v1/files/{digest}", body=tree.sources[digest].read_bytes())
    if missing and words.terminal() and not remote.as_json:
        click.echo("\r\x1b[K", nl=False, err=True)
