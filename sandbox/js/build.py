"""Make a function's image: parse in an instance that is thrown away, run its module scope in a clean one, freeze.

Runs in the build child. What the module scope asks of a host that only a request has (environment, fetch …) is
not there yet: then the image is taken before module scope, which runs anew in each request.
"""

import json
import re
import time
import zlib
from contextlib import suppress
from dataclasses import dataclass

import msgpack

from sandbox.capi import GuestTrapError, Ticker
from sandbox.contract import Source
from sandbox.errors import (
    BuildError,
    BuildLimitError,
    CompileError,
    ForbiddenImportError,
    MissingExportError,
)
from sandbox.guest import CURRENT, Guest, LimitReachedError
from sandbox.js.bundle import (
    COMMON,
    DATA,
    ROOT,
    chunks_for,
    kinds_of,
    mentions_records,
    names_from_aws,
    names_in,
)
from sandbox.js.foundation import (
    BUILD,
    FINISHED,
    LENGTH,
    THREW,
    Foundation,
    Instance,
    ScriptError,
    ensure_foundation,
    foundation_key,
)
from sandbox.js.image import pack
from sandbox.js.imports import Package, Session
from sandbox.js.scan import imports_of
from sandbox.kinds import Parts, Workshop
from sandbox.rehearsal import LIMITS, MODULE_SCOPE_S, Rehearsal

ENVIRONMENT = "process.env"
IMAGE, PACKAGE = "image.z", "package.z"
DEFAULT_HANDLER = "handler"
LOCAL_HANDLER = "edgefaas handler"
WRAPPER = "(function (exports, require, module, __filename, __dirname) { "
_SLICE_US = 10_000
IMPORT_WARNINGS = 5
_REQUIRE = re.compile(r"\brequire\s*\(")
_PACKAGE = re.compile(r"(?:node:|@[\w.~-]+/)?[\w.~-]+(?:/[^\s'\"`]+)?")
_IN_LAMBDA = re.compile(r"@aws-sdk/|aws-sdk(?:/|$)")  # lib/aws.js stands in where it is not deployed
_LOCAL_NAME = re.compile(r"^[A-Za-z_$][\w$]*$")


class _Builder(Instance):
    """An instance with a deadline for what it runs."""

    deadline_s = float("inf")

    def between(self) -> None:
        """Stop module scope that does not end."""
        if time.process_time() > self.deadline_s:
            raise BuildLimitError(
                f"the top level of the function did not end within {MODULE_SCOPE_S} s of CPU",
                remedy="Move the work into the handler, or end the loop.",
            )


@dataclass(frozen=True, slots=True)
class _Result:
    image: bytes
    facts: dict[str, object]
    warnings: list[str]
    wanted: list[str]


def build(source: Source, shop: Workshop) -> Parts:
    """Build a function of kind ``js``. Raises BuildError."""
    guest = CURRENT.guest = Guest(b"", LIMITS, Rehearsal(ENVIRONMENT))
    nothing = Package(library={}, bytecode={}, files={}, kinds={})
    guest.scratch = Session(guest, nothing, deadline_s=time.monotonic(), waits=False)
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
    except GuestTrapError as error:
        raise CompileError(
            f"the JavaScript engine stopped: {error}", remedy="Look for deep recursion at the top level."
        ) from error
    finally:
        ticker.close()


