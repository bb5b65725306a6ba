"""The engine: one per process; compiles modules, loads compiled ones.

Cranelift only, threads, GC, exceptions, memory64 and component-model-async off, epochs on: what all kinds of
guest tolerate, and no more. ``EngineConfig.compatibility`` is the part that compiled code depends on.
"""

import ctypes
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox.capi import library as c
from sandbox.capi.faults import check, take_bytes
from sandbox.errors import SettingsError

CORE_INSTANCES_MAX = 40  # of one component; componentize-py makes 20
WASM_PAGE_BYTES = 65_536  # WebAssembly Core 2.0, section 4.2.8

_OFF = (
    "wasm_threads", "shared_memory", "wasm_memory64", "wasm_multi_memory", "wasm_gc", "gc_support",
    "wasm_function_references", "wasm_exceptions", "wasm_stack_switching", "wasm_custom_page_sizes",
    "wasm_component_model_async", "wasm_wide_arithmetic", "native_unwind_info",
)  # fmt: skip
_ON = (
    "epoch_interruption", "wasm_simd", "wasm_bulk_memory", "wasm_reference_types", "wasm_multi_value",
    "wasm_tail_call", "wasm_component_model", "wasm_relaxed_simd", "wasm_relaxed_simd_deterministic",
    "memory_init_cow", "signals_based_traps",
)  # fmt: skip
_STRATEGY_CRANELIFT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolConfig:
    """The pooling allocator's slots. Sizes are bytes; one instance uses one slot of each kind or more."""

    instances: int = 1_000
    memory_max_bytes: int = 256 * 1024 * 1024
    table_elements: int = 20_000
    keep_resident_bytes: int = 64 * 1024
    component_instances: int = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """How to make an engine. ``pool`` None allocates on demand (children that build)."""

    pool: PoolConfig | None = None
    wasm_stack_bytes: int = 512 * 1024
    fiber_stack_bytes: int = 2 * 1024 * 1024  # host functions run on it too
    parallel_compilation: bool = False

    @property
    def compatibility(self) -> Mapping[str, object]:
        """What compiled code depends on: part of an artefact's key."""
        return {"off": sorted(_OFF), "on": sorted(_ON), "strategy": "cranelift"}


class Engine:
    """A wasmtime engine. Lives as long as its process: modules, linkers and stores point into it."""

    __slots__ = ("address", "config")

    def __init__(self, config: EngineConfig) -> None:
        if config.wasm_stack_bytes >= config.fiber_stack_bytes:
            raise SettingsError(
                f"wasm_stack_bytes is {config.wasm_stack_bytes}, not below fiber_stack_bytes, "
                f"{config.fiber_stack_bytes}",
                remedy=f"Make fiber_stack_bytes at least {2 * config.wasm_stack_bytes}.",
            )
        self.config = config
        settings = c.config_new()
        for name in _OFF:
            _set(settings, name, ctypes.c_bool, 0)
        for name in _ON:
            _set(settings, name, ctypes.c_bool, 1)
        _set(settings, "strategy", ctypes.c_uint8, _STRATEGY_CRANELIFT)
        _set(settings, "parallel_compilation", ctypes.c_bool, config.parallel_compilation)
        _set(settings, "max_wasm_stack", ctypes.c_size_t, config.wasm_stack_bytes)
        _set(settings, "async_stack_size", ctypes.c_size_t, config.fiber_stack_bytes)
        if config.pool is not None:
            _apply_pool(settings, config.pool)
        self.address: int = c.engine_new(settings)

    def compile(self, wasm: bytes) -> "Module":
        """Compile a core module. Raises EngineError. May take seconds: only in a child under rlimits."""
        slot = ctypes.c_void_p()
        check(c.module_new(self.address, wasm, len(wasm), ctypes.addressof(slot)))
        assert slot.value
        return Module(slot.value)

    def load(self, path: Path) -> "Module":
        """Map a compiled module that this machine made. Raises EngineError.

        Native code: the caller has verified where the file comes from.
        """
        slot = ctypes.c_void_p()
        check(c.module_deserialize_file(self.address, str(path).encode(), ctypes.addressof(slot)))
        assert slot.value
        return Module(slot.value)


class Module:
    """A compiled core module."""

    __slots__ = ("address",)

    def __init__(self, address: int) -> None:
        self.address = address

    def serialize(self) -> bytes:
        """Return the compiled code, for ``Engine.load`` of the same version, settings and CPU."""
        vector = ctypes.create_string_buffer(16)
        check(c.module_serialize(self.address, ctypes.addressof(vector)))
        return take_bytes(ctypes.addressof(vector))

    def __del__(self, _delete: Callable[[int], None] = c.module_delete) -> None:
        _delete(self.address)  # bound early: at the interpreter's end modules go first


def wat_to_wasm(text: bytes) -> bytes:
    """Assemble WebAssembly text. Raises EngineError."""
    vector = ctypes.create_string_buffer(16)
    check(c.wat2wasm(text, len(text), ctypes.addressof(vector)))
    return take_bytes(ctypes.addressof(vector))


def _set(config: int, name: str, kind: object, value: int) -> None:
    c.function(f"wasmtime_config_{name}_set", None, ctypes.c_void_p, kind)(config, value)


def _apply_pool(config: int, pool: PoolConfig) -> None:
    """Give the engine a pooling allocator; one core instance has one memory and at most a few tables."""
    allocation = c.pooling_new()
    sizes = {
        "total_core_instances": pool.instances + pool.component_instances * CORE_INSTANCES_MAX,
        "total_memories": pool.instances + pool.component_instances,
        "total_tables": pool.instances * 2 + pool.component_instances * CORE_INSTANCES_MAX,
        "total_stacks": pool.instances,
        "total_component_instances": pool.component_instances,
        "max_memory_size": pool.memory_max_bytes,
        "table_elements": pool.table_elements,
        "max_unused_warm_slots": pool.instances,
        "linear_memory_keep_resident": pool.keep_resident_bytes,
        "table_keep_resident": pool.keep_resident_bytes,
        "async_stack_keep_resident": pool.keep_resident_bytes,
        "max_tables_per_module": 2,
        "max_core_instances_per_component": CORE_INSTANCES_MAX,
        "max_tables_per_component": CORE_INSTANCES_MAX,
        "max_memories_per_component": 4,
    }
    for name, value in sizes.items():
        setter = c.function(
            f"wasmtime_pooling_allocation_config_{name}_set",
            None,
            ctypes.c_void_p,
            _POOL_TYPES.get(name, ctypes.c_uint32),
        )
        setter(allocation, value)
    c.pooling_apply(config, allocation)
    c.pooling_delete(allocation)


_POOL_TYPES = dict.fromkeys(
    (
        "max_memory_size", "table_elements", "linear_memory_keep_resident", "table_keep_resident",
        "async_stack_keep_resident",
    ),
    ctypes.c_size_t,
)  # fmt: skip
