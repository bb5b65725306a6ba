"""``edgefaas dev``: a POP for the one who writes functions; what is saved is live."""

import contextlib
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import words
from cli.admin import CONFIG_NAME, Remote, find_config, find_remote
from cli.build import build_when_needed
from cli.logs import print_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgefaas.site import Site
    from edgefaas.watching import Snapshot

LOOK_EVERY_S = 0.1
STOP_TIMEOUT_S = 15


@click.command()
@click.option("-c", "--config", type=click.Path(path_type=Path), metavar="FILE", help="The site's file.")
@click.option(
    "--listen", default="127.0.0.1:8080", show_default=True, metavar="HOST:PORT", help="For viewers."
)
def dev(config: Path | None, listen: str) -> int:
    """Run the site here, and make live whatever is saved.

    State is thrown away at the end. Logs of functions are shown as they come. A source or a site's file that
    is wrong is refused with its line, and what worked before goes on.
    """
    from edgefaas.watching import snapshot, watched

    path = (config or find_config() or Path(CONFIG_NAME)).resolve()
    site = _built(path)
    before = snapshot(watched(path, site))  # what is saved while the POP starts counts as a change, too
    with (
        tempfile.TemporaryDirectory(prefix="edgefaas-dev-") as folder,
        _up(path, listen, Path(folder)) as pop,
    ):
        assert pop.stdout is not None
        ready = pop.stdout.readline()
        if not ready.startswith("ready "):
            return pop.wait()
        click.echo(ready, nl=False)
        remote = find_remote(admin=None, token=None, data=Path(folder), config=path, as_json=False)
        threading.Thread(target=_follow, args=(remote,), daemon=True).start()
        return _watch(pop, path, site, before, remote)


@contextlib.contextmanager
def _up(config: Path, listen: str, data: Path) -> "Iterator[subprocess.Popen[str]]":
    command = [sys.executable, "-c", "from cli.main import main; main()", "up", "--config", str(config)]
    command += ["--listen", listen, "--admin", "127.0.0.1:0", "--data", str(data), "--workers", "1"]
    # A session of its own: Ctrl-C is ours, and we tell the POP to drain.
    pop = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)  # noqa: S603  # ourselves
    try:
        yield pop
    finally:
        pop.terminate()
        try:
            pop.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            pop.kill()
            pop.wait()


def _built(config: Path) -> "Site":
    """Return the site, its functions built where that is needed. Raises EdgeError."""
    from edgefaas.config import load_site

    site = load_site(config)
    for spec in site.functions.values():
        if spec.source.is_dir():
            build_when_needed(spec.source)
    return site


def _watch(
    pop: "subprocess.Popen[str]", config: Path, site: "Site", before: "Snapshot", remote: Remote
) -> int:
    """Reload at every change against ``before``, until the POP ends."""
    from edgefaas.errors import EdgeError
    from edgefaas.watching import changed, snapshot, watched

    while pop.poll() is None:
        time.sleep(LOOK_EVERY_S)
        after = snapshot(watched(config, site))
        files, before = changed(before, after), after
        if not files:
            continue
        began_s = time.perf_counter()
        try:
            site = _built(config)
            before = snapshot(watched(config, site))  # a build writes files of its own
            warnings = remote.post("/v1/site/reload")["warnings"]
        except EdgeError as error:
            words.refuse(error)
        else:
            for warning in warnings:
                words.warn(warning)
            if warnings:
                continue
            took_ms = (time.perf_counter() - began_s) * 1000
            words.note(click.style(f"{_names(files)} live in {took_ms:.0f} ms", fg="green"))
    return pop.returncode or 0


def _names(files: list[Path]) -> str:
    return files[0].name if len(files) == 1 else f"{files[0].name} and {len(files) - 1} more"


def _follow(remote: Remote) -> None:
    """Show log lines until the POP ends its stream."""
    with contextlib.suppress(Exception):  # the POP ends: what there is to say is said elsewhere
        for line in remote.lines("/v1/logs", follow=True, limit=1):
            print_line(line, as_json=False)
