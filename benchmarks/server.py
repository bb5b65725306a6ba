"""Start a server on one core, wait until it answers, know its processes, and end it by id.

Every server gets a process group of its own, so that its workers end with it, and a log file whose last lines
explain a failed start.
"""

import http.client
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cores import pinned
from cli.demo.stage import choose_port

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 10.0
LOG_LINES_SHOWN = 12


class ServerError(Exception):
    """A server did not start; the message holds its last words."""


def free_port() -> int:
    """Return a loopback port that was free a moment ago, and stays so but for a rare chance.

    Not one that the kernel gives to outgoing connections: under load those are soon somebody else's.
    """
    return choose_port(0, set())


@dataclass(frozen=True, slots=True)
class Process:
    """One process as ``/proc`` shows it."""

    pid: int
    parent: int


def processes() -> list[Process]:
    """Return every process of the machine that can be seen."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        found.append(Process(int(entry.name), int(fields[1])))
    return found


def tree(root: int, among: Sequence[Process]) -> list[int]:
    """Return ``root`` and all its descendants. Pure."""
    children: dict[int, list[int]] = {}
    for process in among:
        children.setdefault(process.parent, []).append(process.pid)
    found, queue = [], [root]
    while queue:
        pid = queue.pop()
        found.append(pid)
        queue.extend(children.get(pid, ()))
    return found


def cpu_s_of(pid: int) -> float:
    """Return the CPU time that a process has used so far; 0 when it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Server:
    """A running server: ``port`` on loopback, its processes, and how to end it."""

    def __init__(self, command: Sequence[str], *, port: int, log: Path) -> None:
        self.command = list(command)
        self.port = port
        self.log = log
        self.start_s = 0.0  # how long the last start took, until it answered
        self._process: subprocess.Popen[bytes] | None = None

    def start(
        self, core: int | None, *, environment: Mapping[str, str] | None = None, folder: Path | None = None
    ) -> None:
        """Start, pinned to ``core`` unless that is None, and return when it answers.

        Raises:
            ServerError: it ended, or did not answer within 60 s; says what it wrote last.
        """
        with self.log.open("wb") as log, nullcontext() if core is None else pinned(core):
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(environment) if environment is not None else None,
                cwd=folder,
                start_new_session=True,
            )
        began_s = time.monotonic()
        deadline = began_s + START_TIMEOUT_S
        while not self._answers():
            if self._process.poll() is not None:
                raise ServerError(
                    f"{self.command[0]} ended with code {self._process.returncode}: {self.last_words()}"
                )
            if time.monotonic() > deadline:
                self.stop()
                raise ServerError(
                    f"{self.command[0]} did not answer within {START_TIMEOUT_S:g} s: {self.last_words()}"
                )
            time.sleep(0.005)
        self.start_s = time.monotonic() - began_s

    def _answers(self) -> bool:
        """Return whether an HTTP answer comes back: a port may accept long before anybody serves it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/")
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        return True

    def last_words(self) -> str:
        """Return the last lines of the server's log."""
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return "\n".join(lines[-LOG_LINES_SHOWN:]) or "(it wrote nothing)"

    @property
    def pids(self) -> list[int]:
        """Return the ids of the server's processes as they are now."""
        assert self._process is not None, "start first"
        return tree(self._process.pid, processes())

    def resident_bytes(self) -> int:
        """Return the proportional memory of all processes: what they share is counted once."""
        total = 0
        for pid in self.pids:
            try:
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            except OSError:
                continue
            total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
        return total

    def cpu_s(self) -> float:
        """Return the CPU time that all processes have used so far."""
        return sum(map(cpu_s_of, self.pids))

    def stop(self) -> None:
        """End the server and all that it started, first asked, after 10 s forced; return when all is over."""
        if self._process is None:
            return
        mine = self.pids
        for stop in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, stop)
            if self._gone(mine, STOP_TIMEOUT_S):
                break
        self._process.wait()
        self._process = None

    def _gone(self, pids: Sequence[int], timeout_s: float) -> bool:
        """Return whether all these processes end in time; orphans among them are reaped by init."""
        assert self._process is not None
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            self._process.poll()
            if not any(_alive(pid) for pid in pids):
                return True
            time.sleep(0.01)
        return False


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
