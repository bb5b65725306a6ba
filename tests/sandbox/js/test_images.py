# ruff: noqa: E501  # scripts are shown as they are
"""Images put back by the kernel's page table: every byte, in every case, and nothing left for the next tenant."""

import asyncio
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.capi import PAGE_BYTES, ImageFile, images_work
from sandbox.contract import Finished, Kind, Source
from sandbox.event import build as build_event
from sandbox.js.image import Image
from sandbox.js.program import JsProgram, ready_images
from sandbox.runtime import Sandbox
from sandbox.settings import Settings
from tests.sandbox.js.stage import artifacts, make, perform, workshop
from tests.sandbox.stage import GENEROUS, StageHost

ROOT = Path(__file__).resolve().parents[3]
needs_images = pytest.mark.skipif(
    not images_work, reason="the kernel or the native calls do not put images back"
)

BUSY = """
let count = 0;
exports.handler = async (event) => {
  count++;
  const kept = [];
  for (let i = 0; i < event.times; i++) kept.push({ i, s: event.secret + i });
  globalThis.kept = kept;
  return count;
};
"""

# Counts the bytes of its first 40 pages that are not zero: what a tenant before it left.
LOOKS_FOR_REMAINS = """
(module
  (memory (export "memory") 40)
  (func (export "alloc") (param i32) (result i32) (i32.const 0))
  (func (export "handle") (param i32 i32) (result i64)
    (local $at i32) (local $seen i64)
    (loop $next
      (local.set $seen (i64.or (local.get $seen) (i64.load (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br_if $next (i32.lt_u (local.get $at) (i32.const 2621440))))
    (i64.store (i32.const 0) (local.get $seen))
    (i64.const 8)))
"""


def whole(image: Image, size: int) -> bytes:
    return (bytes(image.offset) + image.body).ljust(size, b"\0")


async def ask(sandbox: Sandbox, program: JsProgram, times: int, secret: str = "hunter2-") -> Any:
    event = json.dumps({"times": times, "secret": secret}).encode()
    return await sandbox.run(program, event, limits=GENEROUS, host=StageHost())


@needs_images
@settings(max_examples=15, deadline=None)
@given(
    requests=st.lists(st.integers(0, 4000), min_size=1, max_size=4),
    strays=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=9000)), max_size=30),
)
def test_the_page_table_puts_every_byte_back_whatever_was_written(
    requests: list[int], strays: list[tuple[float, bytes]]
) -> None:
    made = make(BUSY)

    async def scene(sandbox: Sandbox) -> None:
        program = sandbox.load(made.name)
        assert isinstance(program, JsProgram)
        for times in requests:
            ended = await ask(sandbox, program, times)
            assert ended.output == b"1"
        instance = program._idle[-1]
        image = ready_images.get(made.name)
        assert image is not None
        assert image.file is not None
        memory = instance.memory
        assert memory is not None
        size = memory.size_bytes()
        for (
            where,
            stray,
        ) in strays:  # what no guest would write, anywhere: its stack, its globals, above its heap
            memory.write(int(where * (size - len(stray))), stray)
        assert instance.store.restore(memory, image.file)
        assert memory.read(0, size) == whole(program.unpacked(), size)

    perform(scene)


@needs_images
def test_many_restores_of_one_instance_leave_it_as_fresh_as_the_first() -> None:
    made = make(BUSY)
    noise = random.Random(7)

    async def scene(sandbox: Sandbox) -> None:
        program = sandbox.load(made.name)
        assert isinstance(program, JsProgram)
        for _ in range(600):  # more than two rounds of forgetting which pages are written
            ended = await ask(sandbox, program, noise.choice((0, 1, 50, 900)))
            assert ended.output == b"1"
        instance = program._idle[-1]
        image = ready_images.get(made.name)
        memory = instance.memory
        assert image is not None
        assert image.file is not None
        assert memory is not None
        assert instance.store.restore(memory, image.file)
        assert memory.read(0, memory.size_bytes()) == whole(program.unpacked(), memory.size_bytes())

    perform(scene)


@needs_images
def test_a_short_request_changes_few_pages_and_a_long_one_is_forgotten_soon() -> None:
    made = make(BUSY)

    async def scene(sandbox: Sandbox) -> None:
        program = sandbox.load(made.name)
        assert isinstance(program, JsProgram)
        for _ in range(5):
            await ask(sandbox, program, 1)
        store = program._idle[-1].store
        few = store.copied_pages
        assert 0 < few < 64
        await ask(sandbox, program, 8000)
        await ask(sandbox, program, 1)
        assert store.copied_pages > 4 * few + 64
        for _ in range(3):
            await ask(sandbox, program, 1)
        assert store.copied_pages <= few + 4

    perform(scene)


