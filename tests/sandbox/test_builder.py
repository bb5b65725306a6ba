"""Building in child processes: what comes out, what is refused, what is stopped."""

import asyncio
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TypeVar

import pytest

from sandbox.artifacts import ArtifactStore
from sandbox.builder import Builder, artifact_name, cpu_features
from sandbox.contract import Finished, Kind, Limits, Source
from sandbox.errors import (
    BuildError,
    BuildLimitError,
    CompileError,
    ForbiddenImportError,
    MissingExportError,
)
from sandbox.runtime import Sandbox
from sandbox.settings import BuildLimits
from tests.sandbox.guests import RecordingHost, event_module, wat

T = TypeVar("T")


def with_builder(
    folder: Path, scene: Callable[[Builder], Coroutine[None, None, T]], limits: BuildLimits | None = None
) -> T:
    async def whole() -> T:
        builder = Builder(artifacts=folder, limits=limits or BuildLimits())
        try:
            return await scene(builder)
        finally:
            await builder.close()

    return asyncio.run(whole())


@pytest.mark.slow
def test_what_a_child_built_runs(tmp_path: Path) -> None:
    async def scene(builder: Builder) -> None:
        built = await builder.build(wat(event_module()))
        assert built.facts["handler"] == "handle"
        sandbox = Sandbox(artifacts=tmp_path)
        outcome = await sandbox.run(
            sandbox.load(built.artifact), b"hello", limits=Limits(), host=RecordingHost()
        )
        await sandbox.close()
        assert isinstance(outcome, Finished)
        assert outcome.output == b"hello"
        assert await builder.build(wat(event_module())) == built

    with_builder(tmp_path, scene)


@pytest.mark.slow
def test_an_author_is_told_what_is_wrong_although_a_child_found_it(tmp_path: Path) -> None:
    async def scene(builder: Builder) -> None:
        with pytest.raises(CompileError) as caught:
            await builder.build(wat(b"(module\n\n  (func (nonsense)))"))
        assert caught.value.line == 3
        with pytest.raises(ForbiddenImportError, match=r"env\.system"):
            await builder.build(wat(event_module(imports='(import "env" "system" (func))')))
        with pytest.raises(MissingExportError, match="memory"):
            await builder.build(wat(b"(module)"))

    with_builder(tmp_path, scene)
    assert not [path for path in tmp_path.iterdir() if not path.name.startswith(".")]


@pytest.mark.slow
def test_builds_at_the_same_time_do_not_disturb_each_other(tmp_path: Path) -> None:
    texts = [event_module(f"(call $pack (i32.const {number}) (i32.const 1))") for number in range(5)]

    async def scene(builder: Builder) -> list[str]:
        built = await asyncio.gather(*(builder.build(wat(text)) for text in (*texts, *texts)))
        return [each.artifact for each in built]

    names = with_builder(tmp_path, scene)
    assert names[:5] == names[5:]
    assert len(set(names)) == 5


def compile_bomb(functions: int, locals_each: int) -> bytes:
    """Return a valid module that costs a compiler far more than its size suggests."""
    kinds = " ".join(["i64"] * locals_each)
    body = f"(func (result i64) (local {kinds}) (i64.add (local.get 0) (local.get {locals_each - 1})))\n"
    return event_module(extra=body * functions)


@pytest.mark.slow
def test_a_compile_bomb_ends_at_the_cpu_limit(tmp_path: Path) -> None:
    async def scene(builder: Builder) -> None:
        with pytest.raises(BuildLimitError, match="CPU"):
            await builder.build(wat(compile_bomb(600, 20_000)))
        assert await builder.build(wat(event_module()))

    with_builder(tmp_path, scene, BuildLimits(cpu_s=1))


@pytest.mark.slow
def test_a_build_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    async def scene(builder: Builder) -> None:
        with pytest.raises(BuildLimitError, match="0 s"):
            await builder.build(wat(event_module()))

    with_builder(tmp_path, scene, BuildLimits(wall_s=0))


