"""Canaries: versions that only some viewers get, begun, given another share, ended.

Everything here is called with the deployer's lock held.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from edgefaas.contract import Live
from edgefaas.control.activation import Activation
from edgefaas.control.healthcheck import NO_CHECKS, Check
from edgefaas.control.orders import Deployed, NoCanaryError, Order, Terms
from edgefaas.control.outgoing import canary_rollouts
from edgefaas.control.records import BuildRecord, Version
from edgefaas.control.rollout import Rollout
from edgefaas.control.versions import unknown_function
from edgefaas.control.workshop import Ready, Shelf, Workshop, live_version
from edgefaas.split import WHOLE


class Canaries:
    """Those of one POP; ``changed`` is set whenever one has begun. ``clock`` returns Unix time."""

    def __init__(
        self, shelf: Shelf, workshop: Workshop, activation: Activation, *, clock: Callable[[], float]
    ) -> None:
        self._shelf = shelf
        self._workshop = workshop
        self._activation = activation
        self._clock = clock
        self.changed = asyncio.Event()

    async def begin(self, ready: Sequence[Ready], order: Order, terms: Terms) -> list[Deployed]:
        """Let what is ready go out together to ``terms.share`` of the viewers. Raises DeployError, StateError."""
        running = self._activation.running
        new = [item for item in ready if running.version(item[0].function) != item[0].version]
        known = await self._shelf.disk.run(self._shelf.store.rollouts)
        versions = {version.function: version.version for version, _ in new}
        rollouts = canary_rollouts(versions, running.versions, known, terms, now_s=self._clock())
        if rollouts:
            records = {version.function: (version, record) for version, record in new}
            await self._activate(
                {item.function: (item, *records[item.function]) for item in rollouts},
                order,
                trials=new,
                checks=terms.checks,
            )
        shares = {item.function: item for item in rollouts}
        return [
            replace(
                Deployed.of(
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

    async def reshare(self, rollouts: Sequence[Rollout], order: Order) -> list[Deployed]:
        """Give canaries that are on their way another share. Raises DeployError, StateError."""
        stored = {
            item.function: await self._workshop.stored(item.function, item.version) for item in rollouts
        }
        await self._activate({item.function: (item, *stored[item.function]) for item in rollouts}, order)
        return [
            replace(
                Deployed.of(stored[item.function][0], (), previous=item.previous, changed=True),
                share=item.share,
                watched=item.rule is not None,
            )
            for item in rollouts
        ]

    async def _activate(
        self,
        rollouts: Mapping[str, tuple[Rollout, Version, BuildRecord]],
        order: Order,
        *,
        trials: Sequence[Ready] = (),
        checks: Mapping[str, Check] = NO_CHECKS,
    ) -> None:
        running = self._activation.running
        canaries = {
            name: live_version(version, record, split=item.split)
            for name, (item, version, record) in rollouts.items()
        }
        rows = [item for item, _, _ in rollouts.values()]
        note = replace(order, action="canary").note(self._clock())
        await self._activation.switch(
            replace(running, canaries={**running.canaries, **canaries}),
            lambda: self._shelf.store.begin_canaries(rows, note),
            trials=trials,
            checks=checks,
        )
        self.changed.set()

    async def take_back(self, canaries: Sequence[Rollout], order: Order, *, reason: str) -> None:
        """End these: their viewers get what everybody gets. Raises DeployError, StateError."""
        if canaries:
            target = self._activation.running.without_canaries(item.function for item in canaries)
            note = order.note(self._clock(), reason)
            await self._activation.switch(target, lambda: self._shelf.store.end_rollouts(canaries, note))

    async def group(self, name: str) -> list[Rollout]:
        """Return the canaries that went out with ``name``'s. Raises NoCanaryError, UnknownFunctionError."""
        found = await self._shelf.disk.run(self._shelf.store.rollouts)
        mine = found.get(name)
        if mine is None or not mine.is_canary:
            if name not in self._activation.running.live:
                raise unknown_function(name)
            raise NoCanaryError(
                f'Function "{name}" has no canary',
                remedy=f"Begin one with edgefaas deploy {name} --canary 10%.",
            )
        return [item for item in found.values() if item.salt == mine.salt and item.is_canary]

    async def has(self, name: str) -> bool:
        """Say whether a function has one."""
        found = (await self._shelf.disk.run(self._shelf.store.rollouts)).get(name)
        return found is not None and found.is_canary

    async def live(self, rollout: Rollout) -> Live:
        """Return a canary as workers run it. Raises UnknownFunctionError, DeployError, StateError."""
        version, record = await self._workshop.stored(rollout.function, rollout.version)
        return live_version(version, record, split=rollout.split)
