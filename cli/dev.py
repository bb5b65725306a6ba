"""``edgefaas dev``: a POP for the one who writes functions; what is saved is live."""

import contextlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from cli.admin import CONFIG_NAME, DATA_NAME, find_config, find_remote
from cli.build import build_when_needed
from cli.devscreen import Screen
from cli.events import read_event
from cli.pretending import find_viewer, make_pretence, viewer_options
from cli.rehearsing import Rehearsal
from cli.remote import Remote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgefaas.site import Pretence, Site
    from edgefaas.watching import Snapshot

LOOK_EVERY_S = 0.1
LOOK_SHARE = 10  # looking takes at most one part in so many of a core
STOP_TIMEOUT_S = 15
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PYTHON = (sys.executable, "-P")  # -P: a folder named cli where we stand must not be taken for ours


@click.command()
@click.option("-c", "--config", type=click.Path(path_type=Path), metavar="FILE", help="The site's file.")
@click.option(
    "--listen", default="127.0.0.1:8080", show_default=True, metavar="HOST:PORT", help="For viewers."
)
@viewer_options
@click.option(
    "--pops", metavar="LIST",
    help="Pretend these POPs, with their round trips: fra=8ms,iad=95ms. The nearest answers, that much later."
    " mesh: those of the site.",
)  # fmt: skip
@click.option(
    "--event", type=click.Path(path_type=Path), metavar="FILE",
    help="At every save, run the function that changed with this event, too.",
)  # fmt: skip
@click.option("--no-cache", is_flag=True, help="Store nothing, and serve nothing from the cache.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, a line each.")
def dev(  # noqa: PLR0913  # click passes its options by name
    *,
    config: Path | None,
    listen: str,
    country: str | None,
    address: str | None,
    pops: str | None,
    event: Path | None,
    no_cache: bool,
    as_json: bool,
) -> int:
    """Run the site here, and make live whatever is saved.

    Every request is a line: the POP, the behavior, functions with their CPU time, the cache's verdict, the origin. Logs
    of functions are shown as they come. A source or a site's file that is wrong is refused with its line, and what
    worked before goes on. State is thrown away at the end.

    \b
    edgefaas dev --country BR
    edgefaas dev --country DE --pops fra=8ms,iad=95ms
    edgefaas dev --event hello/request.json --no-cache
    """  # noqa: D301  # \b is click's mark
    path = (config or find_config() or Path(CONFIG_NAME)).resolve()
    if event is not None:
        read_event(event)  # what is wrong with it is said now
    site = _built(path)
    screen = Screen(as_json=as_json, folder=path.parent)
    geo = path.parent / DATA_NAME / "geo"
    viewer = find_viewer(country, address, site=site, geo=geo)
    pretence, said = make_pretence(site, viewer, pops, caches=not no_cache)
    before = _look(path, site, event)  # what is saved while the POP starts counts, too
    with _up(path, listen, pretence, screen) as (pop, data):
        assert pop.stdout is not None
        ready = pop.stdout.readline()
        if not ready.startswith("ready "):
            return pop.wait()
        screen.ready(ready.rstrip("\n"), said)
        remote = find_remote(admin=None, token=None, data=data, config=path, as_json=as_json)
        threading.Thread(target=_follow, args=(remote, screen), daemon=True).start()
        rehearsal = None if event is None else Rehearsal(remote, event, viewer, screen)
        return _watch(pop, path, site, before, _Live(remote, screen, rehearsal))


