"""Is a POP fit to serve? A state machine over probe results, slow to believe and slow to return.

Pure: instants are arguments. ``rise`` good probes in a row bring a POP up, ``fall`` bad ones take it down; a
POP that says that it is draining stops at once. A POP that came back takes part of its viewers only, more and
more over ``slow_start_s``, so that they do not all fall upon its cold cache together.
Sources: HAProxy's rise/fall and slowstart; the same idea in Envoy's health checking.
"""

from dataclasses import dataclass
from enum import StrEnum


class HealthState(StrEnum):
    """How a POP is regarded."""

    UNKNOWN = "unknown"  # never probed: used, since a router that starts must serve at once
    UP = "up"
    WARMING = "warming"
    DRAINING = "draining"
    DOWN = "down"


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthPolicy:
    """When to change one's mind. Counts are consecutive probes; ``first_share`` is of the POP's viewers."""

    rise: int = 2
    fall: int = 2
    slow_start_s: float = 30.0
    first_share: float = 0.1


class Health:
    """The health of one POP, told by ``probed`` and ``failed_request``, asked by ``share``."""

    __slots__ = ("_bad", "_good", "_policy", "_warm_since_s", "since_s", "state")

    def __init__(self, policy: HealthPolicy | None = None) -> None:
        self._policy = policy or HealthPolicy()
        self.state = HealthState.UNKNOWN
        self.since_s: float | None = None  # when the state last changed
        self._good = self._bad = 0
        self._warm_since_s = 0.0

    def probed(self, *, ok: bool, now_s: float, draining: bool = False) -> bool:
        """Take one probe's result; return whether the state changed.

        ``draining`` is the POP's own word that it will stop: it finishes what it has and gets nothing new.
        """
        before = self.state
        if ok and draining:
            self._good = self._bad = 0
            self._enter(HealthState.DRAINING, now_s)
        elif ok:
            self._succeeded(now_s)
        else:
            self._good = 0
            self._bad += 1
            if self._bad >= self._policy.fall:
                self._enter(HealthState.DOWN, now_s)
        return self.state is not before

    def failed_request(self, *, now_s: float) -> bool:
        """Take a connection to the POP that was refused or reset: as bad as a failed probe."""
        return self.probed(ok=False, now_s=now_s)

    def share(self, now_s: float) -> float:
        """Return how much of its viewers the POP should get: 0 (none) to 1 (all)."""
        if self.state in (HealthState.DOWN, HealthState.DRAINING):
            return 0.0
        if self.state is not HealthState.WARMING:
            return 1.0
        warm_s = max(0.0, now_s - self._warm_since_s)
        if warm_s >= self._policy.slow_start_s:
            return 1.0
        first = self._policy.first_share
        return first + (1 - first) * warm_s / self._policy.slow_start_s

    def _succeeded(self, now_s: float) -> None:
        self._bad = 0
        self._good += 1
        if self.state is HealthState.UNKNOWN:
            self._enter(HealthState.UP, now_s)
        elif self.state in (HealthState.DOWN, HealthState.DRAINING):
            if self._good >= self._policy.rise:
                self._warm_since_s = now_s
                self._enter(HealthState.WARMING, now_s)
        elif self.state is HealthState.WARMING and self.share(now_s) >= 1:
            self._enter(HealthState.UP, now_s)

    def _enter(self, state: HealthState, now_s: float) -> None:
        if state is not self.state:
            self.state = state
            self.since_s = now_s
