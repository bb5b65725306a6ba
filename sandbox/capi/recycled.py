"""A store whose instance is used again and again, its memory put back to an image for every invocation.

The usual invocation is one crossing into C: the memory is put back, the input written, the export called. Whatever
is unusual comes back to Python, which goes on from where it stands.
"""

import ctypes
import logging
import struct

from sandbox.capi.calls import FAILED, NOT_RESTORED, PENDING, quick
from sandbox.capi.engine import Engine
from sandbox.capi.images import ImageFile, Mirror, images_work
from sandbox.capi.linker import RUNNING
from sandbox.capi.memory import Memory
from sandbox.capi.store import FIRST_SLICE_TICKS, CallShape, Store

_TRAP, _STORE, _FUTURE, _ENTRY, _MEMORY_BYTES, _MIRROR = 0, 32, 48, 56, 368, 376
_words = struct.Struct("<QQ")
_word = struct.Struct("<Q")
_log = logging.getLogger("edgefaas.sandbox")
_START_SHAPE = CallShape("iqd", "i")


class Entry:
    """Where recycled instances have their inbox and state, and which exports are the memory and ``start``.

    ``start(length i32, seed i64, now f64) -> i32`` reads an input of ``length`` bytes from the inbox. When it returns
    1, the first two words of the state are where its output begins and how long it is.
    """

    __slots__ = ("_words", "address")

    def __init__(self, *, inbox: int, state: int, memory: int, start: int) -> None:
        self._words = (ctypes.c_uint64 * 5)(inbox, state, memory, start, FIRST_SLICE_TICKS)
        self.address = ctypes.addressof(self._words)


class RecycledStore(Store):
    """A store that lives for many invocations. ``close`` it exactly once.

    Without an ``entry`` it has no ``start``: its memory is put back by ``restore``, its exports called as any store's.
    ``memory_bytes`` is how large its memory was after the last ``start`` that gave an output.
    """

    __slots__ = ("_mirror", "memory_bytes")

    def __init__(self, engine: Engine, entry: Entry | None = None, *, memory_bytes: int) -> None:
        super().__init__(engine, memory_bytes=memory_bytes)
        self.memory_bytes = 0
        self._mirror = mirror = Mirror() if images_work else None
        if mirror is not None:
            frame = self._frame.buffer
            _words.pack_into(frame, _STORE, self._address or 0, self.context)
            if entry is not None:
                _word.pack_into(frame, _ENTRY, entry.address)
            _word.pack_into(frame, _MIRROR, mirror.address)

    def restore(self, memory: Memory, image: ImageFile) -> bool:
        """Make the whole memory what the image says, zeros around it; False: it must be copied in full."""
        mirror = self._mirror
        if mirror is None or quick is None:
            return False
        if mirror.image is not image:
            mirror.want(image)
        return bool(quick.restore(mirror.address, memory.base_address(), memory.size_bytes()) == 0)

    @property
    def copied_pages(self) -> int:
        """Return how many pages the last restore had to copy or clear."""
        return self._mirror.copied_pages if self._mirror is not None else 0

    def start(
        self, image: ImageFile, data: bytes, seed: int, now_ms: float, output_max: int
    ) -> bytes | bool | None:
        """Put the memory back, hand ``data`` over, and run ``start`` for a first slice.

        Returns the output; or whether the call is done (True: its result is no 1, or its output is not within
        ``output_max`` or its memory; False: ``poll`` goes on); or None, and nothing was called, when the memory must be
        copied in full. Raises as ``poll`` does.
        """
        mirror = self._mirror
        if mirror is None or quick is None:
            return None
        assert self._future is None
        if mirror.image is not image:
            mirror.want(image)
        frame = self._frame
        assert not RUNNING.polling
        RUNNING.host_call, RUNNING.polling = frame.host_call, True
        try:
            came: bytes | int = quick.start(frame.address, data, len(data), seed, now_ms, output_max)
        finally:
            RUNNING.polling = False
        if isinstance(came, bytes):
            self.memory_bytes = _word.unpack_from(frame.buffer, _MEMORY_BYTES)[0]
            return came
        if came == NOT_RESTORED:
            return None
        self._shape = _START_SHAPE
        self._future = _word.unpack_from(frame.buffer, _FUTURE)[0] or None
        if came == FAILED:
            self._raise(*_words.unpack_from(frame.buffer, _TRAP))
        return came != PENDING

    def close(self) -> None:
        """Take the image off the memory, which goes back to the pool, and delete the store."""
        if self._address is not None and self._mirror is not None and not self._mirror.take_off():
            # The pool would hand the image to the next tenant of that memory as if it were zeros.
            _log.error("an instance could not be given back: the kernel refuses to map memory")
            self._address = None
            return
        super().close()
