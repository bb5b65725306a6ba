"""A function as an image of linear memory: made small against the base that all share, and put back whole.

``pack`` and ``unpack`` are pure. ``Image.restore`` writes every byte of an instance's memory: what is above the
image becomes zero, so nothing of an earlier request is left, whatever that did (docs/adr/0020).
"""

import zlib

from sandbox.capi import WASM_PAGE_BYTES, Memory
from sandbox.errors import ArtifactError

_LEVEL = 6
_GRAIN = 64


def pack(image: bytes, base: bytes) -> bytes:
    """Return what distinguishes an image from the base, compressed: 15 to 60 kB for usual functions."""
    return zlib.compress(_xor(image, base), _LEVEL)


def unpack(packed: bytes, base: bytes, *, image_bytes: int) -> bytes:
    """Return the image again. Raises ArtifactError."""
    try:
        return _xor(zlib.decompress(packed), base)[:image_bytes]
    except zlib.error as error:
        raise ArtifactError(f"a memory image is damaged: {error}", remedy="Deploy again.") from error


def _xor(one: bytes, other: bytes) -> bytes:
    """Return the exclusive or; the shorter is taken to be followed by zeros. Linear, 10 GB/s."""
    size = max(len(one), len(other))
    return (int.from_bytes(one, "little") ^ int.from_bytes(other, "little")).to_bytes(size, "little")


class Image:
    """An image ready to be written: the leading zeros (the guest's stack) are not kept."""

    __slots__ = ("body", "offset", "size_bytes")

    def __init__(self, image: bytes) -> None:
        self.size_bytes = len(image)
        self.offset = (len(image) - len(image.lstrip(b"\0"))) // _GRAIN * _GRAIN
        self.body = image[self.offset :]

    def pages(self) -> int:
        """Return how many pages of memory hold the image."""
        return -(-self.size_bytes // WASM_PAGE_BYTES)

    def restore(self, memory: Memory) -> None:
        """Make the whole memory what the image says, zeros above it. The memory is at least as large."""
        memory.zero(0, self.offset)
        memory.write(self.offset, self.body)
        memory.zero(self.size_bytes, memory.size_bytes() - self.size_bytes)
