"""The host functions of module ``edgefaas``, called by real guests."""

import asyncio
from pathlib import Path

import pytest

from sandbox.contract import (
    Cancelled,
    Finished,
    HostCallError,
    Limit,
    Limits,
    Outcome,
    OverLimit,
    Trapped,
)
from sandbox.hostcalls import NAME_BYTES_MAX, PAYLOAD_BYTES_MAX, PIECE_BYTES
from tests.sandbox.guests import ECHO, Bed, RecordingHost, built, event_module, on_loop, run, wat

LOG = '(import "edgefaas" "log" (func $log (param i32 i32 i32)))'
NOW = '(import "edgefaas" "now" (func $now (result f64)))'
RANDOM = '(import "edgefaas" "random" (func $random (param i32 i32)))'
SLEEP = '(import "edgefaas" "sleep" (func $sleep (param f64)))'
ENV = '(import "edgefaas" "env" (func $env (param i32 i32) (result i32)))'
TAKE = '(import "edgefaas" "take" (func $take (param i32 i32) (result i32)))'
CALL = '(import "edgefaas" "call" (func $call (param i32 i32 i32 i32) (result i32)))'
LOG_EVENT = f"(call $log (i32.const 2) (local.get $pointer) (local.get $length)) {ECHO}"
# Calls the operation "op" with the event; answers with the result, or with "!" and the error's message.
CALL_EVENT = """
  (local $n i32) (local $error i32)
  (local.set $n (call $call (i32.const 16) (i32.const 2) (local.get $pointer) (local.get $length)))
  (if (i32.lt_s (local.get $n) (i32.const 0))
    (then
      (local.set $n (i32.sub (i32.const -1) (local.get $n)))
      (i32.store8 (i32.const 1000) (i32.const 33))
      (drop (call $take (i32.const 1001) (local.get $n)))
      (return (call $pack (i32.const 1000) (i32.add (local.get $n) (i32.const 1))))))
  (drop (call $take (i32.const 1000) (local.get $n)))
  (call $pack (i32.const 1000) (local.get $n))"""
CALLER = event_module(CALL_EVENT, imports=CALL + TAKE, extra='(data (i32.const 16) "op")')


def output(outcome: Outcome) -> bytes:
    assert isinstance(outcome, Finished), outcome
    return outcome.output


def test_a_log_line_reaches_the_host_with_its_level(tmp_path: Path) -> None:
    host = RecordingHost()
    output(run(tmp_path, event_module(LOG_EVENT, imports=LOG), "grüezi".encode(), host=host))
    assert host.lines == [("warn", "grüezi")]


def test_a_log_line_that_is_not_utf_8_is_mended(tmp_path: Path) -> None:
    host = RecordingHost()
    output(run(tmp_path, event_module(LOG_EVENT, imports=LOG), b"a\xffb", host=host))
    assert host.lines == [("warn", "a\N{REPLACEMENT CHARACTER}b")]


def test_log_of_exactly_the_limit_is_kept_and_one_byte_more_is_cut(tmp_path: Path) -> None:
    kept, cut = RecordingHost(), RecordingHost()
    limits = Limits(log_bytes=5)
    text = event_module(LOG_EVENT, imports=LOG)
    assert output(run(tmp_path, text, b"12345", host=kept, limits=limits)) == b"12345"
    assert output(run(tmp_path, text, b"123456", host=cut, limits=limits)) == b"123456"
    assert kept.lines == [("warn", "12345")]
    assert [line for _, line in cut.lines] == ["log cut: the limit is 5 bytes per invocation"]


def test_the_clock_moves_and_random_bytes_differ(tmp_path: Path) -> None:
    text = event_module(
        "(f64.store (i32.const 0) (call $now)) (call $random (i32.const 8) (i32.const 16))"
        "(call $pack (i32.const 0) (i32.const 24))",
        imports=NOW + RANDOM,
    )
    first, second = output(run(tmp_path, text)), output(run(tmp_path, text))
    assert first[8:] != second[8:]
    assert first[:8] != second[:8]


@pytest.mark.parametrize(("environment", "expected"), [({"op": "värde"}, "värde".encode()), ({}, b"none")])
def test_the_environment_is_what_the_host_says_and_nothing_else(
    tmp_path: Path, environment: dict[str, str], expected: bytes
) -> None:
    text = event_module(
        """(local $n i32)
        (local.set $n (call $env (i32.const 16) (i32.const 2)))
        (if (i32.lt_s (local.get $n) (i32.const 0)) (then (return (call $pack (i32.const 32) (i32.const 4)))))
        (drop (call $take (i32.const 100) (local.get $n)))
        (call $pack (i32.const 100) (local.get $n))""",
        imports=ENV + TAKE,
        extra='(data (i32.const 16) "op") (data (i32.const 32) "none")',
    )
    assert output(run(tmp_path, text, host=RecordingHost(environment))) == expected


