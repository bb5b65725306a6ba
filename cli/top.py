"""``edgefaas top``: what the POP and its mesh do just now, in the terminal."""

import contextlib
import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click

from cli import words
from cli.admin import find_config
from cli.glances import Watch
from cli.sources import Asked, Source, find_sources
from cli.topscreen import Size, report, screen

TERMINATED = 143
# The alternate screen, without cursor; each frame is one write that a terminal shows as a whole (mode 2026).
ENTER, LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
BEGIN_FRAME, END_FRAME = "\x1b[?2026h\x1b[H", "\x1b[J\x1b[?2026l"
END_LINE = "\x1b[K"


@click.command()
@click.option("--once", is_flag=True, help="Print once, and end.")
@click.option(
    "--every",
    "every_s",
    type=click.FloatRange(0.1, 3600),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="How often.",
)
@click.option("--admin", envvar="EDGEFAAS_ADMIN", metavar="URL", help="Where the admin API of one POP is.")
@click.option("--token", envvar="EDGEFAAS_TOKEN", metavar="TOKEN", help="The token for it, or for all.")
@click.option("--data", type=click.Path(path_type=Path), metavar="DIR", help="The POP's data folder.")
@click.option("-c", "--config", type=click.Path(path_type=Path), metavar="FILE", help="The site's file.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, a line each time.")
def top(  # noqa: PLR0913  # click passes its options by name
    *,
    once: bool,
    every_s: float,
    admin: str | None,
    token: str | None,
    data: Path | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Show live what the POPs and their functions do: the last ten seconds.

    Each POP whose admin address the site's file says is asked itself; of the others is shown what the mesh
    tells. On a terminal until q or Ctrl-C, through restarts; elsewhere one table, or with --json one line
    after the other.

    \b
    edgefaas top
    edgefaas top --once
    edgefaas top --json --every 10 >> figures.jsonl
    """  # noqa: D301  # \b is click's mark
    asked = Asked(admin=admin, token=token, data=data, config=config or find_config(), as_json=as_json)
    sources, problems = find_sources(asked)
    for problem in problems:
        words.warn(problem)
    watch = Watch(sources, here=_here(sources))
    if as_json:
        _lines(watch, once=once, every_s=every_s)
    elif once or not sys.stdout.isatty():
        click.echo(report(watch.ask()))
        for problem in watch.refused:
            words.warn(problem)
    else:
        _live(watch, every_s=every_s)


def _here(sources: Sequence[Source]) -> str:
    """Return the name of the POP that runs on the data folder of this site, "" when none of these does."""
    return next((source.name for source in sources if source.remote.folder is not None), "")


def _lines(watch: Watch, *, once: bool, every_s: float) -> None:
    """Print one JSON line after the other; what keeps one from coming is said once, on stderr."""
    click.echo(json.dumps(watch.ask(), ensure_ascii=False))
    lost = False
    while not once:
        sys.stdout.flush()
        time.sleep(every_s)
        problem = watch.ask_or_say()
        if problem and not lost:
            words.warn(problem)
        elif not problem:
            click.echo(json.dumps(watch.last, ensure_ascii=False))
        lost = bool(problem)


def _live(watch: Watch, *, every_s: float) -> None:
    """Refresh the terminal in place until q is pressed."""
    watch.ask()  # what is wrong from the start is said as other commands say it
    with _own_screen() as pressed:
        problem = ""
        while True:
            assert watch.last is not None
            columns, lines = os.get_terminal_size(sys.stdout.fileno())
            size = Size(columns or 80, lines or 24)  # a serial line does not know
            sys.stdout.write(frame(screen(watch.last, size, curve=watch.curve, problem=problem)))
            sys.stdout.flush()
            if pressed(every_s) in ("q", "Q"):
                return
            problem = watch.ask_or_say()


def frame(lines: list[str]) -> str:
    """Return what draws these lines over the ones before: nothing is cleared first, so nothing flickers."""
    return BEGIN_FRAME + f"{END_LINE}\r\n".join(lines) + END_LINE + END_FRAME


@contextlib.contextmanager
def _own_screen() -> Iterator[Callable[[float], str]]:
    """Take the terminal; yields what waits for a key. Whatever happens, it is given back as it was."""

    def terminated(_number: int, _frame: FrameType | None) -> NoReturn:
        sys.exit(TERMINATED)

    def resized(_number: int, _frame: FrameType | None) -> None:
        """Interrupt the wait: the next frame has the new size."""

    before_term = signal.signal(signal.SIGTERM, terminated)
    before_size = signal.signal(signal.SIGWINCH, resized)
    wakes, waker = os.pipe()
    os.set_blocking(waker, False)
    before_wake = signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    try:
        with _unbuffered_keys() as keys:
            sys.stdout.write(ENTER)
            try:
                yield lambda wait_s: _key(keys, wakes, wait_s)
            finally:
                sys.stdout.write(LEAVE)
                sys.stdout.flush()
    finally:
        signal.set_wakeup_fd(before_wake)
        signal.signal(signal.SIGWINCH, before_size)
        signal.signal(signal.SIGTERM, before_term)
        os.close(wakes)
        os.close(waker)


def _key(keys: int | None, wakes: int, wait_s: float) -> str:
    """Return the key that was pressed within ``wait_s``, "" for none or when the terminal has another size."""
    ready, _, _ = select.select([wakes, *([] if keys is None else [keys])], [], [], wait_s)
    if wakes in ready:
        os.read(wakes, 512)
    return os.read(keys, 1).decode("latin-1") if keys is not None and keys in ready else ""


@contextlib.contextmanager
def _unbuffered_keys() -> Iterator[int | None]:
    """Let keys come one by one and unseen, where standard input is a terminal; yields its descriptor."""
    if not sys.stdin.isatty():
        yield None
        return
    import termios
    import tty

    keys = sys.stdin.fileno()
    before = termios.tcgetattr(keys)
    tty.setcbreak(keys)
    try:
        yield keys
    finally:
        termios.tcsetattr(keys, termios.TCSADRAIN, before)
