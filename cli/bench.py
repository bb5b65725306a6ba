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
@click.option("--matrix", type=click.Path(path_type=Path), help="Of `bench routing`: measured round trips.")
@click.option(
    "--cities", type=click.Path(path_type=Path), help="Of `bench routing`: where they were measured."
)
@click.pass_context
def bench(ctx: click.Context, /, **given: object) -> None:
    """Compare this POP with nginx, Varnish, HAProxy, workerd and Node.

    NAME is a row or the beginning of one, such as hit-1k or hello; without any, all rows are measured. Peers
    that are not on this machine are named as missing. Everything runs on loopback and ends with the command.
    The row `routing` plays policies that choose a POP against each other instead; it is asked for by itself.
    """
    world = {name: given.pop(name) for name in ("matrix", "cities")}
    try:
        from benchmarks.command import Request, execute  # not in the wheel
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "benchmarks":
            raise
        click.echo(NOT_HERE, err=True)
        ctx.exit(1)
    if given["names"] == ("routing",):
        from benchmarks.routing.__main__ import main

        options = [part for name, path in world.items() if path for part in (f"--{name}", str(path))]
        options += ["--json"] * bool(given["as_json"])
        options += ["--pops", "6", "--seeds", "2", "--only-table"] * bool(given["quick"])
        ctx.exit(main(options))
    ctx.exit(execute(Request(**given)))  # type: ignore[arg-type]  # click has checked the types
