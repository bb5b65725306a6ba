"""Hostile guests: each ends as documented, its neighbours' answers stay right, and the process stays up.

The guests are the ``.wat`` files beside this one; a test below makes sure that none is forgotten.
"""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.contract import (
    Cancelled,
    Finished,
    Host,
    Kind,
    Limit,
    Limits,
    NoRoom,
    Outcome,
    OverLimit,
    Source,
    Trapped,
)
from sandbox.errors import CompileError
from sandbox.settings import Settings
from tests.sandbox.guests import Bed, RecordingHost, built, event_module, on_loop, run, wat

FOLDER = Path(__file__).parent
LIMITS = Limits(memory_bytes=64 * 1024 * 1024, cpu_ms=30, wall_ms=150, output_bytes=1024, log_bytes=10_000)

OVER = {
    "loop_in_handle": Limit.CPU,
    "loop_in_start": Limit.CPU,
    "loop_in_initialize": Limit.CPU,
    "loop_in_alloc": Limit.CPU,
    "memory_bomb": Limit.MEMORY,
    "memory_bomb_that_goes_on": Limit.CPU,
    "huge_initial_memory": Limit.MEMORY,
    "result_of_4_gib": Limit.OUTPUT,
    "result_of_all_memory": Limit.OUTPUT,
    "log_without_end": Limit.CPU,
    "clock_without_end": Limit.CPU,
    "calls_without_end": Limit.HOST_CALLS,
    "sleep_for_an_hour": Limit.WALL,
    "sleep_in_start": Limit.WALL,
    "sleep_for_ever": Limit.WALL,
}
TRAPS = {
    "recursion": "call stack exhausted",
    "recursion_of_many_locals": "call stack exhausted",
    "recursion_into_the_host": "call stack exhausted",
    "table_bomb": "unreachable",
    "out_of_bounds": "out of bounds memory access",
    "division_by_zero": "division by zero",
    "call_through_an_empty_table": "null",
    "result_after_the_end": "outside its memory",
    "result_across_the_end": "outside its memory",
    "result_negative": "outside its memory",
    "result_wraps_around": "outside its memory",
    "alloc_after_the_end": "outside its memory",
    "alloc_negative": "outside its memory",
    "alloc_that_traps": "unreachable",
    "log_beyond_memory": "outside its memory",
    "call_with_a_name_of_4_gib": "outside its memory",
    "call_with_a_payload_beyond_memory": "outside its memory",
    "take_beyond_memory": "outside its memory",
    "random_beyond_memory": "outside its memory",
    "trap_after_a_host_call": "out of bounds memory access",
}
FINISHES = {
    "memory_grow_by_everything": bytes(4),
    "table_of_billions": bytes(4),
    "result_is_the_event": b"event",
    "alloc_over_its_own_data": b"even",
    "log_of_4_gib": bytes(4),
    "log_at_no_level": b"\xff\xfe\xc3\x28",
    "call_with_a_name_that_is_no_text": b"\xff\xfe\xc3\x28",
    "take_more_than_there_is": b"one\0",
    "take_before_a_call": bytes(4),
}
TOLD_ELSEWHERE = {"spy", "careless"}


def text(name: str) -> bytes:
    return (FOLDER / f"{name}.wat").read_bytes()


def attack(folder: Path, name: str, host: Host | None = None) -> Outcome:
    expected = OVER.get(name)
    limits = replace(  # the limit that is expected is near, the others are far, however busy the machine is
        LIMITS,
        cpu_ms=LIMITS.cpu_ms if expected is Limit.CPU else 5_000,
        wall_ms=LIMITS.wall_ms if expected is Limit.WALL else 60_000,
    )
    return run(folder, text(name), b"event", limits=limits, host=host or RecordingHost({"A": "one"}))


def test_every_hostile_guest_has_its_outcome_here() -> None:
    there = {path.stem for path in FOLDER.glob("*.wat")}
    assert there == set(OVER) | set(TRAPS) | set(FINISHES) | TOLD_ELSEWHERE


@pytest.mark.parametrize("name", sorted(OVER))
def test_who_takes_too_much_ends_at_that_limit(tmp_path: Path, name: str) -> None:
    outcome = attack(tmp_path, name)
    assert isinstance(outcome, OverLimit), outcome
    assert outcome.limit is OVER[name]


@pytest.mark.parametrize("name", sorted(TRAPS))
def test_who_breaks_a_rule_has_trapped(tmp_path: Path, name: str) -> None:
    outcome = attack(tmp_path, name)
    assert isinstance(outcome, Trapped), outcome
    assert TRAPS[name] in outcome.message


