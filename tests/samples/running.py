"""Build functions and run them in a real sandbox: what samples and corpus share."""

import asyncio
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from multiprocessing import get_context
from pathlib import Path

from edgefaas.contract import LiveFunction
from edgefaas.control.bundle import Bundle
from edgefaas.functions import read_build, read_function
from edgefaas.gateway import GATEWAY_KINDS, read_letter
from edgefaas.kv.formats import read_pairs
from edgefaas.kv.memory import MemoryPairs, MemoryStore
from edgefaas.kv.operations import GuestPairs
from edgefaas.site import KvNamespace
from sandbox import (
    Builder,
    Built,
    HostCallError,
    Kind,
    Limits,
    Outcome,
    Sandbox,
    SandboxError,
    Settings,
    Source,
)
from sandbox.artifacts import ArtifactStore
from sandbox.builder import artifact_name
from sandbox.capi import Engine, EngineConfig
from sandbox.hostcalls import HostFunctions
from sandbox.kinds import Workshop, kind_module

STORE = "store"
FUNCTION = LiveFunction(name="function", version="", kind=Kind.JS, artifact="", kv=(STORE,))
SETTINGS = Settings(instances=48, idle_max=4, memory_max_bytes=128 * 1024 * 1024)


@dataclass
class RecordingHost:
    """A host that keeps log lines, and offers a key-value store and nothing else."""

    environment: Mapping[str, str] = field(default_factory=dict)
    pairs: Mapping[str, str] = field(default_factory=dict)
    lines: list[tuple[str, str]] = field(default_factory=list)

    @cached_property
    def guests(self) -> GuestPairs:
        pairs = MemoryPairs((key.encode(), value.encode()) for key, value in self.pairs.items())
        store = MemoryStore({STORE: pairs})
        namespace = KvNamespace(name=STORE, ids=("moved",), writers=("*",))
        return GuestPairs({STORE: namespace}, lambda: store, store.write_for)

    def log(self, level: str, text: str) -> None:
        self.lines.append((level, text))

    def call(self, name: str, payload: bytes) -> bytes | Awaitable[bytes]:
        operation = self.guests.operations().get(name)
        if operation is None:
            raise HostCallError(f"{name} is not available here")
        return operation(FUNCTION, payload)


@dataclass(frozen=True)
class Task:
    """One function and one event for it."""

    source: Source
    event: bytes
    limits: Limits = Limits()  # noqa: RUF009  # frozen
    environment: Mapping[str, str] = field(default_factory=dict)
    pairs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Ran:
    """How one task went. ``refused`` is why it was not built; ``outcome`` is None then."""

    built: Built | None = None
    outcome: Outcome | None = None
    lines: tuple[tuple[str, str], ...] = ()
    refused: str = ""


def bundle_of(folder: Path) -> Bundle:
    """Return a sample as it is deployed; one that needs building is built in a copy of its folder."""
    step = read_build(folder)
    if step is None:
        return read_function(folder)
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / folder.name
        shutil.copytree(folder, copy)
        command = [sys.executable if word == "python3" else word for word in step.command]
        made = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
        assert made.returncode == 0, made.stderr
        return read_function(copy)


def task_of(bundle: Bundle, event: bytes, pairs: Path | None = None) -> Task:
    """Return a task; ``pairs`` is the file of those that the function finds, if it is there."""
    found = read_pairs(pairs.read_bytes(), name="kv.json") if pairs and pairs.exists() else []
    kind = bundle.source.kind
    return Task(
        bundle.source,
        read_letter(kind, event).payload if kind in GATEWAY_KINDS else event,
        bundle.limits,
        bundle.environment,
        {key.decode(): value.decode() for key, value in found},
    )


def run_all(tasks: Iterable[Task], artifacts: Path, *, isolated: bool = True) -> list[Ran]:
    """Build and run every task, one sandbox for all, in a process of their own as in a worker.

    ``isolated`` builds each in a child under limits, as ``deploy`` does; else they are built in that process, which
    takes a tenth of the time.
    """
    with worker() as pool:
        return pool.submit(_run_in_worker, list(tasks), artifacts, isolated).result()


def worker() -> ProcessPoolExecutor:
    """Return one process with an engine of its own: what other tests loaded into theirs does not matter."""
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"))


def _run_in_worker(tasks: list[Task], artifacts: Path, isolated: bool) -> list[Ran]:
    sources = [task.source for task in tasks]
    built = asyncio.run(build_all(sources, artifacts)) if isolated else _built_here(sources, artifacts)
    return asyncio.run(_run_all(tasks, built, artifacts))


async def build_all(sources: list[Source], artifacts: Path) -> list[Built | str]:
    """Build sources as a deploy does, two at a time."""
    builder = Builder(artifacts=artifacts)
    try:
        async with asyncio.TaskGroup() as group:
            builds = [group.create_task(_built(builder, source)) for source in sources]
    finally:
        await builder.close()
    return [build.result() for build in builds]


async def _built(builder: Builder, source: Source) -> Built | str:
    try:
        return await builder.build(source)
    except SandboxError as error:
        return refusal(error)


def refusal(error: SandboxError) -> str:
    return f"{type(error).__name__}: {error} {error.remedy}"


def _built_here(sources: list[Source], artifacts: Path) -> list[Built | str]:
    engine = Engine(EngineConfig())
    shop = Workshop(engine=engine, functions=HostFunctions(engine), artifacts=ArtifactStore(artifacts))
    results: list[Built | str] = []
    for source in sources:
        try:
            parts = kind_module(source.kind).build(source, shop)
        except SandboxError as error:
            results.append(refusal(error))
            continue
        name = artifact_name(source)
        shop.artifacts.put(name, parts.files, kind=source.kind, facts=parts.facts, warnings=parts.warnings)
        results.append(Built(artifact=name, facts=parts.facts, warnings=parts.warnings))
    return results


async def _run_all(tasks: list[Task], built: list[Built | str], artifacts: Path) -> list[Ran]:
    sandbox = Sandbox(artifacts=artifacts, settings=SETTINGS)
    try:
        return [await _ran(sandbox, task, made) for task, made in zip(tasks, built, strict=True)]
    finally:
        await sandbox.close()


async def _ran(sandbox: Sandbox, task: Task, built: Built | str) -> Ran:
    if isinstance(built, str):
        return Ran(refused=built)
    host = RecordingHost(task.environment, task.pairs)
    program = sandbox.load(built.artifact)
    outcome = await sandbox.run(program, task.event, limits=task.limits, host=host)
    return Ran(built, outcome, tuple(host.lines))
