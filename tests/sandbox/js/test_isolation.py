# ruff: noqa: E501  # scripts are shown as they are
"""Nothing of one request is there for the next: not a byte of memory, not a global, not a prototype."""

import asyncio
import json
import random
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sandbox.capi import Memory
from sandbox.contract import Finished, Limits, OverLimit
from sandbox.js.image import Image, pack, unpack
from sandbox.js.program import JsProgram, idle_instances, ready_images
from sandbox.runtime import Sandbox
from sandbox.shelf import Shelf
from tests.sandbox.js.stage import make, outcomes, perform
from tests.sandbox.stage import GENEROUS, StageHost

CHAOS = """
const kept = [];
globalThis.before = 0;
exports.handler = async (event) => {
  const seen = [globalThis.leak, kept.length, globalThis.before, Object.prototype.polluted, [].evil, String(JSON.parse)];
  globalThis.leak = event.secret;
  globalThis.before = 1;
  kept.push(event.secret.repeat(event.times));
  Object.prototype.polluted = event.secret;
  Array.prototype.evil = () => event.secret;
  JSON.parse = () => event.secret;
  process.env = { SECRET: event.secret };
  console.log = () => {};
  const filler = [];
  for (let i = 0; i < event.times; i++) filler.push({ i, s: event.secret + i, f: new Function('return ' + i) });
  let text = '';
  for (let i = 0; i < event.times; i++) text += event.secret;
  return { seen, size: text.length + filler.length };
};
"""


def _memory_of(program: JsProgram) -> tuple[Memory, int]:
    """Return the memory of the youngest idle instance."""
    memory = program._idle[-1].memory
    assert memory is not None
    return memory, memory.size_bytes()


@settings(max_examples=25, deadline=None)
@given(
    requests=st.lists(
        st.tuples(st.text(min_size=1, max_size=50), st.integers(0, 1000)), min_size=1, max_size=4
    ),
    seed=st.integers(0, 2**32),
)
def test_after_a_restore_every_byte_is_that_of_the_image(requests: list[tuple[str, int]], seed: int) -> None:
    made = make(CHAOS)
    noise = random.Random(seed)

    async def scene(sandbox: Sandbox) -> None:
        program = sandbox.load(made.name)
        assert isinstance(program, JsProgram)
        for secret, times in requests:
            event = json.dumps({"secret": secret, "times": times}).encode()
            await sandbox.run(program, event, limits=GENEROUS, host=StageHost())
        assume(len(program._idle))  # who has grown too much is not kept
        memory, size = _memory_of(program)
        for _ in range(50):  # what no guest would write, everywhere
            memory.write(noise.randrange(size - 64), noise.randbytes(64))
        image = program.unpacked()
        image.restore(memory)
        whole = bytes(image.offset) + image.body
        assert memory.read(0, size) == whole.ljust(size, b"\0")

    perform(scene)


def test_a_recycled_instance_answers_as_a_fresh_one() -> None:
    events = [{"secret": "s" * 40, "times": times} for times in (1, 2000, 10, 5000, 0)]
    made = make(CHAOS)
    alone = [outcomes(made, [event])[0] for event in events]
    together = outcomes(made, events)
    for fresh, recycled in zip(alone, together, strict=True):
        assert isinstance(fresh, Finished)
        assert isinstance(recycled, Finished)
        assert fresh.output == recycled.output
        assert json.loads(fresh.output)["seen"][:5] == [None, 0, 0, None, None]


def test_an_earlier_requests_secret_is_nowhere_in_memory_when_the_next_begins() -> None:
    made = make(
        "exports.handler = async (e) => { const b = Buffer.from(e.secret.repeat(100)); return b.length }"
    )
    secret = "hunter2-" + "x" * 24

    async def scene(sandbox: Sandbox) -> None:
        program = sandbox.load(made.name)
        assert isinstance(program, JsProgram)
        await sandbox.run(program, json.dumps({"secret": secret}).encode(), limits=GENEROUS, host=StageHost())
        memory, size = _memory_of(program)
        assert secret.encode() in memory.read(0, size)
        program.unpacked().restore(memory)
        assert secret.encode() not in memory.read(0, size)

    perform(scene)


