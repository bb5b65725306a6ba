"""The seven functions that the engine imports, and the session behind them: what one guest may ask while it runs.

A session is made for each invocation that asks for anything, and for each build; ``Guest.scratch`` holds it, or
before that what was deployed. Operations that wait do not suspend the guest: it gets a number, and is told later
(``resume``), as its promises want it.
"""

import asyncio
import os
import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import Protocol, cast
from weakref import WeakSet

import orjson

from sandbox.capi import Linker, Memory, Pending
from sandbox.contract import HostCallError, Limit
from sandbox.errands import Away, Errand
from sandbox.guest import CURRENT, Guest, GuestFaultError, LimitReachedError
from sandbox.hostcalls import LEVELS, PIECE_BYTES, handing_over, name_in
from sandbox.js import host_zlib

MODULE = "edgefaas:js"
_DONE, _FAILED, _PENDING, _LONG = 0, 1 << 32, 2 << 32, 3 << 32
_FAIL_MEMORY = 1
RANDOM_BYTES_MAX = 65_536
CRYPTO = "sandbox.js.host_crypto"
LIBRARY = "lib:"
SLEEP_MS_MAX = 24 * 60 * 60 * 1000
_U32 = 0xFFFF_FFFF
Local = Callable[["Session", str, bytes], bytes | Errand]
_BAD_ARGUMENTS = (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError)


