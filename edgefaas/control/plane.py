"""The control plane of one POP: everything that is deployed, and everything that may change it, tied together.

Made once, by the supervisor; ``load`` before any worker starts, ``close`` at the end.
"""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from edgefaas.control import activation, purging
from edgefaas.control.access import Access
from edgefaas.control.activation import HEALTH_CHECK
from edgefaas.control.audit import AuditLog
from edgefaas.control.blobs import Blobs
from edgefaas.control.deploy import Deployer
from edgefaas.control.equipment import EquippedWorkers
from edgefaas.control.folder import DataFolder
from edgefaas.control.hub import LogHub
from edgefaas.control.keyring import KeyRing
from edgefaas.control.kv import KvKeeper
from edgefaas.control.purging import Purger
from edgefaas.control.rollout import Rollout
from edgefaas.control.rollout_watch import RolloutWatch, Watched
from edgefaas.control.seeding import seed
from edgefaas.control.store import Store
from edgefaas.control.thread import DiskThread
from edgefaas.control.vault import Vault
from edgefaas.control.workshop import Builder, Shelf
from edgefaas.site import Site


class Workers(activation.Workers, purging.Workers, Protocol):
    """The workers of this POP, as one."""


def open_shelf(folder: DataFolder) -> Shelf:
    """Return what is stored in a data folder. Raises StateError."""
    return Shelf(
        store=Store(folder.store),
        blobs=Blobs(folder.blobs),
        artifacts=folder.artifacts,
        disk=DiskThread(),
    )


class ControlPlane:
    """What the admin API asks and changes. ``clock`` returns Unix time."""

    def __init__(  # noqa: PLR0913  # all of it is made elsewhere
        self,
        shelf: Shelf,
        hub: LogHub,
        *,
        folder: Path,
        keys: KeyRing,
        builder: Builder,
        workers: Workers,
        clock: Callable[[], float],
    ) -> None:
        store, disk = shelf.store, shelf.disk
        self.shelf = shelf
        self.hub = hub
        self.clock = clock
        self.access = Access(store, folder=folder)
        self.audit = AuditLog(store, disk, clock=clock)
        self.vault = Vault(store, keys)
        self.workers = EquippedWorkers(workers, self.vault, disk=disk, clock=clock)
        self.deployer = Deployer(shelf, builder=builder, workers=self.workers, clock=clock)
        self.purger = Purger(store, disk, workers=workers, clock=clock)
        self.keeper = KvKeeper(folder, live=self.deployer.functions, clock=clock)

    async def load(self, site: Site) -> None:
        """Read what is stored, and remove what a kill left behind. Raises EdgeError."""
        run = self.shelf.disk.run
        await run(self.access.load, now_s=self.clock())
        await self.purger.prune(now_s=self.clock())
        await self.audit.prune()
        await run(self.vault.load)
        await self.deployer.house.collect()
        await self.keeper.configure(site.kv)
        await self.hub.load()

    async def seed(self, site: Site) -> list[str]:
        """Make live what changed in the site's file; return warnings. Raises EdgeError."""
        shelf = self.shelf
        return await seed(site.functions, deployer=self.deployer, store=shelf.store, disk=shelf.disk)

    def rollout_watch(
        self, *, stats: Callable[[], Awaitable[list[dict[str, Any]]]], mono_s: Callable[[], float]
    ) -> RolloutWatch:
        """Return what takes back a version that fails."""
        return RolloutWatch(
            Watched(
                deploys=self.deployer,
                rollouts=lambda: self.shelf.disk.run(self.shelf.store.rollouts),
                stats=stats,
                clock=mono_s,
                told=self._taken_back,
            )
        )

    async def _taken_back(self, group: Sequence[Rollout], reason: str) -> None:
        """Write what the POP took back by itself where everybody's changes are written."""
        await self.audit.note(
            actor=HEALTH_CHECK,
            action="rollback",
            target=", ".join(item.function for item in group),
            status=200,
            detail=reason,
        )

    def close(self) -> None:
        """Finish what waits for the disk, and let go of the files."""
        self.shelf.disk.close()
        self.shelf.store.close()
        self.keeper.close()
