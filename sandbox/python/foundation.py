"""What all functions of kind ``python`` share on one machine: compiled CPython, standard library, base image.

Made once, in a build child, and kept as an artefact; a worker maps it. The base image is CPython after start-up
with lib/boot.py loaded: every function's image is made from it.
"""

import fcntl
import hashlib
import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from weakref import WeakKeyDictionary

import msgpack

from sandbox.artifacts import Artifact, ArtifactStore
from sandbox.builder import cpu_features
from sandbox.capi import (
    WASM_PAGE_BYTES,
    WASMTIME_VERSION,
    CallShape,
    Engine,
    EngineConfig,
    EngineError,
    InstancePre,
    Memory,
    RecycledStore,
)
from sandbox.errors import ArtifactError, CompileError
from sandbox.guest import CURRENT
from sandbox.hostcalls import HostFunctions
from sandbox.python import dylib
from sandbox.python.image import Image
from sandbox.python.imports import LIBRARY, MODULE, Tree, Trees, define_imports
from sandbox.python.linking import link
from sandbox.python.parts import cpython, package_digest
from sandbox.python.rehearsal import rehearse

HERE = Path(__file__).parent
PROTOCOL = 1  # changes with what program.py and lib/boot.py say to each other
EXPORTS = ("memory", "_initialize", "shim_start", "shim_step", "shim_inbox", "shim_output", "shim_heap_end")
(MEMORY, INITIALIZE, START, STEP, INBOX, OUTPUT, HEAP_END) = range(7)
CHECK, PRELOAD, LOAD, SETTLE, HANDLE = range(1, 6)  # lib/boot.py
DONE, THREW, FULL, BROKEN = range(4)  # engine.c
INBOX_BYTES = 16_384  # engine.c
STACK_BYTES = 128 * 1024  # of it CPython leaves a margin; more, and it would use up the host's stack before
NOTHING, GIVES_I32, STEP_SHAPE = CallShape("", ""), CallShape("", "i"), CallShape("ii", "i")
BUILD_MEMORY_BYTES = 512 * 1024 * 1024
_OURS = {
    f"{LIBRARY}/edgefaas.py": "lib/edgefaas.py",
    f"{LIBRARY}/edgefaas_asyncio.py": "lib/asyncloop.py",
    f"{LIBRARY}/edgefaas_boot.py": "lib/boot.py",
    f"{LIBRARY}/edgefaas_fetch.py": "lib/fetch.py",
    f"{LIBRARY}/ssl.py": "lib/ssl.py",
}
_ADAPTED = {  # ends of the library's modules that call one of ours
    f"{LIBRARY}/asyncio/__init__.py": "edgefaas_asyncio",
    f"{LIBRARY}/http/client.py": "edgefaas_fetch",
}
_OTHERS_WRITE = 0o022
_KEPT = 3  # versions in the user's cache: checkouts and installations may differ
# Of the standard library, what functions at the edge hardly use: kept as source, compiled when a function imports it.
_RARE = tuple(
    f"{LIBRARY}/{name}"
    for name in (
        "_pydatetime", "_pydecimal", "_pyio", "bdb", "cProfile", "cmd", "code.", "codeop", "compileall",
        "doctest", "encodings/cp", "encodings/iso", "encodings/mac", "encodings/koi", "ftplib", "http/server",
        "imaplib", "logging/config", "logging/handlers", "mailbox", "modulefinder", "multiprocessing/", "optparse",
        "pdb", "pickletools", "poplib", "profile", "pstats", "pyclbr", "pydoc", "smtplib", "socketserver", "sqlite3/",
        "tarfile", "trace.", "tracemalloc", "unittest/", "webbrowser", "wsgiref/", "xml/dom", "xml/sax", "xmlrpc/",
        "zipapp",
    )
)  # fmt: skip
_CODE, _BASE, _LIBRARY = "cpython.cwasm", "base.image", "library"
_MADE_BY = ("dylib.py", "foundation.py", "instructions.py", "linking.py", "symbols.py", *_OURS.values())


@cache
def foundation_name() -> str:
    """Return the name of the shared parts' artefact: a digest of all that they are made of. Raises CompileError."""
    digest = hashlib.sha256(package_digest().encode())
    for path in (_shim(), *(HERE / name for name in _MADE_BY)):
        digest.update(path.read_bytes())
    head = [WASMTIME_VERSION, dict(EngineConfig().compatibility), cpu_features(), PROTOCOL]
    digest.update(json.dumps(head, sort_keys=True).encode())
    return digest.hexdigest()


def _shim() -> Path:
    path = HERE / "shim.wasm"
    if not path.is_file():
        raise CompileError(
            "the sandbox's part of the Python interpreter is not built: shim.wasm is missing",
            remedy="Run python sandbox/python/shim_build.py, or install the package again.",
        )
    return path


