"""What the whole POP does just now: the workers' news of the last seconds, added up. Pure; instants are arguments.

``Sums`` adds what workers tell (``deltas``) in one second; ``LiveWindow`` keeps ten of them for rates and quantiles,
and of each of the last five minutes' seconds a point for the curves.
"""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edgefaas.cache.cache_status import XCache, x_cache
from edgefaas.figures import Figures, FunctionFigures
from edgefaas.histogram import Histogram
from edgefaas.telemetry import FUNCTIONS_MAX, WORDS

WINDOW_TICKS = 10
HISTORY_TICKS = 300
BUCKET_MAX = 2_048  # of 64-bit values, see telemetry.bucket_of
COUNT_MAX = 1 << 53
TEXT_MAX = 200
CURVES = ("at_s", "requests_per_s", "errors_per_s", "hit_ratio", "p50_ms", "p99_ms")
SERVER_ERROR = 500  # RFC 9110, 15.6

HIT = x_cache(XCache.HIT)
_CACHEABLE = frozenset(map(x_cache, (XCache.HIT, XCache.REFRESH_HIT, XCache.MISS)))
ANSWERS: Mapping[str, str] = {
    HIT: "hit",
    x_cache(XCache.REFRESH_HIT): "refreshed",
    x_cache(XCache.MISS): "miss",
    x_cache(XCache.FUNCTION_GENERATED): "function",
    x_cache(XCache.LAMBDA_GENERATED): "function",
}  # every other word is "other"
ANSWER_KINDS = ("hit", "refreshed", "miss", "function", "other")


class FunctionSums:
    """Runs of one version of a function."""

    __slots__ = ("cpu_us", "errors", "runs", "wall_us")

    def __init__(self) -> None:
        self.runs = self.errors = self.cpu_us = 0
        self.wall_us = Histogram()

    def add(self, runs: int, errors: int, cpu_us: int, wall_us: Mapping[int, int]) -> None:
        """Add what was counted elsewhere."""
        self.runs += runs
        self.errors += errors
        self.cpu_us += cpu_us
        self.wall_us.merge(wall_us, total=0, highest=0)


@dataclass(slots=True)
class Sums:
    """What happened, from however many workers. ``cpu_us`` is all that their processes used."""

    body_bytes: int = 0
    cpu_us: int = 0
    words: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    express_hits: int = 0
    latency_us: Histogram = field(default_factory=Histogram)
    functions: dict[tuple[str, str], FunctionSums] = field(default_factory=dict)

    def take(self, news: object) -> bool:
        """Add one worker's news; False, and nothing is added, when they are not what a worker of ours says."""
        try:
            told = _read(news)
        except (AttributeError, KeyError, TypeError, ValueError):
            return False
        self.add(told)
        return True

    def add(self, other: "Sums") -> None:
        """Add what happened elsewhere or before."""
        self.body_bytes += other.body_bytes
        self.cpu_us += other.cpu_us
        self.words.update(other.words)
        self.statuses.update(other.statuses)
        self.express_hits += other.express_hits
        self.latency_us.merge(other.latency_us.counts, total=0, highest=0)
        for key, told in other.functions.items():
            known = self.functions.get(key)
            if known is None:
                known = self.functions[key] = FunctionSums()
            known.add(told.runs, told.errors, told.cpu_us, told.wall_us.counts)

    @property
    def requests(self) -> int:
        """Return how many requests were answered."""
        return self.statuses.total() + self.express_hits

    @property
    def server_errors(self) -> int:
        """Return how many of the answers were 500 and above."""
        return sum(count for status, count in self.statuses.items() if status >= SERVER_ERROR)

    @property
    def hit_ratio(self) -> float | None:
        """Return hits among the answers that the cache could have given; None when there was none."""
        looked = sum(self.words[word] for word in _CACHEABLE)
        return self.words[HIT] / looked if looked else None

    def figures(self, over_s: float) -> Figures:
        """Return what this comes to per second, when it happened within ``over_s`` seconds (> 0)."""
        functions = [
            FunctionFigures(
                name=name,
                version=version,
                runs_per_s=sums.runs / over_s,
                errors_per_s=sums.errors / over_s,
                cpu_ms_per_s=sums.cpu_us / 1000 / over_s,
                p50_ms=_ms(sums.wall_us, 0.50),
                p99_ms=_ms(sums.wall_us, 0.99),
            )
            for (name, version), sums in sorted(self.functions.items())
        ]
        return Figures(
            requests_per_s=self.requests / over_s,
            errors_per_s=self.server_errors / over_s,
            bytes_per_s=self.body_bytes / over_s,
            hit_ratio=self.hit_ratio,
            p50_ms=_ms(self.latency_us, 0.50),
            p99_ms=_ms(self.latency_us, 0.99),
            functions=tuple(functions),
        )

    def answers(self, over_s: float) -> dict[str, float]:
        """Return answers per second by where they came from."""
        counts = dict.fromkeys(ANSWER_KINDS, 0)
        for word, count in self.words.items():
            counts[ANSWERS.get(word, "other")] += count
        return {kind: count / over_s for kind, count in counts.items()}


