"""What a worker has whatever site it serves: sandbox, store, origin connections, what is live, what goes on behind.

Made once; a site that comes into force takes over what the one before used, warm.
"""

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path

from edgefaas.arms import Arms
from edgefaas.background import Background
from edgefaas.cache import Flights, FormMaker, MemoryStore, TieredStore, open_tiers
from edgefaas.contract import AskSupervisor, LogSink
from edgefaas.directory import Releases
from edgefaas.guests import Guests
from edgefaas.journey import FromOrigin, FromStore
from edgefaas.kv.worker import WorkerPairs
from edgefaas.origin import OriginClient
from edgefaas.outbound import Outbound
from edgefaas.site import CacheSizes
from edgefaas.telemetry import Meter
from sandbox import Sandbox

SPOOL_MEMORY_BYTES = 8 * 1024 * 1024  # of one body on its way from the origin, before it goes to a file
SPOOL_FILE_BYTES = 1024 * 1024 * 1024  # where there is no disk tier that says how large an object may be
SPOOLED_AN_HOUR_AGO_S = 3600.0  # a body file of that age that nothing refers to was left behind by a crash


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """The parts; ``data`` is the worker's folder. ``refreshing`` are the keys that are revalidated just now."""

    data: Path
    sandbox: Sandbox
    meter: Meter
    guests: Guests
    store: MemoryStore
    client: OriginClient
    outbound: Outbound
    pairs: WorkerPairs
    arms: Arms
    releases: Releases
    background: Background
    flights: Flights[FromStore | FromOrigin]
    forms: FormMaker
    refreshing: set[str] = field(default_factory=set)

    def vacuum(self) -> None:
        """Begin to remove the body files that a crash has left behind."""
        if isinstance(self.store, TieredStore):
            disk, older_than_s = self.store.disk, time_now() - SPOOLED_AN_HOUR_AGO_S
            work = asyncio.to_thread(disk.vacuum, older_than_s=older_than_s)
            self.background.start(work, name="vacuum of the cache's folder")

    def stats(self) -> dict[str, object]:
        """Return counters and gauges."""
        return {
            **self.meter.stats(),
            "collapsed": self.flights.collapsed,
            **self.store.told(),
            "sandbox": self.sandbox.stats(),
            "origin_connections": self.client.stats(),
        }

    async def close(self) -> None:
        """Let go of everything; what goes on behind has to be finished."""
        await self.client.close()
        await self.outbound.close()
        await self.sandbox.close()
        await asyncio.to_thread(self.store.stop)
        self.store.close()  # on the loop, where it is read: a map that goes under a reader is a SIGSEGV
        self.pairs.close()


def gather(
    sizes: CacheSizes, *, artifacts: Path, data: Path, log: LogSink, ask: AskSupervisor | None
) -> Resources:
    """Make what a worker needs. Call it inside the running loop."""
    sandbox, meter, background = Sandbox(artifacts=artifacts), Meter(), Background()
    guests = Guests(
        load=sandbox.load,
        begin=sandbox.start,  # type: ignore[arg-type]  # programs are opaque to guests
        retire=sandbox.retire,  # type: ignore[arg-type]
        sink=log,
        clock=time_now,
        meter=meter,
    )
    outbound, pairs = Outbound(), WorkerPairs(data.parent, ask=ask)
    guests.offer_outgoing("fetch", outbound.fetch)
    for name, operation in pairs.operations().items():
        guests.offer(name, operation)
    store = open_store(sizes, data / "cache")
    disk = store.disk if isinstance(store, TieredStore) else None
    spool = data / "spool" if disk is None else disk.bodies.path
    spool.mkdir(parents=True, exist_ok=True)
    return Resources(
        data=data,
        sandbox=sandbox,
        meter=meter,
        guests=guests,
        store=store,
        client=OriginClient(),
        outbound=outbound,
        pairs=pairs,
        arms=Arms(),
        releases=Releases(artifacts),
        background=background,
        flights=Flights(
            background.start,
            memory_bytes=SPOOL_MEMORY_BYTES,
            directory=spool,
            file_bytes_max=SPOOL_FILE_BYTES if disk is None else disk.object_bytes_max,
        ),
        forms=FormMaker(store, background.start),
    )


def open_store(sizes: CacheSizes, folder: Path) -> MemoryStore:
    """Return the worker's store: memory before the disk that all workers share, or memory alone."""
    if not sizes.disk_bytes:
        return MemoryStore(sizes.memory_bytes)
    return open_tiers(folder, memory_bytes=sizes.memory_bytes, disk_bytes=sizes.disk_bytes, clock=time_now)


def time_now() -> float:
    """Return Unix seconds: the one place where the POP reads the wall clock."""
    return time.time()  # noqa: TID251 - everything below takes it as an argument
