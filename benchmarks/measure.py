"""Run the rows: every column in turn, round after round, so that all see the same machine.

A column whose answer is wrong, or which fails, is reported with the reason and gets no figures.
"""

import http.client
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks import generator
from benchmarks.content import Workload, request_text, right_answer
from benchmarks.cores import Cores
from benchmarks.generator import GeneratorError, Load, Measurement
from benchmarks.peers.contract import Peer
from benchmarks.rows import Row
from benchmarks.samples import Sample, merged, paired_ratio, percentiles, sample, significant
from benchmarks.server import Server

RUN_OVERHEAD_S = 0.05
SATURATED = 0.9
"""Above this share of its core the generator may be what is measured."""

Progress = Callable[[str, int, int], None]
"""Told (what is being measured, done, of how many)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long and how often. At least five rounds: a median needs them."""

    rounds: int = 5
    duration_s: float = 1.5
    warmup_s: float = 0.3

    def seconds(self, columns: int) -> float:
        """Return about how long so many columns take."""
        return columns * self.rounds * (self.duration_s + self.warmup_s + RUN_OVERHEAD_S)


FULL = Pace()
QUICK = Pace(duration_s=0.4, warmup_s=0.1)


@dataclass(slots=True, kw_only=True)
class Column:
    """What one server did in one row; ``failure`` says why it has no figures."""

    name: str
    target: str
    runs: list[Measurement] = field(default_factory=list)
    failure: str = ""

    def of(self, quantity: str) -> list[float]:
        """Return a quantity of every run: throughput, cpu_us, or a latency (p50, p99 …)."""
        if quantity == "throughput":
            return [run.throughput for run in self.runs]
        if quantity == "cpu_us":
            return [run.server_cpu_us_per_request or 0.0 for run in self.runs]
        return [run.latency_us.get(quantity, 0.0) for run in self.runs]


HEADLINE = ("throughput", "p99", "cpu_us")
QUANTITIES = ("throughput", "p50", "p90", "p99", "p999", "max", "cpu_us")


@dataclass(slots=True, kw_only=True)
class Outcome:
    """A measured row. ``rate`` is the fixed rate of an open loop."""

    row: Row
    columns: list[Column]
    rate: float | None = None

    def column(self, name: str) -> Column | None:
        """Return the named column if it has figures."""
        return next((column for column in self.columns if column.name == name and column.runs), None)

    def ratio(self, quantity: str, other: str) -> Sample | None:
        """Return ours / theirs for a quantity, paired; None when either has no figures."""
        ours, theirs = self.column("edgefaas"), self.column(other)
        if ours is None or theirs is None:
            return None
        return paired_ratio(ours.of(quantity), theirs.of(quantity))

    def fell_behind(self, column: Column) -> bool:
        """Return whether in most runs more requests were left over than the connections hold."""
        if self.rate is None or not column.runs:
            return False
        return median(run.unfinished for run in column.runs) > self.row.connections

    def warnings(self) -> list[str]:
        """Return what a sceptic should know about these figures."""
        told = []
        for column in self.columns:
            if column.runs and max(run.generator_cpu_share for run in column.runs) > SATURATED:
                told.append(f"{self.row.name}: the generator used its whole core against {column.name}")
            if self.fell_behind(column):
                told.append(f"{self.row.name}: {column.name} could not keep up with the rate")
        return told

    def as_json(self) -> dict[str, object]:
        """Return the row as JSON values."""
        others = [column.name for column in self.columns if column.name != "edgefaas"]
        return {
            "name": self.row.name,
            "title": self.row.title,
            "workload": str(self.row.workload),
            "connections": self.row.connections,
            "loop": "closed" if self.rate is None else "open",
            "rate": None if self.rate is None else significant(self.rate),
            "reference": self.row.reference,
            "ratio": {name: _ratios(self, name) for name in others if self.ratio("throughput", name)},
            "columns": {column.name: _column_json(column) for column in self.columns},
        }


def _ratios(outcome: Outcome, other: str) -> dict[str, object]:
    ratios = ((quantity, outcome.ratio(quantity, other)) for quantity in QUANTITIES)
    return {quantity: ratio.as_json() for quantity, ratio in ratios if ratio is not None}


