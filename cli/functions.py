"""``edgefaas ls``, ``versions``, ``rollback`` and ``rm``."""

from typing import Any

import click

from cli import words
from cli.admin import remote_options
from cli.remote import Remote, function_path


@click.command()
@remote_options
def ls(remote: Remote) -> None:
    """List functions and what is live."""
    answer = remote.get("/v1/functions")
    rows = [
        (
            row["name"],
            f"v{row['number']}",
            words.short(row["version"]),
            row["kind"],
            words.size(row["size_bytes"]),
            words.moment(row["since_s"]),
            _split(row["rollout"]),
            _use(row),
        )
        for row in answer["functions"]
    ]
    head = ("FUNCTION", "LIVE", "VERSION", "KIND", "SIZE", "SINCE", "CANARY", "USED BY")
    text = (
        words.table(rows, head=head) if rows else "No function is deployed. Begin with edgefaas init hello."
    )
    words.result(answer, as_json=remote.as_json, text=text)


def _split(rollout: dict[str, Any] | None) -> str:
    if rollout is None:
        return ""
    if rollout["percent"] == 100:  # noqa: PLR2004  # percent
        return "(watched)"
    return f"{words.short(rollout['version'])} {rollout['percent']:g} %"


def _state(row: dict[str, Any], answer: dict[str, Any]) -> str:
    """Return what viewers have to do with a version."""
    rollout = answer["rollout"]
    share = rollout["percent"] if rollout else 100.0
    if row["version"] == answer["live"]:
        split = rollout is not None and rollout["version"] != row["version"]
        return f"live {100 - share:g} %" if split else "live, watched" if rollout else "live"
    if rollout and row["version"] == rollout["version"]:
        return f"canary {share:g} % by {rollout['affinity']}"
    return ""


def _use(row: dict[str, Any]) -> str:
    if not row["running"]:
        return "(does not run: see the POP's log)"
    return ", ".join(row["used_by"]) or "(nothing)"


@click.command()
@click.argument("name")
@remote_options
def versions(remote: Remote, name: str) -> None:
    """List the versions of a function, the newest first, with their runs since the workers started."""
    answer = remote.get(function_path(name, "versions"))
    rows = [
        (
            f"v{row['number']}",
            words.short(row["version"]),
            row["kind"],
            words.size(row["size_bytes"]),
            words.moment(row["created_at_s"]),
            str(row["counts"]["runs"]),
            str(row["counts"]["errors"] + row["counts"]["server_errors"]),
            _state(row, answer),
        )
        for row in answer["versions"]
    ]
    head = ("NUMBER", "VERSION", "KIND", "SIZE", "MADE", "RUNS", "ERRORS", "")
    words.result(answer, as_json=remote.as_json, text=words.table(rows, head=head))


@click.command()
@click.argument("name")
@click.argument("version", required=False)
@remote_options
def rollback(remote: Remote, name: str, version: str | None) -> None:
    """Make an earlier version live again, at once.

    VERSION is a number (3 or v3) or the first digits of a hash. Without it a canary ends, with all that was deployed
    with it; where there is none, the version that was live before is live again.
    """
    answer = remote.post(function_path(name, "rollback"), {"version": version} if version else {})
    text = f"{name} is v{answer['number']} {words.short(answer['version'])} again"
    if answer["ended"] and not version:
        text = f"{name} is v{answer['number']} {words.short(answer['version'])} for everybody: its canary has ended"
    elif not answer["changed"]:
        text = f"{name} was v{answer['number']} {words.short(answer['version'])} already"
    words.result(answer, as_json=remote.as_json, text=text)


@click.command()
@click.argument("name")
@click.option("--force", is_flag=True, help="Even when the site uses it: its requests then fail.")
@remote_options
def rm(remote: Remote, name: str, force: bool) -> None:  # noqa: FBT001  # click passes it by name
    """Remove a function and all its versions."""
    answer = remote.ask("DELETE", function_path(name), query={"force": force})
    words.result(answer, as_json=remote.as_json, text=f"{name} is removed")
