"""``edgefaas secret``: what functions must know and nobody may read."""

import json
import sys
from pathlib import Path

import click

from cli import words
from cli.admin import data_folder, find_config, remote_options
from cli.remote import Remote, function_path
from edgefaas.errors import UsageError


@click.group()
def secret() -> None:
    """Give functions secrets: environment variables that are sealed on disk and never shown.

    They are of the function, not of a version: a change is in force at once, and a rollback keeps them.

    \b
    edgefaas secret put checkout API_KEY          # asks for the value
    edgefaas secret put checkout API_KEY < file   # or reads it
    edgefaas secret ls
    """  # noqa: D301  # \b is click's mark


@secret.command()
@click.argument("function")
@click.argument("name")
@click.argument("surplus", nargs=-1, metavar="")
@click.option(
    "--raw", is_flag=True, help="Keep the line's end that stands last in what is read; else it is dropped."
)
@remote_options
def put(
    remote: Remote,
    function: str,
    name: str,
    surplus: tuple[str, ...],
    raw: bool,  # noqa: FBT001  # click passes it by name
) -> None:
    """Set a secret, or replace it. The value is asked for, or read from standard input."""
    if surplus:
        raise UsageError(
            "A secret's value does not belong into the command: other processes see it, and the shell keeps it",
            remedy=f"Run edgefaas secret put {function} {name}, and type it when asked.",
        )
    answer, _ = remote.octets(
        "PUT",
        function_path(function, "secrets", name),
        body=_value(raw=raw),
        headers={"Content-Type": "application/octet-stream"},
    )
    told = json.loads(answer)
    state = "in force" if told["running"] else f"kept until {function} is deployed"
    words.result(told, as_json=remote.as_json, text=f"{function}  {name}  {told['digest']}  {state}")


@secret.command()
@click.argument("function", required=False)
@remote_options
def ls(remote: Remote, function: str | None) -> None:
    """List secrets: names, dates, and digests that tell whether two values are equal."""
    answer = remote.get(function_path(function, "secrets") if function else "/v1/secrets")
    rows = [
        (
            row["function"],
            row["name"],
            row["digest"],
            words.moment(row["created_at_s"]),
            words.moment(row["changed_at_s"]),
            row["key_id"],
        )
        for row in answer["secrets"]
    ]
    head = ("FUNCTION", "NAME", "DIGEST", "MADE", "CHANGED", "KEY")
    text = words.table(rows, head=head) if rows else "There is no secret."
    words.result(answer, as_json=remote.as_json, text=text)


@secret.command()
@click.argument("function")
@click.argument("name")
@remote_options
def rm(remote: Remote, function: str, name: str) -> None:
    """Remove a secret; the function runs without it at once."""
    answer = remote.ask("DELETE", function_path(function, "secrets", name))
    words.result(answer, as_json=remote.as_json, text=f"{function} has no {name} any more")


@secret.command()
@remote_options
def rotate(remote: Remote) -> None:
    """Seal every secret with a new key, and forget the old one."""
    answer = remote.post("/v1/secrets/rotate")
    count = answer["sealed"]
    text = f"{count} secret{'' if count == 1 else 's'} sealed with a new key"
    words.result(answer, as_json=remote.as_json, text=text)


@secret.command("new-key")
def new_key() -> None:
    """Print a new key, for a file or a variable that the POP is started with.

    \b
    edgefaas secret new-key > key && chmod 600 key
    edgefaas up --secret-key-file key
    """  # noqa: D301  # \b is click's mark
    from edgefaas.control.keyring import new_key as make

    click.echo(make().text)


@secret.command()
@click.option("--data", type=click.Path(path_type=Path), metavar="DIR", help="The POP's data folder.")
@click.option("-c", "--config", type=click.Path(path_type=Path), metavar="FILE", help="The site's file.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def discard(data: Path | None, config: Path | None, *, yes: bool, as_json: bool) -> None:
    """Remove the secrets that no key opens any more, so that a POP starts again.

    For a data folder that no POP uses now, and whose key file is lost.
    """
    from edgefaas.control.folder import DataFolder
    from edgefaas.control.keyring import KeyRing
    from edgefaas.control.store import Store
    from edgefaas.control.vault import Vault

    folder = DataFolder(data_folder(data, config or find_config()))
    if not folder.store.is_file():
        raise UsageError(f"{folder.path} holds no POP", remedy="Name its data folder with --data.")
    if not yes:
        click.confirm("Remove every secret that cannot be opened?", abort=True, err=True)
    with folder.locked():
        store = Store(folder.store)
        try:
            lost = Vault(store, KeyRing(folder.path)).discard()
        finally:
            store.close()
    names = [f"{item.function} {item.name}" for item in lost]
    words.result({"discarded": names}, as_json=as_json, text="\n".join([*names, f"{len(names)} removed"]))


def _value(*, raw: bool) -> bytes:
    if sys.stdin.isatty():
        return str(click.prompt("Value", hide_input=True, confirmation_prompt=True, err=True)).encode()
    value = sys.stdin.buffer.read()
    if raw:
        return value
    return value.removesuffix(b"\n").removesuffix(b"\r")
