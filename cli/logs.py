"""``edgefaas logs``."""

import json
from datetime import datetime
from typing import Any

import click

from cli import words
from cli.admin import Remote, remote_options

_COLOURS = {"error": "red", "warn": "yellow", "debug": "bright_black"}
_SHOWN = frozenset({"at_s", "worker", "request_id", "level", "text", "function", "version"})


@click.command()
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until interrupted.")
@click.option(
    "-n", "--lines", type=click.IntRange(1, 10_000), default=100, show_default=True, help="How many."
)
@click.option("--function", metavar="NAME", help="Only lines of this function.")
@click.option("--level", type=click.Choice(["debug", "info", "warn", "error"]), help="This level and graver.")
@click.option("--status", metavar="STATUS", help="Only requests with this status: 404, 5xx.")
@click.option("--text", metavar="TEXT", help="Only lines that contain this.")
@click.option("--request-id", metavar="ID", help="Only lines of this request: X-Edge-Request-Id.")
@remote_options
def logs(remote: Remote, follow: bool, lines: int, **filters: Any) -> None:  # noqa: FBT001  # click passes it by name
    """Read the logs of all workers, and follow them with -f.

    \b
    edgefaas logs -f --function country
    edgefaas logs --status 5xx --json
    """  # noqa: D301  # \b is click's mark
    for line in remote.lines("/v1/logs", follow=follow, limit=lines, **filters):
        print_line(line, as_json=remote.as_json)


def print_line(line: dict[str, Any], *, as_json: bool) -> None:
    """Print one line of the log."""
    click.echo(json.dumps(line, ensure_ascii=False) if as_json else _sentence(line))


def _sentence(line: dict[str, Any]) -> str:
    at = datetime.fromtimestamp(line["at_s"]).astimezone().strftime("%H:%M:%S.%f")[:-3]
    level = click.style(f"{line['level']:5}", fg=_COLOURS.get(line["level"]))
    who = line["function"] and f"{line['function']}@{words.short(line['version'])[:7]}"
    # The text of an exchange holds its fields already; --json shows them one by one.
    hidden = _SHOWN | (line.keys() - {"viewer"} if "status" in line else set())
    more = " ".join(f"{key}={value}" for key, value in line.items() if key not in hidden)
    return " ".join(part for part in (at, level, line["request_id"], who, line["text"], more) if part)
