"""One owner for a store, its instance, and the one call future that may live in it.

The library aborts the process when a store is deleted before its future, so nobody else holds either.
A call is started and polled; a poll runs the guest until it is done, waits in a host call, or has used its
slice (one tick of the epoch timer).
"""

import ctypes
import struct
from enum import Enum

from sandbox.capi import library as c
from sandbox.capi.calls import (
    BAD_POINTER,
    DONE,
    EXCHANGED,
    FAILED,
    NO_EXPORT,
    PENDING,
    TOO_LONG,
    packed_course,
    quick,
)
from sandbox.capi.engine import Engine
from sandbox.capi.faults import EngineError, GuestTrapError, TrapCode, take_error, take_trap
from sandbox.capi.linker import KINDS, RUNNING, TAGGED, HostCall, InstancePre, Number
from sandbox.capi.memory import GuestPointerError, Memory

_TRAP, _ERROR, _INSTANCE, _ARGUMENTS, _RESULT, _EXPORTS = 0, 8, 16, 64, 320, 384
_EXPORT_BYTES = 32  # wasmtime_extern_t
_EXPORTS_MAX = 20
_FRAME_BYTES = _EXPORTS + _EXPORTS_MAX * _EXPORT_BYTES
_STORE, _FUTURE, _OUTPUT, _MEMORY_BYTES = 32, 48, 352, 368
_words = struct.Struct("<QQ")
_word = struct.Struct("<Q")
_store_words = struct.Struct("<QQQ")
_NOTHING = bytes(_ARGUMENTS)  # traps, errors, instance, store and future of the invocation before
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


_ALLOC_SHAPE = CallShape("i", "i")
_HANDLE_SHAPE = CallShape("ii", "q")


class Progress(Enum):
    """How far an exchange came."""

    IN_ALLOC = 1
    IN_HANDLE = 2
    HANDLED = 3


class Store:
    """A fresh store. ``close`` it exactly once; use it afterwards for nothing."""

    __slots__ = ("_address", "_frame", "_future", "_shape", "context", "pre")

    def __init__(
        self, engine: Engine, *, memory_bytes: int, table_elements: int = 20_000, instances: int = 1
    ) -> None:
        self._frame = _free_frames.pop() if _free_frames else _Frame()
        self._future: int | None = None
        self._shape: CallShape | None = None
        self.pre: InstancePre | None = None
        self._address: int | None = c.store_new(engine.address, None, None)
        self.context: int = c.store_context(self._address)
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
        try:
            done = c.future_poll(self._future)
        finally:  # a signal's handler may raise here, and memory may run out: the next guest runs all the same
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
        address, future, frame = self._address, self._future, self._frame
        if address is None:
            return
        self._address = self._future = None
        if quick is not None:
            quick.close(frame.address, address, future)
        else:
            if future is not None:
                c.future_delete(future)
            c.store_delete(address)
            ctypes.memmove(frame.address, _NOTHING, len(_NOTHING))
        frame.host_call.pending = frame.host_call.fault = None
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


class Course:
    """What the invocations of one program with the same limits have in common."""

    __slots__ = ("_packed", "address", "pre")

    def __init__(
        self,
        engine: Engine,
        pre: InstancePre,
        *,
        memory_bytes: int,
        output_max: int,
        table_elements: int = 20_000,
    ) -> None:
        self.pre = pre
        self._packed = packed_course(
            engine.address, pre.packed, memory_bytes, table_elements, FIRST_SLICE_TICKS, output_max
        )
        self.address = ctypes.addressof(self._packed)


