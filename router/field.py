"""What viewers of a region have shown about its paths: a map of how far they miss the path model.

Pure. The map is kept per zone of 4 degrees and per POP, as means of residuals (log extra measured, less log
extra expected). A viewer's prior is drawn from the zones around, weighted by distance, and from the peers of
its own network (AS number and country), which count more. POPs are viewers too: they know their round trips
to each other. Measured on the WonderNetwork matrix: of the residual's deviation of 0.62, 0.33 remain beside
well-measured places. Source of the weighting: Nadaraya (1964) and Watson (1964), shrunk towards no
correction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import acos, asin, atan2, cos, degrees, exp, floor, log, radians, sin, sqrt

from router.distance import EARTH_RADIUS_KM, FIBRE_KM_PER_MS, fibre_bound_ms
from router.mesh import Mesh
from router.path_model import NEAR_KM, PathModel, log_extra_of

ZONE_DEGREES = 4
REACH_KM = 2_400.0  # sources farther than this say nothing
SCALE_KM = 800.0  # at this distance a source counts 1/e
SHRINK = 0.3  # sources' worth of no correction
DEVIATION_NEAR = 0.33  # what is left of the deviation where many sources speak
CANDIDATES_MAX = 24  # POPs considered for one viewer
MEAN_OVER_MAX = 40  # groups; a mean follows the recent ones
PEER_GROUPS_MAX = 65_536  # in each of two generations

Vector = tuple[float, float, float]


def unit_vector(latitude: float, longitude: float) -> Vector:
    """Return the point of the unit sphere at these degrees."""
    phi, lam = radians(latitude), radians(longitude)
    return cos(phi) * cos(lam), cos(phi) * sin(lam), sin(phi)


def arc_km(a: Vector, b: Vector) -> float:
    """Return the great-circle distance of two points of the unit sphere."""
    dot = a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
    return EARTH_RADIUS_KM * acos(1.0 if dot > 1 else -1.0 if dot < -1 else dot)


class Residuals:
    """Means of residuals by POP, and over how many groups of viewers."""

    __slots__ = ("counts", "means")

    def __init__(self) -> None:
        self.means: dict[int, float] = {}
        self.counts: dict[int, int] = {}

    def credit(self, pop: int, residual: float, before: float | None) -> None:
        """Take one group's residual; ``before`` is what the group had told earlier, None the first time."""
        count = self.counts.get(pop, 0)
        mean = self.means.get(pop, 0.0)
        if before is None or count == 0:
            count += 1
            self.counts[pop] = count
            self.means[pop] = mean + (residual - mean) / min(count, MEAN_OVER_MAX)
        else:
            self.means[pop] = mean + (residual - before) / min(count, MEAN_OVER_MAX)


class Zone:
    """One patch of the globe: where its sources are, what they said, and the prior drawn from all around."""

    __slots__ = ("candidates", "center", "corrections", "deviations", "residuals", "seen_change", "vectors")

    def __init__(self, center: Vector) -> None:
        self.center = center
        self.residuals = Residuals()
        self.candidates: tuple[int, ...] = ()
        self.corrections: list[float] = []  # by candidate
        self.deviations: list[float] = []
        self.vectors: list[Vector] = []
        self.seen_change = -1


@dataclass(slots=True)
class Prior:
    """What is believed of the paths of one group before measuring: per candidate POP.

    ``bounds`` are fibre bounds in ms, ``means`` and ``deviations`` those of the extra's logarithm; ``bases``
    are the path model's means without corrections.
    """

    candidates: Sequence[int]
    bounds: list[float]
    bases: list[float]
    means: list[float]
    deviations: list[float]


