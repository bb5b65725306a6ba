"""What happens once rather than thousands of times a second: a deploy, a purge, a first request, a bad neighbour.

Only ours is measured; times are milliseconds as a user sees them, the start of the command included.
"""

import http.client
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import generator
from benchmarks.content import HELLO, Right, Workload, request_text
from benchmarks.cores import Cores
from benchmarks.generator import GeneratorError, Load, Measurement
from benchmarks.peers.pop import Pop
from benchmarks.samples import Sample, sample
from benchmarks.server import Server

WAIT_S = 30.0
POLL_S = 0.001
NEIGHBOURS = 8
VICTIM_RATE = 300.0
SPIN_STATUS = 503
SOURCE = "exports.handler = async () => ({{ status: '200', body: '{word}' }});\n"


class ProbeError(Exception):
    """A probe did not see what it must see; the message says what."""


@dataclass(slots=True, kw_only=True)
class Probe:
    """One probe: its values in ``unit``, or why it has none."""

    name: str
    title: str
    unit: str = "ms"
    values: list[float] = field(default_factory=list)
    failure: str = ""

    @property
    def sample(self) -> Sample | None:
        """Return the values condensed; None when there are none."""
        return sample(self.values) if self.values and not self.failure else None

    def as_json(self) -> dict[str, object]:
        """Return the probe as JSON values."""
        found = self.sample
        about: dict[str, object] = {"name": self.name, "title": self.title, "unit": self.unit}
        return {**about, **(found.as_json() if found else {"failure": self.failure})}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The POP that is probed; ``program`` is the edgefaas command, ``folder`` the POP's own."""

    program: str
    server: Server
    folder: Path
    cores: Cores
    rounds: int

    def command(self, *arguments: str) -> None:
        """Run a command against the POP. Raises ProbeError when it refuses."""
        command = [self.program, *arguments, "--data", str(self.folder / "data")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S, check=False)
        if done.returncode != 0:
            raise ProbeError(f"edgefaas {arguments[0]} failed: {done.stderr.strip()[-300:]}")

    def deploy(self, word: str) -> None:
        """Deploy a version of the probe that answers with this word."""
        path = self.folder / "probe.js"
        path.write_text(SOURCE.format(word=word))
        self.command("deploy", str(path), "--name", "probe")

    def get(self, path: str) -> tuple[str, bytes]:
        """Return X-Cache and the body of a new request on a new connection."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=WAIT_S)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.getheader("X-Cache", ""), response.read()
        finally:
            connection.close()


def _milliseconds(began_s: float) -> float:
    return (time.perf_counter() - began_s) * 1e3


def _until(target: Target, path: str, seen: Callable[[str, bytes], bool], act: Callable[[], None]) -> float:
    """Return the milliseconds from the start of ``act`` until a viewer sees its effect."""
    failures: list[Exception] = []

    def work() -> None:
        try:
            act()
        except (ProbeError, OSError, subprocess.SubprocessError) as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    began_s = time.perf_counter()
    thread.start()
    try:
        while not seen(*target.get(path)):
            if failures or _milliseconds(began_s) > WAIT_S * 1e3:
                raise ProbeError(
                    str(failures[0]) if failures else f"{path} did not change within {WAIT_S:g} s"
                )
            time.sleep(POLL_S)
        return _milliseconds(began_s)
    finally:
        thread.join()


def deploy_to_live(target: Target) -> list[float]:
    """Measure from typing ``edgefaas deploy`` until a viewer gets the new version."""
    return [_one_deploy(target, f"live-{turn}") for turn in range(target.rounds)]


def _one_deploy(target: Target, word: str) -> float:
    def is_live(_: str, body: bytes) -> bool:
        return body == word.encode()

    return _until(target, "/probe", is_live, lambda: target.deploy(word))


def cold_first_request(target: Target) -> list[float]:
    """Measure the first request that a new version ever gets, on a new connection."""
    taken = []
    for turn in range(target.rounds):
        target.deploy(f"cold-{turn}")
        began_s = time.perf_counter()
        _, body = target.get("/probe")
        taken.append(_milliseconds(began_s))
        if body != f"cold-{turn}".encode():
            raise ProbeError(f"deploy was done, and a viewer still got {body[:40]!r}")
    return taken


def purge_to_gone(target: Target) -> list[float]:
    """Measure from typing ``edgefaas purge`` until a viewer gets a new copy."""
    path, taken = Pop.targets[Workload.HIT_1K], []
    for _ in range(target.rounds):
        for _ in range(3):
            word, _ = target.get(path)
        if not word.startswith("Hit"):
            raise ProbeError(f"{path} is not cached: X-Cache is {word!r}")
        taken.append(
            _until(
                target,
                path,
                lambda word, _: word.startswith("Miss"),
                lambda: target.command("purge", "--all"),
            )
        )
    return taken


def _victim(target: Target, requests: Path) -> Measurement:
    run = generator.run(
        Load(
            port=target.server.port,
            requests=requests,
            connections=8,
            rate=VICTIM_RATE,
            duration_s=1.5,
            warmup_s=0.2,
            cpu=target.cores.generator,
        )
    )
    if wrongs := run.wrongs():
        raise ProbeError(f"the victim's answers: {wrongs}")
    return run


def noisy_neighbour(target: Target) -> list[float]:
    """Measure the p99 of a hello function beside eight viewers of an endless loop."""
    victim, spin = target.folder / "victim.requests", target.folder / "spin.requests"
    victim.write_bytes(request_text(Workload.HELLO_JS, "/js", Right(status=200, body=HELLO)))
    spin.write_text(f"GET /spin\n:status {SPIN_STATUS}\n")
    taken = []
    for _ in range(target.rounds):
        with _load_beside(target, spin):
            taken.append(_victim(target, victim).latency_us["p99"] / 1e3)
    return taken


@contextmanager
def _load_beside(target: Target, requests: Path) -> Iterator[None]:
    """Let eight viewers ask for the endless loop, for as long as the block lasts."""
    load = Load(
        port=target.server.port,
        requests=requests,
        connections=NEIGHBOURS,
        duration_s=20.0,
        warmup_s=0.0,
        cpu=target.cores.origin,
    )
    command = [str(generator.build()), *load.arguments()]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()


PROBES: Sequence[tuple[str, str, Callable[[Target], list[float]]]] = (
    ("deploy-to-live", "edgefaas deploy of a JavaScript file, until viewers get it", deploy_to_live),
    ("cold-first", "first request ever to a new version", cold_first_request),
    ("purge-to-gone", "edgefaas purge, until viewers get a new copy", purge_to_gone),
    (
        "noisy-neighbour",
        f"p99 of a hello at {VICTIM_RATE:g}/s beside {NEIGHBOURS} endless loops",
        noisy_neighbour,
    ),
)


def choose(names: Sequence[str]) -> list[str]:
    """Return the names of the probes that begin with any of ``names``; all when none is given."""
    return [name for name, _, _ in PROBES if not names or any(name.startswith(given) for given in names)]


def run(target: Target, names: Sequence[str], tell: Callable[[str, int, int], None]) -> list[Probe]:
    """Run the named probes one after the other; one that fails says why."""
    done = []
    chosen = [entry for entry in PROBES if entry[0] in names]
    for name, title, measure in chosen:
        tell(f"{name} edgefaas", 0, 1)
        probe = Probe(name=name, title=title)
        try:
            probe.values = measure(target)
        except (ProbeError, GeneratorError, OSError, http.client.HTTPException) as error:
            probe.failure = str(error)
        done.append(probe)
    return done
