"""Kind ``cgi``: commands written in C, run unmodified."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgpack
import pytest

from sandbox.contract import Finished, Kind, Limit, Limits, Outcome, OverLimit, Source, Threw, Trapped
from sandbox.errors import MissingExportError
from sandbox.wasi.file_calls import PIECE_BYTES
from tests.sandbox.guests import Bed, RecordingHost, built, on_loop

C_SOURCE = Path(__file__).parent / "command.c"
COMMAND = """
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\\10\\00\\00\\00\\05\\00\\00\\00")
  (data (i32.const 16) "hello")
  (func (export "_start") {body}))
"""
WRITE = "(drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))"


def event(**parts: Any) -> bytes:
    data: bytes = msgpack.packb({"env": {}, "stdin": b"", "args": [], **parts})
    return data


def run(
    folder: Path,
    source: Source,
    request: bytes,
    *,
    host: RecordingHost | None = None,
    limits: Limits | None = None,
) -> Outcome:
    async def scene(bed: Bed) -> Outcome:
        return await bed.sandbox.run(
            bed.sandbox.load(built(folder, source)),
            request,
            limits=limits or Limits(),
            host=host or RecordingHost(),
        )

    return on_loop(folder, scene)


def text(body: str) -> Source:
    return Source(kind=Kind.CGI, files={"c.wat": COMMAND.format(body=body).encode()}, entry="c.wat")


def test_what_is_written_to_standard_output_is_the_output(tmp_path: Path) -> None:
    outcome = run(tmp_path, text(WRITE + WRITE), event())
    assert isinstance(outcome, Finished)
    assert outcome.output == b"hellohello"


def test_status_0_is_an_end_like_any_other(tmp_path: Path) -> None:
    outcome = run(tmp_path, text(WRITE + "(call $exit (i32.const 0)) (unreachable)"), event())
    assert isinstance(outcome, Finished)
    assert outcome.output == b"hello"


def test_another_status_is_an_error_of_the_guest(tmp_path: Path) -> None:
    outcome = run(tmp_path, text("(call $exit (i32.const 70))"), event())
    assert isinstance(outcome, Threw)
    assert outcome.message == "it exited with status 70"


def test_output_of_exactly_the_limit_is_allowed_and_one_byte_more_is_not(tmp_path: Path) -> None:
    assert isinstance(run(tmp_path, text(WRITE), event(), limits=Limits(output_bytes=5)), Finished)
    outcome = run(tmp_path, text(WRITE), event(), limits=Limits(output_bytes=4))
    assert isinstance(outcome, OverLimit)
    assert (outcome.limit, outcome.allowed) == (Limit.OUTPUT, 4)


def test_an_endless_writer_ends_at_a_limit(tmp_path: Path) -> None:
    outcome = run(tmp_path, text(f"(loop $l {WRITE} (br $l))"), event(), limits=Limits(output_bytes=10_000))
    assert isinstance(outcome, OverLimit)


def test_a_trap_is_a_trap(tmp_path: Path) -> None:
    assert isinstance(run(tmp_path, text("(unreachable)"), event()), Trapped)


def test_a_module_that_is_no_command_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingExportError, match="_start"):
        built(
            tmp_path,
            Source(kind=Kind.CGI, files={"c.wat": b'(module (memory (export "memory") 1))'}, entry="c.wat"),
        )


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Source:
    """Return a command written in C."""
    wasm = tmp_path_factory.mktemp("c") / "command.wasm"
    compiler = [sys.executable, "-m", "ziglang", "cc", "-target", "wasm32-wasi", "-O2"]
    subprocess.run([*compiler, "-o", str(wasm), str(C_SOURCE)], check=True, timeout=110)
    return Source(kind=Kind.CGI, files={"command.wasm": wasm.read_bytes()}, entry="command.wasm")


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_c_program_sees_its_request_and_nothing_else(tmp_path: Path, command: Source) -> None:
    host = RecordingHost({"GREETING": "hello"})
    request = event(
        env={"REQUEST_METHOD": "POST", "GREETING": "forged"}, stdin=b"a body\0of bytes", args=["show", "two"]
    )
    outcome = run(tmp_path, command, request, host=host)
    assert isinstance(outcome, Finished)
    assert outcome.output.decode().splitlines() == [
        "Content-Type: text/plain",
        "",
        "arguments 3: command show two",
        "method POST, greeting hello, variables 2",
        "body of 15 bytes",
        "file none, folder none",
    ]
    assert host.lines == [("error", "a warning")]


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_c_program_that_fails_says_why(tmp_path: Path, command: Source) -> None:
    outcome = run(tmp_path, command, event(args=["fail"]))
    assert isinstance(outcome, Threw)
    assert (outcome.message, outcome.detail) == ("it exited with status 3", "a warning\nno such luck")


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_c_program_that_sleeps_is_stopped_at_its_wall_limit(tmp_path: Path, command: Source) -> None:
    outcome = run(tmp_path, command, event(args=["sleep"]), limits=Limits(wall_ms=30))
    assert isinstance(outcome, OverLimit)
    assert outcome.limit is Limit.WALL
    assert outcome.usage.cpu_us < 30_000


def test_a_read_that_names_memory_beyond_its_end_takes_nothing(tmp_path: Path) -> None:
    body = """
      (i32.store (i32.const 32) (i32.const 64)) (i32.store (i32.const 36) (i32.const 4))
      (i32.store (i32.const 40) (i32.const -8)) (i32.store (i32.const 44) (i32.const 4))
      (if (i32.ne (call $read (i32.const 0) (i32.const 32) (i32.const 2) (i32.const 8)) (i32.const 21))
        (then (unreachable)))
      (drop (call $read (i32.const 0) (i32.const 32) (i32.const 1) (i32.const 8)))
      (drop (call $write (i32.const 1) (i32.const 32) (i32.const 1) (i32.const 8)))
    """
    read = '(import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))'
    source = COMMAND.replace("(module", f"(module {read}", 1).format(body=body).encode()
    outcome = run(
        tmp_path, Source(kind=Kind.CGI, files={"c.wat": source}, entry="c.wat"), event(stdin=b"abcdefgh")
    )
    assert isinstance(outcome, Finished), outcome
    assert outcome.output == b"abcd"


@pytest.mark.parametrize("size", [PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 2 * PIECE_BYTES + 3])
def test_what_is_longer_than_a_piece_is_read_and_written_in_several(tmp_path: Path, size: int) -> None:
    body = """(local $length i32)
      (loop $more
        (i32.store (i32.const 32) (i32.const 65536)) (i32.store (i32.const 36) (i32.const 0x400000))
        (drop (call $read (i32.const 0) (i32.const 32) (i32.const 1) (i32.const 8)))
        (local.set $length (i32.load (i32.const 8)))
        (if (i32.gt_u (local.get $length) (i32.const 1048576)) (then (unreachable)))
        (i32.store (i32.const 36) (local.get $length))
        (drop (call $write (i32.const 1) (i32.const 32) (i32.const 1) (i32.const 12)))
        (if (i32.ne (i32.load (i32.const 12)) (local.get $length)) (then (unreachable)))
        (br_if $more (local.get $length)))
      (i32.store (i32.const 36) (i32.const 0x400000))
      (drop (call $write (i32.const 1) (i32.const 32) (i32.const 1) (i32.const 12)))
      (if (i32.ne (i32.load (i32.const 12)) (i32.const 1048576)) (then (unreachable)))
    """
    read = '(import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))'
    source = COMMAND.replace("(module", f"(module {read}", 1).replace('"memory") 1)', '"memory") 66)')
    guest = Source(kind=Kind.CGI, files={"c.wat": source.format(body=body).encode()}, entry="c.wat")
    stdin = bytes(number % 251 for number in range(size))
    outcome = run(tmp_path, guest, event(stdin=stdin), limits=Limits(cpu_ms=10_000, wall_ms=60_000))
    assert isinstance(outcome, Finished), outcome
    assert outcome.output[:size] == stdin
    assert len(outcome.output) == size + PIECE_BYTES
