"""``edgefaas up`` as a process: its site, its data folder, its event loop, its exit code."""

import asyncio
import logging
import os
import sys
from pathlib import Path
from typing import Protocol

import uvloop

from edgefaas.control.folder import DataFolder
from edgefaas.control.workshop import Builder
from edgefaas.listen import is_loopback
from edgefaas.named import named
from edgefaas.supervisor import Supervisor
from edgefaas.upoptions import UpOptions, read_site, refuse_http2

log = logging.getLogger("edgefaas.supervisor")


class BuilderFactory(Protocol):
    """How the supervisor makes its builder."""

    def __call__(self, *, artifacts: Path) -> Builder:
        """Return a builder that leaves what it makes in ``artifacts``."""
        ...


def up(options: UpOptions) -> int:
    """Run a POP until it is told to stop; return the exit code. Raises EdgeError when it cannot start."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="edgefaas: %(levelname)s %(message)s"
    )
    os.umask(0o077)  # the data folder holds environments and a token
    site = read_site(options)
    if options.http2:
        refuse_http2(options, site)
    make_builder: BuilderFactory = named(options.builder)
    folder = DataFolder(options.data)

    async def live() -> int:
        supervisor = Supervisor(options, site, folder, make_builder(artifacts=folder.artifacts))
        await supervisor.run()
        return 130 if supervisor.interrupted else 0

    if not is_loopback(options.admin):
        log.warning(
            "the admin API listens on %s without encryption: let only a network that you trust reach it",
            options.admin.host,
        )
    with folder.locked(), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(live())
