"""Set the stage (files, origin, servers), measure the rows, and hand the report over.

Everything lives in a temporary folder and on loopback, and ends with the run, also when it is interrupted.
"""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from benchmarks import generator, machine
from benchmarks.content import write_files
from benchmarks.cores import Cores, busy_shares, plan
from benchmarks.measure import Bench, Outcome, Pace, headline
from benchmarks.peers import PEERS, Ground, Missing, Peer
from benchmarks.peers.pop import Pop
from benchmarks.probes import Probe, Target
from benchmarks.probes import run as run_probes
from benchmarks.rows import Row, peak_row
from benchmarks.server import Server, ServerError, free_port

FORMAT = 1
REST_S = 3.0
QUIET_LOAD = 0.3  # per core: up to here a machine counts as quiet


@dataclass(slots=True, kw_only=True)
class Report:
    """What a run found. ``servers`` tells of every column: version, command, or why it is missing."""

    started: str
    machine: dict[str, object]
    revision: str
    pace: Pace
    servers: dict[str, dict[str, object]]
    outcomes: list[Outcome] = field(default_factory=list)
    probes: list[Probe] = field(default_factory=list)

    def warnings(self) -> list[str]:
        """Return everything that should make a reader careful."""
        told = [warning for outcome in self.outcomes for warning in outcome.warnings()]
        if self.machine["server_core"] == self.machine["generator_core"]:
            told.insert(0, "server and generator shared the only core: latencies hold both")
        load = self.machine["load_per_core_at_start"]
        if isinstance(load, float) and load > QUIET_LOAD:
            told.insert(0, f"the machine was busy at the start (load {load} per core): trust ratios only")
        return told

    def as_json(self) -> dict[str, object]:
        """Return the report as JSON values."""
        return {
            "format": FORMAT,
            "started": self.started,
            "revision": self.revision,
            "machine": self.machine,
            "pace": {
                "rounds": self.pace.rounds,
                "duration_s": self.pace.duration_s,
                "warmup_s": self.pace.warmup_s,
            },
            "units": {
                "throughput": "answers/s",
                "latencies": "microseconds",
                "cpu_us": "server CPU us per answer",
            },
            "servers": self.servers,
            "headline": headline(self.outcomes),
            "rows": [outcome.as_json() for outcome in self.outcomes],
            "probes": [probe.as_json() for probe in self.probes],
            "warnings": self.warnings(),
        }


