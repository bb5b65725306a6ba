"""Deploy, roll back, remove: from a bundle to a version that every worker runs.

The order is what makes it safe to be killed at any instant. Build in a child → files and version on disk →
activate in every worker (all, or all back to the old) → live pointer on disk → acknowledge. The pointer never
names a version that no worker has run, and what was acknowledged is on disk.
"""

import asyncio
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ParamSpec, Protocol, TypeVar

from edgefaas.contract import LiveFunction
from edgefaas.control.blobs import Blobs
from edgefaas.control.bundle import Bundle
from edgefaas.control.store import HASH_SHORT, BuildRecord, Store, Version, unknown_function
from edgefaas.control.thread import DiskThread
from edgefaas.errors import DeployError, EdgeError, UnknownFunctionError
from sandbox.contract import Built, Kind, Limits, Source
from sandbox.errors import CompileError, SandboxError

P = ParamSpec("P")
T = TypeVar("T")


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


class Workers(Protocol):
    """The workers of this POP, as one."""

    async def activate(self, functions: Mapping[str, LiveFunction]) -> None:
        """Make exactly these live in every worker; on DeployError every worker runs what it ran before."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Who wants a change, why, and what they think is live (``expected``; None: whatever is)."""

    actor: str
    action: str = "deploy"
    expected: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """One function after a change. ``changed`` is False when that version was live already."""

    name: str
    version: str
    number: int
    previous: str | None
    changed: bool
    warnings: tuple[str, ...] = ()


class ConflictError(DeployError):
    """Somebody else changed the function first."""

    status = 412


