"""A body on its way from a guest: in order, bounded, and of the length that was declared."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.errors import FunctionExecutionError, FunctionValidationError
from edgefaas.gateway.flow import GATHERED_BYTES, ROOM_BYTES, Flow

T = TypeVar("T")


def on_loop(scene: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(scene)


def flow(length: int | None = None) -> Flow:
    return Flow(length, lambda: None)


async def read(body: Flow) -> bytes:
    return b"".join([piece async for piece in body])


@given(pieces=st.lists(st.binary(max_size=50), max_size=20), declared=st.booleans())
def test_what_is_read_is_what_was_written(pieces: list[bytes], declared: bool) -> None:
    async def scene() -> bytes:
        body = flow(sum(map(len, pieces)) if declared else None)
        reading = asyncio.ensure_future(read(body))
        for piece in pieces:
            body.push(piece)
            await asyncio.sleep(0)
        if not declared:
            body.finish()
        return await reading

    assert on_loop(scene()) == b"".join(pieces)


def test_a_guest_waits_once_the_room_is_full_and_goes_on_when_it_is_read() -> None:
    async def scene() -> None:
        body = flow()
        assert body.push(bytes(ROOM_BYTES)) == b""
        waiting = body.push(b"x")
        assert isinstance(waiting, asyncio.Future)
        assert not waiting.done()
        await anext(body)
        assert waiting.done()
        assert body.push(b"y") == b""

    on_loop(scene())


def test_a_body_longer_than_declared_fails_at_the_first_byte_too_much() -> None:
    async def scene() -> None:
        body = flow(2)
        body.push(b"ab")
        assert body.complete
        body.push(b"c")
        with pytest.raises(FunctionValidationError, match="more than the 2 bytes"):
            body.whole()

    on_loop(scene())


def test_a_body_shorter_than_declared_fails_at_its_end() -> None:
    async def scene() -> None:
        body = flow(3)
        body.push(b"ab")
        body.finish()
        assert await anext(body) == b"ab"
        with pytest.raises(FunctionValidationError, match="wrote 2 bytes, and its Content-Length is 3"):
            await anext(body)

    on_loop(scene())


def test_a_guest_that_fails_after_the_whole_body_has_not_failed_its_reader() -> None:
    async def scene() -> bytes | None:
        body = flow(2)
        body.push(b"ab")
        body.fail(FunctionExecutionError("later", remedy="."))
        return body.whole()

    assert on_loop(scene()) == b"ab"


def test_who_gives_up_the_rest_ends_the_guest_and_who_has_all_does_not() -> None:
    async def scene(*, complete: bool) -> int:
        closed: list[int] = []
        body = Flow(None, lambda: closed.append(1))
        waiting = body.push(bytes(ROOM_BYTES + 1))
        if complete:
            body.finish()
        await body.aclose()
        await body.aclose()
        assert isinstance(waiting, asyncio.Future)
        assert waiting.done()
        assert body.push(b"more") == b""
        return len(closed)

    assert on_loop(scene(complete=False)) == 1
    assert on_loop(scene(complete=True)) == 0


@pytest.mark.parametrize("settle", ["finish", "fail", "fill", "hurry"])
def test_gathering_ends_when_there_is_nothing_to_wait_for(settle: str) -> None:
    async def scene() -> None:
        body = flow()
        gathering = asyncio.ensure_future(body.gathered(60))
        body.push(b"a")
        await asyncio.sleep(0)
        assert not gathering.done()
        match settle:
            case "finish":
                body.finish()
            case "fail":
                body.fail(FunctionExecutionError("x", remedy="."))
            case "fill":
                body.push(bytes(GATHERED_BYTES))
            case _:
                body.hurry()
        await gathering

    on_loop(scene())
