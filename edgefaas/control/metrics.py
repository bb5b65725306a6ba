"""Counters and gauges of all workers in the Prometheus text format (version 0.0.4). Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_UNFIT = re.compile(r"[^a-zA-Z0-9_]")
MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def render(workers: Sequence[Mapping[str, Any]], *, own: Mapping[str, float]) -> str:
    """Return the exposition: every number in the workers' statistics, one series per worker."""
    series: dict[str, list[str]] = {}
    for name, value in own.items():
        series.setdefault(f"edgefaas_{name}", []).append(f"edgefaas_{name} {value:g}")
    for stats in workers:
        worker = stats.get("worker", 0)
        for path, value in _numbers(stats, ()):
            if path == ("worker",):
                continue
            name = "edgefaas_" + "_".join(_UNFIT.sub("_", part) for part in path)
            series.setdefault(name, []).append(f'{name}{{worker="{worker}"}} {value!r}')
    return "".join(
        f"# TYPE {name} untyped\n" + "".join(f"{line}\n" for line in lines)
        for name, lines in sorted(series.items())
    )


def _numbers(value: object, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], float]]:
    if isinstance(value, bool):
        yield path, int(value)
    elif isinstance(value, (int, float)):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _numbers(item, (*path, str(key)))
