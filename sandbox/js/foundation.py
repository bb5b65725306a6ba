"""What all functions of kind ``js`` share on one machine: compiled engine, library bytecode, base image.

Made once, in a build child, and kept as an artefact; a worker maps it. The base image is the engine after start-up
with the library's main part run: a function's image is stored as what differs from it.
"""

import hashlib
import json
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from weakref import WeakKeyDictionary

import msgpack

from sandbox.artifacts import ArtifactStore
from sandbox.builder import cpu_features
from sandbox.capi import (
    WASM_PAGE_BYTES,
    WASMTIME_VERSION,
    CallShape,
    Engine,
    EngineConfig,
    EngineError,
    Entry,
    InstancePre,
    Memory,
    Store,
)
from sandbox.errors import ArtifactError, SettingsError
from sandbox.guest import CURRENT
from sandbox.hostcalls import HostFunctions
from sandbox.js.image import Image
from sandbox.js.imports import define_imports

HERE = Path(__file__).parent
EXPORTS = (
    "memory", "_initialize", "inbox", "state", "init", "compile", "boot", "build", "freeze", "randomness", "start",
    "resume",
)  # fmt: skip
(MEMORY, INITIALIZE, INBOX, STATE, INIT, COMPILE, BOOT, BUILD, FREEZE, RANDOMNESS, START, RESUME) = range(12)
INBOX_BYTES = 16_384  # engine.c
STACK_BYTES = 262_144  # engine_build.py
JS_STACK_BYTES = (
    160_000  # of it, before JavaScript throws RangeError; C needs the rest, and the host's stack too
)
PENDING, FINISHED, THREW = range(3)
NOTHING = CallShape("", "")
GIVES_I32 = CallShape("", "i")
GIVES_I64 = CallShape("", "q")
TAKES_I32 = CallShape("i", "")
LENGTH = CallShape("i", "i")
COMPILE_SHAPE = CallShape("iii", "i")
START_SHAPE = CallShape("iqd", "i")
RESUME_SHAPE = CallShape("iii", "i")
BUILD_MEMORY_BYTES = 512 * 1024 * 1024
_CODE, _BASE, _LIBRARY = "engine.cwasm", "base.z", "library"


@dataclass(frozen=True, slots=True, kw_only=True)
class Foundation:
    """The shared parts, loaded. ``inbox`` and ``state`` are addresses in every instance.

    No two base images are alike (they hold the seed of the engine's hashes): ``base_digest`` tells which one this is.
    """

    pre: InstancePre
    base: bytes
    base_digest: str
    image: Image
    library: dict[str, bytes]
    inbox: int
    state: int
    entry: Entry


@cache
def foundation_key() -> str:
    """Return the digest of the engine and the library: part of every artefact of kind ``js``."""
    digest = hashlib.sha256()
    for path in (HERE / "engine.wasm", *_library_files()):
        try:
            digest.update(path.read_bytes())
        except FileNotFoundError:
            raise SettingsError(
                f"the JavaScript engine is not installed: {path.name} is missing",
                remedy="Run python sandbox/js/engine_build.py, or install the package again.",
            ) from None
    return digest.hexdigest()


def _library_files() -> list[Path]:
    return sorted((HERE / "lib").glob("*.js"))


def _artifact_name() -> str:
    head = [foundation_key(), WASMTIME_VERSION, dict(EngineConfig().compatibility), cpu_features()]
    return hashlib.sha256(json.dumps(["js foundation", head], sort_keys=True).encode()).hexdigest()


_loaded: WeakKeyDictionary[HostFunctions, dict[Path, Foundation]] = WeakKeyDictionary()


def load_foundation(engine: Engine, functions: HostFunctions, artifacts: ArtifactStore) -> Foundation:
    """Return the shared parts; they live as long as the engine. Raises ArtifactError when nothing was built."""
    known = _loaded.setdefault(functions, {})
    folder = artifacts.folder.absolute()
    if folder in known:
        return known[folder]
    artifact = artifacts.open(_artifact_name())
    define_imports(functions.linker)
    try:
        pre = functions.linker.prepare(engine.load(artifact.path(_CODE)), EXPORTS)
    except EngineError as error:
        raise ArtifactError(
            f"the JavaScript engine does not load: {error}", remedy="Deploy again."
        ) from error
    base = zlib.decompress(artifact.read(_BASE))
    facts = artifact.facts
    inbox, state = facts["inbox"], facts["state"]
    assert isinstance(inbox, int)
    assert isinstance(state, int)
    loaded = Foundation(
        pre=pre,
        base=base,
        base_digest=hashlib.blake2b(base, digest_size=16).hexdigest(),
        image=Image(base),
        library=msgpack.unpackb(artifact.read(_LIBRARY)),
        inbox=inbox,
        state=state,
        entry=Entry(inbox=inbox, state=state, memory=MEMORY, start=START),
    )
    known[folder] = loaded
    return loaded


