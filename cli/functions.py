"""``edgefaas ls``, ``versions``, ``rollback`` and ``rm``."""

from typing import Any

import click

from cli import words
from cli.admin import Remote, function_path, remote_options


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
            _use(row),
        )
        for row in answer["functions"]
    ]
    head = ("FUNCTION", "LIVE", "VERSION", "KIND", "SIZE", "SINCE", "USED BY")
    text = (
        words.table(rows, head=head) if rows else "No function is deployed. Begin with edgefaas init hello."
    )
    words.result(answer, as_json=remote.as_json, text=text)


def _use(row: dict[str, Any]) -> str:
    if not row["running"]:
        return "(does not run: see the POP's log)"
    return ", ".join(row["used_by"]) or "(nothing)"


@click.command()
@click.argument("name")
@remote_options
def versions(remote: Remote, name: str) -> None:
    """List the versions of a function, the newest first."""
    answer = remote.get(function_path(name, "versions"))
    rows = [
        (
            f"v{row['number']}",
            words.short(row["version"]),
            row["kind"],
            words.size(row["size_bytes"]),
            words.moment(row["created_at_s"]),
            "live" if row["version"] == answer["live"] else "",
        )
        for row in answer["versions"]
    ]
    head = ("NUMBER", "VERSION", "KIND", "SIZE", "MADE", "")
    words.result(answer, as_json=remote.as_json, text=words.table(rows, head=head))


@click.command()
@click.argument("name")
@click.argument("version", required=False)
@remote_options
def rollback(remote: Remote, name: str, version: str | None) -> None:
    """Make an earlier version live again, at once.

    VERSION is a number (3 or v3) or the first digits of a hash; without it, the one that was live before.
    """
    answer = remote.post(function_path(name, "rollback"), {"version": version} if version else {})
    text = f"{name} is v{answer['number']} {words.short(answer['version'])} again"
    if not answer["changed"]:
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
