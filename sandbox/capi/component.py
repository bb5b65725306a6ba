"""Components: compiled, linked against host interfaces given as Python callables, instantiated, called.

The same rules as for core modules: an exception never crosses the boundary, a store goes after its future. There
is no InstancePre for components in the C API, so a linker is kept per component.
"""

import ctypes
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from sandbox.capi import library as c
from sandbox.capi.engine import Engine
from sandbox.capi.faults import check, take_bytes
from sandbox.capi.linker import AT_ONCE_WORDS, LATER_WORDS, RUNNING, Pending, write_error
from sandbox.capi.store import Store
from sandbox.capi.values import VAL_BYTES, decode_arguments, delete, encode

_INSTANCE, _ARGUMENTS, _ERROR, _FUNCTION = 16, 64, 8, 384
_CONTINUATION_BYTES = 24

HostFunction = Callable[..., object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """What the host offers under one name: functions, functions that may suspend, resources.

    A resource maps its name to (number of its type, what to do when the guest drops one).
    """

    functions: Mapping[str, HostFunction] = field(default_factory=dict)
    suspending: Mapping[str, HostFunction] = field(default_factory=dict)
    resources: Mapping[str, tuple[int, Callable[[int], None]]] = field(default_factory=dict)


class Component:
    """A compiled component."""

    __slots__ = ("address", "engine")

    def __init__(self, engine: Engine, address: int) -> None:
        self.engine = engine
        self.address = address

    def serialize(self) -> bytes:
        """Return the compiled code."""
        vector = ctypes.create_string_buffer(16)
        check(c.component_serialize(self.address, ctypes.addressof(vector)))
        return take_bytes(ctypes.addressof(vector))

    def imports(self) -> list[str]:
        """Return the names of what it imports, such as ``wasi:io/streams@0.2.3``."""
        kind = c.component_type(self.address)
        names = []
        for at in range(c.component_type_import_count(kind, self.engine.address)):
            out = ctypes.create_string_buffer(24)
            base = ctypes.addressof(out)
            c.component_type_import_nth(kind, self.engine.address, at, base, base + 8, base + 16)
            data, size, extern = struct.unpack("<QQQ", out.raw)
            names.append(ctypes.string_at(data, size).decode())
            c.component_extern_delete(extern)
        c.component_type_delete(kind)
        return names

    def export_index(self, *path: str) -> "ExportIndex | None":
        """Return the index of an export, looked up once; None when there is none."""
        index: int | None = None
        for part in path:
            name = part.encode()
            found = c.component_get_export_index(self.address, index, name, len(name))
            if index is not None:
                c.component_export_index_delete(index)
            if not found:
                return None
            index = found
        assert index is not None
        return ExportIndex(index)

    def __del__(self, _delete: Callable[[int], None] = c.component_delete) -> None:
        _delete(self.address)


class ExportIndex:
    """Where an export of a component is."""

    __slots__ = ("address",)

    def __init__(self, address: int) -> None:
        self.address = address

    def __del__(self, _delete: Callable[[int], None] = c.component_export_index_delete) -> None:
        _delete(self.address)


def compile_component(engine: Engine, wasm: bytes) -> Component:
    """Compile a component. Raises EngineError. May take tens of seconds: only in a child under rlimits."""
    slot = ctypes.c_void_p()
    check(c.component_new(engine.address, wasm, len(wasm), ctypes.addressof(slot)))
    assert slot.value
    return Component(engine, slot.value)


def load_component(engine: Engine, path: Path) -> Component:
    """Map a compiled component that this machine made. Raises EngineError."""
    slot = ctypes.c_void_p()
    check(c.component_deserialize_file(engine.address, str(path).encode(), ctypes.addressof(slot)))
    assert slot.value
    return Component(engine, slot.value)


class ComponentLinker:
    """What one component may import. Lives as long as the component's program."""

    def __init__(self, component: Component) -> None:
        self.component = component
        self.address: int = c.component_linker_new(component.engine.address)

    def offer(self, name: str, interface: Interface) -> None:
        """Offer an interface under exactly this name, version included."""
        root = c.component_linker_root(self.address)
        slot = ctypes.c_void_p()
        encoded = name.encode()
        check(c.linker_instance_add_instance(root, encoded, len(encoded), ctypes.addressof(slot)))
        for resource, (number, drop) in interface.resources.items():
            self._add_resource(slot.value, resource.encode(), number, drop)
        for function, call in interface.functions.items():
            self._add(c.linker_instance_add_func, slot.value, function.encode(), _sync_callback(call))
        for function, call in interface.suspending.items():
            self._add(c.linker_instance_add_func_async, slot.value, function.encode(), _async_callback(call))
        c.linker_instance_delete(slot.value)
        c.linker_instance_delete(root)

    def trap_the_rest(self) -> None:
        """Make every import that was not offered a function that traps. Raises EngineError."""
        check(c.component_linker_define_unknown_imports_as_traps(self.address, self.component.address))

    def _add(self, add: Callable[..., int], instance: int | None, name: bytes, callback: object) -> None:
        check(add(instance, name, len(name), callback, None, None))

    def _add_resource(
        self, instance: int | None, name: bytes, number: int, drop: Callable[[int], None]
    ) -> None:
        kind = c.resource_type_new_host(number)
        check(c.linker_instance_add_resource(instance, name, len(name), kind, _destructor(drop), None, None))
        c.resource_type_delete(kind)

    def __del__(self, _delete: Callable[[int], None] = c.component_linker_delete) -> None:
        _delete(self.address)


class ComponentStore(Store):
    """A store with one instance of a component."""

    __slots__ = ()

    def instantiate_component(self, linker: ComponentLinker) -> bool:
        """Start to instantiate, and poll once; see ``Store.poll``."""
        frame = self._begin()
        self._future = c.component_linker_instantiate_async(
            linker.address, self.context, linker.component.address, frame + _INSTANCE, frame + _ERROR
        )
        return self.poll()

    def call_component(self, export: ExportIndex, *arguments: object) -> bool:
        """Start to call an exported function without result, and poll once; see ``Store.poll``."""
        frame = self._begin()
        found = c.component_instance_get_func(
            frame + _INSTANCE, self.context, export.address, frame + _FUNCTION
        )
        assert found, "the export was there when it was built"
        for at, argument in enumerate(arguments):
            encode(self.context, frame + _ARGUMENTS + VAL_BYTES * at, argument)
        self._future = c.component_func_call_async(
            frame + _FUNCTION, self.context, frame + _ARGUMENTS, len(arguments), None, 0, frame + _ERROR
        )
        try:
            return self.poll()
        finally:  # the library has copied them, but not before this
            for at in range(len(arguments)):
                delete(frame + _ARGUMENTS + VAL_BYTES * at)


@cache  # for the life of the process: all components share them
def _sync_callback(call: HostFunction) -> object:
    return c.ComponentCallback(_sync_trampoline(call))


@cache
def _async_callback(call: HostFunction) -> object:
    return c.ComponentAsyncCallback(_async_trampoline(call))


@cache
def _destructor(drop: Callable[[int], None]) -> object:
    def destructor(_env: int, _context: int, rep: int) -> int:
        try:
            drop(rep)
        except BaseException as fault:  # may not cross the C frames; Store.poll raises it
            RUNNING.host_call.fault = fault
            error: int = c.error_new(b"host")
            return error
        return 0

    return c.ResourceDestructor(destructor)


def _sync_trampoline(call: HostFunction) -> Callable[..., int]:
    def trampoline(  # the C API's own
        _env: int, context: int, _type: int, arguments: int, count: int, results: int, results_count: int
    ) -> int:
        try:
            value = call(*decode_arguments(context, arguments, count))
            if results_count:
                encode(context, results, value)
        except BaseException as fault:  # may not cross the C frames; Store.poll raises it
            RUNNING.host_call.fault = fault
            error: int = c.error_new(b"host")
            return error
        return 0

    return trampoline


def _async_trampoline(call: HostFunction) -> Callable[..., None]:
    def trampoline(  # noqa: PLR0913, PLR0917  # the C API's own
        _env: int,
        context: int,
        _type: int,
        arguments: int,
        count: int,
        results: int,
        results_count: int,
        error: int,
        continuation: int,
    ) -> None:
        def write(address: int, value: object) -> None:
            if results_count:
                encode(context, address, value)

        ctypes.memmove(continuation, AT_ONCE_WORDS, _CONTINUATION_BYTES)
        try:
            value = call(*decode_arguments(context, arguments, count))
            if not hasattr(value, "result"):
                write(results, value)
                return
            pending: Pending = value
            waiting = RUNNING.host_call
            waiting.pending, waiting.write, waiting.fail = pending, write, write_error
            waiting.results_address, waiting.trap_address = results, error
            ctypes.memmove(continuation, LATER_WORDS, _CONTINUATION_BYTES)
        except BaseException as fault:  # may not cross the C frames; Store.poll raises it
            RUNNING.host_call.fault = fault
            write_error(error)

    return trampoline
