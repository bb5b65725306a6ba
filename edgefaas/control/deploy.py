"""Deploy, try out, promote, roll back, remove: from a version to one that every worker runs.

The order is what makes it safe to be killed at any instant. Build in a child → files and version on disk → the test
event in one worker → activate in every worker (all, or all back to the old) → pointers on disk → acknowledge. The
pointers never name a version that no worker has run, and what was acknowledged is on disk.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import ParamSpec, TypeVar

from edgefaas.contract import Live, LiveFunction
from edgefaas.control.activation import HEALTH_CHECK, Activation, Workers
from edgefaas.control.bundle import Bundle
from edgefaas.control.canaries import Canaries
from edgefaas.control.housekeeping import Housekeeper
from edgefaas.control.orders import Deployed, InUseError, Order, Terms
from edgefaas.control.outgoing import watched_rollouts
from edgefaas.control.records import BuildRecord, Version
from edgefaas.control.rollout import Rollout
from edgefaas.control.running import Running, version_before, versions_before
from edgefaas.control.versions import unknown_function
from edgefaas.control.workshop import Builder, Ready, Shelf, Workshop, live_version
from edgefaas.errors import DeployError, EdgeError
from edgefaas.release import Release, is_release

P = ParamSpec("P")
T = TypeVar("T")
EVERYBODY = Terms()


class Deployer:
    """Changes what is live. Changes happen one at a time; builds may overlap."""

    def __init__(
        self, shelf: Shelf, *, builder: Builder, workers: Workers, clock: Callable[[], float]
    ) -> None:
        self._shelf = shelf
        self._workshop = Workshop(shelf, builder=builder, clock=clock)
        self._clock = clock
        self._lock = asyncio.Lock()
        self._activation = Activation(shelf, workers=workers, clock=clock)
        self._canaries = Canaries(shelf, self._workshop, self._activation, clock=clock)
        self.house = Housekeeper(shelf, self._workshop, self._lock)

    @property
    def live(self) -> Mapping[str, Live]:
        """Return what is live for everybody but the viewers of a canary, by name."""
        return self._activation.running.live

    @property
    def running(self) -> Mapping[str, Live]:
        """Return everything that workers run, by the name that it is run under."""
        return self._activation.running.all

    @property
    def rollouts_changed(self) -> asyncio.Event:
        """Return what is set when something has gone on its way."""
        return self._canaries.changed

    def functions(self) -> Mapping[str, LiveFunction]:
        """Return the live functions by name, each with the key-value namespaces of its canary beside its own."""
        found: dict[str, LiveFunction] = {}
        for name, live in self._activation.running.live.items():
            if isinstance(live, LiveFunction):
                canary = self._activation.running.canaries.get(name)
                more = canary.kv if isinstance(canary, LiveFunction) else ()
                found[name] = replace(live, kv=tuple(dict.fromkeys((*live.kv, *more))))
        return found

    async def restore(self) -> list[str]:
        """Load what the store says is live, for workers that are yet to start; return warnings.

        One that this machine cannot build any more is left out, with a warning.
        """
        warnings: list[str] = []
        live: dict[str, Live] = {}
        canaries: dict[str, Live] = {}
        store = self._shelf.store
        for name, version in (await self._run(store.live)).items():
            try:
                live[name] = await self._live(version, await self._workshop.built(version))
            except EdgeError as error:
                warnings.append(f'Function "{name}" is stored but cannot be run: {error.advice}')
        for rollout in (await self._run(store.rollouts)).values():
            if not rollout.is_canary:
                continue
            try:
                canaries[rollout.function] = await self._canaries.live(rollout)
            except EdgeError as error:
                warnings.append(f'The canary of "{rollout.function}" cannot be run: {error.advice}')
        self._activation.running = Running(live, canaries)
        self._canaries.changed.set()
        return warnings

    def leave_out(self, name: str) -> None:
        """Stop running what workers refuse, by the name that it is run under; only before any worker serves."""
        self._activation.running = self._activation.running.without(name)

    async def prepare(self, bundle: Bundle | Release) -> Ready:
        """Build a bundle and keep it, without making it live. Raises DeployError, StateError."""
        if isinstance(bundle, Release):
            return await self._workshop.prepare_release(bundle)
        return await self._workshop.prepare(bundle)

    async def deploy(
        self, bundles: Sequence[Bundle | Release], order: Order, terms: Terms = EVERYBODY
    ) -> list[Deployed]:
        """Let every bundle go out at once, or none; to everybody, or as canaries to some.

        Raises:
            DeployError: a source does not build, a worker refuses it, or it fails its check; what was live stays.
            ConflictError: another version than ``order.expected`` is live.
            StateError: the data folder does not take it.
        """
        names = [bundle.name for bundle in bundles]
        if len(set(names)) != len(names):
            raise DeployError("One deploy names a function twice", remedy="Give each function its own name.")
        for name in names:
            self._check(name, order)
        with self.house.sparing({bundle.name: bundle.version for bundle in bundles}):
            ready = await self._prepare_all(bundles)
            self.house.grown.set()
            async with self._lock:
                for name in names:
                    self._check(name, order)
                if terms.share is None:
                    return await self._make_live(ready, order, terms)
                return await self._canaries.begin(ready, order, terms)

    async def _prepare_all(self, bundles: Sequence[Bundle | Release]) -> list[Ready]:
        """Build all at once (the builder says how many run); raise the first error when all have ended."""
        ready = await asyncio.gather(*map(self.prepare, bundles), return_exceptions=True)
        for item in ready:
            if isinstance(item, BaseException):
                raise item
        return [item for item in ready if not isinstance(item, BaseException)]

    async def promote(self, name: str, order: Order, *, share: int | None = None) -> list[Deployed]:
        """Make a canary, with those it was deployed with, live for everybody, or for another ``share``.

        Raises NoCanaryError, ConflictError, DeployError, StateError.
        """
        async with self._lock:
            self._check(name, order)
            group = await self._canaries.group(name)
            if share is not None:
                return await self._canaries.reshare([replace(item, share=share) for item in group], order)
            ready = [await self._workshop.stored(item.function, item.version) for item in group]
            return await self._make_live(ready, order, EVERYBODY)

    async def rollback(self, name: str, wanted: str | None, order: Order) -> Deployed:
        """Make a stored version live again: ``wanted``; without it, end the canary, or go to what was live before.

        Raises UnknownFunctionError, DeployError as ``deploy``.
        """
        store = self._shelf.store
        async with self._lock:
            self._check(name, order)
            if wanted is None and await self._canaries.has(name):
                group = await self._canaries.group(name)
                (mine,) = [item for item in group if item.function == name]
                version = await self._run(store.versions.find, name, mine.previous)  # which may not run here
                await self._canaries.take_back(group, order, reason="")
                ended = tuple(item.function for item in group)
                return replace(Deployed.of(version, (), previous=None, changed=True), ended=ended)
            if wanted is None:
                wanted = await self._run(version_before, store, name)
            version = await self._run(store.versions.find, name, wanted)
            ready = [(version, await self._workshop.built(version))]
            (deployed,) = await self._make_live(ready, order, EVERYBODY)
            return deployed

    async def take_back(self, salt: str, reason: str) -> list[Rollout]:
        """Take back what was deployed under ``salt``; return what it was. Raises EdgeError: nothing is changed."""
        order = Order(actor=HEALTH_CHECK, action="rollback")
        async with self._lock:
            found = await self._run(self._shelf.store.rollouts)
            group = [item for item in found.values() if item.salt == salt]
            await self._canaries.take_back([item for item in group if item.is_canary], order, reason=reason)
            whole = [item for item in group if not item.is_canary]
            if whole:
                ready = [await self._workshop.stored(item.function, item.previous) for item in whole]
                await self._make_live(ready, order, EVERYBODY, reason=reason)
        return group

    async def end_watch(self, salt: str) -> None:
        """Note that versions which everybody has are no longer watched."""
        async with self._lock:
            found = (await self._run(self._shelf.store.rollouts)).values()
            over = [item for item in found if item.salt == salt and not item.is_canary]
            await self._run(self._shelf.store.end_rollouts, over, None)

    async def remove(self, name: str, order: Order, *, used_by: Sequence[str] = ()) -> None:
        """Forget a function. Raises InUseError when ``used_by`` names behaviours; UnknownFunctionError."""
        if used_by:
            raise InUseError(
                f'Function "{name}" is used by {", ".join(used_by)}',
                remedy="Take it out of the site first, or use --force.",
            )
        store = self._shelf.store
        async with self._lock:
            self._check(name, order)
            if not await self._run(store.versions.of, name):
                raise unknown_function(name)
            target = self._activation.running.without_canaries([name]).without(name)
            await self._activation.switch(target, lambda: store.remove(name, order.note(self._clock())))
            await self.house.collect_now()

    # Everything below is called with the lock held.

    async def _make_live(
        self, ready: Sequence[Ready], order: Order, terms: Terms, *, reason: str = ""
    ) -> list[Deployed]:
        before = self._activation.running
        new = [item for item in ready if before.version(item[0].function) != item[0].version]
        names = [version.function for version, _ in ready]
        canaries = (await self._run(self._shelf.store.rollouts)) if before.canaries or new else {}
        ended = [canaries[name] for name in names if name in canaries and canaries[name].is_canary]
        pointers = {version.function: version.version for version, _ in new}
        watched = watched_rollouts(pointers, before.versions, terms, now_s=self._clock())
        note = order.note(self._clock(), reason)
        store = self._shelf.store
        if new or ended:
            target = before.without_canaries(names)
            changes = {version.function: await self._live(version, record) for version, record in new}
            target = replace(target, live={**target.live, **changes})
            await self._activation.switch(
                target,
                lambda: store.set_live(pointers, note, watched=watched, ended=ended),
                trials=new if terms.checks else (),
                checks=terms.checks,
            )
        elif order.action == "seed":
            everything = {version.function: version.version for version, _ in ready}
            await self._run(store.set_live, everything, note)
        if watched:
            self._canaries.changed.set()
        by_check = {item.function for item in watched}
        return [
            replace(
                Deployed.of(
                    version,
                    record.warnings,
                    previous=before.version(version.function),
                    changed=version.function in pointers,
                ),
                checked=version.function in pointers and version.function in terms.checks,
                watched=version.function in by_check,
                ended=(version.function,) if any(item.function == version.function for item in ended) else (),
            )
            for version, record in ready
        ]

    async def _live(self, version: Version, record: BuildRecord) -> Live:
        before: tuple[str, ...] = ()
        if is_release(version.function):
            before = await self._run(versions_before, self._shelf.store, version.function, version.version)
        return live_version(version, record, before=before)

    def _check(self, name: str, order: Order) -> None:
        order.check(name, self._activation.running.version(name) or "")

    async def _run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._shelf.disk.run(function, *args, **kwargs)
