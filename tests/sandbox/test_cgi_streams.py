"""Kind ``cgi``, streamed: standard input as it comes, standard output as it is taken."""

import asyncio
from pathlib import Path
from typing import Any

import msgpack
import pytest

from sandbox.contract import Finished, HostCallError, Kind, Limit, Limits, OverLimit, Source, Threw
from tests.sandbox.guests import Bed, RecordingHost, built, on_loop

# Echoes standard input to standard output, 64 bytes at a time; {before} comes first. The exit status is the
# errno that ended it.
ECHO = """
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_fdstat_set_flags" (func $flags (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start") (local $errno i32)
    {before}
    (loop $next
      (i32.store (i32.const 0) (i32.const 1024))
      (i32.store (i32.const 4) (i32.const 64))
      (local.set $errno (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
      (if (local.get $errno) (then (call $exit (local.get $errno))))
      (if (i32.load (i32.const 8)) (then
        (i32.store (i32.const 4) (i32.load (i32.const 8)))
        (local.set $errno (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 12)))
        (if (local.get $errno) (then (call $exit (local.get $errno))))
        (br $next))))))
"""
NONBLOCK = "(drop (call $flags (i32.const 0) (i32.const 4)))"
# Waits for standard input, or 50 s by the monotonic clock (1), whichever is first; exits with 100 + events.
POLL = """
    (i32.store8 (i32.const 264) (i32.const 1))
    (i32.store8 (i32.const 312) (i32.const 0))
    (i32.store (i32.const 320) (i32.const 1))
    (i64.store (i32.const 328) (i64.const 50000000000))
    (drop (call $poll (i32.const 256) (i32.const 512) (i32.const 2) (i32.const 640)))
    (i32.store8 (i32.const 264) (i32.const 1))
"""


class Peer(RecordingHost):
    """A viewer whose body comes chunk by chunk, and who takes one piece of the answer at a time."""

    def __init__(self, *chunks: bytes) -> None:
        super().__init__()
        self.coming: asyncio.Queue[bytes | Exception] = asyncio.Queue()
        self.taken: asyncio.Queue[bytes] = asyncio.Queue(maxsize=1)
        for chunk in chunks:
            self.coming.put_nowait(chunk)

    def call(self, name: str, payload: bytes) -> Any:
        if name == "stdin.read":
            return self._read()
        assert name == "stdout.write"
        return self._write(payload)

    async def _read(self) -> bytes:
        found = await self.coming.get()
        if isinstance(found, Exception):
            raise found
        return found

    async def _write(self, payload: bytes) -> bytes:
        await self.taken.put(payload)
        return b""


def echo(before: str = "") -> Source:
    return Source(kind=Kind.CGI, files={"e.wat": ECHO.format(before=before).encode()}, entry="e.wat")


def event(**parts: Any) -> bytes:
    data: bytes = msgpack.packb({"env": {}, "args": [], "stream": True, **parts})
    return data


def test_what_comes_is_answered_before_the_rest_comes_and_a_slow_reader_slows_the_guest(
    tmp_path: Path,
) -> None:
    async def scene(bed: Bed) -> None:
        chunks = [b"chunk %d" % number for number in range(20)]
        peer = Peer(*chunks)
        program = bed.sandbox.load(built(tmp_path, echo()))
        invocation = bed.sandbox.start(program, event(), limits=Limits(wall_ms=60_000), host=peer)
        assert await peer.taken.get() == chunks[0]
        for _ in range(50):
            await asyncio.sleep(0)
        assert peer.coming.qsize() >= 10  # it waits for its reader before it reads on
        assert [await peer.taken.get() for _ in chunks[1:]] == chunks[1:]
        peer.coming.put_nowait(b"")
        outcome = await invocation.wait()
        assert isinstance(outcome, Finished)
        assert outcome.output == b""

    on_loop(tmp_path, scene)


