"""What guests may ask of key-value namespaces: the host operations ``kv.get`` and its like.

Payloads are fields with a NUL between them, so that a guest in C needs no parser; the last may hold anything. The
first names the namespace: its name or one of its ids, or nothing for the one that the function names first. An
error begins with its code (``KeyNotFound: …``). Reads are answered at once: they take microseconds. Writes
suspend the guest until every worker sees them and the disk has them. See docs/guest-abi.md.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import orjson

from edgefaas.contract import LiveFunction
from edgefaas.errors import EdgeError, KvAccessError, KvError, KvNotFoundError
from edgefaas.kv.pairs import Batch, Entry, Expected, Facts, Page, check_batch, unknown_key, unknown_namespace
from edgefaas.site import KvNamespace
from sandbox.contract import HostCallError

log = logging.getLogger("edgefaas.kv")

LIST_DEFAULT, LIST_MAX = 100, 1_000
ABSENT = b"absent"  # in the place of an ETag: only when there is no such key


class PairReader(Protocol):
    """Where pairs are read; each answer is of one instant. Raises StateError."""

    def get(self, namespace: str, key: bytes) -> bytes | None:
        """Return a value, None where there is none."""
        ...

    def has(self, namespace: str, key: bytes) -> bool:
        """Say whether there is such a key."""
        ...

    def entry(self, namespace: str, key: bytes) -> Entry | None:
        """Return a pair with its value."""
        ...

    def facts(self, namespace: str) -> Facts | None:
        """Return what a namespace is as a whole; None: it was never made."""
        ...

    def page(
        self, namespace: str, *, prefix: bytes = b"", after: bytes = b"", limit: int, values: bool = False
    ) -> Page:
        """Return the first pairs after ``after`` whose keys begin with ``prefix``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOrder:
    """One write of a function to a namespace, which it may write to. ``value`` None: delete the key."""

    function: str
    namespace: KvNamespace
    key: bytes
    value: bytes | None
    expected: Expected

    @property
    def batch(self) -> Batch:
        """Return it as a batch."""
        if self.value is None:
            return Batch(deletes=(self.key,), must_exist=True)
        return Batch(puts=((self.key, self.value),))


WritePairs = Callable[[WriteOrder], Awaitable[int]]
"""Writes for a function; returns the pair's revision when it is on disk and in force. Raises KvError."""

Operation = Callable[[LiveFunction, bytes], bytes | Awaitable[bytes]]


def find(
    namespaces: Mapping[str, KvNamespace], function: LiveFunction, wanted: str, *, write: bool = False
) -> KvNamespace:
    """Return the namespace that a function means.

    Raises KvAccessError: the function does not name it, or the site does not let it; KvNotFoundError: the
    site has none such.
    """
    if not function.kv:
        raise KvAccessError(
            f'Function "{function.name}" names no key-value namespace',
            remedy='Add kv = "NAME" to its function.toml, or to the site.',
        )
    wanted = wanted.rpartition("/")[2]  # of an ARN, what follows the slash
    name = wanted or function.kv[0]
    if name not in function.kv:
        called = [item for item in function.kv if item in namespaces and name in namespaces[item].ids]
        if not called:
            raise KvAccessError(
                f'Function "{function.name}" does not name the key-value namespace "{name[:80]}"'
                f" but {', '.join(function.kv)}",
                remedy="Add it to kv, or give the namespace that id in the site.",
            )
        name = called[0]
    namespace = namespaces.get(name)
    if namespace is None:
        raise unknown_namespace(name)
    allowed = namespace.writers if write else namespace.readers
    if function.name not in allowed and "*" not in allowed:
        verb, key = ("write to", "writers") if write else ("read", "readers")
        raise KvAccessError(
            f'Function "{function.name}" may not {verb} the key-value namespace "{name}"',
            remedy=f"Add it to {key} of [kv.{name}] in the site.",
        )
    return namespace


