"""Which requests are recorded. Pure: the clock and the dice are arguments.

Parent-based, as OpenTelemetry's default: who asks within a trace has decided already. Requests without one are
recorded by ``ratio``. Both only as far as ``per_second`` goes: anybody can send ``traceparent``, and must not be able
to bury the collector, or to slow hits down.
"""

from collections.abc import Callable

from edgefaas.tracing.context import TraceContext


class Sampler:
    """Decides for one worker. ``ratio`` is 0 to 1; ``per_second`` is how many at most, on average."""

    def __init__(
        self, ratio: float, per_second: float, *, mono_s: Callable[[], float], dice: Callable[[], float]
    ) -> None:
        self._ratio = ratio
        self._per_second = per_second
        self._burst = max(1.0, per_second)
        self._mono_s = mono_s
        self._dice = dice
        self._allowance = self._burst
        self._refilled_s = mono_s()
        self.over = 0  # requests that were to be recorded, and were too many

    def samples_root(self) -> bool:
        """Say whether a request that belongs to no trace is recorded."""
        if self._ratio < 1 and self._dice() >= self._ratio:
            return False
        return self._within_rate()

    def samples(self, parent: TraceContext | None) -> bool:
        """Say whether a request with this parent is recorded."""
        if parent is None:
            return self.samples_root()
        return parent.sampled and self._within_rate()

    def _within_rate(self) -> bool:
        if self._allowance < 1:
            now_s = self._mono_s()
            earned = max(0.0, now_s - self._refilled_s) * self._per_second
            self._allowance = min(self._burst, self._allowance + earned)
            self._refilled_s = now_s
            if self._allowance < 1:
                self.over += 1
                return False
        self._allowance -= 1
        return True
