"""Run a guest: bytes in, bytes out, limits. Knows no HTTP; the only importer of wasmtime and ctypes.

What needs wasmtime is imported when it is first asked for: ``sandbox.contract`` alone costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from sandbox.contract import (
    Built,
    Cancelled,
    Finished,
    Host,
    HostCallError,
    Kind,
    Limit,
    Limits,
    NoRoom,
    Outcome,
    OverLimit,
    Source,
    Threw,
    Trapped,
    Usage,
)
from sandbox.errors import (
    ArtifactError,
    BuildError,
    BuildLimitError,
    CompileError,
    ForbiddenImportError,
    MissingExportError,
    SandboxError,
    SettingsError,
)

if TYPE_CHECKING:
    from sandbox.builder import Builder
    from sandbox.invocation import Invocation
    from sandbox.kinds import Program
    from sandbox.runtime import Sandbox
    from sandbox.settings import BuildLimits, Settings

__all__ = [
    "ArtifactError",
    "BuildError",
    "BuildLimitError",
    "BuildLimits",
    "Builder",
    "Built",
    "Cancelled",
    "CompileError",
    "Finished",
    "ForbiddenImportError",
    "Host",
    "HostCallError",
    "Invocation",
    "Kind",
    "Limit",
    "Limits",
    "MissingExportError",
    "NoRoom",
    "Outcome",
    "OverLimit",
    "Program",
    "Sandbox",
    "SandboxError",
    "Settings",
    "SettingsError",
    "Source",
    "Threw",
    "Trapped",
    "Usage",
]

_LATER = {
    "BuildLimits": "sandbox.settings",
    "Builder": "sandbox.builder",
    "Invocation": "sandbox.invocation",
    "Program": "sandbox.kinds",
    "Sandbox": "sandbox.runtime",
    "Settings": "sandbox.settings",
}


def __getattr__(name: str) -> object:
    """Import what needs wasmtime (PEP 562)."""
    module = _LATER.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(module), name)