class GuestPairs:
    """The host operations of one worker. ``namespaces`` may be replaced when the site changes."""

    def __init__(
        self,
        namespaces: Mapping[str, KvNamespace],
        reader: Callable[[], PairReader],
        write: WritePairs | None,
    ) -> None:
        self.namespaces = namespaces
        self._reader = reader
        self._write = write

    def operations(self) -> dict[str, Operation]:
        """Return every operation by its name."""
        return {
            "kv.get": _told(self._get),
            "kv.entry": _told(self._entry),
            "kv.exists": _told(self._exists),
            "kv.count": _told(self._count),
            "kv.meta": _told(self._meta),
            "kv.list": _told(self._list),
            "kv.put": self._put,
            "kv.delete": self._delete,
        }

    def _get(self, function: LiveFunction, payload: bytes) -> bytes:
        store, key = _fields(payload, 2)
        value = self._reader().get(self._find(function, store).name, key)
        if value is None:
            raise unknown_key(key)
        return value

    def _entry(self, function: LiveFunction, payload: bytes) -> bytes:
        store, key = _fields(payload, 2)
        entry = self._reader().entry(self._find(function, store).name, key)
        if entry is None or entry.value is None:
            raise unknown_key(key)
        return entry.etag.encode() + b"\0" + entry.value

    def _exists(self, function: LiveFunction, payload: bytes) -> bytes:
        store, key = _fields(payload, 2)
        return b"1" if self._reader().has(self._find(function, store).name, key) else b"0"

    def _count(self, function: LiveFunction, payload: bytes) -> bytes:
        return b"%d" % self._facts(function, payload).count

    def _meta(self, function: LiveFunction, payload: bytes) -> bytes:
        facts = self._facts(function, payload)
        return orjson.dumps(
            {
                "creationDateTime": _moment(facts.created_at_s),
                "lastUpdatedDateTime": _moment(facts.updated_at_s),
                "keyCount": facts.count,
            }
        )

    def _list(self, function: LiveFunction, payload: bytes) -> bytes:
        store, prefix, after, limit = _fields(payload, 4)
        if not limit:
            limit = b"%d" % LIST_DEFAULT
        if not limit.isdigit() or len(limit) > 9 or not 1 <= int(limit) <= LIST_MAX:  # noqa: PLR2004  # no long number
            raise KvError(
                f"The limit of a list is {limit[:20]!r}", remedy=f"Use a whole number from 1 to {LIST_MAX}."
            )
        name = self._find(function, store).name
        page = self._reader().page(name, prefix=prefix, after=after, limit=int(limit))
        keys = [entry.key.decode("utf-8", "replace") for entry in page.entries]
        return orjson.dumps({"keys": keys, "cursor": keys[-1] if page.more else None})

    def _put(self, function: LiveFunction, payload: bytes) -> Awaitable[bytes]:
        with _telling():
            store, key, match, value = _fields(payload, 4)
            return self._order(function, store, match, key, value)

    def _delete(self, function: LiveFunction, payload: bytes) -> Awaitable[bytes]:
        with _telling():
            store, key, match = _fields(payload, 3)
            return self._order(function, store, match, key, None)

    def _order(
        self, function: LiveFunction, store: bytes, match: bytes, key: bytes, value: bytes | None
    ) -> Awaitable[bytes]:
        if self._write is None:
            raise KvAccessError("There is no store to write to here", remedy="Run it in a POP.")
        etag = match.decode("ascii", "replace")
        order = WriteOrder(
            function=function.name,
            namespace=self._find(function, store, write=True),
            key=key,
            value=value,
            expected=Expected(absent=True) if match == ABSENT else Expected.from_fields(etag or None, None),
        )
        check_batch(order.batch, order.namespace)
        return _written(self._write(order))

    def _facts(self, function: LiveFunction, payload: bytes) -> Facts:
        name = self._find(function, payload).name
        facts = self._reader().facts(name)
        if facts is None:
            raise unknown_namespace(name)
        return facts

    def _find(self, function: LiveFunction, store: bytes, *, write: bool = False) -> KvNamespace:
        return find(self.namespaces, function, store.decode("utf-8", "replace"), write=write)


async def _written(revision: Awaitable[int]) -> bytes:
    with _telling():
        return f"k{await revision}".encode()


def _fields(payload: bytes, count: int) -> list[bytes]:
    fields = payload.split(b"\0", count - 1)
    if len(fields) != count:
        raise KvError(
            f"The payload has {len(fields)} fields where {count} belong", remedy="See docs/guest-abi.md."
        )
    return fields


def _moment(at_s: float) -> str:
    """Return a time as CloudFront writes it: ISO 8601, UTC, milliseconds."""
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _telling:  # noqa: N801  # reads as a statement
    """Translates errors into what a guest sees: the code, the message, what to do."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, EdgeError):
            raise told(error) from None


def told(error: EdgeError) -> HostCallError:
    """Return an error as guests see it; what is wrong with the POP itself is not told in detail."""
    if isinstance(error, KvNotFoundError):
        return HostCallError(f"{error.code}: {error}")
    if isinstance(error, KvError):
        return HostCallError(f"{error.code}: {error}. {error.remedy}")
    log.error("a function cannot use the key-value store: %s", error.advice)
    return HostCallError("Unavailable: the key-value store cannot be used now")


def _told(operation: Callable[[LiveFunction, bytes], bytes]) -> Operation:
    def perform(function: LiveFunction, payload: bytes) -> bytes:
        try:
            return operation(function, payload)
        except EdgeError as error:
            raise told(error) from None

    return perform
