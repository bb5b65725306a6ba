"""A loaded function of kind ``js``: instances whose memory is put back to the function's image for every request."""

import asyncio
import hashlib
import json
import os
import struct
import time
import zlib
from collections.abc import Generator
from dataclasses import replace
from functools import cached_property
from typing import Any

import msgpack
import orjson

from sandbox.artifacts import Artifact
from sandbox.capi import WASM_PAGE_BYTES, Memory, Store
from sandbox.contract import Kind, Limit
from sandbox.errors import ArtifactError
from sandbox.guest import Guest, GuestThrewError, LimitReachedError
from sandbox.js.build import IMAGE, PACKAGE
from sandbox.js.foundation import (
    BUILD,
    FINISHED,
    FREEZE,
    GIVES_I32,
    INBOX_BYTES,
    LENGTH,
    MEMORY,
    PENDING,
    RESUME,
    RESUME_SHAPE,
    START,
    START_SHAPE,
    Foundation,
    foundation_key,
    load_foundation,
)
from sandbox.js.image import Image, unpack
from sandbox.js.imports import Package, Session
from sandbox.js.shelf import Shelf
from sandbox.kinds import Bench, Steps

_STATE = struct.Struct(
    "<IIIId"
)  # engine.c: output, its length, operations under way, end of heap, next timer
KEPT_GROWTH_BYTES = 2 * 1024 * 1024  # an instance that grew more above its image is not kept
SCOPE_CPU_MS = 2_000  # what a top level may use beyond its function's limit, once per environment
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
    return JsProgram(artifact, bench, foundation)


def _put_down(idle: "_Idle") -> None:
    """Give up an idle instance because others are wanted more."""
    idle.program.put_down(idle)


class _Idle:
    """An instance that waits for the next request of its function."""

    __slots__ = ("memory", "memory_bytes", "program", "store")

    def __init__(self, program: "JsProgram", store: Store, memory: Memory, memory_bytes: int) -> None:
        self.program = program
        self.store = store
        self.memory = memory
        self.memory_bytes = memory_bytes


