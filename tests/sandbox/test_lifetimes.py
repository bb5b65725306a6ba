"""Random lives of stores and invocations: nothing aborts, nothing leaks, each ends exactly once."""

import asyncio
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, precondition, rule

from sandbox.capi import (
    CallShape,
    Engine,
    EngineConfig,
    EngineError,
    GuestTrapError,
    InstancePre,
    PoolConfig,
    Store,
    Ticker,
    wat_to_wasm,
)
from sandbox.capi.linker import Linker
from sandbox.contract import Cancelled, Finished, HostCallError, Limit, Limits, OverLimit, Trapped
from sandbox.invocation import Invocation
from tests.sandbox.guests import ECHO, LOOP, Bed, RecordingHost, built, event_module, on_loop, wat
from tests.sandbox.test_hostcalls import CALLER, SLEEP

ACTORS = b"""
(module
  (import "test" "wait" (func $wait (result i32)))
  (import "test" "fail" (func $fail))
  (memory (export "memory") 1)
  (func (export "add") (param i32 i32) (result i64)
    (i64.extend_i32_u (i32.add (local.get 0) (local.get 1))))
  (func (export "loop") (param i32 i32) (result i64) (loop $again (br $again)) (unreachable))
  (func (export "trap") (param i32 i32) (result i64) (unreachable))
  (func (export "wait") (param i32 i32) (result i64) (i64.extend_i32_s (call $wait)))
  (func (export "fail") (param i32 i32) (result i64) (call $fail) (i64.const 1)))
"""
LOOPING = b'(module (memory (export "memory") 1) (func $s (loop $again (br $again))) (start $s))'
ADD, TURN, TRAP, WAIT, FAIL = range(1, 6)
SHAPE = CallShape("ii", "q")
SLOTS = 20


class Gate:
    """A host operation that is done when it is opened."""

    open = False

    def result(self) -> int | None:
        return 7 if self.open else None


GATES: list[Gate] = []


def _wait() -> Gate:
    GATES.append(Gate())
    return GATES[-1]


def _fail() -> None:
    raise HostCallError("no")


@cache
def stage() -> tuple[Engine, InstancePre, InstancePre]:
    engine = Engine(EngineConfig(pool=PoolConfig(instances=SLOTS, component_instances=0)))
    linker = Linker(engine)
    linker.define_async(("test", "wait"), ("", "i"), _wait)
    linker.define(("test", "fail"), ("", ""), _fail)
    actors = linker.prepare(
        engine.compile(wat_to_wasm(ACTORS)), ("memory", "add", "loop", "trap", "wait", "fail")
    )
    return engine, actors, linker.prepare(engine.compile(wat_to_wasm(LOOPING)), ("memory",))


def finish(store: Store, *, done: bool) -> None:
    """Poll to the end: on a busy machine a slice may be over before anything has run."""
    while not done:
        done = store.poll()


class Stores(RuleBasedStateMachine):
    """Stores in every order of instantiate, call, poll, tick and close."""

    ready = Bundle("ready")
    busy = Bundle("busy")

    def __init__(self) -> None:
        super().__init__()
        self.engine, self.actors, self.looping = stage()
        self.open: set[Store] = set()
        self.ticker = Ticker(self.engine, slice_us=300)
        self.ticker.start()

    @precondition(lambda self: len(self.open) < SLOTS)
    @rule(target=ready)
    def instantiate(self) -> Any:
        return self._fresh()

    @rule(target=busy, store=consumes(ready))
    def loop(self, store: Any) -> Any:
        assert not store[0].call(TURN, SHAPE, 0, 0)
        return store[0], TURN, None

    @rule(target=busy, store=consumes(ready))
    def wait(self, store: Any) -> Any:
        store[0].renew_slice()
        done = store[0].call(WAIT, SHAPE, 0, 0)
        while not store[0].waiting:
            done = store[0].poll()
        assert not done
        return store[0], WAIT, GATES[-1]

    @precondition(lambda self: len(self.open) < SLOTS)
    @rule(target=busy)
    def instantiate_for_ever(self) -> Any:
        store = Store(self.engine, memory_bytes=1 << 20)
        self.open.add(store)
        assert not store.instantiate(self.looping)
        return store, TURN, None

    @rule(target=ready, store=consumes(ready), left=st.integers(0, 1 << 30), right=st.integers(0, 1 << 30))
    def add(self, store: Any, left: int, right: int) -> Any:
        store[0].renew_slice()
        finish(store[0], done=store[0].call(ADD, SHAPE, left, right))
        assert store[0].result() == left + right
        return store

    @rule(store=consumes(ready), export=st.sampled_from([TRAP, FAIL]))
    def end_badly(self, store: Any, export: int) -> None:
        store[0].renew_slice()
        with pytest.raises(GuestTrapError if export == TRAP else HostCallError):
            finish(store[0], done=store[0].call(export, SHAPE, 0, 0))
        self.open.discard(store[0])
        store[0].close()

    @rule(store=busy)
    def poll_too_early(self, store: Any) -> None:
        if not (store[2] and store[2].open):
            assert not store[0].poll()

    @rule(target=ready, store=consumes(busy))
    def open_the_gate(self, store: Any) -> Any:
        if store[2] is None:
            self.open.discard(store[0])
            store[0].close()
            return self._fresh()
        store[2].open = True
        while not store[0].poll():
            pass
        assert store[0].result() == 7
        return store[0], None, None

    def _fresh(self) -> Any:
        store = Store(self.engine, memory_bytes=1 << 20)
        self.open.add(store)
        finish(store, done=store.instantiate(self.actors))
        return store, None, None

    @rule(store=consumes(busy))
    def close_busy(self, store: Any) -> None:
        self.open.discard(store[0])
        store[0].close()

    @rule(store=consumes(ready))
    def close_ready(self, store: Any) -> None:
        self.open.discard(store[0])
        store[0].close()
        store[0].close()

    def teardown(self) -> None:
        for store in self.open:
            store.close()
        stores = [Store(self.engine, memory_bytes=1 << 20) for _ in range(SLOTS)]
        for store in stores:
            finish(store, done=store.instantiate(self.actors))
        one_more = Store(self.engine, memory_bytes=1 << 20)
        with pytest.raises(EngineError, match="concurrent"):
            one_more.instantiate(self.actors)
        for store in (*stores, one_more):
            store.close()
        self.ticker.close()