class Session:
    """What one guest may ask. ``code`` gives bytecode by name; ``files`` and ``kinds`` are what was deployed."""

    __slots__ = (
        "_arrived",
        "_numbers",
        "_wake",
        "deadline_s",
        "guest",
        "long",
        "package",
        "pending",
        "random_used",
        "streams",
        "time_used",
        "timer",
        "waits",
    )

    def __init__(self, guest: Guest, package: "Deployed", *, deadline_s: float, waits: bool = True) -> None:
        """``waits`` is False where there is no loop to wait on: what takes long is done at once."""
        self.waits = waits
        self.guest = guest
        self.package = package
        self.deadline_s = deadline_s
        self.pending: dict[int, asyncio.Future[bytes]] = {}
        self.timer: asyncio.TimerHandle | None = None
        self.streams: dict[int, object] = {}
        self.long: Pending | None = None
        self.random_used = self.time_used = False
        self._numbers = 0
        self._arrived: deque[tuple[int, asyncio.Future[bytes]]] = deque()
        self._wake: asyncio.Future[bytes] | None = None

    def call(self, name: str, payload: bytes) -> int | Pending:
        """Do an operation; return what the guest is told (see engine.c), or what will be. Raises LimitReachedError."""
        try:
            answer = self._perform(name, payload)
        except HostCallError as error:
            return self.failed(str(error))
        except (
            _BAD_ARGUMENTS
        ) as error:  # the library checks its arguments; a guest may have changed the library
            return self.failed(f"ERR_INVALID_ARG_VALUE: {name}: {type(error).__name__}")
        if isinstance(answer, bytes):
            self.guest.result = answer
            return _DONE | len(answer)
        if isinstance(answer, Errand):
            return Away(self.guest, answer, self._back) if self.waits else self._back(answer.do)
        self._numbers += 1
        number = self._numbers
        self.pending[number] = answer
        answer.add_done_callback(lambda future: self._arrive(number, future))
        return _PENDING | number

    def _back(self, ask: Callable[[], bytes]) -> int:
        """Return what the guest is told of an errand."""
        try:
            answer = self.guest.result = ask()
        except HostCallError as error:
            return self.failed(str(error))
        except _BAD_ARGUMENTS as error:  # as above
            return self.failed(f"ERR_INVALID_ARG_VALUE: {type(error).__name__}")
        return _DONE | len(answer)

    def _perform(self, name: str, payload: bytes) -> "bytes | Errand | asyncio.Future[bytes]":
        """Return the answer, or what will have it."""
        if name == "code":
            wanted = payload.decode()
            unread = not wanted.startswith(LIBRARY)
            return self.deployed(partial(self.package.code, wanted)) if unread else self.package.code(wanted)
        family = name.partition(".")[0]
        if family in LOCAL:
            self.guest.count_host_call()
            return LOCAL[family](self, name, payload)
        answer = self.guest.call_host(name, payload)
        return answer if isinstance(answer, bytes) else asyncio.ensure_future(answer)

    def deployed(self, ask: Callable[[], bytes]) -> bytes | Errand:
        """Do what needs the deployed files: elsewhere while they have yet to be unpacked."""
        return ask() if self.package.at_hand else Errand(ask)

    def failed(self, message: str) -> int:
        """Return what the guest is told of an operation that failed."""
        self.guest.result = message.encode("utf-8", "replace")
        return _FAILED | len(self.guest.result)

    def _arrive(self, number: int, future: "asyncio.Future[bytes]") -> None:
        if self.pending.pop(number, None) is None:
            return
        self._arrived.append((number, future))
        self._rouse()

    def _rouse(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(b"")

    def next_event(self, timer_ms: float) -> "tuple[int, bool, bytes] | asyncio.Future[bytes] | None":
        """Return what to tell the guest (number, failed, answer), or what to wait for first; None: nothing comes.

        ``timer_ms`` is when its next timer is due, negative for none; number 0 means that it is.
        """
        if self._arrived:
            number, future = self._arrived.popleft()
            if future.cancelled():
                return number, True, b"cancelled"
            error = future.exception()
            if error is None:
                return number, False, future.result()
            if isinstance(error, HostCallError):
                return number, True, str(error).encode("utf-8", "replace")
            raise error
        left_ms = timer_ms - time.time_ns() / 1e6
        if timer_ms >= 0 and left_ms <= 0:
            return 0, False, b""
        if timer_ms < 0 and not self.pending:
            return None
        loop = asyncio.get_running_loop()
        self._wake = loop.create_future()
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        if timer_ms >= 0:
            self.timer = loop.call_later(min(left_ms, SLEEP_MS_MAX) / 1000, self._rouse)
        return self._wake

    def forget(self, number: int) -> None:
        """Cancel one operation; its answer, if it is there already, is not told."""
        future = self.pending.pop(number, None)
        if future is not None:
            future.cancel()
        self._arrived = deque(one for one in self._arrived if one[0] != number)

    def close(self) -> None:
        """Cancel what is under way: nobody waits for it any more."""
        if self.timer is not None:
            self.timer.cancel()
        if self.pending:
            pending, self.pending = self.pending, {}
            for future in pending.values():
                future.cancel()


class Deployed(Protocol):
    """What a session needs of the function: its files, and bytecode by name."""

    @property
    def at_hand(self) -> bool:
        """Whether asking for anything of the function does not take long."""
        ...

    @property
    def files(self) -> Mapping[str, bytes]:
        """The deployed files by absolute path."""
        ...

    @property
    def kinds(self) -> Mapping[str, int]:
        """What each of them is; see bundle."""
        ...

    def code(self, name: str) -> bytes:
        """Return bytecode by name. Raises HostCallError: it does not parse, or is not there."""
        ...


def session_of(guest: Guest) -> Session:
    """Return the guest's session; it begins when the guest first asks for something, for most never do."""
    known = guest.scratch
    if isinstance(known, Session):
        return known
    deadline_s = guest.started_ns / 1e9 + guest.limits.wall_ms / 1000
    session = guest.scratch = Session(guest, cast("Deployed", known), deadline_s=deadline_s)
    return session


class Package:
    """What was deployed, and the library."""

    __slots__ = ("_bytecode", "_library", "files", "kinds")
    at_hand = True

    def __init__(
        self,
        *,
        library: dict[str, bytes],
        bytecode: dict[str, bytes | str],
        files: dict[str, bytes],
        kinds: dict[str, int],
    ) -> None:
        self._library = library
        self._bytecode = bytecode
        self.files = files
        self.kinds = kinds

    def code(self, name: str) -> bytes:
        """Return bytecode by name: ``lib:x`` or the path of a file. Raises HostCallError: it does not parse."""
        found = self._library.get(name[4:]) if name.startswith(LIBRARY) else self._bytecode.get(name)
        if isinstance(found, bytes):
            return found
        raise HostCallError(found or f"{name} is not part of the function")


def _crypto(session: Session, name: str, payload: bytes) -> bytes | Errand:
    # Its library costs 30 ms to import, and most functions need none; see program.load.
    done: bytes | Errand = import_module(CRYPTO).perform(name, payload, session.streams)
    return done


def _zlib(session: Session, name: str, payload: bytes) -> bytes | Errand:
    return host_zlib.perform(name, payload, session.streams)


def _intl(_session: Session, name: str, payload: bytes) -> bytes:
    done: bytes = import_module("sandbox.js.host_intl").perform(name, payload)
    return done


def _environment(session: Session, _name: str, _payload: bytes) -> bytes:
    return orjson.dumps(dict(session.guest.host.environment))


def _files(session: Session, _name: str, _payload: bytes) -> bytes | Errand:
    return session.deployed(lambda: orjson.dumps(session.package.kinds))


def _file(session: Session, _name: str, payload: bytes) -> bytes | Errand:
    def found() -> bytes:
        content = session.package.files.get(payload.decode("utf-8", "replace"))
        if content is None:
            raise HostCallError("ENOENT")
        return content

    return session.deployed(found)


def _cancel(session: Session, _name: str, payload: bytes) -> bytes:
    session.forget(int(payload))
    return b""


def _remaining(session: Session, _name: str, _payload: bytes) -> bytes:
    return str(max(0, round((session.deadline_s - time.monotonic()) * 1000))).encode()


LOCAL: dict[str, Local] = {
    "crypto": _crypto, "zlib": _zlib, "intl": _intl, "env": _environment, "files": _files, "file": _file,
    "remaining": _remaining, "cancel": _cancel,
}  # fmt: skip


# ---- the imports ------------------------------------------------------------------------------------------


def _memory() -> Memory:
    memory = CURRENT.guest.memory
    assert memory is not None
    return memory


def _log(level: int, pointer: int, length: int) -> None:
    CURRENT.guest.log_at(_memory(), pointer, length & _U32, LEVELS[level & 3])


def _now() -> float:
    session_of(CURRENT.guest).time_used = True
    return time.time_ns() // 1_000_000


def _random(pointer: int, length: int) -> None:
    session_of(CURRENT.guest).random_used = True
    length &= _U32
    if length > RANDOM_BYTES_MAX:
        raise GuestFaultError(f"it asked for {length} random bytes at once, at most {RANDOM_BYTES_MAX}")
    _memory().write(pointer, os.urandom(length))


def _call(name: int, name_length: int, payload: int, payload_length: int) -> int:
    memory = _memory()
    session = session_of(CURRENT.guest)
    operation = name_in(memory, name, name_length)
    try:
        told = handing_over(memory, payload, payload_length, lambda data: session.call(operation, data))
    except HostCallError as error:
        return session.failed(str(error))
    if isinstance(told, int):
        return told
    session.long = told
    return _LONG


def _wait() -> Pending:
    session = session_of(CURRENT.guest)
    awaited, session.long = session.long, None
    if awaited is None:
        raise GuestFaultError("it waits for nothing")
    return awaited


def _take(pointer: int) -> int:
    guest = CURRENT.guest
    data, at = guest.result, guest.taken_bytes
    if len(data) <= PIECE_BYTES:  # by far the most frequent
        _memory().write(pointer, data)
        guest.result = b""
        return 0
    piece = data[at : at + PIECE_BYTES]
    _memory().write(pointer, piece)
    if at + len(piece) < len(data):
        guest.taken_bytes = at + len(piece)
        return len(piece)
    guest.result, guest.taken_bytes = b"", 0
    return 0


def _fail(reason: int) -> None:
    if reason == _FAIL_MEMORY:
        raise LimitReachedError(Limit.MEMORY, CURRENT.guest.limits.memory_bytes)
    raise GuestFaultError("the JavaScript engine gave up")


_defined: WeakSet[Linker] = WeakSet()


def define_imports(linker: Linker) -> None:
    """Offer the seven functions on a linker, once."""
    if linker in _defined:
        return
    _defined.add(linker)
    for name, signature, call in (
        ("now", ("", "d"), _now),
        ("random", ("ii", ""), _random),
        ("log", ("iii", ""), _log),
        ("call", ("iiii", "q"), _call),
        ("take", ("i", "i"), _take),
        ("fail", ("i", ""), _fail),
    ):
        linker.define((MODULE, name), signature, cast("Callable[..., int | float | None]", call))
    linker.define_async((MODULE, "wait"), ("", "q"), _wait)
