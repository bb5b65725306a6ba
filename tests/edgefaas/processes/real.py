"""Start, ask and end a real ``edgefaas up``, with its sandbox, for tests of what functions see."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.edgefaas.processes.running import DEADLINE_S, Up


def begin(folder: Path, *, workers: int = 2, environment: Mapping[str, str] | None = None) -> Up:
    """Return a POP of the ``edgefaas.toml`` in ``folder``; its data are in ``folder/data``."""
    command = [sys.executable, "-P", "-c", "from cli.main import main; main()", "up"]
    command += ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--workers", str(workers)]
    command += ["-c", str(folder / "edgefaas.toml"), "--data", str(folder / "data")]
    with (folder / "up.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
            env={**os.environ, **(environment or {})},
        )
    assert process.stdout is not None
    said = process.stdout.readline().split()
    assert said[:1] == ["ready"], (folder / "up.log").read_text()
    return Up(process, folder, *said[1:])


def kill(up: Up) -> None:
    """End a POP with everything it started, at once and without a word."""
    with suppress(ProcessLookupError):
        os.killpg(up.process.pid, signal.SIGKILL)
    up.process.wait(DEADLINE_S)
    if up.process.stdout is not None:
        up.process.stdout.close()


@contextmanager
def running(folder: Path, *, workers: int = 2) -> Iterator[Up]:
    up = begin(folder, workers=workers)
    try:
        yield up
    finally:
        kill(up)
