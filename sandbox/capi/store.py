"""One owner for a store, its instance, and the one call future that may live in it.

The library aborts the process when a store is deleted before its future, so nobody else holds either.
A call is started and polled; a poll runs the guest until it is done, waits in a host call, or has used its
slice (one tick of the epoch timer).
"""

import ctypes
import struct

from sandbox.capi import library as c
from sandbox.capi.engine import Engine
from sandbox.capi.faults import EngineError, GuestTrapError, TrapCode, take_error, take_trap
from sandbox.capi.linker import KINDS, RUNNING, TAGGED, HostCall, InstancePre, Number
from sandbox.capi.memory import Memory

_TRAP, _ERROR, _INSTANCE, _ARGUMENTS, _RESULT, _EXPORTS = 0, 8, 16, 64, 320, 384
_EXPORT_BYTES = 32  # wasmtime_extern_t
_EXPORTS_MAX = 20
_FRAME_BYTES = _EXPORTS + _EXPORTS_MAX * _EXPORT_BYTES
_words = struct.Struct("<QQ")
FIRST_SLICE_TICKS = 2
_COMPONENT_TRAP = "wasm trap:"


class _Frame:
    """The memory that the library writes into during a call: kept and used again."""

    __slots__ = ("address", "buffer", "host_call")

    def __init__(self) -> None:
        self.buffer = ctypes.create_string_buffer(_FRAME_BYTES)
        self.address = ctypes.addressof(self.buffer)
        self.host_call = HostCall()


_free_frames: list[_Frame] = []


class CallShape:
    """How the arguments and the result of an exported function lie in memory."""

    __slots__ = ("_kinds", "_layout", "arguments_bytes", "count", "results", "unpack")

    def __init__(self, parameters: str, result: str) -> None:
        self._layout = struct.Struct("<" + "".join(TAGGED[kind] for kind in parameters))
        self._kinds = [KINDS[kind] for kind in parameters]
        self.arguments_bytes = self._layout.size
        self.count = len(parameters)
        self.results = len(result)
        self.unpack = struct.Struct("<" + result).unpack_from

    def pack(self, arguments: tuple[Number, ...]) -> bytes:
        """Return the arguments as an array of ``wasmtime_val_t``."""
        mixed: list[Number] = []
        for kind, argument in zip(self._kinds, arguments, strict=True):
            mixed += (kind, argument)
        return self._layout.pack(*mixed)


class Store:
    """A fresh store. ``close`` it exactly once; use it afterwards for nothing."""

    __slots__ = ("_address", "_frame", "_future", "_shape", "context", "pre")

    def __init__(
        self, engine: Engine, *, memory_bytes: int, table_elements: int = 20_000, instances: int = 1
    ) -> None:
        self._frame = _free_frames.pop() if _free_frames else _Frame()
        self._address: int | None = c.store_new(engine.address, None, None)
        self._future: int | None = None
        self._shape: CallShape | None = None
        self.context: int = c.store_context(self._address)
        self.pre: InstancePre | None = None
        c.store_limiter(self._address, memory_bytes, table_elements, instances, 2 * instances, instances)
        c.set_epoch_deadline(self.context, FIRST_SLICE_TICKS)
        c.epoch_yield(self.context, 1)

    def instantiate(self, pre: InstancePre) -> bool:
        """Start to instantiate, and poll once; see ``poll``."""
        frame = self._begin()
        self.pre = pre
        self._future = c.instance_pre_instantiate_async(
            pre.address, self.context, frame + _INSTANCE, frame + _TRAP, frame + _ERROR
        )
        return self.poll()

    def call(self, export: int, shape: CallShape, *arguments: Number) -> bool:
        """Start to call an export by its index in the InstancePre, and poll once; see ``poll``."""
        assert self._future is None
        assert self._address is not None
        frame = self._frame.address
        if shape.count:
            ctypes.memmove(frame + _ARGUMENTS, shape.pack(arguments), shape.arguments_bytes)
        self._shape = shape
        self._future = c.func_call_async(
            self.context,
            frame + _EXPORTS + export * _EXPORT_BYTES + 8,
            frame + _ARGUMENTS,
            shape.count,
            frame + _RESULT,
            shape.results,
            frame + _TRAP,
            frame + _ERROR,
        )
        return self.poll()

    def _begin(self) -> int:
        """Return the frame's address, for a call of a kind that leaves nothing to be read."""
        assert self._future is None
        assert self._address is not None
        self._shape = None
        return self._frame.address

    def poll(self) -> bool:
        """Run the guest for at most one slice; True when the call is done, with its result in ``result``.

        Raises GuestTrapError, EngineError (a limit at instantiation), or what a host function raised. The
        instance is not to be used again after any of them.
        """
        assert self._future is not None
        frame = self._frame
        assert not RUNNING.polling
        RUNNING.host_call = frame.host_call
        RUNNING.polling = True
        done = c.future_poll(self._future)
        RUNNING.polling = False
        if not done:
            return False
        c.future_delete(self._future)
        self._future = None
        trap, error = _words.unpack_from(frame.buffer, _TRAP)
        if trap or error:
            self._raise(trap, error)
        if self._shape is None and self.pre is not None:
            self._find_exports()
        return True

    @property
    def waiting(self) -> bool:
        """Whether the guest is suspended in a host function that has no result yet."""
        return self._frame.host_call.pending is not None

    def result(self) -> int:
        """Return the result of the call that is done."""
        assert self._shape is not None
        value: int = self._shape.unpack(self._frame.buffer, _RESULT + 8)[0]
        return value

    def memory(self, export: int) -> Memory:
        """Return an exported memory by its index in the InstancePre; use it until the store is closed."""
        assert self._address is not None
        return Memory(self.context, self._frame.address + _EXPORTS + export * _EXPORT_BYTES + 8)

    def renew_slice(self) -> None:
        """Give the next call a whole first slice."""
        c.set_epoch_deadline(self.context, FIRST_SLICE_TICKS)

    def close(self) -> None:
        """Delete the future, then the store: in the other order the process aborts."""
        if self._address is None:
            return
        if self._future is not None:
            c.future_delete(self._future)
            self._future = None
        c.store_delete(self._address)
        self._address = None
        frame = self._frame
        frame.host_call.pending = frame.host_call.fault = None
        ctypes.memmove(frame.address, bytes(16), 16)
        _free_frames.append(frame)

    def _find_exports(self) -> None:
        assert self.pre is not None
        frame = self._frame.address
        find, context = c.instance_export_get, self.context
        at = frame + _EXPORTS
        for name, length in self.pre.exports:
            if not find(context, frame + _INSTANCE, name, length, at):
                raise EngineError(f"no export {name.decode()}")
            at += _EXPORT_BYTES

    def _raise(self, trap: int, error: int) -> None:
        ctypes.memmove(self._frame.address, bytes(16), 16)
        host_call = self._frame.host_call
        if host_call.fault is not None:
            _discard(trap, error)
            raise host_call.take_fault()
        # No exception is held in a variable here: with its traceback it would be a cycle for the collector.
        if trap:
            raise take_trap(trap)
        text = take_error(error)
        if _COMPONENT_TRAP in text:  # components tell of traps as text only
            raise GuestTrapError(text, code=TrapCode.HOST)
        raise EngineError(text)


def _discard(trap: int, error: int) -> None:
    if trap:
        c.trap_delete(trap)
    if error:
        c.error_delete(error)
