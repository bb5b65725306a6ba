"""Runs built functions in a real sandbox: what the tests of all scripting kinds share."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.contract import HostCallError, Limits, Outcome
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


@dataclass(frozen=True)
class Made:
    """A built function."""

    name: str
    facts: Mapping[str, object]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Stage:
    """A folder of artefacts, asked for when it is needed, and what is run on it."""

    artifacts: Callable[[], Path]

    def perform(self, scene: Callable[[Sandbox], Awaitable[Any]]) -> Any:
        """Run a scene in a sandbox of its own."""

        async def whole() -> Any:
            sandbox = Sandbox(artifacts=self.artifacts())
            try:
                return await scene(sandbox)
            finally:
                await sandbox.close()

        return asyncio.run(whole())

    def outcomes(
        self, made: Made, events: list[Any], *, limits: Limits = GENEROUS, host: StageHost | None = None
    ) -> list[Outcome]:
        """Return how each event ended, one after the other on one loaded program."""

        async def scene(sandbox: Sandbox) -> list[Outcome]:
            program = sandbox.load(made.name)
            chosen = host or StageHost()
            return [
                await sandbox.run(program, json.dumps(event).encode(), limits=limits, host=chosen)
                for event in events
            ]

        ended: list[Outcome] = self.perform(scene)
        return ended
