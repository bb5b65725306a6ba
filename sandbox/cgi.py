"""Kind ``cgi``: a WASI preview 1 command; request in environment and standard input, response on stdout.

The event is msgpack ``{"env": {name: text or bytes}, "stdin": bytes, "args": [text]}``; the output is what the
command wrote to standard output, raw. With ``"stream": true`` neither is held: see ``wasi.flow``. Standard error goes
to the log. A status other than 0 is ``Threw``. A fresh instance for every invocation. The function's own environment
wins over the request's. Files that were deployed with the command are under ``/``, to be read; see ``wasi.files``.
"""

import asyncio
from collections.abc import Generator
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

import msgpack

from sandbox.artifacts import Artifact
from sandbox.binary import check_exports, check_imports, describe
from sandbox.capi import CallShape, InstancePre, Store
from sandbox.contract import Kind, Source
from sandbox.event import CODE, compiled, mapped
from sandbox.guest import Guest, GuestThrewError
from sandbox.kinds import Bench, Parts, Steps, Workshop
from sandbox.slices import rest
from sandbox.wasi import FlowingInput, FlowingOutput, GuestExitError, Input, Output, Wasi
from sandbox.wasi.files import Node, OpenFolder, tree_of

BUILD_VERSION = "2"
FILES = "files"
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
    files = {path: data for path, data in source.files.items() if path != source.entry}
    return Parts(
        files={CODE: module.serialize(), **({FILES: msgpack.packb(files)} if files else {})},
        facts={"handler": start, "program": program, "files": len(files)},
    )


def load(artifact: Artifact, bench: Bench) -> "CgiProgram":
    """Map the compiled module. Raises ArtifactError."""
    pre = mapped(artifact, bench, ("memory", str(artifact.facts["handler"])))
    return CgiProgram(artifact, bench, pre)


class CgiProgram:
    """A loaded command."""

    kind = Kind.CGI

    def __init__(self, artifact: Artifact, bench: Bench, pre: InstancePre) -> None:
        self._engine = bench.engine
        self._memory_max_bytes = bench.memory_max_bytes
        self._pre = pre
        self._name = str(artifact.facts["program"])
        self._artifact = artifact

    @cached_property
    def root(self) -> Node | None:
        """The folder of the deployed files, read when a request first comes; None when there are none."""
        if not self._artifact.facts["files"]:
            return None
        return tree_of(msgpack.unpackb(self._artifact.read(FILES)))

    def run(self, guest: Guest) -> Steps:
        """Instantiate, run ``_start`` to its end or its exit, return what it wrote."""
        request = msgpack.unpackb(guest.event)
        stdin, stdout = _streams(guest, request)
        guest.wasi = wasi = self._view(guest, request, stdin, stdout)
        store = Store(self._engine, memory_bytes=min(guest.limits.memory_bytes, self._memory_max_bytes))
        try:
            if not store.instantiate(self._pre):
                yield from rest(store)
            guest.memory = store.memory(_MEMORY)
            if not store.call(_START, _START_SHAPE):
                yield from rest(store)
            yield from _left(stdout)
        except GuestExitError as exited:
            yield from _left(stdout)
            if exited.status:
                wasi.flush()
                raise GuestThrewError(str(exited), wasi.last_error) from None
        finally:
            wasi.flush()
            for stream in (stdin, stdout):
                if isinstance(stream, FlowingInput | FlowingOutput):
                    stream.forget()
            if guest.memory is not None:
                guest.memory_bytes = guest.memory.size_bytes()
                guest.memory = None
            store.close()
        return stdout.value()

    def _view(self, guest: Guest, request: dict[str, Any], stdin: Input, stdout: Output) -> Wasi:
        return Wasi(
            guest,
            arguments=(self._name, *request.get("args", ())),
            environment={**request.get("env", {}), **guest.host.environment},
            stdin=stdin,
            stdout=stdout,
            opened=(OpenFolder(self.root, preopened=b"/"),) if self.root is not None else (),
        )

    def forget(self) -> None:
        """Do nothing: no image is kept."""

    def drop_idle(self) -> bool:
        """Return False: every invocation has a fresh instance."""
        return False


def _streams(guest: Guest, request: dict[str, Any]) -> tuple[Input, Output]:
    data = request.get("stdin", b"")
    if request.get("stream"):
        return FlowingInput(guest.host, data), FlowingOutput(guest.host)
    return Input(data), Output(guest.limits.output_bytes)


def _left(stdout: Output) -> "Generator[asyncio.Future[bytes], None, None]":
    """Wait until all that was written has left."""
    while isinstance(stdout, FlowingOutput) and (leaving := stdout.future()) is not None:
        yield leaving