@dataclass(frozen=True, kw_only=True)
class Foundation:
    """The shared parts, loaded. ``inbox`` and ``output`` are addresses in every instance."""

    artifact: Artifact
    pre: InstancePre
    base: Image
    builtin: frozenset[str]
    inbox: int
    output: int

    @cached_property
    def library(self) -> Tree:
        """Return the standard library as bytecode; read when something first asks for a file of it."""
        return Tree(msgpack.unpackb(self.artifact.read(_LIBRARY)), zlib.decompress)


_loaded: WeakKeyDictionary[HostFunctions, dict[str, Foundation]] = WeakKeyDictionary()


def load_foundation(
    name: str, engine: Engine, functions: HostFunctions, artifacts: ArtifactStore
) -> Foundation:
    """Return the shared parts; they live as long as the engine. Raises ArtifactError when nothing was built."""
    known = _loaded.setdefault(functions, {})
    if name in known:
        return known[name]
    artifact = artifacts.open(name)
    facts = artifact.facts
    if facts.get("protocol") != PROTOCOL:
        raise ArtifactError(
            "it was built by another version of EdgeFaaS", remedy="Deploy the function again."
        )
    define_imports(functions.linker)
    try:
        pre = functions.linker.prepare(engine.load(artifact.path(_CODE)), EXPORTS)
        base = Image.of_file(artifact.path(_BASE))
    except (EngineError, OSError) as error:
        raise ArtifactError(
            f"the Python interpreter does not load: {error}", remedy="Deploy again."
        ) from error
    inbox, output = facts["inbox"], facts["output"]
    assert isinstance(inbox, int)
    assert isinstance(output, int)
    builtin = facts["builtin"]
    assert isinstance(builtin, list)
    loaded = known[name] = Foundation(
        artifact=artifact,
        pre=pre,
        base=base,
        builtin=frozenset((*builtin, "_edgefaas")),
        inbox=inbox,
        output=output,
    )
    return loaded


def ensure_foundation(engine: Engine, functions: HostFunctions, artifacts: ArtifactStore) -> Foundation:
    """Return the shared parts, made now if need be. In the build child only.

    Making them takes some ten seconds of CPU, so the user's cache keeps them for all artefact folders of this machine,
    under a seal of its own: what is taken from there is verified, as everything that is loaded.
    """
    name = foundation_name()
    if not artifacts.has(name):
        kept = _kept_store()
        if kept is None:
            _make(artifacts, name)
        else:
            _copy(_open_or_make(kept, name), artifacts)
    return load_foundation(name, engine, functions, artifacts)


def _kept_store() -> ArtifactStore | None:
    """Return the artefacts of the user's cache; None where that is not this user's alone to write."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "edgefaas" / "python"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
        if status.st_uid != os.getuid() or status.st_mode & _OTHERS_WRITE:
            return None
        return ArtifactStore(folder)
    except OSError:
        return None


def _open_or_make(store: ArtifactStore, name: str) -> Artifact:
    """Return the artefact; of several processes that want it, one makes it and the others wait."""
    with (store.folder / ".making").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            return store.open(name)
        except ArtifactError:
            store.remove(name)
        _make(store, name)
        for old in _oldest(store.folder)[:-_KEPT]:
            store.remove(old)
    return store.open(name)


def _oldest(folder: Path) -> list[str]:
    """Return the artefacts in a folder, the oldest first."""
    found = (path for path in folder.iterdir() if path.is_dir() and path.name.isalnum())
    return [path.name for path in sorted(found, key=lambda path: path.stat().st_mtime_ns)]


def _copy(artifact: Artifact, to: ArtifactStore) -> None:
    files = {file: artifact.read(file) for file in (_CODE, _BASE, _LIBRARY)}
    to.put(artifact.name, files, kind=artifact.kind, facts=artifact.facts)


def _make(artifacts: ArtifactStore, name: str) -> None:
    libraries, sources = cpython()
    shim = dylib.read("shim", _shim().read_bytes())
    linked = link(
        (shim, *libraries),
        host=MODULE,
        exports=EXPORTS[2:],
        stack_bytes=STACK_BYTES,
        missing_ok=may_be_missing,
    )
    engine = Engine(EngineConfig(parallel_compilation=True))
    functions = HostFunctions(engine)
    define_imports(functions.linker)
    module = engine.compile(linked.wasm)
    pre = functions.linker.prepare(module, EXPORTS)
    sources |= {path: (HERE / ours).read_bytes() for path, ours in _OURS.items()}
    for path, ours in _ADAPTED.items():
        sources[path] += f"\n\nfrom {ours} import adapt\nadapt(__name__)\ndel adapt\n".encode()
    library = compiled_library(engine, pre, linked.memory, sources)
    rehearse(Trees(Tree({}), Tree(library)))
    instance = Instance(engine, pre)
    instance.begin(linked.memory)
    builtin = json.loads(instance.expect(SETTLE))
    facts = {
        "inbox": instance.inbox,
        "output": instance.output_at,
        "builtin": builtin,
        "protocol": PROTOCOL,
    }
    base = instance.freeze()
    instance.close()
    artifacts.put(
        name,
        {
            _CODE: module.serialize(),
            _BASE: base,
            _LIBRARY: msgpack.packb({path: zlib.compress(code) for path, code in library.items()}),
        },
        kind="python-foundation",
        facts=facts,
    )


def may_be_missing(symbol: str) -> bool:
    """Whether a symbol may stay without a definition: libc's calls of WASI, which the shim leaves nothing to do."""
    return symbol.startswith("wasi:") or symbol == "__main_argc_argv"


