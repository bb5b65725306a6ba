"""Guests and hosts for the tests: what a test says about a guest, and nothing else.

Modules are built in this process, by the kind's own build step; ``test_builder`` does it in children.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import cache
from pathlib import Path
from typing import TypeVar

from sandbox.artifacts import ArtifactStore
from sandbox.builder import artifact_name
from sandbox.capi import Engine, EngineConfig
from sandbox.contract import Finished, Host, HostCallError, Kind, Limits, Outcome, Source
from sandbox.hostcalls import HostFunctions
from sandbox.kinds import Workshop, kind_module
from sandbox.runtime import Sandbox
from sandbox.settings import Settings

T = TypeVar("T")

MODULE = """
(module
  {imports}
  (memory (export "memory") {pages})
  (global $free (mut i32) (i32.const 4096))
  (func (export "alloc") (param $length i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $free))
    (global.set $free (i32.add (global.get $free) (local.get $length)))
    (local.get $at))
  (func $pack (param $pointer i32) (param $length i32) (result i64)
    (i64.or
      (i64.shl (i64.extend_i32_u (local.get $pointer)) (i64.const 32))
      (i64.extend_i32_u (local.get $length))))
  {extra}
  (func (export "handle") (param $pointer i32) (param $length i32) (result i64)
    {handle}))
"""
ECHO = "(call $pack (local.get $pointer) (local.get $length))"
LOOP = "(loop $again (br $again)) (unreachable)"


def event_module(handle: str = ECHO, *, imports: str = "", extra: str = "", pages: str = "2") -> bytes:
    """Return a module of kind ``event`` as text."""
    return MODULE.format(handle=handle, imports=imports, extra=extra, pages=pages).encode()


class RecordingHost:
    """A host that keeps what it is told and answers calls from a table of functions."""

    def __init__(
        self,
        environment: Mapping[str, str] | None = None,
        calls: Mapping[str, Callable[[bytes], bytes | Awaitable[bytes]]] | None = None,
    ) -> None:
        self._environment = dict(environment or {})
        self._calls = dict(calls or {})
        self.lines: list[tuple[str, str]] = []
        self.called: list[tuple[str, bytes]] = []

    @property
    def environment(self) -> Mapping[str, str]:
        return self._environment

    def log(self, level: str, text: str) -> None:
        self.lines.append((level, text))

    def call(self, name: str, payload: bytes) -> bytes | Awaitable[bytes]:
        self.called.append((name, payload))
        if name not in self._calls:
            raise HostCallError(f"there is no {name}")
        return self._calls[name](payload)


_: type[Host] = RecordingHost


@cache
def workshop_engine() -> tuple[Engine, HostFunctions]:
    engine = Engine(EngineConfig())
    return engine, HostFunctions(engine)


def built(folder: Path, source: Source) -> str:
    """Build in this process; return the artefact's name."""
    engine, functions = workshop_engine()
    store = ArtifactStore(folder)
    name = artifact_name(source)
    parts = kind_module(source.kind).build(
        source, Workshop(engine=engine, functions=functions, artifacts=store)
    )
    store.put(name, parts.files, kind=source.kind.value, facts=parts.facts, warnings=parts.warnings)
    return name


def wat(text: bytes, kind: Kind = Kind.EVENT) -> Source:
    return Source(kind=kind, files={"guest.wat": text}, entry="guest.wat")


class Bed:
    """A sandbox with a folder of artefacts, for one test."""

    def __init__(self, folder: Path, settings: Settings | None = None) -> None:
        self.folder = folder
        self.sandbox = Sandbox(artifacts=folder, settings=settings or Settings())

    async def run(
        self, text: bytes, event: bytes = b"", *, limits: Limits | None = None, host: Host | None = None
    ) -> Outcome:
        """Build a module of kind ``event`` and run it once."""
        program = self.sandbox.load(built(self.folder, wat(text)))
        return await self.sandbox.run(program, event, limits=limits or Limits(), host=host or RecordingHost())


def on_loop(
    folder: Path, test: Callable[[Bed], Coroutine[None, None, T]], settings: Settings | None = None
) -> T:
    """Run a test's coroutine with a sandbox; nothing of it may outlive the coroutine."""

    async def scene() -> T:
        bed = Bed(folder, settings)
        try:
            return await test(bed)
        finally:
            await bed.sandbox.close()
            assert bed.sandbox.stats()["running"] == 0

    return asyncio.run(scene())


def run(
    folder: Path,
    text: bytes,
    event: bytes = b"",
    *,
    limits: Limits | None = None,
    host: Host | None = None,
    settings: Settings | None = None,
) -> Outcome:
    """Build a module of kind ``event``, run it once, and run a neighbour, whose answer must be right."""

    async def scene(bed: Bed) -> Outcome:
        outcome = await bed.run(text, event, limits=limits, host=host)
        neighbour = await bed.run(event_module(), b"neighbour")
        assert isinstance(neighbour, Finished)
        assert neighbour.output == b"neighbour"
        return outcome

    return on_loop(folder, scene, settings)
