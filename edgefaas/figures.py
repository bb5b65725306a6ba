"""How a POP does just now: the few figures that POPs tell each other and people look at. Pure values.

They travel as JSON in the health answers of the mesh (``peers``) and in ``/v1/live``; what comes from another
process is read strictly, since a POP of another version, or a worker that runs strangers' code, wrote it.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

FUNCTIONS_TOLD_MAX = 12  # the busiest ones; of all others each POP's own page tells
NUMBER_MAX = 1e15
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_VERSION = re.compile(r"[0-9a-f]{0,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionFigures:
    """One version of a function. ``cpu_ms_per_s`` is of all workers: 1000 is one core.

    ``p50_ms`` and ``p99_ms`` are of whole runs, waiting included; None where nothing ran, or nobody told.
    """

    name: str
    version: str
    runs_per_s: float
    errors_per_s: float
    cpu_ms_per_s: float
    p50_ms: float | None = None
    p99_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a POP did in the last seconds, per second.

    ``errors_per_s`` are answers of 500 and above. ``hit_ratio`` (0 to 1) is of the answers that the cache could have
    given: hits to hits, revalidations and misses; None when there was none. The latencies are of all answers, hits
    that ended in the parser's callback counted as 0; None when there was none.
    """

    requests_per_s: float = 0.0
    errors_per_s: float = 0.0
    bytes_per_s: float = 0.0
    hit_ratio: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    functions: tuple[FunctionFigures, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return asdict(self)

    def short(self) -> dict[str, Any]:
        """Return the same for the other POPs, as little as they need."""
        told = {key: value if value is None else round(value, 4) for key, value in _numbers(self).items()}
        busiest = sorted(self.functions, key=lambda row: row.cpu_ms_per_s, reverse=True)[:FUNCTIONS_TOLD_MAX]
        return told | {
            "functions": [
                [
                    row.name,
                    row.version[:12],
                    round(row.runs_per_s, 2),
                    round(row.errors_per_s, 2),
                    round(row.cpu_ms_per_s, 2),
                ]
                for row in busiest
            ]
        }


def read_short(plain: object) -> Figures | None:
    """Return what another POP told by ``Figures.short``; None for what is nothing of the kind."""
    if not isinstance(plain, Mapping):
        return None
    try:
        rows = plain["functions"]
        if not isinstance(rows, Sequence) or len(rows) > FUNCTIONS_TOLD_MAX:
            return None
        return Figures(
            requests_per_s=_number(plain["requests_per_s"]),
            errors_per_s=_number(plain["errors_per_s"]),
            bytes_per_s=_number(plain["bytes_per_s"]),
            hit_ratio=_optional(plain["hit_ratio"], 1.0),
            p50_ms=_optional(plain["p50_ms"]),
            p99_ms=_optional(plain["p99_ms"]),
            functions=tuple(map(_function, rows)),
        )
    except (KeyError, TypeError, ValueError):
        return None


def _numbers(figures: Figures) -> dict[str, float | None]:
    return {
        "requests_per_s": figures.requests_per_s,
        "errors_per_s": figures.errors_per_s,
        "bytes_per_s": figures.bytes_per_s,
        "hit_ratio": figures.hit_ratio,
        "p50_ms": figures.p50_ms,
        "p99_ms": figures.p99_ms,
    }


def _function(row: object) -> FunctionFigures:
    """Return one row. Raises ValueError or TypeError."""
    if not isinstance(row, Sequence) or isinstance(row, str):
        raise TypeError("a function is a list")
    name, version, runs, errors, cpu = row
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError("no function is called so")
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        raise ValueError("no version is called so")
    return FunctionFigures(
        name=name,
        version=version,
        runs_per_s=_number(runs),
        errors_per_s=_number(errors),
        cpu_ms_per_s=_number(cpu),
    )


def _number(value: object, high: float = NUMBER_MAX) -> float:
    """Return a number from 0 to ``high``. Raises ValueError."""
    if type(value) not in (int, float) or not math.isfinite(value) or not 0 <= value <= high:  # type: ignore[arg-type,operator]
        raise ValueError("not a number of that range")
    return float(value)  # type: ignore[arg-type]


def _optional(value: object, high: float = NUMBER_MAX) -> float | None:
    return None if value is None else _number(value, high)
