"""Build hook: wheel and editable install carry the JavaScript engine, built from the registry's sources."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class EngineHook(BuildHookInterface):  # type: ignore[type-arg]
    """Makes ``sandbox/js/engine.wasm`` before the files of a wheel are gathered."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the engine, or take it from the cache; ``version`` is hatch's name for the build."""
        if self.target_name != "wheel":
            return
        path = Path(self.root) / "sandbox" / "js" / "engine_build.py"
        spec = importlib.util.spec_from_file_location("edgefaas_engine_build", path)
        assert spec is not None
        assert spec.loader is not None
        engine_build = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(engine_build)
        engine_build.ensure_engine(lambda line: print(f"edgefaas: {line}", file=sys.stderr, flush=True))
        build_data["artifacts"].append("/sandbox/js/engine.wasm")
