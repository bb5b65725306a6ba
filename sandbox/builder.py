"""Builds functions in child processes under rlimits, and keeps one child ready ahead of need.

Children are spawned, never forked: an engine does not survive a fork. One that has built a small function well builds
the next, a few dozen in all: to start one costs far more than such a build does. See docs/adr/0110.
"""

import asyncio
import contextlib
import hashlib
import json
import platform
import signal
import sys
from functools import cache
from pathlib import Path

import msgpack

from sandbox import errors
from sandbox.artifacts import ArtifactStore
from sandbox.capi import WASMTIME_VERSION, EngineConfig
from sandbox.contract import Built, Kind, Source
from sandbox.errors import ArtifactError, BuildError, BuildLimitError, CompileError
from sandbox.kinds import kind_module
from sandbox.settings import BuildLimits

_LENGTH_BYTES = 8
_CONCURRENT = 2
_BUILDS_MAX = 50  # of one child
_SMALL_BYTES = 256 * 1024  # of sources that leave little behind in it
_PATIENCE = {Kind.HTTP: 4, Kind.PYTHON: 4}  # components hold an interpreter: 18 MB and 9 s of CPU each
_ERRORS_SHOWN_BYTES = 2_000


class Builder:
    """Turns sources into artefacts of this machine. Used by the supervisor and the CLI."""

    def __init__(self, *, artifacts: Path, limits: BuildLimits = BuildLimits()) -> None:  # noqa: B008  # frozen
        self._artifacts = ArtifactStore(artifacts)
        self._limits = limits
        self._spare: asyncio.Task[asyncio.subprocess.Process] | None = None
        self._proven: list[asyncio.subprocess.Process] = []  # children that have built, and may build on
        self._built_count: dict[int, int] = {}  # by pid
        self._turns = asyncio.Semaphore(_CONCURRENT)
        self._closed = False

    async def build(self, source: Source) -> Built:
        """Build a source, or find it built already; milliseconds to seconds.

        Raises BuildError: the author's fault. What is broken here raises other errors of Python's.
        """
        size = sum(len(data) for data in source.files.values())
        if size > self._limits.source_bytes:
            raise BuildLimitError(
                f"the source has {size} bytes; the limit is {self._limits.source_bytes}",
                remedy="Deploy fewer or smaller files.",
            )
        name = artifact_name(source)
        with contextlib.suppress(ArtifactError):
            return self._built(name)
        async with self._turns:
            await self._build(name, source)
        return self._built(name)

    async def prepare(self) -> None:
        """Have a child ready; ``build`` does this by itself, from the second time on."""
        await self._child(keep=True)

    async def close(self) -> None:
        """End the child that waits."""
        self._closed = True
        for child in self._proven:
            await _end(child)
        self._proven.clear()
        if self._spare is not None:
            child = await self._spare
            self._spare = None
            await _end(child)

    def _built(self, name: str) -> Built:
        artifact = self._artifacts.open(name)
        return Built(artifact=name, facts=artifact.facts, warnings=artifact.warnings)

    async def _child(self, *, keep: bool = False) -> asyncio.subprocess.Process:
        """Return a child that waits for its request."""
        while self._proven and not keep:
            child = self._proven.pop()
            if child.returncode is None:
                return child
            await _end(child)
        spare = self._spare or asyncio.ensure_future(_spawn())
        self._spare = spare if keep else None
        return await spare

    async def _build(self, name: str, source: Source) -> None:
        child = await self._child()
        patience = _PATIENCE.get(source.kind, 1)
        wall_s = self._limits.wall_s * patience
        reusable = False
        try:
            request: dict[str, object] = {
                "name": name,
                "artifacts": str(self._artifacts.folder.absolute()),
                "kind": source.kind.value,
                "files": dict(source.files),
                "entry": source.entry,
                "handler": source.handler,
                "cpu_s": self._limits.cpu_s * patience,
                "memory_bytes": self._limits.memory_bytes,
            }
            try:
                answer, complaint = await asyncio.wait_for(_ask(child, request), wall_s)
            except TimeoutError:
                raise BuildLimitError(
                    f"the build took more than {wall_s} s", remedy="Deploy less code."
                ) from None
            if answer is None:
                raise self._death(child.returncode or 0, complaint, patience)
            if "error" in answer:
                raise _told(answer)
            size = sum(map(len, source.files.values()))
            reusable = source.kind not in _PATIENCE and size <= _SMALL_BYTES
        finally:
            self._artifacts.sweep(child.pid)
            if not self._kept(child, reusable=reusable):
                await _end(child)
            if self._spare is None and not self._proven and not self._closed:
                self._spare = asyncio.ensure_future(_spawn())

    def _kept(self, child: asyncio.subprocess.Process, *, reusable: bool) -> bool:
        """Keep a child for the next build, if it may make another."""
        made = self._built_count.pop(child.pid, 0) + 1
        if not reusable or made >= _BUILDS_MAX or self._closed or len(self._proven) >= _CONCURRENT:
            return False
        self._built_count[child.pid] = made
        self._proven.append(child)
        return True

    def _death(self, status: int, complaint: str, patience: int) -> BuildError:
        """Say why a child died without an answer."""
        if status in (-signal.SIGXCPU, -signal.SIGKILL):
            return BuildLimitError(
                f"the build took more than {self._limits.cpu_s * patience} s of CPU",
                remedy="Deploy less code.",
            )
        if "memory allocation" in complaint or "MemoryError" in complaint or "Cannot allocate" in complaint:
            return BuildLimitError(
                f"the build took more than its {self._limits.memory_bytes} bytes of memory",
                remedy="Deploy less code.",
            )
        return CompileError(
            f"the compiler broke down (status {status}): {complaint.strip()[-200:]}",
            remedy="Report this with the source.",
        )


