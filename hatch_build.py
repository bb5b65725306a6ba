"""Build hook: wheel and editable install carry what is made from C: JavaScript engine, Python's shim, native calls."""

import importlib.util
import platform
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompiledHook(BuildHookInterface):  # type: ignore[type-arg]
    """Makes ``engine.wasm``, ``shim.wasm`` and ``libcalls.so`` before the wheel's files are gathered."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build them, or find them up to date; ``version`` is hatch's name for the build."""
        if self.target_name != "wheel":
            return
        self._load("js/engine_build.py").ensure_engine(_say)
        build_data["artifacts"].append("/sandbox/js/engine.wasm")
        self._load("python/shim_build.py").ensure_shim(_say)
        build_data["artifacts"].append("/sandbox/python/shim.wasm")
        if self._load("capi/calls_build.py").ensure_calls(_say) is not None:
            build_data["artifacts"].append("/sandbox/capi/libcalls.so")
            build_data["pure_python"] = False
            build_data["tag"] = f"py3-none-linux_{platform.machine()}"

    def _load(self, path: str) -> ModuleType:
        """Return a build script as a module, without importing the package that it stands in."""
        name = f"edgefaas_{Path(path).stem}"
        spec = importlib.util.spec_from_file_location(name, Path(self.root) / "sandbox" / path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module


def _say(line: str) -> None:
    print(f"edgefaas: {line}", file=sys.stderr, flush=True)
