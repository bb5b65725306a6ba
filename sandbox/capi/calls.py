"""``libcalls.so``: an invocation's calls in a row, in C. ``quick`` is None where it was not built.

Thirty crossings from Python to C become one. What it does, ``store`` does in Python where it is missing; the
same tests run both ways.
"""

import ctypes
import logging
import os
from pathlib import Path

from sandbox.capi import library as c

LIBRARY = Path(__file__).with_name("libcalls.so")
_log = logging.getLogger("edgefaas.sandbox")
EXCHANGED = 16
FAILED, NO_EXPORT, BAD_POINTER, PENDING, DONE, PENDING_IN_HANDLE, TOO_LONG = -1, -2, -3, 0, 1, 2, 3
ELSEWISE, NOT_RESTORED = 4, 5
EXPORTS_MAX = 20
_TABLE = (
    c.store_new,
    c.store_context,
    c.store_delete,
    c.store_limiter,
    c.set_epoch_deadline,
    c.epoch_yield,
    c.instance_pre_instantiate_async,
    c.instance_export_get,
    c.func_call_async,
    c.future_poll,
    c.future_delete,
    c.memory_data,
    c.memory_data_size,
    c.engine_increment_epoch,
    ctypes.pythonapi.PyBytes_FromStringAndSize,
    ctypes.pythonapi.PyLong_FromLong,
)


class _Quick:
    """The functions of ``libcalls.so``."""

    DONE = DONE

    def __init__(self, path: Path) -> None:
        library = ctypes.PyDLL(str(path))
        word, signed = ctypes.c_uint64, ctypes.c_int64
        bind = library.edgefaas_bind
        bind.restype, bind.argtypes = None, (ctypes.c_void_p,)
        addresses = (ctypes.cast(function, ctypes.c_void_p).value or 0 for function in _TABLE)
        table = (ctypes.c_uint64 * len(_TABLE))(*addresses)
        bind(ctypes.addressof(table))
        self.open = library.edgefaas_open
        self.open.restype = ctypes.c_int
        self.open.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, signed, signed, word)
        self.exchange = library.edgefaas_exchange
        self.exchange.restype = ctypes.c_int
        self.exchange.argtypes = (ctypes.c_void_p, ctypes.c_char_p, word, word)
        self.start = library.edgefaas_start
        self.start.restype = ctypes.py_object
        address = ctypes.c_void_p
        self.start.argtypes = (address, ctypes.c_char_p, word, word, ctypes.c_double, word)
        self.once = library.edgefaas_at_once
        self.once.restype = ctypes.py_object
        self.once.argtypes = (address, address, ctypes.c_char_p, word)
        self.tick_signal = library.edgefaas_tick_signal
        self.tick_signal.restype, self.tick_signal.argtypes = ctypes.c_int, ()
        self.images_init = library.edgefaas_images_init
        self.images_init.restype, self.images_init.argtypes = ctypes.c_int, ()
        self.image_open = library.edgefaas_image_open
        self.image_open.restype, self.image_open.argtypes = ctypes.c_int, (address,)
        self.image_close = library.edgefaas_image_close
        self.image_close.restype, self.image_close.argtypes = None, (address,)
        self.restore = library.edgefaas_restore
        self.restore.restype = ctypes.c_int
        self.restore.argtypes = (address, address, word)
        self.unmap = library.edgefaas_unmap
        self.unmap.restype, self.unmap.argtypes = ctypes.c_int, (address,)
        self.close = library.edgefaas_close
        self.close.restype, self.close.argtypes = None, (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)


def _quick() -> _Quick | None:
    """Return the library's functions; None where it was not built, or from an older source."""
    if not LIBRARY.is_file() or os.environ.get("EDGEFAAS_NO_NATIVE_CALLS"):
        return None
    try:
        return _Quick(LIBRARY)
    except AttributeError as error:  # a checkout that moved on since
        _log.warning("the native calls are out of date (%s): run python sandbox/capi/calls_build.py", error)
        return None


quick = _quick()


def packed_pre(address: int, exports: tuple[tuple[bytes, int], ...]) -> "ctypes.Array[ctypes.c_uint64]":
    """Return an InstancePre and the names of its exports as ``calls.c`` reads them; the names must stay alive."""
    assert len(exports) <= EXPORTS_MAX
    words = [address, len(exports)]
    for name, length in exports:
        words += (ctypes.cast(ctypes.c_char_p(name), ctypes.c_void_p).value or 0, length)
    return (ctypes.c_uint64 * len(words))(*words)


def packed_course(
    engine: int, pre: int, memory_bytes: int, table_elements: int, ticks: int, output_max: int
) -> "ctypes.Array[ctypes.c_uint64]":
    """Return what invocations with these limits have in common; what is at ``pre`` must stay alive."""
    words = (engine, pre, memory_bytes, table_elements, ticks, output_max)
    return (ctypes.c_uint64 * len(words))(*words)
