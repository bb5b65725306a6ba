"""What a POP tells Prometheus: every worker's counters under conventional names. Pure.

A worker's numbers are a worker's word, and it runs strangers' code: what is not a number is left out. Each worker is a
series of its own, since it counts anew when it is replaced. Times are seconds, sizes bytes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgefaas import __version__
from edgefaas.control.exposition import MEDIA_TYPE, Exposition, Labels
from edgefaas.histogram import value_of

__all__ = ["MEDIA_TYPE", "render"]


@dataclass(frozen=True, slots=True)
class Scale:
    """How a worker's histogram becomes one in seconds: its bounds, and how many of its steps are one.

    Bounds are powers of two: there the workers' buckets begin, so the counts are exact.
    """

    bounds: tuple[int, ...]
    steps: int


_MICROSECONDS = Scale(tuple(1 << power for power in range(6, 26)), 1_000_000)  # 64 µs to 33 s
_SECONDS = Scale(tuple(1 << power for power in range(0, 25, 2)), 1)  # to half a year
_MICRO = 1_000_000

_DURATION = (
    "Time from a request's head to the end of its answer. Hits answered at once are counted, not timed."
)
_CACHE_ANSWERS = "Answers by what X-Cache says of them."

# Name, help, and where in a worker's statistics.
_COUNTERS = (
    ("http_response_body_bytes_total", "Octets of bodies sent to viewers.", ("body_bytes",)),
    ("http_collapsed_requests_total", "Requests answered by another viewer's fetch.", ("collapsed",)),
    (
        "access_log_lines_dropped_total",
        "Lines of the access log that found no room or no disk.",
        ("access_log", "dropped"),
    ),
    ("access_log_lines_total", "Lines written into the access log.", ("access_log", "written")),
    ("function_starts_total", "Runs of functions that got an instance.", ("sandbox", "started")),
    ("function_refusals_total", "Runs of functions for which there was no room.", ("sandbox", "refused")),
)
_TIER_COUNTERS = (
    ("cache_lookup_hits_total", "Look-ups in a tier of the cache that found the key.", "hits"),
    ("cache_lookup_misses_total", "Look-ups in a tier of the cache that did not.", "misses"),
    ("cache_stored_total", "Responses stored in a tier.", "stored"),
    ("cache_evicted_total", "Responses evicted from a tier to make room.", "evicted"),
    ("cache_evicted_bytes_total", "Octets evicted from a tier to make room.", "evicted_bytes"),
    ("cache_purged_total", "Responses that a purge hit.", "purged"),
    ("cache_refused_total", "Responses not stored: too large, or purged since.", "refused"),
    ("cache_dropped_total", "Responses not stored because the tier was busy.", "dropped"),
    ("cache_failures_total", "Failures of a tier.", "failures"),
    ("cache_damaged_total", "Stored responses found damaged, and taken as misses.", "damaged"),
)
_TIER_GAUGES = (
    ("cache_objects", "Responses in a tier now.", "objects_now"),
    ("cache_bytes", "Octets in a tier now.", "bytes_now"),
    ("cache_limit_bytes", "Octets that a tier may hold.", "bytes_max"),
)
_GAUGES = (
    ("connections", "Connections of viewers now.", ("process", "connections")),
    ("functions_running", "Instances of functions that run now.", ("sandbox", "running")),
    ("functions_idle", "Instances of functions kept for their next run.", ("sandbox", "idle")),
    ("functions_queued", "Runs of functions that wait for an instance.", ("sandbox", "queued")),
)


def render(workers: Sequence[Mapping[str, Any]], *, own: Mapping[str, float], pop: str = "") -> str:
    """Return the page: what the ``workers`` tell and the supervisor's ``own`` numbers, of the POP called ``pop``."""
    page = Exposition({"pop": pop})
    _supervisor(page, own)
    for stats in workers:
        labels = {"worker": str(stats.get("worker", 0))}
        _exchanges(page, stats, labels)
        _cache(page, stats, labels)
        _functions(page, stats, labels)
        _origins(page, stats, labels)
        _mesh(page, stats, labels)
        _process(page, stats, labels)
        for name, about, path in _COUNTERS:
            if (value := _at(stats, *path)) is not None:
                page.counter(f"edgefaas_{name}", about, value, labels)
        for name, about, path in _GAUGES:
            if (value := _at(stats, *path)) is not None:
                page.gauge(f"edgefaas_{name}", about, value, labels)
    return page.text


