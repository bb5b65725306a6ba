"""What was measured between one group of viewers and one POP: a small ring of minima, and a change detector.

Pure. Access networks only ever add to a round trip (over the floor: p50 1.3, p90 5.7, p99 109 ms at home), so
the least of a few samples estimates the path. A route that got longer shows as samples that all lie above it.
"""

from bisect import bisect_right

RING = 4  # windows of minima that are kept
WINDOW_S = 600.0
LATE_MS = 15.0  # over the floor, at least; home noise exceeds it once in about 20 samples
LATE_SPREADS = 4.0  # and so many times the usual excess: a mobile network's noise is no change of route
LATE_ROW = 4  # so four in a row by chance once in 160,000
USUAL_MS = 3.0
DOUBT = 0.2  # that a change of route just seen is none
RTT_MS_MAX = 10_000.0

# How likely access noise is to exceed so many milliseconds; between the points, a power law.
_NOISE_MS = (0.0, 0.3, 1.3, 5.7, 20.0, 109.0, 400.0)
_NOISE_OVER = (1.0, 0.85, 0.5, 0.1, 0.033, 0.01, 0.001)


def noise_exceeds(ms: float) -> float:
    """Return the probability that one sample lies more than ``ms`` over the floor of its path."""
    if ms <= 0:
        return 1.0
    at = bisect_right(_NOISE_MS, ms)
    if at == len(_NOISE_MS):
        return _NOISE_OVER[-1]
    low, high = _NOISE_MS[at - 1], _NOISE_MS[at]
    part = (ms - low) / (high - low)
    return _NOISE_OVER[at - 1] + part * (_NOISE_OVER[at] - _NOISE_OVER[at - 1])


def _excess_table() -> tuple[tuple[float, ...], ...]:
    """Return, per number of samples, the integral of ``noise_exceeds ** samples`` above each point."""
    table = []
    for count in range(1, EXCESS_SAMPLES_MAX + 1):
        sums, above = [0.0], 0.0
        for at in range(len(_NOISE_MS) - 1, 0, -1):
            low, high = _NOISE_MS[at - 1], _NOISE_MS[at]
            steps = 64
            for step in range(steps):
                above += (
                    noise_exceeds(low + (step + 0.5) * (high - low) / steps) ** count * (high - low) / steps
                )
            sums.append(above)
        table.append(tuple(reversed(sums)))
    return tuple(table)


EXCESS_SAMPLES_MAX = 6
_EXCESS = _excess_table()


def hidden_gain_ms(over_ms: float, count: int) -> float:
    """Return E[max(0, least noise of ``count`` samples - over)]: how much better a path may still be."""
    row = _EXCESS[min(count, EXCESS_SAMPLES_MAX) - 1]
    at = min(bisect_right(_NOISE_MS, over_ms), len(_NOISE_MS) - 1)
    low, high = _NOISE_MS[at - 1], _NOISE_MS[at]
    part = min(1.0, (over_ms - low) / (high - low))
    hidden = row[at - 1] + part * (row[at] - row[at - 1])
    return hidden if count <= EXCESS_SAMPLES_MAX else hidden * EXCESS_SAMPLES_MAX / count


def doubt_gain_ms(former_ms: float, best_ms: float, count: int) -> float:
    """Return what measuring again may win, since a change of route just seen may have been chance."""
    return DOUBT * 0.5 ** (count - LATE_ROW) * max(0.0, best_ms - former_ms)


class Samples:
    """The recent round trips between one group and one POP. ``count`` is since the last change of route."""

    __slots__ = (
        "count",
        "credited",
        "floor_ms",
        "former_ms",
        "last_s",
        "late",
        "ring",
        "usual_ms",
        "window_s",
    )

    def __init__(self, rtt_ms: float, now_s: float) -> None:
        self.ring = [rtt_ms]
        self.floor_ms = rtt_ms
        self.count = 1
        self.last_s = now_s
        self.window_s = now_s  # when the youngest window began
        self.late: list[float] | None = None
        self.usual_ms = USUAL_MS  # mean excess over the floor
        self.former_ms: float | None = None  # the floor before the route seemed to change
        self.credited: float | None = None  # what the peers' statistics were told of this path

    def add(self, rtt_ms: float, now_s: float) -> bool:
        """Take one sample; return whether the picture changed enough to think again."""
        self.last_s = now_s
        floor_ms = self.floor_ms
        excess_ms = rtt_ms - floor_ms
        if excess_ms > LATE_MS and excess_ms > LATE_SPREADS * self.usual_ms:
            if self.late is None:
                self.late = [rtt_ms]
            else:
                self.late.append(rtt_ms)
            if len(self.late) >= LATE_ROW:  # the route changed: forget what it was
                self.former_ms = floor_ms
                self.ring = [min(self.late)]
                self.floor_ms = self.ring[0]
                self.count = len(self.late)
                self.late = None
                self.window_s = now_s
                return True
        else:
            self.late = None
            if excess_ms > 0:
                self.usual_ms += 0.1 * (excess_ms - self.usual_ms)
        self.count += 1
        if now_s - self.window_s > WINDOW_S:
            self.ring = [*self.ring[1 - RING :], rtt_ms]
            self.window_s = now_s
            self.floor_ms = min(self.ring)
        elif rtt_ms < self.ring[-1]:
            self.ring[-1] = rtt_ms
            if rtt_ms < floor_ms:
                self.floor_ms = rtt_ms
                if self.former_ms is not None and rtt_ms < self.former_ms + LATE_MS:
                    self.former_ms = None  # it had been chance, or the route is back
        return self.count <= 3 or abs(self.floor_ms - floor_ms) > 0.5  # noqa: PLR2004  samples; ms
