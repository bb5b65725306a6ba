"""A long run with trouble: deploys, purges, killed workers and an origin that comes and goes.

``python -m benchmarks.soak --minutes 120``: a POP with several workers under a steady open loop; nobody may get a
wrong answer, no request may be lost but those in flight in a killed worker, and memory may not grow. Prints one
line per chunk of load and ends with a verdict; exit code 1 when anything was wrong.
"""

import contextlib
import itertools
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import click

from benchmarks import generator
from benchmarks.content import Workload, request_text, right_answer, write_files
from benchmarks.cores import Cores
from benchmarks.figures import size
from benchmarks.generator import Load, Measurement
from benchmarks.peers import Ground, Missing
from benchmarks.peers.pop import Pop
from benchmarks.probes import ProbeError, Target
from benchmarks.server import Server, ServerError, free_port

CHUNK_S = 6.0
CONNECTIONS = 16
WARM_SHARE = 0.25  # of the chunks: memory may grow while caches fill
GROWTH_MAX = 0.05
ORIGIN_AWAY_S = 1.5
EXCUSED_WHILE_ORIGIN_IS_AWAY = frozenset({502, 503, 504})
MIX = (
    Workload.HIT_1K,
    Workload.HIT_100K,
    Workload.MISS_1K,
    Workload.HELLO_EVENT,
    Workload.HELLO_JS,
    Workload.JS_ON_HIT,
    Workload.EVENT_2K,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """One stretch of load with one trouble in it; memory is that of all processes, in bytes."""

    trouble: str
    run: Measurement
    memory_bytes: int
    complaint: str = ""


def complaints(chunk: Chunk) -> list[str]:
    """Return what must not have happened in a chunk. Pure."""
    found = [chunk.complaint] if chunk.complaint else []
    kinds = dict(chunk.run.errors_by_kind)
    statuses = {status: count for status, count in chunk.run.by_status.items() if status != 200}
    if chunk.trouble == "origin away" and set(statuses) <= EXCUSED_WHILE_ORIGIN_IS_AWAY:
        kinds["status"] = 0
    if chunk.trouble == "worker killed":
        # Each of its connections may lose the request in flight, and be refused until its successor listens.
        for kind in ("closed", "connect"):
            kinds[kind] = max(0, kinds.get(kind, 0) - CONNECTIONS)
    found += [f"{count} {kind}" for kind, count in kinds.items() if count]
    if kinds.get("status"):
        found.append(f"statuses {statuses}")
    return found


def memory_growth(bytes_by_chunk: Sequence[int]) -> float:
    """Return by which share memory grew from the first to the last quarter, once warm. Pure."""
    warm = bytes_by_chunk[int(len(bytes_by_chunk) * WARM_SHARE) :]
    quarter = max(1, len(warm) // 4)
    if not warm:
        return 0.0
    return median(warm[-quarter:]) / median(warm[:quarter]) - 1


@dataclass(slots=True, kw_only=True)
class Soak:
    """The running POP, its origin, and the troubles that befall them."""

    pop: Server
    target: Target
    requests: Path
    rate: float
    start_origin: Callable[[], Server]
    origin: Server
    deploys: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def quiet(self) -> str:
        """Let everything be."""
        return ""

    def deploy(self) -> str:
        """Deploy, and ask on new connections: all workers must answer with the new version."""
        word = f"soak-{next(self.deploys)}"
        self.target.deploy(word)
        answers = {self.target.get("/probe")[1] for _ in range(8)}
        return "" if answers == {word.encode()} else f"after deploy {word} viewers got {sorted(answers)}"

    def purge(self) -> str:
        """Purge everything: a command that fails complains by itself."""
        self.target.command("purge", "--all")
        return ""

    def kill_worker(self) -> str:
        """Kill the youngest worker without warning: the oldest lives through it all, and shows what it keeps."""
        workers = [pid for pid in self.pop.pids if _is_worker(pid)]
        if not workers:
            return "no worker process was found"
        with contextlib.suppress(ProcessLookupError):
            os.kill(max(workers, key=started_ticks), signal.SIGKILL)
        return ""

    def flap_origin(self) -> str:
        """Take the origin away for a moment."""
        self.origin.stop()
        time.sleep(ORIGIN_AWAY_S)
        self.origin = self.start_origin()
        return ""

    def chunk(self, trouble: str, act: Callable[[], str]) -> Chunk:
        """Load for six seconds, with the trouble in the middle."""
        complaint = ""
        with _background_run(self._load()) as result:
            time.sleep(CHUNK_S / 4)
            try:
                complaint = act()
            except (ProbeError, OSError) as error:
                complaint = str(error)
        return Chunk(
            trouble=trouble, run=result[0], memory_bytes=self.pop.resident_bytes(), complaint=complaint
        )

    def _load(self) -> Load:
        return Load(
            port=self.pop.port,
            requests=self.requests,
            connections=CONNECTIONS,
            rate=self.rate,
            duration_s=CHUNK_S,
            warmup_s=0.0,
        )


@contextlib.contextmanager
def _background_run(load: Load) -> Iterator[list[Measurement]]:
    """Run the load beside the block; on leaving, the list holds its measurement."""
    result: list[Measurement] = []
    thread = threading.Thread(target=lambda: result.append(generator.run(load)))
    thread.start()
    try:
        yield result
    finally:
        thread.join()


def started_ticks(pid: int) -> int:
    """Return when a process started, in ticks since the machine did; 0 when it has ended (Linux, proc_pid_stat)."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except OSError:
        return 0


def _is_worker(pid: int) -> bool:
    try:
        return b"edgefaas.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


@contextlib.contextmanager
def _running(workers: int, rate: float) -> Iterator[Soak]:
    with ExitStack() as ending:
        folder = Path(tempfile.mkdtemp(prefix="edgefaas-soak-"))
        ending.callback(shutil.rmtree, folder, ignore_errors=True)
        files = folder / "site" / "assets"
        written = write_files(files)
        port, core = free_port(), max(os.sched_getaffinity(0))

        def start_origin() -> Server:
            command = [str(generator.build("origin")), str(port), str(core), *map(str, written)]
            origin = Server(command, port=port, log=folder / "origin.log")
            origin.start(core)
            return origin

        ground = Ground(folder=folder / "pop", files=files, origin_port=port, port=free_port())
        ground.folder.mkdir()
        found = Pop().find(install=False)
        if isinstance(found, Missing):
            raise click.ClickException(f"{found.reason}; {found.remedy}")
        origin = start_origin()
        pop = Pop(workers=workers).start(found, ground, None)
        ending.callback(pop.stop)
        requests = folder / "mix.requests"
        requests.write_bytes(
            b"\n".join(request_text(kind, Pop.targets[kind], right_answer(kind, files)) for kind in MIX)
        )
        cores = Cores(server=core, generator=core, origin=core)
        target = Target(program=found.program, server=pop, folder=ground.folder, cores=cores, rounds=1)
        soak = Soak(
            pop=pop, target=target, requests=requests, rate=rate, start_origin=start_origin, origin=origin
        )
        ending.callback(lambda: soak.origin.stop())
        yield soak


@click.command()
@click.option("--minutes", type=click.FloatRange(0.1, 24 * 60), default=2.0, show_default=True)
@click.option("--workers", type=click.IntRange(1, 64), default=2, show_default=True)
@click.option(
    "--rate", type=click.FloatRange(1, 100_000), default=300.0, show_default=True, help="Requests/s."
)
@click.option("--json", "as_json", is_flag=True, help="End with one JSON object.")
def main(minutes: float, workers: int, rate: float, *, as_json: bool) -> None:
    """Run the POP under load and trouble; exit with 1 when anything was wrong."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        chunks, wrong = _soak(minutes, workers, rate, err=as_json)
    except (ServerError, generator.GeneratorError) as error:
        raise click.ClickException(str(error)) from error
    growth = memory_growth([chunk.memory_bytes for chunk in chunks])
    if growth > GROWTH_MAX:
        wrong.append(f"memory grew by {growth:.1%} once warm; {GROWTH_MAX:.0%} is allowed")
    requests = sum(chunk.run.requests for chunk in chunks)
    if as_json:
        told = {
            "minutes": minutes,
            "workers": workers,
            "requests": requests,
            "growth": growth,
            "wrong": wrong,
        }
        click.echo(json.dumps(told))
    else:
        verdict = "; ".join(wrong) or "nothing wrong"
        click.echo(f"{requests:,} answers, memory {growth:+.1%} once warm: {verdict}")
    sys.exit(1 if wrong else 0)


def _soak(minutes: float, workers: int, rate: float, *, err: bool) -> tuple[list[Chunk], list[str]]:
    """Return the chunks and what was wrong in them; tell of each as it ends."""
    deadline = time.monotonic() + minutes * 60
    chunks: list[Chunk] = []
    wrong: list[str] = []
    with _running(workers, rate) as soak:
        troubles = [
            ("nothing", soak.quiet),
            ("deploy", soak.deploy),
            ("purge", soak.purge),
            ("worker killed", soak.kill_worker),
            ("origin away", soak.flap_origin),
        ]
        for trouble, act in itertools.cycle(troubles):
            chunk = soak.chunk(trouble, act)
            chunks.append(chunk)
            found = complaints(chunk)
            wrong += [f"chunk {len(chunks)} ({trouble}): {text}" for text in found]
            p99 = chunk.run.latency_us.get("p99", 0.0) / 1e3
            line = f"{len(chunks):>5}  {trouble:<14}{chunk.run.requests:>7} answers  p99 {p99:>8.1f} ms"
            click.echo(f"{line}  {size(chunk.memory_bytes):>7}  {'; '.join(found) or 'fine'}", err=err)
            if time.monotonic() > deadline:
                break
    return chunks, wrong


if __name__ == "__main__":
    main()
