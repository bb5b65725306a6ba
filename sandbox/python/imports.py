"""What the shim asks of its host (module ``edgefaas:python``), and what one invocation knows of its function.

Ten functions and no WASI: time, randomness, the log, operations by name, and files that can only be read.
"""

import os
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, cast
from weakref import WeakSet

import orjson

from sandbox.capi import Linker, Memory, Pending
from sandbox.guest import CURRENT, Guest, GuestFaultError
from sandbox.hostcalls import LEVELS, Operation, called, name_in, taking
from sandbox.suspend import sleep

MODULE = "edgefaas:python"
TASK = "/var/task"
LIBRARY = "/usr/lib/python3.14"
_U32 = 0xFFFF_FFFF
_CLOCK_WALL, _CLOCK_STEADY, _CLOCK_CPU = range(3)
_FILE_STAT, _FILE_READ, _FILE_LIST = range(3)
_IS_FOLDER = 1 << 30
_IS_DIRECTORY, _NO_ENTRY, _NOT_DIRECTORY = 31, 44, 54  # WASI's errno
_FAIL_EXIT = 1
_RANDOM_MAX_BYTES = 1024 * 1024  # CPython asks for 256 at a time; more would hold the loop


class Tree:
    """Files by absolute path, and the folders that follow from them."""

    __slots__ = ("_files", "_folders", "_open")

    def __init__(self, files: Mapping[str, bytes], opener: Callable[[bytes], bytes] | None = None) -> None:
        """``opener`` makes of what is in ``files`` what is in the file: zlib.decompress, for a library on disk."""
        self._files = files
        self._open = opener
        self._folders: dict[str, dict[str, bytes]] | None = None

    def file(self, path: str) -> bytes | None:
        """Return a file's bytes, None when there is none."""
        content = self._files.get(path)
        return content if content is None or self._open is None else self._open(content)

    def has(self, path: str) -> bool:
        """Whether there is such a file."""
        return path in self._files

    def folder(self, path: str) -> dict[str, bytes] | None:
        """Return what is in a folder: ``b"d"`` or ``b"f"`` by name; None when there is no such folder."""
        if self._folders is None:
            self._folders = {"/": {}}
            for file in self._files:
                self._add(file)
        return self._folders.get(path)

    def _add(self, file: str) -> None:
        assert self._folders is not None
        path, kind = file, b"f"
        while path != "/":
            parent, _, name = path.rpartition("/")
            parent = parent or "/"
            self._folders.setdefault(parent, {})[name] = kind
            path, kind = parent, b"d"


class Deployed(Protocol):
    """What a session needs of its function."""

    @property
    def own(self) -> Tree:
        """Return the deployed files, under ``/var/task``."""
        ...

    @property
    def library(self) -> Tree:
        """Return the standard library; asked for only when a path of it is."""
        ...


class Trees:
    """A function's files and the library, while it is built."""

    __slots__ = ("library", "own")

    def __init__(self, own: Tree, library: Tree) -> None:
        self.own = own
        self.library = library


class Session:
    """One run of the guest: the files it sees, and what it asked that belongs to a request or differs each time."""

    __slots__ = ("deadline_s", "deployed", "guest", "random_used", "time_used", "waits")

    def __init__(self, guest: Guest, deployed: Deployed, *, deadline_s: float, waits: bool = True) -> None:
        """``waits`` is False where there is no loop to wait on: what sleeps goes on at once."""
        self.waits = waits
        self.guest = guest
        self.deployed = deployed
        self.deadline_s = deadline_s
        self.random_used = False
        self.time_used = False

    def tree(self, path: str) -> Tree:
        """Return the tree that a path belongs to."""
        return self.deployed.library if path.startswith("/usr") else self.deployed.own

    def call(self, name: str, payload: bytes) -> bytes | Awaitable[bytes]:
        """Do an operation: of this module, or of the host. Raises HostCallError."""
        if name == "env":
            return orjson.dumps(dict(self.guest.host.environment))
        if name == "remaining":
            return str(max(0, round((self.deadline_s - time.monotonic()) * 1000))).encode()
        return self.guest.call_host(name, payload)


def _session() -> Session:
    return cast("Session", CURRENT.guest.scratch)


def _memory() -> Memory:
    memory = CURRENT.guest.memory
    assert memory is not None
    return memory


def _now(clock: int) -> int:
    if clock == _CLOCK_WALL:
        _session().time_used = True
        return time.time_ns()
    return time.monotonic_ns() if clock == _CLOCK_STEADY else CURRENT.guest.cpu_ns


def _random(pointer: int, length: int) -> None:
    _session().random_used = True
    length &= _U32
    if length > _RANDOM_MAX_BYTES:
        raise GuestFaultError(f"it asked for {length} random bytes at once, at most {_RANDOM_MAX_BYTES}")
    _memory().write(pointer, os.urandom(length))


def _log(level: int, pointer: int, length: int) -> None:
    CURRENT.guest.log_at(_memory(), pointer, length & _U32, LEVELS[level & 3])


def _call(name: int, name_length: int, payload: int, payload_length: int) -> int | Pending:
    memory, session = _memory(), _session()
    operation = name_in(memory, name, name_length)
    return called(
        CURRENT.guest, memory, (payload, payload_length), lambda data: session.call(operation, data)
    )


def _sleep(duration_ms: float) -> int | Operation:
    guest = CURRENT.guest
    guest.count_host_call()
    if not _session().waits:
        return 0
    return Operation(guest, sleep(duration_ms), lambda _nothing: 0)


def _file(what: int, pointer: int, length: int) -> int:
    path = name_in(_memory(), pointer, length)
    guest, tree = CURRENT.guest, _session().tree(path)
    content = tree.file(path)
    if content is not None:
        if what == _FILE_LIST:
            return -_NOT_DIRECTORY
        guest.result = content if what == _FILE_READ else b""
        return len(content)
    folder = tree.folder(path)
    if folder is None:
        return -_NO_ENTRY
    if what == _FILE_STAT:
        return _IS_FOLDER
    if what == _FILE_READ:
        return -_IS_DIRECTORY
    guest.result = b"".join(kind + name.encode() + b"\0" for name, kind in folder.items())
    return len(guest.result)


def _take(pointer: int) -> Pending | None:
    guest = CURRENT.guest
    data, guest.result = guest.result, b""
    return taking(_memory(), pointer, data)


def _fail(reason: int, detail: int) -> None:
    if reason == _FAIL_EXIT:
        raise GuestFaultError(f"it ended its process, with status {detail}")
    raise GuestFaultError("the Python interpreter gave up; its last words are in the log")


_SYNC: tuple[tuple[str, tuple[str, str], Callable[..., int | float | None]], ...] = (
    ("now", ("i", "q"), _now),
    ("random", ("ii", ""), _random),
    ("log", ("iii", ""), _log),
    ("file", ("iii", "i"), _file),
    ("fail", ("ii", ""), _fail),
)
_ASYNC: tuple[tuple[str, tuple[str, str], Callable[..., int | Pending | None]], ...] = (
    ("sleep", ("d", ""), _sleep),
    ("take", ("i", ""), _take),
    ("call", ("iiii", "q"), _call),
)
_defined: WeakSet[Linker] = WeakSet()


def define_imports(linker: Linker) -> None:
    """Offer the functions on a linker, once."""
    if linker in _defined:
        return
    _defined.add(linker)
    for name, signature, call in _SYNC:
        linker.define((MODULE, name), signature, call)
    for name, signature, suspending in _ASYNC:
        linker.define_async((MODULE, name), signature, suspending)
