"""What one worker knows of the POPs of its mesh: their health, their load, how far viewers are from each.

A thin shell around ``router``: probes and the clocks here, judgement there. It outlives a reload of the site
as long as the POPs stay the same.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping
from math import inf

from edgefaas.peers import FIELD, Listener, Teller, Told, probe_key
from edgefaas.site import Pop, RouterPolicy, Site, Steering
from router import (
    ChoiceSettings,
    Chooser,
    Decision,
    Explanation,
    GossipError,
    Health,
    HealthPolicy,
    HealthState,
    Location,
    Mesh,
    ProbePolicy,
    Prober,
    ProbeResult,
    distance_km,
    fibre_bound_ms,
)
from router import Pop as MeshPop

logger = logging.getLogger("edgefaas.neighbours")

TELL_EVERY_S = 1.0
OWN_LOAD_EVERY_S = 0.05  # a burst fills a POP between two tellings
CALIBRATE_FIRST_S = 30.0
CALIBRATE_EVERY_S = 300.0
PATHS_MIN = 3  # fewer say nothing of how paths are


class Neighbours:
    """The POPs of a site. ``here`` is this one's name, "" for a router in front."""

    def __init__(self, site: Site, *, wall_s: Callable[[], float], mono_s: Callable[[], float]) -> None:
        policy = site.router
        self._wall_s = wall_s
        self._mono_s = mono_s
        self.here = policy.pop
        self.known_as = identity(site)
        self.mesh = Mesh([mesh_pop(pop) for pop in site.pops.values()])
        self.chooser = Chooser(self.mesh, here=policy.pop, settings=choice_settings(policy))
        self.can_probe = policy.side_probes
        self._health = {pop.name: Health() for pop in self.mesh}
        self._on_down: list[Callable[[str], None]] = []
        self._key = probe_key(policy.mesh_secret.encode()) if policy.mesh_secret else b""
        self.teller = Teller(
            here=policy.pop, worker=secrets.token_hex(4), capacity=policy.capacity, key=self._key
        )
        self._listeners = {
            pop.name: Listener(here=policy.pop, receiver=pop.name, key=self._key)
            for pop in self.mesh
            if self._key
        }
        self._own_load_due_s = 0.0
        self._own_ms: dict[str, float] = {}  # least round trip to each other POP
        self._paths: dict[tuple[str, str], float] = {}
        asks = policy.steering is not Steering.ANSWER or site.dns is not None
        self._prober: Prober | None = None
        if asks:
            # One's own address too, where there is one: another worker of this POP has news as well.
            pops = [pop for pop in self.mesh if pop.name != policy.pop or self._key]
            self._prober = Prober(
                pops, ProbePolicy(path=policy.health_path), self._probed, self._fields if self._key else None
            )

    # -- what requests ask ---------------------------------------------------------------------------------

    def choose(self, address: str, location: Location) -> Decision:
        """Return which POP should serve an address, and why; counts a request."""
        now_s = self._mono_s()
        if self.here and now_s >= self._own_load_due_s:
            self._take_own_load(now_s)
        return self.chooser.choose(address, location, now_s, can_probe=self.can_probe)

    def explain(self, address: str, location: Location) -> Explanation:
        """Return what a decision for this address rests on; counts nothing."""
        return self.chooser.explain(address, location, self._mono_s())

    def state(self, pop: str) -> str:
        """Return how a POP is regarded: up, warming, draining, down, or unknown before the first probe."""
        return "here" if pop == self.here else self._health[pop].state.value

    def in_service(self, pop: str) -> bool:
        """Return whether a POP may get requests now."""
        return pop == self.here or self._health[pop].share(self._mono_s()) > 0

    def failed(self, pop: str) -> None:
        """Count a request that the POP did not answer: as bad as a failed probe."""
        if self._health[pop].failed_request(now_s=self._mono_s()):
            self._changed(pop, "requests to it fail")
        self._refresh(pop)

    def observe(self, address: str, location: Location, rtt_ms: float) -> None:
        """Take the round trip of a viewer's own connection to this POP."""
        self.chooser.observe(address, location, self.here, rtt_ms, self._mono_s())

    def when_down(self, call: Callable[[str], None]) -> None:
        """Call with a POP's name whenever one is found to be out of service."""
        self._on_down.append(call)

    def answer(self, question: str | None) -> str:
        """Return the JSON of this POP's health answer."""
        return self.teller.answer(question, self._own_ms, now_s=self._mono_s(), wall_s=self._wall_s())

    # -- what time brings ----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Probe, tell and calibrate until cancelled."""
        async with asyncio.TaskGroup() as group:
            if self._prober is not None:
                group.create_task(self._prober.run())
            group.create_task(self._tell())
            group.create_task(self._calibrate())

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(TELL_EVERY_S)
            now_s = self._mono_s()
            self.teller.note(self.chooser.news(now_s), now_s)
            if self.here:
                self._take_own_load(now_s)

    async def _calibrate(self) -> None:
        wait_s = CALIBRATE_FIRST_S
        while True:
            await asyncio.sleep(wait_s)
            paths = [(one, other, ms) for (one, other), ms in self._paths.items()]
            if len(paths) >= PATHS_MIN:
                self.chooser.calibrate(paths)
            self._paths.clear()  # a route may have become longer
            self._own_ms.clear()
            wait_s = CALIBRATE_EVERY_S

    def _take_own_load(self, now_s: float) -> None:
        """Tell the chooser how busy this worker itself is."""
        self._own_load_due_s = now_s + OWN_LOAD_EVERY_S
        load = self.teller.load
        if load is not None:
            self.chooser.set_load(self.here, load, now_s)

    def _fields(self, pop: MeshPop) -> Mapping[str, str]:
        return {FIELD: self._listeners[pop.name].question(self._wall_s())}

    def _probed(self, pop: MeshPop, result: ProbeResult, now_s: float) -> None:
        listener = self._listeners.get(pop.name)
        told = listener.read(result.body) if listener is not None and result.body else None
        if told is not None and told.worker != self.teller.worker:
            self._take(pop.name, told)
        if pop.name == self.here:
            return
        health = self._health[pop.name]
        if health.probed(ok=result.ok, now_s=now_s, draining=result.draining):
            self._changed(pop.name, result.problem)
        self._refresh(pop.name)
        if result.rtt_ms is not None and self.here:
            self._own_ms[pop.name] = min(self._own_ms.get(pop.name, inf), result.rtt_ms)
            self._take_path(self.here, pop.name, result.rtt_ms)

    def _take(self, name: str, told: Told) -> None:
        now_s = self._mono_s()
        if name != self.here:
            if told.load is not None:
                self.chooser.set_load(name, told.load, now_s)
            for other, ms in told.paths.items():
                self._take_path(name, other, ms)
        for _, message in told.news:
            try:
                self.chooser.take_news(message, now_s)
            except GossipError as error:
                logger.warning("POP %s: %s. %s", name, error, error.remedy)

    def _take_path(self, one: str, other: str, ms: float) -> None:
        """Keep the least round trip between two POPs, unless light could not make it: they stand elsewhere."""
        if one == other or other not in self.mesh:
            return
        here, there = self.mesh.pop(one), self.mesh.pop(other)
        km = distance_km(here.latitude, here.longitude, there.latitude, there.longitude)
        if ms >= fibre_bound_ms(km):
            pair = (one, other) if one < other else (other, one)
            self._paths[pair] = min(self._paths.get(pair, inf), ms)

    def _refresh(self, pop: str) -> None:
        self.chooser.set_health(pop, self._health[pop].share(self._mono_s()))

    def _changed(self, pop: str, problem: str) -> None:
        state = self._health[pop].state
        level = logging.INFO if state is HealthState.UP else logging.WARNING
        if state is HealthState.WARMING:
            problem = f"it answers again, and gets its viewers back over {HealthPolicy().slow_start_s:.0f} s"
        logger.log(level, "POP %s is %s%s", pop, state, f": {problem}" if problem else "")
        self._refresh(pop)
        if not self.in_service(pop):
            for call in self._on_down:
                call(pop)


def choice_settings(policy: RouterPolicy) -> ChoiceSettings:
    """Return how the chooser may look elsewhere.

    By one request only where the viewer then comes to the other POP itself: a request that is passed on says
    nothing of the viewer's way there.
    """
    explores = policy.steering is Steering.REDIRECT
    return ChoiceSettings(
        side_probes=policy.side_probes, explore_cost=ChoiceSettings().explore_cost if explores else inf
    )


def identity(site: Site) -> object:
    """Return what must stay the same for ``Neighbours`` to stay valid."""
    return (tuple(site.pops.values()), site.router, site.dns is None)


def mesh_pop(pop: Pop) -> MeshPop:
    """Return a POP as the router sees it."""
    return MeshPop(name=pop.name, latitude=pop.latitude, longitude=pop.longitude, url=pop.url)
