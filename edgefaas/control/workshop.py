"""From a bundle to a version that workers can load: built, named, on disk. Nothing goes live here."""

from collections import Counter
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ParamSpec, Protocol, TypeVar

from edgefaas.contract import Live, LiveFunction, LiveRelease
from edgefaas.control.blobs import Blobs
from edgefaas.control.bundle import Bundle, digest
from edgefaas.control.records import BuildRecord, Version
from edgefaas.control.store import Store
from edgefaas.control.thread import DiskThread
from edgefaas.control.trees import make_tree
from edgefaas.errors import DeployError, StateError
from edgefaas.release import KIND, RELEASE_MAX_BYTES, Release, folder_of
from edgefaas.split import Split
from sandbox.contract import Built, Kind, Limits, Source
from sandbox.errors import CompileError, SandboxError

P = ParamSpec("P")
T = TypeVar("T")
Ready = tuple[Version, BuildRecord]
"""A version that is stored and built."""

SENT_KEPT_S = 3_600.0


class Builder(Protocol):
    """Makes programs of sources, in a child process."""

    async def build(self, source: Source) -> Built:
        """Build, or find what was built already. Raises sandbox.errors.BuildError: the author's fault."""
        ...

    async def prepare(self) -> None:
        """Have a child ready ahead of need."""
        ...

    async def close(self) -> None:
        """Let go of it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Where versions are kept, and the one thread that may touch them."""

    store: Store
    blobs: Blobs
    artifacts: Path
    disk: DiskThread


class Workshop:
    """Makes versions, and makes stored ones again. Builds may overlap.

    ``in_hand`` counts the files of versions that are being stored just now: no collection may take them.
    """

    def __init__(self, shelf: Shelf, *, builder: Builder, clock: Callable[[], float]) -> None:
        self._shelf = shelf
        self._builder = builder
        self._clock = clock
        self.in_hand: Counter[str] = Counter()
        self.sent: dict[str, float] = {}
        self.building = 0

    async def prepare(self, bundle: Bundle) -> Ready:
        """Build a bundle and keep it, without making it live. Raises DeployError, StateError."""
        contents = list(bundle.source.files.values())
        names = [digest(content) for content in contents]
        self.in_hand.update(names)
        self.building += 1
        try:
            record = await self._build(bundle.name, bundle.source)
            await self._run(self._shelf.blobs.put_all, contents)
            version = Version(
                function=bundle.name,
                version=bundle.version,
                kind=bundle.source.kind.value,
                entry=bundle.source.entry,
                handler=bundle.source.handler,
                files=dict(zip(bundle.source.files, names, strict=True)),
                settings=bundle.settings,
                size_bytes=bundle.size_bytes,
                created_at_s=self._clock(),
            )
            number = await self._run(self._shelf.store.versions.add, version, record)
        finally:
            self.building -= 1
            self.in_hand.subtract(names)
            self.in_hand += Counter()  # without what is at zero
        return replace(version, number=number), record

    async def prepare_release(self, release: Release) -> Ready:
        """Make the tree of a release whose files were sent before. Raises DeployError: one was not; StateError."""
        names = set(release.files.values())
        self.in_hand.update(names)
        self.building += 1
        try:
            size = await self._run(_sent_bytes, self._shelf.blobs, release)
            version = Version(
                function=release.name,
                version=release.version,
                kind=KIND,
                entry="",
                handler="",
                files=dict(release.files),
                settings={},
                size_bytes=size,
                created_at_s=self._clock(),
            )
            record = BuildRecord(artifact=folder_of(version.version))
            await self._run(self._make_tree, version)
            number = await self._run(self._shelf.store.versions.add, version, record)
        finally:
            self.building -= 1
            self.in_hand.subtract(names)
            self.in_hand += Counter()
        for name in names:
            self.sent.pop(name, None)
        return replace(version, number=number), record

    async def take_file(self, name: str, content: bytes) -> None:
        """Keep a file that a release will name; nobody collects it for an hour. Raises DeployError, StateError."""
        if digest(content) != name:
            raise DeployError("The content is not what its address says", remedy="Send the file again.")
        self.sent[name] = self._clock() + SENT_KEPT_S
        await self._run(self._shelf.blobs.put_all, [content])

    async def missing(self, names: Iterable[str]) -> list[str]:
        """Return which of these files are not here yet; those that are stay for an hour."""
        now_s = self._clock()
        self.sent = {name: until_s for name, until_s in self.sent.items() if until_s > now_s}
        found = []
        for name in names:
            if await self._run(self._shelf.blobs.has, name) is None:
                found.append(name)
            else:
                self.sent[name] = now_s + SENT_KEPT_S
        return found

    def held(self) -> Container[str]:
        """Return the files that are referred to by nothing yet and may be soon."""
        now_s = self._clock()
        return {*self.in_hand, *(name for name, until_s in self.sent.items() if until_s > now_s)}

    def _make_tree(self, version: Version) -> None:
        make_tree(self._shelf.artifacts, folder_of(version.version), version.files, self._shelf.blobs)

    async def stored(self, name: str, wanted: str) -> Ready:
        """Return a stored version with its build. Raises UnknownFunctionError, DeployError, StateError."""
        version = await self._run(self._shelf.store.versions.find, name, wanted)
        return version, await self.built(version)

    async def built(self, version: Version) -> BuildRecord:
        """Build a stored version, or find it built: the builder knows what fits this machine."""
        if version.kind == KIND:
            await self._run(self._make_tree, version)
            return BuildRecord(artifact=folder_of(version.version))
        contents = {
            path: await self._run(self._shelf.blobs.get, name) for path, name in version.files.items()
        }
        source = Source(kind=Kind(version.kind), files=contents, entry=version.entry, handler=version.handler)
        record = await self._build(version.function, source)
        if record != await self._run(self._shelf.store.versions.build, version.function, version.version):
            await self._run(self._shelf.store.versions.set_build, version.function, version.version, record)
        return record

    async def _build(self, name: str, source: Source) -> BuildRecord:
        try:
            built = await self._builder.build(source)
        except CompileError as error:
            where = said_where(error, source.entry)
            raise DeployError(f'Function "{name}" does not compile: {where}', remedy=error.remedy) from None
        except SandboxError as error:
            raise DeployError(f'Function "{name}" cannot be built: {error}', remedy=error.remedy) from None
        except OSError as error:
            raise StateError(
                f"{self._shelf.artifacts} cannot take what was built: {error.strerror}",
                remedy="Free some room there or make it writable, then deploy again.",
            ) from None
        return BuildRecord(artifact=built.artifact, facts=built.facts, warnings=built.warnings)

    async def _run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._shelf.disk.run(function, *args, **kwargs)


