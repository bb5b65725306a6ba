"""A loaded function of kind ``python``: instances whose memory is put back to its image for every request."""

import asyncio
import json
import time
from collections.abc import Generator
from dataclasses import replace
from functools import cached_property
from typing import Any

import msgpack

from sandbox.artifacts import Artifact
from sandbox.capi import PAGE_BYTES, Memory, RecycledStore
from sandbox.contract import Kind, Limit
from sandbox.errors import ArtifactError
from sandbox.guest import Guest, GuestFaultError, GuestThrewError, LimitReachedError, description_of
from sandbox.idle import IdleInstances, Instance, idle_shelf
from sandbox.kinds import Bench, Steps
from sandbox.python.build import IMAGE, PACKAGE
from sandbox.python.foundation import (
    DONE,
    FULL,
    GIVES_I32,
    HANDLE,
    HEAP_END,
    INBOX_BYTES,
    LOAD,
    MEMORY,
    SETTLE,
    STEP,
    STEP_SHAPE,
    THREW,
    Foundation,
    load_foundation,
)
from sandbox.python.image import Image
from sandbox.python.imports import Session, Tree
from sandbox.shelf import Shelf, forget_images, image_key
from sandbox.slices import rest

KEPT_GROWTH_BYTES = 2 * 1024 * 1024  # an instance that grew more above its image is not kept
SCOPE_CPU_MS = 3_000  # what an import may use beyond its function's limit, once per environment
MADE_IMAGES_BYTES = (
    128 * 1024 * 1024
)  # images made for an environment; others are files, shared and the kernel's to drop
IDLE_INSTANCES_BYTES = 64 * 1024 * 1024  # of pages that instances have of their own
_OWN_LEAST_BYTES = 1024 * 1024  # what an instance is taken to have of its own at least

Waits = Generator["asyncio.Future[Any] | None", None, None]


def load(artifact: Artifact, bench: Bench) -> "PythonProgram":
    """Load a function. Raises ArtifactError: damaged, or its interpreter is not there any more."""
    foundation = load_foundation(
        str(artifact.facts["foundation"]), bench.engine, bench.functions, bench.artifacts
    )
    return PythonProgram(artifact, bench, foundation)


made_images: Shelf[str, Image] = Shelf(MADE_IMAGES_BYTES)
idle_instances = idle_shelf(IDLE_INSTANCES_BYTES)


