"""The sandbox of one worker: loads programs, starts invocations. Bound to the worker's event loop."""

import asyncio
import resource
from functools import cache
from pathlib import Path
from weakref import WeakValueDictionary

from sandbox.artifacts import ArtifactStore
from sandbox.capi import Engine, EngineConfig, Ticker
from sandbox.contract import Host, Kind, Limits, Outcome
from sandbox.errors import ArtifactError
from sandbox.guest import Guest
from sandbox.hostcalls import HostFunctions
from sandbox.invocation import Invocation
from sandbox.kinds import Bench, Program, kind_module
from sandbox.room import Room
from sandbox.scheduler import Scheduler
from sandbox.settings import Settings, address_bits


class Sandbox:
    """Runs guests: bytes in, bytes out, limits.

    ``start`` and ``run`` are to be called on one event loop, that of the first call. A guest's end is always
    an ``Outcome``; exceptions here mean that the caller or the host is at fault.
    """

    def __init__(self, *, artifacts: Path, settings: Settings = Settings()) -> None:  # noqa: B008  # frozen
        _allow_open_files()
        settings = settings.fitting(address_bits())
        engine, functions = _engine(settings.engine_config())
        room = Room(instances=settings.instances, idle_max=settings.idle_max)
        self._bench = Bench(
            engine=engine,
            functions=functions,
            artifacts=ArtifactStore(artifacts),
            room=room,
            memory_max_bytes=settings.memory_max_bytes,
        )
        self._scheduler = Scheduler(
            room=room,
            components=Room(instances=settings.components, idle_max=0),
            ticker=Ticker(engine, slice_us=round(settings.slice_ms * 1000), dead_man_s=settings.dead_man_s),
            queue=settings.queue,
            queue_ms=settings.queue_ms,
        )
        self._programs: WeakValueDictionary[str, Program] = WeakValueDictionary()
        self._closed = False

    def load(self, artifact: str) -> Program:
        """Return the program of an artefact; the same one while somebody holds it.

        Takes milliseconds. Raises ArtifactError: missing, damaged, or of another machine.
        """
        program = self._programs.get(artifact)
        if program is None:
            opened = self._bench.artifacts.open(artifact)
            try:
                kind = Kind(opened.kind)
            except ValueError as error:
                raise ArtifactError(
                    f"artefact {artifact[:16]} is no function, but {opened.kind}",
                    remedy="Deploy the function again.",
                ) from error
            program = self._programs[artifact] = kind_module(kind).load(opened, self._bench)
        self._bench.room.revive(program)
        return program

    def start(self, program: Program, event: bytes, limits: Limits, host: Host) -> Invocation:
        """Start an invocation and run its first slice: most are done when this returns.

        A closed sandbox cancels it at once.
        """
        invocation = Invocation(self._scheduler, program, Guest(event, limits, host))
        if self._closed:
            invocation.cancel()
        else:
            self._scheduler.admit(invocation)
        return invocation

    async def run(self, program: Program, event: bytes, *, limits: Limits, host: Host) -> Outcome:
        """Start an invocation and return its outcome. When this is cancelled, so is the invocation."""
        invocation = self.start(program, event, limits=limits, host=host)
        if invocation.outcome is not None:
            return invocation.outcome
        try:
            return await invocation.wait()
        finally:
            invocation.cancel()

    def stats(self) -> dict[str, object]:
        """Return counters and gauges as plain JSON values."""
        room, scheduler = self._bench.room, self._scheduler
        return {
            "programs": len(self._programs),
            "running": room.running,
            "idle": room.idle,
            "instances": room.instances,
            "queued": scheduler.queued,
            "started": scheduler.begun,
            "refused": scheduler.refused,
        }

    def retire(self, program: Program) -> None:
        """Let go of what a program keeps for its next invocation: there will be none. What runs goes on."""
        self._bench.room.retire(program)
        program.forget()

    async def close(self) -> None:
        """Cancel what runs, drop idle instances, stop the timer. The engine stays: it belongs to the process."""
        if not self._closed:
            self._closed = True
            self._scheduler.close()
            self._bench.room.retire_all()
            await asyncio.sleep(0)


def _allow_open_files() -> None:
    """Raise the soft limit of open files to the hard one: each loaded function keeps its file open."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@cache
def _engine(config: EngineConfig) -> tuple[Engine, HostFunctions]:
    """Return the process's engine of that configuration. An engine reserves terabytes of addresses."""
    engine = Engine(config)
    return engine, HostFunctions(engine)
