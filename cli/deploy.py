"""``edgefaas deploy``: from a source to live in every worker."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli import words
from cli.admin import Remote, remote_options
from cli.build import build_when_needed
from cli.rollouts import PERCENT, wait_for_verdict
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


@click.command()
@click.argument("what", nargs=-1, metavar="[FILE|FOLDER|NAME]...")
@click.option("--name", help="The function's name; by default its file's, folder's or function.toml's.")
@click.option(
    "--site", "whole", is_flag=True, help="All functions, and the folders of all directory origins."
)
@click.option("--dry-run", is_flag=True, help="Build it, and say what would change.")
@click.option(
    "-e", "--env", "variables", multiple=True, metavar="NAME=VALUE",
    help="A variable of the new version, over what the files say. May be repeated. For secrets: edgefaas secret.",
)  # fmt: skip
@click.option("--canary", type=PERCENT, metavar="PERCENT", help="Only for so many of the viewers: 10%.")
@click.option(
    "--affinity",
    metavar="KEY",
    help="Know viewers of a canary again by address (the default), cookie:NAME or header:NAME.",
)
@click.option(
    "--watch", type=click.IntRange(1, 3600), metavar="SECONDS", help="Watch it for so long; wait for the end."
)
@click.option(
    "--max-errors", type=PERCENT, metavar="PERCENT", help="Take it back with more errors than that."
)
@click.option(
    "--min-runs", type=click.IntRange(1, 1_000_000), metavar="N", help="But only after so many runs."
)
@click.option("--no-wait", is_flag=True, help="Let the POP watch on its own.")
@click.option("--expect", metavar="VERSION", help="Refuse when another version is live.")
@click.option("--no-build", is_flag=True, help="Take the entry as it is, even when a source is newer.")
@remote_options
def deploy(  # noqa: PLR0913  # one per option
    remote: Remote,
    *,
    what: tuple[str, ...],
    name: str | None,
    whole: bool,
    dry_run: bool,
    variables: tuple[str, ...],
    canary: float | None,
    affinity: str | None,
    watch: int | None,
    max_errors: float | None,
    min_runs: int | None,
    no_wait: bool,
    expect: str | None,
    no_build: bool,
) -> int:
    """Make functions live: a file, a folder with function.toml, or a function of the site by its name.

    Without any, every function of edgefaas.toml; origins.NAME is the folder of a directory origin, and --site is
    everything. All that are named go live together, or none does. Says first what changes; then each new version
    handles the test event of [health] in its function.toml, before any viewer gets it. With --watch, or window_s
    there, it is taken back by itself when too many of its runs are errors.

    \b
    edgefaas deploy functions/country.js
    edgefaas deploy hello --dry-run
    edgefaas deploy hello --canary 10% --affinity cookie:session --watch 60
    """  # noqa: D301  # \b is click's mark
    if (name or expect) and len(what) != 1:
        raise UsageError("--name and --expect are for one function", remedy="Name exactly one.")
    if whole and what:
        raise UsageError("--site is everything", remedy="Name functions and origins, or give --site alone.")
    if affinity and canary is None:
        raise UsageError("--affinity is for a canary", remedy="Add --canary 10%.")
    parcels = _with_variables(_parcels(what, name, remote.config, whole=whole, build=not no_build), variables)
    terms = _terms(parcels.functions, canary, affinity, (watch, max_errors, min_runs))
    plan = _plan(remote, parcels, canary=canary)
    if not remote.as_json:
        _show(plan)
    answer = _send(remote, parcels, terms, dry_run=dry_run, expect=expect)
    watched = [row for row in answer["deployed"] if row.get("watched")]
    if not remote.as_json:
        click.echo("\n".join(_sentence(row, answer) for row in answer["deployed"]))
        _remark(answer)
    # A canary is watched for as long as it lasts: to wait for its first verdict has to be asked for.
    failed: list[dict[str, Any]] = []
    if "watch" in terms and answer["live"] and not no_wait:
        first = [row for row in answer["deployed"] if row["changed"] and row["previous"] is None]
        failed = wait_for_verdict(remote, watched + first, terms["watch"])
    if remote.as_json:
        words.result(answer | {"plan": plan, "taken_back": failed}, as_json=True, text="")
    for row in failed:
        words.note(
            f"{click.style('error:', fg='red')} {words.sentence(row['reason'] or 'It was taken back')}"
        )
        if row["stays"]:
            words.note(
                f"  No version was before it, so it stays. Mend it and deploy again, or edgefaas rm {row['name']}."
            )
        else:
            words.note(f"  {row['name']} is {words.short(row['live'])} again for everybody.")
    return 1 if failed else 0


def _with_variables(parcels: Parcels, variables: tuple[str, ...]) -> Parcels:
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


def _terms(
    functions: "list[tuple[Bundle, Health]]",
    canary: float | None,
    affinity: str | None,
    watch: tuple[int | None, float | None, int | None],
) -> dict[str, Any]:
    """Return how it goes out: what the command line says goes over what function.toml says."""
    from dataclasses import asdict, replace

    from edgefaas.control.rollout import Rule
    from edgefaas.health import strictest

    terms: dict[str, Any] = {}
    if canary is not None:
        terms["canary"] = {"percent": canary} | ({"affinity": affinity} if affinity else {})
    rule = strictest([health.rule for _, health in functions if health.rule])
    window_s, max_errors, min_runs = watch
    if rule is None and (window_s is not None or max_errors is not None or min_runs is not None):
        rule = Rule()
    if rule is not None:
        if window_s is not None:
            rule = replace(rule, window_s=float(window_s))
        if max_errors is not None:
            rule = replace(rule, max_errors=max_errors / 100)
        terms["watch"] = asdict(rule if min_runs is None else replace(rule, min_runs=min_runs))
    return terms


def _plan(remote: Remote, parcels: Parcels, *, canary: float | None) -> Any:
    """Return what would change."""
    from edgefaas.control.planning import outline_of

    outlines = [outline_of(bundle) for bundle, _ in parcels.functions]
    outlines += [outline_of(tree.release) for tree in parcels.trees]
    body = {"functions": outlines, "canary": canary is not None}
    return remote.post("/v1/plan", body)["plan"]


def _show(plan: Any) -> None:
    for step in plan:
        if step["change"] == "unchanged" and not step["ends"]:
            continue
        to = f"v{step['known']}" if step["known"] else "a new version"
        words.note(click.style(f"{step['name']}  {step['live'] or 'nothing'} → {to}", bold=True))
        for line in (*step["files"], *step["settings"]):
            words.note(f"  {line}")
        if step["ends"]:
            words.note(f"  ends {step['ends']}")


def _send(
    remote: Remote, parcels: Parcels, terms: dict[str, Any], *, dry_run: bool, expect: str | None
) -> Any:
    from edgefaas.control.bundle import to_json

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


def _parcels(
    what: tuple[str, ...], name: str | None, config: Path | None, *, whole: bool, build: bool
) -> Parcels:
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


def _sentence(row: dict[str, Any], answer: dict[str, Any]) -> str:
    label = f"{row['name']}  v{row['number']}  {words.short(row['version'])}"
    if not answer["live"]:
        return f"{label}  would {'go live' if row['changed'] else 'not change'}"
    if not row["changed"]:
        return f"{label}  was live already"
    whom = "live" if row["percent"] == 100 else f"for {row['percent']:g} % of the viewers"  # noqa: PLR2004  # percent
    return (
        f"{label}  {whom} in {answer['took_ms']:.0f} ms{', after its health check' if row['checked'] else ''}"
    )


def _remark(answer: dict[str, Any]) -> None:
    for row in answer["deployed"]:
        for warning in row["warnings"]:
            words.warn(f"{row['name']}: {warning}")
        if not row["used_by"]:
            words.note(_unused(row["name"]))


def _unused(name: str) -> str:
    said = f"No behaviour of the site uses {name} yet"
    return f"{said}." if "." in name else f"{said}; try edgefaas invoke {name}."
