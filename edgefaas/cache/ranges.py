"""Byte ranges: what a viewer asks for, and which octets that is.

Pure. Source: RFC 9110, 14 (Range, Content-Range, multipart/byteranges; 14.2 and 17.15 on hostile range sets).
"""

import re
from dataclasses import dataclass
from hashlib import blake2b

from edgefaas.cache.stored import PartialRange

RANGES_MAX = 32  # more than a viewer needs; a longer list is ignored, as 14.2 allows
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)", re.IGNORECASE | re.ASCII)
_RANGE = re.compile(r"bytes=(.*)", re.IGNORECASE | re.ASCII)
_SPEC = re.compile(r"(?:([0-9]{1,18})-([0-9]{1,18})?|-([0-9]{1,18}))", re.ASCII)


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Octets ``first`` to ``last``, inclusive."""

    first: int
    last: int

    @property
    def length(self) -> int:
        """Return the number of octets, at least 1."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Unsatisfiable:
    """No octet of the range set exists: 416."""


def parse_content_range(text: str) -> PartialRange | None:
    """Return what a Content-Range says, or None when it is not a valid one of bytes."""
    match = _CONTENT_RANGE.fullmatch(text)
    if match is None:
        return None
    first, last = int(match[1]), int(match[2])
    complete = None if match[3] == "*" else int(match[3])
    if first > last or (complete is not None and last >= complete):
        return None
    return PartialRange(first, last, complete)


def parse_range(text: str, length: int) -> list[ByteRange] | Unsatisfiable | None:
    """Return the satisfiable ranges of a Range field against ``length`` octets.

    In the order asked for; ranges that overlap or touch are coalesced into the earlier one (15.3.7.2). None
    means that the field is to be ignored: another unit, not well-formed, or too many ranges.
    """
    match = _RANGE.fullmatch(text.strip(" \t"))
    if match is None:
        return None
    specs = [spec.strip(" \t") for spec in match[1].split(",")]
    specs = [spec for spec in specs if spec]
    if not specs or len(specs) > RANGES_MAX:
        return None
    found: list[ByteRange] = []
    for spec in specs:
        parsed = _SPEC.fullmatch(spec)
        if parsed is None:
            return None
        if parsed[3] is not None:
            suffix = min(int(parsed[3]), length)
            first, last = length - suffix, length - 1
        else:
            first = int(parsed[1])
            if parsed[2] is not None and int(parsed[2]) < first:
                return None
            last = length - 1 if parsed[2] is None else min(int(parsed[2]), length - 1)
        if first <= last:
            found.append(ByteRange(first, last))
    return _coalesced(found) if found else Unsatisfiable()


def _coalesced(ranges: list[ByteRange]) -> list[ByteRange]:
    """Merge what overlaps or touches; each octet is sent once, so an answer never exceeds the whole."""
    merged: list[ByteRange] = []
    for new in ranges:
        current = new
        position: int | None = None
        kept: list[ByteRange] = []
        for old in merged:
            if old.first <= current.last + 1 and current.first <= old.last + 1:
                current = ByteRange(min(old.first, current.first), max(old.last, current.last))
                if position is None:
                    position = len(kept)
            else:
                kept.append(old)
        kept.insert(len(kept) if position is None else position, current)
        merged = kept
    return merged


def boundary(digest: bytes, ranges: list[ByteRange]) -> str:
    """Return a multipart boundary that the body cannot contain: a hash over the body's own digest."""
    text = ",".join(f"{piece.first}-{piece.last}" for piece in ranges)
    return blake2b(digest + text.encode(), digest_size=15, person=b"byteranges").hexdigest()
