"""What a worker has done since it was last asked: small, plain, and summed over workers by the supervisor.

No clock: who asks knows how much time lies between two questions. Counting costs the hot path nothing more than
``telemetry.Meter`` does; the differences are made here, once a second.
"""

from collections.abc import Mapping
from typing import TypeVar

from edgefaas.telemetry import FunctionMeter, Meter

K = TypeVar("K", str, int)


class Deltas:
    """Remembers what it has told of one meter."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._words: dict[str, int] = {}
        self._statuses: dict[int, int] = {}
        self._latency: dict[int, int] = {}
        self._express_hits = 0
        self._body_bytes = 0
        self._functions: dict[tuple[str, str], _Told] = {}

    def take(self) -> dict[str, object]:
        """Return the news as plain values, and count them as told.

        ``words`` and ``statuses`` are counts; ``latency_us`` and each function's ``wall_us`` are flat lists of
        bucket and count (see ``telemetry.bucket_of``). ``functions`` are ``[name, version, runs, errors, cpu_us,
        wall_us]``. ``express_hits`` are in none of the other counts.
        """
        meter = self._meter
        express_hits, body_bytes = meter.express_hits, meter.body_bytes
        news: dict[str, object] = {
            "express_hits": express_hits - self._express_hits,
            "body_bytes": body_bytes - self._body_bytes,
            "words": _grown(meter.words, self._words),
            "statuses": _grown(meter.statuses, self._statuses),
            "latency_us": _flat(meter.latency_us.since(self._latency)),
            "functions": self._functions_since(),
        }
        self._express_hits, self._body_bytes = express_hits, body_bytes
        self._words, self._statuses = dict(meter.words), dict(meter.statuses)
        self._latency = meter.latency_us.counts
        return news

    def _functions_since(self) -> list[list[object]]:
        rows: list[list[object]] = []
        for key, meter in self._meter.functions.items():
            before = self._functions.get(key)
            if before is None or before.meter is not meter:  # new, or forgotten and counted anew
                before = _Told(meter)
            elif before.runs == meter.runs and before.errors == meter.errors:
                continue
            rows.append([*key, *before.news()])
            self._functions[key] = before
        for key in self._functions.keys() - self._meter.functions.keys():
            del self._functions[key]
        return rows


class _Told:
    """What was told of one function."""

    __slots__ = ("cpu_us", "errors", "meter", "runs", "wall")

    def __init__(self, meter: FunctionMeter) -> None:
        self.meter = meter
        self.runs = self.errors = self.cpu_us = 0
        self.wall: dict[int, int] = {}

    def news(self) -> list[object]:
        """Return runs, errors, CPU and durations since the last time."""
        meter = self.meter
        news: list[object] = [
            meter.runs - self.runs,
            meter.errors - self.errors,
            meter.cpu_us - self.cpu_us,
            _flat(meter.wall_us.since(self.wall)),
        ]
        self.runs, self.errors, self.cpu_us = meter.runs, meter.errors, meter.cpu_us
        self.wall = meter.wall_us.counts
        return news


def _grown(now: Mapping[K, int], before: Mapping[K, int]) -> dict[K, int]:
    return {key: count - before.get(key, 0) for key, count in now.items() if count != before.get(key, 0)}


def _flat(counts: Mapping[int, int]) -> list[int]:
    return [number for pair in counts.items() for number in pair]
