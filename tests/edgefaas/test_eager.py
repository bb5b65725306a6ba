"""A coroutine run at once becomes a task only when it has to wait."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

from edgefaas.eager import Suspended, in_task, start

T = TypeVar("T")


async def begun_in_a_callback(coroutine: Coroutine[Any, Any, T]) -> Suspended[T]:
    """Start the coroutine where the wire does: in a callback of the loop, with no current task."""
    loop = asyncio.get_running_loop()
    handed: asyncio.Future[Suspended[T]] = loop.create_future()

    def begin() -> None:
        left = start(coroutine)
        assert isinstance(left, Suspended)
        handed.set_result(left)

    loop.call_soon(begin)
    return await handed


async def finish(left: Suspended[T]) -> T:
    return await left


def test_a_coroutine_that_never_waits_ends_without_a_loop() -> None:
    async def answer() -> int:
        return 7

    assert start(answer()) == 7


def test_what_it_raises_at_once_reaches_the_caller() -> None:
    async def fail() -> None:
        raise ValueError("at once")

    with pytest.raises(ValueError, match="at once"):
        start(fail())


def test_what_waits_is_finished_by_a_task() -> None:
    async def main() -> tuple[int, bool]:
        gate: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def wait() -> tuple[int, bool]:
            first = await gate
            await asyncio.sleep(0)
            return first, asyncio.current_task() is not None

        left = await begun_in_a_callback(wait())
        gate.set_result(3)
        return await left

    assert asyncio.run(main()) == (3, True)


def test_an_error_of_what_it_waits_for_is_raised_inside_it() -> None:
    async def main() -> str:
        gate: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def wait() -> str:
            try:
                await gate
            except OSError:
                return "seen"
            return "missed"

        left = await begun_in_a_callback(wait())
        gate.set_exception(OSError())
        return await left

    assert asyncio.run(main()) == "seen"


def test_cancellation_reaches_the_coroutine_where_it_waits() -> None:
    seen: list[str] = []

    async def main() -> None:
        gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def wait() -> None:
            try:
                await gate
            except asyncio.CancelledError:
                seen.append("cancelled")
                raise

        task = asyncio.ensure_future(finish(await begun_in_a_callback(wait())))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert seen == ["cancelled"]


def test_in_task_hands_back_until_a_task_runs_the_caller() -> None:
    async def needs_task() -> bool:
        await in_task()
        async with asyncio.timeout(10):
            await asyncio.sleep(0)
        return True

    async def main() -> bool:
        return await (await begun_in_a_callback(needs_task()))

    assert asyncio.run(main()) is True


def test_closing_runs_the_cleanup_of_the_coroutine() -> None:
    seen: list[str] = []

    async def wait() -> None:
        try:
            await in_task()
        finally:
            seen.append("cleaned")

    async def main() -> None:
        (await begun_in_a_callback(wait())).close()

    asyncio.run(main())
    assert seen == ["cleaned"]
