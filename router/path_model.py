"""How long a path is likely to take, given only how far it reaches: the prior of everything measured later.

Pure. A round trip is the fibre bound plus an extra for detours, queues and the last mile. The extra is
lognormal; its median grows as a power of the distance. Fitted on the mesh's own probes, which every POP has
for nothing. On the WonderNetwork matrix of 2020 (246 cities, 59,740 paths): median extra 4.4 ms * ((km + 30)
/ 100) ** 0.64, deviation of its logarithm 0.62.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import erf, exp, log, pi, sqrt

from router.distance import fibre_bound_ms

NEAR_KM = 30.0  # two places in one city are not at distance zero
EXTRA_MS_MIN = 0.3  # below it, differences are noise
_SQRT_2 = sqrt(2)
_SQRT_TAU = sqrt(2 * pi)
_DEFAULT_WEIGHT = 12.0  # paths: how many measured ones the default counts for


@dataclass(frozen=True, slots=True)
class PathModel:
    """``log(extra ms)`` is normal around ``intercept + slope * log((km + 30) / 100)``."""

    intercept: float = 1.477
    slope: float = 0.642
    deviation: float = 0.62

    def log_extra(self, km: float) -> float:
        """Return the expected logarithm of the extra over the fibre bound, in milliseconds."""
        return self.intercept + self.slope * log((km + NEAR_KM) / 100)

    def expected_ms(self, km: float, residual: float = 0.0) -> float:
        """Return the median round trip over that distance, of paths that miss the model by ``residual``."""
        return fibre_bound_ms(km) + exp(self.log_extra(km) + residual)


def fit_paths(paths: Sequence[tuple[float, float]]) -> PathModel:
    """Return the model that fits measured paths, given as (km, round trip in ms).

    A ridge towards the default, worth a dozen paths, keeps six POPs from drawing a line through noise.
    """
    default = PathModel()
    points = [(log((km + NEAR_KM) / 100), log_extra_of(ms, fibre_bound_ms(km))) for km, ms in paths]
    weight = _DEFAULT_WEIGHT
    at = [(-0.5, weight / 4), (1.5, weight / 4), (3.0, weight / 4), (4.5, weight / 4)]
    points_weighted = [(x, y, 1.0) for x, y in points]
    points_weighted += [(x, default.intercept + default.slope * x, w) for x, w in at]
    total = sum(w for _, _, w in points_weighted)
    mean_x = sum(x * w for x, _, w in points_weighted) / total
    mean_y = sum(y * w for _, y, w in points_weighted) / total
    spread = sum(w * (x - mean_x) ** 2 for x, _, w in points_weighted)
    slope = sum(w * (x - mean_x) * (y - mean_y) for x, y, w in points_weighted) / spread
    slope = min(1.2, max(0.2, slope))
    intercept = mean_y - slope * mean_x
    squares = sum((y - intercept - slope * x) ** 2 for x, y in points)
    variance = (squares + weight * default.deviation**2) / (len(points) + weight)
    return PathModel(intercept, slope, sqrt(variance))


def log_extra_of(rtt_ms: float, bound_ms: float) -> float:
    """Return the logarithm of what a measured round trip has over the fibre bound."""
    extra_ms = rtt_ms - bound_ms
    return log(extra_ms if extra_ms > EXTRA_MS_MIN else EXTRA_MS_MIN)


def expected_gain_ms(room_ms: float, mean: float, deviation: float) -> float:
    """Return E[max(0, room - extra)] for a lognormal extra: what a look at this path is expected to win.

    ``room_ms`` is the best known round trip less this path's fibre bound; ``mean`` and ``deviation`` are of
    the extra's logarithm. The formula is that of a European put option's value without interest (Black,
    Scholes 1973); as a criterion for where to measure next, expected improvement (Mockus 1975, Jones et al.
    1998).
    """
    if room_ms <= EXTRA_MS_MIN:
        return 0.0
    z = (log(room_ms) - mean) / deviation
    if z < -4:  # noqa: PLR2004  deviations; less than 1e-5 of the room
        return 0.0
    below = 0.5 * (1 + erf(z / _SQRT_2))
    if z > 6:  # noqa: PLR2004  deviations; the path is surely better
        return room_ms - exp(mean + deviation * deviation / 2)
    gain = room_ms * below - exp(mean + deviation * deviation / 2) * 0.5 * (
        1 + erf((z - deviation) / _SQRT_2)
    )
    return gain if gain > 0 else 0.0
