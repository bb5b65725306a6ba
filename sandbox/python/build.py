"""Make a function's image: compile in an instance that is thrown away, import its module in a clean one, freeze.

Runs in the build child. What the module asks of a host that only a request has (environment, operations) is not
there yet: then the image is taken before its import, which is done anew in each request or, for the environment
only, once per environment by the worker.
"""

import json

import msgpack

from sandbox.capi import GuestTrapError
from sandbox.contract import Source
from sandbox.errors import BuildLimitError
from sandbox.guest import GuestFaultError
from sandbox.kinds import Parts, Workshop
from sandbox.python.faults import refuse_no_handler, syntax_error, top_level_error
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
from sandbox.python.imports import TASK, Tree, Trees
from sandbox.python.rehearsal import ENVIRONMENT, rehearse
from sandbox.python.resolving import CODE_SUFFIX, Import, Resolver
from sandbox.rehearsal import MODULE_SCOPE_S, Deadline, Rehearsal, refuse_no_entry, remarks, runs_anew, sliced

IMAGE, PACKAGE = "function.image", "package"
DEFAULT_HANDLER = "lambda_handler"
_COMPILE_S = 60  # for all files together; their number and size are limited already


class _Builder(Instance):
    """An instance with a deadline for what it runs."""

    deadline = Deadline()

    def limit(self, cpu_s: int, what: str) -> None:
        """Give what is done from now on so much CPU; ``what`` it is, for the author."""
        self.deadline = Deadline(cpu_s, what, remedy="Do less at the top level, or deploy less code.")

    def between(self) -> None:
        """Stop what does not end."""
        self.deadline.check()


def build(source: Source, shop: Workshop) -> Parts:
    """Build a function of kind ``python``. Raises BuildError."""
    rehearse(Trees(Tree({}), Tree({})))
    foundation = ensure_foundation(shop.engine, shop.functions, shop.artifacts)
    refuse_no_entry(source)
    breaks = (GuestTrapError, GuestFaultError, GuestBrokeError)
    with sliced(shop.engine, named="the Python interpreter", breaks=breaks):
        return _Job(source, shop, foundation).parts()


class _Job:
    """One build."""

    def __init__(self, source: Source, shop: Workshop, foundation: Foundation) -> None:
        self.source = source
        self.shop = shop
        self.foundation = foundation
        self.handler = (source.handler or DEFAULT_HANDLER).rpartition(".")[2]
        self.module = source.entry.removesuffix(CODE_SUFFIX).replace("/", ".")
        self.resolver = Resolver(source.files, foundation)
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
                warnings.append(runs_anew(said))
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
                    self.resolver.refuse_unknown(path, imports)
                    preload.update(dict.fromkeys(self.resolver.of_library(imports)))
                elif status == FULL:
                    raise BuildLimitError(f"{path} is too large to be compiled", remedy="Split it.")
                elif "/" not in path or path == self.source.entry:
                    raise syntax_error(path, json.loads(answer))
        finally:
            compiler.close()
        return list(preload)

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
                    raise top_level_error(json.loads(answer), self.source.entry)
                if not wanted["later"]:
                    refuse_no_handler(self.source.entry, self.handler, json.loads(answer))
                    warnings = remarks(
                        host, random_used=self.session.random_used, time_used=self.session.time_used
                    )
            instance.expect(SETTLE)
            return instance.freeze(), warnings, []
        finally:
            instance.close()


def _cached(path: str) -> str:
    """Return where Python looks for a file's bytecode."""
    folder, _, name = f"{TASK}/{path}".rpartition("/")
    return f"{folder}/__pycache__/{name.removesuffix(CODE_SUFFIX)}.cpython-314.pyc"