class _Job:
    """One build."""

    def __init__(self, source: Source, shop: Workshop, foundation: Foundation) -> None:
        self.source = source
        self.shop = shop
        self.foundation = foundation
        self.kinds = kinds_of(source.files)
        self.entry = ROOT + source.entry
        if self.kinds[self.entry] == DATA:
            self.kinds[self.entry] = COMMON
        self.handler = (source.handler or DEFAULT_HANDLER).rpartition(".")[2]
        self.bytecode: dict[str, bytes | str] = {}
        self.imports: list[str] = []
        self.exports: list[str] = []

    def parts(self) -> Parts:
        """Compile, run, and pack."""
        files = self.source.files
        self.compile_all()
        own = [path for path in files if self.kinds[ROOT + path] != DATA and "node_modules/" not in path]
        imports = self.judge_imports(own)
        all_texts = [
            files[path].decode("utf-8", "replace") for path in files if self.kinds[ROOT + path] != DATA
        ]
        entry_text = files[self.source.entry].decode("utf-8", "replace")
        options: dict[str, object] = {
            "entry": self.entry,
            "handler": self.handler,
            "chunks": chunks_for(all_texts),
            "cloudfront": "cloudfront" in self.imports,
            "records": mentions_records(all_texts),
            "plainEvent": re.search(r"\.\s*(?:request|response|viewer)\b", entry_text) is not None,
            "aws": names_from_aws(all_texts),
            "rawQuery": "rawQueryString" in entry_text,
            "only": not self.source.handler,
            "lazy": False,
        }
        result = self.run(options)
        warnings = imports + result.warnings
        if result.wanted:
            asked = ", ".join(dict.fromkeys(result.wanted))
            if asked != ENVIRONMENT:
                warnings.append(
                    f"The top level uses {asked}, which only a request has: it runs anew in every request."
                )
            facts = result.facts
            result = self.run({**options, "lazy": True})
            result.facts.update(facts)
            if asked == ENVIRONMENT:  # a worker freezes it once more for each environment
                result.facts["scope"] = json.dumps({**options, "chunks": []})
        facts = {**result.facts, "image_bytes": len(result.image), "foundation": foundation_key()}
        facts["base"] = self.foundation.base_digest
        facts["crypto"] = any(re.search(r"\bcrypto\b", text) for text in all_texts)
        package = msgpack.packb(
            {
                "bytecode": self.bytecode,
                "files": {ROOT + path: data for path, data in files.items()},
                "kinds": self.kinds,
            }
        )
        return Parts(
            files={
                IMAGE: pack(result.image, self.foundation.base),
                PACKAGE: zlib.compress(package, 6),
            },
            facts=facts,
            warnings=tuple(warnings),
        )

    # ---- parsing --------------------------------------------------------------------------------------

    def compile_all(self) -> None:
        """Parse every code file; an error in the entry ends the build, others when they are loaded."""
        compiler = _Builder(self.shop.engine, self.foundation.pre, self.foundation.image)
        CURRENT.guest.memory = compiler.memory
        try:
            for path, data in self.source.files.items():
                full = ROOT + path
                if self.kinds[full] == DATA:
                    continue
                text = data.decode("utf-8", "replace").removeprefix("\ufeff")
                try:
                    self.bytecode[full] = self.compile_file(compiler, full, text)
                except ScriptError as error:
                    if full == self.entry:
                        before = len(WRAPPER) if self.kinds[full] == COMMON else 0
                        raise _compile_error(error, text, before) from error
                    self.bytecode[full] = f"{error} ({_place(error) or path})"
        finally:
            compiler.close()

    def compile_file(self, compiler: Instance, path: str, text: str) -> bytes:
        """Return a file's bytecode; ES modules that export no handler, but have one, export it aside."""
        if self.kinds[path] == COMMON:
            return compiler.compile(path, self.wrapped(path, text), module=False, first_line=1)[1]
        head, code = compiler.compile(path, text, module=True, first_line=1)
        if path != self.entry:
            return code
        told = json.loads(head)
        self.imports, self.exports = told["imports"], told["exports"]
        if _REQUIRE.search(text) and "createRequire" not in text:
            # CloudFront takes import and require in one file; Node does not, and nobody's code relies on that.
            made = (
                'import { createRequire as edgefaasRequire } from "module"; const require = edgefaasRequire'
            )
            text = f'{made}("{path}"); {text}'
            with suppress(ScriptError):  # it has a "require" of its own
                code = compiler.compile(path, text, module=True, first_line=1)[1]
        if self.handler in self.exports or "default" in self.exports or not _LOCAL_NAME.match(self.handler):
            return code
        aside = f'{text}\nexport {{ {self.handler} as "{LOCAL_HANDLER}" }};'
        try:
            return compiler.compile(path, aside, module=True, first_line=1)[1]
        except ScriptError:
            return code  # it has none; found() says so

    def wrapped(self, path: str, text: str) -> str:
        """Return a CommonJS file as Node wraps it; the entry's ends with its plain ``handler``, if any."""
        if text.startswith("#!"):
            text = "//" + text
        found = ""
        if path == self.entry and _LOCAL_NAME.match(self.handler):
            found = f';return typeof {self.handler} === "undefined" ? undefined : {self.handler}'
        return f"{WRAPPER}{text}\n{found}}})"

    def judge_imports(self, own: list[str]) -> list[str]:
        """Return warnings about imports of the author's own files that will throw when a call gets there.

        Raises:
            ForbiddenImportError: one that the file needs to be loaded is nowhere; the first is named.
        """
        warnings: list[str] = []
        for path in own:
            text = self.source.files[path].decode("utf-8", "replace")
            if all(
                self.can_load(name) and name.removeprefix("node:") not in USELESS for name in names_in(text)
            ):
                continue  # nearly always
            for wanted in imports_of(text):
                place, plain = f"{path}:{wanted.line}", wanted.name.removeprefix("node:")
                if plain in USELESS and wanted.at_once:
                    warnings.append(f"{place} imports {wanted.name!r}, whose functions throw here when used.")
                if wanted.guarded or self.can_load(wanted.name) or not _PACKAGE.fullmatch(wanted.name):
                    continue
                if wanted.at_once:
                    raise ForbiddenImportError(
                        f"{place} imports {wanted.name!r}, which is neither deployed nor built in",
                        remedy="Deploy it in node_modules, bundle it, or do without.",
                    )
                warnings.append(
                    f"{place} imports {wanted.name!r}, which is neither deployed nor built in: it throws there."
                )
        return warnings[:IMPORT_WARNINGS]

    def can_load(self, name: str) -> bool:
        """Whether an import may succeed; a relative one is judged when it runs."""
        if name.startswith((".", "/", "#", "file:")):
            return True
        plain = name.removeprefix("node:")
        if plain in BUILTINS or plain.partition("/")[0] in BUILTINS:
            return True
        if _IN_LAMBDA.match(name):
            return True
        parts = name.split("/")
        package = "/".join(parts[:2]) if name.startswith("@") else parts[0]
        return any(
            f"node_modules/{package}/" in path or path.startswith(f"node_modules/{package}.")
            for path in self.source.files
        )

    # ---- running --------------------------------------------------------------------------------------

    def run(self, options: dict[str, object]) -> _Result:
        """Run module scope in a clean instance and freeze it."""
        host = Rehearsal(ENVIRONMENT)
        guest = CURRENT.guest = Guest(b"", LIMITS, host)
        package = Package(
            library=self.foundation.library,
            bytecode=self.bytecode,
            files={ROOT + path: data for path, data in self.source.files.items()},
            kinds=self.kinds,
        )
        session = Session(guest, package, deadline_s=time.monotonic() + MODULE_SCOPE_S, waits=False)
        guest.scratch = session
        instance = _Builder(self.shop.engine, self.foundation.pre, self.foundation.image)
        guest.memory = instance.memory
        instance.deadline_s = time.process_time() + MODULE_SCOPE_S
        try:
            random_before = instance.randomness()
            status = instance.enter(BUILD, LENGTH, json.dumps(options).encode())
            if status == THREW:
                if host.wanted and not options["lazy"]:
                    return _Result(b"", self.guessed(options), [], host.wanted)
                raise self.error_of(json.loads(instance.output()))
            facts: dict[str, object] = {}
            if status == FINISHED:
                facts = json.loads(instance.output()) or {}
            elif not host.wanted:
                host.wanted.append("a timer")
            if host.wanted and not options["lazy"] and not facts:
                return _Result(b"", self.guessed(options), [], host.wanted)
            warnings = [f"The top level logged {line[:200]!r}." for line in host.lines[:3]]
            if not options["lazy"]:
                if facts.get("handler") is None:
                    raise self.no_handler(facts)
                if instance.randomness() != random_before or session.random_used:
                    warnings.append(
                        "The top level uses randomness: every request sees the same value. Draw it in the handler."
                    )
                if session.time_used:
                    warnings.append(
                        "The top level reads the time: every request sees the time of the deployment."
                    )
            return _Result(instance.freeze(), facts, warnings, [] if options["lazy"] else host.wanted)
        finally:
            instance.close()

    def guessed(self, options: dict[str, object]) -> dict[str, object]:
        """Return the facts of a function whose module scope could not run now."""
        exported = re.search(
            r"\bexports\b|\bexport\s", self.source.files[self.source.entry].decode(errors="replace")
        )
        lambda_edge = (bool(exported) or bool(options["records"])) and not options["cloudfront"]
        return {
            "handler": self.handler,
            "api": "lambda-edge" if lambda_edge else "cloudfront-functions",
        }

    def no_handler(self, facts: dict[str, object]) -> BuildError:
        """Return the error for a file without its handler."""
        names = facts.get("names")
        seen = (
            f"it exports {', '.join(map(str, names))}"
            if isinstance(names, list) and names
            else "it exports nothing"
        )
        return MissingExportError(
            f"{self.source.entry} has no handler named {self.handler!r}; {seen}",
            remedy=f"Write exports.{self.handler} = async (event) => …, or function {self.handler}(event) {{ … }}.",
        )

    def error_of(self, told: dict[str, str]) -> BuildError:
        """Return the error for what module scope threw."""
        error = ScriptError(told)
        place = _place(error)
        where = f" at {place}" if place else ""
        if told.get("fact"):
            return ForbiddenImportError(
                f"{place or self.source.entry} imports {told['fact']!r}, which is neither deployed nor built in",
                remedy="Deploy it in node_modules, bundle it, or do without.",
            )
        return _with_line(
            CompileError,
            f"the top level threw {error}{where}",
            error,
        )


