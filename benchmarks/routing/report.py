"""Turn outcomes into rows of a table, and measure what a decision costs."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from random import Random
from statistics import median

from benchmarks.routing.trace import ORDINALS, Outcome
from router import Chooser, Location, Mesh, Pop

NEAR_MS = 5.0


@dataclass(frozen=True, slots=True)
class Row:
    """One policy with one number of POPs. Excess over the best POP in ms, second half of the requests."""

    pops: int
    policy: str
    mean: float
    p50: float
    p95: float
    p99: float
    within_5_ms: float
    best_pop: float
    probes_per_request: float
    explored: float
    by_request: dict[int, float]
    cpu_s: float

    @staticmethod
    def heading() -> str:
        """Return the table's head."""
        return (
            f"{'POPs':>4} {'policy':22} {'mean':>6} {'p50':>5} {'p95':>6} {'p99':>6} {'<=5ms':>6} "
            f"{'best':>6} "
            f"{'probes':>6} {'explored':>8}  mean excess at a group's request {', '.join(map(str, ORDINALS))}"
        )

    def as_text(self) -> str:
        """Return the row."""
        by_request = " ".join(f"{value:.1f}" for value in self.by_request.values())
        return (
            f"{self.pops:>4} {self.policy:22} {self.mean:6.2f} {self.p50:5.1f} {self.p95:6.1f} "
            f"{self.p99:6.1f} {self.within_5_ms:6.1%} {self.best_pop:6.1%} {self.probes_per_request:6.3f} "
            f"{self.explored:8.2%}  "
            f"{by_request}"
        )

    def as_json(self) -> dict[str, object]:
        """Return plain JSON values."""
        return asdict(self)


def row_of(pops: int, policy: str, outcomes: Sequence[Outcome], cpu_s: float) -> Row:
    """Return the row of several seeds together."""
    excess = sorted(ms for outcome in outcomes for ms in outcome.excess)
    count = len(outcomes)
    return Row(
        pops=pops,
        policy=policy,
        mean=sum(excess) / len(excess),
        p50=percentile(excess, 0.5),
        p95=percentile(excess, 0.95),
        p99=percentile(excess, 0.99),
        within_5_ms=sum(ms <= NEAR_MS for ms in excess) / len(excess),
        best_pop=sum(outcome.best_share for outcome in outcomes) / count,
        probes_per_request=sum(outcome.probes_per_request for outcome in outcomes) / count,
        explored=sum(outcome.explored_share for outcome in outcomes) / count,
        by_request={
            ordinal: sum(values) / len(values)
            for ordinal in ORDINALS
            if (values := [ms for outcome in outcomes for ms in outcome.by_ordinal[ordinal]])
        },
        cpu_s=round(cpu_s, 2),
    )


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which that share lies; 0 for no values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def decision_costs(pops: int = 300) -> dict[str, float]:
    """Return CPU microseconds per decision: of a known group, and of a prefix never seen (median of 5)."""
    chance = Random(1)
    mesh = Mesh(
        [
            Pop(name=f"p{i}", latitude=chance.uniform(-60, 70), longitude=chance.uniform(-180, 180))
            for i in range(pops)
        ]
    )
    places = [
        Location(country="XX", latitude=chance.uniform(-50, 65), longitude=chance.uniform(-180, 180))
        for _ in range(2_000)
    ]
    addresses = [f"{20 + (i >> 16)}.{i >> 8 & 255}.{i & 255}.1" for i in range(len(places))]
    hot: list[float] = []
    cold: list[float] = []
    warm_up = Chooser(mesh)
    for address, place in zip(addresses, places, strict=True):
        warm_up.choose(address, place, 0.0)  # the map's zones are drawn once
    for number in range(1, 6):
        fresh = [f"{80 + number}{address[2:]}" for address in addresses]
        started_s = time.process_time()
        for address, place in zip(fresh, places, strict=True):
            warm_up.choose(address, place, 0.0)
        cold.append((time.process_time() - started_s) / len(places))
        few = list(zip(addresses[:500], places[:500], strict=True))
        for address, place in few:
            warm_up.choose(address, place, 0.0)
        started_s = time.process_time()
        for _ in range(10):
            for address, place in few:
                warm_up.choose(address, place, 0.0)
        hot.append((time.process_time() - started_s) / len(few) / 10)
    return {"hot us": round(median(hot) * 1e6, 2), "cold us": round(median(cold) * 1e6, 2)}
