# ruff: noqa: E501  # functions are shown as they are
"""Nothing of one request is there for the next, and nothing of a function for another guest."""

import asyncio
import hashlib
import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sandbox.python.image
from sandbox.capi import Memory
from sandbox.contract import Finished, Kind, Limits, OverLimit, Source
from sandbox.event import build as build_event
from sandbox.kinds import Workshop
from sandbox.python.program import PythonProgram
from sandbox.runtime import Sandbox
from tests.sandbox.python.stage import MARKS, answers, make, outcomes, perform, workshop
from tests.sandbox.stage import GENEROUS, StageHost

pytestmark = MARKS

CHAOS = """
import builtins, gc, json, os, sys
KEPT = []
def lambda_handler(event, context):
    seen = [hasattr(builtins, "leak"), len(KEPT), "leak" in sys.modules, os.environ.get("LEAK"), json.loads("1")]
    builtins.leak = event["secret"]
    sys.modules["leak"] = event["secret"]
    os.environ["LEAK"] = event["secret"]
    json.loads = lambda text: event["secret"]
    KEPT.append([event["secret"] + str(i) for i in range(event["times"])])
    KEPT.append(bytearray(event["times"] * 100))
    sys.stdout.write(event["secret"])
    globals()["lambda_handler"] = None
    if event["times"] % 2:
        gc.collect()
    return seen
"""
_WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)
UNTOUCHED = [False, 0, False, None, 1]


def _memory_of(program: PythonProgram) -> Memory:
    """Return the memory of the youngest idle instance."""
    return program._idle[-1].store.memory(0)


