"""Who sends requests where in the load simulation: the router as it ships, and others to compare it with."""

from collections.abc import Callable
from functools import partial

from benchmarks.routing.crowd import SECONDS, Crowd, Scenario
from benchmarks.routing.trace import Setting
from router import ChoiceSettings, Chooser, Health, PopLoad

PROBE_S = 1.0
EXACT = "greedy on exact state"


def geoip_nearest(crowd: Crowd, router: int, group: int, failed: int) -> int:
    """Send everybody to the nearest POP in service."""
    row = crowd.setting.rtt_ms[group]
    return min((p for p in range(len(row)) if crowd.usable[p] and p != failed), key=row.__getitem__)


def two_choices(crowd: Crowd, router: int, group: int, failed: int) -> int:
    """Send to the less busy of the two nearest POPs (which are asked at once, exactly)."""
    row = crowd.setting.rtt_ms[group]
    two = sorted((p for p in range(len(row)) if crowd.usable[p] and p != failed), key=row.__getitem__)[:2]
    return min(two, key=lambda p: crowd.sites[p].in_flight)


def greedy(crowd: Crowd, router: int, group: int, failed: int) -> int:
    """Send where the total is least, knowing every queue exactly at every instant."""
    row = crowd.setting.rtt_ms[group]
    capacity = crowd.scenario.capacity

    def total_ms(pop: int) -> float:
        site = crowd.sites[pop]
        service_ms = crowd.scenario.service_ms * site.factor
        return row[pop] + service_ms * (1 + max(0.0, site.in_flight + 1 - capacity) / capacity)

    return min((p for p in range(len(row)) if crowd.sites[p].alive), key=total_ms)


class Shipping:
    """Several of the router's own choosers at work, each with its own picture of the POPs."""

    def __init__(self, setting: Setting, scenario: Scenario) -> None:
        self._scenario = scenario
        routers = range(scenario.routers)
        settings = ChoiceSettings(side_probes=False, explore_cost=1e12)
        self._setting = setting
        self._choosers = [Chooser(setting.mesh, settings=settings) for _ in routers]
        self._names = [pop.name for pop in setting.mesh]
        self._index = {name: i for i, name in enumerate(self._names)}
        self._states = [[Health() for _ in self._names] for _ in routers]
        self._know_paths()
        self.crowd = crowd = Crowd(setting, self._pick, scenario)
        crowd.sent = lambda router, pop: self._choosers[router].sent(self._names[pop])
        crowd.finished = lambda router, pop: self._choosers[router].finished(self._names[pop])
        crowd.refused = lambda router, pop: self._judge(router, pop, ok=False)
        crowd.gossip = self._tell
        crowd.at(0.0, self._probe)

    def _know_paths(self) -> None:
        """Start with every path measured: it is the load that is judged here."""
        setting = self._setting
        for chooser in self._choosers:
            for group, row in enumerate(setting.rtt_ms):
                for name, ms in zip(self._names, row, strict=True):
                    for _ in range(3):
                        chooser.observe(setting.addresses[group], setting.locations[group], name, ms, 0.0)

    def _pick(self, crowd: Crowd, router: int, group: int, failed: int) -> int:
        setting = self._setting
        decision = self._choosers[router].choose(
            setting.addresses[group], setting.locations[group], crowd.now_s
        )
        assert decision.pop is not None
        if failed >= 0 and self._index[decision.pop] == failed:
            return self._index[decision.alternatives[0]]
        return self._index[decision.pop]

    def _judge(self, router: int, pop: int, *, ok: bool) -> None:
        state = self._states[router][pop]
        state.probed(ok=ok, now_s=self.crowd.now_s)
        self._choosers[router].set_health(self._names[pop], state.share(self.crowd.now_s))

    def _tell(self, now_s: float) -> None:
        scenario = self._scenario
        news = [
            PopLoad(
                in_flight=site.in_flight,
                capacity=scenario.capacity,
                service_ms=scenario.service_ms * site.factor,
            )
            for site in self.crowd.sites
        ]
        self.crowd.at(now_s + scenario.gossip_late_s, partial(self._deliver, news))

    def _deliver(self, news: list[PopLoad]) -> None:
        for chooser in self._choosers:
            for name, load in zip(self._names, news, strict=True):
                chooser.set_load(name, load, self.crowd.now_s)

    def _probe(self) -> None:
        for router in range(self._scenario.routers):
            for pop, site in enumerate(self.crowd.sites):
                self._judge(router, pop, ok=site.alive)
        if self.crowd.now_s < SECONDS:
            self.crowd.at(self.crowd.now_s + PROBE_S, self._probe)


def shipping(setting: Setting, scenario: Scenario) -> Crowd:
    """Return a run in which the router's own code does the choosing."""
    return Shipping(setting, scenario).crowd


BALANCERS: dict[str, Callable[[Setting, Scenario], Crowd]] = {
    "geoip nearest": lambda setting, scenario: Crowd(setting, geoip_nearest, scenario),
    "power of two choices": lambda setting, scenario: Crowd(setting, two_choices, scenario),
    "ours": shipping,
    EXACT: lambda setting, scenario: Crowd(setting, greedy, scenario),
}
