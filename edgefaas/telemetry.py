"""Count and time what a worker does, cheaply: integer adds while serving, arithmetic when somebody asks.

No clock and no sockets. Latencies are kept in a log-linear histogram (as HdrHistogram): 32 steps to the
power of two, so every value is known within 3 %.
"""

from collections import Counter
from collections.abc import Mapping

from edgefaas.cache.cache_status import XCache, x_cache
from edgefaas.contract import LiveFunction
from sandbox.contract import Cancelled, Finished, Outcome

STEPS_LOG2 = 5
WORDS = frozenset(map(x_cache, XCache))
FUNCTIONS_MAX = 4_096  # versions counted one by one; the oldest is forgotten for a newer one
QUANTILES = {"p50": 0.50, "p90": 0.90, "p99": 0.99, "p999": 0.999}


def bucket_of(value: int) -> int:
    """Return the bucket of a value >= 0. Buckets of larger values never have smaller numbers."""
    shift = max(0, value.bit_length() - STEPS_LOG2 - 1)
    return (shift << STEPS_LOG2) + (value >> shift)


def value_of(bucket: int) -> int:
    """Return the smallest value that falls into ``bucket``."""
    shift = max(0, (bucket >> STEPS_LOG2) - 1)
    return (bucket - (shift << STEPS_LOG2)) << shift


class Histogram:
    """Counts of values, by size."""

    __slots__ = ("_counts", "count", "highest", "total")

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self.count = 0
        self.total = 0
        self.highest = 0

    def add(self, value: int) -> None:
        """Count one value (>= 0)."""
        bucket = bucket_of(value)
        self._counts[bucket] = self._counts.get(bucket, 0) + 1
        self.count += 1
        self.total += value
        self.highest = max(self.highest, value)

    def merge(self, counts: Mapping[int, int], *, total: int, highest: int) -> None:
        """Add what another histogram counted."""
        for bucket, count in counts.items():
            self._counts[bucket] = self._counts.get(bucket, 0) + count
            self.count += count
        self.total += total
        self.highest = max(self.highest, highest)

    def since(self, before: Mapping[int, int]) -> dict[int, int]:
        """Return what was counted since ``counts`` was ``before``, by bucket; buckets without news are left out."""
        return {
            bucket: count - before.get(bucket, 0)
            for bucket, count in self._counts.items()
            if count != before.get(bucket, 0)
        }

    @property
    def counts(self) -> dict[int, int]:
        """Return a copy of the counts by bucket."""
        return dict(self._counts)

    def quantile(self, share: float) -> int:
        """Return what ``share`` (0 to 1) of the values stay under, at most 3 % low; 0 when empty."""
        wanted = share * self.count
        seen = 0
        for bucket in sorted(self._counts):
            seen += self._counts[bucket]
            if seen >= wanted:
                return value_of(bucket)
        return 0

    def summary(self) -> dict[str, object]:
        """Return count, total, max, quantiles, and the counts themselves (JSON values, mergeable)."""
        return {
            "count": self.count,
            "total": self.total,
            "max": self.highest,
            **{name: self.quantile(share) for name, share in QUANTILES.items()},
            "buckets": {str(bucket): count for bucket, count in sorted(self._counts.items())},
        }


class FunctionMeter:
    """What one version of a function has done in this worker. ``errors`` are runs without a result of use.

    ``wall_us`` is how long runs took, waiting included; ``cpu_us`` what they used, all together.
    """

    __slots__ = ("cpu_us", "errors", "runs", "wall_us")

    def __init__(self) -> None:
        self.runs = 0
        self.errors = 0
        self.cpu_us = 0
        self.wall_us = Histogram()

    def stats(self) -> dict[str, object]:
        """Return everything as JSON values."""
        return {
            "runs": self.runs,
            "errors": self.errors,
            "cpu_us": self.cpu_us,
            "wall_us": self.wall_us.summary(),
        }


class Meter:
    """What one worker has done since it started. Latencies are microseconds.

    ``words`` counts exchanges by their ``X-Cache`` ("" for any that is not ours), express hits left out;
    ``functions`` is by name and version.
    """

    __slots__ = ("body_bytes", "counts", "express_hits", "functions", "latency_us", "statuses", "words")

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.words: Counter[str] = Counter()
        self.functions: dict[tuple[str, str], FunctionMeter] = {}
        self.statuses: Counter[int] = Counter()
        self.latency_us = Histogram()
        self.body_bytes = 0
        self.express_hits = 0  # counted, not timed: they end inside the wire's callback, in microseconds

    def exchanged(self, status: int, body_bytes: int, took_s: float, word: str = "") -> None:
        """Count one finished exchange; ``word`` is its ``X-Cache``."""
        self.statuses[status] += 1
        self.words[word if word in WORDS else ""] += 1
        self.body_bytes += body_bytes
        self.latency_us.add(int(took_s * 1e6))

    def ran(self, function: LiveFunction, outcome: Outcome) -> None:
        """Count one run of a function. One that its viewer gave up is no error."""
        meter = self._function(function)
        usage = outcome.usage
        meter.runs += 1
        meter.cpu_us += usage.cpu_us
        meter.wall_us.add(usage.wall_us)
        if not isinstance(outcome, (Finished, Cancelled)):
            meter.errors += 1

    def refused(self, function: LiveFunction) -> None:
        """Count the result of a run that was ``ran``: it is none that the trigger may return."""
        self._function(function).errors += 1

    def _function(self, function: LiveFunction) -> FunctionMeter:
        key = function.name, function.version
        meter = self.functions.get(key)
        if meter is None:
            if len(self.functions) >= FUNCTIONS_MAX:
                del self.functions[next(iter(self.functions))]
            meter = self.functions[key] = FunctionMeter()
        return meter

    def stats(self) -> dict[str, object]:
        """Return everything as JSON values."""
        return {
            "requests": self.latency_us.count + self.express_hits,
            "express_hits": self.express_hits,
            "body_bytes": self.body_bytes,
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "counts": dict(self.counts),
            "latency_us": self.latency_us.summary(),
            "functions": [
                {"name": name, "version": version, **meter.stats()}
                for (name, version), meter in self.functions.items()
            ],
        }
