"""The POP's key-value namespaces, as the admin API and functions write and read them.

Who may write is checked here again although workers have checked it: a worker runs strangers' code.
"""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from edgefaas.contract import LiveFunction
from edgefaas.control.kv_export import Export
from edgefaas.control.thread import DiskThread
from edgefaas.errors import ConfigError, KvError, KvThrottledError, UnknownFunctionError
from edgefaas.kv.operations import find
from edgefaas.kv.pairfile import KV_FILE, PairFile
from edgefaas.kv.pairs import (
    ANYTHING,
    Batch,
    Entry,
    Expected,
    Facts,
    Page,
    check_batch,
    unknown_key,
    unknown_namespace,
)
from edgefaas.kv.rate import TokenBucket
from edgefaas.kv.seeds import read_seed
from edgefaas.kv.store import PairStore
from edgefaas.site import KvNamespace

EXPORTS_MAX = 4
BUCKETS_MAX = 10_000


class KvKeeper:
    """One in the supervisor. ``live`` gives the functions that are live, by name."""

    def __init__(
        self,
        folder: Path,
        *,
        live: Callable[[], Mapping[str, LiveFunction]],
        clock: Callable[[], float],
    ) -> None:
        self._path = folder / KV_FILE
        self._store = PairStore(self._path)
        self._file = PairFile(self._path)
        self._disk = DiskThread()
        self._live = live
        self._clock = clock
        self._namespaces: Mapping[str, KvNamespace] = {}
        self._buckets: dict[tuple[str, str], TokenBucket] = {}
        self._exports: set[Export] = set()

    async def configure(self, namespaces: Mapping[str, KvNamespace]) -> None:
        """Make what the site says, each with its ``import`` in it; what was there stays.

        Raises ConfigError: a file cannot be imported, and nothing is changed by it.
        """
        known = {facts.name for facts in await self._disk.run(self._file.all_facts)}
        seeds = {
            name: await self._disk.run(read_seed, namespace)
            for name, namespace in namespaces.items()
            if name not in known
        }
        for name, seed in seeds.items():
            try:
                making = self._store.make(namespaces[name], seed, now_s=self._clock())
                await asyncio.wrap_future(making)
            except KvError as error:
                raise ConfigError(f"[kv.{name}]: {error}", remedy=error.remedy) from None
        self._namespaces = namespaces

    @property
    def namespaces(self) -> Mapping[str, KvNamespace]:
        """Return what the site says, by name."""
        return self._namespaces

    # Reading

    async def all_facts(self) -> list[Facts]:
        """Return every namespace that is there, of the site or left over."""
        return await self._disk.run(self._file.all_facts)

    async def facts(self, name: str) -> Facts:
        """Return one namespace. Raises KvNotFoundError."""
        facts = await self._disk.run(self._file.facts, name)
        if facts is None:
            raise unknown_namespace(name)
        return facts

    async def entry(self, name: str, key: bytes) -> Entry:
        """Return one pair with its value. Raises KvNotFoundError."""
        await self.facts(name)
        entry = await self._disk.run(self._file.entry, name, key)
        if entry is None:
            raise unknown_key(key)
        return entry

    async def page(self, name: str, **wanted: Any) -> Page:
        """Return some pairs; see ``PairFile.page``. Raises KvNotFoundError."""
        await self.facts(name)
        return await self._disk.run(self._file.page, name, **wanted)

    async def export(self, name: str, *, prefix: bytes = b"") -> Export:
        """Return a reader of the pairs, for the caller to close. Raises KvError."""
        await self.facts(name)
        if len(self._exports) >= EXPORTS_MAX:
            raise KvThrottledError(f"{EXPORTS_MAX} exports are under way", remedy="Wait for one of them.")
        export = Export(self._path, name, prefix, ended=lambda: self._exports.discard(export))
        self._exports.add(export)
        return export

    # Writing

    async def write(self, name: str, batch: Batch, expected: Expected = ANYTHING) -> Facts:
        """Do all of a batch or nothing; on disk and in force everywhere on return. Raises KvError, StateError."""
        namespace = self._namespaces.get(name)
        if namespace is None:
            # What the site no longer names may be cleared away, and nothing more.
            await self.facts(name)
            if batch.puts:
                raise KvError(
                    f'The site has no key-value namespace "{name[:80]}" any more',
                    remedy=f"Add [kv.{name}] to edgefaas.toml, and run edgefaas reload.",
                )
            namespace = KvNamespace(name=name)
        check_batch(batch, namespace)
        return await asyncio.wrap_future(self._store.write(namespace, batch, expected, now_s=self._clock()))

    async def write_for(self, plain: Mapping[str, Any], *, mono_s: float) -> dict[str, Any]:
        """Do one write that a worker asks for; ``mono_s`` is on a clock that only goes forward. Raises KvError."""
        function, namespace, batch, expected = _read_order(plain)
        live = self._live().get(function)
        if live is None:
            raise UnknownFunctionError(f"No function {function!r} is live", remedy="Deploy it.")
        found = find(self._namespaces, live, namespace, write=True)
        self._count(function, found, mono_s)
        facts = await self.write(found.name, batch, expected)
        return {"revision": facts.revision}

    def _count(self, function: str, namespace: KvNamespace, mono_s: float) -> None:
        key = (function, namespace.name)
        bucket = self._buckets.get(key)
        if bucket is None or bucket.rate_per_s != namespace.writes_per_s:
            if len(self._buckets) >= BUCKETS_MAX:
                self._buckets.clear()
            bucket = self._buckets[key] = TokenBucket(namespace.writes_per_s, now_s=mono_s)
        if not bucket.take(now_s=mono_s):
            raise KvThrottledError(
                f'Function "{function}" writes to "{namespace.name}" more than'
                f" {namespace.writes_per_s:g} times a second",
                remedy=f"Write less often, or raise writes_per_second of [kv.{namespace.name}].",
            )

    async def drop(self, name: str) -> int:
        """Forget a namespace with its pairs; return how many. One of the site stays, empty. Raises KvNotFoundError."""
        if name not in self._namespaces:
            return await asyncio.wrap_future(self._store.drop(name))
        before = await self.facts(name)
        await self.write(name, Batch(everything=True))
        return before.count

    def close(self) -> None:
        """Write what waits, and let go of the files."""
        for export in list(self._exports):
            export.close()
        self._disk.close()
        self._store.close()
        self._file.close()


def _read_order(plain: Mapping[str, Any]) -> tuple[str, str, Batch, Expected]:
    """Return what a worker asks for. Raises KvError: it broke the form."""
    function, namespace = plain.get("function"), plain.get("namespace")
    key, value, etags = plain.get("key"), plain.get("value"), plain.get("etags")
    if (
        not isinstance(function, str)
        or not isinstance(namespace, str)
        or not isinstance(key, bytes)
        or not (value is None or isinstance(value, bytes))
        or not isinstance(etags, list)
        or not all(isinstance(etag, str) for etag in etags)
    ):
        raise KvError("A worker's write is malformed", remedy="Start the POP again after an upgrade.")
    batch = Batch(deletes=(key,), must_exist=True) if value is None else Batch(puts=((key, value),))
    return function, namespace, batch, Expected(etags=tuple(etags), absent=bool(plain.get("absent")))
