"""The host functions of module ``edgefaas`` that guests of kind ``event`` import; see docs/guest-abi.md.

A host call that waits suspends the guest: the function returns a Pending, and ``Guest.waiting`` tells the
scheduler not to resume the guest before that is done.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable

from sandbox.capi import Engine, EngineError, Linker, Memory, Module, Pending, PiecewiseCopy, caller_memory
from sandbox.contract import HostCallError
from sandbox.errors import ForbiddenImportError
from sandbox.guest import CURRENT, Guest, GuestFaultError
from sandbox.suspend import sleep
from sandbox.wasi import define_wasi

HOST_MODULE = "edgefaas"
LEVELS = ("debug", "info", "warn", "error")
RANDOM_BYTES_MAX = 65_536  # as in the Web Crypto API, getRandomValues
# What a guest names is read in one go, and what it hands over is kept: neither may be all of its memory.
NAME_BYTES_MAX = 4_096
PAYLOAD_BYTES_MAX = 16 * 1024 * 1024
PIECE_BYTES = 512 * 1024  # what is copied at once, into or out of a guest: a third of a millisecond
_U32 = 0xFFFF_FFFF


class HostFunctions:
    """The linker that holds every host function which modules may import, and who offers what."""

    def __init__(self, engine: Engine) -> None:
        self.linker = Linker(engine)
        self.offered: set[tuple[str, str]] = set()
        for name, signature, call in _SYNC:
            self.linker.define((HOST_MODULE, name), signature, call)
            self.offered.add((HOST_MODULE, name))
        for name, signature, suspending in _ASYNC:
            self.linker.define_async((HOST_MODULE, name), signature, suspending)
            self.offered.add((HOST_MODULE, name))
        self.offered |= define_wasi(self.linker)

    def check(self, module: Module) -> None:
        """Raise ForbiddenImportError when the module imports an offered name with another type."""
        try:
            self.linker.prepare(module, ())
        except EngineError as error:
            raise ForbiddenImportError(
                f"an import has another type than the sandbox offers: {error}",
                remedy="Declare it as docs/guest-abi.md says.",
            ) from error


class Operation:
    """A host operation under way on behalf of a suspended guest."""

    __slots__ = ("_finish", "_future")

    def __init__(self, guest: Guest, future: "asyncio.Future[bytes]", finish: Callable[[bytes], int]) -> None:
        self._future = future
        self._finish = finish
        guest.waiting = future

    def result(self) -> int | None:
        """Return what the guest gets, None while the operation runs."""
        if not self._future.done():
            return None
        CURRENT.guest.waiting = None
        return _outcome(CURRENT.guest, self._future.result, self._finish)


def _outcome(guest: Guest, ask: Callable[[], bytes], finish: Callable[[bytes], int]) -> int:
    """Return the length of the answer, or minus one minus the length of the error's message."""
    try:
        return finish(ask())
    except HostCallError as error:
        guest.result = str(error).encode("utf-8", "replace")
        return -1 - len(guest.result)


def _memory() -> Memory:
    """Return the running guest's memory, which the program may not have looked for yet."""
    guest = CURRENT.guest
    if guest.memory is None:
        guest.memory = caller_memory()
        if guest.memory is None:
            raise GuestFaultError("it passed a pointer to the host, but exports no memory")
    return guest.memory


def name_in(memory: Memory, pointer: int, length: int) -> str:
    """Return a name that a guest points to; one that is too long for any name is "". Raises GuestPointerError."""
    if NAME_BYTES_MAX < length & _U32 <= memory.size_bytes():
        return ""
    return memory.read(pointer, length).decode("utf-8", "replace")


Handled = Callable[[bytes], "int | Pending"]


class _HandingOver:
    """Copies what a guest hands over piece by piece, the loop free in between, and then goes on with it."""

    __slots__ = ("_copy", "_handle", "_next")

    def __init__(self, copy: PiecewiseCopy, handle: Handled) -> None:
        self._copy = copy
        self._handle = handle
        self._next: Pending | None = None

    def result(self) -> int | None:
        """Return what the guest gets, None before."""
        if self._next is None:
            data = self._copy.go_on(PIECE_BYTES)
            if data is None:
                return None
            done = self._handle(data)
            if isinstance(done, int):
                return done
            self._next = done
            return None
        told: int | None = self._next.result()
        return told


