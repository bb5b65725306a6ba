"""Count and time what a worker does, cheaply: integer adds while serving, arithmetic when somebody asks.

No clock and no sockets.
"""

from collections import Counter

from edgefaas.cache.cache_status import XCache, x_cache
from edgefaas.contract import LiveFunction
from edgefaas.histogram import Histogram
from sandbox.contract import Cancelled, Finished, NoRoom, Outcome

WORDS = frozenset(map(x_cache, XCache))
FUNCTIONS_MAX = 4_096  # versions counted one by one; the oldest is forgotten for a newer one


class FunctionMeter:
    """What one version of a function has done in this worker. ``errors`` are runs without a result of use.

    ``throttled`` are those of them that found no room: no fault of the version. ``server_errors`` are responses with a
    status of 500 and more that it made itself.
    ``wall_us`` is how long runs took, waiting included; ``cpu_us`` what they used, all together.
    """

    __slots__ = ("cpu_us", "errors", "runs", "server_errors", "throttled", "wall_us")

    def __init__(self) -> None:
        self.runs = 0
        self.errors = 0
        self.throttled = 0
        self.server_errors = 0
        self.cpu_us = 0
        self.wall_us = Histogram()

    def counts(self) -> dict[str, object]:
        """Return what is counted as JSON values."""
        return {
            "runs": self.runs,
            "errors": self.errors,
            "throttled": self.throttled,
            "server_errors": self.server_errors,
            "cpu_us": self.cpu_us,
        }

    def stats(self) -> dict[str, object]:
        """Return everything as JSON values."""
        return {**self.counts(), "wall_us": self.wall_us.summary()}


class OriginMeter:
    """What one origin has answered to this worker, and how soon."""

    __slots__ = ("latency_us", "statuses")

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.latency_us = Histogram()

    def stats(self) -> dict[str, object]:
        """Return everything as JSON values."""
        return {
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "latency_us": self.latency_us.summary(),
        }


class Meter:
    """What one worker has done since it started. Latencies are microseconds.

    ``words`` counts exchanges by their ``X-Cache`` ("" for any that is not ours), express hits left out;
    ``functions`` is by name and version, ``origins`` by name. ``express_not_modified`` are the express hits answered
    304, ``express_others`` those whose status is neither 200 nor that, by status. ``releases`` are folders' files by
    name and version; their runs are answers of theirs, not of the cache.
    """

    __slots__ = (
        "body_bytes",
        "counts",
        "express_hits",
        "express_not_modified",
        "express_others",
        "functions",
        "latency_us",
        "origins",
        "releases",
        "statuses",
        "words",
    )

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.words: Counter[str] = Counter()
        self.functions: dict[tuple[str, str], FunctionMeter] = {}
        self.statuses: Counter[int] = Counter()
        self.latency_us = Histogram()
        self.body_bytes = 0
        self.express_others: Counter[int] = Counter()
        self.express_not_modified = 0
        self.origins: dict[str, OriginMeter] = {}
        self.releases: dict[tuple[str, str], FunctionMeter] = {}
        self.express_hits = 0  # counted, not timed: they end inside the wire's callback, in microseconds

    def exchanged(self, status: int, body_bytes: int, took_s: float, word: str = "") -> None:
        """Count one finished exchange; ``word`` is its ``X-Cache``."""
        statuses, words = self.statuses, self.words
        if word not in WORDS:
            word = ""
        statuses[status] = statuses.get(status, 0) + 1  # a Counter's own way costs three times as much
        words[word] = words.get(word, 0) + 1
        self.body_bytes += body_bytes
        self.latency_us.add(int(took_s * 1e6))

    def ran(self, function: LiveFunction, outcome: Outcome) -> None:
        """Count one run of a function. One that its viewer gave up is no error."""
        meter = self.functions.get((function.name, function.version)) or self._function(function)
        usage = outcome.usage
        meter.runs += 1
        meter.cpu_us += usage.cpu_us
        meter.wall_us.add(usage.wall_us)
        if not isinstance(outcome, (Finished, Cancelled)):
            meter.errors += 1
            if isinstance(outcome, NoRoom):
                meter.throttled += 1

    def failed(self, function: LiveFunction) -> None:
        """Count a server error that a run which was ``ran`` has made."""
        self._function(function).server_errors += 1

    def refused(self, function: LiveFunction) -> None:
        """Count the result of a run that was ``ran``: it is none that the trigger may return."""
        self._function(function).errors += 1

    def asked(self, origin: str, status: int, took_s: float) -> None:
        """Count a question to an origin: its answer's status (0: none), and the time until that was there."""
        meter = self.origins.get(origin)
        if meter is None:
            meter = self.origins[origin] = OriginMeter()
        meter.statuses[status] += 1
        meter.latency_us.add(int(took_s * 1e6))

    def released(self, name: str, version: str, *, failed: bool) -> None:
        """Count an answer from a version of a folder's files; ``failed``: it lost what was there before, or broke."""
        meter = _of(self.releases, (name, version))
        meter.runs += 1
        meter.errors += failed

    def _function(self, function: LiveFunction) -> FunctionMeter:
        return _of(self.functions, (function.name, function.version))

    def stats(self) -> dict[str, object]:
        """Return everything as JSON values."""
        return {
            "requests": self.latency_us.count + self.express_hits,
            "express_hits": self.express_hits,
            "express_statuses": {
                "200": self.express_hits - self.express_others.total() - self.express_not_modified,
                **({"304": self.express_not_modified} if self.express_not_modified else {}),
                **{str(status): count for status, count in sorted(self.express_others.items())},
            },
            "express_words": {x_cache(XCache.HIT): self.express_hits},
            "words": dict(self.words),
            "body_bytes": self.body_bytes,
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "counts": dict(self.counts),
            "latency_us": self.latency_us.summary(),
            "functions": [
                {"name": name, "version": version, **meter.stats()}
                for (name, version), meter in self.functions.items()
            ],
            "releases": [
                {"name": name, "version": version, **meter.counts()}
                for (name, version), meter in self.releases.items()
            ],
            "origins": [{"name": name, **meter.stats()} for name, meter in self.origins.items()],
        }


def _of(meters: dict[tuple[str, str], FunctionMeter], key: tuple[str, str]) -> FunctionMeter:
    """Return the meter of a version; there are as many as ``FUNCTIONS_MAX``, and the oldest goes."""
    meter = meters.get(key)
    if meter is None:
        if len(meters) >= FUNCTIONS_MAX:
            del meters[next(iter(meters))]
        meter = meters[key] = FunctionMeter()
    return meter