def artifact_name(source: Source) -> str:
    """Return the digest that names a source's artefact on this machine: all that its code depends on."""
    digest = hashlib.sha256()
    module = kind_module(source.kind)
    head = {
        "kind": source.kind.value,
        "build": module.BUILD_VERSION,
        "handler": source.handler,
        "entry": source.entry,
        "wasmtime": WASMTIME_VERSION,
        "engine": dict(EngineConfig().compatibility),
        "cpu": cpu_features(),
        "files": {path: hashlib.sha256(data).hexdigest() for path, data in source.files.items()},
    }
    digest.update(json.dumps(head, sort_keys=True).encode())
    return digest.hexdigest()


@cache
def cpu_features() -> str:
    """Return what tells apart CPUs that compiled code may depend on."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    features = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return f"{platform.machine()} {' '.join(sorted(features.partition(':')[2].split()))}"


async def _spawn() -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sandbox.build_child", stdin=pipe, stdout=pipe, stderr=pipe
    )


async def _ask(
    child: asyncio.subprocess.Process, request: dict[str, object]
) -> tuple[dict[str, object] | None, str]:
    """Send the request; return the answer, or None and what the child said when it died."""
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    data = msgpack.packb(request)
    with contextlib.suppress(ConnectionError):
        child.stdin.write(len(data).to_bytes(_LENGTH_BYTES, "big") + data)
        await child.stdin.drain()
    try:
        head = await child.stdout.readexactly(_LENGTH_BYTES)
        return msgpack.unpackb(await child.stdout.readexactly(int.from_bytes(head, "big"))), ""
    except asyncio.IncompleteReadError:
        complaint = await child.stderr.read(1 << 20)
        await child.wait()
        return None, complaint[-_ERRORS_SHOWN_BYTES:].decode("utf-8", "replace")


def _told(answer: dict[str, object]) -> BuildError:
    """Rebuild the error that the child told of."""
    kind = getattr(errors, str(answer["error"]), CompileError)
    assert issubclass(kind, BuildError)
    if kind is CompileError:
        line = answer["line"]
        return CompileError(
            str(answer["message"]), remedy=str(answer["remedy"]), line=line if isinstance(line, int) else None
        )
    return kind(str(answer["message"]), remedy=str(answer["remedy"]))


async def _end(child: asyncio.subprocess.Process) -> None:
    """Make sure that a child is gone."""
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
    await child.communicate()
