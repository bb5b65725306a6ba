"""Which imports of a Python function can succeed, among what is deployed and the library of the sandbox. Pure."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.errors import ForbiddenImportError
from sandbox.python.foundation import Foundation
from sandbox.python.imports import LIBRARY

CODE_SUFFIX = ".py"


@dataclass(frozen=True, slots=True)
class Import:
    """What a file imports: a module, or names of one; ``level`` counts the dots of a relative import."""

    module: str
    level: int
    names: tuple[str, ...]
    line: int
    guarded: bool  # inside a try block
    inside: bool  # in a function


class Resolver:
    """Knows the deployed ``files``, by path, and what the interpreter brings."""

    def __init__(self, files: Mapping[str, bytes], foundation: Foundation) -> None:
        self._files = files
        self._library = foundation.library
        self._builtin = foundation.builtin

    def refuse_unknown(self, path: str, imports: list[Import]) -> None:
        """Name the first import at the top level of the author's files that can never succeed."""
        if self._is_dependency(path):
            return
        for one in imports:
            if one.level or one.guarded or one.inside or self._can_import(one.module):
                continue
            raise ForbiddenImportError(
                f"{path}:{one.line} imports {one.module!r}, which is neither deployed nor built in",
                remedy=without(one.module),
            )

    def _is_dependency(self, path: str) -> bool:
        """Whether a file came with an installed package (pip install -t leaves its record beside it)."""
        top, slash, _ = path.partition("/")
        listed = b"\n" + f"{top}{slash or ','}".encode()
        return any(
            other.endswith(".dist-info/RECORD") and listed in b"\n" + data
            for other, data in self._files.items()
        )

    def _can_import(self, module: str) -> bool:
        """Whether a module of that name may be there; what it has in it is judged when it runs."""
        top = module.partition(".")[0]
        if any(path == f"{top}{CODE_SUFFIX}" or path.startswith(f"{top}/") for path in self._files):
            return True
        return self._in_library(top)

    def _in_library(self, top: str) -> bool:
        """Whether a module belongs to the standard library of the sandbox."""
        library = self._library
        return (
            top in self._builtin
            or any(library.has(f"{LIBRARY}/{top}{suffix}") for suffix in (".py", ".pyc"))
            or library.folder(f"{LIBRARY}/{top}") is not None
        )

    def of_library(self, imports: list[Import]) -> list[str]:
        """Return what of the library is imported, anywhere: it will be in the image."""
        names = []
        for one in imports:
            top = one.module.partition(".")[0]
            if one.level or not top or not self._in_library(top):
                continue
            if any(path == f"{top}{CODE_SUFFIX}" or path.startswith(f"{top}/") for path in self._files):
                continue
            names.append(one.module)
            names += [
                f"{one.module}.{name}"
                for name in one.names
                if self._is_library_module(f"{one.module}.{name}")
            ]
        return names

    def _is_library_module(self, module: str) -> bool:
        """Whether a dotted name is a module of the library, not a name in one."""
        path = f"{LIBRARY}/{module.replace('.', '/')}"
        library = self._library
        return any(library.has(path + suffix) for suffix in (".py", ".pyc", "/__init__.py", "/__init__.pyc"))


def without(module: str) -> str:
    """Return what the author can do about a module that is not there."""
    top = module.partition(".")[0]
    if top in ("boto3", "botocore"):
        return "Do without it: functions at the edge have no AWS SDK here."
    if top in sys.stdlib_module_names:
        return "Do without it: the sandbox has no such part of the standard library."
    return f"Put it beside the function: pip install --target FOLDER {top} (pure Python only), or do without."
