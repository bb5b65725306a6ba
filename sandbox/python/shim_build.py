"""Build ``shim.wasm``: what CPython is asked by the sandbox and what it asks of it, as a WebAssembly shared library.

Run by ``hatch_build.py`` at every build and install; by hand: ``python sandbox/python/shim_build.py``. Standard library
and ziglang only; a second. CPython itself is put together with it at the first build of a function (foundation.py).
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
SHIM = HERE / "shim.wasm"
SOURCES = ("engine.c", "system.c")
_HEADERS = ("shim.h",)
_COMPILE = (
    "cc", "-target", "wasm32-wasi", "-O2", "-fPIC", "-ffreestanding", "-fvisibility=hidden", "-Wall", "-Wextra",
    "-Werror", "-c",
)  # fmt: skip
_LINK = ("wasm-ld", "-shared", "--experimental-pic", "--unresolved-symbols=import-dynamic", "--strip-debug")


class ShimBuildError(Exception):
    """The shim could not be built; the message says why."""


def ensure_shim(say: Callable[[str], None] = lambda _line: None) -> Path:
    """Return ``shim.wasm``, built when it is older than its sources. Raises ShimBuildError."""
    newest = max((HERE / name).stat().st_mtime_ns for name in SOURCES + _HEADERS)
    if SHIM.is_file() and SHIM.stat().st_mtime_ns >= newest:
        return SHIM
    say("compiling the shim of the Python interpreter")
    with tempfile.TemporaryDirectory(prefix="edgefaas-shim-") as folder:
        objects = []
        for name in SOURCES:
            made = f"{folder}/{name}.o"
            _run((*_COMPILE, "-o", made, str(HERE / name)))
            objects.append(made)
        fresh = SHIM.with_name(".shim.wasm.new")
        _run((*_LINK, "-o", str(fresh), *objects))
    fresh.rename(SHIM)
    return SHIM


def _run(arguments: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "ziglang", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise ShimBuildError(f"the C compiler failed:\n{done.stderr[-4000:]}")


if __name__ == "__main__":
    try:
        print(ensure_shim(lambda line: print(f"edgefaas: {line}", flush=True)).name)
    except ShimBuildError as error:
        sys.exit(f"edgefaas: {error}")
