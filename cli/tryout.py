"""``edgefaas test``: run a function in the sandbox, without a server."""

import asyncio
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from cli import words
from cli.admin import data_folder, find_config
from cli.build import build_when_needed
from cli.events import read_event, read_json
from cli.pretending import find_viewer, pretended_event, viewer_options
from cli.telling import tell
from edgefaas.errors import UsageError


@click.command()
@click.argument("function", type=click.Path(path_type=Path), metavar="FILE|FOLDER")
@click.option(
    "--event", type=click.Path(path_type=Path, allow_dash=True), metavar="FILE", help="JSON; - is stdin."
)
@click.option("--handler", metavar="NAME", help="The export to call, instead of function.toml's.")
@click.option(
    "--expect", type=click.Path(path_type=Path), metavar="FILE", help="Compare the result with this JSON."
)
@click.option(
    "--kv",
    "files",
    multiple=True,
    metavar="[NAMESPACE=]FILE",
    help="Pairs that it finds; by default those of kv.json. May be repeated.",
)
@viewer_options
@click.option(
    "--json", "as_json", is_flag=True, help="Print outcome, result, logs and usage as one JSON object."
)
def test(  # noqa: PLR0913  # one per option
    *,
    function: Path,
    event: Path | None,
    handler: str | None,
    expect: Path | None,
    files: tuple[str, ...],
    country: str | None,
    address: str | None,
    as_json: bool,
) -> int:
    """Run a function once in the sandbox.

    The result is printed as JSON on stdout; logs, CPU time and memory on stderr. Without --event,
    request.json of the folder is taken. Ends with 1 when the function does not finish, or the result is
    not the expected one. What it writes to the key-value store is forgotten. With --country or --address the
    event's viewer comes from there: address, location and device fields.

    \b
    edgefaas test hello --event hello/request.json --country JP
    """  # noqa: D301  # \b is click's mark
    from edgefaas.functions import read_function
    from edgefaas.trial import try_function

    if function.is_dir():
        build_when_needed(function)
    bundle = read_function(function)
    if handler is not None:
        bundle = replace(bundle, source=replace(bundle.source, handler=handler))
    if event is None and (function / "request.json").is_file():
        event = function / "request.json"
    expected = read_json(expect) if expect else None
    if not files and (function / "kv.json").is_file():
        files = (str(function / "kv.json"),)
    pairs = _pairs(files, bundle.kv)
    data = _event(event, country, address)
    told = asyncio.run(try_function(bundle, data, artifacts=_artifacts(), pairs=pairs))
    for warning in told["warnings"]:
        words.warn(warning)
    code = tell(told, as_json=as_json)
    return code if expect is None else _compare(told, expected, expect)


def _event(event: Path | None, country: str | None, address: str | None) -> bytes:
    """Return the event, from where it is to come. Raises UsageError, ConfigError."""
    viewer = find_viewer(country, address, site=None, geo=data_folder(None, find_config()) / "geo")
    data = read_event(event)
    return data if viewer is None else json.dumps(pretended_event(json.loads(data), viewer)).encode()


def _pairs(files: tuple[str, ...], names: tuple[str, ...]) -> dict[str, list[tuple[bytes, bytes]]]:
    """Return the pairs of files, by namespace; a file that names none is for the function's own."""
    from edgefaas.kv.formats import read_pairs

    pairs: dict[str, list[tuple[bytes, bytes]]] = {}
    for file in files:
        name, equals, path = file.partition("=")
        if not equals:
            name, path = (names[0] if names else ""), file
        if name not in names:
            raise UsageError(
                f'The function does not name the key-value namespace "{name}"' if name
                else "The function names no key-value namespace",
                remedy='Write kv = "NAME" in its function.toml.',
            )  # fmt: skip
        try:
            pairs[name] = read_pairs(Path(path).read_bytes(), name=path)
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror}", remedy="Name a file.") from None
    return pairs


def _compare(told: dict[str, Any], expected: Any, path: Path) -> int:
    """Return 0 when the result is what the file says; show the difference when not.

    A file may also promise how a run fails: ``{"outcome": "overlimit"}``.
    """
    found = told.get("result")
    if told["outcome"] != "finished":
        found = {"outcome": told["outcome"]}
        if isinstance(expected, dict) and "outcome" in expected:
            expected = {"outcome": expected["outcome"]}
            if isinstance(expected["outcome"], list) and told["outcome"] in expected["outcome"]:
                expected = found
    if found == expected:
        words.note("as expected")
        return 0
    import difflib

    def lines(value: Any) -> list[str]:
        return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False).splitlines()

    for line in difflib.unified_diff(lines(expected), lines(found), str(path), "result", lineterm=""):
        words.note(line)
    words.note("error: The result is not the expected one.")
    return 1


def _artifacts() -> Path:
    """Return the folder that keeps builds of earlier trials."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    folder = Path(cache) / "edgefaas" / "trials"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
