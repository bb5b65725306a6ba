"""Make a function's image: compile in an instance that is thrown away, import its module in a clean one, freeze.

Runs in the build child. What the module asks of a host that only a request has (environment, operations) is not
there yet: then the image is taken before its import, which is done anew in each request or, for the environment
only, once per environment by the worker.
"""

import json
import sys
import time
from dataclasses import dataclass

import msgpack

from sandbox.capi import GuestTrapError, Ticker
from sandbox.contract import Source
from sandbox.errors import BuildError, BuildLimitError, CompileError, ForbiddenImportError, MissingExportError
from sandbox.guest import GuestFaultError, LimitReachedError
from sandbox.kinds import Parts, Workshop
from sandbox.python.foundation import (
    CHECK,
    DONE,
    FULL,
    LOAD,
    PRELOAD,
    SETTLE,
    Foundation,
    GuestBrokeError,
    Instance,
    ensure_foundation,
)
from sandbox.python.imports import LIBRARY, TASK, Tree, Trees
from sandbox.python.rehearsal import ENVIRONMENT, rehearse
from sandbox.rehearsal import MODULE_SCOPE_S, Rehearsal

IMAGE, PACKAGE = "function.image", "package"
DEFAULT_HANDLER = "lambda_handler"
CODE_SUFFIX = ".py"
_SLICE_US = 10_000
_COMPILE_S = 60  # for all files together; their number and size are limited already


@dataclass(frozen=True, slots=True)
class Import:
    """What a file imports: a module, or names of one; ``level`` counts the dots of a relative import."""

    module: str
    level: int
    names: tuple[str, ...]
    line: int
    guarded: bool  # inside a try block
    inside: bool  # in a function


class _Builder(Instance):
    """An instance with a deadline for what it runs."""

    _deadline_s, _told = float("inf"), ""

    def limit(self, cpu_s: int, what: str) -> None:
        """Give what is done from now on so much CPU; ``what`` it is, for the author."""
        self._deadline_s, self._told = (
            time.process_time() + cpu_s,
            f"{what} did not end within {cpu_s} s of CPU",
        )

    def between(self) -> None:
        """Stop what does not end."""
        if time.process_time() > self._deadline_s:
            raise BuildLimitError(self._told, remedy="Do less at the top level, or deploy less code.")


def build(source: Source, shop: Workshop) -> Parts:
    """Build a function of kind ``python``. Raises BuildError."""
    rehearse(Trees(Tree({}), Tree({})))
    foundation = ensure_foundation(shop.engine, shop.functions, shop.artifacts)
    if source.entry not in source.files:
        raise CompileError(f"there is no file {source.entry!r}", remedy="Name the entry in function.toml.")
    ticker = Ticker(shop.engine, slice_us=_SLICE_US)
    ticker.start()
    try:
        return _Job(source, shop, foundation).parts()
    except LimitReachedError as error:
        raise BuildLimitError(
            f"building took more than its {error.limit.value} limit of {error.allowed}",
            remedy="Do less at the top level.",
        ) from error
    except (GuestTrapError, GuestFaultError, GuestBrokeError) as error:
        raise CompileError(
            f"the Python interpreter stopped: {error}", remedy="Look for deep recursion at the top level."
        ) from error
    finally:
        ticker.close()