Say = Callable[[str], None]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Running servers and what they serve."""

    servers: dict[type[Peer], Server]
    grounds: dict[type[Peer], Ground]
    files: Path
    folder: Path
    cores: Cores
    told: dict[str, dict[str, object]]


def _start(
    peer_type: type[Peer], ground: Ground, cores: Cores, *, install: bool
) -> tuple[dict[str, object], Server | None]:
    """Find and start one peer; a peer that cannot take part says why instead."""
    peer = peer_type()
    found = peer.find(install=install)
    if isinstance(found, Missing):
        return {"missing": found.reason, "remedy": found.remedy}, None
    ground.folder.mkdir()
    about: dict[str, object] = {"version": found.version}
    try:
        server = peer.start(found, ground, cores.server)
    except (ServerError, OSError) as error:
        return {**about, "missing": f"it does not start: {error}", "remedy": "see its message"}, None
    about["command"] = shown(server.command, ground.folder)
    about["start_ms"] = round(server.start_s * 1e3)
    return about, server


def shown(command: Sequence[str], folder: Path) -> str:
    """Return a command for a report that others read: without the paths of this machine. Pure."""
    program, *arguments = command
    checkout = str(Path(__file__).parent.parent)
    short = [argument.replace(str(folder), "RUN").replace(checkout, ".") for argument in arguments]
    return " ".join([Path(program).name, *short])


@contextmanager
def stage(needed: set[type[Peer]], cores: Cores, *, install: bool, say: Say) -> Iterator[Stage]:
    """Start what is needed; end all of it on leaving."""
    with ExitStack() as ending:
        folder = Path(tempfile.mkdtemp(prefix="edgefaas-bench-"))
        ending.callback(shutil.rmtree, folder, ignore_errors=True)
        files = folder / "site" / "assets"
        written = write_files(files)
        say("building the load generator")
        generator.build("load")
        origin_port = free_port()
        command = [str(generator.build("origin")), str(origin_port), str(cores.origin), *map(str, written)]
        origin = Server(command, port=origin_port, log=folder / "origin.log")
        ending.callback(origin.stop)
        origin.start(cores.origin)
        servers: dict[type[Peer], Server] = {}
        grounds: dict[type[Peer], Ground] = {}
        told: dict[str, dict[str, object]] = {}
        for number, peer in enumerate(PEERS):
            if peer not in needed:
                continue
            say(f"starting {peer.name}")
            ground = Ground(
                folder=folder / f"{number}", files=files, origin_port=origin_port, port=free_port()
            )
            told[peer.name], server = _start(peer, ground, cores, install=install)
            if server is not None:
                ending.callback(server.stop)
                servers[peer] = server
                grounds[peer] = ground
        yield Stage(servers=servers, grounds=grounds, files=files, folder=folder, cores=cores, told=told)


def run(
    rows: Sequence[Row], probes: Sequence[str], pace: Pace, *, install: bool, say: Say, progress: Progress
) -> Report:
    """Measure the rows and the named probes, and return the report.

    Raises:
        GeneratorError: the load generator cannot be built.
        ServerError: the origin does not start.
    """
    started = datetime.now(UTC).isoformat(timespec="seconds")
    cores = plan(busy_shares())
    about = machine.describe(cores)
    needed = {peer for peer in PEERS if any(row.workload in peer.targets for row in rows)}
    if probes:
        needed.add(Pop)
    with stage(needed, cores, install=install, say=say) as ready:
        report = Report(
            started=started,
            machine=about,
            revision=machine.revision(Path(__file__).parent),
            pace=pace,
            servers=ready.told,
        )
        bench = Bench(
            servers=ready.servers, files=ready.files, folder=ready.folder, cores=ready.cores, pace=pace
        )
        say("watching everybody at rest")
        for name, share in _at_rest(ready.servers).items():
            ready.told[name]["idle_cpu_percent"] = round(share * 100, 2)
        columns = sum(row.workload in peer.targets for row in rows for peer in ready.servers)
        say(f"measuring {len(rows)} rows, about {pace.seconds(columns) / 60:.0f} minutes")
        peaks: dict[str, dict[str, float]] = {}
        for row in rows:
            outcome = bench.measure(row, peaks.get(peak_row(row), {}), progress)
            if not outcome.columns:
                continue
            report.outcomes.append(outcome)
            if row.share is None:
                peaks[row.name] = _peaks(outcome)
        for peer, server in ready.servers.items():
            ready.told[peer.name]["resident_bytes"] = server.resident_bytes()
        if probes and Pop in ready.servers:
            report.probes = run_probes(_target(ready, pace), probes, progress)
    return report


def _at_rest(servers: Mapping[type[Peer], Server]) -> dict[str, float]:
    """Return the share of a core that each server uses while nobody asks it anything."""
    before = {peer: server.cpu_s() for peer, server in servers.items()}
    time.sleep(REST_S)
    return {peer.name: (server.cpu_s() - before[peer]) / REST_S for peer, server in servers.items()}


def _target(ready: Stage, pace: Pace) -> Target:
    server = ready.servers[Pop]
    return Target(
        program=server.command[0],
        server=server,
        folder=ready.grounds[Pop].folder,
        cores=ready.cores,
        rounds=pace.rounds,
    )


def _peaks(outcome: Outcome) -> dict[str, float]:
    return {column.name: median(column.of("throughput")) for column in outcome.columns if column.runs}
