"""Build the load generator in ``load/`` once, run it, and read what it measured.

The compiler is the ``ziglang`` package of the development environment, so no system compiler is needed. The
binary is cached under a name that holds the digest of its sources and of the compile command.
"""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SOURCE_FOLDER = Path(__file__).parent / "load"
COMPILE = ("-m", "ziglang", "cc", "-O2", "-std=c11", "-Wall", "-Wextra", "-Werror")
COMPILE_TIMEOUT_S = 300.0


class GeneratorError(Exception):
    """The generator could not be built or could not reach its target; the message says which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One run of load. ``rate`` None is a closed loop; otherwise requests per second, open loop.

    ``watch`` are the process ids whose CPU time is taken; ``cpu`` is the core the generator is pinned to.
    """

    port: int
    requests: Path
    connections: int = 1
    rate: float | None = None
    duration_s: float = 2.0
    warmup_s: float = 0.3
    timeout_s: float = 10.0
    count: int | None = None
    cpu: int | None = None
    watch: Sequence[int] = ()
    new_connections: bool = False

    def arguments(self) -> list[str]:
        """Return the generator's command line without the program."""
        given: list[str] = ["--target", f"127.0.0.1:{self.port}", "--requests", str(self.requests)]
        given += ["--connections", str(self.connections), "--duration", f"{self.duration_s:g}"]
        given += ["--warmup", f"{self.warmup_s:g}", "--timeout", f"{self.timeout_s:g}"]
        if self.rate is not None:
            given += ["--rate", f"{self.rate:.3f}"]
        if self.count is not None:
            given += ["--count", str(self.count)]
        if self.cpu is not None:
            given += ["--cpu", str(self.cpu)]
        if self.watch:
            given += ["--watch", ",".join(map(str, self.watch))]
        if self.new_connections:
            given.append("--new-connections")
        return given


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What one run measured. Latencies are microseconds, ``throughput`` is answers per second.

    ``buckets`` is the latency histogram: (upper bound, count), ascending. ``server_cpu_s`` is None when
    no process was watched. ``generator_cpu_share`` near 1 means that the generator, not the server, was
    measured.
    """

    requests: int
    errors: int
    errors_by_kind: Mapping[str, int]
    by_status: Mapping[int, int]
    unfinished: int
    duration_s: float
    throughput: float
    body_bytes: int
    latency_us: Mapping[str, float]
    buckets: Sequence[tuple[float, int]]
    lag_p99_us: float
    server_cpu_s: float | None
    generator_cpu_share: float

    @property
    def server_cpu_us_per_request(self) -> float | None:
        """Return CPU microseconds that the watched processes used per answered request, or None."""
        if self.server_cpu_s is None or not self.requests:
            return None
        return self.server_cpu_s / self.requests * 1e6

    def wrongs(self) -> str:
        """Return what went wrong in words, or ``""``: a run with errors is not a measurement."""
        kinds = [f"{count} {kind}" for kind, count in self.errors_by_kind.items() if count]
        if not kinds and not self.requests:
            kinds = ["no request was answered"]
        statuses = ", ".join(f"{status} x{count}" for status, count in self.by_status.items())
        return f"{', '.join(kinds)} (statuses: {statuses or 'none'})" if kinds else ""


def read_measurement(text: str) -> Measurement:
    """Return the measurement that the generator printed."""
    told: dict[str, Any] = json.loads(text)
    latency = told["latency_us"]
    duration_s = told["duration_s"]
    return Measurement(
        requests=told["requests"],
        errors=told["errors"],
        errors_by_kind=told["errors_by_kind"],
        by_status={int(status): count for status, count in told["by_status"].items()},
        unfinished=told["unfinished"],
        duration_s=duration_s,
        throughput=told["throughput"],
        body_bytes=told["body_bytes"],
        latency_us={name: value for name, value in latency.items() if name not in ("buckets", "count")},
        buckets=tuple((top, count) for top, count in latency.get("buckets", ())),
        lag_p99_us=told["lag_us"].get("p99", 0.0),
        server_cpu_s=told["server_cpu_s"],
        generator_cpu_share=told["generator_cpu_s"] / duration_s if duration_s else 0.0,
    )


def cache_folder() -> Path:
    """Return where built and fetched tools are kept: the checkout's ``.cache``, else the user's cache."""
    checkout = SOURCE_FOLDER.parent.parent
    if (checkout / "pyproject.toml").is_file() and os.access(checkout, os.W_OK):
        return checkout / ".cache" / "benchmarks"
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "edgefaas" / "benchmarks"


def build(program: str = "load", folder: Path | None = None) -> Path:
    """Return the path of the compiled program (``load`` or ``origin``), building it when needed (~4 s).

    Raises:
        GeneratorError: the compiler is missing or refused the source.
    """
    folder = folder or cache_folder()
    sources = [SOURCE_FOLDER / f"{program}.c", *sorted(SOURCE_FOLDER.glob("*.h"))]
    digest = hashlib.sha256(" ".join(COMPILE).encode())
    for source in sources:
        digest.update(source.read_bytes())
    binary = folder / f"{program}-{digest.hexdigest()[:16]}"
    if binary.is_file():
        return binary
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = binary.with_suffix(f".{os.getpid()}")
    command = [sys.executable, *COMPILE, "-o", str(unfinished), str(sources[0]), "-lm"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMPILE_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as late:
        raise GeneratorError(f"compiling {program}.c took over {COMPILE_TIMEOUT_S:g} s") from late
    if done.returncode != 0:
        raise GeneratorError(f"{program}.c does not compile with ziglang:\n{done.stderr.strip()[-2000:]}")
    unfinished.rename(binary)  # whole or not at all, also when two runs build at once
    return binary


def run(load: Load, binary: Path | None = None) -> Measurement:
    """Put the load on the target and return what was measured.

    Raises:
        GeneratorError: the target refuses connections, or the requests file is wrong.
    """
    command = [str(binary or build()), *load.arguments()]
    limit_s = load.warmup_s + load.duration_s + 2 * load.timeout_s + 60
    done = subprocess.run(command, capture_output=True, text=True, timeout=limit_s, check=False)
    if done.returncode != 0:
        raise GeneratorError(done.stderr.strip() or f"the generator ended with code {done.returncode}")
    return read_measurement(done.stdout)
