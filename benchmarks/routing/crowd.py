"""Load simulation: a flash crowd, a crash and a slow POP, and how long viewers wait under each policy.

Events in virtual time: requests arrive at one of several routers, which send each to a POP; a POP works on so
many at once and queues the rest. Routers learn of loads by gossip, late; of a crash by failed probes and
refused connections. A request to a dead POP fails and is sent elsewhere once. What is counted is round trip +
queue + service, of every request.
"""

from bisect import bisect
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from heapq import heappop, heappush
from itertools import accumulate
from random import Random

from benchmarks.routing.trace import Setting

DETECT_S = 2.0  # from a crash until the simple policies' probes have seen it
FAIL_MS = 50.0  # until a refused connection is noticed and the request sent elsewhere
SECONDS = 24.0
CAP = 0.9  # of all capacity: more than a crowd can ask for


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What happens, and how fast routers hear of it. Spans are (from, to) in seconds, None: not at all."""

    routers: int = 4
    regional: bool = False  # a group always comes by the same router
    capacity: int = 8
    service_ms: float = 20.0
    use: float = 0.5  # of all capacity, on an ordinary day
    gossip_s: float = 0.1
    gossip_late_s: float = 0.05
    crowd: tuple[float, float] | None = (4.0, 12.0)
    crowd_factor: float = 6.0  # times the rate of one POP's neighbourhood
    crash: tuple[float, float] | None = (8.0, 16.0)  # the POP beside the crowd is dead
    slow: tuple[float, float] | None = (14.0, 20.0)  # another POP takes longer
    slow_factor: float = 4.0


SCENARIOS: dict[str, Scenario] = {
    "flash crowd, crash, slow POP": Scenario(),
    "flash crowd": Scenario(crash=None, slow=None),
    "crash": Scenario(crowd=None, slow=None, use=0.7),
    "slow POP": Scenario(crowd=None, crash=None, use=0.7),
    "nearly full": Scenario(crowd=None, crash=None, slow=None, use=0.85),
    "one router": Scenario(routers=1),
    "a router for each region": Scenario(routers=6, regional=True),
    "sixteen routers": Scenario(routers=16),
    "gossip each second": Scenario(gossip_s=1.0, gossip_late_s=0.1),
    "sixteen routers, gossip each second": Scenario(routers=16, gossip_s=1.0, gossip_late_s=0.1),
    "large POPs": Scenario(capacity=32, service_ms=80.0),
}


@dataclass(frozen=True, slots=True, eq=False)
class Visit:
    """A request on its way: when it came, by which router, whose it is, how much work it is."""

    arrived_s: float
    router: int
    group: int
    work_s: float  # at a POP that is not slow
    rtt_ms: float = 0.0  # round trips, one more when a POP died with the request


@dataclass(slots=True)
class Site:
    """A POP at work."""

    working: set[Visit] = field(default_factory=set)
    queue: deque[Visit] = field(default_factory=deque)
    alive: bool = True
    factor: float = 1.0
    epoch: int = 0  # counts crashes, so that what died with the POP does not finish

    @property
    def in_flight(self) -> int:
        """Requests being worked on or waiting."""
        return len(self.working) + len(self.queue)


Pick = Callable[["Crowd", int, int, int], int]
"""Chooses a POP: the run, the router, the group, and the POP that just failed this request (-1: none)."""


class Crowd:
    """One run."""

    def __init__(self, setting: Setting, pick: Pick, scenario: Scenario | None = None) -> None:
        self.setting = setting
        self.scenario = scenario = scenario or Scenario()
        self.pick = pick
        self.chance = Random(setting.seed)  # only for what arrives: every policy gets the same requests
        self.sites = [Site() for _ in setting.mesh]
        self.usable = [True] * len(self.sites)
        self.totals: list[float] = []
        self.failed = 0
        self.sent: Callable[[int, int], None] = lambda _router, _pop: None
        self.finished: Callable[[int, int], None] = lambda _router, _pop: None
        self.gossip: Callable[[float], None] = lambda _now: None
        self.refused: Callable[[int, int], None] = lambda _router, _pop: None
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self.now_s = 0.0
        nearest = [row.index(min(row)) for row in setting.rtt_ms]
        busiest = max(range(len(self.sites)), key=nearest.count)
        self._crowd = [near == busiest for near in nearest]
        self._crash = busiest
        self._slow = max((p for p in range(len(self.sites)) if p != busiest), key=nearest.count)
        weights = [b - a for a, b in zip([0.0, *setting.cumulative], setting.cumulative, strict=False)]
        self._calm = list(accumulate(weights))
        crowded = [w * (scenario.crowd_factor if c else 1) for w, c in zip(weights, self._crowd, strict=True)]
        self._crowded = list(accumulate(crowded))
        self._full = len(self.sites) * scenario.capacity / (scenario.service_ms / 1000)  # requests a second

    def at(self, when_s: float, what: Callable[[], None]) -> None:
        """Do something later."""
        self._count += 1
        heappush(self._events, (when_s, self._count, what))

    def run(self) -> list[float]:
        """Return every request's total in ms."""
        self.at(0, self._arrive)
        self.at(0, self._tell)
        scenario = self.scenario
        if scenario.crash is not None:
            began_s, ended_s = scenario.crash
            self.at(began_s, lambda: self._die(self._crash))
            self.at(began_s + DETECT_S, lambda: self._notice(self._crash, up=False))
            self.at(ended_s, lambda: self._revive(self._crash))
            self.at(ended_s + DETECT_S, lambda: self._notice(self._crash, up=True))
        if scenario.slow is not None:
            self.at(scenario.slow[0], lambda: self._set_factor(self._slow, scenario.slow_factor))
            self.at(scenario.slow[1], lambda: self._set_factor(self._slow, 1.0))
        while self._events:
            self.now_s, _, what = heappop(self._events)
            what()
        return self.totals

    def _arrive(self) -> None:
        scenario = self.scenario
        crowd = scenario.crowd
        crowded = crowd is not None and crowd[0] <= self.now_s < crowd[1]
        table = self._crowded if crowded else self._calm
        rate = min(scenario.use * table[-1] / self._calm[-1], max(CAP, scenario.use)) * self._full
        if self.now_s < SECONDS:
            self.at(self.now_s + self.chance.expovariate(rate), self._arrive)
        group = bisect(table, self.chance.random() * table[-1])
        router = self.chance.randrange(scenario.routers)
        if scenario.regional:
            router = group * scenario.routers // len(self.setting.groups)
        work_s = self.chance.expovariate(1000 / scenario.service_ms)
        self._send(Visit(self.now_s, router, group, work_s))

    def _send(self, visit: Visit, *, failed: int = -1) -> None:
        pop = self.pick(self, visit.router, visit.group, failed)
        site = self.sites[pop]
        if not site.alive:
            self.failed += 1
            self.refused(visit.router, pop)
            assert failed < 0, "only one POP is dead"
            self.at(self.now_s + FAIL_MS / 1000, lambda: self._send(visit, failed=pop))
            return
        self.sent(visit.router, pop)
        rtt_ms = self.setting.rtt_ms[visit.group][pop]
        self._enter(pop, replace(visit, rtt_ms=visit.rtt_ms + rtt_ms))

    def _enter(self, pop: int, visit: Visit) -> None:
        site = self.sites[pop]
        if len(site.working) < self.scenario.capacity:
            self._work(pop, visit)
        else:
            site.queue.append(visit)

    def _work(self, pop: int, visit: Visit) -> None:
        site = self.sites[pop]
        site.working.add(visit)
        epoch = site.epoch
        self.at(self.now_s + visit.work_s * site.factor, lambda: self._done(pop, visit, epoch))

    def _done(self, pop: int, visit: Visit, epoch: int) -> None:
        site = self.sites[pop]
        if site.epoch != epoch:
            return
        site.working.remove(visit)
        self.finished(visit.router, pop)
        self.totals.append((self.now_s - visit.arrived_s) * 1000 + visit.rtt_ms)
        if site.queue:
            self._work(pop, site.queue.popleft())

    def _tell(self) -> None:
        self.gossip(self.now_s)
        if self.now_s < SECONDS:
            self.at(self.now_s + self.scenario.gossip_s, self._tell)

    def _die(self, pop: int) -> None:
        site = self.sites[pop]
        site.alive = False
        lost = [*site.working, *site.queue]
        self.failed += len(lost)
        site.working.clear()
        site.queue.clear()
        site.epoch += 1
        for visit in lost:
            self.finished(visit.router, pop)
            self.at(self.now_s, partial(self._send, visit, failed=pop))

    def _revive(self, pop: int) -> None:
        self.sites[pop].alive = True

    def _notice(self, pop: int, *, up: bool) -> None:
        self.usable[pop] = up

    def _set_factor(self, pop: int, factor: float) -> None:
        self.sites[pop].factor = factor
