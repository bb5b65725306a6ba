"""How many DNS answers a network may have per second, so that the server cannot be used against others.

Pure: instants are arguments. UDP sources are forged; who floods with somebody's address would have us flood
them. A bucket of tokens per /24 or /48; over it every second query gets a truncated answer (a real resolver
then comes by TCP), the others none. Source: Vixie and Schryver, "DNS Response Rate Limiting" (ISC-TN-2012-1).
"""

from enum import StrEnum

from router.address import packed, prefix_key

RATE_PER_S = 50.0
BURST = 100.0
NETWORKS_MAX = 65_536  # in each of two generations
SLIP = 2  # every how manyth over the limit is told to use TCP


class Verdict(StrEnum):
    """What a query gets."""

    ANSWER = "answer"
    TRUNCATE = "truncate"
    DROP = "drop"


class DnsLimit:
    """Buckets by network, bounded."""

    __slots__ = ("_burst", "_old", "_rate", "_young")

    def __init__(self, rate_per_s: float = RATE_PER_S, burst: float = BURST) -> None:
        self._rate = rate_per_s
        self._burst = burst
        self._young: dict[int, list[float]] = {}
        self._old: dict[int, list[float]] = {}

    def judge(self, source: str, now_s: float) -> Verdict:
        """Say what a UDP query from this address gets."""
        octets = packed(source)
        key = -1 if octets is None else prefix_key(octets)
        bucket = self._young.get(key)
        if bucket is None:
            bucket = self._old.get(key) or [self._burst, now_s, 0.0]
            if len(self._young) >= NETWORKS_MAX:
                self._old, self._young = self._young, {}
            self._young[key] = bucket
        bucket[0] = min(self._burst, bucket[0] + max(0.0, now_s - bucket[1]) * self._rate)
        bucket[1] = now_s
        if bucket[0] >= 1:
            bucket[0] -= 1
            return Verdict.ANSWER
        bucket[2] += 1
        return Verdict.TRUNCATE if bucket[2] % SLIP == 0 else Verdict.DROP
