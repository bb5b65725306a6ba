"""Count what the viewers got: by country, by POP and by kind of answer. Pure.

The kind is read off the response as any viewer could: ``X-Cache`` and ``Cache-Status`` (RFC 9211).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import ceil
from statistics import median

from cli.demo.viewers import Viewer


class Kind(StrEnum):
    """How an answer came about."""

    HIT = "hit"
    FUNCTION = "function"
    MISS = "miss"
    PASSED = "passed"
    ERROR = "error"


LEGEND: Mapping[Kind, str] = {
    Kind.HIT: "from the cache of the POP",
    Kind.FUNCTION: "made at the POP by a function in a fresh sandbox",
    Kind.MISS: "from the origin or the folder, and stored",
    Kind.PASSED: "from the origin, not to be stored",
    Kind.ERROR: "refused or broken",
}
ERROR_STATUS_MIN = 400


def kind_of(status: int, headers: Mapping[str, str]) -> Kind:
    """Return the kind of an answer from its status and its lower-case fields."""
    word = headers.get("x-cache", "").partition(" ")[0]
    if status >= ERROR_STATUS_MIN or word in ("", "Error"):
        return Kind.ERROR
    if word in ("Hit", "RefreshHit"):
        return Kind.HIT
    if word.endswith("GeneratedResponse"):
        return Kind.FUNCTION
    stored = any("stored" in member.split(";")[1:] for member in _members(headers.get("cache-status", "")))
    return Kind.MISS if stored else Kind.PASSED


def _members(status: str) -> list[str]:
    return [member.replace(" ", "") for member in status.split(",")]


def quantile(values: list[float], share: float) -> float:
    """Return the value that this share of the sorted values does not exceed; 0 for none."""
    return values[max(0, ceil(share * len(values)) - 1)] if values else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A POP as the demo shows it."""

    name: str
    city: str
    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CountryLine:
    """One country: who served most of it, how far that is, and how many were served by their nearest POP."""

    country: str
    pop: str
    requests: int
    distance_km: float
    nearest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KindLine:
    """One kind of answer; times are milliseconds."""

    kind: Kind
    count: int
    share: float
    p50_ms: float
    p99_ms: float


@dataclass(slots=True, kw_only=True)
class Tally:
    """Everything counted so far."""

    places: Mapping[str, Place]
    took_ms: dict[Kind, list[float]] = field(default_factory=dict)
    by_country: dict[str, Counter[str]] = field(default_factory=dict)
    distances_km: dict[str, list[float]] = field(default_factory=dict)
    nearest: Counter[str] = field(default_factory=Counter)
    by_pop: dict[str, Counter[Kind]] = field(default_factory=dict)
    first_error: str = ""

    def add(self, viewer: Viewer, kind: Kind, pop: str, took_ms: float) -> None:
        """Count one answer; ``pop`` is "" when no POP named itself."""
        self.took_ms.setdefault(kind, []).append(took_ms)
        self.by_country.setdefault(viewer.country, Counter())[pop] += 1
        self.by_pop.setdefault(pop, Counter())[kind] += 1
        place = self.places.get(pop)
        if place is None:
            return
        distance = viewer.distance_km(place.latitude, place.longitude)
        self.distances_km.setdefault(viewer.country, []).append(distance)
        least = min(viewer.distance_km(other.latitude, other.longitude) for other in self.places.values())
        self.nearest[viewer.country] += distance <= least

    @property
    def total(self) -> int:
        """Return how many answers were counted."""
        return sum(len(times) for times in self.took_ms.values())

    def countries(self) -> list[CountryLine]:
        """Return a line for each country, grouped by POP in the order of the places, nearest first."""
        order = {name: number for number, name in enumerate(self.places)}
        lines = [
            CountryLine(
                country=country,
                pop=pops.most_common(1)[0][0],
                requests=pops.total(),
                distance_km=median(self.distances_km.get(country) or [0.0]),
                nearest=self.nearest[country],
            )
            for country, pops in self.by_country.items()
        ]
        return sorted(lines, key=lambda line: (order.get(line.pop, len(order)), line.distance_km))

    def kinds(self) -> list[KindLine]:
        """Return a line for each kind that occurred, in the order of Kind."""
        lines = []
        for kind in Kind:
            times = sorted(self.took_ms.get(kind, ()))
            if times:
                lines.append(
                    KindLine(
                        kind=kind,
                        count=len(times),
                        share=len(times) / self.total,
                        p50_ms=quantile(times, 0.5),
                        p99_ms=quantile(times, 0.99),
                    )
                )
        return lines

    @property
    def errors(self) -> int:
        """Return how many answers were errors."""
        return len(self.took_ms.get(Kind.ERROR, ()))
