"""``edgefaas diff``: what changed between two versions of a function."""

import base64
import difflib
import json
from typing import Any

import click

from cli import words
from cli.admin import remote_options
from cli.remote import Remote, function_path
from edgefaas.errors import DeployError


@click.command()
@click.argument("name")
@click.argument("old", required=False)
@click.argument("new", required=False)
@remote_options
def diff(remote: Remote, name: str, old: str | None, new: str | None) -> None:
    """Show what changed between two versions; without any, between what is live and the one before it.

    With OLD alone, between that one and what is live.
    """
    listed = remote.get(function_path(name, "versions"))
    new = new or listed["live"] or ""
    old = old or _before(listed, new)
    before = remote.get(function_path(name, "versions", old), files=True)
    after = remote.get(function_path(name, "versions", new), files=True)
    lines = [*_settings(before, after), *_files(before, after)]
    answer = {"old": before["version"], "new": after["version"], "diff": lines}
    words.result(answer, as_json=remote.as_json, text="\n".join(lines) or "The two are the same.")


def _before(listed: dict[str, Any], new: str) -> str:
    for change in listed["history"]:
        if change["version"] == new and change["previous"]:
            return str(change["previous"])
    raise DeployError(
        f"{listed['name']} has no version before {words.short(new)}",
        remedy=f"Name two versions of edgefaas versions {listed['name']}.",
    )


def _settings(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    def text(version: dict[str, Any]) -> str:
        about = {"kind": version["kind"], "entry": version["entry"], "handler": version["handler"]}
        return json.dumps(about | version["settings"], indent=2, sort_keys=True)

    return _unified(text(before), text(after), "settings")


def _files(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    lines: list[str] = []
    for path in sorted(before["files"].keys() | after["files"].keys()):
        if before["files"].get(path) == after["files"].get(path):
            continue
        if "contents" not in before or "contents" not in after:
            lines.append(f"{path}: {_change(before, after, path)}")
            continue
        old, new = (_text(version, path) for version in (before, after))
        if old is None or new is None:
            lines.append(f"{path}: binary files differ")
        else:
            lines += _unified(old, new, path)
    return lines


def _change(before: dict[str, Any], after: dict[str, Any], path: str) -> str:
    if path not in before["files"]:
        return "added"
    return "changed" if path in after["files"] else "removed"


def _text(version: dict[str, Any], path: str) -> str | None:
    """Return a file's text, "" when it is not there, None when it is no text."""
    try:
        return base64.b64decode(version["contents"].get(path, "")).decode("utf-8")
    except UnicodeDecodeError:
        return None


def _unified(old: str, new: str, path: str) -> list[str]:
    return list(
        difflib.unified_diff(old.splitlines(), new.splitlines(), f"a/{path}", f"b/{path}", lineterm="")
    )
