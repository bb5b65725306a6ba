"""How often something may be done: a token bucket. Pure; the instant is an argument."""

BURST_S = 2.0  # of the rate, that may be used at once


class TokenBucket:
    """Allows ``rate_per_s`` on average, and up to two seconds' worth (at least one) at once."""

    def __init__(self, rate_per_s: float, *, now_s: float) -> None:
        self.rate_per_s = rate_per_s
        self._room = max(1.0, rate_per_s * BURST_S)
        self._tokens = self._room
        self._at_s = now_s

    def take(self, *, now_s: float) -> bool:
        """Say whether it may be done now, and count it if so."""
        self._tokens = min(self._room, self._tokens + max(0.0, now_s - self._at_s) * self.rate_per_s)
        self._at_s = max(self._at_s, now_s)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
