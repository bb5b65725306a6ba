"""The calls of WASI preview 1, as host functions.

Each returns an errno. A pointer outside the guest's memory is EFAULT, as the specification's tests expect.
What needs a socket finds none; files and folders are those that a command was deployed with (``file_calls``).
"""

import os
import time
from collections.abc import Callable

from sandbox.capi import GuestPointerError, Linker, Memory, Pending
from sandbox.contract import HostCallError
from sandbox.guest import CURRENT, GuestFaultError
from sandbox.wasi import abi
from sandbox.wasi.abi import Errno
from sandbox.wasi.file_calls import FILE_CALLS, PIECE_BYTES, vectors_in
from sandbox.wasi.files import OpenFile, OpenFolder
from sandbox.wasi.flow import FlowingInput, FlowingOutput, Waiting
from sandbox.wasi.poll import poll_oneoff
from sandbox.wasi.streams import GuestExitError, Input, LogOutput, Output, memory_of, wasi_of

WASI_MODULE = "wasi_snapshot_preview1"
_RANDOM_CHUNK_BYTES = 256 * 1024
_U32 = 0xFFFF_FFFF

Call = Callable[..., int | None]


def define_wasi(linker: Linker) -> set[tuple[str, str]]:
    """Offer every call of preview 1 to guests of this linker; return their names."""
    for name, parameters, call in _CALLS:
        linker.define((WASI_MODULE, name), (parameters, "i"), _guarded(call))
    for name, parameters, waiting in _SUSPENDING:
        linker.define_async((WASI_MODULE, name), (parameters, "i"), waiting)
    linker.define((WASI_MODULE, "proc_exit"), ("i", ""), _proc_exit)
    return {(WASI_MODULE, name) for name in SIGNATURES}


def _guarded(call: Call) -> Call:
    def guarded(*arguments: int) -> int | None:
        try:
            return call(*arguments)
        except GuestPointerError:
            return Errno.FAULT

    return guarded


def _strings_get(strings: list[bytes], pointers: int, buffer: int) -> int:
    memory = memory_of(CURRENT.guest)
    at = buffer & _U32
    table = []
    for text in strings:
        table.append(abi.U32.pack(at & _U32))
        at += len(text)
    memory.write(pointers, b"".join(table))
    memory.write(buffer, b"".join(strings))
    return Errno.SUCCESS


def _strings_sizes_get(strings: list[bytes], count: int, size: int) -> int:
    memory = memory_of(CURRENT.guest)
    memory.write(count, abi.U32.pack(len(strings)))
    memory.write(size, abi.U32.pack(sum(map(len, strings))))
    return Errno.SUCCESS


def _args_get(pointers: int, buffer: int) -> int:
    return _strings_get(wasi_of(CURRENT.guest).arguments, pointers, buffer)


def _args_sizes_get(count: int, size: int) -> int:
    return _strings_sizes_get(wasi_of(CURRENT.guest).arguments, count, size)


def _environ_get(pointers: int, buffer: int) -> int:
    return _strings_get(wasi_of(CURRENT.guest).environment, pointers, buffer)


def _environ_sizes_get(count: int, size: int) -> int:
    return _strings_sizes_get(wasi_of(CURRENT.guest).environment, count, size)


def _clock_res_get(clock: int, resolution: int) -> int:
    if not abi.ClockId.REALTIME <= clock <= abi.ClockId.THREAD_CPUTIME:
        return Errno.INVAL
    memory_of(CURRENT.guest).write(resolution, abi.U64.pack(1_000))
    return Errno.SUCCESS


def _clock_time_get(clock: int, _precision: int, result: int) -> int:
    guest = CURRENT.guest
    if clock == abi.ClockId.REALTIME:
        now = time.time_ns()
    elif clock == abi.ClockId.MONOTONIC:
        now = time.monotonic_ns()
    elif clock in (abi.ClockId.PROCESS_CPUTIME, abi.ClockId.THREAD_CPUTIME):
        now = guest.cpu_ns
    else:
        return Errno.INVAL
    memory_of(guest).write(result, abi.U64.pack(now))
    return Errno.SUCCESS


