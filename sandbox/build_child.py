"""The process that builds functions, one after the other, each under rlimits.

It is started ahead of need and waits, engine ready, for requests on its standard input: eight bytes of
length, then msgpack. It answers the same way on standard output, and ends with its input. Its parent (``builder``)
decides how many builds a process may make.
"""

import os
import resource
import sys
from pathlib import Path
from typing import BinaryIO

import msgpack

from sandbox.artifacts import ArtifactStore
from sandbox.capi import Engine, EngineConfig
from sandbox.contract import Kind, Source
from sandbox.errors import BuildError, BuildLimitError, CompileError
from sandbox.hostcalls import HostFunctions
from sandbox.kinds import Workshop, kind_module

_LENGTH_BYTES = 8
_LARGE_BYTES = 1024 * 1024  # from here on several threads compile faster than one
ADDRESS_SPACE_SLACK_BYTES = (
    32 * 1024**3
)  # one memory of a guest reserves 4 GiB and a guard, without using them


def send(stream: BinaryIO, message: object) -> None:
    """Write one message."""
    data: bytes = msgpack.packb(message)
    stream.write(len(data).to_bytes(_LENGTH_BYTES, "big") + data)
    stream.flush()


def receive(stream: BinaryIO) -> dict[str, object] | None:
    """Read one message; None at the end of the stream."""
    head = stream.read(_LENGTH_BYTES)
    if len(head) < _LENGTH_BYTES:
        return None
    data = stream.read(int.from_bytes(head, "big"))
    message: dict[str, object] = msgpack.unpackb(data, max_bin_len=len(data))
    return message


def confine(*, cpu_s: int, memory_bytes: int) -> None:
    """Limit what the next build may take. The kernel ends the process where it goes further."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu_total_s = int(used.ru_utime + used.ru_stime) + 1 + cpu_s
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)  # it stays: a limit once lowered cannot be raised again
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_total_s, hard))
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    address_space = memory_bytes + ADDRESS_SPACE_SLACK_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (address_space, address_space))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def build(request: dict[str, object], shop: Workshop) -> None:
    """Build what is asked for and keep the artefact. Raises BuildError."""
    files = request["files"]
    assert isinstance(files, dict)
    kind = Kind(str(request["kind"]))
    source = Source(kind=kind, files=files, entry=str(request["entry"]), handler=str(request["handler"]))
    parts = kind_module(kind).build(source, shop)
    shop.artifacts.put(
        str(request["name"]), parts.files, kind=kind.value, facts=parts.facts, warnings=parts.warnings
    )


def answer(request: dict[str, object], engine: Engine, functions: HostFunctions) -> dict[str, object]:
    """Build under limits; return what the parent is to be told."""
    cpu_s, memory_bytes = request["cpu_s"], request["memory_bytes"]
    assert isinstance(cpu_s, int)
    assert isinstance(memory_bytes, int)
    files = request["files"]
    assert isinstance(files, dict)
    if sum(map(len, files.values())) > _LARGE_BYTES:
        engine = Engine(EngineConfig(parallel_compilation=True))
        functions = HostFunctions(engine)
    shop = Workshop(
        engine=engine, functions=functions, artifacts=ArtifactStore(Path(str(request["artifacts"])))
    )
    try:
        confine(cpu_s=cpu_s, memory_bytes=memory_bytes)
        build(request, shop)
    except MemoryError:
        error: BuildError = BuildLimitError(
            f"the build took more than its {memory_bytes} bytes of memory", remedy="Deploy less code."
        )
    except BuildError as caught:
        error = caught
    else:
        return {"done": True}
    line = error.line if isinstance(error, CompileError) else None
    return {"error": type(error).__name__, "message": str(error), "remedy": error.remedy, "line": line}


def main() -> None:
    """Serve requests until there are no more."""
    engine = Engine(EngineConfig())
    functions = HostFunctions(engine)
    output = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a build prints by mistake is no answer
    while (request := receive(sys.stdin.buffer)) is not None:
        send(output, answer(request, engine, functions))
    os._exit(0)  # nothing is left to tidy; the engine's destructors take longer than the build


if __name__ == "__main__":
    main()