def test_randomness_and_time_differ_between_requests_of_one_image() -> None:
    made = make(
        "exports.handler = async () => { await new Promise((r) => setTimeout(r, 2));"
        " return [Math.random(), crypto.randomUUID(), Date.now(), [...crypto.getRandomValues(new Uint8Array(8))].join()] }"
    )
    seen = [json.loads(ended.output) for ended in outcomes(made, [None] * 8) if isinstance(ended, Finished)]
    assert len(seen) == 8
    for column in range(4):
        assert len({row[column] for row in seen}) == 8


def test_an_instance_that_was_stopped_or_grew_is_not_used_again() -> None:
    made = make(
        "exports.handler = async (e) => { if (e.loop) for (;;) {} if (e.grow) { globalThis.x = new Uint8Array(8e6).fill(1) } return 1 }"
    )

    async def scene(sandbox: Sandbox) -> None:
        program = sandbox.load(made.name)
        assert isinstance(program, JsProgram)

        async def run(event: object, limits: Limits = GENEROUS) -> Any:
            return await sandbox.run(program, json.dumps(event).encode(), limits=limits, host=StageHost())

        await run({})
        assert len(program._idle) == 1
        ended = await run({"loop": 1}, Limits(cpu_ms=20))
        assert isinstance(ended, OverLimit)
        assert not program._idle
        await run({"grow": 1})
        assert not program._idle
        await run({})
        assert len(program._idle) == 1
        assert ready_images.get(program.name) is not None
        sandbox.retire(program)
        assert not program._idle
        assert ready_images.get(program.name) is None  # versions that nobody runs any more cost no memory
        assert json.loads((await run({})).output) is not None

    perform(scene)


def test_invocations_at_the_same_time_have_instances_of_their_own() -> None:
    made = make(
        "let n = 0; exports.handler = async (e) => { n++; await new Promise((r) => setTimeout(r, 5)); return [e.id, n] }"
    )

    async def scene(sandbox: Sandbox) -> None:
        program = sandbox.load(made.name)
        ended = await asyncio.gather(
            *(
                sandbox.run(program, json.dumps({"id": i}).encode(), limits=GENEROUS, host=StageHost())
                for i in range(20)
            )
        )
        assert [json.loads(one.output) for one in ended if isinstance(one, Finished)] == [
            [i, 1] for i in range(20)
        ]

    perform(scene)


@given(image=st.binary(max_size=3000), base=st.binary(max_size=3000))
def test_an_image_packed_against_a_base_comes_back(image: bytes, base: bytes) -> None:
    assert unpack(pack(image, base), base, image_bytes=len(image)) == image


@given(zeros=st.integers(0, 500), body=st.binary(max_size=300))
def test_an_image_leaves_out_its_leading_zeros_and_nothing_else(zeros: int, body: bytes) -> None:
    image = Image(bytes(zeros) + body)
    assert bytes(image.offset) + image.body == bytes(zeros) + body


def test_idle_instances_are_given_up_oldest_first_when_they_need_more_than_their_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = [make(f"exports.handler = async () => {n}").name for n in range(6)]

    async def scene(sandbox: Sandbox) -> None:
        programs = [sandbox.load(name) for name in names]
        for program in programs:
            await sandbox.run(program, b"1", limits=GENEROUS, host=StageHost())
        assert [len(program._idle) for program in programs if isinstance(program, JsProgram)] == [
            0,
            0,
            0,
            1,
            1,
            1,
        ]
        assert sandbox.stats()["idle"] == 3

    size = 11 * 65_536  # what one instance of these has
    monkeypatch.setattr(idle_instances, "room_bytes", idle_instances.used_bytes + 3 * size + size // 2)
    perform(scene)


@given(
    sizes=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 50)), max_size=40),
    room=st.integers(0, 120),
)
def test_a_shelf_keeps_to_its_bytes_and_tells_of_all_it_gives_up(
    sizes: list[tuple[int, int]], room: int
) -> None:
    gone: list[int] = []
    shelf: Shelf[int, int] = Shelf(room, gone.append)
    kept: dict[int, int] = {}
    for key, size in sizes:
        gone.clear()
        shelf.put(key, size, size)
        kept.pop(key, None)
        kept[key] = size
        for one in gone:
            assert one == next(iter(kept))  # the oldest
            del kept[one]
        assert shelf.used_bytes == sum(kept.values())
        assert shelf.used_bytes <= room or len(shelf) == 1
        assert shelf.get(key) == size