def compiled_library(
    engine: Engine, pre: InstancePre, memory: bytes, sources: Mapping[str, bytes]
) -> dict[str, bytes]:
    """Return the standard library by path: bytecode, and the source of what is rarely used."""
    rehearse(Trees(Tree({}), Tree(sources)))
    compiler = Instance(engine, pre)
    compiler.begin(memory)
    library = {}
    for path, source in sources.items():
        if path.startswith(_RARE):
            library[path] = source
        else:
            answer = compiler.expect(CHECK, path.encode() + b"\0" + source)
            library[f"{path}c"] = answer.partition(b"\n")[2]
    compiler.close()
    return library


class GuestBrokeError(Exception):
    """CPython itself could not do what it was asked; the message is its own."""


class Instance:
    """An instance at build time: calls run to their end, for epochs do not tick unless the builder says so."""

    def __init__(self, engine: Engine, pre: InstancePre) -> None:
        self._store = RecycledStore(engine, memory_bytes=BUILD_MEMORY_BYTES)
        self._finish(done=self._store.instantiate(pre))
        self.memory: Memory = self._store.memory(MEMORY)
        CURRENT.guest.memory = self.memory
        self.inbox = self.output_at = 0

    def begin(self, memory: bytes) -> None:
        """Start CPython. Raises GuestBrokeError."""
        self._grow(len(memory))
        self.memory.write(0, memory)
        self._call(INITIALIZE, NOTHING)
        self.inbox, self.output_at = self._call(INBOX, GIVES_I32), self._call(OUTPUT, GIVES_I32)
        if self._call(START, GIVES_I32) != DONE:
            raise GuestBrokeError(self.output().decode("utf-8", "replace"))

    def restore(self, foundation: Foundation) -> None:
        """Begin as the base image instead."""
        self._grow(foundation.base.size_bytes)
        foundation.base.restore(self._store, self.memory)
        self.inbox, self.output_at = foundation.inbox, foundation.output

    def step(self, number: int, data: bytes = b"") -> tuple[int, bytes]:
        """Do a step of lib/boot.py; return its status and its answer."""
        CURRENT.guest.memory = self.memory
        if len(data) < INBOX_BYTES:
            self.memory.write(self.inbox, data)
        else:
            CURRENT.guest.result = data
        status = self._call(STEP, STEP_SHAPE, number, len(data))
        return status, self.output()

    def expect(self, number: int, data: bytes = b"") -> bytes:
        """Do a step that cannot fail. Raises GuestBrokeError."""
        status, answer = self.step(number, data)
        if status != DONE:
            raise GuestBrokeError(answer.decode("utf-8", "replace"))
        return answer

    def output(self) -> bytes:
        """Return what the last step left."""
        where = self.memory.read(self.output_at, 8)
        return self.memory.read(int.from_bytes(where[:4], "little"), int.from_bytes(where[4:], "little"))

    def freeze(self) -> bytes:
        """Return the memory up to the end of the heap, whole pages."""
        return self.memory.read(0, self._call(HEAP_END, GIVES_I32))

    def _grow(self, size: int) -> None:
        lacking = -(-(size - self.memory.size_bytes()) // WASM_PAGE_BYTES)
        if lacking > 0 and not self.memory.grow(lacking):
            raise GuestBrokeError(f"{size} bytes of memory are more than a build may have")

    def _call(self, export: int, shape: CallShape, *arguments: int) -> int:
        self._store.renew_slice()
        self._finish(done=self._store.call(export, shape, *arguments))
        return self._store.result() if shape.results else 0

    def _finish(self, *, done: bool) -> None:
        while not done:
            self.between()
            done = self._store.poll()

    def between(self) -> None:
        """Look after deadlines between slices."""

    def close(self) -> None:
        """Drop the instance."""
        self._store.close()
