"""Tasks that outlive the call that started them, and that shutdown awaits."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

AGAIN_S = 1.0

log = logging.getLogger("edgefaas.background")


class Background:
    """Holds tasks until they end. A task's failure is logged, never lost."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, coroutine: Coroutine[Any, Any, Any], *, name: str | None = None) -> asyncio.Task[Any]:
        """Run ``coroutine`` on the running loop and return its task."""
        task = asyncio.get_running_loop().create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def keep(self, make: Callable[[], Coroutine[Any, Any, None]], *, name: str) -> asyncio.Task[None]:
        """Run what ``make`` returns, and for as long as it fails, which is logged, begin it anew after a second.

        For what is to go on for ever: nobody would notice that it had ended.
        """
        return self.start(_kept(make, name), name=name)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s failed", task.get_name(), exc_info=error)

    async def drain(self, *, timeout_s: float) -> None:
        """Wait until all tasks have ended, at most ``timeout_s``."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=timeout_s)

    async def close(self) -> None:
        """Cancel what still runs (but not the caller) and wait for it."""
        tasks = self._tasks - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


async def _kept(make: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
    while True:
        try:
            return await make()
        except Exception:
            log.exception("%s failed; it begins anew", name)
        await asyncio.sleep(AGAIN_S)
