"""What guests ask for that takes longer than the loop may stand still: done in a thread while the guest is suspended.

Only for work whose length is bounded beforehand, and that lets go of the interpreter (hashlib, cryptography): a
thread cannot be stopped. Its CPU time counts as the guest's.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

from sandbox.guest import Guest

_THREADS = 2  # one guest's password must not wait for another's, nor may they take every core


@dataclass(frozen=True, slots=True)
class Errand:
    """Work to be done elsewhere. ``do`` raises HostCallError for the guest to see."""

    do: Callable[[], bytes]


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="edgefaas-errand")


class Away:
    """A guest whose errand is run, and what is made of the answer, or of what it raised, when it is back."""

    __slots__ = ("_finish", "_future", "_guest")

    def __init__(self, guest: Guest, errand: Errand, finish: Callable[[Callable[[], bytes]], int]) -> None:
        """``finish`` is given what returns the answer, or raises as the errand did."""
        self._guest = guest
        self._finish = finish
        loop = asyncio.get_running_loop()
        self._future = loop.run_in_executor(_threads(), _timed, errand.do)
        guest.waiting = self._future

    def result(self) -> int | None:
        """Return what the guest gets, None while the errand is run."""
        if not self._future.done():
            return None
        self._guest.waiting = None
        used_ns, answer = self._future.result()
        self._guest.cpu_ns += used_ns
        return self._finish(answer)


def _timed(do: Callable[[], bytes]) -> tuple[int, Callable[[], bytes]]:
    """Do it; return the CPU time that it took, and what gives its answer or raises its error."""
    started_ns = time.thread_time_ns()
    try:
        made = do()
    except Exception as error:  # told in the guest's own turn
        failure = error

        def answer() -> bytes:
            raise failure
    else:

        def answer() -> bytes:
            return made

    return time.thread_time_ns() - started_ns, answer
