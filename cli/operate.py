"""``edgefaas stats``, ``reload`` and ``audit``."""

import json

import click

from cli import words
from cli.admin import Remote, remote_options


@click.command()
@remote_options
def stats(remote: Remote) -> None:
    """Show the counters of every worker."""
    answer = remote.get("/v1/stats")
    words.result(answer, as_json=remote.as_json, text=json.dumps(answer, indent=2, ensure_ascii=False))


@click.command()
@remote_options
def reload(remote: Remote) -> None:
    """Let the running POP read edgefaas.toml again; a wrong one changes nothing."""
    answer = remote.post("/v1/site/reload")
    for warning in answer["warnings"]:
        words.warn(warning)
    words.result(answer, as_json=remote.as_json, text=f"the site {answer['site']} is served as its file says")


@click.command()
@click.option("-n", "--lines", type=click.IntRange(1, 1000), default=50, show_default=True, help="How many.")
@remote_options
def audit(remote: Remote, lines: int) -> None:
    """Show who asked for which change, and how it ended."""
    answer = remote.get("/v1/audit", limit=lines)
    rows = [
        (
            words.moment(row["at_s"]),
            row["actor"],
            row["action"],
            row["target"],
            str(row["status"]),
            row["request_id"],
            row["detail"],
        )
        for row in answer["audit"]
    ]
    head = ("WHEN", "WHO", "WHAT", "OF", "STATUS", "REQUEST", "WHY NOT")
    words.result(answer, as_json=remote.as_json, text=words.table(rows, head=head))
