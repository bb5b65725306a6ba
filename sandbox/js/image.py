"""A function as an image of linear memory: made small against the base that all share, and put back whole.

``pack`` and ``unpack`` are pure. ``Image.restore`` writes every byte of an instance's memory: what is above the
image becomes zero, so nothing of an earlier request is left, whatever that did (docs/adr/0020). Where the kernel helps,
``share`` has it tell which pages need that (docs/adr/0111).
"""

import zlib
from contextlib import suppress

from sandbox.capi import PAGE_BYTES, WASM_PAGE_BYTES, ImageFile, Memory, images_work
from sandbox.errors import ArtifactError

_LEVEL = 6


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
    """An image ready to be written: the leading zeros (the guest's stack) are not kept.

    ``file`` is there once it is shared by mapping; see ``sandbox.capi.images``.
    """

    __slots__ = ("_body", "file", "offset", "size_bytes")

    def __init__(self, image: bytes) -> None:
        self.size_bytes = len(image)
        self.offset = (len(image) - len(image.lstrip(b"\0"))) // PAGE_BYTES * PAGE_BYTES
        self._body = image[self.offset :]
        self.file: ImageFile | None = None

    def share(self) -> "Image":
        """Have the kernel put it back, where it can; return the image itself."""
        if images_work and self._body:
            with suppress(OSError):  # no file in memory to be had: copied in full, then
                self.file = ImageFile(self._body, self.offset)
                self._body = b""
        return self

    @property
    def body(self) -> bytes:
        """Return what is at ``offset`` and above."""
        return self.file.read()[: self.size_bytes - self.offset] if self.file is not None else self._body

    def pages(self) -> int:
        """Return how many pages of memory hold the image."""
        return -(-self.size_bytes // WASM_PAGE_BYTES)

    def restore(self, memory: Memory) -> None:
        """Write the whole memory: the image, zeros above it. The memory is at least as large."""
        memory.zero(0, self.offset)
        memory.write(self.offset, self.body)
        memory.zero(self.size_bytes, memory.size_bytes() - self.size_bytes)
