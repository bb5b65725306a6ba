"""A descriptor under threads and cancellation: never somebody else's file, never left open."""

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from edgefaas.cache.bodies import BodyFolder, DamagedBodyError, StreamedBody
from edgefaas.cache.descriptor import Descriptor
from edgefaas.cache.respond import FileSlice
from edgefaas.cache.spool import Spool
from edgefaas.cache.stored import PIECE_BYTES
from tests.edgefaas.cache.builders import stored

DEADLINE_S = 60
BODY = os.urandom(PIECE_BYTES) * 3 + b"the end"


def files_open() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def run(scenario: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(DEADLINE_S):
            await scenario

    asyncio.run(bounded())


class HeldUp:
    """Holds a system call up until it is released."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self.call = call
        self.began = threading.Event()
        self.go_on = threading.Event()

    def __call__(self, *arguments: Any) -> Any:
        self.began.set()
        assert self.go_on.wait(DEADLINE_S)
        return self.call(*arguments)


def test_a_number_is_not_given_back_while_a_thread_writes_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = HeldUp(os.pwrite)
    monkeypatch.setattr(os, "pwrite", slow)
    number = os.open(tmp_path / "mine", os.O_RDWR | os.O_CREAT)
    mine = Descriptor(number)
    thread = threading.Thread(target=mine.pwrite, args=(b"mine", 0))
    thread.start()
    assert slow.began.wait(DEADLINE_S)
    mine.close()
    with (tmp_path / "another's").open("w+b") as another:
        assert another.fileno() != number
        slow.go_on.set()
        thread.join(DEADLINE_S)
    assert (tmp_path / "mine").read_bytes() == b"mine"
    assert (tmp_path / "another's").read_bytes() == b""
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)


def test_who_comes_after_the_close_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"octets")
    file = Descriptor.of(tmp_path / "file")
    assert file.pread(3, 1) == b"cte"
    file.close()
    file.close()
    with pytest.raises(OSError, match="closed meanwhile"):
        file.pread(3, 1)
    with pytest.raises(OSError, match="closed meanwhile"):
        file.pwrite(b"x", 0)


def test_a_spool_whose_writer_is_cancelled_in_the_middle_touches_no_other_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = HeldUp(os.pwrite)

    async def scenario() -> None:
        spool = Spool(1_000, tmp_path)
        monkeypatch.setattr(os, "pwrite", slow)
        writing = asyncio.ensure_future(spool.write(b"x" * 300_000))
        await asyncio.to_thread(slow.began.wait, DEADLINE_S)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        spool.abort(ConnectionAbortedError("cancelled"))
        others = [os.open(tmp_path / f"another {n}", os.O_RDWR | os.O_CREAT) for n in range(20)]
        slow.go_on.set()
        await asyncio.get_running_loop().shutdown_default_executor()
        for number in others:
            os.close(number)

    run(scenario())
    assert all(path.stat().st_size == 0 for path in tmp_path.iterdir())


@pytest.mark.parametrize("turns", range(12))
def test_a_viewer_who_leaves_at_any_turn_leaves_no_file_open(tmp_path: Path, turns: int) -> None:
    body = BodyFolder(tmp_path).write(stored(("Cache-Control", "max-age=60"), body=BODY))

    async def read() -> None:
        assert (
            b"".join([piece async for piece in StreamedBody(FileSlice(body.path, 0, len(BODY), body))])
            == BODY
        )

    async def scenario() -> None:
        readers = [asyncio.ensure_future(read()) for _ in range(8)]
        for _ in range(turns):
            await asyncio.sleep(0)
        for reader in readers:
            reader.cancel()
        await asyncio.wait(readers)

    before = files_open()
    run(scenario())
    assert files_open() <= before


def test_a_file_that_cannot_be_read_counts_as_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = BodyFolder(tmp_path).write(stored(("Cache-Control", "max-age=60"), body=BODY))

    def failing(*_: object) -> bytes:
        raise OSError(5, "Input/output error")

    async def scenario() -> None:
        with pytest.raises(DamagedBodyError):
            await anext(StreamedBody(FileSlice(body.path, 0, len(BODY), body)))

    monkeypatch.setattr(os, "pread", failing)
    run(scenario())
