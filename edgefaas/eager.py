"""Run a coroutine at once, and make it a task only when it has to wait.

An edge request mostly never waits: a cache hit is in memory and a function is done within its first slice.
``start`` therefore drives the coroutine inside the caller. What ends there costs no task and no turn of the
loop; what suspends is handed back as an awaitable that any task can finish. So there is one journey, written
once as a coroutine, and its fast path is the same code, run eagerly.

During the eager part the coroutine has no task of its own, so code that needs one (timeouts, task groups)
must come after ``await in_task()``.
"""

from collections.abc import Coroutine, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Suspended(Generic[T]):
    """A coroutine that has begun and waits for something. Await it once, from a task, or close it."""

    __slots__ = ("_coroutine", "_waits_for")

    def __init__(self, coroutine: Coroutine[Any, Any, T], waits_for: Any) -> None:
        self._coroutine = coroutine
        self._waits_for = waits_for

    def __await__(self) -> Generator[Any, Any, T]:
        waits_for = self._waits_for
        while True:
            try:
                sent = yield waits_for
            except GeneratorExit:
                self._coroutine.close()
                raise
            except BaseException as error:  # cancellation included: the coroutine decides
                try:
                    waits_for = self._coroutine.throw(error)
                except StopIteration as done:
                    return done.value  # type: ignore[no-any-return]
            else:
                try:
                    waits_for = self._coroutine.send(sent)
                except StopIteration as done:
                    return done.value  # type: ignore[no-any-return]

    def close(self) -> None:
        """Give up: the coroutine sees GeneratorExit where it waits."""
        self._coroutine.close()


class _Turn:
    """Suspends once, with nothing to wait for (as ``asyncio.sleep(0)``)."""

    __slots__ = ()

    def __await__(self) -> Generator[None, None, None]:
        yield


_TURN = _Turn()


_eager = (
    False  # whether ``start`` is driving a coroutine right now; one thread, and nothing suspends inside it
)


def start(coroutine: Coroutine[Any, Any, T]) -> "T | Suspended[T]":
    """Drive ``coroutine`` until it ends or waits.

    Returns its result, or what is left of it; raises what it raises.
    """
    global _eager  # a flag of the thread: cheaper than a context variable
    before, _eager = _eager, True
    try:
        waits_for = coroutine.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    finally:
        _eager = before
    return Suspended(coroutine, waits_for)


async def in_task() -> None:
    """Return once a task runs the caller: at once where one does, else after handing back to it."""
    if _eager:
        await _TURN
