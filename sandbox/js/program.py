"""A loaded function of kind ``js``: instances whose memory is put back to the function's image for every request."""

import asyncio
import os
import struct
import time
import zlib
from collections.abc import Generator, Iterator
from dataclasses import replace
from importlib import import_module
from typing import Any

import msgpack

from sandbox.artifacts import Artifact
from sandbox.capi import WASM_PAGE_BYTES, Memory, RecycledStore, Store
from sandbox.contract import Kind, Limit
from sandbox.errors import ArtifactError
from sandbox.guest import Guest, LimitReachedError
from sandbox.idle import IdleInstances, Instance, idle_shelf
from sandbox.js.build import IMAGE, PACKAGE
from sandbox.js.dialogue import converse, hand_over, output_of, thrown
from sandbox.js.foundation import (
    BUILD,
    FINISHED,
    FREEZE,
    GIVES_I32,
    INBOX_BYTES,
    LENGTH,
    MEMORY,
    PENDING,
    START,
    START_SHAPE,
    Foundation,
    foundation_key,
    load_foundation,
)
from sandbox.js.image import Image, unpack
from sandbox.js.imports import CRYPTO, LIBRARY, Package, session_of
from sandbox.kinds import Bench, Steps
from sandbox.shelf import Shelf, forget_images, image_key
from sandbox.slices import rest

KEPT_GROWTH_BYTES = 2 * 1024 * 1024  # an instance that grew more above its image is not kept
SCOPE_CPU_MS = 2_000  # what a top level may use beyond its function's limit, once per environment
PACKAGE_AT_ONCE_BYTES = 128 * 1024  # as packed; a megabyte takes some 3 ms to unpack
READY_IMAGES_BYTES = 64 * 1024 * 1024
IDLE_INSTANCES_BYTES = 64 * 1024 * 1024


def load(artifact: Artifact, bench: Bench) -> "JsProgram":
    """Load a function. Raises ArtifactError: damaged, or built for another version of the engine."""
    if artifact.facts.get("foundation") != foundation_key():
        raise ArtifactError(
            f"artefact {artifact.name[:16]} was built for another version of the JavaScript engine",
            remedy="Deploy the function again.",
        )
    foundation = load_foundation(bench.engine, bench.functions, bench.artifacts)
    if artifact.facts.get("base") != foundation.base_digest:  # its image would come out as nonsense
        raise ArtifactError(
            f"artefact {artifact.name[:16]} was built on another base image than the one in use",
            remedy="Start the POP again, then deploy the function again.",
        )
    if artifact.facts.get("crypto"):
        import_module(CRYPTO)  # now, so that no request pays for it
    return JsProgram(artifact, bench, foundation)


class _Instance(Instance):
    """An instance of any image of its program. ``memory`` is None until it is made."""

    __slots__ = ("memory",)

    def __init__(self, home: "IdleInstances[_Instance]", store: RecycledStore, memory_bytes: int) -> None:
        super().__init__(home, store, memory_bytes)
        self.memory: Memory | None = None


ready_images: Shelf[str, Image] = Shelf(READY_IMAGES_BYTES)
idle_instances = idle_shelf(IDLE_INSTANCES_BYTES)


