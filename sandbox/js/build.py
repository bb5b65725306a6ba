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

from sandbox.capi import GuestTrapError
from sandbox.contract import Source
from sandbox.guest import CURRENT, Guest
from sandbox.js.bundle import (
    COMMON,
    DATA,
    ROOT,
    chunks_for,
    kinds_of,
    mentions_records,
    names_from_aws,
)
from sandbox.js.faults import compile_error, no_handler, place_of, top_level_error
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
from sandbox.js.resolving import judge
from sandbox.kinds import Parts, Workshop
from sandbox.rehearsal import (
    LIMITS,
    MODULE_SCOPE_S,
    Deadline,
    Rehearsal,
    refuse_no_entry,
    remarks,
    runs_anew,
    sliced,
)

ENVIRONMENT = "process.env"
IMAGE, PACKAGE = "image.z", "package.z"
DEFAULT_HANDLER = "handler"
LOCAL_HANDLER = "edgefaas handler"
WRAPPER = "(function (exports, require, module, __filename, __dirname) { "
_REQUIRE = re.compile(r"\brequire\s*\(")
_LOCAL_NAME = re.compile(r"^[A-Za-z_$][\w$]*$")


class _Builder(Instance):
    """An instance with a deadline for what it runs."""

    deadline = Deadline()

    def between(self) -> None:
        """Stop module scope that does not end."""
        self.deadline.check()


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
    refuse_no_entry(source)
    with sliced(shop.engine, named="the JavaScript engine", breaks=(GuestTrapError,)):
        return _Job(source, shop, foundation).parts()


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
        imports = judge(files, own)
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
                warnings.append(runs_anew(asked))
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
                        raise compile_error(error, text, before) from error
                    self.bytecode[full] = f"{error} ({place_of(error) or path})"
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
        instance.deadline = Deadline(
            MODULE_SCOPE_S,
            "the top level of the function",
            remedy="Move the work into the handler, or end the loop.",
        )
        try:
            random_before = instance.randomness()
            status = instance.enter(BUILD, LENGTH, json.dumps(options).encode())
            if status == THREW:
                if host.wanted and not options["lazy"]:
                    return _Result(b"", self.guessed(options), [], host.wanted)
                raise top_level_error(json.loads(instance.output()), self.source.entry)
            facts: dict[str, object] = {}
            if status == FINISHED:
                facts = json.loads(instance.output()) or {}
            elif not host.wanted:
                host.wanted.append("a timer")
            if host.wanted and not options["lazy"] and not facts:
                return _Result(b"", self.guessed(options), [], host.wanted)
            warnings: list[str] = []
            if not options["lazy"]:
                if facts.get("handler") is None:
                    raise no_handler(self.source.entry, self.handler, facts)
                random_used = instance.randomness() != random_before or session.random_used
                warnings = remarks(host, random_used=random_used, time_used=session.time_used)
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
