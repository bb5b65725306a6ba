"""``edgefaas bench``: measure this POP beside other servers, in one run, on one core."""

from pathlib import Path

import click

ROUNDS_MIN = 5  # a median of fewer hides more than it shows
NOT_HERE = """\
The benchmark suite is part of the source checkout, not of the installed package.
Clone the repository and run `make bench` there."""


@click.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@click.option("--html", "html_file", type=click.Path(path_type=Path), help="Write a report with plots.")
@click.option("--output", type=click.Path(path_type=Path), help="Write the JSON object to a file as well.")
@click.option("--hgrm", type=click.Path(path_type=Path), help="Write HdrHistogram files into this folder.")
@click.option("--quick", is_flag=True, help="Short runs, 1 and 32 connections only: a first look.")
@click.option(
    "--rounds",
    type=click.IntRange(ROUNDS_MIN, 101),
    default=ROUNDS_MIN,
    show_default=True,
    help="Alternating runs.",
)
@click.option(
    "--install/--no-install", default=True, help="Let npm fetch workerd into .cache (default: yes)."
)
@click.option("--list", "list_rows", is_flag=True, help="Name the rows and stop.")
@click.pass_context
def bench(ctx: click.Context, /, **given: object) -> None:
    """Compare this POP with nginx, Varnish, HAProxy, workerd and Node.

    NAME is a row or the beginning of one, such as hit-1k or hello; without any, all rows are measured. Peers
    that are not on this machine are named as missing. Everything runs on loopback and ends with the command.
    """
    try:
        from benchmarks.command import Request, execute  # not in the wheel
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "benchmarks":
            raise
        click.echo(NOT_HERE, err=True)
        ctx.exit(1)
    ctx.exit(execute(Request(**given)))  # type: ignore[arg-type]  # click has checked the types