class InUseError(DeployError):
    """A behaviour of the site uses the function."""

    status = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Where versions are kept, and the one thread that may touch them."""

    store: Store
    blobs: Blobs
    artifacts: Path
    disk: DiskThread


class Deployer:
    """Changes what is live. Changes happen one at a time; builds may overlap."""

    def __init__(
        self, shelf: Shelf, *, builder: Builder, workers: Workers, clock: Callable[[], float]
    ) -> None:
        self._shelf = shelf
        self._builder = builder
        self._workers = workers
        self._clock = clock
        self._lock = asyncio.Lock()
        self._live: dict[str, LiveFunction] = {}

    @property
    def live(self) -> Mapping[str, LiveFunction]:
        """Return what is live, by name."""
        return self._live

    async def restore(self) -> list[str]:
        """Load what the store says is live, for workers that are yet to start; return warnings.

        One that this machine cannot build any more is left out, with a warning.
        """
        warnings = []
        for name, version in (await self._run(self._shelf.store.live)).items():
            try:
                self._live[name] = _live_function(version, await self._built(version))
            except EdgeError as error:
                warnings.append(f'Function "{name}" is stored but cannot be run: {error.advice}')
        return warnings

    def leave_out(self, name: str) -> None:
        """Stop running a stored function that workers refuse; only before any worker serves."""
        self._live.pop(name, None)

    async def prepare(self, bundle: Bundle) -> tuple[Version, BuildRecord]:
        """Build a bundle and keep it, without making it live. Raises DeployError, StateError."""
        version = Version(
            function=bundle.name,
            version=bundle.version,
            kind=bundle.source.kind.value,
            entry=bundle.source.entry,
            handler=bundle.source.handler,
            files={},
            settings=bundle.settings,
            size_bytes=bundle.size_bytes,
            created_at_s=self._clock(),
        )
        record = await self._build(bundle.name, bundle.source)
        paths = list(bundle.source.files)
        names = await self._run(self._shelf.blobs.put_all, bundle.source.files.values())
        version = replace(version, files=dict(zip(paths, names, strict=True)))
        number = await self._run(self._shelf.store.add_version, version, record)
        return replace(version, number=number), record

    async def deploy(self, bundles: Sequence[Bundle], order: Order) -> list[Deployed]:
        """Make every bundle live at once, or none.

        Raises:
            DeployError: a source does not build, or a worker refuses it; what was live stays live.
            ConflictError: another version than ``order.expected`` is live.
            StateError: the data folder does not take it.
        """
        names = [bundle.name for bundle in bundles]
        if len(set(names)) != len(names):
            raise DeployError("One deploy names a function twice", remedy="Give each function its own name.")
        for name in names:
            self._check_expected(name, order)
        ready = await self._prepare_all(bundles)
        return await self._make_live(ready, order)

    async def _prepare_all(self, bundles: Sequence[Bundle]) -> list[tuple[Version, BuildRecord]]:
        """Build all at once (the builder says how many run); raise the first error when all have ended."""
        ready = await asyncio.gather(*map(self.prepare, bundles), return_exceptions=True)
        for item in ready:
            if isinstance(item, BaseException):
                raise item
        return [item for item in ready if not isinstance(item, BaseException)]

    async def rollback(self, name: str, wanted: str | None, order: Order) -> Deployed:
        """Make a stored version live again: ``wanted``, or the one that was live before.

        Raises UnknownFunctionError, DeployError as ``deploy``.
        """
        store = self._shelf.store
        if wanted is None:
            wanted = await self._run(_version_before, store, name)
        version = await self._run(store.find, name, wanted)
        (deployed,) = await self._make_live([(version, await self._built(version))], order)
        return deployed

    async def remove(self, name: str, order: Order, *, used_by: Sequence[str] = ()) -> None:
        """Forget a function. Raises InUseError when ``used_by`` names behaviours; UnknownFunctionError."""
        if used_by:
            raise InUseError(
                f'Function "{name}" is used by {", ".join(used_by)}',
                remedy="Take it out of the site first, or use --force.",
            )
        shelf = self._shelf
        async with self._lock:
            self._check_expected(name, order)
            versions = await self._run(shelf.store.versions, name)
            if not versions:
                raise unknown_function(name)
            builds = [await self._run(shelf.store.build, name, item.version) for item in versions]
            before = self._live
            target = {key: item for key, item in before.items() if key != name}
            await self._workers.activate(target)
            try:
                await self._run(shelf.store.remove, name, actor=order.actor, at_s=self._clock())
            except BaseException:
                await self._workers.activate(before)
                raise
            self._live = target
            left = await self._run(shelf.store.artifacts)
        for artifact in {build.artifact for build in builds if build} - left:
            await self._run(shutil.rmtree, shelf.artifacts / artifact, ignore_errors=True)

    async def _make_live(self, ready: Sequence[tuple[Version, BuildRecord]], order: Order) -> list[Deployed]:
        async with self._lock:
            for version, _ in ready:
                self._check_expected(version.function, order)
            before = self._live
            changes = {
                version.function: _live_function(version, record)
                for version, record in ready
                if version.function not in before or before[version.function].version != version.version
            }
            pointers = {name: function.version for name, function in changes.items()}
            if changes:
                await self._switch({**before, **changes}, pointers, order)
            elif order.action == "seed":
                pointers = {version.function: version.version for version, _ in ready}
                await self._point(pointers, order)
        return [
            Deployed(
                name=version.function,
                version=version.version,
                number=version.number,
                previous=before[version.function].version if version.function in before else None,
                changed=version.function in changes,
                warnings=record.warnings,
            )
            for version, record in ready
        ]

    async def _switch(
        self, target: dict[str, LiveFunction], pointers: Mapping[str, str], order: Order
    ) -> None:
        before = self._live
        await self._workers.activate(target)
        try:
            await self._point(pointers, order)
        except BaseException:
            await self._workers.activate(before)
            raise
        self._live = target

    async def _point(self, pointers: Mapping[str, str], order: Order) -> None:
        await self._run(
            self._shelf.store.set_live,
            pointers,
            action=order.action,
            actor=order.actor,
            at_s=self._clock(),
        )

    def _check_expected(self, name: str, order: Order) -> None:
        if order.expected is None:
            return
        live = self._live.get(name)
        found = live.version if live else ""
        if not (found.startswith(order.expected) if order.expected else not found):
            raise ConflictError(
                f'Function "{name}" is live as {found[:HASH_SHORT] or "nothing"},'
                f" not as {order.expected[:HASH_SHORT] or 'nothing'}: somebody changed it",
                remedy="Look at edgefaas versions, then deploy again.",
            )

    async def _built(self, version: Version) -> BuildRecord:
        """Build a stored version, or find it built: the builder knows what fits this machine."""
        contents = {
            path: await self._run(self._shelf.blobs.get, name) for path, name in version.files.items()
        }
        source = Source(kind=Kind(version.kind), files=contents, entry=version.entry, handler=version.handler)
        record = await self._build(version.function, source)
        if record != await self._run(self._shelf.store.build, version.function, version.version):
            await self._run(self._shelf.store.set_build, version.function, version.version, record)
        return record

    async def _build(self, name: str, source: Source) -> BuildRecord:
        try:
            built = await self._builder.build(source)
        except CompileError as error:
            where = said_where(error, source.entry)
            raise DeployError(f'Function "{name}" does not compile: {where}', remedy=error.remedy) from None
        except SandboxError as error:
            raise DeployError(f'Function "{name}" cannot be built: {error}', remedy=error.remedy) from None
        return BuildRecord(artifact=built.artifact, facts=built.facts, warnings=built.warnings)

    async def _run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._shelf.disk.run(function, *args, **kwargs)


def said_where(error: CompileError, entry: str) -> str:
    """Return what is wrong with a source, beginning with the file and, where it is known, the line."""
    said = str(error).removeprefix(f"{entry}: ")
    if said.startswith(entry):
        return said
    return f"{entry}, line {error.line}: {said}" if error.line else f"{entry}: {said}"


def _live_function(version: Version, record: BuildRecord) -> LiveFunction:
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
    )


def _version_before(store: Store, name: str) -> str:
    """Return the version that was live before the present one, as the history tells. Raises."""
    live = store.live().get(name)
    if live is None:
        raise unknown_function(name)
    kept = {version.version for version in store.versions(name)}
    for change in store.history(name, limit=1_000):
        if change.version == live.version and change.previous in kept and change.previous != live.version:
            assert change.previous is not None
            return change.previous
    raise UnknownFunctionError(
        f'Function "{name}" has no version before {live.version[:HASH_SHORT]}',
        remedy=f"List its versions with edgefaas versions {name}.",
    )
