"""Condense the runs of a comparison: medians, spread, ratios of paired runs. Pure.

The runs of all columns alternate, so the n-th run of each saw nearly the same machine. A ratio is
therefore taken pair by pair and its median reported: what disturbs both of a pair cancels.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

POINTS = (0, 1, 5, 10, 25, 50, 75, 90, 95, 97.5, 99, 99.5, 99.75, 99.9, 99.95, 99.99, 100)
"""Percentiles that results keep of the whole histogram."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The same quantity over several runs; ``median`` of them, ``low`` and ``high`` the extremes."""

    median: float
    low: float
    high: float
    runs: tuple[float, ...]

    @property
    def spread(self) -> float:
        """Return (high - low) / median; 0 for a single run or a median of 0."""
        return (self.high - self.low) / self.median if self.median else 0.0

    def as_json(self) -> dict[str, object]:
        """Return the sample as JSON values; figures keep six significant digits."""
        return {
            "median": significant(self.median),
            "low": significant(self.low),
            "high": significant(self.high),
            "spread": significant(self.spread, 3),
            "runs": [significant(run) for run in self.runs],
        }


def significant(value: float, digits: int = 6) -> float:
    """Return the value with so many significant digits."""
    return float(f"{value:.{digits}g}")


def sample(runs: Sequence[float]) -> Sample:
    """Condense at least one run."""
    return Sample(median=statistics.median(runs), low=min(runs), high=max(runs), runs=tuple(runs))


def paired_ratio(ours: Sequence[float], theirs: Sequence[float]) -> Sample | None:
    """Return ours / theirs run by run, condensed; None when there is no pair with a divisor."""
    ratios = [mine / other for mine, other in zip(ours, theirs, strict=False) if other]
    return sample(ratios) if ratios else None


def merged(histograms: Sequence[Sequence[tuple[float, int]]]) -> list[tuple[float, int]]:
    """Add histograms with the same bucket bounds; ascending by bound."""
    total: dict[float, int] = {}
    for histogram in histograms:
        for top, count in histogram:
            total[top] = total.get(top, 0) + count
    return sorted(total.items())


def percentiles(
    histogram: Sequence[tuple[float, int]], points: Sequence[float] = POINTS
) -> list[tuple[float, float]]:
    """Return (percentile, value) for each of the ascending points; empty for an empty histogram.

    The value is the upper bound of the bucket where that share of the counts is reached, the definition that
    HdrHistogram uses.
    """
    count_total = sum(count for _, count in histogram)
    found: list[tuple[float, float]] = []
    seen, position = 0, -1
    for point in points:
        wanted = max(1.0, point / 100 * count_total - 1e-9)
        while seen < wanted and position + 1 < len(histogram):
            position += 1
            seen += histogram[position][1]
        if position >= 0:
            found.append((point, histogram[position][0]))
    return found


def hgrm(histogram: Sequence[tuple[float, int]]) -> str:
    """Return the histogram as HdrHistogram's percentile text (``.hgrm``), values in microseconds."""
    total = sum(count for _, count in histogram)
    lines = ["       Value     Percentile TotalCount 1/(1-Percentile)", ""]
    seen = 0
    for top, count in histogram:
        seen += count
        share = seen / total
        inverse = f"{1 / (1 - share):14.2f}" if share < 1 else "           inf"
        lines.append(f"{top:12.3f} {share:2.12f} {seen:10d} {inverse}")
    mean = sum(top * count for top, count in histogram) / total if total else 0.0
    largest = histogram[-1][0] if histogram else 0.0
    lines.append(f"#[Mean    = {mean:12.3f}, Total count = {total}]")
    lines.append(f"#[Max     = {largest:12.3f}]")
    return "\n".join(lines) + "\n"
