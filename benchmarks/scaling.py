"""How much more several workers do than one: ``python -m benchmarks.scaling --workers 1,2``.

Every round starts with one POP per number of workers, each worker with a core of its own, the generator on the
cores that are left. A function is asked for, since its work is the worker's and not the kernel's. Also told: how
evenly the connections were spread, as the CPU time of the least loaded worker over that of the most loaded.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import click

from benchmarks import generator
from benchmarks.content import Workload, request_text, right_answer, write_files
from benchmarks.cores import busy_shares
from benchmarks.generator import Load
from benchmarks.peers import Ground, Missing
from benchmarks.peers.pop import Pop
from benchmarks.samples import paired_ratio, sample
from benchmarks.server import Server, ServerError, cpu_s_of, free_port

ROUNDS = 5
CONNECTIONS_PER_WORKER = 16


@dataclass(slots=True)
class Column:
    """What one number of workers reached, run by run; ``evenness`` is 1 when all worked alike."""

    workers: int
    throughput: list[float] = field(default_factory=list)
    evenness: list[float] = field(default_factory=list)


def evenness(cpu_s: Sequence[float]) -> float:
    """Return the least over the most of what the workers used; 1 for a single one, 0 when one did nothing. Pure."""
    most = max(cpu_s, default=0.0)
    return min(cpu_s) / most if most else 0.0


def share_cores(busy: Mapping[int, float], workers: int) -> tuple[list[int], list[int]]:
    """Return the cores of the workers (the quietest) and those of the generator (the rest, or all). Pure."""
    order = sorted(busy, key=lambda core: (busy[core], -core))
    return order[:workers], order[workers:] or order


def worker_pids(server: Server) -> list[int]:
    """Return the ids of the POP's worker processes."""
    found = []
    for pid in server.pids:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        if b"edgefaas.worker" in command:
            found.append(pid)
    return found


def _start(stack: ExitStack, folder: Path, files: Path, workers: int, cores: Sequence[int]) -> Server:
    found = Pop().find(install=False)
    if isinstance(found, Missing):
        raise click.ClickException(f"{found.reason}; {found.remedy}")
    ground = Ground(folder=folder / f"pop-{workers}", files=files, origin_port=1, port=free_port())
    ground.folder.mkdir()
    server = Pop(workers=workers).start(found, ground, None)
    stack.callback(server.stop)
    for pid, core in zip(worker_pids(server), cores, strict=True):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), {core})
    return server


def _measure(column: Column, server: Server, requests: Path, core: int, duration_s: float) -> None:
    pids = worker_pids(server)
    before = [cpu_s_of(pid) for pid in pids]
    load = Load(
        port=server.port,
        requests=requests,
        connections=CONNECTIONS_PER_WORKER * column.workers,
        duration_s=duration_s,
        cpu=core,
    )
    run = generator.run(load)
    if wrongs := run.wrongs():
        raise click.ClickException(f"{column.workers} workers: {wrongs}")
    column.throughput.append(run.throughput)
    column.evenness.append(evenness([cpu_s_of(pid) - used for pid, used in zip(pids, before, strict=True)]))


@click.command()
@click.option("--workers", "numbers", default="1,2", show_default=True, help="Numbers of workers to compare.")
@click.option(
    "--duration", type=click.FloatRange(0.1, 60), default=1.5, show_default=True, help="Seconds a run."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(numbers: str, duration: float, *, as_json: bool) -> None:
    """Compare the throughput of several numbers of workers, each with a core of its own."""
    columns = [Column(int(number)) for number in numbers.split(",")]
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="edgefaas-scaling-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        files = folder / "site" / "assets"
        write_files(files)
        requests = folder / "requests"
        hello = Workload.HELLO_EVENT
        requests.write_bytes(request_text(hello, Pop.targets[hello], right_answer(hello, files)))
        cores, spare = share_cores(busy_shares(), max(column.workers for column in columns))
        try:
            servers = [_start(stack, folder, files, c.workers, cores[: c.workers]) for c in columns]
        except ServerError as error:
            raise click.ClickException(str(error)) from error
        for turn in range(ROUNDS):
            pairs = list(zip(columns, servers, strict=True))
            for column, server in pairs if turn % 2 == 0 else pairs[::-1]:
                _measure(column, server, requests, spare[0], duration)
    _tell(columns, as_json=as_json)


def _tell(columns: Sequence[Column], *, as_json: bool) -> None:
    first = columns[0]
    told = []
    for column in columns:
        ratio = paired_ratio(column.throughput, first.throughput)
        assert ratio is not None
        about = {
            "workers": column.workers,
            "ratio": ratio.as_json(),
            "throughput": sample(column.throughput).as_json(),
        }
        told.append({**about, "evenness": sample(column.evenness).as_json()})
        if not as_json:
            click.echo(
                f"{column.workers} workers: {ratio.median:.2f} times {first.workers} "
                f"({ratio.low:.2f} to {ratio.high:.2f}), {sample(column.throughput).median:,.0f} answers/s, "
                f"least loaded worker {sample(column.evenness).median:.0%} of the most loaded"
            )
    if as_json:
        click.echo(json.dumps(told))


if __name__ == "__main__":
    main()
