"""Trace-driven evaluation: requests of many groups of viewers, each policy's excess over the best POP.

The excess is counted on the paths' least round trips, so that it is the choice that is judged, not the noise.
What a policy may see is one noisy sample per request, to the POP that served it, and one per side probe.
"""

from abc import ABC, abstractmethod
from bisect import bisect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from math import inf
from random import Random

from benchmarks.routing.world import World, WorldError
from router import ChoiceSettings, Chooser, Location, Mesh, Pop, distance_km

# Access noise over the floor of a path, as measured at home: p50 1.3, p90 5.7, p99 109 ms.
NOISE_AT = (0.0, 0.15, 0.5, 0.9, 0.967, 0.99, 0.999, 1.0)
NOISE_MS = (0.0, 0.3, 1.3, 5.7, 20.0, 109.0, 400.0, 800.0)
SECONDS_BETWEEN = 10.0  # of a group's requests, on average
PEER_REQUESTS = 10  # a network is known when its groups made so many
PREFIXES = 8  # groups of one network in the evaluation of newcomers
MISSING_MAX = 0.9  # of a city's paths, for a POP to stand there
ORDINALS = (1, 2, 3, 5, 10, 20, 50, 100)
_GEO_ERROR_AT = (0.0, 0.75, 0.9, 0.976, 1.0)  # the embedded database against the full one
_GEO_ERROR_KM = (0.0, 15.0, 258.0, 1_000.0, 9_000.0)


@dataclass(slots=True)
class Setting:
    """One draw: POPs, groups of viewers, how often they come, and where their addresses are said to be."""

    world: World
    mesh: Mesh
    pop_cities: list[int]
    groups: list[int]  # city of each group
    locations: list[Location]
    addresses: list[str]
    cumulative: list[float]
    rtt_ms: list[list[float]]  # by group and POP; inf where unknown
    requests: int
    seed: int
    noise: float = 1.0  # times the access noise of a usual home


@dataclass(slots=True)
class Outcome:
    """What a policy did; the lists are of the second half of the requests."""

    excess: list[float] = field(default_factory=list)
    best_share: float = 0.0
    probes_per_request: float = 0.0
    explored_share: float = 0.0
    by_ordinal: dict[int, list[float]] = field(default_factory=lambda: {n: [] for n in ORDINALS})
    first_with_peers: list[float] = field(default_factory=list)
    found_after: list[int] = field(default_factory=list)


Policy = Callable[[Setting], "Router"]


class Router(ABC):
    """A policy at work: chooses for a group, may ask for a probe, is told what was measured."""

    @abstractmethod
    def choose(self, group: int, now_s: float) -> tuple[int, int | None, bool]:
        """Return the POP, a POP to probe, and whether this was an exploration."""

    def observe(self, group: int, pop: int, rtt_ms: float, now_s: float) -> None:  # noqa: B027  not all care
        """Take a measured round trip; most policies do not care."""


def noise_ms(chance: Random) -> float:
    """Return a draw of access noise."""
    return _interpolated(chance.random(), NOISE_AT, NOISE_MS)


def draw(world: World, pops: int, seed: int, requests_per_group: int) -> Setting:
    """Return one setting: POPs at random cities, a group of viewers in every other city.

    A path that was not measured is as long as the best way over a third city; cities without one are left out.

    Raises:
        WorldError: the world has too few cities, or too few measured paths.
    """
    chance = Random(f"{world.name}/{pops}/{seed}")
    measured = [row.count(None) <= len(row) * MISSING_MAX for row in world.rtt_ms]
    known = [city for city, enough in enumerate(measured) if enough]
    if pops < 1 or len(known) < pops:
        raise WorldError(
            f"{world.name}: {pops} POPs are asked for; {len(known)} of {len(measured)} cities have measured paths "
            f"to a tenth of the others"
        )
    pop_cities = sorted(chance.sample(known, pops))
    named = [world.cities[c] for c in pop_cities]
    mesh = Mesh(
        [
            Pop(name=f"p{i:02}", latitude=city.latitude, longitude=city.longitude)
            for i, city in enumerate(named)
        ]
    )
    groups, rows = [], []
    for city in range(len(world.cities)):
        row = [path_ms(world, city, pop) for pop in pop_cities]
        if city not in pop_cities and inf not in row:
            groups.append(city)
            rows.append(row)
    if not groups:
        raise WorldError(f"{world.name}: no city has paths to all of {pops} POPs (seed {seed})")
    weights = [1 / (rank + 1) ** 0.8 for rank in range(len(groups))]
    chance.shuffle(weights)
    return Setting(
        world=world,
        mesh=mesh,
        pop_cities=pop_cities,
        groups=groups,
        locations=[_placed(world, city, chance) for city in groups],
        addresses=[f"{20 + (i >> 16)}.{i >> 8 & 255}.{i & 255}.7" for i in range(len(groups))],
        cumulative=list(accumulate(weights)),
        rtt_ms=rows,
        requests=requests_per_group * len(groups),
        seed=seed,
    )


