"""How the C library reports failure, and what the rest of the sandbox sees of it.

``EngineError`` is the library refusing something (a module, a link, a limit at instantiation);
``GuestTrapError`` is WebAssembly ending abnormally. Neither leaves ``sandbox``: builds translate the first,
invocations turn both into an ``Outcome``.
"""

import ctypes
import struct
from enum import IntEnum

from sandbox.capi import library as c

_vector = struct.Struct("<QQ")


class TrapCode(IntEnum):
    """Why WebAssembly trapped (``wasmtime_trap_code_enum``); HOST: one of our functions did it."""

    HOST = -1
    STACK_OVERFLOW = 0
    MEMORY_OUT_OF_BOUNDS = 1
    HEAP_MISALIGNED = 2
    TABLE_OUT_OF_BOUNDS = 3
    INDIRECT_CALL_TO_NULL = 4
    BAD_SIGNATURE = 5
    INTEGER_OVERFLOW = 6
    INTEGER_DIVISION_BY_ZERO = 7
    BAD_CONVERSION_TO_INTEGER = 8
    UNREACHABLE = 9
    INTERRUPT = 10
    OUT_OF_FUEL = 11


class EngineError(Exception):
    """The library refused; the text is the library's own."""


class GuestTrapError(Exception):
    """WebAssembly trapped; ``code`` is a TrapCode value, or another number of the library's."""

    def __init__(self, message: str, *, code: int) -> None:
        super().__init__(message)
        self.code = code


def take_bytes(vector: int) -> bytes:
    """Copy a ``wasm_byte_vec_t`` and delete it."""
    size, data = _vector.unpack(ctypes.string_at(vector, 16))
    copied = ctypes.string_at(data, size) if size else b""
    c.byte_vec_delete(vector)
    return copied


def take_error(error: int) -> str:
    """Return the text of a ``wasmtime_error_t`` and delete it."""
    vector = ctypes.create_string_buffer(16)
    c.error_message(error, ctypes.addressof(vector))
    c.error_delete(error)
    return take_bytes(ctypes.addressof(vector)).decode("utf-8", "replace")


def take_trap(trap: int) -> GuestTrapError:
    """Return a ``wasm_trap_t`` as an exception and delete it."""
    vector = ctypes.create_string_buffer(16)
    code = ctypes.c_uint8()
    has_code = c.trap_code(trap, ctypes.addressof(code))
    c.trap_message(trap, ctypes.addressof(vector))
    c.trap_delete(trap)
    text = take_bytes(ctypes.addressof(vector)).rstrip(b"\0").decode("utf-8", "replace")
    return GuestTrapError(text, code=code.value if has_code else TrapCode.HOST)


def check(error: int | None) -> None:
    """Raise EngineError when a call of the library returned an error."""
    if error:
        raise EngineError(take_error(error))
