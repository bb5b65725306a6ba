"""Why a viewer goes where it goes, POP by POP, for ``edgefaas route ADDRESS --explain``.

Pure. Numbers as the chooser sees them at this instant; nothing is changed by asking.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp

from router.address import prefix_text
from router.distance import FIBRE_KM_PER_MS
from router.groups import Group
from router.load import Loads

_LIKELY = 1.2816  # deviations: nine of ten paths lie below


@dataclass(frozen=True, slots=True, kw_only=True)
class PopView:
    """One POP as a group of viewers sees it. Milliseconds; None where nothing is known.

    ``prior_ms`` is what was expected before measuring (nine of ten paths take at most ``prior_high_ms``),
    ``measured_ms`` the least recent round trip of ``samples``, ``expected_ms`` what is expected now,
    ``wait_ms`` the wait for a busy POP, ``total_ms`` what is compared (a queue counts twice), ``share`` how
    much of its viewers it should get by its health, ``look_gain_ms`` what one more measurement promises.
    """

    pop: str
    distance_km: float | None
    prior_ms: float
    prior_high_ms: float
    measured_ms: float | None
    samples: int
    age_s: float | None
    expected_ms: float
    wait_ms: float
    total_ms: float
    share: float
    in_flight: float | None
    capacity: int | None
    look_gain_ms: float | None
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A decision and what it rests on; ``pops`` by expected round trip."""

    prefix: str
    network: str
    pop: str | None
    reason: str
    requests: int
    misplaced: bool
    pops: tuple[PopView, ...]


def explained(
    group: Group, names: Sequence[str], shares: Sequence[float], loads: Loads, now_s: float
) -> tuple[PopView, ...]:
    """Return the view of every candidate of a group that has been thought about."""
    prior, picture = group.prior, group.picture
    assert prior is not None
    assert picture is not None
    views = []
    for at in picture.order:
        pop = prior.candidates[at]
        found = group.samples.get(pop)
        load = loads.describe(pop)
        mean, deviation, bound = prior.means[at], prior.deviations[at], prior.bounds[at]
        placed = group.point is not None and not group.misplaced
        views.append(
            PopView(
                pop=names[pop],
                distance_km=bound * FIBRE_KM_PER_MS if placed else None,
                prior_ms=bound + exp(mean),
                prior_high_ms=bound + exp(mean + _LIKELY * deviation),
                measured_ms=None if found is None else found.floor_ms,
                samples=0 if found is None else found.count,
                age_s=None if found is None else max(0.0, now_s - found.last_s),
                expected_ms=picture.expected[at],
                wait_ms=loads.waits[pop],
                total_ms=picture.expected[at] + loads.costs[pop],
                share=shares[pop],
                in_flight=None if load is None else load[0],
                capacity=None if load is None else load[1],
                look_gain_ms=picture.gains[at] if picture.gains else None,
                chosen=pop == group.chosen,
            )
        )
    return tuple(views)


def group_name(group: Group) -> str:
    """Return the group's prefix, such as ``192.0.2.0/24``.

    "local" for addresses that no database can place.
    """
    return "local" if group.key < 0 or group.local else prefix_text(group.key)
