"""``edgefaas kv``: key-value pairs that functions use, without a deploy."""

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from cli import words
from cli.admin import remote_options
from cli.kvfiles import cut_up, read_octets, whole_file
from cli.remote import Remote
from edgefaas.errors import UsageError

PAGE = 1_000


@click.group(
    epilog="Namespaces are made by [kv.NAME] in edgefaas.toml, which also says who may read and write them."
)
def kv() -> None:
    """Read and write key-value pairs that functions use.

    What is written is in force in every worker when the command ends.

    \b
    edgefaas kv put moved /old /new
    edgefaas kv list moved --prefix /blog/
    edgefaas kv import moved redirects.json
    """  # noqa: D301  # \b is click's mark


@kv.command()
@remote_options
def ls(remote: Remote) -> None:
    """List the namespaces."""
    answer = remote.get("/v1/kv")
    rows = [
        (
            row["name"],
            f"{row['keys']:,}",
            words.size(row["bytes"]),
            words.size(row["max_bytes"]) if row["in_site"] else "(not in the site)",
            ",".join(row.get("readers", [])) or "-",
            ",".join(row.get("writers", [])) or "-",
            words.moment(row["updated_at_s"]),
        )
        for row in answer["namespaces"]
    ]
    head = ("NAMESPACE", "KEYS", "SIZE", "AT MOST", "READERS", "WRITERS", "CHANGED")
    text = words.table(rows, head=head) if rows else "The site has no namespace. Add [kv.NAME] to it."
    words.result(answer, as_json=remote.as_json, text=text)


@kv.command()
@click.argument("namespace")
@click.argument("key")
@remote_options
def get(remote: Remote, namespace: str, key: str) -> None:
    """Print a value, octet for octet; with --json its ETag, too."""
    value, etag = remote.octets("GET", _pair(namespace, key))
    if remote.as_json:
        from edgefaas.kv.formats import as_plain

        click.echo(json.dumps(as_plain(key.encode(), value) | {"etag": etag}, ensure_ascii=False))
        return
    sys.stdout.buffer.write(value)
    sys.stdout.buffer.flush()
    if sys.stdout.isatty() and not value.endswith(b"\n"):
        click.echo()


_if_match = click.option(
    "--if-match", metavar="ETAG", help="Only while the pair (k…) or the namespace (n…) is so."
)


@kv.command()
@click.argument("namespace")
@click.argument("key")
@click.argument("value", required=False)
@click.option(
    "--file", type=click.Path(path_type=Path, allow_dash=True), metavar="FILE",
    help="Take the value from a file, as it is; - is stdin.",
)  # fmt: skip
@_if_match
@click.option("--if-absent", is_flag=True, help="Only when there is no such key.")
@remote_options
def put(  # noqa: PLR0913  # one per option
    remote: Remote,
    *,
    namespace: str,
    key: str,
    value: str | None,
    file: Path | None,
    if_match: str | None,
    if_absent: bool,
) -> None:
    """Put a pair, or replace its value."""
    if (value is None) == (file is None):
        raise UsageError("A value is given, or --file", remedy="Write the value behind the key.")
    if if_match and if_absent:
        raise UsageError("--if-match and --if-absent exclude each other", remedy="Leave one of them.")
    body = read_octets(file) if file is not None else os.fsencode(value or "")
    headers = {"Content-Type": "application/octet-stream"} | _conditions(if_match)
    if if_absent:
        headers["If-None-Match"] = "*"
    answer, etag = remote.octets("PUT", _pair(namespace, key), body=body, headers=headers)
    words.result(json.loads(answer), as_json=remote.as_json, text=f"{key}  {words.size(len(body))}  {etag}")


@kv.command(name="list")
@click.argument("namespace")
@click.option("--prefix", default="", metavar="TEXT", help="Only keys that begin so.")
@click.option(
    "--limit", type=click.IntRange(1), default=100, show_default=True, metavar="N", help="How many."
)
@click.option("--cursor", default="", help="Go on where the list before ended.")
@click.option("--all", "everything", is_flag=True, help="All of them, however many.")
@click.option("--values", is_flag=True, help="With their values.")
@remote_options
def list_(  # noqa: PLR0913  # one per option
    remote: Remote,
    *,
    namespace: str,
    prefix: str,
    limit: int,
    cursor: str,
    everything: bool,
    values: bool,
) -> None:
    """List keys in the order of their octets."""
    rows: list[dict[str, Any]] = []
    while True:
        wanted = PAGE if everything else min(PAGE, limit - len(rows))
        page = remote.get(
            f"{_namespace(namespace)}/keys", prefix=prefix, limit=wanted, cursor=cursor, values=values
        )
        rows += page["keys"]
        cursor = page["cursor"] or ""
        if not cursor or (not everything and len(rows) >= limit):
            break
    cells = [
        (
            words.seen(row["key"]),
            words.size(row["bytes"]),
            row["etag"],
            words.moment(row["changed_at_s"]),
            _shown(row),
        )
        for row in rows
    ]
    head = ("KEY", "SIZE", "ETAG", "CHANGED", "VALUE" if values else "")
    text = words.table(cells, head=head) if rows else "There is no such key."
    words.result({"keys": rows, "cursor": cursor or None}, as_json=remote.as_json, text=text)
    if cursor and not remote.as_json:
        words.note(f"There are more: --cursor {cursor}, or --all.")


