"""What comes and goes beside deploys: files sent ahead of a release, old versions, what nothing refers to."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from edgefaas.control.pruning import Pruned, collect
from edgefaas.control.running import forgettable
from edgefaas.control.workshop import Shelf, Workshop
from edgefaas.errors import EdgeError

log = logging.getLogger("edgefaas.deploy")


class Housekeeper:
    """Works under the deployer's lock, so that nothing is deployed while something is forgotten."""

    def __init__(self, shelf: Shelf, workshop: Workshop, lock: asyncio.Lock) -> None:
        self._shelf = shelf
        self._workshop = workshop
        self._lock = lock
        self._spared: Counter[tuple[str, str]] = Counter()
        self.grown = asyncio.Event()

    @contextmanager
    def sparing(self, versions: Mapping[str, str]) -> Iterator[None]:
        """Let nobody forget these versions inside: old ones that are deployed again wait for the lock, too."""
        self._spared.update(versions.items())
        try:
            yield
        finally:
            self._spared.subtract(versions.items())
            self._spared += Counter()  # without what is at zero

    async def take_file(self, name: str, content: bytes) -> None:
        """Keep a file that a release will name. Raises DeployError, StateError."""
        await self._workshop.take_file(name, content)

    async def missing_files(self, names: Iterable[str]) -> list[str]:
        """Return which of these files are yet to be sent."""
        return await self._workshop.missing(names)

    async def prune(self, keep: int, *, dry_run: bool = False) -> Pruned:
        """Forget all but the newest ``keep`` versions of each function, and what only those needed.

        Never one that is live, on its way, or where a rollback would go. Raises StateError.
        """
        store, run = self._shelf.store, self._shelf.disk.run
        async with self._lock:
            found = await run(forgettable, store, keep)
            old = [item for item in found if (item.function, item.version) not in self._spared]
            if dry_run:
                return Pruned(versions=tuple(old))
            await run(store.versions.forget, old)
            return replace(await self.collect_now(), versions=tuple(old))

    async def tidy(self, keep: Callable[[], int]) -> None:
        """After every deploy forget what is more than ``keep`` versions of a function, until cancelled."""
        while True:
            await self.grown.wait()
            self.grown.clear()
            try:
                if await self._shelf.disk.run(forgettable, self._shelf.store, keep()):
                    await self.prune(keep())
            except EdgeError as error:
                log.warning("old versions stay: %s", error.advice)

    async def collect(self) -> None:
        """Remove what a kill left behind and what nothing refers to."""
        async with self._lock:
            await self.collect_now()

    async def collect_now(self) -> Pruned:
        """Do the same for who holds the lock."""
        workshop = self._workshop
        return await self._shelf.disk.run(
            collect, self._shelf, workshop.held(), artifacts=workshop.building == 0
        )
