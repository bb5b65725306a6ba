"""wasi:io, wasi:clocks, wasi:random, wasi:cli and the empty file system, version 0.2, as host interfaces."""

import asyncio
import os
import time
from collections.abc import Callable
from typing import cast

from sandbox.capi.component import Interface
from sandbox.capi.values import Err, Number, Ok
from sandbox.guest import CURRENT, GuestFaultError
from sandbox.suspend import sleep
from sandbox.waiting import first_of
from sandbox.wasi.streams import GuestExitError
from sandbox.wasi_http.messages import IoError
from sandbox.wasi_http.streams import CHUNK_BYTES, InputStream, OutputStream, Pollable, Timer
from sandbox.wasi_http.world import TYPES, attempted, world

_RANDOM_BYTES_MAX = 16 * 1024  # as for CHUNK_BYTES


def resources(*names: str) -> dict[str, tuple[int, Callable[[int], None]]]:
    """Return resources by name, each with its number and what happens when a guest drops one."""
    return {name: (TYPES[name], _drop) for name in names}


def _drop(rep: int) -> None:
    scratch = CURRENT.guest.scratch
    if scratch is not None:  # the store is closed after the world
        world().drop(rep)


def _input(rep: int) -> InputStream:
    return cast("InputStream", world().get(rep))


def _output(rep: int) -> OutputStream:
    return cast("OutputStream", world().get(rep))


def _pollable(rep: int) -> Pollable:
    return cast("Pollable", world().get(rep))


def _poll(reps: list[int]) -> object:
    pollables = [_pollable(rep) for rep in reps]
    if not pollables:
        raise GuestFaultError("it polled nothing")

    def attempt() -> object:
        ready = [Number("u32", at) for at, each in enumerate(pollables) if each.future() is None]
        return ready or None

    return attempted(attempt, lambda: first_of([each.future() for each in pollables]))


def _block(rep: int) -> object:
    pollable = _pollable(rep)
    return attempted(lambda: () if pollable.future() is None else None, pollable.future)


def _blocking_read(rep: int, length: int) -> object:
    stream = _input(rep)
    return attempted(lambda: stream.read_or_wait(length), stream.future)


def _skipped(result: object) -> object:
    return Ok(Number("u64", len(cast("bytes", result.payload)))) if isinstance(result, Ok) else result


def _blocking_skip(rep: int, length: int) -> object:
    stream = _input(rep)

    def attempt() -> object:
        found = stream.read_or_wait(length)
        return None if found is None else _skipped(found)

    return attempted(attempt, stream.future)


def _write_and_flush(rep: int, data: bytes) -> object:
    stream, left = _output(rep), [bytes(data)]

    def attempt() -> object:
        if left and stream.future() is None:
            stream.write(left.pop())
        return None if left else stream.flushed()

    return attempted(attempt, stream.future)


def _flush(rep: int) -> object:
    stream = _output(rep)
    return attempted(stream.flushed, stream.future)


def _zeroes(length: int) -> bytes:
    if length > CHUNK_BYTES:
        raise GuestFaultError("it wrote more than the stream had room for")
    return bytes(length)


def _splice(target: int, source: int, length: int) -> object:
    output, stream = _output(target), _input(source)
    if output.future() is not None or stream.future() is not None:
        return Ok(Number("u64", 0))
    found = stream.read(length)
    if isinstance(found, Ok):
        output.write(cast("bytes", found.payload))
    return _skipped(found)


def _blocking_splice(target: int, source: int, length: int) -> object:
    output, stream = _output(target), _input(source)

    def future() -> "asyncio.Future[bytes] | None":
        return output.future() or stream.future()

    return attempted(
        lambda: None if future() is not None else _splice(target, source, length),
        future,
    )


def _subscribe(rep: int) -> object:
    thing = world().get(rep)
    assert isinstance(thing, InputStream | OutputStream)
    return world().own("pollable", Pollable(thing.future))


def _instant(when_ns: int) -> object:
    return _duration(max(0, when_ns - time.monotonic_ns()))


def _duration(delay_ns: int) -> object:
    if not delay_ns:
        return world().own("pollable", Pollable(lambda: None))
    CURRENT.guest.count_host_call()
    return world().own("pollable", Timer(sleep(delay_ns / 1e6)))


def _datetime() -> object:
    seconds, nanoseconds = divmod(time.time_ns(), 10**9)
    return {"seconds": Number("u64", seconds), "nanoseconds": Number("u32", nanoseconds)}


