"""What to believe of every path of one group, given the prior and what was measured on some of them.

Pure. The logarithms of the extras over the fibre bound are jointly normal: paths of one viewer to POPs that
lie close together miss their priors together. Conditioning on the measured ones is a Gaussian process
regression with few points. Correlations measured on the WonderNetwork matrix, after the regional correction:
0.84 for POPs within 300 km of each other, 0.64 to 1,000 km, 0.41 to 3,000 km, 0.33 to 8,000 km, 0.14 beyond.
Source: Rasmussen and Williams (2006), chapter 2.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp, sqrt
from operator import itemgetter, mul

from router.distance import fibre_bound_ms
from router.field import Prior, Residuals, Vector, arc_km
from router.path_model import expected_gain_ms, log_extra_of
from router.samples import USUAL_MS, Samples, doubt_gain_ms, hidden_gain_ms, noise_exceeds

POINTS_MAX = 8  # measured paths that inform the others
COMMON = 0.15  # correlation of a viewer's paths to POPs however far apart
CLOSE = 0.75  # what is added for POPs in one place
SCALE_KM = 2_500.0
TAIL = 1.15  # real residuals have longer tails than normal ones
SURPRISE = 0.05  # paths that are as if nothing were known of their region: two networks meet directly
MISPLACED = 0.005  # groups whose address is said to be on the wrong part of the globe
ANYWHERE_LOG_MS = 4.4  # of a round trip to a POP anywhere: median 80 ms
ANYWHERE_DEVIATION = 1.1
WIDE = 0.8  # deviation of those
PEER_DEVIATION = 0.1  # of a path's log extra within one network
LEFT_MIN = 0.05  # of a variance: never quite certain
PHYSICS_SLACK_MS = 1.0
CONTRADICTION = 3.0  # deviations by which even the best path misses
NOISE_KNOWN_AT = 6  # samples, from which the usual excess says something
NOISE_MS = 1.5  # of a floor from one sample


class PopKernel:
    """Correlations between the POPs of a mesh, computed once."""

    __slots__ = ("bounds", "rows")

    def __init__(self, vectors: Sequence[Vector]) -> None:
        self.bounds = [[fibre_bound_ms(arc_km(a, b)) for b in vectors] for a in vectors]
        self.rows = [[COMMON + CLOSE * exp(-arc_km(a, b) / SCALE_KM) for b in vectors] for a in vectors]
        for index, row in enumerate(self.rows):
            row[index] = 1.0  # two POPs in one place differ by what is their own


@dataclass(slots=True)
class Posterior:
    """Per candidate: ``expected`` round trip in ms, and the ``gain`` in ms that one more look promises.

    ``order`` lists candidate positions by expected round trip; ``explore`` is the position with the best
    gain, -1 when none promises any.
    """

    expected: list[float]
    gains: list[float]
    order: list[int]
    explore: int


@dataclass(frozen=True, slots=True)
class Point:
    """A path that is known: the candidate's position, its log extra, and how uncertain that is."""

    at: int
    log_extra: float
    deviation: float


def conditioned(prior: Prior, points: Sequence[Point], kernel: PopKernel) -> tuple[list[float], list[float]]:
    """Return means and deviations of all candidates' log extras, given some of them."""
    means, deviations = list(prior.means), list(prior.deviations)
    if not points:
        return means, deviations
    pops = [prior.candidates[point.at] for point in points]
    rows = kernel.rows
    matrix: list[list[float]] = []
    misses: list[float] = []
    for i, point in enumerate(points):
        scale = deviations[point.at]
        misses.append((point.log_extra - means[point.at]) / scale)
        row = rows[pops[i]]
        line = [row[other] for other in pops]
        line[i] = 1.02 + (point.deviation / scale) ** 2
        matrix.append(line)
    lower = _cholesky(matrix)
    weights = _solve(lower, misses)
    for at, pop in enumerate(prior.candidates):
        row = rows[pop]
        covariances = [row[other] for other in pops]
        shift = sum(map(mul, covariances, weights))
        left = 1.0
        for h in _forward(lower, covariances):
            left -= h * h
        means[at] += deviations[at] * shift
        deviations[at] *= sqrt(left if left > LEFT_MIN else LEFT_MIN)
    return means, deviations


def with_peers(prior: Prior, peers: Residuals, kernel: PopKernel) -> Prior:
    """Return the prior of a group of a network whose other groups' paths are known."""
    points = [
        Point(at, prior.bases[at] + peers.means[pop], PEER_DEVIATION)
        for at, pop in enumerate(prior.candidates)
        if pop in peers.counts
    ]
    points.sort(key=lambda point: prior.bounds[point.at] + exp(point.log_extra))
    means, deviations = conditioned(prior, points[:POINTS_MAX], kernel)
    return replace(prior, means=means, deviations=[max(PEER_DEVIATION, d) for d in deviations])


def measured_points(prior: Prior, samples: Mapping[int, Samples]) -> list[Point]:
    """Return what a group's own samples say, the least round trips first."""
    points = []
    for at, pop in enumerate(prior.candidates):
        found = samples.get(pop)
        if found is not None:
            log_extra = log_extra_of(found.floor_ms, prior.bounds[at])
            noise = NOISE_MS / sqrt(found.count) / max(1.0, exp(log_extra))
            points.append((found.floor_ms, Point(at, log_extra, noise)))
    points.sort(key=itemgetter(0))
    return [point for _, point in points[:POINTS_MAX]]