@kv.command()
@click.argument("namespace")
@click.argument("keys", nargs=-1, required=True, metavar="KEY...")
@_if_match
@remote_options
def rm(remote: Remote, namespace: str, keys: tuple[str, ...], if_match: str | None) -> None:
    """Delete pairs: one must be there, of several those that are; all together."""
    headers = _conditions(if_match)
    if len(keys) == 1:
        answer = remote.ask("DELETE", _pair(namespace, keys[0]), headers=headers)
    else:
        body = {"deletes": list(keys)}
        answer = remote.ask("POST", f"{_namespace(namespace)}/keys", body=body, headers=headers)
    words.result(answer, as_json=remote.as_json, text=f"{namespace} has {answer['keys']:,} keys now")


@kv.command(name="import")
@click.argument("namespace")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--replace", is_flag=True, help="Delete every other key, in the same step.")
@_if_match
@remote_options
def import_(
    remote: Remote,
    namespace: str,
    file: Path,
    replace: bool,  # noqa: FBT001  # click passes it by name
    if_match: str | None,
) -> None:
    """Put all pairs of a file; - is stdin.

    CloudFront's JSON, {"data": [{"key": "a", "value": "b"}]}; a plain object, {"a": "b"}; or one
    {"key": "a", "value": "b"} in each line. All pairs go in together, up to 10 MB; larger files in parts.
    """
    from edgefaas.kv.formats import read_pairs

    pairs = read_pairs(read_octets(file), name="standard input" if str(file) == "-" else str(file))
    parts = list(cut_up(pairs))
    if len(parts) > 1 and (replace or if_match):
        raise UsageError(
            f"{file} is too large to go in at one step, which --replace and --if-match need",
            remedy="Import a smaller file, or leave that out.",
        )
    path = f"{_namespace(namespace)}/keys"
    answer: Any = None
    for part in parts or [[]]:
        body = {"puts": part, "replace": replace}
        answer = remote.ask("POST", path, body=body, headers=_conditions(if_match))
    count = len(pairs)
    text = f"{count:,} pair{'' if count == 1 else 's'} put; {namespace} has {answer['keys']:,} keys now"
    words.result(answer | {"put": count}, as_json=remote.as_json, text=text)


@kv.command()
@click.argument("namespace")
@click.option("--prefix", default="", metavar="TEXT", help="Only keys that begin so.")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Instead of stdout.")
@click.option(
    "--format", "form", type=click.Choice(["json", "ndjson"]), default="json", show_default=True,
    help="CloudFront's JSON, or one pair in each line.",
)  # fmt: skip
@remote_options
def export(remote: Remote, namespace: str, prefix: str, output: Path | None, form: str) -> None:
    """Write out every pair, all as they are at one instant."""
    from edgefaas.kv.formats import as_json

    lines: Iterable[bytes] = remote.raw_lines(f"{_namespace(namespace)}/export", prefix=prefix)
    if form == "json":
        lines = as_json(lines)
    if output is None:
        sys.stdout.buffer.writelines(lines)
        sys.stdout.buffer.flush()
        return
    with whole_file(output) as file:
        file.writelines(lines)
    words.note(f"{output} is written")


@kv.command()
@click.argument("namespace")
@click.option("--yes", is_flag=True, help="Do not ask.")
@remote_options
def drop(remote: Remote, namespace: str, yes: bool) -> None:  # noqa: FBT001  # click passes it by name
    """Delete every pair. A namespace that the site no longer names is forgotten altogether."""
    about = remote.get(_namespace(namespace))
    if not yes:
        click.confirm(f"Delete all {about['keys']:,} pairs of {namespace}?", abort=True, err=True)
    answer = remote.ask("DELETE", _namespace(namespace))
    words.result(answer, as_json=remote.as_json, text=f"{answer['dropped']:,} pairs deleted")


def _namespace(name: str) -> str:
    return f"/v1/kv/{quote(name, safe='')}"


def _pair(namespace: str, key: str) -> str:
    if not key:
        raise UsageError("The key is empty", remedy="Name one.")
    return f"{_namespace(namespace)}/keys/{quote(os.fsencode(key), safe='')}"


def _conditions(if_match: str | None) -> dict[str, str]:
    return {"If-Match": f'"{if_match}"'} if if_match else {}


def _shown(row: dict[str, Any]) -> str:
    value = str(row.get("value", ""))
    line = value.splitlines()[0] if value else ""
    return words.seen(line if len(line) <= 60 and line == value else f"{line[:60]}…")  # noqa: PLR2004  # a column
