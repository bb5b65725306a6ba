"""A worker whose epoch timer has died is ended by the kernel rather than held by a guest for good."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.artifacts import ArtifactStore
from tests.sandbox.guests import LOOP, built, event_module, wat

WORKER = """
import asyncio, sys
from pathlib import Path
from sandbox import Limits, Sandbox, Settings

class Host:
    environment = {}
    def log(self, level, text): pass
    def call(self, name, payload): return b""

async def main():
    sandbox = Sandbox(artifacts=Path(sys.argv[1]), settings=Settings(dead_man_s=0.5))
    program = sandbox.load(sys.argv[2])
    sandbox._scheduler._ticker._spec = bytes(32)  # as if no tick ever came
    if sys.argv[3] == "ticks":
        sandbox._scheduler._ticker._spec = __import__("struct").pack("<qqqq", 0, 10**6, 0, 10**6)
    limits = Limits(cpu_ms=1_500, wall_ms=60_000)
    print((await sandbox.run(program, b"", limits=limits, host=Host())).limit)
    await sandbox.close()

asyncio.run(main())
"""


def worker(folder: Path, mode: str) -> "subprocess.CompletedProcess[str]":
    name = built(folder, wat(event_module(LOOP)))
    assert ArtifactStore(folder).has(name)
    command = [sys.executable, "-c", WORKER, str(folder), name, mode]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)


@pytest.mark.slow
def test_a_worker_that_is_held_for_good_is_ended(tmp_path: Path) -> None:
    assert worker(tmp_path, "silence").returncode == -signal.SIGALRM


@pytest.mark.slow
def test_a_worker_that_is_merely_busy_for_longer_is_not(tmp_path: Path) -> None:
    finished = worker(tmp_path, "ticks")
    assert (finished.returncode, finished.stdout) == (0, "cpu\n")