@pytest.mark.slow
def test_a_build_that_needs_too_much_memory_is_stopped(tmp_path: Path) -> None:
    async def scene(builder: Builder) -> None:
        with pytest.raises(BuildLimitError, match="memory"):
            await builder.build(wat(compile_bomb(600, 20_000)))

    with_builder(tmp_path, scene, BuildLimits(memory_bytes=60 * 1024 * 1024))


def test_a_source_of_exactly_the_limit_is_taken_and_one_byte_more_is_not(tmp_path: Path) -> None:
    text = event_module()

    async def refused(builder: Builder) -> None:
        with pytest.raises(BuildLimitError, match="source"):
            await builder.build(wat(text))

    async def taken(builder: Builder) -> None:
        await builder.build(wat(text))

    with_builder(tmp_path, refused, BuildLimits(source_bytes=len(text) - 1))
    with_builder(tmp_path, taken, BuildLimits(source_bytes=len(text)))


@pytest.mark.slow
def test_a_child_that_is_killed_is_an_error_of_that_build_only(tmp_path: Path) -> None:
    async def scene(builder: Builder) -> None:
        await builder.prepare()
        assert builder._spare is not None
        child = await builder._spare
        child.kill()
        await child.wait()
        with pytest.raises(BuildError):
            await builder.build(wat(event_module()))
        assert await builder.build(wat(event_module()))

    with_builder(tmp_path, scene)


@pytest.mark.slow
def test_no_child_outlives_its_builder(tmp_path: Path) -> None:
    async def scene(builder: Builder) -> int:
        await builder.build(wat(event_module()))
        await builder.prepare()
        assert builder._spare is not None
        return (await builder._spare).pid

    pid = with_builder(tmp_path, scene)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_the_name_of_an_artefact_depends_on_everything_its_code_depends_on() -> None:
    base = wat(event_module())
    others = [
        wat(event_module(" (unreachable)")),
        Source(kind=Kind.EVENT, files=base.files, entry=base.entry, handler="other"),
        Source(kind=Kind.EVENT, files={**base.files, "more.txt": b""}, entry=base.entry),
        Source(kind=Kind.EVENT, files={"b.wat": base.files["guest.wat"]}, entry="b.wat"),
    ]
    names = {artifact_name(source) for source in (base, *others)}
    assert len(names) == 5
    assert artifact_name(base) == artifact_name(wat(event_module()))
    assert cpu_features()


def test_the_store_holds_no_half_written_artefacts(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    store.put("abc", {"code": b"1"}, kind="event")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".key", "abc"]


@pytest.mark.slow
def test_a_child_that_built_well_builds_on_and_one_that_did_not_is_ended(tmp_path: Path) -> None:
    async def scene(builder: Builder) -> None:
        for number in range(3):
            await builder.build(wat(event_module(extra=f"(global i32 (i32.const {number}))")))
        (child,) = builder._proven
        assert builder._built_count == {child.pid: 3}
        with pytest.raises(CompileError):
            await builder.build(wat(b"(module (nonsense))"))
        assert child.returncode is not None
        assert (builder._proven, builder._built_count) == ([], {})
        built = await builder.build(wat(event_module(extra="(global i32 (i32.const 9))")))
        assert built.facts["handler"] == "handle"

    with_builder(tmp_path, scene)


@pytest.mark.slow
def test_a_child_that_died_while_it_waited_is_not_asked(tmp_path: Path) -> None:
    async def scene(builder: Builder) -> None:
        await builder.build(wat(event_module()))
        (child,) = builder._proven
        child.kill()
        await child.wait()
        built = await builder.build(wat(event_module(extra="(global i32 (i32.const 1))")))
        assert built.facts["handler"] == "handle"

    with_builder(tmp_path, scene)


@pytest.mark.slow
def test_each_build_of_a_child_has_all_of_its_limit_of_cpu(tmp_path: Path) -> None:
    """What earlier builds used does not count against the next; what the next uses does."""

    async def scene(builder: Builder) -> None:
        for number in range(4):
            await builder.build(wat(event_module(extra=f"(global i32 (i32.const {number}))")))
        source = Source(kind=Kind.JS, files={"f.js": b"for (;;) {}"}, entry="f.js")
        with pytest.raises(BuildError):
            await builder.build(source)

    with_builder(tmp_path, scene, BuildLimits(cpu_s=2))
