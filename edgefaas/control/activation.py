"""Which versions workers run, and how that is changed: tried, activated and written down, or nothing of it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import orjson

from edgefaas.arms import trial_of
from edgefaas.contract import Live
from edgefaas.control.healthcheck import NO_CHECKS, Check, HealthCheckError, failed_check
from edgefaas.control.records import Note
from edgefaas.control.running import Running
from edgefaas.control.workshop import Ready, Shelf, live_function

HEALTH_CHECK = "health check"


class Workers(Protocol):
    """The workers of this POP, as one."""

    async def activate(self, functions: Mapping[str, Live]) -> None:
        """Make exactly these live in every worker; on DeployError every worker runs what it ran before."""
        ...

    async def invoke(self, function: str, event: bytes) -> dict[str, Any]:
        """Run what is live under this name once, in one of the workers; see ``invoking.invoke_once``."""
        ...


class Activation:
    """What workers run. Changes are the deployer's, one at a time, under its lock. ``clock`` returns Unix time."""

    def __init__(self, shelf: Shelf, *, workers: Workers, clock: Callable[[], float]) -> None:
        self._shelf = shelf
        self._workers = workers
        self._clock = clock
        self.running = Running()

    async def switch(
        self,
        target: Running,
        write: Callable[[], None],
        *,
        trials: Sequence[Ready] = (),
        checks: Mapping[str, Check] = NO_CHECKS,
    ) -> None:
        """Let ``trials`` pass their ``checks``, let every worker run ``target``, and ``write`` that; or nothing of it.

        Raises DeployError: a worker refuses it, or a check fails. StateError: it cannot be written.
        """
        before = self.running
        tried = {version.function: item for item in trials if (version := item[0]).function in checks}
        try:
            if tried:
                await self._try(tried, checks)
            await self._workers.activate(target.all)
            try:
                await self._shelf.disk.run(write)
            except BaseException:
                await self._workers.activate(before.all)
                raise
        except BaseException:
            if tried:
                await self._workers.activate(before.all)
            raise
        self.running = target

    async def _try(self, tried: Mapping[str, Ready], checks: Mapping[str, Check]) -> None:
        """Let new versions handle their test events where no viewer comes. Raises HealthCheckError."""
        trials = {trial_of(name): live_function(*item) for name, item in tried.items()}
        await self._workers.activate({**self.running.all, **trials})
        for name, (version, _) in tried.items():
            check = checks[name]
            told = await self._workers.invoke(trial_of(name), orjson.dumps(check.event))
            if why := failed_check(told, check):
                note = Note(action="refused", actor=HEALTH_CHECK, at_s=self._clock(), reason=why)
                await self._shelf.disk.run(self._shelf.store.note_refused, name, version.version, note)
                raise HealthCheckError(
                    f'Function "{name}" v{version.number} failed its health check: {why}',
                    remedy="Nothing is changed. Correct the function, or its [health] in function.toml.",
                )
