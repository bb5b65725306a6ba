"""Building, loading and running wasi:http components."""

from typing import Any

import msgpack

from sandbox.artifacts import Artifact
from sandbox.capi import EngineError
from sandbox.capi.component import (
    Component,
    ComponentLinker,
    ComponentStore,
    ExportIndex,
    compile_component,
    load_component,
)
from sandbox.contract import Kind, Source
from sandbox.errors import ArtifactError, CompileError, ForbiddenImportError, MissingExportError
from sandbox.event import assembled
from sandbox.guest import Guest, GuestThrewError
from sandbox.kinds import Bench, Parts, Steps, Workshop
from sandbox.slices import rest
from sandbox.wasi.streams import GuestExitError
from sandbox.wasi_http.checked import checked
from sandbox.wasi_http.host_http import HTTP
from sandbox.wasi_http.host_io import IO
from sandbox.wasi_http.messages import Headers, IncomingMessage
from sandbox.wasi_http.streams import InputStream
from sandbox.wasi_http.world import World

BUILD_VERSION = "1"
CODE = "component.cwasm"
_OFFERED = {name: checked(interface) for name, interface in {**IO, **HTTP}.items()}
_TRAPPING = ("wasi:filesystem/", "wasi:sockets/")  # there is nothing there; libc imports them all the same
_HANDLER = "wasi:http/incoming-handler@"
_CORE_INSTANCES_MAX = 40


def build(source: Source, shop: Workshop) -> Parts:
    """Compile a component. Raises BuildError."""
    wasm = assembled(source)
    if wasm[4:8] == b"\1\0\0\0":
        raise CompileError(
            f"{source.entry} is a core module, not a component", remedy='Set kind = "event" or kind = "cgi".'
        )
    try:
        component = compile_component(shop.engine, wasm)
    except EngineError as error:
        raise CompileError(
            f"{source.entry} is not a valid component: {error}", remedy="Build it again."
        ) from error
    _check_imports(component)
    version = _handler_version(wasm, component)
    return Parts(files={CODE: component.serialize()}, facts={"handler": f"{_HANDLER}{version}"})


def _check_imports(component: Component) -> None:
    forbidden = [name for name in component.imports() if not _known(name)]
    if forbidden:
        raise ForbiddenImportError(
            f"the component imports {', '.join(forbidden[:5])}, which the sandbox does not offer",
            remedy="Build for the world wasi:http/proxy@0.2.",
        )


def _known(name: str) -> bool:
    base, _, version = name.partition("@")
    return version.startswith("0.2.") and (base in _OFFERED or base.startswith(_TRAPPING))


def _handler_version(wasm: bytes, component: Component) -> str:
    """Return the version of the incoming-handler that is exported, found by the versions it may have."""
    versions = {name.partition("@")[2] for name in component.imports()}
    versions |= {f"0.2.{patch}" for patch in range(20)}
    for version in sorted(versions):
        if (_HANDLER + version).encode() in wasm and component.export_index(_HANDLER + version, "handle"):
            return version
    raise MissingExportError(
        "the component does not export wasi:http/incoming-handler@0.2",
        remedy="Build for the world wasi:http/proxy@0.2.",
    )


def load(artifact: Artifact, bench: Bench) -> "HttpProgram":
    """Map the compiled component and link it. Raises ArtifactError."""
    try:
        component = load_component(bench.engine, artifact.path(CODE))
        linker = ComponentLinker(component)
        for name in component.imports():
            interface = _OFFERED.get(name.partition("@")[0])
            if interface is not None:
                linker.offer(name, interface)
        linker.trap_the_rest()
    except EngineError as error:
        raise ArtifactError(
            f"artefact {artifact.name[:16]} does not load: {error}", remedy="Deploy it again."
        ) from error
    handler = component.export_index(str(artifact.facts["handler"]), "handle")
    assert handler is not None, "the build found it"
    return HttpProgram(bench, linker, handler)


class HttpProgram:
    """A loaded component."""

    kind = Kind.HTTP

    def __init__(self, bench: Bench, linker: ComponentLinker, handler: ExportIndex) -> None:
        self._engine = bench.engine
        self._memory_max_bytes = bench.memory_max_bytes
        self._linker = linker
        self._handler = handler

    def run(self, guest: Guest) -> Steps:
        """Instantiate, hand the request over, run ``handle``, return the response."""
        event: dict[str, Any] = msgpack.unpackb(guest.event)
        streamed = bool(event.get("stream"))
        world = World(guest, streamed=streamed)
        guest.scratch = world
        store = ComponentStore(
            self._engine,
            memory_bytes=min(guest.limits.memory_bytes, self._memory_max_bytes),
            instances=_CORE_INSTANCES_MAX,
        )
        try:
            if not store.instantiate_component(self._linker):
                yield from rest(store)
            request = world.own("incoming-request", _request(guest, event, streamed=streamed))
            outparam = world.own("response-outparam", None)
            if not store.call_component(self._handler, request, outparam):
                yield from rest(store)
            while (leaving := world.leaving()) is not None:
                yield leaving
        except GuestExitError as exited:
            if exited.status:
                raise GuestThrewError(str(exited)) from None
        finally:
            store.close()
            world.close()
            guest.scratch = None
        return world.output()

    def forget(self) -> None:
        """Do nothing: no image is kept."""

    def drop_idle(self) -> bool:
        """Return False: every request has a fresh instance."""
        return False


def _request(guest: Guest, event: dict[str, Any], *, streamed: bool) -> IncomingMessage:
    host = guest.host
    source = (lambda: host.call("http.read", b"")) if streamed else None
    lines: Headers = [
        (name, value if isinstance(value, bytes) else value.encode("latin-1"))
        for name, value in event.get("headers", ())
    ]
    return IncomingMessage(
        headers=lines,
        body=InputStream(event.get("body", b""), source),
        method=event.get("method", "GET"),
        scheme=event.get("scheme", "https"),
        authority=event.get("authority", ""),
        path=event.get("path", "/"),
    )
