"""``edgefaas promote`` and ``prune``, and waiting for what becomes of a version on its way."""

import time
from typing import TYPE_CHECKING, Any

import click

from cli import words
from cli.admin import remote_options
from cli.remote import Remote, function_path
from edgefaas.errors import UsageError

if TYPE_CHECKING:
    from edgefaas.control.rollout import Counted

LOOK_EVERY_S = 0.5
WHOLE = 100.0


class Percent(click.ParamType[float]):
    """A share such as ``10%`` or ``0.5``."""

    name = "percent"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number of percent, 0 to 100."""
        try:
            percent = float(str(value).strip().removesuffix("%"))
        except ValueError:
            percent = -1.0
        if not 0 <= percent <= WHOLE:
            self.fail(f'"{value}" is not a share from 0% to 100%.', param, ctx)
        return percent


PERCENT = Percent()


@click.command()
@click.argument("name", required=False)
@click.option("--to", type=PERCENT, metavar="PERCENT", help="Give it more, or less, of the viewers: 50%.")
@click.option("--expect", metavar="VERSION", help="Refuse when another version is live.")
@remote_options
def promote(remote: Remote, *, name: str | None, to: float | None, expect: str | None) -> None:
    """Make a canary live for everybody, with all that was deployed with it.

    Without NAME, the only canary there is. Who had it at 10% keeps it at 50%.

    \b
    edgefaas promote hello --to 50%
    edgefaas promote hello
    """  # noqa: D301  # \b is click's mark
    name = name or _only_canary(remote)
    headers = {} if expect is None else {"If-Match": f'"{expect}"'}
    body = {} if to is None else {"percent": to}
    answer = remote.ask("POST", function_path(name, "promote"), body=body, headers=headers)
    lines = [
        f"{row['name']}  v{row['number']}  {words.short(row['version'])}  {_whom(row)}"
        for row in answer["promoted"]
    ]
    words.result(answer, as_json=remote.as_json, text="\n".join(lines))


def _whom(row: dict[str, Any]) -> str:
    return "live" if row["percent"] == WHOLE else f"for {row['percent']:g} % of the viewers"


def _only_canary(remote: Remote) -> str:
    canaries = [row for row in remote.get("/v1/rollouts")["rollouts"] if row["percent"] < WHOLE]
    if len({row["group"] for row in canaries}) != 1:
        listed = ", ".join(row["name"] for row in canaries) or "none"
        raise UsageError(
            f"Which canary is meant? There is {listed}", remedy="Name one: edgefaas promote hello."
        )
    return str(canaries[0]["name"])


@click.command()
@click.option("--keep", type=click.IntRange(1, 1_000_000), metavar="N", help="How many of each function.")
@click.option("--dry-run", is_flag=True, help="Only say which would go.")
@remote_options
def prune(remote: Remote, *, keep: int | None, dry_run: bool) -> None:
    """Forget old versions of functions, and remove what only they needed.

    Never one that is live, has a canary, or is where a rollback would go. A POP does so by itself after every
    deploy, with site.keep_versions of edgefaas.toml (50).
    """
    query = {"dry_run": dry_run} | ({"keep": keep} if keep else {})
    answer = remote.ask("POST", "/v1/prune", query=query)
    lines = [f"{row['name']}  v{row['number']}  {words.short(row['version'])}" for row in answer["versions"]]
    count = len(lines)
    said = f"{count} version{'' if count == 1 else 's'} {'would go' if dry_run else 'forgotten'}"
    if not dry_run:
        said += f", {answer['files']} files and {answer['artifacts']} builds removed"
    words.result(answer, as_json=remote.as_json, text="\n".join([*lines, said]))


def wait_for_verdict(
    remote: Remote, rows: list[dict[str, Any]], watch: dict[str, Any]
) -> list[dict[str, Any]]:
    """Wait while what went out is watched by this rule; return what was taken back, or should be, and why.

    A first version has none to go back to: it ``stays``, and only what it did is judged.
    """
    if not rows:
        return []
    window_s = watch["window_s"]
    if not remote.as_json:
        words.note(f"watching for {window_s:g} s; Ctrl-C ends the waiting, not the watching")
        for row in rows:
            if row["previous"] is None:
                words.note(
                    f"{row['name']} is the first version: nothing can be taken back, its errors are told"
                )
    end_s = time.monotonic() + window_s
    left = {row["name"]: row for row in rows}
    failed: list[dict[str, Any]] = []
    with _Progress(quiet=remote.as_json) as progress:
        while left:
            time.sleep(LOOK_EVERY_S)
            for name, row in list(left.items()):
                state = remote.get(function_path(name, "versions"))
                if not _serves(state, row):
                    reason = _reason(state, row)
                    failed.append({"name": name, "live": state["live"], "reason": reason, "stays": False})
                    del left[name]
                    continue
                first = row["previous"] is None
                if first and (reason := _judged(state, row, watch, over=time.monotonic() >= end_s)):
                    failed.append({"name": name, "live": state["live"], "reason": reason, "stays": True})
                    del left[name]
                    continue
                progress.show(name, state, row, end_s - time.monotonic())
                by_time = first or row["percent"] != WHOLE
                over = time.monotonic() >= end_s if by_time else state["rollout"] is None
                if over:
                    del left[name]
                    progress.end(f"{name}  v{row['number']}  is well: {_figures(state, row)}")
    return failed


def _serves(state: dict[str, Any], row: dict[str, Any]) -> bool:
    rollout = state["rollout"]
    return bool(state["live"] == row["version"] or (rollout and rollout["version"] == row["version"]))


def _reason(state: dict[str, Any], row: dict[str, Any]) -> str:
    """Return why a version was taken back, as the history tells; of its own function, or of one beside it."""
    label = f'Function "{row["name"]}" v{row["number"]}'
    for change in state["history"]:
        if change["reason"]:
            return f"{label} was taken back: {change['reason']}"
        if change["action"] in ("deploy", "canary"):
            break
    return f"{label} was replaced by somebody meanwhile"


def _judged(state: dict[str, Any], row: dict[str, Any], watch: dict[str, Any], *, over: bool) -> str:
    """Return what is wrong with a first version, "" where nothing is, as the POP would judge one that it watches."""
    from edgefaas.control.rollout import Counted, Rule, judge

    why = judge(_counted(state, row), Counted(), Rule(**watch), final=over)
    return f'Function "{row["name"]}" v{row["number"]}: {why}' if why else ""


def _counted(state: dict[str, Any], row: dict[str, Any]) -> "Counted":
    from edgefaas.control.rollout import Counted, counted

    key = row["name"], row["version"]
    rows = [
        {**item["counts"], "name": row["name"], "version": row["version"]}
        for item in state["versions"]
        if item["version"] == row["version"]
    ]
    return counted(rows).get(key, Counted())


def _figures(state: dict[str, Any], row: dict[str, Any]) -> str:
    counts = _counted(state, row)
    return f"{counts.runs} runs, {counts.errors} errors"


class _Progress:
    """One line on a terminal that is written over; nothing elsewhere."""

    def __init__(self, *, quiet: bool) -> None:
        self._live = words.terminal() and not quiet
        self._quiet = quiet

    def __enter__(self) -> "_Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self._wipe()

    def show(self, name: str, state: dict[str, Any], row: dict[str, Any], left_s: float) -> None:
        """Say how it goes."""
        if self._live:
            self._wipe()
            click.echo(f"{name}  {_figures(state, row)}, {max(0.0, left_s):.0f} s more", nl=False, err=True)

    def end(self, text: str) -> None:
        """Say how it went."""
        self._wipe()
        if not self._quiet:
            words.note(text)

    def _wipe(self) -> None:
        if self._live:
            click.echo("\r\x1b[K", nl=False, err=True)