@dataclass(frozen=True, slots=True)
class Tick:
    """One step: what happened in ``over_s`` seconds until ``at_s`` (Unix time)."""

    at_s: float
    over_s: float
    sums: Sums


class LiveWindow:
    """The last seconds, added up, and a curve of the last minutes."""

    def __init__(self, *, ticks: int = WINDOW_TICKS, history: int = HISTORY_TICKS) -> None:
        self._ticks: deque[Tick] = deque(maxlen=ticks)
        self._points: deque[tuple[float | None, ...]] = deque(maxlen=history)
        self._totals: dict[tuple[str, str], tuple[int, int]] = {}

    def tick(self, sums: Sums, *, over_s: float, at_s: float) -> None:
        """End one step of ``over_s`` seconds (> 0) at ``at_s`` (Unix time)."""
        self._ticks.append(Tick(at_s, over_s, sums))
        figures = sums.figures(over_s)
        self._points.append(
            (
                at_s,
                figures.requests_per_s,
                figures.errors_per_s,
                figures.hit_ratio,
                figures.p50_ms,
                figures.p99_ms,
            )
        )
        for key, told in sums.functions.items():
            runs, errors = self._totals.pop(key, (0, 0))
            if len(self._totals) >= FUNCTIONS_MAX:
                del self._totals[next(iter(self._totals))]  # the one that has not run for longest
            self._totals[key] = (runs + told.runs, errors + told.errors)

    def now(self) -> tuple[float, Sums]:
        """Return how many seconds the window covers (0: it has just begun), and what happened in them."""
        sums = Sums()
        for tick in self._ticks:
            sums.add(tick.sums)
        return sum(tick.over_s for tick in self._ticks), sums

    def figures(self) -> Figures:
        """Return how the POP does just now."""
        over_s, sums = self.now()
        return sums.figures(over_s) if over_s else Figures()

    @property
    def totals(self) -> dict[tuple[str, str], tuple[int, int]]:
        """Return runs and errors of each version since the POP started; the least recently run are forgotten."""
        return dict(self._totals)

    def last(self) -> dict[str, float | None] | None:
        """Return the newest point of every curve; None before the first."""
        return _point(self._points[-1]) if self._points else None

    def history(self) -> dict[str, list[float | None]]:
        """Return one list per curve, the oldest point first; None where there was nothing to measure."""
        points = [_point(point) for point in self._points]
        return {name: [point[name] for point in points] for name in CURVES}


def _read(news: Any) -> Sums:
    """Return what a worker told. Raises AttributeError, KeyError, TypeError or ValueError."""
    sums = Sums(
        body_bytes=_count(news["body_bytes"]),
        express_hits=_count(news["express_hits"]),
        cpu_us=_count(news["cpu_us"]),
    )
    for word, count in news["words"].items():
        sums.words[word if word in WORDS else ""] += _count(count)
    for status, count in news["statuses"].items():
        sums.statuses[_count(status, 999)] += _count(count)
    sums.latency_us.merge(_buckets(news["latency_us"]), total=0, highest=0)
    if sums.express_hits:
        sums.words[HIT] += sums.express_hits
        sums.latency_us.merge({0: sums.express_hits}, total=0, highest=0)
    rows = news["functions"]
    if not isinstance(rows, list) or len(rows) > FUNCTIONS_MAX:
        raise ValueError("not a list of functions")
    for name, version, runs, errors, cpu_us, wall_us in rows:
        function = FunctionSums()
        function.add(_count(runs), _count(errors), _count(cpu_us), _buckets(wall_us))
        sums.functions[_text(name), _text(version)] = function
    return sums


def _count(value: object, high: int = COUNT_MAX) -> int:
    if type(value) is not int or not 0 <= value <= high:
        raise ValueError("not a count")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > TEXT_MAX:
        raise ValueError("not a name")
    return value


def _buckets(flat: Any) -> dict[int, int]:
    if not isinstance(flat, list) or len(flat) % 2 or len(flat) > 2 * BUCKET_MAX:
        raise ValueError("not pairs of bucket and count")
    pairs = zip(flat[::2], flat[1::2], strict=True)
    return {_count(bucket, BUCKET_MAX - 1): _count(count) for bucket, count in pairs}


def _ms(histogram: Histogram, share: float) -> float | None:
    return histogram.quantile(share) / 1000 if histogram.count else None


def _point(values: tuple[float | None, ...]) -> dict[str, float | None]:
    return {
        name: None if value is None else round(value, 4) for name, value in zip(CURVES, values, strict=True)
    }
