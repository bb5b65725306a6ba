"""Build ``libcalls.so`` for this machine: an invocation's calls in a row, and images put back.

``calls.c`` and ``images.h`` are its sources. Run by ``hatch_build.py`` at every build and install; by hand:
``python sandbox/capi/calls_build.py``. Standard library and ziglang only. Where it cannot be built the sandbox makes
the same calls from Python, slower.
"""

import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE = HERE / "calls.c"
SOURCES = (SOURCE, HERE / "images.h")
LIBRARY = HERE / "libcalls.so"
MACHINES = {"x86_64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}
GLIBC = "2.28"  # what the wheel of wasmtime needs


def ensure_calls(say: Callable[[str], None] = lambda _line: None) -> Path | None:
    """Return the library, built when it is older than its source; None where it cannot be built."""
    newest = max(source.stat().st_mtime_ns for source in SOURCES)
    if LIBRARY.is_file() and LIBRARY.stat().st_mtime_ns >= newest:
        return LIBRARY
    machine = MACHINES.get(platform.machine())
    if machine is None or sys.platform != "linux":
        say(f"no native calls for {sys.platform} on {platform.machine()}: functions will start slower")
        return None
    fresh = LIBRARY.with_name(".libcalls.so.new")
    command = [sys.executable, "-m", "ziglang", "cc", "-target", f"{machine}-linux-gnu.{GLIBC}"]
    command += ["-shared", "-fPIC", "-O2", "-s", "-Wall", "-Wextra", "-Werror", "-o", str(fresh), str(SOURCE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode or not fresh.is_file():
        say(f"the native calls could not be built, functions will start slower:\n{done.stderr[-2000:]}")
        return None
    fresh.rename(LIBRARY)  # another process may have the old one mapped
    return LIBRARY


if __name__ == "__main__":
    made = ensure_calls(print)
    if made is not None:
        print(made.name)