def test_a_host_operation_that_answers_at_once(tmp_path: Path) -> None:
    host = RecordingHost(calls={"op": lambda payload: payload.upper()})
    assert output(run(tmp_path, CALLER, b"abc", host=host)) == b"ABC"
    assert host.called == [("op", b"abc")]


def test_a_host_operation_that_waits_suspends_the_guest_and_frees_the_loop(tmp_path: Path) -> None:
    async def scene(bed: Bed) -> tuple[list[Outcome], int]:
        gate = asyncio.Event()

        async def answer(payload: bytes) -> bytes:
            await gate.wait()
            return payload[::-1]

        program = bed.sandbox.load(built(tmp_path, wat(CALLER)))
        host = RecordingHost(calls={"op": answer})
        waiting = [
            bed.sandbox.start(program, b"event %d" % n, limits=Limits(), host=host) for n in range(100)
        ]
        neighbour = await bed.run(event_module(), b"x")
        assert isinstance(neighbour, Finished)
        undone = sum(not invocation.done for invocation in waiting)
        gate.set()
        return [await invocation.wait() for invocation in waiting], undone

    outcomes, undone = on_loop(tmp_path, scene)
    assert undone == 100
    assert [output(outcome) for outcome in outcomes] == [(b"event %d" % n)[::-1] for n in range(100)]


def test_the_guest_sees_why_an_operation_failed(tmp_path: Path) -> None:
    async def later(_: bytes) -> bytes:
        await asyncio.sleep(0)
        raise HostCallError("later")

    assert output(run(tmp_path, CALLER)) == b"!there is no op"
    assert output(run(tmp_path, CALLER, host=RecordingHost(calls={"op": later}))) == b"!later"


def test_a_host_that_breaks_down_ends_the_guest_and_nothing_else(tmp_path: Path) -> None:
    def broken(_: bytes) -> bytes:
        raise ValueError("our own fault")

    async def broken_later(_: bytes) -> bytes:
        await asyncio.sleep(0)
        raise ValueError("our own fault")

    for host in (RecordingHost(calls={"op": broken}), RecordingHost(calls={"op": broken_later})):
        outcome = run(tmp_path, CALLER, host=host)
        assert isinstance(outcome, Trapped)
        assert outcome.message == "the host failed: ValueError"


def test_a_cancelled_guest_cancels_the_operation_it_waits_for(tmp_path: Path) -> None:
    async def scene(bed: Bed) -> list[str]:
        seen: list[str] = []
        begun = asyncio.Event()

        async def forever(_: bytes) -> bytes:
            begun.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                seen.append("cancelled")
                raise
            return b""

        program = bed.sandbox.load(built(tmp_path, wat(CALLER)))
        invocation = bed.sandbox.start(
            program, b"", limits=Limits(wall_ms=60_000), host=RecordingHost(calls={"op": forever})
        )
        await begun.wait()
        invocation.cancel()
        assert isinstance(invocation.outcome, Cancelled)
        await asyncio.sleep(0)
        return seen

    assert on_loop(tmp_path, scene) == ["cancelled"]


def test_a_guest_that_sleeps_for_an_hour_ends_at_its_wall_limit(tmp_path: Path) -> None:
    text = event_module(f"(call $sleep (f64.const 3600000)) {ECHO}", imports=SLEEP)
    outcome = run(tmp_path, text, limits=Limits(wall_ms=20))
    assert isinstance(outcome, OverLimit)
    assert outcome.limit is Limit.WALL


@pytest.mark.parametrize("duration", ["0", "1", "-5", "nan", "-inf"])
def test_a_guest_wakes_up_and_goes_on(tmp_path: Path, duration: str) -> None:
    text = event_module(f"(call $sleep (f64.const {duration})) {ECHO}", imports=SLEEP)
    assert output(run(tmp_path, text, b"awake")) == b"awake"


def test_a_start_function_may_log(tmp_path: Path) -> None:
    host = RecordingHost()
    text = event_module(
        imports=LOG,
        extra='(data (i32.const 16) "start") (start $go)'
        "(func $go (call $log (i32.const 1) (i32.const 16) (i32.const 5)))",
    )
    output(run(tmp_path, text, host=host))
    assert host.lines == [("info", "start")]