def _random(length: int) -> bytes:
    if length > _RANDOM_BYTES_MAX:
        raise GuestFaultError(f"it asked for {length} random bytes at once; {_RANDOM_BYTES_MAX} are given")
    return os.urandom(length)


def _random_number() -> Number:
    return Number("u64", int.from_bytes(os.urandom(8), "little"))


def _exit(result: object) -> None:
    raise GuestExitError(1 if isinstance(result, Err) else 0)


def _log(level: str) -> object:
    return world().own("output-stream", OutputStream(world().log(level)))


def _nothing() -> None:
    return None


IO = {
    "wasi:io/error": Interface(
        functions={"[method]error.to-debug-string": lambda rep: cast("IoError", world().get(rep)).text},
        resources=resources("error"),
    ),
    "wasi:io/poll": Interface(
        functions={"[method]pollable.ready": lambda rep: _pollable(rep).future() is None},
        suspending={"[method]pollable.block": _block, "poll": _poll},
        resources=resources("pollable"),
    ),
    "wasi:io/streams": Interface(
        functions={
            "[method]input-stream.read": lambda rep, length: _input(rep).read(length),
            "[method]input-stream.skip": lambda rep, length: _skipped(_input(rep).read(length)),
            "[method]input-stream.subscribe": _subscribe,
            "[method]output-stream.check-write": lambda rep: _output(rep).room(),
            "[method]output-stream.write": lambda rep, data: _output(rep).write(bytes(data)),
            "[method]output-stream.flush": lambda _rep: Ok(),
            "[method]output-stream.subscribe": _subscribe,
            "[method]output-stream.write-zeroes": lambda rep, length: _output(rep).write(_zeroes(length)),
            "[method]output-stream.splice": _splice,
        },
        suspending={
            "[method]input-stream.blocking-read": _blocking_read,
            "[method]input-stream.blocking-skip": _blocking_skip,
            "[method]output-stream.blocking-write-and-flush": _write_and_flush,
            "[method]output-stream.blocking-flush": _flush,
            "[method]output-stream.blocking-write-zeroes-and-flush": lambda rep, length: _write_and_flush(
                rep, _zeroes(length)
            ),
            "[method]output-stream.blocking-splice": _blocking_splice,
        },
        resources=resources("input-stream", "output-stream"),
    ),
    "wasi:clocks/monotonic-clock": Interface(
        functions={
            "now": lambda: Number("u64", time.monotonic_ns()),
            "resolution": lambda: Number("u64", 1_000),
            "subscribe-instant": _instant,
            "subscribe-duration": _duration,
        }
    ),
    "wasi:clocks/wall-clock": Interface(
        functions={
            "now": _datetime,
            "resolution": lambda: {"seconds": Number("u64", 0), "nanoseconds": Number("u32", 1_000)},
        }
    ),
    "wasi:random/random": Interface(
        functions={"get-random-bytes": _random, "get-random-u64": _random_number}
    ),
    "wasi:random/insecure": Interface(
        functions={"get-insecure-random-bytes": _random, "get-insecure-random-u64": _random_number}
    ),
    "wasi:random/insecure-seed": Interface(
        functions={"insecure-seed": lambda: (_random_number(), _random_number())}
    ),
    "wasi:cli/environment": Interface(
        functions={
            "get-environment": lambda: list(world().guest.host.environment.items()),
            "get-arguments": list,
            "initial-cwd": _nothing,
        }
    ),
    "wasi:cli/exit": Interface(functions={"exit": _exit}),
    "wasi:cli/stdin": Interface(functions={"get-stdin": lambda: world().own("input-stream", InputStream())}),
    "wasi:cli/stdout": Interface(functions={"get-stdout": lambda: _log("info")}),
    "wasi:cli/stderr": Interface(functions={"get-stderr": lambda: _log("error")}),
    "wasi:cli/terminal-input": Interface(resources=resources("terminal-input")),
    "wasi:cli/terminal-output": Interface(resources=resources("terminal-output")),
    "wasi:cli/terminal-stdin": Interface(functions={"get-terminal-stdin": _nothing}),
    "wasi:cli/terminal-stdout": Interface(functions={"get-terminal-stdout": _nothing}),
    "wasi:cli/terminal-stderr": Interface(functions={"get-terminal-stderr": _nothing}),
    "wasi:filesystem/preopens": Interface(functions={"get-directories": list}),
}