TestStores = pytest.mark.slow(Stores.TestCase)
Stores.TestCase.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)

GUESTS = {
    "echo": event_module(),
    "loop": event_module(LOOP),
    "trap": event_module("(unreachable)"),
    "call": CALLER,
    "sleep": event_module(f"(call $sleep (f64.const 3600000)) {ECHO}", imports=SLEEP),
    "nap": event_module(f"(call $sleep (f64.const 1)) {ECHO}", imports=SLEEP),
}
STEPS = st.one_of(
    st.tuples(st.just("start"), st.sampled_from(sorted(GUESTS))),
    st.tuples(st.just("turn"), st.integers(1, 20)),
    st.tuples(st.just("cancel"), st.integers(0, 50)),
    st.tuples(st.just("answer"), st.integers(0, 50)),
    st.tuples(st.just("fail"), st.integers(0, 50)),
)
EXPECTED: dict[str, tuple[type, ...]] = {
    "echo": (Finished,),
    "loop": (OverLimit, Cancelled),
    "trap": (Trapped,),
    "call": (Finished, Trapped, OverLimit, Cancelled),
    "sleep": (OverLimit, Cancelled),
    "nap": (Finished, OverLimit, Cancelled),
}


class Story:
    """One random sequence of what callers, hosts and viewers do."""

    def __init__(self, bed: Bed, folder: Path) -> None:
        self.sandbox = bed.sandbox
        self.programs = {name: bed.sandbox.load(built(folder, wat(text))) for name, text in GUESTS.items()}
        self.pending: list[asyncio.Future[bytes]] = []
        self.started: list[tuple[str, Invocation]] = []

    def answer_later(self, _: bytes) -> "asyncio.Future[bytes]":
        self.pending.append(asyncio.get_running_loop().create_future())
        return self.pending[-1]

    def start(self, name: str) -> None:
        host = RecordingHost(calls={"op": self.answer_later})
        limits = Limits(cpu_ms=5, wall_ms=300)
        invocation = self.sandbox.start(self.programs[name], b"event", limits=limits, host=host)
        self.started.append((name, invocation))

    async def turn(self, count: int) -> None:
        for _ in range(count):
            await asyncio.sleep(0)

    def cancel(self, number: int) -> None:
        if self.started:
            self.started[number % len(self.started)][1].cancel()

    def answer(self, number: int) -> None:
        future = self._pending(number)
        if future is not None:
            future.set_result(b"answered")

    def fail(self, number: int) -> None:
        future = self._pending(number)
        if future is not None:
            future.set_exception(ValueError("broken"))

    def _pending(self, number: int) -> "asyncio.Future[bytes] | None":
        open_ones = [future for future in self.pending if not future.done()]
        return open_ones[number % len(open_ones)] if open_ones else None

    async def end(self) -> None:
        for name, invocation in self.started:
            before = invocation.outcome
            outcome = await invocation.wait()
            assert before is None or outcome is before
            assert isinstance(outcome, EXPECTED[name]), (name, outcome)
            if isinstance(outcome, OverLimit):
                assert outcome.limit in (Limit.CPU, Limit.WALL)
        assert self.sandbox.stats()["running"] == 0


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(STEPS, max_size=40))
def test_every_invocation_ends_exactly_once_whatever_happens(
    tmp_path: Path, steps: list[tuple[str, Any]]
) -> None:
    async def scene(bed: Bed) -> None:
        story = Story(bed, tmp_path)
        for what, argument in steps:
            happening = getattr(story, what)(argument)
            if happening is not None:
                await happening
        await story.end()

    on_loop(tmp_path, scene)


def test_a_closed_store_is_used_for_nothing() -> None:
    engine, actors, _ = stage()
    store = Store(engine, memory_bytes=1 << 20)
    finish(store, done=store.instantiate(actors))
    store.close()
    store.close()
    for use in (
        lambda: store.call(ADD, SHAPE, 1, 2),
        lambda: store.instantiate(actors),
        store.poll,
        lambda: store.memory(0),
    ):
        with pytest.raises(AssertionError):
            use()