def _fd_write(descriptor: int, vectors: int, count: int, written: int) -> int | Waiting:
    guest = CURRENT.guest
    wasi = wasi_of(guest)
    stream = wasi.streams.get(descriptor)
    if not isinstance(stream, Output | LogOutput):
        return Errno.BADF

    memory = memory_of(guest)  # found now: a guest that waits has no caller whose memory it is

    def write() -> int:
        return _write_from(stream, memory, (vectors, count, written))

    if isinstance(stream, FlowingOutput):
        return _when_ready(stream, write, Errno.PIPE, blocking=wasi.blocks(descriptor))
    try:
        return write()
    except GuestPointerError:
        return Errno.FAULT


def _write_from(stream: Output | LogOutput, memory: Memory, where: tuple[int, int, int]) -> int:
    vectors, count, written = where
    parts = vectors_in(memory, vectors, count)
    if parts is None:
        return Errno.INVAL
    size_bytes = memory.size_bytes()
    for pointer, length in parts:  # all or nothing: refuse before a byte is taken
        if pointer + length > size_bytes:
            return Errno.FAULT
    wanted, counted = stream.wants(min(sum(length for _, length in parts), PIECE_BYTES))
    memory.write(written, abi.U32.pack(counted & _U32))
    taken = []
    for pointer, length in parts:
        size = min(length, wanted)
        if size:
            taken.append(memory.read(pointer, size))
            wanted -= size
    if taken:
        stream.write(taken[0] if len(taken) == 1 else b"".join(taken))
    return Errno.SUCCESS


def _fd_read(descriptor: int, vectors: int, count: int, read: int) -> int | Waiting:
    guest = CURRENT.guest
    wasi = wasi_of(guest)
    stream = wasi.streams.get(descriptor)
    if not isinstance(stream, Input):
        return Errno.BADF

    memory = memory_of(guest)  # as above

    def take() -> int:
        return _read_into(stream, memory, (vectors, count, read))

    if isinstance(stream, FlowingInput):
        return _when_ready(stream, take, Errno.IO, blocking=wasi.blocks(descriptor))
    try:
        return take()
    except GuestPointerError:
        return Errno.FAULT


def _read_into(stream: Input, memory: Memory, where: tuple[int, int, int]) -> int:
    vectors, count, read = where
    parts = vectors_in(memory, vectors, count)
    if parts is None:
        return Errno.INVAL
    size_bytes = memory.size_bytes()
    for pointer, length in parts:  # all or nothing, as above
        if pointer + length > size_bytes:
            return Errno.FAULT
    total = 0
    for pointer, length in parts:
        data = stream.read(min(length, PIECE_BYTES - total))
        memory.write(pointer, data)
        total += len(data)
    memory.write(read, abi.U32.pack(total))
    return Errno.SUCCESS


def _when_ready(
    stream: FlowingInput | FlowingOutput, act: Callable[[], int], broken: Errno, *, blocking: bool
) -> int | Waiting:
    """Act at once, or have the guest wait until it can be done."""

    def guarded() -> int:
        try:
            return act()
        except GuestPointerError:
            return Errno.FAULT
        except HostCallError:
            return broken

    waiting = Waiting(CURRENT.guest, stream.future, guarded, broken)
    done = waiting.result()
    if done is not None:
        return done
    if blocking:
        return waiting
    CURRENT.guest.waiting = None
    return Errno.AGAIN


def _fd_close(descriptor: int) -> int:
    stream = wasi_of(CURRENT.guest).streams.pop(descriptor, None)
    if stream is None:
        return Errno.BADF
    if isinstance(stream, Output | LogOutput):
        stream.flush()
    return Errno.SUCCESS


def _fd_renumber(source: int, target: int) -> int:
    wasi = wasi_of(CURRENT.guest)
    streams = wasi.streams
    if source not in streams or target not in streams:
        return Errno.BADF
    if source != target:
        _fd_close(target)
        streams[target], wasi.flags[target] = streams.pop(source), wasi.flags.pop(source, 0)
    return Errno.SUCCESS


def _fd_fdstat_get(descriptor: int, result: int) -> int:
    guest = CURRENT.guest
    wasi = wasi_of(guest)
    stream = wasi.streams.get(descriptor)
    if stream is None:
        return Errno.BADF
    flags = wasi.flags.get(descriptor, 0)
    filetype, inherited = abi.FileType.CHARACTER_DEVICE, 0
    if isinstance(stream, OpenFile | OpenFolder):
        filetype = stream.node.filetype
    if isinstance(stream, OpenFolder):
        inherited = stream.inherited
    memory_of(guest).write(result, abi.FDSTAT.pack(filetype, flags, stream.rights, inherited))
    return Errno.SUCCESS


