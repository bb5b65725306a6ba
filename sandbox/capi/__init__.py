"""The only part that knows wasmtime and ctypes: a small typed interface over the C library.

compile or load → ``Module``; ``Linker.prepare`` → ``InstancePre``; ``Store``: instantiate, call, poll, close.
"""

from sandbox.capi.engine import WASM_PAGE_BYTES, Engine, EngineConfig, Module, PoolConfig, wat_to_wasm
from sandbox.capi.faults import EngineError, GuestTrapError, TrapCode
from sandbox.capi.images import PAGE_BYTES, ImageFile, images_work
from sandbox.capi.library import WASMTIME_VERSION
from sandbox.capi.linker import InstancePre, Linker, Pending, caller_memory, guest_is_running
from sandbox.capi.memory import GuestPointerError, Memory, PiecewiseCopy
from sandbox.capi.recycled import Entry, RecycledStore
from sandbox.capi.store import CallShape, Course, EventStore, Progress, Store
from sandbox.capi.ticker import Ticker
from sandbox.capi.values import GuestValueError

__all__ = [
    "PAGE_BYTES",
    "WASMTIME_VERSION",
    "WASM_PAGE_BYTES",
    "CallShape",
    "Course",
    "Engine",
    "EngineConfig",
    "EngineError",
    "Entry",
    "EventStore",
    "GuestPointerError",
    "GuestTrapError",
    "GuestValueError",
    "ImageFile",
    "InstancePre",
    "Linker",
    "Memory",
    "Module",
    "Pending",
    "PiecewiseCopy",
    "PoolConfig",
    "Progress",
    "RecycledStore",
    "Store",
    "Ticker",
    "TrapCode",
    "caller_memory",
    "guest_is_running",
    "images_work",
    "wat_to_wasm",
]