def _supervisor(page: Exposition, own: Mapping[str, float]) -> None:
    page.gauge("edgefaas_build_info", "Which edgefaas this is.", 1, {"version": __version__})
    page.gauge("edgefaas_uptime_seconds", "Since this POP started.", own.get("uptime_seconds", 0), {})
    page.gauge("edgefaas_workers", "Workers that are to run.", own.get("workers", 0), {})
    page.gauge("edgefaas_functions", "Functions that are live.", own.get("functions", 0), {})
    restarts = own.get("worker_restarts_total", 0)
    page.counter("edgefaas_worker_restarts_total", "Workers that ended and were replaced.", restarts, {})
    about = "Spans for the collector, by what became of them."
    for result in ("exported", "dropped"):
        count = own.get(f"spans_{result}_total", 0)
        page.counter("edgefaas_spans_total", about, count, {"result": result})
    lost = own.get("log_lines_dropped_total", 0)
    page.counter("edgefaas_log_lines_dropped_total", "Log lines that could not be written.", lost, {})


def _exchanges(page: Exposition, stats: Mapping[str, Any], labels: Labels) -> None:
    about = "Answers to viewers, by status."
    for status, count in _merged(stats, "statuses", "express_statuses"):
        page.counter("edgefaas_http_responses_total", about, count, {**labels, "status": status})
    for word, count in _merged(stats, "words", "express_words"):
        result = word.removesuffix(" from edgefaas") or "none"
        page.counter("edgefaas_cache_responses_total", _CACHE_ANSWERS, count, {**labels, "result": result})
    _histogram(page, "edgefaas_http_request_duration_seconds", _DURATION, stats.get("latency_us"), labels)


def _cache(page: Exposition, stats: Mapping[str, Any], labels: Labels) -> None:
    for tier in ("memory", "disk"):
        told = stats.get("cache" if tier == "memory" else "disk")
        if not isinstance(told, Mapping):
            continue
        of = {**labels, "tier": tier}
        for name, about, key in _TIER_COUNTERS:
            if (value := _at(told, key)) is not None:
                page.counter(f"edgefaas_{name}", about, value, of)
        for name, about, key in _TIER_GAUGES:
            if (value := _at(told, key)) is not None:
                page.gauge(f"edgefaas_{name}", about, value, of)
        about = "How long responses had been stored when they were evicted to make room."
        ages = told.get("evicted_ages_s")
        _histogram(page, "edgefaas_cache_eviction_age_seconds", about, ages, of, _SECONDS)


def _functions(page: Exposition, stats: Mapping[str, Any], labels: Labels) -> None:
    for row in _rows(stats, "functions"):
        of = {**labels, "function": str(row.get("name", "")), "version": str(row.get("version", ""))[:12]}
        runs, errors = _at(row, "runs") or 0, _at(row, "errors") or 0
        page.counter("edgefaas_function_runs_total", "Runs of a function.", runs, of)
        page.counter("edgefaas_function_errors_total", "Runs without a result of use.", errors, of)
        about = "Responses of 500 and above that a function made itself."
        page.counter("edgefaas_function_server_errors_total", about, _at(row, "server_errors") or 0, of)
        cpu_s = (_at(row, "cpu_us") or 0) / _MICRO
        page.counter("edgefaas_function_cpu_seconds_total", "CPU time of a function's runs.", cpu_s, of)
        about = "How long a function's runs took, waiting included."
        _histogram(page, "edgefaas_function_duration_seconds", about, row.get("wall_us"), of)