def path_ms(world: World, one: int, other: int) -> float:
    """Return the round trip between two cities: measured, else the best over a third; infinity when none is."""
    ms = world.rtt_ms[one][other]
    if ms is not None:
        return ms
    onward = (row[other] for row in world.rtt_ms)
    return min(
        (a + b for a, b in zip(world.rtt_ms[one], onward, strict=True) if a is not None and b is not None),
        default=inf,
    )


def draw_networks(world: World, pops: int, seed: int) -> Setting:
    """Return a setting in which every city is one network (AS) of several prefixes, few requests each.

    Prefixes of a network differ: each has its own last mile, and one path in twenty takes another way.
    """
    setting = draw(world, pops, seed, 1)
    chance = Random(f"networks/{world.name}/{pops}/{seed}")
    groups, locations, rows = [], [], []
    for index, city in enumerate(setting.groups):
        for _ in range(PREFIXES):
            place = _placed(world, city, chance)
            groups.append(city)
            locations.append(replace(place, asn=64_512 + city))
            last_mile = chance.uniform(0, 3)
            rows.append(
                [
                    ms + last_mile + (chance.expovariate(1 / 15) if chance.random() < 0.05 else 0.0)
                    for ms in setting.rtt_ms[index]
                ]
            )
    return replace(
        setting,
        groups=groups,
        locations=locations,
        rtt_ms=rows,
        addresses=[f"{20 + (i >> 16)}.{i >> 8 & 255}.{i & 255}.7" for i in range(len(groups))],
        cumulative=list(accumulate(chance.uniform(0.2, 1) for _ in groups)),
        requests=20 * len(groups),
    )


def play(
    setting: Setting, policy: Policy, *, can_probe: float = 1.0, shift: "RouteChange | None" = None
) -> Outcome:
    """Return what a policy does with the setting's requests.

    ``can_probe`` is the share of groups that can.
    """
    chance = Random(setting.seed * 7919 + 1)
    router = policy(setting)
    outcome = Outcome()
    groups = len(setting.groups)
    probing = [Random(f"{setting.seed}/{g}").random() < can_probe for g in range(groups)]
    seen = [0] * groups
    peers_seen: dict[tuple[int | None, str | None], int] = {}
    rtt = [list(row) for row in setting.rtt_ms]
    probes = explored = hits = 0
    step_s = SECONDS_BETWEEN / groups
    half = setting.requests // 2
    for number in range(setting.requests):
        now_s = number * step_s
        group = bisect(setting.cumulative, chance.random() * setting.cumulative[-1])
        row = rtt[group]
        pop, probe, exploring = router.choose(group, now_s)
        excess = row[pop] - min(row)
        seen[group] += 1
        if seen[group] in outcome.by_ordinal:
            outcome.by_ordinal[seen[group]].append(excess)
        network = (setting.locations[group].asn, setting.locations[group].country)
        known = network[0] is not None and peers_seen.get(network, 0) >= PEER_REQUESTS
        if known and seen[group] == 1:
            outcome.first_with_peers.append(excess)
        peers_seen[network] = peers_seen.get(network, 0) + 1
        if number >= half:
            outcome.excess.append(excess)
            hits += excess <= 0
            explored += exploring
        router.observe(group, pop, row[pop] + setting.noise * noise_ms(chance), now_s)
        if probe is not None:
            probes += 1
            if probing[group]:
                router.observe(group, probe, row[probe] + setting.noise * noise_ms(chance), now_s)
        if shift is not None:
            shift.apply(number, group, pop, row, outcome)
    outcome.best_share = hits / (setting.requests - half)
    outcome.explored_share = explored / (setting.requests - half)
    outcome.probes_per_request = probes / setting.requests
    return outcome


@dataclass(slots=True)
class RouteChange:
    """At half time a group's path to the POP it uses grows by ``ms``; counts requests until it moves on.

    Only groups for which another POP is then better by half of that are counted.
    """

    ms: float = 40.0
    at: int = 0
    waiting: dict[int, tuple[int, int]] = field(default_factory=dict)
    changed: set[int] = field(default_factory=set)

    def apply(self, number: int, group: int, pop: int, row: list[float], outcome: Outcome) -> None:
        """Change the group's path at its first request after half time; note when it leaves it."""
        if number < self.at:
            return
        if group not in self.changed:
            self.changed.add(group)
            row[pop] += self.ms
            if row[pop] - min(row) > self.ms / 2:
                self.waiting[group] = (pop, 0)
        elif group in self.waiting:
            old, count = self.waiting[group]
            if pop != old:
                outcome.found_after.append(count)
                del self.waiting[group]
            else:
                self.waiting[group] = (old, count + 1)


