"""What a pair, a write and its conditions are, and which of them are refused. Pure.

An ETag names a state for good: ``k17`` a pair as write 17 left it, ``n42`` a whole namespace as write 42 left it
(CloudFront's KeyValueStore API locks whole stores). Writes are numbered over all namespaces, so no ETag returns.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edgefaas.errors import KvConflictError, KvError, KvKeyNotFoundError, KvNotFoundError, KvQuotaError
from edgefaas.site import KvNamespace

ANY_ETAG = "*"
BATCH_MAX = 200_000  # pairs of one write
_ETAG = re.compile(r"[kn]\d{1,18}\Z")


@dataclass(frozen=True, slots=True)
class Entry:
    """A pair and the number of the write that it is of. ``size_bytes`` is the value's."""

    key: bytes
    size_bytes: int
    revision: int
    changed_at_s: float
    value: bytes | None = None  # None: not asked for

    @property
    def etag(self) -> str:
        """Return what names this state of the pair."""
        return f"k{self.revision}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A namespace as a whole. ``size_bytes`` counts keys and values; times are Unix seconds."""

    name: str
    count: int
    size_bytes: int
    revision: int
    created_at_s: float
    updated_at_s: float

    @property
    def etag(self) -> str:
        """Return what names this state of the namespace."""
        return f"n{self.revision}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some pairs in the order of their keys' octets; ``more`` says that others follow the last."""

    entries: tuple[Entry, ...]
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Pairs to delete, then pairs to put: all of them or none.

    ``everything`` deletes what is there first. ``must_exist`` refuses to delete a key that is not there.
    """

    puts: Sequence[tuple[bytes, bytes]] = ()
    deletes: Sequence[bytes] = ()
    everything: bool = False
    must_exist: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What must be true for a write to happen: one of ``etags`` is the state (``*``: any), or there is none.

    Empty: whatever is.
    """

    etags: tuple[str, ...] = ()
    absent: bool = False

    @classmethod
    def from_fields(cls, if_match: str | None, if_none_match: str | None) -> "Expected":
        """Return what the fields If-Match and If-None-Match ask (RFC 9110, 13.1). Raises KvError."""
        if if_none_match is not None and (if_none_match.strip() != ANY_ETAG or if_match is not None):
            raise KvError(
                f"If-None-Match is {if_none_match[:80]!r}", remedy="Send If-None-Match: *, or If-Match."
            )
        if if_match is None:
            return cls(absent=if_none_match is not None)
        etags = tuple(part.strip().strip('"') for part in if_match.split(","))
        for etag in etags:
            if etag != ANY_ETAG and not _ETAG.match(etag):
                raise KvError(f"{etag[:80]!r} is not an ETag of ours", remedy="Send one that a read gave.")
        return cls(etags=etags)

    def check(self, key: bytes | None, *, pair: int | None, namespace: int) -> None:
        """Refuse a write to ``key`` (None: to the namespace as a whole) unless all is as expected.

        ``pair`` and ``namespace`` are the revisions that are there; None: the pair is not.

        Raises KvConflictError.
        """
        named = "The namespace" if key is None else f'Key "{shown(key)}"'
        if self.absent and pair is not None:
            raise KvConflictError(f"{named} exists already", remedy="Read it, then decide again.")
        if not self.etags:
            return
        states = {f"n{namespace}"} if pair is None else {f"n{namespace}", f"k{pair}", ANY_ETAG}
        if not states & set(self.etags):
            found = "does not exist" if pair is None and key is not None else "was written since"
            raise KvConflictError(
                f"{named} {found}; expected was {', '.join(self.etags)}", remedy="Read it, then decide again."
            )


ANYTHING = Expected()


def shown(key: bytes) -> str:
    """Return a key for people; long ones are cut."""
    text = key.decode("utf-8", "replace")
    return text if len(text) <= 80 else f"{text[:80]}…"  # noqa: PLR2004  # a line's worth


def check_key(key: bytes, namespace: KvNamespace) -> None:
    """Refuse what cannot be a key: empty, over the limit, not UTF-8, or with NUL. Raises KvError."""
    if not key:
        raise KvError("A key is empty", remedy="Name one.")
    if len(key) > namespace.key_bytes_max:
        raise KvQuotaError(
            f'Key "{shown(key)}" has {len(key)} bytes; a key has at most {namespace.key_bytes_max}',
            remedy="Choose a shorter one.",
        )
    try:
        key.decode("utf-8")
    except UnicodeDecodeError:
        raise KvError(f'Key "{shown(key)}" is not UTF-8', remedy="Encode keys as UTF-8.") from None
    if b"\0" in key:
        raise KvError(f'Key "{shown(key)}" holds a NUL', remedy="Leave it out.")


def check_value(key: bytes, value: bytes, namespace: KvNamespace) -> None:
    """Refuse a value over the limit. Raises KvQuotaError."""
    if len(value) > namespace.value_bytes_max:
        raise KvQuotaError(
            f'The value of "{shown(key)}" has {len(value)} bytes;'
            f' a value of "{namespace.name}" has at most {namespace.value_bytes_max}',
            remedy=f"Raise max_value_kb of [kv.{namespace.name}], or split it.",
        )


def check_batch(batch: Batch, namespace: KvNamespace) -> None:
    """Refuse a batch in which anything is refused. Raises KvError."""
    if len(batch.puts) + len(batch.deletes) > BATCH_MAX:
        raise KvQuotaError(
            f"One write has {len(batch.puts) + len(batch.deletes)} pairs; at most {BATCH_MAX} are allowed",
            remedy="Write them in parts.",
        )
    for key in batch.deletes:
        check_key(key, namespace)
    for key, value in batch.puts:
        check_key(key, namespace)
        check_value(key, value, namespace)


def check_room(namespace: KvNamespace, *, before_bytes: int, after_bytes: int) -> None:
    """Refuse a write that makes a namespace larger than it may be. Raises KvQuotaError.

    One that is over its limit already, since that was lowered, may shrink.
    """
    if after_bytes > namespace.bytes_max and after_bytes > before_bytes:
        raise KvQuotaError(
            f'Namespace "{namespace.name}" would have {after_bytes} bytes; it has at most {namespace.bytes_max}',
            remedy=f"Raise max_mb of [kv.{namespace.name}], or delete something.",
        )


def weight(pairs: Iterable[tuple[bytes, bytes]]) -> int:
    """Return what pairs count: the octets of keys and values."""
    return sum(len(key) + len(value) for key, value in pairs)


def after_prefix(prefix: bytes) -> bytes:
    """Return the first octets that come after everything that begins with ``prefix``, for UTF-8 keys."""
    kept = prefix.rstrip(b"\xff")  # no UTF-8 holds that octet, but a guest may ask for it
    return kept[:-1] + bytes([kept[-1] + 1]) if kept else b"\xff"


def unknown_namespace(name: str) -> KvNotFoundError:
    """Return the error that says that no namespace has this name."""
    return KvNotFoundError(
        f'There is no key-value namespace "{name[:80]}"',
        remedy="List them with edgefaas kv ls; add [kv.NAME] to the site for another.",
    )


def unknown_key(key: bytes) -> KvKeyNotFoundError:
    """Return the error that says that there is no such key."""
    return KvKeyNotFoundError(
        f'the key "{shown(key)}" was not found', remedy="List keys with edgefaas kv list."
    )