def _fd_fdstat_set_flags(descriptor: int, flags: int) -> int:
    wasi = wasi_of(CURRENT.guest)
    if descriptor not in wasi.streams:
        return Errno.BADF
    if flags & ~(abi.FDFLAGS_APPEND | abi.FDFLAGS_NONBLOCK):
        return Errno.INVAL
    wasi.flags[descriptor] = flags
    return Errno.SUCCESS


def _fd_filestat_get(descriptor: int, result: int) -> int:
    guest = CURRENT.guest
    found = wasi_of(guest).streams.get(descriptor)
    if found is None:
        return Errno.BADF
    if isinstance(found, OpenFile | OpenFolder):
        status = found.node.status()
    else:
        status = abi.FILESTAT.pack(0, descriptor, abi.FileType.CHARACTER_DEVICE, 1, 0, 0, 0, 0)
    memory_of(guest).write(result, status)
    return Errno.SUCCESS


def _on_stream(found: Errno) -> Call:
    """Return a call that finds a stream where it wants something else, and says so."""

    def call(descriptor: int, *_rest: int) -> int:
        return found if descriptor in wasi_of(CURRENT.guest).streams else Errno.BADF

    return call


def _proc_exit(status: int) -> None:
    raise GuestExitError(status & _U32)


def _proc_raise(signal: int) -> int:
    raise GuestFaultError(f"it raised signal {signal & 0xFF}")


def _sched_yield() -> int:
    return Errno.SUCCESS


class _RandomFill:
    """Fills a buffer piece by piece, so that a large one does not hold the loop."""

    __slots__ = ("_at", "_end", "_memory")

    def __init__(self, memory: Memory, at: int, end: int) -> None:
        self._memory = memory
        self._at = at
        self._end = end

    def result(self) -> int | None:
        """Fill one piece; None while there are more."""
        size = min(self._end - self._at, _RANDOM_CHUNK_BYTES)
        self._memory.write(self._at, os.urandom(size))
        self._at += size
        return None if self._at < self._end else int(Errno.SUCCESS)


def _random_get(buffer: int, length: int) -> int | Pending:
    memory = memory_of(CURRENT.guest)
    start, length = buffer & _U32, length & _U32
    if start + length > memory.size_bytes():
        return Errno.FAULT
    fill = _RandomFill(memory, start, start + length)
    done = fill.result()
    return fill if done is None else done


_CALLS: tuple[tuple[str, str, Call], ...] = (
    ("args_get", "ii", _args_get),
    ("args_sizes_get", "ii", _args_sizes_get),
    ("environ_get", "ii", _environ_get),
    ("environ_sizes_get", "ii", _environ_sizes_get),
    ("clock_res_get", "ii", _clock_res_get),
    ("clock_time_get", "iqi", _clock_time_get),
    ("fd_close", "i", _fd_close),
    ("fd_fdstat_get", "ii", _fd_fdstat_get),
    ("fd_fdstat_set_flags", "ii", _fd_fdstat_set_flags),
    ("fd_filestat_get", "ii", _fd_filestat_get),
    ("fd_renumber", "ii", _fd_renumber),
    ("proc_raise", "i", _proc_raise),
    ("sched_yield", "", _sched_yield),
    ("sock_accept", "iii", _on_stream(Errno.NOTSOCK)),
    ("sock_recv", "iiiiii", _on_stream(Errno.NOTSOCK)),
    ("sock_send", "iiiii", _on_stream(Errno.NOTSOCK)),
    ("sock_shutdown", "ii", _on_stream(Errno.NOTSOCK)),
    *FILE_CALLS,
)

_SUSPENDING: tuple[tuple[str, str, Callable[..., int | Pending | None]], ...] = (
    ("fd_read", "iiii", _fd_read),
    ("fd_write", "iiii", _fd_write),
    ("poll_oneoff", "iiii", poll_oneoff),
    ("random_get", "ii", _random_get),
)

SIGNATURES: dict[str, tuple[str, str]] = {
    **{name: (parameters, "i") for name, parameters, _ in (*_CALLS, *_SUSPENDING)},
    "proc_exit": ("i", ""),
}
"""Parameters and result of every call, by name."""
