"""The ``demo`` command: start, ask, show, serve until Ctrl-C, and leave nothing behind."""

import asyncio
import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from cli.demo.stage import Stage
    from cli.demo.viewers import Viewer

REQUESTS = 4_000
REQUESTS_MAX = 100_000
DRAW_EVERY_S = 0.1
INTERRUPTED = 130


@click.command()
@click.option("--once", is_flag=True, help="Stop after the table instead of serving on.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the table.")
@click.option(
    "--requests", type=click.IntRange(1, REQUESTS_MAX), default=REQUESTS, show_default=True, metavar="N",
    help="How many requests to send.",
)  # fmt: skip
@click.option(
    "--folder", type=click.Path(path_type=Path), metavar="DIR",
    help="Keep configurations, logs and data here. [default: a temporary folder]",
)  # fmt: skip
@click.option("--any-ports", is_flag=True, help="Listen on any free ports, not on 8080 to 8083 and 18000.")
def demo(*, once: bool, as_json: bool, requests: int, folder: Path | None, any_ports: bool) -> int:
    """Run three points of presence, a router, an origin and real traffic, on this machine.

    Viewers of thirty countries, at addresses that the GeoIP database places there, ask for files, pages and
    functions; you see who was served where and how fast. Then it serves on, for you to try, until Ctrl-C.
    """
    wish = Wish(once=once, as_json=as_json, requests=requests, any_ports=any_ports)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        return asyncio.run(_until_stopped(wish, folder.resolve()))
    temporary = Path(tempfile.mkdtemp(prefix="edgefaas-demo-"))
    try:
        return asyncio.run(_until_stopped(wish, temporary))
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What was asked for on the command line."""

    once: bool
    as_json: bool
    requests: int
    any_ports: bool = False


class Line:
    """A line on stderr that is drawn over; where stderr is no terminal, only whole news are printed."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._drawn_at = 0.0

    def news(self, text: str) -> None:
        """Tell that something else is being done now."""
        self._write(click.style(f"  {text} …", dim=True)) if self._live else click.echo(text, err=True)

    def progress(self, text: Callable[[], str], now_s: float) -> None:
        """Draw how far it is, at most ten times a second; nothing where it cannot be drawn over."""
        if self._live and now_s - self._drawn_at >= DRAW_EVERY_S:
            self._drawn_at = now_s
            self._write(text())

    def clear(self) -> None:
        """Leave an empty line."""
        if self._live:
            self._write("")

    @staticmethod
    def _write(text: str) -> None:
        from cli.demo.screen import cut

        click.echo(f"\r\033[2K{cut(text, shutil.get_terminal_size().columns)}", nl=False, err=True)


@dataclass(slots=True)
class Progress:
    """How far the demo has come, for the end to know."""

    interrupted: bool = False
    shown: bool = False  # the table: to be stopped is the normal end from then on


async def _until_stopped(wish: Wish, folder: Path) -> int:
    """Run the demo. A first Ctrl-C, SIGTERM or hang-up ends it in order; further ones change nothing."""
    from cli.demo.processes import StartError
    from cli.demo.stage import Stage, choose_ports

    line, progress = Line(), Progress()
    _cancel_on_signals(progress)
    try:
        stage = Stage(folder=folder, ports=choose_ports(preferred=not wish.any_ports))
        try:
            return await _run(wish, stage, line, progress)
        finally:
            line.news("stopping")
            await stage.stop()
            line.clear()
    except StartError as error:
        click.echo(f"{click.style('error:', fg='red')} {error}", err=True)
        return 1
    except asyncio.CancelledError:
        if not progress.interrupted:
            raise
        return 0 if progress.shown else INTERRUPTED


def _cancel_on_signals(progress: Progress) -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None

    def cancel_once() -> None:
        if not progress.interrupted:
            progress.interrupted = True
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, cancel_once)


async def _run(wish: Wish, stage: "Stage", line: Line, progress: Progress) -> int:
    from cli.demo import screen, traffic
    from cli.demo.stage import PLACES
    from cli.demo.tally import Tally
    from cli.demo.viewers import credit, find_viewers
    from router import GeoDatabase

    await stage.start(line.news)
    line.news("looking up viewers of thirty countries")
    database = GeoDatabase.open()
    viewers = find_viewers(database)
    line.news(f"sending {wish.requests:,} requests")
    tally = Tally(places=PLACES)
    began_s = time.perf_counter()

    def draw(done: int, total: int, ask: traffic.Ask, pop: str) -> None:
        now_s = time.perf_counter()
        line.progress(lambda: screen.bar(done, total, screen.live_note(done, total, ask, pop)), now_s)

    asks = traffic.plan(viewers, wish.requests)
    await traffic.send(asks, host="127.0.0.1", port=stage.ports.router, tally=tally, progress=draw)
    took_s = time.perf_counter() - began_s
    line.clear()
    if wish.as_json:
        click.echo(json.dumps(screen.as_json(tally, took_s, stage)))
    else:
        click.echo(
            "\n".join(["", *screen.fitted(screen.report(tally, took_s, credit(database)), _columns()), ""])
        )
    progress.shown = True
    if not wish.once:
        await _serve_on(wish, stage, viewers)
    return 1 if tally.errors or stage.failures() else 0


def _columns() -> int:
    """Return how wide the output may be: as wide as the terminal, without bound in a file."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else sys.maxsize


async def _serve_on(wish: Wish, stage: "Stage", viewers: "Sequence[Viewer]") -> None:
    """Serve until cancelled, or until a process ends by itself, which is said."""
    from cli.demo import screen

    if not wish.as_json:
        kept = f"Serving at {stage.url} until Ctrl-C. Configurations, logs and data: {stage.folder}"
        click.echo("\n".join([*screen.curl_lines(stage, viewers), "", *screen.fitted([kept], _columns())]))
    await stage.until_one_ends()
    for failure in stage.failures():
        click.echo(f"{click.style('error:', fg='red')} {failure}", err=True)
