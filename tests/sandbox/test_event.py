"""Kind ``event``, from source to outcome."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.contract import Finished, Kind, Limit, Limits, OverLimit, Source, Trapped
from sandbox.errors import ArtifactError, CompileError, ForbiddenImportError, MissingExportError
from tests.sandbox.guests import ECHO, LOOP, Bed, RecordingHost, built, event_module, on_loop, run, wat


def test_a_guest_gets_the_event_and_its_result_is_the_output(tmp_path: Path) -> None:
    outcome = run(tmp_path, event_module(), b'{"Records": []}')
    assert isinstance(outcome, Finished)
    assert outcome.output == b'{"Records": []}'


def test_most_invocations_are_done_when_start_returns(tmp_path: Path) -> None:
    async def scene(bed: Bed) -> int:
        program = bed.sandbox.load(built(tmp_path, wat(event_module())))
        started = [
            bed.sandbox.start(program, b"x", limits=Limits(), host=RecordingHost()) for _ in range(100)
        ]
        for invocation in started:
            await invocation.wait()
        return sum(isinstance(invocation.outcome, Finished) for invocation in started)

    assert on_loop(tmp_path, scene) == 100


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=st.lists(st.binary(max_size=3000), max_size=5))
def test_every_event_comes_back_as_it_went_in(tmp_path: Path, events: list[bytes]) -> None:
    async def scene(bed: Bed) -> list[bytes]:
        program = bed.sandbox.load(built(tmp_path, wat(event_module())))
        outputs = []
        for event in events:
            outcome = await bed.sandbox.run(program, event, limits=Limits(), host=RecordingHost())
            assert isinstance(outcome, Finished)
            outputs.append(outcome.output)
        return outputs

    assert on_loop(tmp_path, scene) == events


COUNTER = """
  (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
  (global.set $free (i32.add (global.get $free) (i32.const 1)))
  (i32.store (i32.const 4) (global.get $free))
  (call $pack (i32.const 0) (i32.const 8))"""


def test_no_state_survives_an_invocation(tmp_path: Path) -> None:
    async def scene(bed: Bed) -> set[bytes]:
        program = bed.sandbox.load(built(tmp_path, wat(event_module(COUNTER))))
        outputs = set()
        for _ in range(50):
            outcome = await bed.sandbox.run(program, b"", limits=Limits(), host=RecordingHost())
            assert isinstance(outcome, Finished)
            outputs.add(outcome.output)
        return outputs

    assert len(on_loop(tmp_path, scene)) == 1


def test_initialize_runs_before_alloc(tmp_path: Path) -> None:
    text = event_module(
        "(call $pack (i32.const 0) (i32.const 1))",
        extra='(func (export "_initialize") (i32.store8 (i32.const 0) (i32.const 65)))',
    )
    outcome = run(tmp_path, text)
    assert isinstance(outcome, Finished)
    assert outcome.output == b"A"


def test_a_handler_may_have_another_name(tmp_path: Path) -> None:
    text = event_module().replace(b'"handle"', b'"viewer_request"')
    source = Source(kind=Kind.EVENT, files={"guest.wat": text}, entry="guest.wat", handler="viewer_request")

    async def scene(bed: Bed) -> bytes:
        outcome = await bed.sandbox.run(
            bed.sandbox.load(built(tmp_path, source)), b"hi", limits=Limits(), host=RecordingHost()
        )
        assert isinstance(outcome, Finished)
        return outcome.output

    assert on_loop(tmp_path, scene) == b"hi"


def test_output_of_exactly_the_limit_is_allowed_and_one_byte_more_is_not(tmp_path: Path) -> None:
    limits = Limits(output_bytes=10)
    assert isinstance(run(tmp_path, event_module(), b"x" * 10, limits=limits), Finished)
    outcome = run(tmp_path, event_module(), b"x" * 11, limits=limits)
    assert isinstance(outcome, OverLimit)
    assert (outcome.limit, outcome.allowed) == (Limit.OUTPUT, 10)


def test_an_endless_loop_ends_at_the_cpu_limit(tmp_path: Path) -> None:
    outcome = run(tmp_path, event_module(LOOP), limits=Limits(cpu_ms=20))
    assert isinstance(outcome, OverLimit)
    assert (outcome.limit, outcome.allowed) == (Limit.CPU, 20)
    assert outcome.usage.cpu_us >= 20_000
    assert outcome.usage.memory_bytes == 2 * 65_536


def test_an_endless_loop_ends_at_the_wall_limit_when_that_comes_first(tmp_path: Path) -> None:
    outcome = run(tmp_path, event_module(LOOP), limits=Limits(cpu_ms=60_000, wall_ms=20))
    assert isinstance(outcome, OverLimit)
    assert outcome.limit is Limit.WALL


def test_a_trap_says_what_happened_and_where(tmp_path: Path) -> None:
    text = event_module("(call $boom) (unreachable)", extra="(func $boom (unreachable))")
    outcome = run(tmp_path, text)
    assert isinstance(outcome, Trapped)
    assert outcome.message.startswith("unreachable instruction executed, in boom called by ")


def test_an_import_that_is_not_offered_is_named(tmp_path: Path) -> None:
    text = event_module(imports='(import "env" "system" (func (param i32)))')
    with pytest.raises(ForbiddenImportError, match=r"env\.system"):
        built(tmp_path, wat(text))


def test_an_offered_import_of_another_type_is_refused(tmp_path: Path) -> None:
    text = event_module(imports='(import "edgefaas" "now" (func (result i32)))')
    with pytest.raises(ForbiddenImportError, match="now"):
        built(tmp_path, wat(text))


@pytest.mark.parametrize(
    ("was", "becomes", "named"),
    [
        (b'(export "memory")', b"", "memory"),
        (b'(export "alloc")', b"", "alloc"),
        (b'(export "handle")', b"", "handle"),
        (
            b'(export "handle") (param $pointer i32) (param',
            b'(export "handle") (param $pointer i64) (param',
            "handle",
        ),
    ],
)
def test_a_missing_export_is_named(tmp_path: Path, was: bytes, becomes: bytes, named: str) -> None:
    text = event_module("(unreachable)").replace(was, becomes)
    with pytest.raises(MissingExportError, match=named):
        built(tmp_path, wat(text))


def test_a_mistake_in_webassembly_text_has_its_line(tmp_path: Path) -> None:
    with pytest.raises(CompileError) as caught:
        built(tmp_path, wat(b"(module\n  (func (i32.konst 1)))"))
    assert caught.value.line == 2


@pytest.mark.parametrize(
    "data", [b"", b"\x7fELF\2\1\1", b"\0asm\1\0\0\0\xff\xff", b"\0asm\x0d\0\1\0", b"#!/bin/sh"]
)
def test_what_is_no_core_module_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(CompileError):
        built(tmp_path, Source(kind=Kind.EVENT, files={"f.wasm": data}, entry="f.wasm"))


def test_an_entry_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="no file"):
        built(tmp_path, Source(kind=Kind.EVENT, files={}, entry="f.wasm"))


def test_a_module_that_needs_more_memory_than_this_node_gives_does_not_load(tmp_path: Path) -> None:
    async def scene(bed: Bed) -> None:
        name = built(tmp_path, wat(event_module(pages="5000")))
        with pytest.raises(ArtifactError, match="memory"):
            bed.sandbox.load(name)

    on_loop(tmp_path, scene)


def test_a_module_that_needs_more_memory_than_its_limit_ends_at_that_limit(tmp_path: Path) -> None:
    enough = Limits(memory_bytes=2 * 65_536)
    assert isinstance(run(tmp_path, event_module(ECHO), limits=enough), Finished)
    outcome = run(tmp_path, event_module(ECHO), limits=Limits(memory_bytes=2 * 65_536 - 1))
    assert isinstance(outcome, OverLimit)
    assert outcome.limit is Limit.MEMORY
