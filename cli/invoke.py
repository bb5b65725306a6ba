"""``edgefaas invoke``: run a live function once, in a running POP."""

from pathlib import Path

import click

from cli.admin import remote_options
from cli.events import read_event
from cli.remote import Remote, function_path
from cli.telling import tell


@click.command()
@click.argument("name")
@click.option(
    "--event", type=click.Path(path_type=Path, allow_dash=True), metavar="FILE", help="JSON; - is stdin."
)
@remote_options
def invoke(remote: Remote, name: str, event: Path | None) -> int:
    """Run a live function once, without a viewer: its result on stdout, its logs on stderr."""
    return tell(remote.post(function_path(name, "invoke"), read_event(event)), as_json=remote.as_json)