class Field:
    """The map of residuals over zones and networks."""

    def __init__(self, mesh: Mesh, model: PathModel) -> None:
        self.model = model
        self.vectors = [unit_vector(pop.latitude, pop.longitude) for pop in mesh]
        self._zones: dict[tuple[int, int], Zone] = {}
        self._peers: dict[str, Residuals] = {}
        self._old_peers: dict[str, Residuals] = {}
        self._pops_told: dict[tuple[int, int], float] = {}
        self.change = 0  # counts what was learnt, so that priors know when they are old

    def __len__(self) -> int:
        return len(self._zones)

    def zone(self, latitude: float, longitude: float) -> Zone:
        """Return the zone that holds a point, its prior at most a few changes old."""
        key = _zone_key(latitude, longitude)
        zone = self._zones.get(key)
        if zone is None:
            center = unit_vector(
                min(90.0, (key[0] + 0.5) * ZONE_DEGREES), (key[1] + 0.5) * _width_degrees(key[0])
            )
            zone = self._zones[key] = Zone(center)
        if zone.seen_change < 0 or self.change - zone.seen_change > self.change // 64:
            self._refresh(key, zone)
        return zone

    def peers(self, network: str) -> Residuals | None:
        """Return what is known of a network's paths, None when nothing is."""
        found = self._peers.get(network)
        if found is None:
            found = self._old_peers.get(network)
            if found is not None:
                self._keep(network, found)
        return found

    def prior(self, point: Vector, zone: Zone) -> Prior:
        """Return what to believe of a viewer at this point, by what its region has shown."""
        x, y, z = point
        dots = [x * a + y * b + z * c for a, b, c in zone.vectors]
        kms = [EARTH_RADIUS_KM * acos(1.0 if dot > 1 else -1.0 if dot < -1 else dot) for dot in dots]
        intercept, slope = self.model.intercept, self.model.slope
        bases = [intercept + slope * log(km * 0.01 + NEAR_KM * 0.01) for km in kms]
        return Prior(
            candidates=zone.candidates,
            bounds=[km / FIBRE_KM_PER_MS for km in kms],
            bases=bases,
            means=[base + correction for base, correction in zip(bases, zone.corrections, strict=True)],
            deviations=zone.deviations,
        )

    def credit(
        self, zone: Zone | None, network: str, pop: int, residual: float, before: float | None
    ) -> None:
        """Tell the map what a group's path to a POP was like: its residual against the path model."""
        if zone is not None:
            zone.residuals.credit(pop, residual, before)
        if network:
            peers = self.peers(network)
            if peers is None:
                peers = Residuals()
                self._keep(network, peers)
            peers.credit(pop, residual, before)
        self.change += 1

    def credit_pops(self, one: int, other: int, rtt_ms: float) -> None:
        """Tell the map the round trip between two POPs, each a viewer beside the other."""
        pair = (min(one, other), max(one, other))
        km = arc_km(self.vectors[one], self.vectors[other])
        residual = log_extra_of(rtt_ms, fibre_bound_ms(km)) - self.model.log_extra(km)
        before = self._pops_told.get(pair)
        if before is not None and abs(residual - before) < 0.05:  # noqa: PLR2004  5 % of the extra is no news
            return
        self._pops_told[pair] = residual
        for viewer, pop in (pair, pair[::-1]):
            self.credit(self.zone(*_degrees(self.vectors[viewer])), "", pop, residual, before)

    def between_pops_ms(self, one: int, other: int) -> float:
        """Return the round trip between two POPs: as they told it, else as the path model expects it."""
        km = arc_km(self.vectors[one], self.vectors[other])
        told = self._pops_told.get((min(one, other), max(one, other)))
        return self.model.expected_ms(km) if told is None else self.model.expected_ms(km, told)

    def _keep(self, network: str, residuals: Residuals) -> None:
        if len(self._peers) >= PEER_GROUPS_MAX:
            self._old_peers, self._peers = self._peers, {}
        self._peers[network] = residuals

    def _refresh(self, key: tuple[int, int], zone: Zone) -> None:
        """Draw the zone's prior from the zones around it."""
        if not zone.candidates:
            x, y, z = zone.center
            dots = [-(x * a + y * b + z * c) for a, b, c in self.vectors]
            order = sorted(range(len(dots)), key=dots.__getitem__)
            zone.candidates = tuple(order[:CANDIDATES_MAX])
            zone.vectors = [self.vectors[pop] for pop in zone.candidates]
        sources = [(1.0, zone.residuals)]
        for other in self._around(key):
            km = arc_km(zone.center, other.center)
            if km < REACH_KM and other.residuals.counts:
                sources.append((exp(-km / SCALE_KM), other.residuals))
        corrections, deviations = [], []
        wide, narrow = self.model.deviation**2, DEVIATION_NEAR**2
        for pop in zone.candidates:
            total = weights = 0.0
            for weight, residuals in sources:
                count = residuals.counts.get(pop)
                if count:
                    weight *= min(count, 10)
                    total += weight * residuals.means[pop]
                    weights += weight
            corrections.append(total / (weights + SHRINK))
            deviations.append(sqrt(narrow + max(0.0, wide - narrow) / (1 + weights)))
        zone.corrections, zone.deviations = corrections, deviations
        zone.seen_change = self.change

    def _around(self, key: tuple[int, int]) -> list[Zone]:
        """Return the known zones within reach, without the zone itself."""
        rows = int(REACH_KM / (ZONE_DEGREES * 111)) + 1
        found = []
        for row in range(key[0] - rows, key[0] + rows + 1):
            width = _width_degrees(row)
            count = round(360 / width)
            column = floor((key[1] + 0.5) * _width_degrees(key[0]) / width)
            reach = min(count // 2, rows)
            for step in range(-reach, reach + 1):
                wrapped = (column + step + count // 2) % count - count // 2
                zone = self._zones.get((row, wrapped))
                if zone is not None and (row, wrapped) != key:
                    found.append(zone)
        return found


def _zone_key(latitude: float, longitude: float) -> tuple[int, int]:
    row = min(floor(latitude / ZONE_DEGREES), 90 // ZONE_DEGREES)
    count = round(360 / _width_degrees(row))
    column = (floor(longitude / _width_degrees(row)) + count // 2) % count - count // 2
    return row, column


def _width_degrees(row: int) -> float:
    """Return how many degrees of longitude a zone of this row spans: about as long as it is high."""
    middle = min(88.0, abs((row + 0.5) * ZONE_DEGREES))
    count = max(2, round(360 / ZONE_DEGREES * cos(radians(middle)) / 2) * 2)
    return 360 / count


def _degrees(vector: Vector) -> tuple[float, float]:
    x, y, z = vector
    return degrees(asin(max(-1.0, min(1.0, z)))), degrees(atan2(y, x))