@pytest.mark.parametrize("name", sorted(FINISHES))
def test_who_only_harms_itself_is_answered(tmp_path: Path, name: str) -> None:
    outcome = attack(tmp_path, name)
    assert isinstance(outcome, Finished), outcome
    assert outcome.output == FINISHES[name]


def test_gigabytes_of_log_end_as_one_line_beyond_the_limit(tmp_path: Path) -> None:
    host = RecordingHost()
    attack(tmp_path, "log_without_end", host)
    assert sum(len(line) for _, line in host.lines[:-1]) <= LIMITS.log_bytes
    assert host.lines[-1] == ("warn", "log cut: the limit is 10000 bytes per invocation")


def test_nothing_of_one_request_is_left_in_the_memory_of_the_next(tmp_path: Path) -> None:
    """The pool has one slot, so every invocation has the same memory."""

    async def scene(bed: Bed) -> list[Outcome]:
        careless, spy = (bed.sandbox.load(built(tmp_path, wat(text(name)))) for name in ("careless", "spy"))
        limits, host = Limits(cpu_ms=2_000), RecordingHost()
        return [
            await bed.sandbox.run(program, b"", limits=limits, host=host) for program in (careless, spy) * 4
        ]

    outcomes = on_loop(tmp_path, scene, Settings(instances=1, idle_max=0))
    for left, seen in zip(outcomes[::2], outcomes[1::2], strict=True):
        assert isinstance(left, Finished)
        assert left.output == b"SSSS"
        assert isinstance(seen, Finished)
        assert seen.output == bytes(4)


@pytest.mark.slow
def test_the_neighbours_of_many_attackers_get_their_answers(tmp_path: Path) -> None:
    names = sorted((set(OVER) | set(TRAPS)) - {"memory_bomb_that_goes_on"})

    async def scene(bed: Bed) -> None:
        attackers = [bed.sandbox.load(built(tmp_path, wat(text(name)))) for name in names]
        neighbour = bed.sandbox.load(built(tmp_path, wat(event_module())))
        host = RecordingHost({"A": "one"})
        limits = [LIMITS if name in OVER else replace(LIMITS, cpu_ms=5_000, wall_ms=20_000) for name in names]
        under_way = [
            bed.sandbox.start(program, b"event", limits=each, host=host)
            for program, each in zip(attackers, limits, strict=True)
        ]
        patient = replace(LIMITS, wall_ms=20_000)  # a busy machine may not run this process for a while
        for number in range(200):
            event = b"neighbour %d" % number
            outcome = await bed.sandbox.run(neighbour, event, limits=patient, host=host)
            assert isinstance(outcome, Finished), outcome
            assert outcome.output == event
            await asyncio.sleep(0)
        for name, invocation in zip(names, under_way, strict=True):
            outcome = await invocation.wait()
            assert isinstance(outcome, OverLimit if name in OVER else Trapped), (name, outcome)

    on_loop(tmp_path, scene)


def test_a_thousand_sleepers_fill_the_room_and_the_next_wait_then_are_refused(tmp_path: Path) -> None:
    settings = Settings(instances=1_000, queue=10, queue_ms=50)

    async def scene(bed: Bed) -> None:
        sleeper = bed.sandbox.load(built(tmp_path, wat(text("sleep_for_an_hour"))))
        limits = Limits(wall_ms=60_000)
        sleepers = [
            bed.sandbox.start(sleeper, b"", limits=limits, host=RecordingHost()) for _ in range(1_000)
        ]
        assert bed.sandbox.stats()["running"] == 1_000
        queued = [bed.sandbox.start(sleeper, b"", limits=limits, host=RecordingHost()) for _ in range(10)]
        refused = bed.sandbox.start(sleeper, b"", limits=limits, host=RecordingHost())
        assert isinstance(refused.outcome, NoRoom)
        assert refused.outcome.retry_after_s >= 1
        assert not any(invocation.done for invocation in queued)
        for invocation in queued:
            assert isinstance(await invocation.wait(), NoRoom)
        for invocation in sleepers:
            invocation.cancel()
            assert isinstance(invocation.outcome, Cancelled)
        assert isinstance(await bed.run(event_module(), b"again"), Finished)

    on_loop(tmp_path, scene, settings)


def test_compiled_code_from_outside_is_refused(tmp_path: Path) -> None:
    async def scene(bed: Bed) -> bytes:
        name = built(tmp_path, wat(event_module()))
        return (tmp_path / name / "module.cwasm").read_bytes()

    code = on_loop(tmp_path, scene)
    for entry in ("f.cwasm", "f.wasm", "f.wat"):
        with pytest.raises(CompileError, match="never accepted"):
            built(tmp_path, Source(kind=Kind.EVENT, files={entry: code}, entry=entry))