@needs_images
def test_an_image_that_was_given_up_and_read_again_is_mapped_anew() -> None:
    made = make(BUSY)

    async def scene(sandbox: Sandbox) -> None:
        program = sandbox.load(made.name)
        assert isinstance(program, JsProgram)
        for _ in range(3):
            assert (await ask(sandbox, program, 10)).output == b"1"
            ready_images.take(made.name)

    perform(scene)


@needs_images
def test_the_next_tenant_of_an_instances_memory_finds_zeros() -> None:
    made = make(BUSY)
    shop = workshop()
    files = {"look.wat": LOOKS_FOR_REMAINS.encode()}
    parts = build_event(Source(kind=Kind.EVENT, files=files, entry="look.wat"), shop)
    name = "e" * 64
    if not shop.artifacts.has(name):
        shop.artifacts.put(name, parts.files, kind="event", facts=parts.facts)

    async def scene() -> None:
        one_slot = Settings(instances=1, idle_max=1, components=1)
        sandbox = Sandbox(artifacts=artifacts(), settings=one_slot)
        try:
            program, look = sandbox.load(made.name), sandbox.load(name)
            assert isinstance(program, JsProgram)
            for times in (1, 3000, 1):
                assert (await ask(sandbox, program, times)).output == b"1"
                assert program._idle
                ended = await sandbox.run(look, b"", limits=GENEROUS, host=StageHost())
                assert not program._idle
                assert isinstance(ended, Finished), ended
                assert ended.output == bytes(8)
        finally:
            await sandbox.close()

    asyncio.run(scene())


FORKS = """
import ctypes, os, sys
from sandbox.capi import ImageFile
from sandbox.capi.calls import quick
from sandbox.capi.images import Mirror
size = 8 * 4096
memory = ctypes.create_string_buffer(size + 4096)
base = -(-ctypes.addressof(memory) // 4096) * 4096
image, mirror = ImageFile(b"x" * size, 0), Mirror()
mirror.want(image)
restore = lambda: quick.restore(mirror.address, base, size)
assert restore() == 0  # mapped
ctypes.memset(base + 5000, 1, 1)
assert restore() == 0
assert ctypes.string_at(base, size) == b"x" * size
child = os.fork()
if child == 0:
    ctypes.memset(base + 9000, 2, 1)
    os._exit(restore() & 0xFF)
told = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
assert restore() == 0
assert mirror.take_off()
assert ctypes.string_at(base, size) == bytes(size)
sys.exit(told)
"""


@needs_images
def test_a_child_by_fork_does_not_take_its_parents_page_table_for_its_own() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKS], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0xFF, done.stderr  # -1: copy in full


@needs_images
def test_an_image_file_cannot_be_changed_and_is_whole_pages() -> None:
    image = ImageFile(b"x" * 5000, PAGE_BYTES)
    assert image.read() == b"x" * 5000 + bytes(2 * PAGE_BYTES - 5000)
    file = image._words[3]
    for change in (lambda: os.write(file, b"y"), lambda: os.ftruncate(file, 0)):
        with pytest.raises(PermissionError):
            change()


def test_blocks_of_one_size_are_used_again_for_blocks_of_another() -> None:
    """A hundred times its limit in small blocks, one size after the other, each freed before the next."""
    made = make(
        "exports.handler = async (e) => { let n = 0;"
        " for (let size = 20; size < 420; size += 20) {"
        "  const kept = []; for (let i = 0; i < 60000; i++) kept.push('x'.repeat(size - 8) + (i % 10)); n += kept.length }"
        " return n }"
    )

    async def scene(sandbox: Sandbox) -> None:
        ended = await sandbox.run(sandbox.load(made.name), b"1", limits=GENEROUS, host=StageHost())
        assert isinstance(ended, Finished), ended
        assert ended.output == b"1200000"
        assert ended.usage.memory_bytes < 64 * 1024 * 1024

    perform(scene)


@pytest.mark.slow
def test_every_outcome_is_the_same_where_images_are_copied_in_full() -> None:
    """Runs the tests of isolation once more without the native calls."""
    environment = {**os.environ, "EDGEFAAS_NO_NATIVE_CALLS": "1"}
    environment.pop("PYTEST_XDIST_WORKER", None)
    chosen = "tests/sandbox/js/test_isolation.py"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", chosen]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