def _place(error: ScriptError) -> str:
    """Return file:line of the innermost frame in the author's files."""
    found = re.search(re.escape(ROOT) + r"([^\s():]+:\d+)", error.stack)
    return found[1] if found else ""


def _compile_error(error: ScriptError, text: str, before: int) -> CompileError:
    """Return the error for a file that does not parse, with line and column.

    ``before`` are the characters that stand before its first line. What is missing is missing at its end.
    """
    found = re.search(re.escape(ROOT) + r"([^\s():]+):(\d+):(\d+)", error.stack)
    if found is None:
        return CompileError(str(error), remedy="Mend the source.")
    last = len(text.splitlines()) or 1
    line, column = int(found[2]), int(found[3])
    if line == 1:
        column = max(1, column - before)
    where = f"{found[1]}:{line}:{column}" if line <= last else f"{found[1]}:{last}, at its end"
    return CompileError(f"{where}: {error}", remedy="Mend the source.", line=min(line, last))


def _with_line(kind: type[CompileError], message: str, error: ScriptError) -> CompileError:
    place = _place(error)
    line = int(place.rpartition(":")[2]) if place else None
    return kind(message, remedy="Mend the source.", line=line)


BUILTINS = frozenset(
    [
        "assert",
        "async_hooks",
        "buffer",
        "child_process",
        "cloudfront",
        "cluster",
        "console",
        "constants",
        "crypto",
        "dgram",
        "diagnostics_channel",
        "dns",
        "domain",
        "events",
        "fs",
        "http",
        "http2",
        "https",
        "inspector",
        "module",
        "net",
        "os",
        "path",
        "perf_hooks",
        "process",
        "punycode",
        "querystring",
        "readline",
        "repl",
        "stream",
        "string_decoder",
        "sys",
        "timers",
        "tls",
        "tty",
        "url",
        "util",
        "v8",
        "vm",
        "wasi",
        "worker_threads",
        "zlib",
    ]
)
# Built-in modules that load, as packages want them, and of which nothing works.
USELESS = frozenset(
    ["child_process", "cluster", "dgram", "inspector", "repl", "vm", "wasi", "worker_threads"]
)