def ensure_foundation(engine: Engine, functions: HostFunctions, artifacts: ArtifactStore) -> Foundation:
    """Return the shared parts, made now (seconds, once per machine) if need be. In the build child only."""
    name = _artifact_name()
    if not artifacts.has(name):
        _make(engine, functions, artifacts, name)
    return load_foundation(engine, functions, artifacts)


def _make(engine: Engine, functions: HostFunctions, artifacts: ArtifactStore, name: str) -> None:
    module = engine.compile((HERE / "engine.wasm").read_bytes())
    define_imports(functions.linker)
    pre = functions.linker.prepare(module, EXPORTS)
    compiler = Instance(engine, pre)
    library = {}
    for path in _library_files():
        text = compiler.compile(f"edgefaas:{path.stem}", path.read_text(), module=False, first_line=1)[1]
        library[path.stem] = text
    inbox, state = compiler.address(INBOX), compiler.address(STATE)
    compiler.close()
    builder = Instance(engine, pre)
    main = library["main"]
    if builder.enter(BOOT, LENGTH, main) != FINISHED:
        raise SettingsError(
            f"the JavaScript library does not start: {builder.output()!r}", remedy="Report it."
        )
    base = builder.freeze()
    builder.close()
    artifacts.put(
        name,
        {_CODE: module.serialize(), _BASE: zlib.compress(base, 9), _LIBRARY: msgpack.packb(library)},
        kind="js-foundation",
        facts={"inbox": inbox, "state": state},
    )


class Instance:
    """An instance at build time: calls run to their end, for epochs do not tick unless the builder says so."""

    def __init__(self, engine: Engine, pre: InstancePre, image: Image | None = None) -> None:
        self._store = Store(engine, memory_bytes=BUILD_MEMORY_BYTES)
        self._finish(done=self._store.instantiate(pre))
        self.memory: Memory = self._store.memory(MEMORY)
        if image is None:
            self.call(INITIALIZE, NOTHING)
            self.call(INIT, TAKES_I32, JS_STACK_BYTES)
        else:
            have = self.memory.size_bytes() // WASM_PAGE_BYTES
            if image.pages() > have:
                self.memory.grow(image.pages() - have)
            image.restore(self.memory)
        self._inbox, self._state = self.address(INBOX), self.address(STATE)

    def call(self, export: int, shape: CallShape, *arguments: int) -> None:
        """Call an export and wait for it."""
        self._finish(done=self._store.call(export, shape, *arguments))

    def _finish(self, *, done: bool) -> None:
        while not done:
            self.between()
            done = self._store.poll()

    def between(self) -> None:
        """Look after deadlines between slices."""

    def address(self, export: int) -> int:
        """Return what an export without arguments gives."""
        self.call(export, GIVES_I32)
        return self._store.result()

    def enter(self, export: int, shape: CallShape, data: bytes, *arguments: int) -> int:
        """Call an export that reads ``data``, whose length is its last argument."""
        CURRENT.guest.memory = self.memory
        if len(data) < INBOX_BYTES:
            self.memory.write(self._inbox, data)
        else:
            CURRENT.guest.result = data
        self.call(export, shape, *arguments, len(data))
        return self._store.result()

    def output(self) -> bytes:
        """Return what the last entry left."""
        where = self.memory.read(self._state, 8)
        return self.memory.read(int.from_bytes(where[:4], "little"), int.from_bytes(where[4:], "little"))

    def compile(self, name: str, text: str, *, module: bool, first_line: int) -> tuple[bytes, bytes]:
        """Return what a file imports and exports (JSON, empty for scripts) and its bytecode. Raises ScriptError."""
        data = name.encode() + b"\0" + text.encode()
        if self.enter(COMPILE, COMPILE_SHAPE, data, int(module), first_line) != FINISHED:
            raise ScriptError(json.loads(self.output()))
        head, _, code = self.output().partition(b"\n")
        return head, code

    def randomness(self) -> int:
        """Return the state of Math.random."""
        self.call(RANDOMNESS, GIVES_I64)
        return self._store.result()

    def freeze(self) -> bytes:
        """Return the memory up to the end of the heap."""
        self.call(FREEZE, GIVES_I32)
        return self.memory.read(0, self._store.result())

    def close(self) -> None:
        """Drop the instance."""
        self._store.close()


class ScriptError(Exception):
    """A script threw, or does not parse; ``told`` is what the engine says of it."""

    def __init__(self, told: dict[str, str]) -> None:
        super().__init__(told.get("message", "unknown error"))
        self.stack = told.get("stack") or ""
        self.told = told
