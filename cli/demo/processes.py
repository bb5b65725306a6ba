"""Child processes of the demo: started in groups of their own, watched, and always ended, by their ids.

A Ctrl-C reaches only us, not the children: they are told to drain in the right order, and forced after a
while.
"""

import asyncio
import functools
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

READY_TIMEOUT_S = 90.0  # a first start compiles the JavaScript engine
STOP_TIMEOUT_S = 12.0  # a POP drains for up to ten seconds
LINES_SHOWN = 12
READY = "ready "


@functools.cache
def leash() -> tuple[str, ...]:
    """Return a prefix for commands that lets the kernel end them when we are killed; nothing where it cannot.

    ``setpriv`` is part of util-linux and becomes the command itself; where it is missing, only a SIGKILL of ours
    leaves children behind. Who was killed before ``setpriv`` had spoken to the kernel is no parent any more: then
    the shell, whose parent it would be, does not begin.
    """
    program = shutil.which("setpriv")
    begin = ("sh", "-c", '[ "$PPID" = "$0" ] && exec "$@"', str(os.getpid()))
    prefix = (program or "", "--pdeathsig", "TERM", "--", *begin)
    if program is None or subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode != 0:  # noqa: S603
        return ()
    return prefix


class StartError(Exception):
    """A process did not start; the message says which one, and holds its last lines."""


class Child:
    """One process with a name for people, and a log file that holds everything it wrote."""

    def __init__(self, name: str, command: Sequence[str], log: Path) -> None:
        self.name = name
        self._command = list(command)
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """Return the process id."""
        assert self._process is not None, "start first"
        return self._process.pid

    async def start(self, environment: Mapping[str, str]) -> None:
        """Start, and return when it has printed its line ``ready URL``.

        Raises:
            StartError: it ended first, or took over 90 s.
        """
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *leash(),
                *self._command,
                stdin=asyncio.subprocess.PIPE,  # closes when we are gone, however we went
                stdout=log,
                stderr=asyncio.subprocess.STDOUT,
                env=dict(environment),
                start_new_session=True,
            )
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                while not self._is_ready():
                    if self._process.returncode is not None:
                        raise StartError(self._why(f"ended with code {self._process.returncode}"))
                    await asyncio.sleep(0.03)
        except TimeoutError:
            raise StartError(self._why(f"was not ready within {READY_TIMEOUT_S:g} s")) from None

    def _is_ready(self) -> bool:
        return any(line.startswith(READY) for line in self._lines())

    def _lines(self) -> list[str]:
        return self._log.read_text(errors="replace").splitlines()

    def _why(self, what: str) -> str:
        lines = self._lines()[-LINES_SHOWN:]
        said = "\n".join(f"    {line}" for line in lines) if lines else "    (nothing)"
        return f"{self.name} {what}. It said last:\n{said}"

    def ended(self) -> str | None:
        """Return what happened if the process has ended by itself; None while it runs."""
        if self._process is None or self._process.returncode is None:
            return None
        return self._why(f"ended with code {self._process.returncode}")

    async def wait(self) -> None:
        """Return when the process has ended."""
        assert self._process is not None, "start first"
        await self._process.wait()

    async def stop(self) -> None:
        """End the process and everything it started: asked first, forced after 12 s. Harmless when over."""
        if self._process is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            self._signal(number)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), STOP_TIMEOUT_S)
                break
        self._signal(signal.SIGKILL)  # what it left behind in its group

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


async def stop_all(children: Sequence[Child]) -> None:
    """End all of them at once."""
    await asyncio.gather(*(child.stop() for child in children))