def handing_over(memory: Memory, pointer: int, length: int, handle: Handled) -> "int | Pending":
    """Give what a guest hands over to ``handle``; return what that does, or what will.

    Raises HostCallError when it is too much, GuestPointerError.
    """
    length &= _U32
    if PAYLOAD_BYTES_MAX < length <= memory.size_bytes():
        raise HostCallError(
            f"ERR_OUT_OF_RANGE: {length} bytes handed to the host, at most {PAYLOAD_BYTES_MAX} at a time"
        )
    if length <= PIECE_BYTES:
        return handle(memory.read(pointer, length))
    return _HandingOver(PiecewiseCopy(memory, pointer, length), handle)


class _Taking:
    """Gives a guest a long answer piece by piece, the loop free in between."""

    __slots__ = ("_at", "_data", "_memory", "_pointer")

    def __init__(self, memory: Memory, pointer: int, data: bytes) -> None:
        self._memory = memory
        self._pointer = pointer
        self._data = data
        self._at = 0

    def result(self) -> int | None:
        """Write one piece; None while there are more, otherwise how many bytes it was."""
        piece = self._data[self._at : self._at + PIECE_BYTES]
        self._memory.write(self._pointer + self._at, piece)
        self._at += len(piece)
        return self._at if self._at >= len(self._data) else None


def taking(memory: Memory, pointer: int, data: bytes) -> "Pending | None":
    """Write an answer where the guest wants it; what is long is written later. Raises GuestPointerError."""
    pointer &= _U32
    memory.check(pointer, len(data))
    if len(data) > PIECE_BYTES:
        return _Taking(memory, pointer, data)
    memory.write(pointer, data)
    return None


def _log(level: int, pointer: int, length: int) -> None:
    CURRENT.guest.log_at(_memory(), pointer, length & _U32, LEVELS[min(max(level, 0), len(LEVELS) - 1)])


def _now() -> float:
    return time.time_ns() / 1e6


def _random(pointer: int, length: int) -> None:
    length &= _U32
    if length > RANDOM_BYTES_MAX:
        raise HostCallError(f"random: {length} bytes asked, at most {RANDOM_BYTES_MAX} at a time")
    _memory().write(pointer, os.urandom(length))


def _env(name: int, length: int) -> int:
    guest = CURRENT.guest
    value = guest.host.environment.get(name_in(_memory(), name, length))
    if value is None:
        return -1
    guest.result = value.encode()
    return len(guest.result)


def _take(pointer: int, length: int) -> int | Pending:
    taken = CURRENT.guest.result[: length & _U32]
    return taking(_memory(), pointer, taken) or len(taken)


def _call(name: int, name_length: int, payload: int, payload_length: int) -> int | Pending:
    guest, memory = CURRENT.guest, _memory()
    operation = name_in(memory, name, name_length)
    return called(guest, memory, (payload, payload_length), lambda data: guest.call_host(operation, data))


def called(
    guest: Guest, memory: Memory, payload: tuple[int, int], ask: Callable[[bytes], bytes | Awaitable[bytes]]
) -> "int | Pending":
    """Do an operation on what a guest hands over; return the length of its answer, or what will. As ``_outcome``."""

    def finish(answer: bytes) -> int:
        guest.result = answer
        return len(answer)

    def failed(error: HostCallError) -> int:
        guest.result = str(error).encode("utf-8", "replace")
        return -1 - len(guest.result)

    def handle(data: bytes) -> "int | Pending":
        try:
            answer = ask(data)
        except HostCallError as error:
            return failed(error)
        if isinstance(answer, bytes):
            return finish(answer)
        return Operation(guest, asyncio.ensure_future(answer), finish)

    try:
        return handing_over(memory, *payload, handle)
    except HostCallError as error:
        return failed(error)


def _sleep(duration_ms: float) -> int | Operation:
    guest = CURRENT.guest
    guest.count_host_call()
    return Operation(guest, sleep(duration_ms), lambda _nothing: 0)


_SYNC: tuple[tuple[str, tuple[str, str], Callable[..., int | float | None]], ...] = (
    ("log", ("iii", ""), _log),
    ("now", ("", "d"), _now),
    ("random", ("ii", ""), _random),
    ("env", ("ii", "i"), _env),
)
_ASYNC: tuple[tuple[str, tuple[str, str], Callable[..., int | Pending | None]], ...] = (
    ("sleep", ("d", ""), _sleep),
    ("take", ("ii", "i"), _take),
    ("call", ("iiii", "i"), _call),
)