def _origins(page: Exposition, stats: Mapping[str, Any], labels: Labels) -> None:
    for row in _rows(stats, "origins"):
        of = {**labels, "origin": str(row.get("name", ""))}
        for status, count in _counts(row.get("statuses")):
            about = "Answers of an origin by status; 0 is none at all."
            page.counter("edgefaas_origin_responses_total", about, count, {**of, "status": status})
        about = "Time until the head of an origin's answer."
        _histogram(page, "edgefaas_origin_response_seconds", about, row.get("latency_us"), of)
    connections = stats.get("origin_connections")
    for authority, kinds in connections.items() if isinstance(connections, Mapping) else ():
        for kind, count in _counts(kinds):
            about = "Connections to origins now, by origin and state."
            page.gauge(
                "edgefaas_origin_connections",
                about,
                count,
                {**labels, "origin": str(authority), "state": kind},
            )


def _mesh(page: Exposition, stats: Mapping[str, Any], labels: Labels) -> None:
    for row in _rows(stats, "peers"):
        of = {**labels, "peer": str(row.get("name", ""))}
        up = 1 if row.get("in_service") is True else 0
        page.gauge("edgefaas_peer_up", "Whether this worker takes another POP for in service.", up, of)
        for result in ("sent", "failed"):
            about = "Requests passed on to another POP; those that got no answer are failed, too."
            count = _at(row, result) or 0
            page.counter("edgefaas_peer_requests_total", about, count, {**of, "result": result})


def _process(page: Exposition, stats: Mapping[str, Any], labels: Labels) -> None:
    """Add what every exporter calls so (Prometheus, "Process metrics"), of each worker."""
    told = stats.get("process")
    if not isinstance(told, Mapping):
        return
    if (cpu_s := _at(told, "cpu_s")) is not None:
        page.counter("process_cpu_seconds_total", "CPU time of a worker.", cpu_s, labels)
    for name, about, key in (
        ("process_resident_memory_bytes", "Resident memory of a worker.", "memory_bytes"),
        ("process_open_fds", "Open files of a worker.", "open_files"),
        ("process_start_time_seconds", "When a worker started, Unix time.", "started_s"),
        (
            "edgefaas_process_memory_max_bytes",
            "The most resident memory that a worker has had.",
            "memory_max_bytes",
        ),
    ):
        if (value := _at(told, key)) is not None:
            page.gauge(name, about, value, labels)


def _histogram(
    page: Exposition,
    name: str,
    about: str,
    told: object,
    labels: Labels,
    scale: Scale = _MICROSECONDS,
) -> None:
    """Add a worker's histogram (``Histogram.summary``)."""
    if not isinstance(told, Mapping):
        return
    buckets = sorted(
        (value_of(int(bucket)), count) for bucket, count in _counts(told.get("buckets")) if bucket.isdigit()
    )
    cumulative: list[tuple[float, int]] = []
    below, at = 0, 0
    for bound in scale.bounds:
        while at < len(buckets) and buckets[at][0] < bound:
            below += buckets[at][1]
            at += 1
        cumulative.append((bound / scale.steps, below))
    count = sum(count for _, count in buckets)
    page.histogram(
        name, about, cumulative, count=count, total=(_at(told, "total") or 0) / scale.steps, labels=labels
    )


def _at(stats: Mapping[str, Any], *path: str) -> float | None:
    """Return the number at ``path``; None where there is none."""
    value: Any = stats
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if type(value) in (int, float) and value == value and value >= 0 else None  # noqa: PLR0124  # NaN


def _rows(stats: Mapping[str, Any], key: str) -> Iterator[Mapping[str, Any]]:
    rows = stats.get(key)
    for row in rows if isinstance(rows, Sequence) and not isinstance(rows, str) else ():
        if isinstance(row, Mapping):
            yield row


def _counts(told: object) -> Iterator[tuple[str, int]]:
    for key, count in told.items() if isinstance(told, Mapping) else ():
        if type(count) is int and count >= 0:
            yield str(key), count


def _merged(stats: Mapping[str, Any], *keys: str) -> list[tuple[str, int]]:
    merged: dict[str, int] = {}
    for key in keys:
        for name, count in _counts(stats.get(key)):
            merged[name] = merged.get(name, 0) + count
    return sorted(merged.items())
