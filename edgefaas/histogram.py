"""Counts of values by size, in log-linear buckets (as HdrHistogram): 32 steps to the power of two.

So every value is known within 3 %, and powers of two are exact bounds. Pure.
"""

from collections.abc import Mapping

STEPS_LOG2 = 5
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
        shift = value.bit_length() - STEPS_LOG2 - 1
        bucket = (shift << STEPS_LOG2) + (value >> shift) if shift > 0 else value  # as bucket_of
        counts = self._counts
        counts[bucket] = counts.get(bucket, 0) + 1
        self.count += 1
        self.total += value
        if value > self.highest:  # noqa: PLR1730  # max() costs three times as much
            self.highest = value

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
