"""One thread for everything that waits for the disk, so that the supervisor's loop never does."""

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class DiskThread:
    """Runs calls one after the other, in order: the store has one connection and one caller at a time."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="edgefaas-disk")

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what ``function`` returns. Giving up the wait does not stop the call."""
        call = functools.partial(function, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)

    def end_with(self, function: Callable[[], None]) -> None:
        """Let ``function`` be the last call, after what is queued; do not wait for it."""
        self._executor.submit(function)
        self._executor.shutdown(wait=False)

    def close(self) -> None:
        """Finish what is queued."""
        self._executor.shutdown(wait=True)
