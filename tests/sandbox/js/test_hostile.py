# ruff: noqa: E501  # scripts are shown as they are
"""Hostile scripts: each ends with its documented outcome, and the sandbox goes on."""

import asyncio
import json
import zlib
from collections.abc import Awaitable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.capi import CallShape, Store, wat_to_wasm
from sandbox.capi.linker import Linker
from sandbox.contract import (
    Cancelled,
    Finished,
    HostCallError,
    Limit,
    Limits,
    Outcome,
    OverLimit,
    Threw,
    Trapped,
)
from sandbox.errors import BuildLimitError, CompileError
from sandbox.guest import CURRENT, Guest, GuestFaultError, description_of
from sandbox.js.host_zlib import perform as perform_zlib
from sandbox.js.imports import define_imports
from sandbox.runtime import Sandbox
from tests.sandbox.js.stage import answer, at_once, make, outcome, outcomes, perform, workshop
from tests.sandbox.stage import GENEROUS, StageHost

CPU = Limits(cpu_ms=60, wall_ms=60_000)
SMALL = Limits(cpu_ms=20_000, wall_ms=60_000, memory_bytes=16 * 1024 * 1024)


def over(ended: Outcome, limit: Limit) -> bool:
    return isinstance(ended, OverLimit) and ended.limit is limit


@pytest.mark.parametrize(
    "body",
    [
        "for (;;) {}",
        "/^(a+)+$/.test('a'.repeat(40) + 'b')",
        "(function f() { Promise.resolve().then(f) })(); await new Promise(() => {})",
        "(function f() { process.nextTick(f) })(); await new Promise(() => {})",
        "'a'.repeat(1e7).replace(/a/g, (c) => c + 1)",
        "const a = []; a.length = 4294967295; a.sort(); for (;;) {}",
        "while (true) Date.now()",
        "JSON.parse('[' + '1,'.repeat(3e6) + '1]')",
        "for (;;) try { for (;;) {} } finally { continue }",
        "new Proxy({}, { get() { for (;;) {} } }).x",
    ],
)
def test_work_that_does_not_end_is_stopped_at_the_cpu_limit(body: str) -> None:
    assert over(outcome(f"exports.handler = async () => {{ {body}; for (;;) {{}} }}", limits=CPU), Limit.CPU)


@pytest.mark.parametrize(
    "body",
    [
        "const a = []; for (;;) a.push('x'.repeat(1000) + a.length)",
        "let s = 'x'; for (;;) s = (s + s).slice(0)",
        "new ArrayBuffer(2 ** 30)",
        "const a = []; for (;;) a.push(new Uint8Array(1e6))",
        "const m = new Map(); for (let i = 0; ; i++) m.set(i, {})",
        "Buffer.alloc(2 ** 30)",
        "Array(2 ** 25).fill(1.5)",
        "try { new ArrayBuffer(2 ** 30) } catch {} for (;;) {}",
    ],
)
def test_memory_bombs_end_at_the_memory_limit(body: str) -> None:
    assert over(outcome(f"exports.handler = async () => {{ {body} }}", limits=SMALL), Limit.MEMORY)


def test_memory_just_under_the_limit_is_given_and_just_above_is_not() -> None:
    made = make("exports.handler = async (n) => new Uint8Array(n).fill(1).length")
    room = SMALL.memory_bytes
    within, beyond = outcomes(made, [room - 2_000_000, room], limits=SMALL)
    assert isinstance(within, Finished)
    assert over(beyond, Limit.MEMORY)


@pytest.mark.parametrize(
    "body",
    [
        "(function f() { f() })()",
        "const f = (n) => n + f(n + 1); f(0)",
        "const o = {}; o.toString = () => '' + o; '' + o",
        "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; JSON.stringify(a)",
        "JSON.parse('['.repeat(1e5) + ']'.repeat(1e5))",
        "new RegExp('('.repeat(1e4) + ')'.repeat(1e4))",
        "eval('('.repeat(1e4) + ')'.repeat(1e4))",
        "const p = new Proxy({}, { get(t, k, r) { return r[k] } }); p.x",
        "class A { get x() { return this.x } } new A().x",
        "[1, 2].sort(function f() { return [2, 1].sort(f) })",
        "'a'.replace(/a/, function f() { return 'a'.replace(/a/, f) })",
        "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; a.flat(Infinity)",
        "let a = {}; for (let i = 0; i < 1e5; i++) a = { a }; structuredClone(a)",
        "let a = {}; for (let i = 0; i < 1e5; i++) a = { a }; console.log(a); return require('util').inspect(a, { depth: null })",
    ],
)
def test_deep_recursion_is_an_error_that_the_guest_may_catch_or_a_trap(body: str) -> None:
    ended = outcome(f"exports.handler = async () => {{ {body} }}")
    assert isinstance(ended, Threw | Trapped), ended
    if isinstance(ended, Threw):
        assert "stack" in ended.message.lower() or "SyntaxError" in ended.message or "nest" in ended.message


def test_a_stack_overflow_can_be_caught() -> None:
    assert answer(
        "exports.handler = async () => { try { (function f() { f() })() } catch (e) { return e instanceof RangeError } }"
    )


