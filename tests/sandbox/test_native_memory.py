"""What is native: given back once, and in order again after whatever ended a call."""

import ctypes
import gc
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

import pytest

from sandbox.capi import Engine, EngineConfig, Store, Ticker, wat_to_wasm
from sandbox.capi.calls import quick
from sandbox.capi.images import ImageFile
from sandbox.capi.linker import Linker
from sandbox.contract import Finished, Limits
from tests.sandbox.guests import Bed, RecordingHost, built, on_loop
from tests.sandbox.test_wasi_http import component, request

ROOT = Path(__file__).resolve().parents[2]
LOOPING = b'(module (memory (export "memory") 1) (func $s (loop $again (br $again))) (start $s))'


def in_a_process(code: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a process of its own: what is tried may end it."""
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


class _HeapInfo(ctypes.Structure):
    _fields_ = (("words", ctypes.c_size_t * 10),)


def allocated_bytes() -> int:
    """Return what the C library's heap holds (mallinfo2(3): hblkhd and uordblks)."""
    gc.collect()
    heap = ctypes.CDLL(None).mallinfo2
    heap.restype = _HeapInfo
    words = heap().words
    return int(words[4] + words[7])


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="needs mallinfo2 of glibc 2.33")
def test_a_components_invocation_leaves_nothing_on_the_heap(tmp_path: Path) -> None:
    async def scene(bed: Bed) -> int:
        program = bed.sandbox.load(built(tmp_path, component()))

        async def some(count: int) -> int:
            for _ in range(count):
                outcome = await bed.sandbox.run(
                    program, request(body=b"x"), limits=Limits(wall_ms=60_000), host=RecordingHost()
                )
                assert isinstance(outcome, Finished), outcome
            return allocated_bytes()

        before = await some(200)
        return await some(1_000) - before

    assert on_loop(tmp_path, scene) < 1_000 * 32  # one box of the library's would be as much


def test_an_image_whose_file_is_not_there_is_an_error_and_nothing_more(tmp_path: Path) -> None:
    if quick is None:
        pytest.skip("the native calls are not there")
    with pytest.raises(FileNotFoundError):
        ImageFile.of_file(tmp_path / "none")
    gc.collect()  # a finaliser that fails would be reported, and warnings are errors


def test_a_tick_that_somebody_sends_by_hand_moves_no_memory() -> None:
    sent = """
import os
from sandbox.capi.calls import quick
os.kill(os.getpid(), quick.tick_signal())
print("here")
"""
    if quick is None:
        pytest.skip("the native calls are not there")
    done = in_a_process(sent)
    assert (done.returncode, done.stdout) == (0, "here\n"), done.stderr


class RungError(Exception):
    """A signal's handler raised it."""


def poll_for_ever(store: Store) -> None:
    while True:
        store.poll()


def test_a_handler_that_raises_while_a_guest_runs_leaves_the_next_guest_alone() -> None:
    def ring(_number: int, _frame: FrameType | None) -> None:
        raise RungError

    engine = Engine(EngineConfig())
    linker = Linker(engine)
    looping = linker.prepare(engine.compile(wat_to_wasm(LOOPING)), ("memory",))
    calm = linker.prepare(engine.compile(wat_to_wasm(b'(module (memory (export "memory") 1))')), ("memory",))
    store, other = (Store(engine, memory_bytes=1 << 20) for _ in range(2))
    ticker = Ticker(engine, slice_us=2_000)
    before = signal.signal(signal.SIGVTALRM, ring)
    ticker.start()
    try:
        assert not store.instantiate(looping)
        signal.setitimer(signal.ITIMER_VIRTUAL, 0.01)
        with pytest.raises(RungError):  # while the guest runs, as nearly all the time
            poll_for_ever(store)
        done = other.instantiate(calm)
        while not done:
            done = other.poll()
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
        for each in (store, other):
            each.close()
        ticker.close()
