"""How the other POPs are, for people who look on: probes that run only while somebody asks.

The supervisor's own, apart from the workers' (``neighbours``), which steer viewers: a POP that steers nobody probes
nobody, and its page wants to show the mesh all the same. Where the POPs share a mesh secret the answers are signed and
tell how each whole POP does; without one they tell that it answers, and how far away it is.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from edgefaas.background import Background
from edgefaas.figures import Figures
from edgefaas.neighbours import identity, mesh_pop
from edgefaas.peers import FIELD, Listener, probe_key
from edgefaas.site import Site
from router import Health, HealthState, ProbePolicy, Prober, ProbeResult
from router import Pop as MeshPop

ASKED_FOR_S = 30.0  # so long nobody asked: nobody looks on
FIRST_LOOK_S = 1.2  # how long the first asker waits for the first answers; a probe takes at most 1 s
TOLD_FOR_S = 5.0  # older figures are not of just now


@dataclass(slots=True)
class Seen:
    """What is known of one POP. Loop time: ``at_s`` of the last probe of this watch, ``told_at_s`` of the figures."""

    health: Health = field(default_factory=Health)
    ms: float | None = None
    problem: str = ""
    at_s: float | None = None
    figures: Figures | None = None
    told_at_s: float = 0.0


class Onlooker:
    """Watches the POPs of one site on demand. Make it inside the running loop; ``wall_s`` signs the questions."""

    def __init__(self, site: Site, background: Background, wall_s: Callable[[], float]) -> None:
        policy = site.router
        self.known_as = identity(site)
        self._here = policy.pop
        self._background = background
        self._wall_s = wall_s
        self._asked_s = 0.0
        self._task: asyncio.Task[None] | None = None
        self._first_round = asyncio.Event()
        self._pops = [mesh_pop(pop) for pop in site.pops.values() if pop.name != policy.pop and pop.url]
        self._seen = {pop.name: Seen() for pop in self._pops}
        key = probe_key(policy.mesh_secret.encode()) if policy.mesh_secret else b""
        self._listeners = {
            pop.name: Listener(here=policy.pop, receiver=pop.name, key=key) for pop in self._pops if key
        }
        self._prober = Prober(
            self._pops,
            ProbePolicy(path=policy.health_path),
            self._probed,
            self._question if key else None,
        )

    async def look(self) -> None:
        """Go on probing for ``ASKED_FOR_S``; the first look waits for what the first probes see."""
        loop = asyncio.get_running_loop()
        self._asked_s = loop.time()
        if not self._pops:
            return
        if self._task is None or self._task.done():
            self._first_round.clear()
            for seen in self._seen.values():
                seen.at_s = None
            self._task = self._background.start(self._watch(), name="probes for onlookers")
        if not self._first_round.is_set():
            await asyncio.wait([self._background.start(self._first_round.wait())], timeout=FIRST_LOOK_S)
            self._first_round.set()

    def rows(self) -> dict[str, dict[str, Any]]:
        """Return ``state``, ``ms``, ``problem`` and ``live`` of each POP with an address, as JSON values."""
        now_s = asyncio.get_running_loop().time()
        rows = {}
        for name, seen in self._seen.items():
            current = seen.figures if now_s - seen.told_at_s <= TOLD_FOR_S else None
            rows[name] = {
                "state": "up" if seen.health.state is HealthState.WARMING else seen.health.state.value,
                "ms": seen.ms,
                "problem": seen.problem,
                "live": None if current is None else current.to_json(),
            }
        return rows

    def stop(self) -> None:
        """Stop probing: another onlooker takes over."""
        if self._task is not None:
            self._task.cancel()

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:
            probing = group.create_task(self._prober.run())
            while (left_s := self._asked_s + ASKED_FOR_S - loop.time()) > 0:  # noqa: ASYNC110  # it grows meanwhile
                await asyncio.sleep(left_s)
            probing.cancel()

    def _question(self, pop: MeshPop) -> Mapping[str, str]:
        return {FIELD: self._listeners[pop.name].question(self._wall_s())}

    def _probed(self, pop: MeshPop, result: ProbeResult, now_s: float) -> None:
        seen = self._seen[pop.name]
        seen.health.probed(ok=result.ok, now_s=now_s, draining=result.draining)
        seen.ms = result.rtt_ms if result.ok else None
        seen.problem = "" if result.ok else result.problem
        seen.at_s = now_s
        listener = self._listeners.get(pop.name)
        told = listener.read(result.body) if listener is not None and result.body else None
        if told is not None and told.live is not None:
            seen.figures, seen.told_at_s = told.live, now_s
        if all(other.at_s is not None for other in self._seen.values()):
            self._first_round.set()
