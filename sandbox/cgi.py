"""Kind ``cgi``: a WASI preview 1 command; request in environment and standard input, response on stdout.

The event is msgpack ``{"env": {name: value}, "stdin": bytes, "args": [text]}``; the output is what the
command wrote to standard output, raw. Standard error goes to the log. A status other than 0 is ``Threw``. A
fresh instance for every invocation. The function's own environment wins over the request's.
"""

from pathlib import PurePosixPath

import msgpack

from sandbox.artifacts import Artifact
from sandbox.binary import check_exports, check_imports, describe
from sandbox.capi import CallShape, InstancePre, Store
from sandbox.contract import Kind, Source
from sandbox.event import CODE, compiled, mapped
from sandbox.guest import Guest, GuestThrewError
from sandbox.kinds import Bench, Parts, Steps, Workshop
from sandbox.wasi import GuestExitError, Output, Wasi

BUILD_VERSION = "1"
DEFAULT_ENTRY = "_start"
_MEMORY, _START = range(2)
_START_SHAPE = CallShape("", "")


def build(source: Source, shop: Workshop) -> Parts:
    """Compile a command. Raises BuildError."""
    wasm, module = compiled(source, shop)
    facts = describe(wasm)
    check_imports(facts, shop.functions.offered)
    start = source.handler or DEFAULT_ENTRY
    check_exports(facts, (("memory", "memory"), (start, "() -> ()")))
    shop.functions.check(module)
    program = PurePosixPath(source.entry).stem
    return Parts(files={CODE: module.serialize()}, facts={"handler": start, "program": program})


def load(artifact: Artifact, bench: Bench) -> "CgiProgram":
    """Map the compiled module. Raises ArtifactError."""
    pre = mapped(artifact, bench, ("memory", str(artifact.facts["handler"])))
    return CgiProgram(bench, pre, name=str(artifact.facts["program"]))


class CgiProgram:
    """A loaded command."""

    kind = Kind.CGI

    def __init__(self, bench: Bench, pre: InstancePre, *, name: str) -> None:
        self._engine = bench.engine
        self._memory_max_bytes = bench.memory_max_bytes
        self._pre = pre
        self._name = name

    def run(self, guest: Guest) -> Steps:
        """Instantiate, run ``_start`` to its end or its exit, return what it wrote."""
        stdout = Output(guest.limits.output_bytes)
        guest.wasi = wasi = self._view(guest, stdout)
        store = Store(self._engine, memory_bytes=min(guest.limits.memory_bytes, self._memory_max_bytes))
        try:
            done = store.instantiate(self._pre)
            while not done:
                yield None
                done = store.poll()
            guest.memory = store.memory(_MEMORY)
            done = store.call(_START, _START_SHAPE)
            while not done:
                yield None
                done = store.poll()
        except GuestExitError as exited:
            if exited.status:
                wasi.flush()
                raise GuestThrewError(str(exited), wasi.last_error) from None
        finally:
            wasi.flush()
            if guest.memory is not None:
                guest.memory_bytes = guest.memory.size_bytes()
                guest.memory = None
            store.close()
        return stdout.value()

    def _view(self, guest: Guest, stdout: Output) -> Wasi:
        request = msgpack.unpackb(guest.event)
        return Wasi(
            guest,
            arguments=(self._name, *request.get("args", ())),
            environment={**request.get("env", {}), **guest.host.environment},
            stdin=request.get("stdin", b""),
            stdout=stdout,
        )

    def drop_idle(self) -> bool:
        """Return False: every invocation has a fresh instance."""
        return False
