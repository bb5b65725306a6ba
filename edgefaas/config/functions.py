"""``[functions.NAME]`` and ``limits``. Pure."""

from pathlib import Path

from edgefaas.config.kv import read_names
from edgefaas.site import FunctionSpec
from edgefaas.table import Table
from sandbox.contract import Limits


def limits(table: Table) -> Limits:
    """Return the limits that a ``limits`` table asks for. Raises ConfigError."""
    known = Limits()
    result = Limits(
        memory_bytes=table.integer("memory_mb", known.memory_bytes >> 20, low=1, high=4096) << 20,
        cpu_ms=table.integer("cpu_ms", known.cpu_ms, low=1, high=60_000),
        wall_ms=table.integer("wall_ms", known.wall_ms, low=1, high=300_000),
        output_bytes=table.integer("output_bytes", known.output_bytes, low=1024, high=1 << 28),
        log_bytes=table.integer("log_bytes", known.log_bytes, low=0, high=1 << 24),
        host_calls=table.integer("host_calls", known.host_calls, low=0, high=1_000_000),
    )
    table.done()
    return result


def read_function_spec(name: str, table: Table, folder: Path) -> FunctionSpec:
    """Return what the site says of a function."""
    spec = FunctionSpec(
        name=name,
        source=folder / table.required_text("source", '"functions/hello.js"'),
        environment=table.string_map("environment"),
        limits=limits(table.table("limits")) if "limits" in table else None,
        kv=read_names(table),
    )
    table.done()
    return spec