@contextlib.contextmanager
def _up(
    config: Path, listen: str, pretence: "Pretence", screen: Screen
) -> "Iterator[tuple[subprocess.Popen[str], Path]]":
    """Run the POP on a folder of its own. Whatever ends the block, and whenever, ends both."""
    from cli.devpop import arguments
    from edgefaas.control.plain import to_plain

    pop: subprocess.Popen[str] | None = None
    folder: Path | None = None
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGHUP, _end)
    try:
        # Held back, so that nothing is begun that nobody ends.
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)
        folder = Path(tempfile.mkdtemp(prefix="edgefaas-dev-"))
        _lend_geo(config, folder)
        given = arguments(
            config=config, listen=listen, data=folder, pretence=to_plain(pretence), as_json=screen.as_json
        )
        # A session of its own: Ctrl-C is ours, and we tell the POP to drain.
        pop = subprocess.Popen(  # noqa: S603  # ourselves
            [*PYTHON, "-c", "from cli.devpop import main; main()", given],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDINGS)
        yield pop, folder
    finally:
        for (
            number
        ) in ENDINGS:  # from here on, impatience ends the POP, and not the one who cleans up behind it
            signal.signal(number, lambda *_: pop.kill() if pop is not None else None)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDINGS)
        if pop is not None:
            _stop(pop)
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _end(_number: int, _frame: FrameType | None) -> None:
    """End by SIGTERM as by Ctrl-C, but with 0."""
    raise SystemExit(0)


def _stop(pop: "subprocess.Popen[str]") -> None:
    pop.terminate()
    try:
        pop.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        pop.kill()
        pop.wait()


def _lend_geo(config: Path, folder: Path) -> None:
    """Let the POP locate viewers by what ``edgefaas geo update`` installed for this site."""
    installed = config.parent / DATA_NAME / "geo"
    if installed.is_dir():
        (folder / "geo").symlink_to(installed)


def _built(config: Path) -> "Site":
    """Return the site, its functions built where that is needed. Raises EdgeError."""
    from edgefaas.config import load_site

    site = load_site(config)
    for spec in site.functions.values():
        if spec.source.is_dir():
            build_when_needed(spec.source)
    return site


def _look(config: Path, site: "Site", event: Path | None) -> "Snapshot":
    """Return how everything is that is live when it is saved."""
    from edgefaas.watching import served, snapshot, watched

    return snapshot([*watched(config, site), *served(site), *([] if event is None else [event.resolve()])])


class _Live:
    """Makes what was saved live, and says how that went."""

    def __init__(self, remote: Remote, screen: Screen, rehearsal: Rehearsal | None) -> None:
        self._remote = remote
        self.screen = screen
        self.rehearsal = rehearsal

    @property
    def event(self) -> Path | None:
        """Return the developer's event, if there is one."""
        return None if self.rehearsal is None else self.rehearsal.event

    def take(self, files: list[Path], *, reload: bool, began_s: float) -> None:
        """Make these files live, then run what changed. Raises EdgeError: what is served stays.

        What is stored was made of what was there before, so it goes. ``reload``: the site is to be read again.
        """
        if files != [self.event]:
            warnings = self._remote.post("/v1/site/reload")["warnings"] if reload else []
            self._remote.post("/v1/purge", {"kind": "everything", "value": "", "soft": False})
            for warning in warnings:
                self.screen.warn(warning)
            if not warnings:
                self.screen.live(files, (time.perf_counter() - began_s) * 1000)
        if self.rehearsal is not None:
            self.rehearsal.take(event_changed=self.event in files)


def _watch(pop: "subprocess.Popen[str]", config: Path, site: "Site", before: "Snapshot", live: _Live) -> int:
    """Reload at every change against ``before``, until the POP ends."""
    from edgefaas.errors import EdgeError
    from edgefaas.watching import changed, only_served

    look_s = 0.0
    while pop.poll() is None:
        time.sleep(max(LOOK_EVERY_S, LOOK_SHARE * look_s))
        began_s = time.perf_counter()
        after = _look(config, site, live.event)
        look_s = time.perf_counter() - began_s
        files, before = changed(before, after), after
        if not files:
            continue
        try:
            reload = not only_served([file for file in files if file != live.event], site, config)
            if reload:
                site = _built(config)
                before = _look(config, site, live.event)  # a build writes files of its own
            live.take(files, reload=reload, began_s=began_s)
        except EdgeError as error:
            live.screen.refuse(error)
    return pop.returncode or 0


def _follow(remote: Remote, screen: Screen) -> None:
    """Show log lines until the POP ends its stream."""
    with contextlib.suppress(Exception):  # the POP ends: what there is to say is said elsewhere
        for line in remote.lines("/v1/logs", follow=True, limit=1):
            screen.line(line)
