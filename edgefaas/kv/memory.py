"""Pairs in memory, for a trial of one function without a POP: what ``PairFile`` and ``PairStore`` are in one."""

from collections.abc import Iterable, Mapping

from edgefaas.kv.operations import WriteOrder
from edgefaas.kv.pairs import Batch, Entry, Expected, Facts, Page, check_room, unknown_key, weight
from edgefaas.site import KvNamespace


class MemoryPairs:
    """One namespace, read and written as the POP's would be. Times are Unix seconds, always ``now_s``."""

    def __init__(self, pairs: Iterable[tuple[bytes, bytes]] = (), *, now_s: float = 0.0) -> None:
        self._pairs = {key: (value, 1) for key, value in pairs}
        self._revision = 1
        self._now_s = now_s

    def get(self, key: bytes) -> bytes | None:
        """Return a value, None where there is none."""
        found = self._pairs.get(key)
        return found[0] if found else None

    def has(self, key: bytes) -> bool:
        """Say whether there is such a key."""
        return key in self._pairs

    def entry(self, key: bytes) -> Entry | None:
        """Return a pair with its value."""
        found = self._pairs.get(key)
        return Entry(key, len(found[0]), found[1], self._now_s, found[0]) if found else None

    def facts(self, namespace: str) -> Facts:
        """Return what the namespace is as a whole."""
        return Facts(
            name=namespace,
            count=len(self._pairs),
            size_bytes=self._size(),
            revision=self._revision,
            created_at_s=self._now_s,
            updated_at_s=self._now_s,
        )

    def page(self, *, prefix: bytes, after: bytes, limit: int) -> Page:
        """Return the first pairs after ``after`` whose keys begin with ``prefix``."""
        keys = sorted(key for key in self._pairs if key.startswith(prefix) and key > after)
        entries = [self.entry(key) for key in keys[:limit]]
        return Page(entries=tuple(entry for entry in entries if entry), more=len(keys) > limit)

    def write(self, namespace: KvNamespace, batch: Batch, expected: Expected) -> Facts:
        """Do all of a batch or nothing. Raises KvError."""
        keys = [*batch.deletes, *(key for key, _ in batch.puts)]
        alone = keys[0] if len(keys) == 1 else None
        found = self._pairs.get(alone) if alone is not None else None
        expected.check(alone, pair=found[1] if found else None, namespace=self._revision)
        pairs = {} if batch.everything else dict(self._pairs)
        for key in batch.deletes:
            if pairs.pop(key, None) is None and batch.must_exist:
                raise unknown_key(key)
        pairs.update({key: (value, self._revision + 1) for key, value in batch.puts})
        size = weight((key, value) for key, (value, _) in pairs.items())
        check_room(namespace, before_bytes=self._size(), after_bytes=size)
        self._pairs = pairs
        self._revision += 1
        return self.facts(namespace.name)

    def _size(self) -> int:
        return weight((key, value) for key, (value, _) in self._pairs.items())


class MemoryStore:
    """Several namespaces by name."""

    def __init__(self, namespaces: Mapping[str, MemoryPairs]) -> None:
        self._namespaces = namespaces

    def get(self, namespace: str, key: bytes) -> bytes | None:
        """Return a value, None where there is none."""
        return self._namespaces[namespace].get(key)

    def has(self, namespace: str, key: bytes) -> bool:
        """Say whether there is such a key."""
        return self._namespaces[namespace].has(key)

    def entry(self, namespace: str, key: bytes) -> Entry | None:
        """Return a pair with its value."""
        return self._namespaces[namespace].entry(key)

    def facts(self, namespace: str) -> Facts:
        """Return what a namespace is as a whole."""
        return self._namespaces[namespace].facts(namespace)

    def page(
        self, namespace: str, *, prefix: bytes = b"", after: bytes = b"", limit: int, values: bool = False
    ) -> Page:
        """Return the first pairs after ``after`` whose keys begin with ``prefix``."""
        return self._namespaces[namespace].page(prefix=prefix, after=after, limit=limit)

    async def write_for(self, order: WriteOrder) -> int:
        """Do one write of a function; return its number. Raises KvError."""
        pairs = self._namespaces[order.namespace.name]
        return pairs.write(order.namespace, order.batch, order.expected).revision