def test_a_result_that_is_nested_too_deeply_ends_the_request_only() -> None:
    ended = outcome(
        "exports.handler = async () => { let a = []; for (let i = 0; i < 1e6; i++) a = [a]; return a }"
    )
    assert isinstance(ended, Threw | Trapped)


def test_gigabytes_of_log_are_cut_at_the_limit_with_one_line_that_says_so() -> None:
    host = StageHost()
    limits = Limits(cpu_ms=200, wall_ms=60_000, log_bytes=10_000)
    ended = outcome(
        "exports.handler = async () => { const s = 'x'.repeat(1e3); for (;;) console.log(s) }",
        limits=limits,
        host=host,
    )
    assert over(ended, Limit.CPU)
    assert sum(len(text) for _, text in host.lines[:-1]) <= 10_000
    assert "log cut" in host.lines[-1][1]


@pytest.mark.parametrize(
    "call",
    [
        "require('crypto').randomUUID(); require('crypto').createHash('md5').digest()",
        "fetch('http://x/').catch(() => {})",
    ],
)
def test_a_storm_of_host_calls_ends_at_the_limit(call: str) -> None:
    limits = Limits(cpu_ms=20_000, wall_ms=60_000, host_calls=50)
    ended = outcome(
        f"exports.handler = async () => {{ for (let i = 0; i < 1e6; i++) {{ {call} ; await null }} }}",
        limits=limits,
    )
    assert over(ended, Limit.HOST_CALLS)


def test_the_last_host_call_allowed_is_done() -> None:
    js = "exports.handler = async (n) => { for (let i = 0; i < n; i++) require('crypto').createHash('md5').digest(); return n }"
    limits = Limits(cpu_ms=20_000, wall_ms=60_000, host_calls=5)
    assert isinstance(outcome(js, 5, limits=limits), Finished)
    assert over(outcome(js, 6, limits=limits), Limit.HOST_CALLS)


def test_output_at_the_limit_passes_and_one_byte_more_does_not() -> None:
    made = make("exports.handler = async (n) => 'x'.repeat(n)")
    limits = Limits(cpu_ms=20_000, wall_ms=60_000, output_bytes=10_000)
    at, above = outcomes(made, [9_998, 9_999], limits=limits)
    assert isinstance(at, Finished)
    assert over(above, Limit.OUTPUT)


@pytest.mark.parametrize(
    "body",
    [
        "setTimeout(() => {}, 36e5); await new Promise(() => {})",
        "await require('timers/promises').setTimeout(1e9)",
        "setInterval(() => {}, 1); await new Promise(() => {})",
    ],
)
def test_sleeping_for_an_hour_ends_at_the_wall_limit(body: str) -> None:
    limits = Limits(cpu_ms=20_000, wall_ms=80)
    assert over(outcome(f"exports.handler = async () => {{ {body} }}", limits=limits), Limit.WALL)


def test_a_top_level_that_never_ends_is_refused_at_build() -> None:
    with pytest.raises(BuildLimitError, match="did not end within"):
        make("for (;;) {}")


@pytest.mark.parametrize("js", ["const a = []; for (;;) a.push(new Uint8Array(1e7).fill(1));"])
def test_a_top_level_that_eats_memory_is_refused_at_build(js: str) -> None:
    with pytest.raises(BuildLimitError, match="memory limit"):
        make(js)


@pytest.mark.parametrize(
    "js",
    ["(function f() { f() })()", "(" * 20_000, "[" * 20_000, "a" + "=>a" * 20_000, "x = `" + "${`" * 5_000],
)
def test_sources_made_to_break_a_parser_are_refused_at_build(js: str) -> None:
    with pytest.raises(CompileError):
        make(js)


@pytest.mark.parametrize(
    "js",
    [
        "\0",
        "\ud800".encode("utf-8", "surrogatepass").decode("latin1"),
        "\u2028\u2029",
        "#!x",
        "*/",
        "})",
        "}); (() => {",
    ],
)
def test_garbage_for_a_source_is_an_error_of_the_build(js: str) -> None:
    with pytest.raises(Exception, match=r".") as caught:
        make(js)
    assert type(caught.value).__module__ == "sandbox.errors"


def test_neighbours_answer_while_a_guest_loops() -> None:
    loop = make("exports.handler = async () => { for (;;) {} }")
    good = make("exports.handler = async (e) => e * 2")

    async def scene(sandbox: Sandbox) -> None:
        bad = [
            sandbox.start(
                sandbox.load(loop.name), b"1", limits=Limits(cpu_ms=10_000, wall_ms=60_000), host=StageHost()
            )
            for _ in range(3)
        ]
        program = sandbox.load(good.name)
        for i in range(50):
            ended = await sandbox.run(program, str(i).encode(), limits=GENEROUS, host=StageHost())
            assert isinstance(ended, Finished)
            assert json.loads(ended.output) == i * 2
        for one in bad:
            assert not one.done
            one.cancel()
            assert isinstance(await one.wait(), Cancelled)

    perform(scene)