class PythonProgram:
    """A loaded function. Its idle instances serve no other function, so no other tenant."""

    kind = Kind.PYTHON

    def __init__(self, artifact: Artifact, bench: Bench, foundation: Foundation) -> None:
        self._bench = bench
        self._foundation = foundation
        self._artifact = artifact
        self.name = artifact.name
        self._scope = str(artifact.facts.get("scope", ""))
        self._idle: IdleInstances[Instance] = IdleInstances(self, bench.room, idle_instances)

    @cached_property
    def own(self) -> Tree:
        """The deployed files, read when a request first asks for one."""
        return Tree(msgpack.unpackb(self._artifact.read(PACKAGE)))

    @property
    def library(self) -> Tree:
        """The standard library, shared by all functions."""
        return self._foundation.library

    @cached_property
    def image(self) -> Image:
        """The function as deployed."""
        try:
            return Image.of_file(self._artifact.path(IMAGE))
        except OSError as error:
            raise ArtifactError(
                f"artefact {self.name[:16]} cannot be mapped: {error}", remedy="Deploy the function again."
            ) from error

    def run(self, guest: Guest) -> Steps:
        """Put an instance back to the image, hand the event over, run until the answer is there."""
        memory_bytes = min(guest.limits.memory_bytes, self._bench.memory_max_bytes)
        guest.scratch = self._session(guest)
        image = yield from self._image_for(guest, memory_bytes)
        instance = self._idle.take(memory_bytes, image)
        fresh = instance is None
        if instance is None:
            store = RecycledStore(self._bench.engine, memory_bytes=memory_bytes)
            instance = Instance(self._idle, store, memory_bytes, image)
        store = instance.store
        kept_bytes = 0
        try:
            if fresh:
                yield from self._begin(guest, store, image, memory_bytes)
            else:
                store.renew_slice()
                guest.memory = store.memory(MEMORY)
                image.restore(store, guest.memory)
            answer = yield from self._step(guest, store, HANDLE, guest.event)
            kept_bytes = image.size_bytes + KEPT_GROWTH_BYTES
            return answer
        finally:
            self._end(guest, instance, kept_bytes)

    def _begin(self, guest: Guest, store: RecycledStore, image: Image, memory_bytes: int) -> Waits:
        """Make a fresh instance, its memory the image. Raises LimitReachedError: the limit is below the image."""
        if not store.instantiate(self._foundation.pre):
            yield from rest(store)
        guest.memory = memory = store.memory(MEMORY)
        lacking = image.lacking_pages(memory)
        if lacking and not memory.grow(lacking):
            raise LimitReachedError(Limit.MEMORY, memory_bytes)
        image.restore(store, memory)

    def _step(self, guest: Guest, store: RecycledStore, number: int, data: bytes) -> Steps:
        """Do a step of lib/boot.py. Raises GuestThrewError, LimitReachedError."""
        memory = guest.memory
        assert memory is not None
        if len(data) < INBOX_BYTES:
            memory.write(self._foundation.inbox, data)
        else:
            guest.result = data
        if not store.call(STEP, STEP_SHAPE, number, len(data)):
            yield from rest(store)
        status = store.result()
        if status == FULL:
            raise LimitReachedError(Limit.MEMORY, guest.limits.memory_bytes)
        output = self._output(guest, memory)
        if status == THREW:
            raise _thrown(output)
        if status != DONE:
            raise GuestFaultError(f"the Python interpreter broke down: {output.decode('utf-8', 'replace')}")
        return output

    def _output(self, guest: Guest, memory: Memory) -> bytes:
        """Return the answer that the guest left. Raises LimitReachedError, GuestPointerError."""
        where = memory.read(self._foundation.output, 8)
        pointer, length = int.from_bytes(where[:4], "little"), int.from_bytes(where[4:], "little")
        if length > guest.limits.output_bytes:
            raise LimitReachedError(Limit.OUTPUT, guest.limits.output_bytes)
        return memory.read(pointer, length)

    def _image_for(
        self, guest: Guest, memory_bytes: int
    ) -> Generator["asyncio.Future[Any] | None", None, Image]:
        """Return the image that this request wants: one for each environment, if that matters."""
        if not self._scope:
            return self.image
        key = image_key(self.name, guest.host.environment)
        image = made_images.get(key)
        if image is None:
            image = yield from self._make_image(guest, memory_bytes)
            made_images.put(key, image, image.size_bytes)
        return image

    def _make_image(
        self, guest: Guest, memory_bytes: int
    ) -> Generator["asyncio.Future[Any] | None", None, Image]:
        """Import the function's module with this environment, and freeze it."""
        limits = guest.limits
        guest.limits = replace(limits, cpu_ms=limits.cpu_ms + SCOPE_CPU_MS)
        store = RecycledStore(self._bench.engine, memory_bytes=memory_bytes)
        try:
            yield from self._begin(guest, store, self.image, memory_bytes)
            told = json.loads((yield from self._step(guest, store, LOAD, self._scope.encode())))
            if not told["callable"]:
                raise GuestThrewError("with this environment, its module has no handler")
            yield from self._step(guest, store, SETTLE, b"")
            if not store.call(HEAP_END, GIVES_I32):
                yield from rest(store)
            assert guest.memory is not None
            return Image(guest.memory.read(0, store.result()))
        finally:
            guest.memory = None
            store.close()
            guest.limits = replace(limits, cpu_ms=limits.cpu_ms + guest.cpu_ns // 1_000_000)

    def _session(self, guest: Guest) -> Session:
        return Session(guest, self, deadline_s=time.monotonic() + guest.limits.wall_ms / 1000)

    def _end(self, guest: Guest, instance: Instance, kept_bytes: int) -> None:
        """Keep the instance when it has at most ``kept_bytes`` and there is room; else drop it."""
        if guest.memory is not None:
            guest.memory_bytes = guest.memory.size_bytes()
            guest.memory = None
            if guest.memory_bytes <= kept_bytes:
                own_bytes = max(_OWN_LEAST_BYTES, instance.store.copied_pages * PAGE_BYTES)
                if self._idle.keep(instance, own_bytes):
                    return
        self._idle.drop(instance)

    def forget(self) -> None:
        """Let go of the images that were made for environments; the next invocation makes them again."""
        forget_images(made_images, self.name)

    def drop_idle(self) -> bool:
        """Give up the oldest idle instance: the room, which asks for it, counts it out by itself."""
        return self._idle.drop_oldest()


def _thrown(output: bytes) -> GuestThrewError:
    """Return the guest's error, with its traceback."""
    told = description_of(output)
    kind, message = told.get("error", ""), told.get("message", "")
    return GuestThrewError(
        f"{kind}: {message}" if message else str(kind), str(told.get("stack", "")).rstrip("\n")
    )
