"""One worker process as the supervisor sees it: spawned, asked over its channel, ended."""

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgefaas.background import Background
from edgefaas.cache.purge import Counted, Purge
from edgefaas.channel import Channel, ChannelClosedError
from edgefaas.contract import AskSupervisor, Live
from edgefaas.control.plain import from_plain, to_plain
from edgefaas.deadman import ENDINGS
from edgefaas.errors import StateError
from edgefaas.listeners import Inherited
from edgefaas.site import Site

START_TIMEOUT_S = 60.0
ANSWER_TIMEOUT_S = 15.0
INVOKE_TIMEOUT_S = 330.0  # the longest wall limit is 300 s
EXIT_TIMEOUT_S = 5.0
STDERR = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearers:
    """Who hears what a worker says by itself; it need not be what an honest worker would say.

    ``logs`` takes its index and its batch of lines, ``spans`` its index, its batch of spans and how many it dropped;
    ``ask`` answers what it asks.
    """

    logs: Callable[[int, Any], None]
    spans: Callable[[int, Any, Any], None]
    ask: AskSupervisor


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What every worker of one POP is started with. ``app`` is ``module:Class``."""

    artifacts: str
    data: str
    app: str = "edgefaas.app:PopApp"
    http2: bool = False


class WorkerProcess:
    """One life of one worker. Every operation raises ChannelClosedError when it ends meanwhile."""

    def __init__(self, index: int, process: asyncio.subprocess.Process, channel: Channel) -> None:
        self.index = index
        self._process = process
        self._channel = channel
        self._background = Background()
        self._background.start(self._serve(), name=f"channel of worker {index}")

    @classmethod
    async def spawn(cls, index: int, sockets: Inherited, launch: Launch, hearers: Hearers) -> "WorkerProcess":
        """Start a process that inherits ``sockets`` and one end of a socketpair, and nothing else.

        Raises StateError: the machine has no process, memory or file left.
        """
        inherited = [sockets.plain.fileno()]
        secure = []
        if sockets.tls is not None:
            inherited.append(sockets.tls.fileno())
            secure.append(f"--listen-tls={sockets.tls.fileno()}")
        try:
            ours, process = await _started(
                [
                    "-m",
                    "edgefaas.worker",
                    f"--listen={sockets.plain.fileno()}",
                    *secure,
                    *(["--http2"] if launch.http2 else []),
                    f"--index={index}",
                    f"--app={launch.app}",
                ],
                inherited,
            )
        except OSError as error:
            raise StateError(
                f"Worker {index} cannot be started: {error.strerror or error}",
                remedy="Free memory, processes or open files of this machine, or raise their limits.",
            ) from None

        def tell(op: str, args: Mapping[str, Any]) -> None:
            if op == "logs":
                hearers.logs(index, args.get("lines"))
            elif op == "spans":
                hearers.spans(index, args.get("spans"), args.get("dropped"))

        channel = await Channel.open(ours, ask=hearers.ask, tell=tell, peer=f"worker {index}")
        return cls(index, process, channel)

    async def _serve(self) -> None:
        """Serve the channel; a process that does not end with it is told nothing any more, and must not serve on."""
        try:
            await self._channel.serve()
        finally:
            if self._process.returncode is None:
                asyncio.get_running_loop().call_later(EXIT_TIMEOUT_S, self.kill)

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self._process.pid

    @property
    def gone(self) -> bool:
        """Say whether it is known to have ended."""
        return self._channel.closed or self._process.returncode is not None

    async def start(self, site: Site, launch: Launch) -> None:
        """Make the application. Raises EdgeError: what the application says."""
        args = {"site": to_plain(site), "artifacts": launch.artifacts, "data": launch.data}
        await self._channel.ask("start", args, timeout_s=START_TIMEOUT_S)

    async def activate(self, functions: Mapping[str, Live]) -> None:
        """Make exactly these live. Raises DeployError."""
        await self._channel.ask("activate", {"functions": to_plain(functions)}, timeout_s=ANSWER_TIMEOUT_S)

    async def serve(self) -> None:
        """Take viewers from now on."""
        await self._channel.ask("serve", timeout_s=ANSWER_TIMEOUT_S)

    async def reconfigure(self, site: Site) -> None:
        """Serve this site. Raises ConfigError."""
        await self._channel.ask("reconfigure", {"site": to_plain(site)}, timeout_s=ANSWER_TIMEOUT_S)

    async def purge(self, purge: Purge) -> int:
        """Purge; return how many entries of that worker."""
        answer = await self._channel.ask("purge", {"purge": to_plain(purge)}, timeout_s=ANSWER_TIMEOUT_S)
        return answer if isinstance(answer, int) else 0

    async def count_shared(self, purge: Purge) -> Counted:
        """Return how many responses a purge would hit of those that all workers share."""
        answer = await self._channel.ask(
            "count_shared", {"purge": to_plain(purge)}, timeout_s=ANSWER_TIMEOUT_S
        )
        return from_plain(Counted, answer)

    async def invoke(self, function: str, event: bytes) -> dict[str, Any]:
        """Run a function once."""
        args = {"function": function, "event": event}
        answer = await self._channel.ask("invoke", args, timeout_s=INVOKE_TIMEOUT_S)
        return answer if isinstance(answer, dict) else {}

    async def explain(self, address: str) -> dict[str, Any]:
        """Say where a viewer would be served, and why. Raises ConfigError."""
        answer = await self._channel.ask("explain", {"address": address}, timeout_s=ANSWER_TIMEOUT_S)
        return answer if isinstance(answer, dict) else {}

    async def stats(self) -> dict[str, Any]:
        """Return its counters."""
        answer = await self._channel.ask("stats", timeout_s=ANSWER_TIMEOUT_S)
        return answer if isinstance(answer, dict) else {}

    async def live(self, told: Mapping[str, Any]) -> Any:
        """Return what it has done since the last time, and let it know how the whole POP does."""
        return await self._channel.ask("live", {"told": told}, timeout_s=ANSWER_TIMEOUT_S)

    async def ping(self, *, timeout_s: float) -> None:
        """Find out whether its loop turns."""
        await self._channel.ask("ping", timeout_s=timeout_s)

    async def wait(self) -> str:
        """Wait for its end; return how it ended, for people."""
        code = await self._process.wait()
        await self._background.close()
        if code < 0:
            with contextlib.suppress(ValueError):
                if (number := signal.Signals(-code)) in ENDINGS:
                    return ENDINGS[number]
                return f"ended by {signal.Signals(-code).name}"
        return f"exited with code {code}"

    def kill(self) -> None:
        """End it at once: its state is not known any more."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def drain(self, *, grace_s: float, timeout_s: float) -> None:
        """Let it say that it ends, for ``grace_s``, finish what it has begun, at most ``timeout_s``; then end it."""
        args = {"grace_s": grace_s, "timeout_s": timeout_s}
        try:
            await self._channel.ask("drain", args, timeout_s=grace_s + timeout_s + EXIT_TIMEOUT_S)
            async with asyncio.timeout(EXIT_TIMEOUT_S):
                await self._process.wait()
        except (ChannelClosedError, TimeoutError):
            self.kill()
        await self.wait()


async def _started(
    arguments: Sequence[str], inherited: Sequence[int]
) -> tuple[socket.socket, asyncio.subprocess.Process]:
    """Start Python with these arguments; return our end of its control channel, and the process. Raises OSError."""
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            ours.settimeout(0)
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *arguments,
                f"--control={theirs.fileno()}",
                pass_fds=(theirs.fileno(), *inherited),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=STDERR,  # stdout belongs to the line that says ready
            )
        except BaseException:
            ours.close()
            raise
    return ours, process
