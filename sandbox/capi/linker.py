"""Host functions: Python callables that guests may call.

A callable's parameters and result are written as in ``struct``: ``i`` i32, ``q`` i64, ``f`` f32, ``d`` f64.
An exception never crosses the boundary: it is kept, the guest is trapped, and ``Store.poll`` raises it
again on the host's side of the call.
"""

import ctypes
import struct
from collections.abc import Callable
from typing import Any, Protocol

from sandbox.capi import library as c
from sandbox.capi.calls import packed_pre
from sandbox.capi.engine import Engine, Module
from sandbox.capi.faults import check
from sandbox.capi.memory import Memory

Number = int | float
Signature = tuple[str, str]
KINDS = {"i": 0, "q": 1, "f": 2, "d": 3}  # wasm_valkind_t and wasmtime_valkind_t agree on these
_RAW = {"i": "i12x", "q": "q8x", "f": "f12x", "d": "d8x"}  # wasmtime_val_raw_t, 16 bytes
TAGGED = {"i": "B7xi20x", "q": "B7xq16x", "f": "B7xf20x", "d": "B7xd16x"}  # wasmtime_val_t, 32 bytes
_UNTAGGED = {kind: layout.replace("B7x", "8x") for kind, layout in TAGGED.items()}
_CONTINUATION_BYTES = 24
_VAL_BYTES = 32
_EXTERN_MEMORY = 3  # WASMTIME_EXTERN_MEMORY


class Pending(Protocol):
    """What an async host function returns when it is not done: asked again at every poll of the guest."""

    def result(self) -> Any:
        """Return the guest's result, or None while it is not there (0 where the function has none)."""
        ...


def _write_trap(address: int) -> None:
    ctypes.memmove(address, struct.pack("<Q", c.trap_new(b"host", 4)), 8)


class HostCall:
    """The host call in which a guest is, or was last; one for each store."""

    __slots__ = ("fail", "fault", "pending", "results_address", "trap_address", "write")

    def __init__(self) -> None:
        self.fault: BaseException | None = None
        self.pending: Pending | None = None
        self.write: Callable[[int, Any], None] | None = None
        self.fail: Callable[[int], None] = _write_trap
        self.results_address = 0
        self.trap_address = 0

    def take_fault(self) -> BaseException:
        """Return the exception that a host function raised, and forget it."""
        assert self.fault is not None
        try:
            return self.fault
        finally:
            self.fault = None

    def resume(self) -> bool:
        """Ask what is pending; write its result and say True when it is there."""
        assert self.pending is not None
        try:
            value = self.pending.result()
            if value is None:
                return False
            if self.write is not None:
                self.write(self.results_address, value)
        except BaseException as fault:  # may not cross the C frames; Store.poll raises it
            self.fault = fault
            self.fail(self.trap_address)
        self.pending = None
        return True


class _Running:
    """Whose guest is being polled. Guests run inside a poll only, on one thread, one at a time."""

    __slots__ = ("caller", "host_call", "polling")

    def __init__(self) -> None:
        self.host_call = HostCall()
        self.caller = 0
        self.polling = False


RUNNING = _Running()


def guest_is_running() -> bool:
    """Whether this is called from inside a guest: then no other may be run, and no store deleted."""
    return RUNNING.polling


def caller_memory() -> Memory | None:
    """Return the memory that the calling guest exports, inside a host function; None when there is none.

    Slower than ``Store.memory``, but works while the instance is still being made.
    """
    found = ctypes.create_string_buffer(_VAL_BYTES)
    address = ctypes.addressof(found)
    if not c.caller_export_get(RUNNING.caller, b"memory", 6, address) or found.raw[0] != _EXTERN_MEMORY:
        return None
    return Memory(c.caller_context(RUNNING.caller), address + 8, found)


