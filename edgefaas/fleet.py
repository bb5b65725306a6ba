"""The workers of this POP as one: told the same things, and asked as one.

A worker is a member from the moment it runs what is live. A member that does not answer is ended: whatever it runs
now, its replacement starts with what is live and an empty memory. ``upkeep`` replaces it, ``members`` says who is one.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from edgefaas.cache.purge import Counted, Purge
from edgefaas.channel import ChannelClosedError
from edgefaas.contract import Live
from edgefaas.errors import DeployError, EdgeError
from edgefaas.listeners import Inherited
from edgefaas.members import Members, NoWorkerError, in_all
from edgefaas.news import News
from edgefaas.site import Site
from edgefaas.upkeep import Upkeep
from edgefaas.workerprocess import Hearers, Launch, WorkerProcess

log = logging.getLogger("edgefaas.fleet")


class Fleet:
    """As many workers as there are sockets."""

    def __init__(self, sockets: Sequence[Inherited], launch: Launch, site: Site, hearers: Hearers) -> None:
        self._site = site
        self._functions: Mapping[str, Live] = {}
        self._size = len(sockets)
        self._members = Members()
        self._upkeep = Upkeep(
            sockets,
            launch,
            self._members,
            hearers,
            site=lambda: self._site,
            admit=self._admit,
        )
        self._serving = False
        self._news = News()

    @property
    def restarts(self) -> int:
        """Return how many workers were replaced."""
        return self._upkeep.restarts

    async def start(self, functions: Mapping[str, Live]) -> dict[str, str]:
        """Start every worker with what is live; none serves yet.

        A stored function that a worker refuses is left out; returns those, with the reasons.

        Raises EdgeError: a worker cannot start, and why.
        """
        self._functions = dict(functions)
        first = await self._upkeep.spawned(0)
        refused = await self._try_all(first)
        self._functions = {name: item for name, item in functions.items() if name not in refused}
        self._members.add(first)
        rest = await asyncio.gather(*(self._upkeep.spawned(index) for index in range(1, self._size)))
        for worker in rest:
            await worker.activate(self._functions)
            self._members.add(worker)
        self._upkeep.keep((first, *rest))
        return refused

    async def serve(self) -> None:
        """Let every worker take viewers, and every later one as soon as it has joined."""
        async with self._members.changing():
            self._serving = True
            await in_all(self._members.present(), lambda worker: worker.serve())

    async def drain(self, *, timeout_s: float, grace_s: float = 0) -> None:
        """Let every worker say for ``grace_s`` that it ends, then finish what it has begun; all are gone on return."""
        await self._upkeep.drain(timeout_s=timeout_s, grace_s=grace_s)
        await self._news.close()

    def kill(self) -> None:
        """End every worker at once."""
        self._upkeep.kill()

    async def abandon(self) -> None:
        """End every worker at once, and let none follow; nobody is served yet."""
        await self._upkeep.abandon()
        await self._news.close()

    async def _admit(self, worker: WorkerProcess) -> None:
        """Make a member of a worker that has started. Raises EdgeError."""
        async with self._members.changing():
            await worker.reconfigure(self._site)  # it may have changed while the worker started
            for name, reason in (await self._try_all(worker)).items():
                log.error("worker %d runs without %s: %s", worker.index, name, reason)
            if self._serving:
                await worker.serve()
            self._members.add(worker)

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

    # What members are told

    async def activate(self, functions: Mapping[str, Live]) -> None:
        """Make exactly these live in every worker: first in one, which is risked, then in the others.

        Raises DeployError: a worker refused or died of it; every worker runs what it ran before.
        """
        async with self._members.locked() as members:
            before, done = self._functions, []
            try:
                for group in (members[:1], members[1:]):
                    done += group
                    await in_all(group, lambda worker: worker.activate(functions))
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
        async with self._members.locked() as members:
            try:
                await in_all(members, lambda worker: worker.reconfigure(site))
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
            async with self._members.locked() as members:
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
                        self._members.drop(worker)
                if confirmed:
                    return replace(shared, number=max(shared.number, *confirmed))
        raise NoWorkerError(
            f"No worker confirmed the purge: {refusal}", remedy="See the POP's log, purge again."
        )

    async def invoke(self, function: str, event: bytes) -> dict[str, Any]:
        """Run a function once, in one of the workers."""
        worker = await self._members.one()
        return await worker.invoke(function, event)

    async def explain(self, address: str) -> dict[str, Any]:
        """Say where a viewer would be served, as one of the workers sees it. Raises ConfigError."""
        worker = await self._members.one()
        return await worker.explain(address)

    async def stats(self) -> list[dict[str, Any]]:
        """Return the counters of every worker that answers."""
        members = self._members.present()
        answers = await asyncio.gather(*(worker.stats() for worker in members), return_exceptions=True)
        return [
            {"worker": worker.index, **answer}
            for worker, answer in zip(members, answers, strict=True)
            if isinstance(answer, dict)
        ]

    async def live(self, told: Mapping[str, Any], *, timeout_s: float) -> list[Any]:
        """Return what each worker has done since it last answered, and tell them how the whole POP does."""
        return await self._news.ask(self._members.present(), told, timeout_s=timeout_s)

    @property
    def state(self) -> list[dict[str, Any]]:
        """Return one row per worker: is it a member, and its process."""
        rows = []
        for index in range(self._size):
            member = self._members.get(index)
            rows.append(
                {"worker": index, "running": member is not None, "pid": member.pid if member else None}
            )
        return rows


async def _shared(worker: WorkerProcess, purge: Purge) -> Counted:
    """Return how many responses that all workers share a purge will hit; at least none, where that fails."""
    try:
        return await worker.count_shared(purge)
    except EdgeError:
        return Counted(complete=False)
