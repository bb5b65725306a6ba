"""How a kind of guest plugs in: a build step that runs in the child, a load step that runs in the worker.

A kind is a module with two functions, ``build`` (see BuildStep) and ``load`` (see LoadStep); ``_MODULES``
names it. What the worker gets is a ``Program``: a generator per invocation that makes an instance ready,
calls it and returns the output; how it does so (fresh instance, recycled memory image …) is its own business.
"""

import asyncio
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast

from sandbox.capi import Engine
from sandbox.contract import Kind, Source
from sandbox.errors import CompileError

if TYPE_CHECKING:
    from sandbox.artifacts import Artifact, ArtifactStore
    from sandbox.guest import Guest
    from sandbox.hostcalls import HostFunctions
    from sandbox.room import Room

Steps = Generator["asyncio.Future[Any] | None", None, bytes]
"""One invocation. Each ``yield`` hands the loop back: None after a slice (or when ``Store.poll`` said that
the guest waits in a host call), a future when nothing is to be done before it is done. Returns the
output. Everything that was taken is given back in ``finally``: the caller may close the generator at any
yield."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a build step makes: files of the artefact by name, facts and warnings (see ``Built``)."""

    files: Mapping[str, bytes]
    facts: Mapping[str, object] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What a build step works with, in the child.

    ``engine`` allocates on demand; ``functions`` are the host functions a module may import; ``artifacts``
    is there to share what is built once per machine (the JavaScript engine).
    """

    engine: Engine
    functions: "HostFunctions"
    artifacts: "ArtifactStore"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What a load step works with, in the worker.

    A program that keeps instances to use them again parks them in ``room``.
    """

    engine: Engine
    functions: "HostFunctions"
    artifacts: "ArtifactStore"
    room: "Room"
    memory_max_bytes: int


class Program(Protocol):
    """A loaded function."""

    @property
    def kind(self) -> Kind:
        """Return the kind it was built as."""
        ...

    def run(self, guest: "Guest") -> bytes | Steps:
        """Start one invocation; return the output if that is all, else what there is left to do, beginning at once.

        May run the first slice or leave it to the first ``next``, and raises what that would.
        """
        ...

    def forget(self) -> None:
        """Let go of the images that are kept for later invocations: none are expected. One may come all the same."""
        ...

    def drop_idle(self) -> bool:
        """Give up one idle instance, the oldest; False when there is none. The room is needed elsewhere."""
        ...


class BuildStep(Protocol):
    """Turns a source into parts, in the child, under its limits."""

    def __call__(self, source: Source, shop: Workshop) -> Parts:
        """Build. Raises BuildError."""
        ...


class LoadStep(Protocol):
    """Turns an artefact into a program, in the worker, in milliseconds."""

    def __call__(self, artifact: "Artifact", bench: Bench) -> Program:
        """Load. Raises ArtifactError."""
        ...


class KindModule(Protocol):
    """A module that implements a kind. ``BUILD_VERSION`` changes whenever its artefacts do."""

    BUILD_VERSION: str
    build: BuildStep
    load: LoadStep


_MODULES = {
    Kind.EVENT: "sandbox.event",
    Kind.CGI: "sandbox.cgi",
    Kind.HTTP: "sandbox.wasi_http",
    Kind.JS: "sandbox.js",
    Kind.PYTHON: "sandbox.python",
}


def kind_module(kind: Kind) -> KindModule:
    """Return the module of a kind; imported only now. Raises CompileError where there is none."""
    try:
        return cast("KindModule", import_module(_MODULES[kind]))
    except ModuleNotFoundError as error:
        if error.name != _MODULES[kind]:
            raise
        raise CompileError(
            f"functions of kind {kind.value} cannot be built by this version", remedy="Use another kind."
        ) from error