class Linker:
    """The host functions that modules may import. Made once; lives as long as its process."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.address: int = c.linker_new(engine.address)
        self._kept_alive: list[object] = []

    def define(self, path: tuple[str, str], signature: Signature, call: Callable[..., Number | None]) -> None:
        """Offer ``call`` as ``path`` (module, name); ``signature`` is (parameters, result)."""
        self._define(c.linker_define_func, path, signature, c.SyncCallback(_sync_trampoline(signature, call)))

    def define_async(
        self, path: tuple[str, str], signature: Signature, call: Callable[..., Number | Pending | None]
    ) -> None:
        """Offer ``call``, which may return a Pending: the guest is suspended until that has a result."""
        callback = c.AsyncCallback(_async_trampoline(signature, call))
        self._define(c.linker_define_async_func, path, signature, callback)

    def prepare(self, module: Module, exports: tuple[str, ...]) -> "InstancePre":
        """Resolve the module's imports, once. Raises EngineError naming the first that is not offered.

        ``exports`` are looked up in each new instance; ``Store`` knows them by their index here.
        """
        slot = ctypes.c_void_p()
        check(c.linker_instantiate_pre(self.address, module.address, ctypes.addressof(slot)))
        assert slot.value
        return InstancePre(slot.value, exports, (self, module))

    def _define(
        self, define: Callable[..., int], path: tuple[str, str], signature: Signature, callback: object
    ) -> None:
        self._kept_alive.append(callback)
        kind = _functype(signature)
        module, name = (part.encode() for part in path)
        check(define(self.address, module, len(module), name, len(name), kind, callback, None, None))
        c.functype_delete(kind)


class InstancePre:
    """A module whose imports are resolved: its instances are made without looking anything up."""

    __slots__ = ("_owners", "_words", "address", "exports", "packed")

    def __init__(self, address: int, exports: tuple[str, ...], owners: tuple[Linker, Module]) -> None:
        self.address = address
        self.exports = tuple((name.encode(), len(name.encode())) for name in exports)
        self._owners = owners
        self._words = packed_pre(address, self.exports)
        self.packed = ctypes.addressof(self._words)

    def __del__(self, _delete: Callable[[int], None] = c.instance_pre_delete) -> None:
        _delete(self.address)  # bound early: at the interpreter's end modules go first


def _functype(signature: Signature) -> int:
    vectors = (ctypes.create_string_buffer(16), ctypes.create_string_buffer(16))
    for vector, kinds in zip(vectors, signature, strict=True):
        types = (ctypes.c_void_p * max(1, len(kinds)))(*(c.valtype_new(KINDS[kind]) for kind in kinds))
        c.valtype_vec_new(ctypes.addressof(vector), len(kinds), ctypes.addressof(types))
    made: int = c.functype_new(ctypes.addressof(vectors[0]), ctypes.addressof(vectors[1]))
    return made


def _sync_trampoline(
    signature: Signature, call: Callable[..., Number | None]
) -> Callable[[int, int, int, int], int | None]:
    parameters, result = signature
    layout = struct.Struct("<" + "".join(_RAW[kind] for kind in parameters))
    unpack, size = layout.unpack, layout.size
    packer = struct.Struct("<" + result) if result else None
    string_at, memmove, running = ctypes.string_at, ctypes.memmove, RUNNING

    def trampoline(_env: int, caller: int, values: int, _count: int) -> int | None:
        running.caller = caller
        try:
            value = call(*unpack(string_at(values, size))) if size else call()
            if packer is not None:
                memmove(values, packer.pack(value), packer.size)
        except BaseException as fault:  # may not cross the C frames; Store.poll raises it
            running.host_call.fault = fault
            trap: int = c.trap_new(b"host", 4)
            return trap
        return None

    return trampoline


def _async_trampoline(
    signature: Signature, call: Callable[..., Number | Pending | None]
) -> Callable[..., None]:
    parameters, result = signature
    layout = struct.Struct("<" + "".join(_UNTAGGED[kind] for kind in parameters))
    unpack, size = layout.unpack, layout.size
    string_at, memmove, running = ctypes.string_at, ctypes.memmove, RUNNING
    write = _result_writer(result)

    def trampoline(
        _env: int,
        caller: int,
        args: int,
        _nargs: int,
        results: int,
        _nresults: int,
        trap: int,
        continuation: int,
    ) -> None:
        memmove(continuation, AT_ONCE_WORDS, _CONTINUATION_BYTES)
        running.caller = caller
        try:
            value = call(*unpack(string_at(args, size))) if size else call()
            if value is None or isinstance(value, int | float):
                if write is not None and value is not None:
                    write(results, value)
                return
            waiting = running.host_call
            waiting.pending, waiting.write, waiting.fail = value, write, _write_trap
            waiting.results_address, waiting.trap_address = results, trap
            memmove(continuation, LATER_WORDS, _CONTINUATION_BYTES)
        except BaseException as fault:  # may not cross the C frames; Store.poll raises it
            running.host_call.fault = fault
            _write_trap(trap)

    return trampoline


def _result_writer(result: str) -> Callable[[int, Number], None] | None:
    """Return a function that writes a ``wasmtime_val_t`` at an address."""
    if not result:
        return None
    pack, kind, memmove = struct.Struct("<" + TAGGED[result]).pack, KINDS[result], ctypes.memmove

    def write(address: int, value: Number) -> None:
        memmove(address, pack(kind, value), _VAL_BYTES)

    return write


def write_error(address: int) -> None:
    """Write a ``wasmtime_error_t`` that stands for an exception of the host's."""
    ctypes.memmove(address, struct.pack("<Q", c.error_new(b"host")), 8)


_AT_ONCE = c.ContinuationCallback(lambda _env: True)
_LATER = c.ContinuationCallback(lambda _env: RUNNING.host_call.resume())


def _continuation_words(callback: object) -> bytes:
    """Return a ``wasmtime_async_continuation_t``: callback, environment, finalizer."""
    return struct.pack("<QQQ", ctypes.cast(callback, ctypes.c_void_p).value or 0, 0, 0)  # type: ignore[arg-type]


AT_ONCE_WORDS = _continuation_words(_AT_ONCE)
LATER_WORDS = _continuation_words(_LATER)
