"""A function as an image of linear memory, from address 0 on; put back whole before every request.

In a file of the artefact, whose pages all workers share and the kernel drops when it needs room; or, made for one
environment, in memory. How it is put back: sandbox/capi/images.h. Where the kernel does not tell what was
written, all of it is copied.
"""

from contextlib import suppress
from pathlib import Path

from sandbox.capi import WASM_PAGE_BYTES, ImageFile, Memory, RecycledStore, images_work


class Image:
    """What an instance's memory is at the beginning of a request."""

    __slots__ = ("_body", "_file", "size_bytes")

    def __init__(self, body: bytes) -> None:
        """Take whole pages of WebAssembly."""
        assert len(body) % WASM_PAGE_BYTES == 0
        self.size_bytes = len(body)
        self._body = body
        self._file: ImageFile | None = None
        if images_work:
            with suppress(OSError):  # no file in memory to be had: copied in full, then
                self._file = ImageFile(body, 0)
                self._body = b""

    @classmethod
    def of_file(cls, path: Path) -> "Image":
        """Return the image in a file that nobody changes. Raises OSError."""
        if not images_work:
            return cls(path.read_bytes())
        image = cls.__new__(cls)
        image._body, image._file = b"", ImageFile.of_file(path)  # noqa: SLF001  # of this class
        image.size_bytes = image._file.size_bytes  # noqa: SLF001
        return image

    def lacking_pages(self, memory: Memory) -> int:
        """Return how many pages of 64 KiB the memory must grow to hold it."""
        return max(0, self.size_bytes - memory.size_bytes()) // WASM_PAGE_BYTES

    def restore(self, store: RecycledStore, memory: Memory) -> None:
        """Make the whole memory what the image says, zeros above it. The memory is at least as large."""
        if self._file is not None and store.restore(memory, self._file):
            return
        memory.write(0, self.read())
        memory.zero(self.size_bytes, memory.size_bytes() - self.size_bytes)

    def read(self) -> bytes:
        """Return the bytes."""
        return self._body if self._file is None else self._file.read()
