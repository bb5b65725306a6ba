"""Load simulation: a flash crowd, a crash and a slow POP, and how long viewers wait under each policy.

Events in virtual time: requests arrive at one of several routers, which send each to a POP; a POP works on so
many at once and queues the rest. Routers learn of loads by gossip, late; of a crash by failed probes and
refused connections. A request to a dead POP fails and is sent elsewhere once. What is counted is round trip +
queue + service, of every request.
"""

from bisect import bisect
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from heapq import heappop, heappush
from itertools import accumulate
from random import Random

from benchmarks.routing.trace import Setting, draw
from benchmarks.routing.world import World
from router import ChoiceSettings, Chooser, Health, PopLoad

ROUTERS = 4
CAPACITY = 8
SERVICE_MS = 20.0
USE = 0.5  # of all capacity, on an ordinary day
GOSSIP_S = 0.1
GOSSIP_LATE_S = 0.05
DETECT_S = 2.0  # from a crash until the simple policies' probes have seen it
PROBE_S = 1.0
FAIL_MS = 50.0  # until a refused connection is noticed and the request sent elsewhere
SECONDS = 24.0
CROWD = (4.0, 12.0, 6.0)  # from, to, times the rate of one POP's neighbourhood
CRASH = (8.0, 16.0)  # the POP beside the crowd is dead
SLOW = (14.0, 20.0, 4.0)  # another POP takes so many times as long


@dataclass(slots=True)
class Site:
    """A POP at work."""

    busy: int = 0
    queue: deque[tuple[float, float, int, int]] = field(
        default_factory=deque
    )  # arrival, RTT, router, request
    alive: bool = True
    factor: float = 1.0
    epoch: int = 0  # counts crashes, so that what died with the POP does not finish

    @property
    def in_flight(self) -> int:
        """Requests being worked on or waiting."""
        return self.busy + len(self.queue)


Pick = Callable[["Crowd", int, int, int], int]
"""Chooses a POP: the run, the router, the group, and the POP that just failed this request (-1: none)."""


class Crowd:
    """One run."""

    def __init__(self, setting: Setting, pick: Pick) -> None:
        self.setting = setting
        self.pick = pick
        self.chance = Random(setting.seed)
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
        crowded = [w * (CROWD[2] if c else 1) for w, c in zip(weights, self._crowd, strict=True)]
        self._crowded = list(accumulate(crowded))
        self._rate = USE * len(self.sites) * CAPACITY / (SERVICE_MS / 1000)

    def at(self, when_s: float, what: Callable[[], None]) -> None:
        """Do something later."""
        self._count += 1
        heappush(self._events, (when_s, self._count, what))

    def run(self) -> list[float]:
        """Return every request's total in ms."""
        self.at(0, self._arrive)
        self.at(0, self._tell)
        self.at(CRASH[0], lambda: self._die(self._crash))
        self.at(CRASH[0] + DETECT_S, lambda: self._notice(self._crash, up=False))
        self.at(CRASH[1], lambda: self._revive(self._crash))
        self.at(CRASH[1] + DETECT_S, lambda: self._notice(self._crash, up=True))
        self.at(SLOW[0], lambda: self._set_factor(self._slow, SLOW[2]))
        self.at(SLOW[1], lambda: self._set_factor(self._slow, 1.0))
        while self._events:
            self.now_s, _, what = heappop(self._events)
            what()
        return self.totals

    def _arrive(self) -> None:
        crowded = CROWD[0] <= self.now_s < CROWD[1]
        table = self._crowded if crowded else self._calm
        rate = self._rate * table[-1] / self._calm[-1]
        rate = min(rate, 0.9 / USE * self._rate)
        if self.now_s < SECONDS:
            self.at(self.now_s + self.chance.expovariate(rate), self._arrive)
        group = bisect(table, self.chance.random() * table[-1])
        self._send(group, self.chance.randrange(ROUTERS), 0.0)

    def _send(self, group: int, router: int, spent_ms: float, *, failed: int = -1) -> None:
        pop = self.pick(self, router, group, failed)
        rtt = self.setting.rtt_ms[group][pop]
        site = self.sites[pop]
        if not site.alive:
            self.failed += 1
            self.refused(router, pop)
            assert failed < 0, "only one POP is dead"
            later_s = self.now_s + FAIL_MS / 1000
            self.at(later_s, lambda: self._send(group, router, spent_ms + FAIL_MS, failed=pop))
            return
        self.sent(router, pop)
        self._enter(pop, (self.now_s, rtt + spent_ms, router, group))

    def _enter(self, pop: int, request: tuple[float, float, int, int]) -> None:
        site = self.sites[pop]
        if site.busy < CAPACITY:
            self._work(pop, request)
        else:
            site.queue.append(request)

    def _work(self, pop: int, request: tuple[float, float, int, int]) -> None:
        site = self.sites[pop]
        site.busy += 1
        service_s = self.chance.expovariate(1000 / SERVICE_MS) * site.factor
        epoch = site.epoch
        self.at(self.now_s + service_s, lambda: self._done(pop, request, epoch))

    def _done(self, pop: int, request: tuple[float, float, int, int], epoch: int) -> None:
        site = self.sites[pop]
        if site.epoch != epoch:
            return
        site.busy -= 1
        self.finished(request[2], pop)
        self.totals.append((self.now_s - request[0]) * 1000 + request[1])
        if site.queue:
            self._work(pop, site.queue.popleft())

    def _tell(self) -> None:
        self.gossip(self.now_s)
        if self.now_s < SECONDS:
            self.at(self.now_s + GOSSIP_S, self._tell)

    def _die(self, pop: int) -> None:
        site = self.sites[pop]
        site.alive = False
        lost = list(site.queue)
        self.failed += site.in_flight
        site.queue.clear()
        for arrived_s, rtt, router, group in lost:
            self.finished(router, pop)
            spent = (self.now_s - arrived_s) * 1000 + rtt
            self.at(self.now_s, partial(self._send, group, router, spent, failed=pop))
        site.busy = 0
        site.epoch += 1

    def _revive(self, pop: int) -> None:
        self.sites[pop].alive = True

    def _notice(self, pop: int, *, up: bool) -> None:
        self.usable[pop] = up

    def _set_factor(self, pop: int, factor: float) -> None:
        self.sites[pop].factor = factor


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

    def total_ms(pop: int) -> float:
        site = crowd.sites[pop]
        service_ms = SERVICE_MS * site.factor
        return row[pop] + service_ms * (1 + max(0.0, site.in_flight + 1 - CAPACITY) / CAPACITY)

    return min((p for p in range(len(row)) if crowd.sites[p].alive), key=total_ms)