def test_host_calls_of_exactly_the_limit_are_allowed_and_one_more_is_not(tmp_path: Path) -> None:
    text = event_module(f"(call $sleep (f64.const 0)) (call $sleep (f64.const 0)) {ECHO}", imports=SLEEP)
    finished = run(tmp_path, text, limits=Limits(host_calls=2))
    assert isinstance(finished, Finished)
    assert finished.usage.host_calls == 2
    outcome = run(tmp_path, text, limits=Limits(host_calls=1))
    assert isinstance(outcome, OverLimit)
    assert (outcome.limit, outcome.allowed) == (Limit.HOST_CALLS, 1)


def test_random_bytes_of_exactly_the_limit_are_given_and_one_more_is_not(tmp_path: Path) -> None:
    def asking(count: int) -> bytes:
        return event_module(f"(call $random (i32.const 0) (i32.const {count})) {ECHO}", imports=RANDOM)

    assert isinstance(run(tmp_path, asking(65_536)), Finished)
    assert isinstance(run(tmp_path, asking(65_537)), Trapped)


@pytest.mark.parametrize("more", [0, 1])
def test_sixteen_mebibytes_may_be_handed_to_the_host_and_not_one_byte_more(tmp_path: Path, more: int) -> None:
    size = PAYLOAD_BYTES_MAX + more
    text = event_module(
        CALL_EVENT.replace("(local.get $length)))", f"(i32.const {size})))", 1),
        imports=CALL + TAKE,
        extra='(data (i32.const 16) "op")',
        pages="300",
    )
    host = RecordingHost(calls={"op": lambda payload: b"%d" % len(payload)})
    told = output(run(tmp_path, text, host=host, limits=Limits(wall_ms=60_000, cpu_ms=60_000)))
    assert told == (
        b"!ERR_OUT_OF_RANGE: 16777217 bytes handed to the host, at most 16777216 at a time"
        if more
        else b"16777216"
    )


@pytest.mark.parametrize("size", [PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES + 5])
@pytest.mark.parametrize("waits", [False, True])
def test_what_is_longer_than_a_piece_goes_whole_to_the_host_and_back(
    tmp_path: Path, size: int, *, waits: bool
) -> None:
    async def later(payload: bytes) -> bytes:
        await asyncio.sleep(0)
        return payload[::-1]

    event = bytes(number % 251 for number in range(size))
    text = event_module(CALL_EVENT, imports=CALL + TAKE, extra='(data (i32.const 16) "op")', pages="60")
    host = RecordingHost(calls={"op": later if waits else lambda payload: payload[::-1]})
    limits = Limits(wall_ms=60_000, cpu_ms=60_000)
    assert output(run(tmp_path, text, event, host=host, limits=limits)) == event[::-1]


def test_a_guest_that_ends_while_it_hands_over_leaves_the_others_well(tmp_path: Path) -> None:
    async def scene(bed: Bed) -> Outcome:
        text = event_module(CALL_EVENT, imports=CALL + TAKE, extra='(data (i32.const 16) "op")', pages="60")
        program = bed.sandbox.load(built(tmp_path, wat(text)))
        host = RecordingHost(calls={"op": lambda payload: payload})
        left = bed.sandbox.start(program, bytes(3 * PIECE_BYTES), limits=Limits(), host=host)
        assert not left.done
        left.cancel()
        return await bed.run(event_module(), b"x")

    assert output(on_loop(tmp_path, scene)) == b"x"


@pytest.mark.parametrize(("length", "found"), [(NAME_BYTES_MAX, b"\x01"), (NAME_BYTES_MAX + 1, b"\xff")])
def test_a_name_of_four_kibibytes_is_looked_up_and_a_longer_one_is_nobodys(
    tmp_path: Path, length: int, found: bytes
) -> None:
    text = event_module(
        "(memory.fill (i32.const 8192) (i32.const 120) (i32.const 8192))"
        f"(i32.store (i32.const 64) (call $env (i32.const 8192) (i32.const {length})))"
        "(call $pack (i32.const 64) (i32.const 1))",
        imports=ENV,
    )
    host = RecordingHost({"x" * NAME_BYTES_MAX: "v", "x" * (NAME_BYTES_MAX + 1): "v"})
    assert output(run(tmp_path, text, host=host)) == found
