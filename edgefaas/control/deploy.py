"""Deploy, try out, promote, roll back, remove: from a version to one that every worker runs.

The order is what makes it safe to be killed at any instant. Build in a child → files and version on disk → the test
event in one worker → activate in every worker (all, or all back to the old) → pointers on disk → acknowledge. The
pointers never name a version that no worker has run, and what was acknowledged is on disk.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ParamSpec, Protocol, TypeVar

import orjson

from edgefaas.arms import trial_of
from edgefaas.contract import Live, LiveFunction
from edgefaas.control.bundle import Bundle
from edgefaas.control.housekeeping import Housekeeper
from edgefaas.control.orders import (
    ANY,
    ConflictError,
    Deployed,
    HealthCheckError,
    InUseError,
    NoCanaryError,
    Order,
    Terms,
    failed_check,
)
from edgefaas.control.outgoing import canary_rollouts, watched_rollouts
from edgefaas.control.rollout import Rollout
from edgefaas.control.running import Running, version_before, versions_before
from edgefaas.control.store import HASH_SHORT, BuildRecord, Note, Version, unknown_function
from edgefaas.control.workshop import Builder, Shelf, Workshop, live_function, live_version
from edgefaas.errors import DeployError, EdgeError
from edgefaas.release import Release, is_release
from edgefaas.split import WHOLE

__all__ = [
    "HEALTH_CHECK",
    "Builder",
    "ConflictError",
    "Deployed",
    "Deployer",
    "InUseError",
    "Order",
    "Shelf",
    "Terms",
    "Workers",
]

P = ParamSpec("P")
T = TypeVar("T")
Ready = tuple[Version, BuildRecord]
HEALTH_CHECK = "health check"
EVERYBODY = Terms()


class Workers(Protocol):
    """The workers of this POP, as one."""

    async def activate(self, functions: Mapping[str, Live]) -> None:
        """Make exactly these live in every worker; on DeployError every worker runs what it ran before."""
        ...

    async def invoke(self, function: str, event: bytes) -> dict[str, Any]:
        """Run what is live under this name once, in one of the workers; see ``invoking.invoke_once``."""
        ...


class Deployer:
    """Changes what is live. Changes happen one at a time; builds may overlap."""

    def __init__(
        self, shelf: Shelf, *, builder: Builder, workers: Workers, clock: Callable[[], float]
    ) -> None:
        self._shelf = shelf
        self._workshop = Workshop(shelf, builder=builder, clock=clock)
        self._workers = workers
        self._clock = clock
        self._lock = asyncio.Lock()
        self._running = Running()
        self.rollouts_changed = asyncio.Event()
        self.house = Housekeeper(shelf, self._workshop, self._lock)

    @property
    def live(self) -> Mapping[str, Live]:
        """Return what is live for everybody but the viewers of a canary, by name."""
        return self._running.live

    @property
    def running(self) -> Mapping[str, Live]:
        """Return everything that workers run, by the name that it is run under."""
        return self._running.all

    def functions(self) -> Mapping[str, LiveFunction]:
        """Return the live functions by name, each with the key-value namespaces of its canary beside its own."""
        found: dict[str, LiveFunction] = {}
        for name, live in self._running.live.items():
            if isinstance(live, LiveFunction):
                canary = self._running.canaries.get(name)
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
                canaries[rollout.function] = await self._canary(rollout)
            except EdgeError as error:
                warnings.append(f'The canary of "{rollout.function}" cannot be run: {error.advice}')
        self._running = Running(live, canaries)
        self.rollouts_changed.set()
        return warnings

    def leave_out(self, name: str) -> None:
        """Stop running what workers refuse, by the name that it is run under; only before any worker serves."""
        self._running = self._running.without(name)

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
            self._check_expected(name, order)
        with self.house.sparing({bundle.name: bundle.version for bundle in bundles}):
            ready = await self._prepare_all(bundles)
            self.house.grown.set()
            async with self._lock:
                for name in names:
                    self._check_expected(name, order)
                if terms.share is None:
                    return await self._make_live(ready, order, terms)
                return await self._make_canaries(ready, order, terms)

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
            self._check_expected(name, order)
            group = await self._group(name)
            if share is not None:
                return await self._reshare([replace(item, share=share) for item in group], order)
            ready = [await self._stored(item.function, item.version) for item in group]
            return await self._make_live(ready, order, EVERYBODY)

    async def rollback(self, name: str, wanted: str | None, order: Order) -> Deployed:
        """Make a stored version live again: ``wanted``; without it, end the canary, or go to what was live before.

        Raises UnknownFunctionError, DeployError as ``deploy``.
        """
        store = self._shelf.store
        async with self._lock:
            self._check_expected(name, order)
            if wanted is None and await self._has_canary(name):
                group = await self._group(name)
                (mine,) = [item for item in group if item.function == name]
                version = await self._run(store.find, name, mine.previous)  # which may not run here
                await self._take_back(group, order, reason="")
                ended = tuple(item.function for item in group)
                return replace(_row(version, (), previous=None, changed=True), ended=ended)
            if wanted is None:
                wanted = await self._run(version_before, store, name)
            version = await self._run(store.find, name, wanted)
            ready = [(version, await self._workshop.built(version))]
            (deployed,) = await self._make_live(ready, order, EVERYBODY)
            return deployed

    async def take_back(self, salt: str, reason: str) -> list[Rollout]:
        """Take back what was deployed under ``salt``; return what it was. Raises EdgeError: nothing is changed."""
        order = Order(actor=HEALTH_CHECK, action="rollback")
        async with self._lock:
            found = await self._run(self._shelf.store.rollouts)
            group = [item for item in found.values() if item.salt == salt]
            await self._take_back([item for item in group if item.is_canary], order, reason=reason)
            whole = [item for item in group if not item.is_canary]
            if whole:
                ready = [await self._stored(item.function, item.previous) for item in whole]
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
            self._check_expected(name, order)
            if not await self._run(store.versions, name):
                raise unknown_function(name)
            target = self._running.without_canaries([name]).without(name)
            await self._switch(target, lambda: store.remove(name, self._note(order)))
            await self.house.collect_now()

    # Everything below is called with the lock held.

    async def _make_live(
        self, ready: Sequence[Ready], order: Order, terms: Terms, *, reason: str = ""
    ) -> list[Deployed]:
        before = self._running
        new = [item for item in ready if before.version(item[0].function) != item[0].version]
        names = [version.function for version, _ in ready]
        canaries = (await self._run(self._shelf.store.rollouts)) if before.canaries or new else {}
        ended = [canaries[name] for name in names if name in canaries and canaries[name].is_canary]
        pointers = {version.function: version.version for version, _ in new}
        watched = watched_rollouts(pointers, before.versions, terms, now_s=self._clock())
        note = self._note(order, reason)
        store = self._shelf.store
        if new or ended:
            target = before.without_canaries(names)
            changes = {version.function: await self._live(version, record) for version, record in new}
            target = replace(target, live={**target.live, **changes})
            await self._switch(
                target,
                lambda: store.set_live(pointers, note, watched=watched, ended=ended),
                trials=new if terms.checks else (),
                terms=terms,
            )
        elif order.action == "seed":
            everything = {version.function: version.version for version, _ in ready}
            await self._run(store.set_live, everything, note)
        if watched:
            self.rollouts_changed.set()
        by_check = {item.function for item in watched}
        return [
            replace(
                _row(
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

    async def _make_canaries(self, ready: Sequence[Ready], order: Order, terms: Terms) -> list[Deployed]:
        running = self._running
        new = [item for item in ready if running.version(item[0].function) != item[0].version]
        known = await self._run(self._shelf.store.rollouts)
        versions = {version.function: version.version for version, _ in new}
        rollouts = canary_rollouts(versions, running.versions, known, terms, now_s=self._clock())
        if rollouts:
            records = {version.function: (version, record) for version, record in new}
            await self._begin(
                {item.function: (item, *records[item.function]) for item in rollouts},
                order,
                trials=new,
                terms=terms,
            )
        shares = {item.function: item for item in rollouts}
        return [
            replace(
                _row(
                    version,
                    record.warnings,
                    previous=running.version(version.function),
                    changed=version.function in shares,
                ),
                share=shares[version.function].share if version.function in shares else WHOLE,
                checked=version.function in shares and version.function in terms.checks,
                watched=version.function in shares and terms.rule is not None,
            )
            for version, record in ready
        ]

    async def _reshare(self, rollouts: Sequence[Rollout], order: Order) -> list[Deployed]:
        """Give canaries that are on their way another share."""
        stored = {item.function: await self._stored(item.function, item.version) for item in rollouts}
        await self._begin({item.function: (item, *stored[item.function]) for item in rollouts}, order)
        return [
            replace(
                _row(stored[item.function][0], (), previous=item.previous, changed=True),
                share=item.share,
                watched=item.rule is not None,
            )
            for item in rollouts
        ]

    async def _begin(
        self,
        rollouts: Mapping[str, tuple[Rollout, Version, BuildRecord]],
        order: Order,
        *,
        trials: Sequence[Ready] = (),
        terms: Terms = EVERYBODY,
    ) -> None:
        running = self._running
        canaries = {
            name: live_version(version, record, split=item.split)
            for name, (item, version, record) in rollouts.items()
        }
        rows = [item for item, _, _ in rollouts.values()]
        note = self._note(replace(order, action="canary"))
        await self._switch(
            replace(running, canaries={**running.canaries, **canaries}),
            lambda: self._shelf.store.begin_canaries(rows, note),
            trials=trials,
            terms=terms,
        )
        self.rollouts_changed.set()

    async def _take_back(self, canaries: Sequence[Rollout], order: Order, *, reason: str) -> None:
        if canaries:
            target = self._running.without_canaries(item.function for item in canaries)
            note = self._note(order, reason)
            await self._switch(target, lambda: self._shelf.store.end_rollouts(canaries, note))

    async def _switch(
        self,
        target: Running,
        write: Callable[[], None],
        *,
        trials: Sequence[Ready] = (),
        terms: Terms = EVERYBODY,
    ) -> None:
        """Let ``trials`` prove themselves, let every worker run ``target``, and write that down; or nothing of it."""
        before = self._running
        tried = {version.function: item for item in trials if (version := item[0]).function in terms.checks}
        try:
            if tried:
                await self._try(tried, terms)
            await self._workers.activate(target.all)
            try:
                await self._run(write)
            except BaseException:
                await self._workers.activate(before.all)
                raise
        except BaseException:
            if tried:
                await self._workers.activate(before.all)
            raise
        self._running = target

    async def _try(self, tried: Mapping[str, Ready], terms: Terms) -> None:
        """Let new versions handle their test events where no viewer comes. Raises HealthCheckError."""
        trials = {trial_of(name): live_function(*item) for name, item in tried.items()}
        await self._workers.activate({**self._running.all, **trials})
        for name, (version, _) in tried.items():
            check = terms.checks[name]
            told = await self._workers.invoke(trial_of(name), orjson.dumps(check.event))
            if why := failed_check(told, check):
                note = Note(action="refused", actor=HEALTH_CHECK, at_s=self._clock(), reason=why)
                await self._run(self._shelf.store.note_refused, name, version.version, note)
                raise HealthCheckError(
                    f'Function "{name}" v{version.number} failed its health check: {why}',
                    remedy="Nothing is changed. Correct the function, or its [health] in function.toml.",
                )

    async def _group(self, name: str) -> list[Rollout]:
        """Return the canaries that went out with ``name``'s. Raises NoCanaryError, UnknownFunctionError."""
        found = await self._run(self._shelf.store.rollouts)
        mine = found.get(name)
        if mine is None or not mine.is_canary:
            if name not in self._running.live:
                raise unknown_function(name)
            raise NoCanaryError(
                f'Function "{name}" has no canary',
                remedy=f"Begin one with edgefaas deploy {name} --canary 10%.",
            )
        return [item for item in found.values() if item.salt == mine.salt and item.is_canary]

    async def _has_canary(self, name: str) -> bool:
        found = (await self._run(self._shelf.store.rollouts)).get(name)
        return found is not None and found.is_canary

    async def _canary(self, rollout: Rollout) -> Live:
        version, record = await self._stored(rollout.function, rollout.version)
        return live_version(version, record, split=rollout.split)

    async def _live(self, version: Version, record: BuildRecord) -> Live:
        before: tuple[str, ...] = ()
        if is_release(version.function):
            before = await self._run(versions_before, self._shelf.store, version.function, version.version)
        return live_version(version, record, before=before)

    async def _stored(self, name: str, wanted: str) -> Ready:
        version = await self._run(self._shelf.store.find, name, wanted)
        return version, await self._workshop.built(version)

    def _check_expected(self, name: str, order: Order) -> None:
        if order.expected is None:
            return
        found = self._running.version(name) or ""
        if order.expected == ANY and found:
            return
        if not (found.startswith(order.expected) if order.expected else not found):
            raise ConflictError(
                f'Function "{name}" is live as {found[:HASH_SHORT] or "nothing"},'
                f" not as {order.expected[:HASH_SHORT] or 'nothing'}: somebody changed it",
                remedy="Look at edgefaas versions, then deploy again.",
            )

    def _note(self, order: Order, reason: str = "") -> Note:
        return Note(action=order.action, actor=order.actor, at_s=self._clock(), reason=reason)

    async def _run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._shelf.disk.run(function, *args, **kwargs)


def _row(version: Version, warnings: tuple[str, ...], *, previous: str | None, changed: bool) -> Deployed:
    return Deployed(
        name=version.function,
        version=version.version,
        number=version.number,
        previous=previous,
        changed=changed,
        warnings=warnings,
    )
