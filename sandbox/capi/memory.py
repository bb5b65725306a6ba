"""A guest's linear memory. Every range is checked; what is copied out no longer changes under our feet."""

import ctypes

from sandbox.capi import library as c

_U32 = 0xFFFF_FFFF


class GuestPointerError(Exception):
    """The guest gave a range that is not wholly inside its memory."""

    def __init__(self, offset: int, length: int, size: int) -> None:
        super().__init__(f"bytes {offset} to {offset + length} are outside its memory of {size} bytes")


class Memory:
    """The memory of one live instance. Invalid once its store is closed.

    Offsets and lengths are taken modulo 2**32, as the guest's i32 arrive signed.
    """

    __slots__ = ("_address", "_context", "_owner")

    def __init__(self, context: int, address: int, owner: object = None) -> None:
        self._context = context
        self._address = address
        self._owner = owner  # keeps alive what ``address`` points into

    def size_bytes(self) -> int:
        """Return the current size."""
        size: int = c.memory_data_size(self._context, self._address)
        return size

    def base_address(self) -> int:
        """Return where the memory is in this process; may change when the guest runs."""
        return c.memory_data(self._context, self._address) or 0

    def read(
        self,
        offset: int,
        length: int,
        *,
        _size: "ctypes._FuncPointer" = c.memory_data_size,
        _data: "ctypes._FuncPointer" = c.memory_data,
        _string_at: "ctypes._FuncPointer" = ctypes.string_at,  # type: ignore[assignment]
    ) -> bytes:
        """Copy ``length`` bytes out. Raises GuestPointerError."""
        offset &= _U32
        length &= _U32
        context, address = self._context, self._address
        size = _size(context, address)
        if offset + length > size:
            raise GuestPointerError(offset, length, size)
        copied: bytes = _string_at(_data(context, address) + offset, length) if length else b""
        return copied

    def write(
        self,
        offset: int,
        data: bytes,
        *,
        _size: "ctypes._FuncPointer" = c.memory_data_size,
        _data: "ctypes._FuncPointer" = c.memory_data,
        _memmove: "ctypes._FuncPointer" = ctypes.memmove,
    ) -> None:
        """Copy ``data`` in. Raises GuestPointerError."""
        offset &= _U32
        context, address = self._context, self._address
        size = _size(context, address)
        if offset + len(data) > size:
            raise GuestPointerError(offset, len(data), size)
        if data:
            _memmove(_data(context, address) + offset, data, len(data))

    def check(self, offset: int, length: int) -> None:
        """Raise GuestPointerError unless the range is wholly inside."""
        if offset + length > (size := self.size_bytes()):
            raise GuestPointerError(offset, length, size)

    def zero(self, offset: int, length: int) -> None:
        """Fill a range with zeros. Raises GuestPointerError."""
        size = self.size_bytes()
        if not 0 <= offset <= offset + length <= size:
            raise GuestPointerError(offset, length, size)
        if length:
            ctypes.memset(self.base_address() + offset, 0, length)

    def grow(self, pages: int) -> bool:
        """Add pages of 64 KiB; False when a limit forbids it."""
        before = ctypes.c_uint64()
        error = c.memory_grow(self._context, self._address, pages, ctypes.addressof(before))
        if error:
            c.error_delete(error)
        return not error


class PiecewiseCopy:
    """A copy of a range that is made a piece at a time: what is copied is what is there at that time."""

    __slots__ = ("_at", "_copied", "_memory", "_offset", "_target")

    def __init__(self, memory: Memory, offset: int, length: int) -> None:
        """Begin. Raises GuestPointerError."""
        self._memory = memory
        self._offset = offset & _U32
        memory.check(self._offset, length)
        # Unwritten bytes that nobody else has seen may be written (PyBytes_FromStringAndSize): no page of a long
        # range is touched before its turn.
        self._copied: bytes = _new_bytes(None, length)
        self._target = id(self._copied) + _BYTES_HEAD
        self._at = 0

    def go_on(self, size: int) -> bytes | None:
        """Copy at most so many bytes more; return the copy once it is whole."""
        size = min(size, len(self._copied) - self._at)
        self._memory.check(self._offset + self._at, size)  # memory never shrinks; where it is may change
        source = self._memory.base_address() + self._offset + self._at
        ctypes.memmove(self._target + self._at, source, size)
        self._at += size
        return self._copied if self._at == len(self._copied) else None


_BYTES_HEAD = bytes.__basicsize__ - 1  # what stands before the octets of a bytes object
_new_bytes = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_ssize_t)(
    ("PyBytes_FromStringAndSize", ctypes.pythonapi)
)
