"""``edgefaas deploy``: from a source to live in every worker."""

from typing import TYPE_CHECKING, Any

import click

from cli import words
from cli.admin import remote_options
from cli.parcels import outline, read_parcels, send, with_variables
from cli.remote import Remote
from cli.rollouts import PERCENT, wait_for_verdict
from edgefaas.errors import UsageError

if TYPE_CHECKING:
    from edgefaas.control.bundle import Bundle
    from edgefaas.health import Health


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
    parcels = with_variables(
        read_parcels(what, name, remote.config, whole=whole, build=not no_build), variables
    )
    terms = _terms(parcels.functions, canary, affinity, (watch, max_errors, min_runs))
    changes = outline(remote, parcels, canary=canary)
    if not remote.as_json:
        _show(changes)
    answer = send(remote, parcels, terms, dry_run=dry_run, expect=expect)
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
        words.result(answer | {"plan": changes, "taken_back": failed}, as_json=True, text="")
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
