"""``edgefaas deploy``: from a source to live in every worker."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli import words
from cli.admin import Remote, remote_options
from cli.build import build_when_needed
from edgefaas.errors import UsageError

if TYPE_CHECKING:
    from edgefaas.control.bundle import Bundle
    from edgefaas.site import Site


@click.command()
@click.argument("what", nargs=-1, metavar="[FILE|FOLDER|NAME]...")
@click.option("--name", help="The function's name; by default its file's, folder's or function.toml's.")
@click.option("--dry-run", is_flag=True, help="Build it, and say what would change.")
@click.option("--expect", metavar="VERSION", help="Refuse when another version is live.")
@click.option("--no-build", is_flag=True, help="Take the entry as it is, even when a source is newer.")
@remote_options
def deploy(
    remote: Remote,
    what: tuple[str, ...],
    name: str | None,
    dry_run: bool,  # noqa: FBT001  # click passes it by name
    expect: str | None,
    no_build: bool,  # noqa: FBT001  # click passes it by name
) -> None:
    """Make functions live: a file, a folder with function.toml, or a function of the site by its name.

    Without any, every function of edgefaas.toml. All that are named go live together, or none does.

    \b
    edgefaas deploy functions/country.js
    edgefaas deploy hello --dry-run
    """  # noqa: D301  # \b is click's mark
    if (name or expect) and len(what) != 1:
        raise UsageError("--name and --expect are for one function", remedy="Name exactly one.")
    bundles = _bundles(what, name, remote.config, build=not no_build)
    answer = _send(remote, bundles, dry_run=dry_run, expect=expect)
    words.result(
        answer, as_json=remote.as_json, text="\n".join(_sentence(row, answer) for row in answer["deployed"])
    )
    if not remote.as_json:
        for row in answer["deployed"]:
            for warning in row["warnings"]:
                words.warn(f"{row['name']}: {warning}")
            if not row["used_by"]:
                words.note(
                    f"No behaviour of the site uses {row['name']} yet; try edgefaas invoke {row['name']}."
                )


def _send(remote: Remote, bundles: "list[Bundle]", *, dry_run: bool, expect: str | None) -> Any:
    from edgefaas.control.bundle import to_json

    functions = [to_json(bundle) for bundle in bundles]
    body = functions[0] if len(functions) == 1 else {"functions": functions}
    headers = {} if expect is None else {"If-Match": f'"{expect}"'}
    return remote.ask("POST", "/v1/functions", body=body, query={"dry_run": dry_run}, headers=headers)


def _bundles(what: tuple[str, ...], name: str | None, config: Path | None, *, build: bool) -> "list[Bundle]":
    from edgefaas.config import load_site

    site = load_site(config) if config else None
    if not what:
        if site is None or not site.functions:
            raise UsageError(
                "There is nothing to deploy: no edgefaas.toml here or above names a function",
                remedy="Name a file or a folder, or begin with edgefaas init hello.",
            )
        what = tuple(site.functions)
    return [_bundle(item, name, site, build=build) for item in what]


def _bundle(item: str, name: str | None, site: "Site | None", *, build: bool) -> "Bundle":
    """Read one function, by the site's own words for it where it has some."""
    from edgefaas.functions import read_function, read_spec

    path = Path(item)
    spec = None
    if site is not None and name is None:
        by_source = {spec.source.resolve(): spec for spec in site.functions.values()}
        spec = by_source.get(path.resolve()) if path.exists() else site.functions.get(item)
    source = spec.source if spec else path
    if build and source.is_dir():
        build_when_needed(source)
    return read_spec(spec) if spec else read_function(path, name=name)


def _sentence(row: dict[str, Any], answer: dict[str, Any]) -> str:
    label = f"{row['name']}  v{row['number']}  {words.short(row['version'])}"
    if not answer["live"]:
        return f"{label}  would {'go live' if row['changed'] else 'not change'}"
    if not row["changed"]:
        return f"{label}  was live already"
    return f"{label}  live in {answer['took_ms']:.0f} ms"