class JsProgram:
    """A loaded function. Its idle instances serve no other function, so no other tenant."""

    kind = Kind.JS

    def __init__(self, artifact: Artifact, bench: Bench, foundation: Foundation) -> None:
        self._bench = bench
        self._foundation = foundation
        self._artifact = artifact
        self.name = artifact.name
        image_bytes = artifact.facts["image_bytes"]
        assert isinstance(image_bytes, int)
        self._image_bytes = image_bytes
        scope = artifact.facts.get("scope", "")
        assert isinstance(scope, str)
        self._scope = scope
        self._package: Package | None = None
        self._library = Package(library=foundation.library, bytecode={}, files={}, kinds={})
        self._idle: IdleInstances[_Instance] = IdleInstances(self, bench.room, idle_instances)

    def unpacked(self) -> Image:
        """Return the image in full, from the artefact: a millisecond. Raises ArtifactError."""
        packed = self._artifact.read(IMAGE)
        return Image(unpack(packed, self._foundation.base, image_bytes=self._image_bytes))

    @property
    def package(self) -> Package:
        """The deployed files, read when a request first asks for one."""
        if self._package is None:
            stored = msgpack.unpackb(zlib.decompress(self._artifact.read(PACKAGE)))
            self._package = Package(library=self._foundation.library, **stored)
        return self._package

    @property
    def at_hand(self) -> bool:
        """Whether the files can be had without taking long."""
        if self._package is not None:
            return True
        return self._artifact.path(PACKAGE).stat().st_size <= PACKAGE_AT_ONCE_BYTES

    def run(self, guest: Guest) -> Steps:
        """Put an instance back to the image, hand the event over, run until the answer is there."""
        limits = guest.limits
        memory_bytes = min(limits.memory_bytes, self._bench.memory_max_bytes)
        guest.scratch = self
        instance = self._idle.take(memory_bytes)
        if instance is None:
            instance = _Instance(
                self._idle,
                RecycledStore(self._bench.engine, self._foundation.entry, memory_bytes=memory_bytes),
                memory_bytes,
            )
        kept_bytes = 0
        try:
            memory = instance.memory or (yield from self._instantiate(instance))
            guest.memory = memory
            # One image for each environment, if that matters.
            key = image_key(self.name, guest.host.environment) if self._scope else self.name
            image = ready_images.get(key) or (yield from self._make_ready(guest, instance.store, memory, key))
            came = self._start(guest, instance.store, memory, image)
            if isinstance(came, bytes):  # by far the most frequent
                guest.memory_bytes = instance.store.memory_bytes
                kept_bytes = image.size_bytes + KEPT_GROWTH_BYTES
                return came
            status = yield from self._rest(guest, instance.store, memory, done=came)
            output = output_of(self._foundation, guest, memory)
            kept_bytes = image.size_bytes + KEPT_GROWTH_BYTES
            if status != FINISHED:
                raise thrown(output)
            return output
        finally:
            self._end(guest, instance, kept_bytes)

    def _instantiate(self, instance: _Instance) -> Generator[None, None, Memory]:
        """Make the instance and return its memory."""
        store = instance.store
        if not store.instantiate(self._foundation.pre):
            yield from rest(store)
        memory = instance.memory = store.memory(MEMORY)
        return memory

    def _start(self, guest: Guest, store: RecycledStore, memory: Memory, image: Image) -> bytes | bool:
        """Put the memory back, hand the event over, run a first slice; see RecycledStore.start."""
        event, seed, now_ms = guest.event, next(_seeds), time.time_ns() // 1_000_000
        output_max = guest.limits.output_bytes
        if image.file is not None and len(event) < INBOX_BYTES:
            came = store.start(image.file, event, seed, now_ms, output_max)
            if came is not None:
                return came
        store.renew_slice()
        _put_back(image, store, memory, guest.limits.memory_bytes)
        hand_over(self._foundation, guest, memory, event)
        return store.call(START, START_SHAPE, len(event), seed, now_ms)

    def _rest(
        self, guest: Guest, store: RecycledStore, memory: Memory, *, done: bool
    ) -> Generator["asyncio.Future[Any] | None", None, int]:
        """Run on until the guest has answered; return how."""
        if not done:
            yield from rest(store)
        status = store.result()
        if status == PENDING:
            status = yield from converse(self._foundation, guest, store, memory)
        return status

    def _end(self, guest: Guest, instance: _Instance, kept_bytes: int) -> None:
        """Keep the instance when it has at most ``kept_bytes`` and there is room; else drop it."""
        if guest.scratch is not self:
            session_of(guest).close()
        memory = guest.memory
        if memory is not None:
            size_bytes = guest.memory_bytes = guest.memory_bytes or memory.size_bytes()
            guest.memory = None
            if size_bytes <= kept_bytes and self._idle.keep(instance, size_bytes):
                return
        self._idle.drop(instance)

    def _make_ready(
        self, guest: Guest, store: RecycledStore, memory: Memory, key: str
    ) -> Generator["asyncio.Future[Any] | None", None, Image]:
        """Return the image in full and keep it; if the environment matters, after the top level ran with it."""
        image = self.unpacked()
        if self._scope:
            limits = guest.limits
            _put_back(image, store, memory, limits.memory_bytes)
            guest.limits = replace(limits, cpu_ms=limits.cpu_ms + SCOPE_CPU_MS)
            image = (yield from self._run_scope(guest, store, memory)) or image
            guest.limits = replace(limits, cpu_ms=limits.cpu_ms + guest.cpu_ns // 1_000_000)
            session_of(guest).close()
            guest.scratch = self
            store.renew_slice()
        ready_images.put(key, image.share(), image.size_bytes - image.offset)
        return image

    def _run_scope(
        self, guest: Guest, store: Store, memory: Memory
    ) -> Generator["asyncio.Future[Any] | None", None, Image | None]:
        """Run the top level with this environment and freeze it; None when it must run in each request."""
        scope = self._scope.encode()
        hand_over(self._foundation, guest, memory, scope)
        if not store.call(BUILD, LENGTH, len(scope)):
            yield from rest(store)
        if store.result() != FINISHED:
            return None
        if not store.call(FREEZE, GIVES_I32):
            yield from rest(store)
        return Image(memory.read(0, store.result()))

    def code(self, name: str) -> bytes:
        """Return bytecode by name; see Package. The library's is always at hand."""
        return self._library.code(name) if name.startswith(LIBRARY) else self.package.code(name)

    @property
    def files(self) -> dict[str, bytes]:
        """The deployed files."""
        return self.package.files

    @property
    def kinds(self) -> dict[str, int]:
        """What each deployed file is."""
        return self.package.kinds

    def forget(self) -> None:
        """Let go of its images; the next invocation, if there is one, unpacks it again."""
        forget_images(ready_images, self.name)

    def drop_idle(self) -> bool:
        """Give up the oldest idle instance: the room, which asks for it, counts it out by itself."""
        return self._idle.drop_oldest()


def _put_back(image: Image, store: RecycledStore, memory: Memory, memory_bytes: int) -> None:
    """Make the memory the image. Raises LimitReachedError when the limit is below the image itself."""
    lacking = image.pages() - memory.size_bytes() // WASM_PAGE_BYTES
    if lacking > 0 and not memory.grow(lacking):
        raise LimitReachedError(Limit.MEMORY, memory_bytes)
    if image.file is None or not store.restore(memory, image.file):
        image.restore(memory)


def _draw_seeds() -> Iterator[int]:
    """Give signed 64-bit numbers that nobody can foresee, drawn many at a time."""
    while True:
        yield from _SEEDS.unpack(os.urandom(_SEEDS.size))


_SEEDS = struct.Struct("<512q")
_seeds = _draw_seeds()
