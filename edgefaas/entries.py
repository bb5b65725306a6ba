"""Which file a function begins with, and of which kind it is, where its author does not say."""

import re
from collections.abc import Mapping
from pathlib import Path

from edgefaas import bundling
from edgefaas.errors import ConfigError
from edgefaas.functionfiles import SETTINGS_FILE
from sandbox.binary import describe
from sandbox.contract import Kind
from sandbox.errors import CompileError

KIND_OF_SUFFIX: Mapping[str, Kind] = {
    ".js": Kind.JS,
    ".mjs": Kind.JS,
    ".cjs": Kind.JS,
    ".py": Kind.PYTHON,
    ".wasm": Kind.EVENT,
    ".wat": Kind.EVENT,
}
_COMPONENT = b"\x00asm\x0d\x00\x01\x00"  # Component Model binary: version 0x0d, layer 1
_COMPONENT_TEXT = re.compile(rb"(?:\s|;;[^\n]*\n)*\(component\b")


def find_entry(folder: Path, name: str) -> str:
    """Return the entry of the function ``name`` in ``folder``. Raises ConfigError: none is clear."""
    suffixes = (*KIND_OF_SUFFIX, *bundling.TYPED)
    found = sorted(
        item.name for item in folder.iterdir() if item.suffix in suffixes and not item.name.startswith(".")
    )
    for stem in ("index", "main", name, "lambda_function", "handler", "app"):
        for suffix in suffixes:
            if f"{stem}{suffix}" in found:
                return f"{stem}{suffix}"
    if len(found) == 1:
        return found[0]
    listed = ", ".join(found[:8]) or "none"
    raise ConfigError(
        f"The folder {folder} has no clear entry; files that could be one: {listed}",
        remedy=f'Write entry = "FILE" in {folder / SETTINGS_FILE}.',
    )


def kind_of(content: bytes, by_suffix: Kind) -> Kind:
    """Return what a WebAssembly program is by what it exports; the suffix tells for everything else."""
    if by_suffix is not Kind.EVENT:
        return by_suffix
    if content[:8] == _COMPONENT or _COMPONENT_TEXT.match(content):
        return Kind.HTTP
    try:
        exports = describe(content).exports
    except CompileError:  # text, or nothing that can be built: the build says why
        return by_suffix
    return Kind.CGI if "_start" in exports and "alloc" not in exports else by_suffix