def test_what_is_under_way_is_cancelled_with_the_invocation() -> None:
    made = make("exports.handler = async () => { await fetch('http://x/') }")

    async def scene(sandbox: Sandbox) -> None:
        started, cancelled = asyncio.Event(), asyncio.Event()

        async def never() -> bytes:
            started.set()
            try:
                return await asyncio.Future()
            except asyncio.CancelledError:
                cancelled.set()
                raise

        host = StageHost(operations={"fetch": lambda _payload: never()})
        one = sandbox.start(sandbox.load(made.name), b"1", limits=GENEROUS, host=host)
        await asyncio.wait_for(started.wait(), 20)
        assert not one.done
        one.cancel()
        await asyncio.wait_for(cancelled.wait(), 20)
        assert isinstance(one.outcome, Cancelled)

    perform(scene)


def test_a_host_operation_that_fails_is_an_error_that_the_guest_may_catch() -> None:
    def refuse(_payload: bytes) -> Awaitable[bytes]:
        raise HostCallError("not this host")

    async def later(_payload: bytes) -> bytes:
        raise HostCallError("not now")

    js = "exports.handler = async () => { try { await fetch('http://x/') } catch (e) { return [e.name, e.message, e.cause.message] } }"
    assert answer(js, host=StageHost(operations={"fetch": refuse})) == [
        "TypeError",
        "fetch failed",
        "not this host",
    ]
    assert answer(js, host=StageHost(operations={"fetch": later})) == ["TypeError", "fetch failed", "not now"]


def test_a_worker_that_saw_every_trap_still_answers() -> None:
    """The same process, one sandbox: a thousand requests of which every other one misbehaves."""
    made = make(
        "exports.handler = async (n) => { if (n % 4 === 1) throw new Error('x'); if (n % 4 === 2) (function f() { f() })();"
        " if (n % 4 === 3) return 10n; return n }"
    )
    ended = outcomes(made, list(range(200)))
    assert [json.loads(one.output) for one in ended if isinstance(one, Finished)] == list(range(0, 200, 4))


def test_a_string_that_is_too_long_is_an_error_as_in_node() -> None:
    ended = outcome("exports.handler = async () => { let s = 'x'; for (;;) s += s }", limits=SMALL)
    assert isinstance(ended, Threw)
    assert "string too long" in ended.message


def test_random_bytes_come_in_pieces_and_a_large_buffer_is_filled_to_its_last_byte() -> None:
    script = """
    exports.handler = async () => {
      const bytes = require('crypto').randomFillSync(Buffer.alloc(200001));
      return [bytes.subarray(0, 64), bytes.subarray(65504, 65568), bytes.subarray(-64)].map((part) => part.some(Boolean));
    }
    """
    assert answer(script) == [True, True, True]


def test_a_guest_that_reaches_past_the_library_gets_no_more_random_bytes_at_once_than_it_does() -> None:
    engine = workshop().engine
    linker = Linker(engine)
    define_imports(linker)
    text = b"""
    (module
      (import "edgefaas:js" "random" (func $random (param i32 i32)))
      (memory (export "memory") 2)
      (func (export "ask") (param i32 i32) (result i64) (call $random (local.get 0) (local.get 1)) (i64.const 1)))
    """
    pre = linker.prepare(engine.compile(wat_to_wasm(text)), ("memory", "ask"))
    store = Store(engine, memory_bytes=1 << 20)
    CURRENT.guest = guest = Guest(b"", Limits(), StageHost())
    store.instantiate(pre)
    guest.memory = store.memory(0)
    assert store.call(1, CallShape("ii", "q"), 0, 65_536)
    with pytest.raises(GuestFaultError, match="65537 random bytes"):
        store.call(1, CallShape("ii", "q"), 0, 65_537)
    store.close()


def test_a_stream_that_is_fed_and_never_emptied_is_refused() -> None:
    streams: dict[int, object] = {}
    options = {"mode": "inflate", "level": -1, "windowBits": 15, "dictionary": None}
    number = at_once(perform_zlib("zlib.open", json.dumps(options).encode(), streams))
    step = json.dumps({"handle": int(number), "last": False}).encode() + b"\0"
    packer = zlib.compressobj(9)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(400))
    for at in range(0, 4 * 65_536, 65_536):
        assert at_once(perform_zlib("zlib.step", step + bomb[at : at + 65_536], streams))[0] == 1
    with pytest.raises(HostCallError, match="Z_BUF_ERROR"):
        perform_zlib("zlib.step", step + bomb[4 * 65_536 : 5 * 65_536], streams)


@given(output=st.one_of(st.binary(), st.text().map(str.encode), st.from_regex(rb"[\[{]{0,3000}")))
def test_whatever_a_guest_says_of_its_error_is_an_object_or_a_fault(output: bytes) -> None:
    with suppress(GuestFaultError):
        assert isinstance(description_of(output), dict)


def test_an_error_that_is_told_in_no_json_object_is_a_fault_of_the_guest() -> None:
    assert description_of(b'{"message": "\\ud800"}') == {"message": "\ud800"}
    for output in (b"", b"[1]", b"null", b"{", b"[" * 100_000):
        with pytest.raises(GuestFaultError):
            description_of(output)
