"""One process for each socket: spawned, looked after, replaced whenever it ends, drained.

What a worker must know before it is a member, ``admit`` tells it: the fleet's part.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from edgefaas.background import Background
from edgefaas.channel import ChannelClosedError
from edgefaas.errors import EdgeError, StateError
from edgefaas.listeners import Inherited
from edgefaas.members import Members
from edgefaas.site import Site
from edgefaas.workerprocess import Hearers, Launch, WorkerProcess

PING_EVERY_S = 5.0
PING_TIMEOUT_S = 30.0  # of a loop that is busy, not dead
STEADY_S = 10.0  # a worker that lived so long is replaced at once
BACKOFF_MAX_S = 5.0
BACKOFF_FIRST_S = 0.05

log = logging.getLogger("edgefaas.fleet")


class Upkeep:
    """The processes. ``site`` returns what a new one serves; ``restarts`` counts those that were replaced."""

    def __init__(
        self,
        sockets: Sequence[Inherited],
        launch: Launch,
        members: Members,
        hearers: Hearers,
        *,
        site: Callable[[], Site],
        admit: Callable[[WorkerProcess], Awaitable[None]],
    ) -> None:
        self._sockets = list(sockets)
        self._launch = launch
        self._members = members
        self._site = site
        self._admit = admit
        self._hearers = hearers
        self._processes: set[WorkerProcess] = set()
        self._draining = False
        self._background = Background()
        self.restarts = 0

    def keep(self, workers: Sequence[WorkerProcess]) -> None:
        """Replace these whenever they end, and end members whose loop does not turn, from now on."""
        for worker in workers:
            self._background.start(self._keep(worker), name=f"keeper of worker {worker.index}")
        self._background.keep(self._watch, name="watch")

    async def drain(self, *, timeout_s: float, grace_s: float = 0) -> None:
        """Let every worker say for ``grace_s`` that it ends, then finish what it has begun; all are gone on return."""
        self._draining = True
        self._members.close()
        for sockets in self._sockets:
            sockets.close()
        await asyncio.gather(
            *(worker.drain(grace_s=grace_s, timeout_s=timeout_s) for worker in self._processes)
        )
        await self._members.end()
        await self._background.close()

    def kill(self) -> None:
        """End every worker at once."""
        for worker in self._processes:
            worker.kill()

    async def abandon(self) -> None:
        """End every worker at once, and let none follow; nobody is served yet."""
        self._draining = True
        self._members.close()
        self.kill()
        await asyncio.gather(*(worker.wait() for worker in self._processes))
        await self._background.close()

    async def spawned(self, index: int) -> WorkerProcess:
        """Return a worker whose application has started. Raises EdgeError."""
        worker = await WorkerProcess.spawn(index, self._sockets[index], self._launch, self._hearers)
        self._processes.add(worker)
        try:
            await worker.start(self._site(), self._launch)
        except BaseException as error:
            worker.kill()
            ended = await worker.wait()
            self._processes.discard(worker)
            if isinstance(error, ChannelClosedError):
                raise StateError(
                    f"Worker {index} {ended} before it could start", remedy="See its words above."
                ) from None
            raise
        return worker

    async def _keep(self, worker: WorkerProcess) -> None:
        """Replace a worker whenever it ends, until the POP drains."""
        failures = 0
        while True:
            began_s = asyncio.get_running_loop().time()
            ended = await worker.wait()
            self._processes.discard(worker)
            self._members.drop(worker)
            if self._draining:
                return
            if asyncio.get_running_loop().time() - began_s > STEADY_S:
                failures = 0
            log.warning("worker %d (process %d) %s; starting another", worker.index, worker.pid, ended)
            self.restarts += 1
            replacement = await self._replace(worker.index, failures)
            if replacement is None:
                return
            worker, failures = replacement[0], replacement[1] + 1

    async def _replace(self, index: int, failures: int) -> tuple[WorkerProcess, int] | None:
        await _backoff(failures)
        while not self._draining:  # else the sockets are closed
            try:
                worker = await self.spawned(index)
                await self._join(worker)
            except EdgeError as error:
                failures += 1
                log.error("worker %d cannot start: %s", index, error.advice)  # noqa: TRY400
                await _backoff(failures)
            else:
                return worker, failures
        return None

    async def _join(self, worker: WorkerProcess) -> None:
        try:
            await self._admit(worker)
        except BaseException:
            worker.kill()
            await worker.wait()
            self._processes.discard(worker)
            raise

    async def _watch(self) -> None:
        """End members whose loop does not turn."""
        while True:
            await asyncio.sleep(PING_EVERY_S)
            await asyncio.gather(*(self._check(worker) for worker in self._members.present()))

    async def _check(self, worker: WorkerProcess) -> None:
        try:
            await worker.ping(timeout_s=PING_TIMEOUT_S)
        except EdgeError as error:
            if not self._draining:
                log.warning("worker %d is ended: %s", worker.index, error)
                worker.kill()


async def _backoff(failures: int) -> None:
    if failures:
        await asyncio.sleep(min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2 ** min(failures, 10)))
