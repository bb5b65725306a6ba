"""A deployer with a builder and workers that need no sandbox."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgefaas.arms import canary_of
from edgefaas.contract import Live, LiveFunction
from edgefaas.control.activation import Workers
from edgefaas.control.blobs import Blobs
from edgefaas.control.deploy import Deployer
from edgefaas.control.equipment import EquippedWorkers
from edgefaas.control.keyring import KeyRing
from edgefaas.control.store import Store
from edgefaas.control.thread import DiskThread
from edgefaas.control.vault import Vault
from edgefaas.control.workshop import Builder, Shelf
from edgefaas.errors import DeployError
from sandbox.contract import Built, Source
from sandbox.errors import CompileError


class TextBuilder:
    """Builds whatever does not say otherwise."""

    def __init__(self) -> None:
        self.built: list[str] = []

    async def build(self, source: Source) -> Built:
        text = source.files[source.entry].decode()
        await asyncio.sleep(0)
        if "wrong" in text:
            raise CompileError("it is wrong", remedy="Right it.", line=2)
        self.built.append(text)
        return Built(artifact=text.replace(" ", "-") or "empty", warnings=("careful",))

    async def prepare(self) -> None:
        pass

    async def close(self) -> None:
        pass


class RecordingWorkers:
    """Runs what it is told, unless a text says otherwise."""

    def __init__(self) -> None:
        self.running: dict[str, str] = {}
        self.functions: Mapping[str, Live] = {}
        self.activations = 0

    async def activate(self, functions: Mapping[str, Live]) -> None:
        await asyncio.sleep(0)
        if any("refuse" in artifact_of(function) for function in functions.values()):
            raise DeployError("refused", remedy="Do not.")
        self.activations += 1
        self.functions = dict(functions)
        self.running = {name: artifact_of(function) for name, function in functions.items()}

    async def invoke(self, function: str, event: bytes) -> dict[str, Any]:
        if "throws" in self.running[function]:
            return {"outcome": "threw", "error": "it threw", "remedy": ""}
        return {"outcome": "finished", "result": {"status": "200", "text": self.running[function]}}


def artifact_of(live: Live) -> str:
    return live.artifact if isinstance(live, LiveFunction) else live.folder


_builder: type[Builder] = TextBuilder
_workers: type[Workers] = RecordingWorkers


class Plane:
    """A deployer with everything it needs, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder / "control.sqlite3")
        self.builder = TextBuilder()
        self.workers = RecordingWorkers()
        self.now_s = 0.0
        shelf = Shelf(
            store=self.store,
            blobs=Blobs(folder / "blobs"),
            artifacts=folder / "artifacts",
            disk=DiskThread(),
        )
        self.vault = Vault(self.store, KeyRing(folder))
        self.equipped = EquippedWorkers(self.workers, self.vault, disk=shelf.disk, clock=self.clock)
        self.deployer = Deployer(shelf, builder=self.builder, workers=self.equipped, clock=self.clock)

    def clock(self) -> float:
        self.now_s += 1
        return self.now_s

    def agrees(self) -> None:
        """Check that disk, memory and workers say the same."""
        on_disk = {name: item.version for name, item in self.store.live().items()}
        assert on_disk == {name: item.version for name, item in self.deployer.live.items()}
        assert self.workers.running == {
            name: artifact_of(item) for name, item in self.deployer.running.items()
        }
        on_the_way = {
            canary_of(name): item.version for name, item in self.store.rollouts().items() if item.is_canary
        }
        running = {name: item.version for name, item in self.deployer.running.items() if "@" in name}
        assert on_the_way == running
