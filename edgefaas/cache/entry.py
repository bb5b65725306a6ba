"""Stored responses as octets, and back: what the shared tier keeps under one primary key.

Pure. A row is a digest and a msgpack list of variants; what does not decode, or does not have the digest it
says, is nothing. Large bodies are named, not included.
"""

import struct
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import msgpack

from edgefaas.cache.stored import DIGEST_BYTES, BodyFile, PartialRange, StoredResponse
from edgefaas.message import Headers

FORMAT = 2  # of the rows; another one's rows are misses
_VERSION = struct.Struct(">B")


def encode_row(variants: list[StoredResponse]) -> bytes:
    """Return a row with these variants, oldest first."""
    packed: bytes = msgpack.packb([_pack(stored) for stored in variants], use_bin_type=True)
    content = _VERSION.pack(FORMAT) + packed
    digest = blake2b(content, digest_size=DIGEST_BYTES).digest()
    return digest + content


def decode_row(row: bytes, folder: Path | None) -> list[StoredResponse]:
    """Return the variants of a row; none when it is damaged. ``folder`` holds the body files."""
    content = memoryview(row)[DIGEST_BYTES:]
    if len(content) < _VERSION.size or content[0] != FORMAT:
        return []
    if blake2b(content, digest_size=DIGEST_BYTES).digest() != row[:DIGEST_BYTES]:
        return []
    try:
        return [_unpack(fields, folder) for fields in msgpack.unpackb(content[1:], raw=False, use_list=False)]
    except (ValueError, TypeError, msgpack.UnpackException):
        return []


class Facts(NamedTuple):
    """What a purge looks at, of one variant in a row, and the purge that was the latest when its fetch began."""

    uri: str
    host: str
    tags: tuple[str, ...]
    token: int


_FACTS = len(Facts._fields)


def facts_of(row: bytes) -> list[Facts]:
    """Return what purges look at in a row; none when it does not decode. For counting: no digest is checked."""
    if len(row) <= DIGEST_BYTES or row[DIGEST_BYTES] != FORMAT:
        return []
    try:
        variants = msgpack.unpackb(memoryview(row)[DIGEST_BYTES + _VERSION.size :], raw=False, use_list=False)
        return [Facts(*fields[:_FACTS]) for fields in variants]
    except (ValueError, TypeError, msgpack.UnpackException):
        return []


def _pack(stored: StoredResponse) -> tuple[Any, ...]:
    body = stored.body
    partial = stored.partial
    return (  # first the facts
        stored.uri,
        stored.host,
        stored.tags,
        stored.purge_token,
        stored.key,
        stored.status,
        stored.reason,
        list(stored.headers),
        stored.head,
        body if isinstance(body, bytes) else None,
        None if isinstance(body, bytes) else (body.path.name, body.length_bytes, body.digests),
        stored.digest,
        stored.request_time_s,
        stored.response_time_s,
        stored.birth_s,
        stored.lifetime_s,
        stored.stale_while_revalidate_s,
        stored.stale_if_error_s,
        stored.no_cache,
        stored.stale_prohibited,
        stored.heuristic,
        stored.soft_purged,
        stored.selectors,
        stored.etag,
        stored.last_modified_s,
        stored.date_s,
        None if partial is None else (partial.first, partial.last, partial.complete_length),
        stored.compressible,
    )


def _unpack(fields: tuple[Any, ...], folder: Path | None) -> StoredResponse:
    (
        uri,
        host,
        tags,
        purge_token,
        key,
        status,
        reason,
        lines,
        head,
        body,
        file,
        digest,
        request_time_s,
        response_time_s,
        birth_s,
        lifetime_s,
        stale_while_revalidate_s,
        stale_if_error_s,
        no_cache,
        stale_prohibited,
        heuristic,
        soft_purged,
        selectors,
        etag,
        last_modified_s,
        date_s,
        partial,
        compressible,
    ) = fields
    if body is None:
        if folder is None:
            raise ValueError("a body file without a folder")
        name, length, digests = file
        body = BodyFile(folder / name, length, digests)
    return StoredResponse(
        key=key,
        uri=uri,
        host=host,
        status=status,
        reason=reason,
        headers=Headers(lines),
        body=body,
        request_time_s=request_time_s,
        response_time_s=response_time_s,
        birth_s=birth_s,
        lifetime_s=lifetime_s,
        stale_while_revalidate_s=stale_while_revalidate_s,
        stale_if_error_s=stale_if_error_s,
        no_cache=no_cache,
        stale_prohibited=stale_prohibited,
        heuristic=heuristic,
        soft_purged=soft_purged,
        selectors=selectors,
        tags=tags,
        etag=etag,
        last_modified_s=last_modified_s,
        date_s=date_s,
        partial=None if partial is None else PartialRange(*partial),
        digest=digest,
        purge_token=purge_token,
        compressible=compressible,
        head=head,
    )
