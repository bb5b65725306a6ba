"""What workers did since they were last asked, without waiting for those that are busy."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from edgefaas.background import Background
from edgefaas.errors import EdgeError
from edgefaas.workerprocess import WorkerProcess


class News:
    """Asks each worker once at a time."""

    def __init__(self) -> None:
        self._asked: dict[WorkerProcess, asyncio.Task[Any]] = {}
        self._background = Background()

    async def ask(
        self, workers: Iterable[WorkerProcess], told: Mapping[str, Any], *, timeout_s: float
    ) -> list[Any]:
        """Return what each has to tell; ``told`` is told to them.

        Who does not answer within ``timeout_s`` is not asked again before it has; its answer comes with the next.
        """
        for worker in workers:
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

    async def close(self) -> None:
        """Ask no more."""
        await self._background.close()


async def _news(worker: WorkerProcess, told: Mapping[str, Any]) -> Any:
    """Return a worker's news; None from one that ended."""
    try:
        return await worker.live(told)
    except EdgeError:
        return None
