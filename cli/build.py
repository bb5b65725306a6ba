"""``edgefaas build``: run the command that makes a function's program, with the author's own tools."""

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import words
from cli.toolchains import ESBUILD, esbuild, missing
from edgefaas.errors import ConfigError, DeployError

if TYPE_CHECKING:
    from edgefaas.functions import Build

STDERR = 2  # the result goes to stdout, what tools say does not


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path), default=Path())
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def build(folder: Path, as_json: bool) -> None:  # noqa: FBT001  # click passes it by name
    """Make a function's program: run [build] command of its function.toml.

    Functions without that table (JavaScript, Python, .wat) need no building; TypeScript is bundled by esbuild.
    """
    from edgefaas.functions import read_build, read_entry  # slow to load

    how = read_build(folder)
    if how is None:
        words.result(
            {"built": False}, as_json=as_json, text=f"{folder} needs no building: it has no [build] table"
        )
        return
    run_build(how)
    entry = folder / read_entry(folder)
    size = entry.stat().st_size
    words.result({"built": True, "entry": str(entry), "bytes": size}, as_json=as_json,
                 text=f"{entry}  {words.size(size)}")  # fmt: skip


def build_when_needed(folder: Path) -> None:
    """Build when the entry is missing, or older than another file of the folder."""
    from edgefaas.functions import read_build, read_entry

    how = read_build(folder)
    if how is None:
        return
    entry = folder / read_entry(folder)
    if entry.is_file():
        made_s = entry.stat().st_mtime
        newer = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_mtime > made_s]
        if not newer:
            return
    words.note(f"building {folder}")
    run_build(how)


def run_build(how: "Build") -> None:
    """Run the command in the function's folder. Raises ConfigError, DeployError."""
    from edgefaas.functionfiles import SETTINGS_FILE

    _need(how)
    command = list(how.command)
    if command[0] in ("python", "python3"):
        command[0] = sys.executable  # whose packages are these
    if command[0] == ESBUILD:
        command[0] = esbuild(how.folder) or ESBUILD
    try:
        done = subprocess.run(command, cwd=how.folder, stdout=STDERR, check=False)  # noqa: S603  # the author's own command
    except OSError as error:
        raise ConfigError(
            f"{how.folder / SETTINGS_FILE}: {command[0]} cannot be run: {error.strerror}",
            remedy=f"Install {command[0]}, or correct [build] command.",
        ) from None
    if done.returncode:
        raise DeployError(
            f"Building {how.folder} failed: {command[0]} ended with code {done.returncode}",
            remedy="Correct what it says above.",
        )


def _need(how: "Build") -> None:
    """Refuse when a tool is missing, with the one command that installs it."""
    if install := missing(how.needs, how.folder):
        raise DeployError(
            f"Building {how.folder} needs {how.needs}, which is not installed here", remedy=f"Run {install}."
        )
