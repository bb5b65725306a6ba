"""Parts of a representation: which ones replace each other, and putting them together.

Pure. Source: RFC 9111, 3.3 (storing incomplete responses), 3.4 (combining partial content): only parts with
the same strong validator may be combined.
"""

from dataclasses import replace

from edgefaas.cache.conditional import strong_match
from edgefaas.cache.stored import PartialRange, StoredResponse, body_digest

_OK = 200


def replaces(newer: StoredResponse, old: StoredResponse) -> bool:
    """Return whether ``newer`` takes the place of ``old`` among the variants of a key.

    A part does not replace a whole of the same entity tag, nor a part that it does not overlap.
    """
    if old.selectors != newer.selectors:
        return False
    if newer.partial is None:
        return True
    if old.etag != newer.etag:
        return True
    if old.partial is None:
        return False
    return newer.partial.first <= old.partial.last and old.partial.first <= newer.partial.last


def combined(older: StoredResponse, newer: StoredResponse) -> StoredResponse | None:
    """Return one response with the octets of both, or None when they may not or cannot be combined.

    They must be parts of one representation with the same strong validator, in memory, and touch or
    overlap. The newer one's fields count (RFC 9111, 3.4). When all octets are there, it is a 200.
    """
    one, other = older.partial, newer.partial
    if one is None or other is None or older.selectors != newer.selectors:
        return None
    if not strong_match(older.etag, newer.etag) or one.complete_length != other.complete_length:
        return None
    if not isinstance(older.body, bytes) or not isinstance(newer.body, bytes):
        return None
    if one.first > other.last + 1 or other.first > one.last + 1:
        return None
    first, last = min(one.first, other.first), max(one.last, other.last)
    body = _joined(one, older.body, other, newer.body)
    complete = first == 0 and last + 1 == one.complete_length
    fields = newer.headers.copy()
    fields.remove("content-range", "content-length")
    if not complete:
        total = "*" if one.complete_length is None else str(one.complete_length)
        fields.add("Content-Range", f"bytes {first}-{last}/{total}")
    return replace(
        newer,
        status=_OK if complete else newer.status,
        reason="" if complete else newer.reason,
        headers=fields,
        body=body,
        partial=None if complete else PartialRange(first, last, one.complete_length),
        digest=body_digest(body),
        head=b"",
        composed_200=None,
        composed_304=None,
        file=None,
    )


def _joined(one: PartialRange, one_body: bytes, other: PartialRange, other_body: bytes) -> bytes:
    """Return the octets of both; where they overlap, the newer ones (``other``)."""
    before = one_body[: max(0, other.first - one.first)]
    after = one_body[max(0, other.last + 1 - one.first) :] if one.last > other.last else b""
    return before + other_body + after


def combined_with_all(variants: tuple[StoredResponse, ...], newer: StoredResponse) -> StoredResponse:
    """Return ``newer`` with every stored part that can be combined with it, smallest offset first."""
    if newer.partial is None:
        return newer
    result = newer
    parts = [old for old in variants if old.partial is not None]
    progress = True
    while progress and result.partial is not None:
        progress = False
        for old in parts:
            joined = combined(old, result)
            if joined is not None:
                parts.remove(old)
                result, progress = joined, True
                break
    return result