def said_where(error: CompileError, entry: str) -> str:
    """Return what is wrong with a source, beginning with the file and, where it is known, the line."""
    said = str(error).removeprefix(f"{entry}: ")
    if said.startswith(entry):
        return said
    return f"{entry}, line {error.line}: {said}" if error.line else f"{entry}: {said}"


def _sent_bytes(blobs: Blobs, release: Release) -> int:
    """Return how large a release is. Raises DeployError: a file of it was not sent, or all are too much."""
    size = 0
    for path, name in release.files.items():
        length = blobs.has(name)
        if length is None:
            raise DeployError(
                f"The file {path[:120]!r} of {release.name} was not sent",
                remedy="Send it, then deploy again.",
            )
        size += length
    if size > RELEASE_MAX_BYTES:
        raise DeployError(
            f"{release.name} has {size} bytes; at most {RELEASE_MAX_BYTES} are allowed",
            remedy="Serve large files from a URL origin.",
        )
    return size


def live_version(
    version: Version, record: BuildRecord, split: Split | None = None, before: tuple[str, ...] = ()
) -> Live:
    """Return a version as workers run it; ``before`` are versions of a release that were live before."""
    if version.kind == KIND:
        return LiveRelease(
            name=version.function,
            version=version.version,
            folder=record.artifact,
            before=tuple(map(folder_of, before)),
            split=split,
        )
    return live_function(version, record, split)


def live_function(version: Version, record: BuildRecord, split: Split | None = None) -> LiveFunction:
    """Return a version of a function as workers run it."""
    settings = version.settings
    return LiveFunction(
        name=version.function,
        version=version.version,
        kind=Kind(version.kind),
        artifact=record.artifact,
        facts=record.facts,
        limits=Limits(**settings["limits"]),
        environment=settings["environment"],
        allow=tuple(settings["allow"]),
        encoding=settings["encoding"],
        kv=tuple(settings.get("kv", ())),
        split=split,
    )
