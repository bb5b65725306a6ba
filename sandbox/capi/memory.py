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