class RandomPop(Router):
    """Any POP."""

    def __init__(self, setting: Setting) -> None:
        self._chance = Random(setting.seed)
        self._count = len(setting.mesh)

    def choose(self, group: int, now_s: float) -> tuple[int, int | None, bool]:
        """Return a POP at random."""
        return self._chance.randrange(self._count), None, False


class Fixed(Router):
    """One POP per group, for ever."""

    def __init__(self, chosen: Sequence[int]) -> None:
        self._chosen = chosen

    def choose(self, group: int, now_s: float) -> tuple[int, int | None, bool]:
        """Return the group's POP."""
        return self._chosen[group], None, False


def geoip_nearest(setting: Setting) -> Router:
    """Return the policy that goes by the distance of where GeoIP says that the viewer is."""
    return Fixed(
        [_nearest(setting, place.latitude or 0, place.longitude or 0) for place in setting.locations]
    )


def country_centroid(setting: Setting) -> Router:
    """Return the policy that knows the viewer's country only."""
    cities = setting.world.cities
    chosen = []
    for city in setting.groups:
        same = [c for c in cities if c.country == cities[city].country]
        north = sum(c.latitude for c in same) / len(same)
        chosen.append(_nearest(setting, north, sum(c.longitude for c in same) / len(same)))
    return Fixed(chosen)


def oracle(setting: Setting) -> Router:
    """Return the policy that knows every path."""
    return Fixed([row.index(min(row)) for row in setting.rtt_ms])


class Shipping(Router):
    """The router's own Chooser."""

    def __init__(self, setting: Setting, settings: ChoiceSettings) -> None:
        self._setting = setting
        self.chooser = Chooser(setting.mesh, settings=settings, seed=setting.seed)
        self._index = {pop.name: i for i, pop in enumerate(setting.mesh)}
        names = list(self._index)
        cities = setting.pop_cities
        self.chooser.calibrate(
            [
                (names[i], names[j], ms)
                for i, a in enumerate(cities)
                for j, b in enumerate(cities)
                if i < j and (ms := setting.world.rtt_ms[a][b]) is not None
            ]
        )

    def choose(self, group: int, now_s: float) -> tuple[int, int | None, bool]:
        """Ask the chooser."""
        decision = self.chooser.choose(self._setting.addresses[group], self._setting.locations[group], now_s)
        assert decision.pop is not None
        probe = None if decision.probe is None else self._index[decision.probe]
        return self._index[decision.pop], probe, decision.reason.name == "EXPLORED"

    def observe(self, group: int, pop: int, rtt_ms: float, now_s: float) -> None:
        """Tell the chooser."""
        setting = self._setting
        self.chooser.observe(
            setting.addresses[group], setting.locations[group], setting.mesh.pops[pop].name, rtt_ms, now_s
        )


def shipping(*, side_probes: bool) -> Policy:
    """Return the router as it ships, with or without side probes."""
    return lambda setting: Shipping(setting, ChoiceSettings(side_probes=side_probes))


def _nearest(setting: Setting, latitude: float, longitude: float) -> int:
    distances = [distance_km(latitude, longitude, pop.latitude, pop.longitude) for pop in setting.mesh]
    return distances.index(min(distances))


def _placed(world: World, city: int, chance: Random) -> Location:
    """Return where a GeoIP database says that the city's viewers are."""
    place = world.cities[city]
    error_km = _interpolated(chance.random(), _GEO_ERROR_AT, _GEO_ERROR_KM)
    north, east = chance.gauss(0, 1), chance.gauss(0, 1)
    length = (north * north + east * east) ** 0.5 or 1.0
    latitude = max(-89.9, min(89.9, place.latitude + north / length * error_km / 111))
    longitude = (place.longitude + east / length * error_km / 111 + 180) % 360 - 180
    country = place.country if error_km < _GEO_ERROR_KM[3] else "elsewhere"
    return Location(country=country, latitude=latitude, longitude=longitude)


def _interpolated(at: float, xs: Sequence[float], ys: Sequence[float]) -> float:
    """Return the value at ``at``, geometrically between points above 1 ms, linearly below."""
    i = min(bisect(xs, at), len(xs) - 1)
    part = (at - xs[i - 1]) / (xs[i] - xs[i - 1])
    low, high = ys[i - 1], ys[i]
    if low < 1:
        return low + part * (high - low)
    return low * float((high / low) ** part)
