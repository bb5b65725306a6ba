"""``edgefaas top``: what the POP and its mesh do just now, in the terminal."""

import contextlib
import json
import os
import select
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, NoReturn

import click

from cli import words
from cli.admin import Remote, UnreachableError, remote_options
from cli.topscreen import CURVE_POINTS, Size, report, screen

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
@remote_options
def top(remote: Remote, once: bool, every_s: float) -> None:  # noqa: FBT001  # click passes it by name
    """Show live what the POP, its functions and the other POPs do: the last ten seconds.

    On a terminal until q or Ctrl-C, through restarts of the POP; elsewhere one table, or with --json one
    line after the other.

    \b
    edgefaas top
    edgefaas top --once
    edgefaas top --json --every 10 >> figures.jsonl
    """  # noqa: D301  # \b is click's mark
    watch = Watch(remote)
    if remote.as_json:
        _lines(watch, once=once, every_s=every_s)
    elif once or not sys.stdout.isatty():
        click.echo(report(watch.ask()))
    else:
        _live(watch, every_s=every_s)


class Watch:
    """Asks one POP again and again; knows what it said last."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        self.last: dict[str, Any] | None = None
        self.curve: deque[float] = deque(maxlen=CURVE_POINTS)
        self._lost_s: float | None = None

    def ask(self) -> dict[str, Any]:
        """Return ``/v1/live``. Raises UnreachableError, RefusedError."""
        live: dict[str, Any] = self._remote.look("/v1/live", history=not self.curve)
        if history := live.pop("history", None):
            self.curve.extend(history["requests_per_s"])
        elif live["last"]:
            self.curve.append(live["last"]["requests_per_s"])
        self.last, self._lost_s = live, None
        return live

    def ask_or_say(self) -> str:
        """Ask; return "" or, when nobody answers, that and for how long. Raises RefusedError."""
        try:
            self.ask()
        except UnreachableError as error:
            now_s = time.monotonic()
            self._lost_s = self._lost_s or now_s
            self._remote = self._remote.found_again()  # it may have come back elsewhere
            return f"{error}; asking again for {now_s - self._lost_s:.0f} s"
        return ""


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
