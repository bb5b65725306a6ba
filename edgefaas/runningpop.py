"""The running POP: which site it serves, how that is changed without a restart, and what its workers say.

What the admin API asks of a POP (``control.pop.Pop``); the supervisor gives it a life.
"""

import asyncio
import time
from typing import Any

from edgefaas.control.plane import ControlPlane
from edgefaas.fleet import Fleet
from edgefaas.sampling import Sampler
from edgefaas.site import Site
from edgefaas.tracing.exporter import Exporter
from edgefaas.upoptions import UpOptions, read_site


class RunningPop:
    """One POP. ``site`` is the one that was read for ``options``."""

    def __init__(  # all of it is made elsewhere
        self,
        options: UpOptions,
        site: Site,
        *,
        fleet: Fleet,
        plane: ControlPlane,
        sampler: Sampler,
        exporter: Exporter,
    ) -> None:
        self._options = options
        self._site = site
        self._fleet = fleet
        self._plane = plane
        self._sampler = sampler
        self._exporter = exporter
        self._reloading = asyncio.Lock()
        self._started_s = time.monotonic()

    @property
    def site(self) -> Site:
        """Return the site that is served."""
        return self._site

    async def reload(self) -> list[str]:
        """Read the site's file again and serve it. Raises EdgeError; then the old site stays."""
        async with self._reloading:
            site = await self._plane.shelf.disk.run(read_site, self._options)
            warnings = await self._plane.seed(site)
            await self._plane.keeper.configure(site.kv)
            try:
                await self._fleet.reconfigure(site)
            except BaseException:
                await self._plane.keeper.configure(self._site.kv)
                raise
            self._exporter.apply(site)
            if self._options.listen_tls is None and site.listening.tls != self._site.listening.tls:
                warnings.append("listen.tls is changed: that takes a restart")
            self._site = site
            self._sampler.reconfigure(site)
        return warnings

    async def invoke(self, function: str, event: bytes) -> dict[str, Any]:
        """Run a function once."""
        return await self._fleet.invoke(function, event)

    async def explain(self, address: str) -> dict[str, Any]:
        """Say where a viewer would be served, and why. Raises ConfigError."""
        return await self._fleet.explain(address)

    async def stats(self) -> list[dict[str, Any]]:
        """Return every worker's counters."""
        return await self._fleet.stats()

    async def live(self, *, history: bool, idle: bool) -> dict[str, Any]:
        """Return what this POP and its mesh do just now."""
        return await self._sampler.live(history=history, idle=idle)

    @property
    def workers(self) -> list[dict[str, Any]]:
        """Return every worker's state."""
        return self._fleet.state

    @property
    def own_metrics(self) -> dict[str, float]:
        """Return the supervisor's own numbers."""
        return {
            "uptime_seconds": time.monotonic() - self._started_s,
            "workers": len(self._fleet.state),
            "worker_restarts_total": self._fleet.restarts,
            "functions": len(self._plane.deployer.functions()),
            "spans_exported_total": self._exporter.exported,
            "spans_dropped_total": self._exporter.dropped,
            "log_lines_dropped_total": self._plane.hub.lost_lines,
        }