class _Job:
    """One build."""

    def __init__(self, source: Source, shop: Workshop, foundation: Foundation) -> None:
        self.source = source
        self.shop = shop
        self.foundation = foundation
        self.handler = (source.handler or DEFAULT_HANDLER).rpartition(".")[2]
        self.module = source.entry.removesuffix(CODE_SUFFIX).replace("/", ".")
        self.files = {f"{TASK}/{path}": data for path, data in source.files.items()}

    def parts(self) -> Parts:
        """Compile, import, and freeze."""
        preload = self.compile_all()
        wanted = {"module": self.module, "handler": self.handler, "later": False}
        wanted["any"] = not self.source.handler
        image, warnings, asked = self.run(preload, wanted)
        facts: dict[str, object] = {
            "handler": self.handler,
            "api": "lambda-edge",
            "foundation": self.foundation.artifact.name,
        }
        if asked:
            said = ", ".join(dict.fromkeys(asked))
            if said == ENVIRONMENT:  # a worker freezes it once more for each environment
                image, facts["scope"] = self.run(preload, None)[0], json.dumps(wanted)
            else:
                warnings.append(
                    f"The top level uses {said}, which only a request has: it runs anew in every request."
                )
                image = self.run(preload, {**wanted, "later": True})[0]
        return Parts(
            files={IMAGE: image, PACKAGE: msgpack.packb(self.files)}, facts=facts, warnings=tuple(warnings)
        )

    def instance(self) -> tuple[_Builder, Rehearsal]:
        """Return a clean instance, and its host."""
        host, self.session = rehearse(Trees(Tree(self.files), self.foundation.library))
        instance = _Builder(self.shop.engine, self.foundation.pre)
        instance.restore(self.foundation)
        return instance, host

    # ---- compiling -----------------------------------------------------------------------------------------

    def compile_all(self) -> list[str]:
        """Compile every code file, and keep the bytecode; return what of the library they import.

        An error in the entry, or in a file that lies where packages do not, ends the build; in others it is raised
        when they are imported, as Python does. Raises CompileError, ForbiddenImportError.
        """
        compiler, _ = self.instance()
        compiler.limit(_COMPILE_S, "compiling the function's files")
        preload: dict[str, None] = {}
        try:
            for path, data in sorted(self.source.files.items()):
                if not path.endswith(CODE_SUFFIX):
                    continue
                status, answer = compiler.step(CHECK, f"{TASK}/{path}".encode() + b"\0" + data)
                head, _, code = answer.partition(b"\n")
                if status == DONE:
                    self.files[_cached(path)] = code
                    imports = [Import(one[0], one[1], tuple(one[2]), *one[3:]) for one in json.loads(head)]
                    self.refuse_unknown_imports(path, imports)
                    preload.update(dict.fromkeys(self.of_library(imports)))
                elif status == FULL:
                    raise BuildLimitError(f"{path} is too large to be compiled", remedy="Split it.")
                elif "/" not in path or path == self.source.entry:
                    raise _syntax_error(path, json.loads(answer))
        finally:
            compiler.close()
        return list(preload)

    def refuse_unknown_imports(self, path: str, imports: list[Import]) -> None:
        """Name the first import at the top level of the author's files that can never succeed."""
        if self.is_dependency(path):
            return
        for one in imports:
            if one.level or one.guarded or one.inside or self.can_import(one.module):
                continue
            raise ForbiddenImportError(
                f"{path}:{one.line} imports {one.module!r}, which is neither deployed nor built in",
                remedy=_remedy(one.module),
            )

    def is_dependency(self, path: str) -> bool:
        """Whether a file came with an installed package (pip install -t leaves its record beside it)."""
        top, slash, _ = path.partition("/")
        listed = b"\n" + f"{top}{slash or ','}".encode()
        return any(
            other.endswith(".dist-info/RECORD") and listed in b"\n" + data
            for other, data in self.source.files.items()
        )

    def can_import(self, module: str) -> bool:
        """Whether a module of that name may be there; what it has in it is judged when it runs."""
        top = module.partition(".")[0]
        if any(path == f"{top}{CODE_SUFFIX}" or path.startswith(f"{top}/") for path in self.source.files):
            return True
        return self.in_library(top)

    def in_library(self, top: str) -> bool:
        """Whether a module belongs to the standard library of the sandbox."""
        library = self.foundation.library
        return (
            top in self.foundation.builtin
            or any(library.has(f"{LIBRARY}/{top}{suffix}") for suffix in (".py", ".pyc"))
            or library.folder(f"{LIBRARY}/{top}") is not None
        )

    def of_library(self, imports: list[Import]) -> list[str]:
        """Return what of the library is imported, anywhere: it will be in the image."""
        names = []
        for one in imports:
            top = one.module.partition(".")[0]
            if one.level or not top or not self.in_library(top):
                continue
            if any(path == f"{top}{CODE_SUFFIX}" or path.startswith(f"{top}/") for path in self.source.files):
                continue
            names.append(one.module)
            names += [
                f"{one.module}.{name}" for name in one.names if self.is_library_module(f"{one.module}.{name}")
            ]
        return names

    def is_library_module(self, module: str) -> bool:
        """Whether a dotted name is a module of the library, not a name in one."""
        path = f"{LIBRARY}/{module.replace('.', '/')}"
        library = self.foundation.library
        return any(library.has(path + suffix) for suffix in (".py", ".pyc", "/__init__.py", "/__init__.pyc"))

    # ---- running -------------------------------------------------------------------------------------------

    def run(self, preload: list[str], wanted: dict[str, object] | None) -> tuple[bytes, list[str], list[str]]:
        """Import in a clean instance and freeze it; return the image, warnings, and what was asked for in vain."""
        instance, host = self.instance()
        try:
            instance.limit(_COMPILE_S, "importing what it needs of the standard library")
            instance.expect(PRELOAD, json.dumps(preload).encode())
            instance.limit(MODULE_SCOPE_S, "the top level of the function")
            host.wanted.clear()
            host.lines.clear()
            self.session.random_used = self.session.time_used = False
            warnings: list[str] = []
            if wanted is not None:
                status, answer = instance.step(LOAD, json.dumps(wanted).encode())
                if status == FULL:
                    raise BuildLimitError(
                        "the top level of the function fills its memory", remedy="Keep less in it."
                    )
                if host.wanted and not wanted["later"]:
                    return b"", [], host.wanted
                if status != DONE:
                    raise self.error_of(json.loads(answer))
                if not wanted["later"]:
                    self.refuse_no_handler(json.loads(answer))
                    warnings = self.warnings_of(host)
            instance.expect(SETTLE)
            return instance.freeze(), warnings, []
        finally:
            instance.close()

    def warnings_of(self, host: Rehearsal) -> list[str]:
        """Return what the author should know of a top level whose result every request will see."""
        warnings = [f"The top level logged {line[:200]!r}." for line in host.lines[:3]]
        if self.session.random_used:
            warnings.append(
                "The top level uses randomness: every request sees the same value. Draw it in the handler."
            )
        if self.session.time_used:
            warnings.append("The top level reads the time: every request sees the time of the deployment.")
        return warnings

    def refuse_no_handler(self, told: dict[str, object]) -> None:
        """Raise MissingExportError when the module has no such function."""
        if told["callable"]:
            return
        names = told["names"]
        assert isinstance(names, list)
        seen = f"it has {', '.join(map(str, names[:8]))}" if names else "it has no function at all"
        raise MissingExportError(
            f"{self.source.entry} has no function named {self.handler!r}; {seen}",
            remedy=f"Write def {self.handler}(event, context): …, or name another in function.toml.",
        )

    def error_of(self, told: dict[str, str]) -> BuildError:
        """Return the error for what the import of the module raised."""
        file = str(told.get("file") or "").removeprefix(f"{TASK}/")
        line = told.get("line")
        where = f"{file}:{line}" if file and line else self.source.entry
        if told.get("lacks"):
            return ForbiddenImportError(
                f"{where} imports {told['lacks']!r}, which is neither deployed nor built in",
                remedy=_remedy(told["lacks"]),
            )
        if told["error"] in ("SyntaxError", "IndentationError", "TabError"):
            return _syntax_error(file, told)
        said = f"{told['error']}: {told['message']}" if told["message"] else told["error"]
        return CompileError(
            f"the top level raised {said} at {where}",
            remedy="Mend it, or do it in the handler.",
            line=int(line) if line else None,
        )


def _cached(path: str) -> str:
    """Return where Python looks for a file's bytecode."""
    folder, _, name = f"{TASK}/{path}".rpartition("/")
    return f"{folder}/__pycache__/{name.removesuffix(CODE_SUFFIX)}.cpython-314.pyc"


def _syntax_error(path: str, told: dict[str, str]) -> CompileError:
    line = told.get("line")
    where = f"{path}:{line}" if line else path
    if line and told.get("column"):
        where += f":{told['column']}"
    return CompileError(
        f"{where}: {told['message']}", remedy="Correct the syntax.", line=int(line) if line else None
    )


def _remedy(module: str) -> str:
    top = module.partition(".")[0]
    if top in ("boto3", "botocore"):
        return "Do without it: functions at the edge have no AWS SDK here."
    if top in sys.stdlib_module_names:
        return "Do without it: the sandbox has no such part of the standard library."
    return f"Put it beside the function: pip install --target FOLDER {top} (pure Python only), or do without."
