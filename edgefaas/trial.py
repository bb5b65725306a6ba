"""Run one function in a sandbox of its own, without a server: what ``edgefaas test`` does.

Builds and runs exactly as a POP does; the artefact folder only saves building the same again.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgefaas.contract import LiveFunction, LogLine
from edgefaas.control.bundle import Bundle
from edgefaas.control.workshop import said_where
from edgefaas.errors import DeployError
from edgefaas.guests import Guests
from edgefaas.invoking import invoke_once
from edgefaas.kv.memory import MemoryPairs, MemoryStore
from edgefaas.kv.operations import GuestPairs
from edgefaas.site import KvNamespace
from sandbox import Builder, Sandbox, Settings
from sandbox.contract import Built
from sandbox.errors import CompileError, SandboxError

INSTANCES = 4  # one runs; the pool of a worker would only reserve address space


async def try_function(
    bundle: Bundle,
    event: bytes,
    *,
    artifacts: Path,
    pairs: Mapping[str, Sequence[tuple[bytes, bytes]]] = {},  # read only
) -> dict[str, Any]:
    """Return what ``invoke_once`` tells, with the build's ``warnings``.

    The key-value namespaces that the function names hold ``pairs``, by name; what it writes is forgotten.

    Raises DeployError: the source does not build.
    """
    built = await _built(bundle, artifacts)
    function = LiveFunction(
        name=bundle.name,
        version=bundle.version,
        kind=bundle.source.kind,
        artifact=built.artifact,
        facts=built.facts,
        limits=bundle.limits,
        environment=bundle.environment,
        allow=bundle.allow,
        encoding=bundle.encoding,
        kv=bundle.kv,
    )
    memory_bytes = max(bundle.limits.memory_bytes, Settings().memory_max_bytes)
    sandbox = Sandbox(
        artifacts=artifacts,
        settings=replace(Settings(), instances=INSTANCES, idle_max=1, memory_max_bytes=memory_bytes),
    )
    guests = Guests(
        load=sandbox.load,
        begin=lambda program, data, limits, host: sandbox.start(program, data, limits=limits, host=host),  # type: ignore[arg-type]
        sink=_nowhere,
        clock=time.time,  # noqa: TID251  # log lines of a trial are dated here
    )
    for name, operation in _pairs(bundle, pairs).operations().items():
        guests.offer(name, operation)
    try:
        guests.activate({bundle.name: function})
        told = await invoke_once(guests, bundle.name, event)
    finally:
        await sandbox.close()
    return {**told, "warnings": list(built.warnings)}


def _pairs(bundle: Bundle, pairs: Mapping[str, Sequence[tuple[bytes, bytes]]]) -> GuestPairs:
    now_s = time.time()  # noqa: TID251  # namespaces of a trial are dated here
    store = MemoryStore({name: MemoryPairs(pairs.get(name, ()), now_s=now_s) for name in bundle.kv})
    namespaces = {name: KvNamespace(name=name, writers=("*",)) for name in bundle.kv}
    return GuestPairs(namespaces, lambda: store, store.write_for)


async def _built(bundle: Bundle, artifacts: Path) -> Built:
    builder = Builder(artifacts=artifacts)
    try:
        return await builder.build(bundle.source)
    except CompileError as error:
        raise DeployError(said_where(error, bundle.source.entry), remedy=error.remedy) from None
    except SandboxError as error:
        raise DeployError(f'Function "{bundle.name}" cannot be built: {error}', remedy=error.remedy) from None
    finally:
        await builder.close()


def _nowhere(_: LogLine) -> None:
    """A trial's lines are in what it tells."""
