"""A stored body on its way out: the same as octets and as ranges, checked before it is sent."""

import asyncio
import os
from collections.abc import Coroutine
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefaas.cache import DamagedBodyError, StreamedBody
from edgefaas.cache.bodies import BodyFolder
from edgefaas.cache.respond import FileSlice
from edgefaas.cache.stored import PIECE_BYTES
from tests.edgefaas.cache.builders import stored

DEADLINE_S = 60
BODY = os.urandom(PIECE_BYTES) * 2 + b"the end"


def run(scenario: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(DEADLINE_S):
            await scenario

    asyncio.run(bounded())


@given(
    bounds=st.tuples(st.integers(0, len(BODY)), st.integers(0, len(BODY))).map(sorted),
    asks=st.lists(st.booleans(), min_size=1, max_size=4),
)
def test_a_slice_is_the_same_as_octets_and_as_ranges(
    tmp_path_factory: pytest.TempPathFactory, bounds: list[int], asks: list[bool]
) -> None:
    first, end = bounds
    folder = tmp_path_factory.getbasetemp() / "slices"
    folder.mkdir(exist_ok=True)
    body = BodyFolder(folder).write(stored(("Cache-Control", "max-age=60"), body=BODY))

    async def scenario() -> None:
        streamed = StreamedBody(FileSlice(body.path, first, end - first, body))
        await streamed.begin()
        got, turn = b"", 0
        while True:
            turn += 1
            if asks[turn % len(asks)]:
                part = await streamed.next_range()
                got += part if isinstance(part, bytes) else os.pread(part.number, part.length, part.offset)
            else:
                part = await anext(streamed, b"")
                assert isinstance(part, bytes)
                got += part
            if not part:
                break
        assert got == BODY[first:end]

    run(scenario())


@pytest.mark.parametrize("by_ranges", [False, True])
@pytest.mark.parametrize("rotten", [False, True])
def test_a_piece_is_checked_anew_once_its_minute_is_over_or_somebody_wrote(
    tmp_path: Path, *, by_ranges: bool, rotten: bool
) -> None:
    damage: list[str] = []
    body = BodyFolder(tmp_path).write(stored(("Cache-Control", "max-age=60"), body=BODY))

    async def read() -> None:
        streamed = StreamedBody(FileSlice(body.path, 0, len(BODY), body), lambda: damage.append("told"))
        while await (streamed.next_range() if by_ranges else anext(streamed, b"")):
            pass

    async def scenario() -> None:
        await read()
        checked = dict(body.checked)
        assert sorted(checked) == list(range(len(body.digests)))
        await read()
        assert body.checked == checked  # not again
        with body.path.open("r+b") as file:
            file.write(bytes([BODY[0] ^ 1]))
        # As a disk decays, nobody wrote; else, two changes of one instant would look the same to some kernels.
        os.utime(body.path, ns=(0, checked[0][1] + (not rotten)))
        if rotten:
            body.checked[0] = monotonic(), checked[0][1]
        with pytest.raises(DamagedBodyError):
            await read()

    run(scenario())
    assert damage == ["told"]


@pytest.mark.parametrize("left", [0, 1, len(BODY) - 1])
def test_a_file_that_was_cut_after_it_was_checked_is_damaged(tmp_path: Path, left: int) -> None:
    body = BodyFolder(tmp_path).write(stored(("Cache-Control", "max-age=60"), body=BODY))

    async def read(by_ranges: bool) -> None:
        streamed = StreamedBody(FileSlice(body.path, 0, len(BODY), body))
        while await (streamed.next_range() if by_ranges else anext(streamed, b"")):
            pass

    async def scenario() -> None:
        await read(by_ranges=True)
        os.truncate(body.path, left)
        for by_ranges in (False, True):
            with pytest.raises(DamagedBodyError):
                await read(by_ranges)

    run(scenario())
