"""How long a request would wait at a POP, guessed from what the POPs tell each other now and then.

Pure. A POP tells how many requests it has in flight, how many it works on at once, and how long one takes.
News ages with the requests it counted: as those are answered, a router goes by what it has there itself, times
what its part has been lately, since the other routers act as it does. Above a knee of 75 % a POP costs a
little more, so that it is not filled to the brim. Chosen is the least predicted total: round trip plus wait, the
wait counted twice, for whoever queues delays everybody behind (measured against a greedy balancer that knows
every queue, and others, in ``benchmarks/routing``).
Sources: Little's law; Pigou (1920) and Vickrey (1969) on what a queue costs the others; Prequal (Wydrowski et
al., NSDI 2024).
"""

from collections.abc import Sequence
from dataclasses import dataclass

KNEE = 0.75  # of the capacity
SLOW_FACTOR = 1.5  # a POP this much slower than the median counts as slow
SLOW_MS_MIN = 5.0  # and by less than this it is chance
QUEUE_PRICE = 2.0  # times the wait; 3 gained 1 % where POPs are full and lost 1 % where they are slow or die
PART_MEMORY = 0.8  # of a telling's weight is left at the next, in what a router's part is drawn from
PART_PRIOR = 4.0  # requests: how many of a POP's own count for as much as the part at all POPs together
PART_MAX = 24.0  # times its own; where there is more, viewers come by themselves and do not act as routers do
PART_MIN = 1 / 64  # and one part in so many
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

    __slots__ = (
        "_answered",
        "_own",
        "_own_lately",
        "_own_told",
        "_slow_ms",
        "_times_own",
        "_told",
        "_told_lately",
        "_told_s",
        "costs",
        "waits",
    )

    def __init__(self, count: int) -> None:
        self._told: list[PopLoad | None] = [None] * count
        self._told_s = [0.0] * count
        self._own = [0] * count
        self._own_told = [0] * count  # of one's own, when the POP told
        self._answered = [0] * count  # of one's own, since
        self._told_lately = [0.0] * count
        self._own_lately = [0.0] * count
        self._times_own = [1.0] * count
        self._slow_ms = [0.0] * count
        self.waits = [0.0] * count  # in ms, kept up to date
        self.costs = [0.0] * count  # the same with queues counted at their price

    @property
    def quiet(self) -> bool:
        """Whether nobody waits anywhere."""
        return not any(self.waits)

    def told(self, pop: int, load: PopLoad, now_s: float) -> None:
        """Take a POP's word on how busy it is."""
        self._told[pop] = load
        self._told_s[pop] = now_s
        self._own_told[pop] = self._own[pop]
        self._answered[pop] = 0
        self._learn_part(pop, load.in_flight)
        self._update_slow()
        self._update(pop)

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
        self._answered[pop] += 1
        self._update(pop)

    def in_flight(self, pop: int) -> float:
        """Return how many requests the POP is thought to have now."""
        told = self._told[pop]
        if told is None:
            return float(self._own[pop])
        times = self._times_own[pop]
        still = 1.0  # of what was in flight then
        if times < PART_MAX:
            still -= times * self._answered[pop] / (told.in_flight or 1)
        old = still * (told.in_flight - times * self._own_told[pop]) if still > 0 else 0.0
        new = self._own[pop] - self._own_told[pop]
        return max(0.0, float(new), times * self._own[pop] + old)

    def describe(self, pop: int) -> tuple[float, int, float] | None:
        """Return (in flight, capacity, service ms) as seen now, None when the POP told nothing lately."""
        told = self._told[pop]
        return None if told is None else (self.in_flight(pop), told.capacity, told.service_ms)

    def _update(self, pop: int) -> None:
        told = self._told[pop]
        if told is None:
            self.waits[pop] = self.costs[pop] = 0.0
        else:
            queue_ms = wait_ms(self.in_flight(pop), told.capacity, told.service_ms)
            self.waits[pop] = self._slow_ms[pop] + queue_ms
            self.costs[pop] = self._slow_ms[pop] + QUEUE_PRICE * queue_ms

    def _learn_part(self, pop: int, in_flight: int) -> None:
        """Learn how many times what this router has at the POP all have there together.

        Less than once where requests are long on the way, or a POP's load is told by one of several workers.
        """
        self._told_lately[pop] = PART_MEMORY * self._told_lately[pop] + in_flight
        self._own_lately[pop] = PART_MEMORY * self._own_lately[pop] + self._own[pop]
        used = [at for at, own in enumerate(self._own_lately) if own]
        everywhere = sum(map(self._told_lately.__getitem__, used)) + PART_PRIOR
        everywhere /= sum(self._own_lately) + PART_PRIOR
        times = (self._told_lately[pop] + PART_PRIOR * everywhere) / (self._own_lately[pop] + PART_PRIOR)
        self._times_own[pop] = min(PART_MAX, max(PART_MIN, times))

    def _update_slow(self) -> None:
        services: Sequence[float] = sorted(told.service_ms for told in self._told if told is not None)
        median = services[len(services) // 2] if services else 0.0
        for pop, told in enumerate(self._told):
            slow = 0.0 if told is None else told.service_ms - SLOW_FACTOR * median
            slow = slow if slow > SLOW_MS_MIN else 0.0
            if slow != self._slow_ms[pop]:
                self._slow_ms[pop] = slow
                self._update(pop)
