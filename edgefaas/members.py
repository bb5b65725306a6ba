"""The workers that run what is live: who they are just now, and how all of them do the same thing.

Changes and purges go to every member, under one lock that joining takes too, so a worker that is replaced meanwhile
cannot miss one.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

from edgefaas.channel import ChannelClosedError
from edgefaas.errors import StateError
from edgefaas.workerprocess import WorkerProcess

T = TypeVar("T")

MEMBER_TIMEOUT_S = 20.0


class NoWorkerError(StateError):
    """Every worker is being replaced."""

    status = 503


class Members:
    """The members by their index, at most one each."""

    def __init__(self) -> None:
        self._by_index: dict[int, WorkerProcess] = {}
        self._lock = asyncio.Lock()
        self._joined = asyncio.Condition()
        self._turns = itertools.count()
        self._closing = False

    def add(self, worker: WorkerProcess) -> None:
        """Make a worker a member, in the place of one with its index."""
        self._by_index[worker.index] = worker

    def drop(self, worker: WorkerProcess) -> None:
        """Make it none, and nobody that has its index."""
        self._by_index.pop(worker.index, None)

    def get(self, index: int) -> WorkerProcess | None:
        """Return the member with this index."""
        return self._by_index.get(index)

    def present(self) -> list[WorkerProcess]:
        """Return the members whose process is there."""
        return [worker for worker in self._by_index.values() if not worker.gone]

    @asynccontextmanager
    async def changing(self) -> AsyncIterator[None]:
        """Hold the lock, while a worker learns what it missed and is added; then tell who waits for one."""
        async with self._lock:
            yield
        async with self._joined:
            self._joined.notify_all()

    def close(self) -> None:
        """Note that nobody joins any more."""
        self._closing = True

    async def end(self) -> None:
        """Tell who waits for a member that none will come."""
        async with self._joined:
            self._joined.notify_all()

    @asynccontextmanager
    async def locked(self) -> AsyncIterator[list[WorkerProcess]]:
        """Hold the lock over the members, of which there is at least one. Raises NoWorkerError."""
        while True:
            await self._some()  # not under the lock: joining takes it too
            async with self._lock:
                if members := self.present():
                    yield members
                    return

    async def one(self) -> WorkerProcess:
        """Return one of the members, another each time. Raises NoWorkerError."""
        members = await self._some()
        return members[next(self._turns) % len(members)]

    async def _some(self) -> list[WorkerProcess]:
        """Return the members, waiting for one to join when there is none. Raises NoWorkerError."""
        try:
            async with asyncio.timeout(MEMBER_TIMEOUT_S), self._joined:
                await self._joined.wait_for(lambda: bool(self.present()) or self._closing)
        except TimeoutError:
            raise NoWorkerError(
                f"No worker has been running for {MEMBER_TIMEOUT_S:.0f} s",
                remedy="See the POP's log for why.",
            ) from None
        if not (members := self.present()):
            raise NoWorkerError("The POP ends", remedy="Ask again when it has started anew.")
        return members


async def in_all(members: Sequence[WorkerProcess], act: Callable[[WorkerProcess], Awaitable[T]]) -> list[T]:
    """Do it in all, wait for all, and raise the first error if there is one."""
    answers = await asyncio.gather(*(act(worker) for worker in members), return_exceptions=True)
    for worker, answer in zip(members, answers, strict=True):
        if isinstance(answer, ChannelClosedError):
            worker.kill()  # dead already, or stuck in a state that nobody knows
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return [answer for answer in answers if not isinstance(answer, BaseException)]
