"""Builds JavaScript functions in this process and runs them in a real sandbox; what tests of kind ``js`` share."""

import asyncio
import hashlib
import json
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from sandbox.artifacts import ArtifactStore
from sandbox.builder import artifact_name
from sandbox.capi import Engine, EngineConfig
from sandbox.contract import Finished, HostCallError, Kind, Limits, Outcome, Source, Threw
from sandbox.hostcalls import HostFunctions
from sandbox.js import build
from sandbox.js.foundation import foundation_key
from sandbox.kinds import Workshop
from sandbox.runtime import Sandbox

Operation = Callable[[bytes], bytes | Awaitable[bytes]]
GENEROUS = Limits(cpu_ms=20_000, wall_ms=60_000)


@dataclass
class StageHost:
    """A host that keeps what was logged and answers the operations it was given."""

    environment: Mapping[str, str] = field(default_factory=dict)
    operations: Mapping[str, Operation] = field(default_factory=dict)
    lines: list[tuple[str, str]] = field(default_factory=list)
    calls: list[tuple[str, bytes]] = field(default_factory=list)

    def log(self, level: str, text: str) -> None:
        self.lines.append((level, text))

    def call(self, name: str, payload: bytes) -> bytes | Awaitable[bytes]:
        self.calls.append((name, payload))
        if name not in self.operations:
            raise HostCallError(f"{name} is not available")
        return self.operations[name](payload)


@cache
def artifacts() -> Path:
    """Return a folder that the test processes of one user share: the engine is compiled once for all of them."""
    folder = Path(tempfile.gettempdir()) / f"edgefaas-test-js-{foundation_key()[:16]}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


@cache
def workshop() -> Workshop:
    """Return what builds need, made once per process."""
    engine = Engine(EngineConfig())
    return Workshop(engine=engine, functions=HostFunctions(engine), artifacts=ArtifactStore(artifacts()))


@dataclass(frozen=True)
class Made:
    """A built function."""

    name: str
    facts: Mapping[str, object]
    warnings: tuple[str, ...]


def source(js: str | Mapping[str, str], *, entry: str = "index.js", handler: str = "") -> Source:
    files = {entry: js} if isinstance(js, str) else js
    return Source(
        kind=Kind.JS,
        files={name: text.encode() for name, text in files.items()},
        entry=entry,
        handler=handler,
    )


def make(js: str | Mapping[str, str], *, entry: str = "index.js", handler: str = "") -> Made:
    """Build a function. Raises BuildError."""
    wanted = source(js, entry=entry, handler=handler)
    shop = workshop()
    parts = build(wanted, shop)
    name = hashlib.sha256((artifact_name(wanted) + "test").encode()).hexdigest()
    shop.artifacts.put(name, parts.files, kind="js", facts=parts.facts, warnings=parts.warnings)
    return Made(name, parts.facts, parts.warnings)


def perform(scene: Callable[[Sandbox], Awaitable[Any]]) -> Any:
    """Run a scene in a sandbox of its own."""

    async def whole() -> Any:
        sandbox = Sandbox(artifacts=artifacts())
        try:
            return await scene(sandbox)
        finally:
            await sandbox.close()

    return asyncio.run(whole())


def outcomes(
    made: Made, events: list[Any], *, limits: Limits = GENEROUS, host: StageHost | None = None
) -> list[Outcome]:
    """Return how each event ended, one after the other on one loaded program."""

    async def scene(sandbox: Sandbox) -> list[Outcome]:
        program = sandbox.load(made.name)
        chosen = host or StageHost()
        return [
            await sandbox.run(program, json.dumps(event).encode(), limits=limits, host=chosen)
            for event in events
        ]

    ended: list[Outcome] = perform(scene)
    return ended


def outcome(
    js: str | Mapping[str, str],
    event: Any = None,
    *,
    limits: Limits = GENEROUS,
    host: StageHost | None = None,
    entry: str = "index.js",
) -> Outcome:
    """Build and run once."""
    return outcomes(make(js, entry=entry), [event], limits=limits, host=host)[0]


def answer(js: str | Mapping[str, str], event: Any = None, **options: Any) -> Any:
    """Build and run once; return the result's JSON. Fails the test when the function did not finish."""
    ended = outcome(js, event, **options)
    assert isinstance(ended, Finished), ended
    return json.loads(ended.output)


def value(expression: str, **options: Any) -> Any:
    """Return what a JavaScript expression gives, as JSON has it."""
    return answer(f"exports.handler = async (event) => ({expression});", **options)


def thrown(js: str, event: Any = None, **options: Any) -> Threw:
    """Build and run once; return the error it ended with."""
    ended = outcome(js, event, **options)
    assert isinstance(ended, Threw), ended
    return ended


def logged(statements: str) -> list[tuple[str, str]]:
    """Return the lines that statements log."""
    host = StageHost()
    answer(f"exports.handler = async () => {{ {statements} ; return 0 }};", host=host)
    return host.lines