ready_images: Shelf[str, Image] = Shelf(READY_IMAGES_BYTES)
idle_instances: Shelf[_Idle, None] = Shelf(IDLE_INSTANCES_BYTES, _put_down)


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
        self._idle: list[_Idle] = []

    def unpacked(self) -> Image:
        """Return the image in full, from the artefact: a millisecond. Raises ArtifactError."""
        packed = self._artifact.read(IMAGE)
        return Image(unpack(packed, self._foundation.base, image_bytes=self._image_bytes))

    def _key(self, guest: Guest) -> str:
        """Return what names the image that this request wants: one for each environment, if that matters."""
        if not self._scope:
            return self.name
        environment = orjson.dumps(sorted(guest.host.environment.items()))
        return f"{self.name} {hashlib.blake2b(environment, digest_size=16).hexdigest()}"

    @cached_property
    def package(self) -> Package:
        """The deployed files, read when a request first asks for one."""
        stored = msgpack.unpackb(zlib.decompress(self._artifact.read(PACKAGE)))
        return Package(library=self._foundation.library, **stored)

    def run(self, guest: Guest) -> Steps:
        """Put an instance back to the image, hand the event over, run until the answer is there."""
        memory_bytes = min(guest.limits.memory_bytes, self._bench.memory_max_bytes)
        guest.scratch = self._session(guest)
        store = self._take_idle(memory_bytes)
        fresh = store is None
        if store is None:
            store = Store(self._bench.engine, memory_bytes=memory_bytes)
        kept_bytes = 0
        try:
            if fresh:
                done = store.instantiate(self._foundation.pre)
                while not done:
                    yield None
                    done = store.poll()
            else:
                store.renew_slice()
            guest.memory = memory = store.memory(MEMORY)
            key = self._key(guest)
            image = ready_images.get(key)
            if image is None:
                image = yield from self._make_ready(guest, store, memory, key)
            _put_back(image, memory, memory_bytes)
            event = guest.event
            self._hand_over(guest, memory, event)
            seed = int.from_bytes(os.urandom(8), "little", signed=True)
            done = store.call(START, START_SHAPE, len(event), seed, time.time_ns() // 1_000_000)
            while not done:
                yield None
                done = store.poll()
            status = store.result()
            if status == PENDING:
                status = yield from self._converse(guest, store, memory)
            output = self._output(guest, memory)
            kept_bytes = image.size_bytes + KEPT_GROWTH_BYTES
            if status != FINISHED:
                raise _thrown(output)
            return output
        finally:
            self._end(guest, store, memory_bytes, kept_bytes)

    def _end(self, guest: Guest, store: Store, memory_bytes: int, kept_bytes: int) -> None:
        """Keep the instance when it has at most ``kept_bytes`` and there is room; else drop it."""
        session, memory = guest.scratch, guest.memory
        assert isinstance(session, Session)
        session.close()
        if memory is not None:
            guest.memory_bytes = memory.size_bytes()
            guest.memory = None
            if guest.memory_bytes <= kept_bytes and self._bench.room.park(self):
                idle = _Idle(self, store, memory, memory_bytes)
                self._idle.append(idle)
                idle_instances.put(idle, None, guest.memory_bytes)
                return
        store.close()

    def _session(self, guest: Guest) -> Session:
        return Session(guest, self, deadline_s=time.monotonic() + guest.limits.wall_ms / 1000)

    def _make_ready(
        self, guest: Guest, store: Store, memory: Memory, key: str
    ) -> Generator["asyncio.Future[Any] | None", None, Image]:
        """Return the image in full and keep it; if the environment matters, after the top level ran with it."""
        image = self.unpacked()
        if self._scope:
            limits = guest.limits
            _put_back(image, memory, limits.memory_bytes)
            guest.limits = replace(limits, cpu_ms=limits.cpu_ms + SCOPE_CPU_MS)
            image = (yield from self._run_scope(guest, store, memory)) or image
            guest.limits = replace(limits, cpu_ms=limits.cpu_ms + guest.cpu_ns // 1_000_000)
            session = guest.scratch
            assert isinstance(session, Session)
            session.close()
            guest.scratch = self._session(guest)
            store.renew_slice()
        ready_images.put(key, image, len(image.body))
        return image

    def _run_scope(
        self, guest: Guest, store: Store, memory: Memory
    ) -> Generator["asyncio.Future[Any] | None", None, Image | None]:
        """Run the top level with this environment and freeze it; None when it must run in each request."""
        scope = self._scope.encode()
        self._hand_over(guest, memory, scope)
        done = store.call(BUILD, LENGTH, len(scope))
        while not done:
            yield None
            done = store.poll()
        if store.result() != FINISHED:
            return None
        done = store.call(FREEZE, GIVES_I32)
        while not done:
            yield None
            done = store.poll()
        return Image(memory.read(0, store.result()))

    def _converse(
        self, guest: Guest, store: Store, memory: Memory
    ) -> Generator["asyncio.Future[Any] | None", None, int]:
        """Tell the guest of timers and operations as they end; return how it ended itself."""
        session = guest.scratch
        assert isinstance(session, Session)
        status = PENDING
        while status == PENDING:
            timer_ms = _STATE.unpack(memory.read(self._foundation.state, _STATE.size))[4]
            told = session.next_event(timer_ms)
            if told is None:
                raise GuestThrewError("the handler waits for something that never comes")
            if not isinstance(told, tuple):
                yield told
                continue
            number, failed, data = told
            self._hand_over(guest, memory, data)
            store.renew_slice()
            done = store.call(RESUME, RESUME_SHAPE, number, failed, len(data))
            while not done:
                yield None
                done = store.poll()
            status = store.result()
        return status

    def _hand_over(self, guest: Guest, memory: Memory, data: bytes) -> None:
        """Give the guest its next input: in the inbox, or to be taken when it is larger."""
        if len(data) < INBOX_BYTES:
            memory.write(self._foundation.inbox, data)
        else:
            guest.result = data

    def _output(self, guest: Guest, memory: Memory) -> bytes:
        """Return the answer that the guest left. Raises LimitReachedError, GuestPointerError."""
        where, length, _, _, _ = _STATE.unpack(memory.read(self._foundation.state, _STATE.size))
        if length > guest.limits.output_bytes:
            raise LimitReachedError(Limit.OUTPUT, guest.limits.output_bytes)
        return memory.read(where, length)

    def code(self, name: str) -> bytes:
        """Return bytecode by name; see Package."""
        return self.package.code(name)

    @property
    def files(self) -> dict[str, bytes]:
        """The deployed files."""
        return self.package.files

    @property
    def kinds(self) -> dict[str, int]:
        """What each deployed file is."""
        return self.package.kinds

    def _take_idle(self, memory_bytes: int) -> Store | None:
        """Return the youngest idle instance: its memory is likeliest in the cache."""
        while self._idle:
            idle = self._idle.pop()
            idle_instances.take(idle)
            self._bench.room.unpark(self)
            if idle.memory_bytes == memory_bytes:
                return idle.store
            idle.store.close()
        return None

    def drop_idle(self) -> bool:
        """Give up the oldest idle instance: the room, which asks for it, counts it out by itself."""
        if not self._idle:
            return False
        idle = self._idle.pop(0)
        idle_instances.take(idle)
        idle.store.close()
        return True

    def put_down(self, idle: _Idle) -> None:
        """Give up this idle instance, and its place."""
        self._idle.remove(idle)
        self._bench.room.unpark(self)
        idle.store.close()


def _put_back(image: Image, memory: Memory, memory_bytes: int) -> None:
    """Make the memory the image. Raises LimitReachedError when the limit is below the image itself."""
    lacking = image.pages() - memory.size_bytes() // WASM_PAGE_BYTES
    if lacking > 0 and not memory.grow(lacking):
        raise LimitReachedError(Limit.MEMORY, memory_bytes)
    image.restore(memory)


def _thrown(output: bytes) -> GuestThrewError:
    """Return the guest's error, its stack in terms of the author's files."""
    told = json.loads(output)
    lines = str(told.get("stack") or "").replace("/var/task/", "").splitlines()
    return GuestThrewError(
        str(told.get("message", "")), "\n".join(line for line in lines if "(edgefaas:" not in line)
    )
