"""What the operator may set about the sandbox. Frozen values; sizes are bytes, times milliseconds."""

from dataclasses import dataclass, replace
from pathlib import Path

from sandbox.capi import WASM_PAGE_BYTES, EngineConfig, PoolConfig
from sandbox.errors import SettingsError

SLOT_BYTES = 4 * 1024**3 + 64 * 1024**2  # what the pool reserves for a memory, with its guards


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How one worker's sandbox is laid out.

    ``instances`` bounds live instances, running and idle (of these, ``idle_max``); ``components`` those of
    kind ``http``, which have room of their own; ``queue`` bounds
    invocations that wait for one, and ``queue_ms`` how long they wait. ``memory_max_bytes`` bounds what any
    function's limit may allow. ``dead_man_s`` above 0 has the kernel end this process (SIGALRM) when its loop
    is held for so long: for workers that a supervisor replaces.
    """

    instances: int = 1_000
    components: int = 64
    memory_max_bytes: int = 256 * 1024 * 1024
    table_elements: int = 20_000
    slice_ms: float = 1
    keep_resident_bytes: int = 256 * 1024
    wasm_stack_bytes: int = 512 * 1024
    idle_max: int = 500
    queue: int = 1_000
    queue_ms: int = 2_000
    dead_man_s: float = 0

    def __post_init__(self) -> None:
        if self.memory_max_bytes <= 0 or self.memory_max_bytes % WASM_PAGE_BYTES:
            enough = max(1, -(-self.memory_max_bytes // WASM_PAGE_BYTES)) * WASM_PAGE_BYTES
            raise SettingsError(
                f"memory_max_bytes is {self.memory_max_bytes}, not whole pages of {WASM_PAGE_BYTES}",
                remedy=f"Write {enough}.",
            )
        for name, least in (
            ("instances", 1),
            ("components", 1),
            ("idle_max", 0),
            ("queue", 0),
            ("queue_ms", 0),
            ("slice_ms", 0.1),
        ):
            if getattr(self, name) < least:
                raise SettingsError(
                    f"{name} is {getattr(self, name)}, below {least}", remedy=f"Write {least}."
                )

    def fitting(self, address_bits: int) -> "Settings":
        """Return settings whose pool fits into half of an address space of so many bits.

        Each slot reserves 4 GiB of addresses and a guard: 47 bits (x86_64) hold 16,000, the 39 bits of some
        ARM kernels 60.
        """
        slots = max(2, 2 ** (address_bits - 1) // SLOT_BYTES)
        if self.instances + self.components <= slots:
            return self
        components = min(self.components, max(1, slots // 8))
        instances = min(self.instances, slots - components)
        return replace(
            self, instances=instances, components=components, idle_max=min(self.idle_max, instances)
        )

    def engine_config(self) -> EngineConfig:
        """Return the configuration of a worker's engine."""
        return EngineConfig(
            pool=PoolConfig(
                instances=self.instances,
                component_instances=self.components,
                memory_max_bytes=self.memory_max_bytes,
                table_elements=self.table_elements,
                keep_resident_bytes=self.keep_resident_bytes,
            ),
            wasm_stack_bytes=self.wasm_stack_bytes,
            fiber_stack_bytes=4 * self.wasm_stack_bytes,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildLimits:
    """What one build may use in its child process, and how large a source may be."""

    cpu_s: int = 30
    wall_s: int = 60
    memory_bytes: int = 2 * 1024 * 1024 * 1024
    source_bytes: int = 64 * 1024 * 1024


def address_bits() -> int:
    """Return how many bits the addresses of this process have: where the kernel put its stack tells."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        if line.endswith("[stack]"):
            return int(line.partition("-")[0], 16).bit_length()
    return 47