def test_a_whole_body_may_come_with_the_event(tmp_path: Path) -> None:
    async def scene(bed: Bed) -> None:
        peer = Peer(b"rest", b"")
        program = bed.sandbox.load(built(tmp_path, echo()))
        run = asyncio.ensure_future(
            bed.sandbox.run(program, event(stdin=b"x" * 100), limits=Limits(wall_ms=60_000), host=peer)
        )
        assert [await peer.taken.get() for _ in range(3)] == [b"x" * 64, b"x" * 36, b"rest"]
        assert isinstance(await run, Finished)

    on_loop(tmp_path, scene)


def test_a_body_that_breaks_is_an_error_that_the_guest_reads(tmp_path: Path) -> None:
    async def scene(bed: Bed) -> str:
        peer = Peer()
        peer.coming.put_nowait(HostCallError("the viewer left"))
        program = bed.sandbox.load(built(tmp_path, echo()))
        outcome = await bed.sandbox.run(program, event(), limits=Limits(), host=peer)
        return str(getattr(outcome, "message", outcome))

    assert on_loop(tmp_path, scene) == "it exited with status 29"  # EIO


def test_a_descriptor_that_must_not_block_says_try_again(tmp_path: Path) -> None:
    async def scene(bed: Bed) -> str:
        program = bed.sandbox.load(built(tmp_path, echo(NONBLOCK)))
        outcome = await bed.sandbox.run(program, event(), limits=Limits(), host=Peer())
        return str(getattr(outcome, "message", outcome))

    assert on_loop(tmp_path, scene) == "it exited with status 6"  # EAGAIN


def test_polling_waits_for_bytes_and_not_for_the_later_time(tmp_path: Path) -> None:
    async def scene(bed: Bed) -> None:
        peer = Peer()
        program = bed.sandbox.load(built(tmp_path, echo(NONBLOCK + POLL)))
        invocation = bed.sandbox.start(program, event(), limits=Limits(wall_ms=60_000), host=peer)
        for _ in range(20):
            await asyncio.sleep(0)
        assert invocation.outcome is None
        peer.coming.put_nowait(b"late")
        assert await peer.taken.get() == b"late"
        outcome = await invocation.wait()
        assert isinstance(outcome, Threw)  # the next read found nothing, and did not wait
        assert outcome.message == "it exited with status 6"

    on_loop(tmp_path, scene)


def test_a_body_that_never_comes_ends_at_the_wall_limit(tmp_path: Path) -> None:
    async def scene(bed: Bed) -> object:
        program = bed.sandbox.load(built(tmp_path, echo()))
        return await bed.sandbox.run(program, event(), limits=Limits(wall_ms=20), host=Peer())

    outcome = on_loop(tmp_path, scene)
    assert isinstance(outcome, OverLimit)
    assert outcome.limit is Limit.WALL


# Names the first 64 KiB of memory {times} times over in one write; the exit status tells how many KiB were taken.
REPEATED = """
    (loop $fill
      (i32.store (i32.add (i32.const 1024) (local.get $errno)) (i32.const 0))
      (i32.store (i32.add (i32.const 1028) (local.get $errno)) (i32.const 65536))
      (br_if $fill (i32.lt_u
        (local.tee $errno (i32.add (local.get $errno) (i32.const 8))) (i32.const {bytes}))))
    (local.set $errno (call $write (i32.const 1) (i32.const 1024) (i32.const {times}) (i32.const 8)))
    (call $exit (i32.shr_u (i32.load (i32.const 8)) (i32.const 10)))
"""


@pytest.mark.parametrize(("times", "taken_kib"), [(15, 960), (16, 1024), (17, 1024), (1_000, 1024)])
def test_a_write_takes_a_mebibyte_at_most_however_often_it_names_the_same_memory(
    tmp_path: Path, times: int, taken_kib: int
) -> None:
    async def scene(bed: Bed) -> tuple[str, int]:
        peer = Peer()
        program = bed.sandbox.load(built(tmp_path, echo(REPEATED.format(times=times, bytes=8 * times))))
        outcome = await bed.sandbox.run(program, event(), limits=Limits(wall_ms=60_000), host=peer)
        return str(getattr(outcome, "message", outcome)), len(await peer.taken.get())

    assert on_loop(tmp_path, scene) == (f"it exited with status {taken_kib}", taken_kib * 1024)
