"""``edgefaas geo``: the databases by which viewers are located."""

from pathlib import Path

import click

from cli import words
from cli.admin import data_folder, find_config


@click.group()
def geo() -> None:
    """Show or replace the databases by which viewers are located."""


@geo.command()
@click.argument("source", type=click.Path(path_type=Path, exists=True), metavar="FILE|DIR")
@click.option("--data", type=click.Path(path_type=Path), metavar="DIR", help="The POP's data folder.")
@click.option("-c", "--config", type=click.Path(path_type=Path), metavar="FILE", help="The site's file.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def update(source: Path, data: Path | None, config: Path | None, as_json: bool) -> None:  # noqa: FBT001  # click's way
    """Install a City (or Country) and an ASN database in .mmdb form.

    They are checked first; a running POP takes them up within seconds, and keeps what it has when they are no
    good. A file that edgefaas.toml names goes before an installed one.
    """
    from edgefaas.geo import install_geo

    folder = data_folder(data, config or find_config()) / "geo"
    found = [{"type": kind, "path": str(path)} for kind, path in install_geo(source, folder)]
    text = "\n".join(f"installed {row['type']} as {row['path']}" for row in found)
    words.result({"installed": found}, as_json=as_json, text=text)
