"""Kind ``event``: a core module with a one-call ABI; a fresh instance for every invocation.

It exports ``memory``, ``alloc(len i32) -> i32`` and ``handle(ptr i32, len i32) -> i64``, which is
``ptr << 32 | len``, and may export ``_initialize()``, which runs first. See docs/guest-abi.md.
"""

import re

from sandbox.artifacts import Artifact
from sandbox.binary import check_exports, check_imports, describe
from sandbox.capi import (
    CallShape,
    Course,
    EngineError,
    EventStore,
    InstancePre,
    Module,
    Progress,
    wat_to_wasm,
)
from sandbox.contract import Kind, Limit, Limits, Source
from sandbox.errors import ArtifactError, CompileError
from sandbox.guest import Guest, LimitReachedError
from sandbox.kinds import Bench, Parts, Steps, Workshop
from sandbox.slices import rest

BUILD_VERSION = "1"
DEFAULT_HANDLER = "handle"
CODE = "module.cwasm"
_U32 = 0xFFFF_FFFF
_MEMORY, _INITIALIZE = 0, 3  # exports by index; alloc and handle are 1 and 2, see Store.exchange
_INITIALIZE_SHAPE = CallShape("", "")


def build(source: Source, shop: Workshop) -> Parts:
    """Compile a core module or WebAssembly text. Raises BuildError."""
    handler = source.handler or DEFAULT_HANDLER
    wasm, module = compiled(source, shop)
    facts = describe(wasm)
    check_imports(facts, shop.functions.offered)
    check_exports(facts, (("memory", "memory"), ("alloc", "(i32) -> i32"), (handler, "(i32, i32) -> i64")))
    shop.functions.check(module)
    return Parts(
        files={CODE: module.serialize()},
        facts={"handler": handler, "initialize": facts.has_function("_initialize", "() -> ()")},
    )


def compiled(source: Source, shop: Workshop) -> tuple[bytes, Module]:
    """Return the entry's binary and its code. Raises CompileError."""
    wasm = assembled(source)
    try:
        return wasm, shop.engine.compile(wasm)
    except EngineError as error:
        raise CompileError(
            f"{source.entry} is not valid WebAssembly: {error}", remedy="Build it again."
        ) from error


def assembled(source: Source) -> bytes:
    """Return the entry's binary module; WebAssembly text is assembled. Raises CompileError."""
    data = source.files.get(source.entry)
    if data is None:
        raise CompileError(f"there is no file {source.entry!r}", remedy="Name the entry in function.toml.")
    if data.startswith(b"\0asm"):
        return data
    if data.startswith(b"\x7fELF"):
        raise CompileError(
            f"{source.entry} is compiled machine code, which is never accepted",
            remedy="Deploy the .wasm it was made from.",
        )
    if not source.entry.endswith(".wat"):
        raise CompileError(f"{source.entry} is no WebAssembly module", remedy="Deploy a .wasm or .wat file.")
    try:
        return wat_to_wasm(data)
    except EngineError as error:
        raise wat_error(source.entry, str(error)) from error


def wat_error(entry: str, text: str) -> CompileError:
    """Return the assembler's complaint, with its line and column: it says ``--> <anon>:3:8``."""
    place = re.search(r"--> [^\n:]*:(\d+):(\d+)", text)
    where = f"{entry}:{place[1]}:{place[2]}" if place else entry
    line = int(place[1]) if place else None
    return CompileError(f"{where}: {text.splitlines()[0]}", remedy="Mend the text.", line=line)


def load(artifact: Artifact, bench: Bench) -> "EventProgram":
    """Map the compiled module. Raises ArtifactError."""
    exports = ["memory", "alloc", str(artifact.facts["handler"])]
    if artifact.facts["initialize"]:
        exports.append("_initialize")
    pre = mapped(artifact, bench, tuple(exports))
    return EventProgram(bench, pre, initialize=bool(artifact.facts["initialize"]))


def mapped(artifact: Artifact, bench: Bench, exports: tuple[str, ...]) -> InstancePre:
    """Map an artefact's code, imports resolved. Raises ArtifactError."""
    try:
        return bench.functions.linker.prepare(bench.engine.load(artifact.path(CODE)), exports)
    except EngineError as error:
        raise ArtifactError(
            f"artefact {artifact.name[:16]} does not load: {error}", remedy="Deploy it again."
        ) from error


class EventProgram:
    """A loaded function of kind ``event``."""

    kind = Kind.EVENT

    def __init__(self, bench: Bench, pre: InstancePre, *, initialize: bool) -> None:
        self._engine = bench.engine
        self._memory_max_bytes = bench.memory_max_bytes
        self._pre = pre
        self._initialize = initialize
        self._limits: Limits | None = None
        self._course: Course | None = None

    def run(self, guest: Guest) -> bytes | Steps:
        """Instantiate, hand the event over, call, copy the result out: all at once where that is possible."""
        if self._initialize:
            return self._steps(guest, None)
        if guest.limits is not self._limits:
            self._limit(guest.limits)
        assert self._course is not None
        try:
            came = EventStore.at_once(self._course, guest.event)
        except BaseException:
            guest.memory = None  # it went with the instance
            raise
        if not isinstance(came, tuple):
            return self._steps(guest, came)
        output, guest.memory_bytes = came  # by far the most frequent
        guest.memory = None
        if guest.wasi is not None:
            guest.wasi.flush()
        return output

    def _limit(self, limits: Limits) -> None:
        """Go by these limits, which stay the same until the function is deployed or configured anew."""
        memory_bytes = min(limits.memory_bytes, self._memory_max_bytes)
        self._course = Course(
            self._engine, self._pre, memory_bytes=memory_bytes, output_max=limits.output_bytes
        )
        self._limits = limits

    def _steps(self, guest: Guest, store: EventStore | None) -> Steps:
        """Go on a slice at a time, from the start or from where the first slice has come to."""
        event, output_max = guest.event, guest.limits.output_bytes
        if store is None:
            memory_bytes = min(guest.limits.memory_bytes, self._memory_max_bytes)
            store = EventStore(self._engine, self._pre, memory_bytes=memory_bytes)
        try:
            if not store.ready:
                yield from rest(store)
            guest.memory = memory = store.memory(_MEMORY)
            if self._initialize and not store.call(_INITIALIZE, _INITIALIZE_SHAPE):
                yield from rest(store)
            came = store.exchange(memory, event, output_max)
            if isinstance(came, bytes):  # by far the most frequent
                return came
            if came is Progress.IN_ALLOC:
                yield from rest(store)
                came = store.handle(memory, event)
            if came is Progress.IN_HANDLE:
                yield from rest(store)
            packed = store.result()
            length = packed & _U32
            if length > output_max:
                raise LimitReachedError(Limit.OUTPUT, output_max)
            return memory.read(packed >> 32, length)
        finally:
            if guest.wasi is not None:
                guest.wasi.flush()
            if guest.memory is not None:
                guest.memory_bytes = guest.memory.size_bytes()
                guest.memory = None
            store.close()

    def forget(self) -> None:
        """Do nothing: no image is kept."""

    def drop_idle(self) -> bool:
        """Return False: every invocation has a fresh instance."""
        return False
