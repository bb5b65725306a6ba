"""The workers, whose functions have their secrets: what the deployer tells them passes here, and gets them.

A secret is of a function, so its live version, its canary and its trial have the same. Changes of secrets and of
versions take turns: neither can undo the other.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from edgefaas.contract import Live, LiveFunction
from edgefaas.control.activation import Workers
from edgefaas.control.thread import DiskThread
from edgefaas.control.vault import Secret, Vault


class EquippedWorkers:
    """Adds secrets to what workers are told; see ``activation.Workers``."""

    def __init__(
        self, workers: Workers, vault: Vault, *, disk: DiskThread, clock: Callable[[], float]
    ) -> None:
        self._workers = workers
        self._vault = vault
        self._disk = disk
        self._clock = clock
        self._lock = asyncio.Lock()
        self._told: Mapping[str, Live] = {}

    def equip(self, functions: Mapping[str, Live]) -> dict[str, Live]:
        """Return what workers run: every function with its secrets, over its version's variables."""
        return {name: self._with(live, None) for name, live in functions.items()}

    def started(self, functions: Mapping[str, Live]) -> None:
        """Take note of what workers run, who were started with it."""
        self._told = dict(functions)

    async def activate(self, functions: Mapping[str, Live]) -> None:
        """Make exactly these live in every worker. Raises DeployError, and then all run what they ran."""
        async with self._lock:
            await self._workers.activate(self.equip(functions))
            self._told = dict(functions)

    async def invoke(self, function: str, event: bytes) -> dict[str, Any]:
        """Run what is live under this name once."""
        return await self._workers.invoke(function, event)

    async def put_secret(self, function: str, name: str, value: str) -> Secret:
        """Give a function a secret, in every worker and on disk on return; it need not be deployed yet.

        Raises SecretError; DeployError, StateError: nothing is changed.
        """
        async with self._lock, self._changed(function, self._vault.planned(function, name, value)):
            return await self._disk.run(self._vault.put, function, name, value, now_s=self._clock())

    async def remove_secret(self, function: str, name: str) -> None:
        """Take a secret away from a function. Raises UnknownSecretError; DeployError, StateError."""
        async with self._lock, self._changed(function, self._vault.planned(function, name, None)):
            await self._disk.run(self._vault.remove, function, name)

    async def rotate_key(self) -> int:
        """Seal every secret with a new key; return how many. Raises SecretError, StateError."""
        async with self._lock:
            return await self._disk.run(self._vault.rotate)

    @asynccontextmanager
    async def _changed(self, function: str, secrets: Mapping[str, str]) -> AsyncIterator[None]:
        """Run a function with these secrets, for good when what is inside succeeds."""
        if not any(live.name == function for live in self._told.values()):
            yield
            return
        target = {
            name: self._with(live, secrets if live.name == function else None)
            for name, live in self._told.items()
        }
        await self._workers.activate(target)
        try:
            yield
        except BaseException:
            await self._workers.activate(self.equip(self._told))
            raise

    def _with(self, live: Live, secrets: Mapping[str, str] | None) -> Live:
        if not isinstance(live, LiveFunction):
            return live
        secrets = self._vault.of(live.name) if secrets is None else secrets
        if not secrets:
            return live
        return replace(live, environment={**live.environment, **secrets}, secrets=tuple(sorted(secrets)))