@pytest.fixture(params=["by the page table", "in full"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Have images put back both ways."""
    if request.param == "in full":
        monkeypatch.setattr(sandbox.python.image, "images_work", False)
    return str(request.param)


def test_requests_find_nothing_of_those_before(way: str) -> None:
    events = [{"secret": f"secret{i}", "times": 50 * i} for i in range(5)]
    assert answers(CHAOS, events) == [UNTOUCHED] * 5


@settings(max_examples=8, deadline=None)
@given(
    requests=st.lists(st.tuples(_WORDS, st.integers(0, 3000)), min_size=1, max_size=3),
    seed=st.integers(0, 2**32),
)
def test_after_a_restore_every_byte_is_that_of_the_image(requests: list[tuple[str, int]], seed: int) -> None:
    made = make(CHAOS)
    noise = random.Random(seed)

    async def scene(sandbox: Sandbox) -> None:
        program = sandbox.load(made.name)
        assert isinstance(program, PythonProgram)
        for secret, times in requests:
            event = json.dumps({"secret": secret, "times": times}).encode()
            ended = await sandbox.run(program, event, limits=GENEROUS, host=StageHost())
            assert isinstance(ended, Finished), ended
            assert json.loads(ended.output) == UNTOUCHED
        idle = program._idle[-1]
        memory = _memory_of(program)
        for _ in range(20):  # what no interpreter would write, a hostile one might
            memory.write(noise.randrange(memory.size_bytes() - 100), noise.randbytes(100))
        idle.image.restore(idle.store, memory)
        expected = idle.image.read()
        assert memory.read(0, len(expected)) == expected
        above = memory.size_bytes() - len(expected)
        assert not any(memory.read(len(expected), above))

    perform(scene)


def test_an_instance_that_grew_a_little_is_used_again_and_behaves_as_a_fresh_one() -> None:
    python = "def lambda_handler(event, context):\n    x = bytearray(event)\n    y = [0] * 1000\n    return [len(x), id(y) % 64, sum(x)]\n"
    made = make(python)

    async def scene(sandbox: Sandbox) -> list[Any]:
        program = sandbox.load(made.name)
        assert isinstance(program, PythonProgram)
        kept = []
        for size in (10, 1_000_000, 10, 30_000_000, 10):
            ended = await sandbox.run(program, str(size).encode(), limits=GENEROUS, host=StageHost())
            assert isinstance(ended, Finished)
            kept.append((json.loads(ended.output), len(program._idle)))
        return kept

    seen = perform(scene)
    assert [idle for _, idle in seen] == [1, 1, 1, 0, 1]
    assert seen[0][0] == seen[2][0] == seen[4][0]
    assert [result[2] for result, _ in seen] == [0] * 5


def test_memory_that_held_a_function_is_blank_for_the_next_guest() -> None:
    made = make(
        "SECRET = 'not for others' * 1000\ndef lambda_handler(event, context):\n    return len(SECRET)\n"
    )
    peep = """
(module (memory (export "memory") 130)
  (func (export "alloc") (param i32) (result i32) (i32.const 8454144))
  (func (export "handle") (param i32 i32) (result i64) (local $at i32) (local $found i32)
    (loop $next
      (if (i32.load8_u (local.get $at)) (then (local.set $found (i32.add (local.get $found) (i32.const 1)))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $at) (i32.const 8454144))))
    (i32.store (i32.const 0) (i32.add (i32.const 48) (i32.gt_u (local.get $found) (i32.const 0))))
    (i64.const 1)))
"""
    shop: Workshop = workshop()
    parts = build_event(Source(kind=Kind.EVENT, files={"a.wat": peep.encode()}, entry="a.wat"), shop)
    name = hashlib.sha256(parts.files["module.cwasm"]).hexdigest()
    shop.artifacts.put(name, parts.files, kind="event", facts=parts.facts)

    async def scene(sandbox: Sandbox) -> None:
        python, other = sandbox.load(made.name), sandbox.load(name)
        for _ in range(5):
            assert isinstance(await sandbox.run(python, b"1", limits=GENEROUS, host=StageHost()), Finished)
            sandbox.retire(python)  # its memory goes back to the pool
            sandbox.load(made.name)
            ended = await sandbox.run(other, b"", limits=GENEROUS, host=StageHost())
            assert isinstance(ended, Finished), ended
            assert ended.output == b"0"

    perform(scene)


def test_a_request_ended_in_the_middle_leaves_no_trace() -> None:
    made = make(
        "KEPT = []\ndef lambda_handler(event, context):\n    KEPT.append(event)\n    while event:\n        pass\n    return KEPT\n"
    )

    async def scene(sandbox: Sandbox) -> list[Any]:
        program = sandbox.load(made.name)
        host = StageHost()
        looping = sandbox.start(program, b"1", limits=Limits(cpu_ms=10_000, wall_ms=60_000), host=host)
        ended = [await sandbox.run(program, b"0", limits=GENEROUS, host=host)]
        looping.cancel()
        ended.append(await sandbox.run(program, b"1", limits=Limits(cpu_ms=20), host=host))
        ended.append(await sandbox.run(program, b"0", limits=GENEROUS, host=host))
        return ended

    first, limited, last = perform(scene)
    assert isinstance(limited, OverLimit)
    assert [one.output for one in (first, last) if isinstance(one, Finished)] == [b"[0]", b"[0]"]


def test_many_instances_of_one_function_run_at_once() -> None:
    made = make(
        "import time\nX = []\ndef lambda_handler(event, context):\n    X.append(event)\n    time.sleep(0.02)\n    return X\n"
    )

    async def scene(sandbox: Sandbox) -> list[Any]:
        program = sandbox.load(made.name)
        runs = (sandbox.run(program, str(i).encode(), limits=GENEROUS, host=StageHost()) for i in range(30))
        return await asyncio.gather(*runs)

    ended = perform(scene)
    assert [one.output for one in ended] == [f"[{i}]".encode() for i in range(30)]


def test_the_memory_limit_holds_on_both_sides() -> None:
    made = make("def lambda_handler(event, context):\n    return len(bytearray(event))\n")
    size = 64 * 1024 * 1024
    fits, exceeds = outcomes(
        made, [size // 2, size], limits=Limits(memory_bytes=size, cpu_ms=20_000, wall_ms=60_000)
    )
    assert isinstance(fits, Finished)
    assert isinstance(exceeds, OverLimit)
    assert (exceeds.limit, exceeds.allowed) == ("memory", size)
    (small,) = outcomes(made, [1], limits=Limits(memory_bytes=1024 * 1024, cpu_ms=20_000, wall_ms=60_000))
    assert isinstance(small, OverLimit)
    assert small.limit == "memory"