def _column_json(column: Column) -> dict[str, object]:
    if not column.runs:
        return {"target": column.target, "failure": column.failure}
    whole = merged([run.buckets for run in column.runs])
    return {
        "target": column.target,
        "requests": sum(run.requests for run in column.runs),
        "unfinished": sum(run.unfinished for run in column.runs),
        **{quantity: sample(column.of(quantity)).as_json() for quantity in QUANTITIES},
        "percentiles_us": [[point, significant(value)] for point, value in percentiles(whole)],
        "generator_cpu_share": significant(max(run.generator_cpu_share for run in column.runs), 3),
        "generator_lag_p99_us": significant(max(run.lag_p99_us for run in column.runs), 3),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Everything a measurement needs: running servers, files, cores, the generator and the pace."""

    servers: Mapping[type[Peer], Server]
    files: Path
    folder: Path
    cores: Cores
    pace: Pace

    def measure(self, row: Row, peak: Mapping[str, float], progress: Progress) -> Outcome:
        """Measure one row. ``peak`` has the closed throughput by column, for the rate of an open row."""
        columns: list[Column] = []
        entries: list[tuple[Column, Server, Path]] = []
        for peer, server in self.servers.items():
            target = peer.targets.get(row.workload)
            if target is None:
                continue
            column = Column(name=peer.name, target=target)
            columns.append(column)
            path = self.folder / f"{row.name}-{peer.name.replace(' ', '-')}.requests"
            column.failure = self._prepare(row.workload, target, server, path)
            if not column.failure:
                entries.append((column, server, path))
        rate = _rate(row, peak)
        if row.share is not None and rate is None:
            return Outcome(row=row, columns=[])
        total = self.pace.rounds * len(entries)
        for turn in range(self.pace.rounds):
            # Every other round goes backwards, so that no column always follows the same neighbour.
            for place, (column, server, path) in enumerate(entries if turn % 2 == 0 else entries[::-1]):
                progress(f"{row.name} {column.name}", turn * len(entries) + place, total)
                if not column.failure:
                    self._run(row, rate, column, server, path)
        for column in columns:
            if column.failure:
                column.runs.clear()
        return Outcome(row=row, columns=columns, rate=rate)

    def _run(self, row: Row, rate: float | None, column: Column, server: Server, path: Path) -> None:
        load = Load(
            port=server.port,
            requests=path,
            connections=row.connections,
            rate=rate,
            duration_s=self.pace.duration_s,
            warmup_s=self.pace.warmup_s,
            cpu=self.cores.generator,
            watch=server.pids,
        )
        try:
            run = generator.run(load)
        except GeneratorError as error:
            column.failure = str(error)
            return
        column.failure = run.wrongs()
        column.runs.append(run)

    def _prepare(self, workload: Workload, target: str, server: Server, path: Path) -> str:
        """Write the requests file and check one answer; return what is wrong, or ""."""
        right = right_answer(workload, self.files)
        try:
            extra = _validators(server.port, target) if workload is Workload.NOT_MODIFIED else []
            path.write_bytes(request_text(workload, target, right, extra))
            first = generator.run(_check(server.port, path))
            if right.big:
                path.write_bytes(request_text(workload, target, right, extra, to_the_octet=False))
        except (GeneratorError, OSError, http.client.HTTPException) as error:
            return f"no answer: {error}"
        return f"wrong answer: {wrongs}" if (wrongs := first.wrongs()) else ""


def _check(port: int, path: Path) -> Load:
    return Load(port=port, requests=path, duration_s=15.0, warmup_s=0.0, count=2)


def _validators(port: int, target: str) -> list[tuple[str, str]]:
    """Ask for the resource and return the condition under which it is not modified."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", target)
        response = connection.getresponse()
        response.read()
    finally:
        connection.close()
    if tag := response.getheader("ETag"):
        return [("If-None-Match", tag)]
    return [("If-Modified-Since", response.getheader("Last-Modified", ""))]


def _rate(row: Row, peak: Mapping[str, float]) -> float | None:
    """Return the fixed rate of an open row: a share of the slower of ours and the reference."""
    if row.share is None:
        return None
    peaks = [peak[name] for name in ("edgefaas", row.reference) if name in peak]
    return row.share * min(peaks) if peaks else None


def headline(outcomes: Sequence[Outcome]) -> dict[str, dict[str, float]]:
    """Return the median ratios of each row against its reference, by row name.

    Throughput is left out of open rows: the rate was given.
    """
    found: dict[str, dict[str, float]] = {}
    for outcome in outcomes:
        quantities = HEADLINE if outcome.rate is None else HEADLINE[1:]
        ratios = ((quantity, outcome.ratio(quantity, outcome.row.reference)) for quantity in quantities)
        if told := {
            quantity: significant(ratio.median, 3) for quantity, ratio in ratios if ratio is not None
        }:
            found[outcome.row.name] = told
    return found