class Shipping:
    """Several of the router's own choosers at work, each with its own picture of the POPs."""

    def __init__(self, setting: Setting) -> None:
        settings = ChoiceSettings(side_probes=False, explore_cost=1e12)
        self._setting = setting
        self._choosers = [Chooser(setting.mesh, settings=settings) for _ in range(ROUTERS)]
        self._names = [pop.name for pop in setting.mesh]
        self._index = {name: i for i, name in enumerate(self._names)}
        self._states = [[Health() for _ in self._names] for _ in range(ROUTERS)]
        self._know_paths()
        self.crowd = crowd = Crowd(setting, self._pick)
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
        news = [
            PopLoad(in_flight=site.in_flight, capacity=CAPACITY, service_ms=SERVICE_MS * site.factor)
            for site in self.crowd.sites
        ]
        self.crowd.at(now_s + GOSSIP_LATE_S, partial(self._deliver, news))

    def _deliver(self, news: list[PopLoad]) -> None:
        for chooser in self._choosers:
            for name, load in zip(self._names, news, strict=True):
                chooser.set_load(name, load, self.crowd.now_s)

    def _probe(self) -> None:
        for router in range(ROUTERS):
            for pop, site in enumerate(self.crowd.sites):
                self._judge(router, pop, ok=site.alive)
        if self.crowd.now_s < SECONDS:
            self.crowd.at(self.crowd.now_s + PROBE_S, self._probe)


def shipping(setting: Setting) -> Crowd:
    """Return a run in which the router's own code does the choosing."""
    return Shipping(setting).crowd


def crowds(world: World, pops: int, seed: int) -> dict[str, Callable[[], Crowd]]:
    """Return the runs of every policy in one setting."""
    setting = draw(world, pops, seed, 1)
    return {
        "geoip nearest": lambda: Crowd(setting, geoip_nearest),
        "power of two choices": lambda: Crowd(setting, two_choices),
        "ours (predicted total)": lambda: shipping(setting),
        "greedy on exact state": lambda: Crowd(setting, greedy),
    }