class EventStore(Store):
    """A store for one exchange of the kind ``event``: exports 0 to 2 are memory, ``alloc`` and ``handle``.

    The usual exchange ends within its first slice and is one crossing into C; see ``at_once`` and ``calls``.
    """

    __slots__ = ("_begun", "ready")

    def __init__(  # the store is made together with its instance
        self, engine: Engine, pre: InstancePre, *, memory_bytes: int, table_elements: int = 20_000
    ) -> None:
        """Begin to make the instance: ``ready`` tells whether it is there, else ``poll``.

        Raises as ``poll`` does; the store is closed then.
        """
        self._begun: int | None = None
        try:
            if quick is None:
                super().__init__(engine, memory_bytes=memory_bytes, table_elements=table_elements)
                self.ready = self.instantiate(pre)
                return
            self._frame = frame = _free_frames.pop() if _free_frames else _Frame()
            assert not RUNNING.polling
            RUNNING.host_call, RUNNING.polling = frame.host_call, True
            try:
                outcome = quick.open(
                    frame.address, engine.address, pre.packed, memory_bytes, table_elements, FIRST_SLICE_TICKS
                )
            finally:
                RUNNING.polling = False
            self._opened(pre, outcome)
        except BaseException:
            self.close()
            raise

    def _opened(self, pre: InstancePre, outcome: int) -> None:
        """Take over what the C calls have put into the frame. Raises as ``poll`` does."""
        self._shape, self.pre = None, pre
        self._address, self.context, future = _store_words.unpack_from(self._frame.buffer, _STORE)
        self._future = future or None
        self.ready = outcome == DONE
        if outcome < 0:
            self._fail(outcome)

    def _fail(self, outcome: int) -> None:
        if outcome == NO_EXPORT:
            raise EngineError("an export is gone that was there when the module was built")
        self._raise(*_words.unpack_from(self._frame.buffer, _TRAP))

    @classmethod
    def at_once(cls, course: "Course", event: bytes) -> "tuple[bytes, int] | EventStore | None":
        """Make the instance, exchange, and close it; return the output, and how large memory was.

        What does not end so within its first slice comes back as a store, to be gone on with in the usual order
        (``ready``, ``exchange``): what went wrong in the exchange is raised there. None where there is no C to do it.
        Raises as the constructor does.
        """
        if quick is None:
            return None
        frame = _free_frames.pop() if _free_frames else _Frame()
        assert not RUNNING.polling
        RUNNING.host_call, RUNNING.polling = frame.host_call, True
        try:
            came: bytes | int = quick.once(frame.address, course.address, event, len(event))
        finally:
            RUNNING.polling = False
        if isinstance(came, bytes):
            _free_frames.append(frame)
            return came, _word.unpack_from(frame.buffer, _MEMORY_BYTES)[0]
        opened = came >= EXCHANGED + BAD_POINTER  # the least that an exchange tells
        store = cls.__new__(cls)
        store._frame = frame  # noqa: SLF001  # a store of this class
        try:
            store._opened(course.pre, DONE if opened else came)  # noqa: SLF001  # the same
        except BaseException:
            store.close()
            raise
        store._begun = came - EXCHANGED if opened else None  # noqa: SLF001  # the same
        return store

    def exchange(self, memory: Memory, event: bytes, output_max: int) -> "bytes | Progress":
        """Call ``alloc``, write the event, call ``handle``.

        Returns the output, or how far it came within the slice: ``poll`` goes on. Raises as ``poll`` and
        ``Memory.write`` do.
        """
        if quick is None:
            if not self.call(1, _ALLOC_SHAPE, len(event)):
                return Progress.IN_ALLOC
            return self.handle(memory, event)
        frame, outcome = self._frame, self._begun
        if outcome is None:
            assert self._future is None
            assert not RUNNING.polling
            RUNNING.host_call, RUNNING.polling = frame.host_call, True
            try:
                outcome = quick.exchange(frame.address, event, len(event), output_max)
            finally:
                RUNNING.polling = False
        if outcome == DONE:
            return ctypes.string_at(*_words.unpack_from(frame.buffer, _OUTPUT))
        self._shape = _ALLOC_SHAPE if outcome == PENDING else _HANDLE_SHAPE
        self._future = _word.unpack_from(frame.buffer, _FUTURE)[0] or None
        if outcome == FAILED:
            self._raise(*_words.unpack_from(frame.buffer, _TRAP))
        if outcome == BAD_POINTER:
            pointer, size = _words.unpack_from(frame.buffer, _OUTPUT + 8)
            raise GuestPointerError(pointer, len(event), size)
        if outcome == TOO_LONG:
            return Progress.HANDLED
        return Progress.IN_ALLOC if outcome == PENDING else Progress.IN_HANDLE

    def handle(self, memory: Memory, event: bytes) -> Progress:
        """Write the event where ``alloc``, which is done, said, and call ``handle``."""
        pointer = self.result()
        memory.write(pointer, event)
        done = self.call(2, _HANDLE_SHAPE, pointer, len(event))
        return Progress.HANDLED if done else Progress.IN_HANDLE


def _discard(trap: int, error: int) -> None:
    if trap:
        c.trap_delete(trap)
    if error:
        c.error_delete(error)
