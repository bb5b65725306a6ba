"""What a choice comes to, and the settings that it is made with. Pure values."""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why a POP was chosen."""

    NEAREST = "nearest by expected round trip"
    MEASURED = "least measured round trip"
    KEPT = "kept: no other is better by more than the hysteresis"
    EXPLORED = "explored: it may be better, and one request will tell"
    SPILLED = "spilled over: the better ones are busy"
    IN_SERVICE = "best of those in service"
    NOT_PLACED = "not placed: answered where it arrived"
    NOT_PLACED_IN_FRONT = "not placed: one POP for all of its prefix"
    NONE_IN_SERVICE = "none in service"


@dataclass(frozen=True, slots=True)
class Decision:
    """``pop`` serves the viewer (None: none is in service); ``alternatives`` are the next best, best first.

    ``expected_ms`` is the round trip expected there, ``gain_ms`` how much shorter than to this POP. ``probe``
    names a POP to which the viewer should be asked to open a connection, whose round trip is then observed.
    ``settled`` is False while a POP that would serve the viewer better, or this one, is not wholly in
    service.
    """

    pop: str | None
    reason: Reason
    expected_ms: float
    alternatives: tuple[str, ...] = ()
    gain_ms: float | None = None
    probe: str | None = None
    settled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceSettings:
    """How keen to look elsewhere. Costs are in milliseconds times requests.

    A side probe is asked for when ``gain * (requests + head_start) >= probe_cost``; a request is served from
    elsewhere when ``gain * (requests + head_start) >= explore_cost + explore_patience * loss``. Both costs
    are at the price of the day: up to ``thrift`` times less while the budget is whole, and as many times more
    when it is nearly spent. The budgets: ``probes_per_request`` and ``explored_per_request`` in the long run,
    and a burst of each; a router that starts to learn explores more, by ``explored_at_first`` requests of each
    of the first ``newcomers_max`` groups.
    """

    side_probes: bool = True
    probe_cost: float = 4.0
    head_start: float = 30.0
    explore_cost: float = 4.0
    explore_patience: float = 1.0
    probes_per_request: float = 0.105
    probes_burst: float = 200.0
    explored_per_request: float = 0.0125
    explored_burst: float = 40.0
    explored_at_first: float = 3.0
    newcomers_max: int = 1_000
    thrift: float = 4.0
    probe_pause_s: float = 1.0
    audit_share: float = 0.005
    hysteresis_ms: float = 0.75
    unanswered_max: int = 3
