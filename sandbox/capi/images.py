"""Memory images that the kernel puts back: see ``images.h``. Where it cannot, images are copied in full.

An image lies in a sealed file in memory, which nobody can change, and is mapped over the memory of the instances that
run it. What a guest writes is its own; what it does not write is the file.
"""

import ctypes
import fcntl
import os
from collections.abc import Callable
from pathlib import Path

from sandbox.capi.calls import quick

PAGE_BYTES = 4096  # what images.h counts in
_WORD = ctypes.c_uint64
_MIRROR_WORDS = 6
_IMAGE, _COPIED, _WANTED = 0, 4, 5  # words of a Mirror
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL

images_work = quick is not None and quick.images_init() == 0


class ImageFile:
    """One image, for all instances that run it. ``address`` is for ``images.h``; valid while this lives."""

    __slots__ = ("_words", "address", "size_bytes")

    def __init__(self, body: bytes, offset: int) -> None:
        """Keep ``body``, which belongs at ``offset`` (whole pages) of the memory. Raises OSError."""
        file = os.memfd_create("edgefaas-image", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        size_bytes = -(-len(body) // PAGE_BYTES) * PAGE_BYTES
        self._open(file, offset, size_bytes)
        left = memoryview(body)
        while left:
            left = left[os.write(file, left) :]
        os.ftruncate(file, size_bytes)
        fcntl.fcntl(file, fcntl.F_ADD_SEALS, _SEALS)
        self._map()

    @classmethod
    def of_file(cls, path: Path) -> "ImageFile":
        """Return the image in a file of whole pages that nobody changes: processes share its pages. Raises OSError."""
        image = cls.__new__(cls)
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        image._open(file, 0, os.fstat(file).st_size)  # noqa: SLF001  # of this class
        assert image.size_bytes % PAGE_BYTES == 0
        image._map()  # noqa: SLF001
        return image

    def _open(self, file: int, offset: int, size_bytes: int) -> None:
        assert offset % PAGE_BYTES == 0
        self.size_bytes = size_bytes
        self._words = (_WORD * 4)(0, offset, size_bytes, file)
        self.address = ctypes.addressof(self._words)

    def _map(self) -> None:
        assert quick is not None
        if quick.image_open(self.address):
            raise OSError("the image cannot be mapped")

    def read(self) -> bytes:
        """Return the image, filled up with zeros to whole pages."""
        return ctypes.string_at(self._words[0], self.size_bytes)

    def __del__(
        self,
        _unmap: Callable[[int], None] | None = quick.image_close if quick is not None else None,
        _close: Callable[[int], None] = os.close,
    ) -> None:
        try:
            file = self._words[3]
        except AttributeError:
            return  # no file was to be had
        if _unmap is not None:  # bound early: at the interpreter's end modules go first
            _unmap(self.address)
        _close(file)


class Mirror:
    """What is mapped over the memory of one instance. ``take_off`` before its store is deleted."""

    __slots__ = ("_words", "address", "image")

    def __init__(self) -> None:
        self._words = (_WORD * _MIRROR_WORDS)()
        self.address = ctypes.addressof(self._words)
        self.image: ImageFile | None = None

    def want(self, image: ImageFile) -> None:
        """Have this image put back from now on, and keep it alive."""
        self._words[_IMAGE] = 0  # its address may be that of one that is gone
        self._words[_WANTED] = image.address
        self.image = image

    @property
    def copied_pages(self) -> int:
        """Return how many pages the last restore copied or cleared."""
        return self._words[_COPIED]

    def take_off(self) -> bool:
        """Put plain zeroed memory in the image's place; False when the kernel refuses."""
        assert quick is not None
        self.image = None
        return bool(quick.unmap(self.address) == 0)