def posterior(prior: Prior, samples: Mapping[int, Samples], kernel: PopKernel, chosen: int = -1) -> Posterior:
    """Return what to expect of each candidate and where to look next.

    ``chosen`` is the POP in use, if any.
    """
    if not samples:
        return _unmeasured(prior)
    means, deviations = conditioned(prior, measured_points(prior, samples), kernel)
    expected: list[float] = []
    best = float("inf")
    for at, pop in enumerate(prior.candidates):
        found = samples.get(pop)
        if found is None:
            value = prior.bounds[at] + exp(means[at] + deviations[at] * deviations[at] / 2)
        else:
            value = found.floor_ms
            best = min(best, value)
        expected.append(value)
    order = sorted(range(len(expected)), key=expected.__getitem__)
    if best == float("inf"):
        best = expected[order[0]]
    noisiness = _noisiness(samples)
    gains: list[float] = []
    explore, most = -1, 0.0
    for at, pop in enumerate(prior.candidates):
        found = samples.get(pop)
        if found is None:
            mean, deviation = means[at], deviations[at] * TAIL
        else:  # what it promised before; the samples are weighed below
            mean, deviation = prior.means[at], prior.deviations[at] * TAIL
        room_ms = best - prior.bounds[at]
        gain = (1 - SURPRISE) * expected_gain_ms(room_ms, mean, deviation)
        gain += SURPRISE * expected_gain_ms(room_ms, prior.bases[at], WIDE)
        gain += MISPLACED * _anywhere_gain_ms(pop, best, samples, kernel)
        if found is not None:
            gain = _gain_again(found, best, gain, noisiness)
        gains.append(gain)
        if gain > most and pop != chosen:
            explore, most = at, gain
    return Posterior(expected, gains, order, explore)


def contradicted(prior: Prior, samples: Mapping[int, Samples]) -> bool:
    """Say whether what was measured cannot be if the viewer is where its address is said to be.

    Either a round trip is shorter than light in fibre allows, or all are far longer than expected.
    """
    least = float("inf")
    for at, pop in enumerate(prior.candidates):
        found = samples.get(pop)
        if found is None:
            continue
        if found.floor_ms < prior.bounds[at] - PHYSICS_SLACK_MS:
            return True
        miss = log_extra_of(found.floor_ms, prior.bounds[at]) - prior.means[at]
        if found.count >= 2:  # noqa: PLR2004  one sample may be noise
            least = min(least, miss / max(prior.deviations[at], 0.4))
    return CONTRADICTION < least < float("inf")


def _unmeasured(prior: Prior) -> Posterior:
    """Return the picture before any measurement: cheap, since most prefixes never come back."""
    expected = [
        bound + exp(mean + deviation * deviation / 2)
        for bound, mean, deviation in zip(prior.bounds, prior.means, prior.deviations, strict=True)
    ]
    order = sorted(range(len(expected)), key=expected.__getitem__)
    return Posterior(expected, [], order, order[1] if len(order) > 1 else -1)


def _anywhere_gain_ms(pop: int, best_ms: float, samples: Mapping[int, Samples], kernel: PopKernel) -> float:
    """Return what this POP promises if the viewer is not where its address is said to be.

    What remains is physics: a viewer that is 10 ms from one POP cannot be less than 90 from one 100 ms away.
    """
    bounds = kernel.bounds[pop]
    bound_ms = 0.0
    for other, found in samples.items():
        least = bounds[other] - found.floor_ms
        bound_ms = max(bound_ms, least)
    return expected_gain_ms(best_ms - bound_ms, ANYWHERE_LOG_MS, ANYWHERE_DEVIATION)


def _noisiness(samples: Mapping[int, Samples]) -> float:
    """Return how many times noisier this group's access is than a usual home's: 1 or more."""
    usual = [found.usual_ms for found in samples.values() if found.count >= NOISE_KNOWN_AT]
    return max(1.0, max(usual) / USUAL_MS) if usual else 1.0


def _gain_again(found: Samples, best_ms: float, gain_ms: float, noisiness: float) -> float:
    """Return what measuring again may win: the path is better, and every sample so far was noise.

    ``gain_ms`` is what the path promised before it was measured. A sample that is the best itself promises
    nothing.
    """
    over_ms = found.floor_ms - best_ms
    if over_ms <= 0:
        return 0.0
    doubt_ms = 0.0 if found.former_ms is None else doubt_gain_ms(found.former_ms, best_ms, found.count)
    over_ms /= noisiness  # the table is of a usual home
    hidden_ms = noisiness * hidden_gain_ms(over_ms, found.count)
    return doubt_ms + min(gain_ms * noise_exceeds(over_ms) ** found.count, hidden_ms)


def _cholesky(matrix: list[list[float]]) -> list[list[float]]:
    """Return the lower triangle whose product with its transpose is the matrix."""
    lower: list[list[float]] = []
    for i, line in enumerate(matrix):
        row: list[float] = []
        for j in range(i + 1):
            left = lower[j] if j < i else row
            total = line[j] - sum(row[k] * left[k] for k in range(j))
            row.append(sqrt(total) if i == j else total / lower[j][j])
        lower.append(row)
    return lower


def _forward(lower: list[list[float]], vector: list[float]) -> list[float]:
    """Return the solution of lower * x = vector."""
    solved: list[float] = []
    for row, value in zip(lower, vector, strict=True):
        total = value
        for k, known in enumerate(solved):
            total -= row[k] * known
        solved.append(total / row[len(solved)])
    return solved


def _solve(lower: list[list[float]], vector: list[float]) -> list[float]:
    """Return the solution of (lower * lower^T) * x = vector."""
    half = _forward(lower, vector)
    size = len(half)
    solved = [0.0] * size
    for i in range(size - 1, -1, -1):
        total = half[i] - sum(lower[k][i] * solved[k] for k in range(i + 1, size))
        solved[i] = total / lower[i][i]
    return solved
