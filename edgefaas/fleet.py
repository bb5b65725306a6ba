"""The workers of this POP as one: started, kept alive, and told the same things.

A worker is a member from the moment it runs what is live. Changes and purges go to every member, under one
lock that joining takes too, so a worker that is replaced meanwhile cannot miss one. A member that does not
answer is ended: whatever it runs now, its replacement starts with what is live and an empty memory.
"""

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, TypeVar

from edgefaas.background import Background
from edgefaas.cache.purge import Counted, Purge
from edgefaas.channel import ChannelClosedError
from edgefaas.contract import AskSupervisor, Live
from edgefaas.errors import DeployError, EdgeError, StateError
from edgefaas.listeners import Inherited
from edgefaas.site import Site
from edgefaas.workerprocess import Launch, OnLogs, OnSpans, WorkerProcess

T = TypeVar("T")

PING_EVERY_S = 5.0
PING_TIMEOUT_S = 30.0  # of a loop that is busy, not dead
MEMBER_TIMEOUT_S = 20.0
STEADY_S = 10.0  # a worker that lived so long is replaced at once
BACKOFF_MAX_S = 5.0
BACKOFF_FIRST_S = 0.05

log = logging.getLogger("edgefaas.fleet")


class Fleet:
    """As many workers as there are sockets."""

    def __init__(
        self,
        sockets: Sequence[Inherited],
        launch: Launch,
        site: Site,
        *,
        on_logs: OnLogs,
        on_spans: OnSpans,
        on_ask: AskSupervisor,
    ) -> None:
        self._sockets = list(sockets)
        self._launch = launch
        self._site = site
        self._on_logs = on_logs
        self._on_spans = on_spans
        self._on_ask = on_ask
        self._functions: Mapping[str, Live] = {}
        self._members: dict[int, WorkerProcess] = {}
        self._processes: set[WorkerProcess] = set()
        self._lock = asyncio.Lock()
        self._joined = asyncio.Condition()
        self._serving = False
        self._draining = False
        self._background = Background()
        self._turns = itertools.count()
        self._asked: dict[WorkerProcess, asyncio.Task[Any]] = {}
        self.restarts = 0

    # Lives

    async def start(self, functions: Mapping[str, Live]) -> dict[str, str]:
        """Start every worker with what is live; none serves yet.

        A stored function that a worker refuses is left out; returns those, with the reasons.

        Raises EdgeError: a worker cannot start, and why.
        """
        self._functions = dict(functions)
        first = await self._spawned(0)
        refused = await self._try_all(first)
        self._functions = {name: item for name, item in functions.items() if name not in refused}
        self._members[0] = first
        rest = await asyncio.gather(*(self._spawned(index) for index in range(1, len(self._sockets))))
        for worker in rest:
            await worker.activate(self._functions)
            self._members[worker.index] = worker
        for worker in (first, *rest):
            self._background.start(self._keep(worker), name=f"keeper of worker {worker.index}")
        self._background.keep(self._watch, name="watch")
        return refused

    async def serve(self) -> None:
        """Let every worker take viewers, and every later one as soon as it has joined."""
        async with self._lock:
            self._serving = True
            await self._all(self._present(), lambda worker: worker.serve())

    async def drain(self, *, timeout_s: float, grace_s: float = 0) -> None:
        """Let every worker say for ``grace_s`` that it ends, then finish what it has begun; all are gone on return."""
        self._draining = True
        for sockets in self._sockets:
            sockets.close()
        await asyncio.gather(
            *(worker.drain(grace_s=grace_s, timeout_s=timeout_s) for worker in self._processes)
        )
        async with self._joined:
            self._joined.notify_all()  # nobody joins any more
        await self._background.close()

    def kill(self) -> None:
        """End every worker at once."""
        for worker in self._processes:
            worker.kill()

    async def abandon(self) -> None:
        """End every worker at once, and let none follow; nobody is served yet."""
        self._draining = True
        self.kill()
        await asyncio.gather(*(worker.wait() for worker in self._processes))
        await self._background.close()

    async def _spawned(self, index: int) -> WorkerProcess:
        """Return a worker whose application has started. Raises EdgeError."""
        worker = await WorkerProcess.spawn(
            index,
            self._sockets[index],
            self._launch,
            on_logs=self._on_logs,
            on_spans=self._on_spans,
            on_ask=self._on_ask,
        )
        self._processes.add(worker)
        try:
            await worker.start(self._site, self._launch)
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

    async def _try_all(self, worker: WorkerProcess) -> dict[str, str]:
        try:
            await worker.activate(self._functions)
        except DeployError:
            return await self._try_each(worker)
        return {}

    async def _try_each(self, worker: WorkerProcess) -> dict[str, str]:
        """Activate what the worker accepts; return the rest with the reasons."""
        accepted: dict[str, Live] = {}
        refused: dict[str, str] = {}
        for name, function in self._functions.items():
            try:
                await worker.activate({**accepted, name: function})
                accepted[name] = function
            except DeployError as error:
                refused[name] = error.advice
        return refused

    async def _keep(self, worker: WorkerProcess) -> None:
        """Replace a worker whenever it ends, until the POP drains."""
        failures = 0
        while True:
            began_s = asyncio.get_running_loop().time()
            ended = await worker.wait()
            self._processes.discard(worker)
            self._members.pop(worker.index, None)
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
                worker = await self._spawned(index)
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
            async with self._lock:
                await worker.reconfigure(self._site)  # it may have changed while the worker started
                for name, reason in (await self._try_all(worker)).items():
                    log.error("worker %d runs without %s: %s", worker.index, name, reason)
                if self._serving:
                    await worker.serve()
                self._members[worker.index] = worker
        except BaseException:
            worker.kill()
            await worker.wait()
            self._processes.discard(worker)
            raise
        async with self._joined:
            self._joined.notify_all()

    async def _watch(self) -> None:
        """End members whose loop does not turn."""
        while True:
            await asyncio.sleep(PING_EVERY_S)
            await asyncio.gather(*(self._check(worker) for worker in self._present()))

    async def _check(self, worker: WorkerProcess) -> None:
        try:
            await worker.ping(timeout_s=PING_TIMEOUT_S)
        except EdgeError as error:
            if not self._draining:
                log.warning("worker %d is ended: %s", worker.index, error)
                worker.kill()

    # What members are told

    async def activate(self, functions: Mapping[str, Live]) -> None:
        """Make exactly these live in every worker: first in one, which is risked, then in the others.

        Raises DeployError: a worker refused or died of it; every worker runs what it ran before.
        """
        async with self._members_locked() as members:
            before, done = self._functions, []
            try:
                for group in (members[:1], members[1:]):
                    done += group
                    await self._all(group, lambda worker: worker.activate(functions))
            except EdgeError as error:
                await self._restore(done, before)
                if isinstance(error, ChannelClosedError):
                    raise DeployError(
                        f"{error} while it took the new version; the old one is live in every worker",
                        remedy="Deploy again; if it happens again, see the POP's log.",
                    ) from None
                raise
            self._functions = dict(functions)

    async def _restore(self, members: Sequence[WorkerProcess], before: Mapping[str, Live]) -> None:
        for worker in members:
            try:
                await worker.activate(before)
            except EdgeError as error:
                log.warning("worker %d is ended: it cannot go back: %s", worker.index, error)
                worker.kill()

    async def reconfigure(self, site: Site) -> None:
        """Serve this site in every worker. Raises EdgeError, and then all serve the one before."""
        async with self._members_locked() as members:
            try:
                await self._all(members, lambda worker: worker.reconfigure(site))
            except EdgeError:
                for worker in members:
                    try:
                        await worker.reconfigure(self._site)
                    except EdgeError:
                        worker.kill()
                raise
            self._site = site

    async def purge(self, purge: Purge) -> Counted:
        """Purge in every worker; return how many stored responses that hit.

        Copies of one, on disk and in the memory of several workers, count once: it is the greatest number that
        was found in one place.

        A worker that ends meanwhile is replaced by one with an empty memory, and what workers share is
        purged by any of them: so one that confirms is needed, and none may stay that did not.

        Raises NoWorkerError: no worker could confirm.
        """
        refusal: object = None
        for _ in range(3):
            async with self._members_locked() as members:
                shared = await _shared(members[0], purge)
                answers = await asyncio.gather(
                    *(worker.purge(purge) for worker in members), return_exceptions=True
                )
                confirmed = [answer for answer in answers if isinstance(answer, int)]
                for worker, answer in zip(members, answers, strict=True):
                    if isinstance(answer, BaseException):
                        log.warning(
                            "worker %d is ended: it did not confirm a purge: %s", worker.index, answer
                        )
                        refusal = answer
                        worker.kill()
                        self._members.pop(worker.index, None)
                if confirmed:
                    return replace(shared, number=max(shared.number, *confirmed))
        raise NoWorkerError(
            f"No worker confirmed the purge: {refusal}", remedy="See the POP's log, purge again."
        )

    async def invoke(self, function: str, event: bytes) -> dict[str, Any]:
        """Run a function once, in one of the workers."""
        members = await self._some_members()
        return await members[next(self._turns) % len(members)].invoke(function, event)

    async def explain(self, address: str) -> dict[str, Any]:
        """Say where a viewer would be served, as one of the workers sees it. Raises ConfigError."""
        members = await self._some_members()
        return await members[next(self._turns) % len(members)].explain(address)

    async def stats(self) -> list[dict[str, Any]]:
        """Return the counters of every worker that answers."""
        members = self._present()
        answers = await asyncio.gather(*(worker.stats() for worker in members), return_exceptions=True)
        return [
            {"worker": worker.index, **answer}
            for worker, answer in zip(members, answers, strict=True)
            if isinstance(answer, dict)
        ]

    async def live(self, told: Mapping[str, Any], *, timeout_s: float) -> list[Any]:
        """Return what each worker has done since it last answered, and tell them how the whole POP does.

        Who does not answer within ``timeout_s`` is not asked again before it has; its answer comes with the next.
        """
        for worker in self._present():
            if worker not in self._asked:
                self._asked[worker] = self._background.start(_news(worker, told), name="news of a worker")
        if not self._asked:
            return []
        await asyncio.wait(self._asked.values(), timeout=timeout_s)
        answers = []
        for worker in [worker for worker, task in self._asked.items() if task.done()]:
            task = self._asked.pop(worker)
            if not task.cancelled() and task.result() is not None:
                answers.append(task.result())
        return answers

    @property
    def state(self) -> list[dict[str, Any]]:
        """Return one row per worker: is it a member, and its process."""
        rows = []
        for index in range(len(self._sockets)):
            member = self._members.get(index)
            rows.append(
                {"worker": index, "running": member is not None, "pid": member.pid if member else None}
            )
        return rows

    @asynccontextmanager
    async def _members_locked(self) -> AsyncIterator[list[WorkerProcess]]:
        """Hold the lock over the members, of which there is at least one."""
        while True:
            await self._some_members()  # not under the lock: joining takes it too
            async with self._lock:
                if members := self._present():
                    yield members
                    return

    def _present(self) -> list[WorkerProcess]:
        return [worker for worker in self._members.values() if not worker.gone]

    async def _some_members(self) -> list[WorkerProcess]:
        """Return the members, waiting for one to join when there is none. Raises NoWorkerError."""
        try:
            async with asyncio.timeout(MEMBER_TIMEOUT_S), self._joined:
                await self._joined.wait_for(lambda: bool(self._present()) or self._draining)
        except TimeoutError:
            raise NoWorkerError(
                f"No worker has been running for {MEMBER_TIMEOUT_S:.0f} s",
                remedy="See the POP's log for why.",
            ) from None
        if not (members := self._present()):
            raise NoWorkerError("The POP ends", remedy="Ask again when it has started anew.")
        return members

    async def _all(
        self, members: Sequence[WorkerProcess], act: Callable[[WorkerProcess], Awaitable[T]]
    ) -> list[T]:
        """Do it in all, wait for all, and raise the first error if there is one."""
        answers = await asyncio.gather(*(act(worker) for worker in members), return_exceptions=True)
        for worker, answer in zip(members, answers, strict=True):
            if isinstance(answer, ChannelClosedError):
                worker.kill()  # dead already, or stuck in a state that nobody knows
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return [answer for answer in answers if not isinstance(answer, BaseException)]


async def _backoff(failures: int) -> None:
    if failures:
        await asyncio.sleep(min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2 ** min(failures, 10)))


async def _shared(worker: WorkerProcess, purge: Purge) -> Counted:
    """Return how many responses that all workers share a purge will hit; at least none, where that fails."""
    try:
        return await worker.count_shared(purge)
    except EdgeError:
        return Counted(complete=False)


async def _news(worker: WorkerProcess, told: Mapping[str, Any]) -> Any:
    """Return a worker's news; None from one that ended."""
    try:
        return await worker.live(told)
    except EdgeError:
        return None


class NoWorkerError(StateError):
    """Every worker is being replaced."""

    status = 503
