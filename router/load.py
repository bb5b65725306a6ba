"""How long a request would wait at a POP, guessed from what the POPs tell each other now and then.

Pure. A POP tells how many requests it has in flight, how many it works on at once, and how long one takes.
Between two tellings a router adds what it sent itself, and assumes that the others act as it does. Above a
knee of 75 % a POP costs a little more, so that it is not filled to the brim on stale news. Chosen is the
least predicted total: round trip plus wait (measured against power of two choices, peak-EWMA and Prequal in
``benchmarks/routing``).
Sources: Little's law; Prequal (Wydrowski et al., NSDI 2024); Finagle's peak-EWMA.
"""

from collections.abc import Sequence
from dataclasses import dataclass

KNEE = 0.75  # of the capacity
SLOW_FACTOR = 1.5  # a POP this much slower than the median counts as slow
SLOW_MS_MIN = 5.0  # and by less than this it is chance
OTHERS_MAX = 16.0  # routers assumed to act alike, at most
STALE_S = 10.0  # news older than this says nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class PopLoad:
    """What a POP tells: requests in flight, how many it works on at once, how long one takes (mean)."""

    in_flight: int
    capacity: int
    service_ms: float


def wait_ms(in_flight: float, capacity: int, service_ms: float) -> float:
    """Return how long one more request would wait for its turn, with the surcharge above the knee."""
    if capacity <= 0:
        return 0.0
    use = in_flight / capacity
    if use <= KNEE:
        return 0.0
    surcharge = 0.5 * service_ms * min(1.0, (use - KNEE) / (1 - KNEE)) ** 2
    return surcharge + service_ms * max(0.0, in_flight + 1 - capacity) / capacity


class Loads:
    """The waits of all POPs, as one router sees them."""

    __slots__ = ("_own", "_own_told", "_slow_ms", "_told", "_told_s", "waits")

    def __init__(self, count: int) -> None:
        self._told: list[PopLoad | None] = [None] * count
        self._told_s = [0.0] * count
        self._own = [0] * count
        self._own_told = [0] * count
        self._slow_ms = [0.0] * count
        self.waits = [0.0] * count  # in ms, kept up to date

    @property
    def quiet(self) -> bool:
        """Whether nobody waits anywhere."""
        return not any(self.waits)

    def told(self, pop: int, load: PopLoad, now_s: float) -> None:
        """Take a POP's word on how busy it is."""
        self._told[pop] = load
        self._told_s[pop] = now_s
        self._own_told[pop] = self._own[pop]
        self._update_slow()
        for index in range(len(self.waits)):
            self._update(index)

    def forget_stale(self, now_s: float) -> None:
        """Drop news that is too old to go by."""
        for pop, told in enumerate(self._told):
            if told is not None and now_s - self._told_s[pop] > STALE_S:
                self._told[pop] = None
                self._update(pop)

    def sent(self, pop: int) -> None:
        """Count a request of one's own that goes to the POP."""
        self._own[pop] += 1
        self._update(pop)

    def finished(self, pop: int) -> None:
        """Count a request of one's own that came back, or failed."""
        self._own[pop] = max(0, self._own[pop] - 1)
        self._update(pop)

    def in_flight(self, pop: int) -> float:
        """Return how many requests the POP is thought to have now."""
        told = self._told[pop]
        if told is None:
            return float(self._own[pop])
        change = self._own[pop] - self._own_told[pop]
        if change > 0 and self._own_told[pop] > 0:
            change = round(change * min(OTHERS_MAX, max(1.0, told.in_flight / self._own_told[pop])))
        return max(0.0, told.in_flight + change)

    def describe(self, pop: int) -> tuple[float, int, float] | None:
        """Return (in flight, capacity, service ms) as seen now, None when the POP told nothing lately."""
        told = self._told[pop]
        return None if told is None else (self.in_flight(pop), told.capacity, told.service_ms)

    def _update(self, pop: int) -> None:
        told = self._told[pop]
        if told is None:
            self.waits[pop] = 0.0
        else:
            self.waits[pop] = self._slow_ms[pop] + wait_ms(
                self.in_flight(pop), told.capacity, told.service_ms
            )

    def _update_slow(self) -> None:
        services: Sequence[float] = sorted(told.service_ms for told in self._told if told is not None)
        median = services[len(services) // 2] if services else 0.0
        for pop, told in enumerate(self._told):
            slow = 0.0 if told is None else told.service_ms - SLOW_FACTOR * median
            self._slow_ms[pop] = slow if slow > SLOW_MS_MIN else 0.0
